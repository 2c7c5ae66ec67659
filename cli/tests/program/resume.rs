//! How a run is gone on with.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::api::Api;
use crate::journal::{all, journal_of};
use crate::server::{Seen, Server, Then};
use crate::support::{
    FROM, Files, PATIENCE, Run, TEXT, TOKEN, batchcast, lines_of_json, mode, number, numbers, read,
};

/// The first batch is accepted, the second one fails in passing more often than is tried.
const FAILS_AT_2: &str = "batch 2-6: answer 408";

/// A list of 9 in a file, of which 2 are sent.
fn begun(api: &Api) -> (Files, PathBuf) {
    let files = Files::new();
    let list = files.write("my list.txt", numbers(9));
    api.faults(FAILS_AT_2);
    let run = api
        .send("--max-messages 2 --spool none")
        .arg(&list)
        .private(numbers(9));
    run.run().code(4).discreet();
    api.faults("");
    (files, list)
}

#[test]
fn what_was_stopped_is_gone_on_with() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("my list.txt", numbers(9));
    let journal = journal_of(&list);
    api.faults(FAILS_AT_2);
    let send = |flags: &str| api.send(flags).arg(&list).private(numbers(9));
    let ran = send("--max-messages 2").run().code(4).discreet();
    ran.err(&format!("batchcast: journal: {}\n", journal.display()))
        .err("batch 2: the server answered 408")
        .err("trying again in")
        .out("Accepted: 2 recipients in 1 batch ")
        .out("Not sent: record 3 and all after it")
        .out(&format!(
            "To go on:\n  batchcast resume '{}' --from NUMBER --text TEXT\n",
            journal.display()
        ));
    assert_eq!(mode(&journal), 0o600);
    let text = read(&journal);
    assert!(!text.contains(&FROM[1..]) && !text.contains(TEXT), "{text}");
    assert!(!text.contains(&number(0)[1..]), "{text}");

    send("")
        .run()
        .code(2)
        .err("not finished")
        .err("batchcast resume '");
    api.faults("");
    let ran = api
        .resume(&journal)
        .private(numbers(9))
        .run()
        .code(0)
        .discreet();
    ran.err("1 batch was sent before, and not again")
        .out("Accepted: 9 recipients in 5 batches ")
        .out("1 batch of them before");
    assert_eq!(api.recipients(), all(9));

    // There is nothing left to do.
    api.resume(&journal)
        .run()
        .code(0)
        .out("finished already: 9 recipients in 5 batches");
    let lines = api.resume(&journal).arg("--json").run().code(0).json();
    assert_eq!(
        (&lines[0]["event"], &lines[0]["messages"]),
        (&"finished".into(), &9.into())
    );
    send("").run().code(2).err("--again");
    assert_eq!(api.stats().messages, 9);
    send("--again --max-messages 9")
        .run()
        .code(0)
        .err("the journal of the run before is now");
    assert_eq!(api.stats().messages, 18);
    // Both journals are there.
    assert_eq!(files.names("").len(), 3);
    send("").run().code(2).err("--again");
}

#[test]
fn a_list_from_standard_input_is_given_again() {
    for from_file in [true, false] {
        let api = Api::start(|sandbox| sandbox);
        let files = Files::new();
        let state = files.path("state");
        api.faults(FAILS_AT_2);
        let run = api
            .send("--json --max-messages 2")
            .env("XDG_STATE_HOME", &state);
        let lines = run.stdin(numbers(5)).run().code(4).discreet().json();
        let summary = lines.last().unwrap();
        assert_eq!(
            (&summary["outcome"], &summary["replayed"]),
            (&"stopped".into(), &0.into())
        );
        let journal = PathBuf::from(summary["journal"].as_str().unwrap());
        assert_eq!(journal.parent().unwrap(), state.join("batchcast"));
        let command = summary["resume"].as_str().unwrap();
        assert!(command.contains(" FILE --from NUMBER"), "{command}");

        api.faults("");
        let resume = api.resume(&journal).arg("--json");
        let resume = if from_file {
            resume
                .arg(files.write("list", numbers(5)))
                .private(numbers(5))
        } else {
            // Not unasked: standard input may be nothing at all.
            let unasked = api.resume(&journal).stdin("").run();
            unasked.code(2).err("as FILE, or as -");
            resume.arg("-").stdin(numbers(5))
        };
        let lines = resume.run().code(0).discreet().json();
        let summary = lines.last().unwrap();
        assert_eq!(
            (&summary["batches"], &summary["replayed"]),
            (&3.into(), &1.into())
        );
        assert_eq!(
            (&summary["accepted"], &summary["resume"]),
            (&json!([[1, 5]]), &Value::Null)
        );
        assert_eq!(api.recipients(), all(5));
    }
}

