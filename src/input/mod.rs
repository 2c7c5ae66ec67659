//! From the bytes of a list to messages.

/// The most bytes of a record, its line end not counted.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;
