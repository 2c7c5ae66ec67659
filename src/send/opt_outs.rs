//! The API's list of who has opted out of a sender's messages.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::envelope::Dialect;
use crate::message::PhoneNumber;
use crate::send::ask::{MAX_PAGE, Pages, Question, ask_page, page_size};
use crate::send::client::{Client, WaitingFor};
use crate::send::outcome::Failure;
use crate::send::policy::Retry;

/// That a recipient has opted out of the messages of a sender, or in again. All of it is as the API has it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct OptOut {
    /// The sender's number.
    pub from: String,
    /// The recipient's number.
    pub to: String,
    /// `OptOut` or `OptIn`.
    pub status: String,
    /// Who has said so, such as `Recipient`; empty if the API does not say.
    #[serde(default)]
    pub source: String,
}

impl OptOut {
    /// Whether the recipient wants no messages of the sender: a status that is not `OptIn` is taken for that.
    #[must_use]
    pub fn is_opted_out(&self) -> bool {
        self.status != "OptIn"
    }
}

/// Without the numbers.
impl fmt::Debug for OptOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptOut")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The list of a sender, page by page.
#[must_use = "nothing is asked for before the first page is"]
pub struct OptOuts<'c> {
    client: &'c Client,
    from: PhoneNumber,
    retry: Retry,
    page_size: u32,
    waiting: Box<dyn Fn(WaitingFor, Duration) + Send + Sync + 'c>,
    pages: Pages,
}

impl Client {
    /// Who has opted out of the messages of `from`, and in again.
    ///
    /// ```no_run
    /// use batchcast::PhoneNumber;
    /// use batchcast::screen::{NumberSet, Screen};
    /// use batchcast::send::Client;
    ///
    /// # async fn screen(client: &Client, from: PhoneNumber) -> Result<Screen, Box<dyn std::error::Error>> {
    /// let mut opted_out = NumberSet::new();
    /// let mut pages = client.opt_outs(from);
    /// while let Some(page) = pages.next_page().await? {
    ///     for opt_out in page.iter().filter(|opt_out| opt_out.is_opted_out()) {
    ///         opted_out.insert(PhoneNumber::parse(&opt_out.to)?);
    ///     }
    /// }
    /// Ok(Screen::new().suppress(opted_out))
    /// # }
    /// ```
    pub fn opt_outs(&self, from: PhoneNumber) -> OptOuts<'_> {
        OptOuts {
            client: self,
            from,
            retry: Retry::default(),
            page_size: MAX_PAGE,
            waiting: Box::new(|_, _| ()),
            pages: Pages::default(),
        }
    }
}

impl<'c> OptOuts<'c> {
    /// How often, and after which pauses, to ask again for what failed in passing.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// How many records to ask for at once, from 1 to 1000. 1000 unless told otherwise, the API's maximum.
    pub fn page_size(mut self, records: u32) -> Self {
        self.page_size = page_size(records);
        self
    }

    /// Whom to tell that a page has to be waited for, and how long.
    pub fn on_wait(mut self, waiting: impl Fn(WaitingFor, Duration) + Send + Sync + 'c) -> Self {
        self.waiting = Box::new(waiting);
        self
    }

    /// The next page; `None` if there is none.
    ///
    /// # Errors
    /// If the API does not give it.
    pub async fn next_page(&mut self) -> Result<Option<Vec<OptOut>>, Failure> {
        let query = [("from", self.from.as_str())];
        let question = Question {
            path: Dialect::default().opt_outs_path(),
            query: &query,
            retry: self.retry,
        };
        let (client, size, waiting) = (self.client, self.page_size, &*self.waiting);
        let asked =
            async |token: Option<&str>| ask_page(client, question, size, token, waiting).await;
        self.pages.next(asked).await
    }
}

impl fmt::Debug for OptOuts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptOuts")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page can be waited for on any thread: that it compiles is the test.
    #[expect(dead_code)]
    fn pages_are_for_any_thread(mut pages: OptOuts<'_>) {
        fn is_send(_: impl Send) {}
        is_send(pages.next_page());
    }

    #[test]
    fn who_has_not_opted_in_is_not_sent_to() {
        for (status, is_opted_out) in [("OptOut", true), ("OptIn", false), ("Paused", true)] {
            let json = format!(r#"{{"from":"+1","to":"+2","status":"{status}"}}"#);
            let opt_out: OptOut = serde_json::from_str(&json).unwrap();
            assert_eq!(opt_out.is_opted_out(), is_opted_out, "{status}");
        }
    }
}
