//! Sending: from an input, or a stream of messages, to receipts.
//!
//! A [`Sender`] reads its input, encodes it into batches, and posts them in constant memory. What fails in passing
//! it tries again, and it never sends a batch again that may have been accepted. With a [`Journal`] nothing is
//! forgotten when it stops, however that comes about: the run is gone on with by [`Sender::resume`].
//!
//! # A run that can be gone on with
//!
//! Stopped at any moment, in any way, it is gone on with by the same program:
//!
//! ```no_run
//! use std::io::ErrorKind;
//! use std::path::Path;
//!
//! use batchcast::encode::Limits;
//! use batchcast::input::{Fields, Format, Parser};
//! use batchcast::journal::{Header, Journal, JournalError, Shape};
//! use batchcast::send::{Client, Credentials, DEFAULT_BASE_URL, Event, Sender};
//! use batchcast::{Envelope, PhoneNumber, Text};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let token = std::env::var("RC_ACCESS_TOKEN")?;
//!     let client = Client::builder(DEFAULT_BASE_URL, Credentials::access_token(token)).build()?;
//!     let envelope = Envelope::new(PhoneNumber::parse("+16505550100")?).with_text(Text::new("Hello Team")?);
//!     let limits = Limits::default();
//!     let shape = Shape::new(&envelope, limits);
//!
//!     let sender = Sender::new(client, envelope).limits(limits).on_event(|event| {
//!         if let Event::Accepted(receipt) = event {
//!             println!("batch {}: {} messages, id {}", receipt.batch.number, receipt.batch.messages, receipt.id);
//!         }
//!         Ok(())
//!     });
//!     let path = Path::new("numbers.txt.batchcast");
//!     let sender = match Journal::open(path) {
//!         Ok((journal, state)) => sender.resume(journal, state),
//!         Err(JournalError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
//!             sender.journal(Journal::create(path, &Header::new(shape, Default::default()))?)
//!         }
//!         Err(error) => return Err(error.into()),
//!     };
//!
//!     let list = std::fs::File::open("numbers.txt")?;
//!     let parser = Parser::new(Format::Lines, &Fields::default());
//!     match sender.send_input(list, parser).await {
//!         Ok(report) => println!("{} messages, {} rejected", report.messages, report.rejected),
//!         // Its report says what became of which records until then.
//!         Err(stopped) if stopped.is_passing() => println!("stopped, to be begun again: {stopped}"),
//!         Err(stopped) => return Err(stopped.into()),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # What happened
//!
//! What became of an attempt to send a batch is decided by when it failed. Until its last bytes, the tail `]}`,
//! have left, the server has no whole request: by HTTP the message is incomplete, and as JSON it does not parse. So
//! the tail is held back until everything else has been taken, no answer has come, and the journal says on
//! disk that the batch is committed.
//!
//! | tail released | answer | [`Outcome`] |
//! |---|---|---|
//! | no, nothing has left | none | [`NotSent`](Outcome::NotSent): nobody got a message |
//! | no | any, or none | [`Incomplete`](Outcome::Incomplete): nobody got a message |
//! | yes | 2xx with a receipt of its own | [`Accepted`](Outcome::Accepted) |
//! | yes | 3xx but 303, 4xx | [`Refused`](Outcome::Refused): nobody got a message |
//! | yes | 5xx, 303, 2xx without one, none | [`InDoubt`](Outcome::InDoubt): the messages may be on their way |
//!
//! # What is done about it
//!
//! | outcome | cause | action |
//! |---|---|---|
//! | accepted | | go on |
//! | not sent, incomplete, refused | no connection, lost connection, stall, 408, 5xx, 2xx before the tail | wait for `Retry-After`, else 2 s doubling to 60 s, and try again; after 5 tries stop ([`Retry`]), or if `Retry-After` is more than a day |
//! | | 401 | get a new token and try again, once; then stop |
//! | | 411 | try again with a `Content-Length`, and keep to that; stop if it had one, or without a spool |
//! | | 413 | split the batch in halves, and keep to the smaller limit; stop if it has one message; without a spool stop, and keep to half of what was sent in a further process, down to 16 KiB |
//! | | 429 | send nothing for `Retry-After`, else 30 s, and try again; stop if it is more than a day. With a journal a further process keeps to it |
//! | | 3xx, other 4xx | stop |
//! | | no token | the token endpoint was asked again by its own rules: stop |
//! | in doubt | | look for it in the API's list of batches ([`Reconciliation`]): found is accepted; not found after a grace period is decided by the [`DoubtPolicy`] |
//! | any but accepted, of a batch that was sent again though it was in doubt | | the same, and look for the earlier attempts before; what stops then is in doubt, a 413 too |
//!
//! A stop is the same as an interruption: nothing new is begun, what is not committed is given up, and what is
//! committed is waited for.
//!
//! [`Journal`]: crate::journal::Journal

