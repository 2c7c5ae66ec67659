//! `batchcast send`: streams a list to the API.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use batchcast::send::{Client, ClientError, FailureKind, OnInvalid, Report, Sender, Stopped};

use crate::args::SendArgs;
use crate::config::{List, Sending, Target};
use crate::exit::Exit;
use crate::fail::Usage;
use crate::input::Source;
use crate::progress::Progress;
use crate::records::RecordsFile;
use crate::report::{self, SummaryLine};
use crate::signals::Stop;
use crate::watch::Watch;
use crate::{hint, sandbox, terminal};

/// Runs the command.
///
/// # Errors
/// What was found before anything was sent.
pub(crate) fn run(args: SendArgs) -> Result<Exit> {
    let config = Sending::resolve(args, |name| std::env::var_os(name))?;
    let source = Source::open(&config.list)?;
    let list = source.metadata.as_ref();
    let rejected = RecordsFile::create("--rejected", config.rejected.as_deref(), list, &[])?;
    let invalid = config.list.invalid.as_deref();
    let invalid = RecordsFile::create("--invalid", invalid, list, &[&rejected])?;
    let progress = Progress::new(source.size);
    let watch = Arc::new(Watch::new(progress, config.json, rejected, invalid));

    // The list has threads of its own: a worker has the connection only. A sandbox takes another.
    let workers = if matches!(config.target, Target::Sandbox) {
        2
    } else {
        1
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let ended = runtime.block_on(send(config.list, config.target, source, &watch));
    // A thread may be reading from an input that gives nothing more: it is not waited for.
    runtime.shutdown_background();
    watch.progress.finish();
    finish(&ended?, &watch, config.json)
}

/// Sends the list. What goes wrong once there is something to report is in the report.
async fn send(
    list: List,
    target: Target,
    source: Source,
    watch: &Arc<Watch>,
) -> Result<Result<Report, Stopped>> {
    let saver = Arc::clone(watch);
    let stop = Stop::listen(move || saver.flush_if_free()).context("cannot listen for signals")?;
    let (client, sandbox) = connect(target).await?;
    let on_invalid = if list.stop_on_invalid {
        OnInvalid::Stop
    } else {
        OnInvalid::Skip
    };
    let events = Arc::clone(watch);
    let sender = Sender::new(client, list.envelope.clone())
        .limits(list.limits)
        .on_invalid(on_invalid)
        .on_event(move |event| events.event(&event))
        .stop_when(stop.clone().asked());

    let opened = tokio::task::spawn_blocking(move || source.parse(&list));
    let ended = tokio::select! {
        opened = opened => {
            let (input, parser) = opened.context("cannot read the list")??;
            sender.send_input(input, parser).await
        }
        () = stop.asked() => Err(interrupted_before_the_list()),
    };
    if let Some(sandbox) = sandbox {
        sandbox.shutdown().await;
    }
    Ok(ended)
}

async fn connect(target: Target) -> Result<(Client, Option<sandbox::Local>)> {
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
    let client = client.build().map_err(|error| match error {
        ClientError::Tls(_) => error.into(),
        // What was typed, or set, cannot work.
        ClientError::CaBundle(_) => anyhow::Error::from(error).context(Usage::of("--ca-bundle")),
        error => anyhow::Error::from(error).context(Usage::of("--base-url")),
    });
    Ok((client?, sandbox))
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
fn finish(ended: &Result<Report, Stopped>, watch: &Watch, json: bool) -> Result<Exit> {
    let mut notes = watch.notes();
    let flushed = notes.flush();
    let exit = Exit::of_send(ended);
    if let Err(stopped) = ended {
        terminal::note(&format!("batchcast: stopped: {stopped}"));
        if let Some(hint) = hint::of_failure(stopped.failure.kind()) {
            terminal::note(&format!("hint: {hint}"));
        }
    }
    let written = if json {
        terminal::json(&SummaryLine::of(ended, exit))
    } else {
        let lines = report::human(ended, &notes);
        lines.iter().try_for_each(|line| terminal::result(line))
    };
    // Only now: what is in the summary was done, whatever cannot be written.
    flushed?;
    written.context("cannot write the summary to standard output")?;
    Ok(exit)
}
