//! The record of accepted messages: one NDJSON line each.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use uuid::Uuid;

use crate::number::Number;
use crate::parse::Envelope;
use crate::spool::Spool;

/// The file that [`SandboxBuilder::record`](crate::SandboxBuilder::record) names.
#[derive(Debug)]
pub(crate) struct Recorder {
    file: Mutex<File>,
}

/// The messages of a batch that is not accepted yet, in a form of their own: the sender, the default text and the
/// verdict on the batch may only be known at the end of its body.
#[derive(Debug)]
pub(crate) struct Pending(Spool);

/// Marks a message without a text of its own; a real length is at most 4,000 bytes.
const DEFAULT_TEXT: u32 = u32::MAX;

#[derive(Serialize)]
struct Line<'a> {
    batch: Uuid,
    from: Number,
    to: Number,
    text: &'a str,
}

impl Recorder {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self {
            file: Mutex::new(file),
        })
    }

    /// Appends the batch as a whole. If that fails, what was written of it is taken back.
    pub(crate) fn append(
        &self,
        batch: Uuid,
        envelope: &Envelope,
        pending: Pending,
    ) -> io::Result<()> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let before = file.metadata()?.len();
        let written = write_lines(&file, batch, envelope, pending);
        if written.is_err() {
            // The first error is the one to report.
            let _ = file.set_len(before);
        }
        written
    }
}

impl Pending {
    pub(crate) fn new() -> Self {
        Self(Spool::new())
    }

    pub(crate) fn push(&mut self, to: Number, text: Option<&str>) -> io::Result<()> {
        let text_len = text.map_or(Ok(DEFAULT_TEXT), |text| u32::try_from(text.len()));
        let text_len = text_len.map_err(|_| io::ErrorKind::InvalidInput)?;
        self.0.write_all(&to.to_bits().to_le_bytes())?;
        self.0.write_all(&text_len.to_le_bytes())?;
        self.0.write_all(text.unwrap_or_default().as_bytes())
    }
}

fn write_lines(file: &File, batch: Uuid, envelope: &Envelope, pending: Pending) -> io::Result<()> {
    let mut lines = BufWriter::with_capacity(64 * 1024, file);
    let mut pending = pending.0.into_reader()?;
    let mut own_text = Vec::new();
    while let Some((to, text_len)) = next(&mut pending)? {
        let text = if text_len == DEFAULT_TEXT {
            envelope.text.as_deref().unwrap_or_default()
        } else {
            own_text.resize(text_len as usize, 0);
            pending.read_exact(&mut own_text)?;
            std::str::from_utf8(&own_text).map_err(io::Error::other)?
        };
        serde_json::to_writer(
            &mut lines,
            &Line {
                batch,
                from: envelope.from,
                to,
                text,
            },
        )?;
        lines.write_all(b"\n")?;
    }
    lines.flush()
}

fn next(pending: &mut BufReader<impl Read>) -> io::Result<Option<(Number, u32)>> {
    if pending.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let (mut to, mut text_len) = ([0; 8], [0; 4]);
    pending.read_exact(&mut to)?;
    pending.read_exact(&mut text_len)?;
    Ok(Some((
        Number::from_bits(u64::from_le_bytes(to)),
        u32::from_le_bytes(text_len),
    )))
}
