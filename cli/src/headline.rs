//! What a list comes to, before any of it is sent.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use batchcast::encode::{Push, Splitter};
use batchcast::input::{Block, Blocks, Parse as _, Record, Records as _};
use batchcast::screen::{Screen, Verdict};
use indicatif::HumanCount;

use crate::config::List;
use crate::input::Source;
use crate::progress::{batches, bytes, count, recipients};

/// What a list comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Headline {
    recipients: u64,
    batches: u64,
    bytes: u64,
    invalid: u64,
    passed_over: u64,
}

impl Headline {
    /// Reads and encodes the list, and sends nothing. `None` if it can be read only once.
    ///
    /// # Errors
    /// If it cannot be read at all.
    pub(crate) fn of(
        list: &List,
        mut screen: Screen,
        given_up: &AtomicBool,
    ) -> Result<Option<Self>> {
        if list.file.is_none() {
            return Ok(None);
        }
        let source = Source::open(list)?;
        if source.size.is_none() {
            return Ok(None);
        }
        let mut splitter = Splitter::new(&list.envelope, list.limits)?;
        let mut headline = Self::default();
        let (reader, mut parser) = source.parse(list)?;
        let mut blocks = Blocks::new(reader);
        let (mut block, mut spare) = (Block::default(), Block::default());
        blocks.fill(&mut block)?;
        'list: loop {
            let mut records = parser.block(block.bytes(), block.last());
            while let Some(record) = records.next()? {
                let message = match record {
                    Record::Message(message) => message,
                    Record::Invalid(invalid) => {
                        let record = invalid.error.position().unwrap_or_default().record;
                        match screen.skips(record) {
                            true => screen.skip_invalid(),
                            false => headline.invalid += 1,
                        }
                        continue;
                    }
                    _ => continue,
                };
                if !matches!(screen.admit(&message), Verdict::Admitted) {
                    continue;
                }
                match splitter.push(&message) {
                    Ok(Push::Batch(closed)) => headline.add(&closed.batch),
                    Ok(_) => {}
                    Err(_) => {
                        screen.take_back(message.to);
                        headline.invalid += 1;
                    }
                }
                if screen.is_done() {
                    break 'list;
                }
            }
            let consumed = records.consumed();
            if block.last() || given_up.load(Ordering::Relaxed) {
                break;
            }
            blocks.fill(&mut spare)?;
            spare.prepend(&block.bytes()[consumed..]);
            std::mem::swap(&mut block, &mut spare);
        }
        if let Some(closed) = splitter.finish() {
            headline.add(&closed.batch);
        }
        headline.passed_over = screen.passed_over().total();
        Ok(Some(headline))
    }

    fn add(&mut self, batch: &batchcast::encode::Batch) {
        self.recipients += batch.messages;
        self.batches += 1;
        self.bytes += batch.bytes;
    }

    /// For people, without a number or a text.
    pub(crate) fn line(&self) -> String {
        let mut line = format!(
            "{} in {} ({})",
            recipients(self.recipients),
            batches(self.batches),
            bytes(self.bytes)
        );
        if self.invalid > 0 {
            line += &format!(
                "; {} cannot be sent",
                count(self.invalid, "record", "records")
            );
        }
        if self.passed_over > 0 {
            line += &format!("; {} passed over", HumanCount(self.passed_over));
        }
        line
    }
}
