//! A file that no other process may write to.

#[cfg(unix)]
use std::fs;
use std::fs::{File, TryLockError};
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::error::JournalError;

/// How often it is tried to lock a file, and what is waited for in between: somebody may just [look](is_locked) whether it
/// is locked.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// A file with its lock. The lock ends with it, or with the process.
#[derive(Debug)]
pub(super) struct Locked(File);

impl Locked {
    pub(super) fn new(file: File, path: &Path) -> Result<Self, JournalError> {
        Self::with_pauses(file, path, || thread::sleep(PAUSE))
    }

    fn with_pauses(file: File, path: &Path, pause: impl Fn()) -> Result<Self, JournalError> {
        for _ in 1..TRIES {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => pause(),
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::Error(_)) => break,
            }
        }
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(JournalError::Locked {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(JournalError::io(path, "lock")(error)),
        }
    }

    /// Whether this path is a name of it: a file that was removed, or has another name by now, can be locked as well.
    #[cfg(unix)]
    pub(super) fn has_name(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let (file, named) = (self.0.metadata(), fs::metadata(path));
        file.ok()
            .zip(named.ok())
            .is_some_and(|(file, named)| (file.dev(), file.ino()) == (named.dev(), named.ino()))
    }

    /// Elsewhere an open file keeps its name.
    #[cfg(not(unix))]
    pub(super) fn has_name(&self, _path: &Path) -> bool {
        true
    }

    /// A device, which tests at the same time share.
    #[cfg(test)]
    pub(super) fn without_lock(file: File) -> Self {
        Self(file)
    }
}

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Locked {
    /// Closing the file would do, unless this process is just starting another one, which has a copy
    /// of the open file until it becomes another program.
    fn drop(&mut self) {
        // If it fails, closing the file is what is left.
        let _ = self.0.unlock();
    }
}

/// Whether a file is locked. Those who look do not keep each other from it, and hardly keep the file from anybody who wants
/// to lock it.
pub(super) fn is_locked(file: &File) -> io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => {
            file.unlock()?;
            Ok(false)
        }
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_file_in_whose_place_another_one_is_has_no_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let locked = Locked::new(File::create(&path).unwrap(), &path).unwrap();
        assert!(locked.has_name(&path));
        fs::rename(&path, directory.path().join("before")).unwrap();
        assert!(!locked.has_name(&path));
        File::create(&path).unwrap();
        assert!(!locked.has_name(&path));
        assert!(locked.has_name(&directory.path().join("before")));
    }

    #[test]
    fn a_copy_of_the_open_file_does_not_keep_the_lock() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path();
        let open = || Locked::new(File::open(path).unwrap(), path);
        let locked = open().unwrap();
        // As a process has it that was just started.
        let copy = locked.try_clone().unwrap();
        assert!(matches!(open(), Err(JournalError::Locked { .. })));
        drop(locked);
        open().unwrap();
        drop(copy);
    }
    #[test]
    fn one_who_looks_is_waited_for() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path();
        let open = || File::open(path).unwrap();
        let [looks, other] = [open(), open()];
        looks.try_lock_shared().unwrap();
        assert!(!is_locked(&other).unwrap());
        let tries = Cell::new(0);
        let locked = Locked::with_pauses(open(), path, || {
            tries.set(tries.get() + 1);
            if tries.get() == TRIES / 2 {
                looks.unlock().unwrap();
            }
        });
        let locked = locked.unwrap();
        assert_eq!(tries.get(), TRIES / 2);
        assert!(is_locked(&other).unwrap());
        drop(locked);
        assert!(!is_locked(&other).unwrap());
    }
}
