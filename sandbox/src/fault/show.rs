//! Faults in words, as [`text`](super::text) reads them.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::plan::Rule;
use super::text::ROUTES;
use super::{
    Effect, Ending, Fault, FaultRoute, FaultRule, Hide, Offset, Reply, ReplyBody, ReplyTime,
    RetryIn, Then, When,
};

impl Display for FaultRule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Rule::Random { seed, rate } => write!(f, "random:{seed}:{rate}"),
            Rule::Fixed { route, when, fault } => write!(f, "{route}{when}: {fault}"),
        }
    }
}

impl Display for FaultRoute {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = ROUTES.iter().find(|(_, route)| route == self);
        f.write_str(name.map_or("any", |(name, _)| name))
    }
}

/// With a space in front, or empty.
impl Display for When {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Next => Ok(()),
            Self::Between(1, u64::MAX) => f.write_str(" always"),
            Self::Between(first, u64::MAX) => write!(f, " {first}-"),
            Self::Between(first, last) if first == last => write!(f, " {first}"),
            Self::Between(first, last) => write!(f, " {first}-{last}"),
            Self::Every(n) => write!(f, " every {n}"),
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, effect) in self.effects.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{effect}")?;
        }
        Ok(())
    }
}

impl Display for Effect {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutRequest { after, ending } => write!(f, "{ending} after {after}"),
            Self::Stall { after, pause: None } => write!(f, "stall after {after}"),
            Self::Stall {
                after,
                pause: Some(pause),
            } => write!(f, "stall after {after} for {}", Time(*pause)),
            Self::Slow { bytes_per_second } => write!(f, "slow {bytes_per_second}"),
            Self::ExpireTokens => f.write_str("expire"),
            Self::Answer(reply) => write!(f, "answer {reply}"),
            Self::CutAnswer { after: 0, ending } => write!(f, "{ending} answer"),
            Self::CutAnswer { after, ending } => write!(f, "{ending} answer after {after}"),
            Self::HoldAnswer => f.write_str("hold answer"),
            Self::DelayAnswer(delay) => write!(f, "delay {}", Time(*delay)),
            Self::Hide(Hide::For(time)) => write!(f, "hide for {}", Time(*time)),
            Self::Hide(Hide::Lists(lists)) => write!(f, "hide {lists} lists"),
        }
    }
}

impl Display for Offset {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(bytes) => write!(f, "{bytes}"),
            Self::Body(bytes) => write!(f, "body {bytes}"),
        }
    }
}

impl Display for Ending {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reset => "reset",
            Self::Close => "close",
        })
    }
}

/// A body of one's own has no textual form, and is shown as `body=…`.
impl Display for Reply {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.body {
            Some(ReplyBody::Garbage(_)) => f.write_str("garbage")?,
            _ => write!(f, "{}", self.status)?,
        }
        match self.time {
            ReplyTime::Early(0) => f.write_str(" early")?,
            ReplyTime::Early(bytes) => write!(f, " early={bytes}")?,
            ReplyTime::Late => {}
            ReplyTime::Accepted => f.write_str(" accepted")?,
        }
        if let Some(code) = &self.code {
            write!(f, " code={code}")?;
        }
        if let Some(RetryIn { seconds, as_date }) = self.retry_after {
            let date = if as_date { "-date" } else { "" };
            write!(f, " retry-after{date}={seconds}")?;
        }
        for (name, value) in &self.headers {
            write!(f, " header={name}:{value}")?;
        }
        let body = match &self.body {
            None | Some(ReplyBody::Garbage(_)) => "",
            Some(ReplyBody::Json) => " body=json",
            Some(ReplyBody::Html) => " body=html",
            Some(ReplyBody::Empty) => " body=empty",
            Some(ReplyBody::Text) => " body=text",
            Some(ReplyBody::Broken) => " body=broken",
            Some(ReplyBody::NoId) => " body=no-id",
            Some(ReplyBody::Bytes(_)) => " body=…",
        };
        let then = match self.then {
            None => "",
            Some(Then::Keep) => " then=keep",
            Some(Then::Close) => " then=close",
            Some(Then::Reset) => " then=reset",
        };
        write!(f, "{body}{then}")
    }
}

struct Time(Duration);

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.subsec_nanos() == 0 {
            write!(f, "{}s", self.0.as_secs())
        } else {
            write!(f, "{}ms", self.0.as_millis())
        }
    }
}
