use batchcast::Position;
use batchcast::input::{Fields, Format, MAX_RECORD_BYTES};

use crate::paths::{List, check, check_bytes};

#[track_caller]
fn csv(list: &str, expected: &[&str]) {
    check(Format::Csv, &Fields::default(), list, expected);
}

const NO_RECIPIENT: &str = "no recipient: the field is missing, null or empty";

#[test]
fn cells_are_found_by_name() {
    csv("to\n", &[]);
    csv("to\n+14155550100\n", &["+14155550100"]);
    csv(
        "to,text\n+14155550100,Hi\n+14155550101,",
        &["+14155550100 \"Hi\"", "+14155550101"],
    );
    csv(
        "text,name,to\nHi,Bob,+14155550100\n",
        &["+14155550100 \"Hi\""],
    );
    csv(
        "\n \nName, Mobile ,x\n\nBob,+14155550100,\n\n",
        &["+14155550100"],
    );
    csv("number,PHONE\n5,+14155550100\n", &["+14155550100"]);
    csv(
        "\"to\",\"text\"\n\"+14155550100\",\"Hi\"\n",
        &["+14155550100 \"Hi\""],
    );
    csv("To,to\nx,+14155550100\n", &["+14155550100"]);
    csv(
        "to,text\n \t+14155550100 , Hi \n",
        &["+14155550100 \" Hi \""],
    );
    let fields = Fields::default().to("Mobile").text("body");
    check(
        Format::Csv,
        &fields,
        "to,BODY,mobile\n5,Hi,+14155550100\n",
        &["+14155550100 \"Hi\""],
    );
}

#[test]
fn comments_may_stand_before_the_header() {
    let list = "# my list\n\n  # exported on 2025-11-29 by \"CRM\"\n#\nname,Phone\nBob,+14155550100\n#,+14155550101\n# no\n";
    assert_eq!(Format::sniff(list.as_bytes()), Format::Csv);
    csv(
        list,
        &[
            "+14155550100",
            "+14155550101",
            "line 8 byte 92: 1 fields where the header has 2",
        ],
    );
    let facts = |fields: &Fields, list: &str| {
        let bytes = list.as_bytes();
        let format = Format::Csv;
        let template = None;
        List {
            format,
            fields,
            template,
            bytes,
        }
        .by_every_path()
    };
    let records = facts(&Fields::default(), list).records;
    let position = |record, line, byte| Position { record, line, byte };
    assert_eq!(records[0].position(), position(1, 6, 60));
    assert_eq!(records[1].position(), position(2, 7, 77));

    // Many lists number their rows, and call that column so.
    csv("#,to\n1,+14155550100\n", &["+14155550100"]);
    let fields = Fields::default().to("#phone");
    check(
        Format::Csv,
        &fields,
        "# a\n#phone\n+14155550100\n",
        &["+14155550100"],
    );
    // What has several columns is a header, and one that is not as it should be is shown.
    let error = facts(
        &Fields::default(),
        "#,Name,Telefon\n1,mobile,+14155550100\n",
    )
    .error;
    assert!(error.is_some_and(|error| error.ends_with("the header has #, Name, Telefon")));
    // With nothing else it is an empty list.
    check(Format::Csv, &Fields::default(), "# to\n# Bob\n", &[]);
}

#[test]
fn no_column_holds_both_the_recipient_and_the_text() {
    // Who calls the text's name the recipient's has no texts.
    for header in ["text", "Text", " text "] {
        let list = format!("{header},x\n+14155550100,y\n");
        for name in ["text", "TEXT"] {
            let fields = Fields::default().to(name);
            check(Format::Csv, &fields, &list, &["+14155550100"]);
            let fields = fields.text("text");
            check(Format::Csv, &fields, &list, &["+14155550100"]);
        }
    }
    // Who calls a default name the text's does not mean the recipient by it, however it is spelled.
    for (text, header) in [
        ("number", "number,cell"),
        ("phone", "Phone,number"),
        ("PHONE", "phone,number"),
        (" Phone ", "Phone,number"),
        ("Phone", "Phone,phone"),
    ] {
        let list = format!("{header}\nHi,+14155550100\n");
        let fields = Fields::default().text(text);
        check(Format::Csv, &fields, &list, &["+14155550100 \"Hi\""]);
    }
    let list = List {
        format: Format::Csv,
        fields: &Fields::default().text("phone"),
        template: None,
        bytes: b"Phone\n",
    };
    let found = list.by_every_path().error.unwrap();
    assert!(found.ends_with("the header has Phone"), "{found}");
}

