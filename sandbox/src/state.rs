//! What all connections share.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::auth::Tokens;
use crate::limit::Limiter;
use crate::record::Recorder;
use crate::reject::{Malformed, RejectRule};
use crate::store::Store;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) reject: RejectRule,
    pub(crate) malformed: Malformed,
    pub(crate) max_body_bytes: u64,
    pub(crate) discard: bool,
    pub(crate) tokens: Tokens,
    /// `None` where no limit is wanted, nor its headers.
    pub(crate) limits: Option<Limits>,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) store: Mutex<Store>,
    pub(crate) counters: Counters,
}

/// One limit a group.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) light: Limiter,
    pub(crate) auth: Limiter,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) tokens: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) messages: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) body_bytes: AtomicU64,
}

/// Counts since the start, as [`Sandbox::stats`](crate::Sandbox::stats) saw them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Requests of any kind whose head has been read.
    pub requests: u64,
    /// Answers with a status of 400 or above.
    pub errors: u64,
    /// Access tokens given out.
    pub tokens: u64,
    /// Batches accepted, discarded ones included.
    pub batches: u64,
    /// Messages accepted.
    pub messages: u64,
    /// Messages rejected, in accepted batches.
    pub rejected: u64,
    /// Bytes received of the bodies of batches, accepted or not; what is thrown away behind an early error is
    /// not counted.
    pub body_bytes: u64,
}

impl State {
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        // Nothing leaves the store half changed in a way that reading could not bear.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counters {
    pub(crate) fn snapshot(&self) -> Stats {
        Stats {
            requests: self.requests.load(Relaxed),
            errors: self.errors.load(Relaxed),
            tokens: self.tokens.load(Relaxed),
            batches: self.batches.load(Relaxed),
            messages: self.messages.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            body_bytes: self.body_bytes.load(Relaxed),
        }
    }
}
