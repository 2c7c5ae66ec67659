//! The server's clock: how far it is from this machine's, by the `Date` of its answers; and when something was by it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{DATE, HeaderMap};

use crate::journal::Committed;

/// Servers have more clocks than the one that their answers show: by how much these may disagree.
const DISAGREEMENT: SignedDuration = SignedDuration::from_mins(5);

/// The same where nothing showed the server's clock, and this machine's may have been in another zone. That is less than a
/// day, because a list may be sent daily.
const UNCHECKED: SignedDuration = SignedDuration::from_hours(20);

/// How long before its commit an upload may have begun of which the journal does not say it.
const LONG_UPLOAD: SignedDuration = SignedDuration::from_hours(1);

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

/// When something was. What time that is for the server may become known later.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    Here(Here),
    /// When an earlier process began the upload that it committed then.
    Began(Committed),
    /// When an earlier process committed a batch.
    Committed(Committed),
}

/// When something was in this process, by two clocks: the one may be put right in the meantime, the other stands still while
/// the machine sleeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here {
    time: SystemTime,
    instant: Instant,
}

/// When something was by the server's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) earliest: Timestamp,
    pub(super) latest: Timestamp,
    /// The latest by any clock, also by one that seems to have been wrong: for what is only to be waited for.
    pub(super) latest_by_any: Timestamp,
    /// An answer has shown the server's clock; else it is taken for this machine's.
    is_shown: bool,
}

impl Span {
    /// How far from these it may have been, though nothing says so.
    pub(super) const fn wrong_by(&self) -> SignedDuration {
        if self.is_shown {
            DISAGREEMENT
        } else {
            UNCHECKED
        }
    }

    /// Until when something that was made then can have been made, to be surely it. By this machine's clock alone hardly
    /// later than that: it may have been behind, and then what was made since is another.
    pub(super) fn sure_until(&self) -> Timestamp {
        let hardly_later = (!self.is_shown).then(|| self.latest.checked_add(DISAGREEMENT).ok());
        hardly_later.flatten().unwrap_or(Timestamp::MAX)
    }
}

impl Here {
    pub(super) fn now() -> Self {
        Self {
            time: SystemTime::now(),
            instant: Instant::now(),
        }
    }

    /// How long ago that was for a journal, in milliseconds: at the most, and at the least if that is less by a second.
    pub(super) fn stamp(self) -> (Option<u64>, Option<u64>) {
        let by_time = self.time.elapsed().unwrap_or_default();
        let by_steps = self.instant.elapsed();
        let (least, most) = (by_steps.min(by_time), by_steps.max(by_time));
        let is_less = most - least >= Duration::from_secs(1);
        let millis = |time: Duration| u64::try_from(time.as_millis()).ok();
        (millis(most), is_less.then_some(least).and_then(millis))
    }
}

impl Clock {
    /// Takes the time of an answer that has just come.
    pub(super) fn learn(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(server) = date.and_then(parse_http_date) {
            let shown = Shown::at(server);
            *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        }
    }

    /// Whether an answer has shown it.
    pub(super) fn is_known(&self) -> bool {
        self.shown().is_some()
    }

    /// The server's time now.
    pub(super) fn now(&self) -> Span {
        self.when(Moment::Here(Here::now()))
    }

    /// The same for a journal, if an answer has shown it: at the earliest, and at the latest if that is another second.
    pub(super) fn stamp(&self) -> (Option<SystemTime>, Option<SystemTime>) {
        if !self.is_known() {
            return (None, None);
        }
        let now = self.now();
        let is_another = now.latest.duration_since(now.earliest) >= SignedDuration::from_secs(1);
        let latest = is_another.then_some(now.latest);
        let time = |time: Timestamp| time.try_into().ok();
        (time(now.earliest), latest.and_then(time))
    }

    /// When that was by the server's clock. If no answer has shown that, it is taken for this machine's.
    pub(super) fn when(&self, moment: Moment) -> Span {
        match moment {
            Moment::Here(here) => self.here(here),
            Moment::Committed(then) => self.then(then),
            Moment::Began(then) => {
                let most = then.upload.map(signed);
                let least = then.upload_least.map(signed).or(most);
                let span = self.then(then);
                Span {
                    earliest: earlier(span.earliest, most.unwrap_or(LONG_UPLOAD)),
                    latest: earlier(span.latest, least.unwrap_or_default()),
                    ..span
                }
            }
        }
    }

    fn here(&self, here: Here) -> Span {
        let shown = self.shown_or_own();
        let (by_offset, by_steps) = (shown.by_offset(here.time), shown.by_steps(here.instant));
        let latest = by_offset.max(by_steps);
        Span {
            earliest: by_offset.min(by_steps),
            latest,
            latest_by_any: latest,
            is_shown: self.is_known(),
        }
    }

    fn then(&self, then: Committed) -> Span {
        // By a clock that has been put back since, it is later than now: then, at the latest, it was.
        let by_offset = self
            .shown_or_own()
            .by_offset(then.at.min(SystemTime::now()));
        let earliest = then.server_time.map_or(by_offset, timestamp);
        let latest = then.server_time_latest.map_or(earliest, timestamp);
        Span {
            // Should an answer have shown a wrong time, this machine's does not let the batch be overlooked. It makes nothing sure.
            earliest: earliest.min(by_offset),
            latest,
            latest_by_any: latest.max(by_offset),
            is_shown: then.server_time.is_some(),
        }
    }

    /// What is shown, or else this machine's clock.
    fn shown_or_own(&self) -> Shown {
        self.shown().unwrap_or_else(|| Shown::at(Timestamp::now()))
    }