#[test]
fn quotes_are_those_of_rfc_4180() {
    for (cell, text) in [
        ("\"a,b\"", "a,b"),
        ("\"a\nb\"", "a\nb"),
        ("\"\n\n.\"", "\n\n."),
        ("\"Say \"\"hi\"\"\"", "Say \"hi\""),
        ("\"\"\"\"", "\""),
        ("a\"b", "a\"b"),
        ("a\"\"b\"", "a\"\"b\""),
        ("\"a\"b", "ab"),
        ("\"a\"\"b\"c\"d\"", "a\"bc\"d\""),
        (" \"a\"", " \"a\""),
        ("é👋", "é👋"),
        ("\"é👋\"\"\"", "é👋\""),
    ] {
        let expected = format!("+14155550100 {text:?}");
        for list in [
            format!("to,text\n+14155550100,{cell}\n+14155550101,\n"),
            format!("text,to\n{cell},+14155550100\n,+14155550101\n"),
            format!("to,text,x\n\"+14155550100\",{cell},\n+14155550101,,\"\"\"\""),
        ] {
            csv(&list, &[&expected, "+14155550101"]);
        }
    }
    csv("to,text\n\"+14155550100\",\"\"\n", &["+14155550100"]);
    csv(
        "to,text\n\" \"\"+14155550100\",x\n",
        &[
            "line 2 byte 9: the phone number does not begin with '+' (E.164: '+', country code, number)",
        ],
    );
    // A lone carriage return is content; at the end of a line it is part of the line end.
    check_bytes(
        Format::Csv,
        &Fields::default(),
        b"to,text\n+14155550100,a\rb\r\n",
        &["+14155550100 \"a\\rb\""],
    );
    check_bytes(
        Format::Csv,
        &Fields::default(),
        b"to,text\n+14155550100,\"a\r\"\n",
        &["+14155550100 \"a\\r\""],
    );
    // A byte order mark that stands within is content.
    csv(
        "to,text\n+14155550100,\"\u{feff}\"\"\"\n",
        &["+14155550100 \"\\u{feff}\\\"\""],
    );
    csv(
        "text,to\n\"\u{feff}\"\"\",+14155550100\n",
        &["+14155550100 \"\\u{feff}\\\"\""],
    );
    csv(
        "text,to\n\u{feff}\"\"\",+14155550100\n",
        &["+14155550100 \"\\u{feff}\\\"\\\"\\\"\""],
    );
}

#[test]
fn faults_are_named_with_their_place() {
    let good = "+14155550100";
    let no_recipient = format!("line 3 byte 21: {NO_RECIPIENT}");
    csv(
        "to,text\n+14155550100\n,Hi\n+14155550100,\n",
        &[
            "line 2 byte 8: 1 fields where the header has 2",
            &no_recipient,
            good,
        ],
    );
    csv(
        "to,text\n+14155550100,\"a\nb\",c\n+14155550100,\n",
        &["line 2 byte 8: 3 fields where the header has 2", good],
    );
    csv(
        "x,to\na,\"  +1x\"\n",
        &["line 2 byte 12: the phone number has a character that is no digit, at its byte 2"],
    );
    check_bytes(
        Format::Csv,
        &Fields::default(),
        b"to,text\n+14155550100,x\n+14155550100,\"\xe4\"\n+14155550100,\n",
        &[
            "+14155550100 \"x\"",
            "line 3 byte 37: the record is not UTF-8",
            good,
        ],
    );
    let long = format!("to,text\n+14155550100,{}\n", "a".repeat(1_001));
    csv(
        &long,
        &["line 2 byte 21: the text has 1001 UTF-16 code units, over the API's limit of 1000"],
    );
}