mod account;
pub(crate) mod ask;
mod auth;
mod blocking;
mod canary;
pub(crate) mod client;
mod clock;
mod coverage;
mod delivery;
mod event;
mod events;
mod feed;
mod ledger;
mod opt_outs;
mod origins;
mod outcome;
mod pace;
mod policy;
mod pump;
mod reconcile;
mod replay;
mod reread;
mod resplit;
pub(crate) mod response;
mod run;
pub(crate) mod sanitize;
mod source;
mod trace;
mod upload;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroU64;
use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use serde_json::{Map, Value};

pub use self::auth::Credentials;
pub use self::canary::{Approval, Canary};
pub use self::client::{Client, ClientBuilder, ClientError, DEFAULT_BASE_URL, WaitingFor};
use self::event::Handler;
pub use self::event::{Event, Progress};
pub use self::events::{Events, InvalidRecord, OwnedEvent};
use self::feed::Pauses;
pub use self::opt_outs::{OptOut, OptOuts};
pub use self::outcome::{
    ApiError, ApiErrorDetail, Failure, FailureKind, Origin, Outcome, Receipt, Reject, Report,
    Stopped,
};
pub use self::policy::{DoubtPolicy, Retry};
pub use self::reconcile::Reconciliation;
use self::run::Run;
use crate::encode::Limits;
use crate::envelope::Envelope;
use crate::input::Parser;
use crate::journal::{Journal, State};
use crate::message::{Message, Text};
use crate::screen::{MaxInvalid, Screen};
pub use crate::spool::Spool;

/// How often a body is kept alive while its input pauses: servers give up a request of which they have not
/// seen a byte for 60 s (nginx's `client_body_timeout`).
const KEEP_ALIVE: Duration = Duration::from_secs(20);

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
///
/// # Ending it early
/// [`stop_when`](Self::stop_when) ends a send in good order: what is committed is waited for, and the report says what became
/// of which records. For a limit of time it is `.stop_when(tokio::time::sleep(limit))`.
///
/// A future of a send that is dropped, by a timeout or in a `select!`, is as good as a process that was killed. Nobody gets a
/// message twice, and what was not committed nobody gets. But the report is lost with it, so without a journal nobody knows
/// what was sent; and with one, a batch that was just committed is in doubt when the run is [gone on with](Self::resume), which
/// by default is left to a person. The journal stays [locked](crate::journal::JournalError::Locked) until what is just being
/// written to it is on the disk.
///
/// The same holds for a handler that panics: the panic is passed on to whoever awaits the send.
#[must_use = "nothing is sent before it is told what"]
pub struct Sender {
    client: Client,
    envelope: Envelope,
    limits: Limits,
    chunk_bytes: usize,
    on_invalid: OnInvalid,
    max_invalid: Option<MaxInvalid>,
    screen: Option<Screen>,
    handler: Handler,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    journal: Option<(Journal, Option<Box<State>>)>,
    application: Map<String, Value>,
    spool: Spool,
    list: Option<reread::List>,
    in_flight: usize,
    retry: Retry,
    reconciliation: Reconciliation,
    pauses: Pauses,
    canary: Option<canary::Wanted>,
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

impl Sender {
    /// A sender with the default [`Limits`], which passes over what is invalid and tells nobody.
    pub fn new(client: Client, envelope: Envelope) -> Self {
        Self {
            client,
            envelope,
            limits: Limits::default(),
            chunk_bytes: crate::encode::DEFAULT_CHUNK_BYTES,
            on_invalid: OnInvalid::default(),
            max_invalid: None,
            screen: None,
            handler: Handler::new(|_| Ok(())),
            stop: Box::pin(std::future::pending()),
            journal: None,
            application: Map::new(),
            spool: Spool::default(),
            list: None,
            in_flight: 1,
            retry: Retry::default(),
            reconciliation: Reconciliation::default(),
            pauses: Pauses {
                keep_alive: KEEP_ALIVE,
                linger: None,
            },
            canary: None,
        }
    }

    /// The same with a text that many messages carry as their own, see [`Envelope::with_common_text`]. A run that is
    /// gone on with needs the same one.
    pub fn common_text(mut self, text: Text<'static>) -> Self {
        self.envelope = self.envelope.with_common_text(text);
        self
    }

