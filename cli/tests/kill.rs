//! Whatever kills the program, and whenever: resumed until it is done, everybody on the list got the message once.
//!
//! A round is a list that is sent, with a program that is killed and a server that fails in many ways, until it is
//! finished. Its seed is told when it fails; `BATCHCAST_KILL_SEED` begins with that one. `BATCHCAST_KILL_ROUNDS` says
//! how many rounds there are.

#![cfg(unix)]
#![expect(clippy::print_stderr, reason = "the figures seen")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::ops::AddAssign;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use batchcast::journal::{Journal, State, Status};
use batchcast_sandbox::{AcceptedBatch, RejectRule, Sandbox};
use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::Runtime;

#[path = "program/clean.rs"]
mod clean;

use clean::program;

const TOKEN: &str = "sandbox";
/// How long a process that hangs is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many rounds there are unless it is said.
const ROUNDS: u64 = 24;
/// How often a list is gone on with before something must be wrong.
const MOST_PROCESSES: u32 = 60;

/// When a process is killed.
#[derive(Debug, Clone)]
enum Kill {
    Never,
    /// From outside, after so long.
    After(Duration),
    /// Asked to stop, after so long.
    Ask(Duration),
    /// By itself, at an event: `committed:3`.
    At(String),
}

/// What was seen in all rounds.
#[derive(Debug, Default)]
struct Seen {
    rounds: u64,
    processes: u64,
    /// Killed with nothing committed that was not settled.
    killed_between: u64,
    /// Killed while a batch was committed that the server had, and while it did not have it.
    killed_accepted: u64,
    killed_not_accepted: u64,
    /// Batches that were found in the server's list, and that were sent again.
    found: u64,
    resent: u64,
    refused: u64,
    faults: u64,
    exits: BTreeMap<Option<i32>, u64>,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.rounds += other.rounds;
        self.processes += other.processes;
        self.killed_between += other.killed_between;
        self.killed_accepted += other.killed_accepted;
        self.killed_not_accepted += other.killed_not_accepted;
        self.found += other.found;
        self.resent += other.resent;
        self.refused += other.refused;
        self.faults += other.faults;
        for (code, count) in other.exits {
            *self.exits.entry(code).or_default() += count;
        }
    }
}

/// A list, and the server that it is sent to.
struct Round {
    runtime: Runtime,
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    list: PathBuf,
    /// Who is to get a message, in order.
    wanted: Vec<String>,
    in_flight: u64,
    max_messages: u64,
    flags: Vec<&'static str>,
    seen: Seen,
}

fn number(index: u64) -> String {
    format!("+1212{:07}", 2_000_000 + index)
}

/// One in ten is rejected by the server.
fn is_rejected(index: u64) -> bool {
    index % 10 == 7
}

