//! One batch on its way: its request, its body, its answer.

use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use reqwest::header::HeaderValue;
use reqwest::{Response, StatusCode};
use tokio::time::timeout;

use crate::body::{BodyWriter, Closed, Gate};
use crate::encode::Batch;
use crate::envelope::Dialect;
use crate::journal::{self, Entry};
use crate::send::client::{Answer, Client, Timeouts, Waiting, transport_failure};
use crate::send::delivery::{Ids, Shared};
use crate::send::ledger::Ledger;
use crate::send::origins::Lookup;
use crate::send::outcome::{Failure, FailureKind, Outcome, Receipt, Reject, RejectCount};
use crate::send::response::{self, RejectBody, TakeReject};
use crate::send::sanitize::{self, cleaned, name};
use crate::send::{Event, Handler};

const UPLOADING: &str = "uploading";
const WAITING: &str = "waiting for the answer";

/// A batch whose tail has not left. Dropping it aborts the request: nobody gets a message.
///
/// Its request is polled whenever something is awaited here, so an answer that comes early, while the
/// body is still on its way, is noticed at once.
#[must_use = "dropping it aborts the request"]
pub(super) struct Upload {
    writer: BodyWriter,
    answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
    timeouts: Timeouts,
    started: Instant,
    bearer: HeaderValue,
}

impl Upload {
    /// Opens a request for a batch, as soon as it may leave.
    ///
    /// # Errors
    /// If there is no token to be had. Nothing of the batch has left then.
    pub(super) async fn open(
        client: &Client,
        dialect: Dialect,
        length: Option<u64>,
        waiting: Waiting<'_>,
    ) -> Result<Self, Failure> {
        let open = client.open_batch(dialect, length, waiting).await?;
        Ok(Self {
            writer: open.writer,
            answer: open.answer,
            timeouts: client.timeouts(),
            started: Instant::now(),
            bearer: open.bearer,
        })
    }

    /// What the request goes with.
    pub(super) const fn bearer(&self) -> &HeaderValue {
        &self.bearer
    }

    /// Hands over the next bytes of the body.
    ///
    /// # Errors
    /// Why the request ended before its body did.
    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        let limit = self.timeouts.stall;
        let written = tokio::select! {
            biased;
            early = &mut self.answer => return Err(answered_early(early).await),
            written = timeout(limit, self.writer.write(bytes)) => written,
        };
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Closed)) => Err(self.closed().await),
            Err(_) => Err(stalled(limit)),
        }
    }

    /// Waits for something else, such as the next bytes, but not beyond the end of the request.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(super) async fn unless_answered<T>(
        &mut self,
        other: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            early = &mut self.answer => Err(answered_early(early).await),
            done = other => Ok(done),
        }
    }

    /// Waits until everything but the tail has been taken.
    ///
    /// # Errors
    /// Why the request ended before its body did.
    pub(super) async fn gate(mut self) -> Result<AtGate, Failure> {
        let limit = self.timeouts.stall;
        let gate = tokio::select! {
            biased;
            early = &mut self.answer => return Err(answered_early(early).await),
            gate = timeout(limit, self.writer.gate()) => gate,
        };
        match gate {
            Ok(Ok(gate)) => Ok(AtGate {
                gate,
                answer: self.answer,
                timeouts: self.timeouts,
                started: self.started,
            }),
            Ok(Err(Closed)) => Err(closed(&mut self.answer, self.timeouts.response).await),
            Err(_) => Err(stalled(limit)),
        }
    }

    /// The connection takes no more: its answer says why.
    async fn closed(&mut self) -> Failure {
        closed(&mut self.answer, self.timeouts.response).await
    }
}

async fn closed(answer: &mut (impl Future<Output = Answer> + Unpin), limit: Duration) -> Failure {
    match timeout(limit, answer).await {
        Ok(answer) => answered_early(answer).await,
        Err(_) => FailureKind::Timeout {
            step: WAITING,
            limit,
        }
        .into(),
    }
}

