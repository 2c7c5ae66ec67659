//! What `status` and `report` have in common: what the journal says, the server that is asked, and how a failure to ask ends.

use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use batchcast::journal::{Journal, JournalError, State};
use batchcast::send::{Client, Failure, Retry, WaitingFor};
use batchcast::status::Readback;

use crate::args::ServerArgs;
use crate::config::Target;
use crate::connect::connect;
use crate::exit::Exit;
use crate::hooks::Pauses;
use crate::readable::time;
use crate::recipe::Recipe;
use crate::{fail, hint, resume, terminal};

/// Waits that are over sooner are not worth a line.
const SHORT: Duration = Duration::from_secs(1);

/// What a journal says now.
pub(crate) struct Seen {
    pub(crate) state: State,
    /// A process is at it, and not done: what is committed has an answer to come. Otherwise it is in doubt.
    pub(crate) is_at_work: bool,
}

impl Seen {
    /// Reads a journal.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn of(journal: &Path) -> Result<Self, JournalError> {
        let state = Journal::read(journal)?;
        // Nobody is at a run that is finished.
        if state.finished || Journal::is_locked(journal)? {
            let is_at_work = !state.finished;
            return Ok(Self { state, is_at_work });
        }
        // The process may have ended in between: what it has written by now is all that it will.
        Ok(Self {
            state: Journal::read(journal)?,
            is_at_work: false,
        })
    }
}

/// How many records of a run cannot be sent. It tells when it is finished.
pub(crate) fn invalid(state: &State) -> Option<u64> {
    let totals = state.totals.filter(|_| state.finished)?;
    Some(totals.invalid)
}

/// The server that is asked.
pub(crate) struct Server {
    client: Client,
    retry: Retry,
}

impl Server {
    /// The one that flags and environment name. If the run of this journal went to another one, there is nothing to ask.
    pub(crate) fn of(args: &ServerArgs, state: Option<&State>) -> Result<(Target, Pauses)> {
        let target = Target::server(args, |name| std::env::var_os(name))?;
        // Another program's journal does not say.
        let recipe = state.and_then(|state| Recipe::of_journal(&state.header).ok());
        if let Some(recipe) = recipe {
            resume::same_server(&recipe.server, target.base_url().unwrap_or_default())?;
        }
        Ok((target, Pauses::of_env()?))
    }

    /// Prepares to ask it.
    pub(crate) async fn connect((target, pauses): (Target, Pauses)) -> Result<Self> {
        let (client, _, _) = connect(target, &pauses).await?;
        let retry = pauses.retry();
        Ok(Self { client, retry })
    }

    /// Asks nothing before the pause is over that it has wanted of the send, as the journal says.
    ///
    /// # Errors
    /// If that is longer than it is waited for.
    pub(crate) fn keep_to_pause(&self, state: &State) -> Result<(), Failure> {
        match state.not_before {
            Some(until) => self.client.hold_until(until),
            None => Ok(()),
        }
    }

    /// Asks it, and tells `note` of waits that a person notices.
    pub(crate) fn readback(&self, note: impl Fn(&str) + Send + Sync + 'static) -> Readback<'_> {
        let readback = Readback::new(&self.client).retry(self.retry);
        readback.on_wait(move |what, wait| {
            if let Some(line) = waiting(what, wait) {
                note(&line);
            }
        })
    }
}

/// What there is to say of a wait, if a person notices it.
pub(crate) fn waiting(what: WaitingFor, wait: Duration) -> Option<String> {
    if wait < SHORT {
        return None;
    }
    // Nobody waits longer than the calendar goes.
    let until = SystemTime::now().checked_add(wait)?;
    let wait = time(wait);
    Some(match what {
        WaitingFor::RateLimit => format!(
            "the rate limit wants a pause of {wait}, until {:.0}",
            hint::timestamp(until)
        ),
        WaitingFor::Token => format!("asking for a token again in {wait}"),
        _ => format!("no answer that can be used; asking again in {wait}"),
    })
}

/// A runtime for one connection.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// Tells why the server could not be asked.
pub(crate) fn failed(failure: &Failure) -> Exit {
    let until = failure.retry_after();
    let until = until.and_then(|wait| SystemTime::now().checked_add(wait));
    let hint = match until {
        Some(until) => Some(hint::pause(until).into()),
        None => hint::of_failure(failure.kind()).map(Cow::Borrowed),
    };
    fail::explain(
        &format!("batchcast: stopped: {failure}"),
        hint.as_deref(),
        terminal::error,
    );
    if failure.is_passing() {
        Exit::Stopped
    } else {
        Exit::Failure
    }
}
