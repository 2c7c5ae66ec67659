//! Who has opted out, as the server says it: passed over by a send, and downloaded.

use std::time::Instant;

use batchcast_sandbox::OptOut;
use batchcast_sandbox::fault::{FaultRoute, FaultRule, Reply, ReplyBody, When};
use serde_json::json;

use crate::api::Api;
use crate::screen::numbered;
use crate::support::{
    CLIENT_ID, FROM, Files, PATIENCE, Run, TOKEN, batchcast, mode, number, numbers, read,
};

const OTHER_SENDER: &str = "+16505550222";

fn opt_out(from: &str, index: usize, status: &str) -> OptOut {
    format!("{from},{},{status}", number(index))
        .parse()
        .unwrap()
}

#[test]
fn opt_outs_are_those_of_the_sender() {
    let table = |from: &str, index: usize, status: &str| {
        format!("{from},{},{status},Recipient\r\n", number(index))
    };
    let csv = "from,to,status,source\r\n".to_owned()
        + &table(FROM, 1, "OptOut")
        + &table(FROM, 2, "OptIn")
        + &table(OTHER_SENDER, 3, "OptOut");
    let files = Files::new();
    let path = files.write("opt-outs.csv", &csv);
    let run = batchcast("encode --out -")
        .envelope()
        .arg("--suppress")
        .arg(path);
    let ran = run.stdin(numbers(5)).run().code(0);
    assert_eq!(ran.recipients(), numbered([0, 2, 3, 4]));
    let run = batchcast("encode --out - --suppress api").envelope();
    run.stdin(numbers(5))
        .run()
        .code(2)
        .err("batchcast opt-outs");
}

/// More than a page has.
const MANY: usize = 2_300;

fn many() -> Api {
    let api = Api::start(|sandbox| sandbox);
    let others = (MANY..MANY + 10).map(|index| opt_out(OTHER_SENDER, index, "OptOut"));
    let back_in = (MANY..MANY + 5).map(|index| opt_out(FROM, index, "OptIn"));
    let out = (0..MANY).map(|index| opt_out(FROM, index, "OptOut"));
    api.sandbox.set_opt_outs(others.chain(out).chain(back_in));
    api
}

