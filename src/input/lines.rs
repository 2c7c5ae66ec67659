use super::cursor::{Cursor, Line, is_blank};
use super::{Invalid, MAX_RECORD_BYTES, Parse, Record, Records, sealed};
use crate::error::{Error, RecordError};
use crate::message::{Message, PhoneNumber, PhoneNumberError};
use crate::position::Position;

/// A list with a phone number a line.
///
/// Spaces and tabs around a number do not count. Blank lines are passed over, and so are lines that
/// begin with `#`.
///
/// ```
/// use batchcast::input::{Lines, Parse, Record, Records};
///
/// let mut parser = Lines::new();
/// let mut records = parser.block(b"# friends\n\n+14155550100\n", true);
/// let Some(Record::Message(message)) = records.next()? else { unreachable!() };
/// assert_eq!(message.to.as_str(), "+14155550100");
/// assert_eq!((message.position.record, message.position.line), (1, 3));
/// # Ok::<(), batchcast::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Lines {
    cursor: Cursor,
}

impl Lines {
    /// A parser at the beginning of its input.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Parse for Lines {
    type Records<'a> = LineRecords<'a>;

    #[inline]
    fn block<'a>(&'a mut self, bytes: &'a [u8], last: bool) -> LineRecords<'a> {
        LineRecords {
            at: self.cursor.open(bytes),
            parser: self,
            bytes,
            last,
        }
    }
}

impl sealed::Sealed for Lines {}

/// The records of a block of [`Lines`].
#[derive(Debug)]
pub struct LineRecords<'a> {
    parser: &'a mut Lines,
    bytes: &'a [u8],
    at: usize,
    last: bool,
}

impl<'a> LineRecords<'a> {
    #[inline(never)]
    fn next_of_any_shape(&mut self) -> Option<Record<'a>> {
        let line = self.seek()?;
        Some(self.take(line))
    }

    /// Passes over what is no record; returns where the next one ends.
    pub(super) fn seek(&mut self) -> Option<Line> {
        loop {
            let line = Line::find(self.bytes, self.at, self.last)?;
            let content = &self.bytes[self.at..line.end];
            // Of an over-long comment, too, only so much may be looked at as there is in any case.
            let first = &content[..content.len().min(MAX_RECORD_BYTES)];
            let is_comment = first.trim_ascii_start().first() == Some(&b'#');
            if line.too_long && is_comment {
                self.parser.cursor.pass_long(line, self.at);
            } else if is_comment || (!line.too_long && is_blank(content)) {
                self.parser.cursor.pass(line.next - self.at, 1);
            } else {
                return Some(line);
            }
            self.at = line.next;
        }
    }

    pub(super) fn take(&mut self, line: Line) -> Record<'a> {
        let start = self.at;
        self.at = line.next;
        let cursor = &mut self.parser.cursor;
        if line.too_long {
            return Record::Invalid(cursor.too_long(self.bytes, start, line));
        }
        let position = cursor.record(line.next - start, 1);
        let content = &self.bytes[start..line.end];
        match PhoneNumber::from_bytes(content.trim_ascii()) {
            Ok(to) => Record::Message(Message::new(to).at(position)),
            Err(fault) => Record::Invalid(refuse(content, fault, position)),
        }
    }
}

impl Records for LineRecords<'_> {
    #[inline]
    fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        // The number is parsed where it is wanted: to hand it on in memory costs more than that.
        if let Some((number, len)) = short_line(&self.bytes[self.at..])
            && let Ok(to) = PhoneNumber::from_bytes(number)
        {
            self.at += len;
            let position = self.parser.cursor.record(len, 1);
            return Ok(Some(Record::Message(Message::new(to).at(position))));
        }
        Ok(self.next_of_any_shape())
    }

    #[inline]
    fn consumed(&self) -> usize {
        self.at
    }
}

impl sealed::Sealed for LineRecords<'_> {}

/// A line of the length that all US and Canadian numbers have, and its length with the line end. No
/// search for the line end, no check of UTF-8: a number's own check lets nothing else through.
#[inline]
fn short_line(rest: &[u8]) -> Option<(&[u8], usize)> {
    let number = rest.first_chunk::<12>()?;
    let len = match rest[12..] {
        [b'\n', ..] => 13,
        [b'\r', b'\n', ..] => 14,
        _ => return None,
    };
    Some((number, len))
}

#[cold]
fn refuse(content: &[u8], fault: PhoneNumberError, position: Position) -> Invalid<'_> {
    let leading = content.len() - content.trim_ascii_start().len();
    let (at, fault) = match (std::str::from_utf8(content), fault) {
        (Err(error), _) => (error.valid_up_to(), RecordError::Utf8),
        (Ok(_), PhoneNumberError::NotADigit { at }) => (leading + at, fault.into()),
        (Ok(_), _) => (leading, fault.into()),
    };
    let byte = position.byte + at as u64;
    Invalid {
        error: Error::record(Position { byte, ..position }, fault),
        input: content,
    }
}
