//! RFC 4180 with a header.
//!
//! Where a record ends, and where its cells are, is found by [`scan`] in one pass over its bytes. Cells that
//! read as they are written are lent straight from the block; a text with doubled quotes is written
//! once, as JSON, by [`decode`].

mod decode;
mod header;
mod open;
mod record;
mod scan;

use fearless_simd::{Level, Simd};
use memchr::{memchr_iter, memchr2};

use self::header::Columns;
use self::open::OpenRecord;
use self::record::{Composer, TextPart};
use self::scan::Row;
use super::cursor::{Cursor, Line, is_blank, whole_lines};
use super::fault::{Fault, alone};
use super::visit::{Piece, Run};
use super::{
    Answer, Fields, MAX_RECORD_BYTES, MAX_REST, Parse, Record, Records, Template, Visitor, sealed,
};
use crate::error::{Error, ErrorKind, HeaderError, RecordError};
use crate::message::{Message, PhoneNumber};
use crate::position::Position;

/// A list as comma-separated values (RFC 4180), with a header. Before the header, and nowhere else, lines that begin with
/// `#` are passed over, if there is no comma in them: with one they are a header themselves.
///
/// Columns are found by the names in the header, see [`Fields`]. A record has as many fields as the
/// header. A line `sep=,` in front of it, as spreadsheets have it, is passed over. An input with nothing in it is an empty
/// list. Spaces around a recipient do not count; a text that is empty, or nothing but white space, is no text
/// of its own. Lines end with LF or CRLF; lines with nothing but spaces are passed over. A field may be
/// quoted, and then hold commas, line ends and doubled quotes.
///
/// A quote that is never closed would swallow the list. So if a quoted record does not end within
/// [`MAX_RECORD_BYTES`], or before the input does, only its first line is reported, and the next record
/// is looked for on the line behind it.
///
/// ```
/// use batchcast::input::{Csv, Fields, Parse, Record, Records};
///
/// let mut parser = Csv::new(&Fields::default());
/// let mut records = parser.block(b"name,Phone,text\n\"Doe, J.\",+14155550100,\"Say \"\"hi\"\"\"\n", true);
/// let Some(Record::Message(message)) = records.next()? else { unreachable!() };
/// assert_eq!(message.text.unwrap().to_plain(), "Say \"hi\"");
/// # Ok::<(), batchcast::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Csv {
    cursor: Cursor,
    fields: Fields,
    /// `None` behind the header: then the composer has it.
    template: Option<Template>,
    /// `None` before the header.
    composer: Option<Composer>,
    open: OpenRecord,
}

impl Csv {
    /// A parser at the beginning of its input.
    #[must_use]
    pub fn new(fields: &Fields) -> Self {
        Self {
            cursor: Cursor::default(),
            fields: fields.clone(),
            template: None,
            composer: None,
            open: OpenRecord::default(),
        }
    }

    /// The same with a text for all records that have none of their own, made of their cells. Each of
    /// its fields must be a column; otherwise the header is an error
    /// ([`HeaderError::NoField`](crate::HeaderError::NoField)), before the first record.
    #[must_use]
    pub fn with_template(mut self, template: Template) -> Self {
        self.template = Some(template);
        self
    }
}

impl Parse for Csv {
    type Records<'a> = CsvRecords<'a>;

    #[inline]
    fn block<'a>(&'a mut self, bytes: &'a [u8], last: bool) -> CsvRecords<'a> {
        CsvRecords {
            at: self.cursor.open(bytes),
            parser: self,
            bytes,
            text: whole_lines(bytes, last),
            last,
        }
    }
}

impl sealed::Sealed for Csv {
    // A record is found by calls, and these are compiled for the vectors that all machines have: to change between kinds
    // twice a record would take longer than wider ones save.
    #[inline]
    fn vectors(&self) -> Level {
        Level::baseline()
    }
}

/// The records of a block of [`Csv`].
#[derive(Debug)]
pub struct CsvRecords<'a> {
    parser: &'a mut Csv,
    bytes: &'a [u8],
    /// The whole lines of the block, if all of them are UTF-8.
    text: &'a str,
    at: usize,
    last: bool,
}

/// Where a record ends, and of what kind it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Extent {
    /// One line without a quote, or one that is too long.
    Line(Line),
    /// A record with quotes.
    Quoted {
        /// The end of its content.
        end: usize,
        /// The beginning of the next record.
        next: usize,
    },
    /// A record with a quote that is not closed; its first line.
    Unclosed(Line),
}

