//! How a status is shown: a table that changes on a terminal, a line for each change elsewhere, JSON if asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use batchcast::journal::State;
use batchcast::status::meaning;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::row::Row;
use crate::cost::Cost;
use crate::exit::Exit;
use crate::kept::quoted;
use crate::progress::{batches, count};
use crate::readback::Seen;
use crate::{clean, readback, table, terminal};

/// How many batches of a changing table are shown: it must not be taller than a terminal.
const SHOWN: usize = 16;

/// Where it is shown.
#[derive(Clone)]
pub(crate) struct Screen {
    /// Only on a terminal, and only to watch.
    bar: Option<ProgressBar>,
    watch: bool,
    json: bool,
    before: Arc<Mutex<Before>>,
}

/// What was shown before.
#[derive(Default)]
struct Before {
    rows: Vec<Row>,
    journal: Option<PathBuf>,
}

impl Screen {
    /// Nothing is shown yet.
    pub(crate) fn new(watch: bool, json: bool) -> Self {
        let bar = (watch && !json).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            bar: bar.filter(|bar| !bar.is_hidden()),
            watch,
            json,
            before: Arc::default(),
        }
    }

    /// Shows a line beside it.
    pub(crate) fn note(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(clean::line(&format!("batchcast: {line}"))),
            None => terminal::note(&format!("batchcast: {line}")),
        }
    }

    /// The journal that is watched.
    pub(crate) fn path(&self, path: Option<&Path>) {
        self.before().journal = path.map(Path::to_owned);
    }

    /// Shows how it is now, if it is watched.
    pub(crate) fn round(&self, rows: &[Row]) -> Result<()> {
        if !self.watch {
            return Ok(());
        }
        let mut before = self.before();
        if let Some(bar) = &self.bar {
            bar.set_message(changing(rows));
            bar.tick();
        } else {
            for (at, row) in rows.iter().enumerate() {
                if before.rows.get(at) == Some(row) {
                    continue;
                }
                if self.json {
                    terminal::json(&row.json())?;
                } else {
                    terminal::note(&format!("batchcast: {}", row.told()));
                }
            }
        }
        before.rows = rows.to_vec();
        Ok(())
    }

    /// Takes the changing table away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Tells how it is in the end.
    pub(crate) fn tell(&self, rows: &[Row], seen: Option<&Seen>) -> Result<Exit> {
        let state = seen.map(|seen| &seen.state);
        let exit = exit(rows, state);
        if self.json {
            if !self.watch {
                rows.iter()
                    .try_for_each(|row| terminal::json(&row.json()))?;
            }
            terminal::json(&StatusLine::of(rows, state, exit))?;
            return Ok(exit);
        }
        let cells: Vec<_> = rows.iter().map(Row::cells).collect();
        for line in table::lines(Row::HEADER, &cells) {
            terminal::result(&line)?;
        }
        let journal = self.before().journal.clone();
        for line in summary(rows, seen, journal.as_deref()) {
            terminal::result(&line)?;
        }
        Ok(exit)
    }

    fn before(&self) -> MutexGuard<'_, Before> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The batches that still change, and of the others as many as there is room for.
fn changing(rows: &[Row]) -> String {
    let mut shown: Vec<_> = (0..rows.len())
        .filter(|&at| rows[at].is_on_its_way())
        .take(SHOWN)
        .collect();
    let room = SHOWN - shown.len();
    let others = (0..rows.len()).rev();
    shown.extend(others.filter(|&at| !rows[at].is_on_its_way()).take(room));
    shown.sort_unstable();
    let cells: Vec<_> = shown.iter().map(|&at| rows[at].cells()).collect();
    let mut lines = table::lines(Row::HEADER, &cells);
    let left = rows.len() - shown.len();
    if left > 0 {
        lines.push(format!(
            "and {}",
            count(left as u64, "batch more", "batches more")
        ));
    }
    let lines: Vec<_> = lines.iter().map(|line| clean::line(line)).collect();
    lines.join("\n")
}

/// What it means. In doubt outranks all else, and what is not at its end outranks what was lost on the way.
fn exit(rows: &[Row], state: Option<&State>) -> Exit {
    let is_open = |state: &State| !state.finished;
    let invalid = state.and_then(readback::invalid);
    if rows.iter().any(Row::is_in_doubt) {
        Exit::InDoubt
    } else if state.is_some_and(is_open) || rows.iter().any(Row::is_on_its_way) {
        Exit::Stopped
    } else if state.is_none() && rows.iter().any(Row::is_missing) {
        Exit::Failure
    } else if rows.iter().any(Row::is_partial) || invalid.is_some_and(|invalid| invalid > 0) {
        Exit::Partial
    } else {
        Exit::Accepted
    }
}

