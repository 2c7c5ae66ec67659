//! Makes the pictures of a comparison: `cargo run -p batchcast-bench-tools --bin charts [RESULT.json]`.
//!
//! They are written beside the result, as `speed.svg` and `memory.svg`; without an argument, of the newest
//! result in `benches/results/`.

#![expect(clippy::print_stdout, reason = "a program for people")]

mod memory;
mod speed;
mod svg;

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, Result};
use batchcast_bench_tools::{Comparison, newest_comparison};

fn main() -> Result<()> {
    let (path, comparison) = match env::args().nth(1) {
        Some(path) => read(path.into())?,
        None => newest_comparison().context("there is no result yet: run benches/compare")?,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    for (name, picture) in [
        ("speed.svg", speed::draw(&comparison)),
        ("memory.svg", memory::draw(&comparison)),
    ] {
        let path = folder.join(name);
        fs::write(&path, picture)?;
        println!("{}", path.display());
    }
    Ok(())
}

fn read(path: PathBuf) -> Result<(PathBuf, Comparison)> {
    let result = fs::read(&path).with_context(|| path.display().to_string())?;
    Ok((path, serde_json::from_slice(&result)?))
}
