//! What all messages of a send share: the sender, the default text, the wire spelling.

use crate::encode::json;
use crate::message::{Content, PhoneNumber, Text};

/// What all messages of a send share.
///
/// ```
/// use batchcast::{Envelope, PhoneNumber, Text};
///
/// let envelope = Envelope::new(PhoneNumber::parse("+16505550100")?)
///     .with_text(Text::new("Hello Team")?);
/// assert_eq!(envelope.from().as_str(), "+16505550100");
/// # Ok::<(), batchcast::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    from: PhoneNumber,
    text: Option<Text<'static>>,
    /// Whether it is for messages without a text of their own.
    is_default: bool,
    dialect: Dialect,
}

impl Envelope {
    /// An envelope without a default text: every message must carry its own.
    #[must_use]
    pub const fn new(from: PhoneNumber) -> Self {
        Self {
            from,
            text: None,
            is_default: true,
            dialect: Dialect::V1,
        }
    }

    /// The same with a default text, for all messages that carry none of their own. It is not repeated in a
    /// message that carries the very same.
    #[must_use]
    pub fn with_text(mut self, text: Text<'static>) -> Self {
        self.text = Some(text);
        self.is_default = true;
        self
    }

    /// The same with a text that many messages carry as their own: a batch holds it once, and it is not repeated in
    /// them. It is no text for a message that carries none, which stays an error.
    ///
    /// ```
    /// use batchcast::encode::{Limits, Splitter};
    /// use batchcast::{Envelope, Message, PhoneNumber, Text};
    ///
    /// let number = PhoneNumber::parse("+14155550100")?;
    /// let envelope = Envelope::new(number).with_common_text(Text::new("Hello")?);
    /// let mut splitter = Splitter::new(&envelope, Limits::default())?;
    /// let _ = splitter.push(&Message::new(number).with_text(Text::new("Hello")?))?;
    /// assert!(splitter.push(&Message::new(number)).is_err());
    /// let closed = splitter.finish().expect("a message is in it");
    /// assert_eq!(
    ///     [closed.rest, closed.tail].concat(),
    ///     br#"{"from":"+14155550100","text":"Hello","messages":[{"to":["+14155550100"]}]}"#
    /// );
    /// # Ok::<(), batchcast::Error>(())
    /// ```
    #[must_use]
    pub fn with_common_text(mut self, text: Text<'static>) -> Self {
        self.text = Some(text);
        self.is_default = false;
        self
    }

    /// The same in another wire spelling.
    #[must_use]
    pub fn with_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// The sender.
    #[must_use]
    pub const fn from(&self) -> PhoneNumber {
        self.from
    }

    /// Whether a message without a text of its own has one.
    pub(crate) const fn has_default_text(&self) -> bool {
        self.text.is_some() && self.is_default
    }

    /// The default text, or the one that messages have in common.
    #[must_use]
    pub const fn text(&self) -> Option<&Text<'static>> {
        self.text.as_ref()
    }

    /// The wire spelling.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }
}

/// The wire spelling of a batch: the names and the order of its members.
///
/// The one place to add the second version of the API to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Dialect {
    /// `POST /restapi/v1.0/account/~/a2p-sms/batches`:
    /// `{"from":"+1…","text":"…","messages":[{"to":["+1…"],"text":"…"}]}`.
    #[default]
    V1,
}

/// What stands before the first entry. From there on it is a comma.
pub(crate) const FIRST: u8 = b'[';
/// What stands between two entries.
pub(crate) const SEPARATOR: u8 = b',';

