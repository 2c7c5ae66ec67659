//! What is different on a terminal: questions, a bar, colours.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use crate::api::Api;
use crate::pty::OnScreen;
use crate::support::{FROM, Files, Run, TEXT, TOKEN, batchcast, number, numbers, read};

/// A list of 9 in a file.
fn list() -> (Files, PathBuf, PathBuf) {
    let files = Files::new();
    let list = files.write("list.txt", numbers(9));
    let journal = files.path("list.txt.batchcast");
    (files, list, journal)
}

fn all(count: usize) -> Vec<String> {
    (0..count).map(number).collect()
}

#[test]
fn it_is_asked_before_anything_is_sent() {
    for (typed, code) in [
        ("n\n", 130),
        ("\n", 130),
        ("\u{4}", 130),
        ("\u{3}", 130),
        ("y\n", 0),
        ("YES\n", 0),
    ] {
        let api = Api::start(|sandbox| sandbox);
        let (files, list, journal) = list();
        let list = {
            std::fs::write(&list, numbers(9) + "Bob\n").unwrap();
            list
        };
        let mut screen = api.send("--max-messages 2").arg(&list).on_screen(120);
        screen.until("9 recipients in 5 batches (");
        screen.until("1 record cannot be sent");
        screen.until("Send? [y/N]");
        assert_eq!(api.stats().requests, 0, "{typed:?}");
        assert!(!journal.exists());
        screen.types(typed);
        // Bob is invalid.
        let shown = screen.code(if code == 0 { 3 } else { code });
        if code == 0 {
            assert_eq!(api.recipients(), all(9));
        } else {
            assert!(shown.contains("nobody got a message"), "{shown}");
            assert_eq!(api.stats().requests, 0, "{typed:?}");
            assert_eq!(files.names("").len(), 1, "{typed:?}");
        }
        assert!(
            !shown.contains(&FROM[1..]) && !shown.contains(TEXT),
            "{shown}"
        );
    }
}

#[test]
fn who_is_passed_over_is_not_counted() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list.txt", numbers(3) + &numbers(9));
    let run = api.send("--unique --skip 1 --limit 6").arg(&list);
    let mut screen = run.on_screen(120);
    screen.until("6 recipients in 1 batch (");
    screen.until("; 3 passed over");
    screen.until("Send? [y/N]");
    screen.types("y\n");
    let shown = screen.code(0);
    assert!(
        shown.contains("Accepted: 6 recipients in 1 batch ("),
        "{shown}"
    );
    assert!(shown.contains("Passed over: 3 ("), "{shown}");
}

#[test]
fn nobody_is_asked_who_has_said_yes_or_sees_nothing() {
    let api = Api::start(|sandbox| sandbox);
    let (_files, list, _) = list();
    let shown = api.send("--yes").arg(&list).on_screen(120).code(0);
    assert!(!shown.contains("Send?"), "{shown}");
    let shown = api
        .send("--again")
        .arg(&list)
        .env("CI", "true")
        .on_screen(120)
        .code(0);
    assert!(!shown.contains("Send?"), "{shown}");
    // A sandbox gives nobody a message.
    let run = batchcast("send --sandbox").envelope().arg(&list);
    let shown = run.on_screen(120).code(0);
    assert!(!shown.contains("Send?"), "{shown}");
    // No terminal.
    api.send("--again").arg(&list).run().code(0);
    assert_eq!(api.stats().messages, 27);
}

#[test]
fn a_list_from_a_pipe_is_asked_about_at_the_terminal() {
    let api = Api::start(|sandbox| sandbox);
    let (files, list, _) = list();
    let script = "exec \"$0\" send --max-messages 2 --text \"$1\" < \"$2\"";
    let mut shell = Run::of(Command::new("sh"))
        .arg("-c")
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_batchcast"))
        .arg(TEXT)
        .arg(&list)
        .env("BATCHCAST_FROM", FROM)
        .env("RC_ACCESS_TOKEN", TOKEN)
        .env("RC_SERVER_URL", api.sandbox.base_url())
        .env("XDG_STATE_HOME", files.path("state"))
        .on_screen(120);
    shell.until("can be read only once, and is not counted");
    shell.until("Send? [y/N]");
    shell.types("y\n");
    shell.code(0);
    assert_eq!(api.recipients(), all(9));
}

