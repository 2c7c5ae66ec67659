use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u8x16};

use super::region::RegionError;

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
// Two words: it is handed on in registers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(align(8))]
pub struct PhoneNumber {
    /// ASCII, filled up with zero bytes, so that comparing the array compares the numbers
    bytes: [u8; Self::MAX_LEN],
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
                // In a register: what is stored in pieces is waited for when it is loaded as a whole.
                let [a, b, c, d, e, f, g, h, end @ ..] = *number;
                let start = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
                let number = u128::from(start) | u128::from(u32::from_le_bytes(end)) << 64;
                let bytes = number.to_le_bytes();
                return Ok(Self { bytes });
            }
        }
        Self::from_bytes_of_any_length(number)
    }

    /// The number that `bytes` begin with: as many digits as there are.
    pub(crate) fn first_of(bytes: &[u8]) -> Option<Self> {
        let digits = bytes.get(1..)?.iter();
        let len = 1 + digits.take_while(|byte| byte.is_ascii_digit()).count();
        Self::from_bytes(&bytes[..len]).ok()
    }

    /// The bytes that may stand at a place in a number.
    #[inline]
    pub(crate) const fn range(at: usize) -> RangeInclusive<u8> {
        match at {
            0 => b'+'..=b'+',
            1 => b'1'..=b'9',
            _ => b'0'..=b'9',
        }
    }

    /// Of a block, the bytes of a number of `len` bytes.
    pub(crate) const fn mask(len: usize) -> u128 {
        u128::MAX >> (8 * (Self::MAX_LEN - len))
    }

    /// The number that `block` begins with. Whoever calls this has found each of its bytes, which `mask`
    /// tells, within its [range](Self::range), and knows that numbers have that length.
    #[inline]
    pub(crate) fn from_compared(block: &[u8; Self::MAX_LEN], mask: u128) -> Self {
        let bytes = u128::from_le_bytes(*block) & mask;
        let bytes = bytes.to_le_bytes();
        Self { bytes }
    }

    /// The number that `block` begins with, if there is one: as many digits as are there and fit. Without a branch for
    /// each, unlike [`first_of`](Self::first_of), for those who look at many.
    #[inline]
    pub(crate) fn first_in(block: &[u8; Self::MAX_LEN]) -> Option<Self> {
        let digits = dispatch!(Level::baseline(), simd => {
            let values = u8x16::load_array_ref(simd, block) - u8x16::splat(simd, b'0');
            values.simd_le(u8x16::splat(simd, 9)).to_bitmask()
        });
        // The `+` is none.
        let len = 1 + (digits >> 1).trailing_ones() as usize;
        let is_number = (block[0] == b'+') & (block[1] != b'0') & (len > Self::MIN_DIGITS);
        is_number.then(|| Self::from_compared(block, Self::mask(len)))
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
        Ok(Self { bytes })
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
        let unused = u128::from_le_bytes(self.bytes).leading_zeros() / 8;
        &self.bytes[..Self::MAX_LEN - unused as usize]
    }

    /// The first eight and the last four bytes of the number, the first of them the lowest in each, if it
    /// is of the length that all US and Canadian ones have.
    #[inline]
    pub(crate) fn as_twelve(&self) -> Option<(u64, u32)> {
        let number = u128::from_le_bytes(self.bytes);
        #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
        let low = number as u64;
        let high = u32::try_from(number >> 64).ok()?;
        // No byte behind the twelfth; and a twelfth.
        (high >> 24 != 0).then_some((low, high))
    }

    /// Its bytes as two integers.
    #[inline(always)]
    pub(crate) const fn halves(self) -> [u64; 2] {
        let number = u128::from_le_bytes(self.bytes);
        #[expect(clippy::cast_possible_truncation, reason = "the halves")]
        let halves = [number as u64, (number >> 64) as u64];
        halves
    }

    /// The number with these digits, if there is one.
    pub(crate) fn of_value(mut value: u64) -> Option<Self> {
        const MOST: usize = 20;
        let mut bytes = [b'+'; 1 + MOST];
        let mut start = bytes.len();
        while value > 0 {
            start -= 1;
            bytes[start] = b'0' + (value % 10) as u8;
            value /= 10;
        }
        Self::from_bytes(&bytes[start - 1..]).ok()
    }

    /// Its digits as an integer.
    #[inline]
    pub(crate) fn value(self) -> u64 {
        let number = self.halves();
        if number[1] >> 24 == 0 || number[1] >> 32 != 0 {
            return self.value_of_any_length();
        }
        value_of_twelve(number)
    }

    /// Its digits as an integer if it is of the length that all US and Canadian ones have, and else 0: without a branch, for
    /// those who ask for many.
    #[inline(always)]
    pub(crate) const fn value_of_twelve(self) -> u64 {
        let number = self.halves();
        let value = value_of_twelve(number);
        if (number[1] >> 24 == 0) | (number[1] >> 32 != 0) {
            0
        } else {
            value
        }
    }

    fn value_of_any_length(self) -> u64 {
        let digits = self.as_bytes().iter().skip(1);
        digits.fold(0, |value, digit| value * 10 + u64::from(digit & 0x0f))
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

/// The digits of a number of twelve bytes, `+` and eleven digits, as an integer; of anything else some integer.
// By shifts: as bytes of an array the number would be put into memory first, and waited for.
#[inline(always)]
const fn value_of_twelve([low, high]: [u64; 2]) -> u64 {
    // Behind `+` and the first digit eight digits at once, each pair of neighbours together.
    let eight = low >> 16 | high << 48;
    let pairs = (eight & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(10 << 8 | 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 << 16 | 1) >> 16;
    let eight = (fours & 0x0000_ffff_0000_ffff).wrapping_mul(10_000 << 32 | 1) >> 32;
    let (first, tens, ones) = (low >> 8 & 0x0f, high >> 16 & 0x0f, high >> 24 & 0x0f);
    first * 10_000_000_000 + eight * 100 + tens * 10 + ones
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
    /// It is none as the [`Region`](crate::Region) has them either, for which it was looked at.
    #[error(transparent)]
    Region(#[from] RegionError),
}

impl PhoneNumberError {
    /// Where in what was written it is, in bytes from 0, if it has a place.
    pub(crate) const fn at(&self) -> Option<usize> {
        match *self {
            Self::NotADigit { at } | Self::Region(RegionError::Character { at }) => Some(at),
            _ => None,
        }
    }
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
    fn every_byte_at_every_place_is_judged_alike_at_all_lengths() {
        for good in ["+14155550100", "+999999999999", "+10000000000"] {
            for at in 0..good.len() {
                for byte in 0..=u8::MAX {
                    let mut number = good.as_bytes().to_vec();
                    number[at] = byte;
                    let expected = PhoneNumber::from_bytes_of_any_length(&number);
                    assert_eq!(PhoneNumber::from_bytes(&number), expected, "{number:?}");
                    // In a list, the digits end where there are no more.
                    for behind in ["", "\n", "\"", "5", "x"] {
                        let bytes = [&number, behind.as_bytes()].concat();
                        let digits = bytes.iter().skip(1).position(|byte| !byte.is_ascii_digit());
                        let len = digits.map_or(bytes.len(), |digits| 1 + digits);
                        let expected = PhoneNumber::from_bytes_of_any_length(&bytes[..len]).ok();
                        let found = PhoneNumber::first_of(&bytes);
                        assert!(
                            found == expected || (found.is_none() && bytes.len() < 16),
                            "{bytes:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn its_value_is_its_digits() {
        for number in [
            "+1234567",
            "+14155550100",
            "+12345678901",
            "+99999999999",
            "+10000000000",
            "+999999999999999",
            "+4915112345678",
        ] {
            let value = PhoneNumber::parse(number).unwrap().value();
            assert_eq!(value.to_string(), number[1..]);
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
