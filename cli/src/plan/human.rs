//! A plan for people: what matters first, on 80 columns.

use std::path::Path;

use batchcast::MAX_TEXT_UNITS;
use batchcast::encode::Batch;
use batchcast::segment::Encoding;
use indicatif::HumanCount;

use super::characters::Forcing;
use super::duplicates::Duplicates;
use super::faults::{Example, Faults};
use super::layout::{Side, bar, table, wrapped};
use super::quote::{Price, Rate};
use super::survey::{Batches, Survey};
use super::texts::Texts;
use crate::config::List;
use crate::readable::{bytes, count, time};

/// How many batches are shown at the list's beginning, if there are too many to show all.
const FIRST_BATCHES: usize = 4;
const MOST_BATCHES: u64 = 6;
/// How many characters that force UCS-2, and kinds of invalid records, are shown.
const CHARACTERS: usize = 10;
const KINDS: usize = 8;
/// The longest bar.
const BAR: u64 = 30;

/// The lines of a plan.
pub(crate) fn lines(
    survey: &Survey,
    list: &List,
    price: Option<&Price>,
    rate: Option<&Rate>,
    invalid_file: Option<&Path>,
) -> Vec<String> {
    let sent_or_not = survey.invalid.count() + survey.passed_over.total();
    let records = survey.batches.messages + sent_or_not;
    if records == 0 {
        return vec!["The list is empty: nothing would be sent".to_owned()];
    }
    let mut lines = vec![title(survey, list), String::new()];
    lines.extend(summary(survey, list, price, rate));
    let warnings = survey.warnings.iter();
    let sections = [
        warnings
            .flat_map(|told| wrapped(&format!("Warning: {told}"), ""))
            .collect(),
        batches(&survey.batches),
        segments(&survey.texts),
        characters(&survey.texts.characters.all()),
        survey.duplicates.as_ref().map_or(Vec::new(), duplicates),
        invalid(&survey.invalid, invalid_file),
    ];
    for section in sections.into_iter().filter(|section| !section.is_empty()) {
        lines.push(String::new());
        lines.extend(section);
    }
    lines
}

fn title(survey: &Survey, list: &List) -> String {
    let name = match &list.file {
        Some(path) => path.display().to_string(),
        None => "standard input".to_owned(),
    };
    format!(
        "Plan for {name} ({}, {}). Nothing is sent.",
        survey.format,
        bytes(survey.bytes)
    )
}

fn summary(
    survey: &Survey,
    list: &List,
    price: Option<&Price>,
    rate: Option<&Rate>,
) -> Vec<String> {
    let Survey {
        batches,
        texts,
        invalid,
        ..
    } = survey;
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String, note: String| {
        rows.push([name.to_owned(), value, note]);
    };
    row("Recipients", number(batches.messages), String::new());
    if invalid.count() > 0 {
        row(
            "Invalid",
            number(invalid.count()),
            "records that cannot be sent, see below".into(),
        );
    }
    if invalid.too_long() > 0 {
        let limit = HumanCount(MAX_TEXT_UNITS as u64);
        let note = format!("of these have a text of more than {limit} code units");
        row("Too long", number(invalid.too_long()), note);
    }
    if let Some(duplicates) = survey
        .duplicates
        .as_ref()
        .filter(|found| found.numbers() > 0)
    {
        let surplus = count(duplicates.surplus(), "message", "messages");
        let note = format!("numbers that come again, {surplus} too many (see --unique)");
        row("Duplicates", number(duplicates.numbers()), note);
    }
    for (name, messages, why) in [
        (
            "Suppressed",
            survey.passed_over.suppressed,
            "who want no messages: passed over",
        ),
        (
            "Repeated",
            survey.passed_over.duplicates,
            "to a number that comes before: passed over",
        ),
        (
            "Skipped",
            survey.passed_over.skipped,
            "records at the list's beginning: passed over",
        ),
    ] {
        if messages > 0 {
            row(name, number(messages), why.into());
        }
    }
    let limit = match list.limits.max_messages() {
        Some(messages) => format!(" and {} messages", HumanCount(messages.get())),
        None => String::new(),
    };
    row(
        "Batches",
        number(batches.count),
        format!(
            "{} in all, at most {}{limit} each",
            bytes(batches.bytes),
            bytes(list.limits.max_bytes())
        ),
    );
    row(
        "Segments",
        number(texts.segments()),
        per_message(texts.segments(), batches.messages),
    );
    if let Some(price) = price {
        row(
            "Cost",
            grouped(&price.of(texts.segments())),
            format!("at {price} a segment"),
        );
    }
    if let Some(rate) = rate {
        let takes = time(rate.time(batches.messages));
        row("Time", takes, format!("at {rate} messages a second"));
    }
    table([Side::Left, Side::Right, Side::Left], &rows)
}

fn per_message(segments: u64, messages: u64) -> String {
    if messages == 0 {
        return String::new();
    }
    let hundredths = u128::from(segments) * 100 / u128::from(messages);
    format!(
        "SMS, {}.{:02} for a message",
        hundredths / 100,
        hundredths % 100
    )
}

