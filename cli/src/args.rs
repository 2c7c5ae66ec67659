//! The command line as it is typed. What it means is for [`config`](crate::config) to say.

mod after;
mod care;
mod generate;
mod plan;
mod screen;
mod send;

use std::env;
use std::num::NonZeroU64;
use std::path::PathBuf;

use batchcast::Region;
use batchcast::input::Format;
use clap::builder::{PossibleValue, Resettable, TypedValueParser};
use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

pub(crate) use self::after::{ReportArgs, RowsArg, StatusArgs};
pub(crate) use self::care::{CareArgs, ColorArg, ShownArgs};
pub(crate) use self::generate::{CompletionsArgs, ManArgs};
pub(crate) use self::plan::PlanArgs;
pub(crate) use self::screen::{OptOutFormat, OptOutsArgs, ScreenAgainArgs, ScreenArgs};
pub(crate) use self::send::{Delivery, InDoubtArg, ResumeArgs, SendArgs, SpoolArg};
use crate::profile::Profile;
use crate::quantity::positive;
pub(crate) use crate::quantity::size;
use crate::sandbox::SandboxArgs;
use crate::screen::API;
use crate::terminal;

#[derive(Parser)]
#[command(
    name = "batchcast",
    version,
    about = "Streams recipient lists of any size into size-capped High Volume SMS batches",
    long_about = "Streams recipient lists of any size, in constant memory, into batches for RingCentral's \
                  High Volume SMS API. No batch is larger than the API takes, and nobody gets a message twice.",
    after_help = EXAMPLES,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) shown: ShownArgs,
}

/// The command line, with what is the same for all commands.
pub(crate) fn command() -> clap::Command {
    everywhere(Args::command())
}

fn everywhere(command: clap::Command) -> clap::Command {
    let help = command
        .get_after_help()
        .map(|help| flowing(&help.to_string()));
    // What is no number is to be told so, and not taken for a flag.
    let command = command
        .mut_args(|arg| {
            let takes_value = !arg.is_positional() && arg.get_action().takes_values();
            let arg = arg.allow_negative_numbers(takes_value);
            // A variable that is empty is not set.
            match arg.get_env().and_then(env::var_os) {
                Some(value) if value.is_empty() => arg.env(Resettable::Reset),
                _ => arg,
            }
        })
        .mut_subcommands(everywhere);
    match help {
        Some(help) => command.after_help(help),
        None => command,
    }
}

/// A text each of whose paragraphs is one line, for whoever knows how wide it is shown. What is indented stays as it is,
/// but for commands that are too long for a terminal.
fn flowing(text: &str) -> String {
    let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
    let mut flowing = String::with_capacity(text.len());
    let mut before = "";
    for line in text.lines() {
        if !flowing.is_empty() {
            flowing.push(if is_prose(before) && is_prose(line) {
                ' '
            } else {
                '\n'
            });
        }
        flowing += &continued(line);
        before = line;
    }
    flowing
}

/// The columns of a terminal that nobody has made larger.
const COLUMNS: usize = 80;

/// A command of an example, continued in further lines as a shell reads it, if it is too long for one.
fn continued(line: &str) -> String {
    let command = line.trim_start();
    let indent = line.len() - command.len();
    if indent == 0 || line.chars().count() <= COLUMNS || !command.contains("batchcast ") {
        return line.to_owned();
    }
    let mut flags = command.split(" --");
    let mut last = " ".repeat(indent) + flags.next().unwrap_or_default();
    let mut whole = String::new();
    for flag in flags {
        // With room for what says that it goes on.
        if last.chars().count() + flag.chars().count() + 5 > COLUMNS {
            whole += &format!("{last} \\\n");
            last = " ".repeat(indent + 3);
        }
        last += &format!(" --{flag}");
    }
    whole + &last
}

impl Args {
    /// Notes which flags were typed: what only the environment or a profile says is meant for all lists.
    pub(crate) fn note_typed(&mut self, is_typed: impl Fn(&str) -> bool) {
        let list = match &mut self.command {
            Command::Send(args) => &mut args.list,
            Command::Plan(args) => &mut args.list,
            Command::Encode(args) => &mut args.list,
            Command::Report(args) => {
                args.from_is_typed = is_typed("from");
                return;
            }
            _ => return,
        };
        list.fields_are_typed = is_typed("to_field") || is_typed("text_field");
    }

