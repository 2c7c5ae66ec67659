//! Where a parser stands, and how it gets from line to line: what the formats have in common.

use memchr::memchr;

use super::{Invalid, MAX_RECORD_BYTES, MAX_SHOWN};
use crate::error::{Error, RecordError};
use crate::position::Position;

/// The byte order mark, which may stand at the very beginning of an input.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Where a parser stands in its input; all that it carries from block to block.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursor {
    /// The records begun before.
    record: u64,
    /// How many more line ends than records there were before (wrapping): nearly always as many. What is
    /// not stored for each record is time won.
    other_lines: u64,
    /// The bytes before.
    byte: u64,
    /// In an over-long line that has been reported: everything up to its end is passed over.
    discarding: bool,
}

impl Cursor {
    /// Begins a block. Returns how many of its bytes are done with: a byte order mark, or the
    /// remainder of an over-long line.
    pub(super) fn open(&mut self, bytes: &[u8]) -> usize {
        let done = if self.discarding {
            self.remainder(bytes)
        } else if self.byte == 0 && bytes.starts_with(BOM) {
            BOM.len()
        } else {
            0
        };
        self.byte += done as u64;
        done
    }

    #[cold]
    fn remainder(&mut self, bytes: &[u8]) -> usize {
        match memchr(b'\n', bytes) {
            Some(end) => {
                self.discarding = false;
                self.pass(0, 1);
                end + 1
            }
            None => bytes.len(),
        }
    }

    /// Where in the block it stands that begins at the input's byte `start`.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "within a block, which is in memory"
    )]
    pub(super) const fn within(&self, start: u64) -> usize {
        (self.byte - start) as usize
    }

    /// Goes on past a record of `len` bytes and `lines` lines, line ends included; returns its position.
    #[inline]
    pub(super) fn record(&mut self, len: usize, lines: u64) -> Position {
        let position = Position {
            record: self.record + 1,
            ..self.here()
        };
        self.record += 1;
        self.pass(len, lines.wrapping_sub(1));
        position
    }

    /// Goes on past what is no record.
    #[inline]
    pub(super) fn pass(&mut self, len: usize, lines: u64) {
        self.other_lines = self.other_lines.wrapping_add(lines);
        self.byte += len as u64;
    }

    /// The position of something that is no record.
    #[inline]
    pub(super) const fn here(&self) -> Position {
        Position {
            record: 0,
            line: self.record.wrapping_add(self.other_lines) + 1,
            byte: self.byte,
        }
    }

    /// Goes on past a line that is too long, or as much of it as there is.
    pub(super) fn pass_long(&mut self, line: Line, at: usize) {
        self.discarding = line.unfinished;
        self.pass(line.next - at, u64::from(!line.unfinished));
    }

    /// Goes on past a line that is too long, or as much of it as there is, and reports it.
    #[cold]
    pub(super) fn too_long<'a>(&mut self, bytes: &'a [u8], at: usize, line: Line) -> Invalid<'a> {
        let position = self.record(0, 0);
        self.pass_long(line, at);
        let fault = RecordError::TooLong {
            max: MAX_RECORD_BYTES,
        };
        Invalid {
            error: Error::record(position, fault),
            input: &bytes[at..at + MAX_SHOWN],
        }
    }
}

/// Where a line of a block ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// The end of its content.
    pub(super) end: usize,
    /// The beginning of the next line.
    pub(super) next: usize,
    /// Its content is longer than [`MAX_RECORD_BYTES`].
    pub(super) too_long: bool,
    /// It goes on in the next block; only if it is too long.
    pub(super) unfinished: bool,
}

impl Line {
    /// The line that begins at `at`; `None` if more of it has to be seen.
    #[inline]
    pub(super) fn find(bytes: &[u8], at: usize, last: bool) -> Option<Self> {
        let rest = &bytes[at..];
        let found = memchr(b'\n', rest);
        if found.is_none() && rest.is_empty() {
            return None;
        }
        let (content, len) = found.map_or((rest, rest.len()), |len| (&rest[..len], len + 1));
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        // A line is too long as soon as that is known, and for the same lines wherever the blocks end.
        let too_long = content.len() > MAX_RECORD_BYTES;
        let unfinished = found.is_none() && !last;
        (too_long || !unfinished).then_some(Self {
            end: at + content.len(),
            next: at + len,
            too_long,
            unfinished,
        })
    }
}

/// Whether there is nothing but spaces in it.
#[inline]
pub(super) fn is_blank(content: &[u8]) -> bool {
    content.trim_ascii_start().is_empty()
}

/// The whole lines of a block as UTF-8; nothing if not all of them are. Then each record has to be
/// looked at on its own, so that one that is not UTF-8 does not spoil its neighbours.
#[inline]
pub(super) fn whole_lines(bytes: &[u8], last: bool) -> &str {
    let len = if last {
        bytes.len()
    } else {
        memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1)
    };
    simdutf8::basic::from_utf8(&bytes[..len]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Characters of every length, and what is none; some of it only with what follows.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let broken: [&[u8]; 9] = [
            b"\x80",
            b"\xc0\xaf",
            b"\xc3",
            b"\xe0\x80\x80",
            b"\xe2\x82",
            b"\xed\xa0\x80",
            b"\xf0\x9f\x91",
            b"\xf4\x90\x80\x80",
            b"\xff",
        ];
        prop_oneof![
            8 => "[ -~\n]{0,80}".prop_map(String::into_bytes),
            8 => "[é¡ñ\u{80}\u{7ff}]{1,40}".prop_map(String::into_bytes),
            8 => "[您的订\u{800}\u{ffff}]{1,30}".prop_map(String::into_bytes),
            8 => "[🚚👋\u{10000}\u{10ffff}]{1,20}".prop_map(String::into_bytes),
            1 => proptest::sample::select(broken.to_vec()).prop_map(<[u8]>::to_vec),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        /// By the vectors that this machine has.
        #[test]
        fn utf8_is_what_the_standard_library_takes_for_it(
            pieces in proptest::collection::vec(piece(), 0..12),
            changed in proptest::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>())),
        ) {
            let mut bytes = pieces.concat();
            if let Some((at, byte)) = changed
                && !bytes.is_empty()
            {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            // Wherever it is cut off.
            for end in bytes.len().saturating_sub(70)..=bytes.len() {
                let expected = std::str::from_utf8(&bytes[..end]).unwrap_or_default();
                prop_assert_eq!(whole_lines(&bytes[..end], true), expected);
            }
        }
    }
}
