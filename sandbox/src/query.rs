//! Query parameters, and pages.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::error::ApiError;

/// The API's default for `perPage`, and its maximum.
const MAX_PER_PAGE: usize = 1_000;

/// Parameters, each known to its endpoint and given once: a sandbox shows a misspelt one instead of ignoring it.
#[derive(Debug)]
pub(crate) struct Query<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

impl<'q> Query<'q> {
    pub(crate) fn parse(raw: Option<&'q str>, known: &[&str]) -> Result<Self, ApiError> {
        let mut pairs: Vec<(Cow<'q, str>, Cow<'q, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
            let reason = if !known.contains(&&*name) {
                "it is unknown here"
            } else if pairs.iter().any(|(given, _)| *given == name) {
                "it is there twice"
            } else {
                pairs.push((name, value));
                continue;
            };
            return Err(ApiError::parameter(
                name.chars().take(64).collect::<String>(),
                reason,
            ));
        }
        Ok(Self(pairs))
    }

    /// The parameter `name` as `parse` reads it; `expected` is for the error.
    pub(crate) fn value<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some((_, value)) = self.0.iter().find(|(given, _)| given == name) else {
            return Ok(None);
        };
        parse(value)
            .map(Some)
            .ok_or_else(|| ApiError::parameter(name, &format!("{expected} is expected")))
    }

    /// `dateFrom` to `dateTo`, both inclusive; by default the 24 hours before `now`.
    pub(crate) fn period(
        &self,
        now: Timestamp,
    ) -> Result<std::ops::RangeInclusive<Timestamp>, ApiError> {
        let time = |name| {
            self.value(name, "a time as 2020-10-12T16:59:55.053902Z", |text| {
                text.parse().ok()
            })
        };
        let to: Timestamp = time("dateTo")?.unwrap_or(now);
        let day = SignedDuration::from_hours(24);
        let from =
            time("dateFrom")?.unwrap_or_else(|| to.checked_sub(day).unwrap_or(Timestamp::MIN));
        Ok(from..=to)
    }

    /// `perPage` and `pageToken`.
    pub(crate) fn paging(&self) -> Result<Paging, ApiError> {
        let per_page = self.value("perPage", "a whole number from 1 to 1000", |text| {
            text.parse()
                .ok()
                .filter(|per_page| (1..=MAX_PER_PAGE).contains(per_page))
        })?;
        let start = self.value("pageToken", "a token of an earlier page", Key::parse)?;
        Ok(Paging {
            per_page: per_page.unwrap_or(MAX_PER_PAGE),
            start,
        })
    }
}

/// Where an item stands in a list: newest batch first, then in the order of the batch. A page token is the key of
/// the page's first item, so a page stays where it is while new batches arrive in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(Reverse<u64>, u64);

impl Key {
    pub(crate) fn new(batch: u64, ordinal: u64) -> Self {
        Self(Reverse(batch), ordinal)
    }

    fn parse(token: &str) -> Option<Self> {
        let (batch, ordinal) = token.split_once('.')?;
        Some(Self::new(batch.parse().ok()?, ordinal.parse().ok()?))
    }

    fn token(self) -> String {
        format!("{}.{}", self.0.0, self.1)
    }
}

#[derive(Debug)]
pub(crate) struct Paging {
    per_page: usize,
    start: Option<Key>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Page<T> {
    records: Vec<T>,
    paging: PageTokens,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PageTokens {
    per_page: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_page_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_page_token: Option<String>,
}

impl<T> Page<T> {
    pub(crate) fn records(&self) -> &[T] {
        &self.records
    }
}

impl Paging {
    /// Takes the page out of `items`, which come in the order of their keys.
    pub(crate) fn page<I, T>(
        &self,
        items: impl Iterator<Item = I>,
        key: impl Fn(&I) -> Key,
        view: impl Fn(I) -> T,
    ) -> Page<T> {
        let mut records = Vec::new();
        let (mut first, mut page, mut next) = (None, None, None);
        let mut before = VecDeque::with_capacity(self.per_page);
        for item in items {
            let at = key(&item);
            first = first.or(Some(at));
            if self.start.is_some_and(|start| at < start) {
                if before.len() == self.per_page {
                    before.pop_front();
                }
                before.push_back(at);
            } else if records.len() < self.per_page {
                page = page.or(Some(at));
                records.push(view(item));
            } else {
                next = Some(at);
                break;
            }
        }
        let paging = PageTokens {
            per_page: self.per_page,
            page_token: page.or(self.start).map(Key::token),
            next_page_token: next.map(Key::token),
            previous_page_token: before.front().copied().map(Key::token),
            first_page_token: first.map(Key::token),
        };
        Page { records, paging }
    }
}
