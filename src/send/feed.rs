//! From messages to the parts of batches: what a send makes of its input, whatever feeds it. It knows nothing of
//! threads, nor of who waits for whom; that is the [`pump`](super::pump)'s.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::encode::{Batch, ClosedBatch, Limits, Push, Splitter};
use crate::error::Error;
use crate::input::{Invalid, Parser};
use crate::message::{Message, PhoneNumber};
use crate::position::Position;
use crate::screen::{MaxInvalid, Reason, Screen, Verdict};
use crate::send::origins::Origins;
use crate::send::outcome::{Failure, FailureKind, RejectCount};
use crate::send::replay::{Doubt, Planned, Replay};
use crate::send::reread::Checkpoint;
use crate::send::{Handler, OnInvalid, Progress};

/// What keeps a body alive while its input pauses: whitespace between two entries (RFC 8259, 2).
const KEEP_ALIVE: Bytes = Bytes::from_static(b" ");

/// What the sender gets of the input, in its order.
#[derive(Debug)]
pub(super) enum Part {
    /// The next bytes of a batch's body. The first ones open the batch.
    Chunk(Opened, Bytes, Progress),
    /// The last bytes of a batch's body, and what it was.
    End(Opened, Box<End>),
    /// A batch that an earlier process has settled, encoded again, and found to be the same.
    Settled(Opened, Box<Settled>),
    /// The input has ended, and all of it was handed on.
    Finished,
    /// The input cannot be gone on with.
    Failed(Failure),
}

/// The batch that bytes belong to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    pub(super) number: u64,
    /// Its place in the input's order of batches, from 0.
    pub(super) place: u64,
    pub(super) first: Position,
    /// An earlier process committed it, and does not know what became of it.
    pub(super) doubt: Option<Doubt>,
    /// What came then of its answer's rejects.
    pub(super) rejects: RejectCount,
}

/// A batch that is complete.
#[derive(Debug)]
pub(super) struct End {
    pub(super) closed: ClosedBatch,
    pub(super) origins: Origins,
    pub(super) progress: Progress,
    /// The canary ends with it: what follows has to wait.
    pub(super) ends_canary: bool,
    /// Before its first message, if the list can be read again.
    pub(super) checkpoint: Option<Checkpoint>,
}

/// A batch of an earlier process.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) batch: Batch,
    pub(super) progress: Progress,
    /// The canary ends with it: what follows has to wait.
    pub(super) ends_canary: bool,
}

/// What the tasks of a sender tell its encoder.
#[derive(Debug)]
pub(super) struct Signals {
    /// The number that the next new batch gets.
    pub(super) next_number: AtomicU64,
    /// The largest body that the server has not refused, in bytes.
    pub(super) max_bytes: AtomicU64,
}

/// What to do while an input pauses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pauses {
    /// Whitespace is written that often.
    pub(super) keep_alive: Duration,
    /// After that long the batch is closed.
    pub(super) linger: Option<Duration>,
}

/// Makes parts of messages; knows nothing of threads.
pub(super) struct Feed {
    splitter: Splitter,
    limits: Limits,
    origins: Origins,
    screen: Option<Screen>,
    on_invalid: OnInvalid,
    max_invalid: Option<MaxInvalid>,
    handler: Handler,
    signals: Arc<Signals>,
    pub(super) pauses: Pauses,
    replay: Replay,
    /// The batch of the journal that is being encoded again.
    replaying: Option<Planned>,
    /// The record from which on `replay` or `replaying` has to be looked at.
    boundary: u64,
    open: Option<Opened>,
    /// Whether checkpoints are wanted; the last one; the one before the open batch's first message.
    can_reread: bool,
    checkpoint: Option<Checkpoint>,
    begun_at: Option<Checkpoint>,
    /// Bytes of the open batch were handed on.
    has_begun: bool,
    /// How many messages of the canary are not in a closed batch yet.
    canary_left: u64,
    next_place: u64,
    /// But for the messages of the open batch.
    progress: Progress,
}

impl Feed {
    pub(super) fn new(
        splitter: Splitter,
        limits: Limits,
        on_invalid: OnInvalid,
        handler: Handler,
        signals: Arc<Signals>,
        pauses: Pauses,
        replay: Replay,
    ) -> Self {
        Self {
            splitter,
            limits,
            origins: Origins::default(),
            screen: None,
            on_invalid,
            max_invalid: None,
            handler,
            signals,
            pauses,
            boundary: replay.next_first().unwrap_or(u64::MAX),
            replay,
            replaying: None,
            open: None,
            can_reread: false,
            checkpoint: None,
            begun_at: None,
            has_begun: false,
            canary_left: 0,
            next_place: 0,
            progress: Progress::default(),
        }
    }

