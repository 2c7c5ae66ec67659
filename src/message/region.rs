//! Phone numbers as people of a region write them, and as spreadsheets leave them.
//!
//! Nothing is guessed: a number is read if its digits are those of one number of the region and of no other,
//! grouped as such numbers are. No digit is ever added but the country code, none left out but the zeros
//! behind a decimal point, and none is moved.

use std::fmt;
use std::str::FromStr;

use super::phone_number::{PhoneNumber, PhoneNumberError};

/// The region whose national numbers are read beside those in E.164 form.
///
/// Both that there are share the North American Numbering Plan: ten digits, of which the first of the area code
/// and the first of the exchange are 2 to 9. A number may be written with the country code 1 or without, with or
/// without `+` and `tel:`, and with what people put between its groups:
///
/// ```
/// use batchcast::{Region, RegionError};
///
/// for written in [
///     "(650) 555-0100", "650.555.0100", "1-650-555-0100", "6505550100", "+1 650 555 0100",
///     "tel:+1-650-555-0100", "650\u{a0}555\u{a0}0100", "'16505550100", "=\"16505550100\"", "16505550100.0",
///     "1.6505550100E10",
/// ] {
///     assert_eq!(Region::Us.parse(written)?.as_str(), "+16505550100");
/// }
/// assert_eq!(Region::Us.parse("1.65056E+10"), Err(RegionError::Rounded.into()));
/// assert_eq!(Region::Us.parse("555-0100"), Err(RegionError::Digits { found: 7 }.into()));
/// # Ok::<(), batchcast::PhoneNumberError>(())
/// ```
///
/// A number that is in E.164 form is taken as it is, whatever country it is of. One with a `+` may have white
/// space, hyphens, dots and brackets between its digits, but for `(0)`, which is dialled in some countries only from
/// within.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Region {
    /// The United States.
    Us,
    /// Canada.
    Ca,
}

impl Region {
    /// All regions.
    pub const ALL: &[Self] = &[Self::Us, Self::Ca];

    /// Its name, by ISO 3166-1.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Us => "US",
            Self::Ca => "CA",
        }
    }

    /// Reads a number, in E.164 form or as it is written in the region. White space around it does not count.
    ///
    /// # Errors
    /// If there is no number, or not exactly one that it can be.
    pub fn parse(self, written: &str) -> Result<PhoneNumber, PhoneNumberError> {
        let number = trim(written);
        match PhoneNumber::parse(number) {
            Err(PhoneNumberError::Empty) => return Err(PhoneNumberError::Empty),
            Ok(number) => return Ok(number),
            Err(_) => {}
        }
        let number = unquote(number).map_or(number, trim);
        let number = number.strip_prefix('\'').map_or(number, trim);
        let number = strip_scheme(number).map_or(number, trim);
        let (number, is_international) = match number.strip_prefix('+') {
            Some(number) => (number, true),
            None => (number, false),
        };
        if number.is_empty() {
            return Err(PhoneNumberError::Empty);
        }
        // Where what was stripped ends, for the place of a fault.
        let offset = number.as_ptr().addr() - written.as_ptr().addr();
        let digits = Digits::read(number, is_international, offset)?;
        let number = if is_international {
            digits.international()?
        } else {
            digits.national()?
        };
        #[cfg(feature = "phonenumber")]
        plan::check(number)?;
        Ok(number)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let named = |region: &&Self| region.as_str().eq_ignore_ascii_case(name);
        Self::ALL.iter().find(named).copied().ok_or(UnknownRegion)
    }
}

/// The name of no [`Region`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such region; there are US and CA")]
pub struct UnknownRegion;

/// Why something is no phone number of a region. It never holds the number itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// Neither a digit nor what stands between digits.
    #[error(
        "the phone number has a character that is neither a digit nor between digits, at its byte {at}"
    )]
    Character {
        /// The character's offset in what was written, in bytes from 0.
        at: usize,
    },
    /// A number that a spreadsheet shows, and saves, in scientific notation.
    #[error(
        "a spreadsheet has rounded the phone number, as in 1.65056E+10: its last digits are lost; format the column \
         as text, or as a number without decimals, and export it again"
    )]
    Rounded,
    /// Neither ten digits, nor eleven of which the first is 1.
    #[error(
        "the phone number has {found} digits: in this region there are 10, or 11 with the country code 1 (other countries' \
         numbers begin with '+')"
    )]
    Digits {
        /// How many there are.
        found: usize,
    },
    /// The area code begins with 0 or 1.
    #[error("the phone number's area code begins with 0 or 1, which none does in this region")]
    AreaCode,
    /// The exchange, which follows the area code, begins with 0 or 1.
    #[error(
        "the digit behind the phone number's area code is 0 or 1, which it is nowhere in this region"
    )]
    Exchange,
    /// The digits are grouped as in no number of the region.
    #[error(
        "the phone number's digits are not grouped as in (650) 555-0100, so some may be missing"
    )]
    Groups,
    /// Brackets that are not those of an area code.
    #[error("the phone number's brackets are not those round an area code, as in (650) 555-0100")]
    Brackets,
    /// By the numbering plan there is no such number. Only with the feature `phonenumber`, and only of what is not in
    /// E.164 form already.
    #[error("by the numbering plan there is no such phone number")]
    NotInPlan,
}

