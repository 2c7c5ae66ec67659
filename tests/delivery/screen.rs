//! Who is passed over, all the way: what the server has is what a plain model says, whatever stopped the run and
//! however often it was gone on with.

use std::collections::HashSet;
use std::io::Cursor;
use std::sync::{Arc, Mutex};

use batchcast::screen::{NumberSet, Reason, Screen};
use batchcast::send::{DoubtPolicy, Event, Sender};
use batchcast::{Message, PhoneNumber, Position};
use batchcast_sandbox::AcceptedBatch;
use batchcast_sandbox::fault::FaultRule;
use futures::stream;
use proptest::prelude::*;

use crate::support::{Ended, House, Options, lines, within};

/// What stops a process, or does not.
const FAULTS: &[&str] = &[
    "batch: answer 403",
    "batch 2: answer 403",
    "batch 3: reset after 0",
    "batch 2: answer 503",
    "batch: reset answer",
    "batch 2: answer 413",
];

fn number(index: u8) -> PhoneNumber {
    // Some are of another plan.
    let plan = if index.is_multiple_of(5) {
        "+49151200"
    } else {
        "+1415555"
    };
    PhoneNumber::parse(&format!("{plan}{index:04}")).unwrap()
}

#[derive(Debug, Clone)]
struct Case {
    /// `None` is an invalid record.
    records: Vec<Option<u8>>,
    suppressed: HashSet<u8>,
    unique: bool,
    skip: u64,
    limit: Option<u64>,
}

/// What should come of a case.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    sent: Vec<String>,
    passed_over: Vec<(u64, Reason)>,
    invalid: u64,
}

impl Case {
    fn expected(&self) -> Expected {
        let mut expected = Expected::default();
        let mut seen = HashSet::new();
        for (record, index) in (1..).zip(&self.records) {
            if self.limit == Some(expected.sent.len() as u64) {
                break;
            }
            let reason = match index {
                _ if record <= self.skip => Reason::Skipped,
                None => {
                    expected.invalid += 1;
                    continue;
                }
                Some(index) if self.suppressed.contains(index) => Reason::Suppressed,
                Some(index) if self.unique && !seen.insert(index) => Reason::Duplicate,
                Some(index) => {
                    expected.sent.push(number(*index).as_str().to_owned());
                    continue;
                }
            };
            expected.passed_over.push((record, reason));
        }
        expected
    }

    fn screen(&self) -> Screen {
        let numbers: NumberSet = self.suppressed.iter().copied().map(number).collect();
        let screen = Screen::new().skip(self.skip).suppress(numbers);
        let screen = if self.unique { screen.unique() } else { screen };
        match self.limit {
            Some(limit) => screen.limit(limit),
            None => screen,
        }
    }

    fn input(&self) -> Vec<u8> {
        let line = |record: &Option<u8>| match record {
            Some(index) => format!("{}\n", number(*index).as_str()),
            None => "Bob\n".to_owned(),
        };
        self.records
            .iter()
            .map(line)
            .collect::<String>()
            .into_bytes()
    }

    /// As a stream, in which there are no invalid records.
    async fn send_stream(&self, sender: Sender) -> Ended {
        let messages = (1..).zip(&self.records).filter_map(|(record, index)| {
            let to = number((*index)?);
            Some(Message::new(to).at(Position::of_record(record)))
        });
        within(sender.send_stream(stream::iter(messages))).await
    }
}

fn case() -> impl Strategy<Value = Case> {
    let record = prop_oneof![9 => (0..25_u8).prop_map(Some), 1 => Just(None)];
    (
        prop::collection::vec(record, 0..40),
        prop::collection::hash_set(0..25_u8, 0..8),
        any::<bool>(),
        prop_oneof![Just(0), 0..10_u64],
        prop::option::of(0..30_u64),
    )
        .prop_map(|(records, suppressed, unique, skip, limit)| Case {
            records,
            suppressed,
            unique,
            skip,
            limit,
        })
}

async fn send_until_done(case: &Case, faults: &[&str], per_batch: u64, as_stream: bool) {
    let house = House::new(0, per_batch).await;
    let expected = case.expected();
    let mut faults = faults.iter();
    for _ in 0..20 {
        if let Some(fault) = faults.next() {
            house
                .sandbox
                .push_fault(fault.parse::<FaultRule>().unwrap());
        }
        let passed_over = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&passed_over);
        let options = Options {
            tries: 1,
            // Nothing is hidden from the list: what is not there was not accepted.
            policy: DoubtPolicy::Resend,
            ..Options::default()
        };
        let sender = house.sender(options).await;
        let sender = sender.screen(case.screen()).on_event(move |event| {
            if let Event::PassedOver {
                position, reason, ..
            } = event
            {
                told.lock().unwrap().push((position.record, reason));
            }
            Ok(())
        });
        let ended = if as_stream {
            case.send_stream(sender).await
        } else {
            within(sender.send_input(Cursor::new(case.input()), lines())).await
        };
        house.sandbox.settled().await.unwrap();
        let batches = house.sandbox.accepted();
        let all = batches.iter().flat_map(AcceptedBatch::recipients);
        let accepted: Vec<_> = all.map(str::to_owned).collect();
        assert!(
            expected.sent.starts_with(&accepted),
            "{case:?}: {accepted:?}"
        );
        let report = match ended {
            Ok(report) => report,
            Err(stopped) => {
                assert!(
                    !stopped.to_string().contains("list has changed"),
                    "{stopped}"
                );
                continue;
            }
        };
        assert_eq!(accepted, expected.sent, "{case:?}");
        assert_eq!(report.messages, expected.sent.len() as u64);
        if !as_stream {
            assert_eq!(report.invalid, expected.invalid);
            assert_eq!(*passed_over.lock().unwrap(), expected.passed_over);
            let count = |reason| {
                let of = expected
                    .passed_over
                    .iter()
                    .filter(|(_, why)| *why == reason);
                of.count() as u64
            };
            let told = report.passed_over;
            assert_eq!(
                (told.skipped, told.suppressed, told.duplicates),
                (
                    count(Reason::Skipped),
                    count(Reason::Suppressed),
                    count(Reason::Duplicate)
                )
            );
        }
        return;
    }
    panic!("it does not come to an end");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_arrives_is_what_a_model_says(
        case in case(),
        faults in prop::collection::vec(prop::sample::select(FAULTS), 0..4),
        per_batch in 1..6_u64,
        as_stream in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(send_until_done(&case, &faults, per_batch, as_stream));
    }
}

/// A message that fits into no batch was not sent: the next one to the same recipient is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_sent_is_not_the_one_that_was() {
    let house = House::new(0, 10).await;
    let list = r#"{"to":"+14155550100"}
{"to":"+14155550100","text":"Hi"}
{"to":"+14155550100","text":"Hi again"}
"#;
    let client = crate::support::client(&house.sandbox.base_url(), Options::default());
    let from = PhoneNumber::parse("+16505550100").unwrap();
    let sender = Sender::new(client.build().unwrap(), batchcast::Envelope::new(from));
    let parser = batchcast::input::Parser::new(
        batchcast::input::Format::Ndjson,
        &batchcast::input::Fields::default(),
    );
    let screen = Screen::new().unique().limit(1);
    let input = Cursor::new(list.to_owned());
    let report = sender
        .screen(screen)
        .send_input(input, parser)
        .await
        .unwrap();
    assert_eq!((report.messages, report.invalid), (1, 1));
    assert_eq!(house.sandbox.accepted()[0].recipients().count(), 1);
}