/// All counts together.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sums {
    completed: u64,
    on_their_way: u64,
    committed: u64,
    missing: u64,
    in_doubt: u64,
    skipped: u64,
    found: u64,
    delivered: u64,
    sent: u64,
    queued: u64,
    failed: u64,
    rejected: u64,
    /// Those of batches that are completed.
    #[serde(skip)]
    rejected_of_completed: u64,
    /// Those of batches that were left in doubt.
    #[serde(skip)]
    messages_of_skipped: u64,
    cost: Cost,
    error_codes: BTreeMap<String, u64>,
}

impl Sums {
    fn of(rows: &[Row]) -> Self {
        let mut sums = Self::default();
        for row in rows {
            sums.completed += u64::from(row.is_completed());
            sums.on_their_way += u64::from(row.is_on_its_way());
            sums.committed += u64::from(row.is_committed());
            sums.missing += u64::from(row.is_missing());
            sums.in_doubt += u64::from(row.is_in_doubt());
            sums.found += u64::from(row.is_found());
            if row.is_skipped() {
                sums.skipped += 1;
                sums.messages_of_skipped += row.messages();
            }
            sums.rejected += row.rejected();
            if row.is_completed() {
                sums.rejected_of_completed += row.rejected();
            }
            sums.cost += row.cost().unwrap_or_default();
            let Some(counts) = row.statuses() else {
                continue;
            };
            sums.delivered += counts.delivered.count;
            sums.sent += counts.sent.count;
            sums.queued += counts.queued.count;
            sums.failed += counts.failed();
            for count in [&counts.sending_failed, &counts.delivery_failed] {
                for (code, number) in &count.error_code_counts {
                    *sums.error_codes.entry(code.clone()).or_default() += number;
                }
            }
        }
        sums
    }
}

fn summary(rows: &[Row], seen: Option<&Seen>, journal: Option<&Path>) -> Vec<String> {
    let sums = Sums::of(rows);
    let state = seen.map(|seen| &seen.state);
    let mut lines = Vec::new();
    let mut told = format!("Completed: {}", batches(sums.completed));
    for (number, what) in [
        (sums.on_their_way, "on the way"),
        (sums.committed, "without an answer yet"),
        (sums.in_doubt, "in doubt"),
        (sums.missing, "not known to the server"),
    ] {
        if number > 0 {
            told += &format!(", {} {what}", HumanCount(number));
        }
    }
    lines.push(told);
    if sums.completed > 0 {
        lines.push(format!(
            "Messages of these: {} delivered, {} sent, {} queued, {} failed; {} rejected; cost {}",
            HumanCount(sums.delivered),
            HumanCount(sums.sent),
            HumanCount(sums.queued),
            HumanCount(sums.failed),
            HumanCount(sums.rejected_of_completed),
            sums.cost.amount(),
        ));
    }
    for (code, number) in &sums.error_codes {
        let meaning = meaning(code).unwrap_or("a code that the API's guide does not name");
        let code = clean::short(code);
        lines.push(format!("  {code}: {} ({meaning})", HumanCount(*number)));
    }
    let others = HumanCount(sums.rejected - sums.rejected_of_completed);
    match (others.0, sums.completed) {
        (0, _) => {}
        (_, 0) => lines.push(format!("Rejected: {others}")),
        _ => lines.push(format!("Rejected of the others: {others}")),
    }
    if sums.found > 0 {
        lines.push(format!(
            "{} found in the server's list: more may have been rejected there than is known",
            count(sums.found, "batch was", "batches were")
        ));
    }
    if sums.skipped > 0 {
        lines.push(format!(
            "Left in doubt: {} in {}: they may not have been sent",
            count(sums.messages_of_skipped, "message", "messages"),
            batches(sums.skipped)
        ));
    }
    let path = journal.map(quoted).unwrap_or_default();
    if let Some(invalid @ 1..) = state.and_then(readback::invalid) {
        lines.push(format!(
            "Invalid: {} ('batchcast report {path}' says which)",
            count(invalid, "record", "records")
        ));
    }
    match seen {
        Some(seen) if seen.is_at_work => {
            lines.push("The run is not finished: a process is at it".to_owned());
        }
        Some(seen) if !seen.state.finished => lines.push(format!(
            "The run is not finished: 'batchcast resume {path}' goes on with it"
        )),
        _ => {}
    }
    lines
}

/// The summary in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusLine {
    event: &'static str,
    outcome: &'static str,
    finished: Option<bool>,
    batches: usize,
    invalid: Option<u64>,
    #[serde(flatten)]
    sums: Sums,
}

impl StatusLine {
    fn of(rows: &[Row], state: Option<&State>, exit: Exit) -> Self {
        Self {
            event: "status",
            outcome: exit.outcome(),
            finished: state.map(|state| state.finished),
            batches: rows.len(),
            invalid: state.and_then(readback::invalid),
            sums: Sums::of(rows),
        }
    }
}
