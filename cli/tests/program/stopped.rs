use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;

use batchcast_sandbox::fault::FaultRule;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::api::Api;
use crate::server::{Seen, Server, Then, receipt};
use crate::support::{Files, Ran, Run, TOKEN, batchcast, number, numbers, read, recipients};

/// A send to this URL.
fn send_to(url: &str) -> Run {
    batchcast("send --base-url")
        .arg(url)
        .envelope()
        .env("RC_ACCESS_TOKEN", TOKEN)
}

/// A send whose second batch is in doubt, and not found.
fn in_doubt() -> (Api, Run) {
    let api =
        Api::start(|sandbox| sandbox.fault("batch 2: answer 500".parse::<FaultRule>().unwrap()));
    let run = api.send("--max-messages 2").stdin(numbers(5));
    (api, run)
}

#[test]
fn a_batch_in_doubt_is_not_taken_for_failed() {
    let (_api, run) = in_doubt();
    let ran = run.run().code(5).discreet();
    ran.err("batch 2 is in doubt: the server answered 500")
        .err("stopped: batch 2: the server answered 500")
        .out("Accepted: 2 recipients in 1 batch ")
        .out("records 1 to 2")
        .out("batch 1: id ")
        .out("In doubt: records 3 to 4")
        .out("Not sent: record 5 and all after it")
        .out("FILE --from NUMBER --text TEXT --in-doubt resend|skip");
}

#[test]
fn a_batch_in_doubt_as_json() {
    let (_api, run) = in_doubt();
    let lines = run.arg("--json").run().code(5).discreet().json();
    assert_eq!(lines.len(), 2);
    let summary = &lines[1];
    assert_eq!(summary["outcome"], "inDoubt");
    assert_eq!(summary["accepted"], json!([[1, 2]]));
    assert_eq!(summary["inDoubt"], json!([[3, 4]]));
    assert_eq!(summary["notSentFrom"], 5);
    assert_eq!(summary["failedBatch"], 2);
    assert!(
        summary["error"].as_str().unwrap().contains("500"),
        "{summary}"
    );
    let journal = summary["journal"].as_str().unwrap();
    let resume = summary["resume"].as_str().unwrap();
    assert!(resume.starts_with(&format!("batchcast resume {journal} FILE")));
}

#[test]
fn a_batch_that_is_too_large_is_made_smaller_without_a_spool_as_long_as_it_goes() {
    // A list of 2.4 kB in one batch, and one of 100 kB in three runs.
    for (most, count, runs) in [(1_000, 100, 1), (40_000, 4_000, 3)] {
        let api = Api::start(|sandbox| sandbox.max_body_bytes(most));
        let files = Files::new();
        let list = files.write("list", numbers(count));
        let journal = files.path("list.batchcast");
        let send = api.send("--spool none").arg(&list);
        let mut ran = send.private(numbers(count)).run();
        let mut tried = 1;
        while ran.status.code() == Some(4) {
            // From what was sent, and not from what could have been.
            assert!(
                !ran.stderr.contains("000000 bytes at most"),
                "{}",
                ran.stderr
            );
            ran = api
                .resume(&journal)
                .flags("--spool none")
                .private(numbers(count))
                .run();
            tried += 1;
        }
        assert!(tried <= runs, "{tried}: {}", ran.stderr);
        if runs > 1 {
            ran.code(0);
        } else {
            let ran = ran.code(1).err("hint: without --spool none it is split");
            assert!(!ran.stderr.contains("not even one"), "{}", ran.stderr);
            api.send("")
                .arg(&list)
                .private(numbers(count))
                .run()
                .code(0);
        }
        assert_eq!(api.recipients().len(), count);
    }
}

#[test]
fn what_is_asked_again_of_a_batch_in_doubt_is_not_the_batch() {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let list = files.write("list", numbers(5));
    api.faults("batch 2: answer 503 accepted; list always: answer 500");
    let send = api.send("--max-messages 2").arg(&list);
    let ran = send.private(numbers(5)).run().code(5).discreet();
    let ran = ran.err("batch 2: the server gives no answer about it; asking again in");
    let ran = ran.err("hint: the server's list of batches could not be asked");
    for untrue in ["trying again", "--spool"] {
        assert!(!ran.stderr.contains(untrue), "{}", ran.stderr);
    }
    api.faults("");
    let resume = api.resume(files.path("list.batchcast"));
    let ran = resume.private(numbers(5)).run().code(3);
    ran.err("an earlier process ended before it knew what became of it");
    assert_eq!(api.recipients().len(), 5);
}

