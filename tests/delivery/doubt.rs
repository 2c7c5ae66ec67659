//! Batches in doubt: looked for in the server's list, and found, missed, or left to the policy.

use std::time::Duration;

use batchcast::journal::{Journal, Status};
use batchcast::send::{DoubtPolicy, FailureKind};
use batchcast_sandbox::fault::{FaultPlan, FaultRoute, FaultRule, Reply, ReplyBody, When};
use batchcast_sandbox::{BatchSize, SandboxBuilder};

use crate::support::{Bodies, House, Options};

fn fault(words: &str) -> FaultRule {
    words.parse().unwrap()
}

const LOST_AND_ACCEPTED: &str = "batch: reset answer";
const LOST: &str = "batch: answer 503";

fn with(policy: DoubtPolicy) -> Options {
    Options {
        policy,
        ..Options::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_found_whatever_clock_and_spelling_the_server_has() {
    type Build = fn(SandboxBuilder) -> SandboxBuilder;
    let servers: [Build; 6] = [
        |it| it.clock_skew(3_600),
        |it| it.clock_skew(-3_600),
        |it| it.utc_offset("+05:30".parse().unwrap()),
        |it| {
            it.utc_offset("-08:00".parse().unwrap())
                .fraction_digits(0)
                .clock_skew(-3_600)
        },
        |it| it.batch_size(BatchSize::Sent),
        |it| it.reject("suffix:0001".parse().unwrap()),
    ];
    for (number, build) in servers.into_iter().enumerate() {
        let house = House::with(4, 2, build).await;
        house.sandbox.push_fault(fault(LOST_AND_ACCEPTED));
        let options = Options::default();
        let input = std::io::Cursor::new(house.input());
        let sender = house.sender(options).await;
        let report = sender
            .send_input(input, crate::support::lines())
            .await
            .unwrap();
        assert_eq!((report.batches, report.found), (2, 1), "server {number}");
        let times = house.times_accepted();
        assert!(times.iter().all(|times| *times <= 1));
        assert_eq!(house.sandbox.stats().creates, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_not_there_is_left_to_the_policy() {
    for in_flight in [1, 2] {
        let house = House::new(6, 2).await;
        house.sandbox.push_fault(fault(LOST));
        let stop = Options {
            in_flight,
            ..with(DoubtPolicy::Stop)
        };
        let stopped = house.run(stop).await.unwrap_err();
        assert_eq!(stopped.report.in_doubt.len(), 1, "{stopped}");
        assert!(stopped.is_passing());
        // Asked again without another word, it stops again.
        let stopped = house.run(stop).await.unwrap_err();
        assert!(
            matches!(stopped.failure.kind(), FailureKind::Unseen),
            "{stopped}"
        );
        let report = house.run(with(DoubtPolicy::Resend)).await.unwrap();
        assert_eq!(report.accepted, [1..=6]);
        house.assert_exactly_once();
    }

    let house = House::new(6, 2).await;
    house.sandbox.push_fault(fault(LOST));
    let report = house.run(with(DoubtPolicy::Skip)).await.unwrap();
    assert_eq!(
        (report.skipped, report.accepted),
        (vec![1..=2], vec![3..=6])
    );
    // A skipped batch stays skipped.
    let report = house.run(with(DoubtPolicy::Resend)).await.unwrap();
    assert_eq!((report.skipped, report.replayed), (vec![1..=2], 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_never_says_gets_it_only_so_often() {
    let house = House::new(4, 2).await;
    let faults = "batch always: answer 503";
    house.sandbox.set_faults(faults.parse().unwrap());
    let stopped = house.run(with(DoubtPolicy::Resend)).await.unwrap_err();
    assert_eq!(stopped.report.in_doubt, [1..=2], "{stopped}");
    // Once, and as often again as there are tries.
    assert_eq!(house.sandbox.stats().faults, 1 + 3);
    house.sandbox.set_faults(FaultPlan::new());
    house.run(with(DoubtPolicy::Resend)).await.unwrap();
    house.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_appears_late_is_waited_for() {
    for grace in [Duration::from_secs(30), Duration::MAX] {
        let house = House::new(4, 2).await;
        house
            .sandbox
            .push_fault(fault("batch: reset answer, hide 2 lists"));
        let options = Options {
            grace,
            ..with(DoubtPolicy::Resend)
        };
        let report = house.run(options).await.unwrap();
        assert_eq!(report.found, 1);
        house.assert_exactly_once();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_another_batch_is_asked_about_once() {
    let house = House::new(1, 1).await;
    // Somebody sends the same to another one.
    let other = b"+14157779999\n".to_vec();
    let stranger = house.plain(Options::default());
    let input = std::io::Cursor::new(other);
    stranger
        .send_input(input, crate::support::lines())
        .await
        .unwrap();
    house
        .sandbox
        .push_fault(fault("batch: reset answer, hide 4 lists"));
    let options = Options {
        grace: Duration::from_secs(30),
        ..Options::default()
    };
    let input = std::io::Cursor::new(house.input());
    let sender = house.sender(options).await;
    let ended = sender.send_input(input, crate::support::lines()).await;
    assert_eq!(ended.unwrap().found, 1);
    // Two batches; the first look shows what time it is there, the fifth the batch; and each is compared once.
    assert_eq!(house.sandbox.stats().requests, 2 + 5 + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_earlier_process_doubt_is_settled_first() {
    let house = House::new(6, 2).await;
    // Neither the answer nor the list is to be had.
    house.sandbox.push_fault(fault(LOST_AND_ACCEPTED));
    house.sandbox.push_fault(fault("list: answer 403"));
    let stopped = house.run(with(DoubtPolicy::Resend)).await.unwrap_err();
    assert!(
        matches!(stopped.failure.kind(), FailureKind::Unclear { .. }),
        "{stopped}"
    );
    assert_eq!(stopped.report.in_doubt, [1..=2]);
    let state = Journal::read(&house.journal()).unwrap();
    assert!(matches!(state.batches[0].status, Status::InDoubt { .. }));

    let report = house.run(with(DoubtPolicy::Stop)).await.unwrap();
    assert_eq!((report.found, report.batches), (1, 3));
    house.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_spool_a_doubt_is_left_to_a_further_process() {
    let house = House::new(4, 2).await;
    house.sandbox.push_fault(fault(LOST));
    let options = Options {
        bodies: Bodies::Gone,
        ..with(DoubtPolicy::Resend)
    };
    let stopped = house.run(options).await.unwrap_err();
    assert!(
        matches!(stopped.failure.kind(), FailureKind::Answer(_)),
        "{stopped}"
    );
    assert_eq!(stopped.report.in_doubt, [1..=2], "{stopped}");
    house.run(options).await.unwrap();
    house.assert_exactly_once();

    // Nor can it be compared; a further process makes it again, to compare it.
    let house = House::new(4, 2).await;
    house.sandbox.push_fault(fault(LOST_AND_ACCEPTED));
    let stopped = house.run(options).await.unwrap_err();
    assert!(
        matches!(stopped.failure.kind(), FailureKind::Unclear { .. }),
        "{stopped}"
    );
    let report = house.run(options).await.unwrap();
    assert_eq!(report.found, 1);
    house.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_could_be_it_are_left_to_a_person() {
    let house = House::new(2, 2).await;
    // Somebody else sends the same to the same at the same time.
    house.sandbox.push_fault(fault(LOST_AND_ACCEPTED));
    let stranger = house.plain(Options::default());
    house.sandbox.push_fault(fault("list: answer 403"));
    let input = || std::io::Cursor::new(house.input());
    let sender = house.sender(Options::default()).await;
    let stopped = sender
        .send_input(input(), crate::support::lines())
        .await
        .unwrap_err();
    assert!(
        matches!(stopped.failure.kind(), FailureKind::Unclear { .. }),
        "{stopped}"
    );
    stranger
        .send_input(input(), crate::support::lines())
        .await
        .unwrap();

    let sender = house.sender(with(DoubtPolicy::Resend)).await;
    let stopped = sender
        .send_input(input(), crate::support::lines())
        .await
        .unwrap_err();
    assert!(stopped.to_string().contains("several batches"), "{stopped}");
    assert_eq!(stopped.report.in_doubt, [1..=2]);
    // A person has looked.
    let unclear = |policy| {
        batchcast::send::Reconciliation::default()
            .grace(Duration::ZERO, Duration::ZERO)
            .unclear(policy)
    };
    let sender = house.sender(Options::default()).await;
    let sender = sender.reconciliation(unclear(DoubtPolicy::Skip));
    let report = sender
        .send_input(input(), crate::support::lines())
        .await
        .unwrap();
    assert_eq!(report.skipped, [1..=2]);
    assert_eq!(house.times_accepted(), [2, 2], "one of each sender");
}

/// How many looks it takes until a batch is shown: more than one process makes.
const SHOWN_LATE: &str = "reset answer, hide 20 lists";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_to_be_sent_again_may_still_appear() {
    // What meets the attempts behind the one that was accepted: mostly before their last bytes had left, and refusals.
    for (bodies, then) in [
        (Bodies::Spooled, "batch 2-9: reset after 10"),
        (Bodies::Reread, "batch 2-9: reset after 10"),
        (Bodies::Spooled, "batch 2-9: answer 408"),
        (Bodies::Spooled, "batch 2-9: answer 403"),
        (Bodies::Spooled, "batch 2-9: answer 413"),
        (
            Bodies::Spooled,
            "batch 2: answer 411; batch 3-9: answer 401",
        ),
        // It cannot be sent again here at all.
        (Bodies::Gone, ""),
    ] {
        let house = House::new(4, 4).await;
        let faults = format!("batch 1: {SHOWN_LATE}; {then}");
        house.sandbox.set_faults(faults.parse().unwrap());
        let options = Options {
            bodies,
            ..with(DoubtPolicy::Resend)
        };
        let stopped = house.run(options).await.unwrap_err();
        assert_eq!(stopped.report.in_doubt, [1..=4], "{then}: {stopped}");
        assert!(stopped.report.not_sent.is_empty(), "{then}");
        let state = Journal::read(&house.journal()).unwrap();
        assert_eq!(state.open().count(), 1, "{then}");

        // It is looked for without another word, before anything is sent.
        let patient = Options {
            grace: Duration::from_secs(30),
            ..Options::default()
        };
        house.sandbox.set_faults(FaultPlan::new());
        let report = house.run(patient).await.unwrap();
        assert_eq!((report.found, report.batches), (1, 1), "{then}");
        house.assert_exactly_once();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_to_be_sent_again_is_looked_for_before_each_attempt() {
    let house = House::new(4, 4).await;
    // The first look shows what time it is there, the second does not show the batch; behind the next attempt it is there.
    let faults = "batch 1: reset answer, hide 2 lists; batch 2: answer 408";
    house.sandbox.set_faults(faults.parse().unwrap());
    let report = house.run(with(DoubtPolicy::Resend)).await.unwrap();
    assert_eq!((report.found, report.batches), (1, 1));
    house.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_a_first_attempt_has_named_is_not_forgotten() {
    let mut most = 0;
    // The answer ends somewhere in its list of rejects; and in order, because of what a reset overtakes nothing arrives.
    for after in (300..700).step_by(50) {
        let house = House::with(8, 8, |sandbox| sandbox.reject("every:2".parse().unwrap())).await;
        let faults =
            format!("batch 1: close answer after {after}, hide 1 lists; batch 2: answer 408");
        house.sandbox.set_faults(faults.parse().unwrap());
        let sender = house.sender(with(DoubtPolicy::Resend)).await;
        let input = std::io::Cursor::new(house.input());
        let ended = sender.send_input(input, crate::support::lines()).await;
        let report = ended.unwrap();
        let journal = std::fs::read_to_string(house.journal()).unwrap();
        let written = journal.matches("\"index\":").count() as u64;
        let named = batchcast::journal::rejects(&house.journal()).unwrap();
        assert_eq!((report.rejected, named.count() as u64), (written, written));
        if report.found == 1 {
            most = most.max(written);
        }
    }
    assert!(most > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_to_be_sent_again_is_sent_when_it_is_not_there() {
    let house = House::new(4, 2).await;
    let faults = "batch 1: answer 503; batch 2-9: answer 408";
    house.sandbox.set_faults(faults.parse().unwrap());
    let stopped = house.run(with(DoubtPolicy::Resend)).await.unwrap_err();
    assert_eq!(stopped.report.in_doubt, [1..=2], "{stopped}");
    // Not if its list cannot be asked.
    house
        .sandbox
        .set_faults("list always: answer 403".parse().unwrap());
    let stopped = house.run(with(DoubtPolicy::Resend)).await.unwrap_err();
    assert_eq!(stopped.report.in_doubt, [1..=2], "{stopped}");
    // The decision stands in the journal.
    house.sandbox.set_faults(FaultPlan::new());
    let report = house.run(with(DoubtPolicy::Stop)).await.unwrap();
    assert_eq!((report.found, report.batches), (0, 2));
    house.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_attempt_is_not_too_old_when_a_later_one_is_in_doubt() {
    let house = House::new(4, 4).await;
    let faults = "batch 1: reset answer, hide 3 lists; batch 2: answer 503";
    house.sandbox.set_faults(faults.parse().unwrap());
    // Longer than the server's clock may be wrong, so that the second attempt begins that much behind the first one.
    let grace = Duration::from_secs(6);
    let sender = house.sender(with(DoubtPolicy::Resend)).await;
    let sender = sender.reconciliation(
        batchcast::send::Reconciliation::default()
            .policy(DoubtPolicy::Resend)
            .grace(grace, grace),
    );
    let input = std::io::Cursor::new(house.input());
    let ended = sender.send_input(input, crate::support::lines()).await;
    house.check(&ended);
    assert_eq!(ended.unwrap().found, 1);
    house.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_a_list_is_no_empty_list() {
    // Such as that of something in between, which answers whatever is asked.
    for body in ["{}", r#"{"message":"OK"}"#, r#"{"paging":{}}"#] {
        let house = House::new(2, 2).await;
        house.sandbox.push_fault(fault(LOST_AND_ACCEPTED));
        let reply = Reply::status(200).body(ReplyBody::Bytes(body.into()));
        let lists = When::Between(1, 1_000);
        house
            .sandbox
            .push_fault(FaultRule::new(FaultRoute::List, lists, reply));
        let stopped = house.run(with(DoubtPolicy::Resend)).await.unwrap_err();
        let is_unclear = matches!(stopped.failure.kind(), FailureKind::Unclear { .. });
        assert!(is_unclear, "{body}: {stopped}");
        assert_eq!(stopped.report.in_doubt, [1..=2]);

        house.sandbox.set_faults(FaultPlan::new());
        let report = house.run(with(DoubtPolicy::Resend)).await.unwrap();
        assert_eq!(report.found, 1);
        house.assert_exactly_once();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_pages_of_the_list_are_looked_at() {
    let house = House::new(12, 1).await;
    house
        .sandbox
        .set_faults("batch 1: reset answer; list 1: answer 403".parse().unwrap());
    house.run(with(DoubtPolicy::Stop)).await.unwrap_err();
    // Other batches, before it in the list.
    for _ in 0..7 {
        let message =
            batchcast::Message::new(batchcast::PhoneNumber::parse("+14157779999").unwrap());
        let sender = house.plain(Options::default());
        sender
            .send_stream(futures::stream::iter([message]))
            .await
            .unwrap();
    }
    let sender = house.sender(Options::default()).await.reconciliation(
        batchcast::send::Reconciliation::default()
            .grace(Duration::ZERO, Duration::ZERO)
            .page_size(2),
    );
    let input = std::io::Cursor::new(house.input());
    let report = sender
        .send_input(input, crate::support::lines())
        .await
        .unwrap();
    assert_eq!(report.found, 1);
    assert_eq!(house.sandbox.stats().creates, 12 + 7);
}
