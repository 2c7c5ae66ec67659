//! The budgets of the hot path as ratios, each of two ways that take turns in one process: figures of
//! separate runs do not compare on a machine that is shared.
//!
//! `cargo bench --bench budgets [-- BUDGET [WAY]]` prints for each ratio the median of the rounds, and their
//! range. With a single way it is what a profiler wants.

mod common;

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use batchcast::Envelope;
use batchcast::encode::json;
use batchcast::input::{Csv, Fields, Lines, Ndjson, Parse};
use bytes::Bytes;
use common::{ASCII, CHINESE, EMOJI, ESCAPES, RECORDS, SPANISH, collected, consume, rivals};

const ROUNDS: usize = 5;
/// How often each way runs in a round; the quickest counts.
const TURNS: usize = 7;

/// What exporters write, and what they do not.
const SHAPES: [(&str, &str); 9] = [
    ("ndjson/ascii", r#"{"to":"TO","text":TEXT}"#),
    ("ndjson/array", r#"{"to":["TO"],"text":TEXT}"#),
    ("ndjson/text first", r#"{"text":TEXT,"to":"TO"}"#),
    ("ndjson/spaces", r#"{"to": "TO", "text": TEXT}"#),
    ("ndjson/id", r#"{"id":ID,"to":"TO","text":TEXT}"#),
    (
        "ndjson/further keys",
        r#"{"id":"u-ID","to":"TO","name":"Bob","ok":true,"text":TEXT}"#,
    ),
    (
        "ndjson/slow: nested",
        r#"{"x":{"a":[1,2]},"to":"TO","text":TEXT}"#,
    ),
    ("ndjson/slow: gaps", r#"{"to" : "TO",  "text":TEXT }"#),
    (
        "ndjson/slow: escaped key",
        r#"{"t\u006f":"TO","text":TEXT}"#,
    ),
];

/// One of several ways to do the same.
type Way<'a> = (&'static str, Box<dyn FnMut() + 'a>);

fn main() {
    let filter = arguments().next();
    let wanted = |name: &str| filter.as_ref().is_none_or(|filter| name.contains(filter));
    if wanted("lines") {
        lines();
    }
    for (name, line) in SHAPES {
        if wanted(name) {
            ndjson(name, &shaped(line));
        }
    }
    if wanted("texts") {
        texts();
    }
    for (name, text) in [
        ("csv/ascii", ASCII),
        ("csv/escapes", ESCAPES),
        ("csv/spanish", SPANISH),
        ("csv/chinese", CHINESE),
        ("csv/emoji", EMOJI),
    ] {
        if wanted(name) {
            csv(name, &common::csv(text));
        }
    }
    if wanted("template") {
        templates();
        templates_beside_plain();
    }
    if wanted("escape") {
        escape();
    }
}

/// Without what cargo adds.
fn arguments() -> impl Iterator<Item = String> {
    std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
}

/// A list of lines like this, with an id, a recipient and a text in each.
fn shaped(line: &str) -> Vec<u8> {
    let mut id = 0;
    common::list(|list, to, name| {
        id += 1;
        let text = serde_json::to_string(&format!("Hi {name}, {ASCII}")).unwrap();
        let line = line.replace("ID", &id.to_string());
        writeln!(list, "{}", line.replace("TO", to).replace("TEXT", &text)).unwrap();
    })
}

fn lines() {
    const TEXT: &str = "Hello Team";
    let list = common::lines();
    let envelope = common::envelope(Some(TEXT));
    let text = String::from_utf8(list.clone()).unwrap();
    let numbers: Vec<&str> = text.lines().collect();
    let ours = |hand_on: &mut dyn FnMut(Bytes)| {
        common::encode(Lines::new(), &list, &envelope, hand_on);
    };
    let theirs = |hand_on: &mut dyn FnMut(Bytes)| {
        rivals::serde_json_numbers(&numbers, TEXT, hand_on);
    };
    assert!(collected(ours) == collected(theirs));
    compare(
        "lines",
        vec![
            ("batchcast", Box::new(|| ours(&mut consume))),
            (
                "serde_json, parsed before",
                Box::new(|| theirs(&mut consume)),
            ),
            ("floor", Box::new(|| rivals::floor(&list, consume))),
        ],
    );
}

fn encode_ndjson(list: &[u8], envelope: &Envelope, hand_on: impl FnMut(Bytes)) {
    common::encode(Ndjson::new(&Fields::default()), list, envelope, hand_on);
}

fn ndjson(name: &str, list: &[u8]) {
    let envelope = common::envelope(None);
    let mut ways: Vec<Way<'_>> = vec![(
        "batchcast",
        Box::new(|| encode_ndjson(list, &envelope, consume)),
    )];
    // A recipient in an array is a string to none of the others' structs.
    if name != "ndjson/array" {
        let ours = collected(|hand_on| encode_ndjson(list, &envelope, hand_on));
        assert!(ours == collected(|hand_on| rivals::serde_json(list, hand_on)));
        assert!(ours == collected(|hand_on| rivals::sonic_rs(list, hand_on)));
        ways.push(("serde_json", Box::new(|| rivals::serde_json(list, consume))));
        ways.push(("sonic-rs", Box::new(|| rivals::sonic_rs(list, consume))));
    }
    ways.push(("floor", Box::new(|| rivals::floor(list, consume))));
    compare(name, ways);
}

fn csv(name: &str, list: &[u8]) {
    let envelope = common::envelope(None);
    let ours = |hand_on: &mut dyn FnMut(Bytes)| {
        common::encode(Csv::new(&Fields::default()), list, &envelope, hand_on);
    };
    assert!(collected(ours) == collected(|hand_on| rivals::csv_serde_json(list, hand_on)));
    compare(
        name,
        vec![
            ("batchcast", Box::new(|| ours(&mut consume))),
            (
                "csv, serde_json",
                Box::new(|| rivals::csv_serde_json(list, consume)),
            ),
        ],
    );
}

fn templates() {
    let envelope = common::envelope(None);
    let fields = Fields::default();
    let list = common::csv_of_names();
    let ours = |hand_on: &mut dyn FnMut(Bytes)| {
        let parser = Csv::new(&fields).with_template(common::template(ASCII));
        common::encode(parser, &list, &envelope, hand_on);
    };
    let theirs = |hand_on: &mut dyn FnMut(Bytes)| {
        rivals::csv_format_serde_json(&list, ASCII, hand_on);
    };
    assert!(collected(ours) == collected(theirs));
    compare(
        "template/csv",
        vec![
            ("batchcast", Box::new(|| ours(&mut consume))),
            (
                "csv, format!, serde_json",
                Box::new(|| theirs(&mut consume)),
            ),
        ],
    );
    let list = common::ndjson_of_names();
    let ours = |hand_on: &mut dyn FnMut(Bytes)| {
        let parser = Ndjson::new(&fields).with_template(common::template(ASCII));
        common::encode(parser, &list, &envelope, hand_on);
    };
    let theirs = |hand_on: &mut dyn FnMut(Bytes)| {
        rivals::serde_json_format(&list, ASCII, hand_on);
    };
    assert!(collected(ours) == collected(theirs));
    compare(
        "template/ndjson",
        vec![
            ("batchcast", Box::new(|| ours(&mut consume))),
            ("serde_json, format!", Box::new(|| theirs(&mut consume))),
        ],
    );
}

/// A template beside the same texts in the list.
fn templates_beside_plain() {
    let fields = Fields::default();
    let template = || common::template(ASCII);
    let csv = || Csv::new(&fields);
    plain_and_template(
        "csv",
        (csv, &common::csv(ASCII)),
        (|| csv().with_template(template()), &common::csv_of_names()),
    );
    let ndjson = || Ndjson::new(&fields);
    plain_and_template(
        "ndjson",
        (ndjson, &common::ndjson(ASCII)),
        (
            || ndjson().with_template(template()),
            &common::ndjson_of_names(),
        ),
    );
}

/// The two, each with its list.
fn plain_and_template<P: Parse>(
    format: &str,
    (plain, texts): (impl Fn() -> P, &[u8]),
    (template, names): (impl Fn() -> P, &[u8]),
) {
    let envelope = common::envelope(None);
    let from_list = |hand_on: &mut dyn FnMut(Bytes)| {
        common::encode(plain(), texts, &envelope, hand_on);
    };
    let from_template = |hand_on: &mut dyn FnMut(Bytes)| {
        common::encode(template(), names, &envelope, hand_on);
    };
    assert!(collected(from_list) == collected(from_template));
    compare(
        &format!("plain, template/{format}"),
        vec![
            ("texts in the list", Box::new(|| from_list(&mut consume))),
            ("template", Box::new(|| from_template(&mut consume))),
        ],
    );
}

/// The speed per byte of each kind of text beside ASCII's.
fn texts() {
    let envelope = common::envelope(None);
    let lists = [
        ("ascii", ASCII),
        ("escapes", ESCAPES),
        ("spanish", SPANISH),
        ("chinese", CHINESE),
        ("emoji", EMOJI),
    ]
    .map(|(name, text)| (name, common::ndjson(text)));
    let ways = lists.iter().map(|(name, list)| -> Way<'_> {
        // As many bytes of each: a part of the list that is that long, cut behind a line.
        let len = lists.iter().map(|(_, list)| list.len()).min().unwrap();
        let list = &list[..=memchr::memrchr(b'\n', &list[..len]).unwrap()];
        (*name, Box::new(|| encode_ndjson(list, &envelope, consume)))
    });
    compare("texts, as many bytes of each", ways.collect());
}

fn escape() {
    for (name, text) in [("ascii", ASCII), ("escapes", ESCAPES), ("chinese", CHINESE)] {
        let texts: Vec<String> = common::NAMES
            .map(|name| format!("Hi {name}, {text}"))
            .into();
        let all = || (0..RECORDS).map(|index| &texts[index % texts.len()]);
        let mut ours = Vec::with_capacity(1_024);
        let mut theirs = Vec::with_capacity(1_024);
        for text in &texts {
            ours.clear();
            ours.push(b'"');
            json::escape(&mut ours, text);
            ours.push(b'"');
            assert_eq!(ours, serde_json::to_vec(text).unwrap());
        }
        compare(
            &format!("escape/{name}"),
            vec![
                (
                    "batchcast",
                    Box::new(|| {
                        for text in all() {
                            ours.clear();
                            ours.push(b'"');
                            json::escape(&mut ours, text);
                            ours.push(b'"');
                            black_box(&ours);
                        }
                    }),
                ),
                (
                    "serde_json",
                    Box::new(|| {
                        for text in all() {
                            theirs.clear();
                            serde_json::to_writer(&mut theirs, text).unwrap();
                            black_box(&theirs);
                        }
                    }),
                ),
            ],
        );
    }
}

/// Lets the ways take turns, and prints how many times as long as the first each takes.
#[expect(clippy::print_stdout, reason = "it is what it is for")]
fn compare(name: &str, mut ways: Vec<Way<'_>>) {
    let filter = arguments().nth(1).unwrap_or_default();
    ways.retain(|(way, _)| way.contains(&filter));
    // `--test` only asks whether it runs.
    let (rounds, turns) = match std::env::args().any(|argument| argument == "--test") {
        true => (1, 1),
        false => (ROUNDS, TURNS),
    };
    let mut times = vec![vec![f64::MAX; rounds]; ways.len()];
    for round in 0..rounds {
        for _ in 0..turns {
            for ((_, way), times) in ways.iter_mut().zip(&mut times) {
                let start = Instant::now();
                way();
                let time = start.elapsed().as_secs_f64() * 1e9 / RECORDS as f64;
                times[round] = times[round].min(time);
            }
        }
    }
    println!("{name}");
    for ((way, _), theirs) in ways.iter().zip(&times) {
        let mut ratios: Vec<f64> = theirs.iter().zip(&times[0]).map(|(a, b)| a / b).collect();
        ratios.sort_by(f64::total_cmp);
        let mut nanos = theirs.clone();
        nanos.sort_by(f64::total_cmp);
        println!(
            "    {way:<28}{:>8.1} ns a record{:>8.2} x  ({:.2} to {:.2})",
            nanos[rounds / 2],
            ratios[rounds / 2],
            ratios[0],
            ratios[rounds - 1],
        );
    }
}
