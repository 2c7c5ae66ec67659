//! Which records a report says what of, and where it goes to.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::process::Signal;

use crate::after::{ask, column, rows, sent};
use crate::api::Api;
use crate::support::{FROM, Files, PATIENCE, Run, TEXT, lines_of_json, number, numbers, read};

#[test]
fn what_a_report_is_made_of_is_not_overwritten() {
    let api = Api::start(|sandbox| sandbox);
    api.faults("batch 2-20: answer 408");
    let files = Files::new();
    let (list, journal) = sent(&api, &files, &numbers(5), "--max-messages 2", 4);
    let copy = files.write("copy.txt", numbers(5));
    let before = read(&journal);
    let [linked, named] = ["linked", "named"].map(|name| files.path(name));
    std::os::unix::fs::symlink(&journal, &linked).unwrap();
    std::fs::hard_link(&journal, &named).unwrap();
    let name = journal.file_name().unwrap();
    let around = journal.with_file_name("missing").with_file_name(".");
    let around = around.join(name);
    // There need not be any: a resumed run may write them.
    let opt_outs = files.path("list.txt.batchcast.opt-outs");
    for (path, part) in [
        (&journal, "is the journal"),
        (&linked, "is the journal"),
        (&named, "is the journal"),
        (&around, "is the journal"),
        (&opt_outs, "the opt-outs of the run"),
        (&list, "is the list"),
    ] {
        for flag in ["--out", "--html"] {
            let run = ask(&api, "report").arg(&journal).arg(&copy);
            run.arg(flag).arg(path).run().code(2).err(flag).err(part);
            assert_eq!(read(&journal), before);
        }
    }
    // As /dev/null is, which whoever may would replace.
    let socket = files.path("socket");
    let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for flag in ["--out", "--html"] {
        let run = ask(&api, "report").arg(&journal).arg(flag).arg(&socket);
        run.run().code(2).err("is no regular file");
        assert!(!socket.is_file());
    }
    let both = |out: &Path, html: &Path| {
        let run = ask(&api, "report").arg(&journal);
        let run = run.arg("--out").arg(out).arg("--html").arg(html);
        run.run().code(2).err("the same file");
    };
    // Neither is there.
    both(&files.path("new"), &files.path("./new"));
    assert!(!files.path("new").exists());
    let [there, other] = ["there", "other"].map(|name| files.path(name));
    std::fs::write(&there, "before").unwrap();
    std::os::unix::fs::symlink(&there, &other).unwrap();
    both(&there, &other);
    assert_eq!(read(&there), "before");
}

#[test]
fn an_interrupted_report_writes_no_file() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = numbers(4);
    let (_, journal) = sent(&api, &files, &list, "--max-messages 2", 0);
    let [out, html] = ["out.csv", "page.html"].map(|name| files.path(name));
    let names = files.names("");
    for signal in [Signal::INT, Signal::TERM] {
        let before = api.stats().requests;
        let run = ask(&api, "report --out").arg(&out).arg("--html").arg(&html);
        let mut running = run.arg(&journal).arg("-").private(&list).start();
        let mut pipe = running.stdin.take().unwrap();
        // The list pauses behind the third of four records.
        pipe.write_all(numbers(3).as_bytes()).unwrap();
        let started = Instant::now();
        // Each batch, and its messages: then there is nothing to do but to wait for the list.
        while api.stats().requests - before < 4 {
            assert!(started.elapsed() < PATIENCE);
            std::thread::yield_now();
        }
        running.signal(signal);
        running.wait().code(130).err("stopping").discreet();
        drop(pipe);
        assert_eq!(files.names(""), names);
    }
}

/// A text with a field, and a list in which one record lacks it, before another of the same number.
const TEMPLATE: &str = "Hi {{first_name}}";

fn people() -> String {
    let names = [(0, "Ann"), (1, ""), (1, "Bob"), (2, "Eve"), (3, "")];
    let lines = names.map(|(index, name)| format!("{},{name}\n", number(index)));
    "to,first_name\n".to_owned() + &lines.concat()
}

