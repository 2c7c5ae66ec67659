//! What can be read back: the last batches and the last messages, in bounded memory.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use crate::fault::Hide;
use crate::number::Number;
use crate::state::FOREVER;

/// The last batches that can be read back. Older ones are unknown again.
pub const STORED_BATCHES: usize = 10_000;

/// The last messages, over all batches, that can be listed. The counts of a batch stay exact beyond that.
pub const STORED_MESSAGES: usize = 100_000;

/// The bytes of texts of single messages that are stored, over all batches. Beyond that, the messages that came
/// first are listed without their text.
pub const STORED_TEXT_BYTES: usize = 1024 * 1024;

/// What a stored text costs beside its bytes.
const TEXT_OVERHEAD: usize = 32;

/// The accepted batches, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Store {
    batches: VecDeque<Batch>,
    next_sequence: u64,
    messages: usize,
    text_bytes: usize,
}

/// An accepted batch.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Counts up from 0 and is never used again: the order of batches.
    pub(crate) sequence: u64,
    pub(crate) id: Uuid,
    pub(crate) from: Number,
    pub(crate) text: Option<Box<str>>,
    /// Messages accepted, rejected ones not counted.
    pub(crate) size: u64,
    pub(crate) rejected: u64,
    pub(crate) created: Timestamp,
    /// `None` for good, or from the beginning.
    pub(crate) hidden: Option<Hidden>,
    /// How often it was looked at.
    pub(crate) looks: u64,
    pub(crate) kept: Kept,
}

/// Until when a batch cannot be read back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hidden {
    Until(Instant),
    /// For so many more calls of the list.
    Lists(u64),
}

impl Hidden {
    pub(crate) fn new(hide: Hide) -> Self {
        match hide {
            Hide::For(time) => Self::Until(Instant::now() + time.min(FOREVER)),
            Hide::Lists(lists) => Self::Lists(lists),
        }
    }

    fn is_over(self, now: Instant) -> bool {
        match self {
            Self::Until(end) => now >= end,
            Self::Lists(lists) => lists == 0,
        }
    }
}

/// A message as it is listed.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) batch: &'a Batch,
    /// Its place among the accepted messages of its batch, from 0.
    pub(crate) ordinal: u64,
    pub(crate) to: Number,
    /// `None` once it has been dropped.
    pub(crate) text: Option<&'a str>,
}

impl Store {
    /// Adds a batch, and drops what no longer fits. `sequence` is set here.
    pub(crate) fn insert(&mut self, mut batch: Batch) {
        batch.sequence = self.next_sequence;
        batch.kept.shrink();
        self.next_sequence += 1;
        self.messages += batch.kept.numbers.len();
        self.text_bytes += batch.kept.text_bytes;
        self.batches.push_back(batch);
        if self.batches.len() > STORED_BATCHES {
            let oldest = self.batches.pop_front();
            self.messages -= oldest.as_ref().map_or(0, |batch| batch.kept.numbers.len());
            self.text_bytes -= oldest.map_or(0, |batch| batch.kept.text_bytes);
        }
        for batch in &mut self.batches {
            if self.messages <= STORED_MESSAGES && self.text_bytes <= STORED_TEXT_BYTES {
                break;
            }
            let before = (batch.kept.numbers.len(), batch.kept.text_bytes);
            batch
                .kept
                .drop_messages(self.messages.saturating_sub(STORED_MESSAGES));
            self.messages -= before.0 - batch.kept.numbers.len();
            let dropped = before.1 - batch.kept.text_bytes;
            batch
                .kept
                .drop_texts((self.text_bytes - dropped).saturating_sub(STORED_TEXT_BYTES));
            self.text_bytes -= before.1 - batch.kept.text_bytes;
            batch.kept.shrink();
        }
    }

