//! Random faults, random options, processes that end at random: nobody gets a message twice, and once all is well
//! again everybody gets one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use batchcast::send::DoubtPolicy;
use batchcast_sandbox::fault::FaultRule;
use proptest::prelude::*;
use tokio::sync::Notify;

use crate::support::{Bodies, House, Options, lines, within};

/// What can go wrong, in any order. Nothing is hidden from the list: that is what the grace period is for.
const FAULTS: &[&str] = &[
    "batch: reset after 0",
    "batch: reset after 200",
    "batch: close after body 7",
    "batch: reset after body 90",
    "batch: close after body 165",
    "batch: answer 401 early",
    "batch: answer 401",
    "batch: answer 403",
    "batch: answer 408 early",
    "batch: answer 411 early then=reset",
    "batch: answer 413 early",
    "batch: answer 413",
    "batch: answer 429 early retry-after=0",
    "batch: answer 429 retry-after=0",
    "batch: answer 500 early=20",
    "batch: answer 500",
    "batch: answer 502 body=html accepted",
    "batch: answer 201 body=no-id accepted",
    "batch: answer 201 body=broken",
    "batch: reset answer",
    "batch: close answer after 20",
    "batch: reset answer after 200",
    "batch: answer garbage accepted",
    "batch: expire",
    "batch: delay 20ms",
    "list: answer 503",
    "list: answer 403",
    "list: reset answer",
    "messages: answer 500",
    "messages: answer 200 body=broken",
    "token: answer 503 retry-after=0",
    "token: reset answer",
];

/// A process of the run, and the one event at which it is killed, if it is.
#[derive(Debug, Clone)]
struct Process {
    faults: Vec<&'static str>,
    in_flight: usize,
    bodies: Bodies,
    policy: DoubtPolicy,
    tries: u32,
    killed_at: Option<u32>,
}

fn process() -> impl Strategy<Value = Process> {
    let policy = prop_oneof![
        Just(DoubtPolicy::Stop),
        Just(DoubtPolicy::Stop),
        Just(DoubtPolicy::Resend),
        Just(DoubtPolicy::Skip),
    ];
    let bodies = prop_oneof![
        2 => Just(Bodies::Spooled),
        2 => Just(Bodies::Reread),
        1 => Just(Bodies::Gone),
    ];
    (
        prop::collection::vec(prop::sample::select(FAULTS), 0..8),
        prop_oneof![Just(1), 2..=4_usize],
        bodies,
        policy,
        1..4_u32,
        prop::option::of(0..60_u32),
    )
        .prop_map(
            |(faults, in_flight, bodies, policy, tries, killed_at)| Process {
                faults,
                in_flight,
                bodies,
                policy,
                tries,
                killed_at,
            },
        )
}

/// Returns the records that were skipped, if the run has come to its end.
async fn go(house: &House, process: &Process) -> Option<u64> {
    for fault in &process.faults {
        house
            .sandbox
            .push_fault(fault.parse::<FaultRule>().unwrap());
    }
    let options = Options {
        in_flight: process.in_flight,
        bodies: process.bodies,
        policy: process.policy,
        tries: process.tries,
        jwt: true,
        ..Options::default()
    };
    let (killed, countdown) = (Arc::new(Notify::new()), AtomicU32::new(0));
    let kill = Arc::clone(&killed);
    let killed_at = process.killed_at;
    let sender = house.sender(options).await.on_event(move |_| {
        if killed_at == Some(countdown.fetch_add(1, Ordering::Relaxed)) {
            kill.notify_one();
        }
        Ok(())
    });
    let input = std::io::Cursor::new(house.input());
    let ended = tokio::select! {
        biased;
        // Dropped in the middle, as a process that is gone leaves it.
        () = killed.notified() => None,
        ended = within(sender.send_input(input, lines())) => Some(ended),
    };
    house.sandbox.settled().await.unwrap();
    if let Some(ended) = &ended {
        house.check(ended);
    }
    let report = ended?.ok()?;
    Some(
        report
            .skipped
            .iter()
            .map(|range| range.end() - range.start() + 1)
            .sum(),
    )
}

async fn at_most_once_and_in_the_end_once(processes: &[Process], messages: usize, per_batch: u64) {
    let house = House::new(messages, per_batch).await;
    for process in processes {
        go(&house, process).await;
        let times = house.times_accepted();
        assert!(times.iter().all(|times| *times <= 1), "{times:?}");
    }
    house
        .sandbox
        .set_faults(batchcast_sandbox::fault::FaultPlan::new());
    let all_is_well = Process {
        faults: Vec::new(),
        in_flight: 2,
        bodies: Bodies::Spooled,
        policy: DoubtPolicy::Resend,
        tries: 3,
        killed_at: None,
    };
    let skipped = go(&house, &all_is_well).await.expect("it comes to its end");
    let missing = house
        .times_accepted()
        .iter()
        .filter(|times| **times == 0)
        .count();
    assert_eq!(missing as u64, skipped);
}

fn cases() -> u32 {
    let cases = std::env::var("BATCHCAST_DELIVERY_CASES").ok();
    cases.and_then(|cases| cases.parse().ok()).unwrap_or(40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_wrong(
        processes in prop::collection::vec(process(), 1..4),
        messages in 1..30_usize,
        per_batch in 1..6_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(at_most_once_and_in_the_end_once(&processes, messages, per_batch));
    }
}
