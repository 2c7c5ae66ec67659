//! Who wants no messages.

use std::sync::Arc;

use super::NumberSet;
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

    #[inline]
    pub(super) fn has(&self, number: PhoneNumber) -> bool {
        self.0.0.may_have(number) && self.surely_has(number)
    }

    /// Whether its filter is in no cache that is near.
    pub(super) fn is_large(&self) -> bool {
        self.0.0.is_large()
    }

    /// Brings what is looked at for these numbers into the cache.
    pub(super) fn look_for(&self, numbers: impl Iterator<Item = PhoneNumber>) {
        self.0.0.look_for(numbers);
    }

    #[cold]
    fn surely_has(&self, number: PhoneNumber) -> bool {
        self.0.1.contains(number)
    }
}
