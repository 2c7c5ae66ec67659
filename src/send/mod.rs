//! Sending: from an input, or a stream of messages, to receipts.
//!
//! A [`Sender`] reads its input, encodes it into batches, and posts them one after the other, in
//! constant memory. It never repeats a batch by itself. When a batch fails it stops, and its
//! [`Report`] says which records were accepted, which are in doubt, and which were not sent.
//!
//! What became of a batch is decided by when it failed, see [`Outcome`]:
//!
//! | last bytes released | answer | outcome |
//! |---|---|---|
//! | no | any, or none | [`Incomplete`](Outcome::Incomplete): nobody got a message |
//! | yes | 2xx with a receipt | [`Accepted`](Outcome::Accepted) |
//! | yes | 3xx, 4xx | [`Refused`](Outcome::Refused): nobody got a message |
//! | yes | 5xx, 2xx without a receipt, none | [`InDoubt`](Outcome::InDoubt): the messages may be on their way |

mod auth;
mod client;
mod origins;
mod outcome;
mod pump;
mod response;
mod upload;

use std::fmt;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures::Stream;
use tokio::sync::mpsc;

pub use self::auth::Credentials;
pub use self::client::{Client, ClientBuilder, ClientError, DEFAULT_BASE_URL};
pub use self::outcome::{
    ApiError, ApiErrorDetail, Failure, FailureKind, Origin, Outcome, Receipt, Reject, Report,
    Stopped,
};
use self::pump::{End, Feed, Opened, Part};
use self::upload::Upload;
use crate::encode::{Batch, Limits, Splitter};
use crate::envelope::Envelope;
use crate::input::{Invalid, Parser};
use crate::message::Message;

/// Sends a list, in as many batches as there must be.
///
/// ```no_run
/// use batchcast::input::{Fields, Format, Parser};
/// use batchcast::send::{Client, Credentials, DEFAULT_BASE_URL, Sender};
/// use batchcast::{Envelope, PhoneNumber, Text};
///
/// # async fn send() -> Result<(), Box<dyn std::error::Error>> {
/// let credentials = Credentials::access_token(std::env::var("RC_ACCESS_TOKEN")?);
/// let client = Client::builder(DEFAULT_BASE_URL, credentials).build()?;
/// let envelope = Envelope::new(PhoneNumber::parse("+16505550100")?)
///     .with_text(Text::new("Hello Team")?);
/// let parser = Parser::new(Format::Lines, &Fields::default());
/// let report = Sender::new(client, envelope)
///     .send_input(std::io::stdin(), parser)
///     .await?;
/// println!("{} messages in {} batches", report.messages, report.batches);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent before it is told what"]
pub struct Sender {
    client: Client,
    envelope: Envelope,
    limits: Limits,
    chunk_bytes: usize,
    on_invalid: OnInvalid,
    handler: Handler,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// What to do about a record that cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnInvalid {
    /// Report it ([`Event::Invalid`]), and go on with the next.
    #[default]
    Skip,
    /// Report it, and stop. Batches before it that are complete are sent.
    Stop,
}

/// What a sender tells while it works.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A request for this batch is being opened.
    Opened {
        /// The batch's number in the run, from 1.
        batch: u64,
    },
    /// More bytes were handed over to the connection.
    Progress(Progress),
    /// A record cannot be sent. It is told ahead of the batch it would have been in.
    Invalid(&'a Invalid<'a>),
    /// The last bytes of this batch were released: it counts now, unless the API refuses it.
    Committed {
        /// The batch's number in the run, from 1.
        batch: u64,
    },
    /// The API took a batch, but not this message of it. Told before the batch is said to be accepted.
    Rejected(&'a Reject),
    /// The API took a batch.
    Accepted(&'a Receipt),
}

/// How far a send has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Progress {
    /// The number of the batch that is on its way, from 1.
    pub batch: u64,
    /// How many messages were handed over, in all batches.
    pub messages: u64,
    /// How many bytes of bodies were handed over, in all batches.
    pub bytes: u64,
    /// How many bytes of the input they were made of; 0 for a stream of messages. It grows by blocks.
    pub input_bytes: u64,
}

impl Sender {
    /// A sender with the default [`Limits`], which passes over what is invalid and tells nobody.
    pub fn new(client: Client, envelope: Envelope) -> Self {
        Self {
            client,
            envelope,
            limits: Limits::default(),
            chunk_bytes: crate::encode::DEFAULT_CHUNK_BYTES,
            on_invalid: OnInvalid::default(),
            handler: Handler::new(|_| Ok(())),
            stop: Box::pin(std::future::pending()),
        }
    }

