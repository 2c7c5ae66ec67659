//! `batchcast send`: streams a list to the API; and what `resume` does in the same way.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use batchcast::Text;
use batchcast::input::Parser;
use batchcast::journal::{Header, Journal, Shape, State};
use batchcast::screen::NumberSet;
use batchcast::send::{
    DoubtPolicy, Failure, FailureKind, OnInvalid, Report, Sender, Spool, Stopped,
};
use indicatif::HumanCount;
use serde_json::{Map, Value};
use tokio::runtime;

use crate::args::{Delivery, InDoubtArg, SendArgs, SpoolArg};
use crate::ask::Person;
use crate::canary::Care;
use crate::config::{List, Target};
use crate::connect::connect;
use crate::exit::Exit;
use crate::fail::Usage;
use crate::hooks::{KillAt, Pauses};
use crate::input::Source;
use crate::journal::{Choice, Plan};
use crate::kept::Kept;
use crate::names::{Found, Names, Watched};
use crate::plan::Cut;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::records::RecordsFile;
use crate::report::{self, SummaryLine};
use crate::screen::Screened;
use crate::signals::Stop;
use crate::watch::{Files, Late, Watch};
use crate::{fail, hint, plan, resume, signals, terminal};

/// Runs the command.
///
/// # Errors
/// What was found before anything was sent.
pub(crate) fn run(args: SendArgs) -> Result<Exit> {
    let target = if args.sandbox {
        Target::Sandbox
    } else {
        Target::server(&args.delivery.server, |name| std::env::var_os(name))?
    };
    let care = Care::of_send(args.canary, args.delivery.care)?;
    let list = List::resolve(args.list)?;
    let source = Source::open(&list)?;
    let choice = match args.journal {
        Some(path) => Some(Choice::At(path)),
        // The server is gone afterwards: there would be nothing to resume.
        None if args.no_journal || args.sandbox => None,
        None => Some(Choice::Default),
    };
    let plan = choice.map(|choice| {
        let metadata = source.metadata.as_ref();
        Plan::resolve(choice, list.file.as_deref(), metadata, args.again)
    });
    let start = match plan.transpose()? {
        Some(plan) => Start::New(plan),
        None => Start::Unkept,
    };
    let job = Job {
        list,
        target,
        delivery: args.delivery,
        care,
        start,
    };
    job.run(source)
}

/// A list that is to be sent.
pub(crate) struct Job {
    pub(crate) list: List,
    pub(crate) target: Target,
    pub(crate) delivery: Delivery,
    pub(crate) care: Care,
    pub(crate) start: Start,
}

/// How a run begins.
pub(crate) enum Start {
    /// Without a journal.
    Unkept,
    /// With a new one.
    New(Plan),
    /// With that of a run that is not finished.
    Again(Journal, Box<State>),
}

impl Start {
    /// Until when the server wants nothing to be sent, says the process before.
    fn not_before(&self) -> Option<SystemTime> {
        match self {
            Self::Unkept => None,
            Self::New(plan) => plan.not_before,
            Self::Again(_, state) => state.not_before,
        }
    }
}

/// How it ended, and what is kept of it.
struct Ended {
    result: Result<Report, Stopped>,
    kept: Option<Kept>,
    /// What was found in a list that has come to its end, if nobody was told it before.
    found: Option<Found>,
}

/// A list that is open and can be read, and its journal.
struct Opened<R> {
    input: R,
    /// What is found in it while it is read.
    found: Found,
    /// The same again, and where in it the list begins, if it is a file as it stands.
    file: Option<(File, u64)>,
    parser: Parser,
    /// The text that the records have in common.
    common: Option<Text<'static>>,
    /// With what an earlier process wrote there, if there was one.
    journal: Option<(Journal, Option<Box<State>>)>,
    /// What is written there of this process.
    application: Map<String, Value>,
    kept: Option<Kept>,
}

/// What an earlier process has done, before this one comes to the list.
struct Before {
    report: Report,
    kept: Option<Kept>,
}

impl Default for Before {
    fn default() -> Self {
        let mut report = Report::default();
        report.not_sent_from = Some(1);
        Self { report, kept: None }
    }
}

impl Before {
    /// It stays at that.
    fn stopped(self, failure: Failure) -> Ended {
        let report = Box::new(self.report);
        Ended {
            result: Err(Stopped { report, failure }),
            kept: self.kept,
            found: None,
        }
    }

    fn interrupted(self) -> Ended {
        self.stopped(FailureKind::Interrupted.into())
    }
}

