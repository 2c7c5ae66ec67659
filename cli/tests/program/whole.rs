//! Files that are written: what is not replaced, what is left behind, and what an error says of them.

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::api::Api;
use crate::support::{FROM, Files, Run, TOKEN, batchcast, numbers, read};

fn ask(api: &Api, command: &str) -> Run {
    let run = batchcast(command).arg("--from").arg(FROM);
    run.env("RC_SERVER_URL", api.sandbox.base_url())
        .env("RC_ACCESS_TOKEN", TOKEN)
}

/// A list that was sent, and its journal.
fn sent(api: &Api, files: &Files) -> std::path::PathBuf {
    let list = files.write("list.txt", numbers(3));
    api.send("").arg(list).run().code(0);
    files.path("list.txt.batchcast")
}

#[test]
fn what_is_no_file_is_not_replaced() {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let (journal, fifo) = (sent(&api, &files), files.path("fifo"));
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    for run in [ask(&api, "opt-outs"), ask(&api, "report").arg(journal)] {
        for (path, part) in [
            (fifo.clone(), "no regular file"),
            (files.path(""), "a directory"),
        ] {
            let run = run.again().arg("--out").arg(path).run();
            run.code(2).err("--out: ").err(part);
        }
    }
    assert!(!fifo.is_file() && fifo.exists());
}

#[test]
fn a_link_stays_and_leads_to_what_is_written() {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let journal = sent(&api, &files);
    std::fs::create_dir(files.path("far")).unwrap();
    for (run, begins) in [
        (ask(&api, "opt-outs"), "from,to,status"),
        (ask(&api, "report").arg(journal), "record,line,to"),
    ] {
        let target = files.write("far/target", "before");
        let (near, link) = (files.path("near"), files.path("link"));
        // From link to link, each relative to where it is.
        symlink("far/near", &link).unwrap();
        symlink("target", files.path("far/near")).unwrap();
        for _ in 0..2 {
            run.again().arg("--out").arg(&link).run().code(0);
            assert!(link.is_symlink() && files.path("far/near").is_symlink());
            assert!(read(&target).starts_with(begins), "{}", read(&target));
            // Nor is it there for the first time elsewhere.
            std::fs::remove_file(&target).unwrap();
        }
        assert!(files.names("far") == ["near"] && !near.exists());
        std::fs::remove_file(link).unwrap();
        std::fs::remove_file(files.path("far/near")).unwrap();
    }
}

#[test]
fn an_error_names_the_file_that_was_asked_for() {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let (journal, nowhere) = (sent(&api, &files), files.path("no/such/file"));
    let list = files.write("other", numbers(3));
    for run in [
        ask(&api, "opt-outs").arg("--out").arg(&nowhere),
        ask(&api, "report").arg(journal).arg("--html").arg(&nowhere),
        api.send("").arg(&list).arg("--journal").arg(&nowhere),
    ] {
        let ran = run.run().code(1).err("no/such/file: No such file");
        assert_eq!(ran.stderr.matches("no/such").count(), 1, "{}", ran.stderr);
    }
    // A disk that is full.
    let rows = (0..2_000).map(|row| format!("{FROM},+1212{row:07}").parse().unwrap());
    api.sandbox.set_opt_outs(rows);
    let out = files.path("opt-outs.csv");
    let run = ask(&api, "opt-outs").arg("--out").arg(&out);
    let ran = run.file_limit(8).run();
    let told = format!("cannot write {}: ", out.display());
    ran.code(1).err(&told);
    assert!(!out.exists());
}

#[test]
fn a_refused_command_leaves_no_files() {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let list = files.write("list", numbers(3));
    std::fs::create_dir(files.path("out")).unwrap();
    let flags = |run: Run| {
        let run = run.arg("--invalid").arg(files.path("out/invalid"));
        run.arg("--passed-over").arg(files.path("out/passed-over"))
    };
    let nothing = files.path("nothing");
    for run in [
        api.send("")
            .arg("--rejected")
            .arg(files.path("out/rejected")),
        batchcast("plan").envelope(),
        batchcast("encode --out -").envelope(),
    ] {
        let run = flags(run).arg(&list);
        run.again().arg("--suppress").arg(&nothing).run().code(1);
        assert!(files.names("out").is_empty(), "{:?}", files.names("out"));
        // Of a run that has come to its end an empty one says something.
        run.run().code(0);
        assert!(files.names("out").len() >= 2);
        for name in files.names("out") {
            std::fs::remove_file(files.path("out").join(name)).unwrap();
        }
    }
}

#[test]
fn a_dash_is_a_standard_stream_or_refused() {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let list = files.write("list", numbers(3));
    for flag in ["--invalid", "--passed-over", "--rejected"] {
        let run = api.send("").arg(&list).arg(flag).arg("-").run();
        run.code(2).err(flag).err("standard output");
    }
    let plan = |flag: &str| {
        let run = batchcast("plan --from").arg(FROM).arg(&list).arg(flag);
        run.arg("-").run().code(2).err(flag).err("standard input");
    };
    plan("--text-file");
    plan("--suppress");
    let opt_outs = ask(&api, "opt-outs").arg("--out").arg("-").run().code(0);
    assert_eq!(opt_outs.stdout, "from,to,status,source\n");
}
