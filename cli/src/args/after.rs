//! The flags of what is done after a send: `status` and `report`.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::ServerArgs;

pub(super) const STATUS_EXAMPLES: &str = "\
Credentials and server are those of the send (see 'batchcast send --help').

Of a run that is not finished it shows the batches that are in the journal. --watch asks again, at the
interval and within the API's rate limit, until every accepted batch is completed; on a terminal the
table changes, elsewhere there is a line for each change. Ctrl-C ends it, and what was seen last is shown;
nothing else does it stop.

Examples:
  batchcast status numbers.txt.batchcast
  batchcast status numbers.txt.batchcast --watch --interval 1m
  batchcast status 3157ac7d-baab-4d0e-1453-deada6c735d2 --json

Exit codes: 0 every batch is completed and nothing failed; 1 failure; 2 wrong usage; 3 completed, but some
messages failed, were rejected, are not known to the server, or were left in doubt, or some records were
invalid; 4 not completed yet, or the run is not
finished, or a failure that passes; 5 a batch is in doubt; 130 interrupted.";

pub(super) const REPORT_EXAMPLES: &str = "\
A row for each record of the list, in its order: record, line, to, batch, batchId, messageId, status,
errorCode, description, segments, cost. The status is the API's (Queued, Sent, Delivered, SendingFailed,
DeliveryFailed), or one of these:
  Rejected    the API did not take it
  Invalid     it cannot be sent
  PassedOver  by --suppress, --unique, --skip or --limit of the send
  NotSent     the run has not come to it
  Committed   the answer to its batch is waited for
  InDoubt     nobody knows whether its batch was accepted
  Skipped     its batch was in doubt, and was left so
  NotListed   the API lists no message for it in its batch, such as for a reject whose answer was lost
  Unclear     whether it was sent cannot be told without the text, the lists or the sender of the send

The journal has no numbers and no texts, so the list is read again, and what was made of it is made again, as
'batchcast resume' does it; a message is found by its number within its batch. The file of the text and the lists
of suppressed numbers are read where they were; a text that was typed has to be typed again if it has fields.
Without it, records are told apart by how many messages there are, as far as that goes.

Memory is that of the largest batch: 40 bytes a message, 32 a rejected one, and 96 a record if something of the
send is not known; besides, that of the numbers that --suppress and --unique had.

The page is one file that needs no network. It holds no numbers and no texts.

Examples:
  batchcast report numbers.txt.batchcast --out results.csv --html results.html
  batchcast report numbers.txt.batchcast --format ndjson | jq 'select(.errorCode)'
  A list that came from standard input:
    query | batchcast report ~/.local/state/batchcast/… - --out results.csv
  A text with fields that was typed:
    batchcast report people.csv.batchcast --text 'Hi {{first_name|there}}, your {{item}} is on its way'

Exit codes: 0 every record was delivered, sent or passed over; 1 failure; 2 wrong usage; 3 some failed, were
rejected or invalid, are not known to the server, or cannot be told; 4 some are not sent, or still on their way,
or a failure that passes; 5 a batch is in doubt; 130 interrupted.";

#[derive(clap::Args)]
pub(crate) struct StatusArgs {
    /// The journal of a send, or the server's id of one batch
    #[arg(value_name = "JOURNAL|BATCH-ID")]
    pub(crate) of: PathBuf,

    /// Ask again until all batches are completed
    #[arg(long)]
    pub(crate) watch: bool,

    /// How long to wait before asking again, such as 30s, 2m or 1h
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = crate::quantity::time, requires = "watch")]
    pub(crate) interval: Duration,

    /// Write JSON to standard output: a line for each batch, when it changes, then one for the summary
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(clap::Args)]
pub(crate) struct ReportArgs {
    /// The journal of the send
    #[arg(value_name = "JOURNAL")]
    pub(crate) journal: PathBuf,

    /// The same list as was sent; - is standard input [default: where it was]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// How the rows are written
    // Not `format`, which in a profile is that of a list.
    #[arg(
        long = "format",
        id = "rows",
        value_name = "FORMAT",
        default_value = "csv"
    )]
    pub(crate) format: RowsArg,

    /// Write the rows to this file [default: standard output, which is also meant by -; none if there is --html]
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,

    /// Write a page with charts to this file, to look at in a browser
    #[arg(long, value_name = "PATH")]
    pub(crate) html: Option<PathBuf>,

    /// The text of the send, if that was typed. If it has fields such as {{name}}, it tells which records it could not be
    /// filled in for
    #[arg(long, value_name = "TEXT", conflicts_with = "text_file")]
    pub(crate) text: Option<String>,

    /// The same from a file [default: where it was]
    #[arg(long, value_name = "PATH")]
    pub(crate) text_file: Option<PathBuf>,

    /// The lists of numbers that were passed over, as they were [default: where they were]
    #[arg(long, value_name = "FILE")]
    pub(crate) suppress: Vec<PathBuf>,

    /// The sender of the send. It tells whose opt-outs count, and how large each message was
    // Not parsed here: clap would show the number in its error.
    #[arg(
        long,
        value_name = "E164",
        env = "BATCHCAST_FROM",
        hide_env_values = true
    )]
    pub(crate) from: Option<String>,

    /// Whether it was typed: the environment's or a profile's may be that of another send.
    #[arg(skip)]
    pub(crate) from_is_typed: bool,

    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowsArg {
    /// Comma-separated, with a header
    Csv,
    /// A JSON object a line
    Ndjson,
}
