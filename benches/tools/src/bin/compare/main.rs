//! Times the program beside what people would write today, over HTTP to a sandbox that only counts bytes.
//!
//! Runs are interleaved: in each round every contestant has its turn, so that what else the machine does
//! falls on all of them. Before anything is timed, each contestant sends a short list to a sandbox that
//! reads it, and all of it must arrive.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people"
)]

mod contestant;
mod lists;
mod measure;
mod sandbox;

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};
use batchcast_bench_tools::machine::{Machine, date_and_commit};
use batchcast_bench_tools::stats::{median, median_and_range, ratios, short};
use batchcast_bench_tools::table::markdown;
use batchcast_bench_tools::{Case, Comparison, Measured, Peak};

use self::contestant::Contestant;
use self::lists::{Format, List};
use self::sandbox::Sandbox;

const MILLION: u64 = 1_000_000;
const USAGE: &str = "usage: benches/compare [--runs N] [--quick] [--out PATH]

  --runs N   how many rounds, 5 unless told otherwise
  --quick    short lists, to see that it works
  --out      where the result goes [default: benches/results/DATE-compare.json; with --quick nowhere]";

struct Options {
    runs: usize,
    quick: bool,
    out: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = options(env::args().skip(1))?;
    let (date, commit) = date_and_commit();
    let shrink = if options.quick { 50 } else { 1 };
    let contestants: Vec<_> = Contestant::ALL
        .iter()
        .copied()
        .filter(|it| it.is_there())
        .collect();
    for missing in Contestant::ALL.iter().filter(|it| !it.is_there()) {
        eprintln!("{} is passed over: not on this machine", missing.name());
    }
    check(&contestants)?;

    let cases = [
        List::new("numbers", Format::Lines, 10 * MILLION / shrink),
        List::new("personal", Format::Ndjson, 2 * MILLION / shrink),
    ];
    let cases = cases.map(|list| time(&list, &contestants, options.runs));
    let cases: Vec<_> = cases.into_iter().collect::<Result<_>>()?;
    let memory = peaks(&contestants, shrink)?;

    let arguments: Vec<_> = env::args().skip(1).collect();
    let comparison = Comparison {
        command: format!("benches/compare {}", arguments.join(" "))
            .trim()
            .to_owned(),
        machine: Machine::this(&["rustc", "curl", "python3", "node", "jq"]),
        date,
        commit,
        cases,
        memory,
    };
    show(&comparison);
    let default = || {
        (!options.quick).then(|| format!("benches/results/{}-compare.json", comparison.date).into())
    };
    if let Some(path) = options.out.clone().or_else(default) {
        fs::write(&path, serde_json::to_string_pretty(&comparison)? + "\n")?;
        println!("written to {}", path.display());
    }
    Ok(())
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        runs: 5,
        quick: false,
        out: None,
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--runs" => {
                let runs = arguments.next().and_then(|runs| runs.parse().ok());
                options.runs = runs.filter(|&runs| runs > 0).context(USAGE)?;
            }
            "--quick" => options.quick = true,
            "--out" => options.out = Some(arguments.next().context(USAGE)?.into()),
            "--help" | "-h" => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            _ => bail!(USAGE),
        }
    }
    Ok(options)
}

/// Sees that what each contestant sends arrives, all of it.
fn check(contestants: &[Contestant]) -> Result<()> {
    for format in [Format::Lines, Format::Ndjson] {
        let list = List::new("check", format, 1_000);
        list.prepare()?;
        for contestant in contestants {
            let sandbox = Sandbox::that_reads()?;
            measure::run(&mut contestant.command(&list, &sandbox.url)?, list.open()?)?;
            let summary = sandbox.stop()?;
            let name = contestant.name();
            ensure!(
                summary.starts_with("Accepted: 1,000 recipients"),
                "{name}: {summary}"
            );
        }
    }
    Ok(())
}

