//! What tests set by the environment: shorter pauses, and a moment to die at. Not for users.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use batchcast::send::{ClientBuilder, Event, Reconciliation, Retry};

use crate::quantity;

/// How long to wait for what, where tests do not want to wait as long as people do:
/// `BATCHCAST_TEST_PAUSES=retry=5ms,grace=200ms,look=20ms,answer=1s,stall=1s,token=5ms`.
#[derive(Debug, Default)]
pub(crate) struct Pauses(HashMap<String, Duration>);

impl Pauses {
    /// Those that are set.
    pub(crate) fn of_env() -> Result<Self> {
        const NAME: &str = "BATCHCAST_TEST_PAUSES";
        let Some(set) = env::var_os(NAME) else {
            return Ok(Self::default());
        };
        Self::parse(&set).with_context(|| format!("{NAME} is not what it should be"))
    }

    fn parse(set: &OsString) -> Result<Self> {
        let set = set.to_str().context("it is not UTF-8")?;
        let mut pauses = HashMap::new();
        for pause in set.split(',') {
            let (what, time) = pause.split_once('=').context("a pause is NAME=TIME")?;
            if !["retry", "grace", "look", "answer", "stall", "token"].contains(&what) {
                bail!("there is no pause {what}");
            }
            let time = quantity::time(time).map_err(|error| anyhow::anyhow!("{what}: {error}"))?;
            pauses.insert(what.to_owned(), time);
        }
        Ok(Self(pauses))
    }

    fn named(&self, what: &str) -> Option<Duration> {
        self.0.get(what).copied()
    }

    pub(crate) fn retry(&self) -> Retry {
        match self.named("retry") {
            Some(pause) => Retry::default().pauses(pause, pause * 8),
            None => Retry::default(),
        }
    }

    pub(crate) fn reconciliation(&self) -> Reconciliation {
        match (self.named("grace"), self.named("look")) {
            (Some(grace), Some(interval)) => Reconciliation::default().grace(grace, interval),
            _ => Reconciliation::default(),
        }
    }

    pub(crate) fn client(&self, mut client: ClientBuilder) -> ClientBuilder {
        if let Some(answer) = self.named("answer") {
            client = client.response_timeout(answer);
        }
        if let Some(stall) = self.named("stall") {
            client = client.stall_timeout(stall);
        }
        if let Some(token) = self.named("token") {
            client = client.token_pause(token);
        }
        client
    }
}

/// The moment at which the process is to die, as by a kill: `BATCHCAST_TEST_KILL_AT=committed:3` is when
/// the third batch was committed.
#[derive(Debug)]
pub(crate) struct KillAt {
    event: String,
    left: AtomicU64,
}

impl KillAt {
    /// The one that is set, if one is.
    pub(crate) fn of_env() -> Result<Option<Self>> {
        let Ok(set) = env::var("BATCHCAST_TEST_KILL_AT") else {
            return Ok(None);
        };
        let (event, nth) = set.split_once(':').unwrap_or((&set, "1"));
        let nth: u64 = nth.parse().context("BATCHCAST_TEST_KILL_AT")?;
        Ok(Some(Self {
            event: event.to_owned(),
            left: AtomicU64::new(nth),
        }))
    }

    /// Dies, if this is the moment.
    pub(crate) fn see(&self, event: &Event<'_>) {
        if name(event) == self.event && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Nothing is flushed, closed or told.
            std::process::abort();
        }
    }
}

const fn name(event: &Event<'_>) -> &'static str {
    match event {
        Event::Opened { .. } => "opened",
        Event::Progress(_) => "progress",
        Event::Invalid(_) => "invalid",
        Event::PassedOver { .. } => "passed-over",
        Event::Committed { .. } => "committed",
        Event::Rejected(_) => "rejected",
        Event::Accepted(_) => "accepted",
        Event::Failed { .. } => "failed",
        Event::InDoubt { .. } => "in-doubt",
        Event::NotFound { .. } => "not-found",
        Event::GivenUp { .. } => "given-up",
        Event::Waiting { .. } => "waiting",
        Event::Split { .. } => "split",
        Event::Replayed { .. } => "replayed",
        Event::Canary { .. } => "canary",
        _ => "other",
    }
}
