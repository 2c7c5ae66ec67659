//! From the input to the parts of batches: what runs on threads of its own, or beside a stream.
//!
//! ```text
//! thread "batchcast-read"     thread "batchcast-encode"            the sender (async)
//! read ──────Block──────────▶ parse ─▶ Splitter ──────Part──────▶ body, request, receipt
//!      ◀──── empty Block ────
//! ```
//!
//! Reading has a thread of its own so that the encoder knows when the input pauses: then it hands on
//! what it has, and a recipient that was written to a pipe is not kept back by the next that was not.

use std::io::Read;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{
    Receiver, RecvError, RecvTimeoutError, SyncSender, TryRecvError, sync_channel,
};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::mpsc;

use crate::encode::{Batch, ClosedBatch, Limits, Push, Splitter};
use crate::error::Error;
use crate::input::{Block, Blocks, Invalid, Parse, Parser, Record, Records};
use crate::message::{Message, PhoneNumber};
use crate::position::Position;
use crate::screen::{MaxInvalid, Reason, Screen, Verdict};
use crate::send::origins::Origins;
use crate::send::outcome::{Failure, FailureKind};
use crate::send::replay::{Planned, Replay};
use crate::send::{Handler, OnInvalid, Progress};

/// How many parts may wait for the sender.
const PARTS: usize = 4;
/// How many blocks of the input there are: one being read, one waiting, one being parsed.
const BLOCKS: usize = 3;

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
    /// An earlier process committed it then, and does not know what became of it.
    pub(super) committed: Option<SystemTime>,
}

/// A batch that is complete.
#[derive(Debug)]
pub(super) struct End {
    pub(super) closed: ClosedBatch,
    pub(super) origins: Origins,
    pub(super) progress: Progress,
    /// The canary ends with it: what follows has to wait.
    pub(super) ends_canary: bool,
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
    /// Bytes of the open batch were handed on.
    has_begun: bool,
    /// How many messages of the canary are not in a closed batch yet.
    canary_left: u64,
    next_place: u64,
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

