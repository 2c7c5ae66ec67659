//! What a batch's messages leave behind while it is read, and its acceptance as a whole.

use std::io::{self, Write};
use std::sync::atomic::Ordering::Relaxed;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::error::ApiError;
use crate::fault::Hide;
use crate::number::Number;
use crate::parse::{self, Envelope, Failure, Sink};
use crate::record::Pending;
use crate::reject::Malformed;
use crate::spool::Spool;
use crate::state::State;
use crate::store::{Batch, Hidden, Kept};

/// An accepted batch: what its answer needs.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) id: Uuid,
    pub(crate) from: Number,
    /// As `batchSize` counts.
    pub(crate) size: u64,
    pub(crate) created: Timestamp,
    /// The elements of `rejected`, as JSON with commas between them.
    pub(crate) rejects: Option<Spool>,
}

/// Reads a batch, and accepts it if its body was complete and right. Nothing is visible before that.
pub(crate) fn batch(
    body: impl io::Read,
    state: &State,
    hide: Option<Hide>,
) -> Result<Accepted, Failure> {
    let (envelope, intake) = parse::batch(body, Intake::new(state))?;
    intake.accept(envelope, hide).map_err(Failure::Refused)
}

struct Intake<'s> {
    state: &'s State,
    accepted: u64,
    rejected: u64,
    kept: Kept,
    pending: Option<Pending>,
    rejects: Option<Spool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reject<'a> {
    index: u64,
    to: [&'a str; 1],
    error_code: &'static str,
    description: &'static str,
}

impl<'s> Intake<'s> {
    fn new(state: &'s State) -> Self {
        Self {
            state,
            accepted: 0,
            rejected: 0,
            kept: Kept::default(),
            pending: state.recorder.is_some().then(Pending::new),
            rejects: None,
        }
    }

    fn reject(&mut self, index: u64, to: &str) -> io::Result<()> {
        self.rejected += 1;
        let spool = self.rejects.get_or_insert_with(Spool::new);
        if spool.len() > 0 {
            spool.write_all(b",")?;
        }
        let description = "The recipient number is invalid";
        serde_json::to_writer(
            spool,
            &Reject {
                index,
                to: [to],
                error_code: "SMS-RC-410",
                description,
            },
        )?;
        Ok(())
    }

    fn take(&mut self, to: Number, text: Option<&str>) -> io::Result<()> {
        self.accepted += 1;
        self.kept.push(to, text);
        match &mut self.pending {
            Some(pending) => pending.push(to, text),
            None => Ok(()),
        }
    }

    fn accept(self, envelope: Envelope, hide: Option<Hide>) -> Result<Accepted, ApiError> {
        let id = Uuid::new_v4();
        if let (Some(recorder), Some(pending)) = (&self.state.recorder, self.pending) {
            recorder
                .append(id, &envelope, pending)
                .map_err(|error| ApiError::internal(&error))?;
        }
        let (from, size, created) = (envelope.from, self.accepted, self.state.clock.now());
        let batch = Batch {
            sequence: 0,
            id,
            from,
            text: envelope.text,
            size,
            rejected: self.rejected,
            created,
            hidden: hide.map(Hidden::new),
            looks: 0,
            kept: self.kept,
        };
        if hide.is_some() {
            self.state.felt();
        }
        self.state.store().insert(batch);
        let counters = &self.state.counters;
        counters.batches.fetch_add(1, Relaxed);
        counters.messages.fetch_add(self.accepted, Relaxed);
        counters.rejected.fetch_add(self.rejected, Relaxed);
        Ok(Accepted {
            id,
            from,
            size: self.state.batch_size.of(size, self.rejected),
            created,
            rejects: self.rejects,
        })
    }
}

impl Sink for Intake<'_> {
    fn message(&mut self, index: u64, to: &str, text: Option<&str>) -> Result<(), ApiError> {
        let number = Number::parse(to);
        if number.is_none() && self.state.malformed == Malformed::Refuse {
            let name = format!("messages[{}].to", index - 1);
            return Err(ApiError::parameter(name, "a number in E.164 is expected"));
        }
        match number {
            Some(number) if !self.state.reject.rejects(index, to) => self.take(number, text),
            Some(_) | None => self.reject(index, to),
        }
        .map_err(|error| ApiError::internal(&error))
    }
}
