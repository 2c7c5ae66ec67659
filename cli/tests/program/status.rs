//! What `status` shows of a send's batches.

use std::io::Write as _;

use batchcast_sandbox::fault::{FaultRoute, FaultRule, Reply, ReplyBody, When};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::after::{ask, sent};
use crate::api::Api;
use crate::support::{Files, number, numbers};

#[test]
fn a_status_shows_each_batch_and_what_failed() {
    let api = Api::start(|sandbox| {
        let sandbox = sandbox.deliver("SMS-CAR-411=every:2".parse().unwrap());
        sandbox.segment_cost(0.0075)
    });
    let files = Files::new();
    let (_, journal) = sent(&api, &files, &numbers(5), "--max-messages 2", 0);
    let ran = ask(&api, "status").arg(&journal).run().code(3).discreet();
    let ran = ran
        .out("Completed: 3 batches\n")
        .out("3 delivered, 0 sent, 0 queued, 2 failed; 0 rejected; cost 0.0375\n")
        .out("  SMS-CAR-411: 2 (The number is invalid, not assigned");
    let table: Vec<_> = ran.stdout.lines().take(4).collect();
    assert!(
        table[0].starts_with("batch  records  messages  journal"),
        "{table:?}"
    );
    assert!(
        table[3].contains("    3  5-5             1  accepted         0  Completed          1"),
        "{table:?}"
    );
    for batch in api.sandbox.accepted() {
        assert!(ran.stdout.contains(&batch.id));
    }

    let lines = ask(&api, "status --json")
        .arg(&journal)
        .run()
        .code(3)
        .json();
    assert_eq!(lines.len(), 4);
    let first = &lines[0];
    assert_eq!(
        json!([
            first["number"],
            first["records"],
            first["state"],
            first["status"],
            first["processed"]
        ]),
        json!([1, [1, 2], "accepted", "Completed", 2])
    );
    assert_eq!(
        first["counts"]["deliveryFailed"]["errorCodeCounts"],
        json!({"SMS-CAR-411": 1})
    );
    let last = &lines[3];
    assert_eq!(
        json!([
            last["event"],
            last["outcome"],
            last["delivered"],
            last["failed"],
            last["finished"]
        ]),
        json!(["status", "partial", 3, 2, true])
    );

    // One batch, by its id.
    let id = first["id"].as_str().unwrap();
    let lines = ask(&api, "status --json").arg(id).run().code(3).json();
    assert_eq!(
        (&lines[0]["id"], &lines[0]["state"]),
        (&first["id"], &Value::Null)
    );
    ask(&api, "status 00000000-0000-4000-8000-000000000000")
        .run()
        .code(1)
        .out("not known to the server");
    ask(&api, "status nowhere.batchcast")
        .run()
        .code(2)
        .err("neither a journal");
}

#[test]
fn counts_that_cannot_be_do_not_end_it() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let (_, journal) = sent(&api, &files, &numbers(4), "--max-messages 2", 0);
    let most = u64::MAX;
    let count = format!(r#"{{"count":{most},"errorCodeCounts":{{"SMS-CAR-411":{most}}}}}"#);
    let body = format!(
        r#"{{"delivered":{count},"sent":{count},"queued":{count},"sendingFailed":{count},"deliveryFailed":{count}}}"#
    );
    let reply = Reply::status(200).body(ReplyBody::Bytes(body.into()));
    let always = When::Between(1, u64::MAX);
    api.sandbox
        .push_fault(FaultRule::new(FaultRoute::Statuses, always, reply));
    let lines = ask(&api, "status --json").arg(&journal).run().code(3);
    let last = lines.json().pop().unwrap();
    assert_eq!(
        json!([
            last["delivered"],
            last["sent"],
            last["queued"],
            last["failed"],
            last["errorCodes"]["SMS-CAR-411"]
        ]),
        json!([most, most, most, most, most])
    );
}

#[test]
fn a_watch_ends_when_all_is_completed() {
    let api = Api::start(|sandbox| sandbox.looks(3));
    let files = Files::new();
    let (_, journal) = sent(&api, &files, &numbers(4), "--max-messages 2", 0);
    ask(&api, "status")
        .arg(&journal)
        .run()
        .code(4)
        .out("2 on the way");
    let ran = ask(&api, "status --watch --interval 1ms")
        .arg(&journal)
        .run()
        .code(0);
    ran.err("batch 1 is Processing: 1 of 2 messages are processed")
        .err("batch 2 is Completed: 2 of 2")
        .out("Completed: 2 batches\n");
    // What is completed is not asked for again: the third look was the last.
    let lines = ask(&api, "status --watch --interval 1ms --json")
        .arg(&journal)
        .run()
        .code(0)
        .json();
    assert_eq!(lines.len(), 3);
    ask(&api, "status --interval 1s")
        .arg(&journal)
        .run()
        .code(2);
}

