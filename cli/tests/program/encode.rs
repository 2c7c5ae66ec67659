use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;

use crate::clean::program;
use crate::support::{
    FROM, Files, PATIENCE, Run, TEXT, batchcast, mode, number, numbers, read, recipients,
};

#[test]
fn every_format_from_stdin_and_from_a_file() {
    let (one, two) = (number(1), number(2));
    let lists = [
        ("lines", "txt", format!("# list\n{one}\n\n{two}")),
        (
            "ndjson",
            "jsonl",
            format!("{{\"to\":\"{one}\"}}\r\n{{\"to\":[\"{two}\"],\"text\":\"own\"}}\n"),
        ),
        (
            "csv",
            "csv",
            format!("name,Mobile,text\nAnn,{one},\nBob,{two},\"own\"\n"),
        ),
    ];
    for (format, extension, list) in lists {
        let files = Files::new();
        let named = files.write(&format!("list.{extension}"), &list);
        let nameless = files.write("list", &list);
        let encode = || batchcast("encode --out -").envelope().stdin("");
        for run in [
            encode().stdin(&list),
            encode().stdin(&list).arg("-"),
            encode().stdin(&list).arg("--format").arg(format),
            encode().arg(&named),
            encode().arg(&nameless),
            encode().arg(&nameless).arg("--format").arg(format),
        ] {
            let ran = run.private(&list).run().code(0);
            assert_eq!(ran.recipients(), [one.clone(), two.clone()], "{format}");
            let body = &ran.json()[0];
            assert_eq!(
                (&body["from"], &body["text"]),
                (&Value::from(FROM), &Value::from(TEXT))
            );
            let own = (format != "lines").then_some("own");
            assert_eq!(body["messages"][1]["text"].as_str(), own, "{format}");
        }
    }
}

#[test]
fn a_typed_format_goes_before_the_extension() {
    let list = format!("{{\"to\":\"{}\"}}\n", number(1));
    let files = Files::new();
    let path = files.write("list.txt", &list);
    let run = batchcast("encode --out - --format ndjson")
        .envelope()
        .arg(path);
    assert_eq!(run.private(&list).run().code(0).recipients(), [number(1)]);
}

#[test]
fn fields_have_the_names_they_are_given() {
    let list = format!("to,Cell,Words\nnobody,{},own\n", number(1));
    let named = "encode --out - --to-field Cell --text-field Words";
    let ran = batchcast(named)
        .arg("--from")
        .arg(FROM)
        .stdin(&list)
        .run()
        .code(0);
    assert_eq!(ran.json()[0]["messages"][0]["text"], "own");

    let missing = batchcast("encode --out - --to-field phone")
        .envelope()
        .stdin(&list)
        .run()
        .code(1);
    missing
        .err("no column is called phone")
        .err("--to-field NAME");
}

#[test]
fn the_directory_has_a_file_for_each_batch() {
    let files = Files::new();
    let encode = |count, more: &str| {
        let run = batchcast("encode --max-messages 2")
            .envelope()
            .arg("--out-dir")
            .arg(files.path("out"));
        let run = more.split_whitespace().fold(run, Run::arg);
        run.stdin(numbers(count)).run()
    };
    let ran = encode(5, "").code(0).discreet();
    ran.out("Encoded: 5 recipients in 3 batches")
        .out("batch-00003.json");
    assert_eq!(
        files.names("out"),
        ["batch-00001.json", "batch-00002.json", "batch-00003.json"]
    );
    let mut all = Vec::new();
    for name in files.names("out") {
        let path = files.path("out").join(name);
        assert_eq!(mode(&path), 0o600);
        all.extend(recipients(&serde_json::from_str(&read(path)).unwrap()));
    }
    assert_eq!(all, (0..5).map(number).collect::<Vec<_>>());

    // What is there is not overwritten, and is replaced as a whole if it is.
    let before = read(files.path("out/batch-00001.json"));
    encode(1, "").code(2).err("--force");
    assert_eq!(read(files.path("out/batch-00001.json")), before);
    files.write("out/other.json", "{}");
    encode(1, "--force").code(0);
    assert_eq!(files.names("out"), ["batch-00001.json", "other.json"]);
}

#[test]
fn no_batch_is_over_the_limit() {
    let ran = batchcast("encode --out - --max-bytes 1kB")
        .envelope()
        .stdin(numbers(200))
        .run()
        .code(0);
    let sizes: Vec<_> = ran.stdout.lines().map(str::len).collect();
    assert!(
        sizes.len() > 2 && sizes.iter().all(|&size| size <= 1_000),
        "{sizes:?}"
    );
    assert_eq!(ran.recipients(), (0..200).map(number).collect::<Vec<_>>());
    ran.err("Encoded: 200 recipients");
}

#[test]
fn invalid_records_are_passed_over_and_written_down() {
    let files = Files::new();
    let invalid = files.path("invalid.ndjson");
    let list = format!("{}\nBob \x1b[2J\n12125559876\n{}\n", number(1), number(2));
    let run = batchcast("encode --out -")
        .envelope()
        .arg("--invalid")
        .arg(&invalid);
    let ran = run.stdin(&list).run().code(3);
    assert_eq!(ran.recipients(), [number(1), number(2)]);
    // Masked, with its place, and with where the whole list is.
    ran.err("Invalid: 2")
        .err("record 3 (line 3, byte ")
        .err("*******9876")
        .err("invalid.ndjson");

    assert_eq!(mode(&invalid), 0o600);
    let lines = crate::support::lines_of_json(&read(&invalid));
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["record"], &lines[0]["line"], &lines[0]["byte"]),
        (&2.into(), &2.into(), &13.into())
    );
    assert_eq!(lines[0]["input"], "Bob \x1b[2J");
    assert_eq!(lines[1]["input"], "12125559876");
    assert!(lines[1]["error"].as_str().unwrap().contains("'+'"));
}

