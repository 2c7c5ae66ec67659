//! Faults from words. The other way is [`show`](super::show).

use std::str::{FromStr, SplitWhitespace};
use std::time::Duration;

use super::{
    Effect, Ending, Fault, FaultPlan, FaultRoute, FaultRule, Hide, Offset, Reply, ReplyBody, Then,
    When,
};

/// Why a text is no fault, rule or plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found} was found where {expected} is expected")]
pub struct ParseFaultError {
    found: String,
    expected: &'static str,
}

impl ParseFaultError {
    fn at(found: Option<&str>, expected: &'static str) -> Self {
        let found = found.map_or("the end".to_owned(), |word| {
            let shown: String = word.chars().take(40).collect();
            format!("{shown:?}")
        });
        Self { found, expected }
    }
}

pub(super) const ROUTES: [(&str, FaultRoute); 8] = [
    ("batch", FaultRoute::Batch),
    ("token", FaultRoute::Token),
    ("list", FaultRoute::List),
    ("get", FaultRoute::Get),
    ("messages", FaultRoute::Messages),
    ("statuses", FaultRoute::Statuses),
    ("opt-outs", FaultRoute::OptOuts),
    ("any", FaultRoute::Any),
];

const RULE: &str = "ROUTE [WHEN]: EFFECT, as in \"batch 3: reset after 1000\", or random:SEED:RATE";
const ROUTE: &str = "batch, token, list, get, messages, statuses, opt-outs or any";
const WHEN: &str =
    "a number from 1, as in 3, 2-5 or 4-, \"every N\" or \"always\", and then a colon";
const RANDOM: &str = "random:SEED:RATE, a whole number and a share from 0 to 1";
const EFFECT: &str = "reset, close, stall, slow, answer, hold, delay, hide or expire";
const AFTER: &str = "\"after N\", \"after body N\" or \"answer\"";
const STALL: &str = "\"after N\" or \"after body N\"";
const BYTES: &str = "a number of bytes";
const POSITIVE: &str = "a whole number from 1";
const TIME: &str = "a time, as in 200ms, 2s or 1m";
const HIDE: &str = "\"for TIME\" or \"N lists\"";
const STATUS: &str = "a status from 200 to 599, or garbage";
const OPTION: &str = "early, early=N, accepted, code=, retry-after=SECONDS, retry-after-date=SECONDS, location=, \
                      header=NAME:VALUE, body=json|html|empty|text|broken|no-id or then=keep|close|reset";
const END: &str = "a comma or the end";

/// Rules with `;` or line ends between them.
impl FromStr for FaultPlan {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, ParseFaultError> {
        text.split([';', '\n'])
            .map(str::trim)
            .filter(|rule| !rule.is_empty())
            .map(str::parse::<FaultRule>)
            .collect()
    }
}

impl FromStr for FaultRule {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, ParseFaultError> {
        let text = text.trim();
        if let Some(random) = text.strip_prefix("random:") {
            let error = || ParseFaultError::at(Some(text), RANDOM);
            let (seed, rate) = random.split_once(':').ok_or_else(error)?;
            let rate: f64 = rate.parse().map_err(|_| error())?;
            if !(0.0..=1.0).contains(&rate) {
                return Err(error());
            }
            return Ok(Self::random(seed.parse().map_err(|_| error())?, rate));
        }
        let (requests, fault) = text
            .split_once(':')
            .ok_or_else(|| ParseFaultError::at(Some(text), RULE))?;
        let mut words = Words::of(requests);
        let route = words.next();
        let route = ROUTES
            .iter()
            .find(|(name, _)| Some(*name) == route)
            .ok_or_else(|| ParseFaultError::at(route, ROUTE))?
            .1;
        let when = when(&mut words)?;
        words.end(WHEN)?;
        Ok(Self::new(route, when, fault.parse::<Fault>()?))
    }
}

impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, ParseFaultError> {
        let mut effects = text.split(',').map(str::parse::<Effect>);
        // `split` gives at least one.
        let mut fault = Self::from(effects.next().unwrap_or_else(|| "".parse())?);
        for effect in effects {
            fault = fault.and(effect?);
        }
        Ok(fault)
    }
}

impl FromStr for Effect {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, ParseFaultError> {
        let mut words = Words::of(text);
        let effect = match words.next() {
            Some("reset") => cut(&mut words, Ending::Reset)?,
            Some("close") => cut(&mut words, Ending::Close)?,
            Some("stall") => {
                words.literal("after", STALL)?;
                let after = offset(&mut words)?;
                let pause = match words.peek() {
                    Some("for") => {
                        words.next();
                        Some(words.value(TIME, time)?)
                    }
                    _ => None,
                };
                Self::Stall { after, pause }
            }
            Some("slow") => Self::Slow {
                bytes_per_second: words.value(POSITIVE, |word| word.parse().ok())?,
            },
            Some("answer") => Self::Answer(reply(&mut words)?),
            Some("hold") => {
                words.literal("answer", "\"answer\"")?;
                Self::HoldAnswer
            }
            Some("delay") => Self::DelayAnswer(words.value(TIME, time)?),
            Some("hide") => Self::Hide(hide(&mut words)?),
            Some("expire") => Self::ExpireTokens,
            other => return Err(ParseFaultError::at(other, EFFECT)),
        };
        words.end(END)?;
        Ok(effect)
    }
}