#[test]
fn a_watch_ends_cleanly_when_it_is_told_to() {
    let api = Api::start(|sandbox| sandbox.looks(1_000_000));
    let files = Files::new();
    let (_, journal) = sent(&api, &files, &numbers(2), "", 0);
    let running = ask(&api, "status --watch --interval 1h")
        .arg(&journal)
        .start();
    running.until_err("batch 1 is Processing");
    running.signal(Signal::INT);
    running.wait().code(130).discreet();
}

#[test]
fn rejects_of_batches_on_the_way_are_told_apart() {
    let api = Api::start(|sandbox| sandbox.looks(3));
    let files = Files::new();
    let list = numbers(2) + &number(2) + "\n+12125550199\n";
    let (_, journal) = sent(&api, &files, &list, "--max-messages 2", 3);
    // The first batch is looked at before the second.
    let lines = ask(&api, "status --json").arg(&journal).run().code(4);
    let id = lines.json()[0]["id"].as_str().unwrap().to_owned();
    ask(&api, "status").arg(&id).run().code(4);
    ask(&api, "status")
        .arg(&journal)
        .run()
        .code(4)
        .out("Completed: 1 batch, 1 on the way\n")
        .out("Messages of these: 2 delivered, 0 sent, 0 queued, 0 failed; 0 rejected; cost")
        .out("Rejected of the others: 1\n");
    let lines = ask(&api, "status --json").arg(&journal).run().code(3);
    assert_eq!(lines.json()[2]["rejected"], 1);
    let ran = ask(&api, "status").arg(&journal).run().code(3);
    ran.out("Messages of these: 3 delivered, 0 sent, 0 queued, 0 failed; 1 rejected; cost");
}

#[test]
fn whatever_makes_it_partial_is_told() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let (_, journal) = sent(&api, &files, &(numbers(1) + "nobody\n"), "", 3);
    let ran = ask(&api, "status").arg(&journal).run().code(3).discreet();
    ran.out("Completed: 1 batch\n")
        .out("Invalid: 1 record ('batchcast report ");
    let lines = ask(&api, "status --json").arg(&journal).run().json();
    assert_eq!(
        json!([lines[1]["outcome"], lines[1]["invalid"]]),
        json!(["partial", 1])
    );

    let files = Files::new();
    let (_, journal) = sent(&api, &files, "nobody\nno more\n", "", 3);
    let ran = ask(&api, "status").arg(&journal).run().code(3);
    ran.out("Completed: 0 batches\n").out("Invalid: 2 records");

    // One batch is found behind its lost answer, and one is left in doubt.
    let files = Files::new();
    api.faults("batch 2: close answer; batch 3: answer 500");
    let flags = "--max-messages 2 --in-doubt skip";
    let (_, journal) = sent(&api, &files, &numbers(8), flags, 3);
    let ran = ask(&api, "status").arg(&journal).run().code(3);
    ran.out("Completed: 3 batches\n")
        .out("1 batch was found in the server's list")
        .out("Left in doubt: 2 messages in 1 batch");
    let lines = ask(&api, "status --json").arg(&journal).run().json();
    assert_eq!(
        json!([lines[1]["state"], lines[2]["state"]]),
        json!(["found", "skipped"])
    );
    let told = &lines[4];
    assert_eq!(
        json!([
            told["outcome"],
            told["found"],
            told["skipped"],
            told["invalid"]
        ]),
        json!(["partial", 1, 1, 0])
    );
}

#[test]
fn what_is_not_known_before_the_end_is_not_told() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    api.faults("batch 2-20: answer 408");
    let list = "nobody\n".to_owned() + &numbers(3);
    let (_, journal) = sent(&api, &files, &list, "--max-messages 2", 4);
    let lines = ask(&api, "status --json").arg(&journal).run().code(4);
    let told = lines.json().pop().unwrap();
    assert_eq!(
        json!([told["finished"], told["invalid"]]),
        json!([false, null])
    );
}

