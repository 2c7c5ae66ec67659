//! What all lines of a journal say together.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::entry::{Decision, Entry, Header};
use crate::encode::Batch;

/// What all lines of a journal say together. Of rejected messages it knows only how many there are:
/// [`rejects`](super::rejects()) has them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct State {
    /// What the run is.
    pub header: Header,
    /// Its batches, in the order of their first commit.
    pub batches: Vec<BatchState>,
    /// The smallest limit that the server has taught, in bytes.
    pub max_bytes: Option<u64>,
    /// The input is at its end, and every batch is settled.
    pub finished: bool,
    /// What the run said when it was last finished.
    pub totals: Option<Totals>,
    /// How often a further process went on with the run.
    pub resumed: u64,
    /// The application's options in each of these processes, as far as they differ from the header's.
    pub resumes: Vec<Map<String, Value>>,
    /// Why the last process stopped, if it said so.
    pub stopped: Option<String>,
    /// Until when the server wanted nothing to be sent, when it last asked for a pause. It may be over.
    pub not_before: Option<SystemTime>,
    /// How many bytes at the file's end a crash had left of what was not yet written.
    pub torn: u64,
}

/// One batch of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchState {
    /// What was sent, by its last commit.
    pub batch: Batch,
    /// Which process made it of the input: 0 is the one that began the run, 1 the first that [went on](State::resumes)
    /// with it. One that sends a batch of an earlier process again sends what that has made.
    pub process: u64,
    /// What became of it.
    pub status: Status,
    /// How often it was committed.
    pub commits: u32,
    /// When it was last committed.
    pub committed: Committed,
    /// When the first attempt was committed that may have been accepted though the batch was to be sent again; `None` if it
    /// was not to be sent again.
    pub resent_since: Option<Committed>,
    /// When it was found out what became of it, by the clock of the machine that did; `None` while nobody knows.
    pub settled_at: Option<SystemTime>,
    /// How many rejected messages of it are in the journal. Of a batch that was sent again they are those of the last attempt
    /// that named any: the API names them only once, and it may be that one which is found.
    pub rejects: u64,
    /// How many of these could not be told where they came from.
    pub unplaced: u64,
    /// Which of its commits named them.
    pub(crate) named_by: u32,
    /// The same of those whom these have taken the place of.
    pub(crate) before: Named,
}

/// Whom an attempt has named as rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Named {
    by: u32,
    rejects: u64,
    unplaced: u64,
}

/// When a batch was committed, by two clocks that need not agree, and of which one may have been wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// By the clock of the machine that wrote it down.
    pub at: SystemTime,
    /// By the server's, at the earliest; `None` if no answer had shown it by then.
    pub server_time: Option<SystemTime>,
    /// The same at the latest, if that is later.
    pub server_time_latest: Option<SystemTime>,
    /// How long its upload had taken until then at the most, if that is known.
    pub upload: Option<Duration>,
    /// The same at the least, if that is less.
    pub upload_least: Option<Duration>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Its last bytes may have left, and nothing more is known: the process died, or is at it.
    Committed,
    /// The API has it.
    Accepted {
        /// The API's id of it.
        id: String,
        /// How many messages the API says are in it.
        batch_size: Option<u64>,
        /// How many of its messages the API rejected, as far as is known.
        rejected: u64,
        /// Of how many of its entries it could not be told where they came from; also of those that named a message again.
        unplaced: u64,
        /// When it was created, in the API's words.
        creation_time: Option<String>,
        /// It was found in the API's list: the API may have rejected more of it than is known.
        found: bool,
    },
    /// The API refused it: nobody got it, and its records may be sent again.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The API's code.
        code: Option<String>,
    },
    /// Its last bytes did not leave after all: nobody got it, and its records may be sent again.
    Withdrawn,
    /// Nobody knows what became of it.
    InDoubt {
        /// Why nobody knows.
        reason: String,
    },
    /// Nobody knows, and the operator wants its records sent again; they were not yet, or nobody got them then.
    Resend,
    /// Nobody knows, and the operator takes it for sent.
    Skipped,
}