    /// Writes what is sent to a new journal, so that the run can be resumed. It has to be made for the sender's envelope and
    /// limits.
    pub fn journal(mut self, journal: Journal) -> Self {
        self.journal = Some((journal, None));
        self
    }

    /// Goes on with the run of this journal, which was opened with this state. The sender has to be told the
    /// same envelope and limits as then, and given the same input, from its beginning: what was accepted is passed
    /// over, what is in doubt is looked for, and all else is sent.
    pub fn resume(mut self, journal: Journal, state: State) -> Self {
        self.journal = Some((journal, Some(Box::new(state))));
        self
    }

    /// What the application wants remembered of this process when the run is [resumed](Self::resume) once more, see
    /// [`State::resumes`]: it is in the journal, on disk, before anything is sent.
    pub fn resumed_with(mut self, application: Map<String, Value>) -> Self {
        self.application = application;
        self
    }

    /// Where bodies are kept while they are in flight, to be sent again.
    pub fn spool(mut self, spool: Spool) -> Self {
        self.spool = spool;
        self
    }

    /// Says that the input is a file, from its byte `start` on, and can be read again: a body that has to be sent again
    /// is then made again from it, and nothing is written to the [spool](Self::spool) before. It is read at offsets; its
    /// cursor is not moved. If it does not give the same messages any more, the run stops
    /// ([`FailureKind::Changed`]).
    ///
    /// A file is taken not to pause: while a read of it hangs, as one over a network may, nothing is [kept
    /// alive](Self::keep_alive), and what was encoded waits with it.
    ///
    /// It is made use of for an [input](Self::send_input), with one batch [on its way](Self::in_flight) and a spool to put such a body into, and nowhere but on Unix:
    /// elsewhere reading at an offset moves the cursor.
    pub fn reread_from(mut self, list: File, start: u64) -> Self {
        self.list = cfg!(unix).then(|| reread::List::new(list, start));
        self
    }

    /// How many batches may be on their way at once, in their order; at least one. 1 unless told otherwise.
    /// Memory grows by about 3 MiB for each, and the spool by one body.
    pub fn in_flight(mut self, batches: usize) -> Self {
        self.in_flight = batches.max(1);
        self
    }

    /// How often, and after which pauses, to try again what failed in passing.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// What to do about a batch that is in doubt.
    pub fn reconciliation(mut self, reconciliation: Reconciliation) -> Self {
        self.reconciliation = reconciliation;
        self
    }

    /// How often to keep a body alive with a byte of whitespace while its input pauses. 20 s unless told otherwise, and not
    /// more often than each millisecond.
    pub fn keep_alive(mut self, interval: Duration) -> Self {
        // With none between them there would soon be no room in a batch for anything else.
        self.pauses.keep_alive = interval.max(Duration::from_millis(1));
        self
    }

