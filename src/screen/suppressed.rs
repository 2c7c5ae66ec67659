//! Who wants no messages.

use std::sync::Arc;

use super::NumberSet;
use super::ahead::Ahead;
use super::filter::Filter;
use crate::message::PhoneNumber;

/// A set that does not change any more, with a filter in front. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Suppressed(Arc<(Filter, NumberSet)>);

impl Suppressed {
    pub(super) fn new(numbers: NumberSet) -> Self {
        let mut filter =
            Filter::with_capacity(usize::try_from(numbers.len()).unwrap_or(usize::MAX));
        numbers.for_each(|number| filter.insert(number));
        Self(Arc::new((filter, numbers)))
    }

    /// These, and others.
    pub(super) fn and(self, others: NumberSet) -> Self {
        let numbers = match Arc::try_unwrap(self.0) {
            Ok((_, numbers)) => numbers,
            Err(shared) => shared.1.clone(),
        };
        let (mut most, few) = if numbers.len() < others.len() {
            (others, numbers)
        } else {
            (numbers, others)
        };
        few.for_each(|number| {
            most.insert(number);
        });
        Self::new(most)
    }

    #[inline]
    pub(super) fn has(&self, number: PhoneNumber) -> bool {
        self.0.0.may_have(number) && self.surely_has(number)
    }

    /// Whether its filter is in no core's own cache.
    pub(super) fn is_large(&self) -> bool {
        self.0.0.is_large()
    }

    /// Looks at what will be asked for the numbers that are guessed.
    pub(super) fn look_ahead(&self, ahead: &mut Ahead) {
        ahead.look_at_filtered(&self.0.0, &self.0.1);
    }

    #[cold]
    fn surely_has(&self, number: PhoneNumber) -> bool {
        self.0.1.contains(number)
    }
}
