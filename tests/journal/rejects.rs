//! The rejected messages, for reports.

use std::fs;

use batchcast::journal::{Decision, Entry, Journal, JournalError, rejects};

use crate::{accepted, commit, decided, header, in_doubt, place, refused, rejected, write};

/// The batch and the index of each reject in the journal.
fn indexes(entries: &[Entry]) -> Vec<(u64, u64)> {
    let place = place();
    write(&place.path, entries);
    rejects(&place.path)
        .unwrap()
        .map(|reject| reject.map(|(batch, reject)| (batch, reject.index)))
        .collect::<Result<_, _>>()
        .unwrap()
}

#[test]
fn they_come_in_their_order_with_all_that_was_written() {
    let place = place();
    let written = rejected(1, 0..9);
    let entries = [commit(1, 1, 10), written.clone(), accepted(1, 9, false)];
    write(&place.path, &entries);
    let found: Vec<_> = rejects(&place.path).unwrap().map(Result::unwrap).collect();
    let Entry::Rejected { batch, rejects } = written else {
        unreachable!("it is one")
    };
    let written: Vec<_> = rejects.into_iter().map(|reject| (batch, reject)).collect();
    assert_eq!(found, written);
}

#[test]
fn only_those_of_accepted_batches_are_told() {
    let found = indexes(&[
        commit(1, 1, 10),
        commit(2, 11, 20),
        rejected(1, [1, 2]),
        rejected(2, [3]),
        rejected(1, [4]),
        accepted(1, 3, false),
        // Lost with its answer, then found.
        in_doubt(2),
        accepted(2, 0, true),
        // Nobody got it.
        commit(3, 21, 30),
        rejected(3, [5]),
        refused(3),
        // Nobody knows.
        commit(4, 31, 40),
        rejected(4, [6]),
        in_doubt(4),
        // Sent twice: what counts is the last answer.
        commit(5, 41, 50),
        rejected(5, [7]),
        decided(5, Decision::Resend),
        commit(5, 41, 50),
        rejected(5, []),
        rejected(5, [8]),
        accepted(5, 1, false),
        // The second time its answer was another one's, and then it was found.
        commit(6, 51, 60),
        rejected(6, [9]),
        decided(6, Decision::Resend),
        commit(6, 51, 60),
        rejected(6, [10]),
        in_doubt(6),
        accepted(6, 1, true),
    ]);
    assert_eq!(found, [(1, 1), (1, 2), (2, 3), (1, 4), (5, 8), (6, 9)]);
    assert_eq!(indexes(&[]), []);
}

#[test]
fn they_are_those_of_the_moment_of_asking() {
    let place = place();
    let mut journal = Journal::create(&place.path, &header()).unwrap();
    for entry in [commit(1, 1, 10), rejected(1, [1]), accepted(1, 1, false)] {
        journal.append(&entry).unwrap();
    }
    let found = rejects(&place.path).unwrap();
    for entry in [commit(2, 11, 20), rejected(2, [2]), accepted(2, 1, false)] {
        journal.append(&entry).unwrap();
    }
    assert_eq!(found.count(), 1);
    assert_eq!(rejects(&place.path).unwrap().count(), 2);
}

#[test]
fn damage_is_told_before_any() {
    let place = place();
    write(
        &place.path,
        &[commit(1, 1, 10), rejected(1, [1]), accepted(1, 1, false)],
    );
    let mut bytes = fs::read(&place.path).unwrap();
    let end = bytes.len();
    bytes[end - 10] ^= 1;
    fs::write(&place.path, bytes).unwrap();
    let error = rejects(&place.path).unwrap_err();
    assert!(
        matches!(error, JournalError::Damaged { line: 4, .. }),
        "{error:?}"
    );
}
