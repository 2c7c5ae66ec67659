//! Quotes that are never closed, found without looking at anything twice.
//!
//! A record that does not end within the limit costs its first line only, and the search for its end
//! begins anew on the next one. If that, too, has an open quote, and the next, a search of 64 KiB a line
//! would take hours for a file of a few megabytes. But such searches meet: behind its first line a
//! record that is open has the inside of a quoted cell, and so has the one from before, or it would have
//! ended there. From that line end on both are the same, and what is known of the one holds for the other.

use memchr::memchr;

/// What stands before a byte, as far as the record's end depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// The beginning of a cell.
    #[default]
    Start,
    /// A cell that is not quoted, or what follows a closing quote.
    Bare,
    /// The inside of a quoted cell.
    Quoted,
    /// In it, a quote: the closing one, or the first of two.
    Quote,
}

impl State {
    /// The state behind a byte; `None` if the record ends with it.
    const fn after(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Quoted, b'"') => Self::Quote,
            (Self::Quoted, _) | (Self::Start | Self::Quote, b'"') => Self::Quoted,
            (_, b'\n') => return None,
            (_, b',') => Self::Start,
            _ => Self::Bare,
        })
    }

    /// The state behind some bytes; `None` if the record ends in them.
    fn behind(self, bytes: &[u8]) -> Option<Self> {
        bytes
            .iter()
            .try_fold(self, |state, &byte| state.after(byte))
    }
}

/// A record that does not end, as far as it has been looked at. Offsets count from the input's beginning.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OpenRecord {
    from: u64,
    to: u64,
    /// The state at `to`.
    state: State,
}

impl OpenRecord {
    /// Whether there may be something to know of a record that begins at `at`.
    #[inline]
    pub(super) const fn covers(&self, at: u64) -> bool {
        at < self.to && self.from <= at
    }

    /// Whether the record that begins at `at` with `bytes` is known to be open at their end. That
    /// nothing follows them is said by `whole`.
    pub(super) fn knows(&mut self, at: u64, bytes: &[u8], whole: bool) -> bool {
        if !self.covers(at) {
            return false;
        }
        let end = at + bytes.len() as u64;
        let seen =
            &bytes[..usize::try_from(self.to - at).map_or(bytes.len(), |len| len.min(bytes.len()))];
        if at != self.from {
            let line = memchr(b'\n', seen);
            let met = line.and_then(|len| State::Start.behind(&seen[..=len]));
            if met.is_none() {
                return false;
            }
        }
        if end > self.to {
            let Some(state) = self.state.behind(&bytes[seen.len()..]) else {
                return false;
            };
            (self.to, self.state) = (end, state);
        }
        // The end of the input ends a record, but for the inside of a quoted cell.
        !whole || (end == self.to && self.state == State::Quoted)
    }

    /// Learns that the record that begins at `at` is open at the end of `bytes`.
    pub(super) fn learn(&mut self, at: u64, bytes: &[u8]) {
        // Holds: it is open.
        let Some(state) = State::Start.behind(bytes) else {
            return;
        };
        let to = at + bytes.len() as u64;
        *self = Self {
            from: at,
            to,
            state,
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Where the line that begins at `at` ends, its line end included.
    fn line_end(input: &[u8], at: usize) -> usize {
        memchr(b'\n', &input[at..]).map_or(input.len(), |len| at + len + 1)
    }

    proptest! {
        #[test]
        fn what_is_known_is_what_a_search_from_the_start_finds(
            lines in proptest::collection::vec(select(&[
                "a", "a\"b,\"c", "\"", "\"\"", "\"\"\"", "x,\"a\"\"", ",", "a,\"b,c", "\",\"", "",
            ][..]), 1..40),
            cuts in proptest::collection::vec(1..30_usize, 1..30),
        ) {
            const LONGEST: usize = 40;
            let input = (lines.join("\n") + "\n").into_bytes();
            let mut open = OpenRecord::default();
            let mut cuts = cuts.iter().cycle();
            let mut at = 0;
            let mut window = 0;
            while at < input.len() {
                window = LONGEST.min(window + cuts.next().unwrap());
                let end = input.len().min(at + window);
                let whole = end == input.len();
                let bytes = &input[at..end];
                let is_open = match State::Start.behind(bytes) {
                    None => false,
                    Some(state) => !whole || state == State::Quoted,
                };
                let covered = open.covers(at as u64).then_some(open);
                let known = open.knows(at as u64, bytes, whole);
                prop_assert!(is_open || !known);
                // Nothing is looked at twice that was looked at once.
                if let Some(before) = covered && is_open && line_end(&input, at) as u64 <= before.to.min(end as u64) {
                    prop_assert!(known || whole);
                }
                if !is_open {
                    let len = (1..=bytes.len()).find(|&len| State::Start.behind(&bytes[..len]).is_none());
                    at += len.unwrap_or(bytes.len());
                    window = 0;
                } else if window == LONGEST || whole {
                    if !known {
                        open.learn(at as u64, bytes);
                    }
                    at = line_end(&input, at);
                    window = 0;
                } else if !known {
                    open.learn(at as u64, bytes);
                }
            }
        }
    }
}
