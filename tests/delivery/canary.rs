//! The first messages of a list go ahead, and nothing of the rest leaves before somebody has said so.

use std::io::Cursor;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};

use batchcast::Message;
use batchcast::send::{Approval, Canary, Event, FailureKind, Report, Sender};
use futures::stream;
use tokio::sync::oneshot;

use crate::support::{Ended, House, Options, lines, within};

/// What was shown to whoever decides, and how many batches the server had then.
type Shown = Arc<Mutex<Vec<(Canary, u64)>>>;

/// A sender with a canary that is decided on like this.
async fn sender(house: &House, options: Options, canary: u64, then: Approval) -> (Sender, Shown) {
    let shown = Shown::default();
    let told = Arc::clone(&shown);
    let accepted = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&accepted);
    let sender = house
        .sender(options)
        .await
        .on_event(move |event| {
            if matches!(event, Event::Accepted(_)) {
                *counted.lock().unwrap() += 1;
            }
            Ok(())
        })
        .canary(NonZeroU64::new(canary).unwrap(), move |canary| async move {
            let accepted = *accepted.lock().unwrap();
            told.lock().unwrap().push((canary, accepted));
            then
        });
    (sender, shown)
}

async fn send(house: &House, options: Options, canary: u64, then: Approval) -> (Ended, Shown) {
    let (sender, shown) = sender(house, options, canary, then).await;
    let ended = within(sender.send_input(Cursor::new(house.input()), lines())).await;
    house.sandbox.settled().await.unwrap();
    house.check(&ended);
    (ended, shown)
}

