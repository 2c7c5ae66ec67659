//! What may follow what: the same rules for what is written and for what is read.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::entry::{Decision, Entry};
use crate::encode::Batch;

/// Why an entry cannot follow what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Breach {
    /// It is about a batch that no line has committed.
    #[error("batch {batch} was never committed")]
    NotCommitted {
        /// The batch's number.
        batch: u64,
    },
    /// What it says cannot become of a batch that is what it is.
    #[error("batch {batch} is {phase}, so it cannot be {event}")]
    Phase {
        /// The batch's number.
        batch: u64,
        /// What it is.
        phase: Phase,
        /// What it was to become.
        event: &'static str,
    },
    /// It is to be sent again, and has other records than the attempt that may have been accepted.
    #[error("batch {batch} is to be sent again, and has not the records that it had")]
    OtherRecords {
        /// The batch's number.
        batch: u64,
    },
    /// Some of its records are in another batch that counts.
    #[error("batch {batch} has records of batch {other}, which may have been sent")]
    Overlap {
        /// The batch's number.
        batch: u64,
        /// The other's number.
        other: u64,
    },
    /// Its records have no places in the input, or its first comes after its last.
    #[error("batch {batch} has no records, or not in their order")]
    Records {
        /// The batch's number.
        batch: u64,
    },
    /// A limit of no bytes.
    #[error("a limit of no bytes")]
    NoLimit,
    /// The run is finished, and was not resumed.
    #[error("the run was finished before")]
    AfterFinished,
    /// The run cannot be finished while nobody knows what became of a batch.
    #[error("the run cannot be finished while {count} of its batches are not settled")]
    Unsettled {
        /// How many batches are committed, in doubt, or to be sent again.
        count: usize,
    },
}

/// What a batch is, as far as the rules go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Its last bytes may have left.
    Committed,
    /// Nobody knows what became of it.
    InDoubt,
    /// The API has it.
    Accepted,
    /// Nobody got it: the API refused it, or it was withdrawn.
    Refused,
    /// Nobody knows what became of it, and its records are to be sent again.
    Resend,
    /// It is taken for sent.
    Skipped,
}

impl Phase {
    /// Whether nobody knows what became of the batch.
    const fn is_open(self) -> bool {
        matches!(self, Self::Committed | Self::InDoubt | Self::Resend)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Committed => "committed",
            Self::InDoubt => "in doubt",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Resend => "to be sent again",
            Self::Skipped => "skipped",
        })
    }
}

/// What the lines so far allow of the next one. A few words a batch.
#[derive(Debug, Default)]
pub(super) struct Rules {
    batches: HashMap<u64, Known>,
    /// The records that must not be sent again, by their first: their last, and their batch.
    held: BTreeMap<u64, (u64, u64)>,
    /// How many batches are open.
    open: usize,
    finished: bool,
}

#[derive(Debug)]
struct Known {
    phase: Phase,
    first_record: u64,
    last_record: u64,
    /// An earlier attempt may have been accepted, and the batch was to be sent again.
    is_resent: bool,
}

impl Rules {
    /// Takes the entry as the next one, if it may be.
    pub(super) fn admit(&mut self, entry: &Entry) -> Result<(), Breach> {
        if self.finished && !matches!(entry, Entry::Resumed { .. }) {
            return Err(Breach::AfterFinished);
        }
        match entry {
            Entry::Commit { batch, .. } => self.commit(batch)?,
            Entry::Rejected { batch, .. } => {
                let from = |phase| matches!(phase, Phase::Committed | Phase::InDoubt);
                self.known(*batch, "rejected in part", from)?;
            }
            Entry::Accepted { batch, found, .. } => {
                let from = |phase: Phase| match phase {
                    Phase::Committed => true,
                    Phase::InDoubt | Phase::Resend => *found,
                    _ => false,
                };
                self.settle(*batch, "accepted", from, Phase::Accepted)?;
            }
            Entry::Refused { batch, .. } => {
                let from = |phase| phase == Phase::Committed;
                self.settle(*batch, "refused", from, Phase::Refused)?;
            }
            Entry::Withdrawn { batch, .. } => {
                let from = |phase| phase == Phase::Committed;
                self.settle(*batch, "withdrawn", from, Phase::Refused)?;
            }
            Entry::InDoubt { batch, .. } => {
                let from = |phase| matches!(phase, Phase::Committed | Phase::InDoubt);
                let known = self.known(*batch, "in doubt", from)?;
                known.phase = Phase::InDoubt;
            }
            Entry::Decided { batch, decision } => {
                let (event, phase) = match decision {
                    Decision::Skip => ("skipped", Phase::Skipped),
                    Decision::Resend => ("sent again", Phase::Resend),
                };
                self.settle(*batch, event, Phase::is_open, phase)?;
            }
            Entry::Limit { max_bytes } => {
                if *max_bytes == 0 {
                    return Err(Breach::NoLimit);
                }
            }
            Entry::Resumed { .. } => self.finished = false,
            Entry::Paused { .. } | Entry::Stopped { .. } => {}
            Entry::Finished { .. } => {
                if self.open > 0 {
                    return Err(Breach::Unsettled { count: self.open });
                }
                self.finished = true;
            }
        }
        Ok(())
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), Breach> {
        let number = batch.number;
        let (first, last) = (batch.first.record, batch.last.record);
        if first == 0 || first > last {
            return Err(Breach::Records { batch: number });
        }
        match self.batches.get_mut(&number) {
            // It is held already: an earlier attempt may have been accepted, and it is this batch that is looked for.
            Some(known) if known.phase == Phase::Resend => {
                if (known.first_record, known.last_record) != (first, last) {
                    return Err(Breach::OtherRecords { batch: number });
                }
                known.phase = Phase::Committed;
                return Ok(());
            }
            Some(known) if known.phase != Phase::Refused => {
                return Err(Breach::Phase {
                    batch: number,
                    phase: known.phase,
                    event: "committed again",
                });
            }
            _ => {}
        }
        // The held ranges do not meet one another, so only the last that begins by our end can meet ours.
        if let Some((_, &(held_last, other))) = self.held.range(..=last).next_back()
            && held_last >= first
        {
            return Err(Breach::Overlap {
                batch: number,
                other,
            });
        }
        self.held.insert(first, (last, number));
        self.open += 1;
        let known = Known {
            phase: Phase::Committed,
            first_record: first,
            last_record: last,
            is_resent: false,
        };
        self.batches.insert(number, known);
        Ok(())
    }

    /// An open batch, if it may become what the entry says, becomes it.
    fn settle(
        &mut self,
        batch: u64,
        event: &'static str,
        from: impl FnOnce(Phase) -> bool,
        to: Phase,
    ) -> Result<(), Breach> {
        let known = self.known(batch, event, from)?;
        known.is_resent |= to == Phase::Resend;
        // That nobody got the last attempt says nothing of the one before.
        known.phase = match to {
            Phase::Refused if known.is_resent => Phase::Resend,
            to => to,
        };
        let (phase, first_record) = (known.phase, known.first_record);
        if phase == Phase::Refused {
            self.held.remove(&first_record);
        }
        self.open -= usize::from(!phase.is_open());
        Ok(())
    }

    fn known(
        &mut self,
        batch: u64,
        event: &'static str,
        from: impl FnOnce(Phase) -> bool,
    ) -> Result<&mut Known, Breach> {
        match self.batches.get_mut(&batch) {
            None => Err(Breach::NotCommitted { batch }),
            Some(known) if from(known.phase) => Ok(known),
            Some(&mut Known { phase, .. }) => Err(Breach::Phase {
                batch,
                phase,
                event,
            }),
        }
    }
}