    /// How large a batch may become.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How many bytes are handed on at once. The bodies do not depend on it.
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.chunk_bytes = bytes;
        self
    }

    /// What to do about a record that cannot be sent.
    pub fn on_invalid(mut self, what: OnInvalid) -> Self {
        self.on_invalid = what;
        self
    }

    /// Whom to tell what happens. It is called from several threads, and what calls it waits for it. An
    /// error stops the send, so that nothing is lost of what could not be told.
    pub fn on_event(
        mut self,
        handler: impl Fn(Event<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.handler = Handler::new(handler);
        self
    }

    /// When to stop early, such as at a signal: a batch on its way is given up (nobody gets a message of
    /// it), unless its last bytes have left; then its answer is waited for.
    pub fn stop_when(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.stop = Box::pin(signal);
        self
    }

    /// Sends an input. It is read and encoded on two threads of their own.
    ///
    /// If the send stops early, the thread that reads ends only after the read it is in.
    ///
    /// # Errors
    /// [`Stopped`], with the report of what was done until then: a batch failed, or the input cannot be
    /// read, or the handler of events failed, or it was told to stop.
    ///
    /// # Panics
    /// Outside of a tokio runtime with its I/O and time enabled, and when the system has no thread to
    /// spare.
    pub async fn send_input(
        self,
        input: impl Read + Send + 'static,
        parser: Parser,
    ) -> Result<Report, Stopped> {
        let mut run = Run::new(self);
        let feed = match run.feed() {
            Ok(feed) => feed,
            Err(failure) => return run.end(Err(failure)),
        };
        let (parts, encoder) = pump::spawn(feed, input, parser);
        let result = run.drive(parts).await;
        if matches!(result, Err(Ended::WithoutWord)) {
            // It has not come to its end, and has not said why: it panicked.
            if let Err(panic) = encoder.join() {
                std::panic::resume_unwind(panic);
            }
        }
        run.end(result.map_err(Ended::into_failure))
    }

    /// Sends the messages of a stream.
    ///
    /// A message without a position gets its number in the stream as its record.
    ///
    /// # Errors
    /// As [`send_input`](Self::send_input).
    ///
    /// # Panics
    /// Outside of a tokio runtime with its I/O and time enabled.
    pub async fn send_stream<'m>(
        self,
        messages: impl Stream<Item = Message<'m>>,
    ) -> Result<Report, Stopped> {
        let mut run = Run::new(self);
        let feed = match run.feed() {
            Ok(feed) => feed,
            Err(failure) => return run.end(Err(failure)),
        };
        let (sender, parts) = mpsc::channel(1);
        let mut fed = std::pin::pin!(pump::feed_stream(feed, messages, sender));
        let result = {
            let mut driven = std::pin::pin!(run.drive(parts));
            tokio::select! {
                biased;
                result = &mut driven => result,
                () = &mut fed => driven.await,
            }
        };
        run.end(result.map_err(Ended::into_failure))
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("client", &self.client)
            .field("limits", &self.limits)
            .field("on_invalid", &self.on_invalid)
            .finish_non_exhaustive()
    }
}

/// Whom to tell what happens, and a count of what only it is told.
#[derive(Clone)]
struct Handler {
    call: Arc<dyn Fn(Event<'_>) -> io::Result<()> + Send + Sync>,
    invalid: Arc<AtomicU64>,
}

impl Handler {
    fn new(call: impl Fn(Event<'_>) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self {
            call: Arc::new(call),
            invalid: Arc::default(),
        }
    }

    fn call(&self, event: Event<'_>) -> Result<(), Failure> {
        (self.call)(event).map_err(|error| FailureKind::Handler(error).into())
    }

    fn invalid(&self, invalid: &Invalid<'_>) -> Result<(), Failure> {
        self.invalid.fetch_add(1, Ordering::Relaxed);
        self.call(Event::Invalid(invalid))
    }
}

/// A send under way.
struct Run {
    sender: Sender,
    report: Report,
    started: Instant,
}

/// Why a run does not go on.
enum Ended {
    Failed(Failure),
    /// The parts ended without [`Part::Finished`] or [`Part::Failed`].
    WithoutWord,
}

impl Ended {
    fn into_failure(self) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::WithoutWord => FailureKind::Interrupted.into(),
        }
    }
}

impl<F: Into<Failure>> From<F> for Ended {
    fn from(failure: F) -> Self {
        Self::Failed(failure.into())
    }
}

impl Run {
    fn new(sender: Sender) -> Self {
        Self {
            sender,
            report: Report::default(),
            started: Instant::now(),
        }
    }

    fn feed(&self) -> Result<Feed, Failure> {
        let sender = &self.sender;
        let splitter = Splitter::new(&sender.envelope, sender.limits)
            .map_err(FailureKind::Input)?
            .with_chunk_bytes(sender.chunk_bytes);
        Ok(Feed::new(
            splitter,
            sender.on_invalid,
            sender.handler.clone(),
        ))
    }

    fn end(mut self, result: Result<(), Failure>) -> Result<Report, Stopped> {
        self.report.elapsed = self.started.elapsed();
        self.report.invalid = self.sender.handler.invalid.load(Ordering::Relaxed);
        match result {
            Ok(()) => Ok(self.report),
            Err(failure) => Err(Stopped {
                report: Box::new(self.report),
                failure,
            }),
        }
    }

