//! What a sender tells while it works, and whom.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::input::Invalid;
use crate::message::PhoneNumber;
use crate::position::Position;
use crate::screen::{PassedOver, Reason};
use crate::send::client::WaitingFor;
use crate::send::events::Tap;
use crate::send::outcome::{Failure, FailureKind, Receipt, Reject};
use crate::send::policy::DoubtPolicy;
use crate::send::trace;

/// What a sender tells while it works.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A request for this batch was opened.
    Opened {
        /// The batch's number in the run, from 1.
        batch: u64,
        /// Which attempt it is, from 1.
        attempt: u32,
    },
    /// More bytes were handed over to the connection.
    Progress(Progress),
    /// A record cannot be sent. It is told ahead of the batch it would have been in. Of a message of a stream there are no
    /// bytes to show.
    Invalid(&'a Invalid<'a>),
    /// A record is passed over, as the [`Screen`](crate::screen::Screen) says.
    PassedOver {
        /// Where it is.
        position: Position,
        /// Its recipient; `None` if it is not known, because the record is invalid and was skipped.
        to: Option<PhoneNumber>,
        /// Why.
        reason: Reason,
    },
    /// The last bytes of this batch were released: it counts now, unless the API refuses it.
    Committed {
        /// The batch's number in the run, from 1.
        batch: u64,
    },
    /// The API took a batch, but not this message of it. Told before the batch is said to be accepted.
    /// Of a batch that is sent again though it is in doubt, because the caller wants that, it may be told again.
    Rejected(&'a Reject),
    /// The API took a batch.
    Accepted(&'a Receipt),
    /// An attempt failed, nobody got a message, and there will be another.
    Failed {
        /// The batch's number in the run, from 1.
        batch: u64,
        /// Why.
        failure: &'a Failure,
    },
    /// An attempt failed, nobody got a message, and there will be no other: the run stops.
    GivenUp {
        /// The batch's number in the run, from 1.
        batch: u64,
        /// Why.
        failure: &'a Failure,
    },
    /// A batch is in doubt, and is looked for in the API's list of batches.
    InDoubt {
        /// The batch's number in the run, from 1.
        batch: u64,
        /// Why.
        failure: &'a Failure,
    },
    /// A batch in doubt is not in the API's list, and its grace period is over: the policy decides.
    NotFound {
        /// The batch's number in the run, from 1.
        batch: u64,
        /// What is done now.
        policy: DoubtPolicy,
    },
    /// A batch has to wait.
    Waiting {
        /// The batch's number in the run, from 1.
        batch: u64,
        /// What for.
        what: WaitingFor,
        /// How long.
        wait: Duration,
    },
    /// The server found a batch too large; it goes on in smaller ones, and so do all that follow.
    Split {
        /// The batch's number in the run, from 1. It does not appear any more.
        batch: u64,
        /// The most bytes of each part.
        max_bytes: u64,
        /// How many there are.
        parts: usize,
    },
    /// A batch that an earlier process of this run sent was found to be the same in this input.
    Replayed {
        /// The batch's number in the run, from 1.
        batch: u64,
        /// How many messages are in it.
        messages: u64,
    },
    /// The canary is waited for, and this is what the API says of one of its batches
    /// ([`Sender::canary`](super::Sender::canary)).
    Canary {
        /// The batch's number in the run, from 1.
        batch: u64,
        /// Its status in the API's words; `None` if the API does not know the batch yet, or does not say.
        status: Option<&'a str>,
        /// How many of its messages are processed, if the API says so.
        processed: Option<u64>,
        /// How many messages were sent.
        messages: u64,
    },
}

/// How far a send has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Progress {
    /// The number of the batch that is on its way, from 1.
    pub batch: u64,
    /// How many messages were handed over, in all batches.
    pub messages: u64,
    /// How many bytes of bodies were handed over, in all batches.
    pub bytes: u64,
    /// How many bytes of the input they were made of, but for a record perhaps, as their positions say it: 0 for a stream of
    /// messages without any.
    pub input_bytes: u64,
}

/// Whom to tell what happens, and a count of what only it is told.
#[derive(Clone)]
pub(super) struct Handler {
    call: Arc<dyn Fn(Event<'_>) -> io::Result<()> + Send + Sync>,
    tap: Option<Tap>,
    invalid: Arc<AtomicU64>,
    /// In the order of [`PassedOver`]'s fields.
    passed_over: Arc<[AtomicU64; 3]>,
}

impl Handler {
    pub(super) fn new(call: impl Fn(Event<'_>) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self {
            call: Arc::new(call),
            tap: None,
            invalid: Arc::default(),
            passed_over: Arc::default(),
        }
    }

    /// Tells this one instead.
    pub(super) fn instead(
        &mut self,
        call: impl Fn(Event<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) {
        self.call = Arc::new(call);
    }

    /// Tells this one as well.
    pub(super) fn tap_by(&mut self, tap: Tap) {
        self.tap = Some(tap);
    }

    pub(super) const fn tap(&self) -> Option<&Tap> {
        self.tap.as_ref()
    }

    pub(super) fn call(&self, event: Event<'_>) -> Result<(), Failure> {
        trace::event(&event);
        if let Some(tap) = &self.tap {
            tap.put(&event);
        }
        (self.call)(event).map_err(|error| FailureKind::Handler(error).into())
    }

    pub(super) fn invalid(&self, invalid: &Invalid<'_>) -> Result<(), Failure> {
        self.invalid.fetch_add(1, Ordering::Relaxed);
        self.call(Event::Invalid(invalid))
    }

    /// How many records were invalid.
    pub(super) fn invalid_count(&self) -> u64 {
        self.invalid.load(Ordering::Relaxed)
    }

    #[cold]
    pub(super) fn passed_over(
        &self,
        position: Position,
        to: Option<PhoneNumber>,
        reason: Reason,
    ) -> Result<(), Failure> {
        let [skipped, suppressed, duplicates] = &*self.passed_over;
        let count = match reason {
            Reason::Skipped => skipped,
            Reason::Suppressed => suppressed,
            Reason::Duplicate => duplicates,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.call(Event::PassedOver {
            position,
            to,
            reason,
        })
    }

    /// How many records were passed over.
    pub(super) fn passed_over_count(&self) -> PassedOver {
        let [skipped, suppressed, duplicates] = &*self.passed_over;
        PassedOver {
            skipped: skipped.load(Ordering::Relaxed),
            suppressed: suppressed.load(Ordering::Relaxed),
            duplicates: duplicates.load(Ordering::Relaxed),
        }
    }
}
