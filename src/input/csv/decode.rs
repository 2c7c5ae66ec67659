//! Records as csv-core reads them, field by field.

use std::fmt;

use csv_core::{ReadRecordResult, ReaderBuilder, Terminator};
use memchr::{memchr, memchr_iter};

/// Decodes one record at a time, into memory that it keeps.
pub(super) struct Decoder {
    cell: String,
    reader: csv_core::Reader,
    content: Vec<u8>,
    ends: Vec<usize>,
}

impl Decoder {
    /// What the inside of a quoted cell reads, where the only quotes are doubled ones: the commonest case
    /// in need of decoding, and several times faster than the automaton.
    pub(super) fn undouble(&mut self, cell: &str) -> &str {
        self.cell.clear();
        let mut rest = cell;
        while let Some(quote) = memchr(b'"', rest.as_bytes()) {
            self.cell.push_str(&rest[..=quote]);
            rest = rest.get(quote + 2..).unwrap_or_default();
        }
        self.cell.push_str(rest);
        &self.cell
    }

    /// The fields of a record that is whole, not blank, and without its line end.
    pub(super) fn record(&mut self, record: &str) -> Decoded<'_> {
        // No field is longer than it is written, and each but the last has its comma. csv-core wants
        // to have room for one more.
        self.content
            .resize(self.content.len().max(record.len() + 1), 0);
        let fields = 2 + memchr_iter(b',', record.as_bytes()).count();
        self.ends.resize(self.ends.len().max(fields), 0);
        let mut written = 0;
        let mut ended = 0;
        // The line end closes the record; by itself it would be passed over.
        for input in [record.as_bytes(), b"\n"] {
            let (content, ends) = (&mut self.content[written..], &mut self.ends[ended..]);
            let (result, _, bytes, fields) = self.reader.read_record(input, content, ends);
            written += bytes;
            ended += fields;
            debug_assert_eq!(result == ReadRecordResult::Record, input == b"\n");
        }
        Decoded {
            // Holds because quotes are ASCII: what is left of UTF-8 without some of them is UTF-8.
            content: simdutf8::basic::from_utf8(&self.content[..written]).unwrap_or_default(),
            ends: &self.ends[..ended],
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        // Lines end with LF here, as everywhere; the CR of a CRLF is not part of a record handed in.
        let mut reader = ReaderBuilder::new()
            .terminator(Terminator::Any(b'\n'))
            .build();
        // The reader passes over a byte order mark at its very beginning, where a record may have one
        // as content. So let something else be the beginning.
        reader.read_record(b"\n", &mut [0], &mut [0]);
        Self {
            cell: String::new(),
            reader,
            content: Vec::new(),
            ends: Vec::new(),
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

/// The fields of a record.
pub(super) struct Decoded<'a> {
    content: &'a str,
    ends: &'a [usize],
}

impl<'a> Decoded<'a> {
    /// The field at a place, from 0; empty if there is none.
    pub(super) fn field(&self, place: usize) -> &'a str {
        let start = match place {
            0 => Some(0),
            _ => self.ends.get(place - 1).copied(),
        };
        let field = start.zip(self.ends.get(place).copied());
        field
            .and_then(|(start, end)| self.content.get(start..end))
            .unwrap_or_default()
    }

    /// All fields.
    pub(super) fn fields(&self) -> impl Iterator<Item = &'a str> {
        (0..self.ends.len()).map(|place| self.field(place))
    }
}