#[test]
fn it_is_asked_at_the_terminal_wherever_the_output_goes() {
    for (script, output) in [
        ("\"$0\" \"$@\" 2>&1 | cat > log", "log"),
        ("\"$0\" \"$@\" 2> log", "log"),
        ("\"$0\" \"$@\" --json 2> log | cat > out", "log"),
        ("\"$0\" \"$@\" > log 2>&1 < /dev/null", "log"),
        ("cat /dev/null | \"$0\" \"$@\" 2>&1 | cat > log", "log"),
    ] {
        for (typed, sent) in [("y\n", 9), ("n\n", 0)] {
            let api = Api::start(|sandbox| sandbox);
            let (files, list, _) = list();
            let script = format!("cd {}; {script}; exit 0", files.path("").display());
            let run = api.send("").arg(&list).through(&script);
            let mut screen = run.on_screen(120);
            screen.until("9 recipients in 1 batch (");
            screen.until("Send? [y/N]");
            assert_eq!(api.stats().requests, 0, "{script}");
            screen.types(typed);
            screen.code(0);
            assert_eq!(api.recipients(), all(sent), "{script}");
            // There it can neither be seen nor answered.
            assert!(!read(files.path(output)).contains("Send?"), "{script}");
        }
    }
}

#[test]
fn a_canary_is_asked_about_at_the_terminal_wherever_the_output_goes() {
    let api = rejecting();
    let (files, list, _) = list();
    let script = format!("\"$0\" \"$@\" 2>&1 | cat > {}", files.path("log").display());
    let run = api.send("--canary 3 --yes").arg(&list).through(&script);
    let mut screen = run.on_screen(120);
    screen.until("Canary: 3 messages: 2 delivered, 1 rejected");
    screen.until("Send the rest? [y/N]");
    screen.types("y\n");
    screen.code(0);
    assert_eq!(api.stats().batches, 2);
}

#[test]
fn nobody_is_asked_who_has_left_the_terminal_to_others() {
    for script in [
        // A job of its own, in the background.
        "set -m; \"$0\" \"$@\" > log 2>&1 < /dev/null & wait",
        "set -m; \"$0\" \"$@\" > log 2>&1 & wait",
        "trap '' HUP; \"$0\" \"$@\" > log 2>&1 < /dev/null",
    ] {
        let api = Api::start(|sandbox| sandbox);
        let (files, list, _) = list();
        let script = format!("cd {}; {script}", files.path("").display());
        let run = api.send("").arg(&list).through(&script);
        let shown = run.on_screen(120).code(0);
        assert!(!shown.contains("Send?"), "{script}: {shown}");
        assert_eq!(api.recipients(), all(9), "{script}");
    }
}

/// A server that rejects the second number.
fn rejecting() -> Api {
    let rule = format!("numbers:{}", number(1));
    Api::start(|sandbox| sandbox.reject(rule.parse().unwrap()))
}

#[test]
fn a_canary_is_shown_and_asked_about() {
    for (typed, code) in [("y\n", 3), ("n\n", 4), ("\u{3}", 130)] {
        let api = rejecting();
        let (_files, list, journal) = list();
        let mut screen = api.send("--canary 3 --yes").arg(&list).on_screen(120);
        screen.until("Canary: 3 messages: 2 delivered, 1 rejected");
        screen.until("rejected: 1 SMS-RC-410");
        screen.until("Send the rest? [y/N]");
        assert_eq!(api.stats().batches, 1);
        // The bar has gone.
        let shown = screen.shows();
        assert!(!shown.contains("canary batch"), "{shown}");
        screen.types(typed);
        let shown = screen.code(code);
        if code == 3 {
            assert_eq!(api.stats().batches, 2);
            continue;
        }
        assert!(
            shown.contains("Not sent: record 4 and all after it"),
            "{shown}"
        );
        // Whoever goes on is asked, and sees it again.
        let mut screen = api.resume(&journal).on_screen(120);
        screen.until("Canary: 3 messages: 2 delivered, 1 rejected");
        screen.until("rejected: 1 SMS-RC-410");
        screen.until("Send the rest? [y/N]");
        screen.types("y\n");
        screen.code(3);
        assert_eq!((api.stats().batches, api.stats().messages), (2, 8));
    }
}

