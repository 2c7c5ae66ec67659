//! After a send: what `status` and `report` have in common.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use batchcast_sandbox::RateLimit;
use rustix::process::Signal;
use serde_json::json;

use crate::api::Api;
use crate::support::{Files, Run, TOKEN, batchcast, full_disk, numbers, read};

/// A command that reads back from this API.
pub(crate) fn ask(api: &Api, arguments: &str) -> Run {
    batchcast(arguments)
        .env("RC_SERVER_URL", api.sandbox.base_url())
        .env("RC_ACCESS_TOKEN", TOKEN)
}

/// A list in a file, and its journal.
pub(crate) fn sent(
    api: &Api,
    files: &Files,
    list: &str,
    flags: &str,
    code: i32,
) -> (PathBuf, PathBuf) {
    let path = files.write("list.txt", list);
    let run = api.send(flags).arg(&path).private(list);
    run.run().code(code).discreet();
    (path, files.path("list.txt.batchcast"))
}

/// The rows of a report, by record.
pub(crate) fn rows(text: &str) -> Vec<HashMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Result<Vec<_>, _> = reader.deserialize().collect();
    rows.unwrap()
}

pub(crate) fn column<'r>(rows: &'r [HashMap<String, String>], name: &str) -> Vec<&'r str> {
    rows.iter().map(|row| row[name].as_str()).collect()
}

#[test]
fn the_rate_limit_is_kept_and_failures_that_pass_do() {
    let limit = RateLimit::enforced(2, Duration::from_secs(1));
    let api = Api::start(|sandbox| sandbox.rate_limit(limit));
    let files = Files::new();
    let (_, journal) = sent(&api, &files, &numbers(3), "", 0);
    api.faults("messages: answer 429 retry-after=2; messages: answer 503");
    let text = files.path("out.csv");
    let ran = ask(&api, "report --out")
        .arg(&text)
        .arg(&journal)
        .run()
        .code(0);
    ran.err("the rate limit wants a pause of");
    assert_eq!(rows(&read(&text)).len(), 3);
    assert_eq!(api.stats().violations, 0);

    // Why there is no answer is said to who wants to hear of nothing else, too.
    api.faults("get always: answer 503");
    ask(&api, "status --quiet")
        .arg(&journal)
        .run()
        .code(4)
        .err("the server answered 503");
    api.faults("get always: answer 403");
    ask(&api, "report --quiet")
        .arg(&journal)
        .run()
        .code(1)
        .err("the server answered 403");
}

#[test]
fn nothing_is_asked_in_a_pause_that_the_server_has_wanted_of_the_send() {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let list = files.write("list", numbers(3));
    // One that is too long to be waited for, and one that is waited for.
    api.faults("batch 2: answer 429 retry-after=100000");
    let send = |name: &str| {
        let journal = files.path(name);
        let send = api.send("--max-messages 2").arg("--journal");
        (send.arg(&journal).arg(&list), journal)
    };
    let (run, long) = send("long");
    run.run().code(4);
    api.faults("batch 2: answer 429 retry-after=3600");
    let (run, short) = send("short");
    run.env("BATCHCAST_TEST_KILL_AT", "waiting:1").run();

    let requests = api.stats().requests;
    for command in ["status", "report"] {
        let ran = ask(&api, command).arg(&long).run().code(4);
        ran.err("longer than a day")
            .err("hint: the server wants a pause of 27 h 4");
        let waiting = ask(&api, command).arg(&short).start();
        waiting.until_err(" s, until 2");
        waiting.signal(Signal::INT);
        waiting.wait().code(130);
    }
    assert_eq!(api.stats().requests, requests);
}

#[test]
fn costs_are_told_without_what_binary_fractions_add() {
    // Three tenths are a little more in binary.
    let api = Api::start(|sandbox| sandbox.segment_cost(0.1));
    let files = Files::new();
    let list = files.write("list.txt", numbers(4));
    let run = api.send_without_text("--max-messages 1").arg("--text");
    run.arg("x".repeat(400)).arg(list).run().code(0);
    let journal = files.path("list.txt.batchcast");
    let ran = ask(&api, "status --json").arg(&journal).run().code(0);
    // In all batches, and in the counts of each.
    assert_eq!(ran.stdout.matches("\"cost\":0.3,").count(), 8);
    assert_eq!(ran.json()[4]["cost"], json!(1.2));
    for format in ["csv", "ndjson"] {
        let run = ask(&api, "report --format").arg(format).arg(&journal);
        let ran = run.run().code(0).err("12 segments, cost 1.20");
        assert_eq!(ran.stdout.matches("0.3").count(), 4, "{}", ran.stdout);
        assert!(!ran.stdout.contains("0.30"), "{}", ran.stdout);
    }
}

