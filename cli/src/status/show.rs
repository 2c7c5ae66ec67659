//! How a status is shown: a table that changes on a terminal, a line for each change elsewhere, JSON if asked for.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use batchcast::journal::State;
use batchcast::status::meaning;
use indicatif::HumanCount;
use serde::Serialize;

use super::Look;
use super::row::Row;
use crate::cost::Cost;
use crate::exit::Exit;
use crate::kept::quoted;
use crate::progress::Lines;
use crate::readable::{batches, count};
use crate::readback::Seen;
use crate::report::missing;
use crate::{clean, readback, table, terminal};

/// Where it is shown.
#[derive(Clone)]
pub(crate) struct Screen {
    /// Only on a terminal, and only to watch.
    table: Option<Lines>,
    watch: bool,
    json: bool,
    /// What was shown before.
    before: Arc<Mutex<Vec<Row>>>,
}

impl Screen {
    /// Nothing is shown yet.
    pub(crate) fn new(watch: bool, json: bool) -> Self {
        Self {
            table: (watch && !json).then(Lines::new).flatten(),
            watch,
            json,
            before: Arc::default(),
        }
    }

    /// Shows how it is now, if it is watched.
    pub(crate) fn round(&self, rows: &[Row]) -> Result<()> {
        if !self.watch {
            return Ok(());
        }
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = &self.table {
            table.set(&changing(rows, Lines::room()));
        } else {
            for (at, row) in rows.iter().enumerate() {
                if before.get(at) == Some(row) {
                    continue;
                }
                if self.json {
                    terminal::json(&row.json())?;
                } else {
                    terminal::note(&format!("batchcast: {}", row.told()));
                }
            }
        }
        *before = rows.to_vec();
        Ok(())
    }

    /// Takes the changing table away.
    pub(crate) fn finish(&self) {
        if let Some(table) = &self.table {
            table.finish();
        }
    }

    /// Tells how it was when it was looked at last, and how that ended.
    pub(crate) fn tell(&self, look: &Look, journal: Option<&Path>, exit: Exit) -> Result<()> {
        let Look { rows, seen } = look;
        if self.json {
            if !self.watch {
                rows.iter()
                    .try_for_each(|row| terminal::json(&row.json()))?;
            }
            let state = seen.as_ref().map(|seen| &seen.state);
            terminal::json(&StatusLine::of(rows, state, exit))?;
            return Ok(());
        }
        let cells: Vec<_> = rows.iter().map(Row::cells).collect();
        for line in table::lines(Row::HEADER, &cells) {
            terminal::result(&line)?;
        }
        for line in summary(rows, seen.as_ref(), journal) {
            terminal::result(&line)?;
        }
        Ok(())
    }
}

/// The batches that still change, and of the others as many as there is room for.
fn changing(rows: &[Row], (lines, columns): (usize, usize)) -> Vec<String> {
    // Beside an empty line, the header, and the line that says that there are more.
    let room = lines.saturating_sub(2);
    let room = room - usize::from(rows.len() > room).min(room);
    let mut shown: Vec<_> = (0..rows.len())
        .filter(|&at| rows[at].is_on_its_way())
        .take(room)
        .collect();
    let room = room - shown.len();
    let others = (0..rows.len()).rev();
    shown.extend(others.filter(|&at| !rows[at].is_on_its_way()).take(room));
    shown.sort_unstable();
    let cells: Vec<_> = shown.iter().map(|&at| rows[at].cells()).collect();
    // Where a terminal echoes Ctrl-C all moves up by a line, and the first one stays.
    let mut lines = vec![String::new()];
    lines.extend(table::lines_within(
        columns,
        &Row::DISPENSABLE,
        Row::HEADER,
        &cells,
    ));
    let left = rows.len() - shown.len();
    if left > 0 {
        lines.push(format!(
            "and {}",
            count(left as u64, "batch more", "batches more")
        ));
    }
    lines
}

/// What it means. In doubt outranks all else, and what is not at its end outranks what was lost on the way.
pub(crate) fn exit(Look { rows, seen }: &Look) -> Exit {
    let state = seen.as_ref().map(|seen| &seen.state);
    let is_open = |state: &State| !state.finished;
    let invalid = state.and_then(readback::invalid);
    if rows.iter().any(Row::is_in_doubt) {
        Exit::InDoubt
    } else if state.is_some_and(is_open) || rows.iter().any(Row::is_on_its_way) {
        Exit::Stopped
    } else if state.is_none() && rows.iter().any(Row::is_unknown) {
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
    unknown: u64,
    in_doubt: u64,
    skipped: u64,
    found: u64,
    delivered: u64,
    sent: u64,
    queued: u64,
    failed: u64,
    rejected: u64,
    /// Messages that the server has not taken, by the sizes that it gave its batches.
    missing: u64,
    /// The rejected ones of batches that are completed.
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
            sums.unknown += u64::from(row.is_unknown());
            sums.in_doubt += u64::from(row.is_in_doubt());
            sums.found += u64::from(row.is_found());
            if row.is_skipped() {
                sums.skipped += 1;
                sums.messages_of_skipped += row.messages();
            }
            sums.rejected += row.rejected();
            sums.missing += row.missing();
            if row.is_completed() {
                sums.rejected_of_completed += row.rejected();
            }
            sums.cost += row.cost().unwrap_or_default();
            let Some(counts) = row.statuses() else {
                continue;
            };
            // What a server says need not add up.
            let count = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
            count(&mut sums.delivered, counts.delivered.count);
            count(&mut sums.sent, counts.sent.count);
            count(&mut sums.queued, counts.queued.count);
            count(&mut sums.failed, counts.failed());
            for failed in [&counts.sending_failed, &counts.delivery_failed] {
                for (code, &number) in &failed.error_code_counts {
                    count(sums.error_codes.entry(code.clone()).or_default(), number);
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
        (sums.unknown, "not known to the server"),
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
    if sums.missing > 0 {
        lines.push(missing(sums.missing));
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
