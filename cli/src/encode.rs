//! `batchcast encode`: writes the bodies that would be sent, without a network.

use anyhow::{Context as _, Result, bail};
use batchcast::encode::{Push, Splitter};
use batchcast::input::{Answer, Blocks, Invalid, Visitor};
use batchcast::screen::{MaxInvalid, Reason, Screen, Verdict};
use batchcast::{Message, PhoneNumber, Position};

use crate::args::EncodeArgs;
use crate::bodies::{Bodies, Interrupts, Put};
use crate::config::List;
use crate::exit::Exit;
use crate::fail::Usage;
use crate::input::Source;
use crate::names::{Found, Names, Watched};
use crate::readable::{batches, bytes, recipients};
use crate::records::{InvalidLine, PassedOverLine, RecordsFile};
use crate::report::Samples;
use crate::{signals, terminal};

/// Runs the command.
///
/// # Errors
/// If the list cannot be read, or the bodies cannot be written.
pub(crate) fn run(args: EncodeArgs) -> Result<Exit> {
    let list = List::resolve(args.list)?;
    if list.screen.asks_api() {
        return Err(Usage::error(
            "--suppress api: this command uses no network: write the opt-outs to a file first, by \
             'batchcast opt-outs --from NUMBER --out FILE', and name that",
        ));
    }
    let source = Source::open(&list)?;
    let invalid = RecordsFile::create(
        "--invalid",
        list.invalid.as_deref(),
        source.metadata.as_ref(),
        &[],
    )?;
    let passed_over = list.screen.passed_over.as_deref();
    let metadata = source.metadata.as_ref();
    let passed_over = RecordsFile::create("--passed-over", passed_over, metadata, &[&invalid])?;
    let screen = list.screen.offline(list.envelope.from(), list.region)?;
    let interrupts = Interrupts::default();
    let bodies = match &args.out_dir {
        Some(dir) => Bodies::directory(dir, args.force, &interrupts)?,
        None => Bodies::stdout()?,
    };
    signals::quit_after(move || interrupts.clear()).context("cannot listen for signals")?;

    let to_stdout = args.out.is_some();
    let mut run = Run {
        bodies,
        invalid,
        passed_over,
        screen,
        stop_on_invalid: list.stop_on_invalid,
        max_invalid: list.screen.max_invalid,
        found: None,
        done: Done::default(),
    };
    let put = run.encode(source, &list);
    let files = [&mut run.invalid, &mut run.passed_over];
    for file in files.into_iter().flatten() {
        file.flush()?;
    }
    let put = put?;
    let files = [&mut run.invalid, &mut run.passed_over];
    files.into_iter().flatten().for_each(RecordsFile::keep);
    if let Put::NobodyReads = put {
        return Ok(Exit::Accepted);
    }
    run.found.iter().for_each(Found::warn);
    // Results go to stdout, unless the bodies themselves are there.
    for line in run.done.summary(&run) {
        if to_stdout {
            terminal::note(&line);
        } else {
            terminal::result(&line)?;
        }
    }
    Ok(if run.done.invalid == 0 {
        Exit::Accepted
    } else {
        Exit::Partial
    })
}

struct Run {
    bodies: Bodies,
    invalid: Option<RecordsFile>,
    passed_over: Option<RecordsFile>,
    screen: Screen,
    stop_on_invalid: bool,
    max_invalid: Option<MaxInvalid>,
    /// What was found of the names that are looked for in the list, once it is read.
    found: Option<Found>,
    done: Done,
}

/// What has been done.
#[derive(Default)]
struct Done {
    batches: u64,
    messages: u64,
    bytes: u64,
    /// Messages that are in batches, of which the last one may be open.
    admitted: u64,
    invalid: u64,
    samples: Samples,
}

impl Run {
    fn encode(&mut self, source: Source, list: &List) -> Result<Put> {
        let (reader, mut parser, common) = source.parse(list)?;
        let mut envelope = list.envelope.clone();
        if let Some(text) = common {
            envelope = envelope.with_common_text(text);
        }
        let splitter = Splitter::new(&envelope, list.limits)?;
        let (reader, found) = Watched::new(reader, Names::needed(list, parser.format()));
        self.found = Some(found);
        let mut encoding = Encoding {
            is_screened: !self.screen.is_idle(),
            run: self,
            splitter,
            nobody_reads: false,
        };
        Blocks::new(reader).visit(&mut parser, &mut encoding, |_, _| ())?;
        let Encoding {
            splitter,
            nobody_reads,
            ..
        } = encoding;
        if nobody_reads {
            return Ok(Put::NobodyReads);
        }
        self.check_invalid(MaxInvalid::is_exceeded_at_end)?;
        if let Some(closed) = splitter.finish()
            && let Put::NobodyReads = self.push(Push::Batch(closed))?
        {
            return Ok(Put::NobodyReads);
        }
        self.bodies.finish()?;
        Ok(Put::Done)
    }

