//! A text that all records have is in a batch once.

use serde_json::{Value, json};

use crate::api::Api;
use crate::support::{FROM, Files, Run, TEXT, batchcast, lines_of_json, number, read};

fn encode() -> Run {
    batchcast("encode --out - --from").arg(FROM)
}

fn record(index: usize, text: &str) -> String {
    json!({"to": number(index), "text": text}).to_string() + "\n"
}

fn ndjson(count: usize) -> String {
    (0..count).map(|index| record(index, TEXT)).collect()
}

/// The texts of a body's messages, as they are to be understood and as they stand there.
fn texts(body: &Value) -> Vec<(Option<&str>, Option<&str>)> {
    let messages = body["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|message| {
            let own = message["text"].as_str();
            (own.or(body["text"].as_str()), own)
        })
        .collect()
}

#[test]
fn it_is_not_repeated() {
    let csv: String = (0..50)
        .map(|index| format!("{},{TEXT}\n", number(index)))
        .collect();
    let quoted: String = (0..50)
        .map(|index| format!("{},\"say \"\"hi\"\"\"\n", number(index)))
        .collect();
    for (list, text) in [
        (ndjson(50), TEXT),
        (format!("to,text\n{csv}"), TEXT),
        (format!("to,text\n{quoted}"), "say \"hi\""),
    ] {
        let ran = encode()
            .arg("--max-messages")
            .arg("20")
            .stdin(list)
            .run()
            .code(0);
        let bodies = ran.json();
        assert_eq!(bodies.len(), 3);
        for body in &bodies {
            assert_eq!(body["text"], text);
            assert!(texts(body).iter().all(|both| *both == (Some(text), None)));
        }
    }
}

#[test]
fn what_equals_the_text_for_all_is_not_repeated_either() {
    let list = record(0, TEXT) + &record(1, "own");
    let ran = batchcast("encode --out -")
        .envelope()
        .stdin(list)
        .run()
        .code(0);
    assert_eq!(
        texts(&ran.json()[0]),
        [(Some(TEXT), None), (Some("own"), Some("own"))]
    );
}

#[test]
fn another_text_further_on_stays_and_a_missing_one_stays_missing() {
    // Far behind what is looked at.
    let list = ndjson(3_000) + &record(3_000, "own") + &json!({"to": number(3_001)}).to_string();
    let ran = encode().stdin(&list).run().code(3);
    ran.err("record 3002").err("no text");
    let ran = encode().stdin(&list).run();
    let bodies = ran.json();
    let texts = texts(&bodies[0]);
    assert_eq!(texts.len(), 3_001);
    assert!(
        texts[..3_000]
            .iter()
            .all(|both| *both == (Some(TEXT), None))
    );
    assert_eq!(texts[3_000], (Some("own"), Some("own")));
}

#[test]
fn personal_texts_are_nobody_elses() {
    for list in [
        record(0, "Hi Ann") + &record(1, "Hi Bob") + &record(2, "Hi Ann"),
        record(0, "Hi Ann"),
        record(0, "Hi Ann") + &json!({"to": number(1)}).to_string() + "\n",
    ] {
        let ran = encode().stdin(list).run();
        assert_eq!(ran.json()[0]["text"], Value::Null);
    }
}

#[test]
fn a_run_is_gone_on_with_as_it_was_begun() {
    for first in [TEXT, "another first text"] {
        let files = Files::new();
        let arrived = files.path("record");
        let api = Api::start(|sandbox| sandbox.record(&arrived));
        let content = record(0, first) + &ndjson(9);
        let list = files.write("list.ndjson", &content);
        let journal = files.path("list.ndjson.batchcast");
        api.faults("batch 2-6: answer 408");
        let run = api.send_without_text("--max-messages 3 --spool none");
        run.arg(&list).private(&content).run().code(4).discreet();
        assert_eq!(api.stats().messages, 3);
        assert!(!read(&journal).contains(TEXT));
        api.faults("");

        // Another text for all, in the list or for it, would be other messages.
        files.write("list.ndjson", content.replace(first, "other"));
        let resume = || api.resume_without_text(&journal).private(&content);
        assert_ne!(resume().run().status.code(), Some(0));
        files.write("list.ndjson", &content);
        resume().arg("--text").arg("other").run().code(2);
        assert_eq!(api.stats().messages, 3);

        resume()
            .run()
            .code(0)
            .out("Accepted: 10 recipients in 4 batches");
        let texts: Vec<_> = lines_of_json(&read(&arrived))
            .iter()
            .map(|line| line["text"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(texts.len(), 10);
        assert_eq!(texts[0], first);
        assert!(texts[1..].iter().all(|text| text == TEXT));
    }
}
