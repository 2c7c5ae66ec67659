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
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvError, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::mpsc;

use crate::encode::{ClosedBatch, Push, Splitter};
use crate::error::Error;
use crate::input::{Block, Blocks, Invalid, Parse, Parser, Record, Records};
use crate::message::Message;
use crate::position::Position;
use crate::send::origins::Origins;
use crate::send::outcome::{Failure, FailureKind};
use crate::send::{Handler, OnInvalid, Progress};

/// How many parts may wait for the sender.
const PARTS: usize = 4;
/// How many blocks of the input there are: one being read, one waiting, one being parsed.
const BLOCKS: usize = 3;

/// What the sender gets of the input, in its order.
#[derive(Debug)]
pub(super) enum Part {
    /// The next bytes of a batch's body. The first ones open the batch.
    Chunk(Opened, Bytes, Progress),
    /// The last bytes of a batch's body, and what it was.
    End(Box<End>),
    /// The input has ended, and all of it was handed on.
    Finished,
    /// The input cannot be gone on with.
    Failed(Failure),
}

/// The batch that bytes belong to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    pub(super) number: u64,
    pub(super) first: Position,
}

/// A batch that is complete.
#[derive(Debug)]
pub(super) struct End {
    pub(super) closed: ClosedBatch,
    pub(super) origins: Origins,
    pub(super) progress: Progress,
}

/// Makes parts of messages; knows nothing of threads.
pub(super) struct Feed {
    splitter: Splitter,
    origins: Origins,
    on_invalid: OnInvalid,
    handler: Handler,
    /// Where the open batch begins.
    first: Position,
    progress: Progress,
}

impl Feed {
    pub(super) fn new(splitter: Splitter, on_invalid: OnInvalid, handler: Handler) -> Self {
        Self {
            splitter,
            origins: Origins::default(),
            on_invalid,
            handler,
            first: Position::default(),
            progress: Progress::default(),
        }
    }

    /// Takes a message; an error is the message's own, and it is in no batch then.
    #[inline]
    fn message(&mut self, message: &Message<'_>) -> Result<Option<Part>, Error> {
        match self.splitter.push(message)? {
            Push::Buffered => {
                self.count(message);
                Ok(None)
            }
            Push::Chunk(bytes) => {
                self.count(message);
                Ok(Some(self.chunk(bytes)))
            }
            Push::Batch(closed) => {
                let end = self.end(closed);
                self.count(message);
                Ok(Some(end))
            }
        }
    }

    #[inline]
    fn count(&mut self, message: &Message<'_>) {
        if self.origins.is_empty() {
            self.first = message.position;
        }
        self.origins.push(message);
        self.progress.messages += 1;
    }

    fn chunk(&mut self, bytes: Bytes) -> Part {
        self.progress.bytes += bytes.len() as u64;
        let number = self.splitter.number();
        self.progress.batch = number;
        let first = self.first;
        Part::Chunk(Opened { number, first }, bytes, self.progress)
    }

    fn end(&mut self, closed: ClosedBatch) -> Part {
        self.progress.batch = closed.batch.number;
        self.progress.bytes += (closed.rest.len() + closed.tail.len()) as u64;
        Part::End(Box::new(End {
            closed,
            origins: std::mem::take(&mut self.origins),
            progress: self.progress,
        }))
    }

    /// What is there, for an input that pauses.
    fn flush(&mut self) -> Option<Part> {
        let bytes = self.splitter.flush()?;
        Some(self.chunk(bytes))
    }

    fn finish(&mut self) -> Option<Part> {
        let closed = self.splitter.close_batch()?;
        Some(self.end(closed))
    }

    /// Takes a record that cannot be sent.
    #[cold]
    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<(), Failure> {
        self.handler.invalid(&invalid)?;
        match self.on_invalid {
            OnInvalid::Skip => Ok(()),
            OnInvalid::Stop => Err(FailureKind::Input(invalid.error).into()),
        }
    }
}

