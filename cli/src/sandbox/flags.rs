//! The flags of `batchcast sandbox`, and the sandbox that they mean.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use batchcast_sandbox::fault::FaultRule;
use batchcast_sandbox::{
    BatchSize, DEFAULT_MAX_BODY_BYTES, DeliveryRule, Malformed, OptOut, RateLimit, RejectRule,
    RetryAfter, Sandbox, SandboxBuilder, UtcOffset,
};
use clap::ValueEnum;

use crate::fail::Usage;
use crate::quantity::{positive, size, time, whole};

#[derive(clap::Args)]
pub(crate) struct SandboxArgs {
    /// Where to listen, on this machine; port 0 is any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0", value_parser = address)]
    pub(super) listen: SocketAddr,

    /// Which recipients to reject: none, suffix:DIGITS, prefix:+DIGITS, every:N or numbers:+N,+N
    #[arg(long, value_name = "RULE", default_value_t)]
    reject: RejectRule,

    /// What becomes of recipients that are not in E.164 form
    #[arg(long, value_name = "WHAT", default_value = "reject")]
    malformed: MalformedArg,

    /// What the batchSize of an answer counts
    #[arg(long, value_name = "WHAT", default_value = "accepted")]
    batch_size: BatchSizeArg,

    /// What becomes of accepted messages: CODE=WHICH or Sent=WHICH, WHICH as in --reject, such as
    /// SMS-CAR-411=every:50; may be there more than once [default: all are delivered]
    #[arg(long, value_name = "RULE")]
    deliver: Vec<DeliveryRule>,

    /// At which look a batch is completed; a look asks for that one batch, as 'batchcast status' does
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::<u64>)]
    deliver_looks: u64,

    /// What a segment costs
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0, value_parser = amount)]
    segment_cost: f64,

    /// Append every accepted message to this file, one JSON object a line
    #[arg(long, value_name = "FILE", conflicts_with = "discard")]
    record: Option<PathBuf>,

    /// Accept every body unseen, and only count its bytes: to measure how fast a client is
    #[arg(long)]
    discard: bool,

    /// Answer 413 to a larger body, such as 50MB, 50MiB, or a number of bytes
    #[arg(long, value_name = "SIZE", default_value_t = DEFAULT_MAX_BODY_BYTES, value_parser = size)]
    max_body_bytes: u64,

    /// Answer 429 to more requests in a window [default: never]
    #[arg(long, value_name = "REQUESTS", value_parser = positive::<NonZeroU32>)]
    rate_limit: Option<NonZeroU32>,

    /// The window, such as 500ms, 2s or 1m; without --rate-limit it is only announced
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = some_time)]
    rate_window: Duration,

    /// How long no request may come behind a 429, in whole seconds [default: the window]
    #[arg(long, value_name = "TIME", value_parser = whole_seconds, requires = "rate_limit")]
    penalty: Option<Duration>,

    /// How a 429 says it
    #[arg(
        long,
        value_name = "FORM",
        default_value = "seconds",
        requires = "rate_limit"
    )]
    retry_after: RetryAfterArg,

    /// The same limit for the token endpoint [default: 5 in a minute, if --rate-limit is set]
    #[arg(long, value_name = "REQUESTS", value_parser = positive::<NonZeroU32>, requires = "rate_limit")]
    auth_rate_limit: Option<NonZeroU32>,

    /// How long an access token is valid, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = whole::<u64>)]
    token_lifetime: u64,

    /// Let requests fail, such as 'batch every 5: reset answer' or random:7:0.2; may be there more than once; see below
    #[arg(long, value_name = "RULE")]
    fault: Vec<FaultRule>,

    /// How far the sandbox's clock is ahead of this machine's; negative is behind
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    clock_skew: i64,

    /// How far from UTC times are written, such as Z, +05:30 or -08:00
    #[arg(
        long,
        value_name = "OFFSET",
        default_value_t,
        allow_hyphen_values = true
    )]
    utc_offset: UtcOffset,

    /// Digits of a second's fraction in times, up to 9
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u8).range(..=9))]
    fraction_digits: u8,

    /// The opt-outs to list, a line FROM,TO[,OptOut|OptIn[,SOURCE]] each
    #[arg(long, value_name = "FILE")]
    opt_outs: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum MalformedArg {
    /// They are rejected, each alone
    Reject,
    /// Their whole batch is refused
    Refuse,
}