fn sizes(house: &House) -> Vec<u64> {
    let batches = house.sandbox.accepted();
    batches.iter().map(|batch| batch.accepted).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_goes_first_and_alone() {
    for in_flight in [1, 4] {
        for (canary, expected) in [
            (1, vec![1, 4, 4, 1]),
            (3, vec![3, 4, 3]),
            (4, vec![4, 4, 2]),
            // More than a batch may have.
            (6, vec![4, 2, 4]),
            (9, vec![4, 4, 1, 1]),
        ] {
            let house = House::new(10, 4).await;
            let options = Options {
                in_flight,
                ..Options::default()
            };
            let (ended, shown) = send(&house, options, canary, Approval::GoOn).await;
            ended.unwrap();
            house.assert_exactly_once();
            let mut accepted = sizes(&house);
            // Those behind it may overtake one another.
            let batches = expected.iter().scan(0, |sum, size| {
                *sum += size;
                Some(*sum)
            });
            let of_canary = batches.take_while(|&sum| sum <= canary).count();
            // So may those of the canary, and neither those of the other.
            let mut first = expected[..of_canary].to_vec();
            first.sort_unstable();
            accepted[..of_canary].sort_unstable();
            assert_eq!(accepted[..of_canary], first, "{canary}");
            accepted.sort_unstable();
            let mut all = expected.clone();
            all.sort_unstable();
            assert_eq!(accepted, all, "{canary}");
            let shown = shown.lock().unwrap();
            let [(shown, accepted)] = &shown[..] else {
                panic!("it was shown {} times", shown.len());
            };
            assert_eq!((shown.messages, shown.delivered), (canary, canary));
            assert_eq!((shown.rejected, shown.failed, shown.unknown), (0, 0, 0));
            assert_eq!(shown.ids.len(), of_canary);
            assert_eq!(*accepted, of_canary as u64);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_ends_with_the_canary_is_just_sent() {
    for canary in [10, 11, 1_000] {
        let house = House::new(10, 4).await;
        let (ended, shown) = send(&house, Options::default(), canary, Approval::Stop).await;
        ended.unwrap();
        house.assert_exactly_once();
        assert!(shown.lock().unwrap().is_empty(), "{canary}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_declined_is_gone_on_with_by_who_wants_it() {
    let house = House::new(10, 4).await;
    let (ended, shown) = send(&house, Options::default(), 3, Approval::Stop).await;
    let stopped = ended.unwrap_err();
    assert!(matches!(stopped.failure.kind(), FailureKind::Declined));
    assert!(stopped.is_passing());
    assert_eq!(stopped.report.accepted, [1..=3]);
    assert_eq!(stopped.report.not_sent_from, Some(4));
    assert_eq!(shown.lock().unwrap().len(), 1);
    // It is asked about once more, and what it was is what it is.
    let (ended, again) = send(&house, Options::default(), 3, Approval::Stop).await;
    ended.unwrap_err();
    assert_eq!(again.lock().unwrap()[0].0, shown.lock().unwrap()[0].0);
    assert_eq!(sizes(&house), [3]);
    // Without a canary nobody is asked, and nobody gets it twice.
    let report: Report = house.run(Options::default()).await.unwrap();
    assert_eq!((report.batches, report.replayed), (3, 1));
    house.assert_exactly_once();
    assert_eq!(sizes(&house), [3, 4, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_approved_is_not_asked_about_again() {
    let house = House::new(10, 4).await;
    house
        .sandbox
        .set_faults("batch 3: answer 403".parse().unwrap());
    let (ended, shown) = send(&house, Options::default(), 3, Approval::GoOn).await;
    ended.unwrap_err();
    assert_eq!(shown.lock().unwrap().len(), 1);
    let (ended, shown) = send(&house, Options::default(), 3, Approval::Stop).await;
    assert_eq!(ended.unwrap().replayed, 2);
    assert!(shown.lock().unwrap().is_empty());
    house.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_that_was_begun_is_completed_before_anybody_is_asked() {
    // Of a canary in two batches, the second one is refused at first; and in doubt.
    for fault in ["batch 2: answer 403", "batch 2: reset answer"] {
        let house = House::new(10, 4).await;
        house.sandbox.set_faults(fault.parse().unwrap());
        let options = Options {
            policy: batchcast::send::DoubtPolicy::Stop,
            ..Options::default()
        };
        let (first, shown) = send(&house, options, 6, Approval::GoOn).await;
        if first.is_err() {
            assert!(shown.lock().unwrap().is_empty(), "{fault}");
            let (ended, shown) = send(&house, options, 6, Approval::GoOn).await;
            ended.unwrap();
            assert_eq!(shown.lock().unwrap()[0].0.messages, 6, "{fault}");
        } else {
            assert_eq!(shown.lock().unwrap()[0].0.messages, 6, "{fault}");
        }
        house.assert_exactly_once();
        assert_eq!(sizes(&house), [4, 2, 4], "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejects_and_silence_are_not_taken_for_success() {
    let house = House::with(10, 4, |sandbox| sandbox.reject("every:2".parse().unwrap())).await;
    let (sender, shown) = sender(&house, Options::default(), 4, Approval::Stop).await;
    // A batch whose messages nobody knows of.
    house
        .sandbox
        .set_faults("statuses: answer 200".parse().unwrap());
    let ended = within(sender.send_input(Cursor::new(house.input()), lines())).await;
    ended.unwrap_err();
    let shown = shown.lock().unwrap();
    let canary = &shown[0].0;
    assert_eq!((canary.messages, canary.rejected), (4, 2));
    assert_eq!((canary.delivered, canary.unknown), (0, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_asked_until_it_is_completed() {
    let house = House::new(10, 4).await;
    // Unknown, silent, failing, asked too often; then completed.
    let faults = "get: answer 404; get: answer 200; get: answer 503; get: answer 429 retry-after=1";
    house.sandbox.set_faults(faults.parse().unwrap());
    let (ended, shown) = send(&house, Options::default(), 3, Approval::GoOn).await;
    ended.unwrap();
    assert_eq!(shown.lock().unwrap()[0].0.delivered, 3);
    house.assert_exactly_once();
    assert_eq!(house.sandbox.stats().violations, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_given_up_in_the_wait_is_gone_on_with() {
    let house = House::new(10, 4).await;
    let (asked, was_asked) = oneshot::channel();
    let sender = house.sender(Options::default()).await.canary(
        NonZeroU64::new(3).unwrap(),
        move |_| async move {
            asked.send(()).unwrap();
            std::future::pending().await
        },
    );
    let input = Cursor::new(house.input());
    let sent = tokio::spawn(async move { sender.send_input(input, lines()).await });
    within(was_asked).await.unwrap();
    assert_eq!(sizes(&house), [3]);
    // As by a kill.
    sent.abort();
    let _ = sent.await;
    let (ended, shown) = send(&house, Options::default(), 3, Approval::GoOn).await;
    assert_eq!(ended.unwrap().replayed, 1);
    assert_eq!(shown.lock().unwrap().len(), 1);
    house.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_wants_to_stop_does_not_wait_for_the_answer() {
    let house = House::new(10, 4).await;
    let (asked, was_asked) = oneshot::channel();
    let sender = house
        .sender(Options::default())
        .await
        .canary(NonZeroU64::new(3).unwrap(), move |_| async move {
            asked.send(()).unwrap();
            std::future::pending().await
        })
        .stop_when(async {
            was_asked.await.unwrap();
        });
    let ended = within(sender.send_input(Cursor::new(house.input()), lines())).await;
    house.check(&ended);
    let stopped = ended.unwrap_err();
    assert!(matches!(stopped.failure.kind(), FailureKind::Interrupted));
    assert_eq!(stopped.report.accepted, [1..=3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_has_a_canary_too() {
    let house = House::new(10, 4).await;
    let numbers = house.numbers();
    let messages = numbers
        .iter()
        .map(|number| Message::new(number.parse().unwrap()));
    let (sender, shown) = sender(&house, Options::default(), 3, Approval::GoOn).await;
    within(sender.send_stream(stream::iter(messages)))
        .await
        .unwrap();
    assert_eq!(sizes(&house), [3, 4, 3]);
    assert_eq!(shown.lock().unwrap().len(), 1);
}
