//! Every record has one row, whatever list, journal and server have come to.

use std::collections::HashMap;

use batchcast::encode::{Batch, Limits, Splitter};
use batchcast::input::{Fields, Format, Parser};
use batchcast::journal::{Decision, Entry, Header, Journal, Rejected, Shape, State};
use batchcast::{Envelope, Message, PhoneNumber, Text};
use proptest::prelude::*;

use super::*;
use crate::outcomes::judge::knowing;
use crate::outcomes::rejects::RejectsOf;
use crate::outcomes::row::INVALID;

/// A record of a list: what stands there, and what the server makes of it.
#[derive(Debug, Clone)]
struct Case {
    /// Of few numbers, so that they come again; `None` is invalid.
    number: Option<u8>,
    /// A blank line stands before it.
    blank: bool,
    fate: Fate,
    /// A batch ends behind it.
    cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Listed,
    Unlisted,
    Rejected,
    /// Without its index.
    Unplaced,
}

/// What a journal says of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    Accepted,
    Missing,
    InDoubt,
    Skipped,
    Refused,
    NotCommitted,
}

fn case() -> impl Strategy<Value = Case> {
    let fate = prop_oneof![
        4 => Just(Fate::Listed),
        1 => Just(Fate::Unlisted),
        1 => Just(Fate::Rejected),
        1 => Just(Fate::Unplaced),
    ];
    let number = prop::option::weighted(0.8, 0..6_u8);
    let bits = (prop::bool::weighted(0.2), prop::bool::weighted(0.3));
    (number, bits, fate).prop_map(|(number, (blank, cut), fate)| Case {
        number,
        blank,
        fate,
        cut,
    })
}

fn became() -> impl Strategy<Value = Became> {
    prop_oneof![
        5 => Just(Became::Accepted),
        1 => Just(Became::Missing),
        1 => Just(Became::InDoubt),
        1 => Just(Became::Skipped),
        1 => Just(Became::Refused),
        1 => Just(Became::NotCommitted),
    ]
}

fn number(of: u8) -> String {
    format!("+1415555010{of}")
}

/// That of a batch with these numbers.
fn digest(envelope: &Envelope, numbers: impl Iterator<Item = u8>) -> u64 {
    let mut splitter = Splitter::new(envelope, Limits::default()).unwrap();
    for of in numbers {
        let number = PhoneNumber::parse(&number(of)).unwrap();
        let _ = splitter.push(&Message::new(number)).unwrap();
    }
    splitter.finish().unwrap().batch.digest
}

/// A list, the batches that were made of it, and what a server has of each.
struct World {
    list: String,
    state: State,
    listed: HashMap<u64, Vec<serde_json::Value>>,
    rejects: RejectsOf,
    /// What each record should have become; `None` may be one of several.
    expected: Vec<&'static [&'static str]>,
    _dir: tempfile::TempDir,
}

fn world(cases: &[Case], fates: &[Became]) -> World {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let envelope = Envelope::new(PhoneNumber::parse("+16505550100").unwrap());
    let envelope = envelope.with_text(Text::new("Hello").unwrap());
    let header = Header::new(Shape::new(&envelope, Limits::default()), Default::default());
    let mut journal = Journal::create(&path, &header).unwrap();
    let mut list = String::new();
    let mut places = Vec::new();
    for (case, record) in cases.iter().zip(1..) {
        if case.blank {
            list.push('\n');
        }
        let position = Position {
            record,
            line: list.lines().count() as u64 + 1,
            byte: list.len() as u64,
        };
        list += &case.number.map_or_else(|| "Bob".to_owned(), number);
        list.push('\n');
        places.push(position);
    }

    let mut listed = HashMap::new();
    let mut expected: Vec<&'static [&'static str]> = vec![&[NOT_SENT]; cases.len()];
    for (at, case) in cases.iter().enumerate() {
        if case.number.is_none() {
            expected[at] = &[INVALID];
        }
    }
    let mut fates = fates.iter().copied().cycle();
    let mut begin = 0;
    for (end, number) in (1..=cases.len())
        .filter(|&end| end == cases.len() || cases[end - 1].cut)
        .zip(1..)
    {
        let valid: Vec<_> = (begin..end)
            .filter(|&at| cases[at].number.is_some())
            .collect();
        begin = end;
        let became = fates.next().unwrap();
        let (Some(&first), Some(&last)) = (valid.first(), valid.last()) else {
            continue;
        };
        if became == Became::NotCommitted {
            continue;
        }
        let numbers = valid.iter().filter_map(|&at| cases[at].number);
        let batch = Batch {
            number,
            first: places[first],
            last: places[last],
            messages: valid.len() as u64,
            bytes: 1,
            digest: digest(&envelope, numbers),
        };
        let commit = Entry::Commit {
            batch,
            server_time: None,
            server_time_latest: None,
            upload_ms: None,
            upload_ms_least: None,
        };
        journal.append(&commit).unwrap();
        let (mut rejects, mut messages) = (Vec::new(), Vec::new());
        for (&at, index) in valid.iter().zip(1..) {
            let code = "SMS-RC-410".to_owned();
            let (record, line) = (Some(places[at].record), Some(places[at].line));
            match cases[at].fate {
                Fate::Listed => messages.push(serde_json::json!({
                    "id": format!("{number}{at:03}"),
                    "to": [super::tests::number(cases[at].number.unwrap())],
                    "messageStatus": "Delivered",
                })),
                Fate::Unlisted => {}
                Fate::Rejected => rejects.push(Rejected {
                    index,
                    record,
                    line,
                    code,
                }),
                Fate::Unplaced => rejects.push(Rejected {
                    index: 0,
                    record: None,
                    line: None,
                    code,
                }),
            }
            expected[at] = match (became, cases[at].fate) {
                (Became::Accepted | Became::Missing, Fate::Rejected) => &[REJECTED],
                // The same number twice in a batch: which of them is listed cannot be told.
                (Became::Accepted, _) => &["Delivered", NOT_LISTED],
                (Became::Missing, _) => &[NOT_LISTED],
                (Became::InDoubt, _) => &[IN_DOUBT],
                (Became::Skipped, _) => &[SKIPPED],
                (Became::Refused | Became::NotCommitted, _) => &[NOT_SENT],
            };
        }
        // The API's order is its own.
        messages.reverse();
        let decision = Decision::Skip;
        let reason = || "lost".to_owned();
        match became {
            Became::Accepted | Became::Missing => {
                let rejected = rejects.len() as u64;
                let unplaced = rejects
                    .iter()
                    .filter(|reject| reject.record.is_none())
                    .count() as u64;
                if !rejects.is_empty() {
                    journal
                        .append(&Entry::Rejected {
                            batch: number,
                            rejects,
                        })
                        .unwrap();
                }
                let accepted = Entry::Accepted {
                    batch: number,
                    id: format!("id-{number}"),
                    batch_size: None,
                    rejected,
                    unplaced,
                    creation_time: None,
                    found: false,
                };
                journal.append(&accepted).unwrap();
                if became == Became::Accepted {
                    listed.insert(number, messages);
                }
            }
            Became::InDoubt => journal
                .append(&Entry::InDoubt {
                    batch: number,
                    reason: reason(),
                    disowned: false,
                })
                .unwrap(),
            Became::Skipped => journal
                .append(&Entry::Decided {
                    batch: number,
                    decision,
                })
                .unwrap(),
            Became::Refused => {
                let refused = Entry::Refused {
                    batch: number,
                    status: 400,
                    code: None,
                };
                journal.append(&refused).unwrap();
            }
            Became::NotCommitted => {}
        }
    }
    drop(journal);
    World {
        list,
        state: Journal::read(&path).unwrap(),
        listed,
        rejects: RejectsOf::new(&path).unwrap(),
        expected,
        _dir: dir,
    }
}

