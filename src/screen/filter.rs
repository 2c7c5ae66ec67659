//! A filter in front of a set of numbers: what it does not know is not in the set. Nearly all recipients of a list are
//! not suppressed, and for these one look at a word is enough, of a table a few times smaller than the set.
//!
//! A Bloom filter whose bits for a number are all in one word ("register-blocked", Putze, Sanders and Singler, "Cache-,
//! hash- and space-efficient Bloom filters", 2009).

use super::ahead::LARGE;
use crate::message::PhoneNumber;

/// How many numbers there may be for each word of 64 bits: with [`BITS`] bits for each, one number in thirty that is not
/// there seems to be. With more words there would be fewer, but ten million numbers would not stay in the cache.
const NUMBERS_A_WORD: usize = 6;

/// How many bits stand for a number, at most: two may be the same.
const BITS: u32 = 3;

/// The digits of pi, in two words: factors must not be 0, and their bits have no pattern.
const KEYS: [u64; 2] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344];

/// What seems to be in it may not be; what does not is not.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    words: Vec<u64>,
}

impl Filter {
    /// For so many numbers. With more it is still right, but answers less.
    pub(super) fn with_capacity(numbers: usize) -> Self {
        let words = (numbers / NUMBERS_A_WORD).max(1);
        Self {
            words: vec![0; words],
        }
    }

    /// Whether a number may have been put into it.
    #[inline]
    pub(super) fn may_have(&self, number: PhoneNumber) -> bool {
        let (word, bits) = self.place(number.halves());
        self.words[word] & bits == bits
    }

    /// Which word is asked for a number.
    #[inline]
    pub(super) fn place_of(&self, number: PhoneNumber) -> usize {
        self.place(number.halves()).0
    }

    /// Looks at a word, and at nothing else: soon after it is in the cache.
    #[inline]
    pub(super) fn look(&self, word: usize) -> u64 {
        self.words[word]
    }

    /// Whether it is in no core's own cache.
    pub(super) const fn is_large(&self) -> bool {
        self.words.len() * size_of::<u64>() >= LARGE
    }

    /// Puts a number into it.
    pub(super) fn insert(&mut self, number: PhoneNumber) {
        let (word, bits) = self.place(number.halves());
        self.words[word] |= bits;
    }

    /// The word for a number, and its bits there.
    #[inline]
    fn place(&self, number: [u64; 2]) -> (usize, u64) {
        let hash = hash(number);
        // A share of the words instead of a remainder (Lemire, "Fast random integer generation in an interval", 2019).
        let word = (u128::from(hash) * self.words.len() as u128) >> 64;
        let mut bits = 0;
        for bit in 0..BITS {
            // The upper bits say which word it is.
            bits |= 1 << (hash >> (6 * bit) & 63);
        }
        #[expect(clippy::cast_possible_truncation, reason = "less than their number")]
        let word = word as usize;
        (word, bits)
    }
}

/// The halves of a product of its halves: one multiplication, and all bits depend on all digits.
#[inline]
fn hash([low, high]: [u64; 2]) -> u64 {
    let product = u128::from(low ^ KEYS[0]) * u128::from(high ^ KEYS[1]);
    #[expect(clippy::cast_possible_truncation, reason = "the halves")]
    let folded = product as u64 ^ (product >> 64) as u64;
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(index: usize) -> PhoneNumber {
        PhoneNumber::parse(&format!("+1{}", 2_000_000_000 + index)).unwrap()
    }

    #[test]
    fn what_was_put_into_it_is_never_denied() {
        for count in [0, 1, 5, 100, 10_000] {
            // Also with more than it is for.
            for capacity in [count, count / 3] {
                let mut filter = Filter::with_capacity(capacity);
                for index in 0..count {
                    filter.insert(number(index));
                }
                assert!((0..count).all(|index| filter.may_have(number(index))));
            }
        }
    }

    #[test]
    fn it_denies_nearly_all_others_however_close() {
        const COUNT: usize = 50_000;
        // Neighbours, and numbers that differ in one digit further to the front.
        for step in [1, 10, 1_000, 100_000] {
            let mut filter = Filter::with_capacity(COUNT);
            for index in 0..COUNT {
                filter.insert(number(2 * index * step));
            }
            let wrong = (0..COUNT).filter(|index| filter.may_have(number((2 * index + 1) * step)));
            let wrong = wrong.count();
            assert!(wrong < COUNT / 20, "{step}: {wrong}");
        }
    }
}