    fn push(&mut self, push: Push) -> Result<Put> {
        match push {
            Push::Buffered => Ok(Put::Done),
            Push::Chunk(chunk) => self.bodies.write(&chunk),
            Push::Batch(closed) => {
                if let Put::NobodyReads = self.bodies.write(&closed.rest)? {
                    return Ok(Put::NobodyReads);
                }
                self.done.batches += 1;
                self.done.messages += closed.batch.messages;
                self.done.bytes += closed.batch.bytes;
                self.bodies.close(&closed.tail, closed.batch.number)
            }
        }
    }

    #[cold]
    fn pass_over(
        &mut self,
        position: Position,
        to: Option<PhoneNumber>,
        reason: Reason,
    ) -> Result<()> {
        self.done.samples.passed_over(position, to, reason);
        if let Some(file) = &mut self.passed_over {
            file.write(&PassedOverLine::of(position, to, reason))?;
        }
        Ok(())
    }

    /// Gives the list up if too much of it is invalid.
    fn check_invalid(&self, exceeds: fn(MaxInvalid, u64, u64) -> bool) -> Result<()> {
        let Done {
            admitted, invalid, ..
        } = self.done;
        let records = admitted + invalid + self.screen.passed_over().total();
        if let Some(most) = self.max_invalid
            && exceeds(most, invalid, records)
        {
            bail!(
                "{invalid} of {records} records are invalid, and --max-invalid lets {most} pass; \
                 --invalid PATH writes them to a file"
            );
        }
        Ok(())
    }

    #[cold]
    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<()> {
        let position = invalid.error.position().unwrap_or_default();
        if self.screen.skips(position.record) {
            self.screen.skip_invalid();
            return self.pass_over(position, None, Reason::Skipped);
        }
        self.done.invalid += 1;
        self.done.samples.invalid(&invalid);
        if let Some(file) = &mut self.invalid {
            file.write(&InvalidLine::of(&invalid))?;
        }
        self.check_invalid(MaxInvalid::is_exceeded)?;
        if self.stop_on_invalid {
            return Err(invalid.error.into());
        }
        Ok(())
    }
}

/// A run on its way through the list.
struct Encoding<'a> {
    run: &'a mut Run,
    splitter: Splitter,
    /// Whether the screen may pass anybody over.
    is_screened: bool,
    /// The other end of the pipe is closed.
    nobody_reads: bool,
}

impl Visitor for Encoding<'_> {
    type Error = anyhow::Error;

    fn ahead(&self) -> usize {
        self.run.screen.ahead()
    }

    fn look_ahead(&mut self, bytes: &[u8]) {
        self.run.screen.look_ahead(bytes);
    }

    #[inline(always)]
    fn message(&mut self, message: &Message<'_>) -> Result<Answer> {
        if self.is_screened
            && let Verdict::PassedOver(reason) = self.run.screen.admit(message)
        {
            self.run
                .pass_over(message.position, Some(message.to), reason)?;
            return Ok(Answer::Taken);
        }
        match self.splitter.push(message) {
            Ok(Push::Buffered) => {}
            Ok(push) => {
                if let Put::NobodyReads = self.run.push(push)? {
                    self.nobody_reads = true;
                    return Ok(Answer::Enough);
                }
            }
            Err(error) => {
                self.run.screen.take_back(message.to);
                return Ok(Answer::Refused(error));
            }
        }
        self.run.done.admitted += 1;
        Ok(if self.is_screened && self.run.screen.is_done() {
            Answer::Enough
        } else {
            Answer::Taken
        })
    }

    fn invalid(&mut self, invalid: Invalid<'_>) -> Result<()> {
        self.run.invalid(invalid)
    }
}

impl Done {
    fn summary(&self, run: &Run) -> Vec<String> {
        let mut lines = vec![format!(
            "Encoded: {} in {} ({}){}",
            recipients(self.messages),
            batches(self.batches),
            bytes(self.bytes),
            run.bodies.place(self.batches),
        )];
        let file = run.invalid.as_ref();
        lines.extend(self.samples.invalid_lines(self.invalid, file, None));
        let file = run.passed_over.as_ref();
        let count = run.screen.passed_over();
        lines.extend(self.samples.passed_over_lines(count, file, None));
        lines
    }
}
