//! What the records of a list have in common, learned from one of them and compared block by block.
//!
//! Nearly all records of a list look alike: the same bytes at the same places, but for the digits of the
//! number. To compare a block of 16 bytes with what may stand there takes six instructions, whatever it is.
//! Nothing is ever taken for a record because it looks like one: a pattern says what each byte must be.

use std::ops::Range;

use wide::u8x16;

use crate::message::PhoneNumber;

/// The bytes that are compared at once: as many as fit into a vector register on all machines.
pub(super) const BLOCK: usize = 16;

/// What may stand in a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pattern {
    /// The least that each byte may be.
    least: u8x16,
    /// By how much it may be more than that.
    span: u8x16,
}

impl Pattern {
    /// The pattern of what begins at `start` of `example`: the very same bytes, other digits in the number
    /// that stands at `number`, and anything behind the end of the example.
    pub(super) fn new(example: &[u8], start: usize, number: &Range<usize>) -> Self {
        let (mut least, mut span) = ([0; BLOCK], [u8::MAX; BLOCK]);
        for (place, &byte) in example.iter().skip(start).take(BLOCK).enumerate() {
            let at = start + place;
            let range = if number.contains(&at) {
                PhoneNumber::range(at - number.start)
            } else {
                byte..=byte
            };
            least[place] = *range.start();
            span[place] = range.end() - range.start();
        }
        Self {
            least: least.into(),
            span: span.into(),
        }
    }

    /// Whether each byte is what it may be.
    #[inline]
    pub(super) fn fits(&self, block: &[u8; BLOCK]) -> bool {
        self.compare(block).to_bitmask() == ALL
    }

    /// Whether each byte of two blocks is.
    #[inline]
    pub(super) fn both_fit([a, b]: &[Self; 2], [first, second]: [&[u8; BLOCK]; 2]) -> bool {
        (a.compare(first) & b.compare(second)).to_bitmask() == ALL
    }

    #[inline]
    fn compare(&self, block: &[u8; BLOCK]) -> u8x16 {
        (u8x16::from(*block) - self.least).simd_le(self.span)
    }
}

/// A bit for each byte of a block.
const ALL: u32 = 0xffff;
