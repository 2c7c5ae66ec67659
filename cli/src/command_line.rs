//! From the words that were typed to flags, with what a profile says in between.

use std::ffi::OsString;

use anyhow::Result;
use clap::builder::StyledStr;
use clap::{
    ArgMatches, FromArgMatches as _,
    error::{ContextKind, ContextValue},
    parser::ValueSource,
};

use crate::args::{self, Args, ColorArg};
use crate::profile::Profile;
use crate::terminal;

/// What was asked for; or the end of the program, if it was for help, or for what there is not.
///
/// # Errors
/// If a profile cannot be used.
pub(crate) fn parse(typed: &[OsString]) -> Result<Args> {
    let Ahead {
        color,
        profile,
        needs_none,
    } = ahead(typed);
    // Before anything is written, also by the parser.
    color.choice().write_global();
    // A file that is broken does not keep anybody from reading the help.
    let mut profile = match needs_none || asks_for_help(typed) {
        true => None,
        false => Profile::load(profile.as_deref())?,
    };
    let mut command = args::command().color(color.of_clap());
    if let Some(profile) = &profile {
        command = profile.apply(command);
    }
    let parsed = command.try_get_matches_from_mut(typed);
    let parsed = parsed.and_then(|matches| {
        let mut args = Args::from_arg_matches(&matches)?;
        if let Some(profile) = &mut profile {
            profile.retain(|key| is_default(&matches, key));
            args.complete(profile);
        }
        args.note_typed(|id| is_typed(&matches, id));
        Ok(args)
    });
    if let (Some(profile), Ok(_)) = (profile.take_if(|_| parsed.is_ok()), &parsed) {
        profile.remember();
    }
    Ok(parsed.unwrap_or_else(|mut error| {
        advise(&mut error);
        let _ = error.print();
        // One that was typed is in the command line for all to see.
        if let (Some(profile), Some(ContextValue::String(flag))) =
            (&profile, error.get(ContextKind::InvalidArg))
            && !typed.iter().any(|word| is_flag(word, flag))
        {
            for origin in profile.origins(flag) {
                terminal::error(&format!("hint: {origin}"));
            }
        }
        std::process::exit(error.exit_code())
    }))
}

/// Whether a flag was typed, and not said by the environment or a profile.
fn is_typed(matches: &ArgMatches, key: &str) -> bool {
    source(matches, key) == Some(ValueSource::CommandLine)
}

/// Whether nobody has typed this flag, and the environment does not say it.
fn is_default(matches: &ArgMatches, key: &str) -> bool {
    source(matches, key) == Some(ValueSource::DefaultValue)
}

/// Where the value of a flag comes from, if it has one.
fn source(matches: &ArgMatches, key: &str) -> Option<ValueSource> {
    let (_, sub) = matches.subcommand()?;
    sub.try_contains_id(key).ok()?;
    sub.value_source(key)
}

/// Whether a word is a flag, be it with its value; `named` as the parser names it, `--max-bytes <SIZE>`.
fn is_flag(word: &OsString, named: &str) -> bool {
    let name = |word: &str| word.split(['=', ' ']).next().unwrap_or_default().to_owned();
    word.to_str().is_some_and(|word| name(word) == name(named))
}

/// Says what helps against a flag that there is not.
fn advise(error: &mut clap::Error) {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else {
        return;
    };
    let as_a_list = format!("-- {flag}");
    let tips = if flag == "--dry-run" {
        vec!["'batchcast plan' says what a send would take, and sends nothing".into()]
    } else if let Some(ContextValue::StyledStrs(tips)) = error.get(ContextKind::Suggested) {
        // That it is the name of a list is hardly ever meant.
        let is_meant = |tip: &&StyledStr| !tip.to_string().contains(&as_a_list);
        tips.iter().filter(is_meant).cloned().collect()
    } else {
        return;
    };
    if tips.is_empty() {
        // Of none there would be a blank line.
        error.remove(ContextKind::Suggested);
    } else {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
}

/// What has to be known before the rest can be read.
#[derive(Debug, PartialEq, Eq)]
struct Ahead {
    color: ColorArg,
    /// The name of a profile.
    profile: Option<String>,
    /// Whether it is a command that no profile is for.
    needs_none: bool,
}

/// Looks for it. Mistakes are found when the rest is read.
fn ahead(typed: &[OsString]) -> Ahead {
    let matches = args::command()
        .ignore_errors(true)
        .try_get_matches_from(typed);
    let matches = matches.ok();
    let matches = matches.as_ref();
    let command = matches.and_then(|matches| matches.subcommand());
    let needs_none = command.is_some_and(|(name, _)| matches!(name, "completions" | "man"));
    // Those of a subcommand have what was typed there.
    let sub = command.map(|(_, sub)| sub);
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
    Ahead {
        color: color.unwrap_or(ColorArg::Auto),
        // A variable that is empty is not set.
        profile: profile.filter(|name| !name.is_empty()),
        needs_none,
    }
}

fn asks_for_help(typed: &[OsString]) -> bool {
    let asks = ["--help", "-h", "--version", "-V"];
    let mut typed = typed.iter().skip(1).filter_map(|word| word.to_str());
    let is_flag = |word: &&str| word.starts_with('-');
    if typed.clone().find(|word| !is_flag(word)) == Some("help") {
        return true;
    }
    typed
        .by_ref()
        .take_while(|word| *word != "--")
        .any(|word| asks.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead_of(line: &str) -> Ahead {
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
            let expected = Ahead {
                color: ColorArg::Never,
                profile: Some("shop".to_owned()),
                needs_none: false,
            };
            assert_eq!(ahead_of(line), expected, "{line}");
        }
        assert_eq!(ahead_of("batchcast send list").color, ColorArg::Auto);
    }

    #[test]
    fn only_commands_that_send_nothing_need_no_profile() {
        for (line, needs_none) in [
            ("batchcast man", true),
            ("batchcast completions bash", true),
            ("batchcast plan man --from x", false),
            (
                "batchcast send --profile man list --text completions",
                false,
            ),
        ] {
            assert_eq!(ahead_of(line).needs_none, needs_none, "{line}");
        }
    }
}
