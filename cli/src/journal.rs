//! Where the journal of a send is, and what is to be done about one that is there already.

use std::env;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, TryLockError};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use batchcast::journal::{BatchState, Header, Journal, JournalError, Status};
use twox_hash::XxHash3_64;

use crate::fail::Usage;
use crate::kept::quoted;
use crate::whole::directory;
use crate::{fail, terminal};

/// What the names of journals end with.
const EXTENSION: &str = "batchcast";

/// What a journal begins with.
const BEGINS: [u8; 13] = *b"{\"batchcast\":";

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// A journal here.
    At(PathBuf),
    /// A journal where it belongs.
    Default,
}

/// A journal that is to be begun.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where, best first.
    places: Vec<Place>,
    /// Whether that of a finished run may make room for it.
    again: bool,
    /// Until when the server wants nothing to be sent, says a run that came to nothing.
    pub(crate) not_before: Option<SystemTime>,
}

#[derive(Debug)]
enum Place {
    File(PathBuf),
    /// In this directory, with a name that no other run has.
    In(PathBuf),
}

/// What is there.
enum Before {
    Nothing,
    /// A run of which nobody has got a message.
    Unused(Journal, Option<SystemTime>),
    /// A file that does not even say of which run it is, locked.
    Headless(File),
    /// A run that is finished, and its name.
    Finished(Journal, String),
}

impl Plan {
    /// Looks where the journal of this list can be, and whether it may be there.
    ///
    /// # Errors
    /// If there is one of a run that is not finished, or if the list was sent already and is not to be sent `again`.
    pub(crate) fn resolve(
        choice: Choice,
        list: Option<&Path>,
        metadata: Option<&Metadata>,
        again: bool,
    ) -> Result<Self> {
        let is_file = metadata.is_some_and(Metadata::is_file);
        let places = match (choice, list) {
            (Choice::At(path), _) => vec![Place::File(path)],
            (Choice::Default, Some(list)) if is_file => {
                // By its real name, so that it is found by whatever other name the list is called.
                let list = fs::canonicalize(list).context("cannot tell where the list is")?;
                let beside = Place::File(beside(&list));
                let elsewhere = state_directory(|name| env::var_os(name))
                    .map(|state| state.join(name_elsewhere(&list)))
                    .filter(|path| is_open(path));
                let elsewhere = elsewhere.map(Place::File);
                [Some(beside), elsewhere].into_iter().flatten().collect()
            }
            (Choice::Default, _) => {
                let directory = state_directory(|name| env::var_os(name)).ok_or_else(|| {
                    Usage::error(
                        "there is no place for the journal: name one with --journal PATH, or set HOME or \
                         XDG_STATE_HOME; --no-journal does without",
                    )
                })?;
                vec![Place::In(directory)]
            }
        };
        let mut plan = Self {
            places,
            again,
            not_before: None,
        };
        for place in &plan.places {
            if let Place::File(path) = place
                && let Before::Unused(_, until) = plan.look(path)?
            {
                plan.not_before = plan.not_before.max(until);
            }
        }
        Ok(plan)
    }

    /// Begins the journal, at the first of its places that can be written to.
    pub(crate) fn begin(self, header: &Header) -> Result<Journal> {
        let mut places = self.places.iter().peekable();
        while let Some(place) = places.next() {
            let begun = match place {
                Place::File(path) => self
                    .look(path)
                    .and_then(|before| begin_at(path, before, header)),
                Place::In(directory) => begin_at(
                    &directory.join(name_of_run(header)),
                    Before::Nothing,
                    header,
                ),
            };
            match begun {
                Err(error) if is_unwritable(&error) && places.peek().is_some() => {
                    terminal::note(&format!(
                        "batchcast: the journal cannot be beside the list: {error}"
                    ));
                }
                begun => return begun,
            }
        }
        // There is at least one place, and the last one is returned from.
        bail!("there is no place for the journal")
    }

    /// What is there, if it may make room.
    fn look(&self, path: &Path) -> Result<Before> {
        let (journal, state) = match Journal::open(path) {
            Ok(opened) => opened,
            Err(JournalError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Ok(Before::Nothing);
            }
            Err(JournalError::NoHeader { .. }) => return headless(path),
            Err(error @ JournalError::NotAJournal { .. }) => {
                return Err(anyhow::Error::from(error).context(Usage::of("--journal")));
            }
            Err(error) => return Err(error.into()),
        };
        let is_refused =
            |batch: &BatchState| matches!(batch.status, Status::Refused { .. } | Status::Withdrawn);
        // Also one that is finished, if its list was empty or nothing in it valid.
        if state.batches.iter().all(is_refused) {
            return Ok(Before::Unused(journal, state.not_before));
        }
        if state.finished && !self.again {
            return Err(Usage::error(format!(
                "the list was sent already, says its journal {}: --again sends it once more, and so \
                 everybody on it gets the message once more",
                path.display()
            )));
        }
        if state.finished {
            return Ok(Before::Finished(journal, state.header.run));
        }
        Err(Usage::error(format!(
            "a send of the list was begun and is not finished, says its journal {}: go on with it by 'batchcast resume {}'",
            path.display(),
            quoted(path)
        )))
    }
}

/// Begins the journal at this path, for which what is there makes room.
fn begin_at(path: &Path, before: Before, header: &Header) -> Result<Journal> {
    match before {
        Before::Nothing => make_directory(path)?,
        // Held open, so that nobody else begins a run with it meanwhile.
        Before::Unused(held, _) => {
            remove(path)?;
            drop(held);
        }
        Before::Headless(held) => {
            remove(path)?;
            drop(held);
        }
        Before::Finished(held, run) => {
            let kept = path.with_extension(format!("{run}.{EXTENSION}"));
            fs::rename(path, &kept).with_context(|| format!("cannot rename {}", path.display()))?;
            drop(held);
            terminal::note(&format!(
                "batchcast: the journal of the run before is now {}",
                kept.display()
            ));
        }
    }
    Ok(Journal::create(path, header)?)
}

