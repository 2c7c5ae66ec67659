//! What can go wrong, and where.

use std::io;

use crate::input::{MAX_RECORD_BYTES, TemplateError};
use crate::message::{PhoneNumberError, TextError};
use crate::position::Position;

/// What went wrong; small to carry, because the details are boxed.
///
/// Its text says what and where. It never holds a message text, a whole phone number or a credential.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<ErrorKind>);

impl Error {
    /// The details.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// The details, by value.
    #[must_use]
    pub fn into_kind(self) -> ErrorKind {
        *self.0
    }

    /// Where in the input it is, if it has a place there.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match *self.0 {
            ErrorKind::Record { position, .. } | ErrorKind::Header { position, .. } => {
                Some(position)
            }
            _ => None,
        }
    }

    /// A record that cannot become a message, or not a message of this envelope.
    #[cold]
    pub(crate) fn record(position: Position, fault: impl Into<RecordError>) -> Self {
        let fault = fault.into();
        ErrorKind::Record { position, fault }.into()
    }
}

impl<K: Into<ErrorKind>> From<K> for Error {
    #[cold]
    fn from(kind: K) -> Self {
        Self(Box::new(kind.into()))
    }
}

/// The kinds of [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// One record is at fault. Its neighbours are not: it can be passed over.
    #[error("{position}: {fault}")]
    Record {
        /// The record's place; its byte is the fault's own where that is known.
        position: Position,
        /// What is wrong with it.
        fault: RecordError,
    },
    /// The header of a CSV input is at fault, and so the whole input.
    #[error("{position}: {fault}")]
    Header {
        /// The header's place.
        position: Position,
        /// What is wrong with it.
        fault: HeaderError,
    },
    /// A phone number outside of an input, such as the sender's.
    #[error(transparent)]
    PhoneNumber(#[from] PhoneNumberError),
    /// A text outside of an input, such as the default text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A template, or one that does not suit the input.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The byte limit cannot hold the smallest possible batch.
    #[error(
        "a limit of {max_bytes} bytes cannot hold one message: the smallest batch with this sender and default text takes {needed} bytes"
    )]
    LimitTooSmall {
        /// The limit asked for, in bytes.
        max_bytes: u64,
        /// What the smallest batch takes, in bytes.
        needed: u64,
    },
    /// The records of a stream of messages do not ascend. A run is gone on with, and reported on, by their numbers.
    #[error("record {record} comes behind record {before}: those of a stream have to ascend")]
    NotAscending {
        /// The record's number, as its message has it.
        record: u64,
        /// The number of the record before it.
        before: u64,
    },
    /// Reading the input failed.
    #[error("cannot read the input at byte {byte}: {source}")]
    Read {
        /// How many bytes had been read before.
        byte: u64,
        /// The operating system's word.
        source: io::Error,
    },
}

