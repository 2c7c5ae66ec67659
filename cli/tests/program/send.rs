use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::time::Duration;

use batchcast_sandbox::RejectRule;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::api::Api;
use crate::clean::program;
use crate::support::{
    CLIENT_ID, CLIENT_SECRET, FROM, Files, Guarded, JWT, TEXT, TOKEN, batchcast, full_disk,
    lines_of_json, mode, number, numbers, read,
};

/// What the sandbox has accepted: recipient and text.
fn recorded(path: &std::path::Path) -> Vec<(String, String)> {
    let both = |line: &Value| {
        assert_eq!(line["from"], FROM);
        (
            line["to"].as_str().unwrap().to_owned(),
            line["text"].as_str().unwrap().to_owned(),
        )
    };
    lines_of_json(&read(path)).iter().map(both).collect()
}

#[test]
fn what_arrives_is_the_list() {
    let own = |index: usize| format!("own \"{index}\" ä 👋 {{{{x}}}}");
    let to = (0..50).map(number);
    let ndjson =
        |index: usize| json!({"to": number(index), "text": own(index), "id": 7}).to_string() + "\n";
    let csv = |index: usize| {
        format!(
            "x,{},\"{}\"\r\n",
            number(index),
            own(index).replace('"', "\"\"")
        )
    };
    let lists = [
        ("txt", numbers(50), vec![TEXT.to_owned(); 50]),
        (
            "ndjson",
            (0..50).map(ndjson).collect(),
            (0..50).map(own).collect(),
        ),
        (
            "csv",
            "id,phone,text\n".to_owned() + &(0..50).map(csv).collect::<String>(),
            (0..50).map(own).collect(),
        ),
    ];
    for (extension, list, texts) in lists {
        let expected: Vec<_> = to.clone().zip(texts).collect();
        let files = Files::new();
        let path = files.write(&format!("list.{extension}"), &list);
        for from_file in [true, false] {
            let record = files.path("record");
            let _ = std::fs::remove_file(&record);
            let api = Api::start(|sandbox| sandbox.record(&record));
            let run = api.send("--max-messages 7");
            let run = if from_file {
                run.arg(&path).private(&list)
            } else {
                run.stdin(&list)
            };
            let ran = run.run().code(0).discreet();
            ran.out("Accepted: 50 recipients in 8 batches");
            assert_eq!(recorded(&record), expected, "{extension}");
            assert_eq!((api.stats().batches, api.stats().errors), (8, 0));
        }
    }
}

#[test]
fn a_list_may_bring_all_texts_itself() {
    let api = Api::start(|sandbox| sandbox);
    let list = json!({"to": number(1), "text": "own"}).to_string();
    api.send_without_text("").stdin(&list).run().code(0);
    let list = json!({"to": number(1)}).to_string();
    let ran = api.send_without_text("").stdin(&list).run().code(3);
    ran.out("Invalid: 1").out("no text").out("--text TEXT");
    assert_eq!(api.stats().batches, 1);
}

#[test]
fn rejected_recipients_are_written_down_with_their_records() {
    let rule: RejectRule = format!("numbers:{},{}", number(1), number(3))
        .parse()
        .unwrap();
    let api = Api::start(|sandbox| sandbox.reject(rule));
    let files = Files::new();
    let rejected = files.path("rejected.ndjson");
    // An invalid record and a comment shift record and line away from the index in the batch.
    let list = format!(
        "# list\n{}\nBob\n{}\n{}\n{}\n",
        number(0),
        number(1),
        number(2),
        number(3)
    );
    let run = api
        .send("--max-messages 2")
        .arg("--rejected")
        .arg(&rejected)
        .stdin(&list);
    let ran = run.run().code(3).discreet();
    ran.out("Accepted: 2 recipients in 2 batches")
        .out("Rejected: 2\n  record 3 (line 4): +1******0001 SMS-RC-410")
        .out("all of them are in ")
        .out("Invalid: 1\n  record 2 (line 3, byte 20): ")
        .out(".batchcast FILE' has them as well)");

    assert_eq!(mode(&rejected), 0o600);
    let lines = lines_of_json(&read(&rejected));
    let places: Vec<_> = lines
        .iter()
        .map(|line| ["record", "line", "batch", "index"].map(|key| line[key].as_u64().unwrap()))
        .collect();
    assert_eq!(places, [[3, 4, 1, 2], [5, 6, 2, 2]]);
    assert_eq!(
        (&lines[0]["to"], &lines[1]["to"]),
        (&number(1).into(), &number(3).into())
    );
    assert_eq!(lines[0]["errorCode"], "SMS-RC-410");
    assert!(!lines[0]["description"].as_str().unwrap().is_empty());
}

