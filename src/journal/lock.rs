//! A file that no other process may write to.

#[cfg(unix)]
use std::fs;
use std::fs::{File, TryLockError};
use std::ops::Deref;
use std::path::Path;

use super::error::JournalError;

/// A file with its lock. The lock ends with it, or with the process.
#[derive(Debug)]
pub(super) struct Locked(File);

impl Locked {
    pub(super) fn new(file: File, path: &Path) -> Result<Self, JournalError> {
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

#[cfg(test)]
mod tests {
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
}