#[test]
fn a_record_whose_text_could_not_be_filled_in_has_nobodys_message() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list.csv", people());
    let text = files.write("text", TEMPLATE);
    let run = api
        .send_without_text("")
        .arg("--text-file")
        .arg(&text)
        .arg(&list);
    run.run().code(3);
    let journal = files.path("list.csv.batchcast");
    let report = || ask(&api, "report").arg(&journal);
    let whole = ["Delivered", "Invalid", "Delivered", "Delivered", "Invalid"];
    let typed = report().arg("--text").arg(TEMPLATE);
    let file = report().arg("--text-file").arg(&text);
    for run in [report(), typed, file] {
        let ran = run.run().code(3);
        let rows = rows(&ran.stdout);
        assert_eq!(column(&rows, "status"), whole);
        assert!(rows[1]["description"].contains("the field first_name is empty"));
        assert_eq!((&*rows[1]["messageId"], &*rows[1]["batch"]), ("", ""));
        assert_ne!(rows[2]["messageId"], "");
        assert!(!ran.stderr.contains("hint"), "{}", ran.stderr);
    }
    let other = report().arg("--text").arg("Dear {{first_name}}");
    other.run().code(2).err("the same --text or --text-file");
    let other = report().arg("--text").arg("Hi");
    other.run().code(2).err("the same --text or --text-file");
    for flag in ["--out", "--html"] {
        let over = report().arg(flag).arg(&text);
        over.run().code(2).err("is the file of the text");
    }

    // Without the text it is not known which of the two has the message.
    std::fs::write(&text, "Dear {{first_name}}").unwrap();
    let changed = report().run().code(3);
    std::fs::remove_file(&text).unwrap();
    for ran in [changed, report().run().code(3).err("cannot read")] {
        ran.stderr.contains("--text");
        let rows = rows(&ran.stdout);
        let unclear = ["Delivered", "Unclear", "Unclear", "Delivered", "Invalid"];
        assert_eq!(column(&rows, "status"), unclear);
        assert_eq!(rows[2]["messageId"], "");
        ran.err("of 3 records").err("--text-file");
    }
}

#[test]
fn texts_need_not_be_given_if_all_could_be_sent() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = people().replace(",\n", ",Max\n");
    for (name, template) in [("a.csv", TEMPLATE), ("b.csv", TEXT)] {
        let path = files.write(name, &list);
        let run = api.send_without_text("--max-messages 2").arg("--text");
        run.arg(template).arg(&path).run().code(0);
        let journal = files.path(&format!("{name}.batchcast"));
        let ran = ask(&api, "report").arg(&journal).run().code(0);
        assert_eq!(column(&rows(&ran.stdout), "status"), ["Delivered"; 5]);
        assert!(!ran.stderr.contains("hint"), "{}", ran.stderr);
    }
}

#[test]
fn a_record_without_a_text_or_too_large_is_invalid() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let line = |index: usize, text: &str| match text {
        "" => format!("{{\"to\":\"{}\"}}\n", number(index)),
        text => format!("{{\"to\":\"{}\",\"text\":\"{text}\"}}\n", number(index)),
    };
    let long = "x".repeat(300);
    for (name, flags, first) in [
        ("a", "", "One"),
        ("b", "--max-bytes 300", "One"),
        ("c", "", ""),
    ] {
        let list = [
            line(0, first),
            line(1, "Two"),
            line(1, ""),
            line(1, &long),
            line(2, "Three"),
        ];
        let path = files.write(name, list.concat());
        let run = api.send_without_text(flags).arg("--format").arg("ndjson");
        run.arg(&path).run().code(3);
        let last = if flags.is_empty() {
            "Delivered"
        } else {
            "Invalid"
        };
        let first = if first.is_empty() {
            "Invalid"
        } else {
            "Delivered"
        };
        let journal = files.path(&format!("{name}.batchcast"));
        let whole = [first, "Delivered", "Invalid", last, "Delivered"];
        let ran = ask(&api, "report --from").arg(FROM).arg(&journal).run();
        let found = rows(&ran.code(3).stdout);
        assert_eq!(column(&found, "status"), whole, "{name}");
        assert!(found[2]["description"].contains("no text"), "{found:?}");
        // Without the sender it is told by how many messages a batch has, or not at all.
        let ran = ask(&api, "report").arg(&journal).run().code(3);
        let unsure = rows(&ran.stdout);
        if flags.is_empty() {
            assert_eq!(unsure, found, "{name}");
        } else {
            let unclear = ["Delivered", "Unclear", "Unclear", "Unclear", "Delivered"];
            assert_eq!(column(&unsure, "status"), unclear);
            ran.err("--from");
        }
    }
}

