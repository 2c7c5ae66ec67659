//! The two ways to parse a line must agree, and `serde_json` must agree with both.

use fearless_simd::{Level, dispatch};
use proptest::prelude::*;
use serde_json::Value;

use super::{Keys, Ndjson, Parts, PhoneNumber, Text, general, optimistic};
use crate::error::Error;
use crate::input::fault::Fault;
use crate::input::{
    Answer, Fields, Invalid, MAX_RECORD_BYTES, Parse, Record, Records, Template, Visitor,
};
use crate::message::Message;

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
                    .map(|text| Text::own_of_checked_json(&lines[text]));
                let text = text.transpose().ok()?.flatten();
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
            let own = value.get("text").and_then(Value::as_str);
            let expected = own.filter(|text| !text.trim().is_empty());
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

/// What a record turned out to be: a number and a text, or an error with its place in the line.
type Fact = Result<(String, Option<String>), (String, u64)>;

fn fact(message: &Message<'_>) -> Fact {
    let text = message
        .text
        .as_ref()
        .map(|text| text.to_plain().into_owned());
    Ok((message.to.as_str().to_owned(), text))
}

fn fault(invalid: &Invalid<'_>, start: u64) -> Fact {
    let error = invalid.error.to_string();
    // Without the record and the line, which differ.
    let (_, what) = error.split_once("): ").unwrap();
    Err((
        what.to_owned(),
        invalid.error.position().unwrap().byte - start,
    ))
}

fn parser(template: &str) -> Ndjson {
    Ndjson::new(&Fields::default()).with_template(Template::parse(template).unwrap())
}

/// Each line by a parser that has seen no other.
fn alone<'l>(template: &str, lines: impl Iterator<Item = &'l str>) -> Vec<Fact> {
    let one = |line: &str| {
        let mut parser = parser(template);
        let mut records = parser.block(line.as_bytes(), true);
        match records.next().unwrap()? {
            Record::Message(message) => Some(fact(&message)),
            Record::Invalid(invalid) => Some(fault(&invalid, 0)),
        }
    };
    lines.filter_map(one).collect()
}

/// All lines by one parser, and how many of them had the shape that it had learned.
fn together(template: &str, lines: &[String]) -> (Vec<Fact>, usize) {
    let mut parser = parser(template);
    let all = lines.concat();
    let mut in_shape = 0;
    let mut facts = Vec::new();
    let mut records = parser.block(all.as_bytes(), true);
    loop {
        let start = records.consumed() as u64;
        let rendered = dispatch!(Level::new(), simd => records.next_rendered(simd));
        if let Some((to, own, position)) = rendered {
            let renderer = records.parser.renderer.as_deref().unwrap();
            let text = own.or_else(|| Some(renderer.text()));
            in_shape += 1;
            assert_eq!(position.byte, start);
            facts.push(fact(&Message { to, text, position }));
            continue;
        }
        match records.next().unwrap() {
            Some(Record::Message(message)) => facts.push(fact(&message)),
            Some(Record::Invalid(invalid)) => facts.push(fault(&invalid, start)),
            None => return (facts, in_shape),
        }
    }
}

/// The same, shown to a visitor.
fn visited(template: &str, lines: &[String]) -> Vec<Fact> {
    struct Notes(Vec<Fact>, Vec<u64>);

    impl Visitor for Notes {
        type Error = Error;

        fn message(&mut self, message: &Message<'_>) -> Result<Answer, Error> {
            self.0.push(fact(message));
            Ok(Answer::Taken)
        }

        fn invalid(&mut self, invalid: Invalid<'_>) -> Result<(), Error> {
            let byte = invalid.error.position().unwrap().byte;
            let start = self.1.iter().rfind(|&&start| start <= byte).unwrap();
            self.0.push(fault(&invalid, *start));
            Ok(())
        }
    }

    let mut start = 0;
    let starts = lines.iter().map(|line| {
        start += line.len() as u64;
        start - line.len() as u64
    });
    let mut notes = Notes(Vec::new(), starts.collect());
    let all = lines.concat();
    let visited = parser(template).visit(all.as_bytes(), true, 0, &mut notes);
    assert_eq!(visited.unwrap().consumed, all.len());
    notes.0
}