    /// Adds what a profile says and no default of a flag can.
    pub(crate) fn complete(&mut self, profile: &Profile) {
        let is_api = |list: &PathBuf| list.as_os_str() == API;
        match &mut self.command {
            Command::Send(args) => {
                args.list.screen.suppress.extend(profile.suppress());
                // It is for the sends that have a canary.
                if args.canary.is_none() && profile.has("max_failed") {
                    args.delivery.care.max_failed = None;
                }
            }
            Command::Plan(args) => {
                let there = &mut args.list.screen.suppress;
                // The API's list may be among those that were typed.
                let may_be_there = !there.is_empty();
                there.extend(
                    profile
                        .suppress()
                        .filter(|list| !(may_be_there && is_api(list))),
                );
            }
            Command::Encode(args) => {
                let there = &mut args.list.screen.suppress;
                if there.is_empty() && profile.suppress().any(|list| is_api(&list)) {
                    terminal::error(
                        "batchcast: the profile's --suppress api is not for 'encode', which uses no network: who has \
                         opted out at the API is in the batches",
                    );
                }
                there.extend(profile.suppress().filter(|list| !is_api(list)));
            }
            _ => {}
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  Try it without an account, nobody gets a message:
    batchcast send numbers.txt --from +16505550100 --text 'Hello Team' --sandbox
  See what would be sent, and what is wrong with the list:
    batchcast plan numbers.txt --from +16505550100 --text 'Hello Team'
  Send, and go on after whatever has stopped it; nobody gets a message twice:
    batchcast send numbers.txt --from +16505550100 --text 'Hello Team'
    batchcast resume numbers.txt.batchcast --from +16505550100 --text 'Hello Team'
  See what became of it, and who got it:
    batchcast status numbers.txt.batchcast --watch
    batchcast report numbers.txt.batchcast --out results.csv --html results.html

What does not change can stand in a profile, $XDG_CONFIG_HOME/batchcast/config.toml
(~/.config/batchcast/config.toml), applied by --profile NAME; that of [default] always is:
  [profile.shop]
  from = '+16505550100'
  to_field = 'Mobile'
  max_bytes = '40MB'
A setting is called as its flag is, and means what would be typed: a relative path counts from where the command is run.
The command line goes before the environment, that before a profile; but lists of --suppress add up.
What it says of fields (to_field, text_field) is for lists that have some.
Credentials do not belong there.

Exit codes:
  0  everything was accepted
  1  failure: something has to be put right; the summary says what was sent until then
  2  wrong usage; nothing was sent
  3  finished, but some records were invalid, rejected, or may not have been accepted
  4  stopped by something that passes, such as a lost network: safe to resume
  5  in doubt: a batch may have been accepted or not, and a decision is needed (--in-doubt)
  130  interrupted: safe to resume";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Stream a list to the API
    #[command(after_help = send::SEND_EXAMPLES)]
    Send(SendArgs),
    /// Go on with a send that was stopped, interrupted or killed
    #[command(after_help = send::RESUME_EXAMPLES, mut_arg("text_file", send::where_it_was))]
    Resume(ResumeArgs),
    /// Say what a send would take: batches, segments, cost, time, and what is wrong with the list
    #[command(after_help = plan::EXAMPLES)]
    Plan(PlanArgs),
    /// Write the batches that would be sent, without a network
    #[command(after_help = ENCODE_EXAMPLES)]
    Encode(EncodeArgs),
    /// Download who has opted out of a sender's messages
    #[command(after_help = screen::OPT_OUTS_EXAMPLES)]
    OptOuts(OptOutsArgs),
    /// Show what became of a send's batches, or of one batch
    #[command(after_help = after::STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Say of each record of a list what became of it, as a table and as a page
    #[command(after_help = after::REPORT_EXAMPLES)]
    Report(ReportArgs),
    /// Run the API on this machine, to try and to test a send without an account
    #[command(after_help = SANDBOX_EXAMPLES)]
    Sandbox(SandboxArgs),
    /// Write what a shell needs to complete commands and flags
    #[command(after_help = generate::COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Write the manual
    #[command(after_help = generate::MAN_EXAMPLES)]
    Man(ManArgs),
}

const ENCODE_EXAMPLES: &str = "\
Examples:
  batchcast encode numbers.txt --from +16505550100 --text 'Hello Team' --out-dir batches
  batchcast encode people.csv --from +16505550100 --max-messages 10000 --out - | head -n 1 | jq .
  batchcast encode people.csv --from +16505550100 --suppress opted-out.txt --unique --limit 10 --out -
  batchcast encode people.csv.gz --from +16505550100 --text 'Hi {{first_name|there}}' --region US --out -

Exit codes: 0 everything encoded, 1 failure, 2 wrong usage, 3 some records invalid.";

const SANDBOX_EXAMPLES: &str = "\
It keeps the last 10,000 batches and, of all of them, the last 100,000 messages; older ones are not known to it
any more. --record keeps all.

Faults, each 'ROUTE [WHEN]: EFFECT[, EFFECT]...', or random:SEED:RATE. The first rule that fits takes a request.
  ROUTE   batch (creates one), token, list, get (one batch), messages, statuses,
          opt-outs, any
  WHEN    nothing: the next one, once; 3; 2-5; 4-; every 3; always
  EFFECT  not accepted:
            reset after N, close after N    the connection ends once N bytes of
                                            the request are in
            answer STATUS [OPTION]...       this answer behind the body, or
                                            early, or early=N bytes of it
            stall after N                   nothing more is read
          accepted, if the batch is right:
            reset answer, close answer      there is none, or only N bytes:
                                            ... after N
            hold answer                     there is none, and the connection
                                            stays
            answer STATUS accepted [OPTION]...
            delay TIME, slow N (bytes a second), stall after N for TIME
            hide for TIME, hide N lists     the batch cannot be read back yet
          expire                            all tokens, at once
  N       bytes on the wire from the first of the request; body N: from the
          first behind its head
  TIME    such as 200ms, 2s or 1m
  STATUS  200 to 599, or garbage
  OPTION  code=CMN-301, retry-after=SECONDS, retry-after-date=SECONDS,
          location=URL, header=NAME:VALUE, body=json|html|empty|text|broken|no-id,
          then=keep|close|reset (the connection)

Examples:
  batchcast sandbox
  batchcast sandbox --listen 127.0.0.1:8025 --record received.ndjson --reject every:100
  batchcast sandbox --fault 'batch 3: reset after 1000' --fault 'batch 5: reset answer, hide 2 lists'
  batchcast sandbox --fault 'batch: answer 429 early retry-after=5' --fault 'list 2-4: answer 503'
  batchcast sandbox --deliver SMS-CAR-411=every:50 --segment-cost 0.0075 --deliver-looks 3
  batchcast sandbox --rate-limit 5 --rate-window 2s --fault random:7:0.2";

/// The list, and what is made of it.
#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// The list of recipients [default: standard input, which is also meant by -]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) envelope: EnvelopeArgs,

    /// The list's format; auto decides by the file's extension and by its first line
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub(crate) format: FormatArg,

    /// The CSV column, in any case, or the NDJSON key, just as it is, of the recipient [default: to, else phone, mobile, number, …]
    #[arg(long, value_name = "NAME")]
    pub(crate) to_field: Option<String>,

    /// The CSV column or NDJSON key of the text [default: text]
    #[arg(long, value_name = "NAME")]
    pub(crate) text_field: Option<String>,

    /// Whether one of these was typed.
    #[arg(skip)]
    pub(crate) fields_are_typed: bool,

    /// Read numbers as they are written there, too, such as (650) 555-0100, and not only E.164: US or CA
    #[arg(long, value_name = "REGION", value_parser = RegionParser, hide_possible_values = true)]
    pub(crate) region: Option<Region>,

    /// The most bytes of a batch, such as 50MB (50,000,000), 50MiB, or a number of bytes
    #[arg(long, value_name = "SIZE", default_value = "50MB", value_parser = size)]
    pub(crate) max_bytes: u64,

    /// The most messages of a batch [default: as many as fit]
    #[arg(long, value_name = "N", value_parser = positive::<NonZeroU64>)]
    pub(crate) max_messages: Option<NonZeroU64>,

    /// What to do about a record that cannot be sent
    #[arg(long, value_name = "WHAT", default_value = "skip")]
    pub(crate) on_invalid: OnInvalidArg,

    /// Write the records that cannot be sent to this file, one JSON object a line
    #[arg(long, value_name = "PATH")]
    pub(crate) invalid: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) screen: ScreenArgs,
}

