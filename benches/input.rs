//! What a record takes, from bytes in memory to a message, beside `serde_json` and the csv crate.
//!
//!     cargo bench --no-default-features --bench input
#![allow(clippy::print_stdout, reason = "the result of a bench")]

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use batchcast::PhoneNumber;
use batchcast::input::{Csv, Fields, Lines, Ndjson, Parse, Record, Records};
use serde::Deserialize;

const RECORDS: usize = 1_000_000;
const ROUNDS: usize = 7;
const BLOCK: usize = 256 * 1024;

fn main() {
    let number = |n: usize| format!("+1415{:07}", n % 10_000_000);
    let text = "Hello there, your order is ready. Pick it up until Friday, reply STOP to opt out, or call us";

    let lines = list(|list, n| writeln!(list, "{}", number(n)));
    let ours = measure(|| pump(Lines::new(), &lines));
    let theirs = measure(|| {
        let lines = lines.lines().map(PhoneNumber::parse);
        lines.filter(|it| black_box(it).is_ok()).count()
    });
    report("lines", ours, "str::lines", theirs);
    let crlf = lines.replace('\n', "\r\n");
    report(
        "lines, CRLF",
        measure(|| pump(Lines::new(), &crlf)),
        "str::lines",
        theirs,
    );
    let german = list(|list, n| writeln!(list, "+49{:011}", 15_112_345_678 + n));
    report(
        "lines, other length",
        measure(|| pump(Lines::new(), &german)),
        "str::lines",
        theirs,
    );

    let fields = Fields::default();
    for (name, object) in [
        (
            "ndjson",
            (|list, n, text| writeln!(list, r#"{{"to":"{n}","text":"{text}"}}"#)) as Line,
        ),
        ("ndjson, array and spaces", |list, n, text| {
            writeln!(list, r#"{{"text": "{text}", "to": ["{n}"]}}"#)
        }),
        ("ndjson, other keys", |list, n, text| {
            writeln!(
                list,
                r#"{{"id":12345,"first_name":"Bob","phone":"{n}","ok":true,"text":"{text}"}}"#
            )
        }),
        ("ndjson, no text", |list, n, _| {
            writeln!(list, r#"{{"to":"{n}"}}"#)
        }),
        ("ndjson, nested (general)", |list, n, text| {
            writeln!(list, r#"{{"to":"{n}","text":"{text}","x":{{"y":[1]}}}}"#)
        }),
    ] {
        let list = list(|list, n| object(list, &number(n), text));
        let ours = measure(|| pump(Ndjson::new(&fields), &list));
        let theirs = measure(|| {
            let objects = list.lines().map(|line| {
                let object: Object<'_> = serde_json::from_str(line).unwrap();
                black_box(&object.text);
                let to = object.to.or(object.phone).unwrap();
                PhoneNumber::parse(match &to {
                    To::One(to) => to,
                    To::Many(to) => to[0],
                })
            });
            objects.filter(Result::is_ok).count()
        });
        report(name, ours, "serde_json", theirs);
    }

    for (name, row) in [
        (
            "csv, two columns",
            (|list, n, text| writeln!(list, "{n},{}", text.replace(',', ";"))) as Line,
        ),
        ("csv, quoted text", |list, n, text| {
            writeln!(list, "{n},\"{text}\"")
        }),
        ("csv, doubled quotes", |list, n, text| {
            writeln!(list, "{n},\"{text} \"\"now\"\"\"")
        }),
    ] {
        let rows = list(|list, n| row(list, &number(n), text));
        let list = format!("to,text\n{rows}");
        compare_csv(name, &list, &fields);
    }
    let rows = list(|list, n| {
        writeln!(
            list,
            "{n},Bob,Miller,bob@example.com,{},Berlin,DE,2026",
            number(n)
        )
    });
    compare_csv(
        "csv, eight columns",
        &format!("id,first,last,mail,phone,city,country,year\n{rows}"),
        &fields,
    );
}

type Line = fn(&mut String, &str, &str) -> std::fmt::Result;

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    to: Option<To<'a>>,
    #[serde(borrow)]
    phone: Option<To<'a>>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum To<'a> {
    One(&'a str),
    #[serde(borrow)]
    Many(Vec<&'a str>),
}

fn compare_csv(name: &str, list: &str, fields: &Fields) {
    let ours = measure(|| pump(Csv::new(fields), list));
    let theirs = measure(|| {
        let mut reader = csv::Reader::from_reader(list.as_bytes());
        let headers = reader.headers().unwrap();
        let column = |name| headers.iter().position(|header| header == name);
        let (to, text) = (column("to").or(column("phone")).unwrap(), column("text"));
        let mut record = csv::StringRecord::new();
        let mut count = 0;
        while reader.read_record(&mut record).unwrap() {
            black_box(text.map(|text| &record[text]));
            count += usize::from(black_box(PhoneNumber::parse(&record[to])).is_ok());
        }
        count
    });
    report(name, ours, "csv", theirs);
}

fn list(mut line: impl FnMut(&mut String, usize) -> std::fmt::Result) -> String {
    let mut list = String::new();
    for n in 0..RECORDS {
        line(&mut list, n).unwrap();
    }
    list
}

/// As the sending part does it: blocks of a size, the rest put before the next.
fn pump<P: Parse>(mut parser: P, list: &str) -> usize {
    let bytes = list.as_bytes();
    let (mut at, mut messages) = (0, 0);
    loop {
        let end = bytes.len().min(at + BLOCK);
        let last = end == bytes.len();
        let mut records = parser.block(&bytes[at..end], last);
        loop {
            // The one match straight on what comes back saves moving the record about.
            match records.next() {
                Ok(Some(Record::Message(ref message))) => {
                    black_box(message.to.as_bytes());
                    black_box(message.text.is_some());
                    messages += 1;
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => panic!("{error}"),
            }
        }
        at += records.consumed();
        if last {
            return messages;
        }
    }
}

/// The best of some rounds, in nanoseconds a record.
fn measure(mut run: impl FnMut() -> usize) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        assert_eq!(run(), RECORDS);
        start.elapsed().as_secs_f64()
    });
    rounds.fold(f64::MAX, f64::min) * 1e9 / 1e6
}

fn report(name: &str, ours: f64, other: &str, theirs: f64) {
    println!(
        "{name:26} {ours:6.1} ns   {other:10} {theirs:6.1} ns   {:4.1} x",
        theirs / ours
    );
}
