//! Streams recipient lists of any size into size-capped RingCentral High Volume SMS batches, in constant memory, and without
//! sending anybody the same message twice.
//!
//! It takes numbers, NDJSON, CSV, or a stream of messages of one's own, encodes them straight into request bodies, counts
//! every byte, and splits exactly at the limit. What is sent is in a journal, on disk, before and after.
//!
//! | what there is | what takes it |
//! |---|---|
//! | a list of numbers, NDJSON or CSV | [`input`]: the parsers, and templates for texts |
//! | messages, and an HTTP client of one's own | [`encode::Splitter`]; [`encode::BatchEncoder`] for a single batch |
//! | numbers that are to get nothing, or nothing twice | [`screen::Screen`] |
//! | texts whose segments count | [`segment::Segments`] |
#![cfg_attr(
    feature = "send",
    doc = "
| a list, to be sent | [`send::Sender::send_input`] |
| records of one's own, to be sent | [`send::Sender::send_stream`], and [`try_send_stream`](send::Sender::try_send_stream) if they may fail to come |
| a run that was stopped, and its [`journal`] | [`send::Sender::resume`] |
| batches that were sent | [`status::Readback`] |
"
)]
//!
//! # Features
//! - `send`, on by default: the client, the sender, the journal and the read-back. Without it tokio and reqwest are not
//!   depended on, and there is no I/O but that of [`input::reader`].
//! - `phonenumber`: a [`Region`] looks its numbers up in the numbering plans of the world. So it changes which records of a
//!   list are invalid: a run is gone on with as it was begun, with this feature or without.
//!
//! # Types of others
//! Of other crates there are in this interface: `Bytes` of `bytes` 1, and with `send` `Stream` of `futures` 0.3, and `Map` and
//! `Value` of `serde_json` 1.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "send")]
mod body;
pub mod encode;
mod envelope;
mod error;
pub mod input;
#[cfg(feature = "send")]
pub mod journal;
mod message;
mod position;
pub mod screen;
pub mod segment;
#[cfg(feature = "send")]
pub mod send;
#[cfg(feature = "send")]
mod spool;
#[cfg(feature = "send")]
pub mod status;

pub use crate::envelope::{Dialect, Envelope};
pub use crate::error::{Error, ErrorKind, HeaderError, JsonError, RecordError};
pub use crate::message::{
    MAX_TEXT_UNITS, Message, PhoneNumber, PhoneNumberError, Region, RegionError, Text, TextError,
    UnknownRegion,
};
pub use crate::position::Position;

/// What stands in the README compiles.
#[cfg(all(doctest, feature = "send"))]
#[doc = include_str!("../README.md")]
struct Readme;