    /// Whether a message is sent; to be asked before all else. That it is passed over is told.
    #[inline]
    fn admits(&mut self, message: &Message<'_>) -> Result<bool, Failure> {
        let Some(screen) = &mut self.screen else {
            return Ok(true);
        };
        match screen.admit(message) {
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
    fn take_back(&mut self, to: PhoneNumber) {
        if let Some(screen) = &mut self.screen {
            screen.take_back(to);
        }
    }

    /// Whether the input ends here, because enough was sent of it.
    #[inline]
    fn is_done(&self) -> bool {
        self.screen.as_ref().is_some_and(Screen::is_done)
    }

    /// So many messages go ahead, in batches of their own.
    pub(super) fn canary(mut self, messages: NonZeroU64) -> Self {
        self.canary_left = messages.get();
        self
    }

    /// What has to be handed on before the message of `record` can be taken; to be asked until there is nothing.
    #[inline]
    fn before(&mut self, record: u64) -> Result<Option<Part>, Failure> {
        if record < self.boundary {
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
            return Ok(Some(self.end(closed)));
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
        if planned.in_doubt_since.is_some() {
            return Ok(Some(self.end(closed)));
        }
        closed.batch.number = planned.batch.number;
        self.origins = Origins::default();
        self.has_begun = false;
        let ends_canary = self.ends_canary(closed.batch.messages);
        Ok(self.open.take().map(|opened| {
            self.progress.batch = opened.number;
            self.progress.bytes += closed.batch.bytes;
            let settled = Settled {
                batch: closed.batch,
                progress: self.progress,
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
    #[inline]
    fn message(&mut self, message: &Message<'_>) -> Result<Option<Part>, Error> {
        if self.open.is_none() {
            self.use_limits();
        }
        match self.splitter.push(message)? {
            Push::Buffered => {
                self.count(message);
                Ok(None)
            }
            Push::Chunk(bytes) => {
                self.count(message);
                Ok(self.chunk(bytes))
            }
            Push::Batch(closed) => Ok(Some(self.full(closed, message))),
        }
    }

    /// Ends a batch that was full without this message, which is the first of the next.
    #[cold]
    fn full(&mut self, closed: ClosedBatch, message: &Message<'_>) -> Part {
        // A batch of the journal has not become too large unless its messages have become longer.
        if let Some(planned) = &self.replaying {
            return Part::Failed(planned.changed());
        }
        let end = self.end(closed);
        self.use_limits();
        self.count(message);
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

    #[inline]
    fn count(&mut self, message: &Message<'_>) {
        if self.open.is_none() {
            self.begin(message.position);
        }
        self.origins.push(message);
        self.progress.messages += 1;
    }

    #[cold]
    fn begin(&mut self, first: Position) {
        let (number, committed) = match &self.replaying {
            Some(planned) => (planned.batch.number, planned.in_doubt_since),
            None => (
                self.signals.next_number.fetch_add(1, Ordering::Relaxed),
                None,
            ),
        };
        self.open = Some(Opened {
            number,
            place: self.next_place,
            first,
            committed,
        });
        self.next_place += 1;
    }

    fn chunk(&mut self, bytes: Bytes) -> Option<Part> {
        if self
            .replaying
            .is_some_and(|planned| planned.in_doubt_since.is_none())
        {
            return None;
        }
        let opened = self.open?;
        self.has_begun = true;
        self.progress.bytes += bytes.len() as u64;
        self.progress.batch = opened.number;
        Some(Part::Chunk(opened, bytes, self.progress))
    }

    /// Ends the open batch.
    fn end(&mut self, mut closed: ClosedBatch) -> Part {
        let opened = self.open.take().unwrap_or(Opened {
            number: closed.batch.number,
            place: self.next_place,
            first: closed.batch.first,
            committed: None,
        });
        closed.batch.number = opened.number;
        self.has_begun = false;
        self.progress.batch = opened.number;
        self.progress.bytes += (closed.rest.len() + closed.tail.len()) as u64;
        let end = End {
            ends_canary: self.ends_canary(closed.batch.messages),
            closed,
            origins: std::mem::take(&mut self.origins),
            progress: self.progress,
        };
        Part::End(opened, Box::new(end))
    }

    /// What is there, for an input that pauses.
    fn flush(&mut self) -> Option<Part> {
        let bytes = self.splitter.flush()?;
        self.chunk(bytes)
    }

    /// What there is to do when an input has paused for so long: keep the body alive, or close the batch.
    fn paused(&mut self, pause: Duration) -> Option<Part> {
        if self.replaying.is_some() {
            return None;
        }
        if self.pauses.linger.is_some_and(|linger| pause >= linger) {
            let closed = self.splitter.close_batch()?;
            return Some(self.end(closed));
        }
        if !self.has_begun {
            return None;
        }
        if self.splitter.room() < KEEP_ALIVE.len() as u64 {
            let closed = self.splitter.close_batch()?;
            return Some(self.end(closed));
        }
        self.splitter.pad(KEEP_ALIVE.len() as u64);
        self.chunk(KEEP_ALIVE)
    }

    /// How long to wait for the input before [`paused`](Self::paused) is asked the next time.
    fn patience(&self, pause: Duration) -> Duration {
        match self.pauses.linger {
            Some(linger) if linger > pause => self.pauses.keep_alive.min(linger - pause),
            _ => self.pauses.keep_alive,
        }
    }

    /// What has to be handed on at the end of the input, until there is nothing.
    fn finish(&mut self) -> Result<Option<Part>, Failure> {
        // Behind a canary with which the input ends nothing has to wait.
        self.canary_left = 0;
        self.check_invalid(MaxInvalid::is_exceeded_at_end)?;
        if self.replaying.is_some() {
            return self.end_of_replayed();
        }
        if let Some(closed) = self.splitter.close_batch() {
            return Ok(Some(self.end(closed)));
        }
        // The input is shorter than what was sent of it.
        self.replay
            .take()
            .map_or(Ok(None), |planned| Err(planned.changed()))
    }

    /// Takes a record that cannot be sent.
    #[cold]
    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<(), Failure> {
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
}

impl Feed {
    /// Gives the input up if too much of it is invalid.
    fn check_invalid(&self, exceeds: fn(MaxInvalid, u64, u64) -> bool) -> Result<(), Failure> {
        let Some(most) = self.max_invalid else {
            return Ok(());
        };
        let invalid = self.handler.invalid_count();
        let records = self.progress.messages + self.handler.passed_over_count().total() + invalid;
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

/// Feeds the messages of a stream. Returns when the stream has ended, or nobody wants its parts.
pub(super) async fn feed_stream<'m>(
    feed: Feed,
    messages: impl Stream<Item = Message<'m>>,
    parts: mpsc::Sender<Part>,
) {
    let mut feeder = StreamFeeder { feed, parts };
    if let Err(Ended::Failed(failure)) = feeder.run(messages).await {
        // An error means that nobody wants the parts any more.
        let _unwanted = feeder.parts.send(Part::Failed(failure)).await;
    }
}

struct StreamFeeder {
    feed: Feed,
    parts: mpsc::Sender<Part>,
}

/// Why a feed ends before its input does.
enum Ended {
    Failed(Failure),
    Unwanted,
    /// Enough was sent of the input.
    Enough,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl StreamFeeder {
    async fn run<'m>(&mut self, messages: impl Stream<Item = Message<'m>>) -> Result<(), Ended> {
        let mut messages = std::pin::pin!(messages);
        let mut record = 0;
        loop {
            let next = match messages.next().now_or_never() {
                Some(next) => next,
                None => {
                    // The stream pauses.
                    let part = self.feed.flush();
                    self.hand_on(part).await?;
                    self.wait_for(messages.next()).await?
                }
            };
            let Some(mut message) = next else { break };
            record += 1;
            if message.position == Position::default() {
                message.position = Position::of_record(record);
            }
            if !self.feed.admits(&message)? {
                continue;
            }
            while let Some(part) = self.feed.before(message.position.record)? {
                self.hand_on(Some(part)).await?;
            }
            match self.feed.message(&message) {
                Ok(part) => self.hand_on(part).await?,
                Err(error) => {
                    self.feed.take_back(message.to);
                    self.feed.invalid(Invalid { error, input: &[] })?;
                }
            }
            if self.feed.is_done() {
                break;
            }
        }
        while let Some(part) = self.feed.finish()? {
            self.hand_on(Some(part)).await?;
        }
        self.hand_on(Some(Part::Finished)).await
    }

    async fn wait_for<T>(&mut self, next: impl Future<Output = T>) -> Result<T, Ended> {
        let mut next = std::pin::pin!(next);
        let paused = Instant::now();
        loop {
            let patience = self.feed.patience(paused.elapsed());
            if let Ok(next) = tokio::time::timeout(patience, &mut next).await {
                return Ok(next);
            }
            let part = self.feed.paused(paused.elapsed());
            self.hand_on(part).await?;
        }
    }

    async fn hand_on(&self, part: Option<Part>) -> Result<(), Ended> {
        match part {
            Some(part) => self.parts.send(part).await.map_err(|_| Ended::Unwanted),
            None => Ok(()),
        }
    }
}

/// Starts the threads that read, parse and encode an input.
///
/// They end with the input, or when the receiver is dropped; the reading one only after the read that
/// it is in, because no thread can be called back from that.
pub(super) fn spawn(
    feed: Feed,
    input: impl Read + Send + 'static,
    parser: Parser,
) -> (mpsc::Receiver<Part>, JoinHandle<()>) {
    let (filled, blocks) = sync_channel(BLOCKS);
    let (used, empties) = sync_channel(BLOCKS);
    let (parts, receiver) = mpsc::channel(PARTS);
    let named = |name: &str| thread::Builder::new().name(name.to_owned());
    let spawned =
        named("batchcast-read").spawn(move || read(Blocks::new(input), &empties, &filled));
    let encoder = spawned.and_then(|_detached| {
        let parts = parts.clone();
        named("batchcast-encode").spawn(move || {
            let mut encoder = Encoder {
                feed,
                parts: &parts,
                rest: Vec::new(),
            };
            // An error means that nobody wants the parts any more.
            if let Err(Ended::Failed(failure)) = encoder.run(parser, &blocks, &used) {
                let _unwanted = encoder.hand_on(Part::Failed(failure));
            }
        })
    });
    (receiver, encoder.expect("the system has a thread to spare"))
}

type Filled = Result<Block, Error>;

fn read(mut input: Blocks<impl Read>, empties: &Receiver<Block>, filled: &SyncSender<Filled>) {
    let mut made = 0;
    loop {
        let mut block = if made < BLOCKS {
            made += 1;
            Block::default()
        } else {
            match empties.recv() {
                Ok(block) => block,
                Err(RecvError) => return,
            }
        };
        let block = input.fill(&mut block).map(|()| block);
        let is_last = block.as_ref().map_or(true, Block::last);
        if filled.send(block).is_err() || is_last {
            return;
        }
    }
}

/// The encoding thread.
struct Encoder<'a> {
    feed: Feed,
    parts: &'a mpsc::Sender<Part>,
    /// The incomplete record that the block before left.
    rest: Vec<u8>,
}

impl Encoder<'_> {
    fn run(
        &mut self,
        mut parser: Parser,
        blocks: &Receiver<Filled>,
        used: &SyncSender<Block>,
    ) -> Result<(), Ended> {
        loop {
            let mut block = self.next_block(blocks)?;
            block.prepend(&self.rest);
            let encoded = match &mut parser {
                Parser::Lines(parser) => self.block_screened_or_not(parser, &block),
                Parser::Ndjson(parser) => self.block_screened_or_not(parser, &block),
                Parser::Csv(parser) => self.block_screened_or_not(parser, &block),
            };
            let is_last = match encoded {
                Ok(()) => block.last(),
                Err(Ended::Enough) => true,
                Err(ended) => return Err(ended),
            };
            if is_last {
                while let Some(part) = self.feed.finish()? {
                    self.hand_on(part)?;
                }
                return self.hand_on(Part::Finished);
            }
            // The reader may have ended in the meantime; it needs no blocks then.
            let _unneeded = used.send(block);
        }
    }

    /// Waits for the next block. What there is to do while the input pauses is done.
    fn next_block(&mut self, blocks: &Receiver<Filled>) -> Result<Block, Ended> {
        let block = match blocks.try_recv() {
            Ok(block) => block,
            Err(TryRecvError::Empty) => {
                if let Some(part) = self.feed.flush() {
                    self.hand_on(part)?;
                }
                let paused = Instant::now();
                loop {
                    match blocks.recv_timeout(self.feed.patience(paused.elapsed())) {
                        Ok(block) => break block,
                        Err(RecvTimeoutError::Timeout) => {
                            if let Some(part) = self.feed.paused(paused.elapsed()) {
                                self.hand_on(part)?;
                            }
                        }
                        // The reader ends only after it has sent its last block, or an error.
                        Err(RecvTimeoutError::Disconnected) => return Err(Ended::Unwanted),
                    }
                }
            }
            Err(TryRecvError::Disconnected) => return Err(Ended::Unwanted),
        };
        block.map_err(|error| Ended::Failed(FailureKind::Input(error).into()))
    }

    fn block_screened_or_not<P: Parse>(
        &mut self,
        parser: &mut P,
        block: &Block,
    ) -> Result<(), Ended> {
        // A loop for each: without a screen not even the question costs anything.
        if self.feed.screen.is_some() {
            self.block::<P, true>(parser, block)
        } else {
            self.block::<P, false>(parser, block)
        }
    }

    /// Encodes the records of a block.
    fn block<P: Parse, const SCREENED: bool>(
        &mut self,
        parser: &mut P,
        block: &Block,
    ) -> Result<(), Ended> {
        let mut records = parser.block(block.bytes(), block.last());
        loop {
            let mut refused = None;
            // A loop of its own: it need not look at what else a record may be.
            while let Some(message) = records.next_common() {
                refused = self.message::<SCREENED>(&message)?;
                if refused.is_some() {
                    break;
                }
            }
            if refused.is_none() {
                refused = match records.next() {
                    Ok(Some(Record::Message(ref message))) => self.message::<SCREENED>(message)?,
                    Ok(Some(Record::Invalid(invalid))) => {
                        self.feed.invalid(invalid)?;
                        None
                    }
                    Ok(None) => break,
                    Err(error) => return Err(Ended::Failed(FailureKind::Input(error).into())),
                };
            }
            if let Some(error) = refused {
                let record = block.bytes().get(..records.consumed()).unwrap_or_default();
                let input = self.last_record(record, &error);
                self.feed.invalid(Invalid { error, input })?;
            }
        }
        let consumed = records.consumed();
        self.feed.progress.input_bytes += consumed as u64;
        self.rest.clear();
        self.rest.extend_from_slice(&block.bytes()[consumed..]);
        Ok(())
    }

    /// Takes a message; says why, if it can be in no batch.
    #[inline]
    fn message<const SCREENED: bool>(
        &mut self,
        message: &Message<'_>,
    ) -> Result<Option<Error>, Ended> {
        if SCREENED && !self.feed.admits(message)? {
            return Ok(None);
        }
        while let Some(part) = self.feed.before(message.position.record)? {
            self.hand_on(part)?;
        }
        let refused = match self.feed.message(message) {
            Ok(None) => None,
            Ok(Some(part)) => self.hand_on(part).map(|()| None)?,
            Err(error) => Some(error),
        };
        if SCREENED {
            if refused.is_some() {
                self.feed.take_back(message.to);
            } else if self.feed.is_done() {
                return Err(Ended::Enough);
            }
        }
        Ok(refused)
    }

    /// The record that `read`, the block up to the end of that record, ends with, as it stands.
    #[cold]
    fn last_record<'b>(&self, read: &'b [u8], error: &Error) -> &'b [u8] {
        let start = error.position().map_or(0, |position| position.byte);
        let start = start.saturating_sub(self.feed.progress.input_bytes);
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let record = read.get(start..).unwrap_or_default();
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        record.strip_suffix(b"\r").unwrap_or(record)
    }

    fn hand_on(&self, part: Part) -> Result<(), Ended> {
        self.parts.blocking_send(part).map_err(|_| Ended::Unwanted)
    }
}
