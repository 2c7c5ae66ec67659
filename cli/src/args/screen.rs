//! The flags that say who is passed over, and those of `opt-outs`.

use std::num::NonZeroU64;
use std::path::PathBuf;

use batchcast::screen::MaxInvalid;
use clap::{Arg, ValueEnum};

use super::ServerArgs;
use crate::quantity::{positive, whole};

/// Who is passed over, and when to give a list up.
#[derive(clap::Args)]
pub(crate) struct ScreenArgs {
    /// Pass over the numbers in this list, or, with the word api, over all who have opted out of --from's messages; may be there more than once
    #[arg(long, value_name = "FILE|api", long_help = lists(API_ASKED))]
    pub(crate) suppress: Vec<PathBuf>,

    /// Send each number the first message that is there for it, and pass over the others
    #[arg(long)]
    pub(crate) unique: bool,

    /// Pass over the first N records of the list, as if they were not there
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::<u64>)]
    pub(crate) skip: u64,

    /// Send N messages, and no more: the list ends behind them
    #[arg(long, value_name = "N", value_parser = positive::<NonZeroU64>)]
    pub(crate) limit: Option<NonZeroU64>,

    /// Give the list up if more records are invalid: so many, or a share such as 5%
    #[arg(long, value_name = "N|N%", long_help = MAX_INVALID)]
    pub(crate) max_invalid: Option<MaxInvalid>,

    /// Write the records that are passed over to this file, one JSON object a line
    #[arg(long, value_name = "PATH")]
    pub(crate) passed_over: Option<PathBuf>,
}

/// `--suppress` of a command that has no network.
pub(super) fn in_files(suppress: Arg) -> Arg {
    suppress
        .value_name("FILE")
        .help("Pass over the numbers in this list; may be there more than once")
        .long_help(lists(API_IN_FILE))
}

/// The same of one that only counts.
pub(super) fn in_files_that_count(suppress: Arg) -> Arg {
    in_files(suppress).long_help(lists(API_NOT_COUNTED))
}

/// The same for a run that is gone on with: the rest is in its journal.
#[derive(clap::Args)]
pub(crate) struct ScreenAgainArgs {
    /// The lists of numbers to pass over, as they were before [default: where they were]; the word api, which is remembered: who has opted out since gets nothing any more
    #[arg(long, value_name = "FILE|api", long_help = SUPPRESS_AGAIN)]
    pub(crate) suppress: Vec<PathBuf>,

    /// Give the list up if more records are invalid: so many, or a share such as 5% [default: as before]
    #[arg(long, value_name = "N|N%", long_help = MAX_INVALID)]
    pub(crate) max_invalid: Option<MaxInvalid>,

    /// Write the records that are passed over to this file, one JSON object a line
    #[arg(long, value_name = "PATH")]
    pub(crate) passed_over: Option<PathBuf>,
}

/// What is said of lists of numbers, and of what the word api means to a command.
fn lists(api: &str) -> String {
    format!("{LISTS}\n\n{api}\n\n{MEMORY}")
}

const LISTS: &str = "\
Pass over the numbers in this list; may be there more than once. It is a number a line, CSV with a header, or one JSON \
object a line; the column or key of the numbers is called to, phone, mobile, number, … Of a list with the fields from, to \
and status, such as the API's opt-outs, only those count whose status is OptOut and whose sender is --from. Its numbers \
are read as those of the recipients' list are (--region); it may be compressed. A line that cannot be read is an error, \
never passed over: somebody who has opted out could get a message.";

const API_ASKED: &str = "\
The word api downloads the opt-outs of --from first. (A file of that name is ./api.) They are kept beside the journal, \
for 'batchcast resume', which asks again. Who opts out while a run is on its way is rejected by the API.";

const API_IN_FILE: &str =
    "The API's own list is written to a file by 'batchcast opt-outs --from NUMBER --out FILE'.";

const API_NOT_COUNTED: &str = "\
The API's own list is written to a file by 'batchcast opt-outs --from NUMBER --out FILE'. The word api, which stands for \
it in a send, takes a network: the plan says then that who has opted out there is not told apart.";

const MEMORY: &str = "Ten million numbers take 45 MiB, and up to 48 MiB while they are read.";

const SUPPRESS_AGAIN: &str = "\
The lists of numbers to pass over, if they are not where they were. They have to be what they were: what was sent is told \
from what was not by making it again.

If the run was begun with --suppress api, the API is asked again for who has opted out, and who has done so since gets \
nothing of what is still to be sent. Those are kept beside the journal as well. Who has opted in again gets nothing in this \
run. With --suppress api a run that was begun without it asks from here on, too.

A batch in doubt that --in-doubt resend sends again is sent as it was: who has opted out since is rejected by the API.";

const MAX_INVALID: &str = "\
Give the list up, with exit code 1, if more records than this are invalid: the list is broken, or read as what it is \
not. A number is exceeded by the first record more. A share, such as 5% or 0.1%, is judged at each invalid record from \
the 1,000th record on, and at the end of the list before its last batch is sent.";

pub(super) const OPT_OUTS_EXAMPLES: &str = "\
Credentials come from the environment, as for 'batchcast send'.

Examples:
  batchcast opt-outs --from +16505550100 --out opt-outs.csv
  batchcast send people.csv --from +16505550100 --text 'Hello Team' --suppress opt-outs.csv
  batchcast opt-outs --from +16505550100 --format ndjson | jq -r 'select(.status != \"OptIn\").to'

Exit codes: 0 all of it was written, 1 failure, 2 wrong usage.";

#[derive(clap::Args)]
pub(crate) struct OptOutsArgs {
    /// The sender, a phone number in E.164 form such as +16505550100
    // Not parsed here: clap would show the number in its error.
    #[arg(
        long,
        value_name = "E164",
        env = "BATCHCAST_FROM",
        hide_env_values = true
    )]
    pub(crate) from: String,

    /// How to write the list
    // Not `format`, which in a profile is that of a list.
    #[arg(
        long = "format",
        id = "rows",
        value_name = "FORMAT",
        default_value = "csv"
    )]
    pub(crate) format: OptOutFormat,

    /// Where to write it, once all of it is there [default: standard output, page by page, which is also meant by -]
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OptOutFormat {
    /// With the header from,to,status,source
    Csv,
    /// A JSON object a line
    Ndjson,
}