/// Which server is sent to, or asked.
#[derive(clap::Args)]
pub(crate) struct ServerArgs {
    // Not by clap's env: only one that was typed is in conflict with --sandbox.
    #[arg(
        long,
        value_name = "URL",
        help = "The API's server [env: RC_SERVER_URL] [default: https://platform.ringcentral.com]"
    )]
    pub(crate) base_url: Option<String>,

    /// The certificate authorities to trust, a PEM file, instead of the system's
    #[arg(long, value_name = "PEMFILE")]
    pub(crate) ca_bundle: Option<PathBuf>,
}

/// What all messages share.
#[derive(clap::Args)]
pub(crate) struct EnvelopeArgs {
    /// The sender, a phone number in E.164 form such as +16505550100
    // Not parsed here: clap would show the number in its error.
    #[arg(
        long,
        value_name = "E164",
        env = "BATCHCAST_FROM",
        hide_env_values = true
    )]
    pub(crate) from: String,

    /// The text of all messages that have none of their own in the list (--text-field); at most 1000 UTF-16 code units. {{name}} is filled
    /// in with each record's column or key of that name, {{name|there}} has a default for where that is empty
    #[arg(long, value_name = "TEXT", conflicts_with = "text_file")]
    pub(crate) text: Option<String>,

    /// The same from a file; a newline at its end does not count
    #[arg(long, value_name = "PATH")]
    pub(crate) text_file: Option<PathBuf>,
}

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("to").required(true))]
#[command(mut_arg("suppress", screen::in_files))]
pub(crate) struct EncodeArgs {
    #[command(flatten)]
    pub(crate) list: ListArgs,

