//! Where an upload gets its body from: from the encoder while that makes it, and from the spool what the
//! encoder was not waited for, or what is sent again.
//!
//! ```text
//! encoder ──▶ Feeder ──live────────────▶ Source ──▶ Upload
//!                └───▶ spool thread ──file───▲
//! ```
//!
//! With one batch in flight every byte of a first try comes live, and the spool is only written; not even that is
//! done when the list can be [read again](super::reread). With several the encoder does not wait for a batch's connection
//! while another could be opened: then the source reads what it missed from the file.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use crate::encode::Batch;
use crate::send::Progress;
use crate::send::blocking::blocking;
use crate::send::feed;
use crate::send::origins::Lookup;
use crate::send::outcome::{Failure, FailureKind};
use crate::send::reread::{Checkpoint, Reread};
use crate::spool::{Spool, SpoolFile};

/// How many pieces wait between the encoder and a source that reads live.
const LIVE: usize = 1;
/// How many pieces wait to be written to the spool.
const SPOOLING: usize = 2;
/// How much is read from a spool file at once, in bytes.
const READ: u64 = 256 * 1024;

/// What is known of a body's end, once the encoder has come to it.
#[derive(Debug)]
pub(super) struct End {
    pub(super) batch: Batch,
    /// The last bytes, for the gate to release.
    pub(super) tail: Bytes,
    pub(super) origins: Lookup,
    pub(super) progress: Progress,
    /// How many bytes there are before the tail.
    pub(super) len: u64,
    /// Where to read its list again from, if that can be done.
    pub(super) checkpoint: Option<Checkpoint>,
}

/// How far a body has been filled in.
#[derive(Debug, Default)]
struct Filled {
    /// How many bytes are in the spool file.
    spooled: u64,
    end: Option<Arc<End>>,
    failed: Option<io::ErrorKind>,
}

/// Fills a body in. Dropped before [`end`](Self::end), it ends the source in an error.
#[derive(Debug)]
pub(super) struct Feeder {
    live: Option<mpsc::Sender<(Bytes, Progress)>>,
    spool: Option<Spooling>,
    filled: Arc<watch::Sender<Filled>>,
    written: u64,
}

/// Where a feeder's bytes go on their way to a file.
#[derive(Debug, Clone)]
struct Spooling {
    jobs: mpsc::Sender<Job>,
    file: Arc<SpoolFile>,
}

struct Job {
    file: Arc<SpoolFile>,
    at: u64,
    bytes: Bytes,
    filled: Arc<watch::Sender<Filled>>,
}

/// A body's bytes, in order, up to its tail; again from the start after [`rewind`](Self::rewind).
#[derive(Debug)]
pub(super) struct Source {
    live: Option<mpsc::Receiver<(Bytes, Progress)>>,
    file: Option<Arc<SpoolFile>>,
    /// Nothing is in the file: this makes the body again when it is needed.
    reread: Option<Arc<Reread>>,
    filled: watch::Receiver<Filled>,
    /// A part of a batch that was split, or a body that was made again, instead of all that was filled in.
    part: Option<Slice>,
    taken: u64,
}

/// A part of a file as a body of its own.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    /// What stands before the part's first entry.
    pub(super) head: Bytes,
    /// Where in the file the part's entries begin.
    pub(super) start: u64,
    pub(super) end: Arc<End>,
}

/// What a source gives next.
#[derive(Debug)]
pub(super) enum Next {
    /// The next bytes, and how far they bring the send, if they are the encoder's own.
    Bytes(Bytes, Option<Progress>),
    /// There is only the tail left.
    End(Arc<End>),
}

/// Makes the bodies' files, and writes them on a thread of its own.
#[derive(Debug)]
pub(super) struct Spooler {
    spool: Spool,
    jobs: mpsc::Sender<Job>,
    /// Files to be used again: what they take on the disk was taken already.
    free: Vec<Arc<SpoolFile>>,
    /// Makes bodies again that were not kept.
    reread: Option<Arc<Reread>>,
}

impl Spooler {
    pub(super) fn new(spool: Spool, reread: Option<Reread>) -> Self {
        let (jobs, mut receiver) = mpsc::channel::<Job>(SPOOLING);
        tokio::task::spawn_blocking(move || {
            while let Some(job) = receiver.blocking_recv() {
                job.run();
            }
        });
        Self {
            spool,
            jobs,
            free: Vec::new(),
            reread: reread.map(Arc::new),
        }
    }

