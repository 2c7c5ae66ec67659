//! A batch in doubt is looked for by time, and clocks are wrong, put right, or not known.

use std::time::Duration;

use batchcast_sandbox::fault::{FaultRoute, FaultRule, Reply, ReplyBody, When};
use jiff::{SignedDuration, Timestamp};

use crate::support::{House, Options, in_doubt, in_doubt_at, resend, send};

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
    for hours in [1, 2, 30] {
        let house = House::new(4, 2).await;
        in_doubt(&house, "reset answer").await;
        put_clock(&house, SignedDuration::from_hours(hours));
        let report = house.run(resend()).await.unwrap();
        assert_eq!(report.found, 1, "{hours} h");
        house.assert_exactly_once();
    }
    // One that was behind may have been so by more than it took somebody else to send the same.
    for hours in [-30, -1] {
        let house = House::new(4, 2).await;
        in_doubt(&house, "reset answer").await;
        put_clock(&house, SignedDuration::from_hours(hours));
        let stopped = house.run(resend()).await.unwrap_err();
        assert_eq!(stopped.report.in_doubt, [1..=2], "{hours} h: {stopped}");
        assert_eq!(house.times_accepted(), [1, 1, 0, 0]);
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
