//! What all connections share.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use crate::auth::Tokens;
use crate::busy::Busy;
use crate::clock::Clock;
use crate::deliver::Deliveries;
use crate::fault::Faults;
use crate::limit::Limiter;
use crate::opt_outs::OptOut;
use crate::record::Recorder;
use crate::reject::{Malformed, RejectRule};
use crate::store::Store;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) reject: RejectRule,
    pub(crate) malformed: Malformed,
    pub(crate) max_body_bytes: u64,
    pub(crate) discard: bool,
    pub(crate) clock: Clock,
    pub(crate) batch_size: BatchSize,
    pub(crate) deliveries: Deliveries,
    pub(crate) tokens: Tokens,
    /// `None` where no limit is wanted, nor its headers.
    pub(crate) limits: Option<Limits>,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) faults: Faults,
    pub(crate) store: Mutex<Store>,
    pub(crate) opt_outs: RwLock<Vec<OptOut>>,
    pub(crate) busy: Busy,
    pub(crate) counters: Counters,
}

/// Longer times are taken for this one, so that adding them to a moment cannot overflow.
pub(crate) const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// What `batchSize` counts. The API's documents do not say; both can be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BatchSize {
    /// The accepted messages.
    #[default]
    Accepted,
    /// All messages that were sent, the rejected ones too.
    Sent,
}

impl BatchSize {
    pub(crate) fn of(self, accepted: u64, rejected: u64) -> u64 {
        match self {
            Self::Accepted => accepted,
            Self::Sent => accepted + rejected,
        }
    }
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
    pub(crate) connections: AtomicU64,
    pub(crate) creates: AtomicU64,
    pub(crate) faults: AtomicU64,
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
    /// Connections made to it.
    pub connections: u64,
    /// Requests to create a batch whose head has been read.
    pub creates: u64,
    /// Effects of faults that were felt; see [`fault`](crate::fault).
    pub faults: u64,
    /// Requests inside a penalty interval, whether or not they were refused for it. Without a rate limit, none.
    pub violations: u64,
}

impl State {
    pub(crate) fn stats(&self) -> Stats {
        let limits = self.limits.as_ref();
        Stats {
            violations: limits.map_or(0, |limits| {
                limits.light.violations() + limits.auth.violations()
            }),
            ..self.counters.snapshot()
        }
    }

    /// Counts an effect that was felt.
    pub(crate) fn felt(&self) {
        self.counters.faults.fetch_add(1, Relaxed);
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        // Nothing leaves the store half changed in a way that reading could not bear.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counters {
    fn snapshot(&self) -> Stats {
        Stats {
            requests: self.requests.load(Relaxed),
            errors: self.errors.load(Relaxed),
            tokens: self.tokens.load(Relaxed),
            batches: self.batches.load(Relaxed),
            messages: self.messages.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            body_bytes: self.body_bytes.load(Relaxed),
            connections: self.connections.load(Relaxed),
            creates: self.creates.load(Relaxed),
            faults: self.faults.load(Relaxed),
            violations: 0,
        }
    }
}
