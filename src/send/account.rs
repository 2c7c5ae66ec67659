//! What a run has done until now, batch by batch, for its report.

use std::collections::BTreeSet;

use crate::encode::Batch;
use crate::journal::{self, BatchState, Status};
use crate::send::coverage::{Coverage, Fate, Place};
use crate::send::outcome::{Failure, FailureKind, Receipt, Report};

/// Where batches of the journal begin to be counted that were not got to: behind all others.
const UNREACHED: u64 = u64::MAX / 2;
/// Where those are counted of which only the first record was known.
const GIVEN_UP: u64 = UNREACHED / 2;

/// What the report is made of.
#[derive(Default)]
pub(super) struct Account {
    pub(super) report: Report,
    coverage: Coverage,
    /// The first records of batches that were given up before their ends were known.
    given_up: BTreeSet<u64>,
    /// Why the run did not come to its end, and in which batch.
    failure: Option<(Option<u64>, Failure)>,
}

impl Account {
    /// A batch, or a part of one, that was settled.
    pub(super) fn add(&mut self, place: Place, batch: &Batch, fate: Fate) {
        let records = batch.first.record..=batch.last.record;
        self.coverage.add(place, records, fate);
        if fate == Fate::Accepted {
            self.report.batches += 1;
            self.report.messages += batch.messages;
            self.report.bytes += batch.bytes;
        }
    }

    /// What the API said of a batch that it accepted.
    pub(super) fn add_receipt(&mut self, receipt: &Receipt) {
        let report = &mut self.report;
        report.rejected += receipt.rejected;
        report.unplaced += receipt.unplaced;
        report.missing += receipt.missing();
        report.found += u64::from(receipt.found);
    }

    /// A batch that begins with this record, and was not sent; where it would have ended was not known yet.
    pub(super) fn give_up(&mut self, first: u64) {
        self.given_up.insert(first);
    }

    /// A batch of the journal, as an earlier process left it.
    pub(super) fn add_held(&mut self, place: Place, batch: &Batch, status: &Status) {
        let fate = match status {
            Status::Accepted { .. } => Fate::Accepted,
            Status::Skipped => Fate::Skipped,
            _ => Fate::InDoubt,
        };
        self.add(place, batch, fate);
        let report = &mut self.report;
        if let Status::Accepted {
            rejected,
            unplaced,
            found,
            batch_size,
            ..
        } = status
        {
            report.rejected += rejected;
            report.unplaced += unplaced;
            report.missing += journal::missing(batch.messages, *batch_size, *rejected);
            report.found += u64::from(*found);
            report.replayed += 1;
        }
    }

    /// Batches of the journal that this process did not get to: the report is about the whole run.
    pub(super) fn add_unreached(&mut self, held: impl Iterator<Item = BatchState>) {
        let mut held: Vec<_> = held.collect();
        held.sort_unstable_by_key(|held| held.batch.first.record);
        let mut place = Place::whole(UNREACHED);
        for held in held {
            let first = held.batch.first.record;
            let before = self.coverage.last_before(first);
            if before + 1 < first {
                self.coverage
                    .add(place, before + 1..=first - 1, Fate::NotSent);
                place.batch += 1;
            }
            self.add_held(place, &held.batch, &held.status);
            place.batch += 1;
        }
    }

    /// Whether the run does not go on.
    pub(super) const fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// The first failure is the reason, but for an interruption, which may follow from another.
    pub(super) fn fail(&mut self, number: Option<u64>, failure: Failure) {
        let is_interruption =
            |failure: &Failure| matches!(failure.kind(), FailureKind::Interrupted);
        match &self.failure {
            Some((_, before)) if !is_interruption(before) || is_interruption(&failure) => {}
            _ => self.failure = Some((number, failure)),
        }
    }

