//! A phone number a line, against a twin that splits at line ends.

use batchcast::input::{Format, MAX_RECORD_BYTES};
use batchcast::{PhoneNumber, Region};

use crate::list::{self, Line, REGIONS, assert_place, lines, on_two_paths};
use crate::paths::Fact;

/// Checks a list of numbers.
pub fn check(bytes: &[u8]) {
    for region in REGIONS {
        check_in(region, bytes);
    }
}

fn check_in(region: Option<Region>, bytes: &[u8]) {
    let facts = on_two_paths(Format::Lines, region, bytes);
    assert_eq!(facts.error, None);

    let lines = lines(bytes);
    let expected: Vec<_> = lines.iter().filter(|line| is_record(line)).collect();
    assert_eq!(facts.records.len(), expected.len());
    for (index, (fact, line)) in facts.records.iter().zip(expected).enumerate() {
        assert_place(fact, index + 1, *line);
        match (fact, number(line, region)) {
            (Fact::Message { to, text, .. }, Some(number)) => {
                assert_eq!((to.as_str(), text), (number.as_str(), &None));
            }
            (Fact::Invalid { error, input, .. }, None) => {
                assert!(line.content.starts_with(input));
                assert_eq!(error.contains("is longer than"), line.is_too_long());
                let is_utf8 = std::str::from_utf8(line.content).is_ok();
                assert!(line.is_too_long() || error.contains("not UTF-8") != is_utf8);
            }
            (fact, number) => panic!("{fact:?}, and should be {number:?}"),
        }
    }
}

fn is_record(line: &Line<'_>) -> bool {
    // Of an over-long line only so much is looked at.
    let first = &line.content[..line.content.len().min(MAX_RECORD_BYTES)];
    let is_comment = first.trim_ascii_start().starts_with(b"#");
    !is_comment && (line.is_too_long() || !line.is_blank())
}

fn number(line: &Line<'_>, region: Option<Region>) -> Option<PhoneNumber> {
    let number = std::str::from_utf8(line.content).ok()?;
    let number = list::number(number.trim_ascii(), region);
    number.filter(|_| !line.is_too_long())
}
