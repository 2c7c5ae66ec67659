//! Who is passed over.

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::json;

use crate::api::Api;
use crate::support::{FROM, Files, Run, batchcast, lines_of_json, mode, number, numbers, read};

const FAILS_AT_2: &str = "batch 2-6: answer 408";

pub(crate) fn numbered(indexes: impl IntoIterator<Item = usize>) -> Vec<String> {
    indexes.into_iter().map(number).collect()
}

/// Each of the numbers, then the first three again, then an invalid record.
fn list() -> String {
    numbers(9) + &numbers(3) + "Bob\n"
}

#[test]
fn each_flag_passes_over_what_it_says() {
    let files = Files::new();
    let suppressed = files.write(
        "opted-out.txt",
        format!("# no\n{}\n{}\n", number(1), number(8)),
    );
    let all = (0..9).chain(0..3);
    for (flags, sent, counts) in [
        ("", all.clone().collect::<Vec<_>>(), [0, 0, 0]),
        ("--unique", (0..9).collect(), [0, 0, 3]),
        (
            "--suppress",
            all.clone().filter(|at| ![1, 8].contains(at)).collect(),
            [0, 3, 0],
        ),
        ("--skip 4", all.clone().skip(4).collect(), [4, 0, 0]),
        ("--limit 5", (0..5).collect(), [0, 0, 0]),
        ("--skip 13", vec![], [13, 0, 0]),
        (
            "--unique --skip 4 --limit 7 --suppress",
            vec![4, 5, 6, 7, 0, 2],
            [4, 2, 0],
        ),
    ] {
        let with = |run: Run| {
            let run = run.stdin(list());
            match flags.contains("--suppress") {
                true => run.arg("--suppress").arg(&suppressed),
                false => run,
            }
        };
        let flags = flags.trim_end_matches("--suppress");
        let is_read_to_its_end = !flags.contains("--limit 5");
        let code = if is_read_to_its_end && !flags.contains("13") {
            3
        } else {
            0
        };
        let api = Api::start(|sandbox| sandbox);
        let send = api.send(&format!("--format lines --max-messages 2 --json {flags}"));
        let ran = with(send).run().code(code).discreet();
        assert_eq!(api.recipients(), numbered(sent.clone()), "{flags}");
        let summary = ran.json().pop().unwrap();
        assert_eq!(
            summary["passedOver"],
            json!({"skipped": counts[0], "suppressed": counts[1], "duplicates": counts[2]}),
            "{flags}"
        );

        let encode = batchcast(&format!("encode --format lines --out - {flags}"));
        let ran = with(encode.envelope()).run().code(code);
        assert_eq!(ran.recipients(), numbered(sent), "{flags}");
    }
}

#[test]
fn what_is_passed_over_is_told_record_by_record() {
    let files = Files::new();
    let suppressed = files.write(
        "opted-out.csv",
        format!("Name,Town,to\nBob,x,{}\n", number(1)),
    );
    let expected = [
        json!({"record": 1, "line": 2, "to": number(0), "reason": "skipped"}),
        json!({"record": 2, "line": 3, "to": null, "reason": "skipped"}),
        json!({"record": 3, "line": 4, "to": number(1), "reason": "suppressed"}),
        json!({"record": 5, "line": 7, "to": number(2), "reason": "duplicate"}),
    ];
    let (a, b, c) = (number(0), number(1), number(2));
    let list = format!("# list\n{a}\nBob\n{b}\n{c}\n\n{c}\n");
    let api = Api::start(|sandbox| sandbox);
    let commands: [(&str, Run); 2] = [
        ("sent", api.send("--format lines --skip 2 --unique")),
        (
            "encoded",
            batchcast("encode --format lines --skip 2 --unique --out-dir")
                .arg(files.path("bodies"))
                .envelope(),
        ),
    ];
    for (name, run) in commands {
        let path = files.path(name);
        let run = run
            .arg("--suppress")
            .arg(&suppressed)
            .arg("--passed-over")
            .arg(&path);
        let ran = run.stdin(&list).run().code(0).discreet();
        ran.out("Passed over: 4 (2 skipped, 1 suppressed, 1 duplicate)\n  record 1 (line 2, byte 7): +1******0000 skipped\n")
            .out("invalid skipped")
            .out("all of them are in ");
        assert_eq!(lines_of_json(&read(&path)), expected);
        assert_eq!(mode(&path), 0o600);
    }
    let run = api
        .send("--unique")
        .arg("--passed-over")
        .arg(files.path("one"));
    let run = run
        .arg("--invalid")
        .arg(files.path("one"))
        .stdin(numbers(1));
    run.run().code(2).err("--passed-over").err("a file each");
}

#[test]
fn a_limit_does_not_wait_for_more() {
    let api = Api::start(|sandbox| sandbox);
    let mut running = api.send("--limit 2").start();
    let mut stdin = running.stdin.take().unwrap();
    stdin.write_all(numbers(3).as_bytes()).unwrap();
    // The pipe stays open.
    running.wait().code(0).out("Accepted: 2 recipients");
    assert_eq!(api.recipients(), numbered(0..2));
    drop(stdin);
    api.send("--limit 0")
        .stdin(numbers(1))
        .run()
        .code(2)
        .err("--limit");
}

