//! A set of phone numbers, for millions of them, asked once for every recipient.

use std::fmt;
use std::ops::Range;

use fearless_simd::{Level, dispatch};
use roaring::RoaringTreemap;
use twox_hash::XxHash3_64;

use super::ahead::LARGE;
pub(super) use super::table::KEY_BITS;
use super::table::{Found, Put, Table};
use crate::message::PhoneNumber;

/// The numbers of the North American plan, as integers: `+1`, a digit from 2 to 9, and nine more.
const FIRST: u64 = 12_000_000_000;
const COUNT: u64 = 8_000_000_000;

/// As many buckets as a table of small lanes has at least: from there on it takes less memory.
const BITS_OF_LARGE: u32 = 18;

/// A set of phone numbers.
///
/// Those of the United States, Canada and their neighbours in the plan (`+1`) are kept in a table that is looked up with
/// one look at memory: 4 to 8 bytes a number, and 32 MiB for ten million of them, whatever numbers they are. While it grows
/// it takes half as much again. All others are in a [`RoaringTreemap`], which takes 3 to 10 bytes a number.
///
/// ```
/// use batchcast::PhoneNumber;
/// use batchcast::screen::NumberSet;
///
/// let mut set = NumberSet::new();
/// let number = PhoneNumber::parse("+14155550100")?;
/// assert!(set.insert(number));
/// assert!(!set.insert(number), "it was there");
/// assert!(set.contains(number));
/// # Ok::<(), batchcast::PhoneNumberError>(())
/// ```
// A roaring bitmap alone is as small, but to look for a random number in it takes two binary searches and half a dozen
// cache misses, many times as long as to parse and encode a message.
#[derive(Clone)]
pub struct NumberSet {
    near: Near,
    /// Numbers of the North American plan whose buckets are full. There are few.
    crowded_out: RoaringTreemap,
    /// Numbers of other plans.
    far: RoaringTreemap,
    len: u64,
}

#[derive(Clone)]
enum Near {
    /// For few: its smallest size is a cache line or two.
    Few(Table<u32, 16>),
    Many(Table<u16, 32>),
}

/// A number, in the place that it is kept at.
#[derive(Clone, Copy)]
enum Place {
    Near(u64),
    Far(u64),
}

impl Default for NumberSet {
    fn default() -> Self {
        Self::new()
    }
}

