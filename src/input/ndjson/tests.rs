//! The two ways to parse a line must agree, and `serde_json` must agree with both.

use proptest::prelude::*;
use serde_json::Value;

use super::{Fault, Keys, Parts, PhoneNumber, Text, general, optimistic};
use crate::input::Fields;

const RECIPIENTS: [&str; 3] = ["to", "phone", "number"];

/// What the optimistic parser makes of a line, whichever key it expects.
fn optimistic(line: &str) -> Vec<Option<Parts<'_>>> {
    let mut keys = Keys::new(&Fields::default());
    let mut seen = Vec::new();
    for place in 0..keys.to.len() {
        keys.seen = place;
        for end in ["", "\n", "\r\n"] {
            let lines = format!("{line}{end}");
            let object = optimistic::line(lines.as_bytes(), 0, &keys, |_| {});
            seen.push(object.and_then(|object| {
                assert_eq!(object.next, lines.len());
                let to = PhoneNumber::from_bytes(&lines.as_bytes()[object.number]).ok()?;
                let text = object
                    .text
                    .map(|text| Text::from_checked_json(&lines[text]));
                let text = text.transpose().ok()?;
                Some((to, text.map(Text::into_owned)))
            }));
        }
    }
    seen
}

fn general(line: &str) -> Result<Parts<'_>, Fault> {
    general::parse(line, &mut Keys::new(&Fields::default()))
}

/// Both ways, which must agree.
fn both(line: &str) -> Result<Parts<'_>, Fault> {
    let expected = general(line);
    for seen in optimistic(line).into_iter().flatten() {
        assert_eq!(Ok(seen), expected, "{line}");
    }
    expected
}

#[test]
fn what_exporters_write_is_not_left_to_the_general_parser() {
    for line in [
        r#"{"to":"+14155550100"}"#,
        r#"{"to":["+4915112345678"],"text":"Hello \"Bob\" 👋"}"#,
        r#"{"text": "Hello", "to": "+14155550100"}"#,
        r#"{"id":12,"ok":true,"to":"+14155550100","x":"y","z":-1.50,"text":null}"#,
    ] {
        assert!(optimistic(line)[..3].iter().all(Option::is_some), "{line}");
    }
    // Once such a key has been seen, it is expected.
    let mut keys = Keys::new(&Fields::default());
    let line = r#"{"name":"Bob","cell":"+14155550100"}"#;
    assert!(optimistic::line(line.as_bytes(), 0, &keys, |_| {}).is_none());
    assert!(general::parse(line, &mut keys).is_ok());
    assert!(optimistic::line(line.as_bytes(), 0, &keys, |_| {}).is_some());
}

/// Lines made of the pieces that matter, so that most are nearly right.
fn hostile() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        6 => proptest::sample::select(&RECIPIENTS[..]).prop_map(String::from),
        4 => Just("text".to_owned()),
        2 => "[a-z]{0,6}",
        1 => Just("t\\u006f".to_owned()),
        1 => Just("\\ud83d".to_owned()),
        1 => Just("a\\\"b".to_owned()),
    ]
    .prop_map(|key| format!("\"{key}\""));
    let number = prop_oneof![
        8 => Just("+14155550100"),
        2 => Just("+4915112345678"),
        1 => Just("+123456789012345"),
        1 => Just("+1234567890123456"),
        1 => Just("+123456"),
        1 => Just("14155550100"),
        1 => Just("+1415555\\u0030100"),
        1 => Just("+1415555\",\"100"),
        1 => Just(""),
        1 => Just("\\ud83d"),
    ]
    .prop_map(|number| format!("\"{number}\""));
    let text = prop_oneof![
        4 => "[ -!#-\\[\\]-~]{1,40}",
        1 => "\\PC{0,10}",
        1 => Just("x \\\" \\n \\ud83d\\udc4b".to_owned()),
        1 => Just("half \\ud83d".to_owned()),
        1 => Just("\\x".to_owned()),
        1 => Just("a\tb".to_owned()),
        1 => (999..1_002_usize).prop_map(|len| "x".repeat(len)),
    ]
    .prop_map(|text| format!("\"{text}\""));
    let simple = proptest::sample::select(
        &[
            "0",
            "-0",
            "01",
            "1.",
            "1.5",
            "-",
            "-7",
            "1e5",
            "1.5E-3",
            "12a",
            "null",
            "true",
            "false",
            "nul",
            "[]",
            "{}",
            "[1,{\"to\":2}]",
            "[1,]",
            "",
        ][..],
    )
    .prop_map(String::from);
    let value = prop_oneof![
        5 => number.clone(),
        3 => number.prop_map(|number| format!("[{number}]")),
        4 => text,
        2 => simple,
        1 => Just("[\"+14155550100\",\"+14155550101\"]".to_owned()),
    ];
    let gap = || proptest::sample::select(&["", "", "", "", " ", "  ", "\t", "\r"][..]);
    let member = (key, gap(), gap(), value, gap(), gap())
        .prop_map(|(key, a, b, value, c, d)| format!("{d}{key}{a}:{b}{value}{c}"));
    let sloppy = |good: &'static str| {
        prop_oneof![
            40 => Just(good),
            1 => Just(""),
            1 => Just(","),
            1 => Just("}"),
            1 => Just("\0"),
        ]
    };
    let members = proptest::collection::vec(member, 0..5);
    let separator = sloppy(",");
    (sloppy("{"), members, separator, sloppy("}"), gap()).prop_map(
        |(open, members, separator, close, gap)| {
            format!("{open}{}{close}{gap}", members.join(separator))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn both_ways_agree_and_serde_json_agrees_with_them(line in hostile()) {
        let judged = both(&line);
        let value = serde_json::from_str::<Value>(&line);
        // Half a surrogate pair is an error to serde_json wherever it stands, to us where it counts.
        if line.contains("\\ud83d\"") || line.contains("half") {
            return Ok(());
        }
        let is_json = !matches!(judged, Err(Fault { fault: crate::RecordError::Json(_), .. }));
        prop_assert_eq!(is_json, value.is_ok(), "{:?} {:?}", judged, value);
        if let Ok((to, text)) = judged {
            let value = value.unwrap();
            let key = RECIPIENTS.iter().find(|&&key| value.get(key).is_some()).unwrap();
            let recipient = value[key].get(0).unwrap_or(&value[key]);
            prop_assert_eq!(recipient, to.as_str());
            let text = text.as_ref().map(Text::to_plain);
            let expected = value.get("text").and_then(Value::as_str);
            prop_assert_eq!(text.as_deref(), expected);
        }
    }

    #[test]
    fn a_line_cut_or_changed_anywhere_is_judged_alike(
        line in hostile(), at in any::<proptest::sample::Index>(), byte in "[ -~\t\r👋]?",
    ) {
        let mut at = at.index(line.len() + 1);
        while !line.is_char_boundary(at) {
            at -= 1;
        }
        let _ = both(&line[..at]);
        let _ = both(&format!("{}{byte}{}", &line[..at], &line[at..]));
    }
}
