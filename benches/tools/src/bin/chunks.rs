//! Measures which size of chunk is the quickest from end to end, several times over.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people"
)]

use std::collections::BTreeMap;
use std::time::SystemTime;
use std::{env, fs};

use anyhow::{Context as _, Result};
use batchcast_bench_tools::criterion;
use batchcast_bench_tools::machine::{Machine, date_and_commit};
use batchcast_bench_tools::stats::{median_and_range, ratios};
use batchcast_bench_tools::table::markdown;
use serde::Serialize;

/// As the bench calls them.
const SIZES: [&str; 5] = ["64 KiB", "128 KiB", "256 KiB", "512 KiB", "1024 KiB"];
const GROUPS: [&str; 2] = ["end_to_end/chunks/lines", "end_to_end/chunks/ndjson"];
/// What the others are compared with.
const DEFAULT: &str = "512 KiB";

#[derive(Debug, Serialize)]
struct Outcome {
    date: String,
    commit: String,
    command: String,
    machine: Machine,
    /// The seconds of every run, by group and size.
    seconds: BTreeMap<String, Vec<f64>>,
}

fn main() -> Result<()> {
    let typed = env::args().nth(1).map(|runs| runs.parse());
    let runs = typed
        .transpose()
        .context("usage: benches/chunks [RUNS]")?
        .unwrap_or(5);
    let (date, commit) = date_and_commit();
    let mut seconds: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for run in 1..=runs {
        eprintln!("run {run} of {runs}");
        for group in GROUPS {
            let started = SystemTime::now();
            criterion::run("end_to_end", group)?;
            for size in SIZES {
                let taken = criterion::seconds(group, size, started)?;
                let taken = taken.with_context(|| format!("{group} has no {size}"))?;
                seconds
                    .entry(format!("{group}/{size}"))
                    .or_default()
                    .push(taken);
            }
        }
    }
    let machine = Machine::this(&["rustc"]);
    println!("{date}, {machine}, benches/chunks at {commit}\n");
    println!("Times as long as with {DEFAULT}, median (range) of {runs} runs:\n");
    let rows = SIZES.map(|size| {
        let times = GROUPS.map(|group| {
            let of = |size| &seconds[&format!("{group}/{size}")];
            median_and_range(&ratios(of(size), of(DEFAULT)))
        });
        [vec![size.to_owned()], times.to_vec()].concat()
    });
    println!("{}", markdown(&["chunk", "numbers", "NDJSON"], &rows));
    let path = format!("benches/results/{date}-chunks.json");
    let command = format!("benches/chunks {runs}");
    let outcome = Outcome {
        date,
        commit,
        command,
        machine,
        seconds,
    };
    fs::write(&path, serde_json::to_string_pretty(&outcome)? + "\n")?;
    eprintln!("written to {path}");
    Ok(())
}
