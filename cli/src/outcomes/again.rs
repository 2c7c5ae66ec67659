//! Whether a list's messages are those that were sent: they are encoded again, as when the run is gone on with, and have the
//! digest of the journal's batch then.

use batchcast::encode::{Limits, Push, Splitter};
use batchcast::{Envelope, Error, Message, Text};

use crate::common_text;

/// What is known of the texts that the messages had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Texts {
    /// All: what they share is in the envelope.
    Known,
    /// All: what they share is the first one of the list, which has this digest.
    First(String),
    /// All but what they share: a text of a message's own may have been that.
    Unshared,
    /// None.
    Unknown,
}

/// Encodes the messages of one batch after the other.
#[derive(Debug)]
pub(crate) struct Again {
    splitter: Splitter,
    envelope: Envelope,
    texts: Texts,
    /// Whether all messages of the batch are encoded as they were.
    is_sure: bool,
}

impl Again {
    /// With this envelope, as far as it is known.
    ///
    /// # Errors
    /// If no batch can hold a message.
    pub(crate) fn new(mut envelope: Envelope, texts: Texts) -> Result<Self, Error> {
        if texts == Texts::Unshared && envelope.text().is_none() {
            // Any will do: it stands in no message.
            envelope = envelope.with_text(Text::new("-")?);
        }
        Ok(Self {
            splitter: encoder(&envelope)?,
            envelope,
            texts,
            is_sure: true,
        })
    }

    /// Looks at a message of the list, in whatever batch it is: the first one may have the text of all.
    ///
    /// # Errors
    /// If no batch can hold a message.
    pub(crate) fn see(&mut self, message: &Message<'_>) -> Result<(), Error> {
        let Texts::First(digest) = &self.texts else {
            return Ok(());
        };
        let text = message.text.clone().map(Text::into_owned);
        // If it has another one, the digest of its batch will be another, too.
        if let Some(text) = text.filter(|text| common_text::digest(text) == *digest) {
            self.envelope = self.envelope.clone().with_common_text(text);
            self.splitter = encoder(&self.envelope)?;
        }
        self.texts = Texts::Known;
        Ok(())
    }

    /// Adds a message to the batch.
    pub(crate) fn push(&mut self, message: &Message<'_>) {
        let is_known = match self.texts {
            Texts::Known | Texts::First(_) => true,
            Texts::Unshared => message.text.is_none(),
            Texts::Unknown => false,
        };
        self.is_sure &= is_known
            && matches!(
                self.splitter.push(message),
                Ok(Push::Buffered | Push::Chunk(_))
            );
    }

    /// The digest of the batch, unless something of it is not known. What is added then is in the next one.
    pub(crate) fn digest(&mut self) -> Option<u64> {
        let closed = self.splitter.close_batch();
        let is_sure = std::mem::replace(&mut self.is_sure, true);
        closed.filter(|_| is_sure).map(|closed| closed.batch.digest)
    }
}

/// Its batches have no end of their own.
fn encoder(envelope: &Envelope) -> Result<Splitter, Error> {
    Splitter::new(envelope, Limits::default().with_max_bytes(u64::MAX))
}