    /// Write each batch to a file DIR/batch-00001.json, DIR/batch-00002.json, …
    #[arg(long, value_name = "DIR", group = "to")]
    pub(crate) out_dir: Option<PathBuf>,

    /// Write the batches to standard output (-), one a line
    #[arg(long, value_name = "-", group = "to")]
    pub(crate) out: Option<Dash>,

    /// Replace the batch files that are in DIR
    #[arg(long, conflicts_with = "out")]
    pub(crate) force: bool,
}

/// The one value that `--out` takes.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Dash {
    /// Standard output.
    #[value(name = "-")]
    Stdout,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// By the file's extension; without one, and where a .txt is clearly no list of numbers, by the first line
    Auto,
    /// A phone number a line
    Lines,
    /// A JSON object a line: {"to":"+1…","text":"…"}
    Ndjson,
    /// Comma-separated, with a header
    Csv,
}

impl FormatArg {
    /// The format, unless it is to be found out.
    pub(crate) const fn named(self) -> Option<Format> {
        match self {
            Self::Auto => None,
            Self::Lines => Some(Format::Lines),
            Self::Ndjson => Some(Format::Ndjson),
            Self::Csv => Some(Format::Csv),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnInvalidArg {
    /// Pass over it, and go on
    Skip,
    /// Stop; the batch it would be in is not sent
    Stop,
}

/// Takes the name of a region, in whatever case, and offers those that there are to a shell.
#[derive(Clone)]
struct RegionParser;

impl TypedValueParser for RegionParser {
    type Value = Region;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        typed: &std::ffi::OsStr,
    ) -> Result<Region, clap::Error> {
        let region = |typed: &str| typed.parse::<Region>();
        region.parse_ref(command, arg, typed)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = Region::ALL.iter().map(|region| region.as_str());
        Some(Box::new(names.map(PossibleValue::new)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        command().debug_assert();
    }

    #[test]
    fn paragraphs_flow_and_examples_do_not() {
        let text = "One\nparagraph.\n\nExamples:\n  a\n  b\nAnd\nmore.";
        let flows = "One paragraph.\n\nExamples:\n  a\n  b\nAnd more.";
        assert_eq!(flowing(text), flows);
    }

    #[test]
    fn long_commands_go_on_as_a_shell_reads_it() {
        let short = "  batchcast send people.csv --limit 10";
        assert_eq!(continued(short), short);
        let long = format!(
            "{short} --canary 100 --text 'Hello Team, {{{{first_name}}}}' --yes --in-doubt skip"
        );
        let lines = continued(&long);
        assert!(lines.lines().all(|line| line.len() <= COLUMNS), "{lines}");
        assert_eq!(lines.replace(" \\\n     ", ""), long);
    }
}
