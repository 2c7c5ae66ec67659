//! From messages to bodies: the encoder and the splitter alone, beside serde_json's writer.

mod common;

use std::hint::black_box;

use batchcast::encode::{BatchEncoder, Fit, Limits, Push, Splitter};
use batchcast::{Envelope, Message, PhoneNumber, Text};
use common::{ASCII, CHINESE, EMOJI, ESCAPES, NAMES, RECORDS, SENDER};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::Serialize;

#[derive(Serialize)]
struct Entry<'a> {
    to: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

/// A message, and what it is made of.
struct Source {
    to: String,
    text: Option<String>,
}

fn sources(text: Option<&str>) -> Vec<Source> {
    let source = |index| Source {
        to: common::number(index),
        text: text.map(|text| format!("Hi {}, {text}", NAMES[index % NAMES.len()])),
    };
    (0..RECORDS).map(source).collect()
}

fn messages(sources: &[Source]) -> Vec<Message<'_>> {
    let messages = sources.iter().map(|source| {
        let to = PhoneNumber::parse(&source.to).unwrap();
        match source.text.as_deref() {
            Some(text) => Message::new(to).with_text(Text::new(text).unwrap()),
            None => Message::new(to),
        }
    });
    messages.collect()
}

fn encode_one_batch(envelope: &Envelope, messages: &[Message<'_>]) -> u64 {
    let mut batch = BatchEncoder::new(envelope, Limits::default()).unwrap();
    for message in messages {
        assert_eq!(batch.push(message).unwrap(), Fit::Added);
        if batch.chunk_is_full() {
            black_box(batch.take_chunk());
        }
    }
    batch.finish().unwrap().batch.bytes
}

fn split(envelope: &Envelope, messages: &[Message<'_>], limits: Limits) -> u64 {
    let mut splitter = Splitter::new(envelope, limits).unwrap();
    let mut batches = 0;
    for message in messages {
        match splitter.push(message).unwrap() {
            Push::Buffered => {}
            Push::Chunk(chunk) => drop(black_box(chunk)),
            Push::Batch(closed) => {
                drop(black_box(closed));
                batches += 1;
            }
        }
    }
    black_box(splitter.finish());
    batches
}

/// What a user writes who streams: each entry by serde_json, into a buffer that is handed on when full.
fn serde_json_streaming(sources: &[Source], text: Option<&str>) -> u64 {
    let mut bytes = 0;
    let mut body = Vec::with_capacity(300 * 1024);
    body.extend_from_slice(b"{\"from\":\"");
    body.extend_from_slice(SENDER.as_bytes());
    body.push(b'"');
    if let Some(text) = text {
        body.extend_from_slice(b",\"text\":");
        serde_json::to_writer(&mut body, text).unwrap();
    }
    body.extend_from_slice(b",\"messages\":[");
    for (index, source) in sources.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        let to = [source.to.as_str()];
        let text = source.text.as_deref();
        serde_json::to_writer(&mut body, &Entry { to, text }).unwrap();
        if body.len() > 256 * 1024 {
            bytes += body.len() as u64;
            black_box(&body);
            body.clear();
        }
    }
    body.extend_from_slice(b"]}");
    bytes + body.len() as u64
}

fn encode(criterion: &mut Criterion) {
    for (name, default, text) in [
        ("numbers", Some("Hello Team"), None),
        ("ascii", None, Some(ASCII)),
        ("escapes", None, Some(ESCAPES)),
        ("chinese", None, Some(CHINESE)),
        ("emoji", None, Some(EMOJI)),
    ] {
        let sources = sources(text);
        let messages = messages(&sources);
        let envelope = common::envelope(default);
        let bytes = encode_one_batch(&envelope, &messages);
        assert_eq!(bytes, serde_json_streaming(&sources, default));

        let mut group = criterion.benchmark_group(format!("encode/{name}"));
        group.throughput(Throughput::ElementsAndBytes {
            elements: RECORDS as u64,
            bytes,
        });
        group.sample_size(15);
        group.bench_function("batchcast", |b| {
            b.iter(|| encode_one_batch(&envelope, &messages));
        });
        group.bench_function("batchcast, split", |b| {
            b.iter(|| {
                split(
                    &envelope,
                    &messages,
                    Limits::default().with_max_bytes(1_000_000),
                )
            });
        });
        group.bench_function("serde_json", |b| {
            b.iter(|| serde_json_streaming(&sources, default));
        });
        group.finish();
    }
}

criterion_group!(benches, encode);
criterion_main!(benches);
