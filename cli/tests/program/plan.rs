use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::{
    FROM, Files, Ran, Run, TEXT, batchcast, lines_of_json, number, numbers, read,
};

/// A plan as JSON.
fn plan(ran: &Ran) -> Value {
    let [plan] = ran.json().try_into().unwrap();
    plan
}

fn only_from(run: Run) -> Run {
    run.arg("--from").arg(FROM)
}

/// The same list in a format, with texts of its own where it may have them.
fn random_list(format: &str, random: &mut fastrand::Rng) -> String {
    const TEXTS: [&str; 8] = [
        "Hello",
        "",
        "It’s on, see you at eight! ",
        "\"quoted\"\nand more \\ ",
        "[€] {x} ",
        "您的订单已发货 ",
        "party 👋🏽 ",
        "a long one that goes on and on, so that it takes more than a single segment ",
    ];
    let mut list = String::new();
    if format == "csv" {
        list.push_str("name,to,text\n");
    }
    for index in 0..random.usize(1..400) {
        let to = match random.u8(0..20) {
            0 => "nobody".to_owned(),
            1 => "+4915112345".to_owned(),
            _ => number(index),
        };
        let text = TEXTS[random.usize(0..TEXTS.len())].repeat(random.usize(1..4));
        let quoted = serde_json::to_string(&text).unwrap();
        match format {
            "lines" => writeln!(list, "{to}"),
            "ndjson" if text.is_empty() => writeln!(list, "{{\"to\":\"{to}\"}}"),
            "ndjson" => writeln!(list, "{{\"to\":[\"{to}\"],\"text\":{quoted}}}"),
            _ => writeln!(list, "x,{to},\"{}\"", text.replace('"', "\"\"")),
        }
        .unwrap();
    }
    list
}

#[test]
fn its_batches_are_those_that_encode_writes() {
    for seed in 0..30 {
        let mut random = fastrand::Rng::with_seed(seed);
        let format = ["lines", "ndjson", "csv"][random.usize(0..3)];
        let list = random_list(format, &mut random);
        let mut limits = format!(
            "--format {format} --max-bytes {}",
            random.u32(3_000..20_000)
        );
        if random.bool() {
            write!(limits, " --max-messages {}", random.u32(1..100)).unwrap();
        }
        let run = |command: &str| {
            let run = batchcast(&format!("{command} {limits}"));
            // Those that have no text of their own are invalid without a default text.
            let run = if format == "lines" || seed % 2 == 0 {
                run.envelope()
            } else {
                only_from(run)
            };
            run.stdin(&list).run()
        };
        let (encoded, planned) = (run("encode --out -"), run("plan --json").discreet());
        assert_eq!(encoded.status, planned.status, "seed {seed}");
        let plan = plan(&planned);

        let bodies = encoded.stdout.lines();
        let batches = plan["batches"].as_array().unwrap();
        assert_eq!(batches.len(), encoded.stdout.lines().count(), "seed {seed}");
        for (body, batch) in bodies.zip(batches) {
            assert_eq!(batch["bytes"], body.len(), "seed {seed}");
            let body: Value = serde_json::from_str(body).unwrap();
            let messages = body["messages"].as_array().unwrap();
            assert_eq!(batch["messages"], messages.len(), "seed {seed}");
            // The first and the last line are those of the first and the last message.
            if format == "lines" {
                let lines: Vec<_> = list.lines().collect();
                for (end, message) in [(0, &messages[0]), (1, messages.last().unwrap())] {
                    let line = batch["lines"][end].as_u64().unwrap();
                    assert_eq!(message["to"][0], lines[usize::try_from(line).unwrap() - 1]);
                }
            }
        }
        assert_eq!(plan["recipients"], encoded.recipients().len());
        let bytes: u64 = batches
            .iter()
            .map(|batch| batch["bytes"].as_u64().unwrap())
            .sum();
        assert_eq!(plan["bytes"], bytes);

        let numbers = encoded.recipients();
        let mut distinct = numbers.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(
            plan["duplicates"]["messages"],
            numbers.len() - distinct.len()
        );
    }
}

