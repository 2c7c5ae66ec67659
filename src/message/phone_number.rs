use std::fmt;
use std::str::FromStr;

/// A phone number in E.164 form: `+`, a digit from 1 to 9, then digits; 7 to 15 digits in all.
///
/// Parsed once and held in place (no allocation). `Debug` shows only the last four digits, so that a
/// log line never gives a person away; [`as_str`](Self::as_str) gives the whole number.
///
/// ```
/// use batchcast::{PhoneNumber, PhoneNumberError};
///
/// let number: PhoneNumber = "+14155550100".parse()?;
/// assert_eq!(number.as_str(), "+14155550100");
/// assert_eq!(format!("{number:?}"), "PhoneNumber(+1******0100)");
/// assert_eq!(PhoneNumber::parse("4155550100"), Err(PhoneNumberError::NoPlus));
/// # Ok::<(), PhoneNumberError>(())
/// ```
// Aligned, because copies of 17 unaligned bytes make the parser of lines take twice as long.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(align(8))]
pub struct PhoneNumber {
    /// ASCII, filled up with zero bytes, so that comparing the array compares the numbers.
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

impl PhoneNumber {
    /// The fewest digits of a number. E.164 states no minimum; no national plan has shorter ones.
    pub const MIN_DIGITS: usize = 7;
    /// The most digits of a number (ITU-T E.164, 6.1).
    pub const MAX_DIGITS: usize = 15;
    /// The most bytes of a number: the `+` and its digits.
    pub const MAX_LEN: usize = 1 + Self::MAX_DIGITS;

    /// Parses a number in E.164 form.
    ///
    /// # Errors
    /// If it is anything else; nothing is trimmed or guessed.
    pub fn parse(number: &str) -> Result<Self, PhoneNumberError> {
        Self::from_bytes(number.as_bytes())
    }

    /// Parses a number in E.164 form from ASCII bytes.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    #[inline]
    pub fn from_bytes(number: &[u8]) -> Result<Self, PhoneNumberError> {
        // The length of all US and Canadian numbers: a fixed size compiles to a few vector instructions.
        if let Ok(number) = <&[u8; 12]>::try_from(number) {
            let digits = number[1..]
                .iter()
                .fold(true, |all, byte| all & byte.is_ascii_digit());
            if digits & (number[0] == b'+') & (number[1] != b'0') {
                let mut bytes = [0; Self::MAX_LEN];
                bytes[..12].copy_from_slice(number);
                return Ok(Self { bytes, len: 12 });
            }
        }
        Self::from_bytes_of_any_length(number)
    }

    fn from_bytes_of_any_length(number: &[u8]) -> Result<Self, PhoneNumberError> {
        let digits = match number {
            [] => return Err(PhoneNumberError::Empty),
            [b'+', digits @ ..] => digits,
            _ => return Err(PhoneNumberError::NoPlus),
        };
        if let Some(at) = digits.iter().position(|byte| !byte.is_ascii_digit()) {
            return Err(PhoneNumberError::NotADigit { at: at + 1 });
        }
        if digits.first() == Some(&b'0') {
            return Err(PhoneNumberError::LeadingZero);
        }
        if digits.len() < Self::MIN_DIGITS {
            return Err(PhoneNumberError::TooShort);
        }
        if digits.len() > Self::MAX_DIGITS {
            return Err(PhoneNumberError::TooLong);
        }
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..number.len()].copy_from_slice(number);
        #[expect(clippy::cast_possible_truncation, reason = "at most 16")]
        let len = number.len() as u8;
        Ok(Self { bytes, len })
    }

    /// The number as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Holds by construction: `+` and digits only.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The number as ASCII bytes.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The number, filled up with zero bytes: a fixed size is what the encoder copies fastest.
    #[inline]
    pub(crate) const fn padded(&self) -> &[u8; Self::MAX_LEN] {
        &self.bytes
    }

    /// The number with all but its first and its last four digits hidden, for people's eyes and for logs.
    ///
    /// ```
    /// # use batchcast::PhoneNumber;
    /// assert_eq!(PhoneNumber::parse("+14155550100")?.masked().to_string(), "+1******0100");
    /// # Ok::<(), batchcast::PhoneNumberError>(())
    /// ```
    #[must_use]
    pub fn masked(&self) -> impl fmt::Display + use<> {
        Masked(*self)
    }
}

struct Masked(PhoneNumber);

impl fmt::Display for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0.as_str();
        let (hidden, shown) = number.split_at(number.len() - 4);
        f.write_str(&hidden[..2])?;
        for _ in 2..hidden.len() {
            f.write_str("*")?;
        }
        f.write_str(shown)
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

impl FromStr for PhoneNumber {
    type Err = PhoneNumberError;

    fn from_str(number: &str) -> Result<Self, Self::Err> {
        Self::parse(number)
    }
}

/// Why something is not a phone number in E.164 form. It never holds the number itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PhoneNumberError {
    /// There is nothing.
    #[error("the phone number is empty")]
    Empty,
    /// It does not begin with `+`.
    #[error("the phone number does not begin with '+' (E.164: '+', country code, number)")]
    NoPlus,
    /// Its first digit is 0, which no country code has.
    #[error("the phone number's country code begins with 0")]
    LeadingZero,
    /// A byte that is no digit.
    #[error("the phone number has a character that is no digit, at its byte {at}")]
    NotADigit {
        /// The byte's offset in the number, from 0.
        at: usize,
    },
    /// Fewer than [`PhoneNumber::MIN_DIGITS`] digits.
    #[error("the phone number has fewer than {} digits", PhoneNumber::MIN_DIGITS)]
    TooShort,
    /// More than [`PhoneNumber::MAX_DIGITS`] digits.
    #[error("the phone number has more than {} digits", PhoneNumber::MAX_DIGITS)]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_e164_only() {
        for good in [
            "+1234567",
            "+14155550100",
            "+123456789012345",
            "+4915112345678",
        ] {
            let number = PhoneNumber::parse(good).expect(good);
            assert_eq!(number.as_str(), good);
        }
        for (bad, why) in [
            ("", PhoneNumberError::Empty),
            ("+", PhoneNumberError::TooShort),
            ("14155550100", PhoneNumberError::NoPlus),
            (" +14155550100", PhoneNumberError::NoPlus),
            ("+04155550100", PhoneNumberError::LeadingZero),
            ("+123456", PhoneNumberError::TooShort),
            ("+1234567890123456", PhoneNumberError::TooLong),
            ("+1415555010x", PhoneNumberError::NotADigit { at: 11 }),
            ("+1 415 555 0100", PhoneNumberError::NotADigit { at: 2 }),
            ("+1415555010٣", PhoneNumberError::NotADigit { at: 11 }),
            ("++1415555010", PhoneNumberError::NotADigit { at: 1 }),
        ] {
            assert_eq!(PhoneNumber::parse(bad), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn no_length_is_treated_differently() {
        for digits in 1..=20 {
            let number = format!("+{}", "12345678901234567890".get(..digits).unwrap());
            assert_eq!(
                PhoneNumber::parse(&number).is_ok(),
                (7..=15).contains(&digits),
                "{digits} digits"
            );
        }
    }

    #[test]
    fn hides_the_person() {
        let number = PhoneNumber::parse("+14155550123").unwrap();
        assert_eq!(format!("{number:?}"), "PhoneNumber(+1******0123)");
        let shortest = PhoneNumber::parse("+1234567").unwrap();
        assert_eq!(shortest.masked().to_string(), "+1**4567");
    }
}
