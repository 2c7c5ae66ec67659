//! From messages to the bytes of batches. Pure: no I/O, no async, no HTTP.

pub mod json;
