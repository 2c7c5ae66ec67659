//! One attempt to send a body.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use super::{Delivery, Item, Shared, accepted_entry};
use crate::journal::Entry;
use crate::send::Event;
use crate::send::clock::Here;
use crate::send::outcome::{Failure, FailureKind, Outcome, Receipt, RejectCount};
use crate::send::sanitize::name;
use crate::send::source::Next;
use crate::send::upload::Upload;

/// What came of one attempt.
pub(super) struct Attempted {
    pub(super) outcome: Outcome,
    /// The commit line is in the journal: what became of the batch has to be written there too.
    pub(super) was_committed: bool,
    pub(super) rejects: RejectCount,
    /// What the journal has of rejects is another batch's.
    disowned: bool,
    pub(super) had_length: bool,
    pub(super) bearer: Option<reqwest::header::HeaderValue>,
    pub(super) began: Here,
    /// What kept the handler or the journal from taking what they were told about a batch that was committed.
    pub(super) untold: Result<(), Failure>,
}

impl Delivery<'_> {
    /// One attempt to send the body.
    pub(super) async fn attempt(&self, item: &mut Item) -> Attempted {
        let mut attempted = Attempted {
            outcome: Outcome::NotSent(FailureKind::Interrupted.into()),
            was_committed: false,
            rejects: RejectCount::default(),
            disowned: false,
            had_length: false,
            bearer: None,
            began: Here::now(),
            untold: Ok(()),
        };
        match self.try_once(item, &mut attempted).await {
            Ok(outcome) => attempted.outcome = outcome,
            Err(outcome) => attempted.outcome = outcome,
        }
        attempted
    }

    async fn try_once(
        &self,
        item: &mut Item,
        attempted: &mut Attempted,
    ) -> Result<Outcome, Outcome> {
        let shared = self.shared;
        let batch = item.number;
        item.attempt += 1;
        let halted = shared.halted();
        let mut halted = std::pin::pin!(halted);
        let interrupted = || Failure::from(FailureKind::Interrupted);

        let length = if shared.wants_length.load(Ordering::Relaxed) && item.source.can_rewind() {
            item.source.rewind();
            let end = tokio::select! {
                biased;
                () = &mut halted => return Err(Outcome::NotSent(interrupted())),
                end = item.source.complete() => end.map_err(Outcome::NotSent)?,
            };
            attempted.had_length = true;
            Some(end.len + end.tail.len() as u64)
        } else {
            tokio::select! {
                biased;
                () = &mut halted => return Err(Outcome::NotSent(interrupted())),
                ready = item.source.ready() => ready.map_err(Outcome::NotSent)?,
            }
            None
        };
        let waiting = |what, wait| shared.waiting(batch, what, wait);
        let opened = Upload::open(&shared.client, shared.dialect, length, &waiting);
        let mut upload = tokio::select! {
            biased;
            () = &mut halted => return Err(Outcome::NotSent(interrupted())),
            upload = opened => upload.map_err(Outcome::NotSent)?,
        };
        attempted.bearer = Some(upload.bearer().clone());
        attempted.began = Here::now();
        let attempt = item.attempt;
        shared
            .handler
            .call(Event::Opened { batch, attempt })
            .map_err(Outcome::NotSent)?;

        let end = loop {
            let next = tokio::select! {
                biased;
                () = &mut halted => return Err(Outcome::Incomplete(interrupted())),
                next = upload.unless_answered(item.source.next()) => next,
            };
            match next.and_then(|next| next).map_err(unfinished)? {
                Next::End(end) => break end,
                Next::Bytes(bytes, progress) => {
                    tokio::select! {
                        biased;
                        () = &mut halted => return Err(Outcome::Incomplete(interrupted())),
                        written = upload.write(bytes) => written.map_err(unfinished)?,
                    }
                    if let Some(progress) = progress {
                        shared.tell(progress).map_err(Outcome::Incomplete)?;
                    }
                }
            }
        };
        let at_gate = tokio::select! {
            biased;
            () = &mut halted => return Err(Outcome::Incomplete(interrupted())),
            at_gate = upload.gate() => at_gate.map_err(unfinished)?,
        };

        // From here on nothing interrupts: the journal says that the batch was committed, so it is.
        let (server_time, server_time_latest) = shared.client.clock().stamp();
        let (upload_ms, upload_ms_least) = attempted.began.stamp();
        shared
            .ledger
            .sync(Entry::Commit {
                batch: end.batch,
                server_time,
                server_time_latest,
                upload_ms,
                upload_ms_least,
            })
            .await
            .map_err(Outcome::Incomplete)?;
        attempted.was_committed = true;
        let is_committed = |unanswered: &mut BTreeSet<u64>| _ = unanswered.insert(batch);
        shared.unanswered.send_modify(is_committed);
        let committed = at_gate
            .release(end.tail.clone())
            .await
            .map_err(unfinished)?;
        // A handler that fails now must not keep the answer from being waited for.
        let told = shared
            .handler
            .call(Event::Committed { batch })
            .and_then(|()| shared.tell(end.progress));
        let origins = end.origins.clone();
        let settled = committed.settle(end.batch, origins, shared).await;
        attempted.rejects = settled.rejects;
        attempted.untold = settled.handled.and(told);
        Ok(match settled.outcome {
            Outcome::Accepted(receipt) if !shared.ids.insert(receipt.id.clone()) => {
                // Those that came before its id are the other batch's, too.
                let named = std::mem::take(&mut attempted.rejects);
                attempted.disowned = named.rejected > 0;
                Outcome::InDoubt(of_another(&receipt))
            }
            outcome => outcome,
        })
    }
}

impl Shared {
    /// Writes what came of an attempt to the journal.
    pub(super) async fn journal(&self, batch: u64, attempted: &Attempted) -> Result<(), Failure> {
        let entry = match &attempted.outcome {
            Outcome::Accepted(receipt) => accepted_entry(receipt),
            Outcome::InDoubt(failure) => Entry::InDoubt {
                batch,
                reason: failure.brief(),
                disowned: attempted.disowned,
            },
            Outcome::Refused(failure) => {
                // Only an answer refuses.
                let FailureKind::Answer(answer) = failure.kind() else {
                    return Ok(());
                };
                Entry::Refused {
                    batch,
                    status: answer.status,
                    code: answer.code.as_deref().and_then(name).map(str::to_owned),
                }
            }
            // The commit line must not stand there as if the tail had left.
            Outcome::NotSent(failure) | Outcome::Incomplete(failure) if attempted.was_committed => {
                Entry::Withdrawn {
                    batch,
                    reason: failure.brief(),
                }
            }
            _ => return Ok(()),
        };
        self.ledger.sync(entry).await
    }
}

/// The receipt of a batch that has one already, such as one that was said twice, says nothing of this batch.
fn of_another(receipt: &Receipt) -> Failure {
    FailureKind::Transport {
        step: "reading the receipt",
        reason: format!("{} is the id of another batch of the run", receipt.id),
    }
    .into()
}

/// A body that did not get to its end. Where there was no connection, nothing of it has left.
fn unfinished(failure: Failure) -> Outcome {
    match failure.kind() {
        FailureKind::Transport {
            step: "connecting", ..
        } => Outcome::NotSent(failure),
        _ => Outcome::Incomplete(failure),
    }
}
