//! Where a record stands in the input.

use std::fmt;

/// Where a record, or a fault in it, stands in the input.
///
/// It travels with every [`Message`](crate::Message), so that an error, a rejected
/// recipient or a report can name the place a person has to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Position {
    /// The record's number, counted from 1. Blank lines, comments and a CSV header are not records.
    /// 0 if the record has no place in an input.
    pub record: u64,
    /// The line it begins on, counted from 1; 0 if the records do not come from lines (a Rust stream).
    pub line: u64,
    /// The offset in bytes from the start of the input: of the record, or of the fault in it where
    /// that is known.
    pub byte: u64,
}

impl Position {
    /// The position of record number `record` (from 1) of something that has no lines, such as a Rust stream.
    #[must_use]
    pub const fn of_record(record: u64) -> Self {
        Self {
            record,
            line: 0,
            byte: 0,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.record, self.line) {
            (0, 0) => f.write_str("unknown position"),
            (0, line) => write!(f, "line {line}, byte {}", self.byte),
            (record, 0) => write!(f, "record {record}"),
            (record, line) => write!(f, "record {record} (line {line}, byte {})", self.byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_only_what_is_known() {
        let whole = Position {
            record: 3,
            line: 5,
            byte: 120,
        };
        assert_eq!(whole.to_string(), "record 3 (line 5, byte 120)");
        assert_eq!(Position::of_record(3).to_string(), "record 3");
        let header = Position { record: 0, ..whole };
        assert_eq!(header.to_string(), "line 5, byte 120");
        assert_eq!(Position::default().to_string(), "unknown position");
    }
}
