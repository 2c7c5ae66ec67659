//! What all messages of a send share: the sender, the default text, the wire spelling.

use crate::encode::json;
use crate::message::{Message, PhoneNumber, Text};

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
    dialect: Dialect,
}

impl Envelope {
    /// An envelope without a default text: every message must carry its own.
    #[must_use]
    pub const fn new(from: PhoneNumber) -> Self {
        Self {
            from,
            text: None,
            dialect: Dialect::V1,
        }
    }

    /// The same with a default text, for all messages that carry none of their own.
    #[must_use]
    pub fn with_text(mut self, text: Text<'static>) -> Self {
        self.text = Some(text);
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

    /// The default text.
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

    /// Writes everything up to, and without, the bracket that opens the array of messages: the bracket
    /// is the first entry's separator ([`FIRST`]), so that each entry is written in the same way.
    pub(crate) fn write_head(self, out: &mut Vec<u8>, envelope: &Envelope) {
        match self {
            Self::V1 => {
                out.extend_from_slice(b"{\"from\":\"");
                json::escape(out, envelope.from.as_str());
                if let Some(text) = &envelope.text {
                    out.extend_from_slice(b"\",\"text\":\"");
                    text.write_json(out);
                }
                out.extend_from_slice(b"\",\"messages\":");
            }
        }
    }

    /// Writes `separator` and the entry.
    #[inline]
    pub(crate) fn write_entry(self, out: &mut Vec<u8>, separator: u8, message: &Message<'_>) {
        match self {
            Self::V1 => {
                let opening = *b",{\"to\":[\"";
                // One store of a fixed size instead of three of sizes known only at run time; what a
                // shorter number leaves over is taken off again.
                let mut fixed = [0; 9 + PhoneNumber::MAX_LEN];
                fixed[..9].copy_from_slice(&opening);
                fixed[0] = separator;
                fixed[9..].copy_from_slice(message.to.padded());
                out.extend_from_slice(&fixed);
                out.truncate(out.len() - PhoneNumber::MAX_LEN + message.to.as_bytes().len());
                match &message.text {
                    None => out.extend_from_slice(b"\"]}"),
                    Some(text) => {
                        out.extend_from_slice(b"\"],\"text\":\"");
                        text.write_json(out);
                        out.extend_from_slice(b"\"}");
                    }
                }
            }
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
