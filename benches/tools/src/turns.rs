//! Running the bench whose ways take turns (`benches/budgets.rs`), and reading what it prints:
//!
//! ```text
//! ndjson/ascii
//!     batchcast                       57.3 ns a record    1.00 x  (1.00 to 1.00)
//!     serde_json                     208.0 ns a record    3.63 x  (3.61 to 3.66)
//! ```

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// What the bench prints.
///
/// # Errors
/// If cargo or the bench fails.
pub fn run() -> Result<String> {
    let mut command = Command::new("cargo");
    command.args([
        "bench",
        "--locked",
        "--quiet",
        "--package",
        "batchcast",
        "--bench",
        "budgets",
    ]);
    let output = command.stderr(Stdio::null()).output().context("cargo")?;
    ensure!(output.status.success(), "the bench budgets fails");
    Ok(String::from_utf8(output.stdout)?)
}

/// How many times as long as ours a way takes in the part of that name; `None` if it is not in it.
///
/// ```
/// use batchcast_bench_tools::turns::ratio;
///
/// let printed = "a\n    batchcast   2.0 ns a record   1.00 x  (1.00 to 1.00)
/// b\n    batchcast   2.0 ns a record   1.00 x  (1.00 to 1.00)
///     csv, format!   9.0 ns a record   4.50 x  (4.00 to 5.00)";
/// assert_eq!(ratio(printed, "b", "csv, format!"), Some(4.5));
/// assert_eq!(ratio(printed, "a", "csv, format!"), None);
/// ```
#[must_use]
pub fn ratio(printed: &str, name: &str, way: &str) -> Option<f64> {
    let mut lines = printed.lines().skip_while(|line| *line != name).skip(1);
    let part = lines.by_ref().take_while(|line| line.starts_with(' '));
    let mut figures = part.filter_map(|line| {
        line.trim_start()
            .strip_prefix(way)?
            .split_once(" ns a record")
    });
    let (_, ratio) = figures.find(|(nanos, _)| nanos.trim().parse::<f64>().is_ok())?;
    ratio.split_once(" x")?.0.trim().parse().ok()
}
