//! Asking the API for something, such as a page of a list, and again if that fails in passing.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::send::client::{Client, Waiting, WaitingFor};
use crate::send::outcome::Failure;
use crate::send::policy::{Action, Circumstances, Policy, Retry};
use crate::send::response;

/// A page of a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    #[serde(default = "Vec::new")]
    pub(super) records: Vec<T>,
    #[serde(default)]
    paging: Option<Paging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Paging {
    next_page_token: Option<String>,
}

impl<T> Page<T> {
    /// The token of the next page, if there is one.
    pub(super) fn take_next(&mut self) -> Option<String> {
        self.paging.take().and_then(|paging| paging.next_page_token)
    }
}

/// What is asked for.
pub(super) struct Asked<'a> {
    pub(super) path: &'a str,
    pub(super) query: &'a [(&'a str, &'a str)],
    /// How many records a page has at most.
    pub(super) page_size: u32,
    /// The page's token; `None` for the first one.
    pub(super) page: Option<&'a str>,
}

/// Asks for a page.
pub(super) async fn page<T: DeserializeOwned>(
    client: &Client,
    retry: Retry,
    asked: &Asked<'_>,
    waiting: Waiting<'_>,
) -> Result<Page<T>, Failure> {
    let page_size = asked.page_size.to_string();
    let mut query = asked.query.to_vec();
    query.push(("perPage", &page_size));
    query.extend(asked.page.map(|token| ("pageToken", token)));
    let (path, query) = (asked.path, &query);
    ask(client, Question { path, query, retry }, waiting).await
}

/// What is asked for, be it a page or not, and how often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'q> {
    pub(super) path: &'q str,
    pub(super) query: &'q [(&'q str, &'q str)],
    pub(super) retry: Retry,
}

/// Asks, and again if that fails in passing.
pub(super) async fn ask<T: DeserializeOwned>(
    client: &Client,
    question: Question<'_>,
    waiting: Waiting<'_>,
) -> Result<T, Failure> {
    let mut policy = Policy::new(question.retry);
    loop {
        let (failure, bearer) = match client.get(question.path, question.query, waiting).await {
            Ok(answer) => match response::read_json(answer, client.timeouts().response).await {
                Ok(answer) => return Ok(answer),
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
            Action::Penalty(_) => {}
            Action::Again(pause) => {
                waiting(WaitingFor::Retry, pause);
                tokio::time::sleep(pause).await;
            }
            _ => return Err(failure),
        }
    }
}