impl Round {
    fn new(recipients: u64, in_flight: u64, max_messages: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let rejected = (0..recipients).filter(|&index| is_rejected(index));
        let builder = Sandbox::builder()
            .access_token(TOKEN)
            .rate_limit(None)
            .reject(RejectRule::Numbers(rejected.map(number).collect()));
        let sandbox = runtime.block_on(builder.start()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list.txt");
        let mut lines = String::from("# a list\n");
        for index in 0..recipients {
            if index % 50 == 11 {
                lines += "nobody\n";
            }
            lines += &(number(index) + "\n");
        }
        fs::write(&list, lines).unwrap();
        let wanted = (0..recipients).filter(|&index| !is_rejected(index));
        Self {
            runtime,
            sandbox,
            folder,
            list,
            wanted: wanted.map(number).collect(),
            in_flight,
            max_messages,
            flags: Vec::new(),
            seen: Seen {
                rounds: 1,
                ..Seen::default()
            },
        }
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("list.txt.batchcast")
    }

    fn state(&self) -> Option<State> {
        Journal::read(&self.journal()).ok()
    }

    /// Runs a process to its end, whatever that is: a send, or a resume once there is something to resume.
    fn process(&mut self, kill: &Kill) -> ExitStatus {
        let mut command = program();
        if self.state().is_some() {
            command.arg("resume").arg(self.journal());
        } else {
            let max_messages = self.max_messages.to_string();
            command.args(["send", "--max-messages", &max_messages]);
            command.arg(&self.list);
        }
        let stderr = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("stderr"))
            .unwrap();
        command
            .args(["--from", "+16505550111", "--text", "Hello Team"])
            .args([
                "--in-doubt",
                "resend",
                "--in-flight",
                &self.in_flight.to_string(),
            ])
            .args(&self.flags)
            .env("RC_SERVER_URL", self.sandbox.base_url())
            .env("RC_ACCESS_TOKEN", TOKEN)
            // What a server has it shows at once here: nothing is gained by waiting for it.
            .env(
                "BATCHCAST_TEST_PAUSES",
                "retry=2ms,grace=5ms,look=5ms,answer=20s,stall=20s,token=2ms",
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr);
        if let Kill::At(event) = kill {
            command.env("BATCHCAST_TEST_KILL_AT", event);
        }
        let mut child = command.spawn().unwrap();
        let started = Instant::now();
        let limit = match kill {
            Kill::After(time) => *time,
            _ => PATIENCE,
        };
        let mut asks = match kill {
            Kill::Ask(time) => Some(*time),
            _ => None,
        };
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() >= limit {
                child.kill().unwrap();
                break child.wait().unwrap();
            }
            if asks.take_if(|time| started.elapsed() >= *time).is_some() {
                kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
            }
            thread::sleep(Duration::from_micros(200));
        };
        if !matches!(kill, Kill::After(_)) {
            assert_ne!(status.signal(), Some(9), "it hangs: {}", self.stderr());
        }
        self.runtime.block_on(self.sandbox.settled()).unwrap();
        self.seen.processes += 1;
        if status.code().is_none() {
            self.look_at_the_dead();
        }
        *self.seen.exits.entry(status.code()).or_default() += 1;
        status
    }

    /// Where it was when it was killed.
    fn look_at_the_dead(&mut self) {
        let open = self.state().map(|state| {
            let open = state.open().map(|batch| batch.batch);
            open.collect::<Vec<_>>()
        });
        let open = open.unwrap_or_default();
        if open.is_empty() {
            self.seen.killed_between += 1;
        }
        let arrived = self.arrived();
        for batch in open {
            // Any of its recipients: they are sent together or not at all.
            let lines = fs::read_to_string(&self.list).unwrap();
            let mut lines = lines
                .lines()
                .skip(usize::try_from(batch.first.line).unwrap() - 1);
            let is_sent = |line: &str| arrived.iter().any(|to| to == line);
            if lines.by_ref().take(5).any(is_sent) {
                self.seen.killed_accepted += 1;
            } else {
                self.seen.killed_not_accepted += 1;
            }
        }
    }

    fn arrived(&self) -> Vec<String> {
        let batches = self.sandbox.accepted();
        let all = batches.iter().flat_map(AcceptedBatch::recipients);
        all.map(str::to_owned).collect()
    }

    /// Everybody got the message once, the journal is finished, and says what it was.
    fn check(&mut self) {
        let mut arrived = self.arrived();
        arrived.sort();
        assert!(
            arrived == self.wanted,
            "{} arrived, {} were to: {}",
            arrived.len(),
            self.wanted.len(),
            self.stderr()
        );
        let state = self.state().unwrap();
        assert!(state.finished && state.open().next().is_none());
        let ids: Vec<_> = state.ids().collect();
        assert_eq!(ids.len(), self.sandbox.accepted().len());
        let journal = fs::read_to_string(self.journal()).unwrap();
        for (count, part) in [
            (&mut self.seen.found, "\"found\":true"),
            (&mut self.seen.resent, "\"decision\":\"resend\""),
            (&mut self.seen.refused, "{\"refused\":"),
        ] {
            *count = journal.matches(part).count() as u64;
        }
        for batch in &state.batches {
            assert_ne!(batch.status, Status::Skipped, "{batch:?}");
        }
        self.seen.faults = self.sandbox.stats().faults;
        self.check_report();
    }

    /// The report says the same of each record, however often its batch was sent again, split or looked for.
    fn check_report(&self) {
        self.sandbox.set_faults(String::new().parse().unwrap());
        let report = program()
            .arg("report")
            .arg(self.journal())
            .env("RC_SERVER_URL", self.sandbox.base_url())
            .env("RC_ACCESS_TOKEN", TOKEN)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&report.stderr);
        assert_eq!(report.status.code(), Some(3), "{stderr}");
        let mut rows = csv::Reader::from_reader(&*report.stdout);
        let mut delivered = Vec::new();
        let mut others = 0;
        for row in rows.records() {
            let row = row.unwrap();
            match &row[6] {
                "Delivered" => delivered.push(row[2].to_owned()),
                // The answer that named the rejected ones may have been lost.
                "Rejected" | "NotListed" => others += 1,
                "Invalid" => assert_eq!(&row[2], ""),
                _ => panic!("{row:?}: {stderr}"),
            }
        }
        delivered.sort();
        assert!(delivered == self.wanted, "{stderr}");
        let rejected =
            |line: &&str| line.starts_with('+') && !self.wanted.iter().any(|to| to == line);
        let list = fs::read_to_string(&self.list).unwrap();
        assert_eq!(others, list.lines().filter(rejected).count(), "{stderr}");
    }

    /// Goes on until it is done.
    fn finish(&mut self) {
        for _ in 0..MOST_PROCESSES {
            let status = self.process(&Kill::Never);
            match status.code() {
                // Some were rejected, some were invalid.
                Some(3) => return,
                // Stopped, in doubt: once more.
                Some(4 | 5) => {}
                Some(1) if self.is_too_large() => {}
                _ => panic!("{status}: {}", self.stderr()),
            }
        }
        panic!("it does not come to its end: {}", self.stderr());
    }

    /// The last process was stopped by a 413 to what cannot be made smaller. Here it is a whim of the server's.
    fn is_too_large(&self) -> bool {
        let stderr = self.stderr();
        let mut stopped = stderr.lines().filter(|line| line.contains("stopped: "));
        stopped.next_back().is_some_and(|why| why.contains(" 413"))
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }
}