fn when(words: &mut Words<'_>) -> Result<When, ParseFaultError> {
    let from_one = |word: &str| word.parse().ok().filter(|&number: &u64| number > 0);
    let Some(word) = words.next() else {
        return Ok(When::Next);
    };
    let parsed = match (word, word.split_once('-')) {
        ("always", _) => Some(When::Between(1, u64::MAX)),
        ("every", _) => return words.value(POSITIVE, |word| word.parse().ok().map(When::Every)),
        (_, Some((first, ""))) => from_one(first).map(|first| When::Between(first, u64::MAX)),
        (_, Some((first, last))) => from_one(first)
            .zip(from_one(last))
            .filter(|(first, last)| first <= last)
            .map(|(first, last)| When::Between(first, last)),
        (only, None) => from_one(only).map(|only| When::Between(only, only)),
    };
    parsed.ok_or_else(|| ParseFaultError::at(Some(word), WHEN))
}

/// What follows `reset` and `close`.
fn cut(words: &mut Words<'_>, ending: Ending) -> Result<Effect, ParseFaultError> {
    match words.next() {
        Some("after") => Ok(Effect::CutRequest {
            after: offset(words)?,
            ending,
        }),
        Some("answer") => {
            let after = if words.peek().is_some() {
                words.literal("after", "\"after N\"")?;
                words.value(BYTES, |word| word.parse().ok())?
            } else {
                0
            };
            Ok(Effect::CutAnswer { after, ending })
        }
        other => Err(ParseFaultError::at(other, AFTER)),
    }
}

fn offset(words: &mut Words<'_>) -> Result<Offset, ParseFaultError> {
    let body = words.peek() == Some("body");
    if body {
        words.next();
    }
    let bytes = words.value(BYTES, |word| word.parse().ok())?;
    Ok(if body {
        Offset::Body(bytes)
    } else {
        Offset::Wire(bytes)
    })
}

fn hide(words: &mut Words<'_>) -> Result<Hide, ParseFaultError> {
    if words.peek() == Some("for") {
        words.next();
        return words.value(TIME, time).map(Hide::For);
    }
    let lists = words.value(HIDE, |word| word.parse().ok())?;
    match words.next() {
        Some("list" | "lists") => Ok(Hide::Lists(lists)),
        other => Err(ParseFaultError::at(other, "\"lists\"")),
    }
}

fn reply(words: &mut Words<'_>) -> Result<Reply, ParseFaultError> {
    let mut reply = words.value(STATUS, |word| match word {
        "garbage" => Some(Reply::garbage()),
        status => status
            .parse()
            .ok()
            .filter(|status| (200..600).contains(status))
            .map(Reply::status),
    })?;
    while let Some(word) = words.next() {
        reply = option(reply, word).ok_or_else(|| ParseFaultError::at(Some(word), OPTION))?;
    }
    Ok(reply)
}

fn option(reply: Reply, word: &str) -> Option<Reply> {
    let (name, value) = match word {
        "early" => return Some(reply.early(0)),
        "accepted" => return Some(reply.accepted()),
        _ => word.split_once('=')?,
    };
    Some(match name {
        "early" => reply.early(value.parse().ok()?),
        "code" => reply.code(value),
        "retry-after" => reply.retry_after(value.parse().ok()?),
        "retry-after-date" => reply.retry_after_date(value.parse().ok()?),
        "location" => reply.header("location", value),
        "header" => {
            let (name, value) = value.split_once(':')?;
            reply.header(name, value)
        }
        "body" => reply.body(match value {
            "json" => ReplyBody::Json,
            "html" => ReplyBody::Html,
            "empty" => ReplyBody::Empty,
            "text" => ReplyBody::Text,
            "broken" => ReplyBody::Broken,
            "no-id" => ReplyBody::NoId,
            _ => return None,
        }),
        "then" => reply.then(match value {
            "keep" => Then::Keep,
            "close" => Then::Close,
            "reset" => Then::Reset,
            _ => return None,
        }),
        _ => return None,
    })
}

/// Reads a time as it stands in a fault: `200ms`, `2s` or `1m`.
///
/// # Errors
/// If it is none.
pub fn parse_time(text: &str) -> Result<Duration, ParseFaultError> {
    time(text).ok_or_else(|| ParseFaultError::at(Some(text), TIME))
}

