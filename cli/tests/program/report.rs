//! What `report` says of a list's records: a row for each.

mod judge;
mod out;
mod random;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::after::{ask, column, rows, sent};
use crate::api::Api;
use crate::support::{Files, Run, TOKEN, batchcast, lines_of_json, number, numbers, read};

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
fn a_list_that_has_grown_is_told() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let (path, journal) = sent(&api, &files, &numbers(2), "", 0);
    std::fs::write(&path, numbers(3)).unwrap();
    let ran = ask(&api, "report").arg(&journal).run().code(3);
    assert_eq!(
        column(&rows(&ran.stdout), "status"),
        ["Delivered", "Delivered", "Unclear"]
    );
    ran.err("1 record in no batch");
    // Another number of messages than were sent is another list.
    std::fs::write(&path, number(0) + "\nnobody\n").unwrap();
    let ran = ask(&api, "report").arg(&journal).run();
    ran.code(1).err("not the list that was sent");
}

// Elsewhere there are file systems without such names.
#[cfg(target_os = "linux")]
#[test]
fn a_list_whose_name_is_not_utf8_has_to_be_given() {
    use std::os::unix::ffi::OsStrExt as _;
    let api = Api::start(|sandbox| sandbox);
    api.faults("batch 2-20: answer 408");
    let files = Files::new();
    let name = std::ffi::OsStr::from_bytes(b"l\xfcste.txt");
    let list = files.path("").join(name);
    std::fs::write(&list, numbers(3)).unwrap();
    let journal = files.path("journal");
    let send = api.send("--max-messages 2").arg("--journal").arg(&journal);
    send.arg(&list).run().code(4);
    let report = || ask(&api, "report").arg(&journal);
    for run in [report(), api.resume(&journal)] {
        run.run()
            .code(2)
            .err("has a name that is not UTF-8")
            .err("as FILE");
    }
    report().arg(&list).run().code(4);
    api.faults("");
    api.resume(&journal).arg(&list).run().code(0);
}
