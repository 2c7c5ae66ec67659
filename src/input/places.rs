//! Where in some bytes the few are that count.
//!
//! Sixteen bytes are compared at once, and what is found becomes bits of a word. A search that is begun
//! anew behind each find (memchr) costs more than that where finds are a few bytes apart, as in CSV.

use std::marker::PhantomData;

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, mask8x16, u8x16};

/// The width of a vector.
const LANE: usize = 16;

/// Which bytes count.
pub(super) trait Kind {
    /// Each byte that counts.
    fn hits<S: Simd>(simd: S, bytes: u8x16<S>) -> mask8x16<S>;
}

/// The offsets of the bytes that count, in order. `LANES` vectors are looked at together, at most 4: many
/// where finds are far apart.
#[derive(Debug, Clone)]
pub(super) struct Places<'a, K, const LANES: usize> {
    bytes: &'a [u8],
    /// Where the bytes begin that `bits` stands for.
    base: usize,
    /// A bit for each byte that counts and was not given yet.
    bits: u64,
    kind: PhantomData<K>,
}

impl<'a, K: Kind, const LANES: usize> Places<'a, K, LANES> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let (base, bits) = first_bits::<K, LANES>(bytes, 0);
        Self {
            bytes,
            base,
            bits,
            kind: PhantomData,
        }
    }
}

impl<K: Kind, const LANES: usize> Iterator for Places<'_, K, LANES> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.bits == 0 {
            (self.base, self.bits) = first_bits::<K, LANES>(self.bytes, self.base + LANE * LANES);
            if self.bits == 0 {
                return None;
            }
        }
        let at = self.base + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(at)
    }
}

/// The first bits from `base` on that are not all 0, and where they begin; 0 if there are none.
// A call, so that it does not stand in the way of the loops that use it: they keep all they need in
// registers.
#[inline(never)]
fn first_bits<K: Kind, const LANES: usize>(bytes: &[u8], mut base: usize) -> (usize, u64) {
    while let Some(rest @ [_, ..]) = bytes.get(base..) {
        let bits = bits::<K, LANES>(rest);
        if bits != 0 {
            return (base, bits);
        }
        base += LANE * LANES;
    }
    (base, 0)
}

/// Whether there is none that counts.
#[inline]
pub(super) fn none<K: Kind>(bytes: &[u8]) -> bool {
    let (lanes, rest) = bytes.as_chunks::<LANE>();
    // What is looked at twice does no harm.
    let Some(last) = bytes.last_chunk::<LANE>() else {
        return bits_of_end::<K>(&[], rest) == 0;
    };
    dispatch!(Level::baseline(), simd => {
        let hits = |lane| K::hits(simd, u8x16::load_array_ref(simd, lane));
        !lanes.iter().fold(hits(last), |all, lane| all | hits(lane)).any_true()
    })
}

/// A bit for each byte that counts, of the first ones.
#[inline]
fn bits<K: Kind, const LANES: usize>(bytes: &[u8]) -> u64 {
    let (lanes, rest) = bytes.as_chunks();
    match lanes.first_chunk::<LANES>() {
        // Of a size that the compiler knows: it makes one run of vector instructions of it.
        Some(lanes) => bits_of_lanes::<K>(lanes),
        None => bits_of_end::<K>(lanes, rest),
    }
}

#[cold]
fn bits_of_end<K: Kind>(lanes: &[[u8; LANE]], rest: &[u8]) -> u64 {
    let mut last = [0; LANE];
    last[..rest.len()].copy_from_slice(rest);
    let bits = bits_of_lane::<K>(&last) & !(u64::MAX << rest.len());
    bits_of_lanes::<K>(lanes) | bits << (LANE * lanes.len())
}

#[inline]
fn bits_of_lanes<K: Kind>(lanes: &[[u8; LANE]]) -> u64 {
    let lanes = lanes.iter().enumerate();
    lanes.fold(0, |bits, (place, lane)| {
        bits | bits_of_lane::<K>(lane) << (LANE * place)
    })
}

#[inline]
fn bits_of_lane<K: Kind>(lane: &[u8; LANE]) -> u64 {
    dispatch!(Level::baseline(), simd => {
        K::hits(simd, u8x16::load_array_ref(simd, lane)).to_bitmask()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Comma;

    impl Kind for Comma {
        fn hits<S: Simd>(simd: S, bytes: u8x16<S>) -> mask8x16<S> {
            bytes.simd_eq(u8x16::splat(simd, b','))
        }
    }

    fn commas<const LANES: usize>(bytes: &[u8]) -> Vec<usize> {
        Places::<Comma, LANES>::new(bytes).collect()
    }

    proptest! {
        #[test]
        fn a_loop_finds_the_same(bytes in proptest::collection::vec(
            prop_oneof![Just(b','), Just(b' '), Just(b'-'), any::<u8>()], 0..300,
        )) {
            let expected: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at] == b',').collect();
            prop_assert_eq!(&commas::<1>(&bytes), &expected);
            prop_assert_eq!(&commas::<2>(&bytes), &expected);
            prop_assert_eq!(&commas::<4>(&bytes), &expected);
        }
    }
}