#[test]
fn nobody_is_told_to_go_on_with_a_run_that_a_process_is_at() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let journal = files.path("journal");
    let run = api.send("--max-messages 2").arg("--journal").arg(&journal);
    // Standard input stays open.
    let mut sending = run.start();
    let list = sending.stdin.as_mut().unwrap();
    list.write_all(numbers(3).as_bytes()).unwrap();
    sending.until_err("journal: ");
    let ran = ask(&api, "status").arg(&journal).run().code(4);
    ran.out("The run is not finished: a process is at it\n");
}

#[test]
fn codes_stand_under_the_batches_that_they_are_of() {
    let api = Api::start(|sandbox| {
        let sandbox = sandbox.deliver("SMS-CAR-411=every:2".parse().unwrap());
        sandbox.looks(3)
    });
    let files = Files::new();
    let list = numbers(3) + "+12125550199\n";
    let (_, journal) = sent(&api, &files, &list, "--max-messages 2", 3);
    // No batch is completed.
    let ran = ask(&api, "status").arg(&journal).run().code(4);
    ran.out("on the way\nRejected: 1\n");
    let id = api.sandbox.accepted()[0].id.clone();
    ask(&api, "status").arg(&id).run().code(4);
    // Only the first one is.
    let ran = ask(&api, "status").arg(&journal).run().code(4);
    let (_, told) = ran.stdout.split_once("Messages of these: ").unwrap();
    let begin = |line: &str| line.split([':', ',']).next().unwrap().to_owned();
    let begins: Vec<_> = told.lines().map(begin).collect();
    assert_eq!(
        begins,
        ["1 delivered", "  SMS-CAR-411", "Rejected of the others"]
    );
}

#[test]
fn a_watch_fits_into_its_terminal_and_leaves_what_was_seen() {
    let api = Api::start(|sandbox| sandbox.looks(1_000_000));
    let files = Files::new();
    let (_, journal) = sent(&api, &files, &numbers(50), "--max-messages 1", 0);
    for (columns, has_ids) in [(80, false), (200, true)] {
        let watch = ask(&api, "status --watch --interval 1h").arg(&journal);
        let mut screen = watch.on_screen_of(24, columns);
        let is_whole = |shown: &str| {
            // As the terminal has them: they are filled up with spaces.
            let cells: Vec<_> = shown.chars().collect();
            let lines = cells.chunks(columns.into());
            let lines: Vec<String> = lines.map(|line| line.iter().collect()).collect();
            let is_row = |(line, batch): (&String, usize)| {
                line.starts_with(&format!("{batch:>5} ")) && line.contains("Processing")
            };
            lines.len() == 23
                && lines[1].starts_with("batch ")
                && lines[1].trim_end().ends_with("id") == has_ids
                && lines[2..22].iter().zip(1..).all(is_row)
                && lines[22].trim_end() == "and 30 batches more"
        };
        screen.until_it(is_whole, "the whole table");
        screen.types("\u{3}");
        let shown = screen.code(130);
        assert!(
            shown.contains("Completed: 0 batches, 50 on the way"),
            "{shown}"
        );
        let headers = shown.matches("batch  records").count();
        assert!(headers <= 1 && !shown.contains("batches more"), "{shown}");
    }
}

#[test]
fn one_that_is_interrupted_before_it_has_seen_anything_has_none() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let (_, journal) = sent(&api, &files, &numbers(2), "", 0);
    api.faults("get always: hold answer");
    let requests = api.stats().requests;
    let asking = ask(&api, "status --json").arg(&journal).start();
    api.until(|stats| stats.requests > requests);
    asking.signal(Signal::INT);
    assert_eq!(asking.wait().code(130).stdout, "");
}

#[test]
fn a_watch_that_is_interrupted_has_a_summary() {
    let api = Api::start(|sandbox| sandbox.looks(1_000_000));
    let files = Files::new();
    let (_, journal) = sent(&api, &files, &numbers(2), "", 0);
    let watch = ask(&api, "status --watch --interval 1h --json");
    let watching = watch.arg(&journal).start();
    watching.until_out("Processing");
    watching.signal(Signal::INT);
    let lines = watching.wait().code(130).json();
    assert_eq!(
        json!([
            lines[1]["event"],
            lines[1]["outcome"],
            lines[1]["onTheirWay"]
        ]),
        json!(["status", "interrupted", 1])
    );
}
