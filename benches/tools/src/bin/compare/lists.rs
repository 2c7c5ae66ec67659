//! The lists that are sent.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::contestant::{PROGRAM, SENDER, TEXT};

/// Where lists and all else that is needed are put.
pub(crate) const FOLDER: &str = "target/compare";
const GENERATOR: &str = "target/release/examples/generate";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Lines,
    Ndjson,
}

impl Format {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Ndjson => "ndjson",
        }
    }
}

/// A list; the same one for the same arguments.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) name: &'static str,
    pub(crate) format: Format,
    pub(crate) recipients: u64,
}

impl List {
    pub(crate) const fn new(name: &'static str, format: Format, recipients: u64) -> Self {
        Self {
            name,
            format,
            recipients,
        }
    }

    /// What it is, for people.
    pub(crate) fn what(&self) -> String {
        match self.format {
            Format::Lines => "numbers, one text for all",
            Format::Ndjson => "NDJSON, a text for each",
        }
        .to_owned()
    }

    fn folder(&self) -> PathBuf {
        format!("{FOLDER}/{}-{}", self.format.name(), self.recipients).into()
    }

    fn path(&self) -> PathBuf {
        self.folder().join("list")
    }

    /// Makes the list, and the bodies of it.
    pub(crate) fn prepare(&self) -> Result<()> {
        let folder = self.folder();
        fs::create_dir_all(&folder)?;
        let made = self.generator().stdout(File::create(self.path())?).status();
        ensure!(
            made.context(GENERATOR)?.success(),
            "the list cannot be made"
        );
        let encoded = Command::new(PROGRAM)
            .args(["encode", "--force", "--format", self.format.name()])
            .args(["--from", SENDER, "--text", TEXT, "--out-dir"])
            .arg(folder.join("bodies"))
            .stdin(self.open()?)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        ensure!(
            encoded.context(PROGRAM)?.success(),
            "the bodies cannot be made"
        );
        Ok(())
    }

    /// The list that was prepared.
    pub(crate) fn open(&self) -> Result<File> {
        File::open(self.path()).context("the list is not prepared")
    }

    /// The bodies that were prepared.
    pub(crate) fn bodies(&self) -> Result<Vec<PathBuf>> {
        let entries = self.folder().join("bodies").read_dir()?;
        let paths = entries.map(|entry| Ok(entry?.path()));
        let mut paths: Vec<PathBuf> = paths.collect::<Result<_>>()?;
        paths.sort();
        Ok(paths)
    }

    /// Their bytes.
    pub(crate) fn body_bytes(&self) -> Result<u64> {
        let sizes = self
            .bodies()?
            .into_iter()
            .map(|path| Ok(fs::metadata(path)?.len()));
        sizes.sum()
    }

    /// The list while it is made.
    pub(crate) fn generate(&self) -> Result<(Child, ChildStdout)> {
        let mut child = self
            .generator()
            .stdout(Stdio::piped())
            .spawn()
            .context(GENERATOR)?;
        let stdout = child.stdout.take().context("a pipe was asked for")?;
        Ok((child, stdout))
    }

    fn generator(&self) -> Command {
        let mut command = Command::new(GENERATOR);
        command.args([&self.recipients.to_string(), self.format.name(), "plain"]);
        command
    }
}
