//! What a send costs, and how long it takes. Exact: decimal numbers as they were typed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

/// The price of a segment, in whatever currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Price(Decimal);

/// How many messages are sent in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(Decimal);

/// The most digits behind the point, and the most before it: what is multiplied with any number of segments is exact
/// in the 28 digits that there are.
const MOST_DIGITS: u32 = 6;

/// A number as people write it. Others, such as `1e3` or `1,5`, are not guessed at.
fn decimal(typed: &str) -> Option<Decimal> {
    let is_plain = typed
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = Decimal::from_str_exact(typed)
        .ok()
        .filter(|_| is_plain)?
        .normalize();
    let is_small = number < Decimal::from(10_u64.pow(MOST_DIGITS));
    (is_small && number.scale() <= MOST_DIGITS).then_some(number)
}

impl FromStr for Price {
    type Err = &'static str;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        let price = decimal(typed).map(Self);
        price.ok_or("not a price, such as 0.0085 (at most 6 digits behind the point)")
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        let rate = decimal(typed).filter(|rate| !rate.is_zero()).map(Self);
        rate.ok_or("not a number of messages a second, such as 30 or 0.5")
    }
}

impl Price {
    /// What so many segments cost, with at least two digits behind the point; all digits that there are.
    pub(crate) fn of(self, segments: u64) -> String {
        let mut cost = (self.0 * Decimal::from(segments)).normalize();
        if cost.scale() < 2 {
            cost.rescale(2);
        }
        cost.to_string()
    }
}

impl Rate {
    /// How long so many messages take.
    pub(crate) fn time(self, messages: u64) -> Duration {
        let millis = Decimal::from(messages) * Decimal::ONE_THOUSAND / self.0;
        Duration::from_millis(millis.round().to_u64().unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_exact() {
        for (price, segments, cost) in [
            ("0.0085", 7_812, "66.402"),
            ("0.1", 3, "0.30"),
            ("0.07", 100, "7.00"),
            ("1", 0, "0.00"),
            ("0.000001", 1_234_567, "1.234567"),
            (".5", 3, "1.50"),
            ("0", 5, "0.00"),
            ("999999.999999", 1_000_000_000_000, "999999999999000000.00"),
        ] {
            let price: Price = price.parse().unwrap();
            assert_eq!(price.of(segments), cost, "{price} × {segments}");
        }
        // In binary, a tenth a thousand times is not a hundred.
        let tenth: Price = "0.1".parse().unwrap();
        assert_eq!(tenth.of(1_000), "100.00");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for typed in [
            "",
            ".",
            "-1",
            "+1",
            "1e3",
            "1,5",
            "0.0000001",
            "1000000",
            "$1",
            "1_000",
            "nan",
            "1.2.3",
        ] {
            assert!(typed.parse::<Price>().is_err(), "{typed:?}");
            assert!(typed.parse::<Rate>().is_err(), "{typed:?}");
        }
        assert!("0".parse::<Rate>().is_err());
    }

    #[test]
    fn times_follow_the_rate() {
        for (rate, messages, millis) in [
            ("30", 90, 3_000),
            ("30", 1, 33),
            ("0.5", 3, 6_000),
            ("3", 10_000_000, 3_333_333_333),
            ("0.000001", 1, 1_000_000_000),
        ] {
            let rate: Rate = rate.parse().unwrap();
            assert_eq!(rate.time(messages), Duration::from_millis(millis));
        }
    }
}
