//! What exporters write: few keys in any order, simple values, at most one space between tokens.
//!
//! The quotes of a string are found while its content is checked, and the end of the line while the
//! object is: no byte of a record is looked at twice. A control character ends every string but the number's,
//! which is parsed in any case: who takes the object for a message must have found none in its number, or it
//! may have run beyond a line.

use std::ops::Range;

use fearless_simd::{Level, Simd, dispatch};

use super::Keys;
use crate::encode::json;
use crate::input::MAX_RECORD_BYTES;
use crate::message::PhoneNumber;

/// A line that is likely a message. Its parts are put together where the message is wanted: a number
/// that is handed on in memory costs more than to parse it.
#[derive(Debug)]
pub(super) struct Object {
    /// Where its number is. Not checked yet: it may be anything, and have the line's end in it.
    pub(super) number: Range<usize>,
    /// Where its text is: the content of a JSON string, its length not checked yet.
    pub(super) text: Option<Range<usize>>,
    /// Where the next line begins.
    pub(super) next: usize,
}

/// The message in the line that begins at `start`. `None` means: ask the general parser. The places of other
/// values are handed to `other`.
#[inline]
pub(super) fn line(
    bytes: &[u8],
    start: usize,
    keys: &Keys,
    mut other: impl FnMut(Range<usize>),
) -> Option<Object> {
    if bytes.get(start) != Some(&b'{') {
        return None;
    }
    let mut number = None;
    let mut text = None;
    let mut text_is_null = false;
    let mut at = start + 1;
    loop {
        let rest = &bytes[at..];
        if keys.to[keys.seen].begins(rest) {
            if number.is_some() {
                return None;
            }
            at = colon(bytes, at + keys.to[keys.seen].written.len())?;
            let is_array = bytes.get(at) == Some(&b'[');
            at += usize::from(is_array);
            let len = short_string(bytes, at)?;
            number = Some(at + 1..at + 1 + len);
            at += len + 2;
            if is_array {
                if bytes.get(at) != Some(&b']') {
                    return None;
                }
                at += 1;
            }
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
                text = Some(at + 1..end - 1);
                at = end;
            }
        } else {
            at = colon(bytes, other_key(bytes, at, keys)?)?;
            let end = simple_value(bytes, at)?;
            other(at..end);
            at = end;
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
    let number = (end - start <= MAX_RECORD_BYTES).then_some(number)??;
    Some(Object { number, text, next })
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

/// The length of what is between the quotes of the string at `at`, if it may be a number. Escapes are no
/// matter: no number has them. Nor are control characters, which none in E.164 form has.
#[inline]
fn short_string(bytes: &[u8], at: usize) -> Option<usize> {
    let (b'"', rest) = bytes.get(at..)?.split_first()? else {
        return None;
    };
    // The length of all US and Canadian numbers.
    if rest.get(12) == Some(&b'"') {
        return Some(12);
    }
    let mut longest = rest.iter().take(PhoneNumber::MAX_LEN + 1);
    longest.position(|&byte| byte == b'"')
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
#[inline(never)]
fn simple_value(bytes: &[u8], at: usize) -> Option<usize> {
    dispatch!(Level::baseline(), simd => simple_value_with(simd, bytes, at))
}

/// The same in a loop that is compiled for the vectors of the machine.
#[inline(always)]
pub(super) fn simple_value_with<S: Simd>(simd: S, bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    match rest.first()? {
        b'"' => Some(json::scan_string_with(simd, bytes, at + 1).ok()?? + 1),
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
