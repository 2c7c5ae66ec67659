//! What a send tells about batches that fail and wait: a line each, and none that has been said.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use batchcast::send::{DoubtPolicy, Event, WaitingFor};

use crate::clean;
use crate::readable::{batches, bytes, count, time};

/// Waits that are over sooner are not worth a line.
const SHORT: Duration = Duration::from_secs(1);

/// Remembers what was said.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    /// Why batches failed that are to be tried again.
    failed: HashMap<u64, String>,
    /// Until when the rate limit was said to last.
    limited_until: Option<Instant>,
    /// Which batches were said to be looked for until they have had time to appear.
    doubted: HashSet<u64>,
    replayed: u64,
}

impl Waits {
    /// What to say about an event, if anything.
    pub(crate) fn line(&mut self, event: &Event<'_>, now: Instant) -> Option<String> {
        Some(match *event {
            Event::Failed { batch, failure } => {
                let why = clean::sentence(&failure.to_string());
                self.failed.insert(batch, why);
                return None;
            }
            Event::Waiting { batch, what, wait } => return self.wait(batch, what, wait, now),
            // What failed and does not wait is tried again at once.
            Event::Opened { batch, attempt } if attempt > 1 => {
                let why = self.failed.remove(&batch)?;
                format!("batch {batch}: {why}; trying again")
            }
            Event::Opened { .. } if self.replayed > 0 => {
                let replayed = std::mem::take(&mut self.replayed);
                let verb = if replayed == 1 { "was" } else { "were" };
                format!("{} {verb} sent before, and not again", batches(replayed))
            }
            Event::Replayed { .. } => {
                self.replayed += 1;
                return None;
            }
            Event::InDoubt { batch, failure } => format!(
                "batch {batch} is in doubt: {}; looking for it in the server's list",
                clean::sentence(&failure.to_string())
            ),
            Event::NotFound { batch, policy } => {
                let then = match policy {
                    DoubtPolicy::Stop => "a decision is needed",
                    DoubtPolicy::Resend => "it is sent again",
                    DoubtPolicy::Skip => "it is left",
                };
                format!("batch {batch} is not in the server's list: {then}")
            }
            Event::Split {
                batch,
                max_bytes,
                parts,
            } => format!(
                "batch {batch} is too large for the server: it goes on in {} of at most {}",
                count(parts as u64, "part", "parts"),
                bytes(max_bytes)
            ),
            _ => return None,
        })
    }

    fn wait(
        &mut self,
        batch: u64,
        what: WaitingFor,
        wait: Duration,
        now: Instant,
    ) -> Option<String> {
        let why = self.failed.remove(&batch);
        let about = |reason: &str| match &why {
            Some(why) => format!("batch {batch}: {why}; {reason} {}", time(wait)),
            None => format!("batch {batch}: {reason} {}", time(wait)),
        };
        match what {
            WaitingFor::RateLimit => {
                let until = now + wait;
                let is_said = self.limited_until.is_some_and(|said| until <= said + SHORT);
                if (is_said || wait < SHORT) && why.is_none() {
                    return None;
                }
                self.limited_until = Some(until);
                Some(about("the rate limit wants a pause of"))
            }
            WaitingFor::Retry => Some(about("trying again in")),
            WaitingFor::Question => Some(about(
                "the server gives no answer about it; asking again in",
            )),
            WaitingFor::Token => Some(about("asking for a token again in")),
            // That it is looked for was said, and now for how long.
            WaitingFor::Doubt if wait >= SHORT && self.doubted.insert(batch) => Some(format!(
                "batch {batch} is not known from the server's list yet; looking again, for up to {}",
                time(wait)
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(what: WaitingFor, seconds: u64) -> Event<'static> {
        Event::Waiting {
            batch: 3,
            what,
            wait: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn a_pause_is_said_once_for_all_batches() {
        let (mut waits, now) = (Waits::default(), Instant::now());
        let limit = |seconds| waiting(WaitingFor::RateLimit, seconds);
        let said = waits.line(&limit(30), now).unwrap();
        assert_eq!(said, "batch 3: the rate limit wants a pause of 30.0 s");
        assert_eq!(waits.line(&limit(30), now), None);
        assert!(waits.line(&limit(40), now).is_some());
    }

    #[test]
    fn how_long_a_batch_in_doubt_is_looked_for_is_said_once() {
        let (mut waits, now) = (Waits::default(), Instant::now());
        let doubt = |seconds| waiting(WaitingFor::Doubt, seconds);
        let said = waits.line(&doubt(60), now).unwrap();
        assert!(
            said.ends_with("looking again, for up to 1 min 0 s"),
            "{said}"
        );
        assert_eq!(waits.line(&doubt(50), now), None);
    }

    #[test]
    fn what_was_sent_before_is_summed_up() {
        let (mut waits, now) = (Waits::default(), Instant::now());
        for batch in 1..=2 {
            let event = Event::Replayed { batch, messages: 1 };
            assert_eq!(waits.line(&event, now), None);
        }
        let opened = Event::Opened {
            batch: 3,
            attempt: 1,
        };
        let said = waits.line(&opened, now).unwrap();
        assert_eq!(said, "2 batches were sent before, and not again");
        assert_eq!(waits.line(&opened, now), None);
    }
}
