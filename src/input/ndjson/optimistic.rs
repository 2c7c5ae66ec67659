//! What exporters write: few keys in any order, simple values, at most one space between tokens.
//!
//! The quotes of a string are found while its content is checked, and the end of the line while the
//! object is: no byte of a record is looked at twice. A control character ends every string, so nothing
//! here runs beyond a line.

use super::Keys;
use crate::encode::json;
use crate::input::MAX_RECORD_BYTES;
use crate::message::{PhoneNumber, Text};

/// A line that is a message.
#[derive(Debug)]
pub(super) struct Object<'a> {
    pub(super) to: PhoneNumber,
    pub(super) text: Option<Text<'a>>,
    /// Where the next line begins.
    pub(super) next: usize,
}

/// The message in the line that begins at `start`. `None` means: ask the general parser.
#[inline]
pub(super) fn line<'a>(lines: &'a str, start: usize, keys: &Keys) -> Option<Object<'a>> {
    let bytes = lines.as_bytes();
    if bytes.get(start) != Some(&b'{') {
        return None;
    }
    let mut to = None;
    let mut text = None;
    let mut text_is_null = false;
    let mut at = start + 1;
    loop {
        let rest = &bytes[at..];
        if keys.to[keys.seen].begins(rest) {
            if to.is_some() {
                return None;
            }
            at = colon(bytes, at + keys.to[keys.seen].written.len())?;
            let (number, end) = recipient(bytes, at)?;
            to = Some(number);
            at = end;
        } else if keys.text.begins(rest) {
            if text.is_some() || text_is_null {
                return None;
            }
            at = colon(bytes, at + keys.text.written.len())?;
            if bytes[at..].starts_with(b"null") {
                text_is_null = true;
                at += 4;
            } else {
                let end = string(bytes, at)?;
                let content = lines.get(at + 1..end - 1)?;
                text = Some(Text::from_checked_json(content).ok()?);
                at = end;
            }
        } else {
            at = colon(bytes, other_key(bytes, at, keys)?)?;
            at = simple_value(bytes, at)?;
        }
        match bytes.get(at)? {
            b',' => at = space(bytes, at + 1),
            b'}' => break,
            _ => return None,
        }
    }
    let end = at + 1;
    let next = match bytes[end..] {
        [b'\n', ..] => end + 1,
        [b'\r', b'\n', ..] => end + 2,
        // The last line of the input may lack its line end.
        [] => end,
        _ => return None,
    };
    let to = (end - start <= MAX_RECORD_BYTES).then_some(to)??;
    Some(Object { to, text, next })
}

/// Passes over a space, if there is one.
#[inline]
fn space(bytes: &[u8], at: usize) -> usize {
    at + usize::from(bytes.get(at) == Some(&b' '))
}

/// Passes over a colon, and a space behind it.
#[inline]
fn colon(bytes: &[u8], at: usize) -> Option<usize> {
    (bytes.get(at) == Some(&b':')).then(|| space(bytes, at + 1))
}

/// The recipient at `at`, and where its value ends.
#[inline]
fn recipient(bytes: &[u8], at: usize) -> Option<(PhoneNumber, usize)> {
    if bytes.get(at) == Some(&b'[') {
        let (number, end) = number(bytes, at + 1)?;
        return (bytes.get(end) == Some(&b']')).then_some((number, end + 1));
    }
    number(bytes, at)
}

/// The number in the string at `at`, and where the string ends.
#[inline]
fn number(bytes: &[u8], at: usize) -> Option<(PhoneNumber, usize)> {
    if let Some([b'"', number @ .., b'"']) = bytes[at..].first_chunk::<14>() {
        // Not `?`: twelve bytes between two quotes need not be one string.
        if let Ok(number) = PhoneNumber::from_bytes(number) {
            return Some((number, at + 14));
        }
    }
    let (b'"', rest) = bytes[at..].split_first()? else {
        return None;
    };
    let mut longest = rest.iter().take(PhoneNumber::MAX_LEN + 1);
    let len = longest.position(|&byte| byte == b'"')?;
    Some((PhoneNumber::from_bytes(&rest[..len]).ok()?, at + len + 2))
}

/// Passes over a string.
#[inline]
fn string(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    Some(json::scan_string(bytes, at + 1).ok()?? + 1)
}

/// Passes over a key that does not count. One that may count is left to the general parser, as is one
/// with escapes, which may be anything.
#[inline]
fn other_key(bytes: &[u8], at: usize, keys: &Keys) -> Option<usize> {
    let (b'"', rest) = bytes.get(at..)?.split_first()? else {
        return None;
    };
    let special = |&byte: &u8| byte < b' ' || byte == b'"' || byte == b'\\';
    let len = rest.iter().position(special)?;
    if rest[len] != b'"' || keys.place_of(&rest[..len]).is_some() {
        return None;
    }
    Some(at + len + 2)
}

/// Passes over a string, a number without an exponent, or a literal.
#[inline]
fn simple_value(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    match rest.first()? {
        b'"' => string(bytes, at),
        b'-' => unsigned(rest, 1).map(|len| at + len),
        b'0'..=b'9' => unsigned(rest, 0).map(|len| at + len),
        b't' if rest.starts_with(b"true") => Some(at + 4),
        b'f' if rest.starts_with(b"false") => Some(at + 5),
        b'n' if rest.starts_with(b"null") => Some(at + 4),
        _ => None,
    }
}

/// Passes over a number without a sign and without an exponent.
#[inline]
fn unsigned(rest: &[u8], start: usize) -> Option<usize> {
    let after = digits(rest, start);
    let len = after - start;
    if len == 0 || (len > 1 && rest[start] == b'0') {
        return None;
    }
    if rest.get(after) != Some(&b'.') {
        return Some(after);
    }
    let end = digits(rest, after + 1);
    (end > after + 1).then_some(end)
}

#[inline]
fn digits(rest: &[u8], start: usize) -> usize {
    let digits = rest[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    start + digits.count()
}