#[test]
fn an_open_quote_spoils_one_line() {
    let fault = "a quoted field is not closed within 65536 bytes, or before the input ends";
    csv(
        "to,text\n+14155550100,\"Hi\n+14155550101,Hi\n",
        &[&format!("line 2 byte 8: {fault}"), "+14155550101 \"Hi\""],
    );
    csv("to\n\"", &[&format!("line 2 byte 3: {fault}")]);
    csv("to\n\"\"\"", &[&format!("line 2 byte 3: {fault}")]);

    let fields = Fields::default();
    let lines = "+14155550101,Hi\n".repeat(10_000);
    for (fill, expected) in [("", 10_000), ("\"\n", 10_001)] {
        let input = format!("to,text\n+14155550100,\"Hi\n{lines}{fill}");
        let list = List {
            format: Format::Csv,
            fields: &fields,
            template: None,
            bytes: input.as_bytes(),
        };
        let facts = list.at_once();
        assert_eq!(facts.records.len(), 1 + expected);
        assert_eq!(
            facts.short()[..2],
            [&format!("line 2 byte 8: {fault}"), "+14155550101 \"Hi\""]
        );
        assert_eq!(facts.records[10_000].position().line, 10_002);
        assert_eq!(list.in_blocks(&[5_000; 40], usize::MAX), facts);
        assert_eq!(list.in_blocks(&[5_000; 40], 1), facts);
        assert_eq!(list.through_reader(5_000), facts);
        assert_eq!(list.through_reader(500_000), facts);
    }
}

/// Each of these lines has an open quote, closes the one before, and opens another. If each cost a search
/// of 64 KiB, this would take minutes.
#[test]
fn open_quotes_in_every_line_are_no_danger() {
    let fields = Fields::default();
    let input = format!("to,text\n{}", "a\"b,\"c\n".repeat(40_000));
    let list = List {
        format: Format::Csv,
        fields: &fields,
        template: None,
        bytes: input.as_bytes(),
    };
    let facts = list.at_once();
    assert_eq!(facts.records.len(), 40_000);
    assert!(
        facts.short()[..30_000]
            .iter()
            .all(|it| it.contains("is not closed"))
    );
    assert_eq!(list.in_blocks(&[50_000; 40], 1_000), facts);
}

#[test]
fn a_record_is_too_long_from_a_byte_on() {
    let fields = Fields::default();
    let too_long = "line 2 byte 12: the record is longer than 65536 bytes";
    let unclosed =
        "line 2 byte 12: a quoted field is not closed within 65536 bytes, or before the input ends";
    let start = "+14155550100,,";
    for over in [0, 1, 2, 100_000] {
        let fill = MAX_RECORD_BYTES - start.len() + over;
        for (cell, fault) in [
            ("x".repeat(fill), too_long),
            (format!("\"{}\"", "x".repeat(fill - 2)), too_long),
            (format!("\"{}", "x".repeat(fill - 1)), too_long),
            (format!("\"\n{}\"", "x".repeat(fill - 3)), unclosed),
            (
                format!(
                    "\"{}\"\"\"",
                    "x\"\"".repeat((fill - 4) / 3) + &"x".repeat((fill - 4) % 3)
                ),
                too_long,
            ),
        ] {
            for end in ["\n", "\r\n"] {
                let input = format!("to,text,fill\n{start}{cell}{end}+14155550101,,\n");
                // One byte less in the header: offsets are counted, not guessed.
                let input = input.replacen("fill", "fil", 1);
                let list = List {
                    format: Format::Csv,
                    fields: &fields,
                    template: None,
                    bytes: input.as_bytes(),
                };
                let facts = list.at_once();
                let short = facts.short();
                let closed = cell.ends_with('"') || !cell.starts_with('"');
                let expected = if over == 0 && closed {
                    "+14155550100"
                } else {
                    fault
                };
                if over > 0 || closed {
                    assert_eq!(short[0], expected, "{over} {end:?} {}", &cell[..4]);
                    assert_eq!(short.last().unwrap(), "+14155550101");
                }
                for size in [3_000, MAX_RECORD_BYTES, MAX_RECORD_BYTES + 1] {
                    for sizes in [vec![size; 400], vec![12 + size, 1, 1, 1, 1, 1]] {
                        assert_eq!(
                            list.in_blocks(&sizes, usize::MAX),
                            facts,
                            "{over} {end:?} by {size}"
                        );
                    }
                    assert_eq!(list.through_reader(size), facts, "{over} {end:?} by {size}");
                }
            }
        }
    }
}

