//! Rate limits: a sliding window a group, and the penalty interval behind a 429.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::state::FOREVER;

/// How many requests a minute, or another window, a group of calls takes. Every a2p-sms call is in the group `Light`,
/// the token endpoint is the group `Auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// Requests in a window, at least 1.
    pub requests: u32,
    /// The window, which slides. It is sent as whole seconds, rounded up, at least 1: a client that obeys may wait
    /// longer than it must.
    pub window: Duration,
    /// Whether a request too many is answered with `429 CMN-301`; a request inside the penalty interval that begins
    /// then starts it anew. If not enforced, the headers count down to 1 and stay there: an obedient client
    /// waits a whole window at 0, and a sandbox that refuses nothing has no reason to make it wait.
    pub enforced: bool,
    /// The penalty interval, rounded up to the whole seconds that `Retry-After` says; behind it, the window is empty.
    /// `None` is as long as the window. Zero is none at all.
    pub penalty: Option<Duration>,
    /// How a 429 says it.
    pub retry_after: RetryAfter,
}

/// How a 429 says when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RetryAfter {
    /// In seconds.
    #[default]
    Seconds,
    /// As a date, by the sandbox's clock.
    Date,
    /// Not at all. The API's documents want a client to wait 30 s then.
    Absent,
}

impl RateLimit {
    /// `requests` in `window`, announced in the headers only.
    #[must_use]
    pub const fn announced(requests: u32, window: Duration) -> Self {
        Self {
            requests,
            window,
            enforced: false,
            penalty: None,
            retry_after: RetryAfter::Seconds,
        }
    }

    /// `requests` in `window`, and 429 for what comes on top.
    #[must_use]
    pub const fn enforced(requests: u32, window: Duration) -> Self {
        Self {
            enforced: true,
            ..Self::announced(requests, window)
        }
    }

    /// The same with this penalty interval.
    #[must_use]
    pub const fn penalty(mut self, penalty: Duration) -> Self {
        self.penalty = Some(penalty);
        self
    }

    /// The same with this form of `Retry-After`.
    #[must_use]
    pub const fn retry_after(mut self, retry_after: RetryAfter) -> Self {
        self.retry_after = retry_after;
        self
    }
}

/// The API's own limit, 50 in 60 s, announced only.
impl Default for RateLimit {
    fn default() -> Self {
        Self::announced(50, Duration::from_secs(60))
    }
}

/// One group's window.
#[derive(Debug)]
pub(crate) struct Limiter {
    name: &'static str,
    limit: RateLimit,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: VecDeque<Instant>,
    penalty: Option<Penalty>,
    violations: u64,
}

#[derive(Debug, Clone, Copy)]
struct Penalty {
    ends: Instant,
    length: Duration,
}

/// What an answer's headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) group: &'static str,
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) window: u64,
}

/// A request too many.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// Seconds.
    pub(crate) retry_after: u32,
    pub(crate) form: RetryAfter,
}

impl Limiter {
    pub(crate) fn new(name: &'static str, limit: RateLimit) -> Self {
        let limit = RateLimit {
            requests: limit.requests.max(1),
            window: limit.window.min(FOREVER),
            penalty: Some(limit.penalty.unwrap_or(limit.window).min(FOREVER)),
            ..limit
        };
        Self {
            name,
            limit,
            state: Mutex::default(),
        }
    }

    /// Counts a request at `now`.
    pub(crate) fn take(&self, now: Instant) -> Result<(), Exceeded> {
        let mut state = self.state();
        state.forget(now, self.limit.window);
        let punished = state.penalty;
        if let Some(Penalty { length, .. }) = punished {
            state.violations += 1;
            state.punish(now, length);
        }
        let full = state.taken.len() >= self.limit.requests as usize;
        if self.limit.enforced && (full || punished.is_some()) {
            let retry_after =
                punished.map_or(self.penalty(), |penalty| whole_seconds(penalty.length));
            state.punish(now, Duration::from_secs(retry_after.into()));
            return Err(Exceeded {
                retry_after,
                form: self.limit.retry_after,
            });
        }
        if full {
            state.taken.pop_front();
        }
        state.taken.push_back(now);
        Ok(())
    }

    /// Begins a penalty interval, as if the limit had been exceeded.
    pub(crate) fn punish(&self, now: Instant, length: Duration) {
        self.state().punish(now, length);
    }

    /// Requests inside a penalty interval.
    pub(crate) fn violations(&self) -> u64 {
        self.state().violations
    }

