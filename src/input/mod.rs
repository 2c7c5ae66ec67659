//! From the bytes of a list to messages.
//!
//! ```text
//! Blocks::fill ──Block──▶ Parse::block ──Records::next──▶ Message | Invalid
//!       ▲                      │
//!       └── Block::prepend ◀── what is left: an incomplete record
//! ```
//!
//! The parsers are pure: bytes in, facts out. They are handed a block of the input at a time and lend
//! the records in it one after the other, straight from the block. What is left at its end (the
//! beginning of a record, at most [`MAX_REST`] bytes) has to stand at the front of the next block. Where
//! the input is cut into blocks makes no difference to what comes out.
//!
//! A bad record is an [`Invalid`], with its position and its bytes, and spoils none of its neighbours.
//! An `Err` spoils the whole input: a CSV header without a recipient, or a failed read.
//!
//! ```
//! use batchcast::input::{Fields, Format, Parse, Parser, Record, Records};
//!
//! let mut parser = Parser::new(Format::Lines, &Fields::default());
//! let block = b"+14155550100\nBob\n+1415555";
//! let mut records = parser.block(block, false);
//! while let Some(record) = records.next()? {
//!     match record {
//!         Record::Message(message) => assert_eq!(message.to.as_str(), "+14155550100"),
//!         Record::Invalid(invalid) => assert_eq!(invalid.input, b"Bob"),
//!         _ => unreachable!(),
//!     }
//! }
//! assert_eq!(&block[records.consumed()..], b"+1415555");
//! # Ok::<(), batchcast::Error>(())
//! ```
//!
//! Whoever wants all of a list lets a [`Visitor`] go through its blocks: [`Parse::visit`] has the loop that is quick.
//! [`Reader`] and [`Blocks::visit`] do all that for anything that is [`std::io::Read`]. [`reader`] is the only module here
//! that does I/O.

mod csv;
mod cursor;
mod escape;
mod fault;
mod fields;
mod format;
mod lines;
mod ndjson;
mod parser;
mod pattern;
mod places;
pub mod reader;
mod template;
mod visit;

use std::fmt;

pub use self::csv::{Csv, CsvRecords};
pub use self::fields::{Fields, RECIPIENT_NAMES};
pub use self::format::{Format, UnknownFormat};
pub use self::lines::{LineRecords, Lines};
pub use self::ndjson::{Ndjson, NdjsonRecords};
pub use self::parser::{Parser, ParserRecords};
pub use self::reader::{Block, Blocks, Reader};
pub use self::template::{Template, TemplateError, TemplateFault};
pub use self::visit::{Answer, Visited, Visitor};
use crate::error::Error;
use crate::message::Message;

/// The most bytes of a record, its line end not counted.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;

/// The most bytes a parser leaves of a block: a record that lacks its last byte, and a carriage return
/// that may belong to its line end.
pub const MAX_REST: usize = MAX_RECORD_BYTES + 1;

/// How many bytes of an over-long record [`Invalid::input`] shows at most.
pub const MAX_SHOWN: usize = 1_024;

/// A parser of one format. Sealed: the formats are [`Lines`], [`Ndjson`] and [`Csv`], and [`Parser`]
/// is whichever of them an input needs.
///
/// A parser carries from block to block where it stands, and nothing of the input.
pub trait Parse: sealed::Sealed {
    /// The records of a block.
    type Records<'a>: Records
    where
        Self: 'a;

    /// Takes the next block of the input: what the block before left, and the bytes that follow it.
    /// `last` says that nothing follows; such a block is consumed to its end.
    ///
    /// ```
    /// use batchcast::input::{Fields, Ndjson, Parse, Record, Records};
    ///
    /// let mut parser = Ndjson::new(&Fields::default());
    /// let mut records = parser.block(br#"{"to":"+14155550100","text":"Hello"}"#, true);
    /// let Some(Record::Message(message)) = records.next()? else { unreachable!() };
    /// assert_eq!(message.text.unwrap().to_plain(), "Hello");
    /// # Ok::<(), batchcast::Error>(())
    /// ```
    fn block<'a>(&'a mut self, bytes: &'a [u8], last: bool) -> Self::Records<'a>;