/// A number as it is read: by its own form, then by that of the region, if there is one.
///
/// # Errors
/// As those of [`PhoneNumber::parse`] and [`Region::parse`].
#[inline]
pub(crate) fn read(number: &str, region: Option<Region>) -> Result<PhoneNumber, PhoneNumberError> {
    match (PhoneNumber::parse(number), region) {
        (Err(_), Some(region)) => region.parse(number),
        (parsed, _) => parsed,
    }
}

/// More groups than any number has.
const MAX_GROUPS: usize = 8;

/// The digits of a number, and how they are grouped.
struct Digits {
    /// With a `1` in front, for the country code that may be missing.
    digits: [u8; PhoneNumber::MAX_DIGITS],
    count: usize,
    groups: [usize; MAX_GROUPS],
    group_count: usize,
}

impl Digits {
    /// Reads what follows a `+`, or all of it. `offset` is where it begins in what was written.
    fn read(number: &str, is_international: bool, offset: usize) -> Result<Self, PhoneNumberError> {
        let mut read = Self {
            digits: [0; PhoneNumber::MAX_DIGITS],
            count: 0,
            groups: [0; MAX_GROUPS],
            group_count: 0,
        };
        let number = match number.split_once('.') {
            // What a spreadsheet makes of a number that it takes for a quantity. Were the dot one between groups,
            // `650555010.0` would become another number.
            Some((whole, fraction)) if is_digits(whole) && is_zeros(fraction) => whole,
            Some((whole, fraction)) if is_scientific(number, fraction) => {
                let decimals = all_decimals(fraction).ok_or(RegionError::Rounded)?;
                for (at, digit) in whole.bytes().chain(decimals.bytes()).enumerate() {
                    read.push(digit, at == 0)?;
                }
                return Ok(read);
            }
            None if is_scientific(number, number) => return Err(RegionError::Rounded.into()),
            // The same, of a number that was grouped before.
            _ if ends_in_decimals(number, is_international) => {
                return Err(RegionError::Groups.into());
            }
            _ => number,
        };
        let mut bracket = Bracket::None;
        let mut is_in_group = false;
        for (at, character) in number.char_indices() {
            if character.is_ascii_digit() {
                if bracket == Bracket::Opened && character == '0' {
                    return Err(RegionError::Brackets.into());
                }
                read.push(character as u8, !is_in_group)?;
                is_in_group = true;
                if bracket == Bracket::Opened {
                    bracket = Bracket::Inside;
                }
                continue;
            }
            is_in_group = false;
            match (character, bracket) {
                ('(', Bracket::None) => bracket = Bracket::Opened,
                (')', Bracket::Inside) => bracket = Bracket::Closed,
                ('(' | ')', _) => return Err(RegionError::Brackets.into()),
                _ if is_separator(character) => {}
                _ => {
                    let at = offset + at;
                    return Err(RegionError::Character { at }.into());
                }
            }
        }
        match bracket {
            Bracket::None | Bracket::Closed => Ok(read),
            Bracket::Opened | Bracket::Inside => Err(RegionError::Brackets.into()),
        }
    }

    fn push(&mut self, digit: u8, begins_group: bool) -> Result<(), PhoneNumberError> {
        let place = self.digits.get_mut(self.count);
        *place.ok_or(PhoneNumberError::TooLong)? = digit;
        self.count += 1;
        self.group_count += usize::from(begins_group);
        // Holds: a group was begun by its first digit.
        let last = self.groups.get_mut(self.group_count.saturating_sub(1));
        *last.ok_or(RegionError::Groups)? += 1;
        Ok(())
    }

    fn digits(&self) -> &[u8] {
        &self.digits[..self.count]
    }

