//! From the words that were typed to flags, with what a profile says in between.

use std::ffi::OsString;

use anyhow::Result;
use clap::{
    CommandFactory as _, FromArgMatches as _,
    error::{ContextKind, ContextValue},
};

use crate::args::{Args, ColorArg};
use crate::profile::Profile;
use crate::terminal;

/// What was asked for; or the end of the program, if it was for help, or for what there is not.
///
/// # Errors
/// If a profile cannot be used.
pub(crate) fn parse(typed: &[OsString]) -> Result<Args> {
    let (color, name) = ahead(typed);
    // Before anything is written, also by the parser.
    color.choice().write_global();
    let profile = match asks_to_be_left_alone(typed) {
        true => None,
        false => Profile::load(name.as_deref())?,
    };
    let mut command = Args::command().color(color.of_clap());
    if let Some(profile) = &profile {
        command = profile.apply(command);
    }
    let parsed = command.try_get_matches_from_mut(typed);
    let parsed = parsed.and_then(|matches| Args::from_arg_matches(&matches));
    Ok(parsed.unwrap_or_else(|error| {
        let _ = error.print();
        if let (Some(profile), Some(ContextValue::String(value))) =
            (&profile, error.get(ContextKind::InvalidValue))
            && profile.says(value)
        {
            terminal::error(&format!("hint: it comes from {}", profile.origin));
        }
        std::process::exit(error.exit_code())
    }))
}

/// What has to be known before the rest can be read. Mistakes are found when that is.
fn ahead(typed: &[OsString]) -> (ColorArg, Option<String>) {
    let matches = Args::command()
        .ignore_errors(true)
        .try_get_matches_from(typed);
    let matches = matches.ok();
    let matches = matches.as_ref();
    // Those of a subcommand have what was typed there.
    let sub = matches
        .and_then(|matches| matches.subcommand())
        .map(|(_, sub)| sub);
    let color = [sub, matches].into_iter().flatten().find_map(|matches| {
        matches
            .try_get_one::<ColorArg>("color")
            .ok()
            .flatten()
            .copied()
    });
    let profile = [sub, matches].into_iter().flatten().find_map(|matches| {
        matches
            .try_get_one::<String>("profile")
            .ok()
            .flatten()
            .cloned()
    });
    (color.unwrap_or(ColorArg::Auto), profile)
}

/// A file that is broken does not keep anybody from reading the help.
fn asks_to_be_left_alone(typed: &[OsString]) -> bool {
    let alone = ["--help", "-h", "--version", "-V", "completions", "man"];
    let typed = typed.iter().skip(1).filter_map(|word| word.to_str());
    typed
        .take_while(|word| *word != "--")
        .any(|word| alone.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead_of(line: &str) -> (ColorArg, Option<String>) {
        let typed: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        ahead(&typed)
    }

    #[test]
    fn what_is_needed_first_is_found_wherever_it_stands() {
        for line in [
            "batchcast --profile shop --color never send list --from x",
            "batchcast send list --color=never --profile=shop",
            // Without what is needed besides, and with what there is not.
            "batchcast send --profile shop --color never",
            "batchcast send --color never --profile shop --max-bytes many",
        ] {
            let found = ahead_of(line);
            assert_eq!(found, (ColorArg::Never, Some("shop".to_owned())), "{line}");
        }
        assert_eq!(ahead_of("batchcast send list").0, ColorArg::Auto);
    }
}
