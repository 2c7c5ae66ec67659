//! What a sender does, as events of `tracing`: numbers of batches, sizes, ids, times and reasons. No texts, no phone
//! numbers, no credentials: whoever keeps logs keeps none of these.

use tracing::{debug, info, trace, warn};

use crate::send::Event;

/// Says what happened.
pub(super) fn event(event: &Event<'_>) {
    match event {
        Event::Opened { batch, attempt } => debug!(batch, attempt, "a request is opened"),
        Event::Progress(at) => trace!(
            batch = at.batch,
            messages = at.messages,
            bytes = at.bytes,
            "bytes are handed over"
        ),
        // Its error says where it is, and may quote a field's name.
        Event::Invalid(invalid) => {
            let position = invalid.error.position().unwrap_or_default();
            debug!(
                record = position.record,
                line = position.line,
                "a record cannot be sent"
            );
        }
        // There may be millions of them.
        Event::PassedOver {
            position, reason, ..
        } => trace!(
            record = position.record,
            line = position.line,
            ?reason,
            "a record is passed over"
        ),
        Event::Committed { batch } => debug!(batch, "committed"),
        Event::Rejected(reject) => debug!(
            batch = reject.batch,
            index = reject.index,
            record = reject.origin.map(|origin| origin.record),
            "a message is rejected"
        ),
        Event::Accepted(receipt) => info!(
            batch = receipt.batch.number,
            messages = receipt.batch.messages,
            bytes = receipt.batch.bytes,
            rejected = receipt.rejected,
            found = receipt.found,
            id = receipt.id,
            elapsed = ?receipt.elapsed,
            "accepted"
        ),
        Event::Failed { batch, failure } => {
            warn!(batch, failure = failure.brief(), "an attempt failed");
        }
        Event::GivenUp { batch, failure } => warn!(batch, failure = failure.brief(), "given up"),
        Event::InDoubt { batch, failure } => warn!(batch, failure = failure.brief(), "in doubt"),
        Event::NotFound { batch, policy } => warn!(batch, ?policy, "not in the server's list"),
        Event::Waiting { batch, what, wait } => info!(batch, ?what, ?wait, "waiting"),
        Event::Split {
            batch,
            max_bytes,
            parts,
        } => info!(batch, max_bytes, parts, "too large, split"),
        Event::Replayed { batch, messages } => {
            debug!(batch, messages, "sent by an earlier process");
        }
        Event::Canary {
            batch,
            status,
            processed,
            messages,
        } => info!(batch, status, processed, messages, "the canary"),
    }
}