    /// Oldest first, hidden ones too.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Batch> {
        self.batches.iter()
    }

    /// Those that can be read back, newest first.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &Batch> {
        let now = Instant::now();
        let shown = move |batch: &&Batch| batch.hidden.is_none_or(|hidden| hidden.is_over(now));
        self.batches.iter().rev().filter(shown)
    }

    /// Makes all batches so much older.
    pub(crate) fn age(&mut self, by: Duration) {
        for batch in &mut self.batches {
            batch.created = batch.created.checked_sub(by).unwrap_or(Timestamp::MIN);
        }
    }

    /// Counts a call of the list, for the batches that were hidden from it.
    pub(crate) fn was_listed(&mut self) {
        for batch in &mut self.batches {
            if let Some(Hidden::Lists(lists)) = &mut batch.hidden {
                *lists = lists.saturating_sub(1);
            }
        }
    }

    /// Looks at a batch, if it can be read back.
    pub(crate) fn look(&mut self, id: Uuid) -> Option<&Batch> {
        let sequence = self.batches().find(|batch| batch.id == id)?.sequence;
        let mut batches = self.batches.iter_mut();
        let batch = batches.find(|batch| batch.sequence == sequence)?;
        batch.looks += 1;
        Some(batch)
    }

    /// The batches newest first, the messages of each in the order they were sent.
    pub(crate) fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.batches().flat_map(Batch::messages)
    }
}

impl Batch {
    /// Those of its messages that are kept, in the order they were sent.
    pub(crate) fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.kept.iter().map(move |(ordinal, to, text)| {
            let text = match text {
                KeptText::Own(text) => Some(text),
                KeptText::Default => self.text.as_deref(),
                KeptText::Dropped => None,
            };
            Message {
                batch: self,
                ordinal,
                to,
                text,
            }
        })
    }
}

/// The last messages of one batch. While the batch is read it bounds itself; in the store, [`Store`] bounds all.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Messages dropped before the first of `numbers`.
    dropped: u64,
    numbers: VecDeque<Number>,
    /// The messages with a text of their own, by ordinal.
    texts: VecDeque<(u64, Box<str>)>,
    text_bytes: usize,
    /// Below this ordinal an own text may have been dropped.
    texts_known_from: u64,
}

pub(crate) enum KeptText<'a> {
    Own(&'a str),
    Default,
    Dropped,
}