#[test]
fn a_bad_header_spoils_the_input() {
    let missing =
        "byte 0: no header: a CSV input begins with the names of its columns, such as to,text";
    for (list, fault) in [
        ("+14155550100,Hello Bob\n", format!("line 1, {missing}")),
        ("tel:650-555-0100,Bob Smith\n", format!("line 1, {missing}")),
        ("Bob Smith,TEL:+16505550100\n", format!("line 1, {missing}")),
        ("name, mail\n", "line 1, byte 0: no column is called to, phone, phone_number, phoneNumber, phone number, mobile, mobile_number, mobile number, recipient, msisdn, cell, number; the header has name, mail".into()),
        ("to,x,to\n", "line 1, byte 0: two columns are called to".into()),
        ("Name;To\n", "line 1, byte 0: the columns are separated by ';', and not by commas".into()),
        ("\nid\tfirst_name\tlast_name\temail\tphone number\n", "line 2, byte 1: the columns are separated by '\\t', and not by commas".into()),
        ("Sep=;\r\nName;To\n", "line 1, byte 0: the columns are separated by ';', and not by commas".into()),
        ("sep=ab\n", "line 1, byte 0: no column is called to, phone, phone_number, phoneNumber, phone number, mobile, mobile_number, mobile number, recipient, msisdn, cell, number; the header has sep=ab".into()),
        ("TO,x,To\n", "line 1, byte 0: two columns are called TO".into()),
        ("\n\"to\n+14155550100\n", "line 2, byte 1: a quoted name in the header is not closed within 65536 bytes, or before the input ends".into()),
    ] {
        check_bytes(Format::Csv, &Fields::default(), list.as_bytes(), &[&fault]);
    }
    let unambiguous = Fields::default().unambiguous();
    for (header, columns) in [
        ("phone,x,mobile\n", "phone and mobile"),
        ("\"x, to\",Cell,TO\n", "Cell and TO"),
    ] {
        let fault = format!("line 1, byte 0: both {columns} may hold the recipient");
        check_bytes(Format::Csv, &unambiguous, header.as_bytes(), &[&fault]);
    }
    for fields in [unambiguous.clone().text("cell"), unambiguous.to("phone")] {
        check(
            Format::Csv,
            &fields,
            "phone,cell\n+14155550100,\n",
            &["+14155550100"],
        );
    }
    for nothing in ["", "\n \n", "sep=,\r\n"] {
        check(Format::Csv, &Fields::default(), nothing, &[]);
    }
    check(
        Format::Csv,
        &Fields::default(),
        "sep=,\n# mine\nname,to\nsep=,+14155550100\n",
        &["+14155550100"],
    );
    check_bytes(
        Format::Csv,
        &Fields::default(),
        b"t\xff\n",
        &["line 1, byte 0: the header is not UTF-8"],
    );
    let named = Fields::default().text("body");
    check_bytes(
        Format::Csv,
        &named,
        b"to,text\n",
        &["line 1, byte 0: no column is called body; the header has to, text"],
    );
    let long = "x".repeat(MAX_RECORD_BYTES + 1);
    let fields = Fields::default();
    let list = List {
        format: Format::Csv,
        fields: &fields,
        template: None,
        bytes: long.as_bytes(),
    };
    let fault = "line 1, byte 0: the header is longer than 65536 bytes";
    assert_eq!(list.at_once().short(), [fault]);
    assert_eq!(list.in_blocks(&[10_000; 10], 1).short(), [fault]);
}
