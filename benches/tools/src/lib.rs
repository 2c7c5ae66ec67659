//! What the programs here have in common: the shape of a result, and what is said of several runs.

pub mod criterion;
pub mod machine;
pub mod stats;
pub mod table;
pub mod turns;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// Where results are kept.
pub const RESULTS: &str = "benches/results";

/// The newest result of `benches/compare`, and its path. Results are called by their date.
#[must_use]
pub fn newest_comparison() -> Option<(PathBuf, Comparison)> {
    let entries = Path::new(RESULTS).read_dir().ok()?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let results = paths.filter(|path| path.to_string_lossy().ends_with("-compare.json"));
    let newest = results.max()?;
    let comparison = serde_json::from_slice(&std::fs::read(&newest).ok()?).ok()?;
    Some((newest, comparison))
}

/// What `benches/compare` has measured, as it is kept in `benches/results/`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// When, by the calendar in UTC.
    pub date: String,
    /// The commit that was measured.
    pub commit: String,
    /// The command.
    pub command: String,
    /// Where.
    pub machine: Machine,
    /// How long each took, and how much memory, a case each.
    pub cases: Vec<Case>,
    /// How much memory lists of several lengths take.
    pub memory: Vec<Peak>,
}

/// A list that all contestants sent.
#[derive(Debug, Serialize, Deserialize)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// What it is, for people.
    pub what: String,
    /// How many recipients it has.
    pub recipients: u64,
    /// The bytes of the bodies that batchcast makes of it.
    pub body_bytes: u64,
    /// What each contestant took, in every run. Runs are interleaved.
    pub contestants: Vec<Measured>,
}

/// What a contestant took, in every run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// From start to end, in seconds.
    pub seconds: Vec<f64>,
    /// Of all processors together, in seconds.
    pub cpu_seconds: Vec<f64>,
    /// The most memory of its largest process, in bytes.
    pub peak_bytes: Vec<u64>,
}

/// The memory that a list took.
#[derive(Debug, Serialize, Deserialize)]
pub struct Peak {
    /// Whom.
    pub contestant: String,
    /// The list's length.
    pub recipients: u64,
    /// The most memory of its largest process, in bytes.
    pub peak_bytes: u64,
}