    /// Sends the parts until the input has ended.
    async fn drive(&mut self, mut parts: mpsc::Receiver<Part>) -> Result<(), Ended> {
        loop {
            let part = tokio::select! {
                biased;
                () = &mut self.sender.stop => Part::Failed(FailureKind::Interrupted.into()),
                part = parts.recv() => part.ok_or(Ended::WithoutWord)?,
            };
            match part {
                Part::Finished => return Ok(()),
                Part::Failed(failure) => {
                    let last = self.report.accepted.as_ref();
                    self.report.not_sent_from = Some(last.map_or(1, |range| range.end() + 1));
                    return Err(failure.into());
                }
                part => self.batch(part, &mut parts).await?,
            }
        }
    }

    /// Sends one batch, whose first part is `part`.
    async fn batch(&mut self, part: Part, parts: &mut mpsc::Receiver<Part>) -> Result<(), Ended> {
        let opened = match &part {
            Part::Chunk(opened, ..) => *opened,
            Part::End(end) => Opened::from(end.closed.batch),
            Part::Finished | Part::Failed(_) => return Err(Ended::WithoutWord),
        };
        let (committed, end) = match self.upload(opened, part, parts).await {
            Ok(committed) => committed,
            Err(ended) => {
                self.report.failed_batch = Some(opened.number);
                self.report.not_sent_from = Some(opened.first.record);
                return Err(ended);
            }
        };

        let handler = self.sender.handler.clone();
        let batch = end.closed.batch;
        // A handler that fails now must not keep the answer from being waited for.
        let told = handler
            .call(Event::Committed {
                batch: batch.number,
            })
            .and_then(|()| handler.call(Event::Progress(end.progress)));
        let settled = committed.settle(batch, end.origins, &handler).await;
        self.count(batch, settled.outcome)?;
        settled.handled.and(told).map_err(|failure| {
            self.report.not_sent_from = Some(batch.last.record + 1);
            failure.into()
        })
    }

    /// Uploads a batch up to, and with, its last bytes.
    async fn upload(
        &mut self,
        opened: Opened,
        mut part: Part,
        parts: &mut mpsc::Receiver<Part>,
    ) -> Result<(upload::Committed, End), Ended> {
        let Sender {
            client,
            envelope,
            handler,
            stop,
            ..
        } = &mut self.sender;
        let batch = opened.number;
        handler.call(Event::Opened { batch })?;
        let mut upload = tokio::select! {
            biased;
            () = &mut *stop => return Err(FailureKind::Interrupted.into()),
            upload = Upload::open(client, envelope.dialect()) => upload?,
        };
        loop {
            match part {
                Part::Chunk(_, bytes, progress) => {
                    tokio::select! {
                        biased;
                        () = &mut *stop => return Err(FailureKind::Interrupted.into()),
                        written = upload.write(bytes) => written?,
                    }
                    handler.call(Event::Progress(progress))?;
                }
                Part::End(mut end) => {
                    let rest = std::mem::take(&mut end.closed.rest);
                    let tail = end.closed.tail.clone();
                    let commit = async {
                        upload.write(rest).await?;
                        upload.commit(tail).await
                    };
                    return tokio::select! {
                        biased;
                        () = &mut *stop => Err(FailureKind::Interrupted.into()),
                        committed = commit => Ok((committed?, *end)),
                    };
                }
                Part::Failed(failure) => return Err(failure.into()),
                Part::Finished => return Err(Ended::WithoutWord),
            }
            part = tokio::select! {
                biased;
                () = &mut *stop => return Err(FailureKind::Interrupted.into()),
                part = upload.unless_answered(parts.recv()) => part?.ok_or(Ended::WithoutWord)?,
            };
        }
    }

    /// Enters what became of a committed batch into the report.
    fn count(&mut self, batch: Batch, outcome: Outcome) -> Result<(), Ended> {
        let report = &mut self.report;
        let records = batch.first.record..=batch.last.record;
        let failure = match outcome {
            Outcome::Accepted(receipt) => {
                report.batches += 1;
                report.messages += batch.messages;
                report.bytes += batch.bytes;
                report.rejected += receipt.rejected;
                report.unplaced += receipt.unplaced;
                let first = report
                    .accepted
                    .as_ref()
                    .map_or(*records.start(), |r| *r.start());
                report.accepted = Some(first..=*records.end());
                if let Err(failure) = self.sender.handler.call(Event::Accepted(&receipt)) {
                    self.report.not_sent_from = Some(records.end() + 1);
                    return Err(failure.into());
                }
                return Ok(());
            }
            Outcome::Refused(failure) | Outcome::Incomplete(failure) => {
                report.not_sent_from = Some(*records.start());
                failure
            }
            Outcome::InDoubt(failure) => {
                report.not_sent_from = Some(records.end() + 1);
                report.in_doubt = Some(records);
                failure
            }
        };
        report.failed_batch = Some(batch.number);
        Err(failure.into())
    }
}

impl From<Batch> for Opened {
    fn from(batch: Batch) -> Self {
        Self {
            number: batch.number,
            first: batch.first,
        }
    }
}
