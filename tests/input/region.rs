//! Lists whose numbers are written as people of a region write them.

use batchcast::Region;
use batchcast::input::{Fields, Format, Template};
use proptest::prelude::*;
use proptest::sample::select;

use crate::paths::{Fact, List, check};

fn fields() -> Fields {
    Fields::default().region(Region::Us)
}

const NUMBER: &str = "+16505550100";
const ROUNDED: &str = "a spreadsheet has rounded the phone number, as in 1.65056E+10: its last digits are lost; \
                       format the column as text, or as a number without decimals, and export it again";

#[test]
fn lines() {
    check(
        Format::Lines,
        &fields(),
        "(650) 555-0100\n+16505550100\r\n 650.555.0100 \n# 650\n'16505550100\n650\u{a0}555\u{a0}0100\n16505550100.0\n",
        &[NUMBER; 6],
    );
    check(
        Format::Lines,
        &fields(),
        "1.65056E+10\n  650 555 O100\n650-555-0100\n",
        &[
            &format!("line 1 byte 0: {ROUNDED}"),
            "line 2 byte 22: the phone number has a character that is neither a digit nor between digits, at its byte 8",
            NUMBER,
        ],
    );
}

#[test]
fn csv() {
    check(
        Format::Csv,
        &fields(),
        "name,Phone,text\nAnn,(650) 555-0100,Hi\n\"B, Bob\",\"1-650-555-0100\",\"Say \"\"hi\"\"\"\nEve,\"(650) \"\"555-0100\",Hi\n\
         Ivy,+16505550100,\nJoe,650 555 0100 x1,Hi\nKim,,Hi\n",
        &[
            "+16505550100 \"Hi\"",
            "+16505550100 \"Say \\\"hi\\\"\"",
            "line 4 byte 82: the phone number has a character that is neither a digit nor between digits, at its byte 6",
            NUMBER,
            "line 6 byte 138: the phone number has a character that is neither a digit nor between digits, at its byte 13",
            "line 7 byte 148: no recipient: the field is missing, null or empty",
        ],
    );
}

#[test]
fn ndjson() {
    check(
        Format::Ndjson,
        &fields(),
        "{\"to\":\"(650) 555-0100\"}\n{\"to\":[\"650.555.0100\"],\"text\":\"Hi\"}\n{\"to\":\"650\\u00a0555 0100\"}\n\
         {\"to\":16505550100}\n{\"to\":16505550100.0}\n{\"to\":1.65056E+10}\n{\"to\":\"+1 (650) 555-0100\"}\n{\"to\":true}\n",
        &[
            NUMBER,
            "+16505550100 \"Hi\"",
            NUMBER,
            NUMBER,
            NUMBER,
            &format!("line 6 byte 133: {ROUNDED}"),
            NUMBER,
            "line 8 byte 179: the recipient is neither a string nor an array of strings",
        ],
    );
}

#[test]
fn a_string_of_json_with_a_control_character_is_no_number() {
    let eof = "not JSON: it ends too early";
    let syntax = "not JSON: a syntax error";
    // A number may have white space around it and between its groups, but a line of JSON has none of these as they are.
    check(
        Format::Ndjson,
        &fields(),
        "{\"to\":\"6505550100\n\"}\n{\"to\":\"6505550101\"}\nbad\n",
        &[
            &format!("line 1 byte 17: {eof}"),
            &format!("line 2 byte 20: {eof}"),
            "+16505550101",
            &format!("line 4 byte 41: {syntax}"),
        ],
    );
    for control in ['\t', '\u{b}', '\u{c}', '\r'] {
        let name = control.escape_unicode();
        for number in [
            format!("650{control}5550100"),
            format!("6505550100{control}"),
            format!("{control}6505550100"),
        ] {
            let object = format!("{{\"to\":\"{number}\",\"name\":\"Bob\"}}\n");
            let escaped = number.replace(control, &format!("\\u{:04x}", u32::from(control)));
            let escaped = format!("{{\"to\":\"{escaped}\",\"name\":\"Bob\"}}\n");
            let list = format!("{escaped}{object}{escaped}{object}");
            for template in [None, Some("Hi {{name|there}}")] {
                let template = template.map(|template| Template::parse(template).unwrap());
                let list = List {
                    format: Format::Ndjson,
                    fields: &fields(),
                    template: template.as_ref(),
                    bytes: list.as_bytes(),
                };
                let facts = list.by_every_path().short();
                assert!(
                    facts
                        .iter()
                        .skip(1)
                        .step_by(2)
                        .all(|fact| fact.ends_with(syntax)),
                    "{name} {facts:?}"
                );
                let greeted = if template.is_some() {
                    " \"Hi Bob\""
                } else {
                    ""
                };
                let is_read = facts[0] == format!("{NUMBER}{greeted}");
                // Of these, only a tab is between digits; all are white space around them.
                let is_between = !number.starts_with(control) && !number.ends_with(control);
                assert_eq!(is_read, control == '\t' || !is_between, "{name} {facts:?}");
            }
        }
    }
}

#[test]
fn without_a_region_nothing_is_read_into_a_number() {
    for format in [Format::Lines, Format::Csv, Format::Ndjson] {
        let list = match format {
            Format::Csv => "to\n6505550100\n",
            Format::Ndjson => "{\"to\":\"6505550100\"}\n{\"to\":6505550100}\n",
            _ => "6505550100\n",
        };
        let fields = Fields::default();
        let list = List {
            format,
            fields: &fields,
            template: None,
            bytes: list.as_bytes(),
        };
        let facts = list.at_once();
        assert!(
            facts
                .records
                .iter()
                .all(|fact| matches!(fact, Fact::Invalid { .. })),
            "{facts:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn all_formats_read_alike(
        numbers in proptest::collection::vec(select(&[
            "+16505550100", "(650) 555-0101", "650.555.0102", "1-650-555-0103", "6505550104", "'6505550105",
            "tel:+1-650-555-0106", "16505550107.0", "+4915112345678", "+44 20 7946 0958",
        ][..]), 1..30),
        cuts in proptest::collection::vec(1..60_usize, 0..20),
    ) {
        let fields = fields();
        let template = Template::parse("{{x}}").unwrap();
        let expected: Vec<_> = numbers.iter().map(|number| Region::Us.parse(number).unwrap()).collect();
        let lines: String = numbers.iter().map(|number| format!("{number}\n")).collect();
        let csv: String = numbers.iter().map(|number| format!("1,{number}\n")).collect();
        let json: String = numbers.iter().map(|number| format!("{{\"to\":\"{number}\",\"x\":1}}\n")).collect();
        let csv = format!("x,to\n{csv}");
        for (format, list) in [(Format::Lines, lines), (Format::Csv, csv), (Format::Ndjson, json)] {
            for template in [None, Some(&template)] {
                if format == Format::Lines && template.is_some() {
                    continue;
                }
                let list = List { format, fields: &fields, template, bytes: list.as_bytes() };
                let at_once = list.at_once();
                let found: Vec<_> = at_once.records.iter().map(|fact| match fact {
                    Fact::Message { to, .. } => to.as_str(),
                    Fact::Invalid { error, .. } => error,
                }).collect();
                let expected: Vec<_> = expected.iter().map(batchcast::PhoneNumber::as_str).collect();
                prop_assert_eq!(found, expected);
                prop_assert_eq!(list.in_blocks(&cuts, 3), at_once);
            }
        }
    }
}