fn batches(batches: &Batches) -> Vec<String> {
    let shown = match batches.count {
        0..=MOST_BATCHES => &batches.kept[..],
        _ => &batches.kept[..FIRST_BATCHES],
    };
    let row = |batch: &Batch| {
        [
            number(batch.number),
            number(batch.messages),
            bytes(batch.bytes),
            format!(
                "{} to {}",
                HumanCount(batch.first.line),
                HumanCount(batch.last.line)
            ),
        ]
    };
    let mut rows = vec![["Batch", "Messages", "Size", "Lines"].map(str::to_owned)];
    rows.extend(shown.iter().map(row));
    match &batches.last {
        None => return Vec::new(),
        Some(last) if (shown.len() as u64) < batches.count => {
            rows.push(["…", "…", "…", "…"].map(str::to_owned));
            rows.push(row(last));
        }
        Some(_) => {}
    }
    table([Side::Right, Side::Right, Side::Right, Side::Left], &rows)
}

fn segments(texts: &Texts) -> Vec<String> {
    let most = texts.bars().map(|bar| bar.gsm7 + bar.ucs2).max();
    let Some(most) = most else {
        return Vec::new();
    };
    let mut rows = vec![["Segments", "Messages", "GSM-7", "UCS-2", ""].map(str::to_owned)];
    rows.extend(texts.bars().map(|each| {
        let messages = each.gsm7 + each.ucs2;
        [
            number(each.segments),
            number(messages),
            number(each.gsm7),
            number(each.ucs2),
            bar(messages, most, BAR),
        ]
    }));
    let [right, left] = [Side::Right, Side::Left];
    table([right, right, right, right, left], &rows)
}

fn characters(all: &[Forcing]) -> Vec<String> {
    if all.is_empty() {
        return Vec::new();
    }
    let (each, plain) = (Encoding::Ucs2.alone(), Encoding::Gsm7.alone());
    let mut lines = vec![format!(
        "Characters that force UCS-2, which has {each} of them in an SMS instead of {plain}:"
    )];
    let mut rows = vec![["", "", "Messages", "First", "To avoid it"].map(str::to_owned)];
    rows.extend(all.iter().take(CHARACTERS).map(|forcing| {
        let instead = match forcing.instead() {
            None => String::new(),
            Some("") => "leave it out".to_owned(),
            Some(" ") => "write a space".to_owned(),
            Some("\n") => "write a line break".to_owned(),
            Some(instead) => format!("write {instead}"),
        };
        let shown = match forcing.name() {
            Some(name) => name.to_owned(),
            None => forcing.character.to_string(),
        };
        let first = format!("line {}", HumanCount(forcing.first.line));
        [
            shown,
            forcing.code_point(),
            number(forcing.messages),
            first,
            instead,
        ]
    }));
    let [left, right] = [Side::Left, Side::Right];
    lines.extend(table([left, left, right, left, left], &rows));
    if all.len() > CHARACTERS {
        let more = HumanCount((all.len() - CHARACTERS) as u64);
        lines.push(format!("and {more} more: --json names all of them"));
    }
    lines
}

fn duplicates(duplicates: &Duplicates) -> Vec<String> {
    if duplicates.numbers() == 0 {
        return Vec::new();
    }
    let mut lines = vec!["Duplicates, each where it comes for the second time:".to_owned()];
    let examples = duplicates.examples().iter();
    lines.extend(examples.map(|again| format!("  {}: {}", place(again.line), again.number)));
    if duplicates.numbers() > duplicates.examples().len() as u64 {
        lines.push("  and more".to_owned());
    }
    lines
}

fn invalid(faults: &Faults, file: Option<&Path>) -> Vec<String> {
    let kinds = faults.kinds();
    if kinds.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["Invalid records:".to_owned()];
    let width = number(kinds[0].count).len();
    for kind in kinds.iter().take(KINDS) {
        lines.push(format!("  {:>width$}  {}", number(kind.count), kind.told));
        let shown = kind
            .examples
            .iter()
            .map(example)
            .collect::<Vec<_>>()
            .join(", ");
        let more = if kind.count > kind.examples.len() as u64 {
            ", …"
        } else {
            ""
        };
        let indent = " ".repeat(width + 4);
        lines.extend(wrapped(&format!("{shown}{more}"), &indent));
        if let Some(hint) = kind.hint {
            lines.extend(wrapped(&format!("hint: {hint}"), &indent));
        }
    }
    if kinds.len() > KINDS {
        let more = HumanCount((kinds.len() - KINDS) as u64);
        lines.push(format!(
            "  and {more} other kinds: --json names all of them"
        ));
    }
    lines.push(match file {
        Some(path) => format!("  all of them are in {}", path.display()),
        None => "  (--invalid PATH writes them to a file)".to_owned(),
    });
    lines
}

fn example(example: &Example) -> String {
    match &example.number {
        Some(number) => format!("{}: {number}", place(example.position.line)),
        None => place(example.position.line),
    }
}

fn place(line: u64) -> String {
    format!("line {}", HumanCount(line))
}

fn number(number: u64) -> String {
    HumanCount(number).to_string()
}

/// A decimal number with its thousands apart.
fn grouped(decimal: &str) -> String {
    let (whole, rest) = decimal.split_at(decimal.find('.').unwrap_or(decimal.len()));
    match whole.parse() {
        Ok(whole) => format!("{}{rest}", HumanCount(whole)),
        // Too large for that, and for any bill.
        Err(_) => decimal.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_readable() {
        assert_eq!(grouped("1234567.8912"), "1,234,567.8912");
        assert_eq!(grouped("0.30"), "0.30");
        assert_eq!(per_message(7_812, 5_574), "SMS, 1.40 for a message");
        assert_eq!(per_message(0, 0), "");
    }
}
