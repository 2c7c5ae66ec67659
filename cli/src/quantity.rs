//! Quantities as people write them: sizes, times, shares.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use batchcast::screen::MaxInvalid;
use jiff::SignedDuration;

/// A number of bytes, with a unit or without.
pub(crate) fn size(typed: &str) -> Result<u64, String> {
    let size: bytesize::ByteSize = typed
        .parse()
        .map_err(|_| "not a size, such as 50MB, 50MiB or 50000000".to_owned())?;
    Ok(size.as_u64())
}

/// A whole number.
pub(crate) fn whole<T: FromStr>(typed: &str) -> Result<T, &'static str> {
    let number = typed.trim().parse();
    number.map_err(|_| "not a whole number, such as 0, 10 or 2500")
}

/// The same of a type that has no zero.
pub(crate) fn positive<T: FromStr>(typed: &str) -> Result<T, &'static str> {
    let number = typed.trim().parse();
    number.map_err(|_| "not a whole number from 1 on, such as 10 or 2500")
}

/// A time, such as `500ms`, `30s`, `2m` or `1h 30m`.
pub(crate) fn time(typed: &str) -> Result<Duration, String> {
    let time: Option<SignedDuration> = typed.trim().parse().ok();
    time.and_then(|time| Duration::try_from(time).ok())
        .ok_or_else(|| "not a time, such as 500ms, 30s, 2m or 1h30m".to_owned())
}

/// How many of something may be: so many, or so many of a hundred.
///
/// Counted as that of invalid records, in thousandths of a percent: binary fractions have no 1.14%, and 57 of 5,000 would
/// be more than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share(MaxInvalid);

impl Share {
    /// Whether `part` of `whole` is more than that.
    pub(crate) const fn is_exceeded(self, part: u64, whole: u64) -> bool {
        self.0.is_exceeded_at_end(part, whole)
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        let typed = typed.trim();
        let most = match typed.strip_suffix('%') {
            Some(percent) => format!("{}%", percent.trim_end()).parse(),
            None => typed.parse(),
        };
        most.map(Self)
            .map_err(|_| "not a number or a share, such as 20 or 5%".to_owned())
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
        // Exactly at the limit.
        assert!(!exceeded("1.14%", 57, 5_000) && exceeded("1.14%", 58, 5_000));
        assert!(!exceeded("0.57%", 57, 10_000) && exceeded("0.569%", 57, 10_000));
        assert!(!exceeded("100%", 3, 3) && exceeded("99.999%", 3, 3));
        assert!(!exceeded("0", 0, 10) && exceeded("0%", 1, 1_000_000));
        for typed in ["", "%", "x", "-1", "-1%", "101%", "nan%", "1.5"] {
            assert!(typed.parse::<Share>().is_err(), "{typed:?}");
        }
        assert_eq!("5%".parse::<Share>().unwrap().to_string(), "5%");
    }
}
