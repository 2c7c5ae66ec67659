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
//! A file does not pause. It is read where it is parsed: what was read is in that processor's cache.

use std::io::Read;
use std::sync::mpsc::{
    Receiver, RecvError, RecvTimeoutError, SyncSender, TryRecvError, sync_channel,
};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::coop;

use crate::error::{Error, ErrorKind};
use crate::input::{Answer, Block, Blocks, Invalid, Parse, Parser, Visited, Visitor};
use crate::message::Message;
use crate::send::feed::{Feed, Part};
use crate::send::outcome::{Failure, FailureKind};

/// How many parts may wait for the sender, if the input is read on a thread of its own.
const PARTS: usize = 2;
/// The same for a list that is read by the encoder. While the sender waits for a batch's answer, and for its disk before
/// and behind that, the encoder is to go on: there is nothing else that reads meanwhile.
const PARTS_OF_FILE: usize = 5;
/// How many blocks of the input there are: one being read, one waiting, one being parsed.
const BLOCKS: usize = 3;

/// Feeds the messages of a stream. Returns when the stream has ended, or failed, or nobody wants its parts.
pub(super) async fn feed_stream<'m>(
    feed: Feed,
    messages: impl Stream<Item = Result<Message<'m>, Failure>>,
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
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(FailureKind::Input(error).into())
    }
}

