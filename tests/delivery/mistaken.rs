//! Batches in the server's list that look like the one that is sought, and are another one; clocks that were wrong.

use std::io::Cursor;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use batchcast::journal::Journal;
use batchcast::send::{DoubtPolicy, Event, FailureKind, Reconciliation, Sender};
use batchcast_sandbox::fault::{FaultPlan, FaultRoute, FaultRule, Reply, ReplyBody, When};
use jiff::{SignedDuration, Timestamp};

use crate::support::{Ended, House, Options, lines, within};

async fn send(sender: Sender, input: Vec<u8>) -> Ended {
    within(sender.send_input(Cursor::new(input), lines())).await
}

fn resend() -> Options {
    Options {
        policy: DoubtPolicy::Resend,
        ..Options::default()
    }
}

/// A run that stops with its first batch in doubt, because the list is not to be had.
async fn in_doubt(house: &House, fault: &str) {
    in_doubt_at(house, &format!("batch 1: {fault}")).await;
}

/// The same with the batch of the fault.
async fn in_doubt_at(house: &House, fault: &str) {
    let faults: FaultPlan = format!("{fault}; list: answer 403").parse().unwrap();
    house.sandbox.set_faults(faults);
    let stopped = house.run(Options::default()).await.unwrap_err();
    let is_unclear = matches!(stopped.failure.kind(), FailureKind::Unclear { .. });
    assert!(is_unclear, "{stopped}");
}

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

const HOUR: Duration = Duration::from_secs(3_600);

/// Makes the journal say that all of it happened so much later, by this machine's clock.
fn put_clock(house: &House, by: SignedDuration) {
    move_times(house, by, SignedDuration::ZERO);
}

/// Lets so much time pass, for the server and for what the journal says.
fn pass(house: &House, time: Duration) {
    let back = -SignedDuration::try_from(time).unwrap();
    move_times(house, back, back);
    house.sandbox.age(time);
}

/// Moves all times of the journal: this machine's, and the server's.
fn move_times(house: &House, by: SignedDuration, server_by: SignedDuration) {
    const SERVER_TIME: &str = r#","server_time":""#;
    rewrite(house, |entry, at| {
        let moved = |time: &str, by| format!("{:.3}", time.parse::<Timestamp>().unwrap() + by);
        let entry = match entry.split_once(SERVER_TIME) {
            Some((before, rest)) => {
                let (time, behind) = rest.split_once('"').unwrap();
                let time = moved(time, server_by);
                format!("{before}{SERVER_TIME}{time}\"{behind}")
            }
            None => entry.to_owned(),
        };
        (entry, moved(at, by))
    });
}

