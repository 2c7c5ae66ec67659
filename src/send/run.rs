//! A send as a whole: hands the encoder's parts to deliveries, several at once if it may, and keeps the account.

use std::collections::HashMap;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

use futures::Stream;
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use crate::encode::{Batch, Splitter};
use crate::input::Parser;
use crate::journal::{BatchState, Entry, Journal, Shape, State};
use crate::message::Message;
use crate::send::account::Account;
use crate::send::canary::Flight;
use crate::send::client::Client;
use crate::send::coverage::Place;
use crate::send::delivery::{Delivered, Shared, deliver};
use crate::send::events::EndOfEvents;
use crate::send::feed::{Feed, Opened, Part, Signals};
use crate::send::ledger::Ledger;
use crate::send::outcome::{Failure, FailureKind, Report, Stopped};
use crate::send::pump;
use crate::send::replay::Replay;
use crate::send::reread::Reread;
use crate::send::source::{Feeder, Spooler};
use crate::send::{Event, Progress, Sender};

/// A send under way.
pub(super) struct Run {
    shared: Arc<Shared>,
    spooler: Spooler,
    /// One for each batch that may be on its way.
    permits: Arc<Semaphore>,
    lanes: JoinSet<Delivered>,
    /// How many of the lanes are about batches of an earlier process.
    doubts: usize,
    /// Waits for the caller's word to stop; ends with the run.
    stop: JoinSet<()>,
    /// What the journal says of batches that an earlier process held, by their numbers.
    held: HashMap<u64, BatchState>,
    /// Until it is approved.
    canary: Option<Flight>,
    account: Account,
    started: Instant,
    _events: EndOfEvents,
}

/// Why no more parts are taken.
enum Ended {
    /// The input has ended.
    Finished,
    Failed(Failure),
    /// A delivery has said why, or the caller wants it.
    Halted,
    /// The parts ended without a word: what makes them has panicked.
    Panicked,
}

impl Run {
    /// # Errors
    /// If the sender cannot begin.
    pub(super) fn new(sender: Sender) -> Result<(Self, Feed), Stopped> {
        let started = Instant::now();
        let journal = sender.journal.as_ref();
        let state = journal.and_then(|(_, state)| state.as_deref());
        let mut report = Box::new(match state {
            Some(state) => Report::of_journal(state),
            None => Report {
                not_sent_from: Some(1),
                ..Report::default()
            },
        });
        Self::begin(sender, started).map_err(|failure| {
            report.elapsed = started.elapsed();
            Stopped { report, failure }
        })
    }

