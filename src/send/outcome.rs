//! What happened: facts, for the sender to act on and for people to read. What to do about them is
//! another question.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::encode::Batch;
use crate::error::Error;
use crate::journal::{self, JournalError, State};
use crate::screen::{MaxInvalid, PassedOver};
use crate::send::account::Account;
use crate::send::{policy, sanitize};

/// What became of one attempt to send a batch. The table is in [`send`](super).
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing of it left: there was no token, no connection, or it was given up before. Nobody got a message.
    NotSent(Failure),
    /// The API took it (2xx), and said what it rejected.
    Accepted(Receipt),
    /// The API refused the whole batch after it had all of it (3xx but 303, 4xx). Nobody got a message.
    Refused(Failure),
    /// It failed before its last bytes had left: the API never had a whole document, so nobody got a
    /// message, whatever was answered.
    Incomplete(Failure),
    /// Its last bytes had left, and then there was no answer, or none that says what became of it (5xx,
    /// 303, a 2xx that cannot be read). The messages may be on their way.
    InDoubt(Failure),
}

/// The API's receipt for a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// What was sent.
    pub batch: Batch,
    /// The API's id of the batch, to ask for it later.
    pub id: String,
    /// How many messages the API says are in it. Whether that counts the rejected ones is unstated.
    pub batch_size: Option<u64>,
    /// Its status in the API's words, such as `Processing`.
    pub status: Option<String>,
    /// When it was created, in the API's words (RFC 3339).
    pub creation_time: Option<String>,
    /// How many messages the API rejected, as far as is known; each was an [`Event::Rejected`](super::Event::Rejected),
    /// in this process or in the one that read the answer.
    pub rejected: u64,
    /// Of how many entries of its answer it could not be told which message they are about. Of those in `rejected` the API's
    /// index names another number than it says, or none: see [`Reject::origin`]. Others name a message that was rejected
    /// before in the same answer: these are not told, and not in `rejected` again.
    pub unplaced: u64,
    /// It was found in the API's list of batches, after there had been no whole answer. The API says only once what it
    /// rejected: beyond what came of the answer that is unknown.
    pub found: bool,
    /// From the first byte of the request to the end of the answer.
    pub elapsed: Duration,
}

impl Receipt {
    /// How many messages the API has not taken, by the [size](Self::batch_size) that it gives the batch, and has not called
    /// rejected either: nobody knows which. 0 if it says no size.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        journal::missing(self.batch.messages, self.batch_size, self.rejected)
    }
}

/// How many messages of a batch an answer has called rejected, as far as it came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RejectCount {
    pub(super) rejected: u64,
    /// Of how many of its entries it could not be told where they came from, or they came from there before.
    pub(super) unplaced: u64,
}

/// A message that the API did not take, though it took the batch.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reject {
    /// The number of the batch in the run, from 1.
    pub batch: u64,
    /// The message's place in the batch, from 1; 0 if the API did not say.
    pub index: u64,
    /// Where the message came from. `None` if the API's index and its number do not belong together:
    /// an index that does not fit is reported, not trusted.
    pub origin: Option<Origin>,
    /// The number, as the API gives it.
    pub to: String,
    /// The API's code, such as `SMS-RC-410`.
    pub error_code: String,
    /// The API's description.
    pub description: String,
}

impl fmt::Debug for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reject")
            .field("batch", &self.batch)
            .field("index", &self.index)
            .field("origin", &self.origin)
            .field("error_code", &self.error_code)
            .finish_non_exhaustive()
    }
}

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The record's number, from 1.
    pub record: u64,
    /// The line it begins on, from 1; 0 if the records do not come from lines.
    pub line: u64,
}

/// What a send has done; with a journal, what the whole run has done until now, in all its processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many batches the API accepted.
    pub batches: u64,
    /// How many messages were in them, the rejected ones included.
    pub messages: u64,
    /// How many bytes their bodies had together.
    pub bytes: u64,
    /// How many of the messages the API rejected.
    pub rejected: u64,
    /// Of how many entries of its answers it could not be told which message they are about ([`Receipt::unplaced`]).
    pub unplaced: u64,
    /// How many of the messages the API has not taken and not called rejected, by the sizes of its batches
    /// ([`Receipt::missing`]).
    pub missing: u64,
    /// How many of the batches were [found](Receipt::found): more may have been rejected of them than is known.
    pub found: u64,
    /// How many records were invalid and passed over, anywhere in what was read.
    pub invalid: u64,
    /// How many records the [`Screen`](crate::screen::Screen) passed over, anywhere in what was read.
    pub passed_over: PassedOver,
    /// How many of the batches had been accepted by an earlier process of this run.
    pub replayed: u64,
    /// The records whose messages the API accepted, as ranges in ascending order. Records in them that were
    /// invalid, passed over or rejected were reported one by one.
    pub accepted: Vec<RangeInclusive<u64>>,
    /// The records of batches that are in doubt: their messages may be on their way.
    pub in_doubt: Vec<RangeInclusive<u64>>,
    /// The records of batches that were in doubt and, by [`DoubtPolicy::Skip`](super::DoubtPolicy::Skip), were left so.
    pub skipped: Vec<RangeInclusive<u64>>,
    /// Records that were not sent, though later ones were or may have been.
    pub not_sent: Vec<RangeInclusive<u64>>,
    /// The first record from which on nothing was sent; `None` if everything was.
    pub not_sent_from: Option<u64>,
    /// The number of the batch that failed.
    pub failed_batch: Option<u64>,
    /// How long it took.
    pub elapsed: Duration,
    /// Until when the server wants nothing to be sent, if it has asked for a pause that is not over.
    pub not_before: Option<SystemTime>,
}