    /// Of a number without `+`.
    fn national(&self) -> Result<PhoneNumber, PhoneNumberError> {
        let national = match self.digits() {
            [b'1', national @ ..] if national.len() == 10 => national,
            national if national.len() == 10 => national,
            other => {
                let found = other.len();
                return Err(RegionError::Digits { found }.into());
            }
        };
        let is_grouped = matches!(
            self.groups[..self.group_count],
            [10] | [3, 7]
                | [6, 4]
                | [3, 3, 4]
                | [11]
                | [4, 7]
                | [7, 4]
                | [4, 3, 4]
                | [1, 10]
                | [1, 3, 7]
                | [1, 6, 4]
                | [1, 3, 3, 4]
        );
        if !is_grouped {
            return Err(RegionError::Groups.into());
        }
        north_american(national)
    }

    /// Of one with a `+`, whose digits say all.
    fn international(&self) -> Result<PhoneNumber, PhoneNumberError> {
        if let [b'1', national @ ..] = self.digits() {
            if national.len() != 10 {
                let found = self.count;
                return Err(RegionError::Digits { found }.into());
            }
            return north_american(national);
        }
        let mut number = [b'+'; PhoneNumber::MAX_LEN];
        number[1..=self.count].copy_from_slice(self.digits());
        PhoneNumber::from_bytes(&number[..=self.count])
    }
}

/// A number of the North American Numbering Plan.
fn north_american(national: &[u8]) -> Result<PhoneNumber, PhoneNumberError> {
    if matches!(national[0], b'0' | b'1') {
        return Err(RegionError::AreaCode.into());
    }
    if matches!(national[3], b'0' | b'1') {
        return Err(RegionError::Exchange.into());
    }
    let mut number = *b"+1**********";
    number[2..].copy_from_slice(national);
    PhoneNumber::from_bytes(&number)
}

/// The brackets round an area code, as far as they have come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    None,
    Opened,
    Inside,
    Closed,
}

/// What is in a formula that makes a number a text, as exporters write it for spreadsheets.
fn unquote(number: &str) -> Option<&str> {
    number.strip_prefix("=\"")?.strip_suffix('"')
}

/// What people, and word processors, put between groups of digits.
const fn is_separator(character: char) -> bool {
    matches!(
        character,
        ' ' | '\t' | '-' | '.' | '/'
            // No-break spaces, and others of a fixed width.
            | '\u{a0}' | '\u{2002}'..='\u{200b}' | '\u{202f}' | '\u{2060}' | '\u{feff}'
            // Hyphens and dashes.
            | '\u{2010}'..='\u{2015}' | '\u{2212}'
            // Marks of the direction, which telephones copy along.
            | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Without what is invisible around it.
fn trim(number: &str) -> &str {
    number.trim_matches(|character: char| {
        character.is_whitespace() || (!character.is_ascii() && is_separator(character))
    })
}

fn strip_scheme(number: &str) -> Option<&str> {
    let (scheme, rest) = number.split_at_checked(4)?;
    scheme.eq_ignore_ascii_case("tel:").then_some(rest)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_zeros(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'0')
}

/// Whether what ends a number, grouped otherwise, is a decimal point and zeros rather than a group of them. Of several dots
/// the last is one between groups, but before a single zero, which is none.
fn ends_in_decimals(number: &str, is_international: bool) -> bool {
    let Some((before, zeros)) = number.rsplit_once('.') else {
        return false;
    };
    // Four that do not belong there are too many digits.
    let has_last_group_of_four = !is_international || before.starts_with('1');
    let is_group = before.contains('.') || (zeros.len() == 4 && has_last_group_of_four);
    is_zeros(zeros) && (zeros.len() == 1 || !is_group)
}

/// Whether it is a quantity in scientific notation, whose fraction, or itself, is `end`.
fn is_scientific(number: &str, end: &str) -> bool {
    let Some((_, exponent)) = end.split_once(['e', 'E']) else {
        return false;
    };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    is_digits(exponent) && number.starts_with(|first: char| first.is_ascii_digit())
}

/// The decimals of a quantity in scientific notation, if they are all of its digits: in `1.4155550131E10` none is lost.
fn all_decimals(fraction: &str) -> Option<&str> {
    let (decimals, exponent) = fraction.split_once(['e', 'E'])?;
    let places: usize = exponent.parse().ok()?;
    (places == decimals.len() && is_digits(decimals)).then_some(decimals)
}

#[cfg(feature = "phonenumber")]
mod plan {
    use super::{PhoneNumber, PhoneNumberError, RegionError};

    /// Whether the numbering plans of the world have a number.
    pub(super) fn check(number: PhoneNumber) -> Result<(), PhoneNumberError> {
        let is_valid = phonenumber::parse(None, number.as_str())
            .is_ok_and(|number| phonenumber::is_valid(&number));
        if is_valid {
            Ok(())
        } else {
            Err(RegionError::NotInPlan.into())
        }
    }
}

#[cfg(test)]
mod tests;
