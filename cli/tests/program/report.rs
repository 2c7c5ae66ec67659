//! Which records a report says what of, and where it goes to.

use std::path::Path;

use crate::after::{ask, sent};
use crate::api::Api;
use crate::support::{Files, numbers, read};

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