/// What a run said of itself when it was finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// How many batches were accepted.
    pub batches: u64,
    /// How many messages were in them, the rejected ones included.
    pub messages: u64,
    /// How many of the messages the API rejected.
    pub rejected: u64,
    /// How many records were invalid and passed over.
    pub invalid: u64,
}

impl State {
    /// The batches of which nobody knows what became of them. Their messages may be on their way.
    pub fn open(&self) -> impl Iterator<Item = &BatchState> {
        self.batches.iter().filter(|batch| batch.status.is_open())
    }

    /// The batches whose records must not be sent again, by record. No two of them share a record.
    #[must_use]
    pub fn held(&self) -> Vec<&BatchState> {
        let held = |batch: &&BatchState| batch.status.is_held();
        let mut batches: Vec<_> = self.batches.iter().filter(held).collect();
        batches.sort_unstable_by_key(|batch| batch.batch.first.record);
        batches
    }

    /// How many messages are [missing](BatchState::missing) in the accepted batches.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.batches.iter().map(BatchState::missing).sum()
    }

    /// The API's ids of the accepted batches.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.batches.iter().filter_map(|batch| match &batch.status {
            Status::Accepted { id, .. } => Some(id.as_str()),
            _ => None,
        })
    }
}

impl BatchState {
    /// How many of its messages the API has not taken, by the size that it gives the batch, and has not called rejected either:
    /// nobody knows which. 0 if it says no size, or has not accepted the batch.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        match self.status {
            Status::Accepted {
                batch_size,
                rejected,
                ..
            } => missing(self.batch.messages, batch_size, rejected),
            _ => 0,
        }
    }

    /// It is to be sent again, though an attempt may have been accepted.
    fn resend(&mut self) {
        self.resent_since.get_or_insert(self.committed);
        self.settled_at = None;
        self.status = Status::Resend;
    }

    /// Nobody got the last attempt. What there is to say of one before stays as it was.
    fn free(&mut self, status: Status) {
        match self.resent_since {
            Some(_) => self.resend(),
            None => self.status = status,
        }
    }

    /// What an earlier attempt has named counts no more.
    const fn forget_rejects_of_before(&mut self) {
        if self.named_by != self.commits {
            self.before = Named {
                by: self.named_by,
                rejects: self.rejects,
                unplaced: self.unplaced,
            };
            self.named_by = self.commits;
            self.rejects = 0;
            self.unplaced = 0;
        }
    }

    /// What the last attempt has named is not about this batch.
    const fn disown_rejects(&mut self) {
        if self.named_by == self.commits {
            self.named_by = self.before.by;
            self.rejects = self.before.rejects;
            self.unplaced = self.before.unplaced;
        }
    }
}

impl Status {
    /// Nobody knows what became of the batch.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Committed | Self::InDoubt { .. } | Self::Resend)
    }

    /// The batch's records must not be sent again: they were sent, or may have been.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        !matches!(self, Self::Refused { .. } | Self::Withdrawn)
    }
}

/// Adds up lines that the [rules](super::rules) have let pass.
#[derive(Debug)]
pub(super) struct Sum {
    state: State,
    places: HashMap<u64, usize>,
}

impl Sum {
    pub(super) fn new(header: Header) -> Self {
        let state = State {
            header,
            batches: Vec::new(),
            max_bytes: None,
            finished: false,
            totals: None,
            resumed: 0,
            resumes: Vec::new(),
            stopped: None,
            not_before: None,
            torn: 0,
        };
        Self {
            state,
            places: HashMap::new(),
        }
    }

    pub(super) fn finish(mut self, torn: u64) -> State {
        self.state.torn = torn;
        self.state
    }

