//! Any entries in any order: what is admitted, and what they say together, against a naive twin that
//! looks through the whole history for every question.

use std::ops::RangeInclusive;
use std::time::Duration;

use batchcast::journal::{BatchState, Decision, Entry, Journal, JournalError, State, Status};
use proptest::prelude::*;

use crate::{
    accepted, commit, decided, finished, header, in_doubt, paused, quick_place, refused, rejected,
    resumed, stopped, withdrawn,
};

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let batch = 1..5_u64;
    let entry = prop_oneof![
        6 => (batch.clone(), 0..16_u64, 0..4_u64)
            .prop_map(|(batch, first, more)| commit(batch, first, first + more)),
        2 => (batch.clone(), prop::collection::vec(0..9_u64, 0..5))
            .prop_map(|(batch, indexes)| rejected(batch, indexes)),
        2 => (batch.clone(), any::<bool>()).prop_map(|(batch, found)| accepted(batch, 1, found)),
        2 => batch.clone().prop_map(refused),
        1 => batch.clone().prop_map(withdrawn),
        3 => batch.clone().prop_map(in_doubt),
        3 => (batch, any::<bool>()).prop_map(|(batch, skip)| {
            decided(batch, if skip { Decision::Skip } else { Decision::Resend })
        }),
        1 => (0..5_u64).prop_map(|max_bytes| Entry::Limit { max_bytes }),
        1 => Just(resumed()),
        1 => Just(paused()),
        1 => Just(stopped()),
        1 => Just(finished()),
    ];
    prop::collection::vec(entry, 0..60)
}

proptest! {
    #[test]
    fn a_journal_says_what_a_naive_reader_of_its_history_says(entries in entries()) {
        let place = quick_place();
        let mut journal = Journal::create(&place.path, &header()).unwrap();
        let mut history = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            // Now and then by another process, after which the rules must be as they were.
            if at % 16 == 15 {
                drop(journal);
                journal = Journal::open(&place.path).unwrap().0;
            }
            let admitted = match journal.append(entry) {
                Ok(()) => true,
                Err(JournalError::Order { .. }) => false,
                Err(error) => panic!("{error}"),
            };
            prop_assert_eq!(admitted, may_follow(&history, entry), "{:?} after {:?}", entry, history);
            if admitted {
                history.push(entry.clone());
            }
        }
        drop(journal);
        let state = Journal::read(&place.path).unwrap();
        compare(&state, &history);
        let (_, opened) = Journal::open(&place.path).unwrap();
        prop_assert_eq!(opened, state);
    }
}

/// The entry that last changed what this batch is.
fn last(history: &[Entry], number: u64) -> Option<&Entry> {
    history.iter().rev().find(|entry| match entry {
        Entry::Commit { batch, .. } => batch.number == number,
        Entry::Accepted { batch, .. }
        | Entry::Refused { batch, .. }
        | Entry::Withdrawn { batch, .. }
        | Entry::InDoubt { batch, .. }
        | Entry::Decided { batch, .. } => *batch == number,
        _ => false,
    })
}

/// Its last bytes may have left, and that was the last that was written of it.
fn is_fresh(history: &[Entry], number: u64) -> bool {
    let last = last(history, number);
    matches!(last, Some(Entry::Commit { .. } | Entry::InDoubt { .. }))
}

fn nobody_got_the_last(history: &[Entry], number: u64) -> bool {
    let last = last(history, number);
    matches!(last, Some(Entry::Refused { .. } | Entry::Withdrawn { .. }))
}

fn was_to_be_sent_again(history: &[Entry], number: u64) -> bool {
    history.iter().any(
        |it| matches!(it, Entry::Decided { batch, decision: Decision::Resend } if *batch == number),
    )
}

/// It is to be sent again, and was not.
fn is_resend(history: &[Entry], number: u64) -> bool {
    let decided = matches!(
        last(history, number),
        Some(Entry::Decided {
            decision: Decision::Resend,
            ..
        })
    );
    let refused = nobody_got_the_last(history, number);
    decided || (refused && was_to_be_sent_again(history, number))
}

fn is_open(history: &[Entry], number: u64) -> bool {
    is_fresh(history, number) || is_resend(history, number)
}

fn is_free(history: &[Entry], number: u64) -> bool {
    nobody_got_the_last(history, number) && !was_to_be_sent_again(history, number)
}

fn last_commit(history: &[Entry], number: u64) -> Option<RangeInclusive<u64>> {
    history.iter().rev().find_map(|entry| match entry {
        Entry::Commit { batch, .. } if batch.number == number => {
            Some(batch.first.record..=batch.last.record)
        }
        _ => None,
    })
}

fn numbers(history: &[Entry]) -> Vec<u64> {
    let mut numbers = Vec::new();
    for entry in history {
        if let Entry::Commit { batch, .. } = entry
            && !numbers.contains(&batch.number)
        {
            numbers.push(batch.number);
        }
    }
    numbers
}

fn is_finished(history: &[Entry]) -> bool {
    history
        .iter()
        .rev()
        .find(|entry| matches!(entry, Entry::Finished { .. } | Entry::Resumed { .. }))
        .is_some_and(|entry| matches!(entry, Entry::Finished { .. }))
}

