//! What a run did, for people and as JSON.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use batchcast::input::Invalid;
use batchcast::send::{Receipt, Reject, Report, Stopped};
use indicatif::HumanCount;
use serde::Serialize;

use crate::exit::Exit;
use crate::progress::{batches, bytes, rate, recipients, time};
use crate::watch::Notes;
use crate::{clean, hint};

/// How many invalid records, and how many rejected recipients, are shown.
const SHOWN: usize = 5;
/// How many batches are named.
const SHOWN_BATCHES: usize = 10;

/// The first few of everything, as lines. No number in full, no text.
#[derive(Default)]
pub(crate) struct Samples {
    invalid: Vec<String>,
    rejected: Vec<String>,
    batches: Vec<String>,
    /// The flag that helps against the first invalid record.
    hint: Option<&'static str>,
}

impl Samples {
    /// Keeps an invalid record, if it is among the first.
    pub(crate) fn invalid(&mut self, invalid: &Invalid<'_>) {
        if self.invalid.len() == SHOWN {
            return;
        }
        if let (true, batchcast::ErrorKind::Record { fault, .. }) =
            (self.invalid.is_empty(), invalid.error.kind())
        {
            self.hint = hint::of_record(fault);
        }
        let mut line = invalid.error.to_string();
        if let Some(number) = looks_like_a_number(invalid.input) {
            let _ = write!(line, ": {}", clean::mask(number));
        }
        self.invalid.push(line);
    }

    /// Keeps a rejected recipient, if it is among the first.
    pub(crate) fn rejected(&mut self, reject: &Reject) {
        if self.rejected.len() == SHOWN {
            return;
        }
        let place = match reject.origin {
            Some(origin) => format!("record {} (line {})", origin.record, origin.line),
            None => format!("batch {}, message {}", reject.batch, reject.index),
        };
        self.rejected.push(format!(
            "{place}: {} {} {}",
            clean::mask(&reject.to),
            clean::short(&reject.error_code),
            clean::sentence(&reject.description),
        ));
    }

    /// Keeps a batch, if it is among the first.
    pub(crate) fn accepted(&mut self, receipt: &Receipt) {
        if self.batches.len() < SHOWN_BATCHES {
            let id = clean::short(&receipt.id);
            self.batches
                .push(format!("batch {}: id {id}", receipt.batch.number));
        }
    }

    /// What is known of the invalid records, as lines: how many, the first few, where all of them are.
    pub(crate) fn invalid_lines(&self, count: u64, file: Option<&Path>) -> Vec<String> {
        let mut lines = listed("Invalid", count, &self.invalid, file, "--invalid");
        if let (Some(hint), false) = (self.hint, lines.is_empty()) {
            lines.push(format!("  hint: {hint}"));
        }
        lines
    }
}

/// A record that holds nothing but what may be a phone number.
fn looks_like_a_number(input: &[u8]) -> Option<&str> {
    let input = std::str::from_utf8(input).ok()?.trim();
    let is_number = input.len() <= 24
        && input.bytes().any(|byte| byte.is_ascii_digit())
        && input.bytes().all(|byte| {
            matches!(
                byte,
                b'0'..=b'9' | b'+' | b'-' | b'(' | b')' | b'.' | b'/' | b' '
            )
        });
    is_number.then_some(input)
}

fn listed(
    what: &str,
    count: u64,
    samples: &[String],
    file: Option<&Path>,
    flag: &str,
) -> Vec<String> {
    if count == 0 {
        return Vec::new();
    }
    let mut lines = vec![format!("{what}: {}", HumanCount(count))];
    lines.extend(samples.iter().map(|sample| format!("  {sample}")));
    let more = count > samples.len() as u64;
    match file {
        Some(path) => lines.push(format!("  all of them are in {}", path.display())),
        None if more => lines.push(format!(
            "  and more: {flag} PATH writes all of them to a file"
        )),
        None => lines.push(format!("  ({flag} PATH writes them to a file)")),
    }
    lines
}

