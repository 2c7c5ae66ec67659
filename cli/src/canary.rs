//! The canary: what is shown of it, and who decides whether the rest goes.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use anyhow::Result;
use batchcast::send::{Approval, Canary};
use batchcast::status::meaning;
use indicatif::HumanCount;
use serde::Serialize;

use crate::args::CareArgs;
use crate::ask::Person;
use crate::fail::Usage;
use crate::quantity::Share;
use crate::readable::count;
use crate::watch::Watch;
use crate::{clean, terminal};

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Care {
    /// How many messages go ahead.
    pub(crate) canary: Option<NonZeroU64>,
    /// Nobody is to be asked.
    pub(crate) yes: bool,
    max_failed: Option<Share>,
    /// All of the canary was sent by an earlier process, and the word to go on is this one.
    is_behind: bool,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
enum Verdict {
    GoOn(String),
    Stop(String),
    Ask,
}

impl Care {
    /// That of a send.
    pub(crate) fn of_send(canary: Option<NonZeroU64>, args: CareArgs) -> Result<Self> {
        if canary.is_none() && args.max_failed.is_some() {
            return Err(Usage::error(
                "--max-failed is about what goes ahead: give --canary N as well",
            ));
        }
        Ok(Self::new(canary, args, false))
    }

    /// That of a run which is gone on with, of which so many messages are `held` already.
    pub(crate) fn of_resume(canary: Option<NonZeroU64>, held: u64, args: CareArgs) -> Self {
        // Nothing is sent behind a canary that is not approved.
        let pending = canary.filter(|canary| held <= canary.get());
        let is_behind = pending.is_some_and(|canary| held == canary.get());
        Self::new(pending, args, is_behind)
    }

    const fn new(canary: Option<NonZeroU64>, args: CareArgs, is_behind: bool) -> Self {
        Self {
            canary,
            yes: args.yes,
            max_failed: args.max_failed,
            is_behind,
        }
    }

    /// Sees to it that there is somebody, or something, to decide behind the canary.
    ///
    /// # Errors
    /// If there is not.
    pub(crate) fn check(&self, person: Option<&Person>) -> Result<()> {
        if self.canary.is_none() || self.yes || self.max_failed.is_some() || person.is_some() {
            return Ok(());
        }
        Err(Usage::error(if self.is_behind {
            "the canary of the run was sent, and nobody has said that the rest may go: --yes says so, \
             --max-failed N|N% looks at the canary first; on a terminal you are asked"
        } else {
            "--canary: nobody can be asked here whether to go on behind it: --yes goes on if nothing has \
             failed, --max-failed N|N% if no more has failed"
        }))
    }

    fn verdict(&self, canary: &Canary) -> Verdict {
        let failed = canary.rejected + canary.failed + canary.unknown;
        let of_all = || {
            format!(
                "{} of {} failed",
                HumanCount(failed),
                HumanCount(canary.messages)
            )
        };
        match self.max_failed {
            Some(most) if most.is_exceeded(failed, canary.messages) => {
                Verdict::Stop(format!("{}, more than {most}: stopping", of_all()))
            }
            Some(most) => Verdict::GoOn(format!("{}, no more than {most}: going on", of_all())),
            None if self.yes && (failed == 0 || self.is_behind) => {
                Verdict::GoOn("going on".to_owned())
            }
            None => Verdict::Ask,
        }
    }

    /// Shows what became of the canary, and decides, or lets somebody decide.
    pub(crate) async fn decide(
        self,
        canary: Canary,
        person: Option<Person>,
        watch: Arc<Watch>,
    ) -> Approval {
        let verdict = self.verdict(&canary);
        watch.progress.pause();
        let lines = lines(&canary, &watch.notes().reject_codes);
        let approval = match verdict {
            Verdict::GoOn(why) => {
                lines.iter().for_each(|line| terminal::note(line));
                terminal::note(&format!("batchcast: canary: {why}"));
                Approval::GoOn
            }
            Verdict::Stop(why) => {
                lines.iter().for_each(|line| terminal::error(line));
                terminal::error(&format!("batchcast: canary: {why}"));
                Approval::Stop
            }
            Verdict::Ask => match &person {
                Some(person) => {
                    lines.iter().for_each(|line| person.tell(line));
                    if person.agrees("Send the rest?").await {
                        Approval::GoOn
                    } else {
                        Approval::Stop
                    }
                }
                None => {
                    lines.iter().for_each(|line| terminal::error(line));
                    terminal::error("batchcast: canary: not all of it went well: stopping");
                    Approval::Stop
                }
            },
        };
        watch.progress.go_on();
        if watch.json {
            let line = CanaryLine::of(&canary, approval);
            // What cannot be written is found by the next line, and by the summary.
            let _ = terminal::json(&line);
        }
        approval
    }
}

/// What became of it, for people.
fn lines(canary: &Canary, rejects: &BTreeMap<String, u64>) -> Vec<String> {
    let mut line = format!("Canary: {}", count(canary.messages, "message", "messages"));
    let told = [
        (canary.delivered, "delivered"),
        (canary.sent, "sent"),
        (canary.queued, "queued"),
        (canary.rejected, "rejected"),
        (canary.failed, "failed"),
        (canary.unknown, "unknown"),
    ];
    for (at, (number, what)) in told.iter().filter(|(number, _)| *number > 0).enumerate() {
        let mark = if at == 0 { ":" } else { "," };
        line += &format!("{mark} {} {what}", HumanCount(*number));
    }
    let mut lines = vec![line];
    for (what, codes) in [("rejected", rejects), ("failed", &canary.failures)] {
        let mut codes: Vec<_> = codes.iter().collect();
        codes.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
        let line = |(code, number): (&String, &u64)| {
            let meaning = meaning(code).unwrap_or("a code that the API's guide does not name");
            let code = clean::short(code);
            format!("  {what}: {} {code} ({meaning})", HumanCount(*number))
        };
        lines.extend(codes.into_iter().map(line));
    }
    lines
}

/// The same in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CanaryLine<'c> {
    event: &'static str,
    ids: &'c [String],
    messages: u64,
    rejected: u64,
    delivered: u64,
    sent: u64,
    queued: u64,
    failed: u64,
    unknown: u64,
    failures: &'c BTreeMap<String, u64>,
    goes_on: bool,
}

