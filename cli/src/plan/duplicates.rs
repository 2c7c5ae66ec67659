//! Numbers that come more than once.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use batchcast::{PhoneNumber, screen};

/// How many of them are shown.
const EXAMPLES: usize = 5;

/// How many numbers are handed over at once, and how many portions wait: 100 KiB each.
const PORTION: usize = 4_096;
const WAITING: usize = 4;

/// Numbers, and the lines they are on.
type Portion = Vec<(PhoneNumber, u64)>;

/// Looks for numbers that come more than once, on a thread of its own: to put each aside takes as long as to encode its
/// message.
pub(crate) struct Search {
    portion: Portion,
    portions: SyncSender<Portion>,
    /// Portions that were looked at, to be filled again.
    used: Receiver<Portion>,
    found: JoinHandle<Duplicates>,
}

impl Search {
    /// Begins to look.
    pub(crate) fn begin() -> Self {
        let (portions, waiting) = sync_channel::<Portion>(WAITING);
        let (looked_at, used) = sync_channel(WAITING);
        let found = std::thread::spawn(move || {
            let mut seen = screen::Duplicates::new(EXAMPLES);
            for mut portion in waiting {
                for &(number, line) in &portion {
                    seen.see(number, line);
                }
                portion.clear();
                // There may be enough of them.
                let _ = looked_at.try_send(portion);
            }
            // The list is read, and there is another core.
            let found = std::thread::scope(|threads| {
                let other = threads.spawn(|| seen.find(1, 2));
                let mut found = seen.find(0, 2);
                found.join(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
                found
            });
            Duplicates::of(&found)
        });
        Self {
            portion: Portion::with_capacity(PORTION),
            portions,
            used,
            found,
        }
    }

    /// Hands over the number on this line.
    #[inline]
    pub(crate) fn see(&mut self, number: PhoneNumber, line: u64) {
        self.portion.push((number, line));
        if self.portion.len() == PORTION {
            self.hand_over();
        }
    }

    #[inline(never)]
    fn hand_over(&mut self) {
        let next = self.used.try_recv();
        let next = next.unwrap_or_else(|_| Portion::with_capacity(PORTION));
        let portion = std::mem::replace(&mut self.portion, next);
        // If nobody takes it any more, the thread has panicked, which `finish` finds.
        let _ = self.portions.send(portion);
    }

    /// What was found.
    pub(crate) fn finish(mut self) -> Duplicates {
        self.hand_over();
        drop(self.portions);
        self.found
            .join()
            .unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// The numbers that come more than once. Nothing of the others is told or written anywhere.
pub(crate) struct Duplicates {
    numbers: u64,
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
    fn of(found: &screen::Repeats) -> Self {
        let examples = found.first().iter().map(|&(line, number)| Again {
            number: number.masked().to_string(),
            line,
        });
        Self {
            numbers: found.numbers(),
            surplus: found.surplus(),
            examples: examples.collect(),
        }
    }

    /// How many numbers come more than once.
    pub(crate) const fn numbers(&self) -> u64 {
        self.numbers
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
        let mut search = Search::begin();
        for (number, line) in numbers.iter().zip(1..) {
            search.see(PhoneNumber::parse(number).unwrap(), line);
        }
        search.finish()
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
