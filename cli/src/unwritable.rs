//! What could not be written is named wherever it is told.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Something that is written to, and whose errors say what it is.
pub(crate) struct Named<W> {
    name: PathBuf,
    out: W,
}

impl<W> Named<W> {
    /// Of this name, such as its path.
    pub(crate) fn new(name: impl Into<PathBuf>, out: W) -> Self {
        let name = name.into();
        Self { name, out }
    }

    fn named(&self, error: &io::Error) -> io::Error {
        let told = format!("cannot write {}: {error}", self.name.display());
        io::Error::new(error.kind(), told)
    }
}

impl<W: Write> Write for Named<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        written.map_err(|error| self.named(&error))
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        flushed.map_err(|error| self.named(&error))
    }
}

/// The context of an error of a file that a flag names.
pub(crate) fn unwritable(flag: &str, path: &Path) -> String {
    format!("{flag}: cannot write {}", path.display())
}
