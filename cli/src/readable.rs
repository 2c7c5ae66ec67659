//! Counts, sizes and times as people read them. How people write them is known to [`quantity`](crate::quantity).

use std::time::Duration;

use bytesize::ByteSize;
use indicatif::HumanCount;

/// A number of things, such as "1,000 batches".
pub(crate) fn count(number: u64, singular: &str, plural: &str) -> String {
    let noun = if number == 1 { singular } else { plural };
    format!("{} {noun}", HumanCount(number))
}

/// A number of recipients.
pub(crate) fn recipients(number: u64) -> String {
    count(number, "recipient", "recipients")
}

/// A number of batches.
pub(crate) fn batches(number: u64) -> String {
    count(number, "batch", "batches")
}

/// A number of bytes as people read it.
pub(crate) fn bytes(bytes: u64) -> String {
    ByteSize(bytes).display().si().to_string()
}

/// Recipients in a second.
pub(crate) fn rate(recipients: u64, elapsed: Duration) -> String {
    let micros = u64::try_from(elapsed.as_micros())
        .unwrap_or(u64::MAX)
        .max(1);
    let tenths = u128::from(recipients) * 10_000_000 / u128::from(micros);
    let tenths = u64::try_from(tenths).unwrap_or(u64::MAX);
    match tenths {
        // One in a while is not none.
        0 if recipients > 0 => "less than 0.1 recipients/s".to_owned(),
        1..100 if tenths % 10 > 0 => format!("{}.{} recipients/s", tenths / 10, tenths % 10),
        _ => format!("{}/s", self::recipients(tenths / 10)),
    }
}

/// A time as people read it.
pub(crate) fn time(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        seconds @ 3_600.. => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        seconds @ 60.. => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{:.1} s", elapsed.as_secs_f64()),
    }
}

/// The same in whole seconds, for what is soon past.
pub(crate) fn short_time(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        seconds @ 60.. => time(Duration::from_secs(seconds)),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_readable() {
        assert_eq!(recipients(1), "1 recipient");
        assert_eq!(batches(2_000), "2,000 batches");
        assert_eq!(bytes(50_000_000), "50.0 MB");
        assert_eq!(
            rate(3_000_000, Duration::from_secs(2)),
            "1,500,000 recipients/s"
        );
        assert_eq!(rate(1, Duration::ZERO), "1,000,000 recipients/s");
        for (recipients, seconds, told) in [
            (1, 1, "1 recipient/s"),
            (1, 2, "0.5 recipients/s"),
            (3, 2, "1.5 recipients/s"),
            (21, 2, "10 recipients/s"),
            (1, 60, "less than 0.1 recipients/s"),
            (0, 60, "0 recipients/s"),
        ] {
            assert_eq!(rate(recipients, Duration::from_secs(seconds)), told);
        }
        assert_eq!(time(Duration::from_millis(1_250)), "1.2 s");
        assert_eq!(time(Duration::from_secs(75)), "1 min 15 s");
        assert_eq!(time(Duration::from_secs(7_380)), "2 h 3 min");
    }
}
