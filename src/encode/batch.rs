//! One batch, counted byte by byte.

use std::fmt;

use crate::encode::buffers::Buffers;
use crate::encode::digest::Digest;
use crate::encode::{DEFAULT_CHUNK_BYTES, Limits};
use crate::envelope::{Dialect, Envelope, FIRST, SEPARATOR};
use crate::error::{Error, ErrorKind, RecordError};
use crate::message::{Content, Message, Text};
use crate::position::Position;
use bytes::Bytes;

/// Room behind a chunk's size for the entry that completes it. The largest entry is a number and a text
/// of [`MAX_TEXT_UNITS`](crate::MAX_TEXT_UNITS) characters, each an escape of six bytes.
const LARGEST_ENTRY: usize = 8 * 1024;

/// Encodes one batch.
///
/// For those who bring an HTTP client of their own. [`Splitter`](super::Splitter) makes as many batches
/// as there must be, and does not encode again what did not fit.
///
/// The bytes of a body are: what [`take_chunk`](Self::take_chunk) gave, in order, then
/// [`ClosedBatch::rest`] and [`ClosedBatch::tail`].
///
/// ```
/// use batchcast::encode::{BatchEncoder, Fit, Limits};
/// use batchcast::{Envelope, Message, PhoneNumber, Text};
///
/// let envelope = Envelope::new(PhoneNumber::parse("+16505550100")?).with_text(Text::new("Hello")?);
/// let mut batch = BatchEncoder::new(&envelope, Limits::default())?;
/// for number in ["+14155550100", "+12125550100"] {
///     assert_eq!(batch.push(&Message::new(PhoneNumber::parse(number)?))?, Fit::Added);
/// }
/// let closed = batch.finish().expect("a message is in it");
/// assert_eq!(
///     [closed.rest, closed.tail].concat(),
///     br#"{"from":"+16505550100","text":"Hello","messages":[{"to":["+14155550100"]},{"to":["+12125550100"]}]}"#
/// );
/// assert_eq!(closed.batch.messages, 2);
/// # Ok::<(), batchcast::Error>(())
/// ```
#[must_use = "a batch that is not finished is not sent"]
pub struct BatchEncoder {
    dialect: Dialect,
    head: Bytes,
    has_default_text: bool,
    /// What stands in the head, and need not stand in an entry.
    common: Option<Box<Common>>,
    max_bytes: u64,
    max_messages: u64,
    chunk_bytes: usize,

    /// What was encoded and not yet taken. In the batch's first chunk it begins with the head.
    buffer: Vec<u8>,
    buffers: Buffers,
    /// An entry that ends before this length of the buffer is within the batch's size, does not complete a
    /// chunk, and is not the first: there is nothing to look at.
    unremarkable: usize,
    /// Where in the buffer the entries begin that are not yet in the digest.
    undigested: usize,
    /// What was taken out of the buffer before.
    taken: u64,
    separator: u8,
    digest: Digest,
    number: u64,
    messages: u64,
    first: Position,
    last: Position,
}

/// Whether a message found room in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Fit {
    /// It is in the batch.
    Added,
    /// It is not in the batch, which is as full as it can be. Finish it, and push the message into another.
    Full,
}

/// What a batch is, once it is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Its number in the run, from 1.
    pub number: u64,
    /// The position of its first message.
    pub first: Position,
    /// The position of its last message.
    pub last: Position,
    /// How many messages it has.
    pub messages: u64,
    /// The size of its body in bytes.
    pub bytes: u64,
    /// CRC-64/NVME of its entries and what separates them, without head and tail. The same input,
    /// encoded again, gives the same digest.
    pub digest: u64,
}

/// A batch that takes no more messages, and the last bytes of its body.
#[derive(Debug, Clone)]
#[must_use = "without its last bytes a batch is not sent"]
pub struct ClosedBatch {
    /// What it is.
    pub batch: Batch,
    /// The body's bytes since the last chunk, without the tail; may be empty.
    pub rest: Bytes,
    /// What completes the body: without it no JSON parser takes the body for a whole document, so
    /// it is what a sender holds back until it wants the batch to count.
    pub tail: Bytes,
}