fn may_follow(history: &[Entry], entry: &Entry) -> bool {
    if is_finished(history) {
        return matches!(entry, Entry::Resumed { .. });
    }
    match entry {
        Entry::Commit { batch, .. } => {
            let taken = |record| {
                numbers(history).into_iter().any(|number| {
                    !is_free(history, number)
                        && last_commit(history, number).unwrap().contains(&record)
                })
            };
            let number = batch.number;
            let mut records = batch.first.record..=batch.last.record;
            if is_resend(history, number) {
                return last_commit(history, number) == Some(records);
            }
            let is_new = last(history, number).is_none() || is_free(history, number);
            batch.first.record > 0 && is_new && !records.any(taken)
        }
        Entry::Accepted { batch, found, .. } => match last(history, *batch) {
            Some(Entry::Commit { .. }) => true,
            _ => *found && is_open(history, *batch),
        },
        Entry::Refused { batch, .. } | Entry::Withdrawn { batch, .. } => {
            matches!(last(history, *batch), Some(Entry::Commit { .. }))
        }
        Entry::Rejected { batch, .. } | Entry::InDoubt { batch, .. } => is_fresh(history, *batch),
        Entry::Decided { batch, .. } => is_open(history, *batch),
        Entry::Limit { max_bytes } => *max_bytes > 0,
        Entry::Finished { .. } => !numbers(history)
            .into_iter()
            .any(|number| is_open(history, number)),
        _ => true,
    }
}

fn compare(state: &State, history: &[Entry]) {
    let numbers = numbers(history);
    let found: Vec<_> = state.batches.iter().map(|it| it.batch.number).collect();
    assert_eq!(found, numbers);
    for batch in &state.batches {
        compare_batch(batch, history);
    }

    assert_eq!(state.finished, is_finished(history));
    let ever = history
        .iter()
        .any(|it| matches!(it, Entry::Finished { .. }));
    assert_eq!(state.totals.is_some(), ever);
    let resumed = history
        .iter()
        .filter(|it| matches!(it, Entry::Resumed { .. }));
    assert_eq!(state.resumed, resumed.count() as u64);
    let ended = history
        .iter()
        .rev()
        .find(|it| matches!(it, Entry::Stopped { .. } | Entry::Resumed { .. }));
    assert_eq!(
        state.stopped.is_some(),
        matches!(ended, Some(Entry::Stopped { .. }))
    );
    let limits = history.iter().filter_map(|it| match it {
        Entry::Limit { max_bytes } => Some(*max_bytes),
        _ => None,
    });
    assert_eq!(state.max_bytes, limits.min());

    let open = |number: &u64| is_open(history, *number);
    let open: Vec<_> = numbers.iter().copied().filter(open).collect();
    assert_eq!(
        state.open().map(|it| it.batch.number).collect::<Vec<_>>(),
        open
    );
    let mut held: Vec<_> = numbers;
    held.retain(|&number| !is_free(history, number));
    held.sort_by_key(|&number| *last_commit(history, number).unwrap().start());
    let found: Vec<_> = state.held().iter().map(|it| it.batch.number).collect();
    assert_eq!(found, held);
    assert_eq!(
        state.ids().count(),
        history
            .iter()
            .filter(|it| matches!(it, Entry::Accepted { .. }))
            .count()
    );
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap()
}

fn compare_batch(state: &BatchState, history: &[Entry]) {
    let number = state.batch.number;
    let is_commit =
        |it: &&Entry| matches!(it, Entry::Commit { batch, .. } if batch.number == number);
    let commits = history.iter().filter(is_commit).count();
    assert_eq!(state.commits as usize, commits);
    let from = history.iter().rposition(|it| is_commit(&it)).unwrap();
    let committed = state.committed;
    let commit = Entry::Commit {
        batch: state.batch,
        server_time: committed.server_time,
        server_time_latest: committed.server_time_latest,
        upload_ms: committed.upload.map(millis),
        upload_ms_least: committed.upload_least.map(millis),
    };
    assert_eq!(history[from], commit);
    // Those of the last attempt that has named any, unless a later one was accepted by its own answer.
    let mut named: Vec<Option<u64>> = Vec::new();
    for entry in history {
        match (entry, named.last_mut()) {
            (Entry::Commit { batch, .. }, _) if batch.number == number => named.push(None),
            (Entry::Rejected { batch, rejects }, Some(named)) if *batch == number => {
                *named.get_or_insert_default() += rejects.len() as u64;
            }
            (
                Entry::InDoubt {
                    disowned, batch, ..
                },
                Some(named),
            ) if *batch == number && *disowned => {
                *named = None;
            }
            (Entry::Accepted { batch, found, .. }, Some(named)) if *batch == number && !found => {
                named.get_or_insert_default();
            }
            _ => {}
        }
    }
    let rejects = named.into_iter().rev().flatten().next().unwrap_or(0);
    assert_eq!(state.rejects, rejects);

    let is_held = was_to_be_sent_again(history, number);
    let status = match last(history, number).unwrap().clone() {
        Entry::Refused { .. } | Entry::Withdrawn { .. } if is_held => Status::Resend,
        Entry::Accepted {
            id,
            batch_size,
            rejected,
            unplaced,
            creation_time,
            found,
            ..
        } => Status::Accepted {
            id,
            batch_size,
            rejected,
            unplaced,
            creation_time,
            found,
        },
        Entry::Refused { status, code, .. } => Status::Refused { status, code },
        Entry::Withdrawn { .. } => Status::Withdrawn,
        Entry::InDoubt { reason, .. } => Status::InDoubt { reason },
        Entry::Decided {
            decision: Decision::Skip,
            ..
        } => Status::Skipped,
        Entry::Decided { .. } => Status::Resend,
        _ => Status::Committed,
    };
    assert_eq!(state.status, status);
}
