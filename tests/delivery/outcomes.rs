//! The table of outcomes: each fault of the server, and what becomes of the batch that meets it.

use std::time::Duration;

use batchcast::journal::Journal;
use batchcast::send::{DoubtPolicy, FailureKind};
use batchcast_sandbox::fault::{FaultPlan, FaultRule};

use crate::support::{Bodies, House, Options, client, envelope, lines, within};

/// What becomes of a run whose first batch meets a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Becomes {
    /// It was not accepted, and is sent again: all is delivered.
    Again,
    /// It was accepted unseen, and found: all is delivered.
    Found,
    /// Its last bytes had left, and it is not in the list: all is delivered, because the policy says to resend.
    Resent,
    /// The run stops for this reason, and nobody got a message.
    Stops(&'static str),
    /// The fault may be seen, or only the lost connection.
    StopsOrAgain,
}

use Becomes::{Again, Found, Resent, Stops, StopsOrAgain};

/// Answers in mid-upload, by their status.
const EARLY: &[(&str, Becomes)] = &[
    ("200", Again),
    ("301", Stops("301")),
    ("400 code=CMN-101", Stops("CMN-101")),
    ("401 code=OAU-128", Again),
    ("403 code=CMN-401", Stops("403")),
    ("404 body=html", Stops("404: an HTML page")),
    ("408", Again),
    ("411", Again),
    ("413 body=html", Again),
    ("500", Again),
    ("502 body=html", Again),
    ("503 body=empty", Again),
    ("garbage", Again),
];

/// Answers to the whole request, which was not carried out.
const LATE: &[(&str, Becomes)] = &[
    ("201 body=no-id", Resent),
    ("201 body=html", Resent),
    ("201 body=broken", Resent),
    ("301 location=http://127.0.0.1:9/", Stops("301")),
    ("400 code=CMN-101", Stops("CMN-101")),
    ("401 code=OAU-128", Again),
    ("403 body=html", Stops("403: an HTML page")),
    ("408", Again),
    ("411", Again),
    ("413", Again),
    ("500", Resent),
    ("503 body=empty", Resent),
    ("504 body=html", Resent),
    ("garbage", Resent),
];

const OTHERS: &[(&str, Becomes)] = &[
    ("reset after 0", Again),
    ("reset after 100", Again),
    ("reset after body 0", Again),
    ("close after body 40", Again),
    ("expire", Again),
    ("stall after body 0", Resent),
    ("answer 429 early=20 retry-after=1", Again),
    ("answer 429 retry-after=1", Again),
    ("answer 429 retry-after-date=1", Again),
    ("reset answer", Found),
    ("close answer", Found),
    ("reset answer after 40", Found),
    ("close answer after 150", Found),
    ("hold answer", Found),
    ("delay 50ms", Again),
    ("answer 500 accepted", Found),
    ("answer 502 body=html accepted", Found),
    ("answer 303 accepted", Found),
    ("answer 201 body=no-id accepted", Found),
    ("answer 201 body=html accepted", Found),
    ("answer 201 body=broken accepted", Found),
    ("answer 201 body=empty accepted", Found),
    ("answer garbage accepted", Found),
];

async fn meets(fault: &str, becomes: Becomes, in_flight: usize) {
    let shown = format!("{fault} with {in_flight}: {becomes:?}");
    let house = House::new(9, 3).await;
    let rule: FaultRule = format!("batch: {fault}").parse().expect(&shown);
    house.sandbox.push_fault(rule);
    let is_silent = fault.starts_with("hold") || fault.starts_with("stall");
    let options = Options {
        in_flight,
        jwt: true,
        policy: DoubtPolicy::Resend,
        answer_within: Duration::from_millis(if is_silent { 500 } else { 20_000 }),
        ..Options::default()
    };
    let ended = house.run(options).await;
    assert!(house.sandbox.stats().faults > 0, "{shown}");
    match (&ended, becomes) {
        (Ok(report), Again | Found | Resent | StopsOrAgain) => {
            let found = u64::from(becomes == Found);
            // Where silence is not waited for long, a busy machine may be as silent to the other batches.
            let is_right = report.found == found || (is_silent && report.found > found);
            assert!(is_right, "{shown}: {} found", report.found);
            assert_eq!(report.accepted, [1..=9], "{shown}");
            house.assert_exactly_once();
        }
        (Err(stopped), Stops(why)) => {
            assert!(stopped.to_string().contains(why), "{shown}: {stopped}");
            // Of several on their way any may be the first to leave.
            assert!(stopped.report.failed_batch.is_some(), "{shown}");
            // Resumed without the fault, it is delivered.
            house.run(options).await.unwrap();
            house.assert_exactly_once();
        }
        (Err(_), StopsOrAgain) => {
            house.run(options).await.unwrap();
            house.assert_exactly_once();
        }
        (ended, _) => panic!("{shown}: {ended:?}"),
    }
}

