//! Messages of one's own, as a stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use batchcast::encode::Limits;
use batchcast::journal::Journal;
use batchcast::send::{Event, FailureKind};
use batchcast::{ErrorKind, Message, PhoneNumber, Position};
use futures::stream;

use crate::support::{Bodies, House, Options, within};

/// The messages of the list, as somebody has them who knows nothing of records.
fn messages(house: &House) -> Vec<Message<'static>> {
    let numbers = house.numbers();
    let message = |number: &String| Message::new(PhoneNumber::parse(number).unwrap());
    numbers.iter().map(message).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_do_not_ascend_end_the_send_before_their_batch_counts() {
    // 0 is a message without a position, which has its number in the stream.
    for (records, expected) in [
        (&[0_u64, 0, 0, 0, 0][..], None),
        (&[3, 7, 8, 20, 21], None),
        (&[0, 0, 7, 0, 0], Some((4, 7))),
        (&[5, 4, 3, 2, 1], Some((4, 5))),
        (&[1, 2, 3, 3, 4], Some((3, 3))),
        (&[u64::MAX, 0], Some((2, u64::MAX))),
    ] {
        let house = House::new(records.len(), 3).await;
        let sender = house.sender(Options::default()).await;
        let messages = messages(&house);
        let placed = messages.into_iter().zip(records);
        let placed = placed.map(|(message, &record)| message.at(Position::of_record(record)));
        let ended = within(sender.send_stream(stream::iter(placed))).await;
        let Some((at, last)) = expected else {
            ended.unwrap();
            house.assert_exactly_once();
            continue;
        };
        let stopped = ended.unwrap_err();
        let FailureKind::Input(error) = stopped.failure.kind() else {
            panic!("{stopped}");
        };
        assert!(
            matches!(*error.kind(), ErrorKind::NotAscending { record, before } if (record, before) == (at, last)),
            "{stopped}"
        );
        house.sandbox.settled().await.unwrap();
        assert_eq!(stopped.report.messages, house.sandbox.stats().messages);
    }
}

/// An error of a source that quotes what it has read.
#[derive(Debug)]
struct Lost(String);

impl std::error::Error for Lost {}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the cursor is lost behind {}", self.0)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_fails_leaves_a_run_to_be_gone_on_with() {
    for in_flight in [1, 3] {
        let house = House::new(11, 3).await;
        let options = Options {
            in_flight,
            ..Options::default()
        };
        for there in [0, 1, 4, 6, 10] {
            let rows = messages(&house).into_iter().take(there).map(Ok);
            let rows = rows.chain([Err(Lost("Ana's".to_owned()))]);
            let sender = house.sender(options).await;
            let ended = within(sender.try_send_stream(stream::iter(rows))).await;
            house.sandbox.settled().await.unwrap();
            house.check(&ended);
            let stopped = ended.unwrap_err();
            let FailureKind::Source(error) = stopped.failure.kind() else {
                panic!("{stopped}");
            };
            assert!(error.is::<Lost>() && stopped.to_string().contains("Ana's"));
            let state = Journal::read(&house.journal()).unwrap();
            assert!(!state.finished);
            let kept = "the source of the messages failed";
            assert_eq!(state.stopped.as_deref(), Some(kept));
        }
        let rows = messages(&house).into_iter().map(Ok::<_, Lost>);
        let sender = house.sender(options).await;
        // On a task of its own, as a service does it.
        let sending = tokio::spawn(sender.try_send_stream(stream::iter(rows)));
        let ended = within(sending).await.unwrap();
        house.check(&ended);
        ended.unwrap();
        house.assert_exactly_once();
        assert!(Journal::read(&house.journal()).unwrap().finished);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_is_never_empty_is_handed_on_in_whole_chunks() {
    const MESSAGES: usize = 20_000;
    let house = House::new(1, 1).await;
    let message = messages(&house).remove(0);
    let (sender, receiver) = tokio::sync::mpsc::channel(MESSAGES);
    for _ in 0..MESSAGES {
        sender.try_send(message.clone()).unwrap();
    }
    drop(sender);
    let messages = stream::unfold(receiver, async |mut receiver| {
        let message = receiver.recv().await?;
        Some((message, receiver))
    });
    let chunks = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&chunks);
    let sender = house
        .plain(Options::default())
        .limits(Limits::default())
        .chunk_bytes(64 * 1024)
        .on_event(move |event| {
            if let Event::Progress(_) = event {
                counted.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
    let report = within(sender.send_stream(messages)).await.unwrap();
    let chunks = chunks.load(Ordering::Relaxed);
    // Tokio lets a task have 128 messages of a channel at a time.
    assert!(chunks <= report.bytes / (64 * 1024) + 2, "{chunks} chunks");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_sent_again_from_the_spool_though_there_is_a_file() {
    let house = House::new(4, 2).await;
    house
        .sandbox
        .set_faults("batch 1: answer 408; batch 3: answer 413".parse().unwrap());
    let options = Options {
        bodies: Bodies::Reread,
        ..Options::default()
    };
    let sender = house.sender(options).await;
    let ended = within(sender.send_stream(stream::iter(messages(&house)))).await;
    house.check(&ended);
    ended.unwrap();
    house.assert_exactly_once();
}
