//! The file: made, opened, locked, written and forced to disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::entry::{Entry, Header, Opening};
use super::error::JournalError;
use super::lock::{self, Locked};
use super::replay::{End, Replay};
use super::rules::Rules;
use super::state::State;
use super::{MAX_LINE_BYTES, seal};

/// How often a journal may be replaced while it is opened.
const MOST_TRIES: u32 = 100;

/// A journal that is open for appending. While it is, no other process can open it so.
///
/// All that is done with it waits for the disk, and what forces something to it may wait for long: in async code that is
/// best done where a thread may wait, such as in `tokio::task::spawn_blocking`.
#[derive(Debug)]
pub struct Journal {
    file: Locked,
    path: PathBuf,
    header: Box<Header>,
    chain: u32,
    rules: Rules,
    line: Vec<u8>,
    poisoned: bool,
}

/// With its name, which nobody is to see, in no error.
fn create_unnamed(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl Journal {
    /// Begins a journal: a new file that only its owner can read, with the run's first line in it. When
    /// this returns, the file and its name are on disk.
    ///
    /// # Errors
    /// [`JournalError::Exists`] if there is a file already, [`JournalError::TooLong`] if the
    /// application's options are, [`JournalError::Io`]. There is no file then that was not there before.
    pub fn create(path: &Path, header: &Header) -> Result<Self, JournalError> {
        // It gets its name when it is locked and says what it is: no other process may come across it before.
        let unnamed = tempfile::Builder::new()
            .prefix(".batchcast-")
            .make_in(directory(path), create_unnamed)
            .map_err(JournalError::io(path, "create"))?;
        let (file, unnamed) = unnamed.into_parts();
        let journal = Self::begin(file, path, header)?;
        unnamed.persist_noclobber(path).map_err(|error| {
            if error.error.kind() == io::ErrorKind::AlreadyExists {
                JournalError::Exists {
                    path: path.to_owned(),
                }
            } else {
                JournalError::io(path, "create")(error.error)
            }
        })?;
        journal.sync_name().inspect_err(|_| {
            // It is ours and says nothing yet. If it cannot be removed either, the first error is
            // still the one to tell.
            let _ = fs::remove_file(path);
        })?;
        Ok(journal)
    }

    /// Opens a journal to go on with its run, and says what is in it. What a crash has left at the
    /// file's end is cut off. When this returns, everything that it says is on disk.
    ///
    /// # Errors
    /// [`JournalError::Locked`] if another process has it, [`JournalError::Damaged`] if it is not as it
    /// was written, and the other kinds that a file can be at fault with. It is not changed then.
    pub fn open(path: &Path) -> Result<(Self, State), JournalError> {
        let mut tries = 0;
        let file = loop {
            refuse_other_than_file(path)?;
            let file = OpenOptions::new()
                .read(true)
                .append(true)
                .open(path)
                .map_err(JournalError::io(path, "open"))?;
            let file = Locked::new(file, path)?;
            // Another process may have put its own journal there in between.
            if file.has_name(path) {
                break file;
            }
            tries += 1;
            if tries == MOST_TRIES {
                return Err(JournalError::Locked {
                    path: path.to_owned(),
                });
            }
        };
        let (mut replay, header) = Replay::new(path, BufReader::new(&*file))?;
        let state = replay.sum(header)?;
        let (end, rules) = replay.into_end();
        let mut journal = Self::new(file, path, state.header.clone(), end.chain, rules);
        journal.mend(end)?;
        Ok((journal, state))
    }

    /// What is in a journal, without opening it for appending: also while a process is at it. What a
    /// crash, or a line that is just being written, has left at the file's end is passed over.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for [`JournalError::Locked`].
    pub fn read(path: &Path) -> Result<State, JournalError> {
        let file = open_to_read(path)?;
        let (mut replay, header) = Replay::new(path, BufReader::new(file))?;
        replay.sum(header)
    }

    /// Whether a process has a journal open for appending. It may have been that a moment ago: what is found out about the
    /// journal by it has to be looked at again.
    ///
    /// # Errors
    /// [`JournalError::Io`], and [`JournalError::NotAJournal`].
    pub fn is_locked(path: &Path) -> Result<bool, JournalError> {
        let file = open_to_read(path)?;
        lock::is_locked(&file).map_err(JournalError::io(path, "lock"))
    }

    /// Writes an entry, with the time. It is not on disk before [`sync`](Self::sync).
    ///
    /// # Errors
    /// [`JournalError::Order`] if the entry cannot follow what is in the journal, and
    /// [`JournalError::TooLong`]: then nothing was written, and others can be. [`JournalError::Io`]
    /// if writing failed; after that, [`JournalError::Poisoned`].
    pub fn append(&mut self, entry: &Entry) -> Result<(), JournalError> {
        self.refuse_poisoned()?;
        let chain = self.seal(entry)?;
        self.rules
            .admit(entry)
            .map_err(|breach| JournalError::Order {
                path: self.path.clone(),
                breach,
            })?;
        self.write()?;
        self.chain = chain;
        Ok(())
    }

    /// Forces all that was written to disk.
    ///
    /// # Errors
    /// [`JournalError::Io`]. It is not known then what is on disk, so after it there is only
    /// [`JournalError::Poisoned`].
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.refuse_poisoned()?;
        let synced = self.file.sync_data();
        self.poison_on_error("force to disk", synced)
    }

    /// What its run is: its first line.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Where it is, as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn new(file: Locked, path: &Path, header: Header, chain: u32, rules: Rules) -> Self {
        Self {
            file,
            path: path.to_owned(),
            header: Box::new(header),
            chain,
            rules,
            line: Vec::new(),
            poisoned: false,
        }
    }

    fn begin(file: File, path: &Path, header: &Header) -> Result<Self, JournalError> {
        let file = Locked::new(file, path)?;
        let mut journal = Self::new(file, path, header.clone(), 0, Rules::default());
        journal.chain = journal.seal(&Opening::new(header))?;
        journal.write()?;
        let synced = journal.file.sync_all();
        journal.poison_on_error("force to disk", synced)?;
        Ok(journal)
    }

    /// Makes the file end where its whole lines do.
    fn mend(&mut self, end: End) -> Result<(), JournalError> {
        if end.torn > 0 {
            self.file
                .set_len(end.bytes)
                .map_err(JournalError::io(&self.path, "shorten"))?;
        }
        if end.newline_missing {
            self.line.clear();
            self.line.push(b'\n');
            self.write()?;
        }
        let synced = self.file.sync_all();
        self.poison_on_error("force to disk", synced)?;
        self.sync_name()
    }

    /// Makes the next line, and returns its checksum.
    fn seal<T: Serialize>(&mut self, value: &T) -> Result<u32, JournalError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value)
            .expect("strings and numbers are JSON, and a Vec takes every write");
        let chain = seal::seal(&mut self.line, self.chain);
        let bytes = self.line.len() - 1;
        if bytes > MAX_LINE_BYTES {
            return Err(JournalError::TooLong {
                path: self.path.clone(),
                bytes,
            });
        }
        Ok(chain)
    }

    fn write(&mut self) -> Result<(), JournalError> {
        let written = (&*self.file).write_all(&self.line);
        self.poison_on_error("write to", written)
    }

    /// Forces to disk that the file has a name.
    fn sync_name(&self) -> Result<(), JournalError> {
        sync_directory(&self.path).map_err(JournalError::io(
            &self.path,
            "force to disk the directory of",
        ))
    }

    fn refuse_poisoned(&self) -> Result<(), JournalError> {
        if self.poisoned {
            return Err(JournalError::Poisoned {
                path: self.path.clone(),
            });
        }
        Ok(())
    }

    /// After a failed write, part of a line may stand at the end, and a line behind it would be damage.
    /// After a failed fsync, the system may have forgotten what it could not write.
    fn poison_on_error(
        &mut self,
        op: &'static str,
        done: io::Result<()>,
    ) -> Result<(), JournalError> {
        self.poisoned |= done.is_err();
        done.map_err(JournalError::io(&self.path, op))
    }
}

