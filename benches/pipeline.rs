//! From a list's bytes to bodies, beside what a user would write with other libraries, and beside the
//! floor: a loop that only checks UTF-8, finds lines and copies. All make the same chunks.

mod common;

use batchcast::input::{Csv, Fields, Lines, Ndjson};
use common::{ASCII, CHINESE, EMOJI, ESCAPES, RECORDS, SPANISH, collected, consume, rivals};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

fn lines(criterion: &mut Criterion) {
    const TEXT: &str = "Hello Team";
    let list = common::lines();
    let envelope = common::envelope(Some(TEXT));
    let text = String::from_utf8(list.clone()).unwrap();
    let numbers: Vec<&str> = text.lines().collect();
    let ours = collected(|hand_on| common::encode(Lines::new(), &list, &envelope, hand_on));
    assert!(ours == collected(|hand_on| rivals::serde_json_numbers(&numbers, TEXT, hand_on)));
    let mut group = group(criterion, "pipeline/lines", &list);
    group.bench_function("batchcast", |b| {
        b.iter(|| common::encode(Lines::new(), &list, &envelope, consume));
    });
    // Not even parsing: it has its messages already.
    group.bench_function("serde_json, parsed before", |b| {
        b.iter(|| rivals::serde_json_numbers(&numbers, TEXT, consume));
    });
    group.bench_function("floor", |b| b.iter(|| rivals::floor(&list, consume)));
    group.finish();
}

fn ndjson(criterion: &mut Criterion) {
    let fields = Fields::default();
    let envelope = common::envelope(None);
    for (name, text) in [
        ("ascii", ASCII),
        ("escapes", ESCAPES),
        ("spanish", SPANISH),
        ("chinese", CHINESE),
        ("emoji", EMOJI),
    ] {
        let list = common::ndjson(text);
        let ours = collected(|hand_on| {
            common::encode(Ndjson::new(&fields), &list, &envelope, hand_on);
        });
        assert!(ours == collected(|hand_on| rivals::serde_json(&list, hand_on)));
        assert!(ours == collected(|hand_on| rivals::sonic_rs(&list, hand_on)));
        let mut group = group(criterion, &format!("pipeline/ndjson/{name}"), &list);
        group.bench_function("batchcast", |b| {
            b.iter(|| common::encode(Ndjson::new(&fields), &list, &envelope, consume));
        });
        group.bench_function("serde_json", |b| {
            b.iter(|| rivals::serde_json(&list, consume));
        });
        group.bench_function("sonic-rs", |b| b.iter(|| rivals::sonic_rs(&list, consume)));
        group.bench_function("floor", |b| b.iter(|| rivals::floor(&list, consume)));
        if name == "ascii" {
            assert!(ours == collected(|hand_on| rivals::serde_json_whole(&list, hand_on)));
            assert!(ours == collected(|hand_on| rivals::simd_json(&list, hand_on)));
            group.bench_function("serde_json, whole array", |b| {
                b.iter(|| rivals::serde_json_whole(&list, consume));
            });
            group.bench_function("simd-json", |b| {
                b.iter(|| rivals::simd_json(&list, consume));
            });
            group.bench_function("memcpy", |b| b.iter(|| rivals::copy(&list, consume)));
        }
        group.finish();
    }
}

fn csv(criterion: &mut Criterion) {
    let fields = Fields::default();
    let envelope = common::envelope(None);
    for (name, text) in [("ascii", ASCII), ("escapes", ESCAPES), ("chinese", CHINESE)] {
        let list = common::csv(text);
        let ours = collected(|hand_on| {
            common::encode(Csv::new(&fields), &list, &envelope, hand_on);
        });
        assert!(ours == collected(|hand_on| rivals::csv_serde_json(&list, hand_on)));
        let mut group = group(criterion, &format!("pipeline/csv/{name}"), &list);
        group.bench_function("batchcast", |b| {
            b.iter(|| common::encode(Csv::new(&fields), &list, &envelope, consume));
        });
        group.bench_function("csv, serde_json", |b| {
            b.iter(|| rivals::csv_serde_json(&list, consume));
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

criterion_group!(benches, lines, ndjson, csv);
criterion_main!(benches);
