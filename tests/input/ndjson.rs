use batchcast::input::{Fields, Format, MAX_RECORD_BYTES};

use crate::paths::{List, check, check_bytes};

#[track_caller]
fn ndjson(list: &str, expected: &[&str]) {
    check(Format::Ndjson, &Fields::default(), list, expected);
}

#[test]
fn an_object_a_line() {
    ndjson("", &[]);
    ndjson("\n \t\n\r\n", &[]);
    for object in [
        r#"{"to":"+14155550100"}"#,
        r#"{"to":["+14155550100"]}"#,
        r#"{"to": "+14155550100"}"#,
        r#" { "to" : [ "+14155550100" ] } "#,
        r#"{"to":"\u002b14155550100"}"#,
        r#"{"t\u006f":"+14155550100"}"#,
        r#"{"text":null,"to":"+14155550100"}"#,
        r#"{"a":{"to":[1,{}]},"b":[],"to":"+14155550100","c":-1.5e3,"d":true}"#,
        r#"{"a":-0,"b":0.5,"c":12,"d":true,"e":false,"f":null,"g":"\ud800","to":"+14155550100"}"#,
        r#"{"phone":"+14155550100"}"#,
        r#"{"phone":"Bob","to":"+14155550100"}"#,
        r#"{"to":"+14155550100","phone":"Bob","phone":5}"#,
        r#"{"TO":5,"to":"+14155550100"}"#,
    ] {
        ndjson(object, &["+14155550100"]);
        ndjson(
            &format!("{object}\n{object}\n"),
            &["+14155550100", "+14155550100"],
        );
    }
}