    /// The report, and why the run did not come to its end.
    pub(super) fn close(mut self, is_finished: bool) -> (Report, Option<(Option<u64>, Failure)>) {
        let given_up = self.end_given_up();
        let mut report = self.report;
        report.accepted = self.coverage.of(Fate::Accepted);
        report.in_doubt = self.coverage.of(Fate::InDoubt);
        report.skipped = self.coverage.of(Fate::Skipped);
        report.not_sent = self.coverage.of(Fate::NotSent);
        // What was not sent last goes on into what was never begun.
        let last = self.coverage.last();
        let mut unsent_end = None;
        let mut end = last;
        while let Some(range) = report.not_sent.pop_if(|range| *range.end() == end) {
            unsent_end = Some(*range.start());
            end = range.start() - 1;
        }
        let never_begun = (!is_finished).then_some(last + 1);
        report.not_sent_from = [unsent_end, given_up, never_begun]
            .into_iter()
            .flatten()
            .min();
        (report, self.failure)
    }

    /// What was given up without an end ends before the next batch of which more is known. Returns where it begins
    /// behind all others.
    fn end_given_up(&mut self) -> Option<u64> {
        let mut place = Place::whole(GIVEN_UP);
        for &first in &self.given_up {
            if self.coverage.has(first) {
                continue;
            }
            let Some(next) = self.coverage.next_first(first) else {
                return Some(first);
            };
            self.coverage.add(place, first..=next - 1, Fate::NotSent);
            // Not its neighbour's neighbour.
            place.batch += 2;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use super::*;
    use crate::journal::Committed;
    use crate::position::Position;

    fn batch(number: u64, records: RangeInclusive<u64>) -> Batch {
        Batch {
            number,
            first: Position::of_record(*records.start()),
            last: Position::of_record(*records.end()),
            messages: records.end() - records.start() + 1,
            bytes: 1,
            digest: 0,
        }
    }

    fn held(number: u64, records: RangeInclusive<u64>) -> BatchState {
        BatchState {
            batch: batch(number, records),
            process: 0,
            status: Status::Committed,
            commits: 1,
            committed: Committed {
                at: std::time::SystemTime::UNIX_EPOCH,
                server_time: None,
                server_time_latest: None,
                upload: None,
                upload_least: None,
            },
            resent_since: None,
            settled_at: None,
            rejects: 0,
            unplaced: 0,
            named_by: 0,
            before: Default::default(),
        }
    }

    #[test]
    fn what_was_given_up_without_an_end_ends_before_what_is_in_doubt_behind_it() {
        // A lane fails before the encoder has come to its batch's end, and the next one has begun by then.
        for is_finished in [false, true] {
            let mut account = Account::default();
            account.give_up(1);
            account.add(Place::whole(1), &batch(2, 4..=6), Fate::InDoubt);
            account.give_up(7);
            let (report, _) = account.close(is_finished);
            assert_eq!(report.in_doubt, [4..=6]);
            assert_eq!(report.not_sent, [1..=3]);
            assert_eq!(report.not_sent_from, Some(7));
        }
    }

    #[test]
    fn what_was_not_got_to_does_not_hide_what_was_given_up_before_it() {
        let mut account = Account::default();
        account.give_up(1);
        account.add(Place::whole(2), &batch(4, 4..=4), Fate::InDoubt);
        account.add_unreached([held(2, 2..=2), held(7, 7..=8)].into_iter());
        let (report, _) = account.close(false);
        assert_eq!(report.in_doubt, [2..=2, 4..=4, 7..=8]);
        assert_eq!(report.not_sent, [1..=1, 5..=6]);
        assert_eq!(report.not_sent_from, Some(9));
    }

    #[test]
    fn what_was_not_sent_at_the_end_is_told_in_one_piece() {
        let mut account = Account::default();
        account.give_up(1);
        account.add(Place::whole(1), &batch(2, 3..=4), Fate::NotSent);
        let (report, _) = account.close(false);
        assert_eq!((report.not_sent, report.not_sent_from), (vec![], Some(1)));
    }

    #[test]
    fn two_that_were_given_up_in_one_gap_are_one() {
        let mut account = Account::default();
        account.add(Place::whole(0), &batch(1, 1..=2), Fate::Accepted);
        account.give_up(3);
        account.give_up(5);
        account.add(Place::whole(3), &batch(4, 9..=9), Fate::Accepted);
        let (report, _) = account.close(false);
        assert_eq!(report.accepted, [1..=2, 9..=9]);
        assert_eq!(
            (report.not_sent, report.not_sent_from),
            (vec![3..=8], Some(10))
        );
    }
}
