//! Which records a report says what of, and where it goes to.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use rustix::process::Signal;

use crate::after::{ask, sent};
use crate::api::Api;
use crate::support::{Files, PATIENCE, numbers, read};

#[test]
fn what_a_report_is_made_of_is_not_overwritten() {
    let api = Api::start(|sandbox| sandbox);
    api.faults("batch 2-20: answer 408");
    let files = Files::new();
    let (_, journal) = sent(&api, &files, &numbers(5), "--max-messages 2", 4);
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
    ] {
        for flag in ["--out", "--html"] {
            let run = ask(&api, "report").arg(&journal).arg(flag).arg(path);
            run.run().code(2).err(flag).err(part);
            assert_eq!(read(&journal), before);
        }
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
