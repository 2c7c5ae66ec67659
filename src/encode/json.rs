//! Writing JSON strings, and checking JSON strings that are copied as they stand (RFC 8259, 7).
//!
//! Both come down to one question: where is the next byte that cannot stand for itself in a string?
//! Between two such bytes everything is copied in one run.

use std::borrow::Cow;

use wide::u8x16;

/// Writes `text` as the content of a JSON string, without the quotes around it.
///
/// Escaped are `"`, `\` and U+0000 to U+001F, in their short forms where RFC 8259 has one. All else
/// is copied as UTF-8.
///
/// ```
/// let mut out = Vec::new();
/// batchcast::encode::json::escape(&mut out, "a \"quote\"\n\u{1}");
/// assert_eq!(out, br#"a \"quote\"\n\u0001"#);
/// ```
#[inline]
pub fn escape(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let run = find_special(rest);
        out.extend_from_slice(&rest[..run]);
        let Some(&special) = rest.get(run) else {
            return;
        };
        write_escape(out, special);
        rest = &rest[run + 1..];
    }
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => {
            let [high, low] = [byte >> 4, byte & 0xf].map(|digit| HEX[usize::from(digit)]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Checks that `content` can stand between the quotes of a JSON string as it is.
///
/// Stricter than the grammar of RFC 8259 in one thing: half a surrogate pair (`\ud83d` alone) is an
/// error, because it is no character and receivers differ in what they make of it (RFC 8259, 8.2).
///
/// # Errors
/// With the byte where the first fault is.
pub fn check_string(content: &str) -> Result<(), StringError> {
    match scan_string(content.as_bytes(), 0)? {
        None => Ok(()),
        Some(at) => Err(StringError {
            at,
            fault: StringFault::Quote,
        }),
    }
}

/// Where the string whose content begins at `start` has its closing quote; `None` if it has none.
///
/// # Errors
/// If what stands before is not the content of a JSON string.
#[inline]
pub(crate) fn scan_string(bytes: &[u8], start: usize) -> Result<Option<usize>, StringError> {
    let mut at = start;
    loop {
        at += find_special(&bytes[at..]);
        match bytes.get(at) {
            None => return Ok(None),
            Some(b'"') => return Ok(Some(at)),
            Some(b'\\') => {
                at += escape_len(&bytes[at..]).map_err(|fault| StringError { at, fault })?;
            }
            Some(_) => {
                let fault = StringFault::Control;
                return Err(StringError { at, fault });
            }
        }
    }
}

/// The length of the escape that `bytes` begin with; of both halves, if it is a surrogate pair.
fn escape_len(bytes: &[u8]) -> Result<usize, StringFault> {
    match bytes.get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
        Some(b'u') => match hex4(bytes)? {
            0xd800..=0xdbff => match bytes.get(6..) {
                Some(low @ [b'\\', b'u', ..]) if matches!(hex4(low)?, 0xdc00..=0xdfff) => Ok(12),
                _ => Err(StringFault::Surrogate),
            },
            0xdc00..=0xdfff => Err(StringFault::Surrogate),
            _ => Ok(6),
        },
        _ => Err(StringFault::Escape),
    }
}

/// The number that the escape `\uXXXX` at the beginning of `bytes` stands for.
fn hex4(bytes: &[u8]) -> Result<u32, StringFault> {
    let digits = bytes.get(2..6).ok_or(StringFault::Escape)?;
    digits.iter().try_fold(0, |value, &byte| {
        let digit = char::from(byte).to_digit(16).ok_or(StringFault::Escape)?;
        Ok(value << 4 | digit)
    })
}

/// Why bytes are not the content of a JSON string, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{fault}, at its byte {at}")]
pub struct StringError {
    /// The offset in bytes, from 0.
    pub at: usize,
    /// What is wrong there.
    pub fault: StringFault,
}

/// What can be wrong in the content of a JSON string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StringFault {
    /// A character from U+0000 to U+001F that is not escaped.
    #[error("a control character that is not escaped")]
    Control,
    /// A `"` that is not escaped.
    #[error("a quote that is not escaped")]
    Quote,
    /// A `\` that begins no escape.
    #[error("an escape that JSON does not have")]
    Escape,
    /// A high surrogate without its low one, or the other way round.
    #[error("half a surrogate pair")]
    Surrogate,
}

/// The characters that the content of a checked JSON string stands for.
pub(crate) fn unescape(content: &str) -> Cow<'_, str> {
    if !content.contains('\\') {
        return Cow::Borrowed(content);
    }
    // Holds by the type's invariant: whoever calls this has checked the content.
    serde_json::from_str(&format!("\"{content}\"")).map_or(Cow::Borrowed(content), Cow::Owned)
}

/// The length of `text` in UTF-16 code units.
#[must_use]
pub fn utf16_len(text: &str) -> usize {
    // Each character has one byte that continues nothing; those beyond the BMP begin with 0xF0 or more.
    let units = |byte: &u8| usize::from(byte & 0xc0 != 0x80) + usize::from(*byte >= 0xf0);
    text.as_bytes().iter().map(units).sum()
}

/// The length in UTF-16 code units of what the content of a checked JSON string stands for.
pub(crate) fn utf16_len_of_escaped(content: &str) -> usize {
    let bytes = content.as_bytes();
    let mut units = utf16_len(content);
    let mut at = 0;
    while let Some(escape) = memchr::memchr(b'\\', &bytes[at..]) {
        at += escape;
        // Each half of a surrogate pair is an escape of its own, and a unit of its own.
        let len = if bytes.get(at + 1) == Some(&b'u') {
            6
        } else {
            2
        };
        units -= len - 1;
        at += len;
    }
    units
}

