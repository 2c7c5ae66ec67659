//! `batchcast sandbox`, and the sandbox of `batchcast send --sandbox`.

mod flags;

use anyhow::{Context as _, Result};
use batchcast::send::Credentials;
use batchcast_sandbox::{Sandbox, StartError, Stats};

use crate::exit::Exit;
use crate::fail::Usage;
use crate::readable::{batches, bytes, count, recipients};
use crate::{signals, terminal};

pub(crate) use flags::SandboxArgs;

/// An access token that every sandbox of this program takes.
const ACCESS_TOKEN: &str = "sandbox";

/// Runs the command.
///
/// # Errors
/// If the sandbox cannot start.
pub(crate) fn run(args: SandboxArgs) -> Result<Exit> {
    let builder = args.builder()?.access_token(ACCESS_TOKEN);
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
    let mut summary = format!(
        "Accepted: {} in {}, {} rejected, {} of bodies; {}, {}",
        recipients(stats.messages),
        batches(stats.batches),
        stats.rejected,
        bytes(stats.body_bytes),
        count(stats.requests, "request", "requests"),
        count(stats.errors, "error", "errors"),
    );
    for (number, one, many) in [
        (stats.faults, "fault", "faults"),
        (stats.violations, "violation", "violations"),
    ] {
        if number > 0 {
            summary += &format!(", {}", count(number, one, many));
        }
    }
    summary
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
