//! The API that all send to: a process of its own, `batchcast sandbox`.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::contestant::PROGRAM;

#[derive(Debug)]
pub(crate) struct Sandbox {
    pub(crate) url: String,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Sandbox {
    /// One that reads every body.
    pub(crate) fn that_reads() -> Result<Self> {
        Self::start(&["--reject", "none"])
    }

    /// One that only counts bytes: it is to be no brake.
    pub(crate) fn that_counts() -> Result<Self> {
        Self::start(&["--discard"])
    }

    fn start(arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(PROGRAM);
        command.arg("sandbox").args(arguments).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn().context(PROGRAM)?;
        let stdout = child.stdout.take().context("a pipe was asked for")?;
        let mut lines = BufReader::new(stdout).lines();
        let said = lines.by_ref().map_while(Result::ok);
        let mut urls =
            said.filter_map(|line| Some(line.split_once("RC_SERVER_URL=")?.1.to_owned()));
        let url = urls.next();
        drop(urls);
        let url = url.context("the sandbox says where it is")?;
        Ok(Self { url, child, lines })
    }

    /// Stops it, and returns its last line: what it has accepted.
    pub(crate) fn stop(mut self) -> Result<String> {
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::INT)?;
        let last = self.lines.by_ref().map_while(Result::ok).last();
        self.child.wait()?;
        last.context("the sandbox says what it has accepted")
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
