use std::num::NonZeroU64;

/// The byte limit of a batch unless told otherwise: "the maximum size of each batch is about 50MB", read
/// in the smaller of its two senses (API guide; its `OpenAPI` document has `50m`, nginx's 52,428,800).
pub const DEFAULT_MAX_BYTES: u64 = 50_000_000;

/// How large a batch may become.
///
/// ```
/// use batchcast::encode::Limits;
///
/// let limits = Limits::default().with_max_bytes(1_000_000).with_max_messages(10_000.try_into()?);
/// assert_eq!(limits.max_bytes(), 1_000_000);
/// assert_eq!(Limits::default().max_bytes(), 50_000_000);
/// # Ok::<(), std::num::TryFromIntError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    max_bytes: u64,
    max_messages: Option<NonZeroU64>,
}

impl Limits {
    /// The most bytes of a body: the JSON itself, head and tail included. What chunked transfer coding
    /// adds to it on the wire is not counted.
    #[must_use]
    pub const fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// The most messages of a batch. Without it there is no such limit.
    #[must_use]
    pub const fn with_max_messages(mut self, messages: NonZeroU64) -> Self {
        self.max_messages = Some(messages);
        self
    }

    /// The most bytes of a body.
    #[must_use]
    pub const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// The most messages of a batch, if that is limited.
    #[must_use]
    pub const fn max_messages(&self) -> Option<NonZeroU64> {
        self.max_messages
    }
}

impl Default for Limits {
    /// [`DEFAULT_MAX_BYTES`], and any number of messages.
    fn default() -> Self {
        Self {
            max_bytes: DEFAULT_MAX_BYTES,
            max_messages: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_fifty_million() {
        // Spelled differently on purpose: a typo in a default limit is how other senders failed.
        assert_eq!(DEFAULT_MAX_BYTES, 50 * 1000 * 1000);
        assert_eq!(Limits::default().max_bytes(), 50_000_000);
        assert_eq!(Limits::default().max_messages(), None);
    }
}
