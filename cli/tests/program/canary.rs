//! A canary where nobody can be asked.

use batchcast_sandbox::SandboxBuilder;
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
fn without_a_journal_nothing_is_to_be_resumed() {
    let api = rejecting();
    let send = api.send("--canary 3 --max-failed 0 --no-journal");
    let ran = send.stdin(numbers(9)).run().code(1).err("--skip");
    for told in [&ran.stdout, &ran.stderr] {
        assert!(!told.contains("resume"), "{told}");
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
    // Nor is a script told how to.
    let resume = lines[2]["resume"].as_str().unwrap();
    assert!(!resume.contains("--yes"), "{resume}");

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

/// A server that delivers as these rules say, at the third look.
fn delivering(rules: &[&str]) -> Api {
    Api::start(|sandbox| {
        let rules = rules.iter().map(|rule| rule.parse().unwrap());
        rules.fold(sandbox.looks(3), SandboxBuilder::deliver)
    })
}

/// Of the first 20 messages 7 fail, and one is only handed on.
fn failing() -> Api {
    delivering(&[
        "SMS-CAR-411=every:4",
        "SMS-RC-430=every:10",
        &format!("SMS-CAR-999=numbers:{}", number(0)),
        &format!("Sent=numbers:{}", number(1)),
    ])
}

#[test]
fn what_failed_in_delivery_is_shown_by_code_and_decides() {
    let all: Vec<_> = (0..30).map(number).collect();
    for (flags, goes_on, why) in [
        // Exactly at the limit, and just above it.
        (
            "--max-failed 35%",
            true,
            "7 of 20 failed, no more than 35%: going on",
        ),
        (
            "--max-failed 7 --yes",
            true,
            "7 of 20 failed, no more than 7: going on",
        ),
        (
            "--max-failed 34.999%",
            false,
            "7 of 20 failed, more than 34.999%: stopping",
        ),
        (
            "--max-failed 6 --yes",
            false,
            "7 of 20 failed, more than 6: stopping",
        ),
        ("--yes", false, "not all of it went well: stopping"),
    ] {
        let api = failing();
        let send = api.send(&format!("--canary 20 {flags}"));
        let ran = send.stdin(numbers(30)).run().discreet();
        let told = "\
Canary: 20 messages: 12 delivered, 1 sent, 7 failed
  failed: 5 SMS-CAR-411 (The number is invalid, not assigned, or takes no such messages (carrier))
  failed: 1 SMS-CAR-999 (a code that the API's guide does not name)
  failed: 1 SMS-RC-430 (RingCentral's filter took the message for spam)
batchcast: canary: ";
        let ran = ran.err(&format!("{told}{why}\n"));
        if goes_on {
            ran.code(0).out("Accepted: 30 recipients in 2 batches");
            assert_eq!(api.recipients(), all, "{flags}");
        } else {
            ran.code(4)
                .err("stopped behind the canary")
                .err("hint: 'batchcast resume' goes on")
                .out("Accepted: 20 recipients in 1 batch ")
                .out("Not sent: record 21 and all after it")
                .out("To go on:\n  batchcast resume ")
                .out(" --yes\n");
            assert_eq!(api.recipients(), all[..20], "{flags}");
        }
    }
}

#[test]
fn what_was_stopped_for_its_deliveries_is_gone_on_with() {
    let api = failing();
    let files = Files::new();
    let list = files.write("list.txt", numbers(30));
    let journal = files.path("list.txt.batchcast");
    let send = api.send("--canary 20 --max-failed 5% --json").arg(&list);
    let lines = send.run().code(4).json();
    let canary = &lines[1];
    assert_eq!(
        (&canary["event"], &canary["goesOn"], &canary["failed"]),
        (&json!("canary"), &json!(false), &json!(7))
    );
    assert_eq!(
        canary["failures"],
        json!({"SMS-CAR-411": 5, "SMS-CAR-999": 1, "SMS-RC-430": 1})
    );
    assert_eq!(lines[2]["outcome"], "stopped");
    assert_eq!(lines[2]["notSentFrom"], 21);
    // The journal has all of the canary and nothing else, and says why it ends.
    let lines = lines_of_json(&read(&journal));
    let committed: Vec<_> = lines
        .iter()
        .filter(|line| line["commit"].is_object())
        .collect();
    assert_eq!(committed.len(), 1);
    assert_eq!(committed[0]["commit"]["last"]["record"], 20);
    let last = lines.last().unwrap();
    assert!(last["stopped"]["reason"].is_string(), "{last}");

    // It is looked at again, and judged by what is said now.
    let resume = |flags| api.resume(&journal).flags(flags).run();
    resume("--max-failed 34%")
        .code(4)
        .err("  failed: 5 SMS-CAR-411 (")
        .err("7 of 20 failed, more than 34%: stopping");
    assert_eq!(api.stats().messages, 20);
    resume("--max-failed 35%")
        .code(0)
        .err("7 of 20 failed, no more than 35%: going on")
        .out("Accepted: 30 recipients in 2 batches");
    let all: Vec<_> = (0..30).map(number).collect();
    assert_eq!(api.recipients(), all);
}

#[test]
fn a_canary_that_failed_as_a_whole() {
    for (flags, goes_on) in [
        ("--max-failed 100%", true),
        ("--max-failed 4", true),
        ("--max-failed 99.999%", false),
        ("--max-failed 3", false),
        ("--yes", false),
    ] {
        let api = delivering(&["SMS-UP-500=every:1"]);
        let send = api.send(&format!("--canary 4 {flags}"));
        let ran = send.stdin(numbers(9)).run();
        let ran = ran
            .err("Canary: 4 messages: 4 failed\n  failed: 4 SMS-UP-500 (The gateway failed)\n")
            .code(if goes_on { 0 } else { 4 });
        if !goes_on && flags != "--yes" {
            ran.err("4 of 4 failed, more than ");
        }
        let sent = if goes_on { 9 } else { 4 };
        assert_eq!(api.stats().messages, sent, "{flags}");
    }
}
