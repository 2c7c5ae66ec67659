//! Where `batchcast encode` writes bodies to: a file each, or stdout, a line each.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use tempfile::{NamedTempFile, TempPath};

use crate::fail::Usage;
use crate::{terminal, whole};

/// Whether it is worth going on.
#[must_use]
pub(crate) enum Put {
    /// It is written.
    Done,
    /// The other end of the pipe is closed: nobody reads any more.
    NobodyReads,
}

/// Where bodies are written to.
pub(crate) enum Bodies {
    /// A line each.
    Stdout(Box<dyn Write>),
    /// A file each.
    Directory(Directory),
}

/// Files in a directory. The open one has another name until it is whole.
pub(crate) struct Directory {
    path: PathBuf,
    /// Whether there may be batches of another list, which must not be left among those of this one.
    replaces: bool,
    open: Option<fs::File>,
    /// Where the open one's name is held, so that it goes away if the process is ended.
    unfinished: Interrupts,
}

/// The unfinished file, which does not outlive the process.
#[derive(Clone, Default)]
pub(crate) struct Interrupts(Arc<Mutex<Option<TempPath>>>);

impl Interrupts {
    /// Removes the unfinished file, if there is one.
    pub(crate) fn clear(&self) {
        drop(self.replace(None));
    }

    fn replace(&self, path: Option<TempPath>) -> Option<TempPath> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut held, path)
    }
}

impl Bodies {
    /// On stdout.
    pub(crate) fn stdout() -> Result<Self> {
        Ok(Self::Stdout(terminal::bulk()?))
    }

    /// In a directory, which is created if it is not there. Batch files that are in it are not touched,
    /// unless `force` says so.
    pub(crate) fn directory(path: &Path, force: bool, unfinished: &Interrupts) -> Result<Self> {
        fs::create_dir_all(path)
            .with_context(|| format!("--out-dir: cannot create {}", path.display()))?;
        if !force && let Some((name, _)) = batch_files(path)?.next() {
            return Err(Usage::error(format!(
                "--out-dir: {} holds batches already, such as {}: name another directory, \
                 or replace them with --force",
                path.display(),
                name.display()
            )));
        }
        Ok(Self::Directory(Directory {
            path: path.to_owned(),
            replaces: force,
            open: None,
            unfinished: unfinished.clone(),
        }))
    }

    /// Writes bytes of the open body; the first ones open it.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<Put> {
        match self {
            Self::Stdout(stdout) => put(stdout.write_all(bytes)),
            Self::Directory(directory) => {
                directory.replace()?;
                directory
                    .write(bytes)
                    .with_context(|| format!("cannot write to {}", directory.path.display()))?;
                Ok(Put::Done)
            }
        }
    }

    /// Writes the last bytes of a body.
    pub(crate) fn close(&mut self, tail: &[u8], number: u64) -> Result<Put> {
        if let Put::NobodyReads = self.write(tail)? {
            return Ok(Put::NobodyReads);
        }
        match self {
            Self::Stdout(stdout) => put(stdout.write_all(b"\n").and_then(|()| stdout.flush())),
            Self::Directory(directory) => {
                directory.close(number)?;
                Ok(Put::Done)
            }
        }
    }

    /// After the last body, of which there may have been none.
    pub(crate) fn finish(&mut self) -> Result<()> {
        match self {
            Self::Stdout(_) => Ok(()),
            Self::Directory(directory) => directory.replace(),
        }
    }

    /// Where they are, for the summary.
    pub(crate) fn place(&self, last: u64) -> String {
        match self {
            Self::Directory(directory) if last > 0 => {
                let path = directory.path.join(file_name(last));
                format!(", the last one is {}", path.display())
            }
            _ => String::new(),
        }
    }
}

impl Directory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.open {
            Some(file) => file,
            None => {
                // Readable by its owner alone.
                let mut names = tempfile::Builder::new();
                names.prefix(".batch-").suffix(".part");
                let file = whole::new_in(&names, &self.path)?;
                let (file, path) = file.into_parts();
                self.unfinished.replace(Some(path));
                self.open.insert(file)
            }
        };
        file.write_all(bytes)
    }

    fn close(&mut self, number: u64) -> Result<()> {
        let (Some(file), Some(path)) = (self.open.take(), self.unfinished.replace(None)) else {
            return Ok(());
        };
        let file = NamedTempFile::from_parts(file, path);
        let whole = self.path.join(file_name(number));
        file.persist_noclobber(&whole)
            .map_err(|error| error.error)
            .with_context(|| format!("cannot write {}", whole.display()))?;
        Ok(())
    }

    /// Removes the batches of another list, once.
    fn replace(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.replaces) {
            return Ok(());
        }
        for (name, _) in batch_files(&self.path)? {
            let path = self.path.join(name);
            fs::remove_file(&path)
                .with_context(|| format!("--force: cannot remove {}", path.display()))?;
        }
        Ok(())
    }
}

impl Drop for Directory {
    /// Whoever listens for signals holds the name as well, until the process ends.
    fn drop(&mut self) {
        self.unfinished.clear();
    }
}

fn put(written: io::Result<()>) -> Result<Put> {
    match written {
        Ok(()) => Ok(Put::Done),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Put::NobodyReads),
        Err(error) => Err(error.into()),
    }
}

fn file_name(number: u64) -> String {
    format!("batch-{number:05}.json")
}

/// The batch files of a directory, with their numbers.
fn batch_files(directory: &Path) -> Result<impl Iterator<Item = (std::ffi::OsString, u64)>> {
    let entries = fs::read_dir(directory)
        .with_context(|| format!("--out-dir: cannot read {}", directory.display()))?;
    Ok(entries.filter_map(|entry| {
        let name = entry.ok()?.file_name();
        let number = number_of(&name)?;
        Some((name, number))
    }))
}

fn number_of(name: &OsStr) -> Option<u64> {
    let digits = name
        .to_str()?
        .strip_prefix("batch-")?
        .strip_suffix(".json")?;
    let number = digits.parse().ok()?;
    (file_name(number) == name.to_str()?).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_names() {
        for (name, number) in [
            ("batch-00001.json", Some(1)),
            ("batch-123456.json", Some(123_456)),
            ("batch-1.json", None),
            ("batch-00001.json.bak", None),
            ("batch-+0001.json", None),
            ("batch-.json", None),
            (".batch-x.part", None),
        ] {
            assert_eq!(number_of(name.as_ref()), number, "{name}");
        }
    }
}
