//! Writing JSON strings.

use super::json::{BLOCK, LANE, has_special, padded, specials};

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
    let mut run = 0;
    let (blocks, rest) = bytes.as_chunks();
    for (index, block) in blocks.iter().enumerate() {
        if has_special(block) {
            escape_block(out, bytes, &mut run, BLOCK * index, specials(block));
        }
    }
    if !rest.is_empty() {
        let specials = match bytes.last_chunk() {
            // What was looked at before falls out.
            Some(last) => specials(last) >> (BLOCK - rest.len()),
            None => specials(&padded(rest)),
        };
        let base = bytes.len() - rest.len();
        escape_block(out, bytes, &mut run, base, specials);
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
const SHORT: [u8; 256] = {
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

    proptest! {
        #[test]
        fn what_is_escaped_is_what_serde_json_reads(text in any::<String>()) {
            let back: String = serde_json::from_str(&format!("\"{}\"", escaped(&text))).unwrap();
            prop_assert_eq!(back, text);
        }
    }
}