#[test]
fn json_is_a_contract() {
    let long = "x".repeat(1_001);
    let list = format!(
        "{{\"to\":\"{}\",\"text\":\"It’s \\u2014 on\"}}\n{{\"to\":\"{}\"}}\n{{\"to\":\"{}\",\"text\":\"{}\"}}\n\
         {{\"to\":\"12129998877\"}}\n{{\"to\":\"{}\",\"text\":\"{long}\"}}\n",
        number(1),
        number(2),
        number(1),
        "x".repeat(161),
        number(3),
    );
    let files = Files::new();
    let path = files.write("list.ndjson", &list);
    let run = batchcast("plan --json --max-messages 2 --price 0.0085 --rate 2").envelope();
    let ran = run.private(&list).arg(&path).run().code(3).discreet();
    let head = format!("{{\"from\":\"{FROM}\",\"text\":\"{TEXT}\",\"messages\":[").len();
    let entry = r#"{"to":["+12122000001"]}"#.len();
    let own = r#","text":"""#.len();
    let first = (head + 2 * entry + 1 + own + "It’s \\u2014 on".len() + 2) as u64;
    let second = (head + entry + own + 161 + 2) as u64;
    let character = |character: &str, code: &str, instead: &str| json!({"character": character, "codePoint": code, "messages": 1, "record": 1, "line": 1, "instead": instead});
    let kind = |kind: &str, description: &str, at: u64, byte: u64, error: &str| {
        let example =
            json!({"record": at, "line": at, "byte": byte, "error": error, "number": null});
        json!({"kind": kind, "description": description, "records": 1, "examples": [example]})
    };
    let invalid = plan(&ran)["invalid"]["kinds"].clone();
    let byte = |at: usize| invalid[at]["examples"][0]["byte"].as_u64().unwrap();
    let expected = json!({
        "event": "plan",
        "list": path.to_str().unwrap(),
        "format": "ndjson",
        "listBytes": list.len(),
        "recipients": 3,
        "bytes": first + second,
        "maxBytes": 50_000_000,
        "maxMessages": 2,
        "batches": [
            {"number": 1, "messages": 2, "bytes": first, "records": [1, 2], "lines": [1, 2]},
            {"number": 2, "messages": 1, "bytes": second, "records": [3, 3], "lines": [3, 3]},
        ],
        "segments": {
            "total": 4,
            "gsm7": {"messages": 2, "segments": 3},
            "ucs2": {"messages": 1, "segments": 1},
            "histogram": [{"segments": 1, "gsm7": 1, "ucs2": 1}, {"segments": 2, "gsm7": 1, "ucs2": 0}],
        },
        "ucs2Characters": [character("—", "U+2014", "-"), character("’", "U+2019", "'")],
        "duplicates": {
            "numbers": 1,
            "messages": 1,
            "examples": [{"line": 3, "number": "+1******0001"}],
        },
        "passedOver": {"suppressed": 0, "duplicates": 0, "skipped": 0},
        "invalid": {
            "records": 2,
            "kinds": [
                kind(
                    "numberNoPlus",
                    "the number does not begin with +",
                    4,
                    byte(0),
                    "the phone number does not begin with '+' (E.164: '+', country code, number)",
                ),
                kind(
                    "textTooLong",
                    "the text is longer than 1000 UTF-16 code units",
                    5,
                    byte(1),
                    "the text has 1001 UTF-16 code units, over the API's limit of 1000",
                ),
            ],
        },
        "textsOverLimit": 1,
        "warnings": ["2 messages have their own text in the list, which is sent instead of --text"],
        "price": "0.0085",
        "cost": "0.034",
        "rate": "2",
        "seconds": 1.5,
    });
    assert_eq!(plan(&ran), expected);
}

