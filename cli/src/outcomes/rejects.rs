//! The rejects of a journal, batch by batch.
//!
//! The journal has them in the order in which batches were answered, and they are wanted in that of the records. Only the
//! rejects of batches that were on their way at the same time are kept for later.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use batchcast::journal::{self, BatchState};

/// The rejects of one batch.
#[derive(Debug, Default)]
pub(crate) struct Rejects {
    /// By record.
    placed: HashMap<u64, u16>,
    codes: Vec<String>,
    /// How many have no record.
    pub(crate) unplaced: u64,
    pub(crate) read: u64,
}

impl Rejects {
    /// The code with which a record was rejected, if it was.
    pub(crate) fn code(&self, record: u64) -> Option<&str> {
        let at = self.placed.get(&record)?;
        self.codes.get(usize::from(*at)).map(String::as_str)
    }

    /// Adds one.
    pub(crate) fn push(&mut self, record: Option<u64>, code: String) {
        self.read += 1;
        let Some(record) = record else {
            self.unplaced += 1;
            return;
        };
        let at = match self.codes.iter().position(|known| *known == code) {
            Some(at) => at,
            None => {
                self.codes.push(code);
                self.codes.len() - 1
            }
        };
        let at = u16::try_from(at).unwrap_or(u16::MAX);
        self.placed.insert(record, at);
    }
}

/// Reads them out of a journal.
pub(crate) struct RejectsOf {
    all: journal::Rejects,
    /// Those that were read on the way to others.
    early: HashMap<u64, Rejects>,
}

impl RejectsOf {
    /// Begins to read.
    pub(crate) fn new(journal: &Path) -> Result<Self> {
        Ok(Self {
            all: journal::rejects(journal)?,
            early: HashMap::new(),
        })
    }

    /// Those of this batch. Each batch can be asked for once.
    pub(crate) fn batch(&mut self, batch: &BatchState) -> Result<Rejects> {
        let wanted = batch.batch.number;
        let mut found = self.early.remove(&wanted).unwrap_or_default();
        while found.read < batch.rejects {
            let Some(next) = self.all.next() else {
                break;
            };
            let (number, reject) = next?;
            let of = if number == wanted {
                &mut found
            } else {
                self.early.entry(number).or_default()
            };
            of.push(reject.record, reject.code);
        }
        Ok(found)
    }
}