#[test]
fn what_a_canary_failed_with_is_shown_where_it_is_asked_about() {
    for (typed, code, sent) in [("y\n", 0, 9), ("n\n", 4, 3)] {
        let api = Api::start(|sandbox| {
            let rule = "SMS-CAR-412=every:3".parse().unwrap();
            sandbox.deliver(rule).looks(2)
        });
        let (_files, list, _journal) = list();
        let mut screen = api.send("--canary 3 --yes").arg(&list).on_screen(120);
        screen.until("Canary: 3 messages: 2 delivered, 1 failed");
        screen.until("  failed: 1 SMS-CAR-412 (The recipient cannot be reached)");
        screen.until("Send the rest? [y/N]");
        assert_eq!(api.recipients(), all(3));
        screen.types(typed);
        screen.code(code);
        assert_eq!(api.recipients(), all(sent));
    }
}

#[test]
fn a_signal_ends_the_wait_for_a_canary() {
    let api = Api::start(|sandbox| sandbox);
    // Not completed, however often it is asked.
    api.faults("get always: answer 200");
    let (_files, list, journal) = list();
    let mut screen = api.send("--canary 3 --yes").arg(&list).on_screen(120);
    screen.until("canary batch 1: ");
    screen.types("\u{3}");
    let shown = screen.code(130);
    assert!(
        shown.contains("Not sent: record 4 and all after it"),
        "{shown}"
    );
    api.faults("");
    api.resume(&journal).arg("--yes").run().code(0);
    assert_eq!(api.recipients(), all(9));
}

/// A send of a list that goes on as the test wants.
struct Slow {
    screen: OnScreen,
    list: Option<File>,
    sent: usize,
}

impl Slow {
    fn start(api: &Api, files: &Files, flags: &str, columns: u16) -> Self {
        let path = files.path("list.txt");
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        let run = api.send(&format!("--yes --no-journal {flags}")).arg(&path);
        let screen = run.on_screen(columns);
        let list = File::options().write(true).open(path).unwrap();
        let (list, sent) = (Some(list), 0);
        Self { screen, list, sent }
    }

    /// Gives it numbers until its screen has this.
    fn until(&mut self, is_there: impl Fn(&str) -> bool) {
        let started = std::time::Instant::now();
        while !is_there(&self.screen.shows()) {
            assert!(
                started.elapsed() < crate::support::PATIENCE,
                "{}",
                self.screen.shows()
            );
            let line = number(self.sent) + "\n";
            self.list
                .as_mut()
                .unwrap()
                .write_all(line.as_bytes())
                .unwrap();
            self.sent += 1;
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }

    fn end(mut self) -> (String, usize) {
        self.list = None;
        (self.screen.code(0), self.sent)
    }
}

#[test]
fn a_bar_fits_into_its_terminal_and_leaves_nothing_behind() {
    for columns in [14, 20, 40, 80, 200] {
        let api = Api::start(|sandbox| sandbox);
        let files = Files::new();
        let mut slow = Slow::start(&api, &files, "", columns);
        // The spinner, then the number of recipients.
        let is_bar = |line: &str| line.chars().nth(2).is_some_and(|c| c.is_ascii_digit());
        slow.until(|shown| shown.lines().any(is_bar));
        let shown = slow.screen.shows();
        assert_eq!(shown.lines().count(), 1, "{columns}:\n{shown}");
        assert_eq!(
            shown.contains("recipients"),
            columns >= 80,
            "{columns}:\n{shown}"
        );
        let (shown, sent) = slow.end();
        let first = shown.lines().next().unwrap();
        assert!(first.starts_with("batch 1 accep"), "{columns}:\n{shown}");
        assert!(!shown.lines().any(is_bar), "{columns}:\n{shown}");
        assert_eq!(api.stats().messages, sent as u64);
    }
}

#[test]
fn a_small_list_is_told_by_how_much_of_it_is_sent() {
    let files = Files::new();
    files.write("list.txt", numbers(10));
    files.write("list.txt.gz", crate::packed::gzip(numbers(10)));
    for (name, flags, percents) in [
        ("list.txt", "", 60..=60),
        // Of a few bytes it cannot be told exactly.
        ("list.txt.gz", "", 55..=60),
        ("list.txt", "--limit 7", 85..=85),
    ] {
        let api = Api::start(|sandbox| sandbox);
        // Long enough for the bar to be drawn again.
        api.faults("batch 2: delay 300ms; batch 3: hold answer");
        let run = api.send("--yes --no-journal --max-messages 2").flags(flags);
        let screen = run.arg(files.path(name)).on_screen(120);
        let bars = percents.map(|percent| format!("] {percent}%, 6 recipients"));
        let bars: Vec<_> = bars.collect();
        screen.until_it(|shown| bars.iter().any(|bar| shown.contains(bar)), &bars[0]);
    }
}

#[test]
fn one_message_is_one() {
    let files = Files::new();
    let list = files.write("list", numbers(1));
    let run = batchcast("send --sandbox").envelope().arg(list);
    let shown = run.on_screen(120).code(0);
    assert!(shown.contains("batch 1 accepted: 1 message, "), "{shown}");
}

#[test]
fn logs_and_a_bar_keep_out_of_each_others_way() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let mut slow = Slow::start(&api, &files, "-vvv --max-messages 3", 200);
    slow.until(|shown| {
        // A bar is drawn now and then, below lines of all kinds.
        shown.matches("committed batch=").count() >= 2 && shown.contains("recipients/s")
    });
    let (shown, _) = slow.end();
    for line in shown.lines() {
        // Whatever line it is, nothing stands before it, and nothing of a bar behind.
        let is_log = line.contains(" INFO ") || line.contains("DEBUG ") || line.contains("TRACE ");
        assert_eq!(is_log, line.starts_with("20"), "{line}");
        assert_eq!(
            line.matches("batch 1 ").count() > 0,
            line.starts_with("batch 1 "),
            "{line}"
        );
    }
    // A bar begins with its spinner, one of the Braille patterns. (Not all else is ASCII: times are in µs.)
    let is_spinner = |c: char| ('\u{2800}'..='\u{28ff}').contains(&c);
    assert!(!shown.contains(is_spinner), "{shown}");
}

