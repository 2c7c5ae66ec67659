//! Who was in the list before.

use super::NumberSet;
use super::numbers::KEY_BITS;
use crate::message::PhoneNumber;

/// How many numbers may wait for their way into the set.
const WAITING: usize = 512;

/// The most numbers for each word of the filter: then one number in forty that was not there seems to have been.
const NUMBERS_A_WORD: u64 = 8;

/// As many words as a filter has at first, as a power of two.
const LEAST_BITS: u32 = 9;

/// Odd, and random in all of its bits: the bits of a number in its word must not be those that say which word it is.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// A set that numbers are put into one by one, nearly all of them for the first time.
///
/// A filter in front knows most of these. The others are looked for in the set. What is new waits, and is put into the set
/// together with others: one by one the records between them would have to wait for memory, again and again.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// What is not in it was not seen. Two to the power of `bits` words, three bits of one of them for a key.
    filter: Vec<u64>,
    bits: u32,
    waiting: Box<Waiting>,
    /// How many are waiting.
    len: usize,
    set: NumberSet,
}

#[derive(Clone)]
struct Waiting([u64; WAITING]);

/// Without the numbers.
impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

impl Seen {
    pub(super) fn new() -> Self {
        Self {
            filter: vec![0; 1 << LEAST_BITS],
            bits: LEAST_BITS,
            waiting: Box::new(Waiting([0; WAITING])),
            len: 0,
            set: NumberSet::new(),
        }
    }

    /// Puts a number into it; says whether it was not there before.
    #[inline]
    pub(super) fn insert(&mut self, number: PhoneNumber) -> bool {
        let Some(key) = NumberSet::key(number) else {
            return self.insert_far(number);
        };
        let (word, bits) = place(self.bits, key);
        let word = &mut self.filter[word];
        if *word & bits == bits {
            return self.insert_surely(number);
        }
        *word |= bits;
        self.waiting.0[self.len % WAITING] = key;
        self.len += 1;
        if self.len == WAITING {
            self.settle();
        }
        true
    }

    /// A number that has no key: they have no filter.
    #[inline(never)]
    fn insert_far(&mut self, number: PhoneNumber) -> bool {
        self.set.insert(number)
    }

    /// A number that the filter knows.
    #[cold]
    #[inline(never)]
    fn insert_surely(&mut self, number: PhoneNumber) -> bool {
        self.put_waiting();
        let is_new = self.set.insert(number);
        // Not before: a larger filter knows only who is in the set.
        self.grow_if_full();
        is_new
    }

    pub(super) fn remove(&mut self, number: PhoneNumber) {
        self.put_waiting();
        // The filter goes on to know it: then the set is asked.
        self.set.remove(number);
    }

    #[cold]
    #[inline(never)]
    fn settle(&mut self) {
        self.put_waiting();
        self.grow_if_full();
    }

    /// Puts all that wait into the set.
    fn put_waiting(&mut self) {
        self.set.insert_keys(&self.waiting.0[..self.len]);
        self.len = 0;
    }

    fn grow_if_full(&mut self) {
        if self.set.len() > NUMBERS_A_WORD << self.bits && self.bits < KEY_BITS {
            self.grow();
        }
    }

    /// To be called when nobody waits.
    fn grow(&mut self) {
        self.bits += 1;
        // The smaller one goes first: then there is never more than the set and the larger one.
        self.filter = Vec::new();
        let mut filter = vec![0; 1 << self.bits];
        self.set.for_each_key(|key| {
            let (word, bits) = place(self.bits, key);
            filter[word] |= bits;
        });
        self.filter = filter;
    }
}

/// The word for a key, in a filter of two to the power of `bits` words, and its bits there.
// The upper bits say which word it is, as they do in the set: when the filter grows, both are gone through in order.
#[inline]
fn place(bits: u32, key: u64) -> (usize, u64) {
    let mixed = key.wrapping_mul(FACTOR);
    let of_key = 1 << (mixed >> 58) | 1 << (mixed >> 52 & 63) | 1 << (mixed >> 46 & 63);
    #[expect(clippy::cast_possible_truncation, reason = "less than their number")]
    let word = (key >> (KEY_BITS - bits)) as usize;
    (word, of_key)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = PhoneNumber> {
        prop_oneof![
            // Close to each other, so that they meet again.
            (0_u64..2_000).prop_map(|index| format!("+1415555{index:04}")),
            (2_000_000_000_u64..10_000_000_000).prop_map(|digits| format!("+1{digits}")),
            (1_000_000_u64..1_000_300).prop_map(|digits| format!("+{digits}")),
            (20_000_000_000_u64..1_000_000_000_000_000).prop_map(|digits| format!("+{digits}")),
        ]
        .prop_map(|number| PhoneNumber::parse(&number).unwrap())
    }

    proptest! {
        #[test]
        fn it_is_a_set(steps in proptest::collection::vec((number(), 0..20_u8), 0..3_000)) {
            let mut seen = Seen::new();
            let mut model = HashSet::new();
            for (number, step) in steps {
                let is_new = seen.insert(number);
                prop_assert_eq!(is_new, model.insert(number));
                // As a message that cannot be sent.
                if step == 0 && is_new {
                    seen.remove(number);
                    model.remove(&number);
                }
            }
        }
    }

    #[test]
    fn it_is_exact_at_every_size() {
        let number = |index: u64| {
            let digits = 2_000_000_000 + index * 7_919 % 8_000_000_000;
            PhoneNumber::parse(&format!("+1{digits}")).unwrap()
        };
        let mut seen = Seen::new();
        let count = (3 * NUMBERS_A_WORD) << (LEAST_BITS + 4);
        for index in 0..count {
            assert!(seen.insert(number(index)), "{index}");
            // One that waits, one long there, and the first.
            for before in [index, index / 2, 0] {
                if index % 97 == 0 {
                    assert!(!seen.insert(number(before)), "{index}, {before}");
                }
            }
        }
        assert!(seen.bits > LEAST_BITS + 4);
        assert!((0..count).all(|index| !seen.insert(number(index))));
    }

    #[test]
    fn a_filter_that_has_grown_still_tells_most_apart() {
        const COUNT: u64 = 200_000;
        for step in [1, 10, 1_000] {
            let mut seen = Seen::new();
            let number = |index: u64| {
                PhoneNumber::parse(&format!("+1{}", 2_000_000_000 + index * step)).unwrap()
            };
            for index in 0..COUNT {
                seen.insert(number(2 * index));
            }
            let seems = |index: &u64| {
                let key = NumberSet::key(number(2 * index + 1)).unwrap();
                let (word, bits) = place(seen.bits, key);
                seen.filter[word] & bits == bits
            };
            let wrong = (0..COUNT).filter(seems).count();
            assert!(wrong < 10_000, "{step}: {wrong}");
        }
    }
}
