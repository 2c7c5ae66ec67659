//! After a send: what `status` shows of its batches, and what `report` says of its records.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use batchcast_sandbox::RateLimit;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::api::Api;
use crate::support::{Files, Run, TOKEN, batchcast, lines_of_json, number, numbers, read};

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

    api.faults("get always: answer 503");
    ask(&api, "status")
        .arg(&journal)
        .run()
        .code(4)
        .err("the server answered 503");
    api.faults("get always: answer 403");
    ask(&api, "report")
        .arg(&journal)
        .run()
        .code(1)
        .err("the server answered 403");
}

/// A list with all kinds of records, sent in several processes and split batches; and what it holds.
fn eventful(api: &Api, files: &Files) -> (String, PathBuf, PathBuf) {
    let mut list = String::from("# a comment\n");
    for index in 0..12 {
        list += &match index {
            3 => "nobody\n".to_owned(),
            5 => "+12125550199\n".to_owned(),
            // A number that is there again, in the same batch.
            7 => number(6) + "\n\n",
            _ => number(index) + "\n",
        };
    }
    api.faults("batch 2: answer 413; batch 4-20: answer 408");
    let (path, journal) = sent(api, files, &list, "--max-messages 4", 4);
    (list, path, journal)
}

#[test]
fn a_report_has_a_row_for_each_record() {
    let api = Api::start(|sandbox| {
        let sandbox = sandbox.deliver("SMS-CAR-430=suffix:0002".parse().unwrap());
        sandbox
            .deliver("Sent=suffix:0004".parse().unwrap())
            .segment_cost(0.01)
    });
    let files = Files::new();
    let list = "# a comment\n".to_owned() + &numbers(3) + "nobody\n\n+12125550199\n" + &numbers(5);
    let (path, journal) = sent(&api, &files, &list, "--max-messages 3", 3);
    let ran = ask(&api, "report").arg(&journal).run().code(3);
    let rows_now = rows(&ran.stdout);
    assert_eq!(
        column(&rows_now, "record"),
        ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]
    );
    assert_eq!(
        column(&rows_now, "line"),
        ["2", "3", "4", "5", "7", "8", "9", "10", "11", "12"]
    );
    assert_eq!(
        column(&rows_now, "status"),
        [
            "Delivered",
            "Delivered",
            "DeliveryFailed",
            "Invalid",
            "Rejected",
            "Delivered",
            "Delivered",
            "DeliveryFailed",
            "Delivered",
            "Sent"
        ]
    );
    assert_eq!(
        column(&rows_now, "errorCode"),
        [
            "",
            "",
            "SMS-CAR-430",
            "",
            "SMS-RC-410",
            "",
            "",
            "SMS-CAR-430",
            "",
            ""
        ]
    );
    assert_eq!(
        rows_now[2]["description"],
        "The carrier took the message for spam"
    );
    assert!(rows_now[3]["description"].contains("does not begin with '+'"));
    assert_eq!((&*rows_now[3]["to"], &*rows_now[3]["batch"]), ("", ""));
    assert_eq!(
        (&*rows_now[0]["to"], &*rows_now[0]["cost"]),
        (&*number(0), "0.01")
    );
    let ids: Vec<_> = api
        .sandbox
        .accepted()
        .iter()
        .map(|batch| batch.id.clone())
        .collect();
    assert_eq!(rows_now[0]["batchId"], ids[0]);
    assert_eq!(rows_now[9]["batchId"], ids[2]);
    ran.err("10 records")
        .err("SMS-CAR-430: 2 (The carrier took");

    // The same as JSON, and from a list that is given.
    let out = files.path("rows.ndjson");
    let run = ask(&api, "report --format ndjson --out")
        .arg(&out)
        .arg(&journal)
        .arg(&path);
    run.run()
        .code(3)
        .discreet()
        .out("10 records")
        .out("Written: ");
    let lines = lines_of_json(&read(&out));
    assert_eq!(lines.len(), 10);
    for (line, row) in lines.iter().zip(&rows_now) {
        for (name, value) in line.as_object().unwrap() {
            let told = match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(told, row[name], "{name}");
        }
    }
    assert_eq!(crate::support::mode(&out), 0o600);
    let stdin = ask(&api, "report").arg(&journal).arg("-").stdin(&list);
    assert_eq!(rows(&stdin.run().code(3).stdout), rows_now);

    // Another list is not taken for it, and what was written before is kept.
    let before = read(&out);
    let other = files.write("other.txt", list.replacen("# a comment\n", "", 1));
    let run = ask(&api, "report --out")
        .arg(&out)
        .arg(&journal)
        .arg(&other);
    run.private(&list)
        .run()
        .code(1)
        .err("not the list that was sent")
        .discreet();
    assert_eq!(read(&out), before);
    ask(&api, "report --out")
        .arg(&path)
        .arg(&journal)
        .run()
        .code(2)
        .err("is the list itself");
}

