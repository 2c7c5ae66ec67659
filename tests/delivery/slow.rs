//! An input that pauses: its batch is kept alive with whitespace, or closed.

use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use batchcast::encode::Limits;
use batchcast::send::{Event, Report};
use batchcast_sandbox::Sandbox;

use crate::support::{House, Options, lines, within};

/// An input that is written to while it is read.
struct Pipe(Receiver<String>);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Ok(text) = self.0.recv() else {
            return Ok(0);
        };
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        Ok(text.len())
    }
}

fn pipe() -> (SyncSender<String>, Pipe) {
    let (write, read) = sync_channel(0);
    (write, Pipe(read))
}

/// How many bytes the entries of `messages` take with what stands around them.
fn bytes(messages: u64) -> u64 {
    let head = r#"{"from":"+16505550100","text":"Hi","messages":["#.len() as u64;
    let entry = r#"{"to":["+14157770000"]},"#.len() as u64;
    head + messages * entry - 1 + 2
}

/// Sends two messages, and the second only when the server has got so many bytes of bodies.
async fn second_after(arrived: u64, limits: Limits, in_flight: usize) -> (Report, Sandbox) {
    let house = House::new(2, 10).await;
    let (write, read) = pipe();
    let (enough, told) = sync_channel(1);
    let numbers = house.numbers();
    let writer = std::thread::spawn(move || {
        write.send(format!("{}\n", numbers[0])).unwrap();
        told.recv().unwrap();
        write.send(format!("{}\n", numbers[1])).unwrap();
    });
    let options = Options {
        in_flight,
        ..Options::default()
    };
    let sender = house
        .plain(options)
        .limits(limits)
        .keep_alive(Duration::from_millis(1));
    // Not what is told of progress: of a body that is read from its spool it is told at its end.
    let look = async {
        while house.sandbox.stats().body_bytes < arrived {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        enough.send(()).unwrap();
    };
    let sent = async { tokio::join!(sender.send_input(read, lines()), look).0 };
    let report = within(sent).await.unwrap();
    writer.join().unwrap();
    house.assert_exactly_once();
    (report, house.sandbox)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whitespace_keeps_it_alive_and_counts() {
    for in_flight in [1, 3] {
        let padded = bytes(1) + 25;
        let (report, sandbox) = second_after(padded, Limits::default(), in_flight).await;
        assert_eq!(report.batches, 1);
        assert!(report.bytes > bytes(2), "{}", report.bytes);
        assert_eq!(report.bytes, sandbox.stats().body_bytes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_limit_the_batch_is_closed_instead() {
    // Room for some whitespace, and then for no more.
    for room in [0, 1, 2, 7] {
        let limit = bytes(1) + room;
        let limits = Limits::default().with_max_bytes(limit);
        let (report, sandbox) = second_after(bytes(1) + room, limits, 1).await;
        assert_eq!((report.batches, report.messages), (2, 2), "room {room}");
        assert!(report.bytes <= 2 * limit, "room {room}");
        assert_eq!(report.bytes, sandbox.stats().body_bytes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_was_kept_alive_is_sent_again_and_split_as_it_was() {
    for fault in [
        "batch: answer 413",
        "batch: answer 408",
        "batch: reset answer",
    ] {
        let house = House::new(2, 10).await;
        let rule: batchcast_sandbox::fault::FaultRule = fault.parse().unwrap();
        house.sandbox.push_fault(rule);
        let (write, read) = pipe();
        let numbers = house.numbers();
        let (enough, told) = sync_channel(1);
        let enough = Mutex::new(Some(enough));
        let writer = std::thread::spawn(move || {
            write.send(format!("{}\n", numbers[0])).unwrap();
            told.recv().unwrap();
            write.send(format!("{}\n", numbers[1])).unwrap();
        });
        let sender = house
            .sender(Options::default())
            .await
            .keep_alive(Duration::from_millis(1))
            .on_event(move |event| {
                if let Event::Progress(progress) = event
                    && progress.bytes >= bytes(1) + 5
                    && let Some(enough) = enough.lock().unwrap().take()
                {
                    enough.send(()).unwrap();
                }
                Ok(())
            });
        let ended = within(sender.send_input(read, lines())).await;
        writer.join().unwrap();
        house.check(&ended);
        ended.unwrap();
        house.assert_exactly_once();
        // Resumed from a file that does not pause, it is the same list.
        let creates = house.sandbox.stats().creates;
        let report = house.run(Options::default()).await.unwrap();
        assert_eq!(report.replayed, report.batches);
        assert_eq!(house.sandbox.stats().creates, creates);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn linger_closes_the_batch_and_it_is_accepted_before_the_next_record_is_written() {
    for pause in [Duration::ZERO, Duration::from_millis(5)] {
        closed_by_linger(pause).await;
    }
}

async fn closed_by_linger(pause: Duration) {
    let house = House::new(3, 10).await;
    let (write, read) = pipe();
    let (accepted, told) = sync_channel(8);
    let numbers = house.numbers();
    let writer = std::thread::spawn(move || {
        for number in numbers {
            write.send(format!("{number}\n")).unwrap();
            told.recv().unwrap();
        }
    });
    let sender = house
        .sender(Options::default())
        .await
        .linger(pause)
        .on_event(move |event| {
            if matches!(event, Event::Accepted(_)) {
                accepted.send(()).unwrap();
            }
            Ok(())
        });
    let ended = within(sender.send_input(read, lines())).await;
    writer.join().unwrap();
    house.check(&ended);
    assert_eq!(ended.unwrap().batches, 3);
    // By the journal each has the records that it had, whatever the limits would allow.
    let report = house.run(Options::default()).await.unwrap();
    assert_eq!((report.batches, report.replayed), (3, 3));
    house.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_alive_without_an_interval_it_is_not_filled_with_whitespace() {
    const PAUSE: Duration = Duration::from_millis(100);
    let house = House::new(2, 10).await;
    let (write, read) = pipe();
    let numbers = house.numbers();
    let writer = std::thread::spawn(move || {
        for number in numbers {
            write.send(format!("{number}\n")).unwrap();
            std::thread::sleep(PAUSE);
        }
    });
    let sender = house.plain(Options::default()).keep_alive(Duration::ZERO);
    let began = Instant::now();
    let report = within(sender.send_input(read, lines())).await.unwrap();
    writer.join().unwrap();
    house.assert_exactly_once();
    let most = u64::try_from(began.elapsed().as_millis()).unwrap();
    assert!(report.bytes <= bytes(2) + most, "{} bytes", report.bytes);
}
