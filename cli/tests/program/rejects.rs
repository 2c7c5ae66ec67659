//! Rejected messages whose answer is lost in its middle: counted once, and told once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use batchcast_sandbox::fault::{FaultRoute, FaultRule, Reply, ReplyBody, When};
use serde_json::{Value, json};

use crate::after::ask;
use crate::api::Api;
use crate::support::{Files, Run, TOKEN, batchcast, lines_of_json, numbers, read};

/// The messages of each batch, and how many of them are rejected: more than a line of the journal takes.
const BATCH: usize = 600;
const REJECTED: usize = 300;

/// The first answer ends in the middle of its rejects. In order, so that all that came before is read.
const CUT: &str = "batch 1: close answer after 30000";

struct Cut {
    api: Api,
    files: Files,
    list: PathBuf,
    journal: PathBuf,
}

impl Cut {
    /// A server that rejects every other message of a list of two batches.
    fn start(faults: &str) -> Self {
        let api = Api::start(|sandbox| sandbox.reject("every:2".parse().unwrap()));
        api.faults(faults);
        let files = Files::new();
        let list = files.write("list.txt", numbers(2 * BATCH));
        let journal = files.path("list.txt.batchcast");
        Self {
            api,
            files,
            list,
            journal,
        }
    }

    fn send(&self, flags: &str) -> Run {
        let flags = format!("--max-messages {BATCH} --json {flags}");
        let run = self.api.send(&flags).arg("--rejected");
        run.arg(self.files.path("first")).arg(&self.list)
    }

    fn resume(&self, flags: &str) -> Run {
        let run = self.api.resume(&self.journal).arg("--json").flags(flags);
        run.arg("--rejected").arg(self.files.path("second"))
    }

    /// Everything says the same of what was rejected, and `read` of the first batch.
    fn agrees(&self, summary: &Value, rejected: &Path, read_of_first: usize) {
        let cut = read_of_first;
        assert!(256 < cut && cut < REJECTED, "{cut}");
        let all = cut + REJECTED;
        assert_eq!(
            (
                &summary["rejected"],
                &summary["unplaced"],
                &summary["found"]
            ),
            (&json!(all), &json!(0), &json!(1))
        );
        let lines = lines_of_json(&read(rejected));
        let records: BTreeSet<_> = lines.iter().map(|line| line["record"].as_u64()).collect();
        assert_eq!((lines.len(), records.len()), (all, all));
        assert!(records.iter().all(|record| record.unwrap() % 2 == 0));

        let journal = lines_of_json(&read(&self.journal));
        let accepted: Vec<_> = journal
            .iter()
            .filter_map(|line| line.get("accepted"))
            .map(|accepted| (&accepted["found"], &accepted["rejected"]))
            .collect();
        assert_eq!(accepted.len(), 2);
        assert!(
            accepted.contains(&(&json!(true), &json!(cut))),
            "{accepted:?}"
        );
        assert!(accepted.contains(&(&json!(false), &json!(REJECTED))));
        assert_eq!(journal.last().unwrap()["finished"]["rejected"], all);
        let status = batchcast("status --json").arg(&self.journal);
        let status = status
            .env("RC_SERVER_URL", self.api.sandbox.base_url())
            .env("RC_ACCESS_TOKEN", TOKEN);
        let status = status.run().json();
        assert_eq!(status[0]["rejected"], cut, "{status:?}");
    }

    /// How many rejects of the first batch the journal has behind its last commit.
    fn journaled(&self) -> usize {
        let journal = lines_of_json(&read(&self.journal));
        let commit = |line: &Value| line["commit"]["batch"] == 1;
        let last = journal.iter().rposition(commit).unwrap();
        let rejects = journal[last..]
            .iter()
            .filter(|line| line["rejected"]["batch"] == 1)
            .map(|line| line["rejected"]["rejects"].as_array().unwrap().len());
        rejects.sum()
    }
}

