//! Numbers as people of a region write them, and as spreadsheets leave them.

use serde_json::json;

use crate::api::Api;
use crate::support::{Files, Run, batchcast, lines_of_json, read};

const WRITTEN: [&str; 8] = [
    "(212) 555-2001",
    "212.555.2001",
    "1-212-555-2001",
    "2125552001",
    "tel:+1-212-555-2001",
    "212\u{a0}555\u{a0}2001",
    "'12125552001",
    "12125552001.0",
];
const READ: &str = "+12125552001";

fn encode(flags: &str) -> Run {
    batchcast("encode --out -").envelope().flags(flags)
}

fn lines() -> String {
    WRITTEN.map(|number| format!("{number}\n")).concat()
}

#[test]
fn every_format_reads_them() {
    let csv = WRITTEN.map(|number| format!("Ann,\"{number}\"\n")).concat();
    let csv = format!("name,phone\n{csv}");
    let ndjson = WRITTEN
        .map(|number| format!("{}\n", json!({"to": number})))
        .concat();
    for list in [lines(), csv, ndjson] {
        for region in ["US", "ca"] {
            let run = encode(&format!("--region {region}"));
            let ran = run.stdin(&list).run().code(0);
            assert_eq!(ran.recipients(), [READ; 8], "{list}");
        }
        // Nothing is read into a number otherwise, and the flag that helps is named.
        let ran = encode("").stdin(&list).run().code(3);
        assert_eq!(ran.stdout, "");
        ran.err("Invalid: 8").err("--region US");
    }
}

#[test]
fn what_a_spreadsheet_has_rounded_is_explained() {
    let files = Files::new();
    let invalid = files.path("invalid");
    let run = encode("--region US --invalid").arg(&invalid);
    let list = "name,phone\nAnn,1.21256E+10\nBob,12125552001.0\nEve,555-2001\n";
    let ran = run.stdin(list).run().code(3);
    assert_eq!(ran.recipients(), [READ]);
    ran.err("a spreadsheet has rounded the phone number")
        .err("record 1 (line 2, byte 15)");
    let lines = lines_of_json(&read(invalid));
    let told = lines[0]["error"].as_str().unwrap();
    assert!(told.contains("export it again"), "{told}");
    let told = lines[1]["error"].as_str().unwrap();
    assert!(told.contains("7 digits"), "{told}");
}

#[test]
fn a_region_that_there_is_not_is_wrong_usage() {
    let ran = encode("--region DE").stdin(lines()).run().code(2);
    ran.err("--region").err("there are US and CA");
}

#[test]
fn a_run_that_is_gone_on_with_remembers_it() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list.txt", lines());
    api.faults("batch 2-6: answer 408");
    let run = api.send("--region US --max-messages 3 --spool none");
    run.arg(&list).private(lines()).run().code(4).discreet();
    api.faults("");
    let run = api.resume(files.path("list.txt.batchcast"));
    let ran = run.private(lines()).run().code(0);
    ran.out("Accepted: 8 recipients in 3 batches");
    assert_eq!(api.recipients(), [READ; 8]);
}
