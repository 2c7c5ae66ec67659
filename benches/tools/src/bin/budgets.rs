//! Measures the budgets of the hot paths as ratios, several times over, and prints them as a table.
//!
//! A ratio is of two ways that take turns in a process, so that what else the machine does falls on both of
//! its sides. What is measured from end to end is taken from the newest result of
//! `benches/compare`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people"
)]

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context as _, Result, bail};
use batchcast_bench_tools::machine::{Machine, date_and_commit};
use batchcast_bench_tools::stats::{median, median_and_range, ratios, short};
use batchcast_bench_tools::table::markdown;
use batchcast_bench_tools::{Comparison, newest_comparison, turns};
use serde::Serialize;

const USAGE: &str = "usage: benches/budgets [--runs N] [--out PATH]

  --runs N   how many runs, 5 unless told otherwise
  --out      where the result goes [default: benches/results/DATE-budgets.json]";

/// A budget that `benches/budgets.rs` measures, where the ways take turns in one process.
#[derive(Debug, Clone, Copy, Serialize)]
struct Budget {
    what: &'static str,
    than: &'static str,
    bound: Bound,
    /// In which part of what the bench prints, and with which way the first one there is compared.
    #[serde(skip)]
    measured: (&'static str, &'static str),
}

/// How many times as long as ours the other way has to take.
#[derive(Debug, Clone, Copy, Serialize)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Bound::{AtLeast, AtMost};

const TEXTS: &str = "texts, as many bytes of each";

const fn budget(
    what: &'static str,
    bound: Bound,
    than: &'static str,
    part: &'static str,
    way: &'static str,
) -> Budget {
    Budget {
        what,
        than,
        bound,
        measured: (part, way),
    }
}

const BUDGETS: &[Budget] = &[
    budget(
        "lines → body",
        AtLeast(4.0),
        "serde_json writing what is parsed already",
        "lines",
        "serde_json, parsed before",
    ),
    budget(
        "NDJSON → body",
        AtLeast(5.0),
        "serde_json, borrowed struct in, struct out",
        "ndjson/ascii",
        "serde_json",
    ),
    budget(
        "NDJSON → body",
        AtLeast(3.0),
        "sonic-rs, the same",
        "ndjson/ascii",
        "sonic-rs",
    ),
    budget(
        "NDJSON → body",
        AtLeast(0.7),
        "the floor: find lines, check UTF-8, copy",
        "ndjson/ascii",
        "floor",
    ),
    budget(
        "NDJSON → body, the slow path",
        AtLeast(1.0),
        "serde_json",
        "ndjson/slow: nested",
        "serde_json",
    ),
    budget(
        "CSV + template → body",
        AtLeast(4.0),
        "csv, format!, serde_json",
        "template/csv",
        "csv, format!, serde_json",
    ),
    budget(
        "CSV + template → body",
        AtMost(1.5),
        "the same texts in the list",
        "plain, template/csv",
        "template",
    ),
    budget(
        "NDJSON + template → body",
        AtMost(1.5),
        "the same texts in the list",
        "plain, template/ndjson",
        "template",
    ),
    budget(
        "NDJSON, escapes",
        AtMost(1.25),
        "ASCII's time a byte",
        TEXTS,
        "escapes",
    ),
    budget(
        "NDJSON, Spanish",
        AtMost(1.25),
        "ASCII's time a byte",
        TEXTS,
        "spanish",
    ),
    budget(
        "NDJSON, Chinese",
        AtMost(1.25),
        "ASCII's time a byte",
        TEXTS,
        "chinese",
    ),
    budget(
        "NDJSON, emoji",
        AtMost(1.25),
        "ASCII's time a byte",
        TEXTS,
        "emoji",
    ),
    budget(
        "writing a string, ASCII",
        AtLeast(2.0),
        "serde_json",
        "escape/ascii",
        "serde_json",
    ),
    budget(
        "writing a string, escapes",
        AtLeast(2.0),
        "serde_json",
        "escape/escapes",
        "serde_json",
    ),
    budget(
        "writing a string, Chinese",
        AtLeast(2.0),
        "serde_json",
        "escape/chinese",
        "serde_json",
    ),
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
            "--help" | "-h" => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            _ => bail!(USAGE),
        }
    }
    Ok((runs, out))
}

/// Runs the bench once, and adds a ratio to each budget.
fn measure(rows: &mut [Row]) -> Result<()> {
    let turns = turns::run()?;
    for row in rows {
        let (part, way) = row.budget.measured;
        let ratio = turns::ratio(&turns, part, way);
        row.ratios
            .push(ratio.with_context(|| format!("the bench does not measure {part}: {way}"))?);
    }
    Ok(())
}

fn table(budgets: &[Row]) -> String {
    let mut rows: Vec<_> = budgets
        .iter()
        .map(|Row { budget, ratios }| {
            let Budget {
                what, than, bound, ..
            } = budget;
            let median = median(ratios);
            let (bound, is_met) = match bound {
                AtLeast(least) => (format!("≥ {least} × {than}"), median >= *least),
                AtMost(most) => (format!("≤ {most} × {than}"), median <= *most),
            };
            let seen = median_and_range(ratios);
            vec![(*what).to_owned(), bound, seen, met(is_met)]
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