/// The summary for people.
pub(crate) fn human(ended: &Result<Report, Stopped>, notes: &Notes) -> Vec<String> {
    let report = report(ended);
    let accepted = report.messages - report.rejected.min(report.messages);
    let mut lines = Vec::new();

    let nothing = report.messages == 0 && report.invalid == 0;
    if ended.is_ok() && nothing {
        return vec!["The list is empty: nothing was sent".to_owned()];
    }
    let mut first = format!(
        "Accepted: {} in {} ({}) in {}, {}",
        recipients(accepted),
        batches(report.batches),
        bytes(report.bytes),
        time(report.elapsed),
        rate(report.messages, report.elapsed),
    );
    if let (Err(_), Some(records)) = (ended, &report.accepted) {
        let _ = write!(first, "; records {}", range(records));
    }
    lines.push(first);
    let samples = &notes.samples;
    lines.extend(samples.batches.iter().map(|batch| format!("  {batch}")));
    if report.batches > samples.batches.len() as u64 {
        lines.push("  and more: --json names all of them".to_owned());
    }

    let path = |file: &Option<crate::records::RecordsFile>| {
        file.as_ref().map(|file| file.path().to_owned())
    };
    let rejected = path(&notes.rejected);
    lines.extend(listed(
        "Rejected",
        report.rejected,
        &samples.rejected,
        rejected.as_deref(),
        "--rejected",
    ));
    if report.unplaced > 0 {
        lines.push(format!(
            "  {} of them cannot be told where they came from: the server's index and number do not belong together",
            HumanCount(report.unplaced)
        ));
    }
    let invalid = path(&notes.invalid);
    lines.extend(samples.invalid_lines(report.invalid, invalid.as_deref()));
    if let Err(stopped) = ended {
        lines.extend(what_next(stopped));
    }
    lines
}

/// What became of the other records of a send that stopped, and what to do.
fn what_next(stopped: &Stopped) -> Vec<String> {
    let report = &stopped.report;
    let mut lines = Vec::new();
    if let Some(records) = &report.in_doubt {
        let batch = report.failed_batch.unwrap_or_default();
        lines.push(format!(
            "In doubt: records {} (batch {batch}) were sent, but no answer says whether they were accepted",
            range(records)
        ));
        lines.push(
            "  Their messages may be on their way. Before you send them again, look whether the server has the \
             batch: GET /restapi/v1.0/account/~/a2p-sms/batches lists those of the last 24 hours"
                .to_owned(),
        );
    }
    match report.not_sent_from {
        None => {}
        Some(_) if report.accepted.is_none() && report.in_doubt.is_none() => {
            lines.push(
                "Not sent: nobody got a message. The whole list can be sent again".to_owned(),
            );
        }
        Some(first) => {
            lines.push(format!(
                "Not sent: record {} and all after it",
                HumanCount(first)
            ));
            lines.push(
                "  To go on, send a list of these alone (a CSV list with its header); \
                 the records before them must not be in it"
                    .to_owned(),
            );
        }
    }
    lines
}

fn range(records: &RangeInclusive<u64>) -> String {
    format!(
        "{} to {}",
        HumanCount(*records.start()),
        HumanCount(*records.end())
    )
}

const fn report(ended: &Result<Report, Stopped>) -> &Report {
    match ended {
        Ok(report) => report,
        Err(stopped) => &stopped.report,
    }
}

/// A batch that was accepted, in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchLine<'a> {
    event: &'static str,
    number: u64,
    id: &'a str,
    messages: u64,
    bytes: u64,
    records: [u64; 2],
    rejected: u64,
    status: Option<&'a str>,
    elapsed_ms: u64,
}

impl<'a> BatchLine<'a> {
    /// The line of this batch.
    pub(crate) fn of(receipt: &'a Receipt) -> Self {
        let batch = &receipt.batch;
        Self {
            event: "batch",
            number: batch.number,
            id: &receipt.id,
            messages: batch.messages,
            bytes: batch.bytes,
            records: [batch.first.record, batch.last.record],
            rejected: receipt.rejected,
            status: receipt.status.as_deref(),
            elapsed_ms: millis(receipt.elapsed),
        }
    }
}

/// The summary in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SummaryLine {
    event: &'static str,
    outcome: &'static str,
    batches: u64,
    messages: u64,
    bytes: u64,
    rejected: u64,
    unplaced: u64,
    invalid: u64,
    accepted: Option<[u64; 2]>,
    in_doubt: Option<[u64; 2]>,
    not_sent_from: Option<u64>,
    failed_batch: Option<u64>,
    elapsed_ms: u64,
    error: Option<String>,
}

impl SummaryLine {
    /// The summary of this send.
    pub(crate) fn of(ended: &Result<Report, Stopped>, exit: Exit) -> Self {
        let report = report(ended);
        let ends = |records: &RangeInclusive<u64>| [*records.start(), *records.end()];
        Self {
            event: "summary",
            outcome: exit.outcome(),
            batches: report.batches,
            messages: report.messages,
            bytes: report.bytes,
            rejected: report.rejected,
            unplaced: report.unplaced,
            invalid: report.invalid,
            accepted: report.accepted.as_ref().map(ends),
            in_doubt: report.in_doubt.as_ref().map(ends),
            not_sent_from: report.not_sent_from,
            failed_batch: report.failed_batch,
            elapsed_ms: millis(report.elapsed),
            error: ended.as_ref().err().map(ToString::to_string),
        }
    }
}

fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
