//! What an earlier process has settled: which records are to be passed over, and how to see that they are the
//! same.
//!
//! Encoding is deterministic, so resuming is encoding the same input again. Where a batch of the journal begins
//! and ends is by its records; its digest says whether they are what was sent.

use std::collections::VecDeque;

use crate::encode::Batch;
use crate::journal::{BatchState, Committed, State, Status};
use crate::send::outcome::{Failure, FailureKind, RejectCount};

/// The batches of a journal whose records must not just be sent again, in the input's order.
#[derive(Debug, Default)]
pub(super) struct Replay(VecDeque<Planned>);

/// A batch of the journal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned {
    pub(super) batch: Batch,
    /// If it is not known what became of it.
    pub(super) doubt: Option<Doubt>,
    /// What the journal has of its rejects.
    pub(super) rejects: RejectCount,
}

/// What a journal says of a batch of which it is not known what became of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doubt {
    /// When the first of its attempts was committed that may have been accepted.
    pub(super) since: Committed,
    /// When it was last committed.
    pub(super) committed: Committed,
    /// It is to be sent again if it is not found.
    pub(super) is_decided: bool,
}

impl Doubt {
    fn of(batch: &BatchState) -> Option<Self> {
        let is_decided = batch.status == Status::Resend;
        batch.status.is_open().then(|| Self {
            since: batch.resent_since.unwrap_or(batch.committed),
            committed: batch.committed,
            is_decided,
        })
    }
}

impl Replay {
    pub(super) fn of(state: &State) -> Self {
        let held = state.held();
        let planned = held.into_iter().map(|held| Planned {
            batch: held.batch,
            doubt: Doubt::of(held),
            rejects: RejectCount {
                rejected: held.rejects,
                unplaced: held.unplaced,
            },
        });
        Self(planned.collect())
    }

    /// The record at which the next batch of the journal begins.
    pub(super) fn next_first(&self) -> Option<u64> {
        self.0.front().map(|planned| planned.batch.first.record)
    }

    pub(super) fn take(&mut self) -> Option<Planned> {
        self.0.pop_front()
    }
}

impl Planned {
    /// Whether what was encoded again is what was sent.
    ///
    /// # Errors
    /// If not.
    pub(super) fn check(&self, again: &Batch) -> Result<(), Failure> {
        let is_same = self.batch.first.record == again.first.record
            && self.batch.last.record == again.last.record
            && self.batch.messages == again.messages
            && self.batch.digest == again.digest;
        if is_same { Ok(()) } else { Err(self.changed()) }
    }

    /// The input has changed since this batch was sent.
    pub(super) fn changed(&self) -> Failure {
        let Batch {
            number,
            first,
            last,
            ..
        } = self.batch;
        let lines = match (first.line, last.line) {
            (0, _) | (_, 0) => String::new(),
            (first, last) => format!(" (lines {first} to {last})"),
        };
        FailureKind::Changed(format!(
            "the list has changed: batch {number} was sent with records {} to {}{lines}, and they are not the same now",
            first.record, last.record
        ))
        .into()
    }
}