impl Job {
    /// Sends it, and tells how it went.
    ///
    /// # Errors
    /// What was found before anything was sent.
    pub(crate) fn run(self, source: Source) -> Result<Exit> {
        let person = Person::at_terminal(self.list.file.is_none());
        self.care.check(person.as_ref())?;
        if let Some(SpoolArg::Directory(path)) = &self.delivery.spool
            && !path.is_dir()
        {
            let place = path.display();
            return Err(Usage::error(format!("--spool: {place} is no directory")));
        }
        let metadata = source.metadata.as_ref();
        let rejected = self.delivery.rejected.as_deref();
        let mut rejected = RecordsFile::create("--rejected", rejected, metadata, &[])?;
        let invalid = self.list.invalid.as_deref();
        let invalid = RecordsFile::create("--invalid", invalid, metadata, &[&rejected])?;
        let passed_over = self.list.screen.passed_over.as_deref();
        let others = [&rejected, &invalid];
        let passed_over = RecordsFile::create("--passed-over", passed_over, metadata, &others)?;
        let suppressed = self
            .list
            .screen
            .read(self.list.envelope.from(), self.list.region)?;
        if let (Start::Again(journal, _), Some(file)) = (&self.start, &mut rejected) {
            resume::tell_rejects(file, journal.path())?;
        }
        let limit = self.list.screen.limit;
        let progress = Progress::new(source.size, source.consumed.clone(), limit);
        let kill_at = KillAt::of_env()?;
        let json = self.delivery.json;
        let files = Files {
            rejected,
            invalid,
            passed_over,
        };
        let watch = Arc::new(Watch::new(progress, json, files, kill_at));
        if let Start::Again(journal, state) = &self.start {
            watch.expect_late(Late {
                journal: journal.path().to_owned(),
                batches: state.open().map(|batch| batch.batch.number).collect(),
            });
        }
        if let (Start::Again(journal, _), Some(_)) = (&self.start, self.care.canary) {
            for reject in batchcast::journal::rejects(journal.path())? {
                watch.notes().count_reject(&reject?.1.code);
            }
        }

        // The list has threads of its own, so all else is on this one: nothing is handed from thread to thread on
        // its way to the connection. A sandbox that is in the process takes others.
        let mut runtime = match self.target {
            Target::Sandbox => runtime::Builder::new_multi_thread(),
            Target::Server { .. } => runtime::Builder::new_current_thread(),
        };
        let runtime = runtime
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let ended = runtime.block_on(async {
            tokio::select! {
                ended = self.send(source, suppressed, &watch, person) => ended,
                // While nothing else happens.
                never = watch.progress.keep_ticking() => match never {},
            }
        });
        // A thread may be reading from an input that gives nothing more: it is not waited for.
        runtime.shutdown_background();
        watch.progress.finish();
        finish(&ended?, &watch, json)
    }

