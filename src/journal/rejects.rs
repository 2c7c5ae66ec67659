//! The rejected messages in a journal, for reports.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::Path;
use std::vec;

use super::entry::{Entry, Rejected};
use super::error::JournalError;
use super::replay::Replay;
use super::state::Status;
use super::writer::open_to_read;

/// The rejected messages of the batches that were accepted, each with its batch's number, in the order
/// in which they were written. Of a batch that was found in the API's list there are only those that
/// were told before the answer was lost.
///
/// It takes no lock, and looks at what was in the journal when it was called. Constant memory, but for
/// a few words a batch: the file is read twice.
///
/// # Errors
/// As [`Journal::read`](super::Journal::read).
pub fn rejects(path: &Path) -> Result<Rejects, JournalError> {
    let mut file = open_to_read(path)?;
    let (mut replay, header) = Replay::new(path, BufReader::new(&file))?;
    let state = replay.sum(header)?;

    // What is written meanwhile is about batches that are not accepted yet, so it is passed over.
    file.rewind().map_err(JournalError::io(path, "read"))?;
    let (replay, _) = Replay::new(path, BufReader::new(file))?;
    let accepted = state
        .batches
        .iter()
        .filter(|batch| matches!(batch.status, Status::Accepted { .. }))
        .map(|batch| (batch.batch.number, batch.named_by))
        .collect();
    Ok(Rejects {
        replay: Some(replay),
        accepted,
        commits: HashMap::new(),
        batch: 0,
        line: Vec::new().into_iter(),
    })
}

/// See [`rejects`](rejects()). After an error there is nothing more.
#[derive(Debug)]
#[must_use = "an iterator does nothing unless it is asked"]
pub struct Rejects {
    replay: Option<Replay<BufReader<File>>>,
    /// Which commit of each batch that was accepted in the end has named those that count.
    accepted: HashMap<u64, u32>,
    /// How many there were of each until now.
    commits: HashMap<u64, u32>,
    batch: u64,
    line: vec::IntoIter<Rejected>,
}

impl Iterator for Rejects {
    type Item = Result<(u64, Rejected), JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(rejected) = self.line.next() {
                return Some(Ok((self.batch, rejected)));
            }
            match self.replay.as_mut()?.next() {
                Ok(Some((_, entry))) => self.take(entry),
                Ok(None) => self.replay = None,
                Err(error) => {
                    self.replay = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Rejects {
    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Commit { batch, .. } if self.accepted.contains_key(&batch.number) => {
                *self.commits.entry(batch.number).or_default() += 1;
            }
            Entry::Rejected { batch, rejects }
                if self.accepted.contains_key(&batch)
                    && self.accepted.get(&batch) == self.commits.get(&batch) =>
            {
                self.batch = batch;
                self.line = rejects.into_iter();
            }
            _ => {}
        }
    }
}
