//! What to do about what happened: pure decisions, the second of the two tables in [`send`](super).

use std::io::ErrorKind;
use std::time::Duration;

use reqwest::StatusCode;

use crate::send::outcome::{Failure, FailureKind, Outcome};
use crate::send::pace;

/// How often, and after which pauses, what failed in passing is tried again.
///
/// Such are: no connection, one that was lost before the last bytes had left, a `408`, a `5xx` before the last
/// bytes had left. An answer's `Retry-After` goes before the pauses here; if that is more than a day, the send stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Retry {
    tries: u32,
    first: Duration,
    longest: Duration,
}

impl Retry {
    /// So many tries in all, at least one.
    pub const fn tries(mut self, tries: u32) -> Self {
        self.tries = tries;
        self
    }

    /// The pause after the first try. Each further one is twice as long, up to `longest`; a random part of up to
    /// a half is taken off, so that many senders do not come back all at once.
    pub const fn pauses(mut self, first: Duration, longest: Duration) -> Self {
        self.first = first;
        self.longest = longest;
        self
    }

    /// How many tries there are in all, at least one.
    pub(super) const fn most(&self) -> u32 {
        if self.tries == 0 { 1 } else { self.tries }
    }

    /// The pause after try number `tried` (from 1). `jitter` is from 0 to 1.
    fn pause(&self, tried: u32, jitter: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(tried.saturating_sub(1));
        let pause = self.first.saturating_mul(doubled).min(self.longest);
        pause - pause.mul_f64(jitter.clamp(0.0, 1.0) / 2.0)
    }
}

impl Default for Retry {
    /// 5 tries, pauses from 2 s to 60 s (API guide).
    fn default() -> Self {
        Self {
            tries: 5,
            first: Duration::from_secs(2),
            longest: Duration::from_secs(60),
        }
    }
}

/// What to do with a batch that is in doubt and was not found in the API's list of batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DoubtPolicy {
    /// Stop the run, and leave the decision to a person.
    #[default]
    Stop,
    /// Send it again, as often as there are tries ([`Retry`]): if the API had it after all, its recipients get the
    /// message twice.
    Resend,
    /// Leave it, and go on: if the API did not have it, its recipients do not get the message.
    Skip,
}

/// What to do next with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// It is settled.
    Done,
    /// Nobody got a message, and trying again does not help, or not now: the run stops.
    Stop,
    /// Get a new token, then try again.
    Renew,
    /// Try again. Nothing is sent in the penalty interval, by any task: the client holds all requests back until it is over.
    Penalty,
    /// Try again after a pause.
    Again(Duration),
    /// Split it into smaller ones.
    Split,
    /// Try again with a `Content-Length`.
    WithLength,
    /// It is in doubt: look for it.
    Reconcile,
}

/// Decides for one batch, and remembers what was tried.
#[derive(Debug)]
pub(super) struct Policy {
    retry: Retry,
    failures: u32,
    /// A token was renewed, and the API has not answered with anything else than 401 since.
    renewed: bool,
}

/// What the decision depends on beside the outcome.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    /// The batch has more than one message.
    pub(super) can_split: bool,
    /// The credentials can give another token.
    pub(super) can_renew: bool,
    /// The body had a `Content-Length` already.
    pub(super) had_length: bool,
    /// From 0 to 1, at random.
    pub(super) jitter: f64,
}

impl Policy {
    pub(super) const fn new(retry: Retry) -> Self {
        Self {
            retry,
            failures: 0,
            renewed: false,
        }
    }

    pub(super) fn decide(&mut self, outcome: &Outcome, circumstances: &Circumstances) -> Action {
        let failure = match outcome {
            Outcome::Accepted(_) => return Action::Done,
            Outcome::InDoubt(_) => return Action::Reconcile,
            Outcome::NotSent(failure)
            | Outcome::Incomplete(failure)
            | Outcome::Refused(failure) => failure,
        };
        self.decide_failed(failure, circumstances)
    }

