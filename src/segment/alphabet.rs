//! The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, 6.2.1 and 6.2.1.1).

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u8x16};

/// The septets that a character takes; 0 if it has none.
#[inline]
pub(super) const fn septets(character: char) -> usize {
    let code = character as usize;
    if code < LATIN.len() {
        return LATIN[code] as usize;
    }
    match character {
        'Δ' | 'Φ' | 'Γ' | 'Λ' | 'Ω' | 'Π' | 'Ψ' | 'Σ' | 'Θ' | 'Ξ' => 1,
        '€' => 2,
        _ => 0,
    }
}

/// The septets of the characters up to U+00FF.
const LATIN: [u8; 256] = latin();

const fn latin() -> [u8; 256] {
    let mut table = [0; 256];
    // Most of ASCII: what it has between `Z` and `a`, and behind `z`, comes below.
    let mut code = b' ';
    while code <= b'z' {
        if !matches!(code, b'['..=b'`') {
            table[code as usize] = 1;
        }
        code += 1;
    }
    set(
        &mut table,
        1,
        &['\n', '\r', '_', '¡', '£', '¤', '¥', '§', '¿'],
    );
    set(
        &mut table,
        1,
        &['Ä', 'Å', 'Æ', 'Ç', 'É', 'Ñ', 'Ö', 'Ø', 'Ü', 'ß'],
    );
    set(
        &mut table,
        1,
        &[
            'à', 'ä', 'å', 'æ', 'è', 'é', 'ì', 'ñ', 'ò', 'ö', 'ø', 'ù', 'ü',
        ],
    );
    // U+000C is the table's page break.
    set(
        &mut table,
        2,
        &['\u{c}', '[', '\\', ']', '^', '{', '|', '}', '~'],
    );
    table
}

const fn set(table: &mut [u8; 256], septets: u8, characters: &[char]) {
    let mut at = 0;
    while at < characters.len() {
        table[characters[at] as usize] = septets;
        at += 1;
    }
}

/// How many bytes `bytes` begin with that are a character of one septet each, and stand for themselves in JSON.
/// It may stop early, at a byte that is such a character all the same.
#[inline]
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    let (blocks, rest) = bytes.as_chunks();
    for (index, block) in blocks.iter().enumerate() {
        let others = others_of(block);
        if others != 0 {
            return 16 * index + others.trailing_zeros() as usize;
        }
    }
    // The last sixteen bytes at once, if there are as many: those looked at before are plain.
    if let Some(last) = bytes.last_chunk() {
        let others = others_of(last);
        return match others {
            0 => bytes.len(),
            _ => bytes.len() - 16 + others.trailing_zeros() as usize,
        };
    }
    rest.iter().take_while(|&&byte| is_plain(byte)).count()
}

/// A bit for each byte that is not plain, the lowest for the first.
#[inline]
fn others_of(block: &[u8; 16]) -> u64 {
    dispatch!(Level::baseline(), simd => {
        let splat = |byte| u8x16::splat(simd, byte);
        let bytes = u8x16::load_array_ref(simd, block);
        let low = splat(b' ').saturating_sub(bytes);
        let high = bytes.saturating_sub(splat(b'z'));
        // From `[` on there are six that are not letters.
        let between = splat(6).saturating_sub(bytes - splat(b'['));
        (!(low | high | between).simd_eq(splat(0))).to_bitmask()
    })
}

/// Printable ASCII without what is between and behind the letters: `_` is looked at, like the others there.
#[inline]
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'Z' | b'a'..=b'z')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_plain_takes_a_septet_and_nothing_stops_a_run_but_what_is_not() {
        for byte in 0..=u8::MAX {
            if is_plain(byte) {
                assert_eq!(septets(char::from(byte)), 1, "{byte:#x}");
            }
            for len in [1, 5, 15, 16, 17, 31, 32, 33, 50] {
                for at in 0..len {
                    let mut bytes = vec![b'x'; len];
                    bytes[at] = byte;
                    let run = if is_plain(byte) { len } else { at };
                    assert_eq!(plain_run(&bytes), run, "{byte:#x} at {at} of {len}");
                }
            }
        }
        assert_eq!(plain_run(b""), 0);
    }
}
