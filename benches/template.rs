//! From a list's bytes to bodies with personal texts, beside what a user would write: another parser,
//! `format!`, and serde_json as the writer.

mod common;

use batchcast::input::{Csv, Fields, Ndjson};
use common::{ASCII, CHINESE, ESCAPES, RECORDS, collected, consume, rivals};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

const TEXTS: [(&str, &str); 3] = [("ascii", ASCII), ("escapes", ESCAPES), ("chinese", CHINESE)];

fn csv(criterion: &mut Criterion) {
    let fields = Fields::default();
    let envelope = common::envelope(None);
    let list = common::csv_of_names();
    for (name, text) in TEXTS {
        let parser = || Csv::new(&fields).with_template(common::template(text));
        let ours = collected(|hand_on| common::encode(parser(), &list, &envelope, hand_on));
        assert!(ours == collected(|hand_on| rivals::csv_format_serde_json(&list, text, hand_on)));
        let mut group = group(criterion, &format!("template/csv/{name}"), &list);
        group.bench_function("batchcast", |b| {
            b.iter(|| common::encode(parser(), &list, &envelope, consume));
        });
        // The plain path: the same texts, made by somebody else.
        let plain = common::csv(text);
        group.bench_function("batchcast, texts in the list", |b| {
            b.iter(|| common::encode(Csv::new(&fields), &plain, &envelope, consume));
        });
        group.bench_function("csv, format!, serde_json", |b| {
            b.iter(|| rivals::csv_format_serde_json(&list, text, consume));
        });
        group.finish();
    }
}

fn ndjson(criterion: &mut Criterion) {
    let fields = Fields::default();
    let envelope = common::envelope(None);
    let list = common::ndjson_of_names();
    for (name, text) in TEXTS {
        let parser = || Ndjson::new(&fields).with_template(common::template(text));
        let ours = collected(|hand_on| common::encode(parser(), &list, &envelope, hand_on));
        assert!(ours == collected(|hand_on| rivals::serde_json_format(&list, text, hand_on)));
        let mut group = group(criterion, &format!("template/ndjson/{name}"), &list);
        group.bench_function("batchcast", |b| {
            b.iter(|| common::encode(parser(), &list, &envelope, consume));
        });
        // The plain path: the same texts, made by somebody else.
        let plain = common::ndjson(text);
        group.bench_function("batchcast, texts in the list", |b| {
            b.iter(|| common::encode(Ndjson::new(&fields), &plain, &envelope, consume));
        });
        group.bench_function("serde_json, format!", |b| {
            b.iter(|| rivals::serde_json_format(&list, text, consume));
        });
        group.finish();
    }
}

fn group<'c>(
    criterion: &'c mut Criterion,
    name: &str,
    list: &[u8],
) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::ElementsAndBytes {
        elements: RECORDS as u64,
        bytes: list.len() as u64,
    });
    group.sample_size(15);
    group
}

criterion_group!(benches, csv, ndjson);
criterion_main!(benches);