    /// Sends the list. What goes wrong once there is something to report is in the report.
    async fn send(
        self,
        source: Source,
        suppressed: NumberSet,
        watch: &Arc<Watch>,
        person: Option<Person>,
    ) -> Result<Ended> {
        let (saves, tells) = (Arc::clone(watch), Arc::clone(watch));
        let stop = Stop::listen_saving(move || saves.save(), move || tells.tell_left())
            .context("cannot listen for signals")?;
        let pauses = Pauses::of_env()?;
        let asks = self.asks();
        let mut before = self.before()?;
        before.report.not_before =
            (self.start.not_before()).filter(|&until| until > SystemTime::now());
        watch.keep_at(before.kept.clone());
        let (client, server, sandbox) = connect(self.target, &pauses).await?;
        // Before anything is asked: another request in a pause would make it longer.
        if let Some(until) = self.start.not_before()
            && let Err(failure) = client.hold_until(until)
        {
            return Ok(before.stopped(failure));
        }
        let (list, delivery, care) = (self.list, self.delivery, self.care);
        let mut reconciliation = pauses.reconciliation().policy(policy(delivery.in_doubt));
        if matches!(
            (&self.start, delivery.in_doubt),
            (Start::Again(..), InDoubtArg::Skip)
        ) {
            // Who says it of a run that has stopped has seen why, and nobody gets a message twice by it.
            reconciliation = reconciliation.unclear(DoubtPolicy::Skip);
        }
        let from = list.envelope.from();
        let screened = tokio::select! {
            screened = list.screen.online(suppressed, &client, from, &pauses) => screened,
            () = stop.clone().asked() => return Ok(before.interrupted()),
        };
        let screened = match screened {
            Ok(screened) => screened,
            Err(error) => {
                let failure = error.downcast()?;
                terminal::error("batchcast: --suppress api: cannot get the opt-outs");
                return Ok(before.stopped(failure));
            }
        };
        let mut is_warned = false;
        if let Some(person) = person.as_ref().filter(|_| asks) {
            watch.progress.pause();
            let said = tokio::select! {
                said = asked(&list, &screened, &server, care, person) => said?,
                () = stop.clone().asked() => Said::No,
            };
            watch.progress.go_on();
            match said {
                Said::No => return Ok(before.interrupted()),
                Said::Yes { warned } => is_warned = warned,
            }
        }
        let mut sender = Sender::new(client, list.envelope.clone())
            .limits(list.limits)
            .screen(screened.screen.clone())
            .on_invalid(if list.stop_on_invalid {
                OnInvalid::Stop
            } else {
                OnInvalid::Skip
            })
            .in_flight(delivery.in_flight.into())
            .retry(pauses.retry())
            .reconciliation(reconciliation)
            .stop_when(stop.clone().asked());
        match &delivery.spool {
            None => {}
            Some(SpoolArg::Nowhere) => sender = sender.spool(Spool::none()),
            Some(SpoolArg::Directory(path)) => sender = sender.spool(Spool::in_directory(path)),
        }
        if let Some(most) = list.screen.max_invalid {
            sender = sender.max_invalid(most);
        }
        if let Some(pause) = delivery.linger {
            sender = sender.linger(pause);
        }
        if let Some(messages) = care.canary {
            let watch = Arc::clone(watch);
            sender = sender.canary(messages, move |canary| care.decide(canary, person, watch));
        }

        let start = self.start;
        let opened = tokio::task::spawn_blocking(move || {
            let canary = care.canary;
            open(source, &list, screened, &delivery, start, &server, canary)
        });
        let ended = tokio::select! {
            opened = opened => {
                let opened = opened.context("cannot read the list")??;
                if let Some(kept) = &opened.kept {
                    watch.keep_at(Some(kept.clone()));
                    terminal::note(&format!("batchcast: journal: {}", kept.path.display()));
                }
                let events = Arc::clone(watch);
                let sender = sender.on_event(move |event| events.event(&event));
                let sender = match opened.common {
                    Some(text) => sender.common_text(text),
                    None => sender,
                };
                let sender = match opened.journal {
                    None => sender,
                    Some((journal, None)) => sender.journal(journal),
                    Some((journal, Some(state))) => sender
                        .resume(journal, *state)
                        .resumed_with(opened.application),
                };
                let sender = match opened.file {
                    Some((file, start)) => sender.reread_from(file, start),
                    None => sender,
                };
                let result = sender.send_input(opened.input, opened.parser).await;
                Ended {
                    found: Some(opened.found).filter(|_| result.is_ok() && !is_warned),
                    result,
                    kept: opened.kept,
                }
            }
            () = stop.asked() => before.interrupted(),
        };
        if let Some(sandbox) = sandbox {
            sandbox.shutdown().await;
        }
        Ok(ended)
    }
}

impl Job {
    /// What there is to say of the run if it is stopped now.
    fn before(&self) -> Result<Before> {
        let Start::Again(journal, state) = &self.start else {
            return Ok(Before::default());
        };
        let in_journal = Recipe::of_journal(&state.header)?.list;
        let kept = Kept::new(
            journal.path(),
            &self.list,
            in_journal.as_deref(),
            &self.delivery,
        );
        Ok(Before {
            report: Report::of_journal(state),
            kept: Some(kept),
        })
    }

    /// Whether somebody is to be asked before anything is sent.
    const fn asks(&self) -> bool {
        let is_new = !matches!(self.start, Start::Again(..));
        let is_server = matches!(self.target, Target::Server { .. });
        is_new && is_server && !self.care.yes
    }
}

/// What somebody has said who was asked.
enum Said {
    No,
    /// Having seen what is likely not meant so, if the list could be read before.
    Yes {
        warned: bool,
    },
}

/// Shows what would be sent, and asks.
async fn asked(
    list: &List,
    screened: &Screened,
    server: &str,
    care: Care,
    person: &Person,
) -> Result<Said> {
    let counted = list.clone();
    let cut = Cut {
        screen: screened.screen.clone(),
        canary: care.canary,
    };
    let counted = tokio::task::spawn_blocking(move || plan::headline(&counted, cut));
    let headline = counted.await?.context("cannot read the list")?;
    let line = match &headline {
        Some(headline) => headline.line(),
        None => "a list that can be read only once, and is not counted".to_owned(),
    };
    person.tell(&format!("To {server}: {line}"));
    for told in headline.iter().flat_map(|headline| &headline.warnings) {
        person.tell(&format!("Warning: {told}"));
    }
    if let Some(messages) = care.canary {
        let messages = HumanCount(messages.get());
        person.tell(&format!("  {messages} of them first (--canary)"));
    }
    let warned = headline.is_some();
    Ok(match person.agrees("Send?").await {
        true => Said::Yes { warned },
        false => Said::No,
    })
}

