//! The body of a batch on disk while it is in flight, so that it can be sent again.
//!
//! A spool file is unlinked as soon as it is there (mode 0600), so nothing of it outlives the process, and
//! nobody else can open it. It grows to the size of one body at most, and is used again for the next.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Where bodies are kept while they are in flight.
///
/// Without a spool a batch that fails cannot be sent again in the same run: the run stops, and can be resumed
/// from its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spool(Option<PathBuf>);

impl Spool {
    /// In a directory. A file for each batch in flight, each at most as large as a body.
    #[must_use]
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self(Some(directory.into()))
    }

    /// Nowhere, but for batches that an earlier process left in doubt: what they were is compared with what the server
    /// has, from the system's directory for temporary files.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    pub(crate) fn directory(&self) -> Option<&Path> {
        self.0.as_deref()
    }
}

impl Default for Spool {
    /// In the system's directory for temporary files.
    fn default() -> Self {
        Self::in_directory(std::env::temp_dir())
    }
}

/// The bytes of one body.
#[derive(Debug)]
pub(crate) struct SpoolFile(File);

impl SpoolFile {
    pub(crate) fn create(directory: &Path) -> io::Result<Self> {
        tempfile::tempfile_in(directory).map(Self)
    }

    /// Writes all of `bytes` at `offset`. What stood there from a body before is overwritten.
    #[cfg(unix)]
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.0, bytes, offset)
    }

    #[cfg(windows)]
    pub(crate) fn write_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = std::os::windows::fs::FileExt::seek_write(&self.0, bytes, offset)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[written..];
            offset += written as u64;
        }
        Ok(())
    }

    /// Reads `len` bytes at `offset`.
    #[cfg(unix)]
    pub(crate) fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        std::os::unix::fs::FileExt::read_exact_at(&self.0, &mut bytes, offset)?;
        Ok(bytes)
    }

    #[cfg(windows)]
    pub(crate) fn read_at(&self, mut offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let mut rest = bytes.as_mut_slice();
        while !rest.is_empty() {
            let read = std::os::windows::fs::FileExt::seek_read(&self.0, rest, offset)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            rest = &mut rest[read..];
            offset += read as u64;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back_also_over_a_body_before() {
        let directory = tempfile::tempdir().unwrap();
        let file = SpoolFile::create(directory.path()).unwrap();
        file.write_at(b"a longer body", 0).unwrap();
        file.write_at(b"abc", 0).unwrap();
        file.write_at(b"def", 3).unwrap();
        assert_eq!(file.read_at(0, 6).unwrap(), b"abcdef");
        assert_eq!(file.read_at(2, 2).unwrap(), b"cd");
        assert_eq!(
            file.read_at(10, 4).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }

    #[test]
    fn nothing_is_left_in_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let file = SpoolFile::create(directory.path()).unwrap();
        file.write_at(b"secret", 0).unwrap();
        #[cfg(unix)]
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
        drop(file);
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }
}
