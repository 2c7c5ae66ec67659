//! `batchcast resume`: goes on with a send that has not come to its end.

use std::fs;
use std::path::Path;

use anyhow::Result;
use batchcast::journal::{Journal, JournalError, State, Totals, rejects};

use crate::args::ResumeArgs;
use crate::canary::Care;
use crate::config::{List, ListAgain, Target};
use crate::exit::Exit;
use crate::fail::Usage;
use crate::input::Source;
use crate::kept::quoted;
use crate::readable::{batches, count, recipients};
use crate::recipe::Recipe;
use crate::records::{RecordsFile, RejectedLine};
use crate::report::FinishedLine;
use crate::screen::Screening;
use crate::send::{Job, Start};
use crate::since::Since;
use crate::{fail, journal, terminal};

/// Runs the command.
///
/// # Errors
/// What was found before anything was sent: no journal, or another list, sender, text or server.
pub(crate) fn run(args: ResumeArgs) -> Result<Exit> {
    let (journal, state) = match Journal::open(&args.journal) {
        Ok(opened) => opened,
        // It passes: that process ends, and what it leaves can be gone on with.
        Err(error @ JournalError::Locked { .. }) => {
            fail::show(&error.into());
            return Ok(Exit::Stopped);
        }
        Err(error) => return Err(journal::named(error)),
    };
    if let (true, Some(totals)) = (state.finished, state.totals) {
        return finished(&args, &state, totals);
    }
    let mut recipe = Recipe::of_journal(&state.header)?;
    let target = Target::server(&args.delivery.server, |name| std::env::var_os(name))?;
    same_server(&recipe.server, target.base_url().unwrap_or_default())?;
    let again = ListAgain {
        file: args.file,
        envelope: args.envelope,
        on_invalid: args.on_invalid,
        invalid: args.invalid,
        screen: Screening::resolve_again(
            args.screen,
            std::mem::take(&mut recipe.screen),
            Since::of_journal(&args.journal, &state),
        )?,
    };
    let held = state.held().iter().map(|held| held.batch.messages).sum();
    let care = Care::of_resume(recipe.canary, held, args.delivery.care);
    let list = List::resolve_again(again, &state.header.shape, recipe)?;
    let source = Source::open(&list)?;
    let job = Job {
        list,
        target,
        delivery: args.delivery,
        care,
        start: Start::Again(journal, Box::new(state)),
    };
    job.run(source)
}

/// What one server has accepted, another one has not.
pub(crate) fn same_server(before: &str, now: &str) -> Result<()> {
    if before.trim_end_matches('/') == now.trim_end_matches('/') {
        return Ok(());
    }
    Err(Usage::error(format!(
        "the run was begun with the server {before}, and this is {now}: batches that the one has \
         accepted would be missing at the other. Set --base-url (RC_SERVER_URL) as it was"
    )))
}

/// There is nothing left to do.
fn finished(args: &ResumeArgs, state: &State, totals: Totals) -> Result<Exit> {
    let path = &args.journal;
    // What the process has written that finished it stays.
    let is_to_write = |path: &&Path| !fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0);
    let rejected = args.delivery.rejected.as_deref().filter(is_to_write);
    if let Some(mut file) = RecordsFile::create("--rejected", rejected, None, &[])? {
        tell_rejects(&mut file, path)?;
    }
    let others = [&args.invalid, &args.screen.passed_over];
    if others
        .into_iter()
        .filter_map(|path| path.as_deref())
        .any(|path| is_to_write(&path))
    {
        terminal::error(&format!(
            "batchcast: the list is not read again, so --invalid and --passed-over write nothing: \
             'batchcast report {}' tells of each record",
            quoted(path)
        ));
    }
    let exit = Exit::of_finished(state, totals);
    if args.delivery.json {
        terminal::json(&FinishedLine::of(path, totals, state.missing(), exit))?;
    } else {
        terminal::result(&format!(
            "The run is finished already: {} in {}, {}, {}",
            recipients(
                totals
                    .messages
                    .saturating_sub(totals.rejected + state.missing())
            ),
            batches(totals.batches),
            count(totals.rejected, "rejected", "rejected"),
            count(totals.invalid, "invalid", "invalid"),
        ))?;
        if !Exit::is_known(state) {
            terminal::result(
                "  Of a batch that was found in the server's list, or left in doubt, or is smaller there than it should be, \
                 not all who were rejected are known",
            )?;
        }
    }
    Ok(exit)
}

/// Writes the rejected recipients that are in a journal.
pub(crate) fn tell_rejects(file: &mut RecordsFile, journal: &Path) -> Result<()> {
    for reject in rejects(journal)? {
        let (batch, reject) = reject?;
        file.write(&RejectedLine::of_journal(batch, &reject))?;
    }
    file.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_more_is_no_other_server() {
        assert!(same_server("http://a", "http://a/").is_ok());
        let error = same_server("http://a", "http://b").unwrap_err();
        assert!(error.is::<Usage>());
    }
}