    /// The same, with what is passed over, and how much may be invalid.
    pub(super) fn screened(
        mut self,
        screen: Option<Screen>,
        max_invalid: Option<MaxInvalid>,
    ) -> Self {
        self.screen = screen;
        self.max_invalid = max_invalid;
        self
    }

    /// The same, with checkpoints of its list, which can be read again.
    pub(super) const fn rereadable(mut self) -> Self {
        self.can_reread = true;
        self
    }

    /// Whether its list is a file that is read again if need be. It does not pause.
    pub(super) const fn reads_file(&self) -> bool {
        self.can_reread
    }

    /// Notes where the list can be read again from. To be called when all that the parser was handed is taken.
    pub(super) fn note(&mut self, parser: &Parser) {
        if self.can_reread {
            let bytes = self.progress.input_bytes;
            self.checkpoint = Some(Checkpoint::new(parser.clone(), bytes));
        }
    }

    /// How many bytes at a time it wants to [look ahead](Self::look_ahead).
    pub(super) fn ahead(&self) -> usize {
        self.screen.as_ref().map_or(0, Screen::ahead)
    }

    /// Is shown what comes next, before the messages that are in it.
    pub(super) fn look_ahead(&mut self, bytes: &[u8]) {
        if let Some(screen) = &mut self.screen {
            screen.look_ahead(bytes);
        }
    }

    /// Whether a message is sent; to be asked before all else. That it is passed over is told.
    #[inline]
    pub(super) fn admits(&mut self, message: &Message<'_>) -> Result<bool, Failure> {
        let Some(screen) = &mut self.screen else {
            return Ok(true);
        };
        match screen.admit_if(message, || self.splitter.can_hold(message)) {
            Verdict::Admitted => Ok(true),
            Verdict::PassedOver(reason) => {
                self.handler
                    .passed_over(message.position, Some(message.to), reason)?;
                Ok(false)
            }
        }
    }

    /// A message that was admitted cannot be sent.
    #[cold]
    pub(super) fn take_back(&mut self, to: PhoneNumber) {
        if let Some(screen) = &mut self.screen {
            screen.take_back(to);
        }
    }

