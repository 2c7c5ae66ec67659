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
use std::sync::mpsc::{
    Receiver, RecvError, RecvTimeoutError, SyncSender, TryRecvError, sync_channel,
};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::mpsc;

use crate::error::Error;
use crate::input::{Block, Blocks, Invalid, Parse, Parser, Record, Records};
use crate::message::Message;
use crate::position::Position;
use crate::send::feed::{Feed, Part};
use crate::send::outcome::{Failure, FailureKind};

/// How many parts may wait for the sender.
const PARTS: usize = 4;
/// How many blocks of the input there are: one being read, one waiting, one being parsed.
const BLOCKS: usize = 3;

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
            self.feed.note(&parser);
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
        if self.feed.is_screened() {
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
        self.feed.consumed(consumed as u64);
        self.rest.clear();
        self.rest.extend_from_slice(&block.bytes()[consumed..]);
        Ok(())
    }

    /// Takes a message; says why, if it can be in no batch.
    // In the loop itself, so that the message stays in registers from the parser to the body.
    #[inline(always)]
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
        let start = start.saturating_sub(self.feed.input_bytes());
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let record = read.get(start..).unwrap_or_default();
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        record.strip_suffix(b"\r").unwrap_or(record)
    }

    fn hand_on(&self, part: Part) -> Result<(), Ended> {
        self.parts.blocking_send(part).map_err(|_| Ended::Unwanted)
    }
}