/// Why a record cannot become a message. It never holds what stands in the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The recipient is no phone number in E.164 form.
    #[error(transparent)]
    PhoneNumber(#[from] PhoneNumberError),
    /// The text is none that the API takes.
    #[error(transparent)]
    Text(#[from] TextError),
    /// There is no recipient in the record.
    #[error("no recipient: the field is missing, null or empty")]
    NoRecipient,
    /// More than one recipient: the API takes one number a message.
    #[error("{0} recipients in one message: the API takes one")]
    ManyRecipients(usize),
    /// Neither the message nor the envelope has a text.
    #[error("no text: the record has none, and there is no default text")]
    NoText,
    /// Longer than [`MAX_RECORD_BYTES`](crate::input::MAX_RECORD_BYTES).
    #[error("the record is longer than {max} bytes")]
    TooLong {
        /// The most bytes of a record.
        max: usize,
    },
    /// It is not UTF-8.
    #[error("the record is not UTF-8")]
    Utf8,
    /// Not JSON.
    #[error("not JSON: {0}")]
    Json(JsonError),
    /// The line holds some other JSON than an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A key that counts stands in the object twice.
    #[error("a key that counts stands in the object twice")]
    DuplicateKey,
    /// Two keys may hold the recipient, where there may be one ([`Fields::unambiguous`](crate::input::Fields::unambiguous)).
    #[error("both {first} and {second} may hold the recipient")]
    TwoRecipientKeys {
        /// The one.
        first: Box<str>,
        /// The other, as it stands in the object.
        second: Box<str>,
    },
    /// The recipient is neither a string nor an array of strings.
    #[error("the recipient is neither a string nor an array of strings")]
    RecipientType,
    /// The text is not a string.
    #[error("the text is not a string")]
    TextType,
    /// A CSV record with another number of fields than the header.
    #[error("{found} fields where the header has {expected}")]
    FieldCount {
        /// The header's number.
        expected: usize,
        /// The record's number.
        found: usize,
    },
    /// A quoted CSV field that does not end within [`MAX_RECORD_BYTES`], or before the input does.
    /// Only the record's first line is lost.
    #[error(
        "a quoted field is not closed within {MAX_RECORD_BYTES} bytes, or before the input ends"
    )]
    UnclosedQuote,
    /// A field of the template is empty, and has no default.
    #[error("the field {name} is empty, and the text has no default for it")]
    EmptyField {
        /// Its name, as the template has it.
        name: Box<str>,
    },
    /// The record has no such key as a field of the template, which has no default.
    #[error("the field {name} is not there, and the text has no default for it")]
    MissingField {
        /// Its name, as the template has it.
        name: Box<str>,
    },
    /// A field of the template is an array or an object.
    #[error("the field {name} is neither a string nor a number, true or false")]
    FieldType {
        /// Its name, as the template has it.
        name: Box<str>,
    },
    /// The entry does not fit even into a batch of its own.
    #[error("the message takes {bytes} bytes in a batch of its own, over the limit of {max_bytes}")]
    EntryTooLarge {
        /// What the batch would take, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        max_bytes: u64,
    },
}

/// What is wrong with a line that is not JSON, in the words of RFC 8259.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// It breaks the grammar.
    #[error("a syntax error")]
    Syntax,
    /// It ends too early.
    #[error("it ends too early")]
    Eof,
    /// Something follows the object.
    #[error("something follows the object")]
    Trailing,
    /// A string is at fault.
    #[error(transparent)]
    String(#[from] crate::encode::json::StringError),
}

/// Why a CSV header cannot be used. The names of columns are not personal and are shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The first record looks like a list's and not like a header.
    #[error("no header: a CSV input begins with the names of its columns, such as to,text")]
    Missing,
    /// No column has the wanted name.
    #[error("no column is called {wanted}; the header has {found}")]
    NoColumn {
        /// The names looked for.
        wanted: String,
        /// The header's names.
        found: String,
    },
    /// The columns are separated by something else than commas.
    #[error("the columns are separated by {by:?}, and not by commas")]
    Separated {
        /// What separates them.
        by: char,
        /// Whether it stands in a line of its own before the header, as in `sep=;`.
        is_said: bool,
    },
    /// A field of the template is no column.
    #[error("the text has a field {field}, but no column is called so; the header has {found}")]
    NoField {
        /// The field's name.
        field: String,
        /// The header's names.
        found: String,
    },
    /// Two columns have the wanted name.
    #[error("two columns are called {0}")]
    TwoColumns(String),
    /// Two columns may hold the recipient, where there may be one ([`Fields::unambiguous`](crate::input::Fields::unambiguous)).
    #[error("both {first} and {second} may hold the recipient")]
    TwoRecipientColumns {
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// The header is not UTF-8.
    #[error("the header is not UTF-8")]
    Utf8,
    /// The header is longer than a record may be.
    #[error("the header is longer than {max} bytes")]
    TooLong {
        /// The most bytes of a record.
        max: usize,
    },
    /// A quoted name does not end within [`MAX_RECORD_BYTES`], or before the input does.
    #[error(
        "a quoted name in the header is not closed within {MAX_RECORD_BYTES} bytes, or before the input ends"
    )]
    UnclosedQuote,
}
