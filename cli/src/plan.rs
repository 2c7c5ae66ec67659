//! `batchcast plan`: what would be sent, and what it would take, without a network.

mod characters;
mod duplicates;
mod faults;
mod human;
mod json;
mod layout;
mod quote;
mod survey;
mod texts;

use std::fs;

use anyhow::{Context as _, Result, bail};
use batchcast::screen::MaxInvalid;
use indicatif::HumanCount;

pub(crate) use self::quote::{Price, Rate};
pub(crate) use self::survey::Cut;
use self::survey::{Aside, Keep, Survey};
use crate::args::PlanArgs;
use crate::config::List;
use crate::exit::Exit;
use crate::input::Source;
use crate::progress::Progress;
use crate::readable::{batches, bytes, count, recipients};
use crate::records::{InvalidLine, PassedOverLine, RecordsFile};
use crate::{signals, terminal};

/// Runs the command.
///
/// # Errors
/// If the list cannot be read, or the plan cannot be written.
pub(crate) fn run(args: PlanArgs) -> Result<Exit> {
    let list = List::resolve(args.list)?;
    let source = Source::open(&list)?;
    let mut file = RecordsFile::create(
        "--invalid",
        list.invalid.as_deref(),
        source.metadata.as_ref(),
        &[],
    )?;
    let path = list.screen.passed_over.as_deref();
    let metadata = source.metadata.as_ref();
    let mut passed_over = RecordsFile::create("--passed-over", path, metadata, &[&file])?;
    let screen = list.screen.offline(list.envelope.from(), list.region)?;
    signals::quit_after(|| ()).context("cannot listen for signals")?;

    let keep = Keep {
        all_batches: args.json,
        duplicates: true,
    };
    let progress = Progress::new(source.size, source.consumed.clone(), list.screen.limit);
    let cut = Cut {
        screen,
        canary: None,
    };
    let survey = Survey::of(&list, source, cut, keep, Some(&progress), |aside| {
        match aside {
            Aside::PassedOver {
                position,
                to,
                reason,
            } => {
                if let Some(file) = &mut passed_over {
                    file.write(&PassedOverLine::of(position, to, reason))?;
                }
            }
            Aside::Invalid(invalid) => {
                if let Some(file) = &mut file {
                    file.write(&InvalidLine::of(&invalid))?;
                }
                if list.stop_on_invalid {
                    return Err(invalid.error.into());
                }
            }
        }
        Ok(())
    });
    progress.finish();
    for file in [&mut file, &mut passed_over].into_iter().flatten() {
        file.flush()?;
    }
    let mut survey = survey?;
    if list.screen.asks_api() {
        survey.warnings.push(
            "who has opted out at the API is counted as all others are: a plan uses no network (--suppress FILE takes what \
             'batchcast opt-outs --out FILE' has written)"
                .to_owned(),
        );
    }
    let files = [&mut file, &mut passed_over];
    files.into_iter().flatten().for_each(RecordsFile::keep);

    let (price, rate) = (args.price.as_ref(), args.rate.as_ref());
    let written = if args.json {
        terminal::json(&json::Plan::of(&survey, &list, price, rate))
    } else {
        let invalid = file.as_ref().map(RecordsFile::path);
        let lines = human::lines(&survey, &list, price, rate, invalid);
        lines.iter().try_for_each(|line| terminal::result(line))
    };
    written?;
    // Only now: what is wrong with the list is in the plan.
    check_invalid(&survey, list.screen.max_invalid)?;
    Ok(if survey.invalid.count() == 0 {
        Exit::Accepted
    } else {
        Exit::Partial
    })
}

/// A send would give up a list of which too much is invalid.
fn check_invalid(survey: &Survey, most: Option<MaxInvalid>) -> Result<()> {
    let invalid = survey.invalid.count();
    let records = survey.batches.messages + invalid + survey.passed_over.total();
    if let Some(most) = most
        && most.is_exceeded_at_end(invalid, records)
    {
        bail!("{invalid} of {records} records are invalid, and --max-invalid lets {most} pass");
    }
    Ok(())
}

