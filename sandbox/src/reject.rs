//! Which recipients the sandbox rejects.

use std::collections::HashSet;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use crate::number::{Number, is_digits};

/// Which recipients are rejected, alone, with `SMS-RC-410`; the rest of their batch is accepted.
///
/// The default is the suffix `5550199`: `+1 (any area code) 555-0199` is set aside for fiction, so it is easy to
/// try by hand, and a random list contains it once in ten million numbers.
///
/// A rule is parsed from `none`, `suffix:DIGITS`, `prefix:+DIGITS`, `every:N` or `numbers:+N,+N,…`:
///
/// ```
/// use batchcast_sandbox::RejectRule;
/// let rule: RejectRule = "suffix:0000".parse()?;
/// assert!(matches!(rule, RejectRule::Suffix(digits) if digits == "0000"));
/// # Ok::<(), batchcast_sandbox::ParseRuleError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectRule {
    /// Nobody is rejected by rule. A malformed number still is.
    None,
    /// Numbers that end in these digits.
    Suffix(String),
    /// Numbers that start with these characters, `+` included.
    Prefix(String),
    /// These numbers, in E.164.
    Numbers(HashSet<String>),
    /// Every n-th message of a batch: with 10 the messages 10, 20, 30 …
    Every(NonZeroU64),
}

impl RejectRule {
    /// Whether the message at `index`, counted from 1, to the number `to` is rejected.
    #[must_use]
    pub fn rejects(&self, index: u64, to: &str) -> bool {
        match self {
            Self::None => false,
            Self::Suffix(digits) => to.ends_with(digits.as_str()),
            Self::Prefix(start) => to.starts_with(start.as_str()),
            Self::Numbers(numbers) => numbers.contains(to),
            Self::Every(n) => index.is_multiple_of(n.get()),
        }
    }
}

impl Default for RejectRule {
    fn default() -> Self {
        Self::Suffix("5550199".to_owned())
    }
}

impl FromStr for RejectRule {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, ParseRuleError> {
        if text == "none" {
            return Ok(Self::None);
        }
        let (kind, value) = text.split_once(':').ok_or(ParseRuleError::Kind)?;
        match kind {
            "suffix" if is_digits(value) => Ok(Self::Suffix(value.to_owned())),
            "suffix" => Err(ParseRuleError::Suffix),
            "prefix" if value.strip_prefix('+').is_some_and(is_digits) => {
                Ok(Self::Prefix(value.to_owned()))
            }
            "prefix" => Err(ParseRuleError::Prefix),
            "every" => value
                .parse()
                .map(Self::Every)
                .map_err(|_| ParseRuleError::Every),
            "numbers" => value
                .split(',')
                .map(|number| {
                    Number::parse(number)
                        .map(|_| number.to_owned())
                        .ok_or(ParseRuleError::Numbers)
                })
                .collect::<Result<_, _>>()
                .map(Self::Numbers),
            _ => Err(ParseRuleError::Kind),
        }
    }
}

/// The spelling that `FromStr` reads, except that `Numbers` shows only how many they are.
impl fmt::Display for RejectRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Suffix(digits) => write!(f, "suffix:{digits}"),
            Self::Prefix(start) => write!(f, "prefix:{start}"),
            Self::Numbers(numbers) => write!(f, "numbers:({})", numbers.len()),
            Self::Every(n) => write!(f, "every:{n}"),
        }
    }
}

/// As `Display`, so that no list of numbers reaches a log.
impl fmt::Debug for RejectRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RejectRule({self})")
    }
}

/// Why a text is not a [`RejectRule`]. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseRuleError {
    /// None of the known kinds.
    #[error("expected none, suffix:DIGITS, prefix:+DIGITS, every:N or numbers:+N,+N")]
    Kind,
    /// The suffix is not made of digits.
    #[error("the suffix must be one or more digits, as in suffix:0000")]
    Suffix,
    /// The prefix is not `+` and digits.
    #[error("the prefix must be + and one or more digits, as in prefix:+1900")]
    Prefix,
    /// Not a positive number.
    #[error("every needs a whole number from 1, as in every:10")]
    Every,
    /// One of the numbers is not E.164.
    #[error("each number must be in E.164, as in numbers:+14155550100,+14155550101")]
    Numbers,
}

/// What becomes of a recipient that is not in E.164. The API's documents do not say; both can be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Malformed {
    /// It is rejected alone with `SMS-RC-410`; the rest of its batch is accepted.
    #[default]
    Reject,
    /// The whole batch is refused with `400 CMN-101`.
    Refuse,
}

#[cfg(test)]
mod tests {
    use super::{ParseRuleError, RejectRule};

    fn rule(text: &str) -> RejectRule {
        text.parse().expect(text)
    }

    #[test]
    fn every_spelling_is_read_back() {
        for text in ["none", "suffix:0000", "prefix:+1900", "every:10"] {
            assert_eq!(rule(text).to_string(), text);
        }
        assert_eq!(RejectRule::default().to_string(), "suffix:5550199");
    }

    #[test]
    fn rules_reject_what_they_say() {
        assert!(!rule("none").rejects(1, "+14155550199"));
        assert!(rule("suffix:0199").rejects(1, "+14155550199"));
        assert!(!rule("suffix:0199").rejects(1, "+14155550198"));
        assert!(rule("prefix:+1900").rejects(1, "+19005550100"));
        assert!(!rule("prefix:+1900").rejects(1, "+14155551900"));
        let hits: Vec<u64> = (1..=10)
            .filter(|&index| rule("every:3").rejects(index, "+12"))
            .collect();
        assert_eq!(hits, [3, 6, 9]);
        assert!(rule("numbers:+12,+13").rejects(1, "+13"));
        assert!(!rule("numbers:+12,+13").rejects(1, "+14"));
    }

    #[test]
    fn mistakes_are_told_apart() {
        for (text, error) in [
            ("", ParseRuleError::Kind),
            ("all", ParseRuleError::Kind),
            ("never:1", ParseRuleError::Kind),
            ("suffix:", ParseRuleError::Suffix),
            ("suffix:+1", ParseRuleError::Suffix),
            ("prefix:1900", ParseRuleError::Prefix),
            ("prefix:+", ParseRuleError::Prefix),
            ("every:0", ParseRuleError::Every),
            ("every:-1", ParseRuleError::Every),
            ("numbers:+12,", ParseRuleError::Numbers),
        ] {
            assert_eq!(text.parse::<RejectRule>(), Err(error), "{text}");
        }
    }
}
