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
