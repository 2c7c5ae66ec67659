//! Rate limits: a sliding window a group, and the penalty interval behind a 429.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many requests a minute, or another window, the group `Light` takes; every a2p-sms call is in it.
///
/// The group `Auth`, of the token endpoint, always has 5 a minute, and is enforced when this limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests in a window, at least 1.
    pub requests: u32,
    /// The window, sent as whole seconds, rounded up, at least 1.
    pub window: Duration,
    /// Whether a request too many is answered with `429 CMN-301` and `Retry-After`; a request inside that
    /// interval starts it anew. If not enforced, the headers count down to 1 and stay there: an obedient client
    /// waits a whole window at 0, and a sandbox that refuses nothing has no reason to make it wait.
    pub enforced: bool,
}

impl RateLimit {
    /// `requests` in `window`, announced in the headers only.
    #[must_use]
    pub const fn announced(requests: u32, window: Duration) -> Self {
        Self {
            requests,
            window,
            enforced: false,
        }
    }

    /// `requests` in `window`, and 429 for what comes on top.
    #[must_use]
    pub const fn enforced(requests: u32, window: Duration) -> Self {
        Self {
            requests,
            window,
            enforced: true,
        }
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
    penalty_ends: Option<Instant>,
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
    pub(crate) retry_after: u64,
}

impl Limiter {
    pub(crate) fn new(name: &'static str, limit: RateLimit) -> Self {
        let limit = RateLimit {
            requests: limit.requests.max(1),
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
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.forget(now, self.limit.window);
        let full = state.taken.len() >= self.limit.requests as usize;
        if self.limit.enforced && (full || state.penalty_ends.is_some_and(|end| now < end)) {
            state.penalty_ends = Some(now + self.limit.window);
            return Err(Exceeded {
                retry_after: self.window(),
            });
        }
        if full {
            state.taken.pop_front();
        }
        state.taken.push_back(now);
        Ok(())
    }

    /// Where the group stands at `now`, without counting.
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.forget(now, self.limit.window);
        let taken = u32::try_from(state.taken.len()).unwrap_or(u32::MAX);
        let left = self.limit.requests.saturating_sub(taken);
        Standing {
            group: self.name,
            limit: self.limit.requests,
            remaining: if self.limit.enforced {
                left
            } else {
                left.max(1)
            },
            window: self.window(),
        }
    }

    fn window(&self) -> u64 {
        let whole = self.limit.window.as_secs();
        (whole + u64::from(self.limit.window.subsec_nanos() > 0)).max(1)
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
    }
}

#[cfg(test)]
mod tests {
    use super::{Exceeded, Limiter, RateLimit};
    use std::time::Duration;
    use tokio::time::Instant;

    const WINDOW: Duration = Duration::from_secs(60);

    #[test]
    fn a_request_inside_the_penalty_starts_it_anew() {
        let limiter = Limiter::new("Light", RateLimit::enforced(2, WINDOW));
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        assert_eq!(limiter.take(at(0)), Ok(()));
        assert_eq!(limiter.take(at(0)), Ok(()));
        assert_eq!(limiter.standing(at(0)).remaining, 0);
        assert_eq!(limiter.take(at(30)), Err(Exceeded { retry_after: 60 }));
        // The window is empty again, but the penalty of second 30 runs until 90.
        assert_eq!(limiter.take(at(89)), Err(Exceeded { retry_after: 60 }));
        assert_eq!(limiter.take(at(148)), Err(Exceeded { retry_after: 60 }));
        assert_eq!(limiter.take(at(208)), Ok(()));
        assert_eq!(limiter.standing(at(208)).remaining, 1);
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
