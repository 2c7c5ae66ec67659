//! Where each message of a batch came from, so that a reject can be told its record and line.
//!
//! Nearly always a message stands one record and one line behind the one before, so runs of such
//! messages are kept, not messages: some bytes for each gap that an invalid record, a blank line or a
//! field with a line break leaves. Beside that one byte a message is kept of its number, to notice an answer whose
//! indexes do not fit: of rejects at a wrong index 255 in 256 are found out. The largest batch of bare numbers takes
//! 2 MiB, all of the messages' numbers would take 16.

use bytes::Bytes;

use crate::message::PhoneNumber;
use crate::position::Position;
use crate::send::outcome::Origin;

/// The origins of one batch's messages, in their order.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// For each run: by how much its first message misses what was expected, and how many messages it has.
    runs: Vec<u8>,
    marks: Vec<u8>,
    /// The run that is not in `runs` yet.
    open: Run,
}

#[derive(Debug, Default, Clone, Copy)]
struct Run {
    /// By how much it misses what was expected.
    missed_record: u64,
    missed_line: u64,
    /// Where it begins.
    record: u64,
    line: u64,
    /// How many messages are before it.
    first: usize,
}

impl Run {
    /// What is expected behind so many messages of it.
    #[inline]
    const fn behind(&self, len: u64) -> Next {
        // What has no lines goes on having none.
        let line = if self.line == 0 {
            0
        } else {
            self.line.wrapping_add(len)
        };
        Next {
            record: self.record.wrapping_add(len),
            line,
        }
    }
}

/// What is expected of the next message.
#[derive(Debug, Default, Clone, Copy)]
struct Next {
    record: u64,
    line: u64,
}

impl Next {
    /// Behind a message at `record` and `line`. What has no lines goes on having none.
    const fn behind(record: u64, line: u64) -> Self {
        Self {
            record: record.wrapping_add(1),
            line: if line == 0 { 0 } else { line.wrapping_add(1) },
        }
    }
}

impl Origins {
    /// Adds the next message.
    #[inline]
    pub(super) fn push(&mut self, to: PhoneNumber, position: Position) {
        // Nothing is written for a message of a run but its mark. What is expected is made of how many these are.
        let Next { record, line } = self.next();
        if position.record != record || position.line != line {
            self.begin_run(position.record, position.line);
        }
        self.marks.push(mark(to));
    }

    /// How many messages there are.
    #[inline]
    pub(super) const fn len(&self) -> u64 {
        self.marks.len() as u64
    }

    /// How many of them are of the open run.
    #[inline]
    const fn open_len(&self) -> u64 {
        (self.marks.len() - self.open.first) as u64
    }

    #[inline]
    const fn next(&self) -> Next {
        self.open.behind(self.open_len())
    }

    #[cold]
    #[inline(never)]
    fn begin_run(&mut self, record: u64, line: u64) {
        self.close_run();
        let next = self.next();
        self.open = Run {
            missed_record: record.wrapping_sub(next.record),
            missed_line: line.wrapping_sub(next.line),
            record,
            line,
            first: self.marks.len(),
        };
    }

    fn close_run(&mut self) {
        let len = self.open_len();
        if len > 0 {
            write_varint(&mut self.runs, zigzag(self.open.missed_record));
            write_varint(&mut self.runs, zigzag(self.open.missed_line));
            write_varint(&mut self.runs, len);
        }
    }

    /// Ends the adding, and begins looking up.
    pub(super) fn lookup(mut self) -> Lookup {
        self.close_run();
        Lookup {
            runs: self.runs.into(),
            marks: self.marks.into(),
            before: 0,
            cursor: Cursor::default(),
        }
    }
}

/// Finds origins by a message's index. Quick if the indexes ascend, right in any case. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    runs: Bytes,
    marks: Bytes,
    /// How many messages stand before index 1: those of other parts of a batch that was split.
    before: u64,
    cursor: Cursor,
}

#[derive(Debug, Default, Clone, Copy)]
struct Cursor {
    /// Where in `runs` the next run begins.
    at: usize,
    /// The index, from 0, of the current run's first message, and how many it has.
    first: u64,
    len: u64,
    /// Where the current run's first message came from.
    record: u64,
    line: u64,
    next: Next,
}

impl Lookup {
    /// Where message number `index` (from 1) came from, if that is one to `number`.
    pub(super) fn find(&mut self, index: u64, number: &str) -> Option<Origin> {
        let at = self.before.checked_add(index.checked_sub(1)?)?;
        let known = *self.marks.get(usize::try_from(at).ok()?)?;
        if mark(PhoneNumber::parse(number).ok()?) != known {
            return None;
        }
        self.origin(index)
    }

