//! What a process takes.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use wait4::Wait4;

/// What a process took, and what it started and waited for.
#[derive(Debug)]
pub(crate) struct Taken {
    /// From start to end.
    pub(crate) seconds: f64,
    /// Of all processors together.
    pub(crate) cpu_seconds: f64,
    /// The most memory of the largest process. What this process has when it starts another counts as the
    /// other's by the rules of Linux: it has to stay small itself.
    pub(crate) peak_bytes: u64,
}

/// Runs a command to its end, which must be a good one.
pub(crate) fn run(command: &mut Command, stdin: impl Into<Stdio>) -> Result<Taken> {
    command.stdin(stdin).stdout(Stdio::null());
    let name = command.get_program().to_string_lossy().into_owned();
    let started = Instant::now();
    let child = command
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let used = child.wait4()?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(used.status.success(), "{name} failed: {}", used.status);
    Ok(Taken {
        seconds,
        cpu_seconds: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
        peak_bytes: used.rusage.maxrss,
    })
}