#[derive(Clone, Copy, ValueEnum)]
enum BatchSizeArg {
    /// The accepted messages
    Accepted,
    /// All messages that were sent, the rejected ones too
    Sent,
}

#[derive(Clone, Copy, ValueEnum)]
enum RetryAfterArg {
    /// Retry-After in seconds
    Seconds,
    /// Retry-After with a date
    Date,
    /// No Retry-After
    Absent,
}

impl SandboxArgs {
    /// The sandbox that is asked for, but for its access token.
    pub(super) fn builder(self) -> Result<SandboxBuilder> {
        let opt_outs = self.opt_outs.as_deref().map(opt_outs).transpose()?;
        let limit = self.limit(self.rate_limit);
        let auth_limit = self
            .auth_rate_limit
            .map(|requests| self.limit(Some(requests)));
        let mut builder = Sandbox::builder()
            .listen(self.listen)
            .reject(self.reject)
            .malformed(match self.malformed {
                MalformedArg::Reject => Malformed::Reject,
                MalformedArg::Refuse => Malformed::Refuse,
            })
            .batch_size(match self.batch_size {
                BatchSizeArg::Accepted => BatchSize::Accepted,
                BatchSizeArg::Sent => BatchSize::Sent,
            })
            .looks(self.deliver_looks)
            .segment_cost(self.segment_cost)
            .discard(self.discard)
            .max_body_bytes(self.max_body_bytes)
            .rate_limit(limit)
            .token_lifetime(Duration::from_secs(self.token_lifetime))
            .faults(self.fault.into_iter().collect())
            .clock_skew(self.clock_skew)
            .utc_offset(self.utc_offset)
            .fraction_digits(self.fraction_digits)
            .opt_outs(opt_outs.unwrap_or_default());
        if let Some(limit) = auth_limit {
            builder = builder.auth_rate_limit(limit);
        }
        for rule in self.deliver {
            builder = builder.deliver(rule);
        }
        if let Some(path) = self.record {
            builder = builder.record(path);
        }
        Ok(builder)
    }

    fn limit(&self, requests: Option<NonZeroU32>) -> RateLimit {
        let limit = match requests {
            Some(requests) => RateLimit::enforced(requests.get(), self.rate_window),
            None => RateLimit::announced(RateLimit::default().requests, self.rate_window),
        };
        let limit = limit.retry_after(match self.retry_after {
            RetryAfterArg::Seconds => RetryAfter::Seconds,
            RetryAfterArg::Date => RetryAfter::Date,
            RetryAfterArg::Absent => RetryAfter::Absent,
        });
        match self.penalty {
            Some(penalty) => limit.penalty(penalty),
            None => limit,
        }
    }
}

/// Where to listen.
fn address(typed: &str) -> Result<SocketAddr, &'static str> {
    typed
        .parse()
        .map_err(|_| "not an address and a port, such as 127.0.0.1:8080 or [::1]:8080")
}

/// A time in which something can happen.
fn some_time(typed: &str) -> Result<Duration, String> {
    let time = time(typed)?;
    if time.is_zero() {
        return Err("nothing can happen in no time: give one such as 500ms".to_owned());
    }
    Ok(time)
}

/// A time as `Retry-After` says it.
fn whole_seconds(typed: &str) -> Result<Duration, String> {
    let time = time(typed)?;
    if time.subsec_nanos() > 0 {
        return Err("not in whole seconds, such as 2s or 1m".to_owned());
    }
    Ok(time)
}

/// An amount of money.
fn amount(typed: &str) -> Result<f64, &'static str> {
    let amount = typed.parse().ok().filter(|amount: &f64| amount.is_finite());
    amount
        .filter(|amount| *amount >= 0.0)
        .ok_or("not an amount, such as 0.0075")
}

/// A header, as the sandbox itself writes it, blank lines and comments are passed over.
fn opt_outs(path: &Path) -> Result<Vec<OptOut>> {
    let list = std::fs::read_to_string(path)
        .with_context(|| format!("--opt-outs: cannot read {}", path.display()))?;
    let mut opt_outs = Vec::new();
    for (line, number) in list.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') || (number == 1 && line.starts_with("from,")) {
            continue;
        }
        let opt_out = line.parse().map_err(|error| {
            Usage::error(format!(
                "--opt-outs: line {number} of {}: {error}",
                path.display()
            ))
        });
        opt_outs.push(opt_out?);
    }
    Ok(opt_outs)
}
