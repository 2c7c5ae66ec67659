//! Phone numbers in the form the API asks for.

use std::fmt;

/// A number in E.164: `+`, a first digit from 1 to 9, at most 15 digits in all.
///
/// It takes eight bytes, so that the store can keep a hundred thousand of them. The first digit is never zero,
/// so the digits come back from the integer unchanged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number(u64);

impl Number {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        if !(2..=15).contains(&digits.len()) || digits.starts_with('0') || !is_digits(digits) {
            return None;
        }
        digits.parse().ok().map(Self)
    }

    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

/// Keeps the number out of every `{:?}`; answers and records use `Display`.
impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Number(…)")
    }
}

impl serde::Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn e164_comes_back_unchanged_and_nothing_else_is_taken() {
        for good in ["+14155550100", "+12", "+999999999999999"] {
            assert_eq!(Number::parse(good).expect(good).to_string(), good);
        }
        for bad in [
            "",
            "+",
            "+1",
            "14155550100",
            "+04155550100",
            "+1415555010a",
            "+1415 5550100",
            "++14155550100",
            "+1234567890123456",
            "+١٢٣٤",
        ] {
            assert!(Number::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn debug_hides_the_number() {
        let number = Number::parse("+14155550100").expect("E.164");
        assert!(!format!("{number:?}").contains("4155550100"));
    }
}
