//! `batchcast completions` and `batchcast man`: what is made of the flags' own descriptions.

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;

use crate::args::{Args, CompletionsArgs, ManArgs};
use crate::exit::Exit;
use crate::terminal;

/// Writes the completions of a shell to standard output.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "batchcast", &mut script);
    put(&script)
}

/// Writes the manual.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn man(args: &ManArgs) -> Result<Exit> {
    let mut command = Args::command();
    command.build();
    match &args.out_dir {
        Some(directory) => {
            std::fs::create_dir_all(directory)
                .and_then(|()| clap_mangen::generate_to(command, directory))
                .with_context(|| format!("--out-dir: cannot write to {}", directory.display()))?;
            Ok(Exit::Accepted)
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            put(&page)
        }
    }
}

fn put(generated: &[u8]) -> Result<Exit> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(generated).and_then(|()| stdout.flush());
    terminal::unless_broken(written).context("cannot write to standard output")?;
    Ok(Exit::Accepted)
}