/// One parser must make of all lines what others make of each alone. Returns how many were found by their shape.
fn check_shapes(template: &str, lines: &[String]) -> usize {
    let expected = alone(template, lines.iter().map(String::as_str));
    let (facts, in_shape) = together(template, lines);
    assert_eq!(facts, expected, "{template} {lines:?}");
    assert_eq!(visited(template, lines), expected, "{template} {lines:?}");
    in_shape
}

const TEMPLATES: [&str; 7] = [
    "Hi {{name}}!",
    "{{name|}}",
    "{{name|there}}, {{id|none}}{{name}} {{missing|}}",
    "{{text|x}} {{id|}}",
    "{{id}}{{missing}}",
    "To {{to}}",
    "the same for all",
];

#[test]
fn with_a_template_lines_are_found_by_their_shape() {
    let lines = |make: &dyn Fn(usize) -> String| (0..20).map(make).collect::<Vec<_>>();
    let names = ["\"Bob\"", "\"a \\\" \\n👋\"", "5", "-1.50", "true", "false"];
    let plain = |n| {
        format!(
            "{{\"id\":{n},\"to\":\"+14155550{:03}\",\"name\":{}}}\n",
            n * 7,
            names[n % 6]
        )
    };
    let spaced = |n| {
        format!(
            "{{\"name\": {}, \"to\": [\"+14155550{n:03}\"], \"id\": \"{n}\"}}\r\n",
            names[n % 6]
        )
    };
    let own = |n| {
        let text = if n % 2 == 0 { "" } else { "Hello" };
        format!("{{\"to\":\"+14155550{n:03}\",\"text\":\"{text}\",\"id\":1,\"name\":\"Eve\"}}\n")
    };
    let null =
        |n| format!("{{\"to\":\"+14155550{n:03}\",\"text\":null,\"id\":1,\"name\":\"Eve\"}}\n");
    let makes: [&dyn Fn(usize) -> String; 4] = [&plain, &spaced, &own, &null];
    // The first is learned from, and behind the last there is too little.
    for make in makes {
        for template in &TEMPLATES[..4] {
            assert_eq!(
                check_shapes(template, &lines(make)),
                18,
                "{template} {}",
                make(0)
            );
        }
    }
    // What needs a default is in the shape, too. What has none is not.
    let some = |n| {
        let name = ["\"Bob\"", "null", "\"\"", "\" \\t\\u00a0\""][n % 4];
        format!("{{\"to\":\"+14155550{n:03}\",\"name\":{name}}}\n")
    };
    assert_eq!(check_shapes("{{name|x}}!", &lines(&some)), 18);
    assert_eq!(check_shapes("{{name}}!", &lines(&some)), 4);
    assert_eq!(check_shapes("{{missing}}", &lines(&some)), 0);
    assert_eq!(check_shapes("{{to}}", &lines(&some)), 0);
}

