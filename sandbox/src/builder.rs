//! What can be set, and the start.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::Sandbox;
use crate::auth::{Credentials, Tokens};
use crate::busy::Busy;
use crate::clock::{Clock, UtcOffset};
use crate::deliver::{Deliveries, DeliveryRule};
use crate::fault::{FaultPlan, FaultRule, Faults};
use crate::limit::{Limiter, RateLimit};
use crate::opt_outs::OptOut;
use crate::record::Recorder;
use crate::reject::{Malformed, RejectRule};
use crate::server;
use crate::state::{BatchSize, Counters, FOREVER, Limits, State};
use crate::store::Store;

/// The API's limit on a request body: `50m` in nginx's notation.
pub const DEFAULT_MAX_BODY_BYTES: u64 = 52_428_800;

/// Calls a minute to the token endpoint.
const AUTH_REQUESTS: u32 = 5;

/// Settings of a [`Sandbox`], each with a default.
#[must_use = "nothing listens until `start`"]
pub struct SandboxBuilder {
    listen: SocketAddr,
    reject: RejectRule,
    malformed: Malformed,
    max_body_bytes: u64,
    rate_limit: Option<RateLimit>,
    auth_rate_limit: Option<RateLimit>,
    token_lifetime: Duration,
    credentials: Option<Credentials>,
    access_token: Option<String>,
    record: Option<PathBuf>,
    discard: bool,
    faults: FaultPlan,
    clock: Clock,
    batch_size: BatchSize,
    deliveries: Deliveries,
    opt_outs: Vec<OptOut>,
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address could be reached from elsewhere. A sandbox takes any token, so it stays on this machine.
    #[error("{0} is not a loopback address; the sandbox listens on 127.0.0.0/8 or [::1] only")]
    NotLoopback(SocketAddr),
    /// The address is taken, or not there.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The record file cannot be opened for appending.
    #[error("cannot open the record file {path:?}")]
    Record {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl SandboxBuilder {
    pub(crate) fn new() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            reject: RejectRule::default(),
            malformed: Malformed::default(),
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            rate_limit: Some(RateLimit::default()),
            auth_rate_limit: None,
            token_lifetime: Duration::from_secs(3600),
            credentials: None,
            access_token: None,
            record: None,
            discard: false,
            faults: FaultPlan::new(),
            clock: Clock::default(),
            batch_size: BatchSize::default(),
            deliveries: Deliveries::default(),
            opt_outs: Vec::new(),
        }
    }

    /// Where to listen; port 0 takes a free one. Default: `127.0.0.1:0`.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Which recipients are rejected. Default: [`RejectRule::default`], numbers that end in `5550199`.
    pub fn reject(mut self, rule: RejectRule) -> Self {
        self.reject = rule;
        self
    }

    /// What becomes of recipients that are not in E.164. Default: rejected alone.
    pub fn malformed(mut self, malformed: Malformed) -> Self {
        self.malformed = malformed;
        self
    }

    /// The longest body of a batch; above it, 413. Default: [`DEFAULT_MAX_BODY_BYTES`].
    pub fn max_body_bytes(mut self, bytes: u64) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// The rate limit; `None` also leaves out the `X-Rate-Limit-*` headers. Default: 50 in 60 s, announced only.
    pub fn rate_limit(mut self, limit: impl Into<Option<RateLimit>>) -> Self {
        self.rate_limit = limit.into();
        self
    }

    /// The rate limit of the token endpoint, if there is one at all. Default: 5 in 60 s, enforced if the other is.
    pub fn auth_rate_limit(mut self, limit: RateLimit) -> Self {
        self.auth_rate_limit = Some(limit);
        self
    }

    /// How long an access token is good; zero gives out expired ones. Default: an hour.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// Accepts these credentials only. Default: any that are not empty.
    pub fn credentials(
        mut self,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
        jwt: impl Into<String>,
    ) -> Self {
        let (client_id, client_secret, jwt) = (client_id.into(), client_secret.into(), jwt.into());
        self.credentials = Some(Credentials {
            client_id,
            client_secret,
            jwt,
        });
        self
    }

