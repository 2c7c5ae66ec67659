//! `batchcast sandbox`: what its flags do, as a client of it sees.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::clean::program;
use crate::support::{Files, Guarded, PATIENCE, batchcast, lines_of_json, read};

const API: &str = "/restapi/v1.0/account/~/a2p-sms";
const BATCH: &str = r#"{"from":"+16505550100","text":"Hi","messages":[{"to":["+14155550100"]},{"to":["+14155550101"]}]}"#;

/// The program as a sandbox.
struct Sandbox {
    process: Guarded,
    address: String,
    lines: BufReader<std::process::ChildStdout>,
}

impl Sandbox {
    fn start<'a>(flags: impl IntoIterator<Item = &'a str>) -> Self {
        let mut child = program()
            .arg("sandbox")
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut address = String::new();
        for _ in 0..5 {
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            if let Some((_, found)) = line.split_once("RC_SERVER_URL=http://") {
                address = found.trim().to_owned();
            }
        }
        Self {
            process: Guarded(child),
            address,
            lines,
        }
    }

    /// One request on a connection of its own; what comes back until its end, and whether that is a reset.
    fn ask(&self, method: &str, path: &str, body: &str) -> (String, bool) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        let request = format!(
            "{method} {API}{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer sandbox\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let reset = match stream.read_to_end(&mut answer) {
            Ok(_) => false,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                true
            }
        };
        (String::from_utf8(answer).unwrap(), reset)
    }

    /// Ends it, and says what it says at its end.
    fn stop(mut self) -> String {
        kill_process(Pid::from_child(&self.process.0), Signal::TERM).unwrap();
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        assert_eq!(self.process.0.wait().unwrap().code(), Some(0));
        rest
    }
}

#[test]
fn faults_are_set_by_flags() {
    let files = Files::new();
    let record = files.path("record");
    let sandbox = Sandbox::start([
        "--fault",
        "batch 2: answer 429 retry-after=0",
        "--fault",
        "batch 3: reset answer, hide 1 lists",
        "--fault",
        "batch 4: reset after 100",
        "--batch-size",
        "sent",
        "--reject",
        "suffix:0101",
        "--record",
        record.to_str().unwrap(),
    ]);
    let post = || sandbox.ask("POST", "/batches", BATCH);
    let (first, reset) = post();
    assert!(first.contains(r#""batchSize":2"#) && !reset, "{first}");
    let (second, reset) = post();
    assert!(second.starts_with("HTTP/1.1 429 ") && !reset, "{second}");
    assert_eq!(post(), (String::new(), true));
    assert_eq!(post(), (String::new(), true));
    for shown in [1, 2] {
        let (list, _) = sandbox.ask("GET", "/batches", "");
        assert_eq!(list.matches(r#""id":"#).count(), shown, "{list}");
    }
    let lines = lines_of_json(&read(&record));
    assert_eq!(lines.len(), 2);
    assert_ne!(lines[0]["batch"], lines[1]["batch"]);
    let said = sandbox.stop();
    assert!(
        said.contains("2 recipients in 2 batches, 2 rejected"),
        "{said}"
    );
    assert!(said.trim_end().ends_with(", 4 faults"), "{said}");
}

#[test]
fn limits_the_clock_and_opt_outs_are_set_by_flags() {
    let files = Files::new();
    let list = "from,to,status,source\n\n# a comment\n+16505550100,+14155550100\n+16505550100,+14155550101,OptIn,Agent\n";
    let list = files.write("opt-outs", list);
    let flags = "--rate-limit 3 --rate-window 90s --penalty 2m --retry-after seconds --clock-skew -86400 \
                 --utc-offset -08:00 --fraction-digits 0 --opt-outs";
    let sandbox = Sandbox::start(flags.split_whitespace().chain(list.to_str()));
    let (outs, _) = sandbox.ask("GET", "/opt-outs?status=OptIn", "");
    assert!(
        outs.contains(r#""to":"+14155550101","status":"OptIn","source":"Agent""#),
        "{outs}"
    );
    let (created, _) = sandbox.ask("POST", "/batches", BATCH);
    assert!(
        created.contains(r#"-08:00","lastModifiedTime""#),
        "{created}"
    );
    let (listed, _) = sandbox.ask("GET", "/batches", "");
    assert!(
        listed.contains("x-rate-limit-window: 90\r\n") && listed.contains(r#""id":"#),
        "{listed}"
    );
    for _ in 0..2 {
        let (refused, _) = sandbox.ask("GET", "/batches", "");
        assert!(refused.contains("retry-after: 120\r\n"), "{refused}");
    }
    let said = sandbox.stop();
    assert!(
        said.trim_end().ends_with(", 2 errors, 1 violation"),
        "{said}"
    );
}

#[test]
fn wrong_flags_say_what_is_expected() {
    let files = Files::new();
    let list = files.write(
        "opt-outs",
        "+16505550100,+14155550100\n+16505550100,4155550199\n",
    );
    for (flag, value, expected) in [
        ("--fault", "batch: explode", "where reset, close, stall"),
        ("--fault", "batch 0: expire", "a number from 1"),
        ("--rate-window", "soon", "500ms, 30s, 2m or 1h30m"),
        ("--rate-window", "0s", "nothing can happen in no time"),
        ("--penalty", "500ms", "not in whole seconds"),
        ("--rate-limit", "0", "not a whole number from 1 on"),
        ("--utc-offset", "5:30", "+05:30"),
        ("--fraction-digits", "10", "0..=9"),
        ("--auth-rate-limit", "3", "--rate-limit"),
        ("--penalty", "2s", "--rate-limit"),
        ("--retry-after", "date", "--rate-limit"),
        ("--batch-size", "all", "accepted"),
        ("--listen", "8080", "such as 127.0.0.1:8080"),
        ("--listen", "localhost:8080", "such as 127.0.0.1:8080"),
    ] {
        batchcast("sandbox")
            .arg(flag)
            .arg(value)
            .run()
            .code(2)
            .err(expected);
    }
    let ran = batchcast("sandbox --opt-outs")
        .arg(&list)
        .private("4155550199")
        .run();
    ran.code(2).err("line 2 of").err("E.164");
    let missing = files.path("missing");
    batchcast("sandbox --opt-outs")
        .arg(missing)
        .run()
        .code(1)
        .err("--opt-outs: cannot read");
    let help = batchcast("sandbox --help").run().code(0);
    help.out("batch every 5: reset answer")
        .out("random:SEED:RATE");
}

#[test]
fn how_much_it_keeps_is_said() {
    use batchcast_sandbox::{STORED_BATCHES, STORED_MESSAGES};
    let ran = batchcast("sandbox --help").run().code(0);
    let number = |number: usize| indicatif::HumanCount(number as u64).to_string();
    ran.out(&format!("the last {} batches", number(STORED_BATCHES)))
        .out(&format!("the last {} messages", number(STORED_MESSAGES)));
}