#[test]
fn other_messages_than_before_are_refused() {
    let api = Api::start(|sandbox| sandbox);
    let (files, list) = begun(&api);
    let journal = journal_of(&list);
    let resume = |from: &str, text: &str, url: &str| {
        let run = batchcast("resume")
            .arg(&journal)
            .env("RC_ACCESS_TOKEN", TOKEN);
        run.env("RC_SERVER_URL", url)
            .arg("--from")
            .arg(from)
            .arg("--text")
            .arg(text)
    };
    let url = api.sandbox.base_url();
    resume("+16505550199", TEXT, &url)
        .run()
        .code(2)
        .err("--from")
        .err("BATCHCAST_FROM");
    resume(FROM, "another", &url)
        .run()
        .code(2)
        .err("--text-file");
    resume(FROM, TEXT, "http://127.0.0.1:1")
        .run()
        .code(2)
        .err("--base-url")
        .err(&url);

    // The list: another one, one that is too short, and none.
    let other = files.write("other", numbers(9).replacen('2', "3", 1));
    let ran = api.resume(&journal).arg(other).run().code(1).discreet();
    let ran = ran.err("the list has changed: batch 1 was sent with records 1 to 2 (lines 1 to 2)");
    // Not the wrong one once more.
    ran.out("batchcast' FILE --from NUMBER");
    let short = files.write("short", numbers(1));
    api.resume(&journal)
        .arg(short)
        .run()
        .code(1)
        .err("the list has changed: batch 1");
    std::fs::rename(&list, files.path("moved")).unwrap();
    api.resume(&journal)
        .run()
        .code(1)
        .err("cannot open")
        .err("my list.txt");
    assert_eq!(api.recipients(), all(2));

    // What comes behind what was sent may be another: it was not sent.
    let longer = files.write("longer", numbers(20));
    api.resume(&journal).arg(longer).run().code(0);
    assert_eq!(api.recipients(), all(20));
}

#[test]
fn the_text_file_and_the_fields_are_remembered() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let table: String = (0..5)
        .map(|index| format!("x,{}\n", number(index)))
        .collect();
    let list = files.write("list.csv", "Name,Cell\n".to_owned() + &table);
    let text = files.write("text", TEXT);
    api.faults(FAILS_AT_2);
    let run = api
        .send_without_text("--to-field Cell --max-messages 2")
        .arg("--text-file")
        .arg(&text);
    let ran = run.arg(&list).run().code(4).discreet();
    ran.out(".csv.batchcast --from NUMBER\n");
    api.faults("");
    let run = batchcast("resume")
        .arg(journal_of(&list))
        .env("RC_ACCESS_TOKEN", TOKEN);
    let run = run.env("RC_SERVER_URL", api.sandbox.base_url());
    run.env("BATCHCAST_FROM", FROM).run().code(0);
    assert_eq!(api.recipients(), all(5));
}

#[test]
fn rejects_of_before_are_told_from_the_journal() {
    let rejected = format!("numbers:{},{}", number(1), number(4));
    let api = Api::start(|sandbox| sandbox.reject(rejected.parse().unwrap()));
    let files = Files::new();
    let list = files.write("list", format!("Bob\n{}", numbers(5)));
    api.faults(FAILS_AT_2);
    let (rejected, invalid) = (files.path("rejected"), files.path("invalid"));
    let send = api.send("--format lines --max-messages 2");
    send.arg(&list).run().code(4);
    api.faults("");
    let resume = || {
        let run = api
            .resume(journal_of(&list))
            .arg("--rejected")
            .arg(&rejected);
        run.arg("--invalid").arg(&invalid)
    };
    resume()
        .run()
        .code(3)
        .discreet()
        .out("Rejected: 2")
        .out("Invalid: 1");
    let lines = lines_of_json(&read(&rejected));
    let description = &lines[1]["description"];
    assert_eq!(
        lines,
        [
            json!({"record": 3, "line": 3, "to": null, "errorCode": "SMS-RC-410", "description": null,
                   "batch": 1, "index": 2}),
            json!({"record": 6, "line": 6, "to": number(4), "errorCode": "SMS-RC-410",
                   "description": description, "batch": 4, "index": 1}),
        ]
    );
    assert_eq!(lines_of_json(&read(&invalid)).len(), 1);
    // Finished, and some were rejected.
    resume().run().code(3).out("2 rejected, 1 invalid");
}

