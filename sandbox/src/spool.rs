//! A temporary file that begins in memory: what a batch leaves behind until it is accepted.

use std::io::{self, BufReader, BufWriter, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

/// Kept in memory up to this size, in a file without a name above it.
const IN_MEMORY: usize = 64 * 1024;

/// Written from start to end, then read once from the start.
#[derive(Debug)]
pub(crate) struct Spool {
    file: BufWriter<SpooledTempFile>,
    len: u64,
}

impl Spool {
    pub(crate) fn new() -> Self {
        Self {
            file: BufWriter::with_capacity(32 * 1024, SpooledTempFile::new(IN_MEMORY)),
            len: 0,
        }
    }

    /// Bytes written so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn into_reader(self) -> io::Result<BufReader<SpooledTempFile>> {
        let mut file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(BufReader::with_capacity(32 * 1024, file))
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
