//! Events as a stream, for who would rather take them than be called.
//!
//! An [`Event`] lends what it is about. What is taken later has to own it: an [`OwnedEvent`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use tokio::sync::mpsc;

use crate::message::PhoneNumber;
use crate::position::Position;
use crate::screen::Reason;
use crate::send::client::WaitingFor;
use crate::send::event::{Event, Handler, Progress};
use crate::send::outcome::{Failure, Receipt, Reject};
use crate::send::policy::DoubtPolicy;

/// What a sender tells while it works, to be kept. Each is the [`Event`] of the same name.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum OwnedEvent {
    /// A request for this batch was opened.
    Opened {
        /// The batch's number in the run, from 1.
        batch: u64,
        /// Which attempt it is, from 1.
        attempt: u32,
    },
    /// More bytes were handed over to the connection.
    Progress(Progress),
    /// A record cannot be sent.
    Invalid(InvalidRecord),
    /// A record is passed over.
    PassedOver {
        /// Where it is.
        position: Position,
        /// Its recipient; `None` if it is not known, because the record is invalid and was skipped.
        to: Option<PhoneNumber>,
        /// Why.
        reason: Reason,
    },
    /// The last bytes of this batch were released.
    Committed {
        /// The batch's number in the run, from 1.
        batch: u64,
    },
    /// The API took a batch, but not this message of it.
    Rejected(Reject),
    /// The API took a batch.
    Accepted(Box<Receipt>),
    /// An attempt failed, nobody got a message, and there will be another.
    Failed {
        /// The batch's number in the run, from 1.
        batch: u64,
        /// Why.
        failure: Failure,
    },
    /// An attempt failed, nobody got a message, and there will be no other: the run stops.
    GivenUp {
        /// The batch's number in the run, from 1.
        batch: u64,
        /// Why.
        failure: Failure,
    },
    /// A batch is in doubt, and is looked for in the API's list of batches.
    InDoubt {
        /// The batch's number in the run, from 1.
        batch: u64,
        /// Why.
        failure: Failure,
    },
    /// A batch in doubt is not in the API's list: the policy decides.
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
    /// The server found a batch too large; it goes on in smaller ones.
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
    /// The canary is waited for, and this is what the API says of one of its batches.
    Canary {
        /// The batch's number in the run, from 1.
        batch: u64,
        /// Its status in the API's words; `None` if the API does not know the batch yet, or does not say.
        status: Option<String>,
        /// How many of its messages are processed, if the API says so.
        processed: Option<u64>,
        /// How many messages were sent.
        messages: u64,
    },
}

/// A record that cannot be sent. `Debug` does not show its bytes.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidRecord {
    /// Where it is.
    pub position: Option<Position>,
    /// What is wrong with it, with its place.
    pub error: String,
    /// The record as it stands in the input, as in [`Invalid`](crate::input::Invalid). It holds numbers and texts.
    pub input: Vec<u8>,
}

impl fmt::Debug for InvalidRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invalid({}, {} bytes)", self.error, self.input.len())
    }
}

impl OwnedEvent {
    fn of(event: &Event<'_>) -> Self {
        match *event {
            Event::Opened { batch, attempt } => Self::Opened { batch, attempt },
            Event::Progress(progress) => Self::Progress(progress),
            Event::Invalid(invalid) => Self::Invalid(InvalidRecord {
                position: invalid.error.position(),
                error: invalid.error.to_string(),
                input: invalid.input.to_vec(),
            }),
            Event::PassedOver {
                position,
                to,
                reason,
            } => Self::PassedOver {
                position,
                to,
                reason,
            },
            Event::Committed { batch } => Self::Committed { batch },
            Event::Rejected(reject) => Self::Rejected(reject.clone()),
            Event::Accepted(receipt) => Self::Accepted(Box::new(receipt.clone())),
            Event::Failed { batch, failure } => Self::Failed {
                batch,
                failure: failure.clone(),
            },
            Event::GivenUp { batch, failure } => Self::GivenUp {
                batch,
                failure: failure.clone(),
            },
            Event::InDoubt { batch, failure } => Self::InDoubt {
                batch,
                failure: failure.clone(),
            },
            Event::NotFound { batch, policy } => Self::NotFound { batch, policy },
            Event::Waiting { batch, what, wait } => Self::Waiting { batch, what, wait },
            Event::Split {
                batch,
                max_bytes,
                parts,
            } => Self::Split {
                batch,
                max_bytes,
                parts,
            },
            Event::Replayed { batch, messages } => Self::Replayed { batch, messages },
            Event::Canary {
                batch,
                status,
                processed,
                messages,
            } => Self::Canary {
                batch,
                status: status.map(str::to_owned),
                processed,
                messages,
            },
        }
    }
}

/// The events of a send, in the order in which they happen. It ends with the send.
///
/// Made by [`Sender::events`](super::Sender::events). Nothing waits for who takes them: what is not taken is kept, so
/// memory is constant only for who takes them as they come. Dropped, nobody is told any more, and the send goes on.
#[derive(Debug)]
#[must_use = "what is not taken is kept"]
pub struct Events(mpsc::UnboundedReceiver<Option<OwnedEvent>>);

impl Stream for Events {
    type Item = OwnedEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<OwnedEvent>> {
        let event = ready!(self.0.poll_recv(cx)).flatten();
        if event.is_none() {
            self.0.close();
        }
        Poll::Ready(event)
    }
}

/// Where events are put for who takes them.
#[derive(Debug, Clone)]
pub(super) struct Tap(mpsc::UnboundedSender<Option<OwnedEvent>>);

pub(super) fn tap() -> (Tap, Events) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Tap(sender), Events(receiver))
}

impl Tap {
    pub(super) fn put(&self, event: &Event<'_>) {
        // Nobody takes them any more: then nobody is told.
        if !self.0.is_closed() {
            let _unwanted = self.0.send(Some(OwnedEvent::of(event)));
        }
    }
}

/// Ends the stream of events when it is dropped, whoever else still has the handler: a thread that reads an input
/// ends only after the read that it is in.
pub(super) struct EndOfEvents(pub(super) Handler);

impl Drop for EndOfEvents {
    fn drop(&mut self) {
        if let Some(Tap(events)) = self.0.tap() {
            let _unwanted = events.send(None);
        }
    }
}
