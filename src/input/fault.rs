//! Why a record is no message: what the formats have in common.

use super::Invalid;
use crate::error::{Error, RecordError};
use crate::position::Position;

/// Why a record is no message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) fault: RecordError,
    /// The offset of the fault in the record, in bytes.
    pub(super) at: usize,
}

impl Fault {
    /// What is said of the record at a position, with the place in it.
    #[cold]
    pub(super) fn into_invalid(self, input: &[u8], position: Position) -> Invalid<'_> {
        let byte = position.byte + self.at as u64;
        Invalid {
            error: Error::record(Position { byte, ..position }, self.fault),
            input,
        }
    }
}

impl From<RecordError> for Fault {
    fn from(fault: RecordError) -> Self {
        Self { fault, at: 0 }
    }
}

/// A record of a block that is not UTF-8 as a whole.
#[cold]
pub(super) fn alone(record: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(record).map_err(|error| Fault {
        fault: RecordError::Utf8,
        at: error.valid_up_to(),
    })
}
