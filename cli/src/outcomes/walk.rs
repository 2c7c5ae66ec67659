//! Walks through a list beside the batches of its journal, and says of each record what became of it.

use std::io::Read;

use anyhow::{Result, bail};
use batchcast::input::{Reader, Record};
use batchcast::journal::{BatchState, Status};
use batchcast::status::meaning;
use batchcast::{ErrorKind, Message, Position};

use super::joined::Joined;
use super::rejects::Rejects;
use super::row::{COMMITTED, IN_DOUBT, INVALID, NOT_LISTED, NOT_SENT, REJECTED, Row, SKIPPED};

/// What is known of an accepted batch.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// `None` if the API does not know the batch.
    pub(crate) joined: Option<Joined>,
    pub(crate) rejects: Rejects,
}

/// The batch that the walk is in.
struct Within<'b> {
    batch: &'b BatchState,
    /// Only of one that was accepted.
    answer: Option<Answer>,
    /// What its messages are if it was not.
    status: &'static str,
}

/// Says of each record of a list what became of it, in the order of the list: a row for each.
///
/// `held` are the batches that were sent or may have been, by record; those that are committed, and no more, have an answer to
/// come if a process `is_at_work`. `ask` is asked about each accepted one as the walk
/// comes to it. Returns how many messages the API has of these batches and the list has not.
///
/// # Errors
/// If the list cannot be read, or is not the one that was sent, and what `ask` and `take` fail with.
pub(crate) fn walk<R: Read>(
    list: &mut Reader<R>,
    held: &[&BatchState],
    is_at_work: bool,
    mut ask: impl FnMut(&BatchState) -> Result<Answer>,
    mut take: impl FnMut(&Row<'_>) -> Result<()>,
) -> Result<u64> {
    let mut to_come = held.iter().copied().peekable();
    let mut within: Option<Within<'_>> = None;
    let mut left = 0;
    while let Some(record) = list.next()? {
        let position = match &record {
            Record::Message(message) => message.position,
            Record::Invalid(invalid) => invalid.error.position().unwrap_or_default(),
            _ => bail!("the list has a record of an unknown kind"),
        };
        if within
            .as_ref()
            .is_some_and(|within| within.batch.batch.last.record < position.record)
        {
            left += within.take().map_or(0, Within::left);
        }
        if within.is_none() {
            let begun = to_come.next_if(|batch| batch.batch.first.record <= position.record);
            within = match begun {
                Some(batch) => {
                    refuse_other(&batch.batch.first, &position)?;
                    Some(Within::new(batch, is_at_work, &mut ask)?)
                }
                None => None,
            };
        }
        let row = match &record {
            Record::Message(message) => of_message(message, &mut within),
            Record::Invalid(invalid) => {
                let description = match invalid.error.kind() {
                    ErrorKind::Record { fault, .. } => fault.to_string(),
                    other => other.to_string(),
                };
                Row {
                    description: Some(description.into()),
                    ..blank(position, INVALID)
                }
            }
            _ => continue,
        };
        take(&row)?;
    }
    left += within.take().map_or(0, Within::left);
    if let Some(batch) = to_come.next() {
        bail!(
            "the list ends before record {}, which is in batch {}: it is not the list that was sent",
            batch.batch.first.record,
            batch.batch.number
        );
    }
    Ok(left)
}

/// A batch begins at another place than it did when it was sent.
fn refuse_other(sent: &Position, now: &Position) -> Result<()> {
    if (sent.record, sent.line) == (now.record, now.line) {
        return Ok(());
    }
    bail!(
        "record {} was at line {} when the list was sent, and there is another one now: it is not the list that was sent",
        sent.record,
        sent.line
    );
}

impl<'b> Within<'b> {
    fn new(
        batch: &'b BatchState,
        is_at_work: bool,
        ask: &mut impl FnMut(&BatchState) -> Result<Answer>,
    ) -> Result<Self> {
        let answer = match batch.status {
            Status::Accepted { .. } => Some(ask(batch)?),
            _ => None,
        };
        let status = match batch.status {
            Status::Committed if is_at_work => COMMITTED,
            Status::Skipped => SKIPPED,
            _ => IN_DOUBT,
        };
        Ok(Self {
            batch,
            answer,
            status,
        })
    }

    fn left(self) -> u64 {
        let joined = self.answer.and_then(|answer| answer.joined);
        joined.map_or(0, |joined| joined.left())
    }
}

fn of_message<'r>(message: &'r Message<'_>, within: &'r mut Option<Within<'_>>) -> Row<'r> {
    let position = message.position;
    let to = Some(message.to.as_str());
    let Some(Within {
        batch,
        answer,
        status,
    }) = within
    else {
        return Row {
            to,
            ..blank(position, NOT_SENT)
        };
    };
    let row = Row {
        to,
        batch: Some(batch.batch.number),
        ..blank(position, status)
    };
    let (id, found, answer) = match (&batch.status, answer) {
        (Status::Accepted { id, found, .. }, Some(answer)) => (id, *found, answer),
        _ => return row,
    };
    let row = Row {
        batch_id: Some(id),
        ..row
    };
    if let Some(code) = answer.rejects.code(position.record) {
        return Row {
            status: REJECTED,
            error_code: Some(code),
            description: meaning(code).map(Into::into),
            ..row
        };
    }
    let unplaced = answer.rejects.unplaced;
    let unlisted = |why: String| Row {
        status: NOT_LISTED,
        description: Some(why.into()),
        ..row.clone()
    };
    let Some(joined) = &mut answer.joined else {
        return unlisted("The server does not know its batch".to_owned());
    };
    match joined.take(message.to) {
        Some(message) => Row {
            message_id: message.id,
            status: match message.status {
                "" => "Unknown",
                status => status,
            },
            error_code: message.code,
            description: message.code.and_then(meaning).map(Into::into),
            segments: message.segments,
            cost: message.cost,
            ..row
        },
        None if found => unlisted(
            "The server lists no message for it; the answer to its batch, with what was rejected, was lost".to_owned(),
        ),
        None if unplaced > 0 => unlisted(format!(
            "The server lists no message for it; of its batch {unplaced} were rejected, and which is not known"
        )),
        None => unlisted("The server lists no message for it".to_owned()),
    }
}

fn blank(position: Position, status: &'static str) -> Row<'static> {
    Row {
        record: position.record,
        line: position.line,
        to: None,
        batch: None,
        batch_id: None,
        message_id: None,
        status,
        error_code: None,
        description: None,
        segments: None,
        cost: None,
    }
}

#[cfg(test)]
mod tests;
