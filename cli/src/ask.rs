//! Questions to whoever sits at the terminal.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read};
use std::thread;

use tokio::sync::oneshot;

use crate::terminal;

/// Somebody who can be asked.
#[derive(Debug)]
pub(crate) struct Person(File);

impl Person {
    /// Whoever sits at the terminal, if there is one, and if the list is not typed there.
    pub(crate) fn at_terminal(list_is_stdin: bool) -> Option<Self> {
        if !terminal::is_watched() {
            return None;
        }
        if io::stdin().is_terminal() {
            return if list_is_stdin { None } else { stdin() }.map(Self);
        }
        // Standard input is something else: the list, or nothing. They are there nevertheless.
        File::open("/dev/tty").ok().map(Self)
    }

    /// Asks a question that is answered by yes or no. Anything but a clear yes is a no.
    pub(crate) async fn agrees(&self, question: &str) -> bool {
        terminal::prompt(&format!("{question} [y/N]"));
        let Ok(file) = self.0.try_clone() else {
            return false;
        };
        let (told, answer) = oneshot::channel();
        // A thread of its own, because nobody can call it back from its read.
        thread::spawn(move || {
            // Nobody waits any more if they were interrupted.
            let _ = told.send(read_answer(file));
        });
        let answer = answer.await.ok().flatten();
        if answer.is_none() {
            // It is on the line of the question.
            terminal::error("");
        }
        let answer = answer.unwrap_or_default();
        matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}

#[cfg(unix)]
fn stdin() -> Option<File> {
    use std::os::fd::AsFd as _;
    io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .ok()
        .map(File::from)
}

#[cfg(not(unix))]
fn stdin() -> Option<File> {
    File::open("CONIN$").ok()
}

/// A line; `None` at the end.
fn read_answer(file: impl Read) -> Option<String> {
    let mut line = String::new();
    // A terminal gives a line at a time: nothing of the next is lost with the buffer.
    match BufReader::new(file).take(1_000).read_line(&mut line) {
        Ok(1..) => Some(line),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_no_answer() {
        assert_eq!(read_answer(&b""[..]), None);
        assert_eq!(read_answer(&b"\n"[..]).as_deref(), Some("\n"));
        assert_eq!(read_answer(&b"y\nn\n"[..]).as_deref(), Some("y\n"));
        assert_eq!(read_answer(&b"\xff\n"[..]), None);
    }
}
