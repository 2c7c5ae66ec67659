//! A list, read from end to end.

use std::io::Read;

use anyhow::Result;
use batchcast::encode::{Batch, Push, Splitter};
use batchcast::input::{Block, Blocks, Format, Invalid, Parse, Parser, Record, Records as _};
use batchcast::{Error, Message, send};

use super::duplicates::Duplicates;
use super::faults::Faults;
use super::texts::Texts;
use crate::config::List;
use crate::encode::as_it_was;
use crate::input::Source;
use crate::progress::Progress;

/// How many batches are kept to be shown, beside the last one.
const FEW: usize = 10;

/// What a list comes to.
pub(crate) struct Survey {
    /// The list's format.
    pub(crate) format: Format,
    /// How many bytes it has.
    pub(crate) bytes: u64,
    pub(crate) batches: Batches,
    pub(crate) texts: Texts,
    /// The records that cannot be sent.
    pub(crate) invalid: Faults,
    /// If they were looked for.
    pub(crate) duplicates: Option<Duplicates>,
}

/// What is kept beside the sums.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep {
    /// Every batch, not only a few: about 100 bytes each.
    pub(crate) all_batches: bool,
    /// The numbers of all recipients.
    pub(crate) duplicates: bool,
}

/// The batches that would be sent.
#[derive(Default)]
pub(crate) struct Batches {
    pub(crate) count: u64,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    /// The first ones, or all.
    pub(crate) kept: Vec<Batch>,
    pub(crate) last: Option<Batch>,
    keep_all: bool,
}

impl Batches {
    /// Counts a batch in.
    fn add(&mut self, batch: Batch) {
        self.count += 1;
        self.messages += batch.messages;
        self.bytes += batch.bytes;
        if self.keep_all || self.kept.len() < FEW {
            self.kept.push(batch);
        }
        self.last = Some(batch);
    }
}

impl Survey {
    /// Reads a list, and tells `on_invalid` of each record that cannot be sent.
    ///
    /// # Errors
    /// If the list cannot be read, and what `on_invalid` says.
    pub(crate) fn of(
        list: &List,
        source: Source,
        keep: Keep,
        progress: Option<&Progress>,
        on_invalid: impl FnMut(Invalid<'_>) -> Result<()>,
    ) -> Result<Self> {
        let splitter = Splitter::new(&list.envelope, list.limits)?;
        let (reader, parser) = source.parse(list)?;
        let mut survey = Self {
            format: parser.format(),
            bytes: 0,
            batches: Batches {
                keep_all: keep.all_batches,
                ..Batches::default()
            },
            texts: Texts::new(list.envelope.text()),
            invalid: Faults::default(),
            duplicates: keep.duplicates.then(Duplicates::default),
        };
        let mut run = Run {
            survey: &mut survey,
            splitter,
            progress,
            on_invalid,
        };
        // A loop for each format.
        match parser {
            Parser::Lines(parser) => run.read(parser, reader)?,
            Parser::Ndjson(parser) => run.read(parser, reader)?,
            Parser::Csv(parser) => run.read(parser, reader)?,
        }
        if let Some(closed) = run.splitter.finish() {
            survey.batches.add(closed.batch);
        }
        survey.texts.finish();
        if let Some(duplicates) = &mut survey.duplicates {
            duplicates.finish();
        }
        Ok(survey)
    }
}

struct Run<'a, F> {
    survey: &'a mut Survey,
    splitter: Splitter,
    progress: Option<&'a Progress>,
    on_invalid: F,
}

impl<F: FnMut(Invalid<'_>) -> Result<()>> Run<'_, F> {
    fn read(&mut self, mut parser: impl Parse, reader: impl Read) -> Result<()> {
        let mut blocks = Blocks::new(reader);
        // Two blocks take turns: what is left of the one is put in front of the other.
        let (mut block, mut spare) = (Block::default(), Block::default());
        // Where the block begins in the list.
        let mut at = 0;
        blocks.fill(&mut block)?;
        loop {
            let consumed = self.block(&mut parser, &block, at)?;
            if block.last() {
                break;
            }
            blocks.fill(&mut spare)?;
            spare.prepend(&block.bytes()[consumed..]);
            std::mem::swap(&mut block, &mut spare);
            at += consumed as u64;
            self.show(blocks.bytes_read());
        }
        self.survey.bytes = blocks.bytes_read();
        Ok(())
    }

    /// Takes the records of a block, which begins at byte `at` of the list; returns how many of its bytes are done with.
    fn block(&mut self, parser: &mut impl Parse, block: &Block, at: u64) -> Result<usize> {
        let mut records = parser.block(block.bytes(), block.last());
        loop {
            let mut taken = Ok(());
            // A loop of its own: it need not look at what else a record may be.
            while let Some(message) = records.next_common() {
                taken = self.message(&message);
                if taken.is_err() {
                    break;
                }
            }
            if taken.is_ok() {
                taken = match records.next()? {
                    Some(Record::Message(message)) => self.message(&message),
                    Some(Record::Invalid(invalid)) => {
                        self.invalid(invalid)?;
                        continue;
                    }
                    Some(_) => continue,
                    None => break,
                };
            }
            if let Err(error) = taken {
                let input = as_it_was(&error, block.bytes(), at, records.consumed());
                self.invalid(Invalid { error, input })?;
            }
        }
        Ok(records.consumed())
    }

    /// Whom the list's flags leave out does not come here; all others are counted.
    #[inline(always)]
    fn message(&mut self, message: &Message<'_>) -> Result<(), Error> {
        match self.splitter.push(message)? {
            // Only their lengths are of interest, which the splitter counts.
            Push::Buffered | Push::Chunk(_) => {}
            Push::Batch(closed) => self.survey.batches.add(closed.batch),
        }
        self.survey
            .texts
            .add(message.text.as_ref(), message.position);
        if let Some(duplicates) = &mut self.survey.duplicates {
            duplicates.see(message.to, message.position);
        }
        Ok(())
    }

    #[cold]
    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<()> {
        self.survey.invalid.add(&invalid);
        (self.on_invalid)(invalid)
    }

    fn show(&self, input_bytes: u64) {
        let Some(progress) = self.progress else {
            return;
        };
        let mut at = send::Progress::default();
        at.batch = self.splitter.number();
        at.messages = self.survey.texts.messages();
        at.bytes = self.survey.batches.bytes;
        at.input_bytes = input_bytes;
        progress.update(&at);
    }
}
