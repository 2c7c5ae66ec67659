//! From a list to receipts, over HTTP to a sandbox on loopback that only counts bytes, beside the same
//! client uploading a body that is finished already, and beside what most users write: the whole array in
//! memory, then a post. And by the size of the chunks that are handed on.

mod common;

use std::io::Cursor;

use batchcast::Envelope;
use batchcast::encode::DEFAULT_CHUNK_BYTES;
use batchcast::input::{Fields, Format, Parser};
use batchcast::send::{Client, Credentials, Sender};
use batchcast_sandbox::Sandbox;
use bytes::Bytes;
use common::{ASCII, RECORDS, SENDER};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::stream;
use tokio::runtime::Runtime;

const TOKEN: &str = "sandbox";

fn end_to_end(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let sandbox = Sandbox::builder().access_token(TOKEN).discard(true);
    let sandbox = runtime.block_on(sandbox.start()).unwrap();
    let url = sandbox.base_url();
    let http = reqwest::Client::builder().http1_only().no_proxy().build();
    let http = http.unwrap();

    for (name, format, text, list) in [
        ("lines", Format::Lines, Some("Hello Team"), common::lines()),
        ("ndjson", Format::Ndjson, None, common::ndjson(ASCII)),
    ] {
        let envelope = common::envelope(text);
        let body = Bytes::from(whole_body(format, &list, text));
        let list = Bytes::from(list);
        let mut group = criterion.benchmark_group(format!("end_to_end/{name}"));
        group.throughput(Throughput::ElementsAndBytes {
            elements: RECORDS as u64,
            bytes: body.len() as u64,
        });
        group.sample_size(15);
        group.bench_function("batchcast", |b| {
            b.iter(|| runtime.block_on(send(&url, &envelope, format, &list, DEFAULT_CHUNK_BYTES)));
        });
        group.bench_function("reqwest, body finished before", |b| {
            b.iter(|| {
                let mut rest = body.clone();
                let chunks = std::iter::from_fn(move || {
                    let len = rest.len().min(256 * 1024);
                    (len > 0).then(|| Ok::<_, std::io::Error>(rest.split_to(len)))
                });
                let body = reqwest::Body::wrap_stream(stream::iter(chunks));
                runtime.block_on(post(&http, &url, body));
            });
        });
        group.bench_function("serde_json, whole array, reqwest", |b| {
            b.iter(|| {
                let body = whole_body(format, &list, text);
                runtime.block_on(post(&http, &url, body.into()));
            });
        });
        group.finish();
    }
}

/// What the default size of a chunk was chosen by: `benches/chunks` lets them take turns.
fn chunks(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let sandbox = Sandbox::builder().access_token(TOKEN).discard(true);
    let sandbox = runtime.block_on(sandbox.start()).unwrap();
    let url = sandbox.base_url();
    for (name, format, text, list) in [
        ("lines", Format::Lines, Some("Hello Team"), common::lines()),
        ("ndjson", Format::Ndjson, None, common::ndjson(ASCII)),
    ] {
        let envelope = common::envelope(text);
        let list = Bytes::from(list);
        let mut group = criterion.benchmark_group(format!("end_to_end/chunks/{name}"));
        group.throughput(Throughput::Elements(RECORDS as u64));
        group.sample_size(15);
        for kib in [64, 128, 256, 512, 1024] {
            group.bench_function(format!("{kib} KiB"), |b| {
                b.iter(|| runtime.block_on(send(&url, &envelope, format, &list, kib * 1024)));
            });
        }
        group.finish();
    }
}

async fn send(url: &str, envelope: &Envelope, format: Format, list: &Bytes, chunk_bytes: usize) {
    let client = Client::builder(url, Credentials::access_token(TOKEN));
    let sender = Sender::new(client.build().unwrap(), envelope.clone()).chunk_bytes(chunk_bytes);
    let parser = Parser::new(format, &Fields::default());
    let sent = sender.send_input(Cursor::new(list.clone()), parser);
    assert_eq!(sent.await.unwrap().messages, RECORDS as u64);
}

async fn post(http: &reqwest::Client, url: &str, body: reqwest::Body) {
    let url = format!("{url}/restapi/v1.0/account/~/a2p-sms/batches");
    let request = http
        .post(url)
        .bearer_auth(TOKEN)
        .header("content-type", "application/json")
        .body(body);
    let response = request.send().await.unwrap();
    assert!(response.status().is_success());
    response.bytes().await.unwrap();
}

/// The body as serde_json makes it of a whole array in memory.
fn whole_body(format: Format, list: &[u8], text: Option<&str>) -> Vec<u8> {
    #[derive(serde::Deserialize)]
    struct Object<'a> {
        to: &'a str,
        #[serde(borrow)]
        text: std::borrow::Cow<'a, str>,
    }
    let list = std::str::from_utf8(list).unwrap();
    let messages: Vec<serde_json::Value> = list
        .lines()
        .map(|line| match format {
            Format::Ndjson => {
                let object: Object<'_> = serde_json::from_str(line).unwrap();
                serde_json::json!({"to": [object.to], "text": object.text})
            }
            _ => serde_json::json!({"to": [line]}),
        })
        .collect();
    let mut body = serde_json::json!({"from": SENDER, "messages": messages});
    if let Some(text) = text {
        body["text"] = text.into();
    }
    serde_json::to_vec(&body).unwrap()
}

criterion_group!(benches, end_to_end, chunks);
criterion_main!(benches);
