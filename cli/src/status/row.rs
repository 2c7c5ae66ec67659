//! One batch: what the journal says of it, and what the API says.

use batchcast::journal::{BatchState, Status};
use batchcast::status::{BatchPhase, BatchStatus, Statuses};
use indicatif::HumanCount;
use serde::{Serialize, Serializer};

use crate::cost::Cost;
use crate::table::Side;

/// What the API says of a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Api {
    /// There is nothing to ask: it was not accepted.
    None,
    /// It does not know it.
    Unknown,
    /// This; and how many messages have come to what, once it is completed.
    Known(Box<BatchStatus>, Option<Box<Statuses>>),
}

/// One batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// Its number in the run.
    number: Option<u64>,
    records: Option<[u64; 2]>,
    messages: Option<u64>,
    rejected: u64,
    /// How many more, by the size that the API gave it, it has not taken.
    missing: u64,
    /// In a word, what the journal says; none of a batch that no journal was given for.
    state: Option<&'static str>,
    pub(crate) id: Option<String>,
    pub(crate) api: Api,
}

impl Row {
    /// A batch of a journal, of which the API was not asked yet. One that is committed, and no more, has an answer to come
    /// while a process is at work.
    pub(crate) fn of_journal(batch: &BatchState, is_at_work: bool) -> Self {
        let (state, id, rejected) = match &batch.status {
            Status::Committed if is_at_work => ("committed", None, 0),
            Status::Accepted {
                id,
                rejected,
                found,
                ..
            } => {
                let state = if *found { "found" } else { "accepted" };
                (state, Some(id.clone()), *rejected)
            }
            Status::Refused { .. } => ("refused", None, 0),
            Status::Withdrawn => ("withdrawn", None, 0),
            Status::Committed | Status::InDoubt { .. } => ("in doubt", None, 0),
            Status::Resend => ("to be resent", None, 0),
            Status::Skipped => ("skipped", None, 0),
        };
        let sent = &batch.batch;
        Self {
            number: Some(sent.number),
            records: Some([sent.first.record, sent.last.record]),
            messages: Some(sent.messages),
            rejected,
            missing: batch.missing(),
            state: Some(state),
            id,
            api: Api::None,
        }
    }

    /// A batch of which only the API's id is known.
    pub(crate) fn of_id(id: &str) -> Self {
        Self {
            number: None,
            records: None,
            messages: None,
            rejected: 0,
            missing: 0,
            state: None,
            id: Some(id.to_owned()),
            api: Api::None,
        }
    }

    fn batch(&self) -> Option<&BatchStatus> {
        match &self.api {
            Api::Known(batch, _) => Some(batch),
            Api::None | Api::Unknown => None,
        }
    }

    /// How many messages have come to what, if that is known.
    pub(crate) fn statuses(&self) -> Option<&Statuses> {
        match &self.api {
            Api::Known(_, statuses) => statuses.as_deref(),
            Api::None | Api::Unknown => None,
        }
    }

    /// The API has it, and is not done with it.
    pub(crate) fn is_on_its_way(&self) -> bool {
        self.batch()
            .is_some_and(|batch| batch.status != BatchPhase::Completed)
    }

    /// The API has it, and is done with it.
    pub(crate) fn is_completed(&self) -> bool {
        self.batch().is_some() && !self.is_on_its_way()
    }

    /// The API should have it, and does not know it.
    pub(crate) fn is_unknown(&self) -> bool {
        self.api == Api::Unknown
    }

    /// Its answer is waited for.
    pub(crate) fn is_committed(&self) -> bool {
        self.state == Some("committed")
    }

    /// It may have been accepted, or may yet be.
    pub(crate) fn is_in_doubt(&self) -> bool {
        matches!(self.state, Some("in doubt" | "to be resent"))
    }

    /// It may have been accepted, and was left so.
    pub(crate) fn is_skipped(&self) -> bool {
        self.state == Some("skipped")
    }

    /// It was found in the API's list: more of it may have been rejected than is known.
    pub(crate) fn is_found(&self) -> bool {
        self.state == Some("found")
    }

    /// What can be known of it is known, and somebody of it got no message, or may not have got one.
    pub(crate) fn is_partial(&self) -> bool {
        self.rejected > 0
            || self.missing > 0
            || self.is_skipped()
            || self.is_found()
            || self.is_unknown()
            || self.statuses().is_some_and(|counts| counts.failed() > 0)
    }

    /// How many messages the journal says are in it.
    pub(crate) fn messages(&self) -> u64 {
        self.messages.unwrap_or_default()
    }

    /// How many of its messages the API rejected.
    pub(crate) const fn rejected(&self) -> u64 {
        self.rejected
    }

    /// How many more it has not taken, by its own word.
    pub(crate) const fn missing(&self) -> u64 {
        self.missing
    }

