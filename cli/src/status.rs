//! `batchcast status`: what became of a send's batches, or of one batch.

mod row;
mod show;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use batchcast::send::Failure;
use batchcast::status::{BatchPhase, Readback};

use self::row::{Api, Row};
use self::show::Screen;
use crate::args::StatusArgs;
use crate::exit::Exit;
use crate::fail::Usage;
use crate::journal;
use crate::readback::{self, Seen, Server};
use crate::signals::Stop;
use crate::terminal;

/// Runs the command.
///
/// # Errors
/// What was found before anything was asked.
pub(crate) fn run(args: StatusArgs) -> Result<Exit> {
    let of = Of::resolve(args.of)?;
    let seen = of.look()?;
    let server = Server::of(&args.server, seen.as_ref().map(|seen| &seen.state))?;
    let runtime = readback::runtime()?;
    let ended = runtime.block_on(async {
        let stop = Stop::listen(|| {}).context("cannot listen for signals")?;
        let server = Server::connect(server).await?;
        let screen = Screen::new(args.watch, args.json);
        let readback = server.readback(|line| terminal::note(&format!("batchcast: {line}")));
        let mut watch = Watch {
            of: &of,
            server: &server,
            readback,
            screen: &screen,
            known: HashMap::new(),
            last: None,
        };
        let ended = tokio::select! {
            ended = watch.until_it_ends(args.watch.then_some(args.interval)) => ended,
            () = stop.asked() => Ok(Ok(Exit::Interrupted)),
        };
        let last = watch.last;
        screen.finish();
        match (ended?, last) {
            // Whoever has seen enough of it keeps what was seen.
            (Ok(exit), Some(look)) => screen.tell(&look, of.path(), exit).map(|()| exit),
            (Ok(exit), None) => Ok(exit),
            (Err(failure), _) => Ok(readback::failed(&failure)),
        }
    });
    runtime.shutdown_background();
    ended
}

/// What is asked about.
enum Of {
    Journal(PathBuf),
    Batch(String),
}

impl Of {
    fn resolve(typed: PathBuf) -> Result<Self> {
        if typed.exists() {
            return Ok(Self::Journal(typed));
        }
        let is_id = |text: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            text.len() >= 16 && text.bytes().all(plain)
        };
        match typed.to_str() {
            Some(text) if is_id(text) => Ok(Self::Batch(text.to_owned())),
            _ => Err(Usage::error(format!(
                "{} is neither a journal that is there nor the id of a batch",
                typed.display()
            ))),
        }
    }

    /// What the journal says now, if it is one.
    fn look(&self) -> Result<Option<Seen>> {
        Ok(match self {
            Self::Journal(path) => Some(Seen::of(path).map_err(journal::named)?),
            Self::Batch(_) => None,
        })
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Journal(path) => Some(path),
            Self::Batch(_) => None,
        }
    }
}

/// What one look has come to.
struct Look {
    rows: Vec<Row>,
    /// What the journal said then, if there is one.
    seen: Option<Seen>,
}

struct Watch<'w> {
    of: &'w Of,
    server: &'w Server,
    readback: Readback<'w>,
    screen: &'w Screen,
    /// What will not change any more, by the API's id.
    known: HashMap<String, Api>,
    last: Option<Look>,
}

impl Watch<'_> {
    /// Looks once; with an interval until there is nothing to wait for.
    async fn until_it_ends(
        &mut self,
        interval: Option<std::time::Duration>,
    ) -> Result<Result<Exit, Failure>> {
        loop {
            // A send may be at it: there may be more batches than before.
            let seen = self.of.look()?;
            let mut rows = match (&seen, self.of) {
                (_, Of::Batch(id)) => vec![Row::of_id(id)],
                (Some(seen), _) => {
                    let batches = seen.state.batches.iter();
                    let row = |batch| Row::of_journal(batch, seen.is_at_work);
                    batches.map(row).collect()
                }
                (None, _) => Vec::new(),
            };
            if let Err(failure) = self.ask(&mut rows, seen.as_ref()).await {
                return Ok(Err(failure));
            }
            self.screen.round(&rows)?;
            let look = self.last.insert(Look { rows, seen });
            let waits = look.rows.iter().any(Row::is_on_its_way);
            match interval {
                Some(interval) if waits => tokio::time::sleep(interval).await,
                _ => return Ok(Ok(show::exit(look))),
            }
        }
    }

    async fn ask(&mut self, rows: &mut [Row], seen: Option<&Seen>) -> Result<(), Failure> {
        for row in rows {
            let Some(id) = row.id.clone() else {
                continue;
            };
            row.api = match self.known.get(&id) {
                Some(known) => known.clone(),
                None => {
                    if let Some(seen) = seen {
                        self.server.keep_to_pause(&seen.state)?;
                    }
                    self.ask_about(&id).await?
                }
            };
            if !row.is_on_its_way() {
                self.known.insert(id, row.api.clone());
            }
        }
        Ok(())
    }

    async fn ask_about(&self, id: &str) -> Result<Api, Failure> {
        let Some(batch) = self.readback.batch(id).await? else {
            return Ok(Api::Unknown);
        };
        // Before that the counts would change, and cost a request of the rate limit each time.
        let statuses = match batch.status {
            BatchPhase::Completed => Some(self.readback.statuses(&batch).await?),
            _ => None,
        };
        Ok(Api::Known(Box::new(batch), statuses.map(Box::new)))
    }
}
