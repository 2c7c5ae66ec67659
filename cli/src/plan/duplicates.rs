//! Numbers that come more than once.

use batchcast::screen::NumberSet;
use batchcast::{PhoneNumber, Position};

/// How many of them are shown.
const EXAMPLES: usize = 5;

/// The numbers seen, and which of them came again: the memory is that of a [`NumberSet`] of all recipients. Nothing of it
/// is written anywhere but the examples.
#[derive(Default)]
pub(crate) struct Duplicates {
    seen: NumberSet,
    again: NumberSet,
    surplus: u64,
    examples: Vec<Again>,
}

/// A message to somebody who is in the list before.
pub(crate) struct Again {
    /// With all but its ends hidden.
    pub(crate) number: String,
    pub(crate) line: u64,
}

impl Duplicates {
    /// Looks whether a number was there before.
    #[inline]
    pub(crate) fn see(&mut self, number: PhoneNumber, position: Position) {
        if !self.seen.insert(number) {
            self.see_again(number, position);
        }
    }

    #[cold]
    fn see_again(&mut self, number: PhoneNumber, position: Position) {
        self.surplus += 1;
        if self.again.insert(number) && self.examples.len() < EXAMPLES {
            self.examples.push(Again {
                number: number.masked().to_string(),
                line: position.line,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn found(numbers: &[&str]) -> Duplicates {
        let mut duplicates = Duplicates::default();
        for (number, line) in numbers.iter().zip(1..) {
            let number = PhoneNumber::parse(number).unwrap();
            let record = Position::of_record(line);
            duplicates.see(number, Position { line, ..record });
        }
        duplicates
    }

    #[test]
    fn numbers_are_counted_once_and_messages_each_time() {
        let found = found(&[
            "+14155550100",
            "+4915112345678",
            "+14155550100",
            "+1415555010",
            "+14155550100",
            "+4915112345678",
        ]);
        assert_eq!((found.numbers(), found.surplus()), (2, 3));
        let shown = found.examples().iter();
        let shown: Vec<_> = shown.map(|again| (again.line, &*again.number)).collect();
        assert_eq!(shown, [(3, "+1******0100"), (6, "+4********5678")]);
    }

    #[test]
    fn they_are_those_that_a_plain_set_finds() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut number = || format!("+1{}", 2_000_000_000 + random.u64(0..9_000) * 777_777);
        let numbers: Vec<_> = (0..20_000).map(|_| number()).collect();
        let numbers: Vec<_> = numbers.iter().map(String::as_str).collect();
        let mut times = std::collections::BTreeMap::new();
        for number in &numbers {
            *times.entry(number).or_insert(0_u64) += 1;
        }
        let again = times.values().filter(|&&times| times > 1).count() as u64;
        let found = found(&numbers);
        assert_eq!(found.numbers(), again);
        assert_eq!(found.surplus(), (numbers.len() - times.len()) as u64);
        assert_eq!(found.examples().len(), EXAMPLES);
    }
}
