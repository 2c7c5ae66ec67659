//! The journal as the sender uses it: shared by its tasks, written on threads that may wait for a disk, and
//! perhaps not there at all.

use std::sync::{Arc, Mutex, PoisonError};

use crate::journal::{Entry, Journal};
use crate::send::blocking::blocking;
use crate::send::outcome::Failure;

/// A journal, or none. Clones are the same journal.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger(Option<Arc<Mutex<Journal>>>);

impl Ledger {
    pub(super) fn new(journal: Journal) -> Self {
        Self(Some(Arc::new(Mutex::new(journal))))
    }

    /// Whether there is a journal.
    pub(super) const fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Writes a line that may still be lost with the power.
    pub(super) fn write_blocking(&self, entry: &Entry) -> Result<(), Failure> {
        let Some(journal) = &self.0 else {
            return Ok(());
        };
        let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(journal.append(entry)?)
    }

    /// Writes a line, and returns when it is on the disk with all before it.
    pub(super) async fn sync(&self, entry: Entry) -> Result<(), Failure> {
        let Some(journal) = self.0.clone() else {
            return Ok(());
        };
        let written = blocking(move || {
            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
            journal.append(&entry)?;
            journal.sync()
        });
        Ok(written.await?)
    }
}