impl BatchEncoder {
    /// An encoder for one batch.
    ///
    /// # Errors
    /// [`ErrorKind::LimitTooSmall`] if the limit cannot hold the smallest message.
    pub fn new(envelope: &Envelope, limits: Limits) -> Result<Self, Error> {
        let dialect = envelope.dialect();
        let mut head = Vec::new();
        dialect.write_head(&mut head, envelope);
        let common = envelope.text().map(|text| Box::new(Common::new(text)));

        let max_bytes = limits.max_bytes();
        let needed =
            (head.len() + dialect.tail().len()) as u64 + dialect.smallest_entry(common.is_none());
        if needed > max_bytes {
            return Err(ErrorKind::LimitTooSmall { max_bytes, needed }.into());
        }
        Ok(Self {
            dialect,
            has_default_text: envelope.has_default_text(),
            common,
            max_bytes,
            max_messages: limits.max_messages().map_or(u64::MAX, Into::into),
            chunk_bytes: DEFAULT_CHUNK_BYTES,
            unremarkable: 0,
            undigested: head.len(),
            buffer: head.clone(),
            buffers: Buffers::default(),
            head: head.into(),
            taken: 0,
            separator: FIRST,
            digest: Digest::new(),
            number: 1,
            messages: 0,
            first: Position::default(),
            last: Position::default(),
        })
    }

    /// The same with another size for [`chunk_is_full`](Self::chunk_is_full).
    pub fn with_chunk_bytes(mut self, bytes: usize) -> Self {
        self.chunk_bytes = bytes;
        self.unremarkable = 0;
        self
    }

    /// Adds a message, if there is room for it.
    ///
    /// # Errors
    /// [`ErrorKind::Record`] with the message's position, if it has no text and there is no default
    /// text, or if it does not fit even into a batch of its own. The batch is as it was before.
    #[inline(always)]
    pub fn push(&mut self, message: &Message<'_>) -> Result<Fit, Error> {
        let start = self.write(message)?;
        if self.keep_unremarkable(message.position) || self.keep_if_it_fits(message.position) {
            return Ok(Fit::Added);
        }
        self.take_back(start, message.position)?;
        Ok(Fit::Full)
    }

    /// Writes an entry behind the others, whether there is room for it or not, and says where it begins.
    #[inline(always)]
    pub(super) fn write(&mut self, message: &Message<'_>) -> Result<usize, Error> {
        let mut text = message.text.as_ref().map(Text::content);
        if text.is_none() && !self.has_default_text {
            return Err(no_text(message.position));
        }
        if let (Some(own), Some(common)) = (text, &self.common)
            && common.is(own)
        {
            text = None;
        }
        let start = self.buffer.len();
        self.dialect
            .write_entry(&mut self.buffer, self.separator, message.to, text);
        Ok(start)
    }

    /// Counts the entry written last in, if there is nothing else to it. One comparison is what all the limits
    /// cost nearly all entries.
    #[inline]
    pub(super) fn keep_unremarkable(&mut self, position: Position) -> bool {
        if self.buffer.len() >= self.unremarkable {
            return false;
        }
        self.keep(position);
        true
    }

    /// Counts the entry written last in, if the batch is within its limits with it.
    #[inline(never)]
    pub(super) fn keep_if_it_fits(&mut self, position: Position) -> bool {
        if self.bytes() > self.max_bytes || self.messages >= self.max_messages {
            return false;
        }
        if self.messages == 0 {
            self.first = position;
            self.separator = SEPARATOR;
        }
        self.keep(position);
        self.watch();
        true
    }

    #[inline]
    fn keep(&mut self, position: Position) {
        // Word by word: copied as a whole, from where it was just put together, it takes five times as long
        // as all else here.
        self.last.record = position.record;
        self.last.line = position.line;
        self.last.byte = position.byte;
        self.messages += 1;
    }

    /// Sees anew from which length of the buffer on entries have to be looked at.
    fn watch(&mut self) {
        let others = self.taken + self.dialect.tail().len() as u64;
        let most = self.max_bytes.saturating_sub(others);
        let too_much = usize::try_from(most).map_or(usize::MAX, |most| most.saturating_add(1));
        // So many bytes hold no more messages than there is room for, however small they are.
        let smallest = self.dialect.smallest_entry(self.common.is_none());
        let room = self
            .max_messages
            .saturating_sub(self.messages)
            .saturating_add(1);
        let few = usize::try_from(room.saturating_mul(smallest)).unwrap_or(usize::MAX);
        let few = self.buffer.len().saturating_add(few);
        self.unremarkable = self.chunk_bytes.min(too_much).min(few);
    }

    /// Takes back the entry written last, which begins at `start`, and gives it out.
    #[cold]
    pub(super) fn take_back(&mut self, start: usize, position: Position) -> Result<Vec<u8>, Error> {
        let entry = self.buffer.split_off(start);
        let bytes = (self.head.len() + entry.len() + self.dialect.tail().len()) as u64;
        if bytes > self.max_bytes {
            let max_bytes = self.max_bytes;
            let fault = RecordError::EntryTooLarge { bytes, max_bytes };
            return Err(Error::record(position, fault));
        }
        Ok(entry)
    }