impl NumberSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self {
            near: Near::Few(Table::new(Table::<u32, 16>::LEAST_BITS)),
            crowded_out: RoaringTreemap::new(),
            far: RoaringTreemap::new(),
            len: 0,
        }
    }

    /// Whether a number is in it.
    #[must_use]
    #[inline]
    pub fn contains(&self, number: PhoneNumber) -> bool {
        let key = match Place::of(number) {
            Place::Near(key) => key,
            Place::Far(value) => return self.far.contains(value),
        };
        let found = match &self.near {
            Near::Few(table) => table.find(key),
            Near::Many(table) => table.find(key),
        };
        match found {
            Found::Yes => true,
            Found::No => false,
            Found::Elsewhere => self.crowded_out.contains(key),
        }
    }

    /// Puts a number into it; says whether it was not there before.
    #[inline]
    pub fn insert(&mut self, number: PhoneNumber) -> bool {
        match Place::of(number) {
            Place::Near(key) => self.insert_key(key),
            Place::Far(value) => {
                let is_new = self.far.insert(value);
                self.len += u64::from(is_new);
                is_new
            }
        }
    }

    /// The same, for a number whose [key](Self::key) is known.
    #[inline]
    pub(super) fn insert_key(&mut self, key: u64) -> bool {
        let (put, is_crowded) = match &mut self.near {
            Near::Few(table) => (table.insert(key), table.is_crowded()),
            Near::Many(table) => (table.insert(key), table.is_crowded()),
        };
        let is_new = match put {
            Put::Added => true,
            Put::WasThere => return false,
            Put::NoRoom => self.crowded_out.insert(key),
        };
        self.len += u64::from(is_new);
        if is_crowded {
            self.grow();
        }
        is_new
    }

    /// What it is known by in the table: a random number of [`KEY_BITS`] bits. Those of other plans have none.
    #[inline]
    pub(super) fn key(number: PhoneNumber) -> Option<u64> {
        match Place::of(number) {
            Place::Near(key) => Some(key),
            Place::Far(_) => None,
        }
    }

    /// The [keys](Self::key) of all these, and [`NO_KEY`] for those that have none.
    pub(super) fn keys(numbers: &[PhoneNumber], keys: &mut Vec<u64>) {
        keys.resize(numbers.len(), NO_KEY);
        // The compiler makes vectors of it, as there is no branch.
        dispatch!(Level::new(), _simd => {
            for (key, number) in keys.iter_mut().zip(numbers) {
                *key = key_or_none(*number);
            }
        });
    }

    /// The number of a [key](Self::key).
    pub(super) fn number(key: u64) -> Option<PhoneNumber> {
        PhoneNumber::of_value(number_of(key))
    }

    /// Whether what is looked at is in no core's own cache.
    pub(super) const fn is_large(&self) -> bool {
        self.table_bytes() >= LARGE
    }

    const fn table_bytes(&self) -> usize {
        match &self.near {
            Near::Few(table) => table.bytes(),
            Near::Many(table) => table.bytes(),
        }
    }

    /// Where a number is looked for.
    #[inline]
    pub(super) fn place_of(&self, number: PhoneNumber) -> usize {
        // Those of other plans are not in the table: any place does.
        let key = Self::key(number).unwrap_or_default();
        match &self.near {
            Near::Few(table) => table.bucket(key),
            Near::Many(table) => table.bucket(key),
        }
    }

    /// Looks there, which brings it into the cache.
    #[inline]
    pub(super) fn look(&self, place: usize) -> u64 {
        match &self.near {
            Near::Few(table) => table.look(place),
            Near::Many(table) => table.look(place),
        }
    }

    /// Has the place of a [key](Self::key) brought into the cache, and does not wait for it.
    #[inline(always)]
    pub(super) fn prefetch(&self, key: u64) {
        match &self.near {
            Near::Few(table) => table.prefetch(key),
            Near::Many(table) => table.prefetch(key),
        }
    }

    /// Gives the keys of all numbers that have one.
    fn for_each_key(&self, mut take: impl FnMut(u64)) {
        match &self.near {
            Near::Few(table) => table.keys().for_each(&mut take),
            Near::Many(table) => table.keys().for_each(&mut take),
        }
        self.crowded_out.iter().for_each(take);
    }

    /// Takes a number out of it; says whether it was there.
    pub fn remove(&mut self, number: PhoneNumber) -> bool {
        let was_there = match Place::of(number) {
            Place::Far(value) => self.far.remove(value),
            Place::Near(key) => self.crowded_out.remove(key) || self.remove_near(key),
        };
        self.len -= u64::from(was_there);
        was_there
    }

    fn remove_near(&mut self, key: u64) -> bool {
        let (was_there, keys) = match &mut self.near {
            Near::Few(table) => (table.remove(key), table.bucket_of(key)),
            Near::Many(table) => (table.remove(key), table.bucket_of(key)),
        };
        if was_there && let Some(other) = first_in(&self.crowded_out, keys) {
            // Only behind a full bucket a key is looked for elsewhere.
            self.crowded_out.remove(other);
            let put = match &mut self.near {
                Near::Few(table) => table.insert(other),
                Near::Many(table) => table.insert(other),
            };
            debug_assert_eq!(put, Put::Added);
        }
        was_there
    }

    #[cold]
    fn grow(&mut self) {
        let crowded_out = std::mem::take(&mut self.crowded_out);
        let bits = 1 + match &self.near {
            Near::Few(table) => table.bits(),
            Near::Many(table) => table.bits(),
        };
        if bits > KEY_BITS {
            // There is a bucket for every number there is.
            self.crowded_out = crowded_out;
            return;
        }
        self.near = match &self.near {
            Near::Few(table) if bits < BITS_OF_LARGE => Near::Few(table.doubled()),
            Near::Few(table) => Near::Many(table.doubled()),
            Near::Many(table) => Near::Many(table.doubled()),
        };
        for key in crowded_out {
            let put = match &mut self.near {
                Near::Few(table) => table.insert(key),
                Near::Many(table) => table.insert(key),
            };
            if put == Put::NoRoom {
                self.crowded_out.insert(key);
            }
        }
    }

    /// How many numbers are in it.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How much memory it takes, in bytes, but for some tens of bytes. While it grows it takes half as much again.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let others = self.far.serialized_size() + self.crowded_out.serialized_size();
        self.table_bytes() + others
    }

    /// XXH3 (64 bits) of the numbers, in whatever order they came: sets with the same digest have the same numbers. It
    /// guards against accidents; who knows all but a few of the numbers can find these out by it.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digest = 0_u64;
        self.for_each_value(|value| {
            digest = digest.wrapping_add(XxHash3_64::oneshot(&value.to_le_bytes()));
        });
        digest
    }

    /// Gives all numbers, in any order.
    pub(super) fn for_each(&self, mut take: impl FnMut(PhoneNumber)) {
        self.for_each_value(|value| {
            // What was put into it was a number.
            if let Some(number) = PhoneNumber::of_value(value) {
                take(number);
            }
        });
    }

    fn for_each_value(&self, mut take: impl FnMut(u64)) {
        self.for_each_key(|key| take(number_of(key)));
        self.far.iter().for_each(take);
    }
}