    /// What to do about a request that failed, and had no effect in doing so.
    pub(super) fn decide_failed(
        &mut self,
        failure: &Failure,
        circumstances: &Circumstances,
    ) -> Action {
        match failure.kind() {
            FailureKind::Answer(answer) => {
                let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_REQUEST);
                self.answered(status, answer.retry_after, circumstances)
            }
            FailureKind::Transport { .. }
            | FailureKind::Timeout { .. }
            | FailureKind::Receipt { .. } => self.again(None, circumstances),
            // The token endpoint has rules of its own, and was asked by them already.
            FailureKind::Authorization(_)
            | FailureKind::Interrupted
            | FailureKind::Input(_)
            | FailureKind::Source(_)
            | FailureKind::TooManyInvalid { .. }
            | FailureKind::Handler(_)
            | FailureKind::Journal(_)
            | FailureKind::Spool(_)
            | FailureKind::TooLarge { .. }
            | FailureKind::Unsplit { .. }
            | FailureKind::Unseen
            | FailureKind::Unclear { .. }
            | FailureKind::Paused { .. }
            | FailureKind::Declined
            | FailureKind::Changed(_) => Action::Stop,
        }
    }

    fn answered(
        &mut self,
        status: StatusCode,
        retry_after: Option<Duration>,
        circumstances: &Circumstances,
    ) -> Action {
        if status != StatusCode::UNAUTHORIZED {
            self.renewed = false;
        }
        match status {
            StatusCode::UNAUTHORIZED if circumstances.can_renew && !self.renewed => {
                self.renewed = true;
                Action::Renew
            }
            StatusCode::TOO_MANY_REQUESTS if pace::is_too_long(retry_after) => Action::Stop,
            StatusCode::TOO_MANY_REQUESTS => Action::Penalty,
            StatusCode::PAYLOAD_TOO_LARGE if circumstances.can_split => Action::Split,
            StatusCode::LENGTH_REQUIRED if !circumstances.had_length => Action::WithLength,
            StatusCode::REQUEST_TIMEOUT => self.again(retry_after, circumstances),
            // A success before the last bytes had left is none: there was nothing whole to accept.
            _ if status.is_server_error() || status.is_success() => {
                self.again(retry_after, circumstances)
            }
            _ => Action::Stop,
        }
    }

    fn again(&mut self, retry_after: Option<Duration>, circumstances: &Circumstances) -> Action {
        self.failures += 1;
        if self.failures >= self.retry.tries || pace::is_too_long(retry_after) {
            return Action::Stop;
        }
        let pause = self.retry.pause(self.failures, circumstances.jitter);
        Action::Again(retry_after.unwrap_or(pause))
    }
}

