//! A canary where nobody can be asked.

use serde_json::json;

use crate::api::Api;
use crate::support::{Files, Run, lines_of_json, number, numbers, read};

/// A server that rejects the second number.
fn rejecting() -> Api {
    let rule = format!("numbers:{}", number(1));
    Api::start(|sandbox| sandbox.reject(rule.parse().unwrap()))
}

#[test]
fn somebody_or_something_has_to_decide() {
    let api = rejecting();
    let send = |flags: &str| api.send(flags).stdin(numbers(9));
    let ran = send("--canary 3").run().code(2);
    ran.err("--canary").err("--yes").err("--max-failed");
    send("--max-failed 5%").run().code(2).err("--canary N");
    send("--canary 0 --yes").run().code(2);
    send("--canary 3 --max-failed many").run().code(2).err("5%");
    assert_eq!(api.stats().requests, 0);
}

#[test]
fn it_goes_on_by_what_has_failed() {
    for (flags, code, batches) in [
        ("--canary 3 --max-failed 1", 3, 2),
        ("--canary 3 --max-failed 34%", 3, 2),
        ("--canary 3 --max-failed 0", 4, 1),
        ("--canary 3 --max-failed 33% --yes", 4, 1),
        ("--canary 3 --yes", 4, 1),
        // Before the one that is rejected.
        ("--canary 1 --yes", 3, 2),
        ("--canary 1 --max-failed 0%", 3, 2),
        // All of it.
        ("--canary 9 --max-failed 0", 3, 1),
    ] {
        let api = rejecting();
        let ran = api
            .send(flags)
            .stdin(numbers(9))
            .run()
            .code(code)
            .discreet();
        assert_eq!(api.stats().batches, batches, "{flags}");
        if code == 4 {
            ran.err("Canary: 3 messages: 2 delivered, 1 rejected")
                .err("  rejected: 1 SMS-RC-410")
                .err("stopped behind the canary")
                .err("hint: 'batchcast resume' goes on")
                .out("Not sent: record 4 and all after it")
                .out("--yes\n");
        }
    }
}

#[test]
fn what_was_stopped_is_gone_on_with_when_it_is_told_to() {
    let api = rejecting();
    let files = Files::new();
    let list = files.write("list.txt", numbers(9));
    let journal = files.path("list.txt.batchcast");
    let send = api
        .send("--canary 3 --max-failed 0 --max-messages 4 --json")
        .arg(&list);
    let lines = send.private(numbers(9)).run().code(4).discreet().json();
    assert_eq!(lines[1]["event"], "canary");
    assert_eq!(
        (&lines[1]["messages"], &lines[1]["rejected"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(lines[1]["goesOn"], false);
    let resume = lines[2]["resume"].as_str().unwrap();
    assert!(resume.ends_with(" --yes"), "{resume}");

    let resume = |flags: &[&str]| {
        let run = api.resume(&journal);
        flags.iter().fold(run, Run::arg)
    };
    // A script that resumes whatever has stopped does not do what a person, or a rule, has stopped.
    resume(&[]).run().code(2).err("--yes");
    resume(&["--max-failed", "0"])
        .run()
        .code(4)
        .err("1 of 3 failed");
    assert_eq!(api.stats().batches, 1);
    resume(&["--yes"])
        .run()
        .code(3)
        .out("Accepted: 8 recipients in 3 batches");
    let sizes: Vec<_> = api
        .sandbox
        .accepted()
        .iter()
        .map(|batch| batch.messages.len())
        .collect();
    assert_eq!(sizes, [2, 4, 2]);
    resume(&[]).run().code(3).out("finished already");
}

#[test]
fn killed_while_it_waits() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list.txt", numbers(9));
    let journal = files.path("list.txt.batchcast");
    let run = api.send("--canary 3 --yes").arg(&list);
    let ran = run.env("BATCHCAST_TEST_KILL_AT", "canary:1").run();
    assert_eq!(ran.status.code(), None);
    let lines = lines_of_json(&read(&journal));
    assert_eq!(lines[0]["batchcast"]["application"]["canary"], 3);
    api.resume(&journal).run().code(2).err("--yes");
    api.resume(&journal).arg("--yes").run().code(0);
    let all: Vec<_> = (0..9).map(number).collect();
    assert_eq!(api.recipients(), all);
    assert_eq!(api.stats().batches, 2);
}

#[test]
fn killed_before_it_was_sent_it_is_still_a_canary() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list.txt", numbers(9));
    let journal = files.path("list.txt.batchcast");
    api.faults("batch 1-5: answer 408");
    api.send("--canary 3 --yes").arg(&list).run().code(4);
    api.faults("");
    api.resume(&journal).run().code(2).err("--canary");
    let ran = api.resume(&journal).arg("--yes").run().code(0);
    ran.err("Canary: 3 messages: 3 delivered");
    assert_eq!(api.stats().batches, 2);
}
