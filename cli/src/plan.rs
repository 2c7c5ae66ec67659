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

use anyhow::{Context as _, Result};

pub(crate) use self::quote::{Price, Rate};
use self::survey::{Keep, Survey};
use crate::args::PlanArgs;
use crate::config::List;
use crate::exit::Exit;
use crate::input::Source;
use crate::progress::Progress;
use crate::records::{InvalidLine, RecordsFile};
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
    signals::quit_after(|| ()).context("cannot listen for signals")?;

    let keep = Keep {
        all_batches: args.json,
        duplicates: true,
    };
    let progress = Progress::new(source.size);
    let survey = Survey::of(&list, source, keep, Some(&progress), |invalid| {
        if let Some(file) = &mut file {
            file.write(&InvalidLine::of(&invalid))?;
        }
        if list.stop_on_invalid {
            return Err(invalid.error.into());
        }
        Ok(())
    });
    progress.finish();
    if let Some(file) = &mut file {
        file.flush()?;
    }
    let survey = survey?;

    let (price, rate) = (args.price.as_ref(), args.rate.as_ref());
    let written = if args.json {
        terminal::json(&json::Plan::of(&survey, &list, price, rate))
    } else {
        let invalid = file.as_ref().map(RecordsFile::path);
        let lines = human::lines(&survey, &list, price, rate, invalid);
        lines.iter().try_for_each(|line| terminal::result(line))
    };
    written.context("cannot write the plan to standard output")?;
    Ok(if survey.invalid.count() == 0 {
        Exit::Accepted
    } else {
        Exit::Partial
    })
}

/// A list in a few numbers, for whoever is asked whether it is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

/// The headline of a list that is a file. `None` if it is not, because it could be read only once.
///
/// It takes about as long as encoding the list. Numbers that come more than once are not looked for.
///
/// # Errors
/// If the list cannot be read.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the question before a send shows it")
)]
pub(crate) fn headline(list: &List) -> Result<Option<Headline>> {
    if list.file.is_none() {
        return Ok(None);
    }
    let source = Source::open(list)?;
    let is_file = source
        .metadata
        .as_ref()
        .is_some_and(std::fs::Metadata::is_file);
    if !is_file {
        return Ok(None);
    }
    let keep = Keep {
        all_batches: false,
        duplicates: false,
    };
    let survey = Survey::of(list, source, keep, None, |_| Ok(()))?;
    Ok(Some(Headline {
        recipients: survey.batches.messages,
        batches: survey.batches.count,
        bytes: survey.batches.bytes,
        segments: survey.texts.segments(),
        invalid: survey.invalid.count(),
    }))
}

#[cfg(test)]
mod tests {
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
        let found = headline(&list(path.to_str().unwrap(), &more))
            .unwrap()
            .unwrap();
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
        assert_eq!(headline(&list("-", &[])).unwrap(), None);
    }
}