impl Kept {
    pub(crate) fn push(&mut self, to: Number, text: Option<&str>) {
        if self.numbers.len() == STORED_MESSAGES {
            self.drop_messages(1);
        }
        let ordinal = self.dropped + self.numbers.len() as u64;
        self.numbers.push_back(to);
        if let Some(text) = text {
            self.text_bytes += text.len() + TEXT_OVERHEAD;
            self.texts.push_back((ordinal, text.into()));
            self.drop_texts(self.text_bytes.saturating_sub(STORED_TEXT_BYTES));
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Number, KeptText<'_>)> {
        // The texts are in the order of the messages, so one walk beside the other finds each.
        let mut texts = self.texts.iter().peekable();
        self.numbers
            .iter()
            .zip(self.dropped..)
            .map(move |(&to, ordinal)| {
                let text = match texts.next_if(|(of, _)| *of == ordinal) {
                    Some((_, text)) => KeptText::Own(text),
                    None if ordinal < self.texts_known_from => KeptText::Dropped,
                    None => KeptText::Default,
                };
                (ordinal, to, text)
            })
    }

    fn drop_messages(&mut self, count: usize) {
        let count = count.min(self.numbers.len());
        self.numbers.drain(..count);
        self.dropped += count as u64;
        while self
            .texts
            .front()
            .is_some_and(|(ordinal, _)| *ordinal < self.dropped)
        {
            self.drop_text();
        }
    }

    /// Drops the oldest texts, at least `bytes` of them if there are so many.
    fn drop_texts(&mut self, bytes: usize) {
        let goal = self.text_bytes.saturating_sub(bytes);
        while self.text_bytes > goal {
            self.drop_text();
        }
    }

    fn drop_text(&mut self) {
        if let Some((ordinal, text)) = self.texts.pop_front() {
            self.text_bytes -= text.len() + TEXT_OVERHEAD;
            self.texts_known_from = ordinal + 1;
        }
    }

    /// Gives back what dropping has left empty; half may stay so, or every drop would copy the rest.
    fn shrink(&mut self) {
        if self.numbers.len() <= self.numbers.capacity() / 2 {
            self.numbers.shrink_to_fit();
        }
        if self.texts.len() <= self.texts.capacity() / 2 {
            self.texts.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Batch, Kept, Number, STORED_BATCHES, STORED_MESSAGES, STORED_TEXT_BYTES, Store,
        TEXT_OVERHEAD,
    };
    use jiff::Timestamp;
    use uuid::Uuid;

    fn number(n: usize) -> Number {
        Number::parse(&format!("+1{n:010}")).expect("E.164")
    }

    fn batch(kept: Kept) -> Batch {
        Batch {
            sequence: 0,
            id: Uuid::new_v4(),
            from: number(1),
            text: Some("default".into()),
            size: kept.numbers.len() as u64,
            rejected: 0,
            created: Timestamp::UNIX_EPOCH,
            hidden: None,
            looks: 0,
            kept,
        }
    }

    #[test]
    fn the_last_messages_are_kept_and_the_bound_holds() {
        let mut store = Store::default();
        for first in [0, 60_000, 120_000] {
            let mut kept = Kept::default();
            (first..first + 60_000).for_each(|n| kept.push(number(n), None));
            store.insert(batch(kept));
        }
        assert_eq!(store.messages().count(), STORED_MESSAGES);
        let oldest = store.messages().map(|message| message.to.to_string()).min();
        assert_eq!(oldest, Some(number(80_000).to_string()));
        // The 20,000 messages of the second batch that went took their ordinals along.
        let first = store.messages().nth(60_000).expect("the second batch");
        assert_eq!((first.batch.sequence, first.ordinal), (1, 20_000));
    }

    #[test]
    fn one_batch_alone_keeps_its_last_messages() {
        let mut kept = Kept::default();
        (0..STORED_MESSAGES + 5).for_each(|n| kept.push(number(n), None));
        let mut store = Store::default();
        store.insert(batch(kept));
        let first = store.messages().next().expect("a message");
        assert_eq!((first.ordinal, first.to), (5, number(5)));
        assert_eq!(store.messages().count(), STORED_MESSAGES);
    }

    #[test]
    fn a_dropped_text_is_not_mistaken_for_the_default_one() {
        let text = "x".repeat(1000);
        let fit = STORED_TEXT_BYTES / (1000 + TEXT_OVERHEAD);
        let mut store = Store::default();
        for _ in 0..2 {
            let mut kept = Kept::default();
            for n in 0..fit {
                kept.push(number(n), Some(&text));
                kept.push(number(n), None);
            }
            store.insert(batch(kept));
        }
        assert!(store.text_bytes <= STORED_TEXT_BYTES);
        let texts: Vec<_> = store.messages().map(|message| message.text).collect();
        let (new, old) = texts.split_at(2 * fit);
        assert!(
            new.chunks(2)
                .all(|pair| pair == [Some(text.as_str()), Some("default")])
        );
        assert!(old[..2 * fit - 1].iter().all(Option::is_none));
        assert_eq!(store.messages, 4 * fit);
    }

    #[test]
    fn what_is_dropped_gives_its_memory_back() {
        let mut store = Store::default();
        for _ in 0..20 {
            let mut kept = Kept::default();
            (0..STORED_MESSAGES).for_each(|n| kept.push(number(n), (n % 10 == 0).then_some("own")));
            store.insert(batch(kept));
        }
        let numbers: usize = store
            .batches()
            .map(|batch| batch.kept.numbers.capacity())
            .sum();
        let texts: usize = store
            .batches()
            .map(|batch| batch.kept.texts.capacity())
            .sum();
        assert!(
            numbers <= 2 * STORED_MESSAGES && texts <= STORED_MESSAGES,
            "{numbers} {texts}"
        );
    }

    #[test]
    fn the_last_batches_are_kept() {
        let mut store = Store::default();
        for n in 0..STORED_BATCHES + 2 {
            let mut kept = Kept::default();
            kept.push(number(n), Some("own"));
            store.insert(batch(kept));
        }
        assert_eq!(store.batches().count(), STORED_BATCHES);
        assert_eq!(store.batches().last().map(|batch| batch.sequence), Some(2));
        assert_eq!(
            (store.messages, store.text_bytes),
            (STORED_BATCHES, STORED_BATCHES * (3 + TEXT_OVERHEAD))
        );
    }
}