#[test]
fn only_the_first_few_are_shown() {
    let api = Api::start(|sandbox| sandbox.reject("prefix:+1".parse().unwrap()));
    let list: String = (0..20).map(|index| number(index) + "\nBob\n").collect();
    let ran = api
        .send("--max-messages 1")
        .stdin(list)
        .run()
        .code(3)
        .discreet();
    let shown = |part: &str| ran.stdout.matches(part).count();
    assert_eq!(
        (shown("SMS-RC-410"), shown("begin with '+'"), shown(": id ")),
        (5, 5, 10)
    );
    ran.out("and more: 'batchcast report ")
        .out("and more: 'batchcast status ");
    // Without a journal it is to be asked for in the next one.
    let list: String = (0..20).map(|index| number(index) + "\nBob\n").collect();
    let send = api.send("--max-messages 1 --no-journal").stdin(list);
    let ran = send.run().code(3).out("and more: --rejected PATH");
    ran.out("and more: --invalid PATH").out("and more: --json");
}

#[test]
fn json_has_a_line_for_each_batch_and_the_summary() {
    let list = numbers(5).replacen('\n', "\nBob\n", 1);
    let api = Api::start(|sandbox| sandbox.reject(RejectRule::Numbers([number(2)].into())));
    let ran = api
        .send("--json --max-messages 2")
        .stdin(list)
        .run()
        .code(3)
        .discreet();
    let lines = ran.json();
    assert_eq!(lines.len(), 4);
    let mut bytes = 0;
    for (at, (records, messages, rejected)) in [([1, 3], 2, 0), ([4, 5], 2, 1), ([6, 6], 1, 0)]
        .into_iter()
        .enumerate()
    {
        let line = &lines[at];
        assert_eq!(line["event"], "batch");
        assert_eq!(line["number"], at + 1);
        assert_eq!(
            (&line["records"], &line["messages"]),
            (&json!(records), &json!(messages))
        );
        assert_eq!(line["rejected"], rejected);
        assert_eq!(line["status"], "Processing");
        assert!(line["id"].as_str().is_some_and(|id| !id.is_empty()));
        assert!(line["elapsedMs"].is_u64());
        bytes += line["bytes"].as_u64().unwrap();
    }
    let mut summary = lines[3].clone();
    assert!(summary["elapsedMs"].take().is_u64());
    assert!(summary["journal"].take().is_string());
    let expected = json!({
        "event": "summary", "outcome": "partial", "batches": 3, "messages": 5, "bytes": bytes, "rejected": 1,
        "unplaced": 0, "missing": 0, "invalid": 1, "accepted": [[1, 6]], "inDoubt": [], "notSentFrom": null,
        "failedBatch": null, "elapsedMs": null, "error": null, "notBefore": null, "skipped": [], "notSent": [], "found": 0, "replayed": 0,
        "journal": null, "resume": null,
        "passedOver": {"skipped": 0, "suppressed": 0, "duplicates": 0},
    });
    assert_eq!(summary, expected);
}

#[test]
fn an_empty_list_sends_nothing() {
    let api = Api::start(|sandbox| sandbox);
    api.send("")
        .stdin("# nobody\n")
        .run()
        .code(0)
        .out("nothing was sent");
    let ran = api.send("--json").stdin("").run().code(0);
    assert_eq!(ran.json()[0]["outcome"], "accepted");
    assert_eq!(api.stats().requests, 0);
}

#[test]
fn an_invalid_record_stops_the_send_if_told_to() {
    let api = Api::start(|sandbox| sandbox);
    let list = format!("{}Bob\n{}", numbers(5), number(9));
    let ran = api
        .send("--on-invalid stop --max-messages 2")
        .stdin(&list)
        .run()
        .code(1)
        .discreet();
    ran.err("record 6")
        .err("--on-invalid skip")
        .out("records 1 to 4")
        .out("Not sent: record 5 and all after it");
    assert_eq!(api.stats().messages, 4);
}

#[test]
fn credentials_are_exchanged_or_refused() {
    let api = Api::start(|sandbox| sandbox.credentials(CLIENT_ID, CLIENT_SECRET, JWT));
    let send = |secret: &str| {
        let run = batchcast("send")
            .envelope()
            .env("RC_SERVER_URL", api.sandbox.base_url())
            .stdin(numbers(2));
        run.env("RC_APP_CLIENT_ID", CLIENT_ID)
            .env("RC_APP_CLIENT_SECRET", secret)
            .env("RC_USER_JWT", JWT)
            .run()
    };
    send(CLIENT_SECRET).code(0);
    assert_eq!((api.stats().tokens, api.stats().messages), (1, 2));
    let ran = send("other-secret-4711").code(1).discreet();
    assert!(!ran.stderr.contains("4711"), "{}", ran.stderr);
    ran.err("cannot get an access token")
        .err("RC_USER_JWT")
        .out("Not sent: nobody got a message");

    let run = batchcast("send")
        .envelope()
        .env("RC_SERVER_URL", api.sandbox.base_url())
        .stdin(numbers(2));
    // Unlike one that has expired, it was never one.
    let ran = run.env("RC_ACCESS_TOKEN", "no-token-4711").run().code(1);
    assert!(!ran.stderr.contains("4711"), "{}", ran.stderr);
    ran.err("401").err("RC_ACCESS_TOKEN");
    assert_eq!(api.stats().messages, 2);
}