/// An answer before the body's end is never success, whatever it says: the tail was not released.
async fn answered_early(answer: Answer) -> Failure {
    match answer {
        Ok(response) => FailureKind::Answer(response::read_error(response).await).into(),
        Err(error) => transport_failure(UPLOADING, error),
    }
}

fn stalled(limit: Duration) -> Failure {
    let step = UPLOADING;
    FailureKind::Timeout { step, limit }.into()
}

/// A batch of which everything but the tail is with the connection. Dropping it aborts the request.
#[must_use = "dropping it aborts the request"]
pub(super) struct AtGate {
    gate: Gate,
    answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
    timeouts: Timeouts,
    started: Instant,
}

impl AtGate {
    /// Releases the tail: from then on the batch counts.
    ///
    /// # Errors
    /// Why the request ended before. The tail was not released then.
    pub(super) async fn release(mut self, tail: Bytes) -> Result<Committed, Failure> {
        // The last moment at which an early answer still keeps the tail back.
        if let Some(early) = (&mut self.answer).now_or_never() {
            return Err(answered_early(early).await);
        }
        if self.gate.open(tail).is_err() {
            return Err(closed(&mut self.answer, self.timeouts.response).await);
        }
        Ok(Committed {
            answer: self.answer,
            timeouts: self.timeouts,
            started: self.started,
        })
    }
}

/// A batch whose tail was released: it counts, unless the answer says otherwise.
#[must_use = "only the answer says what became of the batch"]
pub(super) struct Committed {
    answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
    timeouts: Timeouts,
    started: Instant,
}

/// What became of a committed batch, and whether its rejects could be handled.
pub(super) struct Settled {
    pub(super) outcome: Outcome,
    /// What came of the rejects, also of an answer that was lost behind them.
    pub(super) rejects: RejectCount,
    pub(super) handled: Result<(), Failure>,
}

impl Committed {
    /// Waits for the answer, and reads it. The rejects are in the journal when this returns.
    pub(super) async fn settle(self, batch: Batch, origins: Lookup, shared: &Shared) -> Settled {
        let limit = self.timeouts.response;
        let mut rejects = RejectCount::default();
        let mut handled = Ok(());
        let outcome = match timeout(limit, self.answer).await {
            Err(_) => Outcome::InDoubt(
                FailureKind::Timeout {
                    step: WAITING,
                    limit,
                }
                .into(),
            ),
            Ok(Err(error)) => Outcome::InDoubt(transport_failure(WAITING, error)),
            Ok(Ok(response)) if response.status().is_success() => {
                let taken = Rejects::new(batch, origins, shared);
                let receipt;
                (receipt, rejects, handled) = self::receipt(response, limit, batch, taken).await;
                match receipt {
                    Ok(mut receipt) => {
                        receipt.elapsed = self.started.elapsed();
                        Outcome::Accepted(receipt)
                    }
                    Err(failure) => Outcome::InDoubt(failure),
                }
            }
            Ok(Ok(response)) => {
                let status = response.status();
                let failure = FailureKind::Answer(response::read_error(response).await).into();
                // "See other" is said of what was done: the receipt would be elsewhere (RFC 9110, 15.4.4).
                let is_done = status == StatusCode::SEE_OTHER;
                if (status.is_redirection() && !is_done) || status.is_client_error() {
                    Outcome::Refused(failure)
                } else {
                    Outcome::InDoubt(failure)
                }
            }
        };
        Settled {
            outcome,
            rejects,
            handled,
        }
    }
}

/// How many rejects stand in one line of the journal at most.
const JOURNALED_AT_ONCE: usize = 256;

/// Takes the rejects of a receipt as they come: into the journal, then to the handler.
struct Rejects {
    batch: Batch,
    origins: Lookup,
    handler: Handler,
    ledger: Ledger,
    /// The ids that other batches have.
    known: Ids,
    /// The receipt is that of another batch, such as one that was said twice: so are its rejects.
    are_of_another: bool,
    /// A bit for each message of the batch up to the last that was rejected: whether it was.
    seen: Vec<u64>,
    /// What is not in the journal yet.
    unwritten: Vec<journal::Rejected>,
    count: RejectCount,
    /// What kept the journal, and the handler, from taking them.
    journaled: Result<(), Failure>,
    handled: Result<(), Failure>,
}