    pub(super) fn add(&mut self, at: SystemTime, entry: Entry) {
        if let Some(number) = settles(&entry) {
            self.batch(number).settled_at = Some(at);
        }
        match entry {
            Entry::Commit {
                batch,
                server_time,
                server_time_latest,
                upload_ms,
                upload_ms_least,
            } => {
                let committed = Committed {
                    at,
                    server_time,
                    server_time_latest,
                    upload: upload_ms.map(Duration::from_millis),
                    upload_least: upload_ms_least.map(Duration::from_millis),
                };
                self.commit(committed, batch);
            }
            Entry::Rejected { batch, rejects } => {
                let unplaced = rejects.iter().filter(|reject| reject.record.is_none());
                let known = self.batch(batch);
                known.forget_rejects_of_before();
                known.unplaced += unplaced.count() as u64;
                known.rejects += rejects.len() as u64;
            }
            Entry::Accepted {
                batch,
                id,
                batch_size,
                rejected,
                unplaced,
                creation_time,
                found,
            } => {
                let known = self.batch(batch);
                if !found {
                    // Its own answer has named all.
                    known.forget_rejects_of_before();
                }
                known.status = Status::Accepted {
                    id,
                    batch_size,
                    rejected,
                    unplaced,
                    creation_time,
                    found,
                };
            }
            Entry::Refused {
                batch,
                status,
                code,
            } => self.batch(batch).free(Status::Refused { status, code }),
            Entry::Withdrawn { batch, .. } => self.batch(batch).free(Status::Withdrawn),
            Entry::InDoubt {
                batch,
                reason,
                disowned,
            } => {
                let known = self.batch(batch);
                if disowned {
                    known.disown_rejects();
                }
                known.status = Status::InDoubt { reason };
            }
            Entry::Decided { batch, decision } => {
                let known = self.batch(batch);
                match decision {
                    Decision::Skip => known.status = Status::Skipped,
                    Decision::Resend => known.resend(),
                }
            }
            Entry::Limit { max_bytes } => {
                let smallest = self.state.max_bytes.unwrap_or(max_bytes).min(max_bytes);
                self.state.max_bytes = Some(smallest);
            }
            Entry::Resumed { application, .. } => {
                self.state.resumes.push(application);
                self.state.resumed += 1;
                self.state.stopped = None;
                self.state.finished = false;
            }
            Entry::Paused { not_before } => self.pause(at, not_before),
            Entry::Stopped { reason, not_before } => {
                self.state.stopped = Some(reason);
                if let Some(not_before) = not_before {
                    self.pause(at, not_before);
                }
            }
            Entry::Finished {
                batches,
                messages,
                rejected,
                invalid,
            } => {
                self.state.finished = true;
                self.state.totals = Some(Totals {
                    batches,
                    messages,
                    rejected,
                    invalid,
                });
            }
        }
    }

    /// A pause that was told at this moment. By a clock that has been put back since, it would not end when it was to.
    fn pause(&mut self, at: SystemTime, not_before: SystemTime) {
        let long = not_before.duration_since(at).unwrap_or_default();
        let latest = SystemTime::now().checked_add(long);
        self.state.not_before = Some(latest.map_or(not_before, |latest| latest.min(not_before)));
    }

    fn commit(&mut self, at: Committed, batch: Batch) {
        let process = self.state.resumed;
        let place = *self.places.entry(batch.number).or_insert_with(|| {
            self.state.batches.push(BatchState {
                batch,
                process,
                status: Status::Committed,
                commits: 0,
                committed: at,
                resent_since: None,
                settled_at: None,
                rejects: 0,
                unplaced: 0,
                named_by: 0,
                before: Named::default(),
            });
            self.state.batches.len() - 1
        });
        let known = &mut self.state.batches[place];
        known.batch = batch;
        known.status = Status::Committed;
        known.commits = known.commits.saturating_add(1);
        known.committed = at;
        known.settled_at = None;
    }

    /// A batch that was committed: the rules see to it that it was.
    fn batch(&mut self, number: u64) -> &mut BatchState {
        &mut self.state.batches[self.places[&number]]
    }
}

/// How many messages of a batch the API accounts for neither by the size that it gives the batch, which may count the rejected
/// ones or not, nor as rejected.
pub(crate) const fn missing(messages: u64, batch_size: Option<u64>, rejected: u64) -> u64 {
    match batch_size {
        Some(size) => messages.saturating_sub(size.saturating_add(rejected)),
        None => 0,
    }
}

/// The number of the batch that this line settles, if it does.
const fn settles(entry: &Entry) -> Option<u64> {
    match entry {
        Entry::Accepted { batch, .. }
        | Entry::Refused { batch, .. }
        | Entry::Withdrawn { batch, .. }
        | Entry::Decided { batch, .. } => Some(*batch),
        _ => None,
    }
}