/// All of them, several at a time: most wait for something.
async fn all_meet(cases: Vec<(String, Becomes)>) {
    use futures::StreamExt;
    let cases = cases
        .iter()
        .flat_map(|(fault, becomes)| [(fault, *becomes, 1), (fault, *becomes, 3)]);
    let runs = cases.map(|(fault, becomes, in_flight)| meets(fault, becomes, in_flight));
    futures::stream::iter(runs)
        .buffer_unordered(8)
        .collect::<Vec<()>>()
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_in_mid_upload() {
    let mut cases = Vec::new();
    for &(answer, becomes) in EARLY {
        for then in ["keep", "close", "reset"] {
            // An answer with a reset behind it is seen or not, as the connection likes.
            let becomes = match becomes {
                Stops(_) if then == "reset" => StopsOrAgain,
                becomes => becomes,
            };
            for early in ["early", "early=60"] {
                cases.push((format!("answer {answer} {early} then={then}"), becomes));
            }
        }
    }
    all_meet(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_to_the_whole_request() {
    let mut cases = Vec::new();
    for &(answer, becomes) in LATE {
        for then in ["keep", "close"] {
            cases.push((format!("answer {answer} then={then}"), becomes));
        }
    }
    all_meet(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_other_faults() {
    let cases = OTHERS
        .iter()
        .map(|&(fault, becomes)| (fault.to_owned(), becomes));
    all_meet(cases.collect()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_further_process_can_help_is_not_passing() {
    for (messages, bodies, answer) in [
        (1, Bodies::Spooled, "413"),
        (1, Bodies::Spooled, "413 early"),
        (5, Bodies::Spooled, "413"),
        (5, Bodies::Reread, "413"),
        (1, Bodies::Gone, "413"),
        (5, Bodies::Gone, "413"),
        (5, Bodies::Spooled, "411"),
        (5, Bodies::Gone, "411"),
    ] {
        let shown = format!("{messages} {bodies:?}: {answer}");
        let house = House::new(messages, 5).await;
        let faults = format!("batch always: answer {answer}");
        house.sandbox.set_faults(faults.parse().unwrap());
        let options = Options {
            bodies,
            ..Options::default()
        };
        let limit = || {
            let state = Journal::read(&house.journal()).unwrap();
            state.max_bytes.unwrap_or(u64::MAX)
        };
        // A script goes on as long as it is told that it passes: then something must have been learned.
        let mut before = u64::MAX;
        let stopped = loop {
            let stopped = house.run(options).await.unwrap_err();
            if !stopped.is_passing() {
                break stopped;
            }
            assert!(limit() < before, "{shown}: {stopped}");
            before = limit();
        };
        assert!(stopped.to_string().contains(&answer[..3]), "{shown}");
        house.sandbox.set_faults(FaultPlan::new());
        house.run(options).await.unwrap();
        house.assert_exactly_once();
    }
}

/// A certificate for a server that is not the one that answers.
const CERTIFICATE: &str = include_str!("other.pem");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_connection_nothing_was_sent() {
    let house = House::new(4, 2).await;
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let no_tls = house.sandbox.base_url().replace("http://", "https://");
    // Too long for a name, so no name server is asked.
    let no_name = format!("https://{}.invalid", "a".repeat(64));
    for url in [format!("http://{closed}"), no_tls, no_name] {
        let options = Options::default();
        let mut client = client(&url, options);
        if url.starts_with("https") {
            client = client.ca_bundle(CERTIFICATE);
        }
        let pause = Duration::from_millis(1);
        let sender = batchcast::send::Sender::new(client.build().unwrap(), envelope())
            .limits(house.limits())
            .retry(
                batchcast::send::Retry::default()
                    .tries(2)
                    .pauses(pause, pause),
            );
        let input = std::io::Cursor::new(house.input());
        let stopped = within(sender.send_input(input, lines())).await.unwrap_err();
        assert!(
            matches!(
                stopped.failure.kind(),
                FailureKind::Transport {
                    step: "connecting",
                    ..
                }
            ),
            "{url}: {stopped}"
        );
        assert!(stopped.is_passing());
        assert_eq!(stopped.report.not_sent_from, Some(1));
        assert!(stopped.report.in_doubt.is_empty());
    }
}
