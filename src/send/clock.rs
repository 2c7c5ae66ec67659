//! The server's clock: how far it is from this machine's, by the `Date` of its answers.

use std::sync::{Mutex, PoisonError};

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{DATE, HeaderMap};

/// What is known of the server's clock.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// How much the server's clock is ahead, by the last answer.
    ahead: Mutex<Option<SignedDuration>>,
}

impl Clock {
    /// Takes the time of an answer that has just come.
    pub(super) fn learn(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(server) = date.and_then(parse_http_date) {
            *self.lock() = Some(server.duration_since(Timestamp::now()));
        }
    }

    /// Whether an answer has shown it.
    pub(super) fn is_known(&self) -> bool {
        self.lock().is_some()
    }

    /// The server's time at a moment of this machine's. The same if no answer has come yet.
    pub(super) fn server_time(&self, here: Timestamp) -> Timestamp {
        let ahead = self.lock().unwrap_or_default();
        here.saturating_add(ahead).unwrap_or(here)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<SignedDuration>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert_eq!(clock.server_time(now), now);
        let hour = SignedDuration::from_hours(1);
        let date = rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&(now + hour))
            .unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::try_from(date).unwrap());
        clock.learn(&headers);
        let ahead = clock.server_time(now).duration_since(now);
        // The header has whole seconds.
        assert!(
            (ahead - hour).abs() < SignedDuration::from_secs(5),
            "{ahead}"
        );
    }

    #[test]
    fn dates_as_http_writes_them() {
        let parsed = parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(parsed.to_string(), "1994-11-06T08:49:37Z");
        assert_eq!(parse_http_date("soon"), None);
    }
}