#[test]
fn a_text_is_lent_as_it_stands() {
    for (content, text) in [
        ("Hello", r#""Hello""#),
        (
            r"Hello \\ \u0041 \ud83d\udc4b 👋 é",
            r#""Hello \\ A 👋 👋 é""#,
        ),
        (
            "A long text that takes more than one step to look through, to and fro",
            r#""A long text that takes more than one step to look through, to and fro""#,
        ),
    ] {
        let expected = format!("+14155550100 {text}");
        for object in [
            format!(r#"{{"to":"+14155550100","text":"{content}"}}"#),
            format!(r#"{{"text": "{content}", "to": ["+14155550100"]}}"#),
            format!(r#"{{  "text":"{content}","to":"+14155550100","x":[]}}"#),
        ] {
            ndjson(&object, &[&expected]);
        }
    }
}

#[test]
fn a_second_key_for_the_recipient_is_a_fault_if_there_may_be_one() {
    let fields = Fields::default().unambiguous();
    let (good, number) = ("{\"phone\":\"+14155550100\",\"x\":1}\n", "+14155550100");
    for (object, keys) in [
        (
            r#"{"phone":"+14155550100","mobile":"+14155550101"}"#,
            "phone and mobile",
        ),
        (r#"{"mobile":null,"phone":"Bob"}"#, "phone and mobile"),
        (
            r#"{"phone":"+14155550100","x":1,"Mobile":null}"#,
            "phone and Mobile",
        ),
        (r#"{"PHONE":[1],"phone":"+14155550100"}"#, "phone and PHONE"),
        (
            r#"{"ph\u006fne":"+14155550100","c\u0065ll":{}}"#,
            "phone and cell",
        ),
        (
            r#"{"cell":"","to":"+14155550100","number":""}"#,
            "to and number",
        ),
    ] {
        let byte = 20 * good.len();
        let fault = format!("line 21 byte {byte}: both {keys} may hold the recipient");
        // Also where a shape could have been learned.
        let list = good.repeat(20) + object + "\n" + good;
        let mut expected = vec![number; 20];
        expected.extend([&*fault, number]);
        check(Format::Ndjson, &fields, &list, &expected);
    }
    for object in [
        r#"{"to":"+14155550100"}"#,
        r#"{"mobile_phone":"x","cell":["+14155550100"]}"#,
        r#"{"x":{"to":1,"phone":2},"cell":"+14155550100"}"#,
    ] {
        let list = format!("{object}\n").repeat(5);
        check(Format::Ndjson, &fields, &list, &[number; 5]);
    }
    // What is the text's holds no recipient; and who names one means no other.
    let object = r#"{"number":"x","to":"+14155550100"}"#;
    let text = fields.clone().text("number");
    check(Format::Ndjson, &text, object, &["+14155550100 \"x\""]);
    check(Format::Ndjson, &fields.to("to"), object, &[number]);
}

#[test]
fn faults_are_named_with_their_place() {
    let no_recipient = "no recipient: the field is missing, null or empty";
    let eof = "not JSON: it ends too early";
    let syntax = "not JSON: a syntax error";
    for (object, at, fault) in [
        ("{}", 0, no_recipient),
        (r#"{"to":null}"#, 6, no_recipient),
        (r#"{"to":null,"phone":"+14155550100"}"#, 6, no_recipient),
        (r#"{"to":""}"#, 6, no_recipient),
        (r#"{"to":[]}"#, 6, no_recipient),
        (r#"{"to":[""]}"#, 7, no_recipient),
        (r#"{"To":"+14155550100"}"#, 0, no_recipient),
        (
            r#"{"to":["+14155550100","+14155550101"]}"#,
            6,
            "2 recipients in one message: the API takes one",
        ),
        (
            r#"{"to":["+14155550100",5]}"#,
            6,
            "the recipient is neither a string nor an array of strings",
        ),
        (
            r#"{"to":[null]}"#,
            6,
            "the recipient is neither a string nor an array of strings",
        ),
        (
            r#"{"to":14155550100}"#,
            6,
            "the recipient is neither a string nor an array of strings",
        ),
        (
            r#"{"to":{"to":"+14155550100"}}"#,
            6,
            "the recipient is neither a string nor an array of strings",
        ),
        (
            r#"{"to":" +14155550100"}"#,
            6,
            "the phone number does not begin with '+' (E.164: '+', country code, number)",
        ),
        (
            r#"{"to":["+1415555010x"]}"#,
            19,
            "the phone number has a character that is no digit, at its byte 11",
        ),
        (
            r#"{"to":"\ud83d"}"#,
            7,
            "not JSON: half a surrogate pair, at its byte 0",
        ),
        (
            r#"{"to":"+14155550100","to":"+14155550100"}"#,
            0,
            "a key that counts stands in the object twice",
        ),
        (
            r#"{"to":"+14155550100","text":"a","text":"b"}"#,
            0,
            "a key that counts stands in the object twice",
        ),
        (
            r#"{"to":"+14155550100","text":null,"te\u0078t":null}"#,
            0,
            "a key that counts stands in the object twice",
        ),
        (
            r#"{"to":"+14155550100","text":5}"#,
            28,
            "the text is not a string",
        ),
        (
            r#"{"to":"+14155550100","text":"ab\ud83d"}"#,
            31,
            "the text is not a JSON string: half a surrogate pair, at its byte 2",
        ),
        (r#"{"to":"+14155550100","text":"ab\x"}"#, 32, syntax),
        (r#"{"to":"+14155550100","text":"a	b"}"#, 29, syntax),
        (r#"{"to":"+14155550100","x":01}"#, 26, syntax),
        (r#"{"to":"+14155550100",}"#, 21, syntax),
        (r#"{"to":"+14155550100""#, 20, eof),
        (r#"{"to":"+1415555"#, 15, eof),
        ("{", 1, eof),
        (
            r#"{"to":"+14155550100"} x"#,
            22,
            "not JSON: something follows the object",
        ),
        (
            r#"{"to":"+14155550100"}{"to":"+14155550100"}"#,
            21,
            "not JSON: something follows the object",
        ),
        (r#"["+14155550100"]"#, 0, "not a JSON object"),
        ("5", 0, "not a JSON object"),
        ("+14155550100", 0, syntax),
        ("\0", 0, syntax),
    ] {
        let fault = format!("line 1 byte {at}: {fault}");
        ndjson(object, &[&fault]);
        let next = format!("{object}\n{}", r#"{"to":"+14155550100"}"#);
        ndjson(&next, &[&fault, "+14155550100"]);
    }
}

#[test]
fn a_text_is_counted_in_code_units() {
    let text = "a".repeat(1_001);
    let object = format!(r#"{{"to":"+14155550100","text":"{text}"}}"#);
    let fields = Fields::default();
    let list = List {
        format: Format::Ndjson,
        fields: &fields,
        template: None,
        bytes: object.as_bytes(),
    };
    let fault = "line 1 byte 28: the text has 1001 UTF-16 code units, over the API's limit of 1000";
    assert_eq!(list.at_once().short(), [fault]);
}

#[test]
fn what_is_not_utf8_spoils_only_its_record() {
    let good = br#"{"to":"+14155550100","text":"x"}"#;
    let bad = b"{\"to\":\"+14155550100\",\"text\":\"\xe4\"}";
    let input = [&good[..], b"\n", bad, b"\n", good, b"\n"].concat();
    let fault = "line 2 byte 62: the record is not UTF-8";
    let good = "+14155550100 \"x\"";
    check_bytes(
        Format::Ndjson,
        &Fields::default(),
        &input,
        &[good, fault, good],
    );
}

#[test]
fn other_keys_by_name() {
    let fields = Fields::default().to("Mobile \"1\"").text("körper");
    let object = r#"{"to":5,"text":6,"Mobile \"1\"":"+14155550100","körper":"Hi","phone":7}"#;
    check(Format::Ndjson, &fields, object, &["+14155550100 \"Hi\""]);
    // Whoever calls a default name the text's does not mean the recipient by it.
    let fields = Fields::default().text("number");
    check(
        Format::Ndjson,
        &fields,
        r#"{"number":"5","cell":"+14155550100"}"#,
        &["+14155550100 \"5\""],
    );
}

#[test]
fn a_name_may_be_empty() {
    for (fields, object) in [
        (
            Fields::default().to(""),
            r#"{"":"+14155550100","text":"Hi"}"#,
        ),
        (
            Fields::default().to(""),
            r#"{"a":"b","text":"Hi", "" : "+14155550100"}"#,
        ),
        (
            Fields::default().to(""),
            r#"{"to":5,"":["+14155550100"],"text":"Hi"}"#,
        ),
        (
            Fields::default().text(""),
            r#"{"":"Hi","to":"+14155550100"}"#,
        ),
        (
            Fields::default().text(""),
            r#"{"to":"+14155550100","text":5,"" : "Hi"}"#,
        ),
    ] {
        let list = format!("{object}\n{object}\n{object}\n");
        let expected = "+14155550100 \"Hi\"";
        check(Format::Ndjson, &fields, &list, &[expected; 3]);
    }
}

#[test]
fn deep_nesting_is_no_danger() {
    let fields = Fields::default();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let value = format!("{}0{}", open.repeat(10_000), close.repeat(10_000));
        let object = format!("{{\"x\":{value},\"to\":\"+14155550100\"}}\n{value}\n");
        assert!(object.len() / 2 < MAX_RECORD_BYTES + 10);
        let list = List {
            format: Format::Ndjson,
            fields: &fields,
            template: None,
            bytes: object.as_bytes(),
        };
        let short = list.at_once().short();
        assert_eq!(short[0], "+14155550100");
        assert_eq!(short.len(), 2);
    }
}
