//! Walks through a list beside the batches of its journal, and says of each record what became of it.

use std::collections::HashMap;
use std::io::Read;

use anyhow::{Result, bail};
use batchcast::input::{Reader, Record};
use batchcast::journal::{BatchState, Status};
use batchcast::status::meaning;
use batchcast::{PhoneNumber, Position};
use indicatif::HumanCount;

use super::joined::Joined;
use super::judge::{Judge, Verdict};
use super::rejects::Rejects;
use super::row::{COMMITTED, IN_DOUBT, NOT_LISTED, NOT_SENT, REJECTED, Row, SKIPPED, UNCLEAR};
use crate::readable::count;

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
    /// How many of its messages were found, and of how many records it is not known whether they are.
    sure: u64,
    unsure: u64,
    /// From the first of these on, because the batch tells at its end which they are.
    waiting: Vec<Item>,
}

/// A record.
#[derive(Debug)]
struct Item {
    position: Position,
    to: Option<PhoneNumber>,
    verdict: Verdict,
}

/// Says of each record of a list what became of it, in the order of the list: a row for each.
///
/// `held` are the batches that were sent or may have been, by record; those that are committed, and no more, have an answer to
/// come if a process `is_at_work`. `judge` knows what was made of each record. `ask` is asked about each accepted batch as the
/// walk comes to it. Returns how many messages the API has of these batches and the list has not.
///
/// # Errors
/// If the list cannot be read, or is not the one that was sent, and what `ask` and `take` fail with.
pub(crate) fn walk<R: Read>(
    list: &mut Reader<R>,
    held: &[&BatchState],
    is_at_work: bool,
    judge: &mut Judge,
    mut ask: impl FnMut(&BatchState) -> Result<Answer>,
    mut take: impl FnMut(&Row<'_>) -> Result<()>,
) -> Result<u64> {
    let mut to_come = held.iter().copied().peekable();
    let mut within: Option<Within<'_>> = None;
    let mut left = 0;
    while let Some(record) = list.next()? {
        let item = Item::of(&record, judge)?;
        let position = item.position;
        if within
            .as_ref()
            .is_some_and(|within| within.batch.batch.last.record < position.record)
            && let Some(within) = within.take()
        {
            left += within.finish(judge, &mut take)?;
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
        match &mut within {
            Some(within) => within.item(item, &record, judge, &mut take)?,
            None => {
                let is_passed = to_come.peek().is_some();
                let verdict = judge.outside(item.verdict, is_passed);
                take(&Item { verdict, ..item }.row(NOT_SENT))?;
            }
        }
    }
    if let Some(within) = within {
        left += within.finish(judge, &mut take)?;
    }
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

impl Item {
    fn of(record: &Record<'_>, judge: &mut Judge) -> Result<Self> {
        Ok(match record {
            Record::Message(message) => {
                judge.again.see(message)?;
                Self {
                    position: message.position,
                    to: Some(message.to),
                    verdict: judge.message(message),
                }
            }
            Record::Invalid(invalid) => Self {
                position: invalid.error.position().unwrap_or_default(),
                to: None,
                verdict: judge.invalid(invalid),
            },
            _ => bail!("the list has a record of an unknown kind"),
        })
    }

    /// Its row, without what a server says of it; with this status, unless nothing was made of it.
    fn row<'r>(&'r self, status: &'r str) -> Row<'r> {
        let (status, description) = match &self.verdict {
            Verdict::Aside(status, why) => (*status, Some(why.as_ref().into())),
            Verdict::Message | Verdict::Unsure => (status, None),
        };
        Row {
            record: self.position.record,
            line: self.position.line,
            to: self.to.as_ref().map(PhoneNumber::as_str),
            batch: None,
            batch_id: None,
            message_id: None,
            status,
            error_code: None,
            description,
            segments: None,
            cost: None,
        }
    }
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
            sure: 0,
            unsure: 0,
            waiting: Vec::new(),
        })
    }

    /// A record from its first to its last.
    fn item(
        &mut self,
        mut item: Item,
        record: &Record<'_>,
        judge: &mut Judge,
        take: &mut impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let ends = [self.batch.batch.first, self.batch.batch.last];
        if ends.iter().any(|end| end.record == item.position.record)
            && item.verdict == Verdict::Unsure
        {
            // With these it begins and ends.
            item.verdict = Verdict::Message;
        }
        match item.verdict {
            Verdict::Message => self.sure += 1,
            Verdict::Unsure => self.unsure += 1,
            Verdict::Aside(..) => {}
        }
        // If there are as many as were sent, all of these were.
        if let (Verdict::Message | Verdict::Unsure, Record::Message(message)) =
            (&item.verdict, record)
        {
            judge.again.push(message);
        }
        if self.unsure > 0 {
            self.waiting.push(item);
            return Ok(());
        }
        take(&self.row(&item))
    }

    /// All of its records were there. Gives how many of its messages the API has and the list has not.
    fn finish(
        mut self,
        judge: &mut Judge,
        take: &mut impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<u64> {
        let sent = self.batch.batch.messages;
        let all = self.sure + self.unsure;
        if self.sure > sent || all < sent {
            let batch = &self.batch.batch;
            bail!(
                "batch {} has {} of the records {} to {}, and the list has {} for it now: it is not the list that was sent",
                batch.number,
                count(sent, "message", "messages"),
                HumanCount(batch.first.record),
                HumanCount(batch.last.record),
                HumanCount(all),
            );
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        if self.unsure > 0 {
            if all == sent {
                set(&mut waiting, |_| Verdict::Message);
            } else if self.sure == sent {
                set(&mut waiting, |_| judge.unsent());
            } else {
                self.tell_apart(&mut waiting, judge);
            }
        }
        for item in &waiting {
            take(&self.row(item))?;
        }
        let joined = self.answer.and_then(|answer| answer.joined);
        let is_another = match judge.again.digest().filter(|_| all == sent) {
            Some(digest) => digest != self.batch.batch.digest,
            None => joined.as_ref().is_some_and(Joined::is_of_others),
        };
        if is_another {
            let batch = &self.batch.batch;
            bail!(
                "batch {} was sent with records {} to {}, and they are not the same now: it is not the list that was sent",
                batch.number,
                batch.first.record,
                batch.last.record,
            );
        }
        Ok(joined.map_or(0, |joined| joined.left()))
    }

    /// Decides by what the server has which of the records were sent. Whose number has messages for all of its records, or for
    /// none, can be told.
    fn tell_apart(&mut self, waiting: &mut [Item], judge: &mut Judge) {
        let Some(Answer { joined, rejects }) = &mut self.answer else {
            return set(waiting, |_| judge.unclear());
        };
        for item in waiting.iter_mut() {
            if item.verdict == Verdict::Unsure && rejects.code(item.position.record).is_some() {
                item.verdict = Verdict::Message;
            }
        }
        let Some(joined) = joined else {
            return set(waiting, |_| judge.unclear());
        };
        let has_all = joined.total() + rejects.read == self.batch.batch.messages;
        // How many messages there are for those of each number that are not sure, and how many of these there are.
        let mut numbers: HashMap<PhoneNumber, (u64, u64)> = HashMap::new();
        for item in waiting.iter() {
            if let (Verdict::Unsure, Some(to)) = (&item.verdict, item.to) {
                let free = || (joined.available(to), 0);
                numbers.entry(to).or_insert_with(free).1 += 1;
            }
        }
        for item in waiting.iter() {
            let is_rejected = rejects.code(item.position.record).is_some();
            if let (Verdict::Message, Some(to), false) = (&item.verdict, item.to, is_rejected)
                && let Some((free, _)) = numbers.get_mut(&to)
            {
                *free = free.saturating_sub(1);
            }
        }
        for (&to, &(free, unsure)) in &numbers {
            if free < unsure {
                // Which of them have these cannot be told: they are nobody's.
                (0..free).for_each(|_| drop(joined.take(to)));
            }
        }
        set(waiting, |to| match numbers.get(&to) {
            Some((free, unsure)) if free >= unsure => Verdict::Message,
            Some((0, _)) if has_all => judge.unsent(),
            _ => judge.unclear(),
        });
    }

    fn row<'r>(&'r mut self, item: &'r Item) -> Row<'r> {
        let (Verdict::Message, Some(to)) = (&item.verdict, item.to) else {
            return item.row(UNCLEAR);
        };
        let row = Row {
            batch: Some(self.batch.batch.number),
            ..item.row(self.status)
        };
        match (&self.batch.status, &mut self.answer) {
            (Status::Accepted { id, found, .. }, Some(answer)) => {
                of_message(item.position, to, id, *found, answer, row)
            }
            _ => row,
        }
    }
}

/// Gives a verdict on those of which it is not known.
fn set(items: &mut [Item], mut verdict: impl FnMut(PhoneNumber) -> Verdict) {
    for item in items {
        if let (Verdict::Unsure, Some(to)) = (&item.verdict, item.to) {
            item.verdict = verdict(to);
        }
    }
}

/// What the server says of a message of an accepted batch.
fn of_message<'r>(
    position: Position,
    to: PhoneNumber,
    id: &'r str,
    found: bool,
    answer: &'r mut Answer,
    row: Row<'r>,
) -> Row<'r> {
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
    match joined.take(to) {
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

#[cfg(test)]
mod tests;
