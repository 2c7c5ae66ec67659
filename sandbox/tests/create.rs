//! Creating batches: what is accepted, what is refused, and in which words.

mod common;

use std::convert::Infallible;
use std::fmt::Write as _;

use batchcast_sandbox::{Malformed, RejectRule, Sandbox};
use common::{Api, BATCHES, GOOD, answer_head, connect, error_of, head, send, to_end};
use futures::stream;
use serde_json::Value;

fn chunked(pieces: Vec<Vec<u8>>) -> reqwest::Body {
    reqwest::Body::wrap_stream(stream::iter(pieces.into_iter().map(Ok::<_, Infallible>)))
}

#[tokio::test]
async fn a_batch_is_answered_as_the_api_does() {
    let api = Api::start().await;
    let batch = api.create(GOOD).await;
    assert_eq!(batch["id"].as_str().map(str::len), Some(36));
    assert_eq!(batch["from"], "+16505550100");
    assert_eq!(
        (&batch["batchSize"], &batch["processedCount"]),
        (&2.into(), &0.into())
    );
    assert_eq!(batch["status"], "Processing");
    assert_eq!(batch["rejected"], Value::Array(vec![]));
    let time = batch["creationTime"].as_str().expect("a time");
    assert_eq!((time.len(), &time[19..20], &time[26..]), (27, ".", "Z"));
    assert_eq!(batch["creationTime"], batch["lastModifiedTime"]);
    let stats = api.sandbox.stats();
    assert_eq!(
        (
            stats.requests,
            stats.batches,
            stats.messages,
            stats.rejected
        ),
        (1, 1, 2, 0)
    );
    assert_eq!(stats.body_bytes, GOOD.len() as u64);
}

