//! What all deliveries of a run share.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;

use crate::envelope::Dialect;
use crate::journal::Entry;
use crate::message::PhoneNumber;
use crate::send::client::{Client, WaitingFor};
use crate::send::feed::Signals;
use crate::send::ledger::Ledger;
use crate::send::outcome::Failure;
use crate::send::policy::Retry;
use crate::send::reconcile::Reconciliation;
use crate::send::{Event, Handler, Progress};

/// Pauses that end as close together as this are one: the end of each is of two clocks, and of two moments.
const SAME_PAUSE: Duration = Duration::from_millis(10);

/// What all deliveries of a run share.
pub(in crate::send) struct Shared {
    pub(in crate::send) client: Client,
    pub(in crate::send) dialect: Dialect,
    pub(in crate::send) from: PhoneNumber,
    /// The most bytes of a body, as the caller wants it.
    pub(in crate::send) max_bytes: u64,
    /// What stands before the first entry of each body, without the bracket.
    pub(in crate::send) head: Bytes,
    pub(in crate::send) handler: Handler,
    pub(in crate::send) ledger: Ledger,
    pub(in crate::send) retry: Retry,
    pub(in crate::send) reconciliation: Reconciliation,
    pub(in crate::send) signals: Arc<Signals>,
    /// The server wants a `Content-Length`.
    pub(in crate::send) wants_length: AtomicBool,
    /// Nothing new is begun, and what is not committed is given up.
    pub(in crate::send) halt: watch::Sender<bool>,
    pub(in crate::send) ids: Ids,
    /// The batches whose last bytes have left, and of which nothing more is known yet.
    pub(in crate::send) unanswered: watch::Sender<BTreeSet<u64>>,
    pub(in crate::send) progress: Mutex<Progress>,
    /// The last pause of which the journal tells.
    pub(in crate::send) paused: Mutex<Option<Instant>>,
}

/// The ids of batches that are known: none of them is another one.
#[derive(Debug, Clone, Default)]
pub(in crate::send) struct Ids(Arc<Mutex<HashSet<String>>>);

impl Ids {
    pub(in crate::send) fn has(&self, id: &str) -> bool {
        self.lock().contains(id)
    }

    /// Whether it was not known before.
    pub(super) fn insert(&self, id: String) -> bool {
        self.lock().insert(id)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromIterator<String> for Ids {
    fn from_iter<I: IntoIterator<Item = String>>(ids: I) -> Self {
        Self(Arc::new(Mutex::new(ids.into_iter().collect())))
    }
}

impl Shared {
    /// Gives up what is not committed.
    pub(in crate::send) fn halt(&self) {
        self.halt.send_replace(true);
    }

    /// Returns when what is not committed is to be given up.
    pub(in crate::send) async fn halted(&self) {
        let mut halt = self.halt.subscribe();
        // The sender lives as long as `self`.
        let _halted = halt.wait_for(|halted| *halted).await;
    }

    pub(in crate::send) fn knows(&self, id: &str) -> bool {
        self.ids.has(id)
    }

    /// The batches that may be in the server's list, though their ids are not known yet.
    pub(in crate::send) fn unanswered(&self) -> BTreeSet<u64> {
        self.unanswered.borrow().clone()
    }

    /// Returns when it is known of all these batches which ids they have, or that they are in doubt themselves.
    pub(in crate::send) async fn answered(&self, batches: &BTreeSet<u64>) {
        let mut unanswered = self.unanswered.subscribe();
        // The sender lives as long as `self`.
        let _answered = unanswered
            .wait_for(|unanswered| unanswered.is_disjoint(batches))
            .await;
    }

    /// Tells that a batch has to wait.
    pub(in crate::send) fn waiting(&self, batch: u64, what: WaitingFor, wait: Duration) {
        if matches!(what, WaitingFor::RateLimit | WaitingFor::Token) {
            self.keep_pause();
        }
        // What only waits loses nothing if nobody can be told.
        let _told = self.handler.call(Event::Waiting { batch, what, wait });
    }

    /// Writes down until when nothing may be sent: whoever goes on with a run that is killed in a pause has to keep to it.
    pub(in crate::send) fn keep_pause(&self) {
        let held = self.client.held();
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        if held <= paused.map(|until| until + SAME_PAUSE) {
            return;
        }
        *paused = held;
        let Some(not_before) = self.client.held_until() else {
            return;
        };
        // A journal that cannot be written stops the run at the next batch that is to be committed.
        let _written = self.ledger.write_blocking(&Entry::Paused { not_before });
    }

    /// Tells how far the send is; several batches on their way do not let it go back.
    pub(in crate::send) fn tell(&self, progress: Progress) -> Result<(), Failure> {
        let latest = {
            let mut latest = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            if progress.messages < latest.messages {
                return Ok(());
            }
            *latest = progress;
            progress
        };
        self.handler.call(Event::Progress(latest))
    }
}
