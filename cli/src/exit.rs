//! What the program's exit code says.

use std::process::ExitCode;

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
    /// Nobody knows whether a batch was accepted: a person has to look.
    InDoubt = 5,
    /// It was interrupted, and stopped cleanly.
    Interrupted = 130,
}

impl Exit {
    /// What a send's end means.
    pub(crate) fn of_send(ended: &Result<Report, Stopped>) -> Self {
        match ended {
            Ok(report) if report.rejected == 0 && report.invalid == 0 => Self::Accepted,
            Ok(_) => Self::Partial,
            // In doubt outranks all else: it is what must not be overlooked.
            Err(stopped) if stopped.report.in_doubt.is_some() => Self::InDoubt,
            Err(stopped) if matches!(stopped.failure.kind(), FailureKind::Interrupted) => {
                Self::Interrupted
            }
            Err(_) => Self::Failure,
        }
    }

    /// Its name in the JSON summary.
    pub(crate) const fn outcome(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Failure | Self::Usage => "failed",
            Self::Partial => "partial",
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
        report.in_doubt = in_doubt.then_some(1..=2);
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
        for (ended, exit) in [
            (Ok(report(0, 0)), Exit::Accepted),
            (Ok(report(1, 0)), Exit::Partial),
            (Ok(report(0, 1)), Exit::Partial),
            (Err(stopped(failed(), false)), Exit::Failure),
            (Err(stopped(interrupted(), false)), Exit::Interrupted),
            (Err(stopped(failed(), true)), Exit::InDoubt),
            (Err(stopped(interrupted(), true)), Exit::InDoubt),
        ] {
            assert_eq!(Exit::of_send(&ended), exit, "{ended:?}");
        }
    }
}
