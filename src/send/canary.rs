//! A canary: the first messages of a send go ahead alone, and the rest waits until somebody has seen what became of
//! them.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::journal::{self, BatchState};
use crate::send::ask::{self, Question};
use crate::send::client::WaitingFor;
use crate::send::delivery::Shared;
use crate::send::outcome::{Failure, FailureKind, Receipt};
use crate::send::{Event, sanitize};

/// How long a batch that was just accepted may be unknown to the server.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);

/// How many kinds of failures are told apart; a server has a few dozen.
const MAX_CODES: usize = 100;

/// What became of the first messages of a send, once the API has processed them.
///
/// `messages` is the sum of `rejected`, `delivered`, `sent`, `queued`, `failed` and `unknown`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Canary {
    /// The API's ids of its batches: mostly one; more if a batch may not have so many messages.
    pub ids: Vec<String>,
    /// How many messages were sent.
    pub messages: u64,
    /// How many of them the API rejected at once. Each was an [`Event::Rejected`], in this process or in an earlier
    /// one of the run.
    pub rejected: u64,
    /// How many have reached their recipients.
    pub delivered: u64,
    /// How many have left for the carriers, of whom no more is known yet.
    pub sent: u64,
    /// How many are still to be sent.
    pub queued: u64,
    /// How many could not be sent or delivered.
    pub failed: u64,
    /// These by the API's code, such as `SMS-CAR-411`, as far as it gives codes.
    pub failures: BTreeMap<String, u64>,
    /// Of how many the API says nothing, such as those of a batch that was left in doubt.
    pub unknown: u64,
}

/// What is done behind a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// The rest is sent.
    GoOn,
    /// The send stops ([`FailureKind::Declined`]). With a journal it can be resumed.
    Stop,
}

/// Whoever decides.
type Approve = Box<dyn FnOnce(Canary) -> Decision + Send>;
type Decision = Pin<Box<dyn Future<Output = Approval> + Send>>;

/// A canary that is asked for.
pub(super) struct Wanted {
    pub(super) messages: NonZeroU64,
    approve: Approve,
}

impl Wanted {
    pub(super) fn new<F>(
        messages: NonZeroU64,
        approve: impl FnOnce(Canary) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Approval> + Send + 'static,
    {
        Self {
            messages,
            approve: Box::new(|canary| Box::pin(approve(canary))),
        }
    }
}

/// A canary on its way, and what is known of its batches.
pub(super) struct Flight {
    approve: Approve,
    batches: Vec<Sent>,
    canary: Canary,
}

/// A batch of it that the API has.
struct Sent {
    number: u64,
    id: String,
    messages: u64,
    rejected: u64,
    /// In the API's words.
    created: Option<String>,
}

impl Flight {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            approve: wanted.approve,
            batches: Vec::new(),
            canary: Canary::default(),
        }
    }

    /// One of its batches was accepted.
    pub(super) fn accepted(&mut self, receipt: &Receipt) {
        self.batches.push(Sent {
            number: receipt.batch.number,
            id: receipt.id.clone(),
            messages: receipt.batch.messages,
            rejected: receipt.rejected,
            created: receipt.creation_time.clone(),
        });
    }

    /// One of its batches is of an earlier process.
    pub(super) fn held(&mut self, held: &BatchState) {
        match &held.status {
            journal::Status::Accepted {
                id,
                rejected,
                creation_time,
                ..
            } => self.batches.push(Sent {
                number: held.batch.number,
                id: id.clone(),
                messages: held.batch.messages,
                rejected: *rejected,
                created: creation_time.clone(),
            }),
            _ => self.left(held.batch.messages),
        }
    }

    /// One of its batches was left in doubt.
    pub(super) fn left(&mut self, messages: u64) {
        self.canary.messages += messages;
        self.canary.unknown += messages;
    }

    /// Waits until the API has processed all of it, and for the decision.
    ///
    /// # Errors
    /// If the API cannot be asked, or if the decision is to stop.
    pub(super) async fn land(mut self, shared: &Shared) -> Result<(), Failure> {
        for sent in &self.batches {
            completed(shared, sent).await?;
            let statuses = statuses(shared, sent).await?;
            self.canary.add(sent, statuses);
        }
        match (self.approve)(self.canary).await {
            Approval::GoOn => Ok(()),
            Approval::Stop => Err(FailureKind::Declined.into()),
        }
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").finish_non_exhaustive()
    }
}

