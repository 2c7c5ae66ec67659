//! What messages cost. A server says it in binary fractions, which have no tenth, and adds up in them: so it is rounded
//! here to a millionth, as fine as a `--price` may be, and added up exactly.

use std::ops::AddAssign;

use indicatif::HumanCount;
use rust_decimal::prelude::FromPrimitive as _;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Serialize, Serializer};

/// The most digits behind the point.
const MOST_DIGITS: u32 = 6;

/// An amount of money, in the account's currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost(Decimal);

impl Cost {
    /// What a server says; nothing, if that is no amount.
    pub(crate) fn of(said: f64) -> Option<Self> {
        Some(Self(rounded(Decimal::from_f64(said)?, MOST_DIGITS)))
    }

    /// As people read it: to the hundredth of a cent, without needless zeros.
    pub(crate) fn amount(self) -> String {
        self.amount_in(self.digits())
    }

    /// How many digits it has behind the point for people. Cents are always there.
    fn digits(self) -> u32 {
        rounded(self.0, 4).normalize().scale().max(2)
    }

    /// How many digits all of these have, where they stand below each other.
    pub(crate) fn digits_of(costs: impl IntoIterator<Item = Self>) -> u32 {
        costs.into_iter().map(Self::digits).max().unwrap_or(2)
    }

    /// The same as [`amount`](Self::amount), in so many digits.
    pub(crate) fn amount_in(self, digits: u32) -> String {
        let mut amount = rounded(self.0, 4);
        amount.rescale(digits);
        let told = amount.to_string();
        let (whole, rest) = told.split_once('.').unwrap_or((&told, "00"));
        match whole.parse() {
            Ok(whole) => format!("{}.{rest}", HumanCount(whole)),
            Err(_) => told,
        }
    }

    /// The same to the cent.
    pub(crate) fn in_cents(self) -> Self {
        Self(rounded(self.0, 2))
    }

    /// The fraction that is nearest to it, which is written in no more digits than it has.
    pub(crate) fn nearest(self) -> f64 {
        let parsed = self.0.normalize().to_string().parse();
        parsed.unwrap_or_default()
    }
}

fn rounded(amount: Decimal, digits: u32) -> Decimal {
    amount.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero)
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

impl Serialize for Cost {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(self.nearest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(cost: Cost) -> String {
        serde_json::to_string(&cost).unwrap()
    }

    #[test]
    fn no_dust_is_told() {
        for (said, told) in [
            (0.1 + 0.2, "0.3"),
            (3.0 * 0.0085, "0.0255"),
            (0.0, "0.0"),
            (-0.0, "0.0"),
            (2.0, "2.0"),
            (-0.5, "-0.5"),
            (0.000_000_4, "0.0"),
            (0.000_000_5, "1e-6"),
            (850_000.123_456, "850000.123456"),
        ] {
            assert_eq!(json(Cost::of(said).unwrap()), told);
        }
        for said in [f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(Cost::of(said), None);
        }
    }

    #[test]
    fn sums_are_exact() {
        let (mut sum, each) = (Cost::default(), Cost::of(0.1).unwrap());
        for _ in 0..100_000 {
            sum += each;
        }
        assert_eq!(sum, Cost::of(10_000.0).unwrap());
        assert_eq!(json(sum), "10000.0");
        sum += Cost::of(7e28).unwrap();
        sum += Cost::of(7e28).unwrap();
        assert!(sum.nearest() > 7e28);
    }

    #[test]
    fn amounts_are_readable() {
        for (said, told) in [
            (0.0, "0.00"),
            (0.5, "0.50"),
            (0.007_5, "0.0075"),
            (12_345.675, "12,345.675"),
            (2.999_99, "3.00"),
            (1_000.0, "1,000.00"),
        ] {
            assert_eq!(Cost::of(said).unwrap().amount(), told);
        }
        let cost = Cost::of(12_345.675).unwrap();
        assert_eq!(cost.in_cents().amount(), "12,345.68");
        let column = [9.265, 0.34, 69.6915].map(|said| Cost::of(said).unwrap());
        let digits = Cost::digits_of(column);
        let told = column.map(|cost| cost.amount_in(digits));
        assert_eq!(told, ["9.2650", "0.3400", "69.6915"]);
        assert_eq!(Cost::digits_of([]), 2);
    }
}
