//! Measures the budgets of the hot paths as ratios, several times over, and prints them as a table.
//!
//! A ratio is of two benches in the same run; runs follow one another, so that what else the machine does
//! falls on both of its sides. What is measured from end to end is taken from the newest result of
//! `benches/compare`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people"
)]

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs};

use anyhow::{Context as _, Result, bail};
use batchcast_bench_tools::machine::{Machine, date_and_commit};
use batchcast_bench_tools::stats::{median, median_and_range, ratios, short};
use batchcast_bench_tools::table::markdown;
use batchcast_bench_tools::{Comparison, criterion, newest_comparison, turns};
use serde::Serialize;

const USAGE: &str = "usage: benches/budgets [--runs N] [--out PATH]

  --runs N   how many runs, 5 unless told otherwise
  --out      where the result goes [default: benches/results/DATE-budgets.json]";

/// A budget that a bench measures.
#[derive(Debug, Clone, Copy, Serialize)]
struct Budget {
    what: &'static str,
    than: &'static str,
    /// How many times as fast it has to be.
    least: f64,
    #[serde(skip)]
    measured: Measured,
}

/// Where a budget is measured: what is compared, and with what.
#[derive(Debug, Clone, Copy)]
enum Measured {
    /// By `benches/budgets.rs`, where both take turns in one process.
    InTurns(&'static str, &'static str),
    /// By another bench, in a group of criterion's.
    ByCriterion(&'static str, &'static str, &'static str),
}

use Measured::{ByCriterion, InTurns};

const BUDGETS: &[Budget] = &[
    Budget {
        what: "lines → body",
        than: "serde_json writing what is parsed already",
        least: 4.0,
        measured: InTurns("lines", "serde_json, parsed before"),
    },
    Budget {
        what: "NDJSON → body",
        than: "serde_json, borrowed struct in, struct out",
        least: 5.0,
        measured: InTurns("ndjson/ascii", "serde_json"),
    },
    Budget {
        what: "NDJSON → body",
        than: "sonic-rs, the same",
        least: 3.0,
        measured: InTurns("ndjson/ascii", "sonic-rs"),
    },
    Budget {
        what: "NDJSON → body",
        than: "the floor: find lines, check UTF-8, copy",
        least: 0.7,
        measured: InTurns("ndjson/ascii", "floor"),
    },
    Budget {
        what: "CSV + template → body",
        than: "csv, format!, serde_json",
        least: 4.0,
        measured: ByCriterion("template", "template/csv", "csv, format!, serde_json"),
    },
];

/// A budget, and how well it was met: a ratio for each run.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    budget: Budget,
    ratios: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct Outcome {
    date: String,
    commit: String,
    command: String,
    machine: Machine,
    budgets: Vec<Row>,
}

fn main() -> Result<()> {
    let (runs, out) = options(env::args().skip(1))?;
    let (date, commit) = date_and_commit();
    let mut budgets: Vec<_> = BUDGETS
        .iter()
        .map(|&budget| Row {
            budget,
            ratios: Vec::new(),
        })
        .collect();
    for run in 1..=runs {
        eprintln!("run {run} of {runs}");
        measure(&mut budgets)?;
    }
    let machine = Machine::this(&["rustc"]);
    println!("{date}, {machine}, benches/budgets at {commit}\n");
    println!("{}", table(&budgets));
    let out = out.unwrap_or_else(|| format!("benches/results/{date}-budgets.json").into());
    let command = format!("benches/budgets --runs {runs}");
    let outcome = Outcome {
        date,
        commit,
        command,
        machine,
        budgets,
    };
    fs::write(&out, serde_json::to_string_pretty(&outcome)? + "\n")?;
    eprintln!("written to {}", out.display());
    Ok(())
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<(usize, Option<PathBuf>)> {
    let (mut runs, mut out) = (5, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--runs" => {
                let typed = arguments.next().and_then(|runs| runs.parse().ok());
                runs = typed.context(USAGE)?;
            }
            "--out" => out = Some(arguments.next().context(USAGE)?.into()),
            _ => bail!(USAGE),
        }
    }
    Ok((runs, out))
}

/// Runs the benches that are there once, and adds a ratio to each budget they measure.
fn measure(rows: &mut [Row]) -> Result<()> {
    let turns = turns::run()?;
    for row in rows {
        let ratio = match row.budget.measured {
            InTurns(name, theirs) => turns::ratio(&turns, name, theirs),
            ByCriterion(bench, group, theirs) => by_criterion(bench, group, theirs)?,
        };
        row.ratios.extend(ratio);
    }
    Ok(())
}

fn by_criterion(bench: &str, group: &str, theirs: &str) -> Result<Option<f64>> {
    if !Path::new(&format!("benches/{bench}.rs")).exists() {
        return Ok(None);
    }
    let started = SystemTime::now();
    criterion::run(bench, group)?;
    let ours = criterion::seconds(group, "batchcast", started)?;
    let theirs = criterion::seconds(group, theirs, started)?;
    Ok(theirs.zip(ours).map(|(theirs, ours)| theirs / ours))
}

fn table(budgets: &[Row]) -> String {
    let mut rows: Vec<_> = budgets
        .iter()
        .map(|Row { budget, ratios }| {
            let Budget {
                what, than, least, ..
            } = budget;
            let (seen, met) = match &ratios[..] {
                [] => ("not measured".to_owned(), String::new()),
                seen => (median_and_range(seen), met(median(seen) >= *least)),
            };
            vec![(*what).to_owned(), format!("≥ {least} × {than}"), seen, met]
        })
        .collect();
    if let Some((_, comparison)) = newest_comparison() {
        rows.extend(end_to_end(&comparison));
    }
    markdown(&["what", "budget", "seen: median (range)", "met"], &rows)
}

/// The budgets that `benches/compare` measures.
fn end_to_end(comparison: &Comparison) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for case in &comparison.cases {
        let of = |name: &str| case.contestants.iter().find(|it| it.name.starts_with(name));
        if let (Some(ours), Some(theirs)) = (of("batchcast"), of("curl")) {
            let seen = ratios(&theirs.seconds, &ours.seconds);
            rows.push(vec![
                format!(
                    "stdin → HTTP, {} M {}",
                    case.recipients / 1_000_000,
                    case.name
                ),
                "≥ 1 × curl uploading finished bodies".to_owned(),
                median_and_range(&seen),
                met(median(&seen) >= 1.0),
            ]);
        }
    }
    let ours = comparison
        .memory
        .iter()
        .filter(|peak| peak.contestant == "batchcast");
    if let Some(longest) = ours.max_by_key(|peak| peak.recipients) {
        #[expect(clippy::cast_precision_loss, reason = "for people's eyes")]
        let mib = longest.peak_bytes as f64 / f64::from(1 << 20);
        rows.push(vec![
            format!("peak memory of send, {} M", longest.recipients / 1_000_000),
            "≤ 24 MiB".to_owned(),
            format!("{} MiB", short(mib)),
            met(mib <= 24.0),
        ]);
    }
    rows
}

fn met(is_met: bool) -> String {
    if is_met { "yes" } else { "no" }.to_owned()
}
