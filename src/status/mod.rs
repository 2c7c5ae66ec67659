//! What became of batches and of their messages, asked of the API after a send.
//!
//! A [`Readback`] asks with a [`Client`]: as whom it asks, how it keeps to the rate limit, and what it tries again is as in
//! sending. Lists are read a page at a time, in constant memory.
//!
//! ```no_run
//! use batchcast::send::{Client, Credentials, DEFAULT_BASE_URL};
//! use batchcast::status::{Readback, View, meaning};
//!
//! # async fn read() -> Result<(), Box<dyn std::error::Error>> {
//! let credentials = Credentials::access_token(std::env::var("RC_ACCESS_TOKEN")?);
//! let client = Client::builder(DEFAULT_BASE_URL, credentials).build()?;
//! let readback = Readback::new(&client);
//! let Some(batch) = readback.batch("3157ac7d-baab-4d0e-1453-deada6c735d2").await? else {
//!     return Ok(());
//! };
//! println!("{}: {} messages failed", batch.status.as_str(), readback.statuses(&batch).await?.failed());
//! let mut messages = readback.messages(&batch, View::Simple);
//! while let Some(page) = messages.next_page().await? {
//!     for message in page {
//!         let code = message.error_code.as_deref().unwrap_or_default();
//!         println!("{} {}", message.status.as_str(), meaning(code).unwrap_or(code));
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod codes;
mod records;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, Stream, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};

pub use self::codes::{CodeSource, ERROR_CODES, ErrorCode, meaning};
pub use self::records::{
    BatchPhase, BatchStatus, DeliveryStatus, MessageStatus, StatusCount, Statuses,
};
use crate::envelope::Dialect;
use crate::send::ask::{BEFORE_ALL, MAX_PAGE, Pages, Question, ask, ask_page, page_size};
use crate::send::{Client, Failure, FailureKind, Retry, WaitingFor};

/// The API's lists begin 24 hours ago unless they are told otherwise, so they are told when the batch was created; and
/// somewhat earlier, because a message is not created later than its batch in everybody's eyes.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// Asks the API about batches.
#[must_use]
pub struct Readback<'c> {
    client: &'c Client,
    dialect: Dialect,
    retry: Retry,
    page_size: u32,
    waiting: Arc<dyn Fn(WaitingFor, Duration) + Send + Sync>,
}

/// How much is told of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// All but its text.
    #[default]
    Simple,
    /// With its text.
    Detailed,
}

impl<'c> Readback<'c> {
    /// Asks with this client.
    pub fn new(client: &'c Client) -> Self {
        Self {
            client,
            dialect: Dialect::default(),
            retry: Retry::default(),
            page_size: MAX_PAGE,
            waiting: Arc::new(|_, _| {}),
        }
    }

    /// How often, and after which pauses, to ask again when that fails in passing.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// How many messages to ask for at once, from 1 to 1000. 1000 unless told otherwise, the API's maximum.
    pub fn page_size(mut self, messages: u32) -> Self {
        self.page_size = page_size(messages);
        self
    }

    /// Whom to tell that a question has to wait, for what, and how long.
    pub fn on_wait(mut self, told: impl Fn(WaitingFor, Duration) + Send + Sync + 'static) -> Self {
        self.waiting = Arc::new(told);
        self
    }

