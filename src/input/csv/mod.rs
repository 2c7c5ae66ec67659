//! RFC 4180 with a header.
//!
//! Where a record ends, and where its cells are, is found by [`scan`] with searches for the few bytes that
//! count; cells are lent straight from the block. Only a record with a cell that is not written as it
//! reads (doubled quotes, something behind the closing quote) goes through csv-core, in [`decode`].

mod decode;
mod header;
mod scan;

use memchr::{memchr_iter, memchr2};

use self::decode::Decoder;
use self::header::Columns;
use self::scan::{Cell, Form, Scan};
use super::cursor::{Cursor, Line, is_blank, whole_lines};
use super::{Fields, Invalid, MAX_RECORD_BYTES, MAX_REST, Parse, Record, Records, sealed};
use crate::error::{Error, ErrorKind, HeaderError, RecordError};
use crate::message::{Message, PhoneNumber, PhoneNumberError, Text, TextError};
use crate::position::Position;

/// A list as comma-separated values (RFC 4180), with a header.
///
/// Columns are found by the names in the header, see [`Fields`]. A record has as many fields as the
/// header. Spaces around a recipient do not count; an empty text is no text of its own. Lines end with
/// LF or CRLF; lines with nothing but spaces are passed over. A field may be quoted, and then hold
/// commas, line ends and doubled quotes.
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
#[derive(Debug)]
pub struct Csv {
    cursor: Cursor,
    fields: Fields,
    /// `None` before the header.
    columns: Option<Columns>,
    decoder: Box<Decoder>,
}

impl Csv {
    /// A parser at the beginning of its input.
    #[must_use]
    pub fn new(fields: &Fields) -> Self {
        Self {
            cursor: Cursor::default(),
            fields: fields.clone(),
            columns: None,
            decoder: Box::default(),
        }
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

impl sealed::Sealed for Csv {}

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
    Quoted(Scan),
    /// A record with a quote that is not closed; its first line.
    Unclosed(Line),
}

impl CsvRecords<'_> {
    #[inline(never)]
    fn next_of_any_shape(&mut self) -> Result<Option<Record<'_>>, Error> {
        let Some(extent) = self.seek()? else {
            return Ok(None);
        };
        Ok(Some(self.take(extent)))
    }

    /// Takes the record that is next.
    #[inline(never)]
    fn take(&mut self, extent: Extent) -> Record<'_> {
        let start = self.at;
        self.at = extent.next();
        take(self.parser, self.bytes, self.text, start, extent)
    }

    /// Passes over what is no record, the header among it; returns where the next record ends.
    pub(super) fn seek(&mut self) -> Result<Option<Extent>, Error> {
        loop {
            let Some(extent) = self.extent() else {
                if self.last && self.parser.columns.is_none() {
                    return Err(self.header_error(HeaderError::Missing));
                }
                return Ok(None);
            };
            match extent {
                Extent::Line(line)
                    if !line.too_long && is_blank(&self.bytes[self.at..line.end]) =>
                {
                    self.parser.cursor.pass(line.next - self.at, 1);
                }
                _ if self.parser.columns.is_none() => self.read_header(extent)?,
                _ => return Ok(Some(extent)),
            }
            self.at = extent.next();
        }
    }

    fn extent(&self) -> Option<Extent> {
        let line = || Line::find(self.bytes, self.at, self.last);
        let rest = &self.bytes[self.at..];
        // A record that does not end within so much is too long, whatever follows.
        let longest = &rest[..rest.len().min(MAX_REST + 1)];
        if !matches!(memchr2(b'\n', b'"', longest), Some(n) if longest[n] == b'"') {
            return line().map(Extent::Line);
        }
        let (to, text) = self
            .parser
            .columns
            .as_ref()
            .map_or((0, None), Columns::wanted);
        let whole = self.last && longest.len() == rest.len();
        let scan = scan::record(longest, whole, to, text);
        match scan {
            Ok(scan) if scan.end <= MAX_RECORD_BYTES => {
                return Some(Extent::Quoted(scan.moved(self.at)));
            }
            Ok(_) => {}
            // At the end of the input, and within the limit.
            Err(_) if whole && strip_cr(rest).len() <= MAX_RECORD_BYTES => {
                return line().map(Extent::Unclosed);
            }
            Err(_) if strip_cr(longest).len() <= MAX_RECORD_BYTES => return None,
            Err(_) => {}
        }
        let first = line()?;
        Some(if first.too_long {
            Extent::Line(first)
        } else {
            Extent::Unclosed(first)
        })
    }

    #[cold]
    fn read_header(&mut self, extent: Extent) -> Result<(), Error> {
        let end = match extent {
            Extent::Line(line) if line.too_long => {
                let max = MAX_RECORD_BYTES;
                return Err(self.header_error(HeaderError::TooLong { max }));
            }
            Extent::Unclosed(_) => return Err(self.header_error(HeaderError::UnclosedQuote)),
            Extent::Line(line) => line.end,
            Extent::Quoted(scan) => scan.end,
        };
        let record = &self.bytes[self.at..end];
        let header =
            std::str::from_utf8(record).map_err(|_| self.header_error(HeaderError::Utf8))?;
        let names = self.parser.decoder.record(header);
        let columns = Columns::find(&names, &self.parser.fields);
        self.parser.columns = Some(columns.map_err(|fault| self.header_error(fault))?);
        let read = &self.bytes[self.at..extent.next()];
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
            Self::Quoted(scan) => scan.next,
        }
    }
}