#[test]
fn an_expired_token_is_no_receipt() {
    let api = Api::start(|sandbox| sandbox.token_lifetime(Duration::ZERO));
    let run = batchcast("send")
        .envelope()
        .env("RC_SERVER_URL", api.sandbox.base_url())
        .stdin(numbers(2));
    let run = run
        .env("RC_APP_CLIENT_ID", CLIENT_ID)
        .env("RC_APP_CLIENT_SECRET", CLIENT_SECRET);
    run.env("RC_USER_JWT", JWT)
        .run()
        .code(4)
        .out("Not sent: nobody got a message");
    assert_eq!(api.stats().messages, 0);
}

#[test]
fn a_body_too_large_for_the_server() {
    let api = Api::start(|sandbox| sandbox.max_body_bytes(300));
    api.send("--max-bytes 300").stdin(numbers(30)).run().code(0);
    let before = api.stats().messages;
    // It goes on in smaller ones.
    let ran = api.send("--max-bytes 301").stdin(numbers(30)).run().code(0);
    ran.err("too large for the server");
    assert_eq!(api.stats().messages, 2 * before);
}

#[test]
fn the_sandbox_of_the_program_itself() {
    let files = Files::new();
    let rejected = files.path("rejected");
    let list = numbers(100) + "+12125550199\n";
    let run = batchcast("send --sandbox --max-messages 30")
        .envelope()
        .arg("--rejected")
        .arg(&rejected);
    // Neither the server nor the credentials of the environment are used.
    let run = run
        .env("RC_SERVER_URL", "http://sms.example.com")
        .env("RC_USER_JWT", JWT);
    let ran = run.stdin(&list).run().code(3).discreet();
    ran.err("sandbox at http://127.0.0.1:")
        .err("nobody gets a message")
        .out("Accepted: 100 recipients in 4 batches");
    assert_eq!(lines_of_json(&read(rejected)).len(), 1);
    batchcast("send --sandbox --base-url http://127.0.0.1:1")
        .envelope()
        .run()
        .code(2)
        .err("cannot be used with");
}

#[test]
fn files_are_created_before_anything_is_sent() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    for flag in ["--rejected", "--invalid"] {
        let run = api
            .send("")
            .arg(flag)
            .arg(files.path("no/such/file"))
            .stdin(numbers(1));
        run.run().code(1).err(&format!("{flag}: cannot write"));
    }
    let both = files.path("both");
    let run = api
        .send("")
        .arg("--rejected")
        .arg(&both)
        .arg("--invalid")
        .arg(&both)
        .stdin(numbers(1));
    run.run().code(2).err("the same file");
    let list = files.write("list.txt", numbers(1));
    let run = api.send("").arg(&list).arg("--rejected").arg(&list);
    run.run()
        .code(2)
        .err("--rejected: ")
        .err("is the list itself");
    assert_eq!(api.stats().requests, 0);
}

#[test]
fn a_full_disk_stops_the_send() {
    if full_disk().is_none() {
        return;
    }
    let api = Api::start(|sandbox| sandbox.reject("every:1".parse().unwrap()));
    let run = api
        .send("--max-messages 2 --rejected /dev/full")
        .stdin(numbers(600));
    let ran = run.run().code(1).discreet();
    ran.err("cannot write /dev/full");
    // The next ones may have been on their way.
    assert!(api.stats().batches < 300);
}

#[test]
fn a_closed_stdout_does_not_stop_a_send() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list.txt", numbers(50));
    let mut child = program()
        .args([
            "send",
            "--json",
            "--no-journal",
            "--max-messages",
            "1",
            "--from",
            FROM,
            "--text",
            TEXT,
        ])
        .arg(list)
        .env("RC_SERVER_URL", api.sandbox.base_url())
        .env("RC_ACCESS_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(api.stats().messages, 50);
}

#[test]
fn the_sandbox_command_serves_until_it_is_told_to_stop() {
    let files = Files::new();
    let record = files.path("record");
    let child = program()
        .args(["sandbox", "--reject", "every:5", "--record"])
        .arg(&record)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Guarded(child);
    let mut lines = BufReader::new(child.0.stdout.take().unwrap());
    let (mut url, mut token) = (String::new(), String::new());
    for _ in 0..5 {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let set = line
            .trim()
            .strip_prefix("export ")
            .and_then(|set| set.split_once('='));
        match set {
            Some(("RC_SERVER_URL", value)) => url = value.to_owned(),
            Some(("RC_ACCESS_TOKEN", value)) => token = value.to_owned(),
            _ => {}
        }
    }
    // As it says that one should.
    let run = batchcast("send")
        .envelope()
        .env("RC_SERVER_URL", &url)
        .env("RC_ACCESS_TOKEN", &token);
    run.stdin(numbers(10)).run().code(3).out("Rejected: 2");
    assert_eq!(recorded(&record).len(), 8);
    let taken = url.strip_prefix("http://").unwrap();
    batchcast("sandbox --listen")
        .arg(taken)
        .run()
        .code(1)
        .err("cannot listen");
    batchcast("sandbox --listen 192.0.2.1:0")
        .run()
        .code(2)
        .err("loopback");

    kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(
        rest.starts_with("Accepted: 8 recipients in 1 batch, 2 rejected"),
        "{rest}"
    );
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}
