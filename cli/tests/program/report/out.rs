//! Where a report goes to.

use std::io::Write as _;
use std::path::Path;

use rustix::process::Signal;

use crate::after::{ask, sent};
use crate::api::Api;
use crate::support::{Files, number, numbers, read};

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
        // Each batch, and its messages: then there is nothing to do but to wait for the list.
        api.until(|stats| stats.requests - before >= 4);
        running.signal(signal);
        running.wait().code(130).err("stopping").discreet();
        drop(pipe);
        assert_eq!(files.names(""), names);
    }
}

#[test]
fn how_far_it_is_is_told_and_does_not_fill_the_log() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    api.faults("batch 2: answer 500");
    let flags = "--max-messages 1 --in-doubt skip";
    let (_, journal) = sent(&api, &files, &numbers(12), flags, 3);
    let ran = ask(&api, "report").arg(&journal).run().code(3);
    let lines = ran.stderr.lines();
    assert!(lines.filter(|line| line.contains("reading")).count() < 11);

    // The server is not asked about the one that nobody knows of.
    api.faults("messages 11: hold answer");
    let out = files.path("out.csv");
    let run = ask(&api, "report --out").arg(&out).arg(&journal);
    let run = run.env("BATCHCAST_TEST_PAUSES", "answer=1h");
    let mut screen = run.on_screen(100);
    screen.until("reading batch 12 (11 of 11)");
    assert!(!screen.shows().contains("reading batch 11"));
    screen.types("\u{3}");
    screen.code(130);
}

#[test]
fn rows_that_nobody_reads_are_not_asked_for() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = numbers(1_000) + "nobody\n";
    let (_, journal) = sent(&api, &files, &list, "--max-messages 250", 3);
    for format in ["csv", "ndjson"] {
        let before = api.stats().requests;
        let run = ask(&api, "report --format").arg(format).arg(&journal);
        let (code, told) = run.unread();
        assert_eq!(code, Some(0), "{told}");
        assert_eq!(told, "");
        // The batch, and its messages.
        assert_eq!(api.stats().requests - before, 2);
    }
    // A page is for somebody else.
    let html = files.path("page.html");
    let run = ask(&api, "report --out - --html").arg(&html);
    let (code, told) = run.arg(&journal).unread();
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("batchcast: 1,001 records\n"), "{told}");
    assert!(is_well_formed(&read(&html)));
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
