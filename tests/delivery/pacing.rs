//! Rate limits: nothing leaves in a penalty interval, by whatever task.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use batchcast::Message;
use batchcast::journal::{Entry, Journal};
use batchcast::send::{Event, FailureKind, Sender, WaitingFor};
use batchcast_sandbox::RateLimit;
use batchcast_sandbox::fault::FaultRule;
use tokio::sync::Notify;

use crate::support::{House, Options, client, envelope, lines, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_batches_by_five_a_window() {
    let runs = [1, 4].map(|in_flight| async move {
        let limit = RateLimit::enforced(5, Duration::from_secs(1));
        let house = House::with(40, 1, |sandbox| sandbox.rate_limit(limit)).await;
        let options = Options {
            in_flight,
            ..Options::default()
        };
        let report = house.run(options).await.unwrap();
        assert_eq!(report.batches, 40);
        house.assert_exactly_once();
        assert_eq!(house.sandbox.stats().violations, 0, "{in_flight}");
    });
    futures::future::join_all(runs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clones_of_a_client_have_one_token_and_one_limit() {
    let limit = RateLimit::enforced(5, Duration::from_secs(1));
    let house = House::with(12, 1, |sandbox| sandbox.rate_limit(limit)).await;
    let options = Options {
        jwt: true,
        ..Options::default()
    };
    let client = client(&house.sandbox.base_url(), options).build().unwrap();
    let messages: Vec<_> = house
        .numbers()
        .iter()
        .map(|number| Message::new(number.parse().unwrap()))
        .collect();
    let runs = messages.chunks(4).map(|part| {
        let sender = Sender::new(client.clone(), envelope()).limits(house.limits());
        sender.send_stream(futures::stream::iter(part.to_vec()))
    });
    for ended in within(futures::future::join_all(runs)).await {
        ended.unwrap();
    }
    house.assert_exactly_once();
    let from = envelope().from();
    assert!(client.opt_outs(from).next_page().await.unwrap().is_some());
    let stats = house.sandbox.stats();
    assert_eq!((stats.violations, stats.tokens), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_429_nothing_leaves_until_it_may() {
    let cases = [
        ("answer 429 retry-after=1", 1),
        ("answer 429 retry-after=1", 4),
        ("answer 429 early=10 retry-after=1", 1),
        ("answer 429 early=10 retry-after=1", 4),
        ("answer 429 retry-after-date=2", 4),
    ];
    let runs = cases.map(|(fault, in_flight)| async move {
        let house = House::with(12, 1, |sandbox| {
            sandbox.rate_limit(RateLimit::announced(1_000, Duration::from_secs(60)))
        })
        .await;
        // The first one: before its answer no other leaves.
        house
            .sandbox
            .push_fault(format!("batch: {fault}").parse::<FaultRule>().unwrap());
        let options = Options {
            in_flight,
            ..Options::default()
        };
        let began = Instant::now();
        house.run(options).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(900), "{fault}");
        house.assert_exactly_once();
        assert_eq!(house.sandbox.stats().violations, 0, "{fault} {in_flight}");
    });
    futures::future::join_all(runs).await;
}

/// One that is stopped at the first event that is looked for.
fn stopped_at(
    sender: Sender,
    is_it: impl Fn(&Event<'_>) -> bool + Send + Sync + 'static,
) -> Sender {
    let seen = Arc::new(Notify::new());
    let notify = Arc::clone(&seen);
    sender
        .on_event(move |event| {
            if is_it(&event) {
                notify.notify_one();
            }
            Ok(())
        })
        .stop_when(async move { seen.notified().await })
}

/// Stops a run as soon as it says that it waits, and sees that it does not go on waiting.
async fn stopped_while_it_waits(fault: &str, what: WaitingFor) {
    let house = House::new(4, 2).await;
    house
        .sandbox
        .push_fault(fault.parse::<FaultRule>().unwrap());
    let options = Options {
        jwt: true,
        grace: Duration::from_secs(3_600),
        ..Options::default()
    };
    let sender = stopped_at(
        house.sender(options).await,
        move |event| matches!(event, Event::Waiting { what: waited, .. } if *waited == what),
    );
    let sender = match what {
        WaitingFor::Doubt => {
            let hour = Duration::from_secs(3_600);
            sender.reconciliation(batchcast::send::Reconciliation::default().grace(hour, hour))
        }
        _ => {
            let hour = Duration::from_secs(3_600);
            sender.retry(batchcast::send::Retry::default().pauses(hour, hour))
        }
    };
    let input = std::io::Cursor::new(house.input());
    // `within` is a minute, the wait an hour.
    let ended = within(sender.send_input(input, lines())).await;
    let stopped = ended.as_ref().unwrap_err();
    match what {
        WaitingFor::Doubt => assert_eq!(stopped.report.in_doubt, [1..=2], "{fault}"),
        _ => {
            assert!(
                matches!(stopped.failure.kind(), FailureKind::Interrupted),
                "{fault}: {stopped}"
            );
            assert_eq!(stopped.report.not_sent_from, Some(1), "{fault}");
        }
    }
    house.check(&ended);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_is_interrupted_at_once() {
    stopped_while_it_waits("batch: answer 429 retry-after=3600", WaitingFor::RateLimit).await;
    stopped_while_it_waits(
        "batch: answer 429 early=5 retry-after=3600",
        WaitingFor::RateLimit,
    )
    .await;
    stopped_while_it_waits("token: answer 429 retry-after=3600", WaitingFor::Token).await;
    // A 408 is no acceptance whenever it comes. A reset or a 503 behind the tail would be a doubt instead.
    stopped_while_it_waits("batch: answer 408 retry-after=3600", WaitingFor::Retry).await;
    stopped_while_it_waits("batch: answer 503", WaitingFor::Doubt).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_wants_a_year_is_left_to_a_person() {
    const YEAR: &str = "retry-after=31536000";
    for (fault, status) in [
        (format!("batch: answer 408 {YEAR}"), "408"),
        (format!("batch: answer 429 {YEAR}"), "429"),
        (format!("token: answer 503 {YEAR}"), "503"),
        (format!("token: answer 429 {YEAR}"), "429"),
        (format!("batch: answer 500; list: answer 503 {YEAR}"), "503"),
    ] {
        let house = House::new(4, 2).await;
        house.sandbox.set_faults(fault.parse().unwrap());
        let options = Options {
            jwt: true,
            ..Options::default()
        };
        // If it waits all the same, it is called back, and that is not why it is to stop.
        let minute = Duration::from_secs(60);
        let sender = stopped_at(
            house.sender(options).await,
            move |event| matches!(event, Event::Waiting { wait, .. } if *wait > minute),
        );
        let input = std::io::Cursor::new(house.input());
        let ended = within(sender.send_input(input, lines())).await;
        house.check(&ended);
        let stopped = ended.unwrap_err();
        let is_interrupted = matches!(stopped.failure.kind(), FailureKind::Interrupted);
        assert!(
            !is_interrupted && stopped.is_passing(),
            "{fault}: {stopped}"
        );
        assert!(stopped.to_string().contains(status), "{fault}: {stopped}");
        let in_doubt = fault.contains("list");
        assert_eq!(!stopped.report.in_doubt.is_empty(), in_doubt, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_429_that_does_not_say_nothing_leaves_for_30_s() {
    for (fault, what) in [
        ("batch: answer 429", WaitingFor::RateLimit),
        ("batch: answer 429 early=10", WaitingFor::RateLimit),
        ("batch: answer 500; list: answer 429", WaitingFor::RateLimit),
        ("token: answer 429", WaitingFor::Token),
        ("token: answer 503", WaitingFor::Token),
    ] {
        // Enforced, its headers would want a longer pause.
        let limit = RateLimit::announced(1_000, Duration::from_secs(60));
        let house = House::with(4, 2, |sandbox| sandbox.rate_limit(limit)).await;
        house.sandbox.set_faults(fault.parse().unwrap());
        let options = Options {
            jwt: true,
            ..Options::default()
        };
        let began = Instant::now();
        let ends = Arc::new(std::sync::Mutex::new(None));
        let end = Arc::clone(&ends);
        let sender = stopped_at(house.sender(options).await, move |event| match event {
            Event::Waiting {
                what: waited, wait, ..
            } if *waited == what => {
                end.lock().unwrap().get_or_insert(Instant::now() + *wait);
                true
            }
            _ => false,
        });
        let input = std::io::Cursor::new(house.input());
        let ended = within(sender.send_input(input, lines())).await;
        house.check(&ended);
        ended.unwrap_err();
        // It is not waited for: when it would have ended says how long it was, whatever else took its time.
        let end = ends.lock().unwrap().expect(fault);
        assert!(
            end >= began + Duration::from_secs(30),
            "{fault}: {:?}",
            end - began
        );
        assert_eq!(house.sandbox.stats().violations, 0, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_further_process_keeps_to_the_pause_that_an_earlier_one_was_asked_for() {
    // One that is waited for, and one that is too long for that.
    for (pause, is_too_long) in [(3_600, false), (100_000, true)] {
        let house = House::new(6, 2).await;
        let fault = format!("batch 2: answer 429 retry-after={pause}");
        house
            .sandbox
            .push_fault(fault.parse::<FaultRule>().unwrap());
        let run = async || {
            let sender = house.sender(Options::default()).await;
            let sender = stopped_at(sender, |event| matches!(event, Event::Waiting { .. }));
            let input = std::io::Cursor::new(house.input());
            within(sender.send_input(input, lines())).await.unwrap_err()
        };
        let began = SystemTime::now();
        let until = run().await.report.not_before.unwrap();
        assert!(until >= began + Duration::from_secs(pause));
        let requests = house.sandbox.stats().requests;
        // However often it is tried.
        for _ in 0..2 {
            let stopped = run().await;
            let is_paused = matches!(stopped.failure.kind(), FailureKind::Paused { .. });
            assert_eq!(is_paused, is_too_long, "{stopped}");
            assert!(stopped.is_passing());
            assert!(stopped.to_string().contains("before"), "{stopped}");
            let told = stopped.report.not_before.unwrap();
            // A millisecond is what is lost where it is written down.
            assert!(told + Duration::from_millis(2) > until, "{stopped}");
            assert_eq!(stopped.report.accepted, [1..=2]);
            assert_eq!(house.sandbox.stats().requests, requests);
        }
    }
}

/// Sends until it waits for long. Given up in the middle, it is as good as killed.
async fn killed_in_a_wait(sender: Sender, house: &House) {
    const LONG: Duration = Duration::from_secs(30 * 60);
    let waits = Arc::new(Notify::new());
    let seen = Arc::clone(&waits);
    let sender = sender.on_event(move |event| {
        if matches!(event, Event::Waiting { wait, .. } if wait > LONG) {
            seen.notify_one();
        }
        Ok(())
    });
    let input = std::io::Cursor::new(house.input());
    tokio::select! {
        ended = sender.send_input(input, lines()) => panic!("{ended:?}"),
        () = within(waits.notified()) => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_in_a_pause_has_told_of_it() {
    const HOUR: Duration = Duration::from_secs(3_600);
    for (fault, in_flight) in [
        ("batch 2: answer 429 retry-after=3600", 1),
        ("batch 2: answer 429 early=5 retry-after=3600", 3),
        ("batch 2: answer 500; list: answer 429 retry-after=3600", 1),
        ("token: answer 429 retry-after=3600", 1),
        ("token: answer 503 retry-after=3600", 1),
    ] {
        let house = House::new(6, 2).await;
        house.sandbox.set_faults(fault.parse().unwrap());
        let options = Options {
            in_flight,
            jwt: true,
            ..Options::default()
        };
        let began = SystemTime::now();
        killed_in_a_wait(house.sender(options).await, &house).await;
        let state = Journal::read(&house.journal()).unwrap();
        assert_eq!(state.stopped, None);
        assert!(state.not_before.unwrap() >= began + HOUR, "{fault}");

        let requests = house.sandbox.stats().requests;
        let sender = house.sender(options).await;
        let sender = stopped_at(sender, |event| matches!(event, Event::Waiting { .. }));
        let input = std::io::Cursor::new(house.input());
        let stopped = within(sender.send_input(input, lines())).await.unwrap_err();
        assert!(stopped.report.not_before.is_some(), "{fault}: {stopped}");
        assert_eq!(house.sandbox.stats().requests, requests, "{fault}");
        let journal = std::fs::read_to_string(house.journal()).unwrap();
        assert_eq!(journal.matches("{\"paused\"").count(), 1, "{journal}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_that_somebody_else_has_learned_of_is_told_as_well() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let house = House::new(2, 2).await;
    let sender = house.sender(Options::default()).await;
    drop(sender);
    // An earlier process was asked for a pause that is over.
    let (mut journal, _) = Journal::open(&house.journal()).unwrap();
    let now = SystemTime::now();
    let not_before = now - HOUR;
    journal.append(&Entry::Paused { not_before }).unwrap();
    drop(journal);
    // The application has asked for something by the same client, and was asked to wait.
    let url = house.sandbox.base_url();
    let client = client(&url, Options::default()).build().unwrap();
    client.hold_until(now + HOUR).unwrap();
    let (journal, state) = Journal::open(&house.journal()).unwrap();
    let sender = Sender::new(client, envelope()).limits(house.limits());
    killed_in_a_wait(sender.resume(journal, state), &house).await;
    let state = Journal::read(&house.journal()).unwrap();
    assert!(state.not_before.unwrap() > now + HOUR / 2, "{state:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_word_of_a_token_endpoint_is_kept_to() {
    for status in [429, 503] {
        let house = House::new(2, 2).await;
        // Four that are over soon, and one that does not say how long.
        let faults = format!("token 1-4: answer {status} retry-after=0; token 5: answer {status}");
        house.sandbox.set_faults(faults.parse().unwrap());
        let options = Options {
            jwt: true,
            ..Options::default()
        };
        let began = SystemTime::now();
        let stopped = house.run(options).await.unwrap_err();
        assert!(
            stopped.to_string().contains(&status.to_string()),
            "{stopped}"
        );
        let until = stopped.report.not_before.expect("a pause");
        assert!(until >= began + Duration::from_secs(30), "{until:?}");
    }
}
