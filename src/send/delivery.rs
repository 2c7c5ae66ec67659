//! One batch, from its first bytes until it is settled: tried, tried again, split, looked for.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::encode::Batch;
use crate::envelope::Dialect;
use crate::journal::{Decision, Entry};
use crate::message::PhoneNumber;
use crate::position::Position;
use crate::send::blocking::blocking;
use crate::send::client::{Client, WaitingFor};
use crate::send::coverage::{Fate, Place};
use crate::send::feed::{Opened, Signals};
use crate::send::ledger::Ledger;
use crate::send::outcome::{Failure, FailureKind, Outcome, Receipt, RejectCount};
use crate::send::policy::{Action, Circumstances, DoubtPolicy, Policy, Retry};
use crate::send::reconcile::{self, Finding, Reconciliation, Sought};
use crate::send::resplit;
use crate::send::source::{End, Next, Slice, Source};
use crate::send::upload::Upload;
use crate::send::{Event, Handler, Progress};

/// No limit below this is learned from a `413`, in bytes: any message must fit.
const SMALLEST_LIMIT: u64 = 16 * 1024;

/// For a batch that an earlier process sent it is unknown when its upload began: this long before its last bytes
/// left, at the most.
const LONGEST_UPLOAD: Duration = Duration::from_secs(3_600);

/// What all deliveries of a run share.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) dialect: Dialect,
    pub(super) from: PhoneNumber,
    /// The most bytes of a body, as the caller wants it.
    pub(super) max_bytes: u64,
    /// What stands before the first entry of each body, without the bracket.
    pub(super) head: Bytes,
    pub(super) handler: Handler,
    pub(super) ledger: Ledger,
    pub(super) retry: Retry,
    pub(super) reconciliation: Reconciliation,
    pub(super) signals: Arc<Signals>,
    /// The server wants a `Content-Length`.
    pub(super) wants_length: AtomicBool,
    /// Nothing new is begun, and what is not committed is given up.
    pub(super) halt: watch::Sender<bool>,
    /// The ids of batches that are known: none of them is another one.
    pub(super) ids: Mutex<HashSet<String>>,
    /// The batches whose last bytes have left, and of which nothing more is known yet.
    pub(super) unanswered: watch::Sender<BTreeSet<u64>>,
    pub(super) progress: Mutex<Progress>,
}

impl Shared {
    /// Gives up what is not committed.
    pub(super) fn halt(&self) {
        self.halt.send_replace(true);
    }

    /// Returns when what is not committed is to be given up.
    pub(super) async fn halted(&self) {
        let mut halt = self.halt.subscribe();
        // The sender lives as long as `self`.
        let _halted = halt.wait_for(|halted| *halted).await;
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.ids().contains(id)
    }

    /// The batches that may be in the server's list, though their ids are not known yet.
    pub(super) fn unanswered(&self) -> BTreeSet<u64> {
        self.unanswered.borrow().clone()
    }

    /// Returns when it is known of all these batches which ids they have, or that they are in doubt themselves.
    pub(super) async fn answered(&self, batches: &BTreeSet<u64>) {
        let mut unanswered = self.unanswered.subscribe();
        // The sender lives as long as `self`.
        let _answered = unanswered
            .wait_for(|unanswered| unanswered.is_disjoint(batches))
            .await;
    }

    fn ids(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells that a batch has to wait.
    pub(super) fn waiting(&self, batch: u64, what: WaitingFor, wait: Duration) {
        // What only waits loses nothing if nobody can be told.
        let _told = self.handler.call(Event::Waiting { batch, what, wait });
    }

    /// Tells how far the send is; several batches on their way do not let it go back.
    pub(super) fn tell(&self, progress: Progress) -> Result<(), Failure> {
        let latest = {
            let mut latest = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            if progress.messages < latest.messages {
                return Ok(());
            }
            *latest = progress;
            progress
        };
        self.handler.call(Event::Progress(latest))
    }
}

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
    /// An earlier process committed it then.
    committed: Option<SystemTime>,
    /// What its last answer told of rejects, which may have been lost behind them.
    rejects: RejectCount,
    attempt: u32,
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
        committed: opened.committed,
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
        was_in_doubt: opened.committed.is_some(),
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

/// What came of one attempt.
struct Attempted {
    outcome: Outcome,
    /// The commit line is in the journal: what became of the batch has to be written there too.
    was_committed: bool,
    rejects: RejectCount,
    had_length: bool,
    bearer: Option<reqwest::header::HeaderValue>,
    began: Moment,
    /// What kept the handler or the journal from taking what they were told about a batch that was committed.
    untold: Result<(), Failure>,
}

/// A moment, by two clocks: the one may be put right in the meantime, the other stands still while the machine sleeps.
#[derive(Clone, Copy)]
struct Moment(SystemTime, Instant);

impl Moment {
    fn now() -> Self {
        Self(SystemTime::now(), Instant::now())
    }