impl<'a> CsvRecords<'a> {
    /// The record that [`seek`](Self::seek) has found.
    pub(super) fn into_record(self, extent: Extent) -> Record<'a> {
        take(self.parser, self.bytes, self.text, self.at, extent)
    }
}

impl<'a> CsvRecords<'a> {
    /// The text in a cell of the record that is next.
    #[inline]
    fn own_text(&self, cell: Option<Cell>) -> Result<Option<Text<'a>>, TextError> {
        match cell {
            Some(cell) if cell.end > cell.start => {
                let text = &self.text[self.at + cell.start..self.at + cell.end];
                Text::new(text).map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl Records for CsvRecords<'_> {
    #[inline]
    fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        if let Some(columns) = &self.parser.columns
            && let Some(rest) = self.text.as_bytes().get(self.at..)
            && let Some(scan) = whole_record(rest, columns)
        {
            if scan.cells.fields == columns.count
                && scan.cells.are_plain()
                && let Ok(to) =
                    PhoneNumber::from_bytes(&rest[scan.cells.to.start..scan.cells.to.end])
                && let Ok(text) = self.own_text(scan.cells.text)
            {
                let position = self.parser.cursor.record(scan.next, scan.lines);
                self.at += scan.next;
                let message = Message { to, text, position };
                return Ok(Some(Record::Message(message)));
            }
            if scan.has_quotes {
                return Ok(Some(self.take(Extent::Quoted(scan.moved(self.at)))));
            }
        }
        self.next_of_any_shape()
    }

    #[inline]
    fn consumed(&self) -> usize {
        self.at
    }
}

impl sealed::Sealed for CsvRecords<'_> {}

/// The record that `rest` begins with, if it ends with a line end and is not too long.
#[inline]
fn whole_record(rest: &[u8], columns: &Columns) -> Option<Scan> {
    let (to, text) = columns.wanted();
    let longest = &rest[..rest.len().min(MAX_REST + 1)];
    let len = memchr2(b'\n', b'"', longest)?;
    let scan = if longest[len] == b'\n' {
        Scan::of_line(strip_cr(&longest[..len]), len + 1, to, text)
    } else {
        scan::record(longest, false, to, text).ok()?
    };
    (scan.end <= MAX_RECORD_BYTES).then_some(scan)
}

/// Takes the record at `start`, whatever it is.
fn take<'r>(
    parser: &'r mut Csv,
    bytes: &'r [u8],
    lines: &'r str,
    start: usize,
    extent: Extent,
) -> Record<'r> {
    let cursor = &mut parser.cursor;
    let (end, next) = match extent {
        Extent::Line(line) if line.too_long => {
            return Record::Invalid(cursor.too_long(bytes, start, line));
        }
        Extent::Line(line) | Extent::Unclosed(line) => (line.end, line.next),
        Extent::Quoted(scan) => (scan.end, scan.next),
    };
    let input = &bytes[start..end];
    let position = cursor.record(next - start, line_ends(&bytes[start..next]));
    let refuse = |fault: Fault| Record::Invalid(refuse(input, fault, position));
    let record = match lines.get(start..end).map_or_else(|| alone(input), Ok) {
        Ok(record) => record,
        Err(fault) => return refuse(fault),
    };
    // Holds by `seek`: without columns there is no record.
    let Some(columns) = &parser.columns else {
        return refuse(RecordError::NoRecipient.into());
    };
    let (to, text) = columns.wanted();
    let cells = match extent {
        Extent::Unclosed(_) => {
            return refuse(RecordError::UnclosedQuote.into());
        }
        Extent::Line(_) => scan::plain(input, to, text),
        Extent::Quoted(scan) => scan.cells,
    };
    if cells.fields != columns.count {
        return refuse(Fault::from(RecordError::FieldCount {
            expected: columns.count,
            found: cells.fields,
        }));
    }
    let cell = |cell: Cell| (&record[cell.start..cell.end], cell.start);
    let parsed = match (cells.to.form, cells.text.map(|text| text.form)) {
        (Form::Plain, None | Some(Form::Plain)) => message(cell(cells.to), cells.text.map(cell)),
        (Form::Plain, Some(Form::Doubled)) => {
            let text = cells.text.map(cell);
            let text = text.map(|(text, at)| (parser.decoder.undouble(text), at));
            message(cell(cells.to), text)
        }
        _ => {
            let fields = parser.decoder.record(record);
            let text = text.map(|text| (fields.field(text), 0));
            message((fields.field(to), 0), text).map_err(Fault::of_record)
        }
    };
    match parsed {
        Ok(message) => Record::Message(message.at(position)),
        Err(fault) => refuse(fault),
    }
}