#[test]
fn a_list_of_suppressed_numbers_is_whole_or_refused() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let whole = numbers(3);
    let cases = [
        ("bad.txt", format!("{whole}12125550100\n"), "line 4"),
        (
            "bad.csv",
            format!("phone\n{whole}(212) 555-0100\n"),
            "line 5",
        ),
        (
            "bad.ndjson",
            format!("{{\"to\":\"{}\"}}\n{{\"to\":", number(1)),
            "line 2",
        ),
        (
            "columns.csv",
            "name,town\nBob,Rome\n".to_owned(),
            "no column",
        ),
        (
            "status.csv",
            format!("from,to,status\n{FROM},{},Perhaps\n", number(1)),
            "OptOut",
        ),
        // Taken for a header, it would say that nobody has opted out.
        (
            "macs.csv",
            format!("from,to,status\r{FROM},{},OptOut\r", number(1)),
            "carriage return",
        ),
    ];
    for (name, suppressed, place) in cases {
        let path = files.write(name, &suppressed);
        for run in [api.send(""), batchcast("encode --out -").envelope()] {
            let run = run.arg("--suppress").arg(&path).private(&suppressed);
            let ran = run.stdin(numbers(5)).run().code(1).discreet();
            ran.err(&format!("--suppress: {}", path.display()))
                .err(place);
        }
    }
    let run = api.send("").arg("--suppress").arg(files.path("none"));
    run.stdin(numbers(5))
        .run()
        .code(1)
        .err("--suppress: cannot open");
    assert_eq!(api.stats().creates, 0);
}

#[test]
fn a_list_of_suppressed_numbers_is_read_as_that_of_the_recipients() {
    let files = Files::new();
    let encode = |suppressed: &PathBuf, flags: &str| {
        let run = batchcast(&format!("encode --out - {flags}")).envelope();
        run.arg("--suppress").arg(suppressed).stdin(numbers(3))
    };
    // As people write them there.
    let written = number(1).replace("+1212", "(212) ");
    let left = files.write("left.csv", format!("name,phone\nBob,{written}\n"));
    let ran = encode(&left, "--region US").run().code(0);
    assert_eq!(ran.recipients(), numbered([0, 2]));
    let ran = encode(&left, "").run().code(1).discreet();
    // The flags for the recipients' list do not help.
    let ran = ran.err("--region US");
    assert!(!ran.stderr.contains("hint:"), "{}", ran.stderr);
    let ran = encode(&files.write("towns.csv", "name,town\nBob,Rome\n"), "");
    let ran = ran.run().code(1).err("no column");
    assert!(!ran.stderr.contains("hint:"), "{}", ran.stderr);
    // Compressed.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(numbers(2).as_bytes()).unwrap();
    let packed = files.write("left.txt.gz", packed.finish().unwrap());
    assert_eq!(
        encode(&packed, "").run().code(0).recipients(),
        numbered([2])
    );
}

#[test]
fn a_list_of_suppressed_numbers_has_them_in_one_place() {
    let files = Files::new();
    let line = |key: &str, more: &str| format!("{{\"{key}\":\"{}\"{more}}}\n", number(0));
    let mobile = |value: &str| line("phone", &format!(",\"mobile\":{value}"));
    let whole = line("phone", "").repeat(100);
    // Who stands in the place that is not read could get a message.
    for (name, list, place) in [
        (
            "two.csv",
            format!("phone,mobile\n{},{}\n", number(0), number(1)),
            "line 1",
        ),
        (
            "two.ndjson",
            mobile(&format!("\"{}\"", number(1))),
            "line 1",
        ),
        // Behind many others, with a number or without.
        (
            "late.ndjson",
            whole.clone() + &mobile(&format!("[\"{}\"]", number(1))),
            "line 101",
        ),
        ("null.ndjson", whole.clone() + &mobile("null"), "line 101"),
    ] {
        let path = files.write(name, &list);
        let run = batchcast("encode --out - --suppress").arg(&path).envelope();
        let ran = run.stdin(numbers(3)).private(&list).run().code(1);
        ran.discreet()
            .err(&format!("--suppress: {}", path.display()))
            .err(place)
            .err("both phone and mobile may hold the recipient")
            .err("a list for each");
    }
    // A key for each record is none too many.
    let list = line("phone", "") + &line("mobile", "").replace(&number(0), &number(1));
    let path = files.write("one.ndjson", list);
    let run = batchcast("encode --out - --suppress").arg(path).envelope();
    let ran = run.stdin(numbers(3)).run().code(0);
    assert_eq!(ran.recipients(), numbered([2]));
}

fn journal_of(list: &std::path::Path) -> PathBuf {
    let mut journal = list.as_os_str().to_owned();
    journal.push(".batchcast");
    journal.into()
}

