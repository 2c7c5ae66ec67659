//! Words from outside, made fit for the journal.

use std::borrow::Cow;

use serde::Serializer;

/// The most characters of a word from outside.
const MAX_CHARS: usize = 200;

/// From this many digits on, a run of them may be a phone number.
const NUMBER_DIGITS: usize = 7;

/// How many of a phone number's digits are shown.
const SHOWN_DIGITS: usize = 4;

/// No control characters, no phone number but for its last four digits, and not endless.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    // Cut after the masking: half a number is no run of seven digits any more.
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits >= NUMBER_DIGITS {
            let masked = digits - SHOWN_DIGITS;
            out.extend(std::iter::repeat_n('*', masked));
            out.push_str(&rest[masked..digits]);
            rest = &rest[digits..];
        } else if digits > 0 {
            out.push_str(&rest[..digits]);
            rest = &rest[digits..];
        } else {
            out.push(if c.is_control() { ' ' } else { c });
            rest = &rest[c.len_utf8()..];
        }
    }
    if let Some((end, _)) = out.char_indices().nth(MAX_CHARS) {
        out.truncate(end);
    }
    Cow::Owned(out)
}

fn is_plain(text: &str) -> bool {
    text.chars().count() <= MAX_CHARS
        && !text.contains(char::is_control)
        && text
            .split(|c: char| !c.is_ascii_digit())
            .all(|digits| digits.len() < NUMBER_DIGITS)
}

pub(super) fn serialize<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&plain(text))
}

#[allow(
    clippy::ref_option,
    reason = "the signature is serde's: a reference to the field"
)]
pub(super) fn serialize_option<S: Serializer>(
    text: &Option<String>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match text {
        Some(text) => to.serialize_some(&plain(text)),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_control_characters_do_not_pass() {
        for (text, expected) in [
            ("SMS-RC-410", "SMS-RC-410"),
            ("", ""),
            ("123456", "123456"),
            ("1234567", "***4567"),
            ("to +14155550100: busy", "to +*******0100: busy"),
            ("14155550100,14155550101", "*******0100,*******0101"),
            ("a\nb\u{1b}[31mc", "a b [31mc"),
            ("été 12 \u{7}", "été 12  "),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_word_is_not_endless_and_its_end_shows_no_number() {
        assert_eq!(plain(&"é".repeat(201)), "é".repeat(200));
        let cut = format!("{}14155550100", "-".repeat(195));
        assert_eq!(plain(&cut), format!("{}*****", "-".repeat(195)));
    }
}
