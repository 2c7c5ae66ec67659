#![cfg_attr(feature = "send", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "send"),
    doc = "Streams recipient lists of any size into size-capped High Volume SMS batches, in constant memory."
)]

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
#[cfg(feature = "send")]
pub mod send;
#[cfg(feature = "send")]
mod spool;
#[cfg(feature = "send")]
pub mod status;

pub use crate::envelope::{Dialect, Envelope};
pub use crate::error::{Error, ErrorKind, HeaderError, JsonError, RecordError};
pub use crate::message::{MAX_TEXT_UNITS, Message, PhoneNumber, PhoneNumberError, Text, TextError};
pub use crate::position::Position;