    /// What it cost, if that is known.
    pub(crate) fn cost(&self) -> Option<Cost> {
        Cost::of(self.batch()?.cost?)
    }

    /// How a change of it is told in a line.
    pub(crate) fn told(&self) -> String {
        let name = match (self.number, &self.id) {
            (Some(number), _) => format!("batch {number}"),
            (None, Some(id)) => format!("batch {id}"),
            (None, None) => "batch".to_owned(),
        };
        match (&self.api, self.batch()) {
            (_, Some(batch)) => {
                let word = word(batch);
                match (batch.processed_count, batch.batch_size) {
                    (Some(done), Some(all)) => format!(
                        "{name} is {word}: {} of {} messages are processed",
                        HumanCount(done),
                        HumanCount(all)
                    ),
                    _ => format!("{name} is {word}"),
                }
            }
            (Api::Unknown, _) => format!("{name} is not known to the server"),
            _ => format!("{name} is {}", self.state.unwrap_or("not known")),
        }
    }

    /// The columns of [`cells`](Self::cells).
    pub(crate) const HEADER: [(&'static str, Side); 10] = [
        ("batch", Side::Right),
        ("records", Side::Left),
        ("messages", Side::Right),
        ("journal", Side::Left),
        ("rejected", Side::Right),
        ("server", Side::Left),
        ("processed", Side::Right),
        ("delivered", Side::Right),
        ("failed", Side::Right),
        ("id", Side::Left),
    ];

    /// Those that can be left out where there is no room, what is missed least first.
    pub(crate) const DISPENSABLE: [&'static str; 5] =
        ["id", "journal", "records", "processed", "rejected"];

    /// As a row of a table.
    pub(crate) fn cells(&self) -> [String; 10] {
        let number = |number: Option<u64>| {
            number.map_or_else(|| "-".to_owned(), |number| HumanCount(number).to_string())
        };
        let records = self.records.map_or_else(
            || "-".to_owned(),
            |[first, last]| format!("{}-{}", HumanCount(first), HumanCount(last)),
        );
        let server = match (&self.api, self.batch()) {
            (_, Some(batch)) => word(batch).to_owned(),
            (Api::Unknown, _) => "unknown".to_owned(),
            _ => "-".to_owned(),
        };
        let counts = self.statuses();
        [
            number(self.number),
            records,
            number(
                self.messages
                    .or_else(|| self.batch().and_then(|batch| batch.batch_size)),
            ),
            self.state.unwrap_or("-").to_owned(),
            number(self.state.map(|_| self.rejected)),
            server,
            number(self.batch().and_then(|batch| batch.processed_count)),
            number(counts.map(|counts| counts.delivered.count)),
            number(counts.map(Statuses::failed)),
            self.id.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    }

    /// As a line of JSON.
    pub(crate) fn json(&self) -> RowLine<'_> {
        let batch = self.batch();
        RowLine {
            event: "batch",
            number: self.number,
            records: self.records,
            messages: self.messages,
            state: self.state,
            rejected: self.state.map(|_| self.rejected),
            missing: self.state.map(|_| self.missing),
            id: self.id.as_deref(),
            is_known: match self.api {
                Api::None => None,
                Api::Unknown => Some(false),
                Api::Known(..) => Some(true),
            },
            status: batch.map(|batch| batch.status.as_str()),
            batch_size: batch.and_then(|batch| batch.batch_size),
            processed: batch.and_then(|batch| batch.processed_count),
            cost: self.cost(),
            counts: self.statuses().map(Counts),
        }
    }
}

/// The API's word for how far a batch is.
fn word(batch: &BatchStatus) -> &str {
    match batch.status.as_str() {
        "" => "?",
        word => word,
    }
}

/// A batch in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RowLine<'a> {
    event: &'static str,
    number: Option<u64>,
    records: Option<[u64; 2]>,
    messages: Option<u64>,
    state: Option<&'static str>,
    rejected: Option<u64>,
    missing: Option<u64>,
    id: Option<&'a str>,
    #[serde(rename = "known")]
    is_known: Option<bool>,
    status: Option<&'a str>,
    batch_size: Option<u64>,
    processed: Option<u64>,
    cost: Option<Cost>,
    counts: Option<Counts<'a>>,
}

/// How many messages have come to what, in JSON: what they cost as all costs are told.
struct Counts<'a>(&'a Statuses);

impl Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut told = self.0.clone();
        let Statuses {
            queued,
            sent,
            delivered,
            sending_failed,
            delivery_failed,
            ..
        } = &mut told;
        for count in [queued, sent, delivered, sending_failed, delivery_failed] {
            count.cost = count.cost.and_then(Cost::of).map(Cost::nearest);
        }
        told.serialize(to)
    }
}
