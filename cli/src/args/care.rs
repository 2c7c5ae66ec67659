//! The flags of those who look before they leap, and what the program shows of itself.

use clap::{ColorChoice, ValueEnum};

use crate::quantity::Share;

/// What is asked before, and behind the canary.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct CareArgs {
    /// Do not ask: begin, and go on behind a canary of which nothing has failed
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,

    /// Go on behind the canary unasked if no more of it has failed, such as 20 or 5%; else stop
    #[arg(long, value_name = "N|N%")]
    pub(crate) max_failed: Option<Share>,
}

/// What the program shows of itself; for all commands.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "General")]
pub(crate) struct ShownArgs {
    /// Take what is not given from this profile of ~/.config/batchcast/config.toml
    #[arg(long, global = true, value_name = "NAME", env = "BATCHCAST_PROFILE")]
    pub(crate) profile: Option<String>,

    /// Say more on stderr of what is done; -vv says all. No texts and no numbers
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Show no progress and no notes, only results and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help = "When to write in colours; auto is on a terminal, and by NO_COLOR and CLICOLOR_FORCE"
    )]
    pub(crate) color: ColorArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorArg {
    /// On a terminal
    Auto,
    /// Also elsewhere
    Always,
    /// Nowhere
    Never,
}

impl ColorArg {
    /// As the libraries that write take it.
    pub(crate) const fn choice(self) -> anstream::ColorChoice {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
    }

    /// As the parser of the command line takes it.
    pub(crate) const fn of_clap(self) -> ColorChoice {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
    }
}
