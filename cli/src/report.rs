//! What a run did, for people and as JSON.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use batchcast::input::Invalid;
use batchcast::journal::Totals;
use batchcast::screen::{PassedOver, Reason};
use batchcast::send::{FailureKind, Receipt, Reject, Report, Stopped};
use batchcast::{PhoneNumber, Position};
use indicatif::HumanCount;
use serde::Serialize;

use crate::exit::Exit;
use crate::kept::{Kept, quoted};
use crate::readable::{batches, bytes, count, rate, recipients, time};
use crate::records::RecordsFile;
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
    passed_over: Vec<String>,
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

    /// Keeps a record that is passed over, if it is among the first.
    pub(crate) fn passed_over(
        &mut self,
        position: Position,
        to: Option<PhoneNumber>,
        reason: Reason,
    ) {
        if self.passed_over.len() < SHOWN {
            let to = to.map_or_else(|| "invalid".to_owned(), |to| to.masked().to_string());
            self.passed_over.push(format!("{position}: {to} {reason}"));
        }
    }

    /// What is known of the records that are passed over, as lines. `over` is the journal of a run that is.
    pub(crate) fn passed_over_lines(
        &self,
        count: PassedOver,
        file: Option<&RecordsFile>,
        over: Option<&Kept>,
    ) -> Vec<String> {
        let all = All::of(file, "--passed-over", over);
        let mut lines = listed("Passed over", count.total(), &self.passed_over, all);
        if let Some(line) = lines.first_mut() {
            let reasons = [
                (count.skipped, "skipped", "skipped"),
                (count.suppressed, "suppressed", "suppressed"),
                (count.duplicates, "duplicate", "duplicates"),
            ];
            let reasons = reasons.into_iter().filter(|&(many, _, _)| many > 0);
            let reasons = reasons.map(|(many, one, more)| crate::readable::count(many, one, more));
            let _ = write!(line, " ({})", reasons.collect::<Vec<_>>().join(", "));
        }
        lines
    }

    /// Keeps a batch, if it is among the first.
    pub(crate) fn accepted(&mut self, receipt: &Receipt) {
        if self.batches.len() < SHOWN_BATCHES {
            let id = clean::short(&receipt.id);
            self.batches
                .push(format!("batch {}: id {id}", receipt.batch.number));
        }
    }

    /// What is known of the invalid records, as lines: how many, the first few, where all of them are. `over` is the
    /// journal of a run that is.
    pub(crate) fn invalid_lines(
        &self,
        count: u64,
        file: Option<&RecordsFile>,
        over: Option<&Kept>,
    ) -> Vec<String> {
        let all = All::of(file, "--invalid", over);
        let mut lines = listed("Invalid", count, &self.invalid, all);
        if let (Some(hint), false) = (self.hint, lines.is_empty()) {
            lines.push(format!("  hint: {hint}"));
        }
        lines
    }
}