/// A moment at which a process may be killed.
fn some_kill(rng: &mut Rng) -> Kill {
    const EVENTS: &[&str] = &[
        "opened",
        "progress",
        "committed",
        "rejected",
        "accepted",
        "replayed",
        "failed",
        "in-doubt",
        "not-found",
        "given-up",
        "waiting",
        "split",
    ];
    match rng.u8(..8) {
        0 if rng.bool() => Kill::Never,
        0 => Kill::Ask(some_time(rng)),
        1..=3 => Kill::At(format!("{}:{}", rng.choice(EVENTS).unwrap(), rng.u8(1..12))),
        _ => Kill::After(some_time(rng)),
    }
}

/// As often soon as late.
fn some_time(rng: &mut Rng) -> Duration {
    Duration::from_micros(1 << rng.u32(10..19) | rng.u64(..1_024))
}

/// What may go wrong with some of the next requests.
fn some_faults(rng: &mut Rng) -> String {
    let mut faults = Vec::new();
    for _ in 0..rng.u8(..6) {
        let bytes = rng.u32(..900);
        let effect = match rng.u8(..14) {
            0 => format!("reset after {bytes}"),
            1 => format!("close after body {bytes}"),
            2 => "answer 503 early then=reset".to_owned(),
            3 => format!("answer 502 early={bytes} body=html"),
            4 => "answer 500".to_owned(),
            5 => "answer 429 early retry-after=0".to_owned(),
            6 => "answer 429 retry-after=0".to_owned(),
            7 => "reset answer".to_owned(),
            8 => format!("close answer after {}", rng.u8(..200)),
            9 => "answer 502 accepted body=html".to_owned(),
            10 => "answer 201 accepted body=broken".to_owned(),
            11 => format!("delay {}ms", rng.u8(..30)),
            12 => "slow 50000".to_owned(),
            _ => "answer 413".to_owned(),
        };
        faults.push(format!("batch {}: {effect}", rng.u8(1..30)));
    }
    if rng.u8(..4) == 0 {
        faults.push(format!("list {}: answer 503", rng.u8(1..4)));
    }
    if rng.u8(..4) == 0 {
        faults.push("messages: answer 429 retry-after=0".to_owned());
    }
    faults.join("; ")
}