#[test]
fn what_was_read_before_the_answer_was_lost_counts_once() {
    let cut = Cut::start(CUT);
    let ran = cut.send("").run().code(3);
    let summary = ran.json().pop().unwrap();
    cut.agrees(&summary, &cut.files.path("first"), cut.journaled());
    assert_eq!(cut.api.stats().creates, 2);
    // And of what was rejected beyond that nobody knows.
    let ran = cut.api.resume(&cut.journal).run().code(3);
    ran.out("finished already")
        .out("not all who were rejected are known");
}

#[test]
fn rejects_that_cannot_be_written_down_end_the_run_though_the_batch_is_found() {
    let cut = Cut::start(CUT);
    let ran = cut.send("").file_limit(50).run();
    let summary = ran.err("cannot write").json().pop().unwrap();
    assert_eq!(summary["notSentFrom"], 1 + BATCH, "{summary}");
    assert_eq!(summary["accepted"], json!([[1, BATCH]]));
    // They are in the journal.
    let known = cut.journaled();
    let ran = cut.resume("").run().code(3);
    let summary = ran.json().pop().unwrap();
    cut.agrees(&summary, &cut.files.path("second"), known);
}

#[test]
fn a_file_that_could_not_be_written_is_not_said_to_hold_all() {
    let cut = Cut::start("");
    let first = cut.files.path("first");
    let run = cut
        .api
        .send("")
        .arg("--rejected")
        .arg(&first)
        .arg(&cut.list);
    // Enough for what the journal has of them, and not for what this file has.
    let ran = run.file_limit(90).run().err("cannot write").code(1);
    let ran = ran.err("hint: make room").out("Rejected: ");
    ran.out(&format!(
        "  what could be written of them is in {}",
        first.display()
    ));
    assert!(read(&first).lines().count() < 2 * REJECTED);
    // All of them, as is said.
    let second = cut.files.path("second");
    let run = cut.api.resume(&cut.journal).arg("--rejected").arg(&second);
    let ran = run.run().code(3);
    ran.out(&format!("  all of them are in {}", second.display()));
    assert_eq!(read(&second).lines().count(), 2 * REJECTED);
}

#[test]
fn it_is_said_that_more_may_have_been_rejected() {
    let cut = Cut::start(CUT);
    let send = cut.api.send("").arg(&cut.list);
    let ran = send.run().code(3);
    ran.out(
        "1 batch was found in the server's list: more may have been rejected there than was told",
    )
    .out("Rejected: ");
}

