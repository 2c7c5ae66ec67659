//! Looking for the recipients of the next records before these are there.
//!
//! What is kept of millions of numbers is in no core's own cache. Asked for number by number, each record would wait for
//! memory. Here all places are worked out first, and then looked at with nothing else in between: so they are waited for
//! together.

use std::fmt;
use std::hint::black_box;

use super::filter::Filter;
use super::{NumberSet, guess};
use crate::message::PhoneNumber;

/// From how many bytes on it is worth it: a core's own cache has 1 or 2 MiB, and is not for this alone.
pub(super) const LARGE: usize = 1 << 20;

/// What is worked out on the way; kept from piece to piece for its memory alone.
#[derive(Clone, Default)]
pub(super) struct Ahead {
    numbers: Vec<PhoneNumber>,
    places: Vec<usize>,
}

impl Ahead {
    /// Finds the numbers that the next bytes of a list seem to have.
    pub(super) fn guess(&mut self, bytes: &[u8]) {
        self.numbers.clear();
        guess::each(bytes, |number| self.numbers.push(number));
    }

    /// Looks at what a filter has of them, and a set of those that the filter knows.
    pub(super) fn look_at_filtered(&mut self, filter: &Filter, set: &NumberSet) {
        let numbers = self.numbers.iter().copied();
        self.places.clear();
        self.places
            .extend(numbers.clone().map(|number| filter.place_of(number)));
        look(&self.places, |place| filter.look(place));
        // The words are in the cache by now: asked for them, the filter does not wait.
        let known = numbers.filter(|&number| filter.may_have(number));
        self.places.clear();
        self.places.extend(known.map(|number| set.place_of(number)));
        look(&self.places, |place| set.look(place));
    }

    /// Forgets the numbers.
    pub(super) fn emptied(mut self) -> Self {
        self.numbers.clear();
        self.places.clear();
        self
    }

    /// Those that were guessed.
    pub(super) fn numbers(&self) -> &[PhoneNumber] {
        &self.numbers
    }
}

/// What is looked at is in the cache soon.
fn look(places: &[usize], look: impl Fn(usize) -> u64) {
    black_box(places.iter().fold(0, |all, &place| all ^ look(place)));
}

/// Without the numbers.
impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ahead")
    }
}