    /// When that was, by the clock as it is now.
    fn at_the_earliest(self) -> SystemTime {
        let passed = SystemTime::now().checked_sub(self.1.elapsed());
        passed.map_or(self.0, |passed| passed.min(self.0))
    }
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
        if let Some(committed) = item.committed {
            // By a clock that has been put back since, it is later than now: then, at the latest, it was.
            let committed = committed.min(SystemTime::now());
            let began = committed.checked_sub(LONGEST_UPLOAD).unwrap_or(committed);
            item.source.rewind();
            let doubt = FailureKind::Unseen.into();
            if let Some(ended) = self.settle_doubt(item, began, committed, doubt).await {
                return ended;
            }
            // What becomes of it from here on is this process's own to know.
            item.committed = None;
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
                _ => Fate::NotSent,
            };
            let receipt = accepted(attempted.outcome);
            return Some(Ended::Failed(fate, receipt, failure));
        }
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
            Action::Done | Action::Stop => Some(Ended::failed(Fate::NotSent, failure)),
            Action::Reconcile => {
                item.rejects = attempted.rejects;
                let (began, committed) = (attempted.began.at_the_earliest(), SystemTime::now());
                let ended = self.settle_doubt(item, began, committed, failure).await;
                match (ended, attempted.untold) {
                    // Whatever became of it: what could not be told of its answer ends the run.
                    (Some(Ended::Settled(fate, receipt)), Err(failure)) => {
                        Some(Ended::Failed(fate, receipt, failure))
                    }
                    (None, Err(failure)) => Some(Ended::failed(Fate::NotSent, failure)),
                    (ended, _) => ended,
                }
            }
            // It cannot be sent again in this run.
            _ if !can_rewind => {
                let kept = match action {
                    Action::Split => self.learn_unseen_limit(item).await,
                    _ => Ok(()),
                };
                let failure = kept.err().unwrap_or(failure);
                Some(Ended::failed(Fate::NotSent, failure))
            }
            Action::Renew => {
                if let Some(bearer) = &attempted.bearer {
                    shared.client.refuse(bearer).await;
                }
                self.told(item, &failure)
            }
            // The client holds all requests back itself.
            Action::Penalty(_) => self.told(item, &failure),
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
                }
                told
            }
            Action::WithLength => {
                shared.wants_length.store(true, Ordering::Relaxed);
                self.told(item, &failure)
            }
            Action::Split => match self.split(item).await {
                Ok(parts) => Some(Ended::Split(parts, self.permit.take())),
                Err(why) => Some(Ended::failed(Fate::NotSent, why)),
            },
        }
    }

    /// Tells that an attempt failed, and that there will be another.
    fn told(&self, item: &Item, failure: &Failure) -> Option<Ended> {
        let batch = item.number;
        let told = self.shared.handler.call(Event::Failed { batch, failure });
        told.err()
            .map(|failure| Ended::failed(Fate::NotSent, failure))
    }

    /// One attempt to send the body.
    async fn attempt(&self, item: &mut Item) -> Attempted {
        let mut attempted = Attempted {
            outcome: Outcome::NotSent(FailureKind::Interrupted.into()),
            was_committed: false,
            rejects: RejectCount::default(),
            had_length: false,
            bearer: None,
            began: Moment::now(),
            untold: Ok(()),
        };
        match self.try_once(item, &mut attempted).await {
            Ok(outcome) => attempted.outcome = outcome,
            Err(outcome) => attempted.outcome = outcome,
        }
        attempted
    }

    async fn try_once(
        &self,
        item: &mut Item,
        attempted: &mut Attempted,
    ) -> Result<Outcome, Outcome> {
        let shared = self.shared;
        let batch = item.number;
        item.attempt += 1;
        let halted = shared.halted();
        let mut halted = std::pin::pin!(halted);
        let interrupted = || Failure::from(FailureKind::Interrupted);

        let length = if shared.wants_length.load(Ordering::Relaxed) && item.source.can_rewind() {
            item.source.rewind();
            let end = tokio::select! {
                biased;
                () = &mut halted => return Err(Outcome::NotSent(interrupted())),
                end = item.source.complete() => end.map_err(Outcome::NotSent)?,
            };
            attempted.had_length = true;
            Some(end.len + end.tail.len() as u64)
        } else {
            None
        };
        let waiting = |what, wait| shared.waiting(batch, what, wait);
        let opened = Upload::open(&shared.client, shared.dialect, length, &waiting);
        let mut upload = tokio::select! {
            biased;
            () = &mut halted => return Err(Outcome::NotSent(interrupted())),
            upload = opened => upload.map_err(Outcome::NotSent)?,
        };
        attempted.bearer = Some(upload.bearer().clone());
        attempted.began = Moment::now();
        let attempt = item.attempt;
        shared
            .handler
            .call(Event::Opened { batch, attempt })
            .map_err(Outcome::NotSent)?;

        let end = loop {
            let next = tokio::select! {
                biased;
                () = &mut halted => return Err(Outcome::Incomplete(interrupted())),
                next = upload.unless_answered(item.source.next()) => next,
            };
            match next.and_then(|next| next).map_err(unfinished)? {
                Next::End(end) => break end,
                Next::Bytes(bytes, progress) => {
                    tokio::select! {
                        biased;
                        () = &mut halted => return Err(Outcome::Incomplete(interrupted())),
                        written = upload.write(bytes) => written.map_err(unfinished)?,
                    }
                    if let Some(progress) = progress {
                        shared.tell(progress).map_err(Outcome::Incomplete)?;
                    }
                }
            }
        };
        let at_gate = tokio::select! {
            biased;
            () = &mut halted => return Err(Outcome::Incomplete(interrupted())),
            at_gate = upload.gate() => at_gate.map_err(unfinished)?,
        };

        // From here on nothing interrupts: the journal says that the batch was committed, so it is.
        shared
            .ledger
            .sync(Entry::Commit { batch: end.batch })
            .await
            .map_err(Outcome::Incomplete)?;
        attempted.was_committed = true;
        let is_committed = |unanswered: &mut BTreeSet<u64>| _ = unanswered.insert(batch);
        shared.unanswered.send_modify(is_committed);
        let committed = at_gate
            .release(end.tail.clone())
            .await
            .map_err(unfinished)?;
        // A handler that fails now must not keep the answer from being waited for.
        let told = shared
            .handler
            .call(Event::Committed { batch })
            .and_then(|()| shared.tell(end.progress));
        let origins = end.origins.clone();
        let settled = committed
            .settle(end.batch, origins, &shared.handler, &shared.ledger)
            .await;
        attempted.rejects = settled.rejects;
        attempted.untold = settled.handled.and(told);
        Ok(settled.outcome)
    }

    /// Looks for a batch in doubt, and does what the policy says if it is not found. `None`: it is to be sent again.
    async fn settle_doubt(
        &mut self,
        item: &mut Item,
        began: SystemTime,
        committed: SystemTime,
        failure: Failure,
    ) -> Option<Ended> {
        let shared = self.shared;
        let batch = item.number;
        let end = match item.source.complete_if_it_can().await {
            Ok(end) => end,
            Err(failure) => return Some(Ended::failed(Fate::InDoubt, failure)),
        };
        if let Err(failure) = shared.handler.call(Event::InDoubt {
            batch,
            failure: &failure,
        }) {
            return Some(Ended::failed(Fate::InDoubt, failure));
        }
        let sure_since = if item.committed.is_some() {
            committed
        } else {
            began
        };
        let finding = {
            let body = || item.source.reader(&end);
            let sought = Sought {
                batch: end.batch,
                since: began,
                sure_since,
                committed,
                body: &body,
                tail: shared.dialect.tail(),
            };
            tokio::select! {
                biased;
                () = shared.halted() => return Some(Ended::failed(Fate::InDoubt, failure)),
                finding = reconcile::reconcile(shared, &sought) => finding,
            }
        };
        match finding {
            Finding::Found(mut receipt) => {
                receipt.rejected = item.rejects.rejected;
                receipt.unplaced = item.rejects.unplaced;
                Some(self.found(receipt, failure).await)
            }
            Finding::Unclear(why) => {
                let policy = match item.committed {
                    Some(_) => shared.reconciliation.if_unclear(),
                    None => DoubtPolicy::Stop,
                };
                let unclear = FailureKind::Unclear {
                    failure: failure.to_string(),
                    why: why.to_string(),
                };
                self.decide(item, policy, unclear.into()).await
            }
            Finding::Absent => {
                let policy = shared.reconciliation.if_absent();
                let told = shared.handler.call(Event::NotFound { batch, policy });
                match told {
                    Ok(()) => self.decide(item, policy, failure).await,
                    Err(failure) => Some(Ended::failed(Fate::InDoubt, failure)),
                }
            }
        }
    }

    /// Does what the policy says with a batch that stays in doubt.
    async fn decide(
        &mut self,
        item: &Item,
        policy: DoubtPolicy,
        failure: Failure,
    ) -> Option<Ended> {
        let shared = self.shared;
        let batch = item.number;
        // A server that never answers, and shows what it has later than it is waited for, would get it without end.
        let is_enough = policy == DoubtPolicy::Resend && self.resends >= shared.retry.most();
        let policy = if is_enough { DoubtPolicy::Stop } else { policy };
        match policy {
            DoubtPolicy::Stop => Some(Ended::failed(Fate::InDoubt, failure)),
            DoubtPolicy::Skip => {
                let decision = Decision::Skip;
                let written = shared.ledger.sync(Entry::Decided { batch, decision }).await;
                Some(match written {
                    Ok(()) => Ended::Settled(Fate::Skipped, None),
                    Err(failure) => Ended::failed(Fate::InDoubt, failure),
                })
            }
            DoubtPolicy::Resend => {
                self.resends += 1;
                let decision = Decision::Resend;
                let written = shared.ledger.sync(Entry::Decided { batch, decision }).await;
                match written {
                    Err(failure) => Some(Ended::failed(Fate::InDoubt, failure)),
                    // A further process sends it, as the journal says now.
                    Ok(()) if !item.source.can_rewind() => {
                        Some(Ended::failed(Fate::NotSent, failure))
                    }
                    Ok(()) => None,
                }
            }
        }
    }

    /// A batch in doubt is in the API's list.
    async fn found(&self, receipt: Receipt, failure: Failure) -> Ended {
        let shared = self.shared;
        // Another delivery may have looked at the same time.
        if !shared.ids().insert(receipt.id.clone()) {
            let unclear = FailureKind::Unclear {
                failure: failure.to_string(),
                why: format!(
                    "batch {} of the server's list has its recipients, and is another one",
                    receipt.id
                ),
            };
            return Ended::failed(Fate::InDoubt, unclear.into());
        }
        let written = shared.ledger.sync(accepted_entry(&receipt)).await;
        let told = written.and_then(|()| shared.handler.call(Event::Accepted(&receipt)));
        let receipt = Some(Box::new(receipt));
        match told {
            Ok(()) => Ended::Settled(Fate::Accepted, receipt),
            Err(failure) => Ended::Failed(Fate::Accepted, receipt, failure),
        }
    }

    /// Keeps to a smaller limit from here on, and says what it was before.
    async fn learn_limit(&self, max_bytes: u64) -> Result<u64, Failure> {
        let shared = self.shared;
        let max_bytes = max_bytes.max(SMALLEST_LIMIT);
        let known = &shared.signals.max_bytes;
        let before = known.fetch_min(max_bytes, Ordering::Relaxed);
        if max_bytes < before {
            shared.ledger.sync(Entry::Limit { max_bytes }).await?;
        }
        Ok(before)
    }

    /// Without a spool a batch that is too large cannot be split, and its size may not be known yet. A further
    /// process makes smaller ones.
    async fn learn_unseen_limit(&self, item: &Item) -> Result<(), Failure> {
        let known = self.shared.signals.max_bytes.load(Ordering::Relaxed);
        let most = known.min(self.shared.max_bytes);
        let end = item.source.known_end();
        let bytes = end.map_or(most, |end| end.batch.bytes);
        self.learn_limit(bytes / 2).await.map(drop)
    }

    /// Cuts a body that the server found too large, and lets the encoder make smaller ones from now on.
    async fn split(&self, item: &mut Item) -> Result<Vec<Item>, Failure> {
        let shared = self.shared;
        item.source.rewind();
        let end = tokio::select! {
            biased;
            () = shared.halted() => return Err(FailureKind::Interrupted.into()),
            end = item.source.complete() => end?,
        };
        let half = end.batch.bytes / 2;
        // A batch before may have taught an even smaller one.
        let limit = half.min(self.learn_limit(half).await?);
        let head = [&shared.head[..], b"["].concat();
        let tail = end.tail.len() as u64;
        let max_entries = limit.saturating_sub(head.len() as u64 + tail);
        let Some(body) = item.source.reader(&end) else {
            return Err(FailureKind::Interrupted.into());
        };
        let before_entries = shared.head.len() as u64;
        let cut = blocking(move || resplit::cut(body, before_entries, max_entries)).await;
        let pieces = cut.map_err(FailureKind::Spool)?;

        let head = Bytes::from(head);
        let mut before = 0;
        let parts: Vec<_> = pieces
            .iter()
            .map(|piece| {
                let mut origins = end.origins.behind(before);
                before += piece.messages;
                let len = head.len() as u64 + piece.end - piece.start;
                let number = shared.signals.next_number.fetch_add(1, Ordering::Relaxed);
                let mut position = |index| {
                    let origin = origins.origin(index);
                    origin.map_or(end.batch.first, |origin| Position {
                        record: origin.record,
                        line: origin.line,
                        byte: 0,
                    })
                };
                let (first, last) = (position(1), position(piece.messages));
                let batch = Batch {
                    number,
                    first,
                    last,
                    messages: piece.messages,
                    bytes: len + tail,
                    digest: piece.digest,
                };
                let slice = Slice {
                    head: head.clone(),
                    start: item.source.file_offset(piece.start),
                    end: Arc::new(End {
                        batch,
                        tail: end.tail.clone(),
                        origins,
                        progress: end.progress,
                        len,
                        checkpoint: None,
                    }),
                };
                Item {
                    number,
                    first,
                    source: item.source.slice(slice),
                    committed: None,
                    rejects: RejectCount::default(),
                    attempt: 0,
                }
            })
            .collect();
        shared.handler.call(Event::Split {
            batch: item.number,
            max_bytes: limit,
            parts: parts.len(),
        })?;
        Ok(parts)
    }
}

