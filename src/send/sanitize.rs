//! What a server says, made fit to be shown, and to be kept: it may quote a message, and a terminal would obey it.

use std::borrow::Cow;

use jiff::Timestamp;

/// How much of a message is shown, in characters.
const SHOWN: usize = 300;
/// From this many digits on, a group of them may be a phone number.
const NUMBER_DIGITS: usize = 7;
/// How many of a phone number's digits are shown.
const SHOWN_DIGITS: usize = 4;
/// How many characters stand between two digits of a phone number, at most, as in `(415) 555-0100`.
const JOINED_BY: usize = 3;

/// An id as it is, but nothing that a terminal would take for a command. A long run of digits in it
/// is no phone number.
pub(crate) fn id(id: &str) -> String {
    id.chars()
        .filter(char::is_ascii_graphic)
        .take(SHOWN)
        .collect()
}

/// A server's text, fit for a person's eyes: no control characters, nothing of what it quotes as the value of a parameter,
/// no phone number but for its last four digits, however it is written, not endless.
///
/// What else of a message the server may quote in its own words cannot be told from these: they are shown, and not kept
/// ([`Failure::brief`](super::Failure::brief)).
pub(crate) fn cleaned(text: &str) -> String {
    let text = without_value(text);
    let mut out = String::new();
    let mut rest = text.chars().take(SHOWN).collect::<String>();
    // What was cut off may have been the rest of a number: then it is none here, and shows what it would not have.
    let is_cut = text.chars().nth(SHOWN).is_some();
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (digits, end) = group(&rest[start..]);
        let end = start + end;
        out.extend(rest[..start].chars().map(printable));
        let may_go_on = is_cut && rest[end..].chars().all(is_joint);
        let hidden = match digits {
            0..NUMBER_DIGITS if !may_go_on => 0,
            0..NUMBER_DIGITS => digits,
            _ => digits - SHOWN_DIGITS,
        };
        let mut seen = 0;
        out.extend(rest[start..end].chars().map(|c| {
            seen += usize::from(c.is_ascii_digit());
            if c.is_ascii_digit() && seen <= hidden {
                '*'
            } else {
                c
            }
        }));
        rest.drain(..end);
    }
    out.extend(rest.chars().map(printable));
    if is_cut {
        out.push('…');
    }
    out
}

fn printable(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// What stands between the digits of a phone number.
const fn is_joint(c: char) -> bool {
    matches!(
        c,
        ' ' | '.' | '-' | '(' | ')' | '/' | '\u{a0}' | '\u{2010}' | '\u{2011}'
    )
}

/// How many digits there are at the begin of a text that belong together, and where they end.
fn group(text: &str) -> (usize, usize) {
    let (mut digits, mut end, mut joined_by) = (0, 0, 0);
    for (at, c) in text.char_indices() {
        if c.is_ascii_digit() {
            digits += 1;
            end = at + 1;
            joined_by = 0;
        } else if is_joint(c) && joined_by < JOINED_BY {
            joined_by += 1;
        } else {
            break;
        }
    }
    (digits, end)
}

/// `Parameter [to] value [+14155550100] is invalid` without the value. Where a value ends cannot be told from what stands in
/// it, so nothing is left up to the last bracket.
fn without_value(text: &str) -> Cow<'_, str> {
    const VALUE: &[u8] = b"value";
    let words = text.as_bytes().windows(VALUE.len()).enumerate();
    let mut values = words.filter(|(_, word)| word.eq_ignore_ascii_case(VALUE));
    let bracket = values.find_map(|(at, _)| {
        // It is ASCII, so the text can be cut there.
        let behind = &text[at + VALUE.len()..];
        let space = behind.len() - behind.trim_start().len();
        (behind[space..].starts_with('[')).then_some(at + VALUE.len() + space)
    });
    let Some(bracket) = bracket else {
        return Cow::Borrowed(text);
    };
    let last = text[bracket..].rfind(']').map(|at| bracket + at);
    let behind = last.map_or("", |last| &text[last + 1..]);
    Cow::Owned(format!("{}[…]{behind}", &text[..bracket]))
}

/// A time as the API writes it. It has as many digits as a phone number, and is none.
pub(super) fn time(text: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(_) => id(text),
        Err(_) => cleaned(text),
    }
}

/// A name of the API's that can be kept: a code, or a parameter. Anything else may quote what it is about.
pub(super) fn name(text: &str) -> Option<&str> {
    const LONGEST: usize = 64;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.[]*".contains(&byte);
    (text.len() <= LONGEST && text.bytes().all(is_plain)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = cleaned(&"é".repeat(1_000));
        assert_eq!(text.chars().count(), SHOWN + 1);
    }

    #[test]
    fn numbers_are_hidden_however_they_are_written() {
        for (text, shown) in [
            ("code 123456, +14155550100", "code 123456, +*******0100"),
            ("code 123456, +1 4155550100", "code 123456, +* ******0100"),
            ("for (415) 555-0001.", "for (***) ***-0001."),
            (
                "415.555.0001 and 415-555-0002",
                "***.***.0001 and ***-***-0002",
            ),
            (
                "a\u{1b}[31m1 (415)\u{a0}555 00 01",
                "a [**m* (***)\u{a0}*** 00 01",
            ),
            ("limited to 10000 entries", "limited to 10000 entries"),
            ("CMN-101, 50 s; 3 of 4", "CMN-101, 50 s; 3 of 4"),
            ("1 - 2 - 3", "1 - 2 - 3"),
        ] {
            assert_eq!(cleaned(text), shown.replace("[**m*", "[31m*"), "{text}");
        }
        // Cut in the middle of a number.
        for cut in 1..12 {
            let text = format!("{}+14155550100 is invalid", "-".repeat(SHOWN - cut));
            let shown = cleaned(&text);
            let digits = shown.chars().filter(char::is_ascii_digit).count();
            assert!(digits <= SHOWN_DIGITS, "{cut}: {shown}");
        }
    }

    #[test]
    fn what_is_quoted_as_a_value_is_not_shown() {
        for (text, shown) in [
            (
                "Parameter [to] value [+1] is invalid",
                "Parameter [to] value […] is invalid",
            ),
            (
                "Parameter [text] VALUE[a [b] ] c] is invalid",
                "Parameter [text] VALUE[…] is invalid",
            ),
            ("value [cut off", "value […]"),
            ("the value of [to]", "the value of [to]"),
            ("valuevalue [ä]ö", "valuevalue […]ö"),
            ("no valu", "no valu"),
        ] {
            assert_eq!(cleaned(text), shown);
        }
    }

    #[test]
    fn a_time_is_no_number() {
        let time_of_the_guide = "2020-10-12T16:59:55.053902Z";
        assert_eq!(time(time_of_the_guide), time_of_the_guide);
        assert_eq!(time("415-555-0100"), "***-***-0100");
    }

    #[test]
    fn what_is_kept_are_names() {
        for kept in ["CMN-101", "invalid_client", "messages[0].text"] {
            assert_eq!(name(kept), Some(kept));
        }
        let long = "a".repeat(65);
        for text in ["Dear Ann", "a:b", "ä", &long] {
            assert_eq!(name(text), None);
        }
    }
}
