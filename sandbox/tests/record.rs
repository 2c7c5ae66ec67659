//! The record file, and that a batch is there as a whole or not at all.

mod common;

use std::path::Path;

use batchcast_sandbox::fault::FaultRule;
use batchcast_sandbox::{Sandbox, StartError};
use common::{Api, GOOD, connect, head, numbered, send, to_end};
use serde_json::Value;

fn lines(path: &Path) -> Vec<Value> {
    let record = std::fs::read_to_string(path).expect("the record");
    assert!(record.is_empty() || record.ends_with('\n'));
    record
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect()
}

#[tokio::test]
async fn every_accepted_message_is_a_line_in_order() {
    const COUNT: usize = 300_000;
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("record.ndjson");
    let rule = "every:1000".parse().expect("a rule");
    let api = Api::with(Sandbox::builder().record(&path).reject(rule)).await;
    let batch = api.create(numbered(COUNT)).await;

    let record = std::fs::read_to_string(&path).expect("the record");
    let mut found = record.lines();
    let id = batch["id"].as_str().expect("an id");
    for n in (0..COUNT).filter(|n| (n + 1) % 1000 != 0) {
        let to = 2_000_000_000 + n;
        let text = if n % 3 == 0 {
            format!(r#"own {n} \"é\" 😀"#)
        } else {
            "Hello".to_owned()
        };
        let line =
            format!(r#"{{"batch":"{id}","from":"+16505550100","to":"+1{to}","text":"{text}"}}"#);
        assert_eq!(found.next(), Some(line.as_str()));
    }
    assert_eq!(found.next(), None);
    assert_eq!(batch["batchSize"], COUNT - COUNT / 1000);
}

#[tokio::test]
async fn the_default_text_and_the_sender_may_come_last() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("record.ndjson");
    let api = Api::with(Sandbox::builder().record(&path)).await;
    let body = r#"{"messages":[{"to":["+14155550100"]},{"text":"own","to":["+14155550101"]}],"text":"Late","from":"+16505550100"}"#;
    api.create(body).await;
    let lines = lines(&path);
    let texts: Vec<&Value> = lines.iter().map(|line| &line["text"]).collect();
    assert_eq!(texts, ["Late", "own"]);
    assert!(lines.iter().all(|line| line["from"] == "+16505550100"));
}

#[tokio::test]
async fn a_refused_batch_leaves_no_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("record.ndjson");
    let api = Api::with(Sandbox::builder().record(&path)).await;
    let body = numbered(10_000);
    for body in [
        format!("{body}]"),
        body[..body.len() - 1].to_owned(),
        body.replace("+16505550100", "x"),
    ] {
        assert_eq!(api.post(body).await.status(), 400);
    }
    assert!(lines(&path).is_empty());
    api.create(GOOD).await;
    assert_eq!(lines(&path).len(), 2);
}

/// The whole document is there each time; what is missing is the end of the HTTP message.
#[tokio::test]
async fn a_body_that_is_cut_off_leaves_no_trace() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("record.ndjson");
    let api = Api::with(Sandbox::builder().record(&path)).await;
    let cut = [
        (
            head(&format!("Content-Length: {}\r\n", GOOD.len() + 1)),
            GOOD.to_owned(),
        ),
        (
            head("Transfer-Encoding: chunked\r\n"),
            format!("{:x}\r\n{GOOD}\r\n", GOOD.len()),
        ),
        (
            head("Transfer-Encoding: chunked\r\n"),
            format!("{:x}\r\n{GOOD}\r\n0\r\n", GOOD.len()),
        ),
        (
            head("Transfer-Encoding: chunked\r\n"),
            format!("{:x}\r\n{GOOD}\r\nxyz\r\n", GOOD.len()),
        ),
    ];
    for (head, body) in &cut {
        let mut stream = connect(api.address()).await;
        send(&mut stream, head).await;
        send(&mut stream, body).await;
        // The server sees the end of the stream, and closes: everything it was going to do is done.
        tokio::io::AsyncWriteExt::shutdown(&mut stream)
            .await
            .expect("a socket");
        let answer = to_end(&mut stream).await;
        assert!(!answer.contains(" 201 "), "{answer}");
    }
    let stats = api.sandbox.stats();
    assert_eq!(
        (
            stats.requests,
            stats.batches,
            stats.messages,
            stats.rejected
        ),
        (cut.len() as u64, 0, 0, 0)
    );
    assert!(lines(&path).is_empty());
    assert!(api.listed().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_do_not_interleave() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("record.ndjson");
    let api = Api::with(Sandbox::builder().record(&path)).await;
    futures::future::join_all((0..4).map(|_| api.create(numbered(5_000)))).await;
    let lines = lines(&path);
    assert_eq!(lines.len(), 20_000);
    for batch in lines.chunks(5_000) {
        assert!(batch.iter().all(|line| line["batch"] == batch[0]["batch"]));
        assert!(batch.is_sorted_by_key(|line| line["to"].as_str()));
    }
}

#[tokio::test]
async fn the_record_is_appended_to() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("record.ndjson");
    for sent in [2, 4] {
        let api = Api::with(Sandbox::builder().record(&path)).await;
        api.create(GOOD).await;
        api.sandbox.shutdown().await;
        assert_eq!(lines(&path).len(), sent);
    }
    let missing = dir.path().join("missing").join("record.ndjson");
    let error = Sandbox::builder()
        .record(missing)
        .start()
        .await
        .expect_err("no such directory");
    assert!(matches!(error, StartError::Record { .. }));
}

/// Whatever became of the answers, and of the clients.
#[tokio::test]
async fn the_record_is_what_was_accepted() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("record.ndjson");
    let builder = Sandbox::builder().rate_limit(None).record(&path);
    let api = Api::with(builder.fault(FaultRule::random(3, 0.5))).await;
    for n in 0..200 {
        let body = numbered(1 + n % 7);
        let request = head(&format!("Content-Length: {}\r\n", body.len())) + &body;
        let mut stream = connect(api.address()).await;
        // It may be reset by then; and every second client goes without a look at the answer.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await;
        if n % 2 == 0 {
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 16]).await;
        }
    }
    api.sandbox.settled().await.expect("a connection");
    let accepted = api.sandbox.accepted();
    let expected = accepted.iter().flat_map(|batch| {
        let messages = batch.messages.iter();
        messages.map(|message| {
            (
                batch.id.as_str(),
                message.to.as_str(),
                message.text.as_deref(),
            )
        })
    });
    let lines = lines(&path);
    let found = lines.iter().map(|line| {
        let text = |name: &str| line[name].as_str();
        (
            text("batch").unwrap_or_default(),
            text("to").unwrap_or_default(),
            text("text"),
        )
    });
    // Batches end in no order.
    let (mut expected, mut found): (Vec<_>, Vec<_>) = (expected.collect(), found.collect());
    expected.sort_unstable();
    found.sort_unstable();
    assert!(found == expected && accepted.len() > 50);
    assert_eq!(api.sandbox.stats().batches, accepted.len() as u64);
}
