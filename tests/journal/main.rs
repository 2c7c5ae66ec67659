//! The journal, written to and read from real files.

#![cfg(feature = "send")]

mod damage;
mod disk;
mod format;
mod order;
mod random;
mod rejects;

use std::path::{Path, PathBuf};

use batchcast::encode::{Batch, Limits};
use batchcast::journal::{Decision, Entry, Header, Journal, Rejected, Shape, State};
use batchcast::{Envelope, PhoneNumber, Position};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A directory for one test, and a path in it where there is nothing yet.
struct Place {
    path: PathBuf,
    _dir: TempDir,
}

fn place() -> Place {
    place_in(tempfile::tempdir().unwrap())
}

/// The same where forcing to disk costs nothing, if there is such a place: for what is done thousands of
/// times.
fn quick_place() -> Place {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    place_in(in_memory.or_else(|_| tempfile::tempdir()).unwrap())
}

fn place_in(dir: TempDir) -> Place {
    Place {
        path: dir.path().join("list.journal"),
        _dir: dir,
    }
}

fn header() -> Header {
    let envelope = Envelope::new(PhoneNumber::parse("+16505550100").unwrap());
    let Value::Object(application) = json!({"format": "csv", "to-field": "téléphone", "at": "crc"})
    else {
        unreachable!("it is an object")
    };
    Header::new(Shape::new(&envelope, Limits::default()), application)
}

/// A batch of the records from `first` to `last`.
fn batch(number: u64, first: u64, last: u64) -> Batch {
    let position = |record| Position {
        record,
        line: record + 1,
        byte: record * 13,
    };
    Batch {
        number,
        first: position(first),
        last: position(last),
        messages: (last + 1).saturating_sub(first),
        bytes: 1_000 * number,
        digest: 0xfedc_ba98_7654_3210 ^ number,
    }
}

fn commit(number: u64, first: u64, last: u64) -> Entry {
    let batch = batch(number, first, last);
    Entry::Commit {
        batch,
        // As a process has it that has had an answer.
        server_time: (number > 1).then(some_time),
        server_time_latest: (number > 2).then(some_time),
        upload_ms: (number > 1).then_some(1_000 * number),
        upload_ms_least: (number > 2).then_some(500 * number),
    }
}

fn some_time() -> std::time::SystemTime {
    std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_767_323_045_678)
}

fn rejected(batch: u64, indexes: impl IntoIterator<Item = u64>) -> Entry {
    let reject = |index| Rejected {
        index,
        record: (index % 2 == 0).then_some(index + 100),
        line: (index % 4 == 0).then_some(index + 101),
        code: "SMS-RC-410".to_owned(),
    };
    let rejects = indexes.into_iter().map(reject).collect();
    Entry::Rejected { batch, rejects }
}

fn accepted(batch: u64, rejected: u64, found: bool) -> Entry {
    Entry::Accepted {
        batch,
        id: format!("3157ac7d-{batch:04}"),
        batch_size: batch.is_multiple_of(2).then_some(7),
        rejected,
        unplaced: 0,
        creation_time: (batch % 2 == 1).then(|| "2020-10-12T16:59:55.053902Z".to_owned()),
        found,
    }
}

fn refused(batch: u64) -> Entry {
    let code = batch.is_multiple_of(2).then(|| "CMN-101".to_owned());
    let status = 400;
    Entry::Refused {
        batch,
        status,
        code,
    }
}

fn withdrawn(batch: u64) -> Entry {
    let reason = "the connection was reset".to_owned();
    Entry::Withdrawn { batch, reason }
}

fn in_doubt(batch: u64) -> Entry {
    let reason = "the connection was reset".to_owned();
    let disowned = batch.is_multiple_of(3);
    Entry::InDoubt {
        batch,
        reason,
        disowned,
    }
}

fn decided(batch: u64, decision: Decision) -> Entry {
    Entry::Decided { batch, decision }
}

fn resumed() -> Entry {
    let version = "0.2.0".to_owned();
    let application = serde_json::Map::new();
    Entry::Resumed {
        version,
        application,
    }
}

fn paused() -> Entry {
    let not_before = some_time();
    Entry::Paused { not_before }
}

fn stopped() -> Entry {
    let reason = "interrupted".to_owned();
    let not_before = Some(some_time());
    Entry::Stopped { reason, not_before }
}

fn finished() -> Entry {
    Entry::Finished {
        batches: 1,
        messages: 2,
        rejected: 3,
        invalid: 4,
    }
}

/// A run with every kind of entry in it.
fn story() -> Vec<Entry> {
    vec![
        commit(1, 1, 10),
        rejected(1, [2, 3, 0]),
        rejected(1, [4]),
        accepted(1, 4, false),
        commit(2, 11, 20),
        refused(2),
        Entry::Limit { max_bytes: 900_000 },
        paused(),
        commit(3, 11, 15),
        accepted(3, 0, false),
        commit(4, 16, 20),
        in_doubt(4),
        stopped(),
        resumed(),
        Entry::InDoubt {
            batch: 4,
            reason: "it is not in the list".to_owned(),
            disowned: false,
        },
        decided(4, Decision::Resend),
        commit(4, 16, 20),
        in_doubt(4),
        accepted(4, 0, true),
        commit(5, 21, 30),
        commit(6, 31, 40),
        decided(6, Decision::Skip),
        refused(5),
        commit(7, 21, 21),
        accepted(7, 0, false),
        finished(),
        resumed(),
        finished(),
    ]
}

/// Writes a journal with these entries and closes it.
fn write(path: &Path, entries: &[Entry]) {
    let mut journal = Journal::create(path, &header()).unwrap();
    for entry in entries {
        journal.append(entry).unwrap();
    }
}

/// The bytes of a journal with these entries.
fn bytes(entries: &[Entry]) -> Vec<u8> {
    let place = place();
    write(&place.path, entries);
    std::fs::read(&place.path).unwrap()
}

/// A state as it would be had nothing been torn.
fn untorn(mut state: State) -> State {
    state.torn = 0;
    state
}