/// The message in two cells, each with its place in the record.
fn message<'a>(
    (to, to_at): (&str, usize),
    text: Option<(&'a str, usize)>,
) -> Result<Message<'a>, Fault> {
    let at = to_at + (to.len() - to.trim_ascii_start().len());
    let to = PhoneNumber::parse(to.trim_ascii()).map_err(|error| match error {
        PhoneNumberError::Empty => Fault {
            fault: RecordError::NoRecipient,
            at: to_at,
        },
        PhoneNumberError::NotADigit { at: digit } => Fault {
            fault: error.into(),
            at: at + digit,
        },
        _ => Fault {
            fault: error.into(),
            at,
        },
    })?;
    let message = Message::new(to);
    match text {
        Some((text, at)) if !text.is_empty() => match Text::new(text) {
            Ok(text) => Ok(message.with_text(text)),
            Err(error) => Err(Fault {
                fault: error.into(),
                at,
            }),
        },
        _ => Ok(message),
    }
}

/// A record of a block that is not UTF-8 as a whole.
#[cold]
fn alone(record: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(record).map_err(|error| Fault {
        fault: RecordError::Utf8,
        at: error.valid_up_to(),
    })
}

#[cold]
fn refuse(input: &[u8], fault: Fault, position: Position) -> Invalid<'_> {
    let byte = position.byte + fault.at as u64;
    Invalid {
        error: Error::record(Position { byte, ..position }, fault.fault),
        input,
    }
}

/// Why a record is no message.
#[derive(Debug, Clone, Copy)]
struct Fault {
    fault: RecordError,
    /// The offset of the fault in the record, in bytes.
    at: usize,
}

impl Fault {
    /// The same fault where its place in the record is not known.
    fn of_record(self) -> Self {
        Self { at: 0, ..self }
    }
}

impl From<RecordError> for Fault {
    fn from(fault: RecordError) -> Self {
        Self { fault, at: 0 }
    }
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