#[test]
fn no_answer_is_in_doubt_too() {
    let api = Api::start(|sandbox| sandbox);
    api.faults("batch: close answer, hide for 1m");
    let ran = api.send("").stdin(numbers(2)).run().code(5);
    ran.out("In doubt: records 1 to 2");
}

#[test]
fn an_early_refusal_means_that_nobody_got_a_message() {
    // 4: something that passes.
    for (status, hint, code) in [
        ("413 Request Entity Too Large", "not even one message", 1),
        ("411 Length Required", "--spool", 1),
        ("401 Unauthorized", "RC_ACCESS_TOKEN", 4),
        ("404 Not Found", "--base-url", 1),
        ("403 Forbidden", "permission", 1),
    ] {
        let server = Server::start(move |_, _| Then::Answer(status, "{}".to_owned()));
        let ran = send_to(server.url())
            .stdin(numbers(3))
            .run()
            .code(code)
            .discreet();
        ran.err("batch 1")
            .err(&status[..3])
            .err(hint)
            .out("Not sent: nobody got a message");
    }
}

#[test]
fn a_send_that_failed_on_what_was_typed_is_typed_again() {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let list = files.write("list.csv", format!("Name,Tel\nAda,{}\n", number(0)));
    let dashed = format!("{}\n(212) 200-0001\n", number(0));
    let other = files.write("list.txt", dashed);
    // A column that is named nowhere, numbers as people write them, and a server that knows no such path.
    for (list, typed, corrected) in [
        (&list, "", "--to-field Tel"),
        (&other, "--on-invalid stop", "--region US"),
        (
            &list,
            "--to-field Tel --base-url BASE/restapi",
            "--to-field Tel",
        ),
    ] {
        let send = |flags: &str| {
            let flags = flags.replace("BASE", &api.sandbox.base_url());
            api.send(&flags).arg(list).private(numbers(2))
        };
        let ran = send(typed).run().code(1).discreet();
        let ran = ran.out("'batchcast send' again");
        assert!(!ran.stdout.contains("resume"), "{}", ran.stdout);
        let lines = send(typed).arg("--json").run().code(1).json();
        let summary = lines.last().unwrap();
        assert_eq!(summary["resume"], Value::Null, "{summary}");
        send(&format!("{corrected} --again")).run().code(0);
        std::fs::remove_file(format!("{}.batchcast", list.display())).unwrap();
    }
}

#[test]
fn a_pause_that_the_server_wants_is_told_and_kept_to_by_the_next_process() {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let list = files.write("list", numbers(5));
    api.faults("batch 2: answer 429 retry-after=100000");
    let send = api.send("--max-messages 2 --json").arg(list);
    let ran = send.private(numbers(5)).run().code(4).discreet();
    let ran = ran
        .err("; the server wants nothing to be sent before 2")
        .err("hint: the server wants a pause of 27 h 46 min, until 2");
    let lines = ran.json();
    let until = lines.last().unwrap()["notBefore"].as_str().unwrap();
    let journal = files.path("list.batchcast");
    let written = read(&journal);
    assert!(
        written.contains(&format!("\"not_before\":\"{until}\"")),
        "{written}"
    );

    let requests = api.stats().requests;
    let resume = || api.resume(&journal).private(numbers(5));
    // Not the opt-outs either.
    for flags in ["", "--suppress api"] {
        let ran = resume().flags(flags).run().code(4).discreet();
        ran.err("longer than a day")
            .err("hint: the server wants a pause of 27 h 4")
            .out("Not sent: record 3 and all after it");
    }
    assert_eq!(api.stats().requests, requests);
    assert_eq!(read(&journal), written);
}

