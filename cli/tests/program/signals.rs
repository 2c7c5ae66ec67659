//! A second signal ends the process, also where nobody reads what it writes.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::api::Api;
use crate::support::{Files, PATIENCE, Run, number, numbers};

/// A pipe that has a name and no room, and that nobody reads.
struct Full {
    path: PathBuf,
    // Holds it open.
    _ends: File,
}

impl Full {
    fn new(files: &Files) -> Self {
        let path = files.path("full");
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let mut ends = File::options();
        let mut ends = ends.read(true).write(true).open(&path).unwrap();
        rustix::io::ioctl_fionbio(&ends, true).unwrap();
        for size in [4096, 1] {
            while ends.write(&[b' '; 4096][..size]).is_ok() {}
        }
        Self { path, _ends: ends }
    }

    /// The run with these streams, such as `>`, going there.
    fn takes(&self, streams: &str, run: Run) -> Run {
        let path = self.path.display();
        run.through(&format!(
            "exec \"$0\" \"$@\" {}",
            streams.replace("FULL", &path.to_string())
        ))
    }
}

#[test]
fn a_second_signal_does_not_wait_for_a_reader() {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let list = files.write("list", numbers(3));
    let run = api.send("--json").arg(list).private(numbers(3));
    let full = Full::new(&files);
    let running = full.takes("> FULL", run).start();
    // What it has to say of the batch, nobody takes from it.
    api.until(|stats| stats.batches >= 1);
    running.signal(Signal::TERM);
    running.until_err("stopping");
    running.signal(Signal::TERM);
    running.wait().code(130).err("interrupted");
}

#[test]
fn a_bar_does_not_wait_for_a_reader_of_something_else() {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let list = files.write("list", numbers(3));
    let run = api.send("--yes --json").arg(list);
    let full = Full::new(&files);
    let mut screen = full.takes("> FULL", run).on_screen(120);
    // The same is written next, as JSON.
    screen.until("batch 1 accepted: ");
    screen.types("\u{3}");
    screen.until("once more quits at once");
    screen.types("\u{3}");
    let shown = screen.code(130);
    assert!(shown.contains("batchcast: interrupted"), "{shown}");
    assert!(shown.contains("To go on:"), "{shown}");
}

#[test]
fn a_run_that_has_ended_stays_what_it_was() {
    // What is said before the summary, which is not read.
    for (faults, last, code, summary) in [
        ("", "Warning: no record", 0, "Accepted: 3 recipients"),
        (
            "batch 2: answer 500",
            "stopped: batch 2",
            5,
            "In doubt: records 3 to 3",
        ),
    ] {
        let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
        api.faults(faults);
        let records = (0..3).map(|index| format!("{{\"to\":\"{}\"}}\n", number(index)));
        let list = files.write("list.ndjson", records.collect::<String>());
        let run = api.send_without_text("--max-messages 2 --text {{name|You}}");
        let full = Full::new(&files);
        let run = full.takes("> FULL", run.arg(list).private(numbers(3)));
        let running = run.start();
        running.until_err(last);
        running.signal(Signal::TERM);
        running.until_err("the run has ended; once more quits at once");
        running.signal(Signal::TERM);
        running.wait().code(code).discreet().err(summary);
    }
}

#[test]
fn signals_do_not_wait_for_a_reader_of_what_they_lead_to() {
    let (api, files) = (Api::start(|sandbox| sandbox), Files::new());
    let list = files.write("list", numbers(3));
    let run = api.send("--no-journal --json").arg(list);
    let full = Full::new(&files);
    let mut running = full.takes("> FULL 2>&1", run).start();
    api.until(|stats| stats.batches >= 1);
    // Nothing is seen of the first one, and two at once may be taken for one.
    let started = Instant::now();
    while running.child.0.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < PATIENCE, "it hangs");
        running.signal(Signal::TERM);
        std::thread::sleep(Duration::from_millis(10));
    }
    running.wait().code(130);
}