    /// Where the group stands at `now`, without counting.
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        let mut state = self.state();
        state.forget(now, self.limit.window);
        let taken = u32::try_from(state.taken.len()).unwrap_or(u32::MAX);
        let left = self.limit.requests.saturating_sub(taken);
        Standing {
            group: self.name,
            limit: self.limit.requests,
            remaining: match (self.limit.enforced, state.penalty) {
                (false, _) => left.max(1),
                (true, None) => left,
                (true, Some(_)) => 0,
            },
            window: whole_seconds(self.limit.window).max(1).into(),
        }
    }

    fn penalty(&self) -> u32 {
        whole_seconds(self.limit.penalty.unwrap_or(self.limit.window))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self, now: Instant, window: Duration) {
        while self
            .taken
            .front()
            .is_some_and(|&at| now.duration_since(at) >= window)
        {
            self.taken.pop_front();
        }
        self.penalty = self.penalty.filter(|penalty| now < penalty.ends);
    }

    fn punish(&mut self, now: Instant, length: Duration) {
        let ends = now + length;
        self.penalty = Some(Penalty { ends, length });
        // Who has waited it out must not be refused for what came before it.
        self.taken.clear();
    }
}

fn whole_seconds(time: Duration) -> u32 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Exceeded, Limiter, RateLimit, RetryAfter};
    use std::time::Duration;
    use tokio::time::Instant;

    const WINDOW: Duration = Duration::from_secs(60);

    fn exceeded(retry_after: u32) -> Result<(), Exceeded> {
        let form = RetryAfter::Seconds;
        Err(Exceeded { retry_after, form })
    }

    #[test]
    fn a_request_inside_the_penalty_starts_it_anew() {
        let limiter = Limiter::new("Light", RateLimit::enforced(2, WINDOW));
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        assert_eq!(limiter.take(at(0)), Ok(()));
        assert_eq!(limiter.take(at(0)), Ok(()));
        assert_eq!(limiter.standing(at(0)).remaining, 0);
        // One too many is a mistake, but only what comes in the penalty is a violation.
        assert_eq!(
            (limiter.take(at(30)), limiter.violations()),
            (exceeded(60), 0)
        );
        // Without the penalty the window would be empty again.
        assert_eq!(
            (limiter.take(at(89)), limiter.violations()),
            (exceeded(60), 1)
        );
        assert_eq!(limiter.standing(at(148)).remaining, 0);
        assert_eq!(
            (limiter.take(at(148)), limiter.violations()),
            (exceeded(60), 2)
        );
        assert_eq!((limiter.take(at(208)), limiter.violations()), (Ok(()), 2));
        assert_eq!(limiter.standing(at(208)).remaining, 1);
    }

    #[test]
    fn a_penalty_of_its_own_lasts_as_long_as_is_said() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        for (penalty, said, over) in [
            (0, 0, 0),
            (200, 1, 1_000),
            (1_000, 1, 1_000),
            (90_000, 90, 90_000),
        ] {
            let limit = RateLimit::enforced(1, WINDOW).penalty(Duration::from_millis(penalty));
            let limiter = Limiter::new("Light", limit);
            assert_eq!(limiter.take(at(0)), Ok(()));
            assert_eq!(limiter.take(at(0)), exceeded(said));
            // Whoever waits as told is let in, also into a window that is longer than that.
            assert_eq!(limiter.take(at(over)), Ok(()), "{penalty}");
            assert_eq!(limiter.violations(), 0);
        }
    }

    #[test]
    fn a_window_below_a_second_is_announced_as_one() {
        let window = Duration::from_millis(200);
        let limiter = Limiter::new("Light", RateLimit::enforced(1, window));
        let start = Instant::now();
        assert_eq!(limiter.standing(start).window, 1);
        assert_eq!(limiter.take(start), Ok(()));
        assert_eq!(limiter.take(start + window), Ok(()));
    }

    #[test]
    fn a_penalty_from_outside_counts_whether_or_not_the_limit_is_enforced() {
        let now = Instant::now();
        for (limit, answer) in [
            (RateLimit::enforced(9, WINDOW), exceeded(5)),
            (RateLimit::announced(9, WINDOW), Ok(())),
        ] {
            let limiter = Limiter::new("Light", limit);
            limiter.punish(now, Duration::from_secs(5));
            assert_eq!(limiter.take(now + Duration::from_secs(4)), answer);
            assert_eq!(limiter.take(now + Duration::from_secs(9)), Ok(()));
            assert_eq!(limiter.violations(), 1);
        }
    }

    #[test]
    fn an_announced_limit_refuses_nothing_and_never_shows_zero() {
        let limiter = Limiter::new("Light", RateLimit::announced(3, WINDOW));
        let now = Instant::now();
        let shown: Vec<u32> = (0..6)
            .map(|_| {
                limiter.take(now).expect("never refused");
                limiter.standing(now).remaining
            })
            .collect();
        assert_eq!(shown, [2, 1, 1, 1, 1, 1]);
        assert_eq!(limiter.standing(now + WINDOW).remaining, 3);
    }
}