#[test]
fn a_send_that_is_begun_anew_keeps_to_the_pause_as_well() {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let list = files.write("list", numbers(5));
    api.faults("batch 1: answer 429 retry-after=100000");
    let send = || api.send("").arg(&list).private(numbers(5));
    send().run().code(4);
    let requests = api.stats().requests;
    send().run().code(1).err("before 2");
    assert_eq!(api.stats().requests, requests);
}

#[test]
fn a_server_that_is_gone() {
    let url = format!(
        "http://{}",
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
    );
    let send = || send_to(&url).stdin(numbers(3));
    let ran = send().run().code(4).discreet();
    ran.err("trying again in")
        .err("--base-url")
        .out("Not sent: nobody got a message")
        .out("To go on:\n  batchcast resume ");
    let ran = send().arg("--no-journal").run().code(1);
    assert!(!ran.stdout.contains("resume"), "{}", ran.stdout);
}

#[test]
fn credentials_go_nowhere_in_the_clear() {
    send_to("http://sms.example.com")
        .stdin(numbers(1))
        .run()
        .code(2)
        .err("not https")
        .err("--base-url");
    send_to("platform")
        .stdin(numbers(1))
        .run()
        .code(2)
        .err("--base-url");
    let from_environment = batchcast("send").envelope().env("RC_ACCESS_TOKEN", TOKEN);
    let run = from_environment
        .env("RC_SERVER_URL", "http://sms.example.com")
        .stdin(numbers(1));
    run.run().code(2).err("not https");
}

#[test]
fn a_token_that_can_be_none_is_refused_before_anything_is_begun() {
    let files = Files::new();
    let list = files.write("list", numbers(1));
    let token = format!("{TOKEN}\nbox");
    let send = send_to("http://127.0.0.1:1").env("RC_ACCESS_TOKEN", &token);
    let ran = send.arg(list).run().code(2).err("RC_ACCESS_TOKEN");
    assert!(!ran.stderr.contains("RC_USER_JWT"), "{}", ran.stderr);
    assert!(!files.path("list.batchcast").exists());
}

#[test]
fn what_the_server_says_is_not_let_loose() {
    // An escape sequence, and numbers where they do not belong.
    let (one, two) = (number(0), number(1));
    let server = Server::start(move |_, seen| match seen {
        Seen::Head => Then::Read,
        _ => receipt(&format!(
            r#"{{"index":1,"to":["{one}"],"errorCode":"X\u001b[2J","description":"{one} is\nbad"}},
               {{"index":1,"to":["{two}"],"errorCode":"Y","description":"not the first one"}}"#
        )),
    });
    let files = crate::support::Files::new();
    let path = files.path("rejected");
    let run = send_to(server.url())
        .arg("--rejected")
        .arg(&path)
        .stdin(numbers(2));
    let ran = run.run().code(3).discreet();
    ran.out("Accepted: 0 recipients")
        .out("Rejected: 2")
        .out("record 1 (line 1): +1******0000 X")
        .out("1 entry of the server's");
    let lines = crate::support::lines_of_json(&crate::support::read(path));
    assert_eq!(lines[0]["record"], 1);
    assert_eq!(lines[0]["to"], number(0));
    assert_eq!(
        (&lines[1]["record"], &lines[1]["to"]),
        (&Value::Null, &number(1).into())
    );
}