impl Shared {
    /// Writes what came of an attempt to the journal.
    async fn journal(&self, batch: u64, attempted: &Attempted) -> Result<(), Failure> {
        let entry = match &attempted.outcome {
            Outcome::Accepted(receipt) => {
                self.ids().insert(receipt.id.clone());
                accepted_entry(receipt)
            }
            Outcome::InDoubt(failure) => Entry::InDoubt {
                batch,
                reason: failure.to_string(),
            },
            Outcome::Refused(failure) => {
                // Only an answer refuses.
                let FailureKind::Answer(answer) = failure.kind() else {
                    return Ok(());
                };
                Entry::Refused {
                    batch,
                    status: answer.status,
                    code: answer.code.clone(),
                }
            }
            // The commit line must not stand there as if the tail had left.
            Outcome::NotSent(failure) | Outcome::Incomplete(failure) if attempted.was_committed => {
                Entry::Withdrawn {
                    batch,
                    reason: failure.to_string(),
                }
            }
            _ => return Ok(()),
        };
        self.ledger.sync(entry).await
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

fn accepted(outcome: Outcome) -> Option<Box<Receipt>> {
    match outcome {
        Outcome::Accepted(receipt) => Some(Box::new(receipt)),
        _ => None,
    }
}

/// A body that did not get to its end. Where there was no connection, nothing of it has left.
fn unfinished(failure: Failure) -> Outcome {
    match failure.kind() {
        FailureKind::Transport {
            step: "connecting", ..
        } => Outcome::NotSent(failure),
        _ => Outcome::Incomplete(failure),
    }
}