#[test]
fn the_servers_opt_outs_are_passed_over() {
    let api = many();
    let list = numbers(MANY + 3);
    let ran = api
        .send("--suppress api")
        .stdin(&list)
        .run()
        .code(0)
        .discreet();
    ran.err("2,305 opt-outs and opt-ins downloaded, 2,300 suppressed numbers now")
        .out("Accepted: 3 recipients")
        .out("Passed over: 2,300 (2,300 suppressed)");
    assert_eq!(api.recipients(), numbered(MANY..MANY + 3));

    // Without them nothing is sent.
    let creates = api.stats().creates;
    api.faults("opt-outs 2: answer 403");
    let run = api.send("--suppress api --no-journal").stdin(&list);
    let ran = run.run().code(1).err("cannot get the opt-outs").err("403");
    ran.out("nobody got a message");
    assert_eq!(api.stats().creates, creates);

    // Nor where there is no place to keep them, which is named.
    let nowhere = "/dev/null/nowhere";
    let run = api.send("--suppress api --no-journal").stdin(&list);
    let ran = run.env("TMPDIR", nowhere).run().code(1);
    ran.err(&format!(
        "cannot create a temporary file in {nowhere} (TMPDIR names"
    ));
    let run = api.send("--no-journal").stdin(&list);
    run.env("TMPDIR", nowhere)
        .run()
        .code(1)
        .err("--spool DIR (or TMPDIR) puts");

    // What is no list does not say that nobody has opted out.
    let reply = Reply::status(200).body(ReplyBody::Bytes(r#"{"message":"OK"}"#.into()));
    let always = When::Between(1, 1_000);
    api.faults("");
    api.sandbox
        .push_fault(FaultRule::new(FaultRoute::OptOuts, always, reply));
    let run = api.send("--suppress api --no-journal").stdin(&list);
    let ran = run.run().code(1).err("cannot get the opt-outs");
    ran.out("nobody got a message");
    assert_eq!(api.stats().creates, creates);
}

fn opt_outs(api: &Api, flags: &str) -> Run {
    let run = batchcast(&format!("opt-outs {flags}"))
        .arg("--from")
        .arg(FROM);
    run.env("RC_SERVER_URL", api.sandbox.base_url())
        .env("RC_ACCESS_TOKEN", TOKEN)
}

#[cfg(unix)]
#[test]
fn a_download_that_is_interrupted_leaves_nothing_behind() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    api.faults("opt-outs always: hold answer");
    let running = opt_outs(&api, "")
        .arg("--out")
        .arg(files.path("list.csv"))
        .start();
    // It is begun under another name.
    let started = Instant::now();
    while files.names("").is_empty() {
        assert!(started.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    running.signal(rustix::process::Signal::TERM);
    running.wait().code(130);
    assert_eq!(files.names(""), [""; 0]);

    let requests = api.stats().requests;
    let running = opt_outs(&api, "").start();
    api.until(|stats| stats.requests > requests);
    running.signal(rustix::process::Signal::TERM);
    assert_eq!(running.wait().code(130).stdout, "");
}

#[test]
fn opt_outs_are_downloaded_page_by_page() {
    let api = many();
    let files = Files::new();
    api.faults("opt-outs 1: answer 503; opt-outs 3: reset answer");
    let ran = opt_outs(&api, "").run().code(0).err("2,305 opt-outs");
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "from,to,status,source");
    assert_eq!(lines[1], format!("{FROM},{},OptOut,Recipient", number(0)));
    assert_eq!(lines.len(), 1 + MANY + 5);

    let rows = opt_outs(&api, "--format ndjson").run().code(0).json();
    assert_eq!(rows.len(), MANY + 5);
    assert_eq!(
        rows[MANY],
        json!({"from": FROM, "to": number(MANY), "status": "OptIn", "source": "Recipient"})
    );

    // Who wants no more of it has all that was wanted.
    let (code, told) = opt_outs(&api, "").unread();
    assert_eq!((code, &*told), (Some(0), ""));

    // What was downloaded is what --suppress takes.
    for format in ["csv", "ndjson"] {
        let path = files.path(&format!("list.{format}"));
        let run = opt_outs(&api, "")
            .arg("--out")
            .arg(&path)
            .arg("--format")
            .arg(format);
        assert_eq!(run.run().code(0).stdout, "");
        assert_eq!(mode(&path), 0o600);
        let run = batchcast("encode --out -")
            .envelope()
            .arg("--suppress")
            .arg(path);
        let ran = run.stdin(numbers(MANY + 2)).run().code(0);
        assert_eq!(ran.recipients(), numbered(MANY..MANY + 2));
    }

    // Half a list is none.
    api.faults("opt-outs 2: answer 403");
    let half = files.path("half.csv");
    opt_outs(&api, "")
        .arg("--out")
        .arg(&half)
        .run()
        .code(1)
        .err("403");
    assert!(!half.exists());
    api.faults("opt-outs always: answer 503");
    let ran = opt_outs(&api, "").run().code(4).err("503");
    // A header alone would say that nobody has opted out.
    assert_eq!(ran.stdout, "");
    // What is known of a send is not written over.
    let journal = files.write("list.batchcast", "{\"batchcast\":{\"version\":1");
    let run = opt_outs(&api, "").arg("--out").arg(&journal);
    run.run().code(2).err("is the journal of a send");
    assert_eq!(read(journal).len(), 25);
    batchcast("opt-outs --from 6505550100")
        .run()
        .code(2)
        .err("--from");
    batchcast("opt-outs")
        .arg("--from")
        .arg(FROM)
        .env("RC_APP_CLIENT_ID", CLIENT_ID)
        .run()
        .code(2)
        .err("RC_USER_JWT");
}
