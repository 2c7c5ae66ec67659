//! A list with a JSON object a line, parsed in two ways that agree.
//!
//! What exporters write is matched by [`optimistic`], straight over the bytes of the block and without
//! looking for the line's end first. It knows nothing of errors: whatever it does not know at once, right
//! or wrong, is left to [`general`], which goes through `serde_json` and decides.

mod general;
mod optimistic;

use super::cursor::{Cursor, Line, is_blank, whole_lines};
use super::{Fields, Invalid, Parse, Record, Records, sealed};
use crate::encode::json;
use crate::error::{Error, RecordError};
use crate::message::{Message, PhoneNumber, Text};
use crate::position::Position;

/// A list with a JSON object a line (NDJSON, JSON Lines).
///
/// The recipient is a string or an array of one string, the text a string (`null` is none). Which keys
/// they are is up to [`Fields`]; of several that may hold the recipient, the one that comes first in
/// [`RECIPIENT_NAMES`](super::RECIPIENT_NAMES) counts, whatever its value. Other keys do not count, but
/// must be JSON. Blank lines are passed over.
///
/// ```
/// use batchcast::input::{Fields, Ndjson, Parse, Record, Records};
///
/// let mut parser = Ndjson::new(&Fields::default());
/// let lines = br#"{"name":"Bob","phone":"+14155550100"}
/// {"to":["+14155550101"],"text":"Hello \"Bob\""}
/// "#;
/// let mut records = parser.block(lines, true);
/// while let Some(record) = records.next()? {
///     assert!(matches!(record, Record::Message(_)));
/// }
/// assert_eq!(records.consumed(), lines.len());
/// # Ok::<(), batchcast::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ndjson {
    cursor: Cursor,
    keys: Keys,
}

impl Ndjson {
    /// A parser at the beginning of its input.
    #[must_use]
    pub fn new(fields: &Fields) -> Self {
        Self {
            cursor: Cursor::default(),
            keys: Keys::new(fields),
        }
    }
}

impl Parse for Ndjson {
    type Records<'a> = NdjsonRecords<'a>;

    #[inline]
    fn block<'a>(&'a mut self, bytes: &'a [u8], last: bool) -> NdjsonRecords<'a> {
        NdjsonRecords {
            at: self.cursor.open(bytes),
            parser: self,
            bytes,
            text: whole_lines(bytes, last),
            last,
        }
    }
}

impl sealed::Sealed for Ndjson {}

/// The records of a block of [`Ndjson`].
#[derive(Debug)]
pub struct NdjsonRecords<'a> {
    parser: &'a mut Ndjson,
    bytes: &'a [u8],
    /// The whole lines of the block, if all of them are UTF-8.
    text: &'a str,
    at: usize,
    last: bool,
}

impl<'a> NdjsonRecords<'a> {
    #[inline(never)]
    fn next_of_any_shape(&mut self) -> Option<Record<'a>> {
        let line = self.seek()?;
        Some(self.take(line))
    }

    /// Passes over what is no record; returns where the next one ends.
    pub(super) fn seek(&mut self) -> Option<Line> {
        loop {
            let line = Line::find(self.bytes, self.at, self.last)?;
            if line.too_long || !is_blank(&self.bytes[self.at..line.end]) {
                return Some(line);
            }
            self.parser.cursor.pass(line.next - self.at, 1);
            self.at = line.next;
        }
    }

    pub(super) fn take(&mut self, line: Line) -> Record<'a> {
        let start = self.at;
        self.at = line.next;
        let Ndjson { cursor, keys } = &mut *self.parser;
        if line.too_long {
            return Record::Invalid(cursor.too_long(self.bytes, start, line));
        }
        let position = cursor.record(line.next - start, 1);
        let input = &self.bytes[start..line.end];
        let parsed = match self.text.get(start..line.end) {
            Some(text) => general::parse(text, keys),
            // Not all of the block is UTF-8. This line may be.
            None => parse_alone(input, keys),
        };
        match parsed {
            Ok((to, text)) => Record::Message(message(to, text, position)),
            Err(fault) => Record::Invalid(refuse(input, fault, position)),
        }
    }
}