impl StreamFeeder {
    async fn run<'m>(
        &mut self,
        messages: impl Stream<Item = Result<Message<'m>, Failure>>,
    ) -> Result<(), Ended> {
        let mut messages = std::pin::pin!(messages);
        let mut count = 0;
        let mut before = 0;
        while !self.feed.is_done() {
            let next = match messages.next().now_or_never() {
                Some(next) => next,
                // That this task has had its turn says nothing of the stream: what is there need not be handed on yet.
                None if !coop::has_budget_remaining() => {
                    tokio::task::yield_now().await;
                    continue;
                }
                None => {
                    // The stream pauses.
                    let part = self.feed.flush();
                    self.hand_on(part).await?;
                    self.wait_for(messages.next()).await?
                }
            };
            let Some(mut message) = next.transpose()? else {
                break;
            };
            count += 1;
            let record = &mut message.position.record;
            if *record == 0 {
                *record = count;
            }
            if *record <= before {
                let record = *record;
                return Err(Error::from(ErrorKind::NotAscending { record, before }).into());
            }
            before = *record;
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
    let waiting = if feed.reads_file() {
        PARTS_OF_FILE
    } else {
        PARTS
    };
    let (parts, receiver) = mpsc::channel(waiting);
    let named = |name: &str| thread::Builder::new().name(name.to_owned());
    let source = if feed.reads_file() {
        Ok(Source::Here(Blocks::new(input), Vec::new()))
    } else {
        let (filled, blocks) = sync_channel(BLOCKS);
        let (used, empties) = sync_channel(BLOCKS);
        let blocks_of_input = Blocks::new(input);
        let spawned =
            named("batchcast-read").spawn(move || read(blocks_of_input, &empties, &filled));
        spawned.map(|_detached| Source::Thread(blocks, used))
    };
    let encoder = source.and_then(|mut source| {
        named("batchcast-encode").spawn(move || {
            let mut encoder = Encoder {
                feed,
                parts: &parts,
                rest: Vec::new(),
            };
            // An error means that nobody wants the parts any more.
            if let Err(Ended::Failed(failure)) = encoder.run(parser, &mut source) {
                let _unwanted = encoder.hand_on(Part::Failed(failure));
            }
        })
    });
    (receiver, encoder.expect("the system has a thread to spare"))
}

/// Where the encoder gets the blocks of its input from.
enum Source<R> {
    /// From a thread that reads, which gets them back.
    Thread(Receiver<Filled>, SyncSender<Block>),
    /// From an input that does not pause, with the blocks that can be filled again.
    Here(Blocks<R>, Vec<Block>),
}

impl<R: Read> Source<R> {
    /// Takes a block back to be filled again.
    fn take_back(&mut self, block: Block) {
        match self {
            Self::Thread(_, used) => {
                // The reader may have ended in the meantime; it needs no blocks then.
                let _unneeded = used.send(block);
            }
            Self::Here(_, spare) => spare.push(block),
        }
    }
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
    fn run<R: Read>(&mut self, mut parser: Parser, source: &mut Source<R>) -> Result<(), Ended> {
        if self.feed.is_done() {
            return self.finish();
        }
        loop {
            let mut block = match source {
                Source::Thread(blocks, _) => self.next_block(blocks)?,
                Source::Here(blocks, spare) => {
                    let mut block = spare.pop().unwrap_or_default();
                    blocks.fill(&mut block)?;
                    block
                }
            };
            block.prepend(&self.rest);
            self.feed.note(&parser);
            let visited = self.block(&mut parser, &block)?;
            self.feed.consumed(visited.consumed as u64);
            if block.last() || visited.enough {
                return self.finish();
            }
            self.rest.clear();
            self.rest
                .extend_from_slice(&block.bytes()[visited.consumed..]);
            source.take_back(block);
        }
    }

    /// The input ends here.
    fn finish(&mut self) -> Result<(), Ended> {
        while let Some(part) = self.feed.finish()? {
            self.hand_on(part)?;
        }
        self.hand_on(Part::Finished)
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
        block.map_err(Ended::from)
    }

    /// Encodes the records of a block.
    fn block(&mut self, parser: &mut Parser, block: &Block) -> Result<Visited, Ended> {
        let start = self.feed.input_bytes();
        // A loop for each: without a screen not even the question costs anything.
        if self.feed.is_screened() {
            parser.visit(block.bytes(), block.last(), start, &mut Screened(self))
        } else {
            parser.visit(block.bytes(), block.last(), start, self)
        }
    }

    /// Takes a message that is to be sent.
    #[inline(always)]
    fn encode(&mut self, message: &Message<'_>) -> Result<Answer, Ended> {
        if self.feed.is_at_boundary(message.position.record) {
            self.reach_boundary(message.position.record)?;
        }
        match self.feed.message(message) {
            Ok(None) => Ok(Answer::Taken),
            Ok(Some(part)) => self.hand_on(part).map(|()| Answer::Taken),
            Err(error) => Ok(Answer::Refused(error)),
        }
    }

    /// Hands on what has to be before the message of `record`. A call of its own, so that what may go wrong with it is put
    /// into memory here and not for each message.
    #[cold]
    #[inline(never)]
    fn reach_boundary(&mut self, record: u64) -> Result<(), Ended> {
        while let Some(part) = self.feed.before(record)? {
            self.hand_on(part)?;
        }
        Ok(())
    }

    fn hand_on(&self, part: Part) -> Result<(), Ended> {
        self.parts.blocking_send(part).map_err(|_| Ended::Unwanted)
    }
}

/// Without a screen.
impl Visitor for Encoder<'_> {
    type Error = Ended;

    // In the loop itself, so that the message stays in registers from the parser to the body.
    #[inline(always)]
    fn message(&mut self, message: &Message<'_>) -> Result<Answer, Ended> {
        self.encode(message)
    }

    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<(), Ended> {
        Ok(self.feed.invalid(invalid)?)
    }
}

/// The encoder of messages that the screen may pass over.
struct Screened<'e, 'a>(&'e mut Encoder<'a>);

impl Visitor for Screened<'_, '_> {
    type Error = Ended;

    fn ahead(&self) -> usize {
        self.0.feed.ahead()
    }

    fn look_ahead(&mut self, bytes: &[u8]) {
        self.0.feed.look_ahead(bytes);
    }

    #[inline(always)]
    fn message(&mut self, message: &Message<'_>) -> Result<Answer, Ended> {
        let Self(encoder) = self;
        if !encoder.feed.admits(message)? {
            return Ok(Answer::Taken);
        }
        let answer = encoder.encode(message)?;
        if let Answer::Refused(_) = answer {
            encoder.feed.take_back(message.to);
        } else if encoder.feed.is_done() {
            return Ok(Answer::Enough);
        }
        Ok(answer)
    }

    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<(), Ended> {
        Ok(self.0.feed.invalid(invalid)?)
    }
}
