//! A run against the sandbox, in one process or several, and what has to be true of it whatever happens.

use std::collections::HashMap;
use std::fs::File;
use std::io::Cursor;
use std::path::PathBuf;
use std::time::Duration;

use batchcast::encode::Limits;
use batchcast::input::{Fields, Format, Parser};
use batchcast::journal::{Header, Journal, JournalError, Shape};
use batchcast::send::{
    Client, ClientBuilder, Credentials, DoubtPolicy, FailureKind, Reconciliation, Report, Retry,
    Sender, Spool, Stopped,
};
use batchcast::{Envelope, PhoneNumber, Text};
use batchcast_sandbox::fault::FaultPlan;
use batchcast_sandbox::{Sandbox, SandboxBuilder};
use serde_json::Map;
use tempfile::TempDir;

pub(crate) type Ended = Result<Report, Stopped>;

/// Where a body is from that has to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bodies {
    Spooled,
    /// Made again from the list.
    Reread,
    Gone,
}

/// How a run is to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) in_flight: usize,
    pub(crate) bodies: Bodies,
    pub(crate) policy: DoubtPolicy,
    pub(crate) tries: u32,
    pub(crate) grace: Duration,
    pub(crate) answer_within: Duration,
    pub(crate) jwt: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            in_flight: 1,
            bodies: Bodies::Spooled,
            policy: DoubtPolicy::Stop,
            tries: 3,
            grace: Duration::ZERO,
            answer_within: Duration::from_secs(20),
            jwt: false,
        }
    }
}

/// A list, a journal, a sandbox.
pub(crate) struct House {
    pub(crate) sandbox: Sandbox,
    pub(crate) messages: usize,
    pub(crate) per_batch: u64,
    dir: TempDir,
}

impl House {
    pub(crate) async fn new(messages: usize, per_batch: u64) -> Self {
        Self::with(messages, per_batch, |sandbox| sandbox).await
    }

    pub(crate) async fn with(
        messages: usize,
        per_batch: u64,
        build: impl FnOnce(SandboxBuilder) -> SandboxBuilder,
    ) -> Self {
        let builder = Sandbox::builder().rate_limit(None).access_token("a-token");
        // What a power failure leaves is not at issue here, and a disk is slow.
        let in_memory = tempfile::tempdir_in("/dev/shm");
        Self {
            sandbox: build(builder).start().await.unwrap(),
            messages,
            per_batch,
            dir: in_memory.or_else(|_| tempfile::tempdir()).unwrap(),
        }
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.dir.path().join("list.journal")
    }

    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub(crate) fn numbers(&self) -> Vec<String> {
        let number = |index| format!("+1415777{index:04}");
        (0..self.messages).map(number).collect()
    }

    pub(crate) fn input(&self) -> Vec<u8> {
        let lines = self.numbers().into_iter().map(|number| number + "\n");
        lines.collect::<String>().into_bytes()
    }

    /// The list as a file, and where in that it begins.
    pub(crate) fn list(&self, list: &[u8]) -> (File, u64) {
        const BEFORE: &[u8] = b"+16505550199\n";
        let path = self.list_path();
        std::fs::write(&path, [BEFORE, list].concat()).unwrap();
        (File::open(path).unwrap(), BEFORE.len() as u64)
    }

    pub(crate) fn list_path(&self) -> PathBuf {
        self.dir.path().join("list.txt")
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits::default().with_max_messages(self.per_batch.try_into().unwrap())
    }

    /// A sender without a journal.
    pub(crate) fn plain(&self, options: Options) -> Sender {
        let client = client(&self.sandbox.base_url(), options).build().unwrap();
        let pause = Duration::from_millis(1);
        let reconciliation = Reconciliation::default()
            .policy(options.policy)
            .grace(options.grace, Duration::from_millis(10));
        let spool = match options.bodies {
            Bodies::Spooled | Bodies::Reread => Spool::in_directory(self.dir.path()),
            Bodies::Gone => Spool::none(),
        };
        let sender = Sender::new(client, envelope());
        let sender = match options.bodies {
            Bodies::Reread => {
                let (file, start) = self.list(&self.input());
                sender.reread_from(file, start)
            }
            Bodies::Spooled | Bodies::Gone => sender,
        };
        sender
            .limits(self.limits())
            .retry(Retry::default().tries(options.tries).pauses(pause, pause))
            .reconciliation(reconciliation)
            .spool(spool)
            .in_flight(options.in_flight)
    }