#[test]
fn a_run_that_was_stopped_is_told_as_it_is() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let (list, _, journal) = eventful(&api, &files);
    let told = |code| {
        let ran = ask(&api, "report")
            .arg(&journal)
            .private("")
            .run()
            .code(code);
        rows(&ran.stdout)
    };
    let rows_then = told(4);
    assert_eq!(rows_then.len(), 12);
    let statuses = column(&rows_then, "status");
    assert!(
        statuses.contains(&"NotSent") && statuses.contains(&"Delivered"),
        "{statuses:?}"
    );
    ask(&api, "status")
        .arg(&journal)
        .run()
        .code(4)
        .out("The run is not finished: 'batchcast resume");

    api.faults("");
    api.resume(&journal).private(&list).run().code(3);
    let rows_now = told(3);
    for (row, record) in rows_now.iter().zip(1..) {
        let expected = match record {
            4 => "Invalid",
            6 => "Rejected",
            _ => "Delivered",
        };
        assert_eq!(row["status"], expected, "{row:?}");
    }
    // Both of the number that is there twice have a message of their own.
    let mut ids = column(&rows_now, "messageId");
    ids.retain(|id| !id.is_empty());
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 10);
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
fn long_lists_are_paged() {
    let api = Api::start(|sandbox| sandbox.deliver("SMS-UP-431=every:1000".parse().unwrap()));
    let files = Files::new();
    let (_, journal) = sent(&api, &files, &numbers(3_500), "", 0);
    let before = api.stats().requests;
    let ran = ask(&api, "report --format ndjson")
        .arg(&journal)
        .run()
        .code(3);
    let rows = ran.json();
    assert_eq!(rows.len(), 3_500);
    for (row, index) in rows.iter().zip(0..) {
        assert_eq!(row["to"], number(index));
        let failed = (index + 1) % 1_000 == 0;
        let status = if failed { "SendingFailed" } else { "Delivered" };
        assert_eq!(row["status"], status);
    }
    // The batch, and four pages.
    assert_eq!(api.stats().requests - before, 5);
}

/// Elements that have no end.
const VOID: [&str; 3] = ["meta", "!DOCTYPE", "br"];

/// Whether every element is closed where it must be.
fn is_well_formed(page: &str) -> bool {
    let style = page.find("</style>").unwrap();
    let mut open: Vec<&str> = vec!["html", "head", "style"];
    for tag in page[style..].split('<').skip(1) {
        let name = tag.split(['>', ' ']).next().unwrap();
        if let Some(name) = name.strip_prefix('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else if !VOID.contains(&name) {
            open.push(name);
        }
    }
    open.is_empty()
}