    /// Takes the next block of the input, as [`block`](Self::block) does, and shows its records to a visitor, one
    /// after the other. The block begins at byte `start` of the input.
    ///
    /// ```
    /// use batchcast::input::{Answer, Fields, Format, Invalid, Parse, Parser, Visitor};
    /// use batchcast::{Error, Message};
    ///
    /// #[derive(Default)]
    /// struct Count {
    ///     messages: u64,
    ///     invalid: u64,
    /// }
    ///
    /// impl Visitor for Count {
    ///     type Error = Error;
    ///
    ///     #[inline(always)]
    ///     fn message(&mut self, _message: &Message<'_>) -> Result<Answer, Error> {
    ///         self.messages += 1;
    ///         Ok(Answer::Taken)
    ///     }
    ///
    ///     fn invalid(&mut self, _invalid: Invalid<'_>) -> Result<(), Error> {
    ///         self.invalid += 1;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut parser = Parser::new(Format::Lines, &Fields::default());
    /// let mut count = Count::default();
    /// let visited = parser.visit(b"+14155550100\nBob\n+1415555", false, 0, &mut count)?;
    /// assert_eq!((count.messages, count.invalid, visited.consumed), (1, 1, 17));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// What the visitor gives the list up for, and what spoils the whole input:
    /// [`ErrorKind::Header`](crate::ErrorKind::Header).
    #[inline]
    fn visit<V: Visitor>(
        &mut self,
        bytes: &[u8],
        last: bool,
        start: u64,
        visitor: &mut V,
    ) -> Result<Visited, V::Error>
    where
        Self: Sized,
    {
        visit::visit(self, bytes, last, start, visitor)
    }
}

/// The records of a block, lent one after the other. It may be dropped before its end: what it has not
/// [consumed](Self::consumed) belongs to the next block.
pub trait Records: sealed::Common {
    /// The next record; `None` if there is no further whole one in this block.
    ///
    /// # Errors
    /// Only for what spoils the whole input: [`ErrorKind::Header`](crate::ErrorKind::Header).
    fn next(&mut self) -> Result<Option<Record<'_>>, Error>;

    /// How many bytes of the block are done with.
    fn consumed(&self) -> usize;
}

/// A record: a message, or something that cannot become one.
#[derive(Debug)]
#[non_exhaustive]
pub enum Record<'a> {
    /// A message.
    Message(Message<'a>),
    /// A record that cannot become one.
    Invalid(Invalid<'a>),
}

/// A record that cannot become a message. `Debug` does not show its bytes.
pub struct Invalid<'a> {
    /// What is wrong with it, and where.
    pub error: Error,
    /// The record as it stands in the input, without its line end; of an over-long one the first
    /// [`MAX_SHOWN`] bytes. It holds what the record holds: numbers and texts.
    pub input: &'a [u8],
}

impl fmt::Debug for Invalid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invalid({}, {} bytes)", self.error, self.input.len())
    }
}

mod sealed {
    use fearless_simd::{Level, Simd};

    use super::visit::{self, Piece};
    use super::{Answer, Parse, Visited, Visitor};

    /// What [`Parse::visit`](super::Parse::visit) is made of.
    pub trait Sealed {
        /// The vectors that its loop is compiled for.
        fn vectors(&self) -> Level {
            Level::new()
        }

        /// Shows the records of a part of a block to a visitor.
        #[inline]
        fn visit_piece<V: Visitor>(
            &mut self,
            piece: Piece<'_>,
            visitor: &mut V,
        ) -> Result<Visited, V::Error>
        where
            Self: Parse + Sized,
        {
            let vectors = self.vectors();
            let records = self.block(piece.bytes(), piece.is_last());
            visit::each(vectors, records, piece, visitor)
        }
    }

    /// What the loop of [`Parse::visit`](super::Parse::visit) asks the records of a block for first.
    pub trait Common {
        /// Shows the next records to a visitor, as long as they are messages in the shape that exporters commonly give
        /// them, and it takes them. [`Answer::Taken`] says nothing about the next one: ask
        /// [`next`](super::Records::next), which returns all there are, these included.
        ///
        /// It is compiled once for each kind of vectors that machines have, of which `simd` is one.
        ///
        /// # Errors
        /// If the visitor gives the list up.
        fn visit_common<S: Simd, V: Visitor>(
            &mut self,
            simd: S,
            piece: Piece<'_>,
            visitor: &mut V,
        ) -> Result<Answer, V::Error>;
    }
}
