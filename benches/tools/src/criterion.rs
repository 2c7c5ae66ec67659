//! Running benches of criterion's, and reading what it keeps of them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

const FOLDER: &str = "target/criterion";

/// Runs the benches of a group.
///
/// # Errors
/// If cargo or the bench fails.
pub fn run(bench: &str, group: &str) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args([
        "bench",
        "--locked",
        "--quiet",
        "--package",
        "batchcast",
        "--bench",
        bench,
    ]);
    command.args([
        "--",
        &format!("^{group}/"),
        "--warm-up-time",
        "1",
        "--measurement-time",
        "3",
    ]);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(
        status.context("cargo")?.success(),
        "the bench {bench} fails"
    );
    Ok(())
}

#[derive(Debug, Deserialize)]
struct Benchmark {
    group_id: String,
    function_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Debug, Deserialize)]
struct Estimate {
    /// In nanoseconds.
    point_estimate: f64,
}

/// What an iteration took, in seconds; `None` if it was not measured since then.
///
/// # Errors
/// If what criterion keeps cannot be read.
pub fn seconds(group: &str, function: &str, since: SystemTime) -> Result<Option<f64>> {
    // Folders are called nearly as groups and functions are; inside stands what they are really called.
    let groups = Path::new(FOLDER).read_dir().into_iter().flatten();
    for folder in groups.flatten() {
        for folder in folder.path().read_dir().into_iter().flatten().flatten() {
            let new = folder.path().join("new");
            let Ok(benchmark) = fs::read(new.join("benchmark.json")) else {
                continue;
            };
            let benchmark: Benchmark = serde_json::from_slice(&benchmark)?;
            if benchmark.group_id == group && benchmark.function_id.as_deref() == Some(function) {
                let estimates = new.join("estimates.json");
                if fs::metadata(&estimates)?.modified()? < since {
                    continue;
                }
                let estimates = fs::read(estimates)?;
                let estimates: Estimates = serde_json::from_slice(&estimates)?;
                return Ok(Some(estimates.median.point_estimate / 1e9));
            }
        }
    }
    Ok(None)
}
