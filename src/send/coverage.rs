//! What became of which records, as ranges: kept small by joining neighbours of the same fate.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// What became of the records of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Accepted,
    InDoubt,
    Skipped,
    NotSent,
}

/// The fates of all batches that were settled, by their first record.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// First record → the rest of it. Ranges do not meet.
    ranges: BTreeMap<u64, Range>,
}

#[derive(Debug, Clone, Copy)]
struct Range {
    last: u64,
    fate: Fate,
    /// What the range begins and ends with. Records between two neighbours are invalid ones.
    from: Place,
    to: Place,
}

/// Where a batch stands among all, by the input's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) batch: u64,
    /// Which part of it this is, if it was split.
    pub(super) part: u32,
    pub(super) is_last_part: bool,
}

impl Place {
    /// A batch that is in one part.
    pub(super) const fn whole(batch: u64) -> Self {
        Self {
            batch,
            part: 0,
            is_last_part: true,
        }
    }

    const fn is_just_before(self, other: Self) -> bool {
        let is_next_part = self.batch == other.batch && self.part + 1 == other.part;
        let is_next_batch = self.batch + 1 == other.batch && self.is_last_part && other.part == 0;
        is_next_part || is_next_batch
    }
}

impl Coverage {
    /// Adds a batch: its place among all, its records.
    pub(super) fn add(&mut self, place: Place, records: RangeInclusive<u64>, fate: Fate) {
        let (mut first, mut range) = (
            *records.start(),
            Range {
                last: *records.end(),
                fate,
                from: place,
                to: place,
            },
        );
        let joins = |earlier: &Range, later: &Range| {
            earlier.fate == later.fate && earlier.to.is_just_before(later.from)
        };
        if let Some((&start, before)) = self.ranges.range(..first).next_back()
            && joins(before, &range)
        {
            range.from = before.from;
            first = start;
            self.ranges.remove(&start);
        }
        if let Some((&start, behind)) = self.ranges.range(first..).next()
            && joins(&range, behind)
        {
            range.last = behind.last;
            range.to = behind.to;
            self.ranges.remove(&start);
        }
        self.ranges.insert(first, range);
    }

    /// The records of one fate, in ascending order.
    pub(super) fn of(&self, fate: Fate) -> Vec<RangeInclusive<u64>> {
        let ranges = self.ranges.iter().filter(|(_, range)| range.fate == fate);
        ranges.map(|(&first, range)| first..=range.last).collect()
    }

    /// Whether this record has a fate.
    pub(super) fn has(&self, record: u64) -> bool {
        let range = self.ranges.range(..=record).next_back();
        range.is_some_and(|(_, range)| record <= range.last)
    }

    /// The last record before this one that has a fate.
    pub(super) fn last_before(&self, record: u64) -> u64 {
        let range = self.ranges.range(..record).next_back();
        range.map_or(0, |(_, range)| range.last)
    }

    /// The first record from this one on with which a range begins.
    pub(super) fn next_first(&self, record: u64) -> Option<u64> {
        self.ranges.range(record..).next().map(|(&first, _)| first)
    }

    /// The last record that has a fate.
    pub(super) fn last(&self) -> u64 {
        self.ranges
            .last_key_value()
            .map_or(0, |(_, range)| range.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_fate_are_one_range_in_whatever_order_they_come() {
        let batches = [(0, 1..=5), (1, 8..=9), (2, 10..=20), (3, 30..=31)];
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [0, 3, 1, 2]] {
            let mut coverage = Coverage::default();
            for index in order {
                let (batch, records) = batches[index].clone();
                coverage.add(Place::whole(batch), records, Fate::Accepted);
            }
            assert_eq!(coverage.of(Fate::Accepted), [1..=31], "{order:?}");
        }
    }

    #[test]
    fn what_lies_between_is_told_apart() {
        let mut coverage = Coverage::default();
        coverage.add(Place::whole(0), 1..=5, Fate::Accepted);
        coverage.add(Place::whole(2), 11..=15, Fate::Accepted);
        assert_eq!(coverage.of(Fate::Accepted), [1..=5, 11..=15]);
        coverage.add(Place::whole(1), 6..=10, Fate::InDoubt);
        assert_eq!(coverage.of(Fate::Accepted), [1..=5, 11..=15]);
        assert_eq!(coverage.of(Fate::InDoubt), [6..=10]);
        assert_eq!(coverage.last(), 15);
    }

    #[test]
    fn the_parts_of_a_split_batch_are_told_apart_too() {
        let part = |part, is_last_part| Place {
            batch: 0,
            part,
            is_last_part,
        };
        let mut coverage = Coverage::default();
        coverage.add(Place::whole(1), 11..=12, Fate::Accepted);
        coverage.add(part(0, false), 1..=5, Fate::Accepted);
        assert_eq!(coverage.of(Fate::Accepted), [1..=5, 11..=12]);
        coverage.add(part(1, true), 6..=10, Fate::Accepted);
        assert_eq!(coverage.of(Fate::Accepted), [1..=12]);
    }
}