/// The rows as record, line, number, status and message id; and how many messages are left.
type Told = (Vec<(u64, u64, Option<String>, String, Option<String>)>, u64);

fn told(world: &mut World) -> Result<Told> {
    let parser = Parser::new(Format::Lines, &Fields::default());
    // Small blocks: a record is cut anywhere.
    let mut reader = Reader::with_block_bytes(world.list.as_bytes(), parser, 7);
    let mut rows = Vec::new();
    let (listed, rejects) = (&world.listed, &mut world.rejects);
    let held = world.state.held();
    let mut judge = Judge::new(knowing(Some("Hello"))).unwrap();
    let ask = |batch: &BatchState| {
        let joined = listed.get(&batch.batch.number).map(|messages| {
            let mut joined = Joined::default();
            for message in messages {
                joined.push(&serde_json::from_value(message.clone()).unwrap());
            }
            joined.sort();
            joined
        });
        let rejects = rejects.batch(batch)?;
        Ok(Answer { joined, rejects })
    };
    let left = walk(&mut reader, &held, false, &mut judge, ask, |row| {
        rows.push((
            row.record,
            row.line,
            row.to.map(str::to_owned),
            row.status.to_owned(),
            row.message_id.as_deref().map(str::to_owned),
        ));
        Ok(())
    })?;
    Ok((rows, left))
}

proptest! {
    // Each makes a journal, which is forced to disk.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_record_has_one_row_and_every_message_one_record(
        cases in prop::collection::vec(case(), 0..40),
        fates in prop::collection::vec(became(), 1..8),
    ) {
        let mut world = world(&cases, &fates);
        let (rows, left) = told(&mut world).unwrap();
        prop_assert_eq!(rows.len(), cases.len());
        let mut seen = Vec::new();
        for ((row, case), record) in rows.iter().zip(&cases).zip(1..) {
            prop_assert_eq!(row.0, record);
            prop_assert_eq!(&row.2, &case.number.map(number));
            let at = usize::try_from(record).unwrap() - 1;
            prop_assert!(world.expected[at].contains(&row.3.as_str()), "{:?}", row);
            prop_assert_eq!(row.3 == "Delivered", row.4.is_some());
            seen.extend(row.4.clone());
        }
        // Nobody else has any of them, none is there twice, and what is not there is told.
        let all: Vec<_> = world.listed.values().flatten().collect();
        seen.sort();
        seen.dedup();
        prop_assert_eq!(seen.len() as u64 + left, all.len() as u64);
        // All messages are of numbers of their batch, and of each number there are enough records.
        prop_assert_eq!(left, 0);
    }
}

#[test]
fn another_list_is_refused() {
    let case = |cut| Case {
        number: Some(1),
        blank: false,
        fate: Fate::Listed,
        cut,
    };
    let cases = [case(true), case(true), case(true)];
    let accepted = [Became::Accepted];
    for (list, part) in [
        (number(1) + "\n\n" + &number(1) + "\n", "was at line 2"),
        (number(1) + "\n", "ends before record 2"),
        // The first batch is the same.
        (
            number(1) + "\n" + &number(2) + "\n" + &number(1) + "\n",
            "batch 2 was sent with",
        ),
    ] {
        let mut world = world(&cases, &accepted);
        world.list = list;
        let error = told(&mut world).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        assert!(!error.contains("5550101"), "{error}");
    }
}

#[test]
fn a_record_that_waits_takes_as_much_as_is_said() {
    assert!(size_of::<Item>() <= 96);
}
