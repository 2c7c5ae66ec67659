//! `batchcast report`: what became of each record of a list.

mod again;
mod chart;
mod joined;
mod judge;
mod known;
mod out;
mod page;
mod paused;
mod reading;
mod rejects;
mod row;
mod tally;
mod walk;

use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use batchcast::input::Reader;
use batchcast::journal::{BatchState, Status};
use batchcast::send::Failure;
use batchcast::status::{BatchStatus, Readback, View, meaning};
use indicatif::HumanCount;
use tokio::runtime::Runtime;

use self::joined::Joined;
use self::judge::Judge;
use self::known::Sent;
use self::out::Out;
use self::paused::Stoppable;
use self::reading::Reading;
use self::rejects::RejectsOf;
use self::tally::Tally;
use self::walk::Answer;
use crate::args::ReportArgs;
use crate::config::is_stream;
use crate::exit::Exit;
use crate::input::Source;
use crate::readable::count;
use crate::readback::{self, Seen, Server};
use crate::recipe::Recipe;
use crate::signals::Stop;
use crate::since::Since;
use crate::{clean, journal, terminal};

/// Runs the command.
///
/// # Errors
/// If the list is not there or not the one that was sent, or a file cannot be written.
pub(crate) fn run(args: &ReportArgs) -> Result<Exit> {
    let seen = Seen::of(&args.journal).map_err(journal::named)?;
    let state = &seen.state;
    let recipe = Recipe::of_journal(&state.header)?;
    let source = list(args.file.as_deref(), &recipe)?;
    let server = Server::of(&args.server, Some(state))?;
    let mut others = vec![("the journal", args.journal.clone())];
    let since = Since::of_journal(&args.journal, state);
    let opt_outs = since.files();
    others.extend(opt_outs.map(|path| ("a list of the opt-outs of the run", path)));
    let before = recipe.list.iter();
    others.extend(before.map(|path| ("the list that was sent", path.clone())));
    let texts = [&args.text_file, &recipe.text_file].into_iter().flatten();
    others.extend(texts.map(|path| ("the file of the text", path.clone())));
    let lists = recipe.screen.lists().iter().chain(&args.suppress);
    others.extend(lists.map(|path| ("a list of suppressed numbers", path.clone())));
    let out = Out::resolve(args, source.metadata.as_ref(), &others)?;
    let runtime = readback::runtime()?;
    let ended = report(args, &seen, &recipe, source, server, out, &runtime);
    runtime.shutdown_background();
    ended.or_else(|error| match error.downcast::<Ended>() {
        Ok(Ended::Interrupted) => Ok(Exit::Interrupted),
        Ok(Ended::Failed(failure)) => Ok(readback::failed(&failure)),
        // Who has seen enough of it has what was asked for.
        Ok(Ended::NobodyReads) => Ok(Exit::Accepted),
        Err(error) => Err(error),
    })
}

/// Why there is no report, if nothing is wrong with list and files.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("interrupted")]
    Interrupted,
    #[error("{0}")]
    Failed(Failure),
    #[error("nobody reads the rows any more")]
    NobodyReads,
}

