//! The sandbox's clock, and how it writes times: the API's need not agree with the client's.

use std::fmt;
use std::str::FromStr;

use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// As the API writes its times: microseconds.
pub(crate) const FRACTION_DIGITS: u8 = 6;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) skew: SignedDuration,
    pub(crate) offset: UtcOffset,
    pub(crate) fraction_digits: u8,
}

/// How far a time is written from UTC: parsed from `Z`, `+05:30` or `-08:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UtcOffset {
    minutes: i16,
}

/// A text that is no [`UtcOffset`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an offset from UTC below 24 hours, as in Z, +05:30 or -08:00")]
#[non_exhaustive]
pub struct ParseOffsetError;

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        self.at(SignedDuration::ZERO)
    }

    /// `Date`, as in `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub(crate) fn date(&self) -> String {
        http_date(self.now())
    }

    /// So many seconds from now, in the same form.
    pub(crate) fn date_in(&self, seconds: u32) -> String {
        // A client that waits until then has waited so many seconds, not almost so many.
        let whole = self.now().subsec_nanosecond() > 0;
        let seconds = i64::from(seconds) + i64::from(whole);
        http_date(self.at(SignedDuration::from_secs(seconds)))
    }

    /// RFC 3339.
    pub(crate) fn rfc3339(&self, time: Timestamp) -> String {
        let digits = usize::from(self.fraction_digits);
        if self.offset.minutes == 0 {
            return format!("{time:.digits$}");
        }
        let offset = Offset::from_seconds(i32::from(self.offset.minutes) * 60);
        // Below 24 hours by `UtcOffset`, and jiff takes a little more.
        let offset = offset.unwrap_or(Offset::UTC);
        format!("{:.digits$}", time.display_with_offset(offset))
    }

    fn at(&self, later: SignedDuration) -> Timestamp {
        let now = Timestamp::now();
        now.checked_add(self.skew.saturating_add(later))
            .unwrap_or(now)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            skew: SignedDuration::ZERO,
            offset: UtcOffset::default(),
            fraction_digits: FRACTION_DIGITS,
        }
    }
}

fn http_date(time: Timestamp) -> String {
    // Only the years before 0 have no such form.
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&time)
        .unwrap_or_default()
}

impl FromStr for UtcOffset {
    type Err = ParseOffsetError;

    fn from_str(text: &str) -> Result<Self, ParseOffsetError> {
        if text == "Z" {
            return Ok(Self::default());
        }
        let (sign, rest) = text
            .strip_prefix('+')
            .map(|rest| (1, rest))
            .or_else(|| text.strip_prefix('-').map(|rest| (-1, rest)))
            .ok_or(ParseOffsetError)?;
        let two = |digits: &str, below: i16| {
            let all_digits = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits
                .parse()
                .ok()
                .filter(|number: &i16| all_digits && *number < below)
                .ok_or(ParseOffsetError)
        };
        let (hours, minutes) = rest.split_once(':').ok_or(ParseOffsetError)?;
        let minutes = sign * (two(hours, 24)? * 60 + two(minutes, 60)?);
        Ok(Self { minutes })
    }
}

impl fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.minutes == 0 {
            return f.write_str("Z");
        }
        let sign = if self.minutes < 0 { '-' } else { '+' };
        let minutes = self.minutes.unsigned_abs();
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, ParseOffsetError, UtcOffset};
    use jiff::Timestamp;

    #[test]
    fn offsets_are_read_and_written() {
        for text in ["Z", "+05:30", "-08:00", "+23:59", "-00:30"] {
            assert_eq!(text.parse::<UtcOffset>().expect(text).to_string(), text);
        }
        for text in [
            "", "z", "5:30", "+5:30", "+24:00", "+05:60", "+0530", "+-1:00", "+05:+1",
        ] {
            assert_eq!(text.parse::<UtcOffset>(), Err(ParseOffsetError), "{text}");
        }
    }

    #[test]
    fn times_are_written_as_asked_and_mean_the_same() {
        let time: Timestamp = "2020-10-12T20:59:55.053902Z".parse().expect("a time");
        for (offset, fraction_digits, written) in [
            ("Z", 6, "2020-10-12T20:59:55.053902Z"),
            ("Z", 0, "2020-10-12T20:59:55Z"),
            ("+05:30", 6, "2020-10-13T02:29:55.053902+05:30"),
            ("-08:00", 3, "2020-10-12T12:59:55.053-08:00"),
            ("+05:30", 0, "2020-10-13T02:29:55+05:30"),
        ] {
            let offset = offset.parse().expect("an offset");
            let clock = Clock {
                offset,
                fraction_digits,
                ..Clock::default()
            };
            assert_eq!(clock.rfc3339(time), written);
        }
    }
}
