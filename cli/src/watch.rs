//! What happens during a send: written down where it was asked for, and shown.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use batchcast::send::{DoubtPolicy, Event, Receipt, WaitingFor};
use indicatif::HumanCount;

use crate::hooks::KillAt;
use crate::kept::Kept;
use crate::progress::Progress;
use crate::readable::{bytes, count};
use crate::records::{InvalidLine, PassedOverLine, RecordsFile, RejectedLine};
use crate::report::{self, BatchLine, Samples};
use crate::waits::Waits;
use crate::{clean, terminal};

/// Takes the events of a send. They come from several threads.
pub(crate) struct Watch {
    pub(crate) progress: Progress,
    pub(crate) json: bool,
    notes: Mutex<Notes>,
    left: Mutex<Left>,
    waits: Mutex<Waits>,
    kill_at: Option<KillAt>,
}

/// What is kept of the events.
pub(crate) struct Notes {
    pub(crate) rejected: Option<RecordsFile>,
    pub(crate) invalid: Option<RecordsFile>,
    pub(crate) passed_over: Option<RecordsFile>,
    pub(crate) samples: Samples,
    /// How many messages were rejected, by the API's code.
    pub(crate) reject_codes: BTreeMap<String, u64>,
    /// How many messages this process has seen accepted.
    pub(crate) sent: u64,
    late: Option<Late>,
}

/// What is left behind by a process that quits now. Apart from the notes, which are held as long as a disk takes.
#[derive(Default)]
struct Left {
    /// The journal, once there is one.
    kept: Option<Kept>,
    /// The batches whose last bytes may have left in this attempt, and of which nothing is known yet.
    committed: BTreeSet<u64>,
    /// Those of which nobody knows what became of an attempt before.
    doubted: BTreeSet<u64>,
    /// The summary of a run that has ended, which may not have been read.
    summary: Option<Vec<String>>,
}

impl Left {
    /// It is known, or decided, what became of a batch.
    fn settled(&mut self, batch: u64) {
        self.committed.remove(&batch);
        self.doubted.remove(&batch);
    }

    fn lines(&self) -> Vec<String> {
        if let Some(summary) = &self.summary {
            return summary.clone();
        }
        let open = &self.committed | &self.doubted;
        report::left_behind(&open, self.kept.as_ref())
    }
}

/// What an earlier process has left open. What was told of it before its answer was lost is in the journal only, and
/// counts as soon as it is found.
pub(crate) struct Late {
    pub(crate) journal: PathBuf,
    /// The numbers of these batches, but for those that this process sends itself.
    pub(crate) batches: BTreeSet<u64>,
}

/// How many codes are told apart; the API has a few dozen.
const MAX_CODES: usize = 100;

impl Notes {
    /// Counts a rejected message.
    pub(crate) fn count_reject(&mut self, code: &str) {
        let code = clean::short(code);
        if let Some(number) = self.reject_codes.get_mut(&*code) {
            *number += 1;
        } else if self.reject_codes.len() < MAX_CODES {
            self.reject_codes.insert(code.into_owned(), 1);
        }
    }

    /// Writes down who was rejected of a batch that was found, if only the journal knows that.
    fn tell_late_rejects(&mut self, found: u64) -> io::Result<()> {
        let Some(late) = self.late.take_if(|late| late.batches.remove(&found)) else {
            return Ok(());
        };
        for reject in batchcast::journal::rejects(&late.journal).map_err(io::Error::other)? {
            let (batch, reject) = reject.map_err(io::Error::other)?;
            if batch == found {
                self.count_reject(&reject.code);
                if let Some(file) = &mut self.rejected {
                    file.write(&RejectedLine::of_journal(batch, &reject))?;
                }
            }
        }
        self.late = Some(late);
        Ok(())
    }

    /// All files stay, also those that nothing was written to.
    pub(crate) fn keep(&mut self) {
        let files = [&mut self.rejected, &mut self.invalid, &mut self.passed_over];
        files.into_iter().flatten().for_each(RecordsFile::keep);
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// If one of the files cannot be written.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let files = [&mut self.rejected, &mut self.invalid, &mut self.passed_over];
        // All, also if the first one fails.
        let flushed = files.map(|file| file.as_mut().map_or(Ok(()), RecordsFile::flush));
        flushed.into_iter().collect()
    }
}

/// The files that were asked for.
pub(crate) struct Files {
    pub(crate) rejected: Option<RecordsFile>,
    pub(crate) invalid: Option<RecordsFile>,
    pub(crate) passed_over: Option<RecordsFile>,
}

impl Watch {
    /// With the files, those that were asked for.
    pub(crate) fn new(
        progress: Progress,
        json: bool,
        files: Files,
        kill_at: Option<KillAt>,
    ) -> Self {
        let samples = Samples::default();
        let notes = Mutex::new(Notes {
            rejected: files.rejected,
            invalid: files.invalid,
            passed_over: files.passed_over,
            samples,
            reject_codes: BTreeMap::new(),
            sent: 0,
            late: None,
        });
        Self {
            progress,
            json,
            notes,
            left: Mutex::default(),
            waits: Mutex::default(),
            kill_at,
        }
    }