#[tokio::test]
async fn members_may_come_in_any_order() {
    let api = Api::start().await;
    for body in [
        r#"{"messages":[{"to":["+14155550100"]},{"text":"own","to":["+14155550101"]}],"text":"Late","from":"+16505550100"}"#,
        "\n {\t\"text\" : \"Late\", \"messages\":[ {\"to\" : [ \"+14155550100\" ] } ,\r\n   {\"to\":[\"+14155550101\"],\"text\":\"own\"}], \"from\":\"+16505550100\" } \n ",
    ] {
        let id = api.create(body).await["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let messages = api
            .get(&format!("{}?view=Detailed&batchId={id}", common::MESSAGES))
            .await;
        assert_eq!(messages["records"][0]["text"], "Late");
        assert_eq!(messages["records"][1]["text"], "own");
    }
    // No default text is needed where every message has one.
    api.create(r#"{"from":"+16505550100","messages":[{"to":["+14155550100"],"text":"own"}]}"#)
        .await;
}

#[tokio::test]
async fn each_mistake_has_its_code_and_its_place() {
    let api = Api::start().await;
    let with =
        |messages: &str| format!(r#"{{"from":"+16505550100","text":"Hi","messages":{messages}}}"#);
    let long = "x".repeat(1001);
    let pairs = "😀".repeat(501);
    let cases = [
        // Not JSON.
        (String::new(), "CMN-104", ""),
        ("   ".to_owned(), "CMN-104", ""),
        (GOOD[..GOOD.len() - 1].to_owned(), "CMN-104", ""),
        (format!("{GOOD}]"), "CMN-104", ""),
        (format!("{GOOD} {GOOD}"), "CMN-104", ""),
        (format!("{GOOD}\0"), "CMN-104", ""),
        (GOOD.replace("},{", "},,{"), "CMN-104", ""),
        (GOOD.replace("}]}", "},]}"), "CMN-104", ""),
        (GOOD.replace("Bob", "B\nb"), "CMN-104", ""),
        (GOOD.replace("Bob", r"\ud800"), "CMN-104", ""),
        // Wrong shape.
        ("[]".to_owned(), "CMN-103", "body"),
        ("null".to_owned(), "CMN-103", "body"),
        ("\"text\"".to_owned(), "CMN-103", "body"),
        (with("{}"), "CMN-103", "messages"),
        (with("null"), "CMN-103", "messages"),
        (with(r#"[{"to":["+12"]},7]"#), "CMN-103", "messages[1]"),
        (
            with(r#"[{"to":["+12"],"text":7}]"#),
            "CMN-103",
            "messages[0].text",
        ),
        (
            with(r#"[{"to":["+12"],"text":null}]"#),
            "CMN-103",
            "messages[0].text",
        ),
        (
            GOOD.replace(r#""+16505550100""#, "16505550100"),
            "CMN-103",
            "from",
        ),
        (GOOD.replace(r#""Hello""#, "[]"), "CMN-103", "text"),
        // A wrong value.
        ("{}".to_owned(), "CMN-101", "from"),
        (
            r#"{"from":"+12","text":"Hi"}"#.to_owned(),
            "CMN-101",
            "messages",
        ),
        (with("[]"), "CMN-101", "messages"),
        (
            GOOD.replace("+16505550100", "6505550100"),
            "CMN-101",
            "from",
        ),
        (GOOD.replace("Hello", ""), "CMN-101", "text"),
        (GOOD.replace("Hello", &long), "CMN-101", "text"),
        (GOOD.replace("Bob", ""), "CMN-101", "messages[1].text"),
        (GOOD.replace("Bob", &long), "CMN-101", "messages[1].text"),
        (GOOD.replace("Bob", &pairs), "CMN-101", "messages[1].text"),
        (
            GOOD.replace(r#""text":"Hello","#, ""),
            "CMN-101",
            "messages[0].text",
        ),
        (
            with(r#"[{"to":["+12"]},{"text":"no one"}]"#),
            "CMN-101",
            "messages[1].to",
        ),
        (with("[{}]"), "CMN-101", "messages[0].to"),
        (with(r#"[{"to":"+12"}]"#), "CMN-101", "messages[0].to"),
        (with(r#"[{"to":[]}]"#), "CMN-101", "messages[0].to"),
        (
            with(r#"[{"to":["+12","+13"]}]"#),
            "CMN-101",
            "messages[0].to",
        ),
        (with(r#"[{"to":[12]}]"#), "CMN-101", "messages[0].to"),
        (with(r#"[{"to":null}]"#), "CMN-101", "messages[0].to"),
        // Unknown, or twice.
        (
            GOOD.replace(r#""text":"Hello""#, r#""texts":"Hello""#),
            "CMN-101",
            "texts",
        ),
        (
            GOOD.replace(r#""text":"Bob""#, r#""name":"Bob""#),
            "CMN-101",
            "messages[1].name",
        ),
        (
            GOOD.replace(r#""text":"Bob""#, r#""from":"+12""#),
            "CMN-101",
            "messages[1].from",
        ),
        (
            GOOD.replace(r#""text":"Hello""#, r#""to":["+12"]"#),
            "CMN-101",
            "to",
        ),
        (
            GOOD.replace(r#""text":"Hello","#, r#""text":"Hello","text":"Hello","#),
            "CMN-101",
            "text",
        ),
        (
            GOOD.replace(r#"{"from""#, r#"{"from":"+12","from""#),
            "CMN-101",
            "from",
        ),
        (
            GOOD.replace("}]}", r#"}],"messages":[]}"#),
            "CMN-101",
            "messages",
        ),
        (
            GOOD.replace(r#""text":"Bob""#, r#""text":"Bob","text":"Bob""#),
            "CMN-101",
            "messages[1].text",
        ),
        (
            GOOD.replace(r#","text":"Bob""#, r#","to":["+12"]"#),
            "CMN-101",
            "messages[1].to",
        ),
    ];
    let count = cases.len() as u64;
    for (body, code, place) in cases {
        let answer = error_of(api.post(body.clone()).await).await;
        assert_eq!(answer, (400, code.to_owned(), place.to_owned()), "{body}");
    }
    let not_utf8 = GOOD.replace("Bob", "B_b").into_bytes();
    let not_utf8: Vec<u8> = not_utf8
        .into_iter()
        .map(|byte| if byte == b'_' { 0xff } else { byte })
        .collect();
    assert_eq!(error_of(api.post(not_utf8).await).await.1, "CMN-104");
    let stats = api.sandbox.stats();
    assert_eq!(
        (stats.errors, stats.batches, stats.messages),
        (count + 1, 0, 0)
    );
    assert!(api.listed().await.is_empty());
}

#[tokio::test]
async fn a_text_may_have_1000_utf16_code_units() {
    let api = Api::start().await;
    for text in [
        "x".repeat(1000),
        "é".repeat(1000),
        "😀".repeat(500),
        "\\n".repeat(1000),
    ] {
        api.create(GOOD.replace("Hello", &text)).await;
        api.create(GOOD.replace("Bob", &text)).await;
    }
}

#[tokio::test]
async fn rejects_name_the_index_from_one() {
    let api = Api::with(Sandbox::builder().reject("suffix:0000".parse().expect("a rule"))).await;
    let body = r#"{"from":"+16505550100","text":"Hi","messages":[
        {"to":["+14155550000"]},{"to":["+14155550001"]},{"to":["4155550002"]},{"to":["+14155560000"]},{"to":["\" é"]}]}"#;
    let batch = api.create(body).await;
    assert_eq!(batch["batchSize"], 1);
    let rejected: Vec<(u64, &str)> = batch["rejected"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|reject| {
            assert_eq!(reject["errorCode"], "SMS-RC-410");
            assert!(reject["description"].is_string());
            assert_eq!(reject["to"].as_array().map(Vec::len), Some(1));
            (
                reject["index"].as_u64().expect("a number"),
                reject["to"][0].as_str().expect("a string"),
            )
        })
        .collect();
    assert_eq!(
        rejected,
        [
            (1, "+14155550000"),
            (3, "4155550002"),
            (4, "+14155560000"),
            (5, "\" é")
        ]
    );
    let stats = api.sandbox.stats();
    assert_eq!((stats.messages, stats.rejected), (1, 4));
    // Only the answer that creates the batch has them.
    let id = batch["id"].as_str().expect("an id");
    assert_eq!(
        api.get(&format!("{BATCHES}/{id}")).await["rejected"],
        Value::Array(vec![])
    );
}

#[tokio::test]
async fn a_malformed_number_can_fail_the_whole_batch() {
    let api = Api::with(Sandbox::builder().malformed(Malformed::Refuse)).await;
    let answer = api.post(GOOD.replace("+12125550100", "2125550100")).await;
    assert_eq!(
        error_of(answer).await,
        (400, "CMN-101".to_owned(), "messages[1].to".to_owned())
    );
    assert_eq!(api.sandbox.stats().batches, 0);
}

#[tokio::test]
async fn a_long_list_of_rejects_comes_whole() {
    let every = "every:2".parse::<RejectRule>().expect("a rule");
    let api = Api::with(Sandbox::builder().reject(every)).await;
    let batch = api.create(common::numbered(50_000)).await;
    assert_eq!(batch["batchSize"], 25_000);
    let rejected = batch["rejected"].as_array().expect("an array");
    assert_eq!(rejected.len(), 25_000);
    for (n, reject) in rejected.iter().enumerate() {
        assert_eq!(reject["index"], 2 * n + 2);
        assert_eq!(reject["to"][0], format!("+1{}", 2_000_000_001 + 2 * n));
    }
}

#[tokio::test]
async fn a_body_may_come_in_the_smallest_pieces() {
    let api = Api::start().await;
    let body = GOOD.replace("Bob", "Bób 😀");
    let bytes: Vec<Vec<u8>> = body.bytes().map(|byte| vec![byte]).collect();
    let id = api.create(chunked(bytes)).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let messages = api
        .get(&format!("{}?view=Detailed&batchId={id}", common::MESSAGES))
        .await;
    assert_eq!(messages["records"][1]["text"], "Bób 😀");

    // A chunk a byte by hand, each in a write of its own, with an extension and a trailer.
    let mut stream = connect(api.address()).await;
    send(
        &mut stream,
        head("Transfer-Encoding: chunked\r\nConnection: close\r\n"),
    )
    .await;
    for byte in GOOD.bytes() {
        send(&mut stream, format!("1;x=y\r\n{}\r\n", char::from(byte))).await;
    }
    send(&mut stream, "0\r\nTrailer: yes\r\n\r\n").await;
    assert!(to_end(&mut stream).await.starts_with("HTTP/1.1 201 "));
    assert_eq!(api.sandbox.stats().batches, 2);
}

#[tokio::test]
async fn only_json_is_taken() {
    let api = Api::start().await;
    for (content_type, status) in [
        ("application/json", 201),
        ("application/json; charset=utf-8", 201),
        ("Application/JSON ;charset=UTF-8", 201),
        ("text/plain", 415),
        ("application/jsonp", 415),
        ("application/x-ndjson", 415),
    ] {
        let request = api
            .request("POST", BATCHES)
            .header("content-type", content_type)
            .body(GOOD);
        assert_eq!(
            request.send().await.expect("an answer").status(),
            status,
            "{content_type}"
        );
    }
    let answer = api
        .request("POST", BATCHES)
        .body(GOOD)
        .send()
        .await
        .expect("an answer");
    assert_eq!(error_of(answer).await.0, 415);
    let answer = api
        .batch(GOOD)
        .header("content-encoding", "gzip")
        .send()
        .await
        .expect("an answer");
    assert_eq!(error_of(answer).await.0, 415);
}

#[tokio::test]
async fn the_limit_is_exact_and_told_at_once() {
    let limit = GOOD.len() as u64;
    let api = Api::with(Sandbox::builder().max_body_bytes(limit)).await;
    api.create(GOOD).await;
    api.create(chunked(vec![GOOD.as_bytes().to_vec()])).await;

    // Announced: refused before a byte of the body is there.
    let mut stream = connect(api.address()).await;
    send(
        &mut stream,
        head(&format!("Content-Length: {}\r\n", limit + 1)),
    )
    .await;
    let answer = answer_head(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.contains("text/html"),
        "{answer}"
    );
    assert!(answer.contains("connection: close"), "{answer}");
    send(&mut stream, format!("{GOOD} ")).await;
    assert!(
        to_end(&mut stream)
            .await
            .contains("<h1>413 Request Entity Too Large</h1>")
    );

    // Not announced: refused with the byte that is too many, though the body goes on.
    let mut stream = connect(api.address()).await;
    send(&mut stream, head("Transfer-Encoding: chunked\r\n")).await;
    send(
        &mut stream,
        format!("{:x}\r\n{GOOD}\r\n1\r\n \r\n", GOOD.len()),
    )
    .await;
    assert!(answer_head(&mut stream).await.starts_with("HTTP/1.1 413 "));
    let stats = api.sandbox.stats();
    assert_eq!((stats.batches, stats.body_bytes), (2, 3 * limit + 1));
}

#[tokio::test]
async fn an_early_refusal_does_not_wait_for_the_body() {
    let api = Api::start().await;
    // The mistake is in the first bytes, and the client holds the rest back.
    let mut stream = connect(api.address()).await;
    send(&mut stream, head("Transfer-Encoding: chunked\r\n")).await;
    send(&mut stream, "10\r\n{\"form\":\"+165055\r\n").await;
    let answer = answer_head(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("connection: close"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_client_that_sends_all_before_it_reads_sees_the_refusal() {
    let api = Api::start().await;
    let body = "x".repeat(20_000_000);
    for (head, status) in [
        (
            head(&format!("Content-Length: {}\r\n", body.len())),
            "HTTP/1.1 400 ",
        ),
        (
            head(&format!("Content-Length: {}\r\n", body.len())).replace("Bearer", "Basic"),
            "HTTP/1.1 401 ",
        ),
        (
            head(&format!("Content-Length: {}\r\n", body.len())).replace("/json", "/xml"),
            "HTTP/1.1 415 ",
        ),
        (
            head(&format!("Content-Length: {}\r\n", body.len())).replace("a2p-sms", "sms"),
            "HTTP/1.1 404 ",
        ),
    ] {
        let mut stream = connect(api.address()).await;
        send(&mut stream, head).await;
        send(&mut stream, &body).await;
        let answer = to_end(&mut stream).await;
        assert!(answer.starts_with(status), "{answer}");
    }
}

#[tokio::test]
async fn expect_continue_is_honoured() {
    let api = Api::start().await;
    let mut stream = connect(api.address()).await;
    let lines = format!(
        "Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n",
        GOOD.len()
    );
    send(&mut stream, head(&lines)).await;
    assert!(answer_head(&mut stream).await.starts_with("HTTP/1.1 100 "));
    send(&mut stream, GOOD).await;
    assert!(to_end(&mut stream).await.starts_with("HTTP/1.1 201 "));

    // Who is refused is not asked for the body.
    let mut stream = connect(api.address()).await;
    send(&mut stream, head(&lines).replace("Bearer", "Basic")).await;
    assert!(to_end(&mut stream).await.starts_with("HTTP/1.1 401 "));
}

#[tokio::test]
async fn a_connection_serves_many_batches() {
    let api = Api::start().await;
    let mut stream = connect(api.address()).await;
    for _ in 0..3 {
        send(
            &mut stream,
            head(&format!("Content-Length: {}\r\n", GOOD.len())),
        )
        .await;
        send(&mut stream, GOOD).await;
        let answer = answer_head(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
        let length = answer
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.split('\r').next());
        let mut body = vec![0; length.expect("a length").parse().expect("a number")];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut body)
            .await
            .expect("a body");
    }
    assert_eq!(api.sandbox.stats().batches, 3);
}

#[tokio::test]
async fn discard_counts_bytes_and_looks_at_none() {
    let api = Api::with(Sandbox::builder().discard(true)).await;
    let batch = api.create("not JSON at all").await;
    assert_eq!(
        (&batch["batchSize"], &batch["from"]),
        (&Value::Null, &Value::Null)
    );
    api.create(chunked(vec![vec![b'x'; 100_000]; 10])).await;
    let stats = api.sandbox.stats();
    assert_eq!(
        (stats.batches, stats.messages, stats.body_bytes),
        (2, 0, 1_000_015)
    );
    assert_eq!(
        api.bare("POST", BATCHES)
            .body("x")
            .send()
            .await
            .expect("an answer")
            .status(),
        401
    );
}

#[tokio::test]
async fn any_bytes_get_an_answer() {
    let api = Api::start().await;
    let mut deep = String::from(r#"{"from":"+12","text":"#);
    write!(deep, "{}", "[".repeat(100_000)).expect("a string");
    for body in [
        deep,
        "[".repeat(1_000_000),
        "\u{feff}{}".to_owned(),
        "1e999999".to_owned(),
        "{\"\":1}".to_owned(),
    ] {
        assert_eq!(api.post(body).await.status(), 400);
    }
    api.create(GOOD).await;
}
