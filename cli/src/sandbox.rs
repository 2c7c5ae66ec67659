//! `batchcast sandbox`, and the sandbox of `batchcast send --sandbox`.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use batchcast::send::Credentials;
use batchcast_sandbox::{
    DEFAULT_MAX_BODY_BYTES, Malformed, RateLimit, RejectRule, Sandbox, StartError, Stats,
};
use clap::ValueEnum;

use crate::args::size;
use crate::exit::Exit;
use crate::fail::Usage;
use crate::progress::{batches, bytes, count, recipients};
use crate::{signals, terminal};

/// An access token that every sandbox of this program takes.
const ACCESS_TOKEN: &str = "sandbox";
const MINUTE: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub(crate) struct SandboxArgs {
    /// Where to listen, on this machine; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Which recipients to reject: none, suffix:DIGITS, prefix:+DIGITS, every:N or numbers:+N,+N
    #[arg(long, value_name = "RULE", default_value_t)]
    reject: RejectRule,

    /// What becomes of recipients that are not in E.164 form
    #[arg(long, value_name = "WHAT", default_value = "reject")]
    malformed: MalformedArg,

    /// Append every accepted message to this file, one JSON object a line
    #[arg(long, value_name = "FILE", conflicts_with = "discard")]
    record: Option<PathBuf>,

    /// Accept every body unseen, and only count its bytes: to measure how fast a client is
    #[arg(long)]
    discard: bool,

    /// Answer 413 to a larger body, such as 50MB, 50MiB, or a number of bytes
    #[arg(long, value_name = "SIZE", default_value_t = DEFAULT_MAX_BODY_BYTES, value_parser = size)]
    max_body_bytes: u64,

    /// Answer 429 to more requests in a minute [default: never]
    #[arg(long, value_name = "REQUESTS")]
    rate_limit: Option<NonZeroU32>,

    /// How long an access token is valid, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    token_lifetime: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum MalformedArg {
    /// They are rejected, each alone
    Reject,
    /// Their whole batch is refused
    Refuse,
}

/// Runs the command.
///
/// # Errors
/// If the sandbox cannot start.
pub(crate) fn run(args: SandboxArgs) -> Result<Exit> {
    let malformed = match args.malformed {
        MalformedArg::Reject => Malformed::Reject,
        MalformedArg::Refuse => Malformed::Refuse,
    };
    let limit = match args.rate_limit {
        Some(requests) => RateLimit::enforced(requests.get(), MINUTE),
        None => RateLimit::default(),
    };
    let mut builder = Sandbox::builder()
        .listen(args.listen)
        .reject(args.reject)
        .malformed(malformed)
        .discard(args.discard)
        .max_body_bytes(args.max_body_bytes)
        .rate_limit(limit)
        .token_lifetime(Duration::from_secs(args.token_lifetime))
        .access_token(ACCESS_TOKEN);
    if let Some(path) = args.record {
        builder = builder.record(path);
    }

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let stop = signals::one().context("cannot listen for signals")?;
        let sandbox = builder.start().await.map_err(told)?;
        for line in how_to_use(&sandbox.base_url()) {
            terminal::result(&line)?;
        }
        let stats = sandbox.run_until(stop).await;
        terminal::result(&summary(&stats))?;
        Ok(Exit::Accepted)
    })
}

fn told(error: StartError) -> anyhow::Error {
    let usage = match &error {
        StartError::NotLoopback(_) => Some("--listen"),
        _ => None,
    };
    let error = anyhow::Error::from(error);
    match usage {
        Some(flag) => error.context(Usage::of(flag)),
        None => error,
    }
}

fn how_to_use(url: &str) -> [String; 5] {
    [
        format!("The sandbox is at {url} (nobody gets a message). To send to it:"),
        format!("  export RC_SERVER_URL={url}"),
        format!("  export RC_ACCESS_TOKEN={ACCESS_TOKEN}"),
        "  batchcast send numbers.txt --from +16505550100 --text 'Hello Team'".to_owned(),
        "Ctrl-C stops it.".to_owned(),
    ]
}

fn summary(stats: &Stats) -> String {
    format!(
        "Accepted: {} in {}, {} rejected, {} of bodies; {}, {}",
        recipients(stats.messages),
        batches(stats.batches),
        stats.rejected,
        bytes(stats.body_bytes),
        count(stats.requests, "request", "requests"),
        count(stats.errors, "error", "errors"),
    )
}

/// A sandbox in this process.
pub(crate) struct Local(Sandbox);

impl Local {
    /// Starts one on a free port.
    pub(crate) async fn start() -> Result<Self> {
        let builder = Sandbox::builder()
            .access_token(ACCESS_TOKEN)
            .rate_limit(None);
        Ok(Self(
            builder.start().await.context("cannot start a sandbox")?,
        ))
    }

    /// Where it is.
    pub(crate) fn base_url(&self) -> String {
        self.0.base_url()
    }

    /// Credentials that it takes.
    pub(crate) fn credentials() -> Credentials {
        Credentials::access_token(ACCESS_TOKEN)
    }

    /// Stops it.
    pub(crate) async fn shutdown(self) {
        self.0.shutdown().await;
    }
}