    /// Where message number `index` (from 1) came from.
    pub(super) fn origin(&mut self, index: u64) -> Option<Origin> {
        let index = self.before.checked_add(index.checked_sub(1)?)?;
        if index < self.cursor.first {
            self.cursor = Cursor::default();
        }
        while index >= self.cursor.first + self.cursor.len {
            self.advance()?;
        }
        let into = index - self.cursor.first;
        Some(Origin {
            record: self.cursor.record + into,
            line: match self.cursor.line {
                0 => 0,
                line => line + into,
            },
        })
    }

    /// The same for what stands behind the first `messages`.
    pub(super) fn behind(&self, messages: u64) -> Self {
        Self {
            before: self.before + messages,
            ..self.clone()
        }
    }

    fn advance(&mut self) -> Option<()> {
        let Cursor {
            first,
            len,
            next,
            mut at,
            ..
        } = self.cursor;
        let record = next
            .record
            .wrapping_add(unzigzag(read_varint(&self.runs, &mut at)?));
        let line = next
            .line
            .wrapping_add(unzigzag(read_varint(&self.runs, &mut at)?));
        let run = read_varint(&self.runs, &mut at)?;
        let last = run - 1;
        let last_line = if line == 0 {
            0
        } else {
            line.wrapping_add(last)
        };
        self.cursor = Cursor {
            at,
            first: first + len,
            len: run,
            record,
            line,
            next: Next::behind(record.wrapping_add(last), last_line),
        };
        Some(())
    }
}

/// Eight bits that neighbours in a list share by accident only.
#[inline]
fn mark(number: PhoneNumber) -> u8 {
    let value = u128::from_le_bytes(*number.padded());
    #[expect(clippy::cast_possible_truncation, reason = "the halves")]
    let (low, high) = (value as u64, (value >> 64) as u64);
    // Fibonacci hashing: the upper bits of the product depend on all bits of the factor.
    let mixed = (low ^ high.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as u8
}

/// Small for a small difference in either direction.
const fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ (difference.cast_signed() >> 63).cast_unsigned()
}

const fn unzigzag(value: u64) -> u64 {
    (value >> 1) ^ (value & 1).wrapping_neg()
}

/// LEB128.
fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "seven bits are left")]
    out.push(value as u8);
}

fn read_varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(index: usize) -> String {
        format!("+1{:010}", 2_000_000_000 + index * 7)
    }

    fn origins(places: &[(u64, u64)]) -> Lookup {
        let mut origins = Origins::default();
        for (index, &(record, line)) in places.iter().enumerate() {
            let to = PhoneNumber::parse(&number(index)).unwrap();
            let byte = 0;
            origins.push(to, Position { record, line, byte });
        }
        origins.lookup()
    }

    #[test]
    fn an_undisturbed_list_is_one_run() {
        let places: Vec<_> = (5..10_005).map(|record| (record, record + 1)).collect();
        assert!(origins(&places).runs.len() < 8);
        let stream: Vec<_> = (1..10_001).map(|record| (record, 0)).collect();
        assert!(origins(&stream).runs.len() < 8);
    }

    #[test]
    fn an_index_that_does_not_fit_is_not_trusted() {
        let mut lookup = origins(&[(1, 1), (2, 2), (3, 3)]);
        assert_eq!(
            lookup.find(2, &number(1)),
            Some(Origin { record: 2, line: 2 })
        );
        assert_eq!(lookup.find(2, &number(2)), None, "counted from 0");
        assert_eq!(lookup.find(0, &number(0)), None);
        assert_eq!(lookup.find(4, &number(3)), None);
        assert_eq!(lookup.find(u64::MAX, &number(3)), None);
        assert_eq!(lookup.find(1, "not a number"), None);
    }

    proptest! {
        #[test]
        fn every_message_is_found_in_any_order(
            steps in proptest::collection::vec((1_u64..4, 0_u64..4), 1..200),
            asked in proptest::collection::vec(any::<prop::sample::Index>(), 0..100),
            has_lines in any::<bool>(),
        ) {
            let mut place = (0, 0);
            let places: Vec<_> = steps
                .iter()
                .map(|&(records, lines)| {
                    place = (place.0 + records, if has_lines { place.1 + lines + 1 } else { 0 });
                    place
                })
                .collect();
            let mut lookup = origins(&places);
            let asked = asked.iter().map(|index| index.index(places.len()));
            for index in (0..places.len()).chain(asked) {
                let found = lookup.find(index as u64 + 1, &number(index));
                let (record, line) = places[index];
                prop_assert_eq!(found, Some(Origin { record, line }));
            }
        }

        #[test]
        fn zigzag_keeps_every_difference(value in any::<u64>()) {
            prop_assert_eq!(unzigzag(zigzag(value)), value);
            let mut out = Vec::new();
            write_varint(&mut out, value);
            prop_assert_eq!(read_varint(&out, &mut 0), Some(value));
        }
    }
}
