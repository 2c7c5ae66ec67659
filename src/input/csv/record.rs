//! From the cells of a record to a message.

use super::decode;
use super::header::Columns;
use super::scan::{Cell, Form, Row};
use crate::error::RecordError;
use crate::input::escape::stands_for_itself;
use crate::input::fault::Fault;
use crate::input::template::{Rendering, Template};
use crate::message::{self, PhoneNumber, PhoneNumberError, Region, Text, TextError};

/// Makes messages of records, in memory that it keeps.
#[derive(Debug, Clone)]
pub(super) struct Composer {
    columns: Columns,
    region: Option<Region>,
    rendering: Option<Rendering>,
    /// The record at hand.
    row: Row,
    /// What does not stand in the input as it is wanted; a text as the content of a JSON string.
    made: String,
}

/// Where a message has its text.
#[derive(Debug, Clone, Copy)]
pub(super) enum TextPart {
    /// Nowhere.
    None,
    /// In the record, as it stands between these bytes.
    Lent(usize, usize),
    /// In the composer, decoded from a cell.
    Made,
    /// In the composer, made of the template.
    Rendered,
}

impl Composer {
    pub(super) fn new(
        columns: Columns,
        region: Option<Region>,
        template: Option<Template>,
    ) -> Self {
        Self {
            row: Row::with_room_for(columns.count),
            columns,
            region,
            rendering: template.map(Rendering::new),
            made: String::new(),
        }
    }

    /// Where [`scan`](super::scan) puts a record.
    #[inline]
    pub(super) const fn row(&mut self) -> &mut Row {
        &mut self.row
    }

    /// Whether the record whose cells were found has the right number of them.
    #[inline]
    pub(super) fn has_all_cells(&self) -> bool {
        self.row.count() == self.columns.count
    }

    /// What is likely the recipient's number.
    #[inline]
    pub(super) fn number<'r>(&self, record: &'r str) -> &'r [u8] {
        let cell = self.row.cell(self.columns.to);
        &record.as_bytes()[cell.start..cell.end]
    }

    /// The same as it is written in the region, if that is looked at.
    // Not inlined: nearly all lists are without.
    #[inline(never)]
    pub(super) fn regional_number(&self, record: &str) -> Option<PhoneNumber> {
        let cell = self.row.cell(self.columns.to);
        if cell.form != Form::Plain {
            return None;
        }
        self.region?.parse(&record[cell.start..cell.end]).ok()
    }

    /// The recipient and the text of the record whose cells were found.
    pub(super) fn compose(&mut self, record: &str) -> Result<(PhoneNumber, TextPart), Fault> {
        let (expected, found) = (self.columns.count, self.row.count());
        if found != expected {
            return Err(RecordError::FieldCount { expected, found }.into());
        }
        let to = self.recipient(record)?;
        Ok((to, self.text(record)?))
    }

    fn recipient(&mut self, record: &str) -> Result<PhoneNumber, Fault> {
        let cell = self.row.cell(self.columns.to);
        self.made.clear();
        decode::read(&mut self.made, record, cell);
        let leading = self.made.len() - self.made.trim_ascii_start().len();
        message::read(self.made.trim_ascii(), self.region).map_err(|error| Fault {
            fault: match error {
                PhoneNumberError::Empty => RecordError::NoRecipient,
                _ => error.into(),
            },
            at: match error {
                // Within a cell that was decoded, places are other ones.
                _ if cell.form != Form::Plain => cell.start,
                PhoneNumberError::Empty => cell.start,
                _ => cell.start + leading + error.at().unwrap_or(0),
            },
        })
    }

    /// Finds or makes the text.
    #[inline]
    pub(super) fn text(&mut self, record: &str) -> Result<TextPart, Fault> {
        let own = match self.columns.text.map(|text| self.row.cell(text)) {
            Some(cell) if cell.start < cell.end => self.own_text(record, cell)?,
            _ => TextPart::None,
        };
        match own {
            TextPart::None => self.text_of_template(record),
            own => Ok(own),
        }
    }

    #[inline]
    fn own_text(&mut self, record: &str, cell: Cell) -> Result<TextPart, Fault> {
        let checked = if cell.form == Form::Plain {
            let text = Text::new(&record[cell.start..cell.end]);
            text.map(|_| TextPart::Lent(cell.start, cell.end))
        } else {
            self.made.clear();
            decode::read_json(&mut self.made, record, cell);
            Text::from_checked_json(&*self.made).map(|_| TextPart::Made)
        };
        match checked {
            // A blank one is none.
            Err(TextError::Empty) => Ok(TextPart::None),
            checked => checked.map_err(|error| Fault {
                fault: error.into(),
                at: cell.start,
            }),
        }
    }

    #[inline]
    fn text_of_template(&mut self, record: &str) -> Result<TextPart, Fault> {
        let Some(rendering) = &mut self.rendering else {
            return Ok(TextPart::None);
        };
        // Hardly any record has something to escape.
        let stands_for_itself = stands_for_itself(record);
        rendering.render(|place, field, text| {
            let cell = self.row.cell(self.columns.fields[place]);
            let start = text.len();
            if stands_for_itself {
                text.push_str(&record[cell.start..cell.end]);
            } else {
                decode::read_json(text, record, cell);
            }
            let at = cell.start;
            let finished = field.finish(text, start);
            finished.map_err(|fault| Fault { fault, at })
        })?;
        match rendering.check() {
            Ok(()) => Ok(TextPart::Rendered),
            Err(error) => Err(RecordError::from(error).into()),
        }
    }

    /// The text that was found or made.
    #[inline]
    pub(super) fn lend<'r>(&'r self, text: TextPart, record: &'r str) -> Option<Text<'r>> {
        // It was checked when it was found or made.
        match text {
            TextPart::None => None,
            TextPart::Lent(start, end) => record.get(start..end).map(Text::known),
            TextPart::Made => Some(Text::known_json(&self.made)),
            TextPart::Rendered => Some(self.rendering.as_ref()?.text()),
        }
    }
}
