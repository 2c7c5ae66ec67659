//! The two streams: stdout for results, stderr for everything else. All lines are cleaned here.

use std::io::{self, ErrorKind, Write};

use crate::clean;

/// Writes a line of results. That nobody reads them any more is no error.
///
/// # Errors
/// If stdout cannot be written for another reason, such as a full disk.
pub(crate) fn result(line: &str) -> io::Result<()> {
    put(&clean::line(line))
}

/// The same for a line of JSON.
///
/// # Errors
/// As [`result`].
pub(crate) fn json(line: &impl serde::Serialize) -> io::Result<()> {
    put(&clean::json(&serde_json::to_string(line)?))
}

fn put(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    unless_broken(written)
}

/// Takes a broken pipe for success.
pub(crate) fn unless_broken(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes a diagnostic line. If even that is impossible, there is nobody left to tell.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", clean::line(line));
}
