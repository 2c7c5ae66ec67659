//! The flags of `send` and of `resume`.

use std::ffi::OsString;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::{CareArgs, EnvelopeArgs, ListArgs, OnInvalidArg, ScreenAgainArgs, ServerArgs};
use crate::quantity::{positive, time};

pub(super) const SEND_EXAMPLES: &str = "\
Credentials come from the environment only:
  RC_ACCESS_TOKEN      an access token; or all three of
  RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET, RC_USER_JWT

The journal says what was sent, on disk, before and after each batch. Whatever ends the send,
'batchcast resume' goes on with it, and nobody gets a message twice. It is FILE.batchcast unless told
otherwise; for standard input, and where FILE's directory cannot be written to, it is in
$XDG_STATE_HOME/batchcast (~/.local/state/batchcast). It holds no texts and no numbers. A send to
--sandbox has none unless --journal asks for it. A list whose journal is there is not sent a second time unless
--again says so; one from standard input, or with another --journal or none, is not known again.

On a terminal it shows how many recipients the list has, and asks before anything is sent, unless --yes:
on the terminal itself, wherever the output goes. Nobody is asked where there is none (cron, ssh without
one), where CI is set, or by a job in the background that writes to files.

--canary N sends the first N messages as a batch of their own, waits until the API has completed it,
shows what was rejected and what could not be delivered, by code, and asks whether to go on. Unasked:
with --yes it goes on if nothing has failed, with --max-failed if no more has failed; else it stops
(exit code 4). 'batchcast resume' then goes on with the rest, once it is told to: asked on a terminal, by
--yes elsewhere. If the list has no more than N, nothing is left to ask about.

