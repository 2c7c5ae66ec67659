//! `batchcast opt-outs`: downloads who has opted out of a sender's messages.

use std::io::{self, Write};
use std::mem;
use std::path::Path;

use anyhow::{Context as _, Result};
use batchcast::PhoneNumber;
use batchcast::send::{Client, Failure, OptOut};
use serde::Serialize;

use crate::args::{OptOutFormat, OptOutsArgs};
use crate::config::{Target, is_stream, sender};
use crate::connect::connect;
use crate::exit::Exit;
use crate::hooks::Pauses;
use crate::readable::count;
use crate::signals::Stop;
use crate::whole::WholeFile;
use crate::{journal, readback, terminal};

/// Runs the command.
///
/// # Errors
/// If the list cannot be had, or not be written.
pub(crate) fn run(args: &OptOutsArgs) -> Result<Exit> {
    let from = sender(&args.from)?;
    let env = |name: &str| std::env::var_os(name);
    let target = Target::server(&args.server, env)?;
    let runtime = readback::runtime()?;
    let ended = runtime.block_on(async {
        let stop = Stop::listen(|| {}).context("cannot listen for signals")?;
        tokio::select! {
            ended = download(args, from, target) => ended,
            () = stop.asked() => Ok(Exit::Interrupted),
        }
    });
    runtime.shutdown_background();
    ended
}

async fn download(args: &OptOutsArgs, from: PhoneNumber, target: Target) -> Result<Exit> {
    let pauses = Pauses::of_env()?;
    let (client, ..) = connect(target, &pauses).await?;
    let download = Download {
        client: &client,
        from,
        format: args.format,
    };
    let written = match args.out.as_deref().filter(|path| !is_stream(path)) {
        None => terminal_or_pipe(download.write(terminal::bulk()?, &pauses).await),
        Some(path) => download.write_file(path, &pauses).await.map(Some),
    };
    let written = match written {
        Ok(Some(written)) => written,
        Ok(None) => return Ok(Exit::Accepted),
        Err(error) => return Ok(readback::failed(&error.downcast::<Failure>()?)),
    };
    terminal::note(&format!(
        "batchcast: {}",
        count(written, "opt-out or opt-in", "opt-outs and opt-ins")
    ));
    Ok(Exit::Accepted)
}

/// That nobody reads the rest of it is no error, and there is nothing to tell of it.
fn terminal_or_pipe(written: Result<u64>) -> Result<Option<u64>> {
    match written {
        Err(error)
            if error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(None)
        }
        written => written.map(Some),
    }
}

/// The API's list of who has opted out, to be written down.
pub(crate) struct Download<'c> {
    pub(crate) client: &'c Client,
    pub(crate) from: PhoneNumber,
    pub(crate) format: OptOutFormat,
}

impl Download<'_> {
    /// Writes it as it comes; says how many rows there were.
    pub(crate) async fn write(&self, out: impl Write, pauses: &Pauses) -> Result<u64> {
        let mut out = io::BufWriter::new(out);
        let mut header = match self.format {
            OptOutFormat::Csv => "from,to,status,source\n",
            OptOutFormat::Ndjson => "",
        };
        let mut pages = self
            .client
            .opt_outs(self.from)
            .retry(pauses.retry())
            .on_wait(|what, wait| {
                if let Some(line) = readback::waiting(what, wait) {
                    terminal::note(&format!("batchcast: opt-outs: {line}"));
                }
            });
        let mut rows = 0;
        while let Some(page) = pages.next_page().await.context("cannot get the opt-outs")? {
            // Not before: alone it is a list that says that nobody has opted out.
            out.write_all(mem::take(&mut header).as_bytes())?;
            for row in &page {
                self.row(&mut out, row)?;
                rows += 1;
            }
            // A reader of the pipe need not wait for the next page.
            out.flush()?;
        }
        Ok(rows)
    }

    fn row(&self, out: &mut impl Write, row: &OptOut) -> io::Result<()> {
        #[derive(Serialize)]
        struct Row<'r> {
            from: &'r str,
            to: &'r str,
            status: &'r str,
            source: &'r str,
        }
        let OptOut {
            from,
            to,
            status,
            source,
            ..
        } = row;
        match self.format {
            OptOutFormat::Ndjson => {
                let row = Row {
                    from,
                    to,
                    status,
                    source,
                };
                serde_json::to_writer(&mut *out, &row)?;
                out.write_all(b"\n")
            }
            OptOutFormat::Csv => {
                let [from, to, status, source] =
                    [from, to, status, source].map(|field| cell(field));
                writeln!(out, "{from},{to},{status},{source}")
            }
        }
    }

    /// Writes it to a file, which is there only when all of it is.
    async fn write_file(&self, path: &Path, pauses: &Pauses) -> Result<u64> {
        journal::spare("--out", path)?;
        let file = WholeFile::begin("--out", path)?;
        let rows = self.write(file.writer()?, pauses).await?;
        file.finish()?;
        Ok(rows)
    }
}

/// A field of RFC 4180.
fn cell(field: &str) -> std::borrow::Cow<'_, str> {
    if field.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\"")).into()
    } else {
        field.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        assert_eq!(cell("OptOut"), "OptOut");
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }
}