#[test]
fn who_was_passed_over_is_not_to_come() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    // The first two are skipped, one is suppressed, one comes twice, and behind the limit there is anything.
    let list = "nobody\n".to_owned()
        + &[0, 1, 2, 3, 2, 4, 5]
            .map(|index| number(index) + "\n")
            .concat()
        + "nobody\n";
    let left = files.write("left.txt", number(3));
    let flags = "--skip 2 --limit 3 --unique --max-messages 2";
    let path = files.write("list.txt", list);
    let send = api.send(flags).arg("--suppress").arg(&left).arg(&path);
    send.run().code(0);
    let journal = files.path("list.txt.batchcast");
    ask(&api, "status").arg(&journal).run().code(0);
    let html = files.path("page.html");
    let run = ask(&api, "report --out - --html").arg(&html);
    let ran = run.arg(&journal).run().code(0).err("PassedOver: 6");
    let found = rows(&ran.stdout);
    let (over, sent) = ("PassedOver", "Delivered");
    let whole = [over, over, sent, sent, over, over, sent, over, over];
    assert_eq!(column(&found, "status"), whole);
    for (record, part) in [
        (0, "skipped"),
        (4, "suppressed"),
        (5, "before"),
        (8, "--limit"),
    ] {
        assert!(found[record]["description"].contains(part), "{found:?}");
    }
    let page = read(&html);
    assert!(page.contains("finished") && page.contains("PassedOver"));
    assert!(!page.contains("The run has not come to it"));
    for flag in ["--out", "--html"] {
        let over = ask(&api, "report").arg(&journal).arg(flag).arg(&left);
        over.run().code(2).err("a list of suppressed numbers");
    }

    // Lists of suppressed numbers grow. Of what is in no batch of a finished run nobody got a message, whatever the reason.
    std::fs::write(&left, numbers(5)).unwrap();
    let ran = ask(&api, "report").arg(&journal).run().code(0);
    let less = rows(&ran.stdout);
    assert_eq!(column(&less, "status"), whole);
    assert!(less[4]["description"].contains("not known"), "{less:?}");
    ran.err("of 2 records").err("--suppress");
    let then = files.write("then.txt", number(3));
    let run = ask(&api, "report --suppress").arg(&then).arg(&journal);
    assert_eq!(rows(&run.run().code(0).stdout), found);
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

#[test]
fn whether_there_was_a_text_for_all_is_found_out() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    // The text is in no file, the list has no texts, and who comes twice has got it once.
    let list = [0, 1, 0, 2].map(|index| number(index) + ",Ann\n").concat();
    let path = files.write("list.csv", "to,name\n".to_owned() + &list);
    api.send("--unique").arg(&path).run().code(0);
    let journal = files.path("list.csv.batchcast");
    let report = || ask(&api, "report").arg(&journal);
    let from = report().arg("--from").arg(FROM);
    let text = report().arg("--text").arg(TEXT);
    let (over, sent) = ("PassedOver", "Delivered");
    for run in [from, text] {
        let rows = rows(&run.run().code(0).stdout);
        assert_eq!(column(&rows, "status"), [sent, sent, over, sent]);
    }
    let ran = report().run().code(3).err("--text").err("--from");
    let rows = rows(&ran.stdout);
    assert_eq!(
        column(&rows, "status"),
        ["Delivered", "Delivered", "Unclear", "Delivered"]
    );
    let other = report()
        .arg("--from")
        .arg(number(7))
        .arg("--text")
        .arg(TEXT);
    other.run().code(2).err("the sender or the text is not");
}

/// A random list, and how it is sent.
struct Sending {
    files: Files,
    records: usize,
    text: &'static str,
    flags: String,
}

impl Sending {
    fn random(random: &mut fastrand::Rng) -> Self {
        let files = Files::new();
        let mut list = "to,first_name,text\n".to_owned();
        let records = 30;
        for _ in 0..records {
            let to = match random.u8(..10) {
                0 => "nobody".to_owned(),
                _ => number(random.usize(..15)),
            };
            let name = ["", "Ann", "Bob"][random.usize(..3)];
            let own = ["", "", "", "Own"][random.usize(..4)];
            list += &format!("{to},{name},{own}\n");
        }
        files.write("list.csv", list);
        let left = number(random.usize(..15)) + "\n" + &number(3);
        let left = files.write("left.txt", left);
        let mut flags = format!("--max-messages {}", random.u8(1..12));
        for flag in [
            "--unique".to_owned(),
            format!("--suppress {}", left.display()),
            format!("--skip {}", random.u8(..5)),
            format!("--limit {}", random.u8(1..20)),
        ] {
            if random.bool() {
                flags += &(" ".to_owned() + &flag);
            }
        }
        Self {
            files,
            records,
            text: [TEMPLATE, TEXT, "Hi {{first_name|there}}"][random.usize(..3)],
            flags,
        }
    }

    fn journal(&self) -> PathBuf {
        self.files.path("list.csv.batchcast")
    }

    /// What a report says, with a code or any.
    fn report(&self, api: &Api, flags: &str, text: &str, code: Option<i32>) -> Vec<Told> {
        let mut run = ask(api, "report").arg(self.journal()).flags(flags);
        if !text.is_empty() {
            run = run.arg("--text").arg(text);
        }
        let ran = run.run();
        assert!(
            code.is_none_or(|code| ran.status.code() == Some(code)),
            "{ran:?}"
        );
        let rows = rows(&ran.stdout);
        assert_eq!(rows.len(), self.records);
        let told = |row: &HashMap<String, String>| {
            let of = |name: &str| row[name].clone();
            let [to, status, id, why] = ["to", "status", "messageId", "description"].map(of);
            Told {
                to,
                status,
                id,
                why,
            }
        };
        rows.iter().map(told).collect()
    }

