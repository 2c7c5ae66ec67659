//! From a list's bytes to bodies, beside what a user would write with other libraries, and beside the
//! floor: a loop that only finds lines, checks UTF-8 and copies.

mod common;

use std::borrow::Cow;
use std::hint::black_box;

use batchcast::PhoneNumber;
use batchcast::input::{Csv, Fields, Lines, Ndjson};
use common::{ASCII, CHINESE, EMOJI, ESCAPES, RECORDS, SENDER, SPANISH};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};

/// The head of a body without a default text.
const HEAD: &str = "{\"from\":\"+16505550100\",\"messages\":[";

#[derive(Deserialize)]
struct Object<'a> {
    to: &'a str,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    to: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

#[derive(Serialize)]
struct Body<'a> {
    from: &'a str,
    messages: Vec<Entry<'a>>,
}

/// A body that is handed on chunk by chunk, as a streaming user would.
struct Chunks {
    buffer: Vec<u8>,
    bytes: u64,
    first: bool,
}

impl Chunks {
    fn new() -> Self {
        let mut buffer = Vec::with_capacity(300 * 1024);
        buffer.extend_from_slice(HEAD.as_bytes());
        Self {
            buffer,
            bytes: 0,
            first: true,
        }
    }

    #[inline]
    fn entry(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if !std::mem::replace(&mut self.first, false) {
            self.buffer.push(b',');
        }
        write(&mut self.buffer);
        if self.buffer.len() > 256 * 1024 {
            self.bytes += self.buffer.len() as u64;
            black_box(&self.buffer);
            self.buffer.clear();
        }
    }

    fn end(mut self) -> u64 {
        self.buffer.extend_from_slice(b"]}");
        self.bytes + self.buffer.len() as u64
    }
}

fn each_line(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    memchr::memchr_iter(b'\n', list).map(move |end| {
        let line = &list[at..end];
        at = end + 1;
        line
    })
}

fn serde_json_streaming(list: &[u8]) -> u64 {
    let mut body = Chunks::new();
    for line in each_line(list) {
        let object: Object<'_> = serde_json::from_slice(line).unwrap();
        let (to, text) = ([object.to], object.text.as_deref());
        body.entry(|out| serde_json::to_writer(out, &Entry { to, text }).unwrap());
    }
    body.end()
}

fn serde_json_whole(list: &[u8]) -> u64 {
    let objects: Vec<Object<'_>> = each_line(list)
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let body = Body {
        from: SENDER,
        messages: objects
            .iter()
            .map(|object| Entry {
                to: [object.to],
                text: object.text.as_deref(),
            })
            .collect(),
    };
    serde_json::to_vec(&body).unwrap().len() as u64
}

fn sonic_streaming(list: &[u8]) -> u64 {
    let mut body = Chunks::new();
    for line in each_line(list) {
        let object: Object<'_> = sonic_rs::from_slice(line).unwrap();
        let (to, text) = ([object.to], object.text.as_deref());
        body.entry(|out| sonic_rs::to_writer(out, &Entry { to, text }).unwrap());
    }
    body.end()
}

fn simd_json_streaming(list: &[u8]) -> u64 {
    let mut body = Chunks::new();
    let mut buffers = simd_json::Buffers::default();
    let mut scratch = Vec::new();
    for line in each_line(list) {
        // It parses in place.
        scratch.clear();
        scratch.extend_from_slice(line);
        let object: Object<'_> =
            simd_json::serde::from_slice_with_buffers(&mut scratch, &mut buffers).unwrap();
        let (to, text) = ([object.to], object.text.as_deref());
        body.entry(|out| simd_json::to_writer(out, &Entry { to, text }).unwrap());
    }
    body.end()
}

/// Find lines, check UTF-8, copy: what no way from lines to a body can do without.
fn floor(list: &[u8]) -> u64 {
    let mut out = Vec::with_capacity(300 * 1024);
    let mut bytes = 0;
    for block in list.chunks(256 * 1024) {
        black_box(simdutf8::basic::from_utf8(block).is_ok());
        let mut at = 0;
        for end in memchr::memchr_iter(b'\n', block) {
            out.extend_from_slice(&block[at..end]);
            at = end + 1;
        }
        out.extend_from_slice(&block[at..]);
        bytes += out.len() as u64;
        black_box(&out);
        out.clear();
    }
    bytes
}

fn copy(list: &[u8]) -> u64 {
    let mut out = Vec::with_capacity(300 * 1024);
    for block in list.chunks(256 * 1024) {
        out.clear();
        out.extend_from_slice(block);
        black_box(&out);
    }
    list.len() as u64
}

fn lines(criterion: &mut Criterion) {
    let list = common::lines();
    let envelope = common::envelope(Some("Hello Team"));
    let text = String::from_utf8(list.clone()).unwrap();
    let numbers: Vec<&str> = text.lines().collect();
    let mut group = group(criterion, "pipeline/lines", &list);
    group.bench_function("batchcast", |b| {
        b.iter(|| common::encode(Lines::new(), &list, &envelope));
    });
    // Not even parsing: it has its messages already.
    group.bench_function("serde_json, parsed before", |b| {
        b.iter(|| {
            let mut body = Chunks::new();
            for number in &numbers {
                let (to, text) = ([*number], None);
                body.entry(|out| serde_json::to_writer(out, &Entry { to, text }).unwrap());
            }
            body.end()
        });
    });
    group.bench_function("floor", |b| b.iter(|| floor(&list)));
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
        assert_eq!(
            common::encode(Ndjson::new(&fields), &list, &envelope),
            serde_json_streaming(&list)
        );
        let mut group = group(criterion, &format!("pipeline/ndjson/{name}"), &list);
        group.bench_function("batchcast", |b| {
            b.iter(|| common::encode(Ndjson::new(&fields), &list, &envelope));
        });
        group.bench_function("serde_json", |b| b.iter(|| serde_json_streaming(&list)));
        group.bench_function("sonic-rs", |b| b.iter(|| sonic_streaming(&list)));
        group.bench_function("floor", |b| b.iter(|| floor(&list)));
        if name == "ascii" {
            group.bench_function("serde_json, whole array", |b| {
                b.iter(|| serde_json_whole(&list));
            });
            group.bench_function("simd-json", |b| b.iter(|| simd_json_streaming(&list)));
            group.bench_function("memcpy", |b| b.iter(|| copy(&list)));
        }
        group.finish();
    }
}

fn csv(criterion: &mut Criterion) {
    let fields = Fields::default();
    let envelope = common::envelope(None);
    for (name, text) in [("ascii", ASCII), ("escapes", ESCAPES), ("chinese", CHINESE)] {
        let list = common::csv(text);
        let mut group = group(criterion, &format!("pipeline/csv/{name}"), &list);
        group.bench_function("batchcast", |b| {
            b.iter(|| common::encode(Csv::new(&fields), &list, &envelope));
        });
        group.bench_function("csv, serde_json", |b| {
            b.iter(|| {
                let mut body = Chunks::new();
                let mut reader = csv::Reader::from_reader(&list[..]);
                let mut record = csv::StringRecord::new();
                while reader.read_record(&mut record).unwrap() {
                    let to = PhoneNumber::parse(&record[1]).unwrap();
                    let (to, text) = ([to.as_str()], Some(&record[2]));
                    body.entry(|out| serde_json::to_writer(out, &Entry { to, text }).unwrap());
                }
                body.end()
            });
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