impl Extend<PhoneNumber> for NumberSet {
    fn extend<I: IntoIterator<Item = PhoneNumber>>(&mut self, numbers: I) {
        for number in numbers {
            self.insert(number);
        }
    }
}

impl FromIterator<PhoneNumber> for NumberSet {
    fn from_iter<I: IntoIterator<Item = PhoneNumber>>(numbers: I) -> Self {
        let mut set = Self::new();
        set.extend(numbers);
        set
    }
}

/// Without the numbers.
impl fmt::Debug for NumberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NumberSet({} numbers)", self.len)
    }
}

impl Place {
    #[inline]
    fn of(number: PhoneNumber) -> Self {
        let value = number.value();
        let near = value.wrapping_sub(FIRST);
        if near < COUNT {
            Self::Near(mixed(near))
        } else {
            Self::Far(value)
        }
    }
}

/// Stands for the key of a number that has none.
pub(super) const NO_KEY: u64 = u64::MAX;

#[inline(always)]
const fn key_or_none(number: PhoneNumber) -> u64 {
    let near = number.value_of_twelve().wrapping_sub(FIRST);
    let key = mixed(near);
    if near < COUNT { key } else { NO_KEY }
}

/// Odd, and random in all of their bits.
const FACTORS: [u64; 2] = [0x1_5ab1_9e35, 0x1_c6a7_35ed];
const INVERSE: [u64; 2] = [inverse(FACTORS[0]), inverse(FACTORS[1])];
const MASK: u64 = (1 << KEY_BITS) - 1;

/// Another number for each: numbers that differ in a digit are in buckets far from each other.
#[inline(always)]
const fn mixed(near: u64) -> u64 {
    let key = near.wrapping_mul(FACTORS[0]) & MASK;
    let key = key ^ key >> 17;
    key.wrapping_mul(FACTORS[1]) & MASK
}

/// The number of a key.
const fn number_of(key: u64) -> u64 {
    let key = key.wrapping_mul(INVERSE[1]) & MASK;
    // Shifted by more than a half, it is its own inverse.
    let key = key ^ key >> 17;
    FIRST + (key.wrapping_mul(INVERSE[0]) & MASK)
}

