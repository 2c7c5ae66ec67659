//! What the program's exit code says.

use std::process::ExitCode;

use batchcast::journal::{BatchState, State, Status, Totals};
use batchcast::send::{FailureKind, Report, Stopped};

/// How a run ended. The numbers are a contract: scripts decide by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All of it is done: every record was accepted, or encoded.
    Accepted = 0,
    /// It failed. What was sent until then is in the summary.
    Failure = 1,
    /// It was called in a way that cannot work; nothing was sent.
    Usage = 2,
    /// It finished, and some records were invalid or rejected.
    Partial = 3,
    /// Something that passes stopped it: it can be resumed.
    Stopped = 4,
    /// Nobody knows whether a batch was accepted: a person has to look.
    InDoubt = 5,
    /// It was interrupted, and stopped cleanly.
    Interrupted = 130,
}

impl Exit {
    /// What a send's end means, with a journal or without.
    pub(crate) fn of_send(ended: &Result<Report, Stopped>, has_journal: bool) -> Self {
        match ended {
            Ok(report) => {
                // Of a batch that was found or left in doubt nobody knows what was rejected; nor of one that is smaller than it
                // should be.
                let is_known =
                    report.found == 0 && report.skipped.is_empty() && report.missing == 0;
                Self::of_end(report.rejected, report.invalid, is_known)
            }
            // In doubt outranks all else: it is what must not be overlooked.
            Err(stopped) if !stopped.report.in_doubt.is_empty() => Self::InDoubt,
            Err(stopped) if matches!(stopped.failure.kind(), FailureKind::Interrupted) => {
                Self::Interrupted
            }
            Err(stopped) if has_journal && stopped.is_passing() => Self::Stopped,
            Err(_) => Self::Failure,
        }
    }

    /// What the end of a run means that was finished before.
    pub(crate) fn of_finished(state: &State, totals: Totals) -> Self {
        Self::of_end(totals.rejected, totals.invalid, Self::is_known(state))
    }

    /// Whether it is known of every batch who was rejected.
    pub(crate) fn is_known(state: &State) -> bool {
        let is_known = |batch: &BatchState| {
            let is_whole = !matches!(
                batch.status,
                Status::Skipped | Status::Accepted { found: true, .. }
            );
            is_whole && batch.missing() == 0
        };
        state.batches.iter().all(is_known)
    }

    const fn of_end(rejected: u64, invalid: u64, is_known: bool) -> Self {
        if rejected == 0 && invalid == 0 && is_known {
            Self::Accepted
        } else {
            Self::Partial
        }
    }

    /// Its name in the JSON summary.
    pub(crate) const fn outcome(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Failure | Self::Usage => "failed",
            Self::Partial => "partial",
            Self::Stopped => "stopped",
            Self::InDoubt => "inDoubt",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use batchcast::ErrorKind;
    use batchcast::send::Failure;

    fn report(rejected: u64, invalid: u64) -> Report {
        let mut report = Report::default();
        (report.rejected, report.invalid) = (rejected, invalid);
        report
    }

    fn stopped(why: impl Into<Failure>, in_doubt: bool) -> Stopped {
        let mut report = report(1, 1);
        report.in_doubt = in_doubt.then_some(1..=2).into_iter().collect();
        let failure = why.into();
        let report = Box::new(report);
        Stopped { report, failure }
    }

    #[test]
    fn the_numbers_are_a_contract() {
        for (exit, number) in [
            (Exit::Accepted, 0),
            (Exit::Failure, 1),
            (Exit::Usage, 2),
            (Exit::Partial, 3),
            (Exit::Stopped, 4),
            (Exit::InDoubt, 5),
            (Exit::Interrupted, 130),
        ] {
            assert_eq!(exit as u8, number);
        }
    }

    #[test]
    fn every_end_has_its_code() {
        let interrupted = || FailureKind::Interrupted;
        let failed = || {
            FailureKind::Input(
                ErrorKind::LimitTooSmall {
                    max_bytes: 1,
                    needed: 2,
                }
                .into(),
            )
        };
        let passing = || FailureKind::Transport {
            step: "connecting",
            reason: "refused".to_owned(),
        };
        let found = || {
            let mut found = report(0, 0);
            found.found = 1;
            found
        };
        let skipped = || {
            let mut skipped = report(0, 0);
            skipped.skipped.push(1..=2);
            skipped
        };
        let missing = || {
            let mut missing = report(0, 0);
            missing.missing = 1;
            missing
        };
        // With a journal, and without.
        for (ended, exit, without) in [
            (Ok(report(0, 0)), Exit::Accepted, Exit::Accepted),
            (Ok(report(1, 0)), Exit::Partial, Exit::Partial),
            (Ok(report(0, 1)), Exit::Partial, Exit::Partial),
            (Ok(found()), Exit::Partial, Exit::Partial),
            (Ok(skipped()), Exit::Partial, Exit::Partial),
            (Ok(missing()), Exit::Partial, Exit::Partial),
            (Err(stopped(failed(), false)), Exit::Failure, Exit::Failure),
            (Err(stopped(passing(), false)), Exit::Stopped, Exit::Failure),
            (
                Err(stopped(interrupted(), false)),
                Exit::Interrupted,
                Exit::Interrupted,
            ),
            (Err(stopped(failed(), true)), Exit::InDoubt, Exit::InDoubt),
            (Err(stopped(passing(), true)), Exit::InDoubt, Exit::InDoubt),
            (
                Err(stopped(interrupted(), true)),
                Exit::InDoubt,
                Exit::InDoubt,
            ),
        ] {
            assert_eq!(Exit::of_send(&ended, true), exit, "{ended:?}");
            assert_eq!(Exit::of_send(&ended, false), without, "{ended:?}");
        }
    }
}
