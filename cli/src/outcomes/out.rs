//! Where a report goes to.

use std::fs::Metadata;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Ended;
use super::row::{Row, Rows};
use crate::args::ReportArgs;
use crate::config::is_stream;
use crate::fail::Usage;
use crate::records::same_file;
use crate::terminal;
use crate::whole::{WholeFile, behind_links, directory, replaceable};

/// Files take their place only when they are whole.
pub(crate) struct Out {
    rows: Option<Rows<Box<dyn Write>>>,
    file: Option<WholeFile>,
    page: Option<WholeFile>,
    /// A page is made besides, or instead.
    has_page: bool,
    /// The rows go to standard output, or went there while somebody read them.
    is_stdout: bool,
}

impl Out {
    /// Looks where it can go, before anything is asked. It must go neither to the list nor to any of the `others` that it is
    /// made of, each with what it is.
    ///
    /// # Errors
    /// If it cannot go there.
    pub(crate) fn resolve(
        args: &ReportArgs,
        list: Option<&Metadata>,
        others: &[(&str, PathBuf)],
    ) -> Result<Self> {
        for (flag, path) in [("--out", &args.out), ("--html", &args.html)] {
            let Some(path) = path.as_deref().filter(|path| !is_stream(path)) else {
                continue;
            };
            let refused = |what: &str| {
                let path = path.display();
                Err(Usage::error(format!("{flag}: {path} is {what}")))
            };
            if let (Some(list), Ok(there)) = (list, path.metadata())
                && same_file(list, &there)
            {
                return refused("the list itself");
            }
            if let Some((what, _)) = others.iter().find(|(_, other)| is_same(path, other)) {
                return refused(what);
            }
            replaceable(flag, path)?;
        }
        if let (Some(out), Some(html)) = (&args.out, &args.html)
            && is_same(out, html)
        {
            let out = out.display();
            return Err(Usage::error(format!(
                "--out and --html: {out} is the same file for both, and they need one each"
            )));
        }
        if args.html.as_deref().is_some_and(is_stream) {
            return Err(Usage::error("--html takes the path of a file"));
        }
        let page = args.html.as_deref();
        let page = page
            .map(|path| WholeFile::begin("--html", path))
            .transpose()?;
        let file = args.out.as_deref().filter(|path| !is_stream(path));
        let file = file
            .map(|path| WholeFile::begin("--out", path))
            .transpose()?;
        let to: Option<Box<dyn Write>> = match &file {
            Some(file) => Some(Box::new(BufWriter::new(file.writer()?))),
            None if args.out.is_some() || args.html.is_none() => Some(terminal::bulk()?),
            None => None,
        };
        let rows = to.map(|to| Rows::new(args.format, to));
        Ok(Self {
            is_stdout: rows.is_some() && file.is_none(),
            has_page: page.is_some(),
            rows,
            file,
            page,
        })
    }

    /// Whether the rows go to standard output.
    pub(crate) const fn is_stdout(&self) -> bool {
        self.is_stdout
    }

    /// Writes a row.
    ///
    /// # Errors
    /// If it cannot be written; and if nobody reads it, unless there is a page to be made.
    pub(crate) fn row(&mut self, row: &Row<'_>) -> Result<()> {
        if let Some(rows) = &mut self.rows {
            let written = rows.write(row);
            self.written(written)?;
        }
        Ok(())
    }

    /// That nobody reads standard output any more ends the report, unless there is a page to be made.
    fn written(&mut self, written: io::Result<()>) -> Result<()> {
        match written {
            Err(error) if self.is_stdout && error.kind() == io::ErrorKind::BrokenPipe => {
                self.rows = None;
                if self.has_page {
                    Ok(())
                } else {
                    Err(Ended::NobodyReads.into())
                }
            }
            written => written.context("cannot write the rows"),
        }
    }

    /// Writes the page, and puts it where it belongs.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn page(&mut self, page: &str) -> Result<()> {
        let Some(file) = self.page.take() else {
            return Ok(());
        };
        let written = file
            .writer()
            .and_then(|mut to| to.write_all(page.as_bytes()));
        written.context("--html")?;
        file.finish()
    }

    /// Puts the rows where they belong. Whether that was standard output.
    ///
    /// # Errors
    /// As those of [`row`](Self::row).
    pub(crate) fn finish(mut self) -> Result<bool> {
        if let Some(rows) = &mut self.rows {
            let flushed = rows.flush();
            self.written(flushed)?;
        }
        drop(self.rows.take());
        if let Some(file) = self.file.take() {
            file.finish()?;
        }
        Ok(self.is_stdout)
    }
}

/// Whether both are one file, by whatever name; or would be, if it is not there yet.
fn is_same(one: &Path, other: &Path) -> bool {
    if let (Ok(one), Ok(other)) = (one.metadata(), other.metadata())
        && same_file(&one, &other)
    {
        return true;
    }
    matches!((place(one), place(other)), (Some(one), Some(other)) if one == other)
}

/// Where a path leads to, whether or not there is something.
fn place(path: &Path) -> Option<PathBuf> {
    let path = behind_links(path).ok()?;
    Some(
        directory(&path)
            .canonicalize()
            .ok()?
            .join(path.file_name()?),
    )
}