#[test]
fn a_run_is_gone_on_with_by_the_same_screen() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list.txt", numbers(3) + &numbers(9) + &numbers(9));
    let suppressed = files.write("opted-out.txt", numbers(1) + &number(5) + "\n");
    api.faults(FAILS_AT_2);
    let send = api.send("--max-messages 2 --unique --skip 1 --limit 6 --max-invalid 5%");
    let run = send
        .arg("--suppress")
        .arg(&suppressed)
        .arg(&list)
        .private(numbers(9));
    run.run().code(4).discreet().out("Accepted: 2 recipients");
    let text = read(journal_of(&list));
    assert!(!text.contains(&number(0)[1..]), "{text}");
    api.faults("");

    // Others than then are refused, and a list that is not there any more.
    let resume = || api.resume(journal_of(&list)).private(numbers(9));
    let fewer = files.write("fewer.txt", numbers(1));
    let run = resume().arg("--suppress").arg(&fewer);
    run.run()
        .code(2)
        .err("not the same ones")
        .err("2 numbers were");
    let moved = files.path("moved.txt");
    std::fs::rename(&suppressed, &moved).unwrap();
    resume()
        .run()
        .code(1)
        .err("cannot open")
        .err("opted-out.txt");
    assert_eq!(api.recipients(), numbered([1, 2]));

    let passed_over = files.path("passed-over");
    let run = resume().arg("--suppress").arg(&moved);
    let run = run.arg("--passed-over").arg(&passed_over).arg("--json");
    let summary = run.run().code(0).json().pop().unwrap();
    assert_eq!(api.recipients(), numbered([1, 2, 3, 4, 6, 7]));
    assert_eq!(
        (&summary["messages"], &summary["passedOver"]),
        (
            &json!(6),
            &json!({"skipped": 1, "suppressed": 2, "duplicates": 2})
        )
    );
    assert_eq!(lines_of_json(&read(passed_over)).len(), 5);
}

#[test]
fn a_run_without_a_list_is_not_gone_on_with_by_one() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list.txt", numbers(6));
    let left = files.write("left.txt", number(5));
    api.faults(FAILS_AT_2);
    let send = api.send("--max-messages 2").arg(&list).private(numbers(6));
    send.run().code(4);
    api.faults("");

    // It would be forgotten by the next process, and who is on it would get a message then.
    let resume = || api.resume(journal_of(&list)).private(numbers(6));
    let ran = resume().arg("--suppress").arg(&left).run().code(2);
    ran.discreet().err("begun without").err("--suppress api");
    assert_eq!(api.recipients(), numbered([0, 1]));
    resume().run().code(0);
    assert_eq!(api.recipients(), numbered(0..6));
}

#[test]
fn a_broken_list_is_given_up() {
    // 30 of 1,010 are invalid, the first of them at once.
    let broken = "Bob\n".repeat(30) + &numbers(980) + "Eve\n";
    for (most, code) in [
        ("29", 1),
        ("30", 1),
        ("31", 3),
        ("3%", 1),
        ("3.07%", 3),
        ("100%", 3),
        ("0", 1),
    ] {
        let api = Api::start(|sandbox| sandbox);
        let flags = format!("--format lines --max-invalid {most}");
        let run = api.send(&flags).stdin(&broken);
        let ran = run.run().code(code).discreet();
        let encode = batchcast(&format!("encode --out - {flags}")).envelope();
        let encoded = encode.stdin(&broken).run().code(code);
        if code == 1 {
            assert_eq!(api.stats().batches, 0, "{most}");
            ran.err("records are invalid, and at most")
                .err("--max-invalid")
                .err("--format");
            encoded.err("--max-invalid lets");
        }
    }
    // Of a short list, at its end, and before anything is sent.
    let api = Api::start(|sandbox| sandbox);
    let short = numbers(9) + "Bob\n";
    let run = api.send("--format lines --max-invalid 9%").stdin(&short);
    run.run().code(1).err("1 of 10 records");
    assert_eq!(api.stats().batches, 0);
    let run = api.send("--format lines --max-invalid 10%").stdin(&short);
    run.run().code(3);
    // What is skipped is not judged.
    let run = api
        .send("--format lines --max-invalid 0 --skip 1")
        .stdin("Bob\n".to_owned() + &numbers(1));
    run.run().code(0);
    for wrong in ["-1", "5 %", "101%", "few"] {
        let run = api.send("").arg(format!("--max-invalid={wrong}"));
        run.stdin("")
            .run()
            .code(2)
            .err("--max-invalid")
            .err("such as 5%");
    }
}

#[test]
fn a_run_that_was_given_up_can_be_gone_on_with() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list.txt", numbers(5) + "Bob\n" + &numbers(2));
    let run = api
        .send("--format lines --max-messages 2 --max-invalid 0")
        .arg(&list);
    run.run().code(1).out("To go on, once that is put right");
    let resume = || api.resume(journal_of(&list));
    resume().run().code(1).err("1 of 6 records");
    let run = resume().arg("--max-invalid").arg("1");
    run.run().code(3);
    assert_eq!(api.recipients(), numbered((0..5).chain(0..2)));
}
