use batchcast::input::{Fields, Format, MAX_RECORD_BYTES};

use crate::paths::{List, check, check_bytes};

const NO_PLUS: &str = "the phone number does not begin with '+' (E.164: '+', country code, number)";

#[track_caller]
fn lines(list: &str, expected: &[&str]) {
    check(Format::Lines, &Fields::default(), list, expected);
}

#[test]
fn a_number_a_line() {
    lines("", &[]);
    lines("\n", &[]);
    lines("+14155550100", &["+14155550100"]);
    lines("+14155550100\n", &["+14155550100"]);
    lines(
        "+14155550100\n+4915112345678\n+1234567",
        &["+14155550100", "+4915112345678", "+1234567"],
    );
    lines(" \t+14155550100\t \n", &["+14155550100"]);
}

#[test]
fn blank_lines_and_comments_are_passed_over() {
    lines(
        "\n\n+14155550100\n \t \n# Bob, +1\n  # x\n#\n+14155550101\n\n",
        &["+14155550100", "+14155550101"],
    );
    check_bytes(
        Format::Lines,
        &Fields::default(),
        b"# \xff\n+14155550100\n",
        &["+14155550100"],
    );
}

#[test]
fn faults_are_named_with_their_place() {
    let no_plus = format!("line 2 byte 13: {NO_PLUS}");
    lines(
        "+14155550100\n14155550100\n+14155550101\n",
        &["+14155550100", &no_plus, "+14155550101"],
    );
    lines(
        "  +1415x550100\n",
        &["line 1 byte 7: the phone number has a character that is no digit, at its byte 5"],
    );
    lines(
        "+1415\x00550100",
        &["line 1 byte 5: the phone number has a character that is no digit, at its byte 5"],
    );
    check_bytes(
        Format::Lines,
        &Fields::default(),
        b"+14155550100\n+1415555\xff100\n+14155550101\n",
        &[
            "+14155550100",
            "line 2 byte 21: the record is not UTF-8",
            "+14155550101",
        ],
    );
    // Half of a byte order mark, and no more.
    check_bytes(
        Format::Lines,
        &Fields::default(),
        b"\xef\xbb",
        &["line 1 byte 0: the record is not UTF-8"],
    );
    lines("\r", &[]);
}

#[test]
fn a_line_is_too_long_from_a_byte_on() {
    let fields = Fields::default();
    for (len, end, too_long) in [
        (MAX_RECORD_BYTES, "\n", false),
        (MAX_RECORD_BYTES, "\r\n", false),
        (MAX_RECORD_BYTES, "\r", false),
        (MAX_RECORD_BYTES, "", false),
        (MAX_RECORD_BYTES + 1, "\n", true),
        (MAX_RECORD_BYTES + 1, "\r\n", true),
        (MAX_RECORD_BYTES + 1, "\r", true),
        (MAX_RECORD_BYTES + 1, "", true),
        (5 * MAX_RECORD_BYTES, "\n", true),
    ] {
        let next = if end.ends_with('\n') {
            "+14155550101\n"
        } else {
            ""
        };
        let input = format!("+14155550100\n+{}{end}{next}", "1".repeat(len - 1));
        let list = List {
            format: Format::Lines,
            fields: &fields,
            template: None,
            bytes: input.as_bytes(),
        };
        let facts = list.at_once();
        let short = facts.short();
        let fault = if too_long {
            "line 2 byte 13: the record is longer than 65536 bytes"
        } else {
            "line 2 byte 13: the phone number has more than 15 digits"
        };
        assert_eq!(short[1], fault, "{len} {end:?}");
        assert_eq!(short.get(2).is_some(), !next.is_empty());
        assert_eq!(short.len(), 2 + usize::from(!next.is_empty()));
        if !next.is_empty() {
            assert_eq!(facts.records[2].position().line, 3);
        }
        for size in [
            1_000,
            4_096,
            MAX_RECORD_BYTES - 12,
            MAX_RECORD_BYTES,
            MAX_RECORD_BYTES + 1,
        ] {
            for sizes in [vec![size; 400], vec![13 + size, 1, 1, 1, 1, 1]] {
                assert_eq!(
                    list.in_blocks(&sizes, usize::MAX),
                    facts,
                    "{len} {end:?} by {size}"
                );
                assert_eq!(list.in_blocks(&sizes, 1), facts, "{len} {end:?} by {size}");
            }
            assert_eq!(list.through_reader(size), facts, "{len} {end:?} by {size}");
        }
    }
}

#[test]
fn an_over_long_comment_is_a_comment_and_over_long_spaces_are_a_record() {
    let fields = Fields::default();
    for (fill, start, expected) in [
        ("x", "# ", vec!["+14155550100"]),
        (
            " ",
            "",
            vec![
                "line 1 byte 0: the record is longer than 65536 bytes",
                "+14155550100",
            ],
        ),
        (
            " ",
            "+1",
            vec![
                "line 1 byte 0: the record is longer than 65536 bytes",
                "+14155550100",
            ],
        ),
    ] {
        let input = format!(
            "{start}{}# \n+14155550100",
            fill.repeat(3 * MAX_RECORD_BYTES)
        );
        let list = List {
            format: Format::Lines,
            fields: &fields,
            template: None,
            bytes: input.as_bytes(),
        };
        assert_eq!(list.at_once().short(), expected);
        assert_eq!(list.in_blocks(&[10_000; 40], usize::MAX).short(), expected);
        assert_eq!(list.through_reader(10_000).short(), expected);
    }
}