fn report(
    args: &ReportArgs,
    seen: &Seen,
    recipe: &Recipe,
    source: Source,
    server: (crate::config::Target, crate::hooks::Pauses),
    mut out: Out,
    runtime: &Runtime,
) -> Result<Exit> {
    let Sent {
        parser,
        mut judge,
        help,
    } = Sent::resolve(args, &seen.state, recipe)?;
    let stop = Stop::listen(|| {}).context("cannot listen for signals")?;
    let server = runtime.block_on(Server::connect(server))?;
    let readback = server.readback(|line| terminal::note(&format!("batchcast: {line}")));
    let mut rejects = RejectsOf::new(&args.journal)?;
    let Seen { state, is_at_work } = seen;
    let mut tally = Tally::new(seen);
    let held = state.held();
    let many = state.ids().count();
    if many > 0 {
        server.keep_to_pause(state).map_err(Ended::Failed)?;
    }
    let mut reading = Reading::new(many, out.is_stdout() && std::io::stdout().is_terminal());
    let ask = |batch: &BatchState| {
        reading.batch(batch.batch.number);
        let rejects = rejects.batch(batch)?;
        let joined = runtime.block_on(async {
            tokio::select! {
                joined = messages(&readback, batch) => joined.map_err(Ended::Failed),
                () = stop.clone().asked() => Err(Ended::Interrupted),
            }
        })?;
        Ok(Answer { joined, rejects })
    };
    let list = Stoppable::new(source, stop.clone(), runtime.handle().clone());
    let mut reader = Reader::new(list.context("cannot read the list")?, parser);
    let counted = &mut tally;
    let left = walk::walk(&mut reader, &held, *is_at_work, &mut judge, ask, |row| {
        counted.add(row)?;
        out.row(row)
    });
    drop(reading);
    // Whatever came of it: nobody waits for it any more, and no file takes the place of one that was there.
    if stop.is_asked() {
        return Err(Ended::Interrupted.into());
    }
    tally.left = left?;

    let exit = tally.exit();
    if args.html.is_some() {
        let name = recipe.list.as_deref().and_then(Path::file_name);
        let name = name.map(|name| name.to_string_lossy().into_owned());
        let page = page::page(&tally, state, name.as_deref());
        out.page(&page)?;
    }
    let rows_on_stdout = out.finish()?;
    tell_unclear(&judge, help.as_deref());
    for line in summary(&tally, args, rows_on_stdout) {
        if rows_on_stdout {
            terminal::note(&format!("batchcast: {line}"));
        } else {
            terminal::result(&line)?;
        }
    }
    Ok(exit)
}

/// Tells what could not be told.
fn tell_unclear(judge: &Judge, help: Option<&str>) {
    let records = |number| count(number, "record", "records");
    let sent = if judge.unclear == 1 {
        "it was sent, or why it was not"
    } else {
        "they were sent, or why they were not"
    };
    if let (1.., Some(help)) = (judge.unclear, help) {
        terminal::note(&format!(
            "batchcast: of {} it is not known whether {sent}",
            records(judge.unclear),
        ));
        terminal::note(&format!("hint: {help}"));
    }
    if judge.strays > 0 {
        terminal::note(&format!(
            "batchcast: {} in no batch of the run, which is finished: is the list longer than it was?",
            records(judge.strays),
        ));
    }
}

/// The list of the run.
fn list(typed: Option<&Path>, recipe: &Recipe) -> Result<Source> {
    match typed {
        Some(file) if is_stream(file) => Source::of_path(None),
        Some(file) => Source::of_path(Some(file)),
        None => Source::of_path(Some(recipe.list()?)),
    }
}

/// The messages of an accepted batch; `None` if the API does not know it.
async fn messages(readback: &Readback<'_>, batch: &BatchState) -> Result<Option<Joined>, Failure> {
    let Status::Accepted { id, .. } = &batch.status else {
        return Ok(None);
    };
    let Some(batch) = readback.batch(id).await? else {
        terminal::note(&format!(
            "batchcast: the server does not know batch {} ({id})",
            batch.batch.number
        ));
        return Ok(None);
    };
    Ok(Some(all(readback, &batch).await?))
}

async fn all(readback: &Readback<'_>, batch: &BatchStatus) -> Result<Joined, Failure> {
    let mut joined = Joined::default();
    let mut pages = readback.messages(batch, View::Simple);
    while let Some(page) = pages.next_page().await? {
        page.iter().for_each(|message| joined.push(message));
    }
    joined.sort();
    Ok(joined)
}

fn summary(tally: &Tally, args: &ReportArgs, rows_on_stdout: bool) -> Vec<String> {
    let mut lines = vec![count(tally.records, "record", "records")];
    for (status, number) in &tally.statuses {
        lines.push(format!(
            "  {}: {}",
            clean::short(status),
            HumanCount(*number)
        ));
    }
    for (code, failed) in &tally.codes {
        let number = HumanCount(failed.rejected + failed.failed);
        let meaning = meaning(code).unwrap_or("a code that the API's guide does not name");
        lines.push(format!("  {}: {number} ({meaning})", clean::short(code)));
    }
    let (_, cost) = tally.totals();
    lines.push(format!(
        "{}, cost {}",
        tally.segments_in_words(),
        cost.amount()
    ));
    if tally.left > 0 {
        lines.push(format!(
            "The server has {} in these batches that the list has not",
            count(tally.left, "message", "messages")
        ));
    }
    if !rows_on_stdout {
        let files = [&args.out, &args.html];
        for path in files.into_iter().flatten() {
            lines.push(format!("Written: {}", path.display()));
        }
    }
    lines
}
