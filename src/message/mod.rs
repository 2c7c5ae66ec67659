//! A message: one recipient, and perhaps a text of its own.

mod phone_number;
mod region;
mod text;

pub use self::phone_number::{PhoneNumber, PhoneNumberError};
pub(crate) use self::region::read;
pub use self::region::{Region, RegionError, UnknownRegion};
pub(crate) use self::text::{Content, is_blank_json};
pub use self::text::{MAX_TEXT_UNITS, Text, TextError};

use crate::position::Position;

/// One message of a batch: a recipient, and a text of its own unless the envelope's default is meant.
///
/// A message borrows its text from where it was parsed, so that nothing is allocated for a record.
///
/// ```
/// use batchcast::{Message, PhoneNumber, Text};
///
/// let to = PhoneNumber::parse("+14155550100")?;
/// let plain = Message::new(to);
/// let personal = Message::new(to).with_text(Text::new("Hello Bob")?);
/// assert!(plain.text.is_none() && personal.text.is_some());
/// # Ok::<(), batchcast::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// The recipient. The API takes an array, "currently only one number is supported".
    pub to: PhoneNumber,
    /// The message's own text; without it the default text of the [`Envelope`](crate::Envelope) counts.
    pub text: Option<Text<'a>>,
    /// Where it comes from.
    pub position: Position,
}

impl<'a> Message<'a> {
    /// A message with the default text, of unknown position.
    #[must_use]
    pub const fn new(to: PhoneNumber) -> Self {
        Self {
            to,
            text: None,
            position: Position::of_record(0),
        }
    }

    /// The same message with a text of its own.
    #[must_use]
    pub fn with_text(mut self, text: Text<'a>) -> Self {
        self.text = Some(text);
        self
    }

    /// The same message, said to stand at `position`.
    #[must_use]
    pub fn at(mut self, position: Position) -> Self {
        self.position = position;
        self
    }
}