fn round(seed: u64) -> Seen {
    let mut rng = Rng::with_seed(seed);
    let mut round = Round::new(rng.u64(50..600), rng.u64(1..=4), rng.u64(3..40));
    for _ in 0..rng.u8(1..6) {
        round.flags = match rng.u8(..6) {
            0 => vec!["--spool", "none"],
            _ => Vec::new(),
        };
        let faults = some_faults(&mut rng);
        round.sandbox.set_faults(faults.parse().unwrap());
        let status = round.process(&some_kill(&mut rng));
        match status.code() {
            Some(3) => {
                round.check();
                return round.seen;
            }
            // Interrupted, perhaps by a signal that came before it was listened for.
            None | Some(4 | 5 | 130) => {}
            Some(1) if round.is_too_large() => {}
            _ => panic!("{status} with {faults:?}: {}", round.stderr()),
        }
    }
    round
        .sandbox
        .set_faults(some_faults(&mut rng).parse().unwrap());
    // Without a spool a batch in doubt cannot be compared with what the server has.
    round.flags.clear();
    round.finish();
    round.check();
    round.seen
}

fn setting(name: &str) -> Option<u64> {
    let set = std::env::var(name).ok()?;
    Some(set.parse().unwrap())
}

#[test]
fn killed_at_any_moment_everybody_gets_the_message_once() {
    let rounds = setting("BATCHCAST_KILL_ROUNDS").unwrap_or(ROUNDS);
    let first = setting("BATCHCAST_KILL_SEED").unwrap_or(1);
    let next = Arc::new(AtomicU64::new(first));
    let total = Arc::new(Mutex::new(Seen::default()));
    // Most of the time the disk is waited for.
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (next, total) = (Arc::clone(&next), Arc::clone(&total));
            thread::spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + rounds {
                        return;
                    }
                    let seen = std::panic::catch_unwind(|| round(seed));
                    let seen = seen.unwrap_or_else(|_| panic!("BATCHCAST_KILL_SEED={seed}"));
                    *total.lock().unwrap() += seen;
                }
            })
        })
        .collect();
    let ended: Vec<_> = workers.into_iter().map(thread::JoinHandle::join).collect();
    assert!(ended.iter().all(Result::is_ok), "a round failed, see above");
    let total = total.lock().unwrap();
    assert_eq!(total.rounds, rounds);
    eprintln!("{total:#?}");
    if rounds < ROUNDS {
        // A few need not have seen everything: one that is looked at again, by its seed.
        return;
    }
    // It is about these.
    assert!(total.killed_between > 0 && total.killed_accepted + total.killed_not_accepted > 0);
}

#[test]
fn killed_at_each_step_everybody_gets_the_message_once() {
    // The faults make the steps happen. None is an early answer: whether that is seen before the last bytes have
    // left is a matter of time. What is sent again though it is in doubt is not split, so what is too large comes before.
    const FAULTS: &str = "batch 2: answer 413; batch 4: answer 408; batch 6: reset answer; batch 8: answer 500; \
                          batch 10: answer 429 retry-after=0";
    let steps = [
        ("opened", [1, 2, 9]),
        // Of several on their way, one that is overtaken does not tell its own.
        ("progress", [1, 5, 5]),
        ("committed", [1, 2, 9]),
        ("rejected", [1, 2, 5]),
        ("accepted", [1, 2, 9]),
        ("failed", [1, 2, 2]),
        ("in-doubt", [1, 2, 2]),
        ("waiting", [1, 1, 1]),
        ("split", [1, 1, 1]),
    ];
    let mut total = Seen::default();
    for (step, moments) in steps {
        for (moment, in_flight) in moments.into_iter().zip([1, 1, 3]) {
            let mut round = Round::new(300, in_flight, 11);
            round.sandbox.set_faults(FAULTS.parse().unwrap());
            let kill = Kill::At(format!("{step}:{moment}"));
            let status = round.process(&kill);
            assert_eq!(
                status.code(),
                None,
                "{kill:?}: {status}, {}",
                round.stderr()
            );
            // And once more, as soon as what was sent before was seen again, and where a batch is in doubt.
            round
                .sandbox
                .set_faults("batch 2: reset answer".parse().unwrap());
            let again = ["replayed:1", "committed:1", "in-doubt:1"];
            round.process(&Kill::At(
                again[usize::try_from(in_flight).unwrap() % 3].to_owned(),
            ));
            round.finish();
            round.check();
            total += round.seen;
        }
    }
    eprintln!("{total:#?}");
}
