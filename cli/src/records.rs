//! The files of what was not sent: invalid records, rejected recipients. A JSON object a line.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use batchcast::input::Invalid;
use batchcast::journal::Rejected;
use batchcast::screen::Reason;
use batchcast::send::Reject;
use batchcast::{ErrorKind, PhoneNumber, Position};
use serde::Serialize;

use crate::config::is_stream;
use crate::fail::Usage;
use crate::unwritable::{Named, unwritable};

/// A file of records, readable by its owner alone: it holds numbers and texts.
pub(crate) struct RecordsFile {
    path: PathBuf,
    out: BufWriter<Named<File>>,
    metadata: Metadata,
    /// It was not there before, and nothing says yet that it is to stay.
    is_new: bool,
    /// Not all of it could be written.
    is_torn: bool,
}

impl RecordsFile {
    /// Creates the file that `flag` names, if it names one. It must be neither the list nor one of `others`.
    pub(crate) fn create(
        flag: &str,
        path: Option<&Path>,
        list: Option<&Metadata>,
        others: &[&Option<Self>],
    ) -> Result<Option<Self>> {
        let Some(path) = path else {
            return Ok(None);
        };
        if is_stream(path) {
            return Err(Usage::error(format!(
                "{flag}: - is standard output, where the results are: name a file"
            )));
        }
        let context = || unwritable(flag, path);
        let mut options = private();
        options.append(true).create_new(true);
        let (file, is_new) = match options.open(path) {
            Ok(file) => (file, true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                options.create_new(false).create(true);
                (options.open(path).with_context(context)?, false)
            }
            Err(error) => return Err(error).with_context(context),
        };
        let metadata = file.metadata().with_context(context)?;

        let is_list = list.is_some_and(|list| same_file(list, &metadata));
        if is_list {
            return Err(Usage::error(format!(
                "{flag}: {} is the list itself",
                path.display()
            )));
        }
        let mut others = others.iter().filter_map(|other| other.as_ref());
        if others.any(|other| same_file(&other.metadata, &metadata)) {
            return Err(Usage::error(format!(
                "{flag}: {} is the same file as that of another flag: --invalid, --rejected and --passed-over need a file each",
                path.display()
            )));
        }
        if metadata.is_file() && metadata.len() > 0 {
            // Who was rejected is said once, by the answer to the batch, and never again.
            return Err(Usage::error(format!(
                "{flag}: {} is not empty, and what an earlier run wrote is not overwritten: \
                 move it away, or name another file",
                path.display()
            )));
        }
        #[cfg(unix)]
        if metadata.is_file() {
            use std::os::unix::fs::PermissionsExt as _;
            // It may have been there, empty, with other permissions.
            file.set_permissions(std::fs::Permissions::from_mode(0o600))
                .with_context(context)?;
        }
        Ok(Some(Self {
            path: path.to_owned(),
            out: BufWriter::new(Named::new(path, file)),
            metadata,
            is_new,
            is_torn: false,
        }))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a line.
    ///
    /// # Errors
    /// Say which file it is.
    pub(crate) fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        self.keep();
        let written = serde_json::to_writer(&mut self.out, line).map_err(io::Error::from);
        let written = written.and_then(|()| self.out.write_all(b"\n"));
        self.seen(written)
    }

    /// Hands everything to the operating system.
    ///
    /// # Errors
    /// Say which file it is.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.seen(flushed)
    }

    /// It stays, even if nothing was written to it: the run has come to its end.
    pub(crate) const fn keep(&mut self) {
        self.is_new = false;
    }

    /// Whether something of it could not be written.
    pub(crate) const fn is_torn(&self) -> bool {
        self.is_torn
    }

    fn seen(&mut self, written: io::Result<()>) -> io::Result<()> {
        self.is_torn |= written.is_err();
        written
    }
}

impl Drop for RecordsFile {
    /// A command that was refused leaves nothing behind.
    fn drop(&mut self) {
        if self.is_new {
            // If it cannot be removed, there is an empty file more.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// How a file is opened that only its owner is to read.
pub(crate) fn private() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there is nothing to set"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Whether both are one regular file. (A device, such as /dev/null, may well be both.)
pub(crate) fn same_file(one: &Metadata, other: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino())
    }
    #[cfg(not(unix))]
    {
        // Without an identity: a file that was just created empty is not a list with something in it,
        // and one with something in it is refused in any case.
        let _ = (one, other);
        false
    }
}

/// A line of `--invalid`.
#[derive(Serialize)]
pub(crate) struct InvalidLine<'a> {
    record: u64,
    line: u64,
    byte: u64,
    error: String,
    input: std::borrow::Cow<'a, str>,
}

impl<'a> InvalidLine<'a> {
    /// What is said about an invalid record.
    pub(crate) fn of(invalid: &'a Invalid<'_>) -> Self {
        let Position { record, line, byte } = invalid.error.position().unwrap_or_default();
        let error = match invalid.error.kind() {
            // The position is in fields of its own.
            ErrorKind::Record { fault, .. } => fault.to_string(),
            other => other.to_string(),
        };
        let input = String::from_utf8_lossy(invalid.input);
        Self {
            record,
            line,
            byte,
            error,
            input,
        }
    }
}

/// A line of `--passed-over`. Without a number, the record was skipped, and is invalid.
#[derive(Serialize)]
pub(crate) struct PassedOverLine {
    record: u64,
    line: u64,
    to: Option<String>,
    reason: &'static str,
}

impl PassedOverLine {
    /// What is said about a record that is passed over.
    pub(crate) fn of(position: Position, to: Option<PhoneNumber>, reason: Reason) -> Self {
        Self {
            record: position.record,
            line: position.line,
            to: to.map(|to| to.as_str().to_owned()),
            reason: reason.as_str(),
        }
    }
}

/// A line of `--rejected`. Without a record and a line, the API's index and number do not belong together.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RejectedLine<'a> {
    record: Option<u64>,
    line: Option<u64>,
    to: Option<&'a str>,
    error_code: &'a str,
    description: Option<&'a str>,
    batch: u64,
    index: u64,
}

impl<'a> RejectedLine<'a> {
    /// What is said about a rejected recipient.
    pub(crate) fn of(reject: &'a Reject) -> Self {
        Self {
            record: reject.origin.map(|origin| origin.record),
            line: reject.origin.map(|origin| origin.line),
            to: Some(&reject.to),
            error_code: &reject.error_code,
            description: Some(&reject.description),
            batch: reject.batch,
            index: reject.index,
        }
    }

    /// The same from a journal, which has neither numbers nor descriptions.
    pub(crate) fn of_journal(batch: u64, reject: &'a Rejected) -> Self {
        Self {
            record: reject.record,
            line: reject.line,
            to: None,
            error_code: &reject.code,
            description: None,
            batch,
            index: reject.index,
        }
    }
}
