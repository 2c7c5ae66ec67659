//! Personal texts: a template on the command line, filled in from the list.

use serde_json::{Value, json};

use crate::api::Api;
use crate::support::{FROM, Files, Run, batchcast, number, numbers, read};

const TEMPLATE: &str = "Hi {{first_name|there}}, table {{table}} is \"yours\". {{{{x}}";

fn encode(template: &str) -> Run {
    let run = batchcast("encode --out - --from").arg(FROM);
    run.arg("--text").arg(template)
}

fn texts(body: &Value) -> Vec<&str> {
    let messages = body["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|message| message["text"].as_str().unwrap())
        .collect()
}

fn csv() -> String {
    format!(
        "First_Name,table,mobile\nAnn,7,{}\n\"Bob \"\"B\"\"\",8,{}\n,9,{}\n",
        number(0),
        number(1),
        number(2)
    )
}

fn ndjson() -> String {
    [
        json!({"to": number(0), "first_name": "Ann", "table": 7}),
        json!({"to": number(1), "first_name": "Bob \"B\"", "table": "8"}),
        json!({"to": number(2), "first_name": null, "table": 9}),
    ]
    .map(|line| format!("{line}\n"))
    .concat()
}

const FILLED: [&str; 3] = [
    "Hi Ann, table 7 is \"yours\". {{x}}",
    "Hi Bob \"B\", table 8 is \"yours\". {{x}}",
    "Hi there, table 9 is \"yours\". {{x}}",
];

#[test]
fn columns_and_keys_fill_it_in() {
    let files = Files::new();
    let file = files.write("text", format!("{TEMPLATE}\n"));
    for list in [csv(), ndjson()] {
        let from_file = batchcast("encode --out - --from").arg(FROM);
        let from_file = from_file.arg("--text-file").arg(&file);
        for run in [encode(TEMPLATE), from_file] {
            let ran = run.stdin(&list).run().code(0);
            let body = &ran.json()[0];
            assert_eq!(texts(body), FILLED);
            assert_eq!(body["text"], Value::Null);
        }
    }
}

#[test]
fn what_it_sends_is_what_it_encodes() {
    for (list, format) in [(csv(), "csv"), (ndjson(), "ndjson")] {
        let files = Files::new();
        let record = files.path("record");
        let api = Api::start(|sandbox| sandbox.record(&record));
        let run = api.send_without_text(&format!("--format {format}"));
        let run = run.arg("--text").arg(TEMPLATE);
        run.stdin(&list).run().code(0).discreet();
        let arrived: Vec<_> = crate::support::lines_of_json(&read(&record))
            .iter()
            .map(|line| line["text"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(arrived, FILLED);
    }
}

#[test]
fn a_field_that_is_no_column_is_found_before_anything_is_sent() {
    let api = Api::start(|sandbox| sandbox);
    let run = api
        .send_without_text("")
        .arg("--text")
        .arg("Dear {{surname}}");
    let ran = run.stdin(csv()).run().code(1).discreet();
    ran.err("a field surname, but no column is called so")
        .err("First_Name, table, mobile")
        .err("hint: a field of --text is called as its column is");
    assert_eq!(api.stats().batches, 0);
}

#[test]
fn a_field_that_a_record_lacks_is_that_records_fault() {
    let list = ndjson() + &json!({"to": number(3)}).to_string();
    let ran = encode(TEMPLATE).stdin(list).run().code(3);
    assert_eq!(ran.recipients(), [number(0), number(1), number(2)]);
    ran.err("record 4 (line 4, byte ")
        .err("the field table is not there")
        .err("{{name|there}}");
}

#[test]
fn a_list_of_numbers_has_no_fields() {
    let files = Files::new();
    let run = encode(TEMPLATE).stdin(numbers(3));
    let ran = run.run().code(2);
    ran.err("the list is one of numbers").err("CSV or NDJSON");
    // Nothing at all is a list of any format.
    encode(TEMPLATE).arg(files.write("list", "")).run().code(0);
    // Four braces are two, and no field.
    let ran = encode("Use {{{{x}}").stdin(numbers(1)).run().code(0);
    assert_eq!(ran.json()[0]["text"], "Use {{x}}");
}

#[test]
fn what_is_no_template_is_wrong_usage() {
    for (template, fault) in [
        ("Hi {{name", "a field is not closed"),
        ("Hi {{}}", "a field has no name"),
        ("Hi {{a{b}}", "a field has a brace"),
    ] {
        let ran = encode(template).stdin(csv()).run().code(2);
        ran.err("--text").err(fault).err("at character 4");
    }
}

#[test]
fn a_run_is_gone_on_with_by_the_same_template_only() {
    let files = Files::new();
    let record = files.path("record");
    let api = Api::start(|sandbox| sandbox.record(&record));
    let list = files.write("list.csv", csv());
    let journal = files.path("list.csv.batchcast");
    api.faults("batch 2-6: answer 408");
    let run = api.send_without_text("--max-messages 1 --spool none");
    let run = run.arg("--text").arg(TEMPLATE).arg(&list).private(csv());
    run.run().code(4).discreet().out("--text TEXT");
    let text = read(&journal);
    assert!(
        !text.contains("table") && !text.contains("first_name"),
        "{text}"
    );

    api.faults("");
    let resume = |more: &[&str]| {
        let run = api.resume_without_text(&journal);
        more.iter().fold(run, Run::arg)
    };
    for (more, told) in [
        (&["--text", "Hi {{first_name|there}}"][..], "is not the one"),
        (&["--text", "Hi there"], "now it has none"),
        (&[], "now it has none"),
    ] {
        resume(more).run().code(2).err(told).err("--text-file");
    }
    assert_eq!(api.stats().messages, 1);
    let run = resume(&["--text", TEMPLATE]).private(csv());
    run.run().code(0).out("Accepted: 3 recipients");
    assert_eq!(api.stats().messages, 3);
    let lines = crate::support::lines_of_json(&read(&record));
    let arrived: Vec<_> = lines.iter().map(|line| &line["text"]).collect();
    assert_eq!(arrived, FILLED);

    // And the other way round.
    let api = Api::start(|sandbox| sandbox);
    let own = json!({"to": number(1), "text": "own"}).to_string() + "\n";
    let list = files.write("own.ndjson", own.repeat(2));
    api.faults("batch 2-6: answer 408");
    let run = api.send_without_text("--max-messages 1 --spool none");
    run.arg(&list).private(&own).run().code(4);
    let run = api.resume_without_text(files.path("own.ndjson.batchcast"));
    let ran = run.arg("--text").arg("{{text}}!").run().code(2);
    ran.err("without fields in its text");
}
