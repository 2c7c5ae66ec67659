//! `batchcast completions` and `batchcast man`: what is made of the flags' own descriptions.

use std::io;

use anyhow::{Context as _, Result};
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::args::{self, CompletionsArgs, ManArgs};
use crate::exit::Exit;
use crate::terminal;

/// The words that may stand where else the path of a file is.
const WORDS: [(&str, &str); 2] = [("--suppress", "api"), ("--spool", "none")];

/// Writes the completions of a shell to standard output.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "batchcast", &mut script);
    if args.shell == Shell::Bash {
        script = with_words(String::from_utf8(script)?).into();
    }
    put(&script)
}

/// The script of Bash, which otherwise offers either words or files.
fn with_words(mut script: String) -> String {
    for (flag, word) in WORDS {
        let files = "COMPREPLY=($(compgen -f \"${cur}\"))";
        let both = format!("COMPREPLY=($(compgen -W \"{word}\" -f -- \"${{cur}}\"))");
        let of_flag = |reply: &str| format!("{flag})\n                    {reply}");
        script = script.replace(&of_flag(files), &of_flag(&both));
    }
    script
}

/// Writes the manual.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn man(args: &ManArgs) -> Result<Exit> {
    let mut command = args::command().disable_help_subcommand(true);
    command.build();
    let Some(directory) = &args.out_dir else {
        return put(&page(&manual(&command))?);
    };
    let write = || -> io::Result<()> {
        std::fs::create_dir_all(directory)?;
        for command in [&command].into_iter().chain(command.get_subcommands()) {
            let manual = manual(command);
            std::fs::write(directory.join(manual.name()), page(&manual)?)?;
        }
        Ok(())
    };
    write().with_context(|| format!("--out-dir: cannot write to {}", directory.display()))?;
    Ok(Exit::Accepted)
}

/// The page of a command.
struct Manual {
    man: Man,
    has_commands: bool,
    extra: String,
}

impl Manual {
    /// That of its file.
    fn name(&self) -> String {
        self.man.get_filename()
    }
}

fn manual(command: &Command) -> Manual {
    let extra = command.get_after_help().map(ToString::to_string);
    // Else they stand behind all flags, as if they were one more.
    let command = command.clone().mut_args(|arg| match arg.is_positional() {
        true => arg.help_heading("Arguments"),
        false => arg,
    });
    Manual {
        has_commands: command.has_subcommands(),
        man: Man::new(command).source(concat!("batchcast ", env!("CARGO_PKG_VERSION"))),
        extra: extra.unwrap_or_default(),
    }
}

fn page(manual: &Manual) -> io::Result<Vec<u8>> {
    let man = &manual.man;
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if manual.has_commands {
        man.render_subcommands_section(&mut page)?;
    }
    extra(&manual.extra).to_writer(&mut page)?;
    Ok(page)
}

/// What stands below the flags: paragraphs, and what is indented as it stands.
fn extra(text: &str) -> Roff {
    let mut roff = Roff::new();
    let mut is_verbatim = false;
    for (at, line) in text.lines().enumerate() {
        let heading = line
            .strip_suffix(':')
            .filter(|line| line.split(' ').count() <= 2);
        if at == 0 && heading.is_none() {
            roff.control("SH", ["NOTES"]);
        }
        // An empty line ends neither: it parts examples as well as paragraphs.
        if !line.is_empty() && is_verbatim != line.starts_with(' ') {
            is_verbatim = !is_verbatim;
            roff.control(if is_verbatim { "nf" } else { "fi" }, []);
        }
        match heading {
            Some(heading) => _ = roff.control("SH", [&*heading.to_uppercase()]),
            None if line.is_empty() => _ = roff.control("PP", []),
            None => _ = roff.text([roman(line)]),
        }
    }
    if is_verbatim {
        roff.control("fi", []);
    }
    roff
}

fn put(generated: &[u8]) -> Result<Exit> {
    terminal::plain(generated)?;
    Ok(Exit::Accepted)
}
