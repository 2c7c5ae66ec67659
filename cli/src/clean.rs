//! What comes from an input or a server is not let loose on a terminal, and gives nobody away.

use std::borrow::Cow;
use std::fmt::Write as _;

use batchcast::PhoneNumber;

/// How much of a foreign string is shown at most, in characters.
const MAX_SHOWN: usize = 300;

/// A line without what could steer a terminal: control characters (escape sequences begin with one),
/// and the marks that turn the direction of writing round. Each becomes U+FFFD.
pub(crate) fn line(line: &str) -> Cow<'_, str> {
    if line.contains(steers) {
        Cow::Owned(line.replace(steers, "\u{fffd}"))
    } else {
        Cow::Borrowed(line)
    }
}

/// The same for a line of JSON: they become escapes, so the value stays what it was. (JSON has none
/// of them outside of its strings.)
pub(crate) fn json(line: &str) -> Cow<'_, str> {
    if !line.contains(steers) {
        return Cow::Borrowed(line);
    }
    let mut escaped = String::with_capacity(line.len() + 16);
    for character in line.chars() {
        if steers(character) {
            // All of them are in the BMP: one code unit.
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// A foreign string, cut to a length that people read.
pub(crate) fn short(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_SHOWN) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// The same for a sentence, in which a phone number may stand: as many digits as one has are hidden.
pub(crate) fn sentence(text: &str) -> String {
    let text = short(text);
    let mut told = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(start) = rest.find(|character: char| character.is_ascii_digit()) {
        let digits = &rest[start..];
        let end = digits
            .find(|character: char| !character.is_ascii_digit())
            .unwrap_or(digits.len());
        told.push_str(&rest[..start]);
        if end < PhoneNumber::MIN_DIGITS {
            told.push_str(&digits[..end]);
        } else {
            told.push_str(&mask(&digits[..end]));
        }
        rest = &digits[end..];
    }
    told.push_str(rest);
    told
}

/// What should be a phone number, and perhaps is none, with all but its ends hidden.
pub(crate) fn mask(number: &str) -> String {
    const LONGEST: usize = 24;
    if let Ok(number) = PhoneNumber::parse(number) {
        return number.masked().to_string();
    }
    let digits = number.chars().filter(char::is_ascii_digit).count();
    // The last four digits are shown if at least as many others are hidden.
    let hidden = if digits >= 8 { digits - 4 } else { digits };
    let mut seen = 0;
    let mut masked = String::new();
    for (at, character) in number.chars().enumerate() {
        if at == LONGEST {
            masked.push('…');
            break;
        }
        seen += usize::from(character.is_ascii_digit());
        masked.push(match character {
            '0'..='9' if seen > hidden => character,
            '+' | '-' | '(' | ')' | '.' | '/' | ' ' => character,
            _ => '*',
        });
    }
    masked
}

const fn steers(character: char) -> bool {
    matches!(
        character,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
            | '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(line("plain ümlaut 👋"), "plain ümlaut 👋");
        assert_eq!(
            line("\x1b[2Jx\ny\u{9b}z\u{202e}"),
            "\u{fffd}[2Jx\u{fffd}y\u{fffd}z\u{fffd}"
        );
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({"a": "x\u{9b}\u{202e}\u{7f}\u{1b}y"});
        let cleaned = json(&value.to_string()).into_owned();
        assert!(!cleaned.contains(steers));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&cleaned).unwrap(),
            value
        );
    }

    #[test]
    fn masks_what_is_no_number() {
        for (number, masked) in [
            ("+14155550100", "+1******0100"),
            ("4155550100", "******0100"),
            ("(415) 555-0100", "(***) ***-0100"),
            ("5550100", "*******"),
            ("Bob", "***"),
            ("", ""),
            ("\x1b[2J", "****"),
        ] {
            assert_eq!(mask(number), masked, "{number:?}");
        }
        assert_eq!(mask(&"x".repeat(500)).chars().count(), 25);
    }

    #[test]
    fn a_number_in_a_sentence_is_masked() {
        for (text, told) in [
            ("no digits", "no digits"),
            (
                "SMS-RC-410: +14155550100 is bad",
                "SMS-RC-410: +*******0100 is bad",
            ),
            ("2020-10-12 and 1234567", "2020-10-12 and *******"),
            ("4155550100", "******0100"),
        ] {
            assert_eq!(sentence(text), told);
        }
    }

    #[test]
    fn cuts_what_is_long() {
        assert_eq!(short("short"), "short");
        assert_eq!(short(&"ü".repeat(500)).chars().count(), MAX_SHOWN + 1);
    }
}