#[test]
fn the_page_stands_alone_and_gives_nobody_away() {
    let api = Api::start(|sandbox| {
        let sandbox = sandbox.deliver("SMS-CAR-411=every:3".parse().unwrap());
        sandbox.segment_cost(0.0075)
    });
    let files = Files::new();
    let list = numbers(9) + "+12125550199\nnobody\n";
    let path = files.write("a <b>&\"list\" +14155550123.txt", &list);
    api.send("--max-messages 4")
        .arg(&path)
        .private(&list)
        .run()
        .code(3);
    let journal = files.path("a <b>&\"list\" +14155550123.txt.batchcast");
    let html = files.path("page.html");
    let run = ask(&api, "report --html")
        .arg(&html)
        .arg(&journal)
        .private(&list);
    let ran = run.run().code(3);
    // There are no rows: nobody asked for them.
    assert!(!ran.stdout.contains("record,line"), "{}", ran.stdout);
    let page = read(&html);
    assert!(is_well_formed(&page), "{page}");
    assert!(
        page.contains("a &lt;b&gt;&amp;&quot;list&quot; +*******0123.txt"),
        "{page}"
    );
    assert!(!page.contains("<b>"));
    let (_, body) = page.split_once("</style>").unwrap();
    for index in 0..9 {
        assert!(!body.contains(&number(index)[1..]));
    }
    assert!(!body.contains("5550199") && !body.contains("5550123") && !body.contains("Kaffee"));
    for part in ["http:", "https:", "src=", "<script", "@import", "url("] {
        assert!(!page.contains(part), "{part}");
    }
    for part in [
        "default-src 'none'",
        "prefers-color-scheme: dark",
        "SMS-CAR-411",
        "The number is invalid, not assigned",
        "SMS-RC-410",
        "role=\"img\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for batch in api.sandbox.accepted() {
        assert!(body.contains(&batch.id));
    }
}

#[test]
fn what_was_rejected_without_an_index_is_not_guessed() {
    // A server whose answers name no index. It is asked for nothing else.
    use crate::server::{Seen, Server, Then, receipt};
    let rejected = r#"{"to":["+12122000001"],"errorCode":"SMS-RC-413"}"#;
    let server = Server::start(move |number, seen| match (number, seen) {
        (1, Seen::Head) => Then::Read,
        (1, _) => receipt(rejected),
        (2, _) => Then::Answer(
            "200 OK",
            r#"{"id":"batch-id","status":"Completed"}"#.to_owned(),
        ),
        _ => {
            let one = r#"{"id":1,"to":["+12122000000"],"messageStatus":"Delivered"}"#;
            let other = r#"{"id":"b","to":["+12122000002"],"messageStatus":"Teleported"}"#;
            let strange = r#"{"id":9,"to":["+12120000000"],"messageStatus":"Sent"}"#;
            Then::Answer(
                "200 OK",
                format!("{{\"records\":[{other},{one},{strange}]}}"),
            )
        }
    });
    let files = Files::new();
    let list = files.write("list.txt", numbers(3));
    let at = |run: Run| {
        run.env("RC_SERVER_URL", server.url())
            .env("RC_ACCESS_TOKEN", TOKEN)
    };
    at(batchcast("send").envelope()).arg(&list).run().code(3);
    let journal: &Path = &files.path("list.txt.batchcast");
    let ran = at(batchcast("report")).arg(journal).run().code(4);
    let rows = rows(&ran.stdout);
    assert_eq!(
        column(&rows, "status"),
        ["Delivered", "NotListed", "Teleported"]
    );
    assert_eq!(column(&rows, "messageId"), ["1", "", "b"]);
    assert!(
        rows[1]["description"].contains("of its batch 1 were rejected"),
        "{:?}",
        rows[1]
    );
    ran.err("1 message in these batches that the list has not");
}

#[test]
fn a_compressed_list_of_a_region_is_read_again_as_it_was() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = "to,name\n(415) 555-0100,Ann\nnobody,Bob\n1-415-555-0101,Eve\n";
    let path = files.path("list.csv.gz");
    std::fs::write(&path, crate::packed::gzip(list)).unwrap();
    let run = api.send("--region US").arg(&path).run();
    run.code(3);
    let journal = files.path("list.csv.gz.batchcast");
    let ran = ask(&api, "report").arg(&journal).run().code(3);
    let rows = rows(&ran.stdout);
    assert_eq!(column(&rows, "record"), ["1", "2", "3"]);
    assert_eq!(
        column(&rows, "status"),
        ["Delivered", "Invalid", "Delivered"]
    );
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
