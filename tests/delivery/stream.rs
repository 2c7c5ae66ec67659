//! Messages of one's own, as a stream.

use batchcast::send::FailureKind;
use batchcast::{ErrorKind, Message, PhoneNumber, Position};
use futures::stream;

use crate::support::{House, Options, within};

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