    /// With less to go by a report may say less, but nothing else.
    fn is_told_less(&self, api: &Api, whole: &[Told]) {
        let left = self.files.path("left.txt");
        let from = format!("--from {FROM}");
        let mut all = vec![self.report(api, &from, "", None)];
        let list = read(&left);
        std::fs::remove_file(&left).unwrap();
        all.push(self.report(api, "", self.text, None));
        all.push(self.report(api, "", "", None));
        std::fs::write(&left, list).unwrap();
        for (less, whole) in all.iter().flat_map(|less| less.iter().zip(whole)) {
            let is_aside = ["Invalid", "PassedOver"].contains(&&*whole.status);
            let is_less = match &*less.status {
                "Unclear" => true,
                // Whose number is suppressed may be invalid, too.
                "PassedOver" if less.why.contains("suppressed") => is_aside,
                "NotSent" => is_aside,
                // Not knowing what is sent, it does not know where the limit is, before the run has come to it.
                "Invalid" => whole.why.contains("--limit"),
                _ => false,
            };
            assert!(
                is_less || (&less.status, &less.id) == (&whole.status, &whole.id),
                "{less:?} {whole:?}"
            );
        }
    }

    /// The records in a file of those that were not sent.
    fn of(&self, file: &str) -> Vec<usize> {
        let lines = lines_of_json(&read(self.files.path(file)));
        let records = lines.iter().map(|line| line["record"].as_u64().unwrap());
        records
            .map(|record| usize::try_from(record).unwrap() - 1)
            .collect()
    }
}

/// What a report says of a record.
#[derive(Debug)]
struct Told {
    to: String,
    status: String,
    id: String,
    why: String,
}

/// Those who have a message of their own.
fn delivered(told: &[Told]) -> Vec<String> {
    let delivered = told.iter().filter(|told| told.status == "Delivered");
    let mut delivered: Vec<_> = delivered.collect();
    delivered.sort_by_key(|told| &told.id);
    assert!(delivered.iter().all(|told| !told.id.is_empty()));
    assert!(delivered.windows(2).all(|two| two[0].id != two[1].id));
    let mut numbers: Vec<_> = delivered.iter().map(|told| told.to.clone()).collect();
    numbers.sort();
    numbers
}

#[test]
fn a_report_says_of_each_record_what_the_send_did() {
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let api = Api::start(|sandbox| sandbox);
        let sending = Sending::random(&mut random);
        let got = || {
            let mut got = api.recipients();
            got.sort();
            got
        };
        let from = format!("--from {FROM}");
        let files = ["invalid", "over"].map(|name| sending.files.path(name));
        let aside = |run: Run| {
            let run = run.arg("--invalid").arg(&files[0]);
            run.arg("--passed-over").arg(&files[1])
        };
        if random.bool() {
            api.faults("batch 2-20: answer 408");
        }
        let list = sending.files.path("list.csv");
        let run = api.send_without_text(&sending.flags).arg("--text");
        let mut ran = aside(run.arg(sending.text).arg(list)).run();
        if ran.status.code() == Some(4) {
            let told = sending.report(&api, &from, sending.text, Some(4));
            assert_eq!(delivered(&told), got(), "{seed}");
            assert!(told.iter().all(|told| told.status != "Unclear"), "{told:?}");
            sending.is_told_less(&api, &told);
            api.faults("");
            files
                .iter()
                .for_each(|file| std::fs::remove_file(file).unwrap());
            let run = api.resume_without_text(sending.journal());
            ran = aside(run.arg("--text").arg(sending.text)).run();
        }
        assert!([0, 3].contains(&ran.status.code().unwrap()), "{ran:?}");
        let told = sending.report(&api, &from, sending.text, ran.status.code());
        assert_eq!(delivered(&told), got(), "{seed}");
        let [invalid, over] = ["invalid", "over"].map(|file| sending.of(file));
        let last = told.iter().rposition(|told| told.status == "Delivered");
        for (record, told) in told.iter().enumerate() {
            // The send does not look at what is behind the limit.
            let is_behind = told.why.contains("--limit");
            assert!(!is_behind || Some(record) > last);
            let expected = if invalid.contains(&record) {
                "Invalid"
            } else if over.contains(&record) || is_behind {
                "PassedOver"
            } else {
                "Delivered"
            };
            assert_eq!(told.status, expected, "{seed}: {record} {told:?}");
        }
        sending.is_told_less(&api, &told);
    }
}