impl CsvRecords<'_> {
    #[inline(never)]
    fn next_of_any_shape(&mut self) -> Result<Option<Record<'_>>, Error> {
        let Some(extent) = self.seek()? else {
            return Ok(None);
        };
        let start = self.at;
        self.at = extent.next();
        Ok(Some(take(
            self.parser,
            self.bytes,
            self.text,
            start,
            extent,
        )))
    }

    /// Passes over what is no record, the header among it; returns where the next record ends.
    pub(super) fn seek(&mut self) -> Result<Option<Extent>, Error> {
        loop {
            // Without a header either, if there is nothing at all: an empty list is one in any format.
            let Some(extent) = self.extent() else {
                return Ok(None);
            };
            match extent {
                Extent::Line(line)
                    if !line.too_long && is_blank(&self.bytes[self.at..line.end]) =>
                {
                    self.parser.cursor.pass(line.next - self.at, 1);
                }
                _ if self.parser.composer.is_none() => self.read_header(extent)?,
                _ => return Ok(Some(extent)),
            }
            self.at = extent.next();
        }
    }

    fn extent(&mut self) -> Option<Extent> {
        let line = || Line::find(self.bytes, self.at, self.last);
        let rest = &self.bytes[self.at..];
        // A record that does not end within so much is too long, whatever follows.
        let longest = &rest[..rest.len().min(MAX_REST + 1)];
        if !matches!(memchr2(b'\n', b'"', longest), Some(n) if longest[n] == b'"') {
            return line().map(Extent::Line);
        }
        let whole = self.last && longest.len() == rest.len();
        let Csv { cursor, open, .. } = &mut *self.parser;
        let here = cursor.here().byte;
        let mut row = Row::default();
        let is_known_to_be_open = open.knows(here, longest, whole);
        let next = if is_known_to_be_open {
            None
        } else {
            scan::record(longest, whole, &mut row)
        };
        match next {
            Some(next) if row.end() <= MAX_RECORD_BYTES => {
                let (end, next) = (self.at + row.end(), self.at + next);
                return Some(Extent::Quoted { end, next });
            }
            Some(_) => {}
            None => {
                if !is_known_to_be_open {
                    open.learn(here, longest);
                }
                // At the end of the input, and within the limit.
                if whole && strip_cr(rest).len() <= MAX_RECORD_BYTES {
                    return line().map(Extent::Unclosed);
                }
                if strip_cr(longest).len() <= MAX_RECORD_BYTES {
                    return None;
                }
            }
        }
        let first = line()?;
        Some(if first.too_long {
            Extent::Line(first)
        } else {
            Extent::Unclosed(first)
        })
    }

    /// Reads the header, or passes over a comment.
    #[cold]
    fn read_header(&mut self, extent: Extent) -> Result<(), Error> {
        let end = match extent {
            Extent::Line(line) if line.too_long => {
                let max = MAX_RECORD_BYTES;
                return Err(self.header_error(HeaderError::TooLong { max }));
            }
            Extent::Unclosed(_) => return Err(self.header_error(HeaderError::UnclosedQuote)),
            Extent::Line(line) => line.end,
            Extent::Quoted { end, .. } => end,
        };
        let read = &self.bytes[self.at..extent.next()];
        let header = std::str::from_utf8(&self.bytes[self.at..end])
            .map_err(|_| self.header_error(HeaderError::Utf8))?;
        match header::said_separator(header) {
            None => {}
            Some(',') => {
                self.parser.cursor.pass(read.len(), line_ends(read));
                return Ok(());
            }
            Some(by) => {
                let is_said = true;
                return Err(self.header_error(HeaderError::Separated { by, is_said }));
            }
        }
        let names = header::names(header, read);
        let Csv {
            cursor,
            fields,
            template,
            ..
        } = &mut *self.parser;
        let columns = match Columns::find(&names, fields, template.as_ref()) {
            Ok(columns) => columns,
            Err(HeaderError::NoColumn { .. } | HeaderError::Missing)
                if is_comment(header, &names) =>
            {
                cursor.pass(read.len(), line_ends(read));
                return Ok(());
            }
            Err(fault) => return Err(self.header_error(fault)),
        };
        let template = template.take();
        let region = self.parser.fields.region_of_numbers();
        self.parser.composer = Some(Composer::new(columns, region, template));
        self.parser.cursor.pass(read.len(), line_ends(read));
        Ok(())
    }

    #[cold]
    fn header_error(&self, fault: HeaderError) -> Error {
        let position = self.parser.cursor.here();
        ErrorKind::Header { position, fault }.into()
    }
}

impl Extent {
    pub(super) const fn next(self) -> usize {
        match self {
            Self::Line(line) | Self::Unclosed(line) => line.next,
            Self::Quoted { next, .. } => next,
        }
    }
}

impl<'a> CsvRecords<'a> {
    /// The record that [`seek`](Self::seek) has found.
    pub(super) fn into_record(self, extent: Extent) -> Record<'a> {
        take(self.parser, self.bytes, self.text, self.at, extent)
    }
}

