//! Who has opted out since a run was begun: asked anew by each process that goes on with it.
//!
//! What was sent is told from what was not by making it again, so for each batch those count as opted out who did when it
//! was made. The opt-outs of the run's begin are kept beside its journal. Each further process keeps there those that came
//! since, in a list of their own, and then writes into the journal how many such lists there are; only then it sends. A list
//! that the journal does not count is left over by a process that died in between: it is as good as not there.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, Write as _};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use batchcast::PhoneNumber;
use batchcast::input::Format;
use batchcast::journal::State;
use batchcast::screen::{NumberSet, Screen};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{suppress, whole};

/// What a further process says of itself in the journal.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
struct Remembered {
    /// How many lists of later opt-outs count for what it makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    opt_outs: Option<u64>,
}

/// The later opt-outs of a run that is gone on with.
#[derive(Debug, Clone)]
pub(crate) struct Since {
    journal: PathBuf,
    /// How many lists of them there are.
    lists: u64,
    /// The records of the batches that are not made anew, and how many of the lists counted then; in ascending order.
    sent: Vec<(RangeInclusive<u64>, u64)>,
    /// An earlier process has asked for them.
    pub(crate) is_wanted: bool,
}

impl Since {
    /// As the journal has it.
    pub(crate) fn of_journal(journal: &Path, state: &State) -> Self {
        let remembered = |application: &Map<String, Value>| {
            let value = Value::Object(application.clone());
            let remembered: Remembered = serde_json::from_value(value).unwrap_or_default();
            remembered.opt_outs
        };
        let processes: Vec<_> = state.resumes.iter().map(remembered).collect();
        let lists_of = |process: u64| {
            let further = usize::try_from(process).ok()?.checked_sub(1)?;
            *processes.get(further)?
        };
        let sent = state.held().into_iter().map(|held| {
            let records = held.batch.first.record..=held.batch.last.record;
            (records, lists_of(held.process).unwrap_or(0))
        });
        Self {
            journal: journal.to_owned(),
            lists: processes.iter().flatten().copied().max().unwrap_or(0),
            sent: sent.collect(),
            is_wanted: processes.iter().any(Option::is_some),
        }
    }

    /// Where the opt-outs of the run's begin are.
    pub(crate) fn first_list(&self) -> PathBuf {
        first_list_of(&self.journal)
    }

    /// Where the lists of opt-outs are, and where the next one would be.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let later = (1..=self.lists + 1).map(|list| list_of(&self.journal, list));
        [self.first_list()].into_iter().chain(later)
    }

    /// The lists that are kept, in their order.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub(crate) fn read(&self, from: PhoneNumber) -> Result<Vec<NumberSet>> {
        let read = |list| {
            let mut numbers = NumberSet::new();
            suppress::read(&list_of(&self.journal, list), from, None, &mut numbers)?;
            Ok(numbers)
        };
        (1..=self.lists).map(read).collect()
    }

    /// Of the API's `opt_outs`, gives those who are in none of the `known`.
    ///
    /// # Errors
    /// If the opt-outs cannot be read.
    pub(crate) fn sift(
        &self,
        opt_outs: &File,
        from: PhoneNumber,
        known: &[&NumberSet],
    ) -> Result<(NumberSet, Sifted)> {
        let mut numbers = NumberSet::new();
        let mut rows = BufWriter::new(tempfile::tempfile()?);
        let mut written = Ok(());
        suppress::read_from(
            opt_outs,
            |_| Format::Csv,
            from,
            None,
            |number| {
                let is_new = !known.iter().any(|known| known.contains(number));
                if is_new && numbers.insert(number) && written.is_ok() {
                    written = writeln!(rows, "{}", number.as_str());
                }
            },
        )?;
        written?;
        let rows = rows.into_inner().map_err(io::IntoInnerError::into_error)?;
        let count = numbers.len();
        let list = self.lists + u64::from(count > 0);
        Ok((numbers, Sifted { count, rows, list }))
    }

    /// The screen that passes over these later opt-outs as well, list by list, wherever they counted, or count now.
    pub(crate) fn screen(&self, mut screen: Screen, lists: Vec<NumberSet>) -> Screen {
        for (list, numbers) in (1..).zip(lists) {
            let mut before: Vec<RangeInclusive<u64>> = Vec::new();
            for (records, _) in self.sent.iter().filter(|&&(_, lists)| lists < list) {
                match before.last_mut() {
                    // Batches that follow one another without a gap are as good as one.
                    Some(last) if last.end() + 1 == *records.start() => {
                        *last = *last.start()..=*records.end();
                    }
                    _ => before.push(records.clone()),
                }
            }
            screen = screen.suppress_since(numbers, before);
        }
        screen
    }
}

/// Those who have opted out since the last process asked.
#[derive(Debug)]
pub(crate) struct Sifted {
    count: u64,
    rows: File,
    /// How many lists there are with this one, if it has anybody.
    list: u64,
}

impl Sifted {
    /// Keeps them beside the journal, and gives what the journal has to say of it. When this returns, they are on disk.
    ///
    /// # Errors
    /// If they cannot be kept.
    pub(crate) fn keep(mut self, journal: &Path) -> Result<Map<String, Value>> {
        if self.count > 0 {
            keep(&mut self.rows, &list_of(journal, self.list))?;
        }
        let opt_outs = Some(self.list);
        match serde_json::to_value(Remembered { opt_outs })? {
            Value::Object(application) => Ok(application),
            other => anyhow::bail!("what a process says of itself is an object, not {other}"),
        }
    }
}

/// Where the opt-outs of a run's begin are kept.
pub(crate) fn first_list_of(journal: &Path) -> PathBuf {
    let mut path = journal.as_os_str().to_owned();
    path.push(".opt-outs");
    path.into()
}

fn list_of(journal: &Path, list: u64) -> PathBuf {
    let mut path = first_list_of(journal).into_os_string();
    path.push(format!(".{list}"));
    path.into()
}

/// Keeps opt-outs in a file that only its owner can read, and that is there as a whole or not at all. When this returns, it
/// and its name are on disk.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn keep(opt_outs: &mut File, path: &Path) -> Result<()> {
    let mut keep = || -> io::Result<()> {
        let directory = whole::directory(path);
        let mut kept = whole::new_in(&tempfile::Builder::new(), directory)?;
        opt_outs.rewind()?;
        io::copy(opt_outs, kept.as_file_mut())?;
        kept.as_file().sync_all()?;
        kept.persist(path).map_err(|error| error.error)?;
        // Elsewhere a directory cannot be opened like a file.
        #[cfg(unix)]
        File::open(directory)?.sync_all()?;
        Ok(())
    };
    keep().with_context(|| format!("cannot keep the opt-outs in {}", path.display()))
}