/// Reads as much of the list as tells its format, and begins the journal, if there is to be one.
fn open(
    mut source: Source,
    list: &List,
    mut screened: Screened,
    delivery: &Delivery,
    start: Start,
    server: &str,
    canary: Option<NonZeroU64>,
) -> Result<Opened<impl Read + Send + use<>>> {
    let (file, consumed) = (source.take_file(), source.consumed.clone());
    let (input, parser, common) = source.parse(list)?;
    let file = file.filter(|_| !consumed.is_packed());
    let (input, found) = Watched::new(input, Names::needed(list, parser.format()));
    let envelope = match &common {
        Some(text) => list.envelope.clone().with_common_text(text.clone()),
        None => list.envelope.clone(),
    };
    let shape = Shape::new(&envelope, list.limits);
    let mut application = Map::new();
    let (journal, recipe) = match start {
        Start::Unkept => {
            return Ok(Opened {
                input,
                found,
                file,
                parser,
                common,
                journal: None,
                application: Map::new(),
                kept: None,
            });
        }
        Start::New(plan) => {
            let screen = std::mem::take(&mut screened.recipe);
            let mut recipe = Recipe::of(list, parser.format(), common.as_ref(), screen, server);
            recipe.canary = canary;
            let header = Header::new(shape, recipe.clone().into_application()?);
            let journal = plan.begin(&header)?;
            screened.keep(journal.path())?;
            ((journal, None), recipe)
        }
        Start::Again(journal, state) => {
            let recipe = Recipe::of_journal(&state.header)?;
            if shape != state.header.shape {
                return Err(Usage::error(
                    "the sender is not the one that the run was begun with: give the same --from (or BATCHCAST_FROM) \
                     as before",
                ));
            }
            application = screened.keep_since(journal.path())?;
            ((journal, Some(state)), recipe)
        }
    };
    let kept = Kept::new(journal.0.path(), list, recipe.list.as_deref(), delivery);
    Ok(Opened {
        input,
        found,
        file,
        parser,
        common,
        journal: Some(journal),
        application,
        kept: Some(kept),
    })
}

const fn policy(in_doubt: InDoubtArg) -> DoubtPolicy {
    match in_doubt {
        InDoubtArg::Stop => DoubtPolicy::Stop,
        InDoubtArg::Resend => DoubtPolicy::Resend,
        InDoubtArg::Skip => DoubtPolicy::Skip,
    }
}

/// Tells how it ended.
fn finish(ended: &Ended, watch: &Watch, json: bool) -> Result<Exit> {
    let Ended {
        result,
        kept,
        found,
    } = ended;
    let exit = Exit::of_send(result, kept.is_some());
    let (flushed, lines) = {
        let mut notes = watch.notes();
        notes.keep();
        let flushed = notes.flush();
        (flushed, report::human(result, &notes, kept.as_ref()))
    };
    watch.ended(&lines);
    // Whoever quits from here on misses a summary that nobody reads, and nothing else.
    signals::ended(match (&flushed, exit) {
        (Err(_), Exit::Accepted | Exit::Partial) => Exit::Failure,
        (_, exit) => exit,
    });
    if let Err(stopped) = result {
        let hint = hint::of_stopped(stopped, kept.is_some());
        fail::explain(
            &format!("batchcast: stopped: {stopped}"),
            hint.as_deref(),
            terminal::error,
        );
    }
    found.iter().for_each(Found::warn);
    let written = if json {
        terminal::json(&SummaryLine::of(result, exit, kept.as_ref()))
    } else {
        lines.iter().try_for_each(|line| terminal::result(line))
    };
    if written.is_err() {
        // Somebody has to see it.
        lines.iter().for_each(|line| terminal::error(line));
    }
    // Only now: what is in the summary was done, whatever cannot be written.
    let Err(error) = flushed.and(written) else {
        return Ok(exit);
    };
    let failed = fail::show(&error.into());
    // That a batch is in doubt, or that the run can be gone on with, is not to be overlooked.
    Ok(match exit {
        Exit::Accepted | Exit::Partial => failed,
        exit => exit,
    })
}