/// Lets every contestant send the list in every round, those that are quick more than once.
fn time(list: &List, contestants: &[Contestant], runs: usize) -> Result<Case> {
    list.prepare()?;
    let sandbox = Sandbox::that_counts()?;
    let mut measured: Vec<_> = contestants
        .iter()
        .map(|contestant| Measured {
            name: contestant.name().to_owned(),
            seconds: Vec::new(),
            cpu_seconds: Vec::new(),
            peak_bytes: Vec::new(),
        })
        .collect();
    for run in 1..=runs {
        for (contestant, measured) in contestants.iter().zip(&mut measured) {
            let turn = |_| measure::run(&mut contestant.command(list, &sandbox.url)?, list.open()?);
            let turns: Vec<_> = (0..contestant.turns()).map(turn).collect::<Result<_>>()?;
            let quickest = turns
                .into_iter()
                .min_by(|a, b| a.seconds.total_cmp(&b.seconds));
            let taken = quickest.context("everyone has a turn")?;
            eprintln!(
                "{}, round {run}, {}: {:.2} s",
                list.name, measured.name, taken.seconds
            );
            measured.seconds.push(taken.seconds);
            measured.cpu_seconds.push(taken.cpu_seconds);
            measured.peak_bytes.push(taken.peak_bytes);
        }
    }
    sandbox.stop()?;
    Ok(Case {
        name: list.name.to_owned(),
        what: list.what(),
        recipients: list.recipients,
        body_bytes: list.body_bytes()?,
        contestants: measured,
    })
}

/// The memory that lists of several lengths take, fed as they are made.
fn peaks(contestants: &[Contestant], shrink: u64) -> Result<Vec<Peak>> {
    let sandbox = Sandbox::that_counts()?;
    let mut peaks = Vec::new();
    for contestant in contestants {
        let lengths = match contestant {
            Contestant::Batchcast => &[1, 3, 10, 30, 100][..],
            Contestant::Python | Contestant::Node => &[1, 3, 10],
            Contestant::Curl | Contestant::Jq => continue,
        };
        for length in lengths {
            let list = List::new("numbers", Format::Lines, length * MILLION / shrink);
            let (mut generator, stdin) = list.generate()?;
            let taken = measure::run(&mut contestant.command(&list, &sandbox.url)?, stdin)?;
            generator.wait()?;
            let peak = Peak {
                contestant: contestant.name().to_owned(),
                recipients: list.recipients,
                peak_bytes: taken.peak_bytes,
            };
            eprintln!(
                "{} recipients, {}: {} MiB",
                peak.recipients,
                peak.contestant,
                mib(peak.peak_bytes)
            );
            peaks.push(peak);
        }
    }
    sandbox.stop()?;
    Ok(peaks)
}

fn show(comparison: &Comparison) {
    println!("{}, {}", comparison.date, comparison.machine);
    println!("{} at {}\n", comparison.command, comparison.commit);
    for case in &comparison.cases {
        println!(
            "{}: {} recipients, {} MB of bodies\n",
            case.what,
            case.recipients,
            case.body_bytes / MILLION
        );
        let ours = case
            .contestants
            .iter()
            .find(|it| it.name == Contestant::Batchcast.name());
        let rows = case.contestants.iter().map(|theirs| {
            let times = ours.map(|ours| ratios(&theirs.seconds, &ours.seconds));
            let peak = theirs.peak_bytes.iter().copied().max().unwrap_or(0);
            vec![
                theirs.name.clone(),
                median_and_range(&theirs.seconds),
                times.map_or_else(String::new, |times| median_and_range(&times)),
                short(median(&theirs.cpu_seconds)),
                mib(peak),
            ]
        });
        let header = [
            "",
            "seconds",
            "times as long as batchcast",
            "CPU seconds",
            "peak MiB",
        ];
        println!("{}", markdown(&header, &rows.collect::<Vec<_>>()));
    }
    let rows = comparison.memory.iter().map(|peak| {
        vec![
            peak.contestant.clone(),
            peak.recipients.to_string(),
            mib(peak.peak_bytes),
        ]
    });
    println!(
        "{}",
        markdown(&["", "recipients", "peak MiB"], &rows.collect::<Vec<_>>())
    );
}

#[expect(clippy::cast_precision_loss, reason = "for people's eyes")]
fn mib(bytes: u64) -> String {
    short(bytes as f64 / f64::from(1 << 20))
}
