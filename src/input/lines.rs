use fearless_simd::Simd;

use super::cursor::{Cursor, Line, is_blank};
use super::fault::{Fault, alone};
use super::pattern::Pattern;
use super::visit::{Piece, Run};
use super::{Answer, MAX_RECORD_BYTES, Parse, Record, Records, Visitor, sealed};
use crate::error::Error;
use crate::message::{self, Message, PhoneNumber, PhoneNumberError, Region};

/// How many bytes are compared with what the line before was like.
const BLOCK: usize = 16;

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
#[derive(Debug, Clone)]
pub struct Lines {
    cursor: Cursor,
    like: Like,
    region: Option<Region>,
}

impl Lines {
    /// A parser at the beginning of its input.
    #[must_use]
    pub fn new() -> Self {
        Self {
            cursor: Cursor::default(),
            like: Like::new(b"+14155550100\n", 12),
            region: None,
        }
    }

    /// The same with numbers read as they are written in `region`, too.
    #[must_use]
    pub const fn with_region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }
}

/// What the line before was like: the next one mostly is too.
#[derive(Debug, Clone, Copy)]
struct Like {
    pattern: Pattern<BLOCK>,
    /// Of the whole line, its end included.
    len: usize,
    /// Of its number.
    mask: u128,
}

impl Like {
    /// A line that begins with a number of `number` bytes, and fits into a block.
    fn new(line: &[u8], number: usize) -> Self {
        Self {
            pattern: Pattern::new(line, 0, &(0..number)),
            len: line.len(),
            mask: PhoneNumber::mask(number),
        }
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

impl Parse for Lines {
    type Records<'a> = LineRecords<'a>;

    #[inline]
    fn block<'a>(&'a mut self, bytes: &'a [u8], last: bool) -> LineRecords<'a> {
        let done = self.cursor.open(bytes);
        LineRecords {
            start: self.cursor.here().byte - done as u64,
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
    /// The offset of the block in the input. Where in the block the parser stands is not kept twice.
    start: u64,
    last: bool,
}

impl<'a> LineRecords<'a> {
    #[inline]
    fn at(&self) -> usize {
        self.parser.cursor.within(self.start)
    }

    #[inline]
    fn message(&mut self, to: PhoneNumber, len: usize) -> Message<'a> {
        let position = self.parser.cursor.record(len, 1);
        Message::new(to).at(position)
    }

    fn next_of_any_shape(&mut self) -> Option<Record<'a>> {
        let rest = &self.bytes[self.at()..];
        if let Some(to) = PhoneNumber::first_of(rest)
            && let Some(end) = line_end(&rest[to.as_bytes().len()..])
        {
            let number = to.as_bytes().len();
            let len = number + end;
            if len <= BLOCK {
                self.parser.like = Like::new(&rest[..len], number);
            }
            return Some(Record::Message(self.message(to, len)));
        }
        let line = self.seek()?;
        Some(self.take(line))
    }

    /// Passes over what is no record; returns where the next one ends.
    pub(super) fn seek(&mut self) -> Option<Line> {
        loop {
            let at = self.at();
            let line = Line::find(self.bytes, at, self.last)?;
            let content = &self.bytes[at..line.end];
            // Of an over-long comment, too, only so much may be looked at as there is in any case.
            let first = &content[..content.len().min(MAX_RECORD_BYTES)];
            let is_comment = first.trim_ascii_start().first() == Some(&b'#');
            if line.too_long && is_comment {
                self.parser.cursor.pass_long(line, at);
            } else if is_comment || (!line.too_long && is_blank(content)) {
                self.parser.cursor.pass(line.next - at, 1);
            } else {
                return Some(line);
            }
        }
    }

    pub(super) fn take(&mut self, line: Line) -> Record<'a> {
        let start = self.at();
        let Lines { cursor, region, .. } = &mut *self.parser;
        if line.too_long {
            return Record::Invalid(cursor.too_long(self.bytes, start, line));
        }
        let position = cursor.record(line.next - start, 1);
        let content = &self.bytes[start..line.end];
        let number = content.trim_ascii();
        let parsed = match (PhoneNumber::from_bytes(number), std::str::from_utf8(number)) {
            (Err(_), Ok(number)) => message::read(number, *region),
            (parsed, _) => parsed,
        };
        match parsed {
            Ok(to) => Record::Message(Message::new(to).at(position)),
            Err(error) => Record::Invalid(fault(content, error).into_invalid(content, position)),
        }
    }
}

impl Records for LineRecords<'_> {
    #[inline]
    fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        Ok(self.next_of_any_shape())
    }

    #[inline]
    fn consumed(&self) -> usize {
        self.at()
    }
}

impl sealed::Common for LineRecords<'_> {
    #[inline(always)]
    fn visit_common<S: Simd, V: Visitor>(
        &mut self,
        simd: S,
        piece: Piece<'_>,
        visitor: &mut V,
    ) -> Result<Answer, V::Error> {
        let mut run = AlikeLines {
            like: self.parser.like,
            cursor: self.parser.cursor.clone(),
            bytes: self.bytes,
            start: self.start,
        };
        let answer = run.show(simd, piece, visitor);
        self.parser.cursor = run.cursor;
        answer
    }
}

/// Lines that are like the one before, in the block that begins at `start`.
struct AlikeLines<'a> {
    like: Like,
    cursor: Cursor,
    bytes: &'a [u8],
    start: u64,
}

impl Run for AlikeLines<'_> {
    const ASKS: bool = false;

    #[inline(always)]
    fn next_common<S: Simd>(&mut self, simd: S) -> Option<Message<'_>> {
        // No search for the line end, no check of UTF-8: a number's own check lets nothing else through.
        let block = self.bytes[self.cursor.within(self.start)..].first_chunk()?;
        let Like { pattern, len, mask } = &self.like;
        if !pattern.fits(simd, block) {
            return None;
        }
        let to = PhoneNumber::from_compared(block, *mask);
        Some(Message::new(to).at(self.cursor.record(*len, 1)))
    }
}

/// The length of the line end that `rest` begins with.
#[inline]
fn line_end(rest: &[u8]) -> Option<usize> {
    match rest {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => None,
    }
}

/// Why a line is no number.
#[cold]
fn fault(content: &[u8], error: PhoneNumberError) -> Fault {
    let leading = content.len() - content.trim_ascii_start().len();
    alone(content).err().unwrap_or_else(|| Fault {
        fault: error.into(),
        at: leading + error.at().unwrap_or(0),
    })
}