    fn begin(sender: Sender, started: Instant) -> Result<(Self, Feed), Failure> {
        let splitter = Splitter::new(&sender.envelope, sender.limits)
            .map_err(FailureKind::Input)?
            .with_chunk_bytes(sender.chunk_bytes);
        let not_before = sender
            .journal
            .as_ref()
            .and_then(|(_, state)| state.as_ref()?.not_before);
        // Another request in a pause would make it longer, whichever process it comes from.
        let paused = match not_before {
            Some(until) => sender.client.hold(until)?,
            None => None,
        };
        let (ledger, state) = match sender.journal {
            Some((journal, state)) => {
                let shape = Shape::new(&sender.envelope, sender.limits);
                let application = sender.application;
                let journal = begin_journal(journal, state.as_deref(), &shape, application)?;
                (Ledger::new(journal), state)
            }
            None => (Ledger::default(), None),
        };
        let state = state.as_deref();
        let last_number = state.into_iter().flat_map(|state| &state.batches);
        let last_number = last_number.map(|batch| batch.batch.number).max();
        let signals = Arc::new(Signals {
            next_number: AtomicU64::new(last_number.unwrap_or(0) + 1),
            max_bytes: AtomicU64::new(state.and_then(|state| state.max_bytes).unwrap_or(u64::MAX)),
        });
        let mut feed = Feed::new(
            splitter,
            sender.limits,
            sender.on_invalid,
            sender.handler.clone(),
            Arc::clone(&signals),
            sender.pauses,
            state.map(Replay::of).unwrap_or_default(),
        )
        .screened(sender.screen, sender.max_invalid);
        // With several batches on their way the encoder does not wait for the one that it makes: where is what it has
        // made, if not in the spool?
        let list = sender.list.filter(|_| sender.in_flight == 1);
        let reread = list.map(|list| Reread::new(list, sender.envelope.clone()));
        if reread.is_some() {
            feed = feed.rereadable();
        }
        // Nothing is sent behind a canary that is not approved, so more than a canary was.
        let held = state.into_iter().flat_map(State::held);
        let held = held.fold(0_u64, |sum, held| sum.saturating_add(held.batch.messages));
        let canary = sender.canary.filter(|wanted| held <= wanted.messages.get());
        if let Some(wanted) = &canary {
            feed = feed.canary(wanted.messages);
        }

        let dialect = sender.envelope.dialect();
        let mut head = Vec::new();
        dialect.write_head(&mut head, &sender.envelope);
        let shared = Arc::new(Shared {
            client: sender.client,
            dialect,
            from: sender.envelope.from(),
            max_bytes: sender.limits.max_bytes(),
            head: head.into(),
            handler: sender.handler,
            ledger,
            retry: sender.retry,
            reconciliation: sender.reconciliation,
            signals,
            wants_length: AtomicBool::new(false),
            halt: watch::Sender::new(false),
            ids: state
                .into_iter()
                .flat_map(State::ids)
                .map(str::to_owned)
                .collect(),
            unanswered: watch::Sender::default(),
            progress: Mutex::default(),
            paused: Mutex::new(paused),
        });
        // Somebody else may have asked with the client, and been told to wait.
        shared.keep_pause();
        let (halting, stop) = (Arc::clone(&shared), sender.stop);
        // Dropped with the run, also when that is given up in the middle: the journal must not stay locked.
        let mut waiting_for_stop = JoinSet::new();
        waiting_for_stop.spawn(async move {
            stop.await;
            halting.halt();
        });
        let held = state.into_iter().flat_map(State::held).cloned();
        let run = Self {
            _events: EndOfEvents(shared.handler.clone()),
            shared,
            spooler: Spooler::new(sender.spool, reread),
            permits: Arc::new(Semaphore::new(sender.in_flight.min(Semaphore::MAX_PERMITS))),
            lanes: JoinSet::new(),
            doubts: 0,
            stop: waiting_for_stop,
            held: held.map(|held| (held.batch.number, held)).collect(),
            canary: canary.map(Flight::new),
            account: Account::default(),
            started,
        };
        Ok((run, feed))
    }

    pub(super) async fn input(
        mut self,
        feed: Feed,
        input: impl Read + Send + 'static,
        parser: Parser,
    ) -> Result<Report, Stopped> {
        let (parts, encoder) = pump::spawn(feed, input, parser);
        let ended = self.drive(parts).await;
        if matches!(ended, Ended::Panicked)
            && let Err(panic) = encoder.join()
        {
            std::panic::resume_unwind(panic);
        }
        self.end(ended).await
    }

