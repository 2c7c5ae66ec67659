//! One batch, from its first bytes until it is settled: tried, tried again, split, looked for.

mod attempt;
mod doubt;
mod shared;
mod split;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::OwnedSemaphorePermit;

use self::attempt::Attempted;
pub(super) use self::shared::{Ids, Shared};
use crate::encode::Batch;
use crate::journal::Entry;
use crate::position::Position;
use crate::send::Event;
use crate::send::client::WaitingFor;
use crate::send::clock::{Here, Moment};
use crate::send::coverage::{Fate, Place};
use crate::send::feed::Opened;
use crate::send::outcome::{Failure, FailureKind, Outcome, Receipt, RejectCount};
use crate::send::policy::{Action, Circumstances, Policy};
use crate::send::replay::Doubt;
use crate::send::source::Source;

/// What became of a batch, or of the parts it had to be split into.
#[derive(Debug)]
pub(super) struct Delivered {
    pub(super) number: u64,
    pub(super) parts: Vec<Settled>,
    /// It was a batch of an earlier process.
    pub(super) was_in_doubt: bool,
    /// Why the run does not go on, and which batch is to blame.
    pub(super) failure: Option<(Option<u64>, Failure)>,
}

/// What became of one body.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) place: Place,
    pub(super) first: Position,
    /// `None` if the batch was given up before its end was known.
    pub(super) batch: Option<Batch>,
    pub(super) fate: Fate,
    pub(super) receipt: Option<Receipt>,
}

/// A body to be delivered.
struct Item {
    number: u64,
    first: Position,
    source: Source,
    /// An earlier process committed it, and this one has not looked for it yet.
    unseen: Option<Doubt>,
    /// They are looked for before each further attempt, and as long as there are any, nobody can say that it was not sent.
    suspects: Option<Suspects>,
    /// What its last answer told of rejects, which may have been lost behind them.
    rejects: RejectCount,
    attempt: u32,
}

impl Item {
    /// What becomes of it if it is given up now.
    const fn fate(&self) -> Fate {
        match self.suspects {
            Some(_) => Fate::InDoubt,
            None => Fate::NotSent,
        }
    }
}

/// The attempts at a body that may have been accepted, whatever came of those behind them.
#[derive(Clone, Copy)]
struct Suspects {
    /// When the first of them began.
    began: Moment,
    /// When the last bytes of the last of them left, at the latest.
    committed: Moment,
}

impl Suspects {
    /// Those of earlier processes.
    const fn of(doubt: Doubt) -> Self {
        Self {
            began: Moment::Began(doubt.since),
            committed: Moment::Committed(doubt.committed),
        }
    }

    /// One more.
    fn with(earlier: Option<Self>, began: Here) -> Self {
        Self {
            began: earlier.map_or(Moment::Here(began), |earlier| earlier.began),
            committed: Moment::Here(Here::now()),
        }
    }
}