/// An error of a journal that was named, and where there is none at all a wrong usage.
pub(crate) fn named(error: JournalError) -> anyhow::Error {
    let is_none = match &error {
        JournalError::NotAJournal { .. } => true,
        JournalError::Io { source, .. } => matches!(
            source.kind(),
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory
        ),
        _ => false,
    };
    let error = anyhow::Error::from(error);
    if is_none {
        error.context(Usage::of("JOURNAL"))
    } else {
        error
    }
}

/// Takes hold of a file that ends within its first line: its run was killed before it could begin.
fn headless(path: &Path) -> Result<Before> {
    let context = || format!("cannot open {}", path.display());
    let file = File::open(path).with_context(context)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!("another process is at {}", path.display()),
        Err(TryLockError::Error(error)) => return Err(error).with_context(context),
    }
    // Locked, it stays what it is; but another process may have begun a run there until just now.
    match Journal::read(path) {
        Err(JournalError::NoHeader { .. }) => Ok(Before::Headless(file)),
        Err(error) => Err(error.into()),
        Ok(_) => bail!(
            "another process has just begun a run with {}",
            path.display()
        ),
    }
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))
}

/// Sees that a file that is to be written anew is no journal, which is all that is known of who got a message.
///
/// # Errors
/// If it is one.
pub(crate) fn spare(flag: &str, path: &Path) -> Result<()> {
    let mut start = [0; BEGINS.len()];
    // A pipe would be waited for.
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let mut read = || File::open(path)?.read_exact(&mut start);
    if is_file && read().is_ok() && start == BEGINS {
        return Err(Usage::error(format!(
            "{flag}: {} is the journal of a send, and is not written over",
            path.display()
        )));
    }
    Ok(())
}

/// Whether there can be a journal there: not in the home of a service that has none, nor in that of somebody else, as sudo
/// may leave it. What is in the latter nobody knows, and it is told.
fn is_open(path: &Path) -> bool {
    match path.try_exists() {
        Err(error) if error.kind() == ErrorKind::NotADirectory => false,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let place = directory(path).display();
            fail::explain(
                &format!(
                    "Warning: cannot look for an earlier journal of the list in {place} ({error}). If it was sent with \
                     one there, everybody on it gets the message once more"
                ),
                Some("XDG_STATE_HOME names another place for such journals"),
                terminal::error,
            );
            false
        }
        _ => true,
    }
}

/// Whether another place may do.
fn is_unwritable(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<JournalError>(),
        Some(JournalError::Io { op: "create", source, .. })
            if matches!(
                source.kind(),
                // The last: where a file cannot be given its name without replacing another one.
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::Unsupported
            )
    )
}

fn make_directory(path: &Path) -> Result<()> {
    let Some(directory) = path.parent().filter(|directory| !directory.exists()) else {
        return Ok(());
    };
    // Only of the state directory; any other was named by somebody who knows it.
    if directory.file_name().is_none_or(|name| name != "batchcast") {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(|source| {
        let (path, op) = (path.to_owned(), "create");
        JournalError::Io { path, op, source }.into()
    })
}

/// The journal's name beside its list.
fn beside(list: &Path) -> PathBuf {
    let mut name = list.as_os_str().to_owned();
    name.push(".");
    name.push(EXTENSION);
    name.into()
}

/// Its name where lists from all places have theirs: the same for the same list.
fn name_elsewhere(list: &Path) -> OsString {
    let mut name = list.file_name().unwrap_or_default().to_owned();
    let path = XxHash3_64::oneshot(list.as_os_str().as_encoded_bytes());
    name.push(format!("-{path:016x}.{EXTENSION}"));
    name
}

/// The name of a run whose list has none.
fn name_of_run(header: &Header) -> String {
    let created = header.created.replace(':', "-");
    format!("{created}-{}.{EXTENSION}", header.run)
}

/// Where programs keep what they want to know at their next start (XDG base directories).
fn state_directory(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let directory = |name| {
        env(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = directory("XDG_STATE_HOME")
        .or_else(|| directory("HOME").map(|home| home.join(".local").join("state")))
        .or_else(|| directory("LOCALAPPDATA"))?;
    Some(state.join("batchcast"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_directory() {
        let find = |set: &[(&str, &str)]| {
            state_directory(|name| {
                let found = set.iter().find(|(set, _)| *set == name);
                found.map(|(_, value)| value.into())
            })
        };
        assert_eq!(find(&[]), None);
        assert_eq!(
            find(&[("HOME", "/home/me"), ("XDG_STATE_HOME", "relative")]),
            Some("/home/me/.local/state/batchcast".into())
        );
        assert_eq!(
            find(&[("HOME", "/home/me"), ("XDG_STATE_HOME", "/state")]),
            Some("/state/batchcast".into())
        );
    }

    #[test]
    fn names_are_those_of_their_lists() {
        assert_eq!(
            beside(Path::new("/a/list.csv")),
            Path::new("/a/list.csv.batchcast")
        );
        let name = |list: &str| name_elsewhere(Path::new(list)).into_string().unwrap();
        let (one, other) = (name("/a/list.csv"), name("/b/list.csv"));
        assert!(one.starts_with("list.csv-") && one.ends_with(".batchcast"));
        assert_ne!(one, other);
        assert_eq!(one, name("/a/list.csv"));
    }
}