    fn shown(&self) -> Option<Shown> {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    /// It is this time for the server now.
    fn at(server: Timestamp) -> Self {
        Self {
            ahead: server.duration_since(Timestamp::now()),
            server,
            here: Instant::now(),
        }
    }

    /// The server's time then, by a clock that may be put right.
    fn by_offset(self, then: SystemTime) -> Timestamp {
        let here = timestamp(then);
        here.saturating_add(self.ahead).unwrap_or(here)
    }

    /// The same by one that nobody puts right.
    fn by_steps(self, then: Instant) -> Timestamp {
        let since = signed(then.saturating_duration_since(self.here));
        let before = signed(self.here.saturating_duration_since(then));
        let then = self.server.saturating_add(since.saturating_sub(before));
        then.unwrap_or(self.server)
    }
}

/// So long before. What this is about began after 1970.
pub(super) fn earlier(time: Timestamp, by: SignedDuration) -> Timestamp {
    let earlier = time.checked_sub(by).unwrap_or(Timestamp::UNIX_EPOCH);
    earlier.max(Timestamp::UNIX_EPOCH)
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// A date as HTTP writes it (RFC 9110, 5.6.7).
pub(super) fn parse_http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    /// Committed now, by this machine's clock.
    fn committed() -> Committed {
        Committed {
            at: SystemTime::now(),
            server_time: None,
            server_time_latest: None,
            upload: Some(Duration::ZERO),
            upload_least: None,
        }
    }

    /// Whether these are the same but for what a test takes.
    fn is(time: Timestamp, expected: SystemTime) -> bool {
        let off = time.duration_since(Timestamp::try_from(expected).unwrap());
        off.abs() < SignedDuration::from_mins(1)
    }

    /// A clock as an answer has shown it that came now, when this machine's said something else than now.
    fn shown(ahead_hours: i64) -> Clock {
        let shown = Shown {
            ahead: SignedDuration::from_hours(ahead_hours),
            ..Shown::at(Timestamp::now())
        };
        Clock {
            shown: Mutex::new(Some(shown)),
        }
    }

    #[test]
    fn a_server_an_hour_ahead_is_believed() {
        let clock = Clock::default();
        let (now, then) = (SystemTime::now(), Moment::Committed(committed()));
        assert!(is(clock.when(then).earliest, now) && !clock.is_known());
        assert_eq!(clock.stamp(), (None, None));
        let date = rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&Timestamp::try_from(now + HOUR).unwrap())
            .unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::try_from(date).unwrap());
        clock.learn(&headers);
        for span in [clock.when(then), clock.now()] {
            assert!(is(span.earliest, now + HOUR) && is(span.latest, now + HOUR));
        }
        let (earliest, latest) = clock.stamp();
        assert!(is(timestamp(earliest.unwrap()), now + HOUR) && latest.is_none());
    }

    #[test]
    fn a_clock_that_was_put_right_in_the_meantime_makes_nothing_sure() {
        let now = SystemTime::now();
        // This machine's clock was an hour behind, or ahead, when an answer came.
        for (ahead, earliest, latest) in [(1, now, now + HOUR), (-1, now - HOUR, now)] {
            let clock = shown(ahead);
            let span = clock.now();
            assert!(is(span.earliest, earliest) && is(span.latest, latest));
            // A further process, whose clock is right, knows as much.
            let (server_time, server_time_latest) = clock.stamp();
            let then = Committed {
                server_time,
                server_time_latest,
                ..committed()
            };
            let span = shown(0).when(Moment::Committed(then));
            assert!(is(span.earliest, earliest) && is(span.latest, latest));
        }
    }

    #[test]
    fn a_clock_that_is_put_back_hides_nothing_where_the_server_s_is_not_known() {
        let now = SystemTime::now();
        let began = Here {
            time: now + 2 * HOUR,
            ..Here::now()
        };
        let span = Clock::default().when(Moment::Here(began));
        assert!(is(span.earliest, now) && is(span.latest, now + 2 * HOUR));
        assert_eq!(span.wrong_by(), UNCHECKED);
        // What a further process finds in its journal is of the future then.
        let then = Committed {
            at: now + 2 * HOUR,
            ..committed()
        };
        let span = Clock::default().when(Moment::Committed(then));
        assert!(is(span.latest, now));
    }

    #[test]
    fn an_upload_began_as_long_before_its_commit_as_the_journal_says() {
        let now = SystemTime::now();
        let began = |upload| {
            let then = Committed {
                upload,
                ..committed()
            };
            shown(0).when(Moment::Began(then))
        };
        let long = began(Some(5 * HOUR));
        assert!(is(long.earliest, now - 5 * HOUR) && is(long.latest, now - 5 * HOUR));
        let short = began(Some(Duration::from_secs(2)));
        assert!(is(short.earliest, now) && is(short.latest, now));
        let unknown = began(None);
        assert!(is(unknown.earliest, now - HOUR) && is(unknown.latest, now));
        // A clock was put forward by a day meanwhile.
        let disagreed = shown(0).when(Moment::Began(Committed {
            upload: Some(24 * HOUR),
            upload_least: Some(Duration::from_secs(1)),
            ..committed()
        }));
        assert!(is(disagreed.earliest, now - 24 * HOUR) && is(disagreed.latest, now));
        let absurd = began(Some(Duration::from_millis(u64::MAX)));
        assert_eq!(absurd.earliest, Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn dates_as_http_writes_them() {
        let parsed = parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(parsed.to_string(), "1994-11-06T08:49:37Z");
        assert_eq!(parse_http_date("soon"), None);
    }
}
