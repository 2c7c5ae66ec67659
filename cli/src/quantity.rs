//! Quantities as people write them: sizes, times, shares.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;

/// A number of bytes, with a unit or without.
pub(crate) fn size(typed: &str) -> Result<u64, String> {
    let size: bytesize::ByteSize = typed
        .parse()
        .map_err(|_| "not a size, such as 50MB, 50MiB or 50000000".to_owned())?;
    Ok(size.as_u64())
}

/// A time, such as `500ms`, `30s`, `2m` or `1h 30m`.
pub(crate) fn time(typed: &str) -> Result<Duration, String> {
    let time: Option<SignedDuration> = typed.trim().parse().ok();
    time.and_then(|time| Duration::try_from(time).ok())
        .ok_or_else(|| "not a time, such as 500ms, 30s, 2m or 1h30m".to_owned())
}

/// How many of something may be: so many, or so many of a hundred.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Share {
    Count(u64),
    Percent(f64),
}

impl Share {
    /// Whether `part` of `whole` is more than that.
    pub(crate) fn is_exceeded(self, part: u64, whole: u64) -> bool {
        match self {
            Self::Count(most) => part > most,
            // Counts of messages are far below 2^53.
            #[expect(clippy::cast_precision_loss)]
            Self::Percent(most) => part as f64 * 100.0 > most * whole as f64,
        }
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        let share = match typed.trim().strip_suffix('%') {
            Some(percent) => percent
                .trim()
                .parse()
                .ok()
                .filter(|percent| (0.0..=100.0).contains(percent))
                .map(Self::Percent),
            None => typed.trim().parse().ok().map(Self::Count),
        };
        share.ok_or_else(|| "not a number or a share, such as 20 or 5%".to_owned())
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(most) => most.fmt(f),
            Self::Percent(most) => write!(f, "{most}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (typed, bytes) in [
            ("50MB", Some(50_000_000)),
            ("50MiB", Some(52_428_800)),
            ("52428800", Some(52_428_800)),
            ("1.5kB", Some(1_500)),
            ("1 kib", Some(1_024)),
            ("", None),
            ("many", None),
            ("-1", None),
        ] {
            assert_eq!(size(typed).ok(), bytes, "{typed:?}");
        }
    }

    #[test]
    fn the_default_is_the_librarys() {
        let default = batchcast::encode::DEFAULT_MAX_BYTES;
        assert_eq!(size("50MB"), Ok(default));
    }

    #[test]
    fn times() {
        for (typed, millis) in [
            ("500ms", Some(500)),
            ("30s", Some(30_000)),
            ("30 s", Some(30_000)),
            ("1.5s", Some(1_500)),
            ("2m", Some(120_000)),
            ("2 minutes", Some(120_000)),
            ("1h30m", Some(5_400_000)),
            ("1h 30m", Some(5_400_000)),
            ("", None),
            ("30", None),
            ("-1s", None),
            ("soon", None),
        ] {
            let expected = millis.map(Duration::from_millis);
            assert_eq!(time(typed).ok(), expected, "{typed:?}");
        }
    }

    #[test]
    fn shares() {
        let exceeded = |typed: &str, part, whole| {
            let share: Share = typed.parse().unwrap();
            share.is_exceeded(part, whole)
        };
        assert!(!exceeded("3", 3, 10) && exceeded("3", 4, 1_000));
        assert!(!exceeded("5%", 5, 100) && exceeded("5%", 6, 100));
        assert!(!exceeded("2.5 %", 1, 40) && exceeded("2.5%", 2, 40));
        assert!(!exceeded("0", 0, 10) && exceeded("0%", 1, 1_000_000));
        for typed in ["", "%", "x", "-1", "-1%", "101%", "nan%", "1.5"] {
            assert!(typed.parse::<Share>().is_err(), "{typed:?}");
        }
        assert_eq!("5%".parse::<Share>().unwrap().to_string(), "5%");
    }
}
