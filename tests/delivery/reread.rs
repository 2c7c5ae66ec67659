//! A list that is a file: what has to be sent again is made again from it.

use std::fmt::Write as _;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::{Arc, Mutex};

use batchcast::input::{Fields, Format, Parser, Template};
use batchcast::screen::{NumberSet, Screen};
use batchcast::send::{DoubtPolicy, Event, FailureKind};
use batchcast::{ErrorKind, PhoneNumber};
use batchcast_sandbox::fault::FaultRule;

use crate::support::{Bodies, House, Options, lines, within};

/// More records than one block of the input holds, in any format.
const RECORDS: usize = 21_000;

fn rereading() -> Options {
    Options {
        bodies: Bodies::Reread,
        ..Options::default()
    }
}

fn number(index: usize) -> String {
    format!("+1415{index:07}")
}

/// A list, who is to get which text by it, and how it is read.
struct Case {
    list: String,
    expected: Vec<(String, String)>,
    parser: Parser,
}

/// With records in between that are passed over or invalid, and lines that are blank.
fn case(format: Format) -> Case {
    let mut list = String::new();
    let mut expected = Vec::new();
    let mut parser = Parser::new(format, &Fields::default());
    if format == Format::Csv {
        list.push_str("name,Phone\n");
        let template = Template::parse("Hi {{name}}!").unwrap();
        parser = parser.with_template(template).unwrap();
    }
    for index in 0..RECORDS {
        let number = number(index);
        let name = if index % 7 == 0 { "Doe,\nJ." } else { "Ann" };
        if index % 11 == 3 {
            list.push_str("\n\n");
        }
        if index % 13 == 5 {
            list.push_str("nobody\n");
            continue;
        }
        let text = match format {
            Format::Lines => {
                writeln!(list, "{number}").unwrap();
                "Hi".to_owned()
            }
            Format::Ndjson => {
                writeln!(list, r#"{{"to":["{number}"],"text":"No. {index}"}}"#).unwrap();
                format!("No. {index}")
            }
            _ => {
                writeln!(list, "\"{name}\",{number}").unwrap();
                format!("Hi {name}!")
            }
        };
        if index % 17 != 4 {
            expected.push((number, text));
        }
    }
    Case {
        list,
        expected,
        parser,
    }
}

fn suppressed() -> Screen {
    let numbers = (0..RECORDS).filter(|index| index % 17 == 4).map(number);
    let numbers = numbers.map(|number| PhoneNumber::parse(&number).unwrap());
    Screen::default().suppress(numbers.collect::<NumberSet>())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_again_is_what_was_made() {
    let faults = [
        "batch 2: answer 503",
        "batch 4: reset after body 3000",
        "batch 6: reset answer",
        "batch 8: answer 411 then=reset",
        "batch 11: answer 413",
    ];
    for format in [Format::Lines, Format::Ndjson, Format::Csv] {
        let case = case(format);
        let house = House::new(RECORDS, 2_000).await;
        for fault in faults {
            house
                .sandbox
                .push_fault(fault.parse::<FaultRule>().unwrap());
        }
        let sender = house.plain(Options {
            policy: DoubtPolicy::Resend,
            ..Options::default()
        });
        let (file, start) = house.list(case.list.as_bytes());
        let report = sender
            .screen(suppressed())
            .reread_from(file, start)
            .chunk_bytes(4_096)
            .send_input(Cursor::new(case.list), case.parser);
        let report = within(report).await.unwrap();
        house.sandbox.settled().await.unwrap();
        assert_eq!(house.sandbox.stats().faults, faults.len() as u64);
        assert_eq!(report.messages, case.expected.len() as u64);
        let sent = house.sandbox.accepted().into_iter();
        let sent = sent.flat_map(|batch| batch.messages);
        let mut sent: Vec<_> = sent
            .map(|message| (message.to, message.text.unwrap()))
            .collect();
        sent.sort_unstable();
        assert!(sent == case.expected, "{format:?}");
    }
}

// Elsewhere it is spooled, and sent again as it was.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_has_changed_is_not_sent_again() {
    for (fault, in_doubt) in [
        ("batch 2: answer 429 retry-after=0", 0),
        ("batch 2: reset answer", 2),
    ] {
        let house = House::new(6, 2).await;
        house
            .sandbox
            .push_fault(fault.parse::<FaultRule>().unwrap());
        let path = house.list_path();
        let sender = house.sender(rereading()).await.on_event(move |event| {
            if matches!(event, Event::Opened { batch: 2, .. }) {
                let list = std::fs::read_to_string(&path)?;
                std::fs::write(&path, list.replace("0003", "9993"))?;
            }
            Ok(())
        });
        let ended = within(sender.send_input(Cursor::new(house.input()), lines())).await;
        house.sandbox.settled().await.unwrap();
        house.check(&ended);
        let stopped = ended.unwrap_err();
        assert_eq!(stopped.report.in_doubt.len(), usize::from(in_doubt > 0));
        let shown = stopped.to_string();
        let is_known_kind = match stopped.failure.kind() {
            FailureKind::Changed(_) => in_doubt == 0,
            FailureKind::Unclear { .. } => in_doubt > 0,
            _ => false,
        };
        assert!(is_known_kind, "{shown}");
        assert!(shown.contains("records 3 to 4"), "{shown}");
        // The list as it was is gone on with.
        house.run(rereading()).await.unwrap();
        house.assert_exactly_once();
    }
}

/// A list of which the rest cannot be read.
struct Torn(Cursor<Vec<u8>>);

impl Read for Torn {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.0.read(bytes)? {
            0 => Err(io::Error::other("the disk is gone")),
            read => Ok(read),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_cannot_be_read_to_its_end_is_gone_on_with() {
    // Torn within a record of the third batch.
    let readable = 5 * 13 + 4;
    for bodies in [Bodies::Reread, Bodies::Spooled] {
        let house = House::new(7, 2).await;
        let options = Options {
            bodies,
            ..Options::default()
        };
        let input = Torn(Cursor::new(house.input()[..readable].to_vec()));
        let ended = within(house.sender(options).await.send_input(input, lines())).await;
        house.sandbox.settled().await.unwrap();
        house.check(&ended);
        let stopped = ended.unwrap_err();
        let FailureKind::Input(error) = stopped.failure.kind() else {
            panic!("{stopped}");
        };
        let byte = readable as u64;
        assert!(
            matches!(error.kind(), ErrorKind::Read { byte: at, .. } if *at == byte),
            "{error}"
        );
        assert!(error.to_string().contains("the disk is gone"), "{error}");
        assert_eq!(stopped.report.accepted, [1..=4]);
        house.run(options).await.unwrap();
        house.assert_exactly_once();
    }
}

/// How large the files are that this process has open there, and that have no name.
#[cfg(target_os = "linux")]
fn spooled(dir: &Path) -> u64 {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    open.map(|entry| entry.path())
        .filter(|fd| {
            let target = std::fs::read_link(fd).unwrap_or_default();
            target.starts_with(dir) && target.to_string_lossy().ends_with("(deleted)")
        })
        .filter_map(|fd| Some(std::fs::metadata(fd).ok()?.len()))
        .sum()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_body_is_on_the_disk_unless_it_is_sent_again() {
    for (fault, is_spooled) in [
        ("batch: delay 1ms", false),
        ("batch: answer 429 retry-after=0", true),
    ] {
        let house = House::new(20_000, 10_000).await;
        house
            .sandbox
            .push_fault(fault.parse::<FaultRule>().unwrap());
        // The file has no name, but the process that has it open knows its size.
        let largest = Arc::new(Mutex::new(0));
        let seen = Arc::clone(&largest);
        let dir = house.dir().to_owned();
        let sender = house.sender(rereading()).await.on_event(move |event| {
            if matches!(event, Event::Committed { .. }) {
                let mut seen = seen.lock().unwrap();
                *seen = spooled(&dir).max(*seen);
            }
            Ok(())
        });
        let input = Cursor::new(house.input());
        within(sender.send_input(input, lines())).await.unwrap();
        let largest = *largest.lock().unwrap();
        assert_eq!(largest > 200_000, is_spooled, "{largest}");
        assert_eq!(largest > 0, is_spooled, "{largest}");
        house.assert_exactly_once();
    }
}