/// A list in a few numbers, for whoever is asked whether it is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Headline {
    /// How many messages would be sent.
    pub(crate) recipients: u64,
    /// In how many batches.
    pub(crate) batches: u64,
    /// How many bytes these have in all.
    pub(crate) bytes: u64,
    /// How many SMS it would be.
    pub(crate) segments: u64,
    /// How many records cannot be sent.
    pub(crate) invalid: u64,
    /// How many records are passed over.
    pub(crate) passed_over: u64,
    /// What is likely not meant so.
    pub(crate) warnings: Vec<String>,
}

impl Headline {
    /// For people, without a number or a text.
    pub(crate) fn line(&self) -> String {
        let mut line = format!(
            "{} in {} ({}), {} SMS",
            recipients(self.recipients),
            batches(self.batches),
            bytes(self.bytes),
            HumanCount(self.segments),
        );
        if self.invalid > 0 {
            let records = count(self.invalid, "record", "records");
            line += &format!("; {records} cannot be sent");
        }
        if self.passed_over > 0 {
            line += &format!("; {} passed over", HumanCount(self.passed_over));
        }
        line
    }
}

/// The headline of a list that is a file. `None` if it is not, because it could be read only once.
///
/// It takes about as long as encoding the list. Numbers that come
/// more than once are looked for only if that is its task.
///
/// # Errors
/// If the list cannot be read.
pub(crate) fn headline(list: &List, cut: Cut) -> Result<Option<Headline>> {
    // A pipe that has a name is not opened once more: its writer may have gone, and another one would be waited for.
    let metadata = list.file.as_ref().and_then(|path| fs::metadata(path).ok());
    if !metadata.is_some_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let source = Source::open(list)?;
    let keep = Keep {
        all_batches: false,
        duplicates: false,
    };
    let survey = Survey::of(list, source, cut, keep, None, |_| Ok(()))?;
    Ok(Some(Headline {
        recipients: survey.batches.messages,
        batches: survey.batches.count,
        bytes: survey.batches.bytes,
        segments: survey.texts.segments(),
        invalid: survey.invalid.count(),
        passed_over: survey.passed_over.total(),
        warnings: survey.warnings,
    }))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use batchcast::screen::Screen;
    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    fn list(file: &str, more: &[&str]) -> List {
        let typed = [
            "batchcast",
            "plan",
            "--from",
            "+16505550100",
            "--text",
            "Hi",
            file,
        ];
        match Args::parse_from(typed.iter().chain(more)).command {
            Command::Plan(args) => List::resolve(args.list).unwrap(),
            _ => unreachable!(),
        }
    }

    #[test]
    fn a_file_has_a_headline_and_what_is_read_once_has_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("list.txt");
        let numbers = "+14155550100\nnobody\n+14155550101\n+14155550100\n";
        std::fs::write(&path, numbers).unwrap();
        // A record that would stop the send is only counted here.
        let more = ["--max-messages", "2", "--on-invalid", "stop"];
        let cut = |canary| Cut {
            screen: Screen::new(),
            canary: NonZeroU64::new(canary),
        };
        let list_of = || list(path.to_str().unwrap(), &more);
        let found = headline(&list_of(), cut(0)).unwrap().unwrap();
        assert_eq!(found.bytes, 96 + 72);
        assert_eq!(
            (
                found.recipients,
                found.batches,
                found.segments,
                found.invalid
            ),
            (3, 2, 3, 1)
        );
        // The canary's batch is one of its own.
        for (canary, batches) in [(1, 2), (2, 2), (3, 2), (9, 2)] {
            let found = headline(&list_of(), cut(canary)).unwrap().unwrap();
            assert_eq!((found.recipients, found.batches), (3, batches), "{canary}");
        }
        std::fs::write(&path, "+14155550100\n+14155550101\n").unwrap();
        let found = headline(&list_of(), cut(1)).unwrap().unwrap();
        assert_eq!((found.recipients, found.batches), (2, 2));
        assert_eq!(headline(&list("-", &[]), cut(0)).unwrap(), None);
    }
}