    /// One batch; `None` if the API does not know it.
    ///
    /// # Errors
    /// If the API cannot be asked, or answers with anything but a batch.
    pub async fn batch(&self, id: &str) -> Result<Option<BatchStatus>, Failure> {
        if !is_id(id) {
            return Ok(None);
        }
        let path = format!("{}/{id}", self.dialect.batches_path());
        match ask(self.client, self.question(&path, &[]), &*self.waiting).await {
            Ok(batch) => Ok(Some(batch)),
            Err(failure) if is_unknown(&failure) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// How many messages of a batch have come to what.
    ///
    /// # Errors
    /// If the API cannot be asked, or answers with anything else.
    pub async fn statuses(&self, batch: &BatchStatus) -> Result<Statuses, Failure> {
        let since = since(batch);
        let query = query(batch, &since);
        let path = self.dialect.statuses_path();
        ask(self.client, self.question(path, &query), &*self.waiting).await
    }

    /// The messages of a batch, page by page, in an order that the API does not state. Those that were rejected
    /// are not among them.
    pub fn messages(&self, batch: &BatchStatus, view: View) -> Messages<'_> {
        Messages {
            readback: self,
            batch: batch.clone(),
            since: since(batch),
            view,
            pages: Pages::default(),
        }
    }

    fn question<'q>(&self, path: &'q str, query: &'q [(&'q str, &'q str)]) -> Question<'q> {
        let retry = self.retry;
        Question { path, query, retry }
    }
}

impl fmt::Debug for Readback<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readback")
            .field("client", self.client)
            .field("page_size", &self.page_size)
            .finish_non_exhaustive()
    }
}

/// The messages of a batch. See [`Readback::messages`].
#[derive(Debug)]
#[must_use = "nothing is asked before a page is"]
pub struct Messages<'r> {
    readback: &'r Readback<'r>,
    batch: BatchStatus,
    since: String,
    view: View,
    pages: Pages,
}

impl<'r> Messages<'r> {
    /// The next page; `None` behind the last one. A page may be empty.
    ///
    /// # Errors
    /// If the API cannot be asked, or answers with anything else. Then the same page can be asked for again.
    pub async fn next_page(&mut self) -> Result<Option<Vec<MessageStatus>>, Failure> {
        let mut query = query(&self.batch, &self.since);
        query.push(("direction", "Outbound"));
        let view = match self.view {
            View::Simple => "Simple",
            View::Detailed => "Detailed",
        };
        query.push(("view", view));
        let readback = self.readback;
        let question = readback.question(readback.dialect.messages_path(), &query);
        let (size, waiting) = (readback.page_size, &*readback.waiting);
        let asked = async |token: Option<&str>| {
            ask_page(readback.client, question, size, token, waiting).await
        };
        self.pages.next(asked).await
    }

    /// The messages one after the other.
    pub fn into_stream(self) -> impl Stream<Item = Result<MessageStatus, Failure>> + 'r {
        let pages = stream::try_unfold(self, async |mut messages| {
            let page = messages.next_page().await?;
            Ok::<_, Failure>(page.map(|page| (stream::iter(page.into_iter().map(Ok)), messages)))
        });
        pages.try_flatten()
    }
}

fn query<'q>(batch: &'q BatchStatus, since: &'q str) -> Vec<(&'q str, &'q str)> {
    vec![("batchId", batch.id.as_str()), ("dateFrom", since)]
}

fn since(batch: &BatchStatus) -> String {
    let created = batch.creation_time.as_deref();
    let created = created.and_then(|created| created.parse::<Timestamp>().ok());
    let earlier = created.and_then(|created| created.checked_sub(MARGIN).ok());
    earlier.map_or_else(|| BEFORE_ALL.to_owned(), |earlier| earlier.to_string())
}

/// Whether it can stand in a path as it is. The API's ids are UUIDs.
fn is_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !id.is_empty() && id.bytes().all(is_plain)
}

fn is_unknown(failure: &Failure) -> bool {
    matches!(failure.kind(), FailureKind::Answer(answer) if answer.status == 404)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_begin_before_their_batch() {
        let mut batch = BatchStatus::of_id("x");
        assert_eq!(since(&batch), BEFORE_ALL);
        batch.creation_time = Some("2020-10-12T18:59:55.053902+02:00".to_owned());
        assert_eq!(since(&batch), "2020-10-12T16:54:55.053902Z");
    }

    #[test]
    fn an_id_cannot_lead_to_another_path() {
        for id in ["", "..", "a/b", "a?b", "a b", "ä"] {
            assert!(!is_id(id), "{id}");
        }
        assert!(is_id("3157ac7d-baab-4d0e-1453-deada6c735d2"));
    }
}