/// Writes each line of the journal anew, of what it says and when.
fn rewrite(house: &House, line: impl Fn(&str, &str) -> (String, String)) {
    let text = std::fs::read_to_string(house.journal()).unwrap();
    let mut chain = 0;
    let mut rewritten = String::new();
    for before in text.lines() {
        let (body, _) = before.rsplit_once(r#"","crc":""#).unwrap();
        let (entry, at) = body.rsplit_once(r#","at":""#).unwrap();
        let (entry, at) = line(entry, at);
        let body = format!(r#"{entry},"at":"{at}""#);
        let mut hasher = crc32fast::Hasher::new_with_initial(chain);
        hasher.update(body.as_bytes());
        chain = hasher.finalize();
        rewritten += &format!("{body},\"crc\":\"{chain:08x}\"}}\n");
    }
    std::fs::write(house.journal(), rewritten).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_was_wrong_then_does_not_hide_it() {
    for hours in [-30, -1, 1, 2, 30] {
        let house = House::new(4, 2).await;
        in_doubt(&house, "reset answer").await;
        put_clock(&house, SignedDuration::from_hours(hours));
        let report = house.run(resend()).await.unwrap();
        assert_eq!(report.found, 1, "{hours} h");
        house.assert_exactly_once();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_was_ahead_and_has_been_put_right_does_not_hide_it() {
    // By so many hours, and 35 pass before the run is gone on with: it is not seen that the clock was ahead.
    for hours in [3, 4, 30, -30] {
        let house = House::new(4, 2).await;
        in_doubt_at(&house, "batch 2: reset answer").await;
        put_clock(&house, SignedDuration::from_hours(hours));
        pass(&house, HOUR * 35);
        let report = house.run(resend()).await.unwrap();
        assert_eq!(report.found, 1, "{hours} h");
        house.assert_exactly_once();
    }

    // What showed the server's time then was wrong, and this machine's clock was right.
    let house = House::new(4, 2).await;
    in_doubt_at(&house, "batch 2: reset answer").await;
    move_times(&house, SignedDuration::ZERO, SignedDuration::from_hours(33));
    pass(&house, HOUR * 35);
    let stopped = house.run(resend()).await.unwrap_err();
    let why = stopped.to_string();
    assert!(why.contains("may have been created before"), "{why}");
    assert_eq!(stopped.report.in_doubt, [3..=4]);

    // Before the first answer nobody knows what time it is for the server. What is there may be it, or older.
    for (fault, is_there) in [("reset answer", true), ("answer 503", false)] {
        let house = House::new(4, 4).await;
        in_doubt(&house, fault).await;
        put_clock(&house, SignedDuration::from_hours(14));
        pass(&house, HOUR * 35);
        let ended = house.run(resend()).await;
        if is_there {
            let stopped = ended.unwrap_err();
            let why = stopped.to_string();
            assert!(why.contains("was created before"), "{why}");
            assert_eq!(stopped.report.in_doubt, [1..=4]);
        } else {
            assert_eq!(ended.unwrap().found, 0);
        }
        house.assert_exactly_once();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_grace_period_is_waited_for_by_the_server_s_clock() {
    let house = House::new(4, 2).await;
    in_doubt_at(&house, "batch 2: reset answer, hide 3 lists").await;
    // By a clock that was behind it is over long since.
    put_clock(&house, SignedDuration::from_hours(-2));
    let options = Options {
        grace: Duration::from_secs(30),
        ..resend()
    };
    let report = house.run(options).await.unwrap();
    assert_eq!(report.found, 1);
    house.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_as_old_as_the_begin_of_a_long_upload_is_not_missed() {
    let house = House::new(4, 2).await;
    in_doubt_at(&house, "batch 2: reset answer").await;
    // Such as one that was made of a pipe, for five hours; and this server has stamped it when it began.
    say_upload(&house, r#","upload_ms":18000000"#);
    house.sandbox.age(4 * HOUR);
    assert_eq!(house.run(resend()).await.unwrap().found, 1);
    house.assert_exactly_once();

    // A journal need not say how long an upload took.
    let house = House::new(4, 2).await;
    in_doubt_at(&house, "batch 2: reset answer").await;
    say_upload(&house, "");
    house.sandbox.age(HOUR / 2);
    let stopped = house.run(resend()).await.unwrap_err();
    let why = stopped.to_string();
    assert!(why.contains("may have been created before"), "{why}");
    house.assert_exactly_once();
}

/// Makes the journal say this of how long uploads took.
fn say_upload(house: &House, member: &str) {
    rewrite(house, |entry, at| {
        let entry = match entry.split_once(r#","upload_ms":"#) {
            Some((before, _)) => format!("{before}{member}}}"),
            None => entry.to_owned(),
        };
        (entry, at.to_owned())
    });
}

/// Makes the journal say what a process says whose clock was an hour ahead when an answer came, and has been put right since:
/// when its batches were committed by the server's clock, at the earliest and at the latest.
fn put_right_in_between(house: &House) {
    move_times(house, SignedDuration::ZERO, SignedDuration::from_hours(-1));
    rewrite(house, |entry, at| {
        let latest = format!(r#","server_time_latest":"{at}","upload_ms":"#);
        (entry.replace(r#","upload_ms":"#, &latest), at.to_owned())
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_grace_period_is_over_when_it_is_by_two_clocks_that_do_not_agree() {
    let house = House::new(4, 2).await;
    in_doubt_at(&house, "batch 2: reset answer, hide 3 lists").await;
    put_right_in_between(&house);
    let options = Options {
        grace: Duration::from_secs(30),
        ..resend()
    };
    assert_eq!(house.run(options).await.unwrap().found, 1);
    house.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_be_older_by_one_of_two_clocks_is_left_to_a_person() {
    // Somebody has sent the same to the same before, and this batch was not accepted.
    let house = House::new(2, 2).await;
    let stranger = house.plain(Options::default());
    send(stranger, house.input()).await.unwrap();
    house.sandbox.age(HOUR * 5 / 6);
    // Nobody else shows what time it is before the first batch.
    let options = Options {
        jwt: true,
        ..Options::default()
    };
    let faults = "batch 1: answer 503; list: answer 403";
    house.sandbox.set_faults(faults.parse().unwrap());
    let sender = house.sender(options).await;
    send(sender, house.input()).await.unwrap_err();
    put_right_in_between(&house);
    let sender = house.sender(resend()).await;
    let stopped = send(sender, house.input()).await.unwrap_err();
    let why = stopped.to_string();
    assert!(why.contains("may have been created before"), "{why}");
    assert_eq!(stopped.report.in_doubt, [1..=2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_a_list_that_is_sent_over_and_over_is_not_it() {
    // The first batch of a process that does not know the server's clock; and one that was sent within seconds.
    for (jwt, before) in [(false, 24 * HOUR), (true, HOUR / 2)] {
        let house = House::new(2, 2).await;
        let earlier = house.plain(Options::default());
        send(earlier, house.input()).await.unwrap();
        house.sandbox.age(before);
        let faults = "batch 1: answer 503; list: answer 403";
        house.sandbox.set_faults(faults.parse().unwrap());
        let options = Options { jwt, ..resend() };
        let sender = house.sender(options).await;
        send(sender, house.input()).await.unwrap_err();
        // It is not there, and so it is sent again.
        let sender = house.sender(resend()).await;
        let report = send(sender, house.input()).await.unwrap();
        assert_eq!((report.found, report.batches), (0, 1), "{before:?}");
        assert_eq!(house.times_accepted(), [2, 2]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_server_does_not_say_what_time_it_is_a_batch_is_not_overlooked() {
    // It has accepted the batch, and has another time than this machine.
    for hours in [-12, -1, 0, 1, 12] {
        let house = House::new(1, 1).await;
        let page = |route, record: String| {
            let body = format!(r#"{{"records":[{record}]}}"#);
            let reply = Reply::status(200).body(ReplyBody::Bytes(body.into()));
            let reply = reply.header("Date", "unknown");
            FaultRule::new(route, When::Between(1, u64::MAX), reply)
        };
        let created = Timestamp::now() + SignedDuration::from_hours(hours);
        let batch = format!(r#"{{"id":"an-id","creationTime":"{created}","batchSize":1}}"#);
        let message = r#"{"to":["+14157770000"],"text":"Hi"}"#.to_owned();
        house.sandbox.push_fault(page(FaultRoute::List, batch));
        house
            .sandbox
            .push_fault(page(FaultRoute::Messages, message));
        let lost = Reply::status(503).accepted().header("Date", "unknown");
        house.sandbox.push_fault(lost);
        for _ in 0..2 {
            let stopped = house.run(resend()).await.unwrap_err();
            assert_eq!(stopped.report.in_doubt, [1..=1], "{hours} h: {stopped}");
        }
        house.assert_exactly_once();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_seems_to_be_of_the_future_is_found() {
    let house = House::new(2, 2).await;
    // What answers need not have the clock that stamps batches.
    let behind = Timestamp::now() - SignedDuration::from_mins(2);
    let behind = jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&behind)
        .unwrap();
    let lost = Reply::status(503).accepted().header("Date", behind);
    house.sandbox.push_fault(lost);
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
async fn one_that_is_more_than_a_day_old_is_found() {
    // Lists begin a day ago, unless they are told otherwise: that of messages too, by which it is compared.
    for (hours, fault) in [
        (30, "reset answer"),
        (30, "answer 503"),
        (24 * 40, "reset answer"),
    ] {
        let house = House::new(4, 2).await;
        in_doubt(&house, fault).await;
        put_clock(&house, SignedDuration::from_hours(-hours));
        house
            .sandbox
            .age(Duration::from_secs(3_600 * hours.unsigned_abs()));
        let report = house.run(resend()).await.unwrap();
        let found = u64::from(fault == "reset answer");
        assert_eq!(report.found, found, "{hours} h, {fault}");
        house.assert_exactly_once();
    }
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
