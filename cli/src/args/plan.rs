//! The flags of `plan`.

use super::ListArgs;
use crate::plan::{Price, Rate};

pub(super) const EXAMPLES: &str = "\
It reads the whole list and sends nothing: no account and no network are needed. The batches are those
that 'batchcast encode' writes with the same flags, and 'batchcast send' sends.

Segments are the SMS that the network makes of a text: 160 characters of the GSM-7 alphabet fit into
one, and 153 into each part of a longer text; one other character, such as a curly quote or an emoji,
and it is 70, and 67. Of each text, the first 8 of such characters are counted.

Numbers that come more than once are looked for among all that are in the list: that takes 8 bytes of
memory a number, 80 MB for ten million, and is all that grows with the list. No numbers in full and no
texts are shown; --invalid PATH writes the records that cannot be sent as they are.

Examples:
  What would be sent, and what it costs:
    batchcast plan people.csv --from +16505550100 --to-field Mobile --text 'Hello Team' --price 0.0085
  How long it takes at 30 messages a second:
    batchcast plan numbers.txt --from +16505550100 --text 'Hello Team' --rate 30
  For a program, such as a check before a send:
    batchcast plan list.ndjson --from +16505550100 --json | jq '{recipients, segments: .segments.total}'

Exit codes: 0 all of the list can be sent, 1 failure, 2 wrong usage, 3 some records invalid.";

#[derive(clap::Args)]
#[command(mut_arg("suppress", super::screen::in_files_that_count))]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) list: ListArgs,

    /// What a segment costs, such as 0.0085, in any currency: gives the cost, exactly
    #[arg(long, value_name = "PRICE")]
    pub(crate) price: Option<Price>,

    /// How many messages are sent in a second, such as 30 or 0.5: gives the time
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<Rate>,

    /// Write one JSON object to standard output, with all batches
    #[arg(long)]
    pub(crate) json: bool,
}