#[test]
fn every_kind_of_bad_record_is_reported_alone() {
    let good = number(1);
    for (format, bad, reason) in [
        ("lines", "nobody", "begin with '+'"),
        ("lines", "+1212", "fewer than 7 digits"),
        ("ndjson", "{\"to\":", "not JSON"),
        ("ndjson", "[1]", "not a JSON object"),
        ("ndjson", "{\"text\":\"x\"}", "no recipient"),
        ("ndjson", "{\"to\":7}", "neither a string nor an array"),
        (
            "ndjson",
            "{\"to\":[\"+12122000001\",\"+12122000002\"]}",
            "2 recipients",
        ),
        ("csv", "a,b,c", "3 fields"),
        ("csv", "\u{fffd}", "1 fields"),
    ] {
        let (head, good) = match format {
            "lines" => (String::new(), good.clone()),
            "ndjson" => (String::new(), format!("{{\"to\":\"{good}\"}}")),
            _ => ("to,text\n".to_owned(), format!("{good},hello")),
        };
        let list = format!("{head}{good}\n{bad}\n{good}\n");
        let files = Files::new();
        let path = files.path("invalid");
        let run = batchcast("encode --out - --format").arg(format).envelope();
        let ran = run.arg("--invalid").arg(&path).stdin(&list).run().code(3);
        assert_eq!(ran.recipients().len(), 2, "{bad}");
        ran.err("Invalid: 1").err("record 2");
        let line: Value = serde_json::from_str(&read(&path)).unwrap();
        assert!(line["error"].as_str().unwrap().contains(reason), "{line}");
        assert_eq!(line["input"], bad);
    }
}

#[test]
fn a_record_without_a_text_is_written_down_as_it_was() {
    let files = Files::new();
    let path = files.path("invalid");
    let list = format!("to,text\n{},hello\n\"{}\",\r\n", number(1), number(2));
    let run = batchcast("encode --out - --from")
        .arg(FROM)
        .arg("--invalid")
        .arg(&path);
    run.stdin(&list)
        .run()
        .code(3)
        .err("no text")
        .err("--text TEXT");
    let line: Value = serde_json::from_str(&read(&path)).unwrap();
    assert_eq!(line["input"], format!("\"{}\",", number(2)));
}

#[test]
fn a_record_is_found_again_far_into_the_list() {
    let files = Files::new();
    let path = files.path("invalid");
    // More than the blocks in which a list is read.
    let list: String = (0..50_000)
        .map(|index| {
            format!(
                "{},{}\n",
                number(index),
                if index % 9_999 == 0 { "" } else { "hello" }
            )
        })
        .collect();
    let run = batchcast("encode --out - --from")
        .arg(FROM)
        .arg("--invalid")
        .arg(&path);
    run.stdin(format!("to,text\n{list}")).run().code(3);
    let lines = crate::support::lines_of_json(&read(&path));
    let inputs: Vec<_> = lines
        .iter()
        .map(|line| line["input"].as_str().unwrap())
        .collect();
    let expected: Vec<_> = (0..50_000)
        .step_by(9_999)
        .map(|index| number(index) + ",")
        .collect();
    assert_eq!(inputs, expected);
}

#[test]
fn stops_at_an_invalid_record_if_told_to() {
    let files = Files::new();
    let list = format!("{}\n{}\nnobody\n", number(1), number(2));
    let run = batchcast("encode --on-invalid stop --max-messages 1").envelope();
    let ran = run
        .arg("--out-dir")
        .arg(files.path("out"))
        .stdin(&list)
        .run()
        .code(1);
    ran.err("record 3 (line 3, byte 26)")
        .err("--on-invalid skip");
    // The batch it would have been in is not there, not even in part.
    assert_eq!(files.names("out"), ["batch-00001.json"]);
    let run = batchcast("encode --on-invalid stop --max-messages 50000").envelope();
    let run = run.arg("--out-dir").arg(files.path("more"));
    run.stdin(numbers(75_000) + "nobody\n").run().code(1);
    assert_eq!(files.names("more"), ["batch-00001.json"]);
}

#[test]
fn an_empty_list_makes_no_batch() {
    for list in ["", "\n\n", "# nobody\n"] {
        let ran = batchcast("encode --out -")
            .envelope()
            .stdin(list)
            .run()
            .code(0);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut running = program()
        .args([
            "encode",
            "--out",
            "-",
            "--from",
            FROM,
            "--text",
            TEXT,
            "--max-messages",
            "1",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout) = (
        running.stdin.take().unwrap(),
        running.stdout.take().unwrap(),
    );
    // Endless: only a closed pipe ends it.
    let writer =
        std::thread::spawn(move || while stdin.write_all(numbers(1_000).as_bytes()).is_ok() {});
    stdout.read_exact(&mut [0; 100]).unwrap();
    drop(stdout);
    let output = running.wait_with_output().unwrap();
    writer.join().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn an_interrupted_run_leaves_no_half_batch() {
    let files = Files::new();
    let run = batchcast("encode --max-messages 50000")
        .envelope()
        .arg("--out-dir")
        .arg(files.path("out"));
    let mut running = run.start();
    let mut stdin = running.stdin.take().unwrap();
    // One batch and a half; the half one is there, under another name, before the input goes on.
    stdin.write_all(numbers(75_000).as_bytes()).unwrap();
    let started = Instant::now();
    while files.path("out").read_dir().map_or(0, Iterator::count) < 2 {
        assert!(started.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    running.signal(rustix::process::Signal::INT);
    running.wait().code(130).err("interrupted");
    assert_eq!(files.names("out"), ["batch-00001.json"]);
    drop(stdin);
}