    /// Whether the input ends here, because enough was sent of it.
    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.screen.as_ref().is_some_and(Screen::is_done)
    }

    /// So many messages go ahead, in batches of their own.
    pub(super) fn canary(mut self, messages: NonZeroU64) -> Self {
        self.canary_left = messages.get();
        self
    }

    /// Whether something may have to be handed on [before](Self::before) the message of `record`.
    #[inline]
    pub(super) const fn is_at_boundary(&self, record: u64) -> bool {
        record >= self.boundary
    }

    /// What has to be handed on before the message of `record` can be taken; to be asked until there is nothing.
    pub(super) fn before(&mut self, record: u64) -> Result<Option<Part>, Failure> {
        if !self.is_at_boundary(record) {
            return Ok(None);
        }
        self.at_boundary(record)
    }

    #[cold]
    fn at_boundary(&mut self, record: u64) -> Result<Option<Part>, Failure> {
        if let Some(planned) = self.replaying {
            // `before` is not asked between the first and the last record of a batch.
            debug_assert!(record > planned.batch.last.record);
            return self.end_of_replayed();
        }
        if let Some(closed) = self.splitter.close_batch() {
            return Ok(Some(self.end(closed, None)));
        }
        let Some(planned) = self.replay.take() else {
            self.boundary = u64::MAX;
            return Ok(None);
        };
        if record != planned.batch.first.record {
            return Err(planned.changed());
        }
        self.splitter.set_limits(self.limits);
        self.boundary = planned.batch.last.record.saturating_add(1);
        self.replaying = Some(planned);
        Ok(None)
    }

    /// Ends the batch of the journal that was encoded again.
    fn end_of_replayed(&mut self) -> Result<Option<Part>, Failure> {
        let Some(planned) = self.replaying.take() else {
            return Ok(None);
        };
        self.boundary = self.replay.next_first().unwrap_or(u64::MAX);
        let Some(mut closed) = self.splitter.close_batch() else {
            return Err(planned.changed());
        };
        planned.check(&closed.batch)?;
        if planned.doubt.is_some() {
            return Ok(Some(self.end(closed, None)));
        }
        closed.batch.number = planned.batch.number;
        let _not_needed = self.take_origins();
        self.has_begun = false;
        let ends_canary = self.ends_canary(closed.batch.messages);
        Ok(self.open.take().map(|opened| {
            self.progress.batch = opened.number;
            self.progress.bytes += closed.batch.bytes;
            let settled = Settled {
                progress: self.progress_at(closed.batch.last.byte),
                batch: closed.batch,
                ends_canary,
            };
            Part::Settled(opened, Box::new(settled))
        }))
    }

    /// Counts the messages of a batch that is closed; whether the canary ends with it.
    fn ends_canary(&mut self, messages: u64) -> bool {
        let left = self.canary_left.saturating_sub(messages);
        std::mem::replace(&mut self.canary_left, left) > 0 && left == 0
    }

    /// Takes a message; an error is the message's own, and it is in no batch then.
    // As in `Splitter::push`, the message must not get an address: what is seldom is handed pieces of it.
    #[inline(always)]
    pub(super) fn message(&mut self, message: &Message<'_>) -> Result<Option<Part>, Error> {
        if self.open.is_none() {
            self.use_limits();
        }
        match self.splitter.push(message)? {
            Push::Buffered => {
                self.count(message.to, message.position);
                Ok(None)
            }
            Push::Chunk(bytes) => {
                self.count(message.to, message.position);
                Ok(self.chunk(bytes, message.position.byte))
            }
            Push::Batch(closed) => Ok(Some(self.full(closed, message.to, message.position))),
        }
    }

    /// Ends a batch that was full without this message, which is the first of the next.
    #[cold]
    fn full(&mut self, closed: ClosedBatch, to: PhoneNumber, position: Position) -> Part {
        // A batch of the journal has not become too large unless its messages have become longer.
        if let Some(planned) = &self.replaying {
            return Part::Failed(planned.changed());
        }
        let end = self.end(closed, Some(position.byte));
        self.use_limits();
        self.count(to, position);
        end
    }

    /// Before a batch is begun: the server may have refused a smaller one in the meantime.
    #[cold]
    fn use_limits(&mut self) {
        if self.replaying.is_none() {
            let learned = self.signals.max_bytes.load(Ordering::Relaxed);
            let max_bytes = self.limits.max_bytes().min(learned);
            let mut limits = self.limits.with_max_bytes(max_bytes);
            if let Some(left) = NonZeroU64::new(self.canary_left) {
                let most = limits.max_messages().map_or(left, |most| most.min(left));
                limits = limits.with_max_messages(most);
            }
            self.splitter.set_limits(limits);
        }
    }

    #[inline(always)]
    fn count(&mut self, to: PhoneNumber, position: Position) {
        if self.open.is_none() {
            self.begin(position);
        }
        self.origins.push(to, position);
    }

    #[cold]
    fn begin(&mut self, first: Position) {
        let (number, doubt, rejects) = match &self.replaying {
            Some(planned) => (planned.batch.number, planned.doubt, planned.rejects),
            None => (
                self.signals.next_number.fetch_add(1, Ordering::Relaxed),
                None,
                RejectCount::default(),
            ),
        };
        self.open = Some(Opened {
            number,
            place: self.next_place,
            first,
            doubt,
            rejects,
        });
        self.next_place += 1;
        self.begun_at.clone_from(&self.checkpoint);
    }

    #[inline(never)]
    fn chunk(&mut self, bytes: Bytes, byte: u64) -> Option<Part> {
        if self
            .replaying
            .is_some_and(|planned| planned.doubt.is_none())
        {
            return None;
        }
        let opened = self.open?;
        self.has_begun = true;
        self.progress.bytes += bytes.len() as u64;
        self.progress.batch = opened.number;
        Some(Part::Chunk(opened, bytes, self.progress_at(byte)))
    }

    /// How many messages were taken. Those of the open batch are counted in no other place, as that is done for each.
    fn messages(&self) -> u64 {
        self.progress.messages + self.origins.len()
    }

    /// The open batch's origins, as it ends.
    fn take_origins(&mut self) -> Origins {
        self.progress.messages = self.messages();
        std::mem::take(&mut self.origins)
    }

    /// How far it is, if it has come to this byte of the input, which is in a block that is not done with.
    fn progress_at(&self, byte: u64) -> Progress {
        Progress {
            messages: self.messages(),
            input_bytes: self.progress.input_bytes.max(byte),
            ..self.progress
        }
    }

    /// Ends the open batch; what comes next in the input, if that is known, begins at `next`.
    fn end(&mut self, mut closed: ClosedBatch, next: Option<u64>) -> Part {
        let opened = self.open.take().unwrap_or(Opened {
            number: closed.batch.number,
            place: self.next_place,
            first: closed.batch.first,
            doubt: None,
            rejects: RejectCount::default(),
        });
        closed.batch.number = opened.number;
        self.has_begun = false;
        self.progress.batch = opened.number;
        self.progress.bytes += (closed.rest.len() + closed.tail.len()) as u64;
        let last = closed.batch.last.byte;
        let end = End {
            ends_canary: self.ends_canary(closed.batch.messages),
            progress: self.progress_at(next.map_or(last, |next| next.max(last))),
            closed,
            origins: self.take_origins(),
            checkpoint: self.begun_at.take(),
        };
        Part::End(opened, Box::new(end))
    }

    /// What is there, for an input that pauses.
    pub(super) fn flush(&mut self) -> Option<Part> {
        let bytes = self.splitter.flush()?;
        self.chunk(bytes, 0)
    }

    /// What there is to do when an input has paused for so long: keep the body alive, or close the batch.
    pub(super) fn paused(&mut self, pause: Duration) -> Option<Part> {
        if self.replaying.is_some() {
            return None;
        }
        if self.pauses.linger.is_some_and(|linger| pause >= linger) {
            let closed = self.splitter.close_batch()?;
            return Some(self.end(closed, None));
        }
        if !self.has_begun {
            return None;
        }
        if self.splitter.room() < KEEP_ALIVE.len() as u64 {
            let closed = self.splitter.close_batch()?;
            return Some(self.end(closed, None));
        }
        self.splitter.pad(KEEP_ALIVE.len() as u64);
        self.chunk(KEEP_ALIVE, 0)
    }

    /// How long to wait for the input before [`paused`](Self::paused) is asked the next time.
    pub(super) fn patience(&self, pause: Duration) -> Duration {
        let keep_alive = self.pauses.keep_alive;
        match self.pauses.linger {
            // Of the journal's batches none is closed, and one that has nothing in it cannot be.
            Some(linger) if self.replaying.is_none() && !self.splitter.is_empty() => {
                keep_alive.min(linger.saturating_sub(pause))
            }
            _ => keep_alive,
        }
    }

    /// What has to be handed on at the end of the input, until there is nothing.
    pub(super) fn finish(&mut self) -> Result<Option<Part>, Failure> {
        // Behind a canary with which the input ends nothing has to wait.
        self.canary_left = 0;
        self.check_invalid(MaxInvalid::is_exceeded_at_end)?;
        if self.replaying.is_some() {
            return self.end_of_replayed();
        }
        if let Some(closed) = self.splitter.close_batch() {
            return Ok(Some(self.end(closed, None)));
        }
        // The input is shorter than what was sent of it.
        self.replay
            .take()
            .map_or(Ok(None), |planned| Err(planned.changed()))
    }

    /// Takes a record that cannot be sent.
    #[cold]
    pub(super) fn invalid(&mut self, invalid: Invalid<'_>) -> Result<(), Failure> {
        let position = invalid.error.position().unwrap_or_default();
        if self
            .screen
            .as_ref()
            .is_some_and(|screen| screen.skips(position.record))
        {
            return self.handler.passed_over(position, None, Reason::Skipped);
        }
        self.handler.invalid(&invalid)?;
        self.check_invalid(MaxInvalid::is_exceeded)?;
        match self.on_invalid {
            OnInvalid::Skip => Ok(()),
            OnInvalid::Stop => Err(FailureKind::Input(invalid.error).into()),
        }
    }

    /// Whether a message may be passed over.
    pub(super) const fn is_screened(&self) -> bool {
        self.screen.is_some()
    }

    /// How many bytes of the input are done with.
    pub(super) const fn input_bytes(&self) -> u64 {
        self.progress.input_bytes
    }

    /// Counts bytes of the input in that are done with.
    pub(super) const fn consumed(&mut self, bytes: u64) {
        self.progress.input_bytes += bytes;
    }

    /// Gives the input up if too much of it is invalid.
    pub(super) fn check_invalid(
        &self,
        exceeds: fn(MaxInvalid, u64, u64) -> bool,
    ) -> Result<(), Failure> {
        let Some(most) = self.max_invalid else {
            return Ok(());
        };
        let invalid = self.handler.invalid_count();
        let records = self.messages() + self.handler.passed_over_count().total() + invalid;
        if exceeds(most, invalid, records) {
            return Err(FailureKind::TooManyInvalid {
                invalid,
                records,
                most,
            }
            .into());
        }
        Ok(())
    }
}