#[test]
fn who_is_missing_by_the_servers_own_count_is_not_called_accepted() {
    let api = Api::start(|sandbox| sandbox);
    let reply = Reply::status(201).body(ReplyBody::Bytes(r#"{"id":"an-id","batchSize":3}"#.into()));
    let files = Files::new();
    let list = files.write("list.txt", numbers(5));
    api.sandbox.push_fault(reply.clone());
    let ran = api.send("").arg(&list).run().code(3);
    ran.out("Accepted: 3 recipients in 1 batch")
        .out("Missing: 2 messages: ");
    let journal = files.path("list.txt.batchcast");
    let ran = api.resume(&journal).run().code(3);
    ran.out("finished already: 3 recipients in 1 batch");

    // The server is done with what it has taken.
    let answer = |route, body: &'static str| {
        let reply = Reply::status(200).body(ReplyBody::Bytes(body.into()));
        FaultRule::new(route, When::Between(1, 2), reply)
    };
    let batch = r#"{"id":"an-id","batchSize":3,"processedCount":3,"status":"Completed"}"#;
    api.sandbox.push_fault(answer(FaultRoute::Get, batch));
    let statuses = r#"{"delivered":{"count":3}}"#;
    api.sandbox
        .push_fault(answer(FaultRoute::Statuses, statuses));
    let ran = ask(&api, "status").arg(&journal).run().code(3);
    ran.out("3 delivered, 0 sent, 0 queued, 0 failed; 0 rejected")
        .out("Missing: 2 messages: ");
    let lines = ask(&api, "status --json").arg(&journal).run().code(3);
    let lines = lines.json();
    assert_eq!(
        json!([lines[0]["missing"], lines[1]["missing"]]),
        json!([2, 2])
    );
    assert_eq!(lines[1]["outcome"], "partial");

    api.sandbox.push_fault(reply);
    let ran = api.send("--again --json").arg(&list).run().code(3);
    let lines = ran.json();
    assert_eq!(lines[0]["missing"], 2);
    assert_eq!(lines[1]["missing"], 2);
    let ran = api.resume(&journal).arg("--json").run().code(3);
    assert_eq!(ran.json()[0]["missing"], 2);
}

#[test]
fn it_counts_when_the_batch_is_found_by_a_further_process() {
    let cut = Cut::start(CUT);
    let killed = cut.send("").env("BATCHCAST_TEST_KILL_AT", "in-doubt:1");
    assert_eq!(killed.run().status.code(), None);
    let journaled = cut.journaled();
    let ran = cut.resume("").run().code(3);
    let summary = ran.json().pop().unwrap();
    cut.agrees(&summary, &cut.files.path("second"), journaled);
    assert_eq!(cut.api.stats().creates, 2);
}

#[test]
fn what_is_sent_again_has_rejects_of_its_own() {
    // In doubt twice: the first time it is not found, and sent again on demand.
    let cut = Cut::start(
        "batch 1: close answer after 25000, hide for 1m; batch 2: close answer after 30000",
    );
    cut.send("").run().code(5);
    let first = cut.journaled();
    let ran = cut.resume("--in-doubt resend").run().code(3);
    let summary = ran.json().pop().unwrap();
    assert_ne!(first, cut.journaled());
    cut.agrees(&summary, &cut.files.path("second"), cut.journaled());
}

#[test]
fn behind_none_there_are_no_more() {
    let api = Api::start(|sandbox| sandbox.reject("every:2".parse().unwrap()));
    api.faults("batch 2-20: answer 408");
    let files = Files::new();
    let list = files.write("list.txt", numbers(3));
    let ran = api.send("--max-messages 2").arg(&list).run().code(4);
    ran.out("Rejected: 1\n  record 2 (line 2): ");
    api.faults("");
    // This process has met none.
    let ran = api.resume(files.path("list.txt.batchcast")).run().code(3);
    ran.out("Rejected: 1\n  ('batchcast report ");
}

#[test]
fn a_canary_that_was_found_shows_its_rejects() {
    let cut = Cut::start(CUT);
    let flags = format!("--canary {BATCH} --max-failed 50%");
    let killed = cut.send(&flags).env("BATCHCAST_TEST_KILL_AT", "in-doubt:1");
    assert_eq!(killed.run().status.code(), None);
    let known = cut.journaled();
    let ran = cut.resume("--max-failed 50%").run().code(3);
    let unknown = REJECTED - known;
    ran.err(&format!(
        "Canary: 600 messages: 300 delivered, {known} rejected, {unknown} unknown\n  rejected: {known} SMS-RC-410 ("
    ))
    .err("300 of 600 failed, no more than 50%: going on");
}

#[test]
fn what_a_run_that_is_over_has_not_shown_is_found_by_its_journal() {
    let api = Api::start(|sandbox| sandbox.reject("every:2".parse().unwrap()));
    let files = Files::new();
    let list = files.write("list.txt", numbers(24) + "nobody\n");
    let journal = files.path("list.txt.batchcast");
    let send = api.send("--max-messages 2").arg(&list);
    let ran = send.private(numbers(24)).run().code(3).discreet();
    let path = journal.display();
    let ran = ran
        .out(&format!("and more: 'batchcast status {path}' shows"))
        .out(&format!("and more: 'batchcast report {path}' has"))
        .out(&format!("('batchcast report {path}' has them as well)"));
    assert!(!ran.stdout.contains("--rejected"), "{}", ran.stdout);

    // And what the journal has of it is written by the flag as well.
    let rejected = files.path("rejected");
    let resume = api.resume(&journal).arg("--rejected").arg(&rejected);
    let ran = resume.arg("--invalid").arg(files.path("invalid")).run();
    ran.code(3).err("'batchcast report");
    let records: Vec<_> = lines_of_json(&read(&rejected))
        .into_iter()
        .map(|line| line["record"].as_u64().unwrap())
        .collect();
    assert_eq!(records, (2..=24).step_by(2).collect::<Vec<_>>());
}