impl Report {
    /// What a run has done until now, as its journal has it: for one who is stopped before it can go on with that.
    #[must_use]
    pub fn of_journal(state: &State) -> Self {
        let mut account = Account::default();
        account.add_unreached(state.held().into_iter().cloned());
        let (mut report, _) = account.close(false);
        report.not_before = state.not_before.filter(|&until| until > SystemTime::now());
        report
    }
}

/// A send that ended before its input did, with the report of what it had done until then.
///
/// Its text says why it stopped; [`report`](Self::report) says what became of which records.
#[derive(Debug)]
pub struct Stopped {
    /// What became of which records.
    pub report: Box<Report>,
    /// Why it stopped.
    pub failure: Failure,
}

impl Stopped {
    /// Whether the run can be gone on with as it is, later. Otherwise something has to be put right first: the list,
    /// the credentials, what the API found wrong.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        policy::is_passing(&self.failure)
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.report.failed_batch {
            write!(f, "batch {number}: ")?;
        }
        self.failure.fmt(f)?;
        if let Some(until) = self.report.not_before {
            // A server may name a time that no calendar has.
            let until = Timestamp::try_from(until).unwrap_or(Timestamp::MAX);
            write!(f, "; the server wants nothing to be sent before {until:.0}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Stopped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.failure)
    }
}

/// Why a batch, or a whole send, failed. Small to carry, and to clone, because the details are shared.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct Failure(Arc<FailureKind>);

impl Failure {
    /// The details.
    #[must_use]
    pub fn kind(&self) -> &FailureKind {
        &self.0
    }

    /// What can be kept of it, in a log or a journal: its text without the words of the server and of the caller's own
    /// source, which may quote a message. Of an answer it has the status, the codes, the names of parameters, and the `RCRequestId`.
    #[must_use]
    pub fn brief(&self) -> String {
        match self.kind() {
            FailureKind::Answer(answer) => format!("the server answered {}", answer.brief()),
            FailureKind::Authorization(cause) => {
                format!("cannot get an access token: {}", cause.brief())
            }
            FailureKind::TooLarge { answer, max_bytes } => too_large(answer.brief(), *max_bytes),
            FailureKind::Unsplit { answer } => unsplit(answer.brief()),
            // Its words are the caller's, and may quote what was read.
            FailureKind::Source(_) => "the source of the messages failed".to_owned(),
            FailureKind::Unclear { failure, why } => {
                format!("{}; {}", failure.brief(), why.brief())
            }
            kind => kind.to_string(),
        }
    }

    /// How long the server wants to be left alone, if it said so in this answer (`Retry-After`), or to an earlier process.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind() {
            FailureKind::Answer(answer) => answer.retry_after,
            FailureKind::Authorization(cause) => cause.retry_after(),
            FailureKind::Paused { until } => until.duration_since(SystemTime::now()).ok(),
            FailureKind::Unclear { failure, why } => failure.retry_after().max(why.retry_after()),
            _ => None,
        }
    }

    /// Whether it may pass by itself, so that trying again later can help. Otherwise something has to be put right.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        policy::is_passing(self)
    }
}

impl<K: Into<FailureKind>> From<K> for Failure {
    fn from(kind: K) -> Self {
        Self(Arc::new(kind.into()))
    }
}

