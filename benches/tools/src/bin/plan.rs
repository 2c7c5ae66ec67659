//! Times `batchcast plan` beside `batchcast encode`, whose bodies nobody keeps, over the same lists, in turns.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people"
)]

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, process};

use anyhow::{Context as _, Result, ensure};
use batchcast_bench_tools::machine::{Machine, date_and_commit};
use batchcast_bench_tools::stats::{median_and_range, ratios};
use batchcast_bench_tools::table::markdown;

const RECIPIENTS: u64 = 4_000_000;
const NAMES: [&str; 4] = ["Ana", "Bob", "Christopher", "Eve"];
const TEXT: &str =
    "your order is on its way and arrives tomorrow between 10 and 12. Reply STOP to opt out.";

/// A list's name, what it begins with, and the text for it.
const LISTS: [(&str, &str, Option<&str>); 3] = [
    ("lines", "", Some("Hello Team")),
    ("ndjson", "", None),
    ("csv", "id,to,name\n", Some("Hi {{name}}, ")),
];

fn main() -> Result<()> {
    let typed = env::args().nth(1).map(|runs| runs.parse());
    let runs = typed
        .transpose()
        .context("usage: benches/plan [RUNS]")?
        .unwrap_or(7);
    let (date, commit) = date_and_commit();
    let list = env::temp_dir().join(format!("batchcast-plan-{}", process::id()));
    let rows = LISTS.iter().map(|(format, header, text)| {
        eprintln!("{format}");
        write(&list, format, header)?;
        let text = text.map(|text| match text.ends_with(' ') {
            true => format!("{text}{TEXT}"),
            false => text.to_owned(),
        });
        let (mut plan, mut encode) = (Vec::new(), Vec::new());
        // The first round only brings the list into memory.
        for round in 0..=runs {
            let encoded = time(&["encode", "--out", "-"], format, &list, text.as_deref())?;
            let planned = time(&["plan"], format, &list, text.as_deref())?;
            if round > 0 {
                encode.push(encoded);
                plan.push(planned);
            }
        }
        let nanos = |seconds: &[f64]| {
            let each = seconds
                .iter()
                .map(|seconds| seconds * 1e9 / RECIPIENTS as f64);
            median_and_range(&each.collect::<Vec<_>>())
        };
        Ok(vec![
            (*format).to_owned(),
            nanos(&encode),
            nanos(&plan),
            median_and_range(&ratios(&plan, &encode)),
        ])
    });
    let rows: Result<Vec<_>> = rows.collect();
    fs::remove_file(&list)?;
    let machine = Machine::this(&[]);
    println!("{date}, {machine}, benches/plan {runs} at {commit}, {RECIPIENTS} recipients\n");
    let header = [
        "list",
        "encode: ns a record",
        "plan: ns a record",
        "times as long",
    ];
    println!("{}", markdown(&header, &rows?));
    Ok(())
}

/// Writes a list.
fn write(path: &Path, format: &str, header: &str) -> Result<()> {
    let mut list = BufWriter::new(File::create(path)?);
    list.write_all(header.as_bytes())?;
    for (index, name) in (0..RECIPIENTS).zip(NAMES.iter().cycle()) {
        let to = format!("+1{}", 2_000_000_000 + index * 7_919 % 7_999_999_999);
        match format {
            "lines" => writeln!(list, "{to}")?,
            "ndjson" => writeln!(list, r#"{{"to":"{to}","text":"Hi {name}, {TEXT}"}}"#)?,
            _ => writeln!(list, "{index},{to},{name}")?,
        }
    }
    Ok(list.flush()?)
}

/// How many seconds a command takes.
fn time(command: &[&str], format: &str, list: &Path, text: Option<&str>) -> Result<f64> {
    let mut program = Command::new("target/release/batchcast");
    program.args(command).arg(list);
    program.args(["--format", format, "--from", "+16505550100"]);
    if let Some(text) = text {
        program.args(["--text", text]);
    }
    program.stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = program.status().context("target/release/batchcast")?;
    ensure!(
        status.success(),
        "{command:?} fails with {format}: {status}"
    );
    Ok(started.elapsed().as_secs_f64())
}