    /// Closes a batch when its input has paused for so long, instead of keeping it open.
    pub fn linger(mut self, pause: Duration) -> Self {
        self.pauses.linger = Some(pause);
        self
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

    /// How many records may be invalid. With one more the run stops: the list is broken, or read as what it is not.
    pub fn max_invalid(mut self, most: MaxInvalid) -> Self {
        self.max_invalid = Some(most);
        self
    }

    /// Who is passed over. To go on with a run it has to be told the same as then: who was passed over then is no
    /// part of the batches that were sent.
    pub fn screen(mut self, screen: Screen) -> Self {
        self.screen = Some(screen).filter(|screen| !screen.is_idle());
        self
    }

    /// Sends the first `messages` ahead, in a batch of their own (or in several, if the limits want it), waits until
    /// the API has completed it, and asks `approve`. Until it answers, nothing of the rest leaves; the API is asked
    /// as often as [`Reconciliation::grace`] says. If the list ends with the canary, nobody is asked.
    ///
    /// In a run that is [resumed](Self::resume), what an earlier process has sent counts: if that was no more than
    /// the canary, it is waited for, and `approve` is asked again.
    pub fn canary<F>(
        mut self,
        messages: NonZeroU64,
        approve: impl FnOnce(Canary) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Approval> + Send + 'static,
    {
        self.canary = Some(canary::Wanted::new(messages, approve));
        self
    }

    /// Whom to tell what happens: the one who was named last. It is called from several threads, those of the runtime among
    /// them, and what calls it waits for it. An error stops the send, so that nothing is lost of what could not be told.
    pub fn on_event(
        mut self,
        handler: impl Fn(Event<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.handler.instead(handler);
        self
    }

    /// The same as a stream, for who would rather take what happens than be called, beside the handler of
    /// [`on_event`](Self::on_event) if there is one. It does not keep the send waiting, and cannot stop it. Of several
    /// streams the last one tells what happens, and the others end.
    ///
    /// ```no_run
    /// use batchcast::send::{OwnedEvent, Sender};
    /// use futures::StreamExt;
    ///
    /// # async fn send(sender: Sender, input: std::fs::File, parser: batchcast::input::Parser)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// let (sender, mut events) = sender.events();
    /// let sending = tokio::spawn(sender.send_input(input, parser));
    /// while let Some(event) = events.next().await {
    ///     if let OwnedEvent::Accepted(receipt) = event {
    ///         println!("batch {} is {}", receipt.batch.number, receipt.id);
    ///     }
    /// }
    /// let report = sending.await??;
    /// # let _ = report;
    /// # Ok(())
    /// # }
    /// ```
    pub fn events(mut self) -> (Self, Events) {
        let (tap, events) = events::tap();
        self.handler.tap_by(tap);
        (self, events)
    }

    /// When to stop early, such as at a signal: a batch on its way is given up (nobody gets a message of
    /// it), unless its last bytes have left; then its answer is waited for.
    pub fn stop_when(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.stop = Box::pin(signal);
        self
    }

    /// Sends an input. It is read and encoded on two threads of their own; a file that is [read
    /// again](Self::reread_from) on one.
    ///
    /// If the send stops early, the thread that reads ends only after the read it is in.
    ///
    /// # Errors
    /// [`Stopped`], with the report of what was done until then: a batch failed, or the input cannot be
    /// read, or the handler of events failed, or it was told to stop.
    ///
    /// # Panics
    /// Outside of a tokio runtime with its I/O and time enabled, when the system has no thread to spare, and when the
    /// input or a handler panics.
    pub async fn send_input(
        self,
        input: impl Read + Send + 'static,
        parser: Parser,
    ) -> Result<Report, Stopped> {
        let (run, feed) = Run::new(self)?;
        run.input(feed, input, parser).await
    }

    /// Sends the messages of a stream. When it ends the list has ended, and the run is finished: a stream that may fail is for
    /// [`try_send_stream`](Self::try_send_stream).
    ///
    /// A message without a position gets its number in the stream as its record. Those that have one have to ascend by
    /// record, because a run is gone on with, and reported on, by ranges of records.
    ///
    /// # Errors
    /// As [`send_input`](Self::send_input), and [`ErrorKind::NotAscending`](crate::ErrorKind::NotAscending).
    ///
    /// # Panics
    /// Outside of a tokio runtime with its I/O and time enabled, and when the stream or a handler panics.
    pub async fn send_stream<'m>(
        self,
        messages: impl Stream<Item = Message<'m>>,
    ) -> Result<Report, Stopped> {
        let (run, feed) = Run::new(self.without_list())?;
        run.stream(feed, messages.map(Ok)).await
    }

    /// Sends the messages of a stream that may fail, such as rows of a database. Its end is the end of the list, and a run
    /// whose list has ended is finished; so what fails must not look like an end.
    ///
    /// ```no_run
    /// use batchcast::send::{FailureKind, Sender};
    /// use batchcast::{Error, Message, PhoneNumber};
    /// use futures::{Stream, TryStreamExt};
    ///
    /// # async fn send(sender: Sender, rows: impl Stream<Item = std::io::Result<String>>) {
    /// let messages = rows.map_err(Into::into).and_then(async |row: String| {
    ///     let to = PhoneNumber::parse(&row)?;
    ///     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Message::new(to))
    /// });
    /// if let Err(stopped) = sender.try_send_stream(messages).await
    ///     && let FailureKind::Source(error) = stopped.failure.kind()
    ///     && error.is::<std::io::Error>()
    /// {
    ///     // The rows could not be read to their end: with a journal, the run can be gone on with.
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`send_stream`](Self::send_stream), and [`FailureKind::Source`] with the stream's first error. The batch that was
    /// open is given up then; those before it are sent.
    ///
    /// # Panics
    /// Outside of a tokio runtime with its I/O and time enabled, and when the stream or a handler panics.
    pub async fn try_send_stream<'m, E>(
        self,
        messages: impl Stream<Item = Result<Message<'m>, E>>,
    ) -> Result<Report, Stopped>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (run, feed) = Run::new(self.without_list())?;
        let failed = |error: E| FailureKind::Source(error.into()).into();
        run.stream(feed, messages.map_err(failed)).await
    }

    /// Messages of a stream cannot be had again.
    fn without_list(mut self) -> Self {
        self.list = None;
        self
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
