//! Many batches, each as full as it can be.

use bytes::Bytes;

use crate::encode::{BatchEncoder, ClosedBatch, Limits};
use crate::envelope::Envelope;
use crate::error::Error;
use crate::message::Message;
use crate::position::Position;

/// Encodes messages into as many batches as there must be.
///
/// No batch is over its limits, and each is as full as it can be: the next entry would not have fitted.
/// The order of the messages is kept.
///
/// ```
/// use batchcast::encode::{Limits, Push, Splitter};
/// use batchcast::{Envelope, Message, PhoneNumber, Text};
///
/// let envelope = Envelope::new(PhoneNumber::parse("+16505550100")?).with_text(Text::new("Hello")?);
/// let mut splitter = Splitter::new(&envelope, Limits::default().with_max_bytes(80))?;
///
/// let mut bodies = vec![Vec::new()];
/// for number in ["+14155550100", "+12125550100"] {
///     match splitter.push(&Message::new(PhoneNumber::parse(number)?))? {
///         Push::Buffered => {}
///         Push::Chunk(chunk) => bodies.last_mut().unwrap().extend(chunk),
///         Push::Batch(closed) => {
///             bodies.last_mut().unwrap().extend([closed.rest, closed.tail].concat());
///             bodies.push(Vec::new());
///         }
///     }
/// }
/// if let Some(closed) = splitter.finish() {
///     bodies.last_mut().unwrap().extend([closed.rest, closed.tail].concat());
/// }
/// assert_eq!(
///     bodies[1],
///     br#"{"from":"+16505550100","text":"Hello","messages":[{"to":["+12125550100"]}]}"#
/// );
/// # Ok::<(), batchcast::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "what is in it is not sent before it is finished"]
pub struct Splitter {
    batch: BatchEncoder,
}

/// What came of pushing a message.
#[derive(Debug)]
#[must_use = "it may hold bytes that are not given again"]
pub enum Push {
    /// The message is in the batch; there is nothing to hand on yet.
    Buffered,
    /// The message is in the batch, and here are bytes of its body to hand on.
    Chunk(Bytes),
    /// The batch was full without the message: here it is, closed. The message is the first of the next.
    Batch(ClosedBatch),
}

impl Splitter {
    /// A splitter for all messages of a send.
    ///
    /// # Errors
    /// [`ErrorKind::LimitTooSmall`](crate::ErrorKind::LimitTooSmall) if the limit cannot hold the
    /// smallest message.
    pub fn new(envelope: &Envelope, limits: Limits) -> Result<Self, Error> {
        let batch = BatchEncoder::new(envelope, limits)?;
        Ok(Self { batch })
    }

    /// The same, with chunks of about `bytes`. The bodies do not depend on it.
    pub fn with_chunk_bytes(mut self, bytes: usize) -> Self {
        self.batch = self.batch.with_chunk_bytes(bytes);
        self
    }

    /// Encodes a message.
    ///
    /// # Errors
    /// [`ErrorKind::Record`](crate::ErrorKind::Record) with the message's position, if it has no text
    /// and there is no default text, or if it does not fit even into a batch of its own. The message is
    /// in no batch then; all else is as if it had not been pushed.
    // The message must not get an address, or it is put into memory first, which takes as long as all else
    // here. What is seldom is therefore not in here, and it is handed pieces.
    #[inline(always)]
    pub fn push(&mut self, message: &Message<'_>) -> Result<Push, Error> {
        let start = self.batch.write(message)?;
        if self.batch.keep_unremarkable(message.position) {
            return Ok(Push::Buffered);
        }
        let Position { record, line, byte } = message.position;
        self.settle(start, record, line, byte)
    }

    /// Whether [`push`](Self::push) would take a message, into this batch or the next.
    #[cfg(feature = "send")]
    pub(crate) fn can_hold(&mut self, message: &Message<'_>) -> bool {
        self.batch.can_hold(message)
    }

    /// Decides on the entry written last, which begins at `start`, of the message at a position. In pieces: a position
    /// would be put into memory for each message, whether it is needed here or not.
    #[inline(never)]
    fn settle(&mut self, start: usize, record: u64, line: u64, byte: u64) -> Result<Push, Error> {
        let position = Position { record, line, byte };
        if !self.batch.keep_if_it_fits(position) {
            let entry = self.batch.take_back(start, position)?;
            let closed = self.batch.close();
            self.batch.carry(&entry, position);
            // A batch into which nothing fits behind nothing would have been an error in `take_back`.
            return Ok(closed.map_or(Push::Buffered, Push::Batch));
        }
        if self.batch.chunk_is_full() {
            return Ok(Push::Chunk(self.batch.take_chunk()));
        }
        Ok(Push::Buffered)
    }

    /// The number of the batch that takes the next message if that fits, from 1.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.batch.number()
    }

    /// The bytes since the last chunk, however few; `None` if there are none. For an input that pauses.
    #[must_use = "these bytes are not given again"]
    pub fn flush(&mut self) -> Option<Bytes> {
        Some(self.batch.take_chunk()).filter(|chunk| !chunk.is_empty())
    }

    /// Closes the batch as it is; `None` if it is empty. What is pushed then goes into the next one.
    #[must_use = "without its last bytes a batch is not sent"]
    pub fn close_batch(&mut self) -> Option<ClosedBatch> {
        self.batch.close()
    }

    /// Counts bytes in that were put into the open batch's body from outside, such as JSON whitespace that
    /// keeps a connection alive. They are not in the digest.
    pub fn pad(&mut self, bytes: u64) {
        self.batch.pad(bytes);
    }

    /// Whether no message is in the open batch.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.batch.messages() == 0
    }

    /// How many more bytes the open batch can have.
    #[must_use]
    pub fn room(&self) -> u64 {
        self.batch.room()
    }

    /// Other limits, for what is pushed from here on: what is in the open batch stays there. The limit has to hold the
    /// smallest message, as in [`new`](Self::new).
    #[cfg(feature = "send")]
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.batch.set_limits(limits);
    }

    /// Closes the last batch; `None` if it is empty.
    #[must_use = "without its last bytes a batch is not sent"]
    pub fn finish(mut self) -> Option<ClosedBatch> {
        self.batch.close()
    }
}

#[cfg(all(test, feature = "send"))]
mod tests {
    use super::*;
    use crate::{PhoneNumber, Text};

    /// The batch that is closed first, if the limits change behind `open` messages.
    fn first_batch(open: usize, limits: Limits) -> crate::encode::Batch {
        let from = PhoneNumber::parse("+16505550100").unwrap();
        let envelope = Envelope::new(from).with_text(Text::new("Hi").unwrap());
        let mut splitter = Splitter::new(&envelope, Limits::default()).unwrap();
        for pushed in 0.. {
            if pushed == open {
                splitter.set_limits(limits);
            }
            let push = splitter.push(&Message::new(from)).unwrap();
            if let Push::Batch(closed) = push {
                return closed.batch;
            }
        }
        unreachable!("there is a limit")
    }

    #[test]
    fn other_limits_count_from_the_next_message_on() {
        for open in 0..20 {
            let most = Limits::default().with_max_messages(20.try_into().unwrap());
            let batch = first_batch(open, most);
            assert_eq!(batch.messages, 20, "{open}");
            // Just so many bytes, and one byte less.
            for (bytes, messages) in [(batch.bytes, 20), (batch.bytes - 1, 19)] {
                let most = Limits::default().with_max_bytes(bytes);
                assert_eq!(first_batch(open, most).messages, messages, "{open}");
            }
        }
    }
}