impl Records for NdjsonRecords<'_> {
    #[inline]
    fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        if let Some(object) = optimistic::line(self.text, self.at, &self.parser.keys)
            && let Ok(to) = PhoneNumber::from_bytes(object.number)
            && let Ok(text) = object.text.map(Text::from_checked_json).transpose()
        {
            let position = self.parser.cursor.record(object.next - self.at, 1);
            self.at = object.next;
            let message = message(to, text, position);
            return Ok(Some(Record::Message(message)));
        }
        Ok(self.next_of_any_shape())
    }

    #[inline]
    fn consumed(&self) -> usize {
        self.at
    }
}

impl sealed::Sealed for NdjsonRecords<'_> {}

#[inline]
fn message(to: PhoneNumber, text: Option<Text<'_>>, position: Position) -> Message<'_> {
    Message { to, text, position }
}

#[cold]
fn parse_alone<'a>(line: &'a [u8], keys: &mut Keys) -> Result<Parts<'a>, Fault> {
    match std::str::from_utf8(line) {
        Ok(text) => general::parse(text, keys),
        Err(error) => Err(Fault {
            fault: RecordError::Utf8,
            at: error.valid_up_to(),
        }),
    }
}

#[cold]
fn refuse(input: &[u8], fault: Fault, position: Position) -> Invalid<'_> {
    let byte = position.byte + fault.at as u64;
    Invalid {
        error: Error::record(Position { byte, ..position }, fault.fault),
        input,
    }
}

/// What a message is made of.
type Parts<'a> = (PhoneNumber, Option<Text<'a>>);

/// Why a line is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fault {
    fault: RecordError,
    /// The offset of the fault in the line, in bytes.
    at: usize,
}

/// The keys that count. All others are passed over; a template's fields would be added here.
#[derive(Debug, Clone)]
struct Keys {
    /// Those of the recipient, the best first.
    to: Vec<Key>,
    text: Key,
    /// The place in `to` of the key that was seen last: the one to expect again.
    seen: usize,
    /// A bit for each length that a key in `to` has.
    lengths: u64,
    /// A bit for each byte that one begins with, modulo 64.
    firsts: u64,
}

impl Keys {
    fn new(fields: &Fields) -> Self {
        let to: Vec<_> = fields.to_names().into_iter().map(Key::new).collect();
        Self {
            lengths: to
                .iter()
                .fold(0, |all, key| all | length_bit(key.name.as_bytes())),
            firsts: to
                .iter()
                .fold(0, |all, key| all | first_bit(key.name.as_bytes())),
            text: Key::new(fields.text_name()),
            seen: 0,
            to,
        }
    }

    /// The place among the recipient's keys of one that is written without escapes.
    #[inline]
    fn place_of(&self, name: &[u8]) -> Option<usize> {
        // Most other keys need no comparison.
        if self.lengths & length_bit(name) == 0 || self.firsts & first_bit(name) == 0 {
            return None;
        }
        let mut keys = self.to.iter();
        keys.position(|key| key.name.as_bytes() == name)
    }
}

#[inline]
fn length_bit(name: &[u8]) -> u64 {
    1 << name.len().min(63)
}

#[inline]
fn first_bit(name: &[u8]) -> u64 {
    name.first().map_or(0, |first| 1 << (first % 64))
}

/// The name of a key, and how it is written.
#[derive(Debug, Clone)]
struct Key {
    name: Box<str>,
    /// With its quotes.
    written: Box<[u8]>,
    /// `written` in one word, and the mask of its length; both 0 if it is longer than a word.
    word: u128,
    mask: u128,
}

impl Key {
    fn new(name: &str) -> Self {
        let mut written = vec![b'"'];
        json::escape(&mut written, name);
        written.push(b'"');
        let (mut word, mut mask) = ([0; 16], [0; 16]);
        if let Some(start) = word.get_mut(..written.len()) {
            start.copy_from_slice(&written);
            mask[..written.len()].fill(0xff);
        }
        Self {
            name: name.into(),
            written: written.into(),
            word: u128::from_le_bytes(word),
            mask: u128::from_le_bytes(mask),
        }
    }

    /// Whether `rest` begins with it, quotes and all.
    #[inline]
    fn begins(&self, rest: &[u8]) -> bool {
        // One comparison of a fixed size instead of a call to compare memory.
        match rest.first_chunk() {
            Some(word) if self.mask != 0 => u128::from_le_bytes(*word) & self.mask == self.word,
            _ => rest.starts_with(&self.written),
        }
    }
}

#[cfg(test)]
mod tests;
