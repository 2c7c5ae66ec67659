//! `batchcast send`: streams a list to the API; and what `resume` does in the same way.

use std::io::Read;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use batchcast::input::Parser;
use batchcast::journal::{Header, Journal, Shape, State};
use batchcast::send::{
    Client, ClientError, DoubtPolicy, FailureKind, OnInvalid, Report, Sender, Spool, Stopped,
};

use crate::args::{Delivery, InDoubtArg, SendArgs, SpoolArg};
use crate::config::{List, Target};
use crate::exit::Exit;
use crate::fail::Usage;
use crate::hooks::{KillAt, Pauses};
use crate::input::Source;
use crate::journal::{Choice, Plan};
use crate::kept::Kept;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::records::RecordsFile;
use crate::report::{self, SummaryLine};
use crate::signals::Stop;
use crate::watch::Watch;
use crate::{hint, resume, sandbox, terminal};

/// Runs the command.
///
/// # Errors
/// What was found before anything was sent.
pub(crate) fn run(args: SendArgs) -> Result<Exit> {
    let target = if args.sandbox {
        Target::Sandbox
    } else {
        Target::server(&args.delivery, |name| std::env::var_os(name))?
    };
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
        start,
    };
    job.run(source)
}

/// A list that is to be sent.
pub(crate) struct Job {
    pub(crate) list: List,
    pub(crate) target: Target,
    pub(crate) delivery: Delivery,
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

/// How it ended, and what is kept of it.
struct Ended {
    result: Result<Report, Stopped>,
    kept: Option<Kept>,
}

/// A list that is open and can be read, and its journal.
struct Opened<R> {
    input: R,
    parser: Parser,
    /// With what an earlier process wrote there, if there was one.
    journal: Option<(Journal, Option<Box<State>>)>,
    kept: Option<Kept>,
}

impl Job {
    /// Sends it, and tells how it went.
    ///
    /// # Errors
    /// What was found before anything was sent.
    pub(crate) fn run(self, source: Source) -> Result<Exit> {
        let metadata = source.metadata.as_ref();
        let rejected = self.delivery.rejected.as_deref();
        let mut rejected = RecordsFile::create("--rejected", rejected, metadata, &[])?;
        let invalid = self.list.invalid.as_deref();
        let invalid = RecordsFile::create("--invalid", invalid, metadata, &[&rejected])?;
        let mut open = Vec::new();
        if let Start::Again(journal, state) = &self.start {
            open = state.open().map(|batch| batch.batch.number).collect();
            if let Some(file) = &mut rejected {
                resume::tell_rejects(file, journal.path(), |_| true)?;
            }
        }
        let progress = Progress::new(source.size);
        let kill_at = KillAt::of_env()?;
        let json = self.delivery.json;
        let watch = Arc::new(Watch::new(progress, json, rejected, invalid, kill_at));

        // The list has threads of its own: a worker has the connections only. A sandbox takes another.
        let workers = if matches!(self.target, Target::Sandbox) {
            2
        } else {
            1
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let ended = runtime.block_on(self.send(source, &watch));
        // A thread may be reading from an input that gives nothing more: it is not waited for.
        runtime.shutdown_background();
        watch.progress.finish();
        let ended = ended?;
        if let Some(kept) = &ended.kept {
            watch.tell_late_rejects(&kept.path, &open)?;
        }
        finish(&ended, &watch, json)
    }

    /// Sends the list. What goes wrong once there is something to report is in the report.
    async fn send(self, source: Source, watch: &Arc<Watch>) -> Result<Ended> {
        let saver = Arc::clone(watch);
        let stop =
            Stop::listen(move || saver.flush_if_free()).context("cannot listen for signals")?;
        let pauses = Pauses::of_env()?;
        let (client, server, sandbox) = connect(self.target, &pauses).await?;
        let (list, delivery) = (self.list, self.delivery);
        let mut sender = Sender::new(client, list.envelope.clone())
            .limits(list.limits)
            .on_invalid(if list.stop_on_invalid {
                OnInvalid::Stop
            } else {
                OnInvalid::Skip
            })
            .in_flight(delivery.in_flight.into())
            .retry(pauses.retry())
            .reconciliation(pauses.reconciliation().policy(policy(delivery.in_doubt)))
            .stop_when(stop.clone().asked());
        match &delivery.spool {
            None => {}
            Some(SpoolArg::Nowhere) => sender = sender.spool(Spool::none()),
            Some(SpoolArg::Directory(path)) => sender = sender.spool(Spool::in_directory(path)),
        }
        if let Some(pause) = delivery.linger {
            sender = sender.linger(pause);
        }

        let start = self.start;
        let opened =
            tokio::task::spawn_blocking(move || open(source, &list, &delivery, start, &server));
        let mut kept = None;
        let result = tokio::select! {
            opened = opened => {
                let opened = opened.context("cannot read the list")??;
                kept = opened.kept;
                if let Some(kept) = &kept {
                    terminal::note(&format!("batchcast: journal: {}", kept.path.display()));
                }
                let events = Arc::clone(watch);
                let sender = sender.on_event(move |event| events.event(&event));
                let sender = match opened.journal {
                    None => sender,
                    Some((journal, None)) => sender.journal(journal),
                    Some((journal, Some(state))) => sender.resume(journal, *state),
                };
                sender.send_input(opened.input, opened.parser).await
            }
            () = stop.asked() => Err(interrupted_before_the_list()),
        };
        if let Some(sandbox) = sandbox {
            sandbox.shutdown().await;
        }
        Ok(Ended { result, kept })
    }
}

/// Reads as much of the list as tells its format, and begins the journal, if there is to be one.
fn open(
    source: Source,
    list: &List,
    delivery: &Delivery,
    start: Start,
    server: &str,
) -> Result<Opened<impl Read + Send + use<>>> {
    let (input, parser) = source.parse(list)?;
    let (journal, recipe) = match start {
        Start::Unkept => {
            return Ok(Opened {
                input,
                parser,
                journal: None,
                kept: None,
            });
        }
        Start::New(plan) => {
            let recipe = Recipe::of(list, parser.format(), server);
            let shape = Shape::new(&list.envelope, list.limits);
            let header = Header::new(shape, recipe.clone().into_application()?);
            ((plan.begin(&header)?, None), recipe)
        }
        Start::Again(journal, state) => {
            let recipe = Recipe::of_journal(&state.header)?;
            ((journal, Some(state)), recipe)
        }
    };
    let path = std::path::absolute(journal.0.path()).unwrap_or_else(|_| journal.0.path().into());
    let kept = Kept::new(&path, list, recipe.list.as_deref(), delivery);
    Ok(Opened {
        input,
        parser,
        journal: Some(journal),
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

/// The client, its server's base URL, and the sandbox if that is the server.
pub(crate) async fn connect(
    target: Target,
    pauses: &Pauses,
) -> Result<(Client, String, Option<sandbox::Local>)> {
    let (base_url, credentials, ca_bundle, sandbox) = match target {
        Target::Server {
            base_url,
            credentials,
            ca_bundle,
        } => (base_url, credentials, ca_bundle, None),
        Target::Sandbox => {
            let local = sandbox::Local::start().await?;
            let base_url = local.base_url();
            terminal::note(&format!(
                "batchcast: sending to a sandbox at {base_url}: nobody gets a message"
            ));
            (base_url, sandbox::Local::credentials(), None, Some(local))
        }
    };
    let mut client = Client::builder(&base_url, credentials)
        .user_agent(concat!("batchcast/", env!("CARGO_PKG_VERSION")));
    if let Some(pem) = ca_bundle {
        client = client.ca_bundle(pem);
    }
    let client = pauses.client(client).build().map_err(|error| match error {
        ClientError::Tls(_) => error.into(),
        // What was typed, or set, cannot work.
        ClientError::CaBundle(_) => anyhow::Error::from(error).context(Usage::of("--ca-bundle")),
        error => anyhow::Error::from(error).context(Usage::of("--base-url")),
    });
    Ok((client?, base_url, sandbox))
}

fn interrupted_before_the_list() -> Stopped {
    let mut report = Report::default();
    report.not_sent_from = Some(1);
    let failure = FailureKind::Interrupted.into();
    Stopped {
        report: Box::new(report),
        failure,
    }
}

/// Tells how it ended.
fn finish(ended: &Ended, watch: &Watch, json: bool) -> Result<Exit> {
    let Ended { result, kept } = ended;
    let mut notes = watch.notes();
    let flushed = notes.flush();
    let exit = Exit::of_send(result, kept.is_some());
    if let Err(stopped) = result {
        terminal::note(&format!("batchcast: stopped: {stopped}"));
        if let Some(hint) = hint::of_failure(stopped.failure.kind()) {
            terminal::note(&format!("hint: {hint}"));
        }
    }
    let written = if json {
        terminal::json(&SummaryLine::of(result, exit, kept.as_ref()))
    } else {
        let lines = report::human(result, &notes, kept.as_ref());
        lines.iter().try_for_each(|line| terminal::result(line))
    };
    // Only now: what is in the summary was done, whatever cannot be written.
    flushed?;
    written.context("cannot write the summary to standard output")?;
    Ok(exit)
}