#[test]
fn colours_are_for_terminals() {
    let (_files, list, _) = list();
    let run = |flags: &str| {
        batchcast(&format!("send --sandbox {flags}"))
            .envelope()
            .arg(&list)
    };
    let is_colourful = |run: Run| {
        let screen = run.on_screen(120);
        screen.until("Accepted: 9");
        let is_colourful = screen.is_colourful();
        screen.code(0);
        is_colourful
    };
    assert!(is_colourful(run("")));
    assert!(!is_colourful(run("").env("NO_COLOR", "1")));
    assert!(!is_colourful(run("--color never")));
    assert!(is_colourful(run("--color always").env("NO_COLOR", "1")));
    let escape = |run: Run| run.run().code(0).stdout.contains('\u{1b}');
    assert!(!escape(run("")));
    assert!(escape(run("--color always")));
    assert!(escape(run("").env("CLICOLOR_FORCE", "1")));
    assert!(!escape(run("--color never").env("CLICOLOR_FORCE", "1")));
    assert!(!escape(run("--json --color always")));
}

#[test]
fn what_is_likely_not_meant_so_is_told_before_it_is_asked() {
    let api = Api::start(|sandbox| sandbox);
    let files = Files::new();
    let list = files.write("list.ndjson", format!("{{\"to\":\"{}\"}}\n", number(0)));
    let run = api.send_without_text("").arg("--text").arg("{{Name|You}}!");
    let mut screen = run.arg(&list).on_screen(120);
    screen.until("Warning: no record has the field Name of the text");
    screen.until("Send? [y/N]");
    screen.types("n\n");
    screen.code(130);
}

#[test]
fn what_is_waited_for_is_shown_while_nothing_else_happens() {
    let api = Api::start(|sandbox| sandbox);
    api.faults("batch: delay 1m");
    let (_files, list, _) = list();
    let pauses = "retry=2ms,grace=60ms,look=10ms,answer=1m,token=2ms";
    let send = api.send("--yes").env("BATCHCAST_TEST_PAUSES", pauses);
    let mut screen = send.arg(&list).on_screen(120);
    // It goes on, though nothing comes from the server.
    let seconds = |shown: &str| -> Option<u64> {
        let (_, told) = shown.split_once("waiting for the answer to batch 1: ")?;
        told.split_once(" s")?.0.parse().ok()
    };
    screen.until_it(|shown| seconds(shown) >= Some(2), "2 s");
    screen.types("\u{3}");
    screen.until("stopping");
    screen.types("\u{3}");
    screen.code(130);
}
