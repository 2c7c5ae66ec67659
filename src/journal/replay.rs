//! From the bytes of a journal to its entries, each of them proven.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::VERSION;
use super::entry::{Entry, Header, Opening};
use super::error::{Fault, JournalError};
use super::rules::Rules;
use super::seal::{self, Unsealed};
use super::state::{State, Sum};
use super::tail::{self, Raw};

/// How every version's first line begins; its number follows.
const MAGIC: &[u8] = br#"{"batchcast":{"version":"#;

/// Reads a journal, line after line, in constant memory but for a few words a batch.
#[derive(Debug)]
pub(super) struct Replay<R> {
    path: PathBuf,
    reader: R,
    rules: Rules,
    line: Vec<u8>,
    /// The number of the line in the buffer.
    number: u64,
    end: End,
    at_end: bool,
}

/// Where the whole lines end, and what stands behind them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct End {
    /// The checksum of all lines.
    pub(super) chain: u32,
    /// How many bytes the whole lines take.
    pub(super) bytes: u64,
    /// How many bytes follow that are to be dropped.
    pub(super) torn: u64,
    /// The last line is whole but for its newline.
    pub(super) newline_missing: bool,
}

impl<R: BufRead> Replay<R> {
    /// Reads the first line.
    pub(super) fn new(path: &Path, reader: R) -> Result<(Self, Header), JournalError> {
        let mut replay = Self {
            path: path.to_owned(),
            reader,
            rules: Rules::default(),
            line: Vec::new(),
            number: 0,
            end: End::default(),
            at_end: false,
        };
        let header = replay.header()?;
        Ok((replay, header))
    }

    /// The next entry and its time, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<(SystemTime, Entry)>, JournalError> {
        let Some(at) = self.next_line()? else {
            return Ok(None);
        };
        let entry = serde_json::from_slice(&self.line).map_err(|error| self.misfit(&error))?;
        self.rules
            .admit(&entry)
            .map_err(|breach| self.damaged(Fault::Order(breach)))?;
        Ok(Some((at, entry)))
    }

    /// What all entries that are left say together.
    pub(super) fn sum(&mut self, header: Header) -> Result<State, JournalError> {
        let mut sum = Sum::new(header);
        while let Some((at, entry)) = self.next()? {
            sum.add(at, entry);
        }
        Ok(sum.finish(self.end.torn))
    }

    /// What a writer needs to go on from the last line; after [`next`](Self::next) has returned `None`.
    pub(super) fn into_end(self) -> (End, Rules) {
        debug_assert!(self.at_end);
        (self.end, self.rules)
    }

    fn header(&mut self) -> Result<Header, JournalError> {
        let raw = self.read_line()?;
        self.number = 1;
        if !self.line.starts_with(MAGIC) {
            let begun = MAGIC.starts_with(&self.line) && matches!(raw, Raw::Tail { .. });
            let path = self.path.clone();
            return Err(if begun {
                JournalError::NoHeader { path }
            } else {
                JournalError::NotAJournal { path }
            });
        }
        // Before the checksum: a later version may have another one.
        if let Some(found) = version(&self.line[MAGIC.len()..])
            && found != u64::from(VERSION)
        {
            let path = self.path.clone();
            return Err(JournalError::Version { path, found });
        }
        if self.take(raw)?.is_none() {
            return Err(JournalError::NoHeader {
                path: self.path.clone(),
            });
        }
        let opening: Opening<Header> =
            serde_json::from_slice(&self.line).map_err(|error| self.misfit(&error))?;
        Ok(opening.into_header())
    }

    /// Reads a line into the buffer and unseals it. `None` at the end.
    fn next_line(&mut self) -> Result<Option<SystemTime>, JournalError> {
        if self.at_end {
            return Ok(None);
        }
        let raw = self.read_line()?;
        self.number += 1;
        self.take(raw)
    }

    fn read_line(&mut self) -> Result<Raw, JournalError> {
        tail::read_line(&mut self.reader, &mut self.line)
            .map_err(JournalError::io(&self.path, "read"))
    }

    /// Unseals the line in the buffer. `None` if it is a torn one.
    fn take(&mut self, raw: Raw) -> Result<Option<SystemTime>, JournalError> {
        let len = self.line.len() as u64;
        let unsealed = seal::unseal(&mut self.line, self.end.chain);
        match (raw, unsealed) {
            (Raw::Line, Some(Unsealed { at, chain })) => {
                self.end.chain = chain;
                self.end.bytes += len + 1;
                Ok(Some(at))
            }
            (Raw::Line, None) => Err(self.damaged(Fault::Checksum)),
            // Whole, whatever became of its newline. It may have been acted on.
            (Raw::Tail { zeros }, Some(Unsealed { at, chain })) => {
                self.at_end = true;
                self.end = End {
                    chain,
                    bytes: self.end.bytes + len,
                    torn: zeros,
                    newline_missing: true,
                };
                Ok(Some(at))
            }
            (Raw::Tail { zeros }, None) if tail::is_torn(&self.line) => {
                self.at_end = true;
                self.end.torn = len + zeros;
                Ok(None)
            }
            (Raw::Tail { .. }, None) => Err(self.damaged(Fault::Tail)),
            (Raw::TooLong, _) => Err(self.damaged(Fault::TooLong)),
        }
    }

    fn damaged(&self, fault: Fault) -> JournalError {
        JournalError::Damaged {
            path: self.path.clone(),
            line: self.number,
            byte: self.end.bytes,
            fault,
        }
    }

    /// A line that was written as it stands, and is not what this version would write.
    fn misfit(&self, error: &serde_json::Error) -> JournalError {
        // A kind of line, or a word in it, that serde finds in no enum is a newer version's. There is
        // no other way to ask than by the text; a test holds it.
        if error.to_string().starts_with("unknown variant") {
            return JournalError::Unknown {
                path: self.path.clone(),
                line: self.number,
            };
        }
        self.damaged(Fault::Content)
    }
}

/// The version that the first line begins with, if it is all there.
fn version(rest: &[u8]) -> Option<u64> {
    let end = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    str::from_utf8(&rest[..end]).ok()?.parse().ok()
}