impl CsvRecords<'_> {
    /// Goes on past the next record, if it has the cells that it should have and stands in a block that is
    /// UTF-8, and makes something of its recipient, its text, itself and its position.
    // Always inlined: what is handed on in memory costs more than it takes to parse it.
    #[inline(always)]
    fn common<'s, T>(
        &'s mut self,
        make: impl FnOnce(PhoneNumber, TextPart, &'s Composer, &'s str, Position) -> T,
    ) -> Option<T> {
        let Csv {
            composer,
            cursor,
            open,
            ..
        } = &mut *self.parser;
        let composer = composer.as_mut()?;
        if open.covers(cursor.here().byte) {
            return None;
        }
        let next = whole_record(self.text.as_bytes().get(self.at..)?, composer.row())?;
        if !composer.has_all_cells() {
            return None;
        }
        let record = &self.text[self.at..self.at + composer.row().end()];
        let text = composer.text(record).ok()?;
        let to = match PhoneNumber::from_bytes(composer.number(record)) {
            Ok(to) => to,
            Err(_) => composer.regional_number(record)?,
        };
        self.at += next;
        let position = cursor.record(next, composer.row().lines());
        Some(make(to, text, composer, record, position))
    }
}

impl Records for CsvRecords<'_> {
    // Once for all loops, so that those that ask for the common ones first stay small.
    #[inline(never)]
    fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        let start = self.at;
        let found = self.common(|to, text, _, record, position| (to, text, record.len(), position));
        // What is lent in one case cannot be borrowed again in the other. So it is lent in the end.
        let Some((to, text, len, position)) = found else {
            return self.next_of_any_shape();
        };
        let composer = self.parser.composer.as_ref();
        let record = &self.text[start..start + len];
        let text = composer.and_then(|composer| composer.lend(text, record));
        Ok(Some(Record::Message(Message { to, text, position })))
    }

    #[inline]
    fn consumed(&self) -> usize {
        self.at
    }
}

impl sealed::Common for CsvRecords<'_> {
    #[inline(always)]
    fn visit_common<S: Simd, V: Visitor>(
        &mut self,
        simd: S,
        piece: Piece<'_>,
        visitor: &mut V,
    ) -> Result<Answer, V::Error> {
        self.show(simd, piece, visitor)
    }
}

impl Run for CsvRecords<'_> {
    #[inline]
    fn next_common<S: Simd>(&mut self, _: S) -> Option<Message<'_>> {
        self.common(|to, text, composer, record, position| {
            let text = composer.lend(text, record);
            Message { to, text, position }
        })
    }
}

/// The record that `rest` begins with, if it ends with a line end and is not too long; returns where the next
/// one begins.
#[inline]
fn whole_record(rest: &[u8], row: &mut Row) -> Option<usize> {
    let longest = &rest[..rest.len().min(MAX_REST + 1)];
    let next = scan::record(longest, false, row)?;
    (row.end() <= MAX_RECORD_BYTES).then_some(next)
}

/// Takes the record at `start`, whatever it is.
fn take<'r>(
    parser: &'r mut Csv,
    bytes: &'r [u8],
    lines: &'r str,
    start: usize,
    extent: Extent,
) -> Record<'r> {
    let Csv {
        cursor, composer, ..
    } = parser;
    let end = match extent {
        Extent::Line(line) if line.too_long => {
            return Record::Invalid(cursor.too_long(bytes, start, line));
        }
        Extent::Line(line) | Extent::Unclosed(line) => line.end,
        Extent::Quoted { end, .. } => end,
    };
    let input = &bytes[start..end];
    let read = &bytes[start..extent.next()];
    let position = cursor.record(read.len(), line_ends(read));
    let refuse = |fault: Fault| Record::Invalid(fault.into_invalid(input, position));
    let record = match lines.get(start..end).map_or_else(|| alone(input), Ok) {
        Ok(record) => record,
        Err(fault) => return refuse(fault),
    };
    // Holds by `seek`: without a header there is no record.
    let Some(composer) = composer else {
        return refuse(RecordError::NoRecipient.into());
    };
    if matches!(extent, Extent::Unclosed(_)) || scan::record(read, true, composer.row()).is_none() {
        return refuse(RecordError::UnclosedQuote.into());
    }
    match composer.compose(record) {
        Ok((to, part)) => {
            let text = composer.lend(part, record);
            Record::Message(Message { to, text, position })
        }
        Err(fault) => refuse(fault),
    }
}

/// Whether what stands in place of a header, and names no recipient, is a comment. One with several columns is not: many
/// lists number their rows in a column that is called `#`, and it is better to say which columns such a list has.
fn is_comment(header: &str, names: &[String]) -> bool {
    names.len() == 1 && header.trim_ascii_start().starts_with('#')
}

/// What is left without a carriage return at the end.
#[inline]
fn strip_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn line_ends(bytes: &[u8]) -> u64 {
    // A last line may lack its line end, and is one all the same.
    let unended = u64::from(bytes.last() != Some(&b'\n'));
    memchr_iter(b'\n', bytes).count() as u64 + unended
}