/// What undoes multiplying by an odd number, in 64 bits and so in fewer (Newton's method).
const fn inverse(factor: u64) -> u64 {
    let mut inverse = factor;
    let mut round = 0;
    while round < 6 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(factor.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

/// The least of the values in a range.
fn first_in(values: &RoaringTreemap, range: Range<u64>) -> Option<u64> {
    let before = match range.start.checked_sub(1) {
        Some(last) => values.rank(last),
        None => 0,
    };
    values.select(before).filter(|value| range.contains(value))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mixing_loses_nothing() {
        for near in [0, 1, 2, 999_999_999, 4_155_550_100, COUNT - 1] {
            assert!(mixed(near) <= MASK);
            assert_eq!(number_of(mixed(near)), FIRST + near);
        }
    }

    fn number() -> impl Strategy<Value = PhoneNumber> {
        prop_oneof![
            // Close to each other, so that they meet again.
            (0_u64..300).prop_map(|index| format!("+1415555{index:04}")),
            (2_000_000_000_u64..10_000_000_000).prop_map(|digits| format!("+1{digits}")),
            (1_000_000_u64..1_000_300).prop_map(|digits| format!("+{digits}")),
            (10_000_000_000_u64..12_000_000_010).prop_map(|digits| format!("+{digits}")),
            (20_000_000_000_u64..1_000_000_000_000_000).prop_map(|digits| format!("+{digits}")),
        ]
        .prop_map(|number| PhoneNumber::parse(&number).unwrap())
    }

    proptest! {
        #[test]
        fn it_is_a_set(steps in proptest::collection::vec((number(), 0..4_u8), 0..800)) {
            let mut set = NumberSet::new();
            let mut model = HashSet::new();
            for (number, step) in steps {
                match step {
                    0 => prop_assert_eq!(set.remove(number), model.remove(&number)),
                    1 => prop_assert_eq!(set.contains(number), model.contains(&number)),
                    _ => prop_assert_eq!(set.insert(number), model.insert(number)),
                }
                prop_assert_eq!(set.len(), model.len() as u64);
            }
            let numbers: Vec<_> = model.iter().copied().collect();
            let mut keys = Vec::new();
            NumberSet::keys(&numbers, &mut keys);
            for (number, key) in numbers.into_iter().zip(keys) {
                prop_assert_eq!(NumberSet::key(number).unwrap_or(NO_KEY), key);
            }
            let again: NumberSet = model.iter().copied().collect();
            prop_assert_eq!(again.digest(), set.digest());
        }
    }

    #[test]
    fn what_is_crowded_out_is_found_when_there_is_room_again() {
        let Near::Few(table) = NumberSet::new().near else {
            unreachable!()
        };
        // All of one bucket, more than it has places.
        let numbers: Vec<_> = table
            .bucket_of(5)
            .take(40)
            .filter_map(NumberSet::number)
            .collect();
        let mut set = NumberSet::new();
        set.extend(numbers.iter().copied());
        for removed in [0, 7, 15, 20, 39] {
            assert!(set.remove(numbers[removed]));
            assert!(!set.contains(numbers[removed]));
            let there = numbers.iter().filter(|&&number| set.contains(number));
            assert_eq!(there.count() as u64, set.len());
            for &number in &numbers {
                let was_there = set.contains(number);
                assert_eq!(set.insert(number), !was_there);
            }
            assert_eq!(set.len(), 40);
        }
    }

    #[test]
    fn every_size_has_all_that_was_put_into_it() {
        let number = |index: u64| {
            let digits = 2_000_000_000 + index * 7_919 % COUNT;
            PhoneNumber::parse(&format!("+1{digits}")).unwrap()
        };
        // Past the change from large lanes to small ones.
        let count = 11 << (BITS_OF_LARGE - 1);
        let mut set = NumberSet::new();
        for index in 0..=count {
            assert!(set.insert(number(index)), "{index}");
            if index % 97 == 0 {
                assert!(
                    [index, index / 2, 0]
                        .iter()
                        .all(|&before| !set.insert(number(before)))
                );
            }
        }
        assert!(matches!(set.near, Near::Many(_)));
        assert_eq!(set.len(), count + 1);
        let (all, step) = (0..2 * count, 37);
        for index in all.step_by(step) {
            assert_eq!(set.contains(number(index)), index <= count);
        }
    }

    #[test]
    fn a_digest_tells_sets_apart_and_not_orders() {
        let number = |digits: &str| PhoneNumber::parse(digits).unwrap();
        let numbers = ["+14155550100", "+14155550101", "+4915112345678"].map(number);
        let set: NumberSet = numbers.into_iter().collect();
        let other_order: NumberSet = numbers.into_iter().rev().collect();
        assert_eq!(set.digest(), other_order.digest());
        let mut fewer = set.clone();
        fewer.remove(numbers[1]);
        assert_ne!(set.digest(), fewer.digest());
    }

    #[test]
    fn nothing_is_shown() {
        let set: NumberSet = [PhoneNumber::parse("+14155550100").unwrap()]
            .into_iter()
            .collect();
        assert_eq!(format!("{set:?}"), "NumberSet(1 numbers)");
    }
}
