//! From messages to the bytes of batches. Pure: no I/O, no async, no HTTP.
//!
//! ```text
//! Message ──▶ Splitter ──▶ chunk, chunk, … rest + tail │ chunk, … rest + tail │ …
//!             BatchEncoder: one batch                   another batch
//!             json: the strings in it
//! ```
//!
//! An entry is written straight into the chunk, and then looked at: if it takes the batch over its
//! limit, it is taken back, the batch is closed, and the entry becomes the first of the next batch. It
//! is encoded once, and what decides is real bytes.

mod batch;
mod buffers;
#[cfg(any(test, target_arch = "x86", target_arch = "x86_64"))]
mod compress;
pub(crate) mod digest;
mod escape;
pub mod json;
mod limits;
mod split;

pub use self::batch::{Batch, BatchEncoder, ClosedBatch, Fit};
pub use self::limits::{DEFAULT_MAX_BYTES, Limits};
pub use self::split::{Push, Splitter};

/// How many bytes a chunk has before it is handed on, unless told otherwise.
pub const DEFAULT_CHUNK_BYTES: usize = 512 * 1024;