    /// Whether a message can be in any batch: it has a text, or there is one for all, and is not too large.
    #[cfg(feature = "send")]
    #[cold]
    #[inline(never)]
    pub(super) fn can_hold(&mut self, message: &Message<'_>) -> bool {
        let entry = self
            .write(message)
            .and_then(|start| self.take_back(start, message.position));
        entry.is_ok()
    }

    /// Puts an entry that was taken back from the batch before into this one, which is empty.
    pub(super) fn carry(&mut self, entry: &[u8], position: Position) {
        self.buffer.push(FIRST);
        self.buffer.extend_from_slice(&entry[1..]);
        let fits = self.keep_if_it_fits(position);
        // `take_back` would not have given it out otherwise, nor is any limit of messages below 1.
        debug_assert!(fits, "an entry alone in its batch");
    }

    /// How many messages are in it.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// The batch's number, from 1.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes the body would have if the batch were finished now.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> u64 {
        self.taken + (self.buffer.len() + self.dialect.tail().len()) as u64
    }

    /// Whether a chunk's worth of bytes waits to be taken.
    #[must_use]
    #[inline]
    pub fn chunk_is_full(&self) -> bool {
        self.buffer.len() >= self.chunk_bytes && self.messages > 0
    }

    /// The body's bytes since the last chunk. Empty if no message came since then.
    #[must_use = "these bytes are not given again"]
    pub fn take_chunk(&mut self) -> Bytes {
        if self.messages == 0 || self.buffer.is_empty() {
            return Bytes::new();
        }
        self.digest.write(&self.buffer[self.undigested..]);
        self.undigested = 0;
        self.taken += self.buffer.len() as u64;
        let chunk = if self.buffer.len() < self.chunk_bytes / 4 {
            // An input that pauses makes small chunks: not worth giving the whole buffer away.
            let chunk = Bytes::copy_from_slice(&self.buffer);
            self.buffer.clear();
            chunk
        } else {
            let capacity = self.chunk_bytes + LARGEST_ENTRY;
            self.buffers.exchange(&mut self.buffer, capacity)
        };
        self.watch();
        chunk
    }

    /// Counts bytes in that were put into the body from outside, such as whitespace between two entries.
    pub(super) fn pad(&mut self, bytes: u64) {
        self.taken += bytes;
        if self.messages > 0 {
            self.watch();
        }
    }

    /// How many more bytes there is room for.
    pub(super) fn room(&self) -> u64 {
        self.max_bytes.saturating_sub(self.bytes())
    }

    /// Other limits, for what is pushed from here on: what is in the open batch stays there.
    #[cfg(feature = "send")]
    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.max_bytes = limits.max_bytes();
        self.max_messages = limits.max_messages().map_or(u64::MAX, Into::into);
        // The next entry is looked at, and from then on the new limits are watched.
        self.unremarkable = 0;
    }

    /// Closes the batch. `None` if no message is in it: there is nothing to send then.
    #[must_use]
    pub fn finish(mut self) -> Option<ClosedBatch> {
        self.close()
    }

    /// Closes the batch, and makes itself ready for the next.
    pub(super) fn close(&mut self) -> Option<ClosedBatch> {
        if self.messages == 0 {
            return None;
        }
        let bytes = self.bytes();
        let rest = self.take_chunk();
        let batch = Batch {
            number: self.number,
            first: self.first,
            last: self.last,
            messages: self.messages,
            bytes,
            digest: self.digest.finish(),
        };
        self.buffer.clear();
        self.buffer.extend_from_slice(&self.head);
        self.unremarkable = 0;
        self.undigested = self.head.len();
        self.taken = 0;
        self.separator = FIRST;
        self.digest = Digest::new();
        self.number += 1;
        self.messages = 0;
        let tail = Bytes::from_static(self.dialect.tail());
        Some(ClosedBatch { batch, rest, tail })
    }
}

/// The text in the head of a batch, in both forms that a message may have it in.
struct Common {
    plain: Box<str>,
    json: Box<str>,
}

impl Common {
    fn new(text: &Text<'_>) -> Self {
        let mut json = Vec::new();
        text.content().write_json(&mut json);
        Self {
            plain: text.to_plain().into(),
            // Holds: what is written is the content of a JSON string.
            json: String::from_utf8(json).unwrap_or_default().into(),
        }
    }

    // Not inlined: where there is no such text, which is where texts are personal, nothing is to be compared.
    #[inline(never)]
    fn is(&self, own: Content<'_>) -> bool {
        own.is(&self.plain, &self.json)
    }
}

#[cold]
fn no_text(position: Position) -> Error {
    Error::record(position, RecordError::NoText)
}

impl fmt::Debug for BatchEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchEncoder")
            .field("number", &self.number)
            .field("messages", &self.messages)
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}
