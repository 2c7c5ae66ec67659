//! Checking JSON strings that are copied as they stand, and writing JSON strings (RFC 8259, 7).
//!
//! Both come down to one question: where is the next byte that cannot stand for itself in a string? It is asked of a block
//! at once. How wide the vectors are that answer it is the caller's choice: a loop that is compiled for those of the
//! machine hands them on.

use std::borrow::Cow;

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, mask8x64, u8x64};

pub use super::escape::escape;

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
    dispatch!(Level::baseline(), simd => scan_string_with(simd, bytes, start))
}

/// The same in a loop that is compiled for the vectors of the machine.
///
/// # Errors
/// As [`scan_string`].
#[inline(always)]
pub(crate) fn scan_string_with<S: Simd>(
    simd: S,
    bytes: &[u8],
    start: usize,
) -> Result<Option<usize>, StringError> {
    // A whole block at a time, whatever is found in it: to begin anew behind each escape would take as long.
    let mut base = start;
    'blocks: loop {
        let rest = bytes.get(base..).unwrap_or_default();
        let mut specials = match rest.first_chunk() {
            Some(block) => specials(simd, block),
            None if rest.is_empty() => return Ok(None),
            None => specials(simd, &padded(rest)),
        };
        while specials != 0 {
            let place = specials.trailing_zeros() as usize;
            let at = base + place;
            match bytes[at] {
                b'"' => return Ok(Some(at)),
                b'\\' => {}
                _ => {
                    let fault = StringFault::Control;
                    return Err(StringError { at, fault });
                }
            }
            let len = escape_len(&bytes[at..]).map_err(|fault| StringError { at, fault })?;
            if place + len >= BLOCK {
                base += place + len;
                continue 'blocks;
            }
            specials &= if len == 2 {
                // Both its bytes, and not by their place: that would have to be waited for.
                let first = specials & specials.wrapping_neg();
                !(first | first << 1)
            } else {
                u64::MAX << (place + len)
            };
        }
        base += BLOCK;
    }
}

/// The length of the escape that `bytes` begin with; of both halves, if it is a surrogate pair.
#[inline]
fn escape_len(bytes: &[u8]) -> Result<usize, StringFault> {
    match bytes.get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
        _ => long_escape_len(bytes),
    }
}

#[inline(never)]
fn long_escape_len(bytes: &[u8]) -> Result<usize, StringFault> {
    match bytes.get(1) {
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

/// The character that the escape at the beginning of `bytes` stands for, and the escape's length. `None` if there is
/// none that [`check_string`] lets through.
pub(crate) fn unescape_first(bytes: &[u8]) -> Option<(char, usize)> {
    let short = match *bytes.get(1)? {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let units = [
                hex4(bytes).ok()?,
                bytes.get(6..).map_or(0, |low| hex4(low).unwrap_or(0)),
            ];
            return match units {
                [high @ 0xd800..=0xdbff, low @ 0xdc00..=0xdfff] => {
                    let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    Some((char::from_u32(code)?, 12))
                }
                [unit, _] => Some((char::from_u32(unit)?, 6)),
            };
        }
        itself @ (b'"' | b'\\' | b'/') => char::from(itself),
        _ => return None,
    };
    Some((short, 2))
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
    let units = |byte: &u8| u8::from(byte & 0xc0 != 0x80) + u8::from(*byte >= 0xf0);
    // So few at once that they are counted in a byte: as many are added at once as a vector has bytes.
    let counted = text.as_bytes().chunks(usize::from(u8::MAX / 2));
    counted
        .map(|chunk| usize::from(chunk.iter().map(units).sum::<u8>()))
        .sum()
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

/// How many bytes are looked at together: a bit of a word for each.
pub(super) const BLOCK: usize = 64;

/// Whether a byte of the block cannot stand for itself in a JSON string: one branch, whatever the vectors are.
#[inline(always)]
pub(super) fn has_special<S: Simd>(simd: S, block: &[u8; BLOCK]) -> bool {
    mark(simd, block).any_true()
}

/// A bit for each byte that cannot stand for itself in a JSON string, the lowest for the first.
#[inline(always)]
pub(super) fn specials<S: Simd>(simd: S, block: &[u8; BLOCK]) -> u64 {
    mark(simd, block).to_bitmask()
}

#[inline(always)]
fn mark<S: Simd>(simd: S, block: &[u8; BLOCK]) -> mask8x64<S> {
    let bytes = u8x64::load_array_ref(simd, block);
    // What is below a space, and a quote, which changes places with it.
    let low = bytes ^ u8x64::splat(simd, b'"' ^ b' ');
    let is_low = low.min(u8x64::splat(simd, b' ')).simd_eq(low);
    is_low | bytes.simd_eq(u8x64::splat(simd, b'\\'))
}

/// Fewer bytes than a block, with what stands for itself behind them.
#[inline]
pub(super) fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// The kinds of vectors that this machine has.
#[cfg(test)]
pub(crate) fn levels() -> Vec<Level> {
    let best = Level::new();
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let others = [
        best.as_sse4_2().map(Level::Sse4_2),
        best.as_avx2().map(Level::Avx2),
    ];
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    let others: [Option<Level>; 0] = [];
    let others = others.into_iter().flatten();
    [Level::baseline(), best]
        .into_iter()
        .chain(others)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By the vectors of every kind that this machine has.
    fn scan_string(bytes: &[u8], start: usize) -> Result<Option<usize>, StringError> {
        let expected = super::scan_string(bytes, start);
        for level in levels() {
            let scanned = dispatch!(level, simd => scan_string_with(simd, bytes, start));
            assert_eq!(scanned, expected, "{level:?}");
        }
        expected
    }

    #[test]
    fn a_special_byte_is_found_at_every_place() {
        for len in 0..200 {
            let mut bytes = vec![b'x'; len];
            assert_eq!(scan_string(&bytes, 0), Ok(None));
            for at in 0..len {
                for (special, found) in [
                    (b'"', Ok(Some(at))),
                    (0, Err(StringFault::Control)),
                    (0x1f, Err(StringFault::Control)),
                    (b'\n', Err(StringFault::Control)),
                ] {
                    bytes[at] = special;
                    let scanned = scan_string(&bytes, 0).map_err(|error| {
                        assert_eq!(error.at, at);
                        error.fault
                    });
                    assert_eq!(scanned, found, "{special:#x} at {at} of {len}");
                }
                for plain in [0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xff] {
                    bytes[at] = plain;
                    assert_eq!(scan_string(&bytes, 0), Ok(None), "{plain:#x} at {at}");
                }
                bytes[at] = b'x';
            }
        }
    }

    #[test]
    fn an_escape_is_passed_over_at_every_place() {
        for escape in [r"\n", r#"\""#, r"\\", r"\u0041", r"\ud83d\udc4b"] {
            for before in 0..150 {
                let text = format!("{}{escape}\"{}", "x".repeat(before), "y".repeat(80));
                let end = before + escape.len();
                assert_eq!(scan_string(text.as_bytes(), 0), Ok(Some(end)), "{text}");
                let twice = format!("{}{escape}{escape}", "x".repeat(before));
                assert_eq!(scan_string(twice.as_bytes(), 0), Ok(None), "{twice}");
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