#[test]
fn people_see_what_matters_on_80_columns() {
    let mut list = "name,Mobile,text\n".to_owned();
    for index in 0..40 {
        let text = if index % 10 == 0 {
            "It’s\u{a0}on 👋"
        } else {
            "Hello"
        };
        writeln!(list, "Ann,{},{text}", number(index % 38)).unwrap();
    }
    list.push_str("Bob,12125550177,Hello\nBob,,Hello\n");
    let run = batchcast("plan --max-messages 5 --to-field Mobile --price 0.01 --rate 10");
    let ran = only_from(run).stdin(&list).run().code(3).discreet();
    let expected = "\
Plan for standard input (csv, 1.0 kB). Nothing is sent.

  Recipients     40
  Invalid         2  records that cannot be sent, see below
  Duplicates      2  numbers that come again, 2 messages too many (see --unique)
  Batches         8  1.9 kB in all, at most 50.0 MB and 5 messages each
  Segments       40  SMS, 1.00 for a message
  Cost         0.40  at 0.01 a segment
  Time        4.0 s  at 10 messages a second

  Batch  Messages   Size  Lines
      1         5  241 B  2 to 6
      2         5  231 B  7 to 11
      3         5  241 B  12 to 16
      4         5  231 B  17 to 21
      …         …      …  …
      8         5  231 B  37 to 41

  Segments  Messages  GSM-7  UCS-2
         1        40     36      4  ██████████████████████████████

Characters that force UCS-2, which has 70 of them in an SMS instead of 160:
                           Messages  First   To avoid it
  no-break space  U+00A0          4  line 2  write a space
  ’               U+2019          4  line 2  write '
  👋              U+1F44B         4  line 2

Duplicates, each where it comes for the second time:
  line 40: +1******0000
  line 41: +1******0001

Invalid records:
  1  the number does not begin with +
     line 42
     hint: --region US (or CA) reads numbers as people write them there, such as
     (650) 555-0100
  1  there is no recipient
     line 43
     hint: --to-field NAME says where to find the number
  (--invalid PATH writes them to a file)
";
    assert_eq!(ran.stdout, expected);
    for line in ran.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn whom_the_flags_pass_over_is_in_no_batch() {
    let files = Files::new();
    let suppress = files.write("suppress.txt", numbers(3));
    let list = format!("nobody\n{}{}", numbers(10), numbers(5));
    for flags in [
        "",
        "--unique",
        "--skip 2",
        "--limit 4",
        "--unique --skip 3 --limit 6",
    ] {
        let run = |command: &str| {
            let run = batchcast(&format!("{command} --format lines {flags}")).envelope();
            run.arg("--suppress").arg(&suppress).stdin(&list).run()
        };
        let (encoded, planned) = (run("encode --out -"), run("plan --json").discreet());
        assert_eq!(encoded.status, planned.status, "{flags}");
        let plan = plan(&planned);
        assert_eq!(plan["recipients"], encoded.recipients().len(), "{flags}");
        assert_eq!(plan["bytes"], encoded.stdout.trim_end().len(), "{flags}");
        assert_eq!(plan["segments"]["total"], plan["recipients"], "{flags}");
    }
    let run = batchcast("plan --format lines --unique --skip 1").envelope();
    let run = run.arg("--suppress").arg(&suppress);
    let ran = run.stdin(&list).run().code(0).discreet();
    ran.out("Recipients  7")
        .out("Suppressed  6")
        .out("Repeated    2")
        .out("Skipped     1");
    let broken = batchcast("plan --format lines --max-invalid 0")
        .envelope()
        .stdin(&list)
        .run()
        .code(1);
    broken
        .out("Invalid      1")
        .err("1 of 16 records are invalid");
}

#[test]
fn the_text_of_all_counts_for_all() {
    let run = batchcast("plan --json --from").arg(FROM).arg("--text");
    let ran = run.arg("👋".repeat(36)).stdin(numbers(1_000)).run().code(0);
    let plan = plan(&ran);
    assert_eq!(plan["segments"]["total"], 2_000);
    assert_eq!(plan["segments"]["ucs2"]["messages"], 1_000);
    assert_eq!(plan["ucs2Characters"][0]["messages"], 1_000);
    assert_eq!(plan["price"], Value::Null);
    assert_eq!(plan["seconds"], Value::Null);
}

#[test]
fn invalid_records_are_written_down_as_encode_does() {
    let files = Files::new();
    let list = format!("to,text\n{},Hello\nBob,Hello\n{},\n", number(1), number(2));
    let written = |command: &str, name: &str| {
        let path = files.path(name);
        let run = only_from(batchcast(command)).arg("--invalid").arg(&path);
        let ran = run.stdin(&list).run().code(3);
        (ran, read(path))
    };
    let (planned, of_plan) = written("plan", "plan");
    let (_, of_encode) = written("encode --out -", "encode");
    assert_eq!(of_plan, of_encode);
    assert_eq!(lines_of_json(&of_plan).len(), 2);
    planned
        .discreet()
        .out("all of them are in")
        .out("there is no text");
}

#[test]
fn broken_lists_are_told_as_encode_tells_them() {
    let plan = || batchcast("plan").envelope();
    let empty = plan().stdin("# nobody\n").run().code(0);
    assert_eq!(empty.stdout, "The list is empty: nothing would be sent\n");
    let broken = plan().stdin("name,age\nAnn,7\n").run().code(1);
    broken.err("--to-field NAME");
    let list = format!("{}\nnobody\n{}\n", number(1), number(2));
    let stopped = plan()
        .arg("--on-invalid")
        .arg("stop")
        .stdin(&list)
        .run()
        .code(1);
    assert_eq!(stopped.stdout, "");
    stopped
        .err("record 2 (line 2, byte 13)")
        .err("--on-invalid skip");
    plan()
        .stdin(&list)
        .run()
        .code(3)
        .out("the number does not begin with +");
    plan().arg("missing.txt").run().code(1).err("missing.txt");
    only_from(batchcast("plan"))
        .stdin(&list)
        .run()
        .code(2)
        .err("--text");
}

#[test]
fn prices_and_rates_are_plain_numbers() {
    for flag in ["--price", "--rate"] {
        for typed in ["1e3", "-1", "$5", "1,5", ""] {
            let run = batchcast("plan").envelope().stdin(numbers(1));
            run.arg(format!("{flag}={typed}")).run().code(2).err(flag);
        }
    }
    let run = batchcast("plan --price 0.1 --rate 0.5").envelope();
    let ran = run.stdin(numbers(3)).run().code(0);
    ran.out("0.30  at 0.1 a segment")
        .out("6.0 s  at 0.5 messages a second");
}

#[test]
fn many_batches_are_not_all_shown() {
    let run = || {
        batchcast("plan --max-messages 1")
            .envelope()
            .stdin(numbers(20))
    };
    let ran = run().run().code(0);
    let section = ran
        .stdout
        .split("\n\n")
        .find(|section| section.contains("Batch  "))
        .unwrap();
    let lines: Vec<_> = section.lines().collect();
    assert_eq!(lines.len(), 1 + 4 + 1 + 1, "{section}");
    assert!(lines[6].trim_start().starts_with("20 "), "{section}");
    let all = run().arg("--json").run().code(0);
    assert_eq!(plan(&all)["batches"].as_array().unwrap().len(), 20);
}

#[test]
fn a_field_that_no_record_has_is_told() {
    let list = format!(
        "{{\"to\":\"{}\",\"First_Name\":\"Ana\",\"town\":null}}\n",
        number(0)
    );
    let run = |command: &str, text: &str| {
        let run = only_from(batchcast(command)).arg("--text").arg(text);
        run.stdin(&list).run()
    };
    let ran = run("plan", "Hi {{first_name|there}} of {{town|here}}").code(0);
    ran.out("Warning: no record has the field first_name of the text (there is First_Name:");
    let ran = run(
        "plan --json",
        "Hi {{first_name|there}} of {{age|some}} years",
    )
    .code(0);
    let warnings = plan(&ran)["warnings"].as_array().unwrap().clone();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let ran = run("plan --json", "Hi {{First_Name|there}}").code(0);
    assert_eq!(plan(&ran)["warnings"], json!([]));
    // It is not there, and not empty.
    run("plan", "{{first_name}}")
        .code(3)
        .out("a field of the text is not there")
        .out("upper and lower case");
    run("plan", "{{town}}")
        .code(3)
        .out("a field of the text is empty");
    // By who is not asked, too, and has not planned: behind the list, and wherever the rest goes.
    let told = "Warning: no record has the field first_name of the text (there is First_Name:";
    for command in [
        "send --sandbox --quiet",
        "send --sandbox --json",
        "encode --out -",
    ] {
        run(command, "Hi {{first_name|there}}").code(0).err(told);
        let ran = run(command, "Hi {{First_Name|there}}").code(0);
        assert!(!ran.stderr.contains("Warning"), "{}", ran.stderr);
    }
    // Of nobody nothing is said.
    for command in ["plan --json", "send --sandbox --quiet", "encode --out -"] {
        let run = only_from(batchcast(command)).flags("--format ndjson --text {{name|you}}");
        let ran = run.stdin("\n").run().code(0);
        let told = ran.stderr + &ran.stdout;
        assert!(!told.contains("no record"), "{told}");
    }
    let list = format!("{{\"id\":1,\"Phone\":\"{}\"}}\n", number(0));
    let run = || batchcast("plan").envelope().stdin(&list);
    let told = "Warning: the records have Phone, and not phone: upper and lower case count";
    run().run().code(3).out(told);
    let ran = run().flags("--to-field Phone").run().code(0);
    assert!(!ran.stdout.contains("Warning"), "{}", ran.stdout);
}

#[test]
fn another_column_that_may_hold_the_number_is_told() {
    let list = format!("Mobile,cell,Phone\n{},1,{}\n", number(0), number(1));
    let run = |flags: &str, text: &str| {
        let run = only_from(batchcast(&format!("plan {flags}")).arg("--text").arg(text));
        run.stdin(&list).run().code(0).stdout
    };
    let told = run("--json", "Hi");
    assert!(
        told.contains("taken from Phone, and there is Mobile, cell as well (--to-field NAME"),
        "{told}"
    );
    // What is said, or is in the text, is meant.
    let told = run("--json", "{{Cell}}, {{mobile}}");
    assert!(told.contains(r#""warnings":[]"#), "{told}");
    // Though the text has it, the numbers are there.
    let told = run("--json", "{{phone}}, {{mobile}}");
    assert!(
        told.contains("taken from Phone, and there is cell as well"),
        "{told}"
    );
    let told = run("--json --to-field Mobile", "Hi");
    assert!(told.contains(r#""warnings":[]"#), "{told}");
}

#[test]
fn texts_of_the_lists_own_are_told() {
    let csv = format!("to,text\n{},own\n{},\n", number(0), number(1));
    let ndjson = format!("{{\"to\":\"{}\",\"text\":\"own\"}}\n", number(0));
    let warnings = |list: &str, arguments: &[&str]| {
        let run = only_from(batchcast("plan --json")).stdin(list);
        let ran = arguments.iter().fold(run, Run::arg).run();
        let plan = plan(&ran);
        serde_json::from_value::<Vec<String>>(plan["warnings"].clone()).unwrap()
    };
    for list in [&csv, &ndjson] {
        let told = warnings(list, &["--text", "same"]).join("\n");
        assert!(told.starts_with("1 message has its own text"), "{told}");
        let told = warnings(list, &["--text", "{{to}}"]).join("\n");
        assert!(told.contains("texts of its own, in text"), "{told}");
        // Then it is no surprise.
        for arguments in [
            &["--text", "same", "--text-field", "text"][..],
            &["--text", "{{text}}!", "--on-invalid", "skip"],
        ] {
            assert_eq!(warnings(list, arguments), [""; 0]);
        }
    }
    assert_eq!(warnings(&ndjson, &[]), [""; 0]);
}