impl Rejects {
    fn new(batch: Batch, origins: Lookup, shared: &Shared) -> Self {
        Self {
            batch,
            origins,
            handler: shared.handler.clone(),
            ledger: shared.ledger.clone(),
            known: shared.ids.clone(),
            are_of_another: false,
            seen: Vec::new(),
            unwritten: Vec::new(),
            count: RejectCount::default(),
            journaled: Ok(()),
            handled: Ok(()),
        }
    }

    /// Whether it is the first time that this message of the batch is rejected.
    fn is_first(&mut self, index: u64) -> bool {
        // Of each message of a batch there is a byte in memory: its index is no larger.
        let (word, bit) = ((index / 64) as usize, 1 << (index % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        let is_first = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        is_first
    }

    fn write(&mut self) {
        let rejects = std::mem::take(&mut self.unwritten);
        if rejects.is_empty() || self.journaled.is_err() {
            return;
        }
        let batch = self.batch.number;
        self.journaled = self
            .ledger
            .write_blocking(&Entry::Rejected { batch, rejects });
    }
}

/// Stands for what the server gave as a code and is none.
const NO_CODE: &str = "-";

impl TakeReject for Rejects {
    fn id(&mut self, id: &str) {
        self.are_of_another = self.known.has(&sanitize::id(id));
    }

    fn take(&mut self, body: RejectBody) {
        if self.are_of_another {
            return;
        }
        let index = body.index.unwrap_or_default();
        let to = body.to.unwrap_or_default();
        let origin = self.origins.find(index, &to);
        let origin = origin.filter(|_| index <= self.batch.messages);
        if origin.is_some() && !self.is_first(index) {
            // It is rejected once, however often that is said. What else was meant nobody can tell.
            self.count.unplaced += 1;
            return;
        }
        let error_code = body.error_code.unwrap_or_default();
        self.count.rejected += 1;
        self.count.unplaced += u64::from(origin.is_none());
        if self.ledger.is_kept() {
            self.unwritten.push(journal::Rejected {
                index,
                record: origin.map(|origin| origin.record),
                line: origin.map(|origin| origin.line),
                // Anything else may quote the message.
                code: name(&error_code).unwrap_or(NO_CODE).to_owned(),
            });
            if self.unwritten.len() >= JOURNALED_AT_ONCE {
                self.write();
            }
        }
        // The rest is still counted when the handler fails: the report must be true.
        if self.handled.is_ok() && self.journaled.is_ok() {
            self.handled = self.handler.call(Event::Rejected(&Reject {
                batch: self.batch.number,
                index,
                origin,
                to,
                error_code,
                description: body.description.unwrap_or_default(),
            }));
        }
    }

    fn end(&mut self) {
        self.write();
    }
}

async fn receipt(
    response: Response,
    patience: Duration,
    batch: Batch,
    rejects: Rejects,
) -> (Result<Receipt, Failure>, RejectCount, Result<(), Failure>) {
    let status = response.status().as_u16();
    let request_id = response::request_id(response.headers());
    let (body, rejects) = response::read_receipt(response, patience, rejects).await;
    let receipt = body.and_then(|body| {
        Ok(Receipt {
            batch,
            id: sanitize::id(&body.id.ok_or("it has no id")?),
            batch_size: body.batch_size,
            status: body.status.map(|status| cleaned(&status)),
            creation_time: body.creation_time.map(|time| sanitize::time(&time)),
            rejected: rejects.count.rejected,
            unplaced: rejects.count.unplaced,
            found: false,
            elapsed: Duration::ZERO,
        })
    });
    let receipt = receipt.map_err(|reason: String| {
        FailureKind::Receipt {
            status,
            reason,
            request_id,
        }
        .into()
    });
    let handled = rejects.journaled.and(rejects.handled);
    (receipt, rejects.count, handled)
}
