//! A list, read from end to end.

use std::num::NonZeroU64;

use anyhow::Result;
use batchcast::encode::{Batch, Push, Splitter};
use batchcast::input::{Answer, Blocks, Format, Invalid, Visitor};
use batchcast::screen::{PassedOver, Reason, Screen, Verdict};
use batchcast::{Message, PhoneNumber, Position, send};

use super::duplicates::{Duplicates, Search};
use super::faults::Faults;
use super::texts::Texts;
use crate::config::List;
use crate::input::Source;
use crate::names::{Names, Watched};
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
    /// The messages that the list's flags pass over.
    pub(crate) passed_over: PassedOver,
    /// If they were looked for.
    pub(crate) duplicates: Option<Duplicates>,
    /// What is likely not meant so, for people.
    pub(crate) warnings: Vec<String>,
}

/// What is kept beside the sums.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep {
    /// Every batch, not only a few: about 100 bytes each.
    pub(crate) all_batches: bool,
    /// The numbers of all recipients.
    pub(crate) duplicates: bool,
}

/// Which messages go, and how the list is cut into batches beside their limits.
pub(crate) struct Cut {
    pub(crate) screen: Screen,
    /// So many go ahead, in batches of their own.
    pub(crate) canary: Option<NonZeroU64>,
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
    /// Reads a list, and tells `aside` of each record that is not sent.
    ///
    /// # Errors
    /// If the list cannot be read, and what `aside` says.
    pub(crate) fn of(
        list: &List,
        source: Source,
        Cut { screen, canary }: Cut,
        keep: Keep,
        progress: Option<&Progress>,
        aside: impl FnMut(Aside<'_>) -> Result<()>,
    ) -> Result<Self> {
        let (reader, mut parser, common) = source.parse(list)?;
        let mut envelope = list.envelope.clone();
        if let Some(text) = common {
            envelope = envelope.with_common_text(text);
        }
        let splitter = Splitter::new(&envelope, list.limits)?;
        let mut survey = Self {
            format: parser.format(),
            bytes: 0,
            batches: Batches {
                keep_all: keep.all_batches,
                ..Batches::default()
            },
            texts: Texts::new(list.envelope.text()),
            invalid: Faults::default(),
            passed_over: PassedOver::default(),
            duplicates: None,
            warnings: Vec::new(),
        };
        let (reader, found) = Watched::new(reader, Names::of(list, survey.format));
        let mut run = Run {
            survey: &mut survey,
            splitter,
            is_special: !screen.is_idle() || canary.is_some(),
            screen,
            canary_left: canary.map_or(0, NonZeroU64::get),
            search: keep.duplicates.then(Search::begin),
            progress,
            aside,
        };
        let mut blocks = Blocks::new(reader);
        blocks.visit(&mut parser, &mut run, Run::show)?;
        run.survey.bytes = blocks.bytes_read();
        if let Some(closed) = run.splitter.finish() {
            run.survey.batches.add(closed.batch);
        }
        run.survey.duplicates = run.search.map(Search::finish);
        survey.passed_over = run.screen.passed_over();
        survey.warnings = found.warnings();
        if list.text_field.is_none() {
            survey.warnings.extend(survey.texts.warning());
        }
        survey.texts.finish();
        Ok(survey)
    }
}

struct Run<'a, F> {
    survey: &'a mut Survey,
    splitter: Splitter,
    screen: Screen,
    /// How many more messages there are in the canary.
    canary_left: u64,
    /// Whether there is more to do for a message than to push it: the screen may pass it over, or it may end the canary.
    is_special: bool,
    search: Option<Search>,
    progress: Option<&'a Progress>,
    aside: F,
}

/// A record that is not sent.
pub(crate) enum Aside<'a> {
    Invalid(Invalid<'a>),
    PassedOver {
        position: Position,
        to: Option<PhoneNumber>,
        reason: Reason,
    },
}

impl<F: FnMut(Aside<'_>) -> Result<()>> Run<'_, F> {
    /// What there is to do behind a message.
    fn special(&mut self) -> Answer {
        if self.canary_left > 0 {
            self.canary_left -= 1;
            if self.canary_left == 0
                && let Some(closed) = self.splitter.close_batch()
            {
                self.survey.batches.add(closed.batch);
            }
        }
        match self.screen.is_done() {
            true => Answer::Enough,
            false => Answer::Taken,
        }
    }

    #[cold]
    fn pass_over(
        &mut self,
        position: Position,
        to: Option<PhoneNumber>,
        reason: Reason,
    ) -> Result<()> {
        (self.aside)(Aside::PassedOver {
            position,
            to,
            reason,
        })
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

impl<F: FnMut(Aside<'_>) -> Result<()>> Visitor for Run<'_, F> {
    type Error = anyhow::Error;

    fn ahead(&self) -> usize {
        self.screen.ahead()
    }

    fn look_ahead(&mut self, bytes: &[u8]) {
        self.screen.look_ahead(bytes);
    }

    #[inline(always)]
    fn message(&mut self, message: &Message<'_>) -> Result<Answer> {
        if self.is_special
            && let Verdict::PassedOver(reason) = self.screen.admit(message)
        {
            self.pass_over(message.position, Some(message.to), reason)?;
            return Ok(Answer::Taken);
        }
        match self.splitter.push(message) {
            // Only their lengths are of interest, which the splitter counts.
            Ok(Push::Buffered | Push::Chunk(_)) => {}
            Ok(Push::Batch(closed)) => self.survey.batches.add(closed.batch),
            Err(error) => {
                self.screen.take_back(message.to);
                return Ok(Answer::Refused(error));
            }
        }
        self.survey
            .texts
            .add(message.text.as_ref(), message.position);
        if let Some(search) = &mut self.search {
            search.see(message.to, message.position.line);
        }
        Ok(match self.is_special {
            true => self.special(),
            false => Answer::Taken,
        })
    }

    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<()> {
        let position = invalid.error.position().unwrap_or_default();
        if self.screen.skips(position.record) {
            self.screen.skip_invalid();
            return self.pass_over(position, None, Reason::Skipped);
        }
        self.survey.invalid.add(&invalid);
        (self.aside)(Aside::Invalid(invalid))
    }
}