/// The kinds of [`Failure`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FailureKind {
    /// The caller asked for it, see [`Sender::stop_when`](super::Sender::stop_when).
    #[error("interrupted")]
    Interrupted,
    /// The input is at fault: it cannot be read, or has an invalid record and those are not passed over.
    #[error(transparent)]
    Input(#[from] Error),
    /// The caller's own stream of messages failed, see [`Sender::try_send_stream`](super::Sender::try_send_stream).
    #[error("the source of the messages failed: {0}")]
    Source(Box<dyn std::error::Error + Send + Sync>),
    /// More records are invalid than [`Sender::max_invalid`](super::Sender::max_invalid) lets pass.
    #[error("{invalid} of {records} records are invalid, and at most {most} may be")]
    TooManyInvalid {
        /// How many were invalid.
        invalid: u64,
        /// How many records had been read.
        records: u64,
        /// How many may be.
        most: MaxInvalid,
    },
    /// The caller's own handler of events failed, such as a file of rejects that cannot be written.
    #[error("{0}")]
    Handler(io::Error),
    /// The token endpoint refused the credentials, or failed.
    #[error("cannot get an access token: {0}")]
    Authorization(Failure),
    /// The server answered with something else than success.
    #[error("the server answered {0}")]
    Answer(ApiError),
    /// The server found a batch too large. It cannot be split in this run, and is made smaller in the next.
    #[error("{}", too_large(answer, *max_bytes))]
    TooLarge {
        /// The answer.
        answer: ApiError,
        /// The most bytes of a body from now on: fewer than before.
        max_bytes: u64,
    },
    /// The server found a batch too large that without a spool cannot be split, nor made any smaller.
    #[error("{}", unsplit(answer))]
    Unsplit {
        /// The answer.
        answer: ApiError,
    },
    /// The server said success, and then what follows is no receipt.
    #[error("the server answered {status}, but its receipt cannot be read: {reason}")]
    Receipt {
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        reason: String,
        /// The server's `RCRequestId`, which its support asks for.
        request_id: Option<String>,
    },
    /// The connection, or HTTP itself, failed.
    #[error("{step}: {reason}")]
    Transport {
        /// What was being done.
        step: &'static str,
        /// The cause, with what caused it.
        reason: String,
    },
    /// The journal cannot be written. Nothing is sent that could not be written there before.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A batch cannot be kept to be sent again, such as on a full disk.
    #[error("the batch cannot be kept on disk while it is sent: {0}")]
    Spool(io::Error),
    /// What is sent now is not what the journal says was sent until now.
    #[error("{0}")]
    Changed(String),
    /// An earlier process committed a batch, and ended before it knew what became of it.
    #[error("an earlier process ended before it knew what became of it")]
    Unseen,
    /// A batch is in doubt, and the API's list of batches does not tell.
    #[error("{failure}; {why}")]
    Unclear {
        /// Why it is in doubt.
        failure: Failure,
        /// Why the list does not tell.
        why: Failure,
    },
    /// The server has asked an earlier process for a pause, and it is over in more than a day ([`Report::not_before`]).
    #[error("the server has asked for a pause that is longer than a day")]
    Paused {
        /// When it is over.
        until: SystemTime,
    },
    /// Whoever was asked behind the [canary](super::Sender::canary) does not want the rest to be sent.
    #[error("stopped behind the canary: the rest is not sent")]
    Declined,
    /// Nothing moved for too long.
    #[error("{step}: nothing happened for {} s", limit.as_secs_f32())]
    Timeout {
        /// What was being done.
        step: &'static str,
        /// The timeout that ran out.
        limit: Duration,
    },
}

fn too_large(answer: impl fmt::Display, max_bytes: u64) -> String {
    format!(
        "the server answered {answer}; a further run makes batches of {max_bytes} bytes at most"
    )
}

fn unsplit(answer: impl fmt::Display) -> String {
    format!(
        "the server answered {answer}; without a spool a batch is not made smaller than this one"
    )
}

/// An error answer of the API, or of what stands before it (HTML).
///
/// Texts are cleaned: no control characters, no phone number in full, no value of a parameter. They may still quote a message
/// in another way: [`Failure::brief`] is what can be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The API's code, such as `CMN-101`.
    pub code: Option<String>,
    /// What the API, or an HTML page's title, says.
    pub message: Option<String>,
    /// Further errors of the envelope: code, message, parameter.
    pub details: Vec<ApiErrorDetail>,
    /// `RCRequestId`: the API's support asks for it.
    pub request_id: Option<String>,
    /// How long its `Retry-After` wants to be waited.
    pub retry_after: Option<Duration>,
}

/// One of the `errors` in an error envelope.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ApiErrorDetail {
    /// The API's code.
    pub code: Option<String>,
    /// What the API says.
    pub message: Option<String>,
    /// The parameter at fault.
    pub parameter: Option<String>,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        for detail in &self.details {
            // The envelope's first detail is mostly its headline once more.
            let repeated = detail.code == self.code && detail.message == self.message;
            match (&detail.code, &detail.message, &detail.parameter) {
                (_, _, Some(parameter)) if repeated => write!(f, " [{parameter}]")?,
                _ if repeated => {}
                (code, message, parameter) => {
                    let code = code.as_deref().unwrap_or("error");
                    write!(f, "; {code}")?;
                    if let Some(message) = message {
                        write!(f, ": {message}")?;
                    }
                    if let Some(parameter) = parameter {
                        write!(f, " [{parameter}]")?;
                    }
                }
            }
        }
        if let Some(id) = &self.request_id {
            write!(f, " (RCRequestId {id})")?;
        }
        Ok(())
    }
}

impl ApiError {
    /// The same without the server's sentences.
    pub(super) fn brief(&self) -> String {
        let name = |name: &Option<String>| {
            let name = name.as_deref().and_then(sanitize::name);
            name.map(str::to_owned)
        };
        let details = self.details.iter().map(|detail| ApiErrorDetail {
            code: name(&detail.code),
            message: None,
            parameter: name(&detail.parameter),
        });
        let details = details.filter(|detail| detail.code.is_some() || detail.parameter.is_some());
        let brief = Self {
            code: name(&self.code),
            message: None,
            details: details.collect(),
            ..self.clone()
        };
        brief.to_string()
    }
}
