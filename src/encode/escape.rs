//! Writing JSON strings.
//!
//! From the first byte on that cannot stand for itself there are two ways. Where the processor can close the gaps
//! in a vector ("compress": AVX-512 as of Ice Lake and Zen 4), it is the same work for every byte, whatever it is, and
//! no branch that could be guessed wrong. Elsewhere what stands between two such bytes is copied in one run.

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use fearless_simd::Simd as _;
use fearless_simd::{Level, dispatch};

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use super::compress::compress;
use super::json::{self, BLOCK, padded};

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
    let bytes = text.as_bytes();
    let mut base = 0;
    while base < bytes.len() {
        let specials = specials_at(bytes, base);
        if specials != 0 {
            return escape_from(out, bytes, base, specials);
        }
        base += BLOCK;
    }
    out.extend_from_slice(bytes);
}

/// A bit for each special byte of the block that begins at `base`, or of what there is of it.
#[inline]
pub(super) fn specials_at(bytes: &[u8], base: usize) -> u64 {
    let rest = &bytes[base..];
    match (rest.first_chunk(), bytes.last_chunk()) {
        (Some(block), _) if !dispatch!(Level::baseline(), simd => json::has_special(simd, block)) => {
            0
        }
        (Some(block), _) => specials(block),
        // What stands before falls out.
        (None, Some(last)) if !rest.is_empty() => specials(last) >> (BLOCK - rest.len()),
        (None, _) => specials(&padded(rest)),
    }
}

/// A bit for each special byte. By the vectors that every machine has: to choose others for each text takes longer than they save.
#[inline]
fn specials(block: &[u8; BLOCK]) -> u64 {
    dispatch!(Level::baseline(), simd => json::specials(simd, block))
}

/// The same from the block at `base` on, which has the first special bytes.
#[inline(never)]
fn escape_from(out: &mut Vec<u8>, bytes: &[u8], base: usize, specials: u64) {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if let Some(simd) = Level::new().as_avx512() {
        return simd.vectorize(
            #[inline(always)]
            || compress(simd, out, bytes, base),
        );
    }
    copy_runs(out, bytes, base, specials);
}

/// What the fast way copies at once, of a size that the compiler knows.
const LANE: usize = 16;

/// By runs between the special bytes, of which the first are those of the block at `base`.
pub(super) fn copy_runs(out: &mut Vec<u8>, bytes: &[u8], mut base: usize, mut specials: u64) {
    let mut run = 0;
    loop {
        escape_block(out, bytes, &mut run, base, specials);
        base += BLOCK;
        if base >= bytes.len() {
            break;
        }
        specials = specials_at(bytes, base);
    }
    out.extend_from_slice(&bytes[run..]);
}

/// Writes what there is from `run` on, up to the last of the special bytes that begin at `base`.
fn escape_block(out: &mut Vec<u8>, bytes: &[u8], run: &mut usize, base: usize, mut specials: u64) {
    while specials != 0 {
        let at = base + specials.trailing_zeros() as usize;
        specials &= specials - 1;
        copy_run(out, bytes, *run, at);
        write_escape(out, bytes[at]);
        *run = at + 1;
    }
}

/// Appends `bytes[start..end]`. Between two escapes there are mostly few bytes: a copy of a size that the
/// compiler knows, of which the end is dropped again, takes a tenth of the time.
#[inline]
fn copy_run(out: &mut Vec<u8>, bytes: &[u8], start: usize, end: usize) {
    match bytes[start..].first_chunk::<LANE>() {
        Some(lane) if end - start <= LANE => {
            let len = out.len() + end - start;
            out.extend_from_slice(lane);
            out.truncate(len);
        }
        _ => out.extend_from_slice(&bytes[start..end]),
    }
}

#[inline]
fn write_escape(out: &mut Vec<u8>, byte: u8) {
    match SHORT[usize::from(byte)] {
        0 => write_long_escape(out, byte),
        short => out.extend_from_slice(&[b'\\', short]),
    }
}

/// What stands behind the backslash of the short escapes (RFC 8259, 7). A table, because texts have several kinds in no order, and
/// a branch for each would be guessed wrong.
pub(super) const SHORT: [u8; 256] = {
    let mut short = [0; 256];
    short[b'"' as usize] = b'"';
    short[b'\\' as usize] = b'\\';
    short[0x08] = b'b';
    short[0x09] = b't';
    short[0x0a] = b'n';
    short[0x0c] = b'f';
    short[0x0d] = b'r';
    short
};

#[cold]
fn write_long_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let [high, low] = [byte >> 4, byte & 0xf].map(|digit| HEX[usize::from(digit)]);
    out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encode::compress::compress;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        // What is there before stays.
        let mut out = b"\"".to_vec();
        write(&mut out);
        out.push(b'"');
        String::from_utf8(out).unwrap()
    }

    /// Each way to write it, whatever this machine would choose.
    fn each_way(text: &str) -> [String; 4] {
        let bytes = text.as_bytes();
        [
            written(|out| escape(out, text)),
            written(|out| copy_runs(out, bytes, 0, specials_at(bytes, 0))),
            written(|out| dispatch!(Level::baseline(), simd => compress(simd, out, bytes, 0))),
            written(|out| dispatch!(Level::new(), simd => compress(simd, out, bytes, 0))),
        ]
    }

    fn assert_as_serde_json(text: &str) {
        let expected = serde_json::to_string(text).unwrap();
        for (way, written) in each_way(text).iter().enumerate() {
            assert_eq!(*written, expected, "way {way}: {text:?}");
        }
    }

    #[test]
    fn every_character_of_the_first_pages_is_written_as_serde_json_writes_it() {
        for c in (0..0x3000).filter_map(char::from_u32) {
            assert_as_serde_json(&format!("ab{c}cd"));
        }
    }

    #[test]
    fn a_special_byte_is_escaped_at_every_place() {
        for len in 0..200 {
            for at in 0..len {
                for special in ["\"", "\\", "\n", "\u{1}", "\u{1f}", "é"] {
                    let mut text = "x".repeat(len);
                    text.replace_range(at..=at, special);
                    assert_as_serde_json(&text);
                }
            }
        }
    }

    /// Texts of all lengths around those of a vector and a block, from hardly anything to escape to nothing else.
    fn texts() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => "[ -~]{0,70}",
            1 => any::<String>(),
            1 => "[\"\\\\]{1,70}",
            1 => "[\t\n\r\u{8}\u{c}]{1,40}",
            1 => "[\u{0}-\u{1f}]{1,3}",
            1 => "[您é👋]{1,30}",
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn each_way_writes_what_serde_json_writes(text in texts()) {
            let expected = serde_json::to_string(&text).unwrap();
            for (way, written) in each_way(&text).iter().enumerate() {
                prop_assert_eq!(written, &expected, "way {}", way);
            }
        }
    }
}
