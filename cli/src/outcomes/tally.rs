//! What all rows say together: for the summary and for the page. Constant memory, but for a few words a batch.

use std::collections::BTreeMap;

use anyhow::Result;
use batchcast::journal::Status;
use jiff::Timestamp;

use super::row::{
    IN_DOUBT, INVALID, NOT_LISTED, NOT_SENT, PASSED_OVER, REJECTED, Row, SKIPPED, UNCLEAR,
};
use crate::cost::Cost;
use crate::exit::Exit;
use crate::readable;
use crate::readback::Seen;

/// Codes and statuses come from a server. No more of them than this are told apart.
const MOST_WORDS: usize = 100;

/// Counts of rows.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) records: u64,
    /// By status.
    pub(crate) statuses: BTreeMap<String, u64>,
    /// By code: how many were rejected with it, and how many failed.
    pub(crate) codes: BTreeMap<String, Failed>,
    /// By how many segments a message took, if the server says it.
    pub(crate) segments: BTreeMap<Option<u32>, Messages>,
    pub(crate) batches: Vec<BatchTally>,
    /// Messages that the API has of the run's batches, and the list has not.
    pub(crate) left: u64,
}

/// How many failed with a code.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Failed {
    pub(crate) rejected: u64,
    pub(crate) failed: u64,
}

/// Messages, and what they cost.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Messages {
    pub(crate) count: u64,
    pub(crate) cost: Cost,
}

/// A batch of the journal.
#[derive(Debug)]
pub(crate) struct BatchTally {
    pub(crate) number: u64,
    pub(crate) records: [u64; 2],
    pub(crate) messages: u64,
    /// What the journal says of it, in a word.
    pub(crate) state: &'static str,
    pub(crate) id: Option<String>,
    /// When its answer came; or when it was committed, if none did.
    pub(crate) at: Option<Timestamp>,
    pub(crate) delivered: u64,
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    pub(crate) rejected: u64,
    pub(crate) cost: Cost,
}

impl Tally {
    /// With the batches of a run that were sent or may have been, by record.
    pub(crate) fn new(Seen { state, is_at_work }: &Seen) -> Self {
        let batches = state.held().into_iter().map(|held| {
            let (word, id) = match &held.status {
                Status::Accepted { id, .. } => ("accepted", Some(id.clone())),
                Status::Committed if *is_at_work => ("committed", None),
                Status::Skipped => ("skipped", None),
                _ => ("in doubt", None),
            };
            let at = held.settled_at.unwrap_or(held.committed.at);
            BatchTally {
                number: held.batch.number,
                records: [held.batch.first.record, held.batch.last.record],
                messages: held.batch.messages,
                state: word,
                id,
                at: Timestamp::try_from(at).ok(),
                delivered: 0,
                sent: 0,
                failed: 0,
                rejected: 0,
                cost: Cost::default(),
            }
        });
        Self {
            batches: batches.collect(),
            ..Self::default()
        }
    }

    /// Counts a row.
    pub(crate) fn add(&mut self, row: &Row<'_>) -> Result<()> {
        self.records += 1;
        count(&mut self.statuses, row.status, |number| *number += 1);
        let is_failed = is_failed(row.status);
        if let Some(code) = row.error_code {
            count(&mut self.codes, code, |failed| {
                if row.status == REJECTED {
                    failed.rejected += 1;
                } else {
                    failed.failed += 1;
                }
            });
        } else if is_failed {
            count(&mut self.codes, "no code", |failed| failed.failed += 1);
        }
        let cost = row.cost.unwrap_or_default();
        if row.message_id.is_some() || row.segments.is_some() {
            let segments = self.segments.entry(row.segments.map(|each| each.min(20)));
            let messages = segments.or_default();
            messages.count += 1;
            messages.cost += cost;
        }
        let Some(number) = row.batch else {
            return Ok(());
        };
        // Rows come in the order of the batches.
        let at = self
            .batches
            .partition_point(|batch| batch.records[1] < row.record);
        if let Some(batch) = self
            .batches
            .get_mut(at)
            .filter(|batch| batch.number == number)
        {
            batch.cost += cost;
            match row.status {
                "Delivered" => batch.delivered += 1,
                "Sent" => batch.sent += 1,
                REJECTED => batch.rejected += 1,
                _ if is_failed => batch.failed += 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// How many rows have this status.
    pub(crate) fn of(&self, status: &str) -> u64 {
        self.statuses.get(status).copied().unwrap_or_default()
    }

    /// How many messages failed behind their acceptance.
    pub(crate) fn failed(&self) -> u64 {
        self.of("SendingFailed") + self.of("DeliveryFailed")
    }

    /// How many are on their way, or in a state that is not known.
    pub(crate) fn on_their_way(&self) -> u64 {
        let known = [
            "Delivered",
            "Sent",
            "SendingFailed",
            "DeliveryFailed",
            REJECTED,
            INVALID,
            PASSED_OVER,
            NOT_SENT,
            IN_DOUBT,
            SKIPPED,
            NOT_LISTED,
            UNCLEAR,
        ];
        let known: u64 = known.iter().map(|status| self.of(status)).sum();
        self.records - known
    }

    /// How many segments there were, and what all messages cost.
    pub(crate) fn totals(&self) -> (u64, Cost) {
        let (mut segments, mut cost) = (0, Cost::default());
        for (each, messages) in &self.segments {
            segments += u64::from(each.unwrap_or(0)) * messages.count;
            cost += messages.cost;
        }
        (segments, cost)
    }

    /// How many segments there were, and of how many messages the server does not say it.
    pub(crate) fn segments_in_words(&self) -> String {
        let (segments, _) = self.totals();
        let segments = readable::count(segments, "segment", "segments");
        match self.segments.get(&None) {
            None => segments,
            Some(Messages { count: unknown, .. }) => {
                let unknown = readable::count(*unknown, "message", "messages");
                format!("{segments} (unknown for {unknown})")
            }
        }
    }

    /// What it means. Who was passed over was meant to be. In doubt outranks all else, and what is not at its end outranks what was lost on the way.
    pub(crate) fn exit(&self) -> Exit {
        if self.of(IN_DOUBT) > 0 {
            Exit::InDoubt
        } else if self.of(NOT_SENT) + self.on_their_way() > 0 {
            Exit::Stopped
        } else if self.of("Delivered") + self.of("Sent") + self.of(PASSED_OVER) < self.records {
            Exit::Partial
        } else {
            Exit::Accepted
        }
    }
}

fn is_failed(status: &str) -> bool {
    matches!(status, "SendingFailed" | "DeliveryFailed")
}

fn count<T: Default>(counts: &mut BTreeMap<String, T>, word: &str, add: impl FnOnce(&mut T)) {
    if let Some(known) = counts.get_mut(word) {
        return add(known);
    }
    let word = if counts.len() < MOST_WORDS {
        word
    } else {
        "other"
    };
    add(counts.entry(word.to_owned()).or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_that_nobody_knows_are_not_taken_for_none() {
        let mut tally = Tally::default();
        let messages = |count| Messages {
            count,
            ..Messages::default()
        };
        tally.segments.insert(Some(2), messages(3));
        tally.segments.insert(Some(0), messages(1));
        assert_eq!(tally.segments_in_words(), "6 segments");
        tally.segments.insert(None, messages(1));
        assert_eq!(
            tally.segments_in_words(),
            "6 segments (unknown for 1 message)"
        );
    }
}
