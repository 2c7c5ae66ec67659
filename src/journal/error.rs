//! What can go wrong with a journal, and what to do then.

use std::io;
use std::path::{Path, PathBuf};

use super::VERSION;
use super::rules::Breach;

/// What went wrong with a journal. Its text names the file and the way out, and holds nothing else
/// that stands in the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The operating system failed.
    #[error("cannot {op} the journal {path}: {source}", path = path.display())]
    Io {
        /// The journal.
        path: PathBuf,
        /// What was to be done, such as `write to`.
        op: &'static str,
        /// The operating system's word.
        source: io::Error,
    },
    /// There is a file already.
    #[error(
        "{path} is there already: resume that run, or choose another path for this run's journal",
        path = path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another process has it open.
    #[error(
        "another process is writing to the journal {path}: wait for it to end, or stop it",
        path = path.display()
    )]
    Locked {
        /// The journal.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path} is not a journal of batchcast: look whether the path is right", path = path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// The file ends before its first line does.
    #[error(
        "the journal {path} ends within its first line: if its run was killed at once, nothing was sent; \
         delete it and begin anew",
        path = path.display()
    )]
    NoHeader {
        /// The journal.
        path: PathBuf,
    },
    /// It is of another version of the format.
    #[error(
        "the journal {path} has format {found}, and this version of batchcast reads format {VERSION}: \
         use the version that wrote it",
        path = path.display()
    )]
    Version {
        /// The journal.
        path: PathBuf,
        /// The version of its format.
        found: u64,
    },
    /// A line is whole, and says something that this version does not know. It is not passed over:
    /// it might say that something was sent.
    #[error(
        "line {line} of the journal {path} says something that this version of batchcast does not know: \
         use the newer version that wrote it",
        path = path.display()
    )]
    Unknown {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// A line is not as it was written. What was sent cannot be told from it.
    #[error(
        "line {line} of the journal {path} (from byte {byte}) is damaged: {fault}. \
         Restore the file from a copy, or compare it with the API's list of batches before anything is sent again",
        path = path.display()
    )]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Where the line begins: bytes from the start of the file.
        byte: u64,
        /// What is wrong with it.
        fault: Fault,
    },
    /// An entry that cannot follow what is in the journal: the caller is at fault. It was not written.
    #[error("not written to the journal {path}: {breach}", path = path.display())]
    Order {
        /// The journal.
        path: PathBuf,
        /// What is wrong with it.
        breach: Breach,
    },
    /// An entry longer than [`MAX_LINE_BYTES`](super::MAX_LINE_BYTES): the caller is at fault. It was not
    /// written.
    #[error(
        "not written to the journal {path}: a line of {bytes} bytes is too long, spread it over several",
        path = path.display()
    )]
    TooLong {
        /// The journal.
        path: PathBuf,
        /// How long the line would be.
        bytes: usize,
    },
    /// Writing failed before. What stands at the file's end is not known, so nothing may follow it.
    #[error(
        "nothing more is written to the journal {path}, because writing to it has failed: \
         make room or mend the disk, then resume the run",
        path = path.display()
    )]
    Poisoned {
        /// The journal.
        path: PathBuf,
    },
}

impl JournalError {
    /// What turns an error of the operating system into this, beside `map_err`.
    pub(super) fn io(path: &Path, op: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            op,
            source,
        }
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The checksum is not that of the line and all before it.
    #[error("its checksum does not fit, so it or what stood before it was changed, moved or lost")]
    Checksum,
    /// The file's end is neither a whole line nor the beginning of one.
    #[error("it has no end, and is not what a crash leaves of a line")]
    Tail,
    /// Longer than any line is.
    #[error("it is longer than any line of a journal")]
    TooLong,
    /// The checksum fits, but a line of this kind holds something else.
    #[error("it does not hold what a line of its kind holds")]
    Content,
    /// It cannot follow what stands before it.
    #[error("it cannot stand there: {0}")]
    Order(#[from] Breach),
}