Examples:
  A number a line, one text for all:
    batchcast send numbers.txt --from +16505550100 --text 'Hello Team'
  A text for each, from another program, one JSON object a line:
    query | batchcast send --format ndjson --from +16505550100 --rejected rejected.ndjson
  A table whose columns have names of their own:
    batchcast send people.csv --to-field Mobile --text-field Message --from +16505550100
  Not to who has opted out, and to nobody twice, though the list has them twice:
    batchcast send people.csv --from +16505550100 --text 'Hello Team' --suppress api --unique
  A personal text, made of columns (or of the keys of NDJSON), with a default where one is empty; {{{{ is a \
literal {{. A record that has a text of its own keeps that:
    batchcast send people.csv --from +16505550100 --text 'Hi {{first_name|there}}, your {{item}} is on its way'
  Numbers as people write them and as spreadsheets leave them, (650) 555-0100 or 16505550100.0:
    batchcast send people.csv --region US --from +16505550100 --text 'Hello Team'
  A compressed list, gzip or zstd by its content, also from a pipe:
    batchcast send people.csv.gz --from +16505550100 --text 'Hello Team'
  A hundred first, then all others if no more than five of them have failed:
    batchcast send people.csv --from +16505550100 --canary 100 --max-failed 5% --yes
  Without an account, nobody gets a message:
    batchcast send numbers.txt --from +16505550100 --text 'Hello Team' --sandbox

Exit codes: 0 everything accepted, 1 failure, 2 wrong usage, 3 some records invalid or rejected,
4 stopped, safe to resume, 5 in doubt, a decision is needed, 130 interrupted, safe to resume.";

pub(super) const RESUME_EXAMPLES: &str = "\
The sender is not in the journal, and neither is a text that was typed: they have to be given again, and so
has a list that came from standard input. A list and a --text-file are read where they were. Another sender,
text, list or server than before is refused. Format, fields, limits and who is passed over come from the
journal; lists of suppressed numbers are read again from where they were, and have to be the same: who was
passed over is no part of what was sent. If the run was begun with --suppress api, the API is asked again, and
who has opted out since gets nothing of what is still to be sent.
Batches that were in doubt are looked for in the server's list first.
Behind a canary that nobody has approved, --yes goes on with the rest, whatever has failed; --max-failed
looks at it first.

--invalid has all invalid records of the list, also those that were found before. --rejected has all
rejected recipients; those of batches that were accepted before come from the journal, with record,
line, errorCode, batch and index, and without number and description. (The file that was written then
has these.)

Examples:
  batchcast resume numbers.txt.batchcast --from +16505550100 --text 'Hello Team'
  A list that came from standard input:
    query | batchcast resume ~/.local/state/batchcast/… --from +16505550100
  Batch 7 is in doubt, you have looked, and the server does not have it:
    batchcast resume numbers.txt.batchcast --in-doubt resend --from +16505550100 --text 'Hello Team'

Exit codes: as those of send.";

#[derive(clap::Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) list: ListArgs,

    #[command(flatten)]
    pub(crate) delivery: Delivery,

    /// Send to a sandbox in this process, without an account: nobody gets a message
    #[arg(long, conflicts_with_all = ["base_url", "ca_bundle"])]
    pub(crate) sandbox: bool,

    /// Send the first N messages ahead, show what became of them, and ask before the rest goes
    #[arg(long, value_name = "N", value_parser = positive::<NonZeroU64>)]
    pub(crate) canary: Option<NonZeroU64>,

    /// Where to write down what was sent, to resume from [default: FILE.batchcast]
    #[arg(long, value_name = "PATH", conflicts_with = "no_journal")]
    pub(crate) journal: Option<PathBuf>,

    /// Write no journal: what is stopped cannot be resumed
    #[arg(long)]
    pub(crate) no_journal: bool,

    /// Send a list once more whose journal says that it was sent; the old journal is kept
    #[arg(long, conflicts_with = "no_journal")]
    pub(crate) again: bool,
}

#[derive(clap::Args)]
pub(crate) struct ResumeArgs {
    /// The journal of the send to go on with
    #[arg(value_name = "JOURNAL")]
    pub(crate) journal: PathBuf,

    /// The same list as before; - is standard input [default: where it was]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) envelope: EnvelopeArgs,

    /// What to do about a record that cannot be sent [default: as before]
    #[arg(long, value_name = "WHAT")]
    pub(crate) on_invalid: Option<OnInvalidArg>,

    /// Write the records that cannot be sent to this file, one JSON object a line
    #[arg(long, value_name = "PATH")]
    pub(crate) invalid: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) screen: ScreenAgainArgs,

    #[command(flatten)]
    pub(crate) delivery: Delivery,
}

/// How a list gets to the server.
#[derive(clap::Args)]
pub(crate) struct Delivery {
    /// Write the recipients that the API rejects to this file, one JSON object a line
    #[arg(long, value_name = "PATH")]
    pub(crate) rejected: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) server: ServerArgs,

    /// How many batches may be on their way at once, from 1 to 16
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = in_flight)]
    pub(crate) in_flight: u8,

    /// What to do with a batch that may have been accepted, and is not in the server's list; in a resume, `skip` also
    /// leaves one of which the list does not tell
    #[arg(long, value_name = "WHAT", default_value = "stop")]
    pub(crate) in_doubt: InDoubtArg,

    /// Where to keep the batches on their way, to send them again; of a list that is a file, not compressed, and sent one batch
    /// at a time, only those that failed [default: the system's directory for temporary files]
    #[arg(long, value_name = "DIR|none", value_parser = spool)]
    pub(crate) spool: Option<SpoolArg>,

    /// Close a batch when the list pauses for so long, such as 30s, instead of keeping it open
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) linger: Option<Duration>,

    #[command(flatten)]
    pub(crate) care: CareArgs,

    /// Write JSON to standard output: a line for each batch, then one for the summary
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InDoubtArg {
    /// Stop, and leave the decision to you (exit code 5)
    Stop,
    /// Send it again: if the server has it after all, its recipients get the message twice
    Resend,
    /// Leave it, and go on: if the server does not have it, its recipients get no message
    Skip,
}

/// Where bodies are kept while they are on their way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SpoolArg {
    /// In this directory.
    Directory(PathBuf),
    /// Nowhere: a batch that fails stops the run.
    Nowhere,
}

/// The file of the text, which the journal names.
pub(super) fn where_it_was(text_file: clap::Arg) -> clap::Arg {
    text_file
        .help("The same from a file; a newline at its end does not count [default: where it was]")
}

fn in_flight(typed: &str) -> Result<u8, &'static str> {
    let number = typed.trim().parse().ok();
    number
        .filter(|number| (1..=16).contains(number))
        .ok_or("not a number from 1 to 16")
}

fn spool(typed: &str) -> Result<SpoolArg, std::convert::Infallible> {
    Ok(if typed == "none" {
        SpoolArg::Nowhere
    } else {
        SpoolArg::Directory(OsString::from(typed).into())
    })
}