    pub(super) async fn stream<'m>(
        mut self,
        feed: Feed,
        messages: impl Stream<Item = Result<Message<'m>, Failure>>,
    ) -> Result<Report, Stopped> {
        let (sender, parts) = mpsc::channel(1);
        let ended = {
            let mut fed = std::pin::pin!(pump::feed_stream(feed, messages, sender));
            let mut driven = std::pin::pin!(self.drive(parts));
            tokio::select! {
                biased;
                ended = &mut driven => ended,
                () = &mut fed => driven.await,
            }
        };
        self.end(ended).await
    }

    /// Takes parts until there are no more, or they are not wanted any more.
    async fn drive(&mut self, mut parts: mpsc::Receiver<Part>) -> Ended {
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            biased;
            () = shared.halted() => Ended::Halted,
            ended = self.take(&mut parts) => ended,
        }
    }

    async fn take(&mut self, parts: &mut mpsc::Receiver<Part>) -> Ended {
        // Dropped without its end, it makes its delivery give the batch up.
        let mut open: Option<Feeder> = None;
        loop {
            let part = tokio::select! {
                biased;
                Some(delivered) = self.lanes.join_next() => {
                    self.delivered(delivered);
                    continue;
                }
                part = parts.recv() => part,
            };
            let Some(part) = part else {
                return Ended::Panicked;
            };
            let written = match part {
                Part::Chunk(opened, bytes, progress) => {
                    self.write(&mut open, opened, bytes, progress).await
                }
                Part::End(opened, mut end) => {
                    let rest = std::mem::take(&mut end.closed.rest);
                    let ends_canary = end.ends_canary;
                    let written = self.write(&mut open, opened, rest, end.progress).await;
                    if let Some(feeder) = open.take() {
                        feeder.end(*end);
                    }
                    match written {
                        Ok(()) if ends_canary => self.approved().await,
                        written => written,
                    }
                }
                Part::Settled(opened, settled) => {
                    let ends_canary = settled.ends_canary;
                    match self.replayed(opened, settled.batch, settled.progress) {
                        Ok(()) if ends_canary => self.approved().await,
                        replayed => replayed,
                    }
                }
                Part::Finished => return Ended::Finished,
                Part::Failed(failure) => return Ended::Failed(failure),
            };
            if let Err(failure) = written {
                return Ended::Failed(failure);
            }
        }
    }

    /// Hands bytes to the delivery that they belong to; the first ones begin it, when there is a lane for it.
    async fn write(
        &mut self,
        open: &mut Option<Feeder>,
        opened: Opened,
        bytes: bytes::Bytes,
        progress: Progress,
    ) -> Result<(), Failure> {
        let feeder = match open {
            Some(feeder) => feeder,
            None => {
                let is_in_doubt = opened.doubt.is_some();
                let permit = self.permit(is_in_doubt).await;
                let wants_length = self.shared.wants_length.load(Ordering::Relaxed);
                let (feeder, source) = self.spooler.open(is_in_doubt, wants_length)?;
                self.doubts += usize::from(is_in_doubt);
                let shared = Arc::clone(&self.shared);
                self.lanes.spawn(deliver(shared, opened, source, permit));
                open.insert(feeder)
            }
        };
        if bytes.is_empty() {
            return Ok(());
        }
        let may_run_ahead = self.permits.available_permits() > 0;
        feeder.write(bytes, progress, may_run_ahead).await;
        Ok(())
    }

    /// Waits for all that is on its way, the canary's last batch, and until the canary is approved.
    async fn approved(&mut self) -> Result<(), Failure> {
        while let Some(delivered) = self.lanes.join_next().await {
            self.delivered(delivered);
        }
        if self.account.has_failed() {
            // It is the reason, whatever is said here.
            return Err(FailureKind::Interrupted.into());
        }
        match self.canary.take() {
            Some(flight) => flight.land(&self.shared).await,
            None => Ok(()),
        }
    }

    /// Waits until another batch may be on its way. What is in doubt is settled first.
    async fn permit(&mut self, is_in_doubt: bool) -> OwnedSemaphorePermit {
        loop {
            let is_held_back = self.doubts > 0 && !is_in_doubt;
            let permit = Arc::clone(&self.permits).acquire_owned();
            tokio::select! {
                biased;
                Some(delivered) = self.lanes.join_next() => self.delivered(delivered),
                permit = permit, if !is_held_back => {
                    return permit.expect("nobody closes the semaphore");
                }
            }
        }
    }

    /// A batch that an earlier process has settled is the same in this input.
    fn replayed(
        &mut self,
        opened: Opened,
        batch: Batch,
        progress: Progress,
    ) -> Result<(), Failure> {
        let place = Place::whole(opened.place);
        let messages = batch.messages;
        if let Some(held) = self.held.remove(&opened.number) {
            self.account.add_held(place, &batch, &held.status);
            if let Some(canary) = &mut self.canary {
                canary.held(&held);
            }
        }
        let batch = opened.number;
        let handler = &self.shared.handler;
        handler.call(Event::Replayed { batch, messages })?;
        self.shared.tell(progress)
    }

    fn delivered(&mut self, delivered: Result<Delivered, tokio::task::JoinError>) {
        let delivered = match delivered {
            Ok(delivered) => delivered,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        self.doubts -= usize::from(delivered.was_in_doubt);
        for part in delivered.parts {
            let Some(batch) = part.batch else {
                // What an earlier process committed is in the journal.
                if !delivered.was_in_doubt {
                    self.account.give_up(part.first.record);
                }
                continue;
            };
            self.held.remove(&delivered.number);
            self.account.add(part.place, &batch, part.fate);
            if let Some(canary) = &mut self.canary {
                match &part.receipt {
                    Some(receipt) => canary.accepted(receipt),
                    None => canary.left(batch.messages),
                }
            }
            if let Some(receipt) = part.receipt {
                self.account.add_receipt(&receipt);
            }
        }
        if let Some((number, failure)) = delivered.failure {
            self.account.fail(number, failure);
        }
    }

    /// Waits for what is still open, and makes the report.
    async fn end(mut self, ended: Ended) -> Result<Report, Stopped> {
        let is_finished = matches!(ended, Ended::Finished);
        while let Some(delivered) = self.lanes.join_next().await {
            self.delivered(delivered);
        }
        // It is gone when this returns: nothing holds the journal then.
        self.stop.shutdown().await;
        match ended {
            Ended::Finished => {}
            Ended::Failed(failure) => self.account.fail(None, failure),
            Ended::Halted | Ended::Panicked => {
                self.account.fail(None, FailureKind::Interrupted.into());
            }
        }
        let invalid = self.shared.handler.invalid_count();
        let passed_over = self.shared.handler.passed_over_count();
        if !is_finished {
            self.account.add_unreached(self.held.into_values());
        }
        let (mut report, mut failure) = self.account.close(is_finished);
        report.invalid = invalid;
        report.passed_over = passed_over;
        report.not_before = failure
            .as_ref()
            .and_then(|(_, failure)| not_before(&self.shared.client, failure));
        let entry = match &failure {
            None => Entry::Finished {
                batches: report.batches,
                messages: report.messages,
                rejected: report.rejected,
                invalid,
            },
            Some((_, failure)) => Entry::Stopped {
                reason: failure.brief(),
                not_before: report.not_before,
            },
        };
        if let Err(unwritten) = self.shared.ledger.sync(entry).await
            && failure.is_none()
        {
            failure = Some((None, unwritten));
        }
        report.elapsed = self.started.elapsed();
        match failure {
            None => Ok(report),
            Some((number, failure)) => {
                report.failed_batch = number;
                Err(Stopped {
                    report: Box::new(report),
                    failure,
                })
            }
        }
    }
}

/// Until when the server wants nothing to be sent, if that is not now: by what holds requests back, and by the answer that
/// the run has stopped at.
fn not_before(client: &Client, failure: &Failure) -> Option<SystemTime> {
    let asked_for = failure.retry_after();
    let asked_for = asked_for.and_then(|wait| SystemTime::now().checked_add(wait));
    client.held_until().max(asked_for)
}

/// Sees that a journal is about this send, and says that a further process goes on with it.
fn begin_journal(
    mut journal: Journal,
    state: Option<&State>,
    shape: &Shape,
    application: Map<String, Value>,
) -> Result<Journal, Failure> {
    let changed = |what: &str| Err(FailureKind::Changed(what.to_owned()).into());
    let then = &journal.header().shape;
    if then.envelope != shape.envelope {
        return changed(
            "the sender or the text is not the one that the journal's run was begun with",
        );
    }
    if then != shape {
        return changed(
            "the limits of a batch are not those that the journal's run was begun with",
        );
    }
    let Some(state) = state else {
        return Ok(journal);
    };
    if state.header != *journal.header() {
        return changed("the journal is of another run than what is known of it");
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    journal.append(&Entry::Resumed {
        version,
        application,
    })?;
    journal.sync()?;
    Ok(journal)
}