pub(super) fn open_to_read(path: &Path) -> Result<File, JournalError> {
    refuse_other_than_file(path)?;
    File::open(path).map_err(JournalError::io(path, "open"))
}

/// A directory has no lines, and opening a pipe would wait for somebody to write to it.
fn refuse_other_than_file(path: &Path) -> Result<(), JournalError> {
    let metadata = fs::metadata(path).map_err(JournalError::io(path, "open"))?;
    if metadata.is_file() {
        return Ok(());
    }
    Err(JournalError::NotAJournal {
        path: path.to_owned(),
    })
}

/// Where a file is.
fn directory(path: &Path) -> &Path {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// A new file's name is an entry in its directory, which is on disk only when that is.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

/// Elsewhere a directory cannot be opened like a file.
#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::encode::Limits;
    use crate::journal::Shape;
    use crate::{Envelope, PhoneNumber};

    /// A journal on the device that is always full, and cannot be forced to disk.
    fn on_a_full_disk() -> Journal {
        let path = Path::new("/dev/full");
        let file = OpenOptions::new().append(true).open(path).unwrap();
        let from = PhoneNumber::parse("+16505550100").unwrap();
        let shape = Shape::new(&Envelope::new(from), Limits::default());
        let header = Header::new(shape, Default::default());
        Journal::new(
            Locked::without_lock(file),
            path,
            header,
            0,
            Rules::default(),
        )
    }

    fn limit() -> Entry {
        Entry::Limit { max_bytes: 1 }
    }

    #[test]
    fn a_full_disk_is_an_error_and_ends_the_writing() {
        let mut journal = on_a_full_disk();
        let error = journal.append(&limit()).unwrap_err();
        assert!(
            matches!(&error, JournalError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(
            text.starts_with("cannot write to the journal /dev/full: "),
            "{text}"
        );
        for again in [journal.append(&limit()), journal.sync()] {
            let error = again.unwrap_err();
            assert!(matches!(error, JournalError::Poisoned { .. }), "{error:?}");
            assert!(error.to_string().contains("make room"), "{error}");
        }
    }

    #[test]
    fn a_failed_fsync_ends_the_writing() {
        let mut journal = on_a_full_disk();
        let error = journal.sync().unwrap_err();
        assert!(
            error.to_string().starts_with("cannot force to disk "),
            "{error}"
        );
        let error = journal.append(&limit()).unwrap_err();
        assert!(matches!(error, JournalError::Poisoned { .. }), "{error:?}");
    }
}
