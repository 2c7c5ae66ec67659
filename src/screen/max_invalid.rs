use std::fmt;
use std::str::FromStr;

/// From how many records on a share of them is judged: the first few say too little.
const ENOUGH: u64 = 1_000;
/// What a share is counted in: thousandths of a percent.
const WHOLE: u32 = 100_000;

/// How many records of a list may be invalid: a number such as `100`, or a share such as `5%` or `0.1%`.
///
/// A number is exceeded by the first invalid record more. A share is judged at each invalid record from the 1,000th
/// record on, by what was read until then, and at the end of the list before its last batch is sent.
///
/// ```
/// use batchcast::screen::MaxInvalid;
///
/// let most: MaxInvalid = "5%".parse()?;
/// assert!(!most.is_exceeded(30, 100), "too early to say");
/// assert!(most.is_exceeded(51, 1_000));
/// assert!(most.is_exceeded_at_end(6, 100));
/// # Ok::<(), batchcast::screen::MaxInvalidError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxInvalid(Most);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Most {
    Records(u64),
    /// In thousandths of a percent.
    Share(u32),
}

impl MaxInvalid {
    /// At most so many records.
    #[must_use]
    pub const fn records(records: u64) -> Self {
        Self(Most::Records(records))
    }

    /// Whether the list is to be given up, when `invalid` of the first `records` were.
    #[must_use]
    pub const fn is_exceeded(self, invalid: u64, records: u64) -> bool {
        match self.0 {
            Most::Records(_) => self.is_exceeded_at_end(invalid, records),
            Most::Share(_) => records >= ENOUGH && self.is_exceeded_at_end(invalid, records),
        }
    }

    /// The same when these were all records.
    #[must_use]
    pub const fn is_exceeded_at_end(self, invalid: u64, records: u64) -> bool {
        match self.0 {
            Most::Records(most) => invalid > most,
            Most::Share(share) => invalid as u128 * WHOLE as u128 > records as u128 * share as u128,
        }
    }
}

/// Not a number, and not a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a number of records such as 100, nor a share of them such as 5% or 0.1%")]
pub struct MaxInvalidError;

impl FromStr for MaxInvalid {
    type Err = MaxInvalidError;

    fn from_str(text: &str) -> Result<Self, MaxInvalidError> {
        let number = |digits: &str| {
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse().ok()).flatten()
        };
        let Some(share) = text.strip_suffix('%') else {
            let records: u64 = number(text).ok_or(MaxInvalidError)?;
            return Ok(Self(Most::Records(records)));
        };
        let (whole, fraction) = share.split_once('.').unwrap_or((share, "0"));
        let whole = number(whole).ok_or(MaxInvalidError)?;
        // Three digits behind the point.
        let places = fraction.len();
        let fraction = number(fraction)
            .filter(|_| places <= 3)
            .ok_or(MaxInvalidError)?;
        let scale = 10_u64.pow(3 - u32::try_from(places).map_err(|_| MaxInvalidError)?);
        let share = 1_000_u64
            .saturating_mul(whole)
            .saturating_add(fraction * scale);
        match u32::try_from(share) {
            Ok(share) if share <= WHOLE => Ok(Self(Most::Share(share))),
            _ => Err(MaxInvalidError),
        }
    }
}

/// As it is parsed.
impl fmt::Display for MaxInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Most::Records(records) => write!(f, "{records}"),
            Most::Share(share) => {
                let (whole, fraction) = (share / 1_000, share % 1_000);
                if fraction == 0 {
                    return write!(f, "{whole}%");
                }
                let fraction = format!("{fraction:03}");
                write!(f, "{whole}.{}%", fraction.trim_end_matches('0'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_shares_are_told_apart() {
        for text in ["0", "100", "5%", "0%", "100%", "0.1%", "0.025%", "12.5%"] {
            let most: MaxInvalid = text.parse().unwrap();
            assert_eq!(most.to_string(), text);
        }
        for text in [
            "", "%", "-1", "+1", "1.5", "101%", "0.0001%", "5 %", ".5%", "5.%", "many",
        ] {
            assert_eq!(text.parse::<MaxInvalid>(), Err(MaxInvalidError), "{text}");
        }
    }

    #[test]
    fn a_share_is_judged_late_and_a_number_at_once() {
        let exceeded = |text: &str, invalid, records| {
            let most: MaxInvalid = text.parse().unwrap();
            (
                most.is_exceeded(invalid, records),
                most.is_exceeded_at_end(invalid, records),
            )
        };
        assert_eq!(exceeded("2", 2, 2), (false, false));
        assert_eq!(exceeded("2", 3, 3), (true, true));
        assert_eq!(exceeded("0", 1, 1), (true, true));
        assert_eq!(exceeded("10%", 999, 999), (false, true));
        assert_eq!(exceeded("10%", 100, 1_000), (false, false));
        assert_eq!(exceeded("10%", 101, 1_000), (true, true));
        assert_eq!(exceeded("0%", 1, 1_000_000), (true, true));
        assert_eq!(exceeded("100%", 5_000, 5_000), (false, false));
        assert_eq!(exceeded("100%", u64::MAX, u64::MAX), (false, false));
    }
}