impl<'c> CanaryLine<'c> {
    fn of(canary: &'c Canary, approval: Approval) -> Self {
        Self {
            event: "canary",
            ids: &canary.ids,
            messages: canary.messages,
            rejected: canary.rejected,
            delivered: canary.delivered,
            sent: canary.sent,
            queued: canary.queued,
            failed: canary.failed,
            unknown: canary.unknown,
            failures: &canary.failures,
            goes_on: approval == Approval::GoOn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canary(rejected: u64, failed: u64, unknown: u64) -> Canary {
        let mut canary = Canary::default();
        (canary.messages, canary.rejected) = (100, rejected);
        (canary.failed, canary.unknown) = (failed, unknown);
        canary
    }

    fn care(yes: bool, max_failed: Option<&str>, is_behind: bool) -> Care {
        let max_failed = max_failed.map(|share| share.parse().unwrap());
        let args = CareArgs { yes, max_failed };
        Care::new(NonZeroU64::new(100), args, is_behind)
    }

    #[test]
    fn every_word_is_kept() {
        let verdict = |care: Care, canary| match care.verdict(&canary) {
            Verdict::GoOn(_) => "go on",
            Verdict::Stop(_) => "stop",
            Verdict::Ask => "ask",
        };
        let (well, badly) = (|| canary(0, 0, 0), || canary(2, 2, 2));
        for (care, well_then, badly_then) in [
            (care(false, None, false), "ask", "ask"),
            (care(true, None, false), "go on", "ask"),
            (care(true, None, true), "go on", "go on"),
            (care(false, Some("6"), false), "go on", "go on"),
            (care(true, Some("5%"), false), "go on", "stop"),
            (care(true, Some("5"), true), "go on", "stop"),
        ] {
            assert_eq!(verdict(care, well()), well_then, "{care:?}");
            assert_eq!(verdict(care, badly()), badly_then, "{care:?}");
        }
    }

    #[test]
    fn an_approved_canary_is_not_asked_about_again() {
        let args = || CareArgs {
            yes: false,
            max_failed: None,
        };
        let pending = |held| Care::of_resume(NonZeroU64::new(10), held, args());
        assert!(pending(5).canary.is_some() && !pending(5).is_behind);
        assert!(pending(10).canary.is_some() && pending(10).is_behind);
        assert!(pending(11).canary.is_none());
        assert!(pending(10).check(None).is_err() && pending(11).check(None).is_ok());
    }

    #[test]
    fn failures_are_shown_by_code() {
        let mut canary = canary(3, 3, 0);
        canary.delivered = 94;
        canary.failures = [("SMS-CAR-999".to_owned(), 1), ("SMS-UP-430".to_owned(), 2)].into();
        let rejects = [("SMS-RC-410".to_owned(), 3)].into();
        assert_eq!(
            lines(&canary, &rejects),
            [
                "Canary: 100 messages: 94 delivered, 3 rejected, 3 failed",
                "  rejected: 3 SMS-RC-410 (The number is not one that messages can be sent to)",
                "  failed: 2 SMS-UP-430 (The gateway took the message for spam)",
                "  failed: 1 SMS-CAR-999 (a code that the API's guide does not name)",
            ]
        );
    }
}
