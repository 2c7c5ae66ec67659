//! The server's clock: how far it is from this machine's, by the `Date` of its answers; and moments, by both.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{DATE, HeaderMap};

use crate::journal::Committed;

/// What is known of the server's clock.
#[derive(Debug, Default)]
pub(super) struct Clock {
    shown: Mutex<Option<Shown>>,
}

/// What the last answer has shown.
#[derive(Debug, Clone, Copy)]
struct Shown {
    /// How much the server's clock is ahead.
    ahead: SignedDuration,
    server: Timestamp,
    here: Instant,
}

/// When something was. This machine's clock may be put right before that is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    /// In this process, by two clocks: the one may be put right in the meantime, the other stands still while the machine
    /// sleeps.
    Here(SystemTime, Instant),
    /// In an earlier process, as the journal has it.
    Then(Committed),
}

impl Clock {
    /// Takes the time of an answer that has just come.
    pub(super) fn learn(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(server) = date.and_then(parse_http_date) {
            let shown = Shown {
                ahead: server.duration_since(Timestamp::now()),
                server,
                here: Instant::now(),
            };
            *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        }
    }

    /// Whether an answer has shown it.
    pub(super) fn is_known(&self) -> bool {
        self.shown().is_some()
    }

    /// The server's time now, at the earliest, if an answer has shown it.
    pub(super) fn earliest(&self) -> Option<SystemTime> {
        let (earliest, _) = self.is_known().then(|| self.now())?;
        earliest.try_into().ok()
    }

    /// The server's time now, at the earliest and at the latest. That of this machine if no answer has come yet.
    pub(super) fn now(&self) -> (Timestamp, Timestamp) {
        self.server_time(SystemTime::now(), Some(Instant::now()))
    }

    /// The server's time at a moment of this machine's clocks, at the earliest and at the latest.
    fn server_time(&self, time: SystemTime, instant: Option<Instant>) -> (Timestamp, Timestamp) {
        let here = Timestamp::try_from(time).unwrap_or_else(|_| Timestamp::now());
        let Some(shown) = self.shown() else {
            return (here, here);
        };
        let by_offset = here.saturating_add(shown.ahead).unwrap_or(here);
        let by_steps = instant.map_or(by_offset, |instant| shown.server_time(instant));
        (by_offset.min(by_steps), by_offset.max(by_steps))
    }

    fn shown(&self) -> Option<Shown> {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    /// The server's time then, by a clock that nobody puts right.
    fn server_time(&self, then: Instant) -> Timestamp {
        let since = then.saturating_duration_since(self.here);
        let before = self.here.saturating_duration_since(then);
        let since = SignedDuration::try_from(since).unwrap_or(SignedDuration::MAX);
        let before = SignedDuration::try_from(before).unwrap_or(SignedDuration::MAX);
        let then = self.server.saturating_add(since.saturating_sub(before));
        then.unwrap_or(self.server)
    }
}

impl Moment {
    pub(super) fn now() -> Self {
        Self::Here(SystemTime::now(), Instant::now())
    }

    /// So long before.
    pub(super) fn before(self, by: Duration) -> Self {
        let earlier = |time: SystemTime| time.checked_sub(by).unwrap_or(time);
        match self {
            Self::Here(time, instant) => {
                Self::Here(earlier(time), instant.checked_sub(by).unwrap_or(instant))
            }
            Self::Then(moment) => Self::Then(Committed {
                at: earlier(moment.at),
                server_time: moment.server_time.map(earlier),
                ..moment
            }),
        }
    }

    /// When that was by the server's clock, at the earliest.
    pub(super) fn server_time(self, clock: &Clock) -> Timestamp {
        match self {
            Self::Then(Committed {
                server_time: Some(time),
                ..
            }) => Timestamp::try_from(time).unwrap_or(Timestamp::MIN),
            _ => self.machine_time(clock),
        }
    }

    /// The same if this machine's clock was right then.
    pub(super) fn machine_time(self, clock: &Clock) -> Timestamp {
        let (earliest, _) = match self {
            Self::Here(time, instant) => clock.server_time(time, Some(instant)),
            Self::Then(moment) => clock.server_time(moment.at, None),
        };
        earliest
    }

    /// Whether the server's clock was known then, or is now.
    pub(super) const fn is_shown(self) -> bool {
        !matches!(
            self,
            Self::Then(Committed {
                server_time: None,
                ..
            })
        )
    }
}

/// A date as HTTP writes it (RFC 9110, 5.6.7).
pub(super) fn parse_http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn a_server_an_hour_ahead_is_believed() {
        let clock = Clock::default();
        let now = Timestamp::now();
        let moment = Moment::Then(Committed {
            at: now.try_into().unwrap(),
            server_time: None,
            upload: Duration::ZERO,
        });
        assert_eq!(moment.server_time(&clock), now);
        assert_eq!(clock.earliest(), None);
        let hour = SignedDuration::from_hours(1);
        let date = rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&(now + hour))
            .unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::try_from(date).unwrap());
        clock.learn(&headers);
        // The header has whole seconds.
        let is_now = |time: Timestamp| {
            let ahead = time.duration_since(now);
            (ahead - hour).abs() < SignedDuration::from_secs(5)
        };
        assert!(is_now(moment.server_time(&clock)));
        assert!(is_now(Moment::now().server_time(&clock)));
        assert!(is_now(clock.now().0) && is_now(clock.now().1));
    }

    #[test]
    fn a_clock_that_was_put_right_in_the_meantime_is_not_believed() {
        const HOUR: Duration = Duration::from_secs(3_600);
        let (time, instant) = (SystemTime::now(), Instant::now());
        let server = Timestamp::try_from(time).unwrap();
        let clock = Clock::default();
        // This machine's clock was an hour behind, or ahead, when an answer came.
        for (ahead, since) in [(1, time), (-1, time - HOUR)] {
            *clock.shown.lock().unwrap() = Some(Shown {
                ahead: SignedDuration::from_hours(ahead),
                server,
                here: instant,
            });
            let (earliest, latest) = clock.server_time(time, Some(instant));
            assert_eq!(SystemTime::try_from(earliest).unwrap(), since);
            assert!(earliest <= server && server <= latest);
        }
    }

    #[test]
    fn dates_as_http_writes_them() {
        let parsed = parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(parsed.to_string(), "1994-11-06T08:49:37Z");
        assert_eq!(parse_http_date("soon"), None);
    }
}
