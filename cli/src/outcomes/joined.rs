//! The API's messages of one batch, to be found by their numbers.
//!
//! The API does not say in which order it lists the messages of a batch, so they are kept, 40 bytes each, sorted by
//! number: 80 MB for a batch of two million. A number that is in a batch more than once has as many messages, and each is
//! given out once; which of them is which cannot be told, and does not matter to its recipient.

use std::borrow::Cow;

use batchcast::PhoneNumber;
use batchcast::status::MessageStatus;

use crate::cost::Cost;

/// The messages of one batch.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    entries: Vec<Entry>,
    /// Ids that are not what a number is written as.
    ids: Vec<Box<str>>,
    /// Statuses and codes, each once. The first one is none.
    words: Vec<Box<str>>,
    /// Messages without a number that the list can have.
    strange: u64,
    taken: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    number: u64,
    /// The id itself, or where it is in `ids`.
    id: u64,
    /// As the API says it; not a number if it does not.
    cost: f64,
    /// How many messages of this number were given out; counted at the first of them.
    taken: u32,
    /// `u32::MAX` if it is not known.
    segments: u32,
    status: u16,
    code: u16,
    has_id: HasId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum HasId {
    No,
    Number,
    Other,
}

/// What the API says of one message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found<'j> {
    pub(crate) id: Option<Cow<'j, str>>,
    pub(crate) status: &'j str,
    pub(crate) code: Option<&'j str>,
    pub(crate) segments: Option<u32>,
    pub(crate) cost: Option<Cost>,
}

impl Joined {
    /// Adds a message.
    pub(crate) fn push(&mut self, message: &MessageStatus) {
        let number = message.to.as_deref().map(PhoneNumber::parse);
        let Some(Ok(number)) = number else {
            self.strange += 1;
            return;
        };
        let (has_id, id) = match message.id.as_deref() {
            None => (HasId::No, 0),
            Some(id) => match id.parse() {
                Ok(number) if is_written_so(id) => (HasId::Number, number),
                _ => {
                    self.ids.push(id.into());
                    (HasId::Other, self.ids.len() as u64 - 1)
                }
            },
        };
        let entry = Entry {
            number: digits(number),
            id,
            cost: message.cost.unwrap_or(f64::NAN),
            taken: 0,
            segments: message.segment_count.unwrap_or(u32::MAX),
            status: self.word(message.status.as_str()),
            code: self.word(message.error_code.as_deref().unwrap_or_default()),
            has_id,
        };
        self.entries.push(entry);
    }

    /// All messages were added. One that was listed twice, because the list moved between two pages, counts once.
    pub(crate) fn sort(&mut self) {
        let key = |entry: &Entry| (entry.number, entry.has_id, entry.id);
        self.entries.sort_unstable_by_key(key);
        self.entries
            .dedup_by(|one, other| one.has_id == HasId::Number && key(one) == key(other));
        self.entries.shrink_to_fit();
    }

    /// A message to this number that was not given out yet.
    pub(crate) fn take(&mut self, to: PhoneNumber) -> Option<Found<'_>> {
        let number = digits(to);
        let first = self.entries.partition_point(|entry| entry.number < number);
        let taken = self.entries.get(first)?.taken;
        let entry = *self.entries.get(first + taken as usize)?;
        if entry.number != number {
            return None;
        }
        self.entries[first].taken += 1;
        self.taken += 1;
        let word = |at: u16| self.words.get(usize::from(at)).map_or("", |word| &**word);
        Some(Found {
            id: match entry.has_id {
                HasId::No => None,
                HasId::Number => Some(entry.id.to_string().into()),
                HasId::Other => usize::try_from(entry.id)
                    .ok()
                    .and_then(|at| self.ids.get(at))
                    .map(|id| (&**id).into()),
            },
            status: word(entry.status),
            code: Some(word(entry.code)).filter(|code| !code.is_empty()),
            segments: Some(entry.segments).filter(|segments| *segments != u32::MAX),
            cost: Cost::of(entry.cost),
        })
    }

    /// How many messages to this number were not given out yet.
    pub(crate) fn available(&self, to: PhoneNumber) -> u64 {
        let number = digits(to);
        let first = self.entries.partition_point(|entry| entry.number < number);
        let end = self.entries.partition_point(|entry| entry.number <= number);
        let taken = self.entries.get(first).map_or(0, |entry| entry.taken);
        match end - first {
            0 => 0,
            all => all as u64 - u64::from(taken),
        }
    }

    /// How many messages there are.
    pub(crate) fn total(&self) -> u64 {
        self.entries.len() as u64 + self.strange
    }

    /// How many messages nobody of the list was given.
    pub(crate) fn left(&self) -> u64 {
        self.total() - self.taken
    }

    /// There are messages, and nobody of the list was given one.
    pub(crate) fn is_of_others(&self) -> bool {
        self.taken == 0 && !self.entries.is_empty()
    }

    /// There are a few statuses and some dozen codes.
    fn word(&mut self, word: &str) -> u16 {
        let at = match self.words.iter().position(|known| **known == *word) {
            Some(at) => at,
            None => {
                self.words.push(word.into());
                self.words.len() - 1
            }
        };
        // A server that makes up more of them is not believed any further.
        u16::try_from(at).unwrap_or(u16::MAX)
    }
}

/// A number is the same text again when it is written.
fn is_written_so(id: &str) -> bool {
    id == "0" || (!id.starts_with(['0', '+']) && !id.is_empty())
}

/// The number without its `+`: 15 digits at most.
fn digits(number: PhoneNumber) -> u64 {
    let digits = number.as_str().bytes().skip(1);
    digits.fold(0, |all, digit| all * 10 + u64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, to: &str, status: &str) -> MessageStatus {
        let json = serde_json::json!({"id": id, "to": [to], "messageStatus": status});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn each_message_is_given_out_once() {
        let (one, two) = ("+14155550100", "+14155550101");
        let mut joined = Joined::default();
        for (id, to, status) in [
            ("7", one, "Sent"),
            ("x-1", two, "Delivered"),
            ("007", one, "Delivered"),
            ("7", one, "Sent"),
            ("8", "nobody", "Sent"),
        ] {
            joined.push(&message(id, to, status));
        }
        joined.sort();
        assert!(joined.is_of_others());
        let [one, two] = [one, two].map(|to| PhoneNumber::parse(to).unwrap());
        let mut ids = Vec::new();
        while let Some(found) = joined.take(one) {
            ids.push(found.id.unwrap().into_owned());
        }
        assert_eq!(ids, ["7", "007"]);
        assert!(!joined.is_of_others());
        assert_eq!(joined.left(), 2);
        assert_eq!(
            (joined.total(), joined.available(one), joined.available(two)),
            (4, 0, 1)
        );
        assert_eq!(joined.take(two).unwrap().status, "Delivered");
        assert_eq!(joined.take(two), None);
        assert_eq!(joined.left(), 1);
        assert!(size_of::<Entry>() <= 40);
    }
}