    /// Takes an event.
    ///
    /// # Errors
    /// If what has to be written down cannot be.
    pub(crate) fn event(&self, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Progress(at) => self.progress.update(at),
            Event::Invalid(invalid) => {
                let mut notes = self.notes();
                notes.samples.invalid(invalid);
                if let Some(file) = &mut notes.invalid {
                    file.write(&InvalidLine::of(invalid))?;
                }
            }
            Event::PassedOver {
                position,
                to,
                reason,
            } => {
                let mut notes = self.notes();
                notes.samples.passed_over(*position, *to, *reason);
                if let Some(file) = &mut notes.passed_over {
                    file.write(&PassedOverLine::of(*position, *to, *reason))?;
                }
            }
            Event::Rejected(reject) => {
                let mut notes = self.notes();
                notes.samples.rejected(reject);
                notes.count_reject(&reject.error_code);
                if let Some(file) = &mut notes.rejected {
                    file.write(&RejectedLine::of(reject))?;
                }
            }
            Event::Accepted(receipt) => self.accepted(receipt)?,
            Event::Canary {
                batch,
                status,
                processed,
                messages,
            } => self
                .progress
                .canary(canary(*batch, *status, *processed, *messages)),
            _ => {
                match event {
                    Event::Replayed { messages, .. } => self.progress.replayed(*messages),
                    Event::Waiting { batch, what, wait } if *what != WaitingFor::Completion => {
                        self.progress.waits(*batch, *what, *wait);
                    }
                    Event::Committed { batch } => {
                        self.left().committed.insert(*batch);
                        self.progress.waits_for_answer(*batch);
                    }
                    Event::Failed { batch, .. } | Event::GivenUp { batch, .. } => {
                        self.left().committed.remove(batch);
                        self.progress.goes_on(*batch);
                    }
                    Event::InDoubt { batch, .. } => {
                        self.left().doubted.insert(*batch);
                        self.progress.goes_on(*batch);
                    }
                    Event::NotFound { batch, policy } => {
                        if *policy == DoubtPolicy::Skip {
                            self.left().settled(*batch);
                        }
                        self.progress.goes_on(*batch);
                    }
                    Event::Opened { batch, .. } => {
                        self.progress.goes_on(*batch);
                        if let Some(late) = &mut self.notes().late {
                            late.batches.remove(batch);
                        }
                    }
                    _ => {}
                }
                let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(line) = waits.line(event, Instant::now()) {
                    terminal::note(&format!("batchcast: {line}"));
                }
            }
        }
        if let Some(kill_at) = &self.kill_at {
            kill_at.see(event);
        }
        Ok(())
    }

    /// A batch is called accepted only when what belongs to it is written.
    fn accepted(&self, receipt: &Receipt) -> io::Result<()> {
        self.left().settled(receipt.batch.number);
        {
            let mut notes = self.notes();
            if receipt.found {
                notes.tell_late_rejects(receipt.batch.number)?;
            }
            notes.flush()?;
            notes.samples.accepted(receipt);
            notes.sent += receipt.batch.messages;
        }
        let batch = &receipt.batch;
        self.progress.goes_on(receipt.batch.number);
        self.progress.above(&format!(
            "batch {} accepted: {}, {}, {} rejected, {}id {}",
            batch.number,
            count(batch.messages, "message", "messages"),
            bytes(batch.bytes),
            HumanCount(receipt.rejected),
            match receipt.missing() {
                0 => String::new(),
                missing => format!("{} missing, ", HumanCount(missing)),
            },
            receipt.id,
        ));
        if self.json {
            terminal::json(&BatchLine::of(receipt))?;
        }
        Ok(())
    }

    /// The journal is there, if it is.
    pub(crate) fn keep_at(&self, kept: Option<Kept>) {
        self.left().kept = kept;
    }

    /// The run has ended, and this is to be said of it.
    pub(crate) fn ended(&self, summary: &[String]) {
        self.left().summary = Some(summary.to_owned());
    }

    /// Takes it that an earlier process has left something open.
    pub(crate) fn expect_late(&self, late: Late) {
        self.notes().late = Some(late);
    }

    /// What was kept.
    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes out what is buffered. For a process that quits.
    pub(crate) fn save(&self) {
        let _ = self.notes().flush();
    }

    /// Says what is left behind. For a process that quits.
    pub(crate) fn tell_left(&self) {
        let lines = self.left().lines();
        lines.iter().for_each(|line| terminal::error(line));
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the API says of a canary that is waited for.
fn canary(batch: u64, status: Option<&str>, processed: Option<u64>, messages: u64) -> String {
    let status = status.map_or("not known yet".into(), clean::sentence);
    match processed {
        Some(processed) => format!(
            "canary batch {batch}: {status}, {} of {}",
            HumanCount(processed),
            HumanCount(messages)
        ),
        None => format!("canary batch {batch}: {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unpack::Consumed;

    #[test]
    fn what_is_left_can_be_told_while_files_are_written() {
        let progress = Progress::new(None, Consumed::default(), None);
        let files = Files {
            rejected: None,
            invalid: None,
            passed_over: None,
        };
        let watch = Watch::new(progress, false, files, None);
        watch.event(&Event::Committed { batch: 2 }).unwrap();
        // As long as a disk takes.
        let _writing = watch.notes();
        let lines = watch.left().lines();
        assert!(lines[0].starts_with("In doubt: batch 2 "), "{lines:?}");
    }
}
