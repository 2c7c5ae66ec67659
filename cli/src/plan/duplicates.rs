//! Numbers that come more than once.

use std::collections::{BTreeMap, BTreeSet};

use batchcast::{PhoneNumber, Position};
use roaring::{RoaringBitmap, RoaringTreemap};

use crate::clean;

/// How many of them are shown.
const EXAMPLES: usize = 5;

/// How many numbers wait to be taken in together: put into the set one by one, in the order of a list, each would have
/// to make room for itself.
const MOST_WAITING: usize = 1 << 20;

/// The numbers seen, and which of them came again. Those that wait take up to 24 MiB, and the set 3 to 10 bytes for each
/// number. Nothing of it is written anywhere but the examples.
#[derive(Default)]
pub(crate) struct Duplicates {
    waiting: Vec<u64>,
    /// Where they stand.
    lines: Vec<u64>,
    seen: Numbers,
    again: Numbers,
    messages: u64,
    examples: Vec<Again>,
}

/// A message to somebody who is in the list before.
pub(crate) struct Again {
    digits: u64,
    /// With all but its ends hidden.
    pub(crate) number: String,
    pub(crate) line: u64,
}

impl Duplicates {
    /// Takes a message's recipient in.
    #[inline]
    pub(crate) fn see(&mut self, number: PhoneNumber, position: Position) {
        self.waiting.push(digits(number));
        self.lines.push(position.line);
        if self.waiting.len() == MOST_WAITING {
            self.take_in();
        }
    }

    /// Takes in what waits, behind the last message.
    pub(crate) fn finish(&mut self) {
        self.take_in();
        (self.waiting, self.lines) = (Vec::new(), Vec::new());
    }

    #[cold]
    fn take_in(&mut self) {
        let mut sorted = self.waiting.clone();
        sorted.sort_unstable();
        let twice = sorted.windows(2).filter(|pair| pair[0] == pair[1]);
        let mut twice: Vec<_> = twice.map(|pair| pair[0]).collect();
        twice.dedup();
        sorted.dedup();
        let new = Numbers::of_sorted(sorted);
        let mut again = self.seen.common(&new);
        again.take_in(Numbers::of_sorted(twice));
        self.keep_examples(&again);
        self.messages += self.waiting.len() as u64;
        self.seen.take_in(new);
        self.again.take_in(again);
        self.waiting.clear();
        self.lines.clear();
    }

    fn keep_examples(&mut self, again: &Numbers) {
        if again.len() == 0 {
            return;
        }
        let mut met = BTreeSet::new();
        for (&number, &line) in self.waiting.iter().zip(&self.lines) {
            if self.examples.len() == EXAMPLES {
                return;
            }
            let is_known = !again.contains(number) || self.again.contains(number);
            // The first one that waits may be the first one of all.
            if is_known || (met.insert(number) && !self.seen.contains(number)) {
                continue;
            }
            let typed = format!("+{number}");
            if !self.examples.iter().any(|known| known.digits == number) {
                self.examples.push(Again {
                    digits: number,
                    number: clean::mask(&typed),
                    line,
                });
            }
        }
    }

    /// How many numbers come more than once.
    pub(crate) fn numbers(&self) -> u64 {
        self.again.len()
    }

    /// How many messages these get beyond the first.
    pub(crate) fn surplus(&self) -> u64 {
        self.messages - self.seen.len()
    }

    /// The first ones, each where it comes for the second time.
    pub(crate) fn examples(&self) -> &[Again] {
        &self.examples
    }
}

/// A compressed set of numbers that is only ever added to in great portions, as each of its parts is made anew.
#[derive(Default)]
struct Numbers {
    /// By their upper halves.
    parts: BTreeMap<u32, RoaringBitmap>,
}

impl Numbers {
    fn of_sorted(sorted: Vec<u64>) -> Self {
        // Holds: the numbers are in order, and each is there once.
        let set = RoaringTreemap::from_sorted_iter(sorted).unwrap_or_default();
        let parts = set.bitmaps().map(|(key, part)| (key, part.clone()));
        Self {
            parts: parts.collect(),
        }
    }

    fn take_in(&mut self, others: Self) {
        for (key, part) in others.parts {
            let known = self.parts.entry(key).or_default();
            // By reference both are walked through side by side; otherwise each piece is looked for, and put between.
            *known = &*known | &part;
        }
    }

    fn common(&self, other: &Self) -> Self {
        let parts = other.parts.iter();
        let parts = parts.filter_map(|(&key, part)| Some((key, self.parts.get(&key)? & part)));
        Self {
            parts: parts.collect(),
        }
    }

    fn contains(&self, number: u64) -> bool {
        let [high, low] = halves(number);
        let part = self.parts.get(&high);
        part.is_some_and(|part| part.contains(low))
    }

    fn len(&self) -> u64 {
        self.parts.values().map(RoaringBitmap::len).sum()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "halves")]
const fn halves(number: u64) -> [u32; 2] {
    [(number >> 32) as u32, number as u32]
}

#[inline]
fn digits(number: PhoneNumber) -> u64 {
    let digits = number.as_bytes().iter().skip(1);
    digits.fold(0, |value, digit| 10 * value + u64::from(digit & 0xf))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(numbers: &[&str], portion: usize) -> Duplicates {
        let mut duplicates = Duplicates::default();
        for (&number, line) in numbers.iter().zip(1..) {
            let number = PhoneNumber::parse(number).unwrap();
            let position = Position {
                line,
                ..Position::of_record(line)
            };
            duplicates.see(number, position);
            if line % portion as u64 == 0 {
                duplicates.take_in();
            }
        }
        duplicates.finish();
        duplicates
    }

    #[test]
    fn numbers_are_counted_once_and_messages_each_time() {
        let numbers = [
            "+14155550100",
            "+4915112345678",
            "+14155550100",
            "+1415555010",
            "+14155550100",
            "+4915112345678",
        ];
        // However many of them are taken in together.
        for portion in 1..=7 {
            let found = found(&numbers, portion);
            assert_eq!((found.numbers(), found.surplus()), (2, 3));
            let shown = found.examples().iter();
            let shown: Vec<_> = shown.map(|again| (again.line, &*again.number)).collect();
            assert_eq!(
                shown,
                [(3, "+1******0100"), (6, "+4********5678")],
                "{portion}"
            );
        }
    }

    #[test]
    fn they_are_those_that_a_plain_set_finds() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut range = || format!("+1{}", 2_000_000_000 + random.u64(0..9_000) * 777_777);
        let numbers: Vec<_> = (0..20_000).map(|_| range()).collect();
        let numbers: Vec<_> = numbers.iter().map(String::as_str).collect();
        let mut times = BTreeMap::new();
        for number in &numbers {
            *times.entry(number).or_insert(0_u64) += 1;
        }
        let again = times.values().filter(|&&times| times > 1).count() as u64;
        for portion in [999, 20_000, 50_000] {
            let found = found(&numbers, portion);
            assert_eq!(found.numbers(), again);
            assert_eq!(found.surplus(), (numbers.len() - times.len()) as u64);
            assert_eq!(found.examples().len(), EXAMPLES);
        }
    }
}