impl Dialect {
    /// Where batches are posted, below the server's base URL.
    #[must_use]
    pub const fn batches_path(self) -> &'static str {
        match self {
            Self::V1 => "/restapi/v1.0/account/~/a2p-sms/batches",
        }
    }

    /// Where the messages of batches are read back.
    #[cfg(feature = "send")]
    pub(crate) const fn messages_path(self) -> &'static str {
        match self {
            Self::V1 => "/restapi/v1.0/account/~/a2p-sms/messages",
        }
    }

    /// Where it is read who wants no messages.
    #[cfg(feature = "send")]
    pub(crate) const fn opt_outs_path(self) -> &'static str {
        match self {
            Self::V1 => "/restapi/v1.0/account/~/a2p-sms/opt-outs",
        }
    }

    /// Where messages are counted by what became of them.
    #[cfg(feature = "send")]
    pub(crate) const fn statuses_path(self) -> &'static str {
        match self {
            Self::V1 => "/restapi/v1.0/account/~/a2p-sms/statuses",
        }
    }

    /// Writes everything up to, and without, the bracket that opens the array of messages: the bracket
    /// is the first entry's separator ([`FIRST`]), so that each entry is written in the same way.
    pub(crate) fn write_head(self, out: &mut Vec<u8>, envelope: &Envelope) {
        match self {
            Self::V1 => {
                out.extend_from_slice(b"{\"from\":\"");
                json::escape(out, envelope.from.as_str());
                if let Some(text) = &envelope.text {
                    out.extend_from_slice(b"\",\"text\":\"");
                    text.content().write_json(out);
                }
                out.extend_from_slice(b"\",\"messages\":");
            }
        }
    }

    /// Writes `separator` and the entry.
    #[inline(always)]
    pub(crate) fn write_entry(
        self,
        out: &mut Vec<u8>,
        separator: u8,
        to: PhoneNumber,
        text: Option<Content<'_>>,
    ) {
        match self {
            Self::V1 => v1::write_entry(out, separator, to, text),
        }
    }

    /// What closes the array and the batch.
    pub(crate) const fn tail(self) -> &'static [u8] {
        match self {
            Self::V1 => b"]}",
        }
    }

    /// The bytes of the smallest entry, its separator included, with a text or without.
    pub(crate) const fn smallest_entry(self, with_text: bool) -> u64 {
        match self {
            Self::V1 => {
                let number = 1 + PhoneNumber::MIN_DIGITS as u64;
                let bare = ",{\"to\":[\"\"]}".len() as u64 + number;
                let text = ",\"text\":\"x\"".len() as u64;
                bare + if with_text { text } else { 0 }
            }
        }
    }
}

mod v1 {
    use crate::message::{Content, PhoneNumber};

    /// The pieces of an entry round a number of twelve bytes, in words: what costs time is how often
    /// something is stored, not how much.
    const OPENING: u64 = u64::from_le_bytes(*b"\0{\"to\":[");
    const QUOTE: u64 = b'"' as u64;
    const CLOSING: u64 = u64::from_le_bytes(*b"\0\0\0\0\0\"]}");
    const COMMA: u64 = u64::from_le_bytes(*b"\0\0\0\0\0\"],");
    const TEXT: u64 = u64::from_le_bytes(*b"\"text\":\"");

    #[inline(always)]
    pub(super) fn write_entry(
        out: &mut Vec<u8>,
        separator: u8,
        to: PhoneNumber,
        text: Option<Content<'_>>,
    ) {
        let Some((low, high)) = to.as_twelve() else {
            write_opening(out, separator, u128::from_le_bytes(*to.padded()));
            match text {
                None => out.extend_from_slice(b"\"]}"),
                Some(text) => {
                    out.extend_from_slice(b"\"],\"text\":\"");
                    write_text(out, text);
                }
            }
            return;
        };
        let opening = OPENING | u64::from(separator);
        let start = QUOTE | low << 8;
        let end = low >> 56 | u64::from(high) << 8;
        match text {
            None => write_words(out, [opening, start, end | CLOSING]),
            Some(text) => {
                write_words(out, [opening, start, end | COMMA, TEXT]);
                write_text(out, text);
            }
        }
    }

    #[inline]
    fn write_words<const N: usize>(out: &mut Vec<u8>, words: [u64; N]) {
        out.extend_from_slice(words.map(u64::to_le_bytes).as_flattened());
    }

    #[inline]
    fn write_text(out: &mut Vec<u8>, text: Content<'_>) {
        text.write_json(out);
        out.extend_from_slice(b"\"}");
    }

    /// Writes an entry up to the end of its number, whatever length that has. Handed on in registers, the
    /// number need not be put into memory for those of the common length either.
    #[inline(never)]
    fn write_opening(out: &mut Vec<u8>, separator: u8, number: u128) {
        let number = number.to_le_bytes();
        let len = number.iter().take_while(|&&byte| byte != 0).count();
        out.push(separator);
        out.extend_from_slice(b"{\"to\":[\"");
        out.extend_from_slice(&number[..len]);
    }
}