/// Whether a run that stopped for this reason can be gone on with as it is, by resuming it later. Otherwise
/// something has to be put right first.
pub(super) fn is_passing(failure: &Failure) -> bool {
    match failure.kind() {
        // An access token that is none will not become one; one that has expired is replaced by whoever resumes.
        FailureKind::Answer(answer) if answer.status == 401 => {
            !matches!(answer.code.as_deref(), Some("OAU-129" | "OAU-149"))
        }
        // Not 411 and 413: what can be done about them was done, unless it was learned what a further run can do.
        FailureKind::Answer(answer) => matches!(answer.status, 408 | 429 | 500..),
        FailureKind::Authorization(cause) => !matches!(
            cause.kind(),
            FailureKind::Answer(answer) if matches!(answer.status, 400..=407)
        ),
        FailureKind::Transport { .. }
        | FailureKind::Timeout { .. }
        | FailureKind::Receipt { .. }
        | FailureKind::Interrupted
        | FailureKind::TooLarge { .. }
        | FailureKind::Unseen
        | FailureKind::Unclear { .. }
        | FailureKind::Paused { .. }
        | FailureKind::Declined
        | FailureKind::Journal(_) => true,
        // A disk that is full passes; a place that there is not does not.
        FailureKind::Spool(error) => !matches!(
            error.kind(),
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied
        ),
        // What became of the caller's own source is for the caller to say.
        FailureKind::Input(_)
        | FailureKind::Source(_)
        | FailureKind::TooManyInvalid { .. }
        | FailureKind::Handler(_)
        | FailureKind::Unsplit { .. }
        | FailureKind::Changed(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::outcome::ApiError;

    const CALM: Circumstances = Circumstances {
        can_split: true,
        can_renew: true,
        had_length: false,
        jitter: 0.0,
    };

    fn answer(status: u16, retry_after: Option<u64>) -> Failure {
        FailureKind::Answer(ApiError {
            status,
            code: None,
            message: None,
            details: Vec::new(),
            request_id: None,
            retry_after: retry_after.map(Duration::from_secs),
        })
        .into()
    }

    fn transport() -> Failure {
        FailureKind::Transport {
            step: "uploading",
            reason: "reset".to_owned(),
        }
        .into()
    }

    fn first(outcome: &Outcome) -> Action {
        Policy::new(Retry::default()).decide(outcome, &CALM)
    }

    const DAY: u64 = 24 * 3_600;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_table() {
        use Action::*;
        // status, Retry-After → before the last bytes had left, and after.
        for (status, retry_after, early, late) in [
            (200, None, Again(seconds(2)), None),
            (201, None, Again(seconds(2)), None),
            (302, None, Stop, Some(Stop)),
            (400, None, Stop, Some(Stop)),
            (401, None, Renew, Some(Renew)),
            (403, None, Stop, Some(Stop)),
            (404, None, Stop, Some(Stop)),
            (408, None, Again(seconds(2)), Some(Again(seconds(2)))),
            (411, None, WithLength, Some(WithLength)),
            (413, None, Split, Some(Split)),
            (415, None, Stop, Some(Stop)),
            (429, None, Penalty, Some(Penalty)),
            (429, Some(7), Penalty, Some(Penalty)),
            (500, None, Again(seconds(2)), None),
            (502, None, Again(seconds(2)), None),
            (503, Some(9), Again(seconds(9)), None),
            (503, Some(DAY), Again(seconds(DAY)), None),
            (503, Some(DAY + 1), Stop, None),
            (408, Some(DAY + 1), Stop, Some(Stop)),
            (429, Some(DAY), Penalty, Some(Penalty)),
            (429, Some(DAY + 1), Stop, Some(Stop)),
        ] {
            let incomplete = Outcome::Incomplete(answer(status, retry_after));
            assert_eq!(first(&incomplete), early, "early {status}");
            if let Some(late) = late {
                let refused = Outcome::Refused(answer(status, retry_after));
                assert_eq!(first(&refused), late, "late {status}");
            }
        }
        assert_eq!(first(&Outcome::NotSent(transport())), Again(seconds(2)));
        assert_eq!(first(&Outcome::Incomplete(transport())), Again(seconds(2)));
    }

    #[test]
    fn what_is_in_doubt_is_never_just_tried_again() {
        for failure in [answer(500, None), answer(503, Some(1)), transport()] {
            assert_eq!(first(&Outcome::InDoubt(failure)), Action::Reconcile);
        }
    }

    #[test]
    fn a_token_is_renewed_once_for_each_refusal() {
        let mut policy = Policy::new(Retry::default());
        let mut decide = |status| policy.decide(&Outcome::Incomplete(answer(status, None)), &CALM);
        assert_eq!(decide(401), Action::Renew);
        assert_eq!(decide(401), Action::Stop);
        assert_eq!(decide(503), Action::Again(seconds(2)));
        assert_eq!(decide(401), Action::Renew);
        let fixed = Circumstances {
            can_renew: false,
            ..CALM
        };
        let refused = Outcome::Refused(answer(401, None));
        assert_eq!(
            Policy::new(Retry::default()).decide(&refused, &fixed),
            Action::Stop
        );
    }

    #[test]
    fn what_cannot_be_made_smaller_or_was_long_enough_stops() {
        let one = Circumstances {
            can_split: false,
            had_length: true,
            ..CALM
        };
        for status in [411, 413] {
            let outcome = Outcome::Incomplete(answer(status, None));
            let action = Policy::new(Retry::default()).decide(&outcome, &one);
            assert_eq!(action, Action::Stop);
        }
    }

    #[test]
    fn five_tries_with_doubling_pauses() {
        let mut policy = Policy::new(Retry::default());
        let mut decide = || policy.decide(&Outcome::NotSent(transport()), &CALM);
        for pause in [2, 4, 8, 16] {
            assert_eq!(decide(), Action::Again(seconds(pause)));
        }
        assert_eq!(decide(), Action::Stop);
    }

    #[test]
    fn pauses_are_bounded_and_jitter_only_shortens() {
        let retry = Retry::default().tries(u32::MAX);
        for tried in [1, 2, 5, 6, 40, u32::MAX] {
            let whole = retry.pause(tried, 0.0);
            assert!(whole <= seconds(60));
            let half = retry.pause(tried, 1.0);
            assert_eq!(half * 2, whole);
            assert!((half..=whole).contains(&retry.pause(tried, 0.3)));
        }
        assert_eq!(retry.pause(u32::MAX, 0.0), seconds(60));
    }

    #[test]
    fn a_token_that_is_none_and_a_place_that_there_is_not_do_not_pass() {
        for (code, passes) in [
            (Some("OAU-128"), true),
            (None, true),
            (Some("OAU-129"), false),
            (Some("OAU-149"), false),
        ] {
            let failure = FailureKind::Answer(ApiError {
                status: 401,
                code: code.map(str::to_owned),
                message: None,
                details: Vec::new(),
                request_id: None,
                retry_after: None,
            });
            assert_eq!(is_passing(&failure.into()), passes, "{code:?}");
        }
        for (kind, passes) in [
            (ErrorKind::StorageFull, true),
            (ErrorKind::NotFound, false),
            (ErrorKind::PermissionDenied, false),
        ] {
            assert_eq!(is_passing(&FailureKind::Spool(kind.into()).into()), passes);
        }
    }
}
