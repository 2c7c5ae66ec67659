//! RFC 4180, against the `csv` crate where both define the result.

use batchcast::input::Format;
use batchcast::{Region, Text};

use crate::list::{REGIONS, number, on_two_paths};
use crate::paths::Fact;

/// Checks a list with whatever header it has, and the same behind a header that is known.
pub fn check(bytes: &[u8]) {
    for region in REGIONS {
        check_in(region, bytes);
    }
}

fn check_in(region: Option<Region>, bytes: &[u8]) {
    on_two_paths(Format::Csv, region, bytes);
    let list = [b"to,text,x\n", bytes].concat();
    let facts = on_two_paths(Format::Csv, region, &list);
    assert_eq!(facts.error, None);
    if !both_define(&list) || facts.records.iter().any(is_ours_alone) {
        return;
    }

    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.flexible(true).from_reader(&list[..]);
    let rows = reader
        .byte_records()
        .map(|row| row.expect("memory does not fail"));
    let rows: Vec<_> = rows.collect();

    assert_eq!(facts.records.len(), rows.len());
    for (index, (fact, row)) in facts.records.iter().zip(&rows).enumerate() {
        assert_eq!(fact.position().record, index as u64 + 1);
        match (fact, message(row, region)) {
            (Fact::Message { to, text, .. }, Some(message)) => {
                assert_eq!((to, text), (&message.0, &message.1));
            }
            (Fact::Invalid { .. }, None) => {}
            (fact, message) => panic!("{fact:?}, and should be {message:?}"),
        }
    }
}

/// To the `csv` crate a carriage return alone ends a line, and a line of spaces is a record.
fn both_define(list: &[u8]) -> bool {
    let mut lines = list.split(|&byte| byte == b'\n');
    lines.all(|line| {
        let content = line.strip_suffix(b"\r").unwrap_or(line);
        !content.contains(&b'\r') && (content.is_empty() || !content.trim_ascii().is_empty())
    }) && !list.ends_with(b"\r")
}

/// To the `csv` crate a record may have any length, and a quote that is never closed swallows the list.
fn is_ours_alone(fact: &Fact) -> bool {
    match fact {
        Fact::Message { .. } => false,
        Fact::Invalid { error, input, .. } => {
            error.contains("is longer than")
                || error.contains("is not closed")
                // Of a quote that is not closed nothing is said in a line that is not UTF-8 either.
                || (error.contains("is not UTF-8") && input.contains(&b'"'))
        }
    }
}

fn message(row: &csv::ByteRecord, region: Option<Region>) -> Option<(String, Option<String>)> {
    let cells: Option<Vec<_>> = row
        .iter()
        .map(|cell| std::str::from_utf8(cell).ok())
        .collect();
    let [to, text, _] = cells?[..] else {
        return None;
    };
    let to = number(to.trim_ascii(), region)?;
    let text = Some(text).filter(|text| !text.trim().is_empty());
    let is_good = text.is_none_or(|text| Text::new(text).is_ok());
    is_good.then(|| (to.as_str().to_owned(), text.map(String::from)))
}
