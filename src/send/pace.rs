//! When the next request may leave (API guide, rate limits).
//!
//! - After a `429` nothing is sent for as long as `Retry-After` says, or 30 s: a request inside that interval
//!   would start it anew.
//! - When `X-Rate-Limit-Remaining` is used up, nothing is sent for `X-Rate-Limit-Window`.
//!
//! Several batches may be on their way at once, so what remains is what the last answer said, less the
//! requests that have not been answered yet. Before the first answer one request is on its way at most. Answers
//! may come in another order than the server gave them: that more remains is believed only of a request that left
//! after it was known how little.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use tokio::sync::Notify;

/// How long to wait after a `429` that does not say (API guide).
const DEFAULT_PENALTY: Duration = Duration::from_secs(30);

/// A `429` that says less is not believed.
const SHORTEST: Duration = Duration::from_millis(100);

/// No server is waited for longer, whatever it says: a person should look at it before.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// How long nothing may leave behind an answer that says so long, or does not say.
pub(super) fn penalty(retry_after: Option<Duration>) -> Duration {
    retry_after.unwrap_or(DEFAULT_PENALTY)
}

/// Whether a server wants to be left alone for longer than it is waited for.
pub(super) fn is_too_long(wait: Option<Duration>) -> bool {
    wait.is_some_and(|wait| wait > LONGEST)
}

fn later(now: Instant, wait: Duration) -> Instant {
    now + wait.min(LONGEST)
}

/// Lets requests leave when they may. All requests of a client go past the same one.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Nothing leaves before.
    not_before: Option<Instant>,
    quota: Quota,
    unanswered: u64,
    /// How many answers have said what remains.
    lessons: u64,
    /// Which of them `quota` is from.
    quota_is_from: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Quota {
    /// No answer has come yet.
    #[default]
    Unknown,
    /// The server says nothing of limits.
    Unlimited,
    Remaining(u64),
}

/// A request that was let go. Dropped without an answer, it counts as answered without a word.
#[derive(Debug)]
pub(super) struct Ticket {
    pacer: Arc<Pacer>,
    /// How many answers had said what remains when it was let go.
    lessons: u64,
}

/// What stands in the way of a request.
#[derive(Debug, PartialEq, Eq)]
enum Obstacle {
    /// It may leave then.
    Until(Instant),
    /// Another request's answer has to be waited for.
    Answer,
}

impl Pacer {
    /// Waits until a request may leave. `waiting` is told once for each wait how long it will be.
    pub(super) async fn ready(self: &Arc<Self>, mut waiting: impl FnMut(Duration)) -> Ticket {
        let mut told = None;
        loop {
            let changed = self.changed.notified();
            let let_go = self.lock().let_go(Instant::now());
            let obstacle = match let_go {
                Ok(lessons) => {
                    let pacer = Arc::clone(self);
                    return Ticket { pacer, lessons };
                }
                Err(obstacle) => obstacle,
            };
            match obstacle {
                Obstacle::Until(instant) => {
                    if told != Some(instant) {
                        waiting(instant.saturating_duration_since(Instant::now()));
                        told = Some(instant);
                    }
                    tokio::select! {
                        () = tokio::time::sleep_until(instant.into()) => {}
                        () = changed => {}
                    }
                }
                Obstacle::Answer => changed.await,
            }
        }
    }

    /// Waits until no penalty keeps requests back. `waiting` is told once for each wait how long it will be.
    pub(super) async fn penalty_over(&self, mut waiting: impl FnMut(Duration)) {
        loop {
            let Some(instant) = self.held() else {
                return;
            };
            waiting(instant.saturating_duration_since(Instant::now()));
            tokio::time::sleep_until(instant.into()).await;
        }
    }

    /// Until when requests are held back, if they are just now.
    pub(super) fn held(&self) -> Option<Instant> {
        let held = self.lock().not_before;
        held.filter(|instant| Instant::now() < *instant)
    }

    /// A `429`: nothing leaves for so long. Gives when that is over.
    pub(super) fn penalty(&self, wait: Duration) -> Instant {
        // Without any pause at all it would be asked without end.
        let over = later(Instant::now(), wait.max(SHORTEST));
        self.lock().hold(over);
        self.changed.notify_waiters();
        over
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// The answer has come, with these headers.
    pub(super) fn answered(self, headers: &HeaderMap) {
        let number = |name| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let remaining = number("x-rate-limit-remaining");
        let window = number("x-rate-limit-window").map(Duration::from_secs);
        let now = Instant::now();
        let mut state = self.pacer.lock();
        state.learn(self.lessons, remaining, window, now);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.pacer.lock();
        state.unanswered -= 1;
        drop(state);
        self.pacer.changed.notify_waiters();
    }
}

impl State {
    /// Lets a request go, and says how many lessons had been learned until then.
    fn let_go(&mut self, now: Instant) -> Result<u64, Obstacle> {
        if let Some(instant) = self.not_before {
            if now < instant {
                return Err(Obstacle::Until(instant));
            }
            self.not_before = None;
        }
        let free = match self.quota {
            Quota::Unknown => self.unanswered == 0,
            Quota::Unlimited => true,
            // None remain, and the window has passed: the next answer will say what there is.
            Quota::Remaining(0) => self.unanswered == 0,
            Quota::Remaining(remaining) => self.unanswered < remaining,
        };
        if !free {
            return Err(Obstacle::Answer);
        }
        self.unanswered += 1;
        Ok(self.lessons)
    }

