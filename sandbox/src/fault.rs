//! Faults: what can go wrong between a client and the API, on request.
//!
//! A [`Fault`] is what happens to one request: one [`Effect`], or several together. A [`FaultRule`] says to which
//! request, and a [`FaultPlan`] is a list of rules. Each has a textual form, as `batchcast sandbox --fault` takes it:
//!
//! ```
//! use batchcast_sandbox::Sandbox;
//! use batchcast_sandbox::fault::{Effect, Ending, Fault, FaultRule, Hide, Reply};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The third request to create a batch is cut off after 1,000 bytes of it.
//! let third: FaultRule = "batch 3: reset after 1000".parse()?;
//! let sandbox = Sandbox::builder().fault(third).start().await?;
//!
//! // The next one is refused while its body is on the way.
//! sandbox.push_fault(Reply::status(429).early(0).retry_after(5));
//!
//! // The one behind that is accepted, but its answer is lost, and two calls of the list do not show it yet.
//! let lost = Effect::CutAnswer { after: 0, ending: Ending::Reset };
//! let lost = Fault::from(lost).and(Effect::Hide(Hide::Lists(2)));
//! assert_eq!(lost, "reset answer, hide 2 lists".parse()?);
//! sandbox.push_fault(lost);
//! # Ok(())
//! # }
//! ```
//!
//! # The textual form
//!
//! A rule is `ROUTE [WHEN]: EFFECT[, EFFECT]…`, or `random:SEED:RATE` (see [`FaultRule::random`]).
//!
//! | `ROUTE` | the requests that it counts |
//! |---|---|
//! | `batch` | that create a batch |
//! | `token` | for an access token |
//! | `list`, `get` | for the list of batches, for one batch |
//! | `messages`, `statuses`, `opt-outs` | for these lists |
//! | `any` | all |
//!
//! | `WHEN` | |
//! |---|---|
//! | nothing | the next one that no earlier rule takes, once |
//! | `3`, `2-5`, `4-` | the third, the second to the fifth, all from the fourth, counted from when the rule is set |
//! | `every 3` | the third, the sixth … |
//! | `always` | all |
//!
//! The first rule that fits takes the request.
//!
//! | `EFFECT` | |
//! |---|---|
//! | `reset after N`, `close after N` | the connection ends once N bytes of the request have come in; never accepted |
//! | `stall after N [for TIME]` | nothing is read behind N bytes, for a time or forever |
//! | `slow N` | N bytes a second are read |
//! | `answer STATUS [OPTION]…`, `answer garbage` | not accepted: this answer instead, behind the whole body |
//! | `answer … early[=N]` | the same once N bytes of the body are there (0: at once) |
//! | `answer … accepted` | carried out and, if right, accepted; then this answer |
//! | `reset answer [after N]`, `close answer [after N]` | carried out; the connection ends after N bytes of the answer |
//! | `hold answer` | carried out, and never answered |
//! | `delay TIME` | the answer waits |
//! | `hide for TIME`, `hide N lists` | an accepted batch cannot be read back for a time, or for N calls of the list |
//! | `expire` | the tokens given out so far expire before the request is looked at |
//!
//! `N` is a number of bytes on the wire, from the first byte of the request; as `body N`, from the first byte behind
//! its head, with the framing of chunks. `TIME` is as `200ms`, `2s` or `1m`. The options of an answer are
//! `code=CMN-301`, `retry-after=SECONDS`, `retry-after-date=SECONDS` (the same as a date, by the sandbox's clock),
//! `location=URL`, `header=NAME:VALUE`, `body=json|html|empty|text|broken|no-id`, and `then=keep|close|reset` for the connection.
//!
//! # What is promised
//!
//! - No batch is accepted before the last byte of its request has come in, whatever the fault.
//! - `Reset` is a TCP reset. `Close` is an orderly end: what the client still sends is read and thrown away for a
//!   while, or the system would make a reset of it.
//! - [`Stats::faults`](crate::Stats::faults) counts the effects that were felt: a connection that was to end after
//!   more bytes than there are has not been cut, and is not counted.
//! - A cut or stall inside a request's first line happens when that line is complete: it says which rule fits.
//! - Requests that a client sends without waiting for the answer to the one before (HTTP pipelining) are not told
//!   apart on the wire: only the first of them has faults that depend on its bytes.

mod course;
mod plan;
mod random;
mod reply;
mod show;
mod text;

use std::num::NonZeroU64;
use std::time::Duration;

pub(crate) use course::Course;
pub(crate) use plan::Faults;
pub use plan::{FaultPlan, FaultRoute, FaultRule, When};
pub(crate) use reply::RetryIn;
pub use reply::{Reply, ReplyBody, ReplyTime, Then};
pub use text::{ParseFaultError, parse_time};

/// What happens to one request: effects in the order of its life.
///
/// Where two effects contradict each other, the one that the request meets first is felt: a request that is cut off
/// is not answered any more, and of two answers the first one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    effects: Vec<Effect>,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// The connection ends once so much of the request has come in. The request is never carried out, not even if
    /// that was its last byte.
    CutRequest {
        /// After how much.
        after: Offset,
        /// How.
        ending: Ending,
    },
    /// Nothing more is read of the request behind so much of it. The system's buffers still take some megabytes.
    Stall {
        /// After how much.
        after: Offset,
        /// How long; `None` is forever.
        pause: Option<Duration>,
    },
    /// The request is read at this pace.
    Slow {
        /// Bytes on the wire.
        bytes_per_second: NonZeroU64,
    },
    /// The tokens given out so far expire before the request is looked at: `401 OAU-128`, unless it has the one of
    /// [`SandboxBuilder::access_token`](crate::SandboxBuilder::access_token).
    ExpireTokens,
    /// An answer in the place of the API's own. [`Reply::time`] says whether the request is carried out.
    Answer(Reply),
    /// The request is carried out, and a batch accepted. The connection ends after so many bytes of the answer, its
    /// head included; with 0 there is no answer. An answer that is shorter is sent whole, and nothing happens.
    CutAnswer {
        /// Bytes on the wire.
        after: u64,
        /// How.
        ending: Ending,
    },
    /// The request is carried out, and a batch accepted. There is no answer; the connection stays open until the
    /// client closes it.
    HoldAnswer,
    /// The answer, whichever it is, comes so much later.
    DelayAnswer(Duration),
    /// A batch that this request creates cannot be read back for a while: neither in the list nor by its id, nor its
    /// messages.
    Hide(Hide),
}

/// A place in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offset {
    /// Bytes on the wire from the first one of its head.
    Wire(u64),
    /// Bytes on the wire from the first one behind its head: the framing of chunks counts.
    Body(u64),
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// With a TCP reset.
    Reset,
    /// In order, as far as TCP is concerned.
    Close,
}

/// How long an accepted batch stays out of sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hide {
    /// For so long after it was accepted.
    For(Duration),
    /// For so many calls of the list of batches, each page counted.
    Lists(u64),
}

impl Fault {
    /// The same, and `effect`.
    #[must_use]
    pub fn and(mut self, effect: impl Into<Effect>) -> Self {
        self.effects.push(effect.into());
        self
    }

    /// Its effects, in the order given.
    #[must_use]
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }
}

impl From<Effect> for Fault {
    fn from(effect: Effect) -> Self {
        let effects = vec![effect];
        Self { effects }
    }
}

impl From<Reply> for Fault {
    fn from(reply: Reply) -> Self {
        Effect::from(reply).into()
    }
}

impl From<Reply> for Effect {
    fn from(reply: Reply) -> Self {
        Self::Answer(reply)
    }
}