#[test]
fn a_recipient_that_the_server_rejects_again_and_again_is_one() {
    let to = number(1);
    let reject = format!(r#"{{"index":2,"to":["{to}"],"errorCode":"SMS-RC-410"}}"#);
    let server = Server::start(move |_, seen| match seen {
        Seen::Head => Then::Read,
        _ => receipt(&vec![reject.clone(); 7].join(",")),
    });
    let ran = send_to(server.url()).stdin(numbers(5)).run().code(3);
    ran.discreet()
        .out("Accepted: 4 recipients")
        .out("Rejected: 1")
        .out("6 entries of the server's");
}

#[test]
fn what_the_server_quotes_of_a_message_is_kept_nowhere() {
    const QUOTES: &str = r#"{"errorCode":"CMN-101",
        "message":"Parameter [messages[0].text] value [Dear Ann, your [new] PIN is a tulip] is invalid for (415) 555-0001",
        "errors":[{"errorCode":"CMN-101","message":"No text [Dear Ann] for 415.555.0001","parameterName":"messages[0].text"}]}"#;
    // Refused; and in doubt, where the list cannot be asked either.
    for (status, code) in [("400 Bad Request", 1), ("500 Internal Server Error", 5)] {
        let server = Server::start(move |number, seen| match (number, seen) {
            (1, Seen::Head) => Then::Read,
            (1, _) => Then::Answer(status, QUOTES.to_owned()),
            _ => Then::Answer("403 Forbidden", QUOTES.to_owned()),
        });
        let files = crate::support::Files::new();
        let path = files.path("journal");
        let run = send_to(server.url()).arg("-vv").arg("--journal");
        let ran = run.arg(&path).stdin(numbers(3)).run().code(code);
        // A person is told which parameter it is.
        let told = "Parameter [messages[0].text] value […]";
        let ran = ran.discreet().err(told);
        let journal = crate::support::read(path);
        for kept in [&journal, &ran.stderr] {
            for quoted in ["tulip", "PIN", "555-0001", "555.0001"] {
                assert!(!kept.contains(quoted), "{quoted}: {kept}");
            }
            let brief = format!("{} CMN-101 [messages[0].text]", &status[..3]);
            assert!(kept.contains(&brief), "no {brief}: {kept}");
        }
        let is_logged = |line: &&str| line.contains(" WARN ") || line.contains("DEBUG");
        let logged = ran.stderr.lines().filter(is_logged);
        for kept in logged.chain(journal.lines()) {
            assert!(!kept.contains("Dear Ann"), "{kept}");
            assert!(!kept.contains("Parameter"), "{kept}");
        }
    }
}

#[test]
fn an_interrupt_gives_the_open_batch_up() {
    for signal in [Signal::INT, Signal::TERM] {
        let server = Server::start(|_, _| Then::Read);
        let mut running = send_to(server.url()).private(numbers(20_000)).start();
        let mut stdin = running.stdin.take().unwrap();
        // More than a chunk: the request is opened, and then the list pauses.
        stdin.write_all(numbers(20_000).as_bytes()).unwrap();
        assert_eq!(server.sees(), Seen::Head);
        running.signal(signal);
        let ran = running.wait().code(130).discreet();
        ran.err("stopping")
            .err("interrupted")
            .out("Not sent: nobody got a message");
        assert_eq!(server.sees(), Seen::Broken);
        drop(stdin);
    }
}

#[test]
fn whoever_does_not_wait_is_told_what_is_left_behind() {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let list = files.write("list", numbers(5));
    api.faults("batch 2: hold answer");
    let send = api.send("--max-messages 2").arg(list);
    let running = send.private(numbers(5)).start();
    api.until(|stats| stats.batches == 2);
    running.signal(Signal::INT);
    running.until_err("once more quits at once");
    running.signal(Signal::INT);
    let journal = files.path("list.batchcast");
    let ran = running.wait().code(130).discreet();
    ran.err("In doubt: batch 2 may have been sent, and what became of it was not waited for\n")
        .err(&format!("Journal: {}\n", journal.display()))
        .err(&format!(
            "To go on:\n  batchcast resume {}",
            journal.display()
        ));
    api.resume(journal).run().code(3);
    assert_eq!(api.recipients().len(), 5);
}

#[test]
fn an_interrupt_before_the_list_has_begun() {
    let mut running = batchcast("send --sandbox --json").envelope().start();
    let stdin = running.stdin.take();
    running.until_err("sandbox at http");
    running.signal(Signal::INT);
    let lines = running.wait().code(130).json();
    assert_eq!(
        (&lines[0]["outcome"], &lines[0]["notSentFrom"]),
        (&"interrupted".into(), &1.into())
    );
    drop(stdin);
}

/// A run whose first batch is accepted, and whose second one is in doubt.
fn begun_and_in_doubt() -> (Api, Files, PathBuf) {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let list = files.write("list", numbers(5));
    api.faults("batch 2: answer 500");
    let send = api.send("--max-messages 2 --suppress api").arg(list);
    send.private(numbers(5)).run().code(5);
    api.faults("");
    let journal = files.path("list.batchcast");
    (api, files, journal)
}