    /// Learns from the answer to a request that was let go after so many lessons.
    fn learn(
        &mut self,
        lessons: u64,
        remaining: Option<u64>,
        window: Option<Duration>,
        now: Instant,
    ) {
        match (remaining, self.quota) {
            // An older answer that came late: the server had counted less when it gave it.
            (Some(remaining), Quota::Remaining(known))
                if remaining > known && lessons < self.quota_is_from => {}
            (Some(remaining), _) => {
                self.quota = Quota::Remaining(remaining);
                self.lessons += 1;
                self.quota_is_from = self.lessons;
            }
            (None, Quota::Unknown) => self.quota = Quota::Unlimited,
            (None, _) => {}
        }
        if let (Some(0), Some(window)) = (remaining, window) {
            self.hold(later(now, window));
        }
    }

    fn hold(&mut self, until: Instant) {
        self.not_before = self.not_before.max(Some(until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn before_the_first_answer_one_request_is_on_its_way() {
        let now = Instant::now();
        let mut state = State::default();
        assert_eq!(state.let_go(now), Ok(0));
        assert_eq!(state.let_go(now), Err(Obstacle::Answer));
        state.learn(0, None, None, now);
        state.unanswered -= 1;
        for _ in 0..100 {
            assert_eq!(state.let_go(now), Ok(0));
        }
    }

    #[test]
    fn what_remains_is_less_what_is_unanswered() {
        let now = Instant::now();
        let mut state = State::default();
        state.learn(0, Some(2), Some(60 * SECOND), now);
        assert_eq!(state.let_go(now), Ok(1));
        assert_eq!(state.let_go(now), Ok(1));
        assert_eq!(state.let_go(now), Err(Obstacle::Answer));
        // One is answered, and it was counted in what the other's answer says.
        state.unanswered -= 1;
        state.learn(1, Some(0), Some(60 * SECOND), now);
        let end = now + 60 * SECOND;
        assert_eq!(state.let_go(now), Err(Obstacle::Until(end)));
        state.unanswered -= 1;
        assert_eq!(state.let_go(end - SECOND), Err(Obstacle::Until(end)));
        // Then one asks first what there is.
        assert_eq!(state.let_go(end), Ok(2));
        assert_eq!(state.let_go(end), Err(Obstacle::Answer));
    }

    #[test]
    fn an_answer_that_was_overtaken_does_not_say_that_more_remains() {
        let now = Instant::now();
        let mut state = State::default();
        state.learn(0, Some(4), None, now);
        let first = state.let_go(now).unwrap();
        let second = state.let_go(now).unwrap();
        // The server gave 3, then 2; the second came first.
        state.unanswered -= 1;
        state.learn(second, Some(2), None, now);
        state.unanswered -= 1;
        state.learn(first, Some(3), None, now);
        assert_eq!(state.quota, Quota::Remaining(2));
        // One that left later is believed: the window has moved on.
        let third = state.let_go(now).unwrap();
        state.unanswered -= 1;
        state.learn(third, Some(40), None, now);
        assert_eq!(state.quota, Quota::Remaining(40));
    }

    #[test]
    fn the_longest_wait_counts() {
        let now = Instant::now();
        let mut state = State::default();
        state.hold(now + 30 * SECOND);
        state.hold(now + 10 * SECOND);
        assert_eq!(
            state.let_go(now + 20 * SECOND),
            Err(Obstacle::Until(now + 30 * SECOND))
        );
        assert_eq!(state.let_go(now + 30 * SECOND), Ok(0));
    }

    #[test]
    fn a_429_that_does_not_say_is_half_a_minute() {
        assert_eq!(penalty(None), 30 * SECOND);
        assert_eq!(penalty(Some(7 * SECOND)), 7 * SECOND);
    }

    #[tokio::test]
    async fn a_penalty_reaches_those_who_wait_already() {
        let pacer = Arc::new(Pacer::default());
        let first = pacer.ready(|_| {}).await;
        let waiter = {
            let pacer = Arc::clone(&pacer);
            tokio::spawn(async move {
                let mut waits = Vec::new();
                let ticket = pacer.ready(|wait| waits.push(wait)).await;
                drop(ticket);
                waits
            })
        };
        tokio::task::yield_now().await;
        pacer.penalty(Duration::from_millis(50));
        drop(first);
        assert_eq!(waiter.await.unwrap().len(), 1);
    }
}
