//! Questions to whoever sits at the terminal.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read};
use std::thread;

use tokio::sync::oneshot;

#[cfg(unix)]
use crate::signals::is_hangup_heeded;
use crate::terminal;

/// Somebody who can be asked.
#[derive(Debug)]
pub(crate) struct Person {
    /// What they type.
    keyboard: File,
    /// What they see: the terminal itself, wherever the output goes to.
    screen: File,
}

impl Person {
    /// Whoever sits at the terminal, if there is one, and if the list is not typed there.
    pub(crate) fn at_terminal(list_is_stdin: bool) -> Option<Self> {
        let is_typed = io::stdin().is_terminal();
        if terminal::is_ci() || list_is_stdin && is_typed {
            return None;
        }
        let person = Self::at_controlling_terminal().or_else(Self::at_stdin)?;
        let is_shown = io::stdout().is_terminal() || io::stderr().is_terminal();
        // A job in the background has its keyboard all the same: asked there, it would be stopped.
        let sees = is_shown || is_typed && !person.is_behind_another();
        (sees || person.waits()).then_some(person)
    }

    /// Tells them something that they are to know for their answer.
    pub(crate) fn tell(&self, line: &str) {
        terminal::tell(&self.screen, line);
    }

    /// Asks a question that is answered by yes or no. Anything but a clear yes is a no.
    pub(crate) async fn agrees(&self, question: &str) -> bool {
        terminal::prompt(&self.screen, &format!("{question} [y/N]"));
        let Ok(file) = self.keyboard.try_clone() else {
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
            self.tell("");
        }
        let answer = answer.unwrap_or_default();
        matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}

#[cfg(unix)]
impl Person {
    fn at_controlling_terminal() -> Option<Self> {
        let mut options = File::options();
        Self::at(options.read(true).write(true).open("/dev/tty").ok()?)
    }

    /// On a terminal that controls nothing.
    fn at_stdin() -> Option<Self> {
        use std::os::fd::AsFd as _;
        let stdin = io::stdin();
        let file = stdin
            .is_terminal()
            .then(|| stdin.as_fd().try_clone_to_owned());
        Self::at(file?.ok()?.into())
    }

    fn at(terminal: File) -> Option<Self> {
        Some(Self {
            keyboard: terminal.try_clone().ok()?,
            screen: terminal,
        })
    }

    /// Whether the terminal is another job's for now.
    fn is_behind_another(&self) -> bool {
        use rustix::{process::getpgrp, termios::tcgetpgrp};
        tcgetpgrp(&self.keyboard).is_ok_and(|group| group != getpgrp())
    }

    /// Whether the terminal is the program's until it ends, though none of its streams leads there. That of a job in the
    /// background is not, and whoever has begun one by `nohup` may be gone.
    fn waits(&self) -> bool {
        use rustix::{process::getpgrp, termios::tcgetpgrp};
        tcgetpgrp(&self.keyboard).is_ok_and(|group| group == getpgrp()) && is_hangup_heeded()
    }
}

#[cfg(not(unix))]
impl Person {
    fn at_controlling_terminal() -> Option<Self> {
        Some(Self {
            keyboard: File::open("CONIN$").ok()?,
            screen: File::options().write(true).open("CONOUT$").ok()?,
        })
    }

    fn at_stdin() -> Option<Self> {
        None
    }

    fn is_behind_another(&self) -> bool {
        false
    }

    fn waits(&self) -> bool {
        false
    }
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
