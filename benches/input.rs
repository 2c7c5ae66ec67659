//! From bytes to messages: each parser alone, beside what a user would otherwise parse with.

mod common;

use std::borrow::Cow;
use std::hint::black_box;

use batchcast::PhoneNumber;
use batchcast::input::{Csv, Fields, Lines, Ndjson};
use common::{ASCII, CHINESE, EMOJI, ESCAPES, RECORDS, SPANISH};
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;

#[derive(Deserialize)]
struct Object<'a> {
    to: &'a str,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

fn lines(criterion: &mut Criterion) {
    let list = common::lines();
    let mut group = group(criterion, "input/lines", &list);
    group.bench_function("batchcast", |b| {
        b.iter(|| common::parse(Lines::new(), &list));
    });
    group.bench_function("str::lines", |b| {
        b.iter(|| {
            let text = std::str::from_utf8(&list).unwrap();
            for line in text.lines() {
                black_box(PhoneNumber::parse(line).unwrap());
            }
        });
    });
    group.finish();
}

fn ndjson(criterion: &mut Criterion) {
    let fields = Fields::default();
    for (name, text) in [
        ("ascii", ASCII),
        ("escapes", ESCAPES),
        ("spanish", SPANISH),
        ("chinese", CHINESE),
        ("emoji", EMOJI),
    ] {
        let list = common::ndjson(text);
        let mut group = group(criterion, &format!("input/ndjson/{name}"), &list);
        group.bench_function("batchcast", |b| {
            b.iter(|| common::parse(Ndjson::new(&fields), &list));
        });
        group.bench_function("serde_json", |b| {
            b.iter(|| {
                for line in list[..list.len() - 1].split(|&byte| byte == b'\n') {
                    let object: Object<'_> = serde_json::from_slice(line).unwrap();
                    black_box(&object.text);
                    black_box(PhoneNumber::parse(object.to).unwrap());
                }
            });
        });
        group.finish();
    }
}

fn csv(criterion: &mut Criterion) {
    let fields = Fields::default();
    for (name, text) in [("ascii", ASCII), ("escapes", ESCAPES)] {
        let list = common::csv(text);
        let mut group = group(criterion, &format!("input/csv/{name}"), &list);
        group.bench_function("batchcast", |b| {
            b.iter(|| common::parse(Csv::new(&fields), &list));
        });
        group.bench_function("csv", |b| {
            b.iter(|| {
                let mut reader = csv::Reader::from_reader(&list[..]);
                let mut record = csv::StringRecord::new();
                while reader.read_record(&mut record).unwrap() {
                    black_box(PhoneNumber::parse(&record[1]).unwrap());
                    black_box(&record[2]);
                }
            });
        });
        group.finish();
    }
}

fn group<'c>(
    criterion: &'c mut Criterion,
    name: &str,
    list: &[u8],
) -> BenchmarkGroup<'c, criterion::measurement::WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::ElementsAndBytes {
        elements: RECORDS as u64,
        bytes: list.len() as u64,
    });
    group.sample_size(15);
    group
}

criterion_group!(benches, lines, ndjson, csv);
criterion_main!(benches);
