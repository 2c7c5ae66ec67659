//! What a test looks at: the accepted batches, in this process.

use std::fmt;

use crate::store::{Batch, KeptText};

/// A batch that the sandbox has accepted.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcceptedBatch {
    /// Its id, as it was answered.
    pub id: String,
    /// The sender.
    pub from: String,
    /// The accepted messages in the order sent; of a large batch the last ones: see
    /// [`STORED_MESSAGES`](crate::STORED_MESSAGES).
    pub messages: Vec<AcceptedMessage>,
    /// How many messages were accepted.
    pub accepted: u64,
    /// How many were rejected.
    pub rejected: u64,
}

/// A message of an [`AcceptedBatch`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcceptedMessage {
    /// The recipient.
    pub to: String,
    /// Its text, be it its own or the batch's; `None` once it has been dropped: see
    /// [`STORED_TEXT_BYTES`](crate::STORED_TEXT_BYTES).
    pub text: Option<String>,
}

impl AcceptedBatch {
    pub(crate) fn of(batch: &Batch) -> Self {
        let message = |text: KeptText<'_>| match text {
            KeptText::Own(text) => Some(text.to_owned()),
            KeptText::Default => batch.text.as_deref().map(str::to_owned),
            KeptText::Dropped => None,
        };
        Self {
            id: batch.id.to_string(),
            from: batch.from.to_string(),
            messages: batch
                .kept
                .iter()
                .map(|(_, to, text)| AcceptedMessage {
                    to: to.to_string(),
                    text: message(text),
                })
                .collect(),
            accepted: batch.size,
            rejected: batch.rejected,
        }
    }

    /// The recipients of [`messages`](Self::messages).
    pub fn recipients(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().map(|message| message.to.as_str())
    }
}

/// Without the messages.
impl fmt::Debug for AcceptedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptedBatch")
            .field("id", &self.id)
            .field("accepted", &self.accepted)
            .field("rejected", &self.rejected)
            .finish_non_exhaustive()
    }
}

/// Without the number and the text.
impl fmt::Debug for AcceptedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptedMessage").finish_non_exhaustive()
    }
}
