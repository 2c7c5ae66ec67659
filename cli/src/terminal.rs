//! The two streams: stdout for results, stderr for everything else. All lines are cleaned here, and a bar that is on
//! the terminal gets out of their way.

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use indicatif::ProgressBar;

use crate::clean;
use crate::unwritable::Named;

/// Set by the first flags that are read; before, everything is shown.
static QUIET: OnceLock<bool> = OnceLock::new();
/// The bar that is drawn now.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// What stdout is called in errors.
const STDOUT: &str = "standard output";

const BOLD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default();

/// What lines begin with that are to be seen at once.
const HEADS: [(&str, Style); 11] = [
    ("Accepted:", GOOD),
    ("Encoded:", GOOD),
    ("Rejected:", WARNING),
    ("Invalid:", WARNING),
    ("Left in doubt:", WARNING),
    ("Warning:", WARNING),
    ("Canary:", BOLD),
    ("In doubt:", BAD),
    ("Not sent:", BAD),
    ("batchcast: error:", BAD),
    ("hint:", HINT),
];

/// Shows no notes from now on.
pub(crate) fn be_quiet(quiet: bool) {
    let _ = QUIET.set(quiet);
}

/// Whether only results and errors are shown.
pub(crate) fn is_quiet() -> bool {
    QUIET.get().copied().unwrap_or(false)
}

/// Whether somebody sees stderr as it comes: a terminal, and not the log of a CI.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal() && !is_ci()
}

/// Whether it is a CI that runs the program: nobody sits at its terminals.
pub(crate) fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false" && ci != "0")
}

/// Writes a line of results. That nobody reads them any more is no error.
///
/// # Errors
/// If stdout cannot be written for another reason, such as a full disk.
pub(crate) fn result(line: &str) -> io::Result<()> {
    put(&painted(&clean::line(line)))
}

/// The same for a line of JSON.
///
/// # Errors
/// As [`result`].
pub(crate) fn json(line: &impl serde::Serialize) -> io::Result<()> {
    put(&clean::json(&serde_json::to_string(line)?))
}

/// The same for what is written as it stands.
///
/// # Errors
/// As [`result`].
pub(crate) fn plain(bytes: &[u8]) -> io::Result<()> {
    put_to(io::stdout().lock(), bytes)
}

/// Stdout for what comes in bulk. As a file, where there is one: the standard library's would look for line ends in all
/// that is written.
///
/// # Errors
/// If there is none.
pub(crate) fn bulk() -> io::Result<Box<dyn Write>> {
    #[cfg(unix)]
    let stdout = {
        use std::os::fd::AsFd as _;
        File::from(io::stdout().as_fd().try_clone_to_owned()?)
    };
    #[cfg(not(unix))]
    let stdout = io::stdout();
    Ok(Box::new(BufWriter::new(Named::new(STDOUT, stdout))))
}

fn put(line: &str) -> io::Result<()> {
    // Takes the colours out, where there are to be none.
    let put = || put_to(anstream::stdout().lock(), format!("{line}\n").as_bytes());
    // No bar is in the way of what goes elsewhere, so it need not be held until somebody reads that.
    if io::stdout().is_terminal() {
        aside(put)
    } else {
        put()
    }
}

fn put_to(stdout: impl Write, bytes: &[u8]) -> io::Result<()> {
    let mut stdout = Named::new(STDOUT, stdout);
    let written = stdout.write_all(bytes);
    unless_broken(written.and_then(|()| stdout.flush()))
}

/// Takes a broken pipe for success.
fn unless_broken(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes a diagnostic line, unless only errors are wanted.
pub(crate) fn note(line: &str) {
    if !is_quiet() {
        error(line);
    }
}

/// Writes a line that must be seen. If even that is impossible, there is nobody left to tell.
pub(crate) fn error(line: &str) {
    let line = painted(&clean::line(line)).into_owned();
    aside(|| {
        let _ = writeln!(anstream::stderr().lock(), "{line}");
    });
}

/// Writes a line to this terminal, which somebody is to read before they answer.
pub(crate) fn tell(terminal: &File, line: &str) {
    write_to(terminal, &format!("{}\n", painted(&clean::line(line))));
}

/// The same for the beginning of a line, which their answer ends.
pub(crate) fn prompt(terminal: &File, text: &str) {
    write_to(terminal, &format!("{BOLD}{}{BOLD:#} ", clean::line(text)));
}

fn write_to(terminal: &File, text: &str) {
    let Ok(terminal) = terminal.try_clone() else {
        return;
    };
    aside(|| {
        let mut terminal = AutoStream::auto(terminal);
        let _ = terminal.write_all(text.as_bytes());
    });
}

/// Keeps a bar out of the way of what is written meanwhile, perhaps to the same terminal.
fn aside<T>(write: impl FnOnce() -> T) -> T {
    // Not locked while it is written: what is written must not wait for another line.
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// This bar is on the terminal from now on, or none.
pub(crate) fn show(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// A line whose first words are in colour, if they are among those that are.
fn painted(line: &str) -> std::borrow::Cow<'_, str> {
    let head = HEADS.iter().find(|(head, _)| line.starts_with(head));
    match head {
        Some((head, style)) => format!("{style}{head}{style:#}{}", &line[head.len()..]).into(),
        None => line.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_heads_are_painted() {
        assert_eq!(painted("Not a head: x"), "Not a head: x");
        assert_eq!(painted("  Accepted: x"), "  Accepted: x");
        let line = painted("hint: --text");
        assert_eq!(
            anstream::adapter::strip_str(&line).to_string(),
            "hint: --text"
        );
        assert!(
            line.starts_with('\x1b') && line.ends_with(" --text"),
            "{line:?}"
        );
    }
}