/// Delivers a batch. Returns when nothing is open any more.
///
/// The permit is given back as soon as it is known what became of the batch: the next one is opened while this
/// one's last line is on its way to the disk.
pub(super) async fn deliver(
    shared: Arc<Shared>,
    opened: Opened,
    source: Source,
    permit: OwnedSemaphorePermit,
) -> Delivered {
    let mut permit = Some(permit);
    let mut waiting = VecDeque::from([Item {
        number: opened.number,
        first: opened.first,
        source,
        unseen: opened.doubt,
        suspects: opened.doubt.map(Suspects::of),
        rejects: opened.rejects,
        attempt: 0,
    }]);
    let mut settled = Vec::new();
    let mut failure = None;
    while let Some(mut item) = waiting.pop_front() {
        let number = item.number;
        let (fate, receipt) = if failure.is_some() {
            (Fate::NotSent, None)
        } else {
            // Parts go one after the other, by the permit of their batch.
            let last_permit = permit.take_if(|_| waiting.is_empty());
            match Delivery::new(&shared, last_permit).run(&mut item).await {
                Ended::Settled(fate, receipt) => (fate, receipt),
                Ended::Failed(fate, receipt, why) => {
                    shared.halt();
                    if fate == Fate::NotSent {
                        // The run ends in any case.
                        let (batch, failure) = (number, &why);
                        let _told = shared.handler.call(Event::GivenUp { batch, failure });
                    }
                    failure = Some(((fate != Fate::Accepted).then_some(number), why));
                    (fate, receipt)
                }
                Ended::Split(parts, unused) => {
                    permit = unused.or(permit);
                    parts
                        .into_iter()
                        .rev()
                        .for_each(|part| waiting.push_front(part));
                    continue;
                }
            }
        };
        settled.push((
            item.first,
            item.source.known_end(),
            fate,
            receipt.map(|receipt| *receipt),
        ));
    }
    let count = settled.len();
    let parts = (0_u32..)
        .zip(settled)
        .map(|(part, (first, end, fate, receipt))| Settled {
            place: Place {
                batch: opened.place,
                part,
                is_last_part: part as usize + 1 == count,
            },
            first,
            batch: end.map(|end| end.batch),
            fate,
            receipt,
        });
    Delivered {
        number: opened.number,
        parts: parts.collect(),
        was_in_doubt: opened.doubt.is_some(),
        failure,
    }
}

/// How the delivery of a body ended.
enum Ended {
    Settled(Fate, Option<Box<Receipt>>),
    /// The run cannot go on.
    Failed(Fate, Option<Box<Receipt>>, Failure),
    Split(Vec<Item>, Option<OwnedSemaphorePermit>),
}

impl Ended {
    const fn failed(fate: Fate, failure: Failure) -> Self {
        Self::Failed(fate, None, failure)
    }
}

struct Delivery<'a> {
    shared: &'a Shared,
    policy: Policy,
    /// How often the batch was sent again though it was in doubt.
    resends: u32,
    permit: Option<OwnedSemaphorePermit>,
}