/// Lines that differ in their values, most of which have one shape, and some others.
fn alike() -> impl Strategy<Value = Vec<String>> {
    let value = || {
        prop_oneof![
            6 => Just("\"Bob\"".to_owned()),
            2 => "[ -!#-\\[\\]-~]{0,70}".prop_map(|text| format!("\"{text}\"")),
            2 => "\\PC{0,10}".prop_map(|text| format!("\"{text}\"")),
            1 => (998..1_002_usize).prop_map(|len| format!("\"{}\"", "x".repeat(len))),
            1 => (498..502_usize).prop_map(|len| format!("\"{}\"", "👋\\n".repeat(len / 2))),
            8 => proptest::sample::select(&[
                "\"\"", "\" \"", "\"\\u0020\"", "\"\u{a0}\\t\"", "\"\\u200b\"", "\"a\\\"b\\\\\"",
                "\"half \\ud83d\"", "\"\\ud83d\\udc4b\"", "\"a\tb\"", "\"\\x\"", "\"a\",\"x\":\"b\"", "\"null\"",
                "null", "nul", "nulll", "true", "false", "0", "-0", "01", "1.", "-1.5", "-1.5e3", "1E5", "12a", "-",
                "[]", "[1]", "{}", "{\"name\":1}", "", "1,\"name\":2", "1,\"text\":\"x\"", "1,\"to\":\"+14155550199\"",
                "\"Bob\" ", " \"Bob\"", "\"Bob", "Bob\"",
            ][..]).prop_map(str::to_owned),
        ]
    };
    let number = prop_oneof![
        12 => "\\+1415555[0-9]{4}",
        1 => "\\+1[0-9]{8,13}",
        1 => "\\+0415555[0-9]{4}",
        1 => "1415555[0-9]{5}",
        1 => Just("+1415555\\u0030100".to_owned()),
        1 => Just(String::new()),
    ];
    let values = (value(), number, value(), value(), 0..40_u8);
    let shape = (0..6_u8, proptest::bool::weighted(0.2));
    let lines = proptest::collection::vec(values, 1..12);
    (shape, lines).prop_map(|((shape, crlf), lines)| {
        let line = |(id, number, name, text, odd): (String, String, String, String, u8)| {
            // One now and then is of another shape.
            let shape = if odd < 5 { odd } else { shape };
            let end = if crlf != (odd == 5) { "\r\n" } else { "\n" };
            let object = match shape {
                0 => format!("{{\"id\":{id},\"to\":\"{number}\",\"name\":{name}}}"),
                1 => format!("{{\"to\":\"{number}\",\"text\":{text},\"name\":{name},\"x\":{id}}}"),
                2 => format!(
                    "{{\"name\": {name}, \"text\": {text}, \"to\": [\"{number}\"], \"id\": {id}}}"
                ),
                3 => format!("{{\"name\":{name},\"na\\u006de\":{text},\"to\":\"{number}\"}}"),
                4 => format!("{{\"name\":{name},\"name\":{text},\"to\":\"{number}\"}}"),
                _ => format!("{{\"to\":\"{number}\",\"name\":{name}}}"),
            };
            format!("{object}{end}")
        };
        let mut lines: Vec<_> = lines.into_iter().map(line).collect();
        // Something to learn from.
        lines.insert(
            0,
            line((
                "1".into(),
                "+14155550100".into(),
                "\"Bob\"".into(),
                "\"x\"".into(),
                9,
            )),
        );
        lines
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn with_a_template_all_ways_agree(lines in alike(), template in proptest::sample::select(&TEMPLATES[..])) {
        check_shapes(template, &lines);
    }

    #[test]
    fn so_they_do_on_lines_cut_or_changed_anywhere(
        mut lines in alike(),
        template in proptest::sample::select(&TEMPLATES[..]),
        changes in proptest::collection::vec(
            (any::<proptest::sample::Index>(), any::<proptest::sample::Index>(), 0..3_usize, "[ -~\t\r👋]?"), 0..8,
        ),
    ) {
        for (line, at, cut, text) in changes {
            let line = line.get_mut(&mut lines[..]);
            let len = line.len() - 1;
            let boundary = |mut at: usize| {
                while !line.is_char_boundary(at) {
                    at -= 1;
                }
                at
            };
            let (start, end) = (boundary(at.index(len)), boundary((at.index(len) + cut).min(len)));
            line.replace_range(start..end.max(start), &text);
        }
        check_shapes(template, &lines);
    }
}

#[test]
fn a_record_of_the_greatest_length_is_one_with_a_template_too() {
    let line = |len: usize| {
        let short = "{\"to\":\"+14155550100\",\"x\":\"\",\"name\":\"Bob\"}\n";
        let fill = "x".repeat(len + 1 - short.len());
        short.replace("\"x\":\"\"", &format!("\"x\":\"{fill}\""))
    };
    let most = MAX_RECORD_BYTES;
    let lines = [100, 100, most - 1, most, 100, 100].map(line);
    assert_eq!(check_shapes("{{name}}", &lines), 3);
}