fn is_hangup_heeded() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 0)
}

#[test]
fn an_interrupt_can_be_resumed() {
    let mut signals = vec![Signal::INT, Signal::TERM];
    // Where the program listens to it: these tests may have been begun to go on without a terminal.
    if is_hangup_heeded() {
        signals.push(Signal::HUP);
    }
    for signal in signals {
        let api = Api::start(|sandbox| sandbox);
        let files = Files::new();
        let list = files.write("list", numbers(5));
        // Long enough for the signal to arrive before the answer, on any machine.
        api.faults("batch 2: delay 3s");
        let running = api.send("--max-messages 2").arg(&list).start();
        api.until(|stats| stats.creates == 2);
        running.signal(signal);
        if signal == Signal::HUP {
            // Both the system and a shell tell of a lost terminal.
            running.until_err("stopping");
            running.signal(signal);
        }
        let ran = running.wait().code(130).discreet();
        ran.out("Accepted: 4 recipients")
            .out("To go on:\n  batchcast resume ");
        api.resume(journal_of(&list)).run().code(0);
        assert_eq!(api.recipients(), all(5));
    }
}

#[test]
fn one_that_is_to_go_on_without_its_terminal_does() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list", numbers(5));
    api.faults("batch 2: delay 1s");
    // As `nohup` does it.
    let send = api.send("--max-messages 2").arg(&list);
    let running = send.through("trap '' HUP; exec \"$0\" \"$@\"").start();
    api.until(|stats| stats.creates == 2);
    running.signal(Signal::HUP);
    running.wait().code(0);
    assert_eq!(api.recipients(), all(5));
}

#[test]
fn a_list_that_is_written_over_while_it_is_sent_is_sent_no_further() {
    // Larger than what is read in advance.
    const MANY: usize = 300_000;
    for (flags, over) in [
        ("--in-flight 1", number(MANY) + "\n" + &numbers(MANY)),
        ("--in-flight 4", number(MANY) + "\n" + &numbers(MANY)),
        ("--in-flight 1", numbers(1)),
    ] {
        let (whole, is_whole) = channel();
        let (written, is_written) = channel::<()>();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&accepted);
        let server = Server::start(move |number, seen| match seen {
            Seen::Body(body) => {
                let _ = whole.send(());
                // Until the other end is dropped.
                let _ = is_written.recv();
                counted.fetch_add(body.matches("\"to\":").count(), Ordering::Relaxed);
                Then::Answer("201 Created", format!("{{\"id\":\"batch-{number}\"}}"))
            }
            Seen::Head | Seen::Broken => Then::Read,
        });
        let with_server = |run: Run| {
            run.envelope()
                .env("RC_SERVER_URL", server.url())
                .env("RC_ACCESS_TOKEN", TOKEN)
        };
        let files = Files::new();
        let list = files.write("list", numbers(MANY));
        let flags = format!("send --max-messages 20000 --spool none {flags}");
        let running = with_server(batchcast(&flags)).arg(&list).start();
        is_whole.recv_timeout(PATIENCE).unwrap();
        // In its place: another file with its name would be another file.
        std::fs::write(&list, over).unwrap();
        drop(written);
        let ran = running.wait().code(1).discreet();
        ran.err("the list has changed while it was read")
            .out("Not sent: record ");

        std::fs::write(&list, numbers(MANY)).unwrap();
        let resume = with_server(batchcast("resume").arg(journal_of(&list)));
        resume.run().code(0);
        assert_eq!(accepted.load(Ordering::Relaxed), MANY);
    }
}

#[test]
fn a_full_disk_is_resumed_from() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list", numbers(2_000));
    // No file of this process may become larger: the journal, in this case.
    let limited = |run: Run| run.file_limit(8);
    let ran = limited(api.send("--max-messages 20 --spool none").arg(&list)).run();
    let code = ran.status.code();
    assert!(matches!(code, Some(4 | 5)), "{ran:#?}");
    ran.err("journal");
    let run = api
        .resume(journal_of(&list))
        .arg("--in-doubt")
        .arg("resend");
    let ran = run.run();
    assert!(matches!(ran.status.code(), Some(0 | 3)), "{ran:#?}");
    assert_eq!(api.recipients(), all(2_000));
}
