//! Batches in the server's list that look like the one that is sought, and are another one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use batchcast::journal::Journal;
use batchcast::send::{DoubtPolicy, Event, Reconciliation};
use batchcast_sandbox::fault::{FaultPlan, FaultRoute, FaultRule, Reply, ReplyBody, When};

use crate::support::{House, Options, in_doubt, resend, send};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_sent_to_a_few_of_them_by_somebody_else_is_not_it() {
    let house = House::new(20, 20).await;
    in_doubt(&house, "answer 503").await;
    // Somebody tries the text on two of the list.
    let few = house.numbers()[..2].join("\n").into_bytes();
    send(house.plain(Options::default()), few).await.unwrap();

    let stopped = send(house.sender(resend()).await, house.input())
        .await
        .unwrap_err();
    assert!(stopped.to_string().contains("far fewer"), "{stopped}");
    assert_eq!(stopped.report.in_doubt, [1..=20]);
    assert_eq!(house.sandbox.accepted().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_batch_of_the_run_that_is_not_answered_yet_is_not_it() {
    let house = House::new(4, 2).await;
    // The same two people twice, after two others: the first batch shows how many may be on their way.
    let numbers = house.numbers();
    let list = [0, 1, 2, 3, 2, 3].map(|index| numbers[index].clone() + "\n");
    // One of them is in the list long before its answer comes; the other is not accepted, and is looked for meanwhile.
    let faults = "batch 2: delay 500ms; batch 3: answer 503";
    house.sandbox.set_faults(faults.parse().unwrap());
    let options = Options {
        in_flight: 2,
        grace: Duration::from_secs(1),
        ..resend()
    };
    let report = send(house.sender(options).await, list.concat().into_bytes())
        .await
        .unwrap();
    assert_eq!((report.batches, report.found), (3, 0));
    assert_eq!(house.times_accepted(), [1, 1, 2, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_again_is_not_sent_once_more_because_a_person_looked_before() {
    let house = House::new(2, 2).await;
    in_doubt(&house, "answer 503").await;
    // A person has looked: it is not there. But then the answer is lost, and this time it is.
    let faults = "batch 1: reset answer; list always: answer 403";
    house.sandbox.set_faults(faults.parse().unwrap());
    let looked = Reconciliation::default()
        .grace(Duration::ZERO, Duration::ZERO)
        .unclear(DoubtPolicy::Resend);
    let sender = house.sender(Options::default()).await;
    let ended = send(sender.reconciliation(looked), house.input()).await;
    house.check(&ended);
    assert_eq!(ended.unwrap_err().report.in_doubt, [1..=2]);

    house.sandbox.set_faults(FaultPlan::new());
    let report = house.run(resend()).await.unwrap();
    assert_eq!(report.found, 1);
    house.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_the_same_however_the_server_writes_it() {
    for (from, to) in [
        ("16505550100", "14157770000"),
        ("+1 (650) 555-0100", "+1 (415) 777-0000"),
        ("6505550100", "(415) 777-0000"),
        ("", "415.777.0000"),
        ("A NAME", "1-415-777-0000"),
    ] {
        let house = House::new(1, 1).await;
        let page = |route, record: String| {
            let body = format!(r#"{{"records":[{record}]}}"#);
            let reply = Reply::status(200).body(ReplyBody::Bytes(body.into()));
            FaultRule::new(route, When::Between(1, u64::MAX), reply)
        };
        let batch = format!(r#"{{"id":"an-id","from":"{from}","batchSize":1}}"#);
        let message = format!(r#"{{"to":["{to}"],"text":"Hi"}}"#);
        house.sandbox.push_fault(page(FaultRoute::List, batch));
        house
            .sandbox
            .push_fault(page(FaultRoute::Messages, message));
        house.sandbox.push_fault(Reply::status(503).accepted());
        let ended = house.run(resend()).await;
        // The list does not say when it was created.
        let why = ended.unwrap_err().to_string();
        assert!(why.contains("may have been created before"), "{why}");
        house.assert_exactly_once();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_seems_to_be_older_than_its_upload_is_left_to_a_person() {
    let house = Arc::new(House::new(20, 20).await);
    let options = Options {
        grace: Duration::from_millis(500),
        ..resend()
    };
    // The text is tried on two of the list, and what is sent then is in the list as if it had been before its time.
    let few = house.numbers()[..2].join("\n").into_bytes();
    send(house.plain(options), few).await.unwrap();
    let faults: FaultPlan = "batch 1: reset answer".parse().unwrap();
    house.sandbox.set_faults(faults);
    let there = Arc::clone(&house);
    // Before it is looked for.
    let sender = house.sender(options).await.on_event(move |event| {
        if let Event::InDoubt { .. } = event {
            there.sandbox.age(Duration::from_secs(20));
        }
        Ok(())
    });
    let ended = send(sender, house.input()).await;
    let stopped = ended.unwrap_err();
    assert!(
        stopped.to_string().contains("was created before"),
        "{stopped}"
    );
    assert_eq!(stopped.report.in_doubt, [1..=20]);
    assert_eq!(house.sandbox.accepted().len(), 2);

    // What is older does not hide one that fits.
    let house = House::new(2, 2).await;
    send(house.plain(options), house.input()).await.unwrap();
    house.sandbox.age(Duration::from_secs(20));
    let faults: FaultPlan = "batch 1: reset answer".parse().unwrap();
    house.sandbox.set_faults(faults);
    let report = send(house.sender(options).await, house.input()).await;
    assert_eq!(report.unwrap().found, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_rejected_over_and_over_is_one() {
    let house = House::new(70, 70).await;
    let numbers = house.numbers();
    let reject = |index: usize| {
        let to = &numbers[index - 1];
        format!(r#"{{"index":{index},"to":["{to}"],"errorCode":"SMS-RC-410"}}"#)
    };
    let answer = |indexes: &[usize]| {
        let rejects: Vec<_> = indexes.iter().map(|&index| reject(index)).collect();
        let rejects = rejects.join(",");
        let body = format!(r#"{{"id":"an-id","batchSize":70,"rejected":[{rejects}]}}"#);
        Reply::status(201).body(ReplyBody::Bytes(body.into()))
    };
    // In any order, and with what is counted from 1.
    let indexes = [2, 70, 2, 1, 65, 64, 2, 2, 64, 70, 2];
    house.sandbox.push_fault(answer(&indexes));
    let told = Arc::new(Mutex::new(Vec::new()));
    let rejected = Arc::clone(&told);
    let sender = house.sender(Options::default()).await;
    let sender = sender.on_event(move |event| {
        if let Event::Rejected(reject) = event {
            rejected.lock().unwrap().push(reject.index);
        }
        Ok(())
    });
    let report = send(sender, house.input()).await.unwrap();
    assert_eq!((report.messages, report.rejected), (70, 5));
    assert_eq!(report.unplaced, 6, "those that were named again");
    assert_eq!(*told.lock().unwrap(), [2, 70, 1, 65, 64]);
    let kept = batchcast::journal::rejects(&house.journal()).unwrap();
    let kept: Vec<_> = kept.map(|reject| reject.unwrap().1.index).collect();
    assert_eq!(kept, [2, 70, 1, 65, 64]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_that_counts_too_few_is_not_taken_for_all_of_them() {
    // By what it says, with two of ten rejected: either counts.
    for (size, missing) in [
        (r#""batchSize":10,"#, 0),
        (r#""batchSize":8,"#, 0),
        (r#""batchSize":7,"#, 1),
        (r#""batchSize":0,"#, 8),
        ("", 0),
    ] {
        let house = House::new(10, 10).await;
        let numbers = house.numbers();
        let reject =
            |index: usize| format!(r#"{{"index":{index},"to":["{}"]}}"#, numbers[index - 1]);
        let rejected = [reject(3), reject(4)].join(",");
        let body = format!(r#"{{"id":"an-id",{size}"rejected":[{rejected}]}}"#);
        let reply = Reply::status(201).body(ReplyBody::Bytes(body.into()));
        house.sandbox.push_fault(reply);
        let sender = house.sender(Options::default()).await;
        let report = send(sender, house.input()).await.unwrap();
        assert_eq!((report.messages, report.rejected), (10, 2), "{size}");
        assert_eq!(report.missing, missing, "{size}");
        // A further process says the same.
        let (journal, state) = Journal::open(&house.journal()).unwrap();
        assert_eq!(state.missing(), missing);
        let sender = house.plain(Options::default()).resume(journal, state);
        let report = send(sender, house.input()).await.unwrap();
        assert_eq!((report.replayed, report.missing), (1, missing), "{size}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_that_is_said_twice_is_that_of_one_batch() {
    for by_a_further_process in [false, true] {
        let house = House::new(4, 2).await;
        let receipt = Reply::status(201).body(ReplyBody::Bytes(r#"{"id":"an-id"}"#.into()));
        house.sandbox.push_fault(receipt.clone());
        if by_a_further_process {
            let refused: FaultRule = "batch: answer 400".parse().unwrap();
            house.sandbox.push_fault(refused);
            let sender = house.sender(Options::default()).await;
            let stopped = send(sender, house.input()).await.unwrap_err();
            assert_eq!(stopped.report.not_sent_from, Some(3), "{stopped}");
        }
        // The second batch gets the answer of the first one, and is not accepted.
        house.sandbox.push_fault(receipt);
        let sender = house.sender(Options::default()).await;
        let stopped = send(sender, house.input()).await.unwrap_err();
        assert!(stopped.to_string().contains("another batch"), "{stopped}");
        assert_eq!(stopped.report.accepted, [1..=2]);
        assert_eq!(stopped.report.in_doubt, [3..=4]);

        let sender = house.sender(resend()).await;
        let report = send(sender, house.input()).await.unwrap();
        assert_eq!(report.accepted, [1..=4]);
        assert_eq!(house.times_accepted()[2..], [1, 1]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_rejected_by_a_receipt_that_is_said_twice_is_counted_once() {
    for (id_comes_first, by_a_further_process) in [(true, false), (false, false), (false, true)] {
        let house = House::new(4, 2).await;
        let to = &house.numbers()[1];
        let rejected = format!(r#""rejected":[{{"index":2,"to":["{to}"]}}]"#);
        let body = if id_comes_first {
            format!(r#"{{"id":"an-id",{rejected}}}"#)
        } else {
            format!(r#"{{{rejected},"id":"an-id"}}"#)
        };
        let receipt = Reply::status(201).body(ReplyBody::Bytes(body.into()));
        house.sandbox.push_fault(receipt.clone());
        // The second batch is accepted, gets the answer of the first one, and is found in the list.
        house.sandbox.push_fault(receipt.accepted());
        if by_a_further_process {
            let unanswered: FaultRule = "list: answer 403".parse().unwrap();
            house.sandbox.push_fault(unanswered);
            let sender = house.sender(resend()).await;
            let stopped = send(sender, house.input()).await.unwrap_err();
            assert_eq!(stopped.report.in_doubt, [3..=4]);
        }
        let told = Arc::new(Mutex::new(Vec::new()));
        let rejected = Arc::clone(&told);
        let sender = house.sender(resend()).await;
        let sender = sender.on_event(move |event| {
            if let Event::Rejected(reject) = event {
                rejected.lock().unwrap().push(reject.batch);
            }
            Ok(())
        });
        let report = send(sender, house.input()).await.unwrap();
        assert_eq!((report.batches, report.found), (2, 1));
        assert_eq!((report.rejected, report.unplaced), (1, 0));
        let (_, state) = Journal::open(&house.journal()).unwrap();
        assert_eq!(state.batches.len(), 2);
        let kept = batchcast::journal::rejects(&house.journal()).unwrap();
        let kept: Vec<_> = kept.map(|reject| reject.unwrap().0).collect();
        assert_eq!(kept, [1]);
        // What came before the id was told before it could be known whose it is.
        if id_comes_first {
            assert_eq!(*told.lock().unwrap(), [1]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_without_an_end_is_not_read_forever() {
    let house = House::new(2, 2).await;
    in_doubt(&house, "reset answer").await;
    let page = r#"{"records":[],"paging":{"nextPageToken":"again"}}"#;
    let reply = Reply::status(200).body(ReplyBody::Bytes(page.into()));
    house.sandbox.push_fault(FaultRule::new(
        FaultRoute::List,
        When::Between(1, 1_000),
        reply,
    ));
    let stopped = house.run(resend()).await.unwrap_err();
    assert!(
        stopped.to_string().contains("follow on themselves"),
        "{stopped}"
    );
    house.sandbox.set_faults(FaultPlan::new());
    house.run(resend()).await.unwrap();
    house.assert_exactly_once();
}
