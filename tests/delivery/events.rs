//! Events as a stream: all that happens, in order, to the end of the send and not beyond.

use std::io::Cursor;

use batchcast::encode::Limits;
use batchcast::send::{FailureKind, OwnedEvent, Progress};
use futures::StreamExt;

use crate::support::{House, Options, lines, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_tells_what_happens_in_order() {
    let house = House::with(6, 3, |sandbox| {
        sandbox.reject("suffix:0001".parse().unwrap())
    })
    .await;
    // The second batch is refused, then accepted unseen.
    let faults = "batch 2: answer 408; batch 3: reset answer";
    house.sandbox.set_faults(faults.parse().unwrap());
    let input = [b"nobody\n".to_vec(), house.input()].concat();
    let (sender, events) = house.sender(Options::default()).await.events();
    // Taken by another task, as a program with a screen does it.
    let taken = tokio::spawn(events.collect::<Vec<_>>());
    let report = within(sender.send_input(Cursor::new(input), lines()))
        .await
        .unwrap();
    let events = within(taken).await.unwrap();

    let shown = format!("{events:?}");
    assert!(
        !shown.contains("1415777") && !shown.contains("nobody"),
        "{shown}"
    );
    let at = |is: fn(&OwnedEvent) -> bool| {
        let place = events.iter().position(is);
        place.unwrap_or_else(|| panic!("{shown}"))
    };
    let invalid = at(|event| matches!(event, OwnedEvent::Invalid(it) if it.input == b"nobody"));
    let opened = at(|event| {
        matches!(
            event,
            OwnedEvent::Opened {
                batch: 1,
                attempt: 1
            }
        )
    });
    let committed = at(|event| matches!(event, OwnedEvent::Committed { batch: 1 }));
    let rejected = at(|event| matches!(event, OwnedEvent::Rejected(it) if it.to.ends_with("0001")));
    let accepted = at(|event| matches!(event, OwnedEvent::Accepted(it) if it.batch.number == 1));
    let progress = at(|event| matches!(event, OwnedEvent::Progress(_)));
    assert!(
        opened < committed && committed < rejected && rejected < accepted,
        "{shown}"
    );
    assert!(invalid < committed && progress < accepted, "{shown}");
    let failed = at(|event| match event {
        OwnedEvent::Failed { batch: 2, failure } => {
            matches!(failure.kind(), FailureKind::Answer(answer) if answer.status == 408)
        }
        _ => false,
    });
    let again = at(|event| {
        matches!(
            event,
            OwnedEvent::Opened {
                batch: 2,
                attempt: 2
            }
        )
    });
    let in_doubt = at(|event| matches!(event, OwnedEvent::InDoubt { batch: 2, .. }));
    let found = at(|event| matches!(event, OwnedEvent::Accepted(it) if it.found));
    // The second batch is opened while the line about the first one is written: which is told first depends on the disk.
    assert!(committed < failed && failed < again, "{shown}");
    assert!(again < in_doubt && in_doubt < found, "{shown}");
    let receipts = events
        .iter()
        .filter(|event| matches!(event, OwnedEvent::Accepted(_)));
    assert_eq!(receipts.count() as u64, report.batches);
}

/// Each progress that is told.
async fn progress_of(house: &House, per_batch: u64) -> Vec<Progress> {
    let limits = Limits::default().with_max_messages(per_batch.try_into().unwrap());
    let sender = house.sender(Options::default()).await.limits(limits);
    let (sender, events) = sender.events();
    let taken = tokio::spawn(events.collect::<Vec<_>>());
    let report = sender.send_input(Cursor::new(house.input()), lines());
    within(report).await.unwrap();
    let events = within(taken).await.unwrap();
    let progress = events.into_iter().filter_map(|event| match event {
        OwnedEvent::Progress(at) => Some(at),
        _ => None,
    });
    progress.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_much_of_the_input_was_sent_is_told_by_the_record() {
    // Batches within a block of the input, and chunks within a batch.
    for (messages, per_batch) in [(9, 2), (50_000, 50_000)] {
        let house = House::new(messages, per_batch).await;
        let mut ends = vec![0];
        for line in house.input().split_inclusive(|&byte| byte == b'\n') {
            ends.push(ends[ends.len() - 1] + line.len() as u64);
        }
        let told = progress_of(&house, per_batch).await;
        assert!(told.len() > 3, "{told:?}");
        for at in &told {
            let sent = usize::try_from(at.messages).unwrap();
            let is_there = (ends[sent - 1]..=ends[sent]).contains(&at.input_bytes);
            assert!(is_there, "{at:?} in {told:?}");
        }
        assert_eq!(told.last().map(|at| at.input_bytes), ends.last().copied());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_with_the_send_though_the_input_does_not() {
    struct Silent(std::sync::mpsc::Receiver<()>);
    impl std::io::Read for Silent {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            let _gone = self.0.recv();
            Ok(0)
        }
    }
    let house = House::new(2, 2).await;
    let (keeps_it_silent, silent) = std::sync::mpsc::channel();
    let (sender, events) = house
        .sender(Options::default())
        .await
        .stop_when(std::future::ready(()))
        .events();
    let taken = tokio::spawn(events.collect::<Vec<_>>());
    within(sender.send_input(Silent(silent), lines()))
        .await
        .unwrap_err();
    within(taken).await.unwrap();
    drop(keeps_it_silent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_has_to_take_them() {
    let house = House::new(6, 2).await;
    let (sender, events) = house.sender(Options::default()).await.events();
    drop(events);
    within(sender.send_input(Cursor::new(house.input()), lines()))
        .await
        .unwrap();
    house.assert_exactly_once();
    // Nor to send anything at all.
    let (sender, events) = house.plain(Options::default()).events();
    drop(sender);
    assert!(within(events.collect::<Vec<_>>()).await.is_empty());
}
