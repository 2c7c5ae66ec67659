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

/// Goes through the pages of a list.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    next: Next,
    /// One of the tokens before, against which the next ones are compared.
    mark: Option<String>,
    /// How many tokens came since, and how many are compared with it.
    since_mark: u64,
    compared: u64,
}

#[derive(Debug, Default, Clone)]
enum Next {
    #[default]
    First,
    Token(String),
    None,
}

impl Pages {
    /// The next page, `asked` for by its token, the first one without; `None` behind the last.
    ///
    /// # Errors
    /// If it cannot be had: then it is asked for again by the next call. And if the pages are said to follow on
    /// themselves: they would be asked for without end, and what follows in truth is not known.
    pub(crate) async fn next<T>(
        &mut self,
        asked: impl AsyncFnOnce(Option<&str>) -> Result<Page<T>, Failure>,
    ) -> Result<Option<Vec<T>>, Failure> {
        let page = match &self.next {
            Next::First => asked(None).await?,
            Next::Token(token) => asked(Some(token)).await?,
            Next::None => return Ok(None),
        };
        let token = page.paging.and_then(|paging| paging.next_page_token);
        self.next = match token {
            Some(token) => Next::Token(self.another(token)?),
            None => Next::None,
        };
        Ok(Some(page.records))
    }

    /// A token that is not one of those before. Of a circle that is noticed when it has been gone through a few times at most,
    /// however long it is and what led to it, by comparison with a single one (Brent, "An improved Monte Carlo factorization
    /// algorithm", 1980).
    fn another(&mut self, token: String) -> Result<String, Failure> {
        if self.mark.as_ref() == Some(&token) {
            return Err(FailureKind::Transport {
                step: "reading the server's list",
                reason: "its pages are said to follow on themselves".to_owned(),
            }
            .into());
        }
        if self.since_mark == self.compared {
            self.mark = Some(token.clone());
            self.compared = (2 * self.compared).max(1);
            self.since_mark = 0;
        }
        self.since_mark += 1;
        Ok(token)
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

    fn page(next: Option<u64>) -> Page<u64> {
        let paging = next.map(|next| format!(r#""paging":{{"nextPageToken":"{next}"}},"#));
        let json = format!(r#"{{{}"records":[]}}"#, paging.unwrap_or_default());
        serde_json::from_str(&json).unwrap()
    }

    #[tokio::test]
    async fn pages_are_gone_through_to_the_last() {
        let mut pages = Pages::default();
        for token in 0..1_000 {
            let asked = async |asked: Option<&str>| {
                let expected = (token > 0).then(|| token.to_string());
                assert_eq!(asked, expected.as_deref());
                Ok(page((token < 999).then_some(token + 1)))
            };
            assert!(pages.next(asked).await.unwrap().is_some());
        }
        let asked = async |_: Option<&str>| panic!("there is none");
        assert!(pages.next::<u64>(asked).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn pages_that_follow_on_themselves_have_no_last() {
        for (lead, circle) in [(0, 1), (1, 1), (0, 2), (3, 2), (7, 5), (100, 40)] {
            let mut pages = Pages::default();
            let mut asked = 0;
            let failure = loop {
                let token = if asked < lead {
                    asked
                } else {
                    lead + (asked - lead) % circle
                };
                asked += 1;
                match pages.next(async |_| Ok(page(Some(token)))).await {
                    Ok(more) => assert!(more.is_some()),
                    Err(failure) => break failure,
                }
                assert!(asked < 4 * (lead + circle) + 4, "{lead}, {circle}");
            };
            assert!(failure.to_string().contains("follow on themselves"));
            assert!(asked > lead + circle, "{lead}, {circle}");
        }
    }
}