/// The offset of the first byte that cannot stand for itself in a JSON string; the length if there is none.
#[inline]
fn find_special(bytes: &[u8]) -> usize {
    // Four vectors at once, and one branch: most texts have no special byte but the quote at their end.
    let (wide, rest) = bytes.as_chunks::<{ 4 * LANE }>();
    for (index, block) in wide.iter().enumerate() {
        let (lanes, _) = block.as_chunks();
        let [a, b, c, d] = [0, 1, 2, 3].map(|lane| nearness(&lanes[lane]));
        if a.min(b).min(c.min(d)).simd_eq(u8x16::ZERO).any() {
            let bits = [a, b, c, d].map(|lane| u64::from(lane.simd_eq(u8x16::ZERO).to_bitmask()));
            let specials = bits[0] | bits[1] << 16 | bits[2] << 32 | bits[3] << 48;
            return 4 * LANE * index + specials.trailing_zeros() as usize;
        }
    }
    let before = bytes.len() - rest.len();
    let (lanes, rest) = rest.as_chunks();
    for (index, lane) in lanes.iter().enumerate() {
        let specials = nearness(lane).simd_eq(u8x16::ZERO).to_bitmask();
        if specials != 0 {
            return before + LANE * index + specials.trailing_zeros() as usize;
        }
    }
    let last = rest.iter().take_while(|&&byte| !is_special(byte)).count();
    before + LANE * lanes.len() + last
}

/// The width of a vector.
const LANE: usize = 16;

/// How far each byte is from being special: 0 for those that are.
#[inline]
fn nearness(block: &[u8; LANE]) -> u8x16 {
    let block = u8x16::from(*block);
    // What is below a space, and a quote, which changes places with it: nothing is left of them.
    let low = (block ^ u8x16::splat(b'"' ^ b' ')).saturating_sub(u8x16::splat(b' '));
    let backslash = block ^ u8x16::splat(b'\\');
    low.min(backslash)
}

#[inline]
const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        escape(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_character_of_the_first_pages_is_written_as_serde_json_writes_it() {
        for c in (0..0x3000).filter_map(char::from_u32) {
            let text = format!("ab{c}cd");
            let expected = serde_json::to_string(&text).unwrap();
            assert_eq!(format!("\"{}\"", escaped(&text)), expected, "{c:?}");
        }
    }

    #[test]
    fn a_special_byte_is_found_at_every_place() {
        for len in 0..80 {
            let mut bytes = vec![b'x'; len];
            assert_eq!(find_special(&bytes), len);
            for at in 0..len {
                for special in [0, 0x1f, b'"', b'\\', b'\n'] {
                    bytes[at] = special;
                    assert_eq!(find_special(&bytes), at, "{special:#x} at {at} of {len}");
                }
                for plain in [0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xff] {
                    bytes[at] = plain;
                    assert_eq!(find_special(&bytes), len, "{plain:#x} at {at} of {len}");
                }
            }
        }
    }

    #[test]
    fn faults_are_named_with_their_place() {
        for (content, at, fault) in [
            ("ab\"", 2, StringFault::Quote),
            ("a\nb", 1, StringFault::Control),
            ("a\u{0}", 1, StringFault::Control),
            (r"a\x", 1, StringFault::Escape),
            (r"a\", 1, StringFault::Escape),
            (r"\u00g0", 0, StringFault::Escape),
            (r"\u+123", 0, StringFault::Escape),
            (r"\u123", 0, StringFault::Escape),
            (r"\ud83d", 0, StringFault::Surrogate),
            (r"\ud83d\n", 0, StringFault::Surrogate),
            (r"\ud83d\ud83d", 0, StringFault::Surrogate),
            (r"x\udc4b", 1, StringFault::Surrogate),
        ] {
            let error = check_string(content).expect_err(content);
            assert_eq!(error, StringError { at, fault }, "{content}");
        }
    }

    /// Strings made of the pieces that matter, so that most are nearly right.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => "[ -~]{0,20}",
            1 => any::<char>().prop_map(String::from),
            1 => Just("\\".to_owned()),
            1 => Just("\\\\".to_owned()),
            1 => Just("\\\"".to_owned()),
            1 => Just("\\n".to_owned()),
            1 => Just("\\u0041".to_owned()),
            1 => Just("\\ud83d\\udc4b".to_owned()),
            1 => Just("\\ud83d".to_owned()),
            1 => Just("\\u12".to_owned()),
            1 => Just("\u{1}".to_owned()),
            1 => Just("👋".to_owned()),
        ];
        proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_what_serde_json_reads(text in any::<String>()) {
            let back: String = serde_json::from_str(&format!("\"{}\"", escaped(&text))).unwrap();
            prop_assert_eq!(back, text);
        }

        #[test]
        fn serde_json_agrees_on_what_a_string_is(content in hostile()) {
            let judged = serde_json::from_str::<String>(&format!("\"{content}\""));
            prop_assert_eq!(check_string(&content).is_ok(), judged.is_ok(), "{:?}", judged);
            if let Ok(text) = judged {
                prop_assert_eq!(utf16_len_of_escaped(&content), text.encode_utf16().count());
                prop_assert_eq!(unescape(&content), text);
            }
        }

        #[test]
        fn utf16_is_counted_as_std_counts(text in any::<String>()) {
            prop_assert_eq!(utf16_len(&text), text.encode_utf16().count());
        }
    }
}