    /// A new body: where to fill it in, and where to read it. What is in doubt is kept even without a spool, to be
    /// compared with what the server has. Nothing of what has to be known as a whole first is read live.
    pub(super) fn open(
        &mut self,
        is_in_doubt: bool,
        as_a_whole: bool,
    ) -> Result<(Feeder, Source), Failure> {
        // A file is free again when the last who read it is gone.
        let reusable = self
            .free
            .iter()
            .position(|file| Arc::strong_count(file) == 1);
        let own = self.spool.directory().map(Path::to_owned);
        let directory = own.or_else(|| is_in_doubt.then(std::env::temp_dir));
        let file = match (directory, reusable) {
            (None, _) => None,
            (Some(_), Some(index)) => Some(Arc::clone(&self.free[index])),
            (Some(directory), None) => {
                let file = Arc::new(SpoolFile::create(&directory).map_err(FailureKind::Spool)?);
                self.free.push(Arc::clone(&file));
                Some(file)
            }
        };
        let is_read_live = file.is_none() || !(is_in_doubt || as_a_whole);
        let reread = self
            .reread
            .clone()
            .filter(|_| is_read_live && file.is_some());
        let spooled = file.clone().filter(|_| reread.is_none());
        let (live, receiver) = mpsc::channel(LIVE);
        let (sender, filled) = watch::channel(Filled::default());
        let feeder = Feeder {
            live: is_read_live.then_some(live),
            spool: spooled.map(|file| Spooling {
                jobs: self.jobs.clone(),
                file,
            }),
            filled: Arc::new(sender),
            written: 0,
        };
        let source = Source {
            live: Some(receiver),
            file,
            reread,
            filled,
            part: None,
            taken: 0,
        };
        Ok((feeder, source))
    }
}

impl Job {
    fn run(self) {
        let written = self.file.write_at(&self.bytes, self.at);
        self.filled.send_modify(|filled| match written {
            Ok(()) => filled.spooled = self.at + self.bytes.len() as u64,
            Err(error) => filled.failed = filled.failed.or(Some(error.kind())),
        });
    }
}

impl Feeder {
    /// Adds the next bytes. Waits for the connection that takes them, unless they are in the spool and
    /// `may_run_ahead`.
    pub(super) async fn write(&mut self, bytes: Bytes, progress: Progress, may_run_ahead: bool) {
        let at = self.written;
        self.written += bytes.len() as u64;
        if let Some(spool) = &self.spool {
            let job = Job {
                file: Arc::clone(&spool.file),
                at,
                bytes: bytes.clone(),
                filled: Arc::clone(&self.filled),
            };
            // The thread ends only after all that could send to it.
            let _sent = spool.jobs.send(job).await;
        }
        let Some(live) = &self.live else { return };
        let is_taken = if may_run_ahead && self.spool.is_some() {
            live.try_send((bytes, progress)).is_ok()
        } else {
            live.send((bytes, progress)).await.is_ok()
        };
        if !is_taken {
            self.live = None;
        }
    }

    /// All but the tail was written.
    pub(super) fn end(self, end: feed::End) {
        let end = Arc::new(End {
            batch: end.closed.batch,
            tail: end.closed.tail,
            origins: end.origins.lookup(),
            progress: end.progress,
            len: self.written,
            checkpoint: end.checkpoint,
        });
        self.filled.send_modify(|filled| filled.end = Some(end));
    }
}

impl Source {
    /// A part of this source's batch; everything of it is in the spool.
    pub(super) fn slice(&self, part: Slice) -> Self {
        Self {
            live: None,
            file: self.file.clone(),
            reread: None,
            filled: self.filled.clone(),
            part: Some(part),
            taken: 0,
        }
    }

    /// Begins again from the start, if that is possible.
    pub(super) fn rewind(&mut self) -> bool {
        self.live = None;
        self.taken = 0;
        self.file.is_some()
    }

    /// How many bytes were taken from it since it began.
    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether it can begin again from the start.
    pub(super) const fn can_rewind(&self) -> bool {
        self.file.is_some()
    }

    /// Where in the file stands what is `at` bytes from the body's start, behind its head.
    pub(super) fn file_offset(&self, at: u64) -> u64 {
        match &self.part {
            Some(part) => part.start + at - part.head.len() as u64,
            None => at,
        }
    }

    /// The next bytes, or that there is only the tail left.
    ///
    /// # Errors
    /// The spool cannot be written or read, the list has changed, or the encoder gave the batch up.
    pub(super) async fn next(&mut self) -> Result<Next, Failure> {
        if let Some(live) = &mut self.live {
            if let Some((bytes, progress)) = live.recv().await {
                self.taken += bytes.len() as u64;
                return Ok(Next::Bytes(bytes, Some(progress)));
            }
            self.live = None;
        }
        if let Some(part) = self.part.clone() {
            return self.next_of(&part).await;
        }
        loop {
            let (spooled, end) = {
                let filled = self.filled.borrow_and_update();
                if let Some(kind) = filled.failed {
                    return Err(FailureKind::Spool(kind.into()).into());
                }
                (filled.spooled, filled.end.clone())
            };
            if let Some(end) = end
                && end.len == self.taken
            {
                return Ok(Next::End(end));
            }
            if self.taken < spooled {
                return self
                    .read(self.taken, (spooled - self.taken).min(READ))
                    .await;
            }
            if self.filled.changed().await.is_err() {
                return Err(FailureKind::Interrupted.into());
            }
        }
    }

