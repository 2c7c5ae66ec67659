//! Writing JSON strings by vectors: between the bytes stand a backslash each, or nothing, and then the nothings are dropped.

use fearless_simd::prelude::*;
use fearless_simd::{mask8x64, u8x16, u8x32};

use super::escape::{SHORT, copy_runs, specials_at};

/// How many letters there can be, and the width of the smallest vectors.
const LANE: usize = 16;

/// How many bytes are expanded at once: to twice as many, which is the widest vector.
const HALF: usize = 32;

/// By vectors: between the bytes stand a backslash each, or nothing, and then the nothings are dropped.
#[inline(always)]
pub(super) fn compress<S: Simd>(simd: S, out: &mut Vec<u8>, bytes: &[u8], mut base: usize) {
    out.extend_from_slice(&bytes[..base]);
    while let Some(half) = bytes[base..].first_chunk() {
        if !compress_half(simd, out, half, u64::MAX) {
            let rest = &bytes[base..];
            return copy_runs(out, rest, 0, specials_at(rest, 0));
        }
        base += HALF;
    }
    let rest = &bytes[base..];
    if rest.is_empty() {
        return;
    }
    let unused = 2 * (HALF - rest.len());
    let is_written = match bytes.last_chunk() {
        // What was written before falls out.
        Some(last) => compress_half(simd, out, last, u64::MAX << unused),
        None => {
            let mut half = [b' '; HALF];
            half[..rest.len()].copy_from_slice(rest);
            compress_half(simd, out, &half, u64::MAX >> unused)
        }
    };
    if !is_written {
        copy_runs(out, rest, 0, specials_at(rest, 0));
    }
}

/// Writes those bytes for which `keep` has bits, two each. Nothing, and `false`, if one of them all has no short escape.
#[inline(always)]
fn compress_half<S: Simd>(simd: S, out: &mut Vec<u8>, half: &[u8; HALF], keep: u64) -> bool {
    let splat = |byte| u8x32::splat(simd, byte);
    let bytes = u8x32::load_array_ref(simd, half);
    // What is below a space, and a quote, which changes places with it: nothing is left of them.
    let low = (bytes ^ splat(b'"' ^ b' ')).saturating_sub(splat(b' '));
    let special = low.min(bytes ^ splat(b'\\')).simd_eq(0);
    let backslashes = special.select(splat(b'\\'), splat(0));
    // A control becomes its letter, which is larger. All else has no letter, and stays what it is.
    let letters = u8x32::block_splat(u8x16::load_array(simd, LETTERS));
    let letters = letters.swizzle_dyn_within_blocks(bytes.min(splat(NO_LETTER)));
    let letters = bytes.max(letters);
    if letters.simd_lt(b' ').any_true() {
        return false;
    }
    let (low, high) = backslashes.interleave(letters);
    let pairs = low.combine(high);
    let keep = pairs.simd_ne(0).to_bitmask() & keep;
    let written = pairs.compress(mask8x64::from_bitmask(simd, keep));
    let len = out.len() + keep.count_ones() as usize;
    out.extend_from_slice(written.as_array());
    out.truncate(len);
    true
}

/// Where [`LETTERS`] has none, nor for any byte behind.
const NO_LETTER: u8 = 15;

/// The letters of the controls that have a short escape.
const LETTERS: [u8; LANE] = {
    let mut letters = [0; LANE];
    let mut control = 0;
    while control < LANE {
        letters[control] = SHORT[control];
        control += 1;
    }
    letters
};