/// A record that holds nothing but what may be a phone number.
pub(crate) fn looks_like_a_number(input: &[u8]) -> Option<&str> {
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

/// Where all is to be seen of which the first few are listed.
#[derive(Clone, Copy)]
enum All<'p> {
    /// In this file.
    In(&'p RecordsFile),
    /// In a file, by this flag.
    By(&'static str),
    /// The run with this journal is over: no flag helps any more.
    Reported(&'p Kept),
}

impl<'p> All<'p> {
    const fn of(file: Option<&'p RecordsFile>, flag: &'static str, over: Option<&'p Kept>) -> Self {
        match (file, over) {
            (Some(file), _) => Self::In(file),
            (None, Some(kept)) => Self::Reported(kept),
            (None, None) => Self::By(flag),
        }
    }
}

fn listed(what: &str, count: u64, samples: &[String], all: All<'_>) -> Vec<String> {
    if count == 0 {
        return Vec::new();
    }
    let mut lines = vec![format!("{what}: {}", HumanCount(count))];
    lines.extend(samples.iter().map(|sample| format!("  {sample}")));
    // None of them are shown if an earlier process has met all.
    let more = !samples.is_empty() && count > samples.len() as u64;
    lines.push(match all {
        All::In(file) if file.is_torn() => {
            format!(
                "  what could be written of them is in {}",
                file.path().display()
            )
        }
        All::In(file) => format!("  all of them are in {}", file.path().display()),
        All::By(flag) if more => format!("  and more: {flag} PATH writes all of them to a file"),
        All::By(flag) => format!("  ({flag} PATH writes them to a file)"),
        All::Reported(kept) if more => format!("  and more: '{}' has all of them", kept.report()),
        All::Reported(kept) => format!("  ('{}' has them as well)", kept.report()),
    });
    lines
}

/// The summary for people.
pub(crate) fn human(
    ended: &Result<Report, Stopped>,
    notes: &Notes,
    kept: Option<&Kept>,
) -> Vec<String> {
    let report = report(ended);
    let mut lines = Vec::new();

    let nothing = report.messages == 0
        && report.invalid == 0
        && report.passed_over.total() == 0
        && report.skipped.is_empty();
    if ended.is_ok() && nothing {
        return vec!["The list is empty: nothing was sent".to_owned()];
    }
    lines.push(accepted(ended, notes));
    if report.replayed > 0 {
        lines.push(format!("  {} of them before", batches(report.replayed)));
    }
    let samples = &notes.samples;
    lines.extend(samples.batches.iter().map(|batch| format!("  {batch}")));
    if report.batches - report.replayed.min(report.batches) > samples.batches.len() as u64 {
        lines.push(match kept {
            Some(kept) => format!(
                "  and more: 'batchcast status {}' shows all of them",
                quoted(&kept.path)
            ),
            None => "  and more: --json names all of them".to_owned(),
        });
    }
    if report.found > 0 {
        lines.push(format!(
            "  {} found in the server's list: more may have been rejected there than was told",
            count(report.found, "batch was", "batches were")
        ));
    }

    let over = kept.filter(|_| ended.is_ok());
    let all = All::of(notes.rejected.as_ref(), "--rejected", over);
    lines.extend(listed("Rejected", report.rejected, &samples.rejected, all));
    if report.unplaced > 0 {
        lines.push(format!(
            "  of {} of the server's answers it cannot be told who is meant: index and number do not belong together, or it was named before",
            count(report.unplaced, "entry", "entries")
        ));
    }
    if report.missing > 0 {
        lines.push(missing(report.missing));
    }
    let file = notes.invalid.as_ref();
    lines.extend(samples.invalid_lines(report.invalid, file, over));
    let file = notes.passed_over.as_ref();
    lines.extend(samples.passed_over_lines(report.passed_over, file, over));
    if !report.skipped.is_empty() {
        lines.push(format!(
            "Left in doubt: records {}: their messages may not have been sent",
            ranges(&report.skipped)
        ));
    }
    if let Err(stopped) = ended {
        lines.extend(what_next(stopped, kept));
    }
    lines
}

/// Says how many messages the server has not taken, by its own word.
pub(crate) fn missing(messages: u64) -> String {
    format!(
        "Missing: {}: by the sizes that the server gives its batches it has not taken {}, and it does not say which",
        count(messages, "message", "messages"),
        if messages == 1 { "it" } else { "them" },
    )
}

fn accepted(ended: &Result<Report, Stopped>, notes: &Notes) -> String {
    let report = report(ended);
    let mut line = format!(
        "Accepted: {} in {} ({}) in {}, {}",
        recipients(
            report
                .messages
                .saturating_sub(report.rejected + report.missing)
        ),
        batches(report.batches),
        bytes(report.bytes),
        time(report.elapsed),
        rate(notes.sent, report.elapsed),
    );
    if ended.is_err() && !report.accepted.is_empty() {
        let _ = write!(line, "; records {}", ranges(&report.accepted));
    }
    line
}

/// What became of the other records of a send that stopped, and what to do.
fn what_next(stopped: &Stopped, kept: Option<&Kept>) -> Vec<String> {
    let report = &stopped.report;
    let mut lines = Vec::new();
    if !report.in_doubt.is_empty() {
        lines.push(format!(
            "In doubt: records {} were sent, but no answer says whether they were accepted",
            ranges(&report.in_doubt)
        ));
        lines.push(
            "  Their messages may be on their way. Before you send them again, look whether the server has the \
             batch: GET /restapi/v1.0/account/~/a2p-sms/batches lists those of the last 24 hours"
                .to_owned(),
        );
    }
    if !report.not_sent.is_empty() {
        lines.push(format!("Not sent: records {}", ranges(&report.not_sent)));
    }
    match report.not_sent_from {
        None => {}
        Some(_) if is_untouched(report) => {
            lines.push(
                "Not sent: nobody got a message. The whole list can be sent again".to_owned(),
            );
        }
        Some(first) => {
            lines.push(format!(
                "Not sent: record {} and all after it",
                HumanCount(first)
            ));
            if kept.is_none() {
                lines.push(
                    "  To go on, send a list of these alone (a CSV list with its header); \
                     the records before them must not be in it"
                        .to_owned(),
                );
            }
        }
    }
    if let Some(kept) = kept {
        lines.extend(how_to_resume(stopped, kept));
    }
    lines
}

/// Whether nobody got a message, and nobody may have got one.
pub(crate) const fn is_untouched(report: &Report) -> bool {
    report.accepted.is_empty() && report.in_doubt.is_empty() && report.skipped.is_empty()
}

/// The command that goes on. There is none if nothing was sent and something has to be put right: most of that is in what
/// was typed, the journal holds it, and `resume` could not change it.
fn resume(stopped: &Stopped, kept: &Kept) -> Option<String> {
    let is_begun = stopped.is_passing() || !is_untouched(&stopped.report);
    is_begun.then(|| kept.resume(stopped.failure.kind()))
}

/// What there is to say of a run whose process does not wait for what is on its way.
pub(crate) fn left_behind(open: &BTreeSet<u64>, kept: Option<&Kept>) -> Vec<String> {
    let numbers: Vec<_> = open.iter().map(ToString::to_string).collect();
    let mut lines = Vec::new();
    match &*numbers {
        [] => {}
        [number] => lines.push(format!(
            "In doubt: batch {number} may have been sent, and what became of it was not waited for"
        )),
        numbers => lines.push(format!(
            "In doubt: batches {} may have been sent, and what became of them was not waited for",
            numbers.join(", ")
        )),
    }
    if let Some(kept) = kept {
        lines.push(format!("Journal: {}", kept.path.display()));
        lines.push("To go on:".to_owned());
        lines.push(format!("  {}", kept.resume(&FailureKind::Interrupted)));
    }
    lines
}

fn how_to_resume(stopped: &Stopped, kept: &Kept) -> Vec<String> {
    let journal = format!("Journal: {}", kept.path.display());
    let Some(resume) = resume(stopped, kept) else {
        return vec![
            format!("{journal} (nothing in it counts: it makes room for that of another send)"),
            "To go on, once that is put right: 'batchcast send' again, as it should be".to_owned(),
        ];
    };
    let in_doubt = !stopped.report.in_doubt.is_empty();
    let is_declined = matches!(stopped.failure.kind(), FailureKind::Declined);
    let when = if in_doubt {
        "To go on, once it was looked whether the server has the batch"
    } else if stopped.is_passing() {
        "To go on"
    } else {
        "To go on, once that is put right"
    };
    let mut lines = vec![journal, format!("{when}:")];
    if in_doubt {
        lines.push(format!("  {resume} --in-doubt resend|skip"));
        lines.push("  (resend: send them again; skip: take them for sent. Without it, it is looked for again)".to_owned());
    } else if is_declined {
        // A script does not find it in the JSON: it is a person who says so.
        lines.push(format!("  {resume} --yes"));
    } else {
        lines.push(format!("  {resume}"));
    }
    lines
}

fn ranges(ranges: &[RangeInclusive<u64>]) -> String {
    let range = |records: &RangeInclusive<u64>| {
        format!(
            "{} to {}",
            HumanCount(*records.start()),
            HumanCount(*records.end())
        )
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(", ")
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
    missing: u64,
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
            missing: receipt.missing(),
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
    missing: u64,
    invalid: u64,
    passed_over: PassedOverCounts,
    accepted: Vec<[u64; 2]>,
    in_doubt: Vec<[u64; 2]>,
    skipped: Vec<[u64; 2]>,
    not_sent: Vec<[u64; 2]>,
    not_sent_from: Option<u64>,
    failed_batch: Option<u64>,
    found: u64,
    replayed: u64,
    elapsed_ms: u64,
    error: Option<String>,
    not_before: Option<String>,
    journal: Option<String>,
    resume: Option<String>,
}

impl SummaryLine {
    /// The summary of this send.
    pub(crate) fn of(ended: &Result<Report, Stopped>, exit: Exit, kept: Option<&Kept>) -> Self {
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
            missing: report.missing,
            invalid: report.invalid,
            passed_over: PassedOverCounts::of(report.passed_over),
            accepted: report.accepted.iter().map(ends).collect(),
            in_doubt: report.in_doubt.iter().map(ends).collect(),
            skipped: report.skipped.iter().map(ends).collect(),
            not_sent: report.not_sent.iter().map(ends).collect(),
            not_sent_from: report.not_sent_from,
            failed_batch: report.failed_batch,
            found: report.found,
            replayed: report.replayed,
            elapsed_ms: millis(report.elapsed),
            error: ended.as_ref().err().map(ToString::to_string),
            not_before: (report.not_before).map(|until| format!("{:.3}", hint::timestamp(until))),
            journal: kept.map(|kept| kept.path.display().to_string()),
            resume: (ended.as_ref().err().zip(kept))
                .and_then(|(stopped, kept)| resume(stopped, kept)),
        }
    }
}

/// How many records were passed over, in JSON.
#[derive(Serialize)]
struct PassedOverCounts {
    skipped: u64,
    suppressed: u64,
    duplicates: u64,
}

impl PassedOverCounts {
    const fn of(count: PassedOver) -> Self {
        Self {
            skipped: count.skipped,
            suppressed: count.suppressed,
            duplicates: count.duplicates,
        }
    }
}

/// The summary of a run that was finished before, in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FinishedLine {
    event: &'static str,
    outcome: &'static str,
    batches: u64,
    messages: u64,
    rejected: u64,
    missing: u64,
    invalid: u64,
    journal: String,
    /// There is nothing left to do.
    resume: Option<String>,
}

impl FinishedLine {
    /// The summary of this run.
    pub(crate) fn of(journal: &Path, totals: Totals, missing: u64, exit: Exit) -> Self {
        Self {
            event: "finished",
            outcome: exit.outcome(),
            batches: totals.batches,
            messages: totals.messages,
            rejected: totals.rejected,
            missing,
            invalid: totals.invalid,
            journal: std::path::absolute(journal)
                .unwrap_or_else(|_| journal.to_owned())
                .display()
                .to_string(),
            resume: None,
        }
    }
}

fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
