//! Which request a fault is for.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};

use super::{Effect, Fault, Reply, random};

/// A list of rules; the first that fits takes a request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaultPlan {
    rules: Vec<FaultRule>,
}

/// Requests, and what happens to them.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultRule(pub(super) Rule);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rule {
    Fixed {
        route: FaultRoute,
        when: When,
        fault: Fault,
    },
    Random {
        seed: u64,
        rate: f64,
    },
}

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultRoute {
    /// Creates a batch.
    Batch,
    /// Asks for an access token.
    Token,
    /// Asks for the list of batches.
    List,
    /// Asks for one batch.
    Get,
    /// Asks for messages.
    Messages,
    /// Asks for the counts of messages.
    Statuses,
    /// Asks for opt-outs.
    OptOuts,
    /// Any of them, and any other.
    Any,
}

/// Which requests of its route a rule takes. They are counted from 1, from the moment the rule is set, whichever
/// rule takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The next one that no earlier rule takes, once: several such rules are a queue.
    Next,
    /// From the first to the last of these, both taken.
    Between(u64, u64),
    /// Every n-th.
    Every(NonZeroU64),
}

impl FaultPlan {
    /// A plan without rules.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, and a rule behind the others.
    #[must_use]
    pub fn with(mut self, rule: impl Into<FaultRule>) -> Self {
        self.rules.push(rule.into());
        self
    }
}

impl<R: Into<FaultRule>> FromIterator<R> for FaultPlan {
    fn from_iter<I: IntoIterator<Item = R>>(rules: I) -> Self {
        Self {
            rules: rules.into_iter().map(Into::into).collect(),
        }
    }
}

impl FaultRule {
    /// A rule for these requests.
    #[must_use]
    pub fn new(route: FaultRoute, when: When, fault: impl Into<Fault>) -> Self {
        let fault = fault.into();
        Self(Rule::Fixed { route, when, fault })
    }

    /// For long tests: each request has a fault with the probability `rate`, from 0 to 1. Which it is depends on
    /// nothing but the seed and the number of the request.
    ///
    /// A request to create a batch meets anything a client can survive: it is cut off anywhere, refused early or
    /// late by 429 and 5xx, accepted with its answer lost, cut off, late, or made unreadable, and hidden from the list for a while; other requests are refused by 503,
    /// or have their answer cut off. `Retry-After` is never above 1.
    #[must_use]
    pub fn random(seed: u64, rate: f64) -> Self {
        let rate = if rate.is_nan() { 0.0 } else { rate };
        Self(Rule::Random {
            seed,
            rate: rate.clamp(0.0, 1.0),
        })
    }
}

/// For the next request to create a batch.
impl From<Fault> for FaultRule {
    fn from(fault: Fault) -> Self {
        Self::new(FaultRoute::Batch, When::Next, fault)
    }
}

/// For the next request to create a batch.
impl From<Effect> for FaultRule {
    fn from(effect: Effect) -> Self {
        Fault::from(effect).into()
    }
}

/// For the next request to create a batch.
impl From<Reply> for FaultRule {
    fn from(reply: Reply) -> Self {
        Fault::from(reply).into()
    }
}

/// The rules that are set, and how far each has counted.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Counting>>);

#[derive(Debug)]
struct Counting {
    rule: Rule,
    seen: u64,
    spent: bool,
}

impl Faults {
    pub(crate) fn new(plan: FaultPlan) -> Self {
        let faults = Self::default();
        faults.set(plan);
        faults
    }

    pub(crate) fn set(&self, plan: FaultPlan) {
        let mut rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *rules = plan.rules.into_iter().map(Counting::new).collect();
    }

    pub(crate) fn push(&self, rule: FaultRule) {
        let mut rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A queue that is fed for hours does not grow.
        rules.retain(|rule| !rule.spent);
        rules.push(Counting::new(rule));
    }

    /// Counts a request, and says what happens to it.
    pub(crate) fn take(&self, route: FaultRoute) -> Option<Fault> {
        let mut rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = None;
        for rule in rules.iter_mut() {
            rule.take(route, &mut taken);
        }
        taken
    }
}

impl Counting {
    fn new(rule: FaultRule) -> Self {
        Self {
            rule: rule.0,
            seen: 0,
            spent: false,
        }
    }

    /// Counts the request, and takes it if it is to be had.
    fn take(&mut self, request: FaultRoute, taken: &mut Option<Fault>) {
        match &self.rule {
            Rule::Fixed { route, when, fault } => {
                if *route != request && *route != FaultRoute::Any {
                    return;
                }
                self.seen += 1;
                let fits = match *when {
                    When::Next => !self.spent && taken.is_none(),
                    When::Between(first, last) => {
                        self.spent = self.seen >= last;
                        (first..=last).contains(&self.seen)
                    }
                    When::Every(n) => self.seen.is_multiple_of(n.get()),
                };
                if fits && taken.is_none() {
                    self.spent |= *when == When::Next;
                    *taken = Some(fault.clone());
                }
            }
            Rule::Random { seed, rate } => {
                self.seen += 1;
                if taken.is_none() {
                    *taken = random::fault(*seed, *rate, self.seen, request);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FaultPlan, FaultRoute, Faults};
    use crate::fault::Effect;
    use std::time::Duration;

    /// Which rule takes each of ten requests, by the delay that the rule asks for.
    fn taken(plan: FaultPlan, route: FaultRoute) -> Vec<Option<u64>> {
        let faults = Faults::default();
        faults.set(plan);
        let number = |effect: &Effect| match effect {
            Effect::DelayAnswer(delay) => delay.as_secs(),
            _ => 0,
        };
        (0..10)
            .map(|_| {
                let fault = faults.take(route)?;
                Some(number(&fault.effects()[0]))
            })
            .collect()
    }

    #[test]
    fn requests_are_taken_by_the_first_rule_that_fits() {
        let (batch, list) = (FaultRoute::Batch, FaultRoute::List);
        for (plan, route, expected) in [
            ("batch: delay 1s; batch: delay 2s", batch, "12........"),
            ("batch 3: delay 1s; batch: delay 2s", batch, "2.1......."),
            (
                "batch 2-4: delay 1s; batch 3-: delay 2s",
                batch,
                ".111222222",
            ),
            (
                "batch every 4: delay 1s; any always: delay 2s",
                batch,
                "2221222122",
            ),
            ("batch: delay 1s; any: delay 2s", list, "2........."),
        ] {
            let plan: FaultPlan = plan.parse().expect(plan);
            let seen: String = taken(plan, route)
                .iter()
                .map(|rule| rule.map_or(".".to_owned(), |rule| rule.to_string()))
                .collect();
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn what_is_pushed_counts_from_then_on_and_what_is_spent_goes() {
        let faults = Faults::default();
        for _ in 0..100 {
            faults.push("batch 2: delay 1s".parse().expect("a rule"));
            assert_eq!(faults.take(FaultRoute::Batch), None);
            assert_eq!(
                faults.take(FaultRoute::Batch),
                Some(Effect::DelayAnswer(Duration::from_secs(1)).into())
            );
        }
        assert_eq!(faults.0.lock().expect("no panic").len(), 1);
    }
}