fn time(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_lowercase());
    let number: u32 = digits.parse().ok()?;
    let unit = match &text[digits.len()..] {
        "ms" => Duration::from_millis(1),
        "s" => Duration::from_secs(1),
        "m" => Duration::from_secs(60),
        _ => return None,
    };
    Some(unit * number)
}

struct Words<'t>(std::iter::Peekable<SplitWhitespace<'t>>);

impl<'t> Words<'t> {
    fn of(text: &'t str) -> Self {
        Self(text.split_whitespace().peekable())
    }

    fn next(&mut self) -> Option<&'t str> {
        self.0.next()
    }

    fn peek(&mut self) -> Option<&'t str> {
        self.0.peek().copied()
    }

    fn literal(&mut self, word: &str, expected: &'static str) -> Result<(), ParseFaultError> {
        match self.next() {
            Some(found) if found == word => Ok(()),
            other => Err(ParseFaultError::at(other, expected)),
        }
    }

    fn value<T>(
        &mut self,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ParseFaultError> {
        let word = self.next();
        word.and_then(parse)
            .ok_or_else(|| ParseFaultError::at(word, expected))
    }

    fn end(&mut self, expected: &'static str) -> Result<(), ParseFaultError> {
        match self.next() {
            None => Ok(()),
            other => Err(ParseFaultError::at(other, expected)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FaultPlan, FaultRule};

    #[test]
    fn what_is_written_is_read_back() {
        for text in [
            "batch: reset after 0",
            "batch 3: close after body 1000",
            "any 2-5: stall after 10",
            "any 4-: stall after body 10 for 200ms",
            "batch every 3: slow 1000",
            "token always: answer 503 retry-after=5",
            "batch: answer 429 early retry-after-date=5 then=keep",
            "batch: answer 413 early=1000 body=html then=reset",
            "list: answer 400 code=CMN-101 header=X-Name:a:b body=json then=close",
            "batch: answer 201 accepted body=no-id, hide 2 lists",
            "batch: answer garbage accepted",
            "get: reset answer",
            "messages: close answer after 20, delay 2s",
            "statuses: hold answer",
            "opt-outs: expire",
            "batch: hide for 60s",
            "random:7:0.25",
        ] {
            let rule: FaultRule = text.parse().expect(text);
            assert_eq!(rule.to_string(), text);
            assert_eq!(rule.to_string().parse(), Ok(rule));
        }
        let rules: FaultPlan = "batch:reset after 1;\n\n any: expire\n"
            .parse()
            .expect("two");
        assert_eq!(
            rules,
            ["batch: reset after 1", "any: expire"]
                .map(|rule| rule.parse::<FaultRule>().expect(rule))
                .into_iter()
                .collect()
        );
        let location: FaultRule = "batch: answer 302 location=/x".parse().expect("a rule");
        assert_eq!(location.to_string(), "batch: answer 302 header=location:/x");
    }

    #[test]
    fn mistakes_say_what_is_expected() {
        for (text, error) in [
            ("reset", "\"reset\" was found where ROUTE [WHEN]: EFFECT"),
            (
                "batches: expire",
                "\"batches\" was found where batch, token",
            ),
            ("batch 0: expire", "\"0\" was found where a number from 1"),
            (
                "batch 3-2: expire",
                "\"3-2\" was found where a number from 1",
            ),
            (
                "batch every: expire",
                "the end was found where a whole number from 1",
            ),
            ("batch 1 2: expire", "\"2\" was found where a number from 1"),
            ("batch:", "the end was found where reset, close"),
            ("batch: expire,", "the end was found where reset, close"),
            (
                "batch: reset",
                "the end was found where \"after N\", \"after body N\" or \"answer\"",
            ),
            (
                "batch: reset after",
                "the end was found where a number of bytes",
            ),
            (
                "batch: reset after body x",
                "\"x\" was found where a number of bytes",
            ),
            ("batch: reset answer 7", "\"7\" was found where \"after N\""),
            ("batch: stall for 2s", "\"for\" was found where \"after N\""),
            ("batch: stall after 1 for 2", "\"2\" was found where a time"),
            (
                "batch: slow 0",
                "\"0\" was found where a whole number from 1",
            ),
            (
                "batch: answer 99",
                "\"99\" was found where a status from 200",
            ),
            ("batch: answer 429 soon", "\"soon\" was found where early,"),
            (
                "batch: answer 429 body=xml",
                "\"body=xml\" was found where early,",
            ),
            ("batch: hold", "the end was found where \"answer\""),
            ("batch: delay 2h", "\"2h\" was found where a time"),
            ("batch: hide 2", "the end was found where \"lists\""),
            (
                "batch: expire now",
                "\"now\" was found where a comma or the end",
            ),
            ("random:7", "\"random:7\" was found where random:SEED:RATE"),
            (
                "random:7:2",
                "\"random:7:2\" was found where random:SEED:RATE",
            ),
        ] {
            let found = text.parse::<FaultRule>().expect_err(text).to_string();
            assert!(found.starts_with(error), "{text}: {found}");
        }
    }
}