    /// What `batchSize` counts. Default: the accepted messages.
    pub fn batch_size(mut self, batch_size: BatchSize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Adds a rule about what becomes of accepted messages; the first one that fits a message counts. Default: all are
    /// delivered.
    pub fn deliver(mut self, rule: DeliveryRule) -> Self {
        self.deliveries.rules.push(rule);
        self
    }

    /// At which look a batch is completed; a look is a request for that one batch. Before, it is `Processing`, and the same
    /// share of its messages is dealt with, the others are `Queued`. Default: 0, it is completed before anybody looks.
    pub fn looks(mut self, looks: u64) -> Self {
        self.deliveries.looks = looks;
        self
    }

    /// What a segment costs. A message that could not be sent costs nothing. Default: 0.
    pub fn segment_cost(mut self, cost: f64) -> Self {
        self.deliveries.segment_cost = cost;
        self
    }

    /// The opt-outs that are listed. Default: none.
    pub fn opt_outs(mut self, opt_outs: impl IntoIterator<Item = OptOut>) -> Self {
        self.opt_outs = opt_outs.into_iter().collect();
        self
    }

    /// Accepts this token too, and never lets it expire: for trying by hand.
    pub fn access_token(mut self, token: impl Into<String>) -> Self {
        self.access_token = Some(token.into());
        self
    }

    /// Appends every accepted message to this file, as a line
    /// `{"batch":"<id>","from":"+1…","to":"+1…","text":"…"}`, in the order of its batch. A batch's lines are all
    /// there, flushed to the system, before its answer is sent, and batches do not interleave. Nothing of a batch
    /// is there unless it was accepted, and rejected recipients never are.
    pub fn record(mut self, path: impl Into<PathBuf>) -> Self {
        self.record = Some(path.into());
        self
    }

    /// Only counts the bytes of a batch's body, and accepts it unseen with `"batchSize":0` and `"from":null`; it is
    /// neither stored nor recorded. For measuring a client's throughput.
    pub fn discard(mut self, discard: bool) -> Self {
        self.discard = discard;
        self
    }

    /// Adds a rule that makes requests fail. Default: none does.
    pub fn fault(mut self, rule: impl Into<FaultRule>) -> Self {
        self.faults = self.faults.with(rule);
        self
    }

    /// The rules that make requests fail, in the place of those set before.
    pub fn faults(mut self, plan: FaultPlan) -> Self {
        self.faults = plan;
        self
    }

    /// How many seconds the sandbox's clock is ahead of this machine's; negative is behind. It is the clock of `Date`,
    /// of `creationTime`, of the filters by date, and of a `Retry-After` with a date. Default: 0.
    pub fn clock_skew(mut self, seconds: i64) -> Self {
        self.clock.skew = SignedDuration::from_secs(seconds);
        self
    }

    /// How times are written in answers; they mean the same. Default: `Z`.
    pub fn utc_offset(mut self, offset: UtcOffset) -> Self {
        self.clock.offset = offset;
        self
    }

    /// Digits of a second's fraction in such a time, at most 9; 0 leaves out the point. Default: 6.
    pub fn fraction_digits(mut self, digits: u8) -> Self {
        self.clock.fraction_digits = digits.min(9);
        self
    }

    /// Listens, and serves on a task of the current Tokio runtime.
    ///
    /// # Errors
    /// If the address is not a loopback address or cannot be listened on, or the record file cannot be opened.
    ///
    /// # Panics
    /// Outside a Tokio runtime with its I/O and time drivers enabled.
    pub async fn start(self) -> Result<Sandbox, StartError> {
        if !self.listen.ip().to_canonical().is_loopback() {
            return Err(StartError::NotLoopback(self.listen));
        }
        let recorder = match self.record {
            Some(path) => {
                Some(Recorder::open(&path).map_err(|source| StartError::Record { path, source })?)
            }
            None => None,
        };
        let failed = |source| StartError::Listen {
            address: self.listen,
            source,
        };
        let listener = TcpListener::bind(self.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let state = Arc::new(State {
            reject: self.reject,
            malformed: self.malformed,
            max_body_bytes: self.max_body_bytes,
            discard: self.discard,
            clock: self.clock,
            batch_size: self.batch_size,
            deliveries: self.deliveries,
            tokens: Tokens::new(
                self.token_lifetime.min(FOREVER),
                self.credentials,
                self.access_token,
            ),
            limits: self
                .rate_limit
                .map(|light| limits(light, self.auth_rate_limit)),
            recorder,
            faults: Faults::new(self.faults),
            store: Mutex::new(Store::default()),
            opt_outs: RwLock::new(self.opt_outs),
            busy: Busy::default(),
            counters: Counters::default(),
        });
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(server::serve(listener, Arc::clone(&state), stopped));
        tracing::info!(%address, "the sandbox listens");
        Ok(Sandbox {
            address,
            state,
            stop,
            server,
        })
    }
}

fn limits(light: RateLimit, auth: Option<RateLimit>) -> Limits {
    let auth = auth.unwrap_or(RateLimit {
        requests: AUTH_REQUESTS,
        enforced: light.enforced,
        ..RateLimit::default()
    });
    Limits {
        light: Limiter::new("Light", light),
        auth: Limiter::new("Auth", auth),
    }
}

/// Keeps the secrets out of `{:?}`.
impl fmt::Debug for SandboxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxBuilder")
            .field("listen", &self.listen)
            .field("reject", &self.reject)
            .field("malformed", &self.malformed)
            .field("max_body_bytes", &self.max_body_bytes)
            .field("rate_limit", &self.rate_limit)
            .field("token_lifetime", &self.token_lifetime)
            .field("record", &self.record)
            .field("discard", &self.discard)
            .field("faults", &self.faults)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
