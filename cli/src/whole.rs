//! Files that take their place only when they are whole: of half a list nobody could tell.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::{Builder, NamedTempFile};

use crate::fail::Usage;
use crate::records::private;
use crate::unwritable::{Named, unwritable};

/// How many links a path may go through, as many as Linux follows.
const MAX_LINKS: usize = 40;

/// A file that is being written, beside the place that it is for.
pub(crate) struct WholeFile {
    flag: &'static str,
    path: PathBuf,
    place: PathBuf,
    file: NamedTempFile,
}

impl WholeFile {
    /// Begins the file that `flag` names, readable by its owner alone.
    ///
    /// # Errors
    /// If there is something that cannot be replaced, or if it cannot be written.
    pub(crate) fn begin(flag: &'static str, path: &Path) -> Result<Self> {
        let place = replaceable(flag, path)?;
        let file =
            new_in(&Builder::new(), directory(&place)).with_context(|| unwritable(flag, path))?;
        let path = path.to_owned();
        Ok(Self {
            flag,
            path,
            place,
            file,
        })
    }

    /// What writes to it.
    ///
    /// # Errors
    /// If there can be none.
    pub(crate) fn writer(&self) -> io::Result<Named<File>> {
        Ok(Named::new(&self.path, self.file.as_file().try_clone()?))
    }

    /// Puts it where it belongs.
    ///
    /// # Errors
    /// If it cannot be there.
    pub(crate) fn finish(self) -> Result<()> {
        let put = self.file.persist(&self.place).map_err(|error| error.error);
        put.with_context(|| unwritable(self.flag, &self.path))?;
        Ok(())
    }
}

/// Where the file is that `flag` names: behind all links, which stay what they are.
///
/// # Errors
/// If there is something that would be replaced, and is not to be: a directory, a device or a pipe.
pub(crate) fn replaceable(flag: &str, path: &Path) -> Result<PathBuf> {
    let place = behind_links(path).with_context(|| unwritable(flag, path))?;
    let what = match fs::metadata(&place) {
        Ok(there) if there.is_dir() => "a directory",
        Ok(there) if !there.is_file() => "no regular file",
        _ => return Ok(place),
    };
    Err(Usage::error(format!(
        "{flag}: {} is {what}",
        path.display()
    )))
}

/// The path that a link leads to, whether or not there is something.
pub(crate) fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut place = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&place) {
            Ok(to) => place = directory(&place).join(to),
            Err(_) => return Ok(place),
        }
    }
    Err(io::Error::other("too many links"))
}

/// The directory that a path is in.
pub(crate) fn directory(path: &Path) -> &Path {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    directory.unwrap_or(Path::new("."))
}

/// A new file with a name that nobody is to see, also not in an error.
pub(crate) fn new_in(names: &Builder<'_, '_>, directory: &Path) -> io::Result<NamedTempFile> {
    let mut options = private();
    options.read(true).write(true).create_new(true);
    names.make_in(directory, |path| options.open(path))
}
