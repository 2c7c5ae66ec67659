//! The hot paths whose instructions are counted, each over a list of its kind.

use std::fmt::Write as _;
use std::hint::black_box;

use batchcast::encode::json;
use batchcast::encode::{Limits, Splitter};
use batchcast::input::{Csv, Fields, Lines, Ndjson};
use batchcast::{Message, PhoneNumber, Text};

/// The lists that the other benches measure, too.
#[path = "../../common/mod.rs"]
mod common;

use common::{ASCII, ESCAPES, RECORDS, consume};

/// Lists to count with.
pub mod lists {
    use super::*;

    /// A number a line.
    #[must_use]
    pub fn lines() -> Vec<u8> {
        common::lines()
    }

    /// NDJSON as exporters write it.
    #[must_use]
    pub fn ndjson() -> Vec<u8> {
        common::ndjson(ASCII)
    }

    /// The same with escapes in the texts.
    #[must_use]
    pub fn ndjson_escapes() -> Vec<u8> {
        common::ndjson(ESCAPES)
    }

    /// NDJSON that only the general parser takes: spaces between tokens, nested values.
    #[must_use]
    pub fn ndjson_general() -> Vec<u8> {
        common::list(|list, number, name| {
            writeln!(
                list,
                r#"{{ "to" : "{number}", "tags": ["a"], "text" : "Hi {name}, {ASCII}" }}"#
            )
            .expect("strings take everything");
        })
    }

    /// CSV without quotes.
    #[must_use]
    pub fn csv() -> Vec<u8> {
        let rows = common::list(|list, number, name| {
            writeln!(list, "1,{number},Hi {name}; {ASCII}").expect("strings take everything");
        });
        [b"id,to,text\n", &rows[..]].concat()
    }

    /// CSV with a quoted text.
    #[must_use]
    pub fn csv_quoted() -> Vec<u8> {
        common::csv(ASCII)
    }

    /// CSV with doubled quotes and line ends in quoted texts.
    #[must_use]
    pub fn csv_escapes() -> Vec<u8> {
        common::csv(ESCAPES)
    }
}

/// From a list of numbers to bodies.
pub fn lines(list: &[u8]) {
    let envelope = common::envelope(Some("Hello Team"));
    common::encode(Lines::new(), list, &envelope, consume);
}

/// From NDJSON to bodies.
pub fn ndjson(list: &[u8]) {
    let parser = Ndjson::new(&Fields::default());
    common::encode(parser, list, &common::envelope(None), consume);
}

/// From CSV to bodies.
pub fn csv(list: &[u8]) {
    let parser = Csv::new(&Fields::default());
    common::encode(parser, list, &common::envelope(None), consume);
}

/// Writes a text as a JSON string, once for each record.
#[must_use]
pub fn escape(text: &str) -> usize {
    let mut out = Vec::with_capacity(1_024);
    for _ in 0..RECORDS {
        out.clear();
        json::escape(&mut out, black_box(text));
        black_box(&out);
    }
    out.len()
}

/// Splits messages with a text of their own into batches of 10,000 bytes: a split every 72 messages or so.
///
/// # Panics
/// Never: the message fits.
pub fn split() -> u64 {
    let limits = Limits::default().with_max_bytes(10_000);
    let mut splitter = Splitter::new(&common::envelope(None), limits).expect("there is room");
    let to = PhoneNumber::parse("+14155550100").expect("a good number");
    let message = Message::new(to).with_text(Text::new(ASCII).expect("a good text"));
    for _ in 0..RECORDS {
        drop(black_box(splitter.push(black_box(&message))));
    }
    splitter.number()
}