/// Feeds the messages of a stream. Returns when the stream has ended, or nobody wants its parts.
pub(super) async fn feed_stream<'m>(
    mut feed: Feed,
    messages: impl Stream<Item = Message<'m>>,
    parts: mpsc::Sender<Part>,
) {
    let mut messages = std::pin::pin!(messages);
    let mut record = 0;
    loop {
        let next = match messages.next().now_or_never() {
            Some(next) => next,
            None => {
                // The stream pauses.
                if let Some(part) = feed.flush()
                    && parts.send(part).await.is_err()
                {
                    return;
                }
                messages.next().await
            }
        };
        let Some(mut message) = next else { break };
        record += 1;
        if message.position == Position::default() {
            message.position = Position::of_record(record);
        }
        let part = match feed.message(&message) {
            Ok(part) => part,
            Err(error) => {
                let input = &[];
                match feed.invalid(Invalid { error, input }) {
                    Ok(()) => None,
                    Err(failure) => Some(Part::Failed(failure)),
                }
            }
        };
        if let Some(part) = part {
            let failed = matches!(part, Part::Failed(_));
            if parts.send(part).await.is_err() || failed {
                return;
            }
        }
    }
    let end = feed.finish().into_iter().chain([Part::Finished]);
    for part in end {
        if parts.send(part).await.is_err() {
            return;
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
            // An error here means that nobody wants the parts any more.
            let _ended = encoder.run(parser, &blocks, &used);
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

/// Why the encoding thread ends before its input does.
struct Unwanted;

impl Encoder<'_> {
    fn run(
        &mut self,
        mut parser: Parser,
        blocks: &Receiver<Filled>,
        used: &SyncSender<Block>,
    ) -> Result<(), Unwanted> {
        loop {
            let block = match blocks.try_recv() {
                Ok(block) => block,
                Err(TryRecvError::Empty) => {
                    if let Some(part) = self.feed.flush() {
                        self.hand_on(part)?;
                    }
                    // The reader ends only after it has sent its last block, or an error.
                    blocks.recv().map_err(|RecvError| Unwanted)?
                }
                Err(TryRecvError::Disconnected) => return Err(Unwanted),
            };
            let mut block = match block {
                Ok(block) => block,
                Err(error) => {
                    return self.hand_on(Part::Failed(FailureKind::Input(error).into()));
                }
            };
            block.prepend(&self.rest);
            let is_last = block.last();
            let parsed = match &mut parser {
                Parser::Lines(parser) => self.block(parser, &block),
                Parser::Ndjson(parser) => self.block(parser, &block),
                Parser::Csv(parser) => self.block(parser, &block),
            };
            if let ControlFlow::Break(part) = parsed? {
                return self.hand_on(part);
            }
            if is_last {
                if let Some(part) = self.feed.finish() {
                    self.hand_on(part)?;
                }
                return self.hand_on(Part::Finished);
            }
            // The reader may have ended in the meantime; it needs no blocks then.
            let _unneeded = used.send(block);
        }
    }

    /// Encodes the records of a block. Breaks with what ends the input.
    fn block<P: Parse>(
        &mut self,
        parser: &mut P,
        block: &Block,
    ) -> Result<ControlFlow<Part>, Unwanted> {
        let mut records = parser.block(block.bytes(), block.last());
        loop {
            let refused = match records.next() {
                // By reference: to move a message costs as much as to parse a number.
                Ok(Some(Record::Message(ref message))) => match self.feed.message(message) {
                    Ok(None) => continue,
                    Ok(Some(part)) => {
                        self.hand_on(part)?;
                        continue;
                    }
                    Err(error) => Err(error),
                },
                Ok(Some(Record::Invalid(invalid))) => Ok(self.feed.invalid(invalid)),
                Ok(None) => break,
                Err(error) => {
                    let failure = FailureKind::Input(error).into();
                    return Ok(ControlFlow::Break(Part::Failed(failure)));
                }
            };
            let passed_over = refused.unwrap_or_else(|error| {
                let record = block.bytes().get(..records.consumed()).unwrap_or_default();
                let input = self.last_record(record, &error);
                self.feed.invalid(Invalid { error, input })
            });
            if let Err(failure) = passed_over {
                return Ok(ControlFlow::Break(Part::Failed(failure)));
            }
        }
        let consumed = records.consumed();
        self.feed.progress.input_bytes += consumed as u64;
        self.rest.clear();
        self.rest.extend_from_slice(&block.bytes()[consumed..]);
        Ok(ControlFlow::Continue(()))
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

    fn hand_on(&self, part: Part) -> Result<(), Unwanted> {
        self.parts.blocking_send(part).map_err(|_| Unwanted)
    }
}
