//! Asking the API for something: with the care of the client, and again if it fails in passing.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::send::client::{Client, Waiting, WaitingFor};
use crate::send::outcome::{Failure, FailureKind};
use crate::send::policy::{Action, Circumstances, Policy, Retry};
use crate::send::response;

/// Where a list about one batch begins, if it is not known when the batch was created: before there was such an API.
/// The API looks back a day unless it is told otherwise.
pub(crate) const BEFORE_ALL: &str = "2020-01-01T00:00:00Z";

/// How many records of a list the API gives at once, at most (API guide).
pub(crate) const MAX_PAGE: u32 = 1_000;

/// The number of records of a page that is next to what was asked for: the API refuses any other.
pub(crate) const fn page_size(records: u32) -> u32 {
    match records {
        0 => 1,
        1..=MAX_PAGE => records,
        _ => MAX_PAGE,
    }
}

/// A page of one of the API's lists. What has no records, not even an empty list of them, is no page: that nothing is in a
/// list is for its server to say.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T> {
    pub(crate) records: Vec<T>,
    #[serde(default)]
    paging: Option<Paging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Paging {
    next_page_token: Option<String>,
}

impl<T> Page<T> {
    /// What is to be asked for to get the next page, if there is one.
    fn next(&mut self) -> Option<String> {
        self.paging.as_mut()?.next_page_token.take()
    }

    /// The same of the page that was asked for by `token`.
    ///
    /// # Errors
    /// If it is said to follow on itself: it would be asked for without end, and what follows in truth is not known.
    pub(crate) fn next_behind(&mut self, token: Option<&str>) -> Result<Option<String>, Failure> {
        let next = self.next();
        if next.is_some() && next.as_deref() == token {
            return Err(FailureKind::Transport {
                step: "reading the server's list",
                reason: "a page is said to follow on itself".to_owned(),
            }
            .into());
        }
        Ok(next)
    }
}

/// What is asked for, and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'q> {
    pub(crate) path: &'q str,
    pub(crate) query: &'q [(&'q str, &'q str)],
    pub(crate) retry: Retry,
}

/// Asks, and again if that fails in passing.
pub(crate) async fn ask<T: DeserializeOwned>(
    client: &Client,
    question: Question<'_>,
    waiting: Waiting<'_>,
) -> Result<T, Failure> {
    let mut policy = Policy::new(question.retry);
    loop {
        let (failure, bearer) = match client.get(question.path, question.query, waiting).await {
            Ok(answer) => match response::read_json(answer, client.timeouts().response).await {
                Ok(json) => return Ok(json),
                Err(failure) => (failure, None),
            },
            Err(failed) => failed,
        };
        let circumstances = Circumstances {
            can_split: false,
            can_renew: client.can_renew(),
            had_length: true,
            jitter: fastrand::f64(),
        };
        match policy.decide_failed(&failure, &circumstances) {
            Action::Renew => {
                if let Some(bearer) = bearer {
                    client.refuse(&bearer).await;
                }
            }
            // The client holds all requests back itself.
            Action::Penalty => {}
            Action::Again(pause) => {
                waiting(WaitingFor::Question, pause);
                tokio::time::sleep(pause).await;
            }
            _ => return Err(failure),
        }
    }
}

/// Asks for a page of a list: `token` says which, none is the first.
pub(crate) async fn ask_page<T: DeserializeOwned>(
    client: &Client,
    question: Question<'_>,
    per_page: u32,
    token: Option<&str>,
    waiting: Waiting<'_>,
) -> Result<Page<T>, Failure> {
    let per_page = per_page.to_string();
    let mut query = question.query.to_vec();
    query.push(("perPage", &per_page));
    query.extend(token.map(|token| ("pageToken", token)));
    let query = &query;
    ask(client, Question { query, ..question }, waiting).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_one_that_the_api_gives() {
        for (asked, given) in [(0, 1), (1, 1), (7, 7), (1_000, 1_000), (u32::MAX, 1_000)] {
            assert_eq!(page_size(asked), given);
        }
    }

    #[test]
    fn a_page_that_follows_on_itself_is_not_the_last() {
        let next_behind = |json: &str, token| {
            let mut page: Page<u64> = serde_json::from_str(json).unwrap();
            page.next_behind(token)
        };
        let last = r#"{"records":[1],"paging":{"perPage":1}}"#;
        assert_eq!(next_behind(last, Some("a")).unwrap(), None);
        let another = r#"{"records":[1],"paging":{"nextPageToken":"a"}}"#;
        for token in [None, Some("b")] {
            let next = next_behind(another, token).unwrap();
            assert_eq!(next.as_deref(), Some("a"));
        }
        assert!(next_behind(another, Some("a")).is_err());
    }
}
