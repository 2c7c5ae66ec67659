//! The body of a batch made again from its list, when the list is a file. Nearly every body is sent once: those of such
//! a list are not spooled, and one that is needed again is encoded again, from the block in which it began.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use crate::encode::{Batch, BatchEncoder, Fit, Limits};
use crate::envelope::Envelope;
use crate::input::{Parser, Reader, Record};
use crate::send::outcome::{Failure, FailureKind};
use crate::send::source::End;
use crate::spool::SpoolFile;

/// How many bytes are written to the spool at once.
const WRITE: usize = 256 * 1024;

/// A list that can be read again.
#[derive(Debug)]
pub(super) struct List {
    file: File,
    /// Where in the file the input begins.
    start: u64,
}

impl List {
    pub(super) const fn new(file: File, start: u64) -> Self {
        Self { file, start }
    }
}

/// A parser as it was before a block of its input.
#[derive(Debug, Clone)]
pub(super) struct Checkpoint(Arc<(Parser, u64)>);

impl Checkpoint {
    /// The parser has done with `bytes` of its input.
    pub(super) fn new(parser: Parser, bytes: u64) -> Self {
        Self(Arc::new((parser, bytes)))
    }
}

/// Makes bodies again.
#[derive(Debug)]
pub(super) struct Reread {
    list: List,
    envelope: Envelope,
}

impl Reread {
    pub(super) const fn new(list: List, envelope: Envelope) -> Self {
        Self { list, envelope }
    }

    /// Writes the body of a batch, without its tail, to a file, and says how it ends now: it has nothing in it that was
    /// put between its entries the first time.
    ///
    /// # Errors
    /// [`FailureKind::Changed`] if the list does not give the same entries any more, [`FailureKind::Input`] if it
    /// cannot be read, [`FailureKind::Spool`] if the file cannot be written.
    pub(super) fn restore(&self, end: &End, into: &SpoolFile) -> Result<End, Failure> {
        let changed = || changed(&end.batch);
        let Checkpoint(checkpoint) = end.checkpoint.as_ref().ok_or_else(changed)?;
        let (parser, byte) = (checkpoint.0.clone(), checkpoint.1);
        let input = At {
            file: &self.list.file,
            at: self.list.start + byte,
        };
        let mut list = Reader::behind(input, parser, byte);
        // It was within its limits.
        let limits = Limits::default().with_max_bytes(u64::MAX);
        let mut encoder = BatchEncoder::new(&self.envelope, limits)
            .map_err(FailureKind::Input)?
            .with_chunk_bytes(WRITE);
        let mut origins = end.origins.clone();
        let mut len = 0;
        let mut write = |bytes: &[u8]| {
            into.write_at(bytes, len).map_err(FailureKind::Spool)?;
            len += bytes.len() as u64;
            Ok::<(), Failure>(())
        };
        for index in 1..=end.batch.messages {
            let wanted = origins.origin(index).ok_or_else(changed)?.record;
            loop {
                let record = list.next().map_err(FailureKind::Input)?;
                match record.ok_or_else(changed)? {
                    Record::Message(message) if message.position.record == wanted => {
                        match encoder.push(&message) {
                            Ok(Fit::Added) => break,
                            Ok(Fit::Full) | Err(_) => return Err(changed()),
                        }
                    }
                    Record::Message(message) if message.position.record > wanted => {
                        return Err(changed());
                    }
                    // What was passed over, or refused.
                    _ => {}
                }
            }
            if encoder.chunk_is_full() {
                write(&encoder.take_chunk())?;
            }
        }
        let closed = encoder.finish().ok_or_else(changed)?;
        write(&closed.rest)?;
        let batch = Batch {
            number: end.batch.number,
            ..closed.batch
        };
        let then = Batch {
            bytes: batch.bytes,
            ..end.batch
        };
        if batch != then {
            return Err(changed());
        }
        Ok(End {
            batch,
            tail: closed.tail,
            origins: end.origins.clone(),
            progress: end.progress,
            len,
            checkpoint: None,
        })
    }
}

fn changed(batch: &Batch) -> Failure {
    let (first, last) = (batch.first.record, batch.last.record);
    FailureKind::Changed(format!(
        "the list has changed while it was sent: batch {} was made of records {first} to {last}, has to be sent again, \
         and they are not the same now",
        batch.number
    ))
    .into()
}

/// A file from an offset on; the file's own cursor is somebody else's.
struct At<'a> {
    file: &'a File,
    at: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(self.file, buffer, self.at)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(self.file, buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
