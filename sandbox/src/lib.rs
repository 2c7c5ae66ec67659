//! The High Volume SMS API on loopback: to try a send and to test one, without an account and without a
//! message to anybody.
//!
//! The real API has no sandbox of its own, and what it has accepted it sends. This one answers the same calls with
//! the same codes and headers, keeps what it was sent, and shows it on request. It reads every body with
//! `serde_json` as it streams in, in constant memory, and shares no code with the client it is there to check.
//!
//! ```
//! use batchcast_sandbox::Sandbox;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::builder().access_token("sandbox").reject("suffix:0199".parse()?).start().await?;
//!
//! // Any HTTP client will do; this is one by hand.
//! let body = r#"{"from":"+16505550100","text":"Hello","messages":[{"to":["+14155550100"]},{"to":["+14155550199"]}]}"#;
//! let mut connection = tokio::net::TcpStream::connect(sandbox.address()).await?;
//! let head = format!(
//!     "POST /restapi/v1.0/account/~/a2p-sms/batches HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sandbox\r\n\
//!      Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
//!     body.len()
//! );
//! connection.write_all(head.as_bytes()).await?;
//! connection.write_all(body.as_bytes()).await?;
//! let mut answer = String::new();
//! connection.read_to_string(&mut answer).await?;
//!
//! assert!(answer.starts_with("HTTP/1.1 201 Created"));
//! assert!(answer.contains(r#""rejected":[{"index":2,"to":["+14155550199"],"errorCode":"SMS-RC-410""#));
//! assert_eq!((sandbox.stats().messages, sandbox.stats().rejected), (1, 1));
//! sandbox.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Nothing goes wrong by itself; [`fault`] has what can go wrong on request.
//!
//! # What it decides where the API's documents are silent
//!
//! - `batchSize` counts the accepted messages, without the rejected ones, unless [`BatchSize::Sent`] is set.
//! - A malformed recipient is rejected alone, unless [`Malformed::Refuse`] is set.
//! - A batch is `Processing` in the answer that creates it and `Completed` whenever it is read later; its accepted
//!   messages are `Delivered`, and nothing costs anything, unless [`SandboxBuilder::deliver`],
//!   [`looks`](SandboxBuilder::looks) and [`segment_cost`](SandboxBuilder::segment_cost) say otherwise.
//! - Members and query parameters that are unknown, or there twice, are errors (`400 CMN-101`): a sandbox should
//!   show a mistake. The members may come in any order.
//! - A body counts once it is complete, whether or not its client waits for the answer. A body that ends early
//!   leaves no trace.
//! - Opt-outs as CSV are a page as well, which does not say how to get the next one.
//! - Errors are told in this order: 404, 405, 413 by `Content-Length`, 401, 429, 415, then 413 and 400 as the body
//!   comes in. An error is sent at once; the rest of the body is thrown away for up to 5 s or 64 MiB, and the
//!   connection is closed.
//!
//! # Bounds
//!
//! The last [`STORED_BATCHES`] batches and [`STORED_MESSAGES`] messages can be read back. What a batch leaves behind
//! before it is accepted, and a long list of rejects, wait in unnamed temporary files.

mod accepted;
mod answer;
mod auth;
mod body;
mod builder;
mod busy;
mod clock;
mod create;
mod deliver;
mod error;
pub mod fault;
mod intake;
mod limit;
mod list;
mod number;
mod opt_outs;
mod parse;
mod query;
mod record;
mod reject;
mod request;
mod route;
mod server;
mod spool;
mod state;
mod store;
mod wire;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use accepted::{AcceptedBatch, AcceptedMessage};
pub use builder::{DEFAULT_MAX_BODY_BYTES, SandboxBuilder, StartError};
pub use clock::{ParseOffsetError, UtcOffset};
pub use deliver::{DeliveryRule, ParseDeliveryError};
pub use limit::{RateLimit, RetryAfter};
pub use opt_outs::{OptOut, ParseOptOutError};
pub use reject::{Malformed, ParseRuleError, RejectRule};
pub use state::{BatchSize, Stats};
pub use store::{STORED_BATCHES, STORED_MESSAGES, STORED_TEXT_BYTES};

/// A running sandbox. Dropping it stops it at once; [`shutdown`](Self::shutdown) lets open requests finish.
#[must_use = "dropping the sandbox stops it"]
pub struct Sandbox {
    address: SocketAddr,
    state: Arc<state::State>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// A sandbox to be set up; [`SandboxBuilder::start`] starts it.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::new()
    }

    /// Starts a sandbox with all defaults, on a free port of `127.0.0.1`.
    ///
    /// # Errors
    /// If no port can be listened on.
    ///
    /// # Panics
    /// Outside a Tokio runtime with its I/O and time drivers enabled.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a client takes it: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The counts so far. Those of a request are complete once its answer has been received.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state.stats()
    }

    /// The accepted batches in the order in which they were accepted, those included that are hidden from the list;
    /// the last ones, see [`STORED_BATCHES`].
    #[must_use]
    pub fn accepted(&self) -> Vec<AcceptedBatch> {
        self.state.store().all().map(AcceptedBatch::of).collect()
    }

    /// Waits until no connection is open that a request could come from, and every batch that came in is accepted or
    /// is not. After the client has gone, also killed, nothing will be accepted any more.
    ///
    /// # Errors
    /// If it cannot connect to itself, which it does to be sure that nobody waits to be let in.
    pub async fn settled(&self) -> std::io::Result<()> {
        let mut last = tokio::net::TcpStream::connect(self.address).await?;
        last.shutdown().await?;
        // Connections are let in one behind the other, so this one is closed after all others are known.
        last.read_to_end(&mut Vec::new()).await?;
        self.state.busy.end().await;
        Ok(())
    }

    /// Sets a rule behind those that are set. It counts requests from now on; a [`Fault`](fault::Fault), an
    /// [`Effect`](fault::Effect) or a [`Reply`](fault::Reply) alone is for the next request to create a batch.
    pub fn push_fault(&self, rule: impl Into<fault::FaultRule>) {
        self.state.faults.push(rule.into());
    }

    /// Sets these rules in the place of those that are set.
    pub fn set_faults(&self, plan: fault::FaultPlan) {
        self.state.faults.set(plan);
    }

    /// Makes all batches so much older, as if so much time had passed.
    pub fn age(&self, by: std::time::Duration) {
        self.state.store().age(by);
    }

    /// Lists these opt-outs in the place of those set before.
    pub fn set_opt_outs(&self, opt_outs: impl IntoIterator<Item = OptOut>) {
        let opt_outs = opt_outs.into_iter().collect();
        *self
            .state
            .opt_outs
            .write()
            .unwrap_or_else(PoisonError::into_inner) = opt_outs;
    }

    /// The tokens given out so far are good no longer: `401 OAU-128`. That of
    /// [`SandboxBuilder::access_token`] stays good.
    pub fn expire_tokens(&self) {
        self.state.tokens.expire(tokio::time::Instant::now());
    }

    /// Stops listening, lets open requests finish for up to 5 s, and cuts off the rest.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // An error would be the server's panic; it has stopped either way.
        let _ = (&mut self.server).await;
    }

    /// Serves until `signal` is ready, then shuts down as [`shutdown`](Self::shutdown) does; returns the final counts.
    pub async fn run_until(self, signal: impl Future<Output = ()>) -> Stats {
        signal.await;
        let state = Arc::clone(&self.state);
        self.shutdown().await;
        state.stats()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("address", &self.address)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
