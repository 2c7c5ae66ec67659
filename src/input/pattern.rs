//! What the records of a list have in common, learned from one of them and compared block by block.
//!
//! Nearly all records of a list look alike: the same bytes at the same places, but for the digits of the
//! number. To compare a block with what may stand there takes a few instructions, whatever it is.
//! Nothing is ever taken for a record because it looks like one: a pattern says what each byte must be.

use std::ops::Range;

use fearless_simd::prelude::*;
use fearless_simd::{u8x16, u8x32};

use crate::message::PhoneNumber;

/// What may stand in a block of `N` bytes, which are compared at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pattern<const N: usize> {
    /// The least that each byte may be.
    least: [u8; N],
    /// By how much it may be more than that.
    span: [u8; N],
}

impl<const N: usize> Pattern<N> {
    /// The pattern of what begins at `start` of `example`: the very same bytes, other digits in the number
    /// that stands at `number`, and anything behind the end of the example.
    pub(super) fn new(example: &[u8], start: usize, number: &Range<usize>) -> Self {
        let (mut least, mut span) = ([0; N], [u8::MAX; N]);
        for (place, &byte) in example.iter().skip(start).take(N).enumerate() {
            let at = start + place;
            let range = if number.contains(&at) {
                PhoneNumber::range(at - number.start)
            } else {
                byte..=byte
            };
            least[place] = *range.start();
            span[place] = range.end() - range.start();
        }
        Self { least, span }
    }
}

macro_rules! fits {
    ($vector:ident, $bytes:literal) => {
        impl Pattern<$bytes> {
            /// Whether each byte is what it may be.
            #[inline(always)]
            pub(super) fn fits<S: Simd>(&self, simd: S, block: &[u8; $bytes]) -> bool {
                // One by one: `map` of an array would be a call that is not compiled for these vectors.
                let block = $vector::load_array_ref(simd, block);
                let more = block - $vector::load_array_ref(simd, &self.least);
                let span = $vector::load_array_ref(simd, &self.span);
                more.min(span).simd_eq(more).all_true()
            }
        }
    };
}

fits!(u8x16, 16);
fits!(u8x32, 32);

#[cfg(test)]
mod tests {
    use fearless_simd::dispatch;
    use proptest::prelude::*;

    use super::*;
    use crate::encode::json::levels;

    const EXAMPLE: &[u8] = b"{\"id\":7,\"to\":\"+14155550100\",\"text\":\"";

    /// Byte by byte.
    fn fits<const N: usize>(pattern: &Pattern<N>, block: &[u8; N]) -> bool {
        let ranges = pattern.least.iter().zip(pattern.span);
        let mut ranges = ranges.map(|(least, span)| *least..=least.saturating_add(span));
        block
            .iter()
            .all(|byte| ranges.next().unwrap().contains(byte))
    }

    /// Whether nothing is other than in the example but digits of the number, behind the first.
    fn changes_are_digits_of(
        number: &Range<usize>,
        start: usize,
        changes: &[(usize, u8)],
        digits: bool,
    ) -> bool {
        let digits_of_number = number.start + 2..number.end;
        let mut changes = changes.iter();
        digits && changes.all(|(at, _)| digits_of_number.contains(&(start + at)))
    }

    proptest! {
        #[test]
        fn vectors_of_every_kind_say_the_same(
            start in 0..EXAMPLE.len(),
            changes in proptest::collection::vec((0..32_usize, any::<u8>()), 0..3),
            digits in any::<bool>(),
        ) {
            let number = 14..26;
            let (short, long) = (Pattern::<16>::new(EXAMPLE, start, &number), Pattern::<32>::new(EXAMPLE, start, &number));
            let mut block = [b'~'; 32];
            let len = block.len().min(EXAMPLE.len() - start);
            block[..len].copy_from_slice(&EXAMPLE[start..start + len]);
            for &(at, byte) in &changes {
                block[at] = if digits { b'0' + byte % 10 } else { byte };
            }
            let first = block.first_chunk().unwrap();
            let expected = (fits(&short, first), fits(&long, &block));
            let is_alike = changes_are_digits_of(&number, start, &changes, digits);
            prop_assert!(!is_alike || expected == (true, true));
            for level in levels() {
                let found = dispatch!(level, simd => (short.fits(simd, first), long.fits(simd, &block)));
                prop_assert_eq!(found, expected, "{:?}", level);
            }
        }
    }
}