impl Canary {
    fn add(&mut self, sent: &Sent, statuses: Statuses) {
        let told = [
            &statuses.queued,
            &statuses.delivered,
            &statuses.delivery_failed,
            &statuses.sent,
            &statuses.sending_failed,
        ];
        let told = told
            .iter()
            .fold(0_u64, |sum, status| sum.saturating_add(status.count));
        // What a server says need not add up.
        let count = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        self.ids.push(sent.id.clone());
        self.messages += sent.messages;
        self.rejected += sent.rejected;
        count(&mut self.delivered, statuses.delivered.count);
        count(&mut self.sent, statuses.sent.count);
        count(&mut self.queued, statuses.queued.count);
        count(&mut self.failed, statuses.delivery_failed.count);
        count(&mut self.failed, statuses.sending_failed.count);
        self.unknown += sent
            .messages
            .saturating_sub(sent.rejected)
            .saturating_sub(told);
        for failed in [statuses.delivery_failed, statuses.sending_failed] {
            for (code, more) in failed.error_code_counts.unwrap_or_default() {
                let code = sanitize::cleaned(&code);
                if self.failures.contains_key(&code) || self.failures.len() < MAX_CODES {
                    let known = self.failures.entry(code).or_default();
                    count(known, more);
                }
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    status: Option<String>,
    processed_count: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Statuses {
    queued: Status,
    delivered: Status,
    delivery_failed: Status,
    sent: Status,
    sending_failed: Status,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    count: u64,
    error_code_counts: Option<BTreeMap<String, u64>>,
}

/// Waits until a batch is completed, however long that takes: carriers take a message a second, or hundreds.
async fn completed(shared: &Shared, sent: &Sent) -> Result<(), Failure> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    if sent.id.is_empty() || sent.id.starts_with('.') || !sent.id.bytes().all(is_plain) {
        let reason = "the server's id of the batch is none that can be asked for".to_owned();
        let step = "waiting for the canary";
        return Err(FailureKind::Transport { step, reason }.into());
    }
    let path = format!("{}/{}", shared.dialect.batches_path(), sent.id);
    let (batch, messages) = (sent.number, sent.messages);
    let began = Instant::now();
    loop {
        let shown = match ask::<Shown>(shared, batch, &path, &[]).await {
            Ok(shown) => shown,
            Err(failure) if is_unknown(&failure) && began.elapsed() < UNKNOWN_FOR => Shown {
                status: None,
                processed_count: None,
            },
            Err(failure) => return Err(failure),
        };
        let status = shown.status.as_deref().map(sanitize::cleaned);
        shared.handler.call(Event::Canary {
            batch,
            status: status.as_deref(),
            processed: shown.processed_count,
            messages,
        })?;
        if status.as_deref() == Some("Completed") {
            return Ok(());
        }
        let wait = shared.reconciliation.interval();
        shared.waiting(batch, WaitingFor::Completion, wait);
        tokio::time::sleep(wait).await;
    }
}

/// Asks for something about a batch.
async fn ask<T: DeserializeOwned>(
    shared: &Shared,
    batch: u64,
    path: &str,
    query: &[(&str, &str)],
) -> Result<T, Failure> {
    let waiting = |what, wait| shared.waiting(batch, what, wait);
    let retry = shared.retry;
    let question = Question { path, query, retry };
    ask::ask(&shared.client, question, &waiting).await
}

fn is_unknown(failure: &Failure) -> bool {
    matches!(failure.kind(), FailureKind::Answer(answer) if answer.status == 404)
}

/// What became of a batch's messages.
async fn statuses(shared: &Shared, sent: &Sent) -> Result<Statuses, Failure> {
    // The API looks back a day unless it is told otherwise, and a run may be gone on with later.
    let since = sent.created.as_deref().and_then(|created| {
        let created: Timestamp = created.parse().ok()?;
        created.checked_sub(SignedDuration::from_secs(60)).ok()
    });
    let since = since.map_or(ask::BEFORE_ALL.to_owned(), |since| since.to_string());
    let query = [("batchId", sent.id.as_str()), ("dateFrom", &since)];
    ask(shared, sent.number, shared.dialect.statuses_path(), &query).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_counted_once() {
        let answer = r#"{"delivered":{"count":3,"cost":0.1},"sendingFailed":{"count":1,"errorCodeCounts":{"SMS-UP-500":1}},
            "deliveryFailed":{"count":2,"errorCodeCounts":{"SMS-CAR-411":1,"SMS-CAR-430":1}},"sent":{"count":1}}"#;
        let mut canary = Canary::default();
        let sent = Sent {
            number: 1,
            id: "an-id".to_owned(),
            messages: 10,
            rejected: 2,
            created: None,
        };
        canary.add(&sent, serde_json::from_str(answer).unwrap());
        assert_eq!(
            (canary.messages, canary.rejected, canary.failed),
            (10, 2, 3)
        );
        assert_eq!((canary.delivered, canary.sent, canary.unknown), (3, 1, 1));
        assert_eq!(canary.failures.len(), 3);
        // A server that says nothing, and one that says too much.
        canary.add(&sent, Statuses::default());
        assert_eq!((canary.messages, canary.unknown), (20, 9));
        let most = r#"{"queued":{"count":99},"sent":{"count":18446744073709551615},
            "deliveryFailed":{"count":18446744073709551615,"errorCodeCounts":{"SMS-CAR-411":18446744073709551615}}}"#;
        canary.add(&sent, serde_json::from_str(most).unwrap());
        assert_eq!((canary.unknown, canary.sent), (9, u64::MAX));
        assert_eq!(canary.failures["SMS-CAR-411"], u64::MAX);
    }
}
