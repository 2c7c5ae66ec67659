//! A file that is read as long as nobody changes what was read of it.
//!
//! A list may be written over while it is sent. Where the next record begins in it is told by how much was read, so with
//! some records more at its beginning others would be read twice, and with fewer some would not be read at all; and while
//! it is empty, for a moment, it would seem to have come to its end. That it grows at its end does no harm.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek as _};
use std::time::SystemTime;

/// How much of what was read last is compared when the file has been changed.
const COMPARED: usize = 4 * 1024;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Steady {
    file: File,
    /// Up to where it was read.
    at: u64,
    /// What stands before that, as much as is compared.
    last: Vec<u8>,
    stamp: Stamp,
}

/// What changes when a file is written to.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            modified: metadata.modified().ok(),
            len: metadata.len(),
        }
    }
}

impl Steady {
    /// From where the file stands.
    pub(crate) fn new(mut file: File) -> io::Result<Self> {
        Ok(Self {
            at: file.stream_position()?,
            last: Vec::with_capacity(COMPARED),
            stamp: Stamp::of(&file.metadata()?),
            file,
        })
    }

    /// Takes what was just read.
    fn take(&mut self, read: &[u8]) -> io::Result<()> {
        let stamp = Stamp::of(&self.file.metadata()?);
        let is_changed = stamp != self.stamp;
        // What was read before the change, and what was read now, which may have been before it as well.
        if is_changed && (stamp.len < self.at || !self.is_same()?) {
            return Err(changed());
        }
        self.at += read.len() as u64;
        let new = &read[read.len().saturating_sub(COMPARED)..];
        let old = self.last.len().min(COMPARED - new.len());
        self.last.drain(..self.last.len() - old);
        self.last.extend_from_slice(new);
        if is_changed && !self.is_same()? {
            return Err(changed());
        }
        self.stamp = stamp;
        Ok(())
    }

    /// Whether what was read last still stands there.
    fn is_same(&mut self) -> io::Result<bool> {
        let mut now = vec![0; self.last.len()];
        let from = self.at - now.len() as u64;
        match self.read_again(&mut now, from) {
            Ok(()) => Ok(now == self.last),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    #[cfg(unix)]
    fn read_again(&mut self, into: &mut [u8], from: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, into, from)
    }

    /// Reading in another place moves the file's own.
    #[cfg(not(unix))]
    fn read_again(&mut self, into: &mut [u8], from: u64) -> io::Result<()> {
        self.file.seek(io::SeekFrom::Start(from))?;
        let read = self.file.read_exact(into);
        self.file.seek(io::SeekFrom::Start(self.at))?;
        read
    }
}

impl Read for Steady {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.take(&buffer[..read])?;
        Ok(read)
    }
}

fn changed() -> io::Error {
    io::Error::other(Changed)
}

/// What was read of the list does not stand there any more.
#[derive(Debug)]
pub(crate) struct Changed;

impl Changed {
    /// Whether that is what is wrong.
    pub(crate) fn is(error: &io::Error) -> bool {
        matches!(error.get_ref(), Some(inner) if inner.is::<Self>())
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the list has changed while it was read: who comes next in it cannot be told any more",
        )
    }
}

impl std::error::Error for Changed {}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    /// Reads so many bytes at a time, and lets `change` happen to the file behind the third.
    fn read_with(bytes: usize, content: &str, change: impl Fn(&Path)) -> io::Result<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        std::fs::write(&path, content).unwrap();
        let mut steady = Steady::new(File::open(&path).unwrap()).unwrap();
        let mut all = Vec::new();
        for time in 1.. {
            let mut buffer = vec![0; bytes];
            let read = steady.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            all.extend_from_slice(&buffer[..read]);
            if time == 3 {
                // File systems tell the time in ticks.
                std::thread::sleep(Duration::from_millis(30));
                change(&path);
            }
        }
        Ok(String::from_utf8(all).unwrap())
    }

    const SIZES: [usize; 3] = [10, COMPARED, 10_000];

    fn content() -> String {
        (10_000..20_000)
            .map(|number| format!("{number}\n"))
            .collect()
    }

    #[test]
    fn what_grows_at_its_end_is_read_to_its_end() {
        for bytes in SIZES {
            let grown = read_with(bytes, &content(), |path| {
                let mut file = File::options().append(true).open(path).unwrap();
                file.write_all(b"more\n").unwrap();
            });
            assert_eq!(grown.unwrap(), content() + "more\n");
            let same = read_with(bytes, &content(), |path| {
                std::fs::write(path, content()).unwrap();
            });
            assert_eq!(same.unwrap(), content());
        }
    }

    #[test]
    fn what_is_changed_before_its_end_is_not_read_any_further() {
        for bytes in SIZES {
            for changed in [
                String::new(),
                content()[..29].to_owned(),
                format!("99999\n{}", content()),
                content()[6..].to_owned(),
                content().replacen("10001\n", "", 1),
            ] {
                let read = read_with(bytes, &content(), |path| {
                    std::fs::write(path, &changed).unwrap();
                });
                let told = read.unwrap_err().to_string();
                assert!(told.contains("has changed"), "{told}");
            }
            // Another file in its place is another file.
            let replaced = read_with(bytes, &content(), |path| {
                std::fs::remove_file(path).unwrap();
                std::fs::write(path, "other").unwrap();
            });
            assert_eq!(replaced.unwrap(), content());
        }
    }
}