    async fn next_of(&mut self, part: &Slice) -> Result<Next, Failure> {
        let head = part.head.len() as u64;
        if self.taken < head {
            self.taken = head;
            return Ok(Next::Bytes(part.head.clone(), None));
        }
        if self.taken == part.end.len {
            return Ok(Next::End(Arc::clone(&part.end)));
        }
        let at = part.start + self.taken - head;
        let len = (part.end.len - self.taken).min(READ);
        self.read(at, len).await
    }

    /// Waits until all of the body is known, and in the spool.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub(super) async fn complete(&mut self) -> Result<Arc<End>, Failure> {
        if let Some(part) = &self.part {
            return Ok(Arc::clone(&part.end));
        }
        if self.reread.is_some() {
            return self.restore().await;
        }
        let has_file = self.file.is_some();
        let filled = self.filled.wait_for(|filled| {
            let is_whole = filled
                .end
                .as_ref()
                .is_some_and(|end| filled.spooled == end.len || !has_file);
            is_whole || filled.failed.is_some()
        });
        let Ok(filled) = filled.await else {
            return Err(FailureKind::Interrupted.into());
        };
        match (&filled.end, filled.failed) {
            (Some(end), None) => Ok(Arc::clone(end)),
            (_, kind) => {
                Err(FailureKind::Spool(kind.unwrap_or(io::ErrorKind::Other).into()).into())
            }
        }
    }

    /// The same for what may have left: that it ended, and how, is known even if its list has changed since. Then there is
    /// no [`reader`](Self::reader), and why.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub(super) async fn complete_if_it_can(
        &mut self,
    ) -> Result<(Arc<End>, Option<Failure>), Failure> {
        match (self.complete().await, self.known_end()) {
            (Ok(end), _) => Ok((end, None)),
            (Err(failure), Some(end)) if self.reread.is_some() => Ok((end, Some(failure))),
            (Err(failure), _) => Err(failure),
        }
    }

    /// Before what was rewound is read again: makes the body again, if it has to be. Not while a connection waits for it,
    /// and once: what writes it to the file cannot be called back.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub(super) async fn ready(&mut self) -> Result<(), Failure> {
        if self.reread.is_some() && self.live.is_none() {
            self.restore().await?;
        }
        Ok(())
    }

    /// Makes the body again, when it has ended.
    async fn restore(&mut self) -> Result<Arc<End>, Failure> {
        let ended = self.filled.wait_for(|filled| filled.end.is_some()).await;
        let end = ended.ok().and_then(|filled| filled.end.clone());
        let (Some(end), Some(reread), Some(file)) = (end, &self.reread, &self.file) else {
            return Err(FailureKind::Interrupted.into());
        };
        let (reread, file) = (Arc::clone(reread), Arc::clone(file));
        let end = Arc::new(blocking(move || reread.restore(&end, &file)).await?);
        self.reread = None;
        self.part = Some(Slice {
            head: Bytes::new(),
            start: 0,
            end: Arc::clone(&end),
        });
        Ok(end)
    }

    /// What is known of the end by now.
    pub(super) fn known_end(&self) -> Option<Arc<End>> {
        let part = self.part.as_ref().map(|part| Arc::clone(&part.end));
        part.or_else(|| self.filled.borrow().end.clone())
    }

    /// The whole body as it stands in the spool, without its tail, for one who may wait for a disk. `None`
    /// if it is not there.
    pub(super) fn reader(&self, end: &End) -> Option<SourceReader> {
        if self.reread.is_some() {
            return None;
        }
        let (head, start) = match &self.part {
            Some(part) => (part.head.clone(), part.start),
            None => (Bytes::new(), 0),
        };
        let file = Arc::clone(self.file.as_ref()?);
        let stop = start + end.len - head.len() as u64;
        Some(SourceReader {
            file,
            at: start,
            stop,
            current: head,
        })
    }

    async fn read(&mut self, at: u64, len: u64) -> Result<Next, Failure> {
        let Some(file) = self.file.clone() else {
            return Err(FailureKind::Interrupted.into());
        };
        #[expect(clippy::cast_possible_truncation, reason = "at most READ")]
        let read = blocking(move || file.read_at(at, len as usize)).await;
        let bytes = read.map_err(FailureKind::Spool)?;
        self.taken += len;
        Ok(Next::Bytes(bytes.into(), None))
    }
}

/// Reads a spooled body, blocking.
#[derive(Debug)]
pub(super) struct SourceReader {
    file: Arc<SpoolFile>,
    at: u64,
    stop: u64,
    current: Bytes,
}

impl io::Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.current.is_empty() && self.at < self.stop {
            let len = (self.stop - self.at).min(READ);
            let bytes = self.file.read_at(self.at, len as usize)?;
            self.current = bytes.into();
            self.at += len;
        }
        let len = buffer.len().min(self.current.len());
        buffer[..len].copy_from_slice(&self.current.split_to(len));
        Ok(len)
    }
}
