//! Who was in the list before.

use std::fmt;

use super::NumberSet;
use super::numbers::NO_KEY;
use crate::message::PhoneNumber;

/// How many numbers in advance memory is asked for: until they come, it has answered.
const DISTANCE: usize = 16;

/// How many of the numbers that were expected are passed over at most, to find the one that has come: a text may have numbers,
/// too.
const SEARCHED: usize = 8;

/// A set of the numbers that were there. Told which ones seem to come next, it need not wait for memory at each of them.
#[derive(Clone, Default)]
pub(super) struct Seen {
    set: NumberSet,
    expected: Vec<PhoneNumber>,
    /// Those of the numbers that are expected.
    keys: Vec<u64>,
    /// Which of them comes next.
    next: usize,
}

impl Seen {
    /// Whether it is worth telling it what is expected.
    pub(super) const fn is_large(&self) -> bool {
        self.set.is_large()
    }

    /// Expects these numbers. What comes may be others.
    pub(super) fn expect(&mut self, numbers: &[PhoneNumber]) {
        self.expected.clear();
        self.expected.extend_from_slice(numbers);
        NumberSet::keys(numbers, &mut self.keys);
        self.next = 0;
        for &key in self.keys.iter().take(DISTANCE) {
            self.set.prefetch(key);
        }
    }

    /// Puts a number into it; says whether it was not there before.
    #[inline(always)]
    pub(super) fn insert(&mut self, number: PhoneNumber) -> bool {
        match self.key_of(number) {
            Some(key) => self.set.insert_key(key),
            None => self.set.insert(number),
        }
    }

    /// The key of a number, if it was expected.
    #[inline(always)]
    fn key_of(&mut self, number: PhoneNumber) -> Option<u64> {
        if let Some(&key) = self.keys.get(self.next + DISTANCE) {
            self.set.prefetch(key);
        }
        if *self.expected.get(self.next)? != number {
            self.search(number)?;
        }
        let key = *self.keys.get(self.next)?;
        self.next += 1;
        (key != NO_KEY).then_some(key)
    }

    /// Goes on to a number, if it is expected soon.
    #[cold]
    fn search(&mut self, number: PhoneNumber) -> Option<()> {
        let mut soon = self.expected[self.next..].iter().take(SEARCHED);
        self.next += soon.position(|&expected| expected == number)?;
        Some(())
    }

    /// Takes a number out of it.
    pub(super) fn remove(&mut self, number: PhoneNumber) {
        self.set.remove(number);
    }
}

/// Without the numbers.
impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Seen").field(&self.set).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = PhoneNumber> {
        prop_oneof![
            (0_u64..40).prop_map(|last| format!("+141555501{last:02}")),
            (0_u64..10).prop_map(|last| format!("+4930901820{last}")),
            (0_u64..10).prop_map(|last| format!("+123456{last}")),
        ]
        .prop_map(|number| PhoneNumber::parse(&number).unwrap())
    }

    proptest! {
        /// Whatever it is told to expect, it is a set.
        #[test]
        fn what_is_expected_changes_nothing(
            pieces in proptest::collection::vec(
                proptest::collection::vec((number(), 0..8_u8), 0..60),
                1..6,
            ),
        ) {
            let mut seen = Seen::default();
            let mut model = HashSet::new();
            for piece in pieces {
                // Most of them come, some come unexpected, and some do not come.
                let expected = piece.iter().filter(|(_, how)| *how != 0).map(|(number, _)| *number);
                seen.expect(&expected.collect::<Vec<_>>());
                for (number, how) in piece {
                    match how {
                        1 | 2 => {}
                        3 => {
                            seen.remove(number);
                            model.remove(&number);
                        }
                        _ => prop_assert_eq!(seen.insert(number), model.insert(number)),
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_expected_is_found_again() {
        let number = |last: u64| PhoneNumber::parse(&format!("+1415555{last:04}")).unwrap();
        let mut seen = Seen::default();
        seen.expect(&(0..100).map(number).collect::<Vec<_>>());
        assert_eq!(seen.key_of(number(0)), NumberSet::key(number(0)));
        // Some did not come, and one comes that was not expected.
        assert_eq!(seen.key_of(number(5)), NumberSet::key(number(5)));
        assert_eq!(seen.key_of(number(5)), None);
        assert_eq!(seen.key_of(number(6)), NumberSet::key(number(6)));
        // Too far off to be looked for.
        assert_eq!(seen.key_of(number(50)), None);
        assert_eq!(seen.key_of(number(7)), NumberSet::key(number(7)));
    }

    #[test]
    fn nobody_is_shown() {
        let mut seen = Seen::default();
        let number = PhoneNumber::parse("+14155550100").unwrap();
        seen.expect(&[number]);
        seen.insert(number);
        assert_eq!(format!("{seen:?}"), "Seen(NumberSet(1 numbers))");
    }
}