    /// A sender with the journal of the run, new or gone on with.
    pub(crate) async fn sender(&self, options: Options) -> Sender {
        let sender = self.plain(options);
        let path = self.journal();
        if !path.exists() {
            let header = Header::new(Shape::new(&envelope(), self.limits()), Map::new());
            return sender.journal(Journal::create(&path, &header).unwrap());
        }
        // A process that was given up in the middle may be at its last write.
        for _ in 0..500 {
            match Journal::open(&path) {
                Ok((journal, state)) => return sender.resume(journal, state),
                Err(JournalError::Locked { .. }) => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the journal stays locked");
    }

    /// One process.
    pub(crate) async fn run(&self, options: Options) -> Ended {
        let input = std::io::Cursor::new(self.input());
        let sender = self.sender(options).await;
        let ended = within(sender.send_input(input, lines())).await;
        self.sandbox.settled().await.unwrap();
        self.check(&ended);
        ended
    }

    /// As many processes as it takes.
    pub(crate) async fn run_until_done(&self, options: Options) -> Report {
        let mut why = String::new();
        for _ in 0..20 {
            match self.run(options).await {
                Ok(report) => return report,
                Err(stopped) => {
                    assert!(stopped.is_passing(), "{stopped}");
                    why = stopped.to_string();
                }
            }
        }
        panic!("it does not come to an end: {why}");
    }

    /// How often the server has accepted a message to each number of the list.
    pub(crate) fn times_accepted(&self) -> Vec<usize> {
        let mut times = HashMap::<String, usize>::new();
        for batch in self.sandbox.accepted() {
            for recipient in batch.recipients() {
                *times.entry(recipient.to_owned()).or_default() += 1;
            }
        }
        let numbers = self.numbers();
        let of = |number| times.remove(number).unwrap_or(0);
        let times_of_list = numbers.iter().map(of).collect();
        assert!(times.is_empty(), "{} are not in the list", times.len());
        times_of_list
    }

    pub(crate) fn assert_exactly_once(&self) {
        let times = self.times_accepted();
        assert!(times.iter().all(|times| *times == 1), "{times:?}");
    }

    /// What a report says is what the server has, and nobody got a message twice.
    pub(crate) fn check(&self, ended: &Ended) {
        let (report, shown) = match ended {
            Ok(report) => (report, String::new()),
            Err(stopped) => (&*stopped.report, stopped.to_string()),
        };
        assert!(!shown.contains("1415777"), "{shown}");
        assert!(!shown.contains("a-token"), "{shown}");
        let times = self.times_accepted();
        for (record, &times) in (1_u64..).zip(&times) {
            let is_in = |ranges: &[std::ops::RangeInclusive<u64>]| {
                ranges
                    .iter()
                    .filter(|range| range.contains(&record))
                    .count()
            };
            let unsent = is_in(&report.not_sent)
                + usize::from(report.not_sent_from.is_some_and(|from| record >= from));
            let unknown = is_in(&report.in_doubt) + is_in(&report.skipped);
            let accepted = is_in(&report.accepted);
            let told = format!("record {record} ({times} times): {report:?} {shown}");
            assert_eq!(unsent + unknown + accepted, 1, "{told}");
            assert!(times <= 1, "{told}");
            if unknown == 0 {
                assert_eq!(times, accepted, "{told}");
            }
        }
        let accepted: u64 = report
            .accepted
            .iter()
            .map(|range| range.end() - range.start() + 1)
            .sum();
        assert_eq!(report.messages, accepted);
    }
}

pub(crate) async fn send(sender: Sender, input: Vec<u8>) -> Ended {
    within(sender.send_input(Cursor::new(input), lines())).await
}

pub(crate) fn resend() -> Options {
    Options {
        policy: DoubtPolicy::Resend,
        ..Options::default()
    }
}

/// A run that stops with its first batch in doubt, because the list is not to be had.
pub(crate) async fn in_doubt(house: &House, fault: &str) {
    in_doubt_at(house, &format!("batch 1: {fault}")).await;
}

/// The same with the batch of the fault.
pub(crate) async fn in_doubt_at(house: &House, fault: &str) {
    let faults: FaultPlan = format!("{fault}; list: answer 403").parse().unwrap();
    house.sandbox.set_faults(faults);
    let stopped = house.run(Options::default()).await.unwrap_err();
    let is_unclear = matches!(stopped.failure.kind(), FailureKind::Unclear { .. });
    assert!(is_unclear, "{stopped}");
}

/// A deadlock is a failure, not a test that hangs.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .expect("it hangs")
}

pub(crate) fn client(base_url: &str, options: Options) -> ClientBuilder {
    let credentials = if options.jwt {
        Credentials::jwt("id", "secret", "jwt")
    } else {
        Credentials::access_token("a-token")
    };
    Client::builder(base_url, credentials)
        .connect_timeout(Duration::from_secs(5))
        .stall_timeout(Duration::from_secs(20))
        .response_timeout(options.answer_within)
        .token_pause(Duration::from_millis(1))
}

pub(crate) fn envelope() -> Envelope {
    let from = PhoneNumber::parse("+16505550100").unwrap();
    Envelope::new(from).with_text(Text::new("Hi").unwrap())
}

pub(crate) fn lines() -> Parser {
    Parser::new(Format::Lines, &Fields::default())
}