impl<'a> Delivery<'a> {
    fn new(shared: &'a Shared, permit: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            shared,
            policy: Policy::new(shared.retry),
            resends: 0,
            permit,
        }
    }

    async fn run(&mut self, item: &mut Item) -> Ended {
        if item.unseen.is_some() {
            item.source.rewind();
            let unseen = FailureKind::Unseen.into();
            if let Some(ended) = self.settle_doubt(item, unseen).await {
                return ended;
            }
            // What becomes of it from here on is this process's own to know.
            item.unseen = None;
        }
        loop {
            let attempted = self.attempt(item).await;
            if let Some(ended) = self.next(item, attempted).await {
                return ended;
            }
        }
    }

    /// Acts on what came of an attempt. `None`: it is to be made again.
    async fn next(&mut self, item: &mut Item, attempted: Attempted) -> Option<Ended> {
        let shared = self.shared;
        if matches!(attempted.outcome, Outcome::Accepted(_)) {
            self.permit = None;
        }
        let journaled = shared.journal(item.number, &attempted).await;
        if attempted.was_committed {
            let is_known = |unanswered: &mut BTreeSet<u64>| _ = unanswered.remove(&item.number);
            shared.unanswered.send_modify(is_known);
        }
        if let Err(failure) = journaled {
            let fate = match &attempted.outcome {
                Outcome::Accepted(_) => Fate::Accepted,
                Outcome::InDoubt(_) => Fate::InDoubt,
                _ => item.fate(),
            };
            let receipt = accepted(attempted.outcome);
            return Some(Ended::Failed(fate, receipt, failure));
        }
        if attempted.rejects.rejected > 0 {
            // As in the journal, they are those of the last one that named any.
            item.rejects = attempted.rejects;
        }
        let taken = item.source.taken();
        // What reads live would keep the encoder waiting in every pause from here on.
        let can_rewind = item.source.rewind();
        let messages = item.source.known_end().map(|end| end.batch.messages);
        let circumstances = Circumstances {
            can_split: messages != Some(1),
            can_renew: shared.client.can_renew(),
            had_length: attempted.had_length,
            jitter: fastrand::f64(),
        };
        let action = self.policy.decide(&attempted.outcome, &circumstances);
        let failure = match attempted.outcome {
            Outcome::Accepted(receipt) => {
                let told = attempted
                    .untold
                    .and_then(|()| shared.handler.call(Event::Accepted(&receipt)));
                let receipt = Some(Box::new(receipt));
                return Some(match told {
                    Ok(()) => Ended::Settled(Fate::Accepted, receipt),
                    Err(failure) => Ended::Failed(Fate::Accepted, receipt, failure),
                });
            }
            Outcome::NotSent(failure)
            | Outcome::Incomplete(failure)
            | Outcome::Refused(failure)
            | Outcome::InDoubt(failure) => failure,
        };
        match action {
            // Only an accepted batch is done.
            Action::Done | Action::Stop => Some(Ended::failed(item.fate(), failure)),
            Action::Reconcile => {
                item.suspects = Some(Suspects::with(item.suspects, attempted.began));
                let ended = self.settle_doubt(item, failure).await;
                match (ended, attempted.untold) {
                    // Whatever became of it: what could not be told of its answer ends the run.
                    (Some(Ended::Settled(fate, receipt)), Err(failure)) => {
                        Some(Ended::Failed(fate, receipt, failure))
                    }
                    (None, Err(failure)) => Some(Ended::failed(item.fate(), failure)),
                    (ended, _) => ended,
                }
            }
            // Its parts could not be found in the list as what it is there.
            Action::Split if item.suspects.is_some() => {
                let why = FailureKind::Transport {
                    step: "sending it in parts",
                    reason: "an earlier attempt may have been accepted".to_owned(),
                };
                let unclear = doubt::unclear(failure, why.into());
                Some(Ended::failed(item.fate(), unclear))
            }
            // It cannot be sent again in this run.
            _ if !can_rewind => {
                let failure = match action {
                    Action::Split => self.learn_unseen_limit(item, taken, failure).await,
                    _ => failure,
                };
                Some(Ended::failed(item.fate(), failure))
            }
            Action::Renew => {
                if let Some(bearer) = &attempted.bearer {
                    shared.client.refuse(bearer).await;
                }
                self.again(item, failure).await
            }
            // The client holds all requests back itself.
            Action::Penalty => self.again(item, failure).await,
            Action::Again(pause) => {
                let told = self.told(item, &failure);
                if told.is_none() {
                    shared.waiting(item.number, WaitingFor::Retry, pause);
                    tokio::select! {
                        biased;
                        // The next attempt notices it.
                        () = shared.halted() => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                    return self.look_again(item, failure).await;
                }
                told
            }
            Action::WithLength => {
                shared.wants_length.store(true, Ordering::Relaxed);
                self.again(item, failure).await
            }
            Action::Split => match self.split(item).await {
                Ok(parts) => Some(Ended::Split(parts, self.permit.take())),
                Err(why) => Some(Ended::failed(Fate::NotSent, why)),
            },
        }
    }

    /// Tells that an attempt failed, and that there will be another, if none was accepted before.
    async fn again(&mut self, item: &mut Item, failure: Failure) -> Option<Ended> {
        match self.told(item, &failure) {
            None => self.look_again(item, failure).await,
            told => told,
        }
    }

    /// Tells that an attempt failed, and that there will be another.
    fn told(&self, item: &Item, failure: &Failure) -> Option<Ended> {
        let batch = item.number;
        let told = self.shared.handler.call(Event::Failed { batch, failure });
        told.err()
            .map(|failure| Ended::failed(item.fate(), failure))
    }
}

fn accepted(outcome: Outcome) -> Option<Box<Receipt>> {
    match outcome {
        Outcome::Accepted(receipt) => Some(Box::new(receipt)),
        _ => None,
    }
}

fn accepted_entry(receipt: &Receipt) -> Entry {
    Entry::Accepted {
        batch: receipt.batch.number,
        id: receipt.id.clone(),
        batch_size: receipt.batch_size,
        rejected: receipt.rejected,
        unplaced: receipt.unplaced,
        creation_time: receipt.creation_time.clone(),
        found: receipt.found,
    }
}
