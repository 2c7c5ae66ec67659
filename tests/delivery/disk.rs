//! Disks that are full, or not there.

use std::io::Cursor;
use std::path::Path;

use batchcast::journal::{Header, Journal, Shape};
use batchcast::send::{Event, FailureKind, Spool};

use crate::support::{House, Options, envelope, lines, within};

/// A device on which nothing can be written, where there is one.
const FULL: &str = "/dev/full";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_that_cannot_be_made_is_said_before_anything_leaves() {
    let house = House::new(4, 2).await;
    let missing = house.dir().join("missing");
    let sender = house
        .sender(Options::default())
        .await
        .spool(Spool::in_directory(missing));
    let ended = within(sender.send_input(Cursor::new(house.input()), lines())).await;
    house.check(&ended);
    let stopped = ended.unwrap_err();
    assert!(
        matches!(stopped.failure.kind(), FailureKind::Spool(_)),
        "{stopped}"
    );
    // The directory does not come by itself.
    assert!(!stopped.is_passing());
    assert_eq!(house.sandbox.stats().creates, 0);
    house.run(Options::default()).await.unwrap();
    house.assert_exactly_once();
}

/// A file system of a few pages, where this process may make one.
#[cfg(target_os = "linux")]
struct Tiny(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl Tiny {
    fn new(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tiny"])
            .arg(dir.path());
        let output = mount.output().ok()?;
        output.status.success().then_some(Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

#[cfg(target_os = "linux")]
impl Drop for Tiny {
    fn drop(&mut self) {
        // Lazily: a file may still be open.
        let mut umount = std::process::Command::new("umount");
        let _left_behind = umount.arg("-l").arg(self.path()).status();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_that_is_full_stops_the_run_and_it_can_be_resumed() {
    // Only who may mount can fill a disk up without harm.
    let Some(tiny) = Tiny::new("64k") else { return };
    for in_flight in [1, 3] {
        let house = House::new(9_000, 8_000).await;
        let options = Options {
            in_flight,
            ..Options::default()
        };
        let spool = Spool::in_directory(tiny.path());
        let sender = house
            .sender(options)
            .await
            .spool(spool)
            .chunk_bytes(8 * 1024);
        let ended = within(sender.send_input(Cursor::new(house.input()), lines())).await;
        house.sandbox.settled().await.unwrap();
        house.check(&ended);
        let stopped = ended.unwrap_err();
        assert!(
            matches!(stopped.failure.kind(), FailureKind::Spool(_)),
            "{stopped}"
        );
        assert!(stopped.is_passing());
        house.run(options).await.unwrap();
        house.assert_exactly_once();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_on_a_full_disk_lets_nothing_leave() {
    let Some(tiny) = Tiny::new("8k") else { return };
    let house = House::new(400, 2).await;
    let path = tiny.path().join("list.journal");
    let header = Header::new(
        Shape::new(&envelope(), house.limits()),
        serde_json::Map::new(),
    );
    let journal = Journal::create(&path, &header).unwrap();
    let sender = house.plain(Options::default()).journal(journal);
    let ended = within(sender.send_input(Cursor::new(house.input()), lines())).await;
    house.sandbox.settled().await.unwrap();
    house.check(&ended);
    let stopped = ended.unwrap_err();
    assert!(
        matches!(stopped.failure.kind(), FailureKind::Journal(_)),
        "{stopped}"
    );
    assert!(stopped.is_passing());

    // With room again it is gone on with.
    std::fs::copy(&path, house.journal()).unwrap();
    let policy = batchcast::send::DoubtPolicy::Resend;
    house
        .run(Options {
            policy,
            ..Options::default()
        })
        .await
        .unwrap();
    house.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_fails_stops_the_run_and_loses_no_reject() {
    if !Path::new(FULL).exists() {
        return;
    }
    let house = House::with(6, 3, |sandbox| {
        sandbox.reject("suffix:0001".parse().unwrap())
    })
    .await;
    let sender = house
        .sender(Options::default())
        .await
        .on_event(|event| match event {
            // The file of rejects is on a full disk.
            Event::Rejected(_) => std::fs::write(FULL, "a reject"),
            _ => Ok(()),
        });
    let ended = within(sender.send_input(Cursor::new(house.input()), lines())).await;
    let stopped = ended.unwrap_err();
    assert!(
        matches!(stopped.failure.kind(), FailureKind::Handler(_)),
        "{stopped}"
    );
    // The next batch may have been on its way already.
    assert!(stopped.report.accepted[0].contains(&3));
    assert_eq!(stopped.report.rejected, 1);
    let rejects: Vec<_> = batchcast::journal::rejects(&house.journal())
        .unwrap()
        .collect();
    assert_eq!(rejects.len(), 1, "{rejects:?}");
    assert_eq!(rejects[0].as_ref().unwrap().1.record, Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_does_one_that_fails_while_the_answer_is_lost() {
    if !Path::new(FULL).exists() {
        return;
    }
    let house = House::with(1_200, 600, |sandbox| {
        sandbox.reject("every:2".parse().unwrap())
    })
    .await;
    let cut = "batch 1: close answer after 20000";
    house.sandbox.set_faults(cut.parse().unwrap());
    let sender = house.sender(Options::default()).await;
    let sender = sender.on_event(|event| match event {
        Event::Rejected(reject) if reject.batch == 1 => std::fs::write(FULL, "a reject"),
        _ => Ok(()),
    });
    let ended = within(sender.send_input(Cursor::new(house.input()), lines())).await;
    // It is found, and nobody was told who was rejected.
    let stopped = ended.unwrap_err();
    assert!(
        matches!(stopped.failure.kind(), FailureKind::Handler(_)),
        "{stopped}"
    );
    assert_eq!(
        (stopped.report.found, &stopped.report.in_doubt[..]),
        (1, &[][..])
    );
    let rejects = batchcast::journal::rejects(&house.journal()).unwrap();
    let of_first = rejects.filter(|reject| reject.as_ref().unwrap().0 == 1);
    let of_first = of_first.count() as u64;
    assert!((1..300).contains(&of_first), "{of_first}");
    assert!([of_first, of_first + 300].contains(&stopped.report.rejected));
}