/// What was done before is told, though this process did nothing.
fn tells_of_the_whole_run(ran: &Ran) {
    let lines = ran.json();
    let summary = lines.last().unwrap();
    assert_eq!(summary["accepted"], json!([[1, 2]]), "{summary}");
    assert_eq!(summary["inDoubt"], json!([[3, 4]]), "{summary}");
    assert_eq!(summary["notSentFrom"], 5, "{summary}");
    let resume = summary["resume"].as_str().unwrap();
    assert!(resume.starts_with("batchcast resume "), "{summary}");
}

#[test]
fn one_that_goes_on_and_comes_to_nothing_tells_of_the_whole_run() {
    let resume = |api: &Api, journal: &PathBuf| {
        let run = api.resume(journal).private(numbers(5));
        run.flags("--json")
    };
    // It is interrupted before it has a list.
    let (api, _files, journal) = begun_and_in_doubt();
    let requests = api.stats().requests;
    api.faults("opt-outs: delay 30s");
    let running = resume(&api, &journal).start();
    api.until(|stats| stats.requests > requests);
    running.signal(Signal::INT);
    tells_of_the_whole_run(&running.wait().code(5).discreet());
    // The server is gone.
    api.faults("opt-outs always: answer 503");
    let ran = resume(&api, &journal).run().code(5).discreet();
    tells_of_the_whole_run(&ran.err("cannot get the opt-outs"));
    // It cannot say in the journal that it goes on.
    api.faults("");
    let blocks = u32::try_from(read(&journal).len() / 512).unwrap();
    let ran = resume(&api, &journal).file_limit(blocks).run();
    tells_of_the_whole_run(&ran.code(5).discreet().err("journal"));

    assert_eq!(api.stats().batches, 1);
    let ran = resume(&api, &journal).flags("--in-doubt resend").run();
    ran.code(0);
    assert_eq!(api.recipients().len(), 5);
}

#[test]
fn a_network_that_is_lost_before_the_list_passes() {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let list = files.write("list", numbers(5));
    api.faults("batch 2-6: answer 408");
    let send = api.send("--max-messages 2 --suppress api").arg(&list);
    send.private(numbers(5)).run().code(4);
    api.faults("opt-outs always: answer 503");
    let resume = || api.resume(files.path("list.batchcast")).private(numbers(5));
    let ran = resume().run().code(4).discreet();
    ran.err("cannot get the opt-outs")
        .out("Accepted: 2 recipients")
        .out("Not sent: record 3 and all after it")
        .out("To go on:\n");
    api.faults("");
    resume().run().code(0);
}

#[test]
fn a_doubt_is_told_though_nobody_reads_it() {
    let Some(full) = crate::support::full_disk() else {
        return;
    };
    let (_api, run) = in_doubt();
    let mut command = run.into_command();
    let child = command
        .stdin(Stdio::piped())
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(numbers(5).as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{told}");
    assert!(told.contains("In doubt: records 3 to 4"), "{told}");
    assert!(told.contains("cannot write standard output"), "{told}");
}

#[test]
fn a_committed_batch_is_awaited_once_interrupted_and_not_twice() {
    let server = Server::start(|_, seen| match seen {
        Seen::Head => Then::Read,
        _ => Then::Hang,
    });
    let mut running = send_to(server.url()).private(numbers(3)).start();
    let mut stdin = running.stdin.take().unwrap();
    stdin.write_all(numbers(3).as_bytes()).unwrap();
    drop(stdin);
    assert_eq!(server.sees(), Seen::Head);
    let Seen::Body(body) = server.sees() else {
        panic!("no whole body")
    };
    assert_eq!(recipients(&serde_json::from_str(&body).unwrap()).len(), 3);
    running.signal(Signal::INT);
    running.until_err("stopping");
    assert!(running.child.0.try_wait().unwrap().is_none());
    running.signal(Signal::INT);
    running.wait().code(130);
}