#[test]
fn a_server_that_has_forgotten_is_told() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let (path, journal) = sent(&api, &files, &numbers(2), "", 0);
    // Another sandbox at another place, which the journal does not know.
    let other = Api::start(|sandbox| sandbox);
    let run = ask(&other, "status").arg(&journal);
    run.run().code(2).err("--base-url");
    api.faults("get always: answer 404");
    ask(&api, "status")
        .arg(&journal)
        .run()
        .code(3)
        .out("1 not known to the server");
    let lines = ask(&api, "status --json").arg(&journal).run().json();
    assert_eq!(lines[1]["unknown"], 1);
    let ran = ask(&api, "report").arg(&journal).run().code(3);
    assert_eq!(
        column(&rows(&ran.stdout), "status"),
        ["NotListed", "NotListed"]
    );
    ran.err("the server does not know batch 1");
    std::fs::remove_file(path).unwrap();
    ask(&api, "report")
        .arg(&journal)
        .run()
        .code(1)
        .err("cannot open");
}

#[test]
fn a_batch_that_was_committed_by_a_process_that_is_gone_is_in_doubt() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list.txt", numbers(3));
    let run = api.send("--max-messages 2").arg(&list);
    let run = run.env("BATCHCAST_TEST_KILL_AT", "committed:1");
    assert_eq!(run.run().status.code(), None);
    let journal = files.path("list.txt.batchcast");
    let ran = ask(&api, "status").arg(&journal).run().code(5);
    ran.out("in doubt")
        .out("Completed: 0 batches, 1 in doubt\n");
    let lines = ask(&api, "status --json").arg(&journal).run().code(5);
    let lines = lines.json();
    assert_eq!(
        json!([lines[0]["state"], lines[1]["outcome"], lines[1]["inDoubt"]]),
        json!(["in doubt", "inDoubt", 1])
    );
    let ran = ask(&api, "report").arg(&journal).run().code(5);
    assert_eq!(
        column(&rows(&ran.stdout), "status"),
        ["InDoubt", "InDoubt", "NotSent"]
    );
}

#[test]
fn a_batch_whose_answer_is_waited_for_is_on_its_way() {
    use crate::server::{Seen, Server, Then};
    let server = Server::start(move |_, seen| match seen {
        Seen::Head => Then::Read,
        _ => Then::Hang,
    });
    let files = Files::new();
    let list = files.write("list.txt", numbers(3));
    let at = |run: Run| {
        run.env("RC_SERVER_URL", server.url())
            .env("RC_ACCESS_TOKEN", TOKEN)
    };
    let run = at(batchcast("send --max-messages 2").envelope()).arg(&list);
    let run = run.env("BATCHCAST_TEST_PAUSES", "answer=1h");
    let sending = run.start();
    assert_eq!(server.sees(), Seen::Head);
    assert!(matches!(server.sees(), Seen::Body(_)));
    let journal = files.path("list.txt.batchcast");
    let ran = at(batchcast("status")).arg(&journal).run().code(4);
    ran.out("committed")
        .out("Completed: 0 batches, 1 without an answer yet\n");
    let ran = at(batchcast("report")).arg(&journal).run().code(4);
    assert_eq!(
        column(&rows(&ran.stdout), "status"),
        ["Committed", "Committed", "NotSent"]
    );
    drop(sending);
    let ran = at(batchcast("status")).arg(&journal).run().code(5);
    ran.out("1 in doubt");
}

#[test]
fn what_is_no_journal_is_a_wrong_usage() {
    let files = Files::new();
    let list = files.write("list.txt", numbers(3));
    for command in ["status", "report"] {
        for path in [list.clone(), files.path("")] {
            let run = batchcast(command).arg(path).private(numbers(3));
            run.run().code(2).err("error: JOURNAL: ");
        }
        batchcast(command).arg(files.path("none")).run().code(2);
    }
}

#[test]
fn what_cannot_be_written_is_named() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let (_, journal) = sent(&api, &files, &numbers(3), "", 0);
    for flags in ["status", "status --json"] {
        let Some(full) = full_disk() else { return };
        let ran = ask(&api, flags).arg(&journal).start_to(full).wait();
        ran.code(1).err("cannot write standard output: ");
    }
}
