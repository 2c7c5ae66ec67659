//! Numbers that come more than once.

use batchcast::{PhoneNumber, Position};
use roaring::RoaringTreemap;

/// How many of them are shown.
const EXAMPLES: usize = 5;

/// The numbers seen, and which of them came again. Nothing of it is written anywhere but the examples.
#[derive(Default)]
pub(crate) struct Duplicates {
    seen: RoaringTreemap,
    again: RoaringTreemap,
    surplus: u64,
    examples: Vec<Again>,
}

/// A message to somebody who is in the list before.
pub(crate) struct Again {
    /// With all but its ends hidden.
    pub(crate) number: String,
    pub(crate) position: Position,
}

impl Duplicates {
    /// Looks whether a number was there before.
    #[inline]
    pub(crate) fn see(&mut self, number: PhoneNumber, position: Position) {
        if !self.seen.insert(digits(number)) {
            self.again(number, position);
        }
    }

    #[cold]
    fn again(&mut self, number: PhoneNumber, position: Position) {
        self.surplus += 1;
        if self.again.insert(digits(number)) && self.examples.len() < EXAMPLES {
            self.examples.push(Again {
                number: number.masked().to_string(),
                position,
            });
        }
    }

    /// How many numbers come more than once.
    pub(crate) fn numbers(&self) -> u64 {
        self.again.len()
    }

    /// How many messages these get beyond the first.
    pub(crate) const fn surplus(&self) -> u64 {
        self.surplus
    }

    /// The first ones, each where it comes for the second time.
    pub(crate) fn examples(&self) -> &[Again] {
        &self.examples
    }
}

fn digits(number: PhoneNumber) -> u64 {
    let digits = number.as_bytes().iter().skip(1);
    digits.fold(0, |value, digit| 10 * value + u64::from(digit & 0xf))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_once_and_messages_each_time() {
        let mut duplicates = Duplicates::default();
        let numbers = [
            "+14155550100",
            "+4915112345678",
            "+14155550100",
            "+1415555010",
            "+14155550100",
            "+4915112345678",
        ];
        for (number, record) in numbers.into_iter().zip(1..) {
            let number = PhoneNumber::parse(number).unwrap();
            duplicates.see(number, Position::of_record(record));
        }
        assert_eq!((duplicates.numbers(), duplicates.surplus()), (2, 3));
        let shown = duplicates.examples().iter();
        let shown: Vec<_> = shown
            .map(|again| (again.position.record, &*again.number))
            .collect();
        assert_eq!(shown, [(3, "+1******0100"), (6, "+4********5678")]);
    }
}
