use fearless_simd::Simd;

use super::csv::Extent;
use super::visit::Piece;
use super::{
    Answer, Csv, CsvRecords, Fields, Format, LineRecords, Lines, Ndjson, NdjsonRecords, Parse,
    Record, Records, Template, TemplateError, TemplateFault, Visited, Visitor, sealed,
};
use crate::error::Error;

/// A parser of any format.
///
/// [`visit`](Parse::visit) asks once a block which one it is, and has a loop of its own for each format;
/// [`block`](Parse::block) asks for every record.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Parser {
    /// For [`Format::Lines`].
    Lines(Lines),
    /// For [`Format::Ndjson`].
    Ndjson(Ndjson),
    /// For [`Format::Csv`].
    Csv(Csv),
}

impl Parser {
    /// A parser at the beginning of its input.
    #[must_use]
    pub fn new(format: Format, fields: &Fields) -> Self {
        match format {
            Format::Lines => Self::Lines(match fields.region_of_numbers() {
                Some(region) => Lines::new().with_region(region),
                None => Lines::new(),
            }),
            Format::Ndjson => Self::Ndjson(Ndjson::new(fields)),
            Format::Csv => Self::Csv(Csv::new(fields)),
        }
    }

    /// The same with a template for the text of each record, see [`Csv::with_template`] and
    /// [`Ndjson::with_template`].
    ///
    /// # Errors
    /// [`TemplateFault::NoFields`] for [`Format::Lines`]: a bare number has no fields. A text that is the
    /// same for all belongs into the envelope, see [`Template::as_plain`].
    pub fn with_template(self, template: Template) -> Result<Self, TemplateError> {
        match self {
            Self::Lines(_) => Err(template.fault(TemplateFault::NoFields)),
            Self::Ndjson(parser) => Ok(Self::Ndjson(parser.with_template(template))),
            Self::Csv(parser) => Ok(Self::Csv(parser.with_template(template))),
        }
    }

    /// What it parses.
    #[must_use]
    pub const fn format(&self) -> Format {
        match self {
            Self::Lines(_) => Format::Lines,
            Self::Ndjson(_) => Format::Ndjson,
            Self::Csv(_) => Format::Csv,
        }
    }
}

impl Parse for Parser {
    type Records<'a> = ParserRecords<'a>;

    fn block<'a>(&'a mut self, bytes: &'a [u8], last: bool) -> ParserRecords<'a> {
        match self {
            Self::Lines(parser) => ParserRecords::Lines(parser.block(bytes, last)),
            Self::Ndjson(parser) => ParserRecords::Ndjson(parser.block(bytes, last)),
            Self::Csv(parser) => ParserRecords::Csv(parser.block(bytes, last)),
        }
    }
}

impl sealed::Sealed for Parser {
    #[inline]
    fn visit_piece<V: Visitor>(
        &mut self,
        piece: Piece<'_>,
        visitor: &mut V,
    ) -> Result<Visited, V::Error> {
        match self {
            Self::Lines(parser) => parser.visit_piece(piece, visitor),
            Self::Ndjson(parser) => parser.visit_piece(piece, visitor),
            Self::Csv(parser) => parser.visit_piece(piece, visitor),
        }
    }
}

/// The records of a block of a [`Parser`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ParserRecords<'a> {
    /// For [`Format::Lines`].
    Lines(LineRecords<'a>),
    /// For [`Format::Ndjson`].
    Ndjson(NdjsonRecords<'a>),
    /// For [`Format::Csv`].
    Csv(CsvRecords<'a>),
}

impl<'a> ParserRecords<'a> {
    /// Passes over what is no record; returns where the next record ends, if all of it is there.
    pub(super) fn seek(&mut self) -> Result<Option<usize>, Error> {
        Ok(match self {
            Self::Lines(records) => records.seek().map(|line| line.next),
            Self::Ndjson(records) => records.seek().map(|line| line.next),
            Self::Csv(records) => records.seek()?.map(Extent::next),
        })
    }

    /// The next record, free of this borrow, and no further one.
    pub(super) fn into_next(self) -> Result<Option<Record<'a>>, Error> {
        Ok(match self {
            Self::Lines(mut records) => records.seek().map(|line| records.take(line)),
            Self::Ndjson(mut records) => records.seek().map(|line| records.into_record(line)),
            Self::Csv(mut records) => {
                let extent = records.seek()?;
                extent.map(|extent| records.into_record(extent))
            }
        })
    }
}

impl Records for ParserRecords<'_> {
    fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        match self {
            Self::Lines(records) => records.next(),
            Self::Ndjson(records) => records.next(),
            Self::Csv(records) => records.next(),
        }
    }

    fn consumed(&self) -> usize {
        match self {
            Self::Lines(records) => records.consumed(),
            Self::Ndjson(records) => records.consumed(),
            Self::Csv(records) => records.consumed(),
        }
    }
}

/// [`visit`](Parse::visit) asks the records of each format itself.
impl sealed::Common for ParserRecords<'_> {
    fn visit_common<S: Simd, V: Visitor>(
        &mut self,
        _: S,
        _: Piece<'_>,
        _: &mut V,
    ) -> Result<Answer, V::Error> {
        Ok(Answer::Taken)
    }
}
