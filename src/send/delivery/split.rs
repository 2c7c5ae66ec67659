//! A body that the server found too large.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::{Delivery, Item};
use crate::encode::Batch;
use crate::journal::Entry;
use crate::position::Position;
use crate::send::Event;
use crate::send::blocking::blocking;
use crate::send::outcome::{Failure, FailureKind, RejectCount};
use crate::send::resplit;
use crate::send::source::{End, Slice};

/// No limit below this is learned from a `413`, in bytes: any message must fit.
const SMALLEST_LIMIT: u64 = 16 * 1024;

impl Delivery<'_> {
    /// Keeps to a smaller limit from here on, and says what it was before.
    async fn learn_limit(&self, max_bytes: u64) -> Result<u64, Failure> {
        let shared = self.shared;
        let max_bytes = max_bytes.max(SMALLEST_LIMIT);
        let known = &shared.signals.max_bytes;
        let before = known.fetch_min(max_bytes, Ordering::Relaxed);
        if max_bytes < before {
            shared.ledger.sync(Entry::Limit { max_bytes }).await?;
        }
        Ok(before)
    }

    /// Without a spool a batch that is too large cannot be split, and its size may not be known yet: what the server
    /// was given of it, `taken`, is too large already. A further process makes smaller ones: that is why the run stops, if
    /// it is so.
    pub(super) async fn learn_unseen_limit(
        &self,
        item: &Item,
        taken: u64,
        failure: Failure,
    ) -> Failure {
        let signals = &self.shared.signals;
        let known = signals.max_bytes.load(Ordering::Relaxed);
        let most = known.min(self.shared.max_bytes);
        let end = item.source.known_end();
        let unended = taken.max(2 * SMALLEST_LIMIT).min(most);
        let bytes = end.map_or(unended, |end| end.batch.bytes);
        match self.learn_limit(bytes / 2).await {
            Ok(_) => too_large(failure, bytes, signals.max_bytes.load(Ordering::Relaxed)),
            Err(unwritten) => unwritten,
        }
    }

    /// Cuts a body that the server found too large, and lets the encoder make smaller ones from now on.
    pub(super) async fn split(&self, item: &mut Item) -> Result<Vec<Item>, Failure> {
        let shared = self.shared;
        item.source.rewind();
        let end = tokio::select! {
            biased;
            () = shared.halted() => return Err(FailureKind::Interrupted.into()),
            end = item.source.complete() => end?,
        };
        let half = end.batch.bytes / 2;
        // A batch before may have taught an even smaller one.
        let limit = half.min(self.learn_limit(half).await?);
        let head = [&shared.head[..], b"["].concat();
        let tail = end.tail.len() as u64;
        let max_entries = limit.saturating_sub(head.len() as u64 + tail);
        let Some(body) = item.source.reader(&end) else {
            return Err(FailureKind::Interrupted.into());
        };
        let before_entries = shared.head.len() as u64;
        let cut = blocking(move || resplit::cut(body, before_entries, max_entries)).await;
        let pieces = cut.map_err(FailureKind::Spool)?;

        let head = Bytes::from(head);
        let mut before = 0;
        let parts: Vec<_> = pieces
            .iter()
            .map(|piece| {
                let mut origins = end.origins.behind(before);
                before += piece.messages;
                let len = head.len() as u64 + piece.end - piece.start;
                let number = shared.signals.next_number.fetch_add(1, Ordering::Relaxed);
                let mut position = |index| {
                    let origin = origins.origin(index);
                    origin.map_or(end.batch.first, |origin| Position {
                        record: origin.record,
                        line: origin.line,
                        byte: 0,
                    })
                };
                let (first, last) = (position(1), position(piece.messages));
                let batch = Batch {
                    number,
                    first,
                    last,
                    messages: piece.messages,
                    bytes: len + tail,
                    digest: piece.digest,
                };
                let slice = Slice {
                    head: head.clone(),
                    start: item.source.file_offset(piece.start),
                    end: Arc::new(End {
                        batch,
                        tail: end.tail.clone(),
                        origins,
                        progress: end.progress,
                        len,
                        checkpoint: None,
                    }),
                };
                Item {
                    number,
                    first,
                    source: item.source.slice(slice),
                    unseen: None,
                    suspects: None,
                    rejects: RejectCount::default(),
                    attempt: 0,
                }
            })
            .collect();
        shared.handler.call(Event::Split {
            batch: item.number,
            max_bytes: limit,
            parts: parts.len(),
        })?;
        Ok(parts)
    }
}

/// What the answer that a batch of so many bytes is too large means for a further process, which may make it no smaller.
fn too_large(failure: Failure, bytes: u64, max_bytes: u64) -> Failure {
    match failure.kind() {
        FailureKind::Answer(answer) => {
            let answer = answer.clone();
            if max_bytes < bytes {
                FailureKind::TooLarge { answer, max_bytes }.into()
            } else {
                FailureKind::Unsplit { answer }.into()
            }
        }
        _ => failure,
    }
}
