//! The bytes in the file, judged by `serde_json`, by a checksum of our own, and by the documentation.

use std::fs;
use std::time::{Duration, SystemTime};

use batchcast::encode::Limits;
use batchcast::journal::{Entry, Fault, Header, Journal, JournalError, Rejected, Shape, Status};
use batchcast::{Envelope, PhoneNumber, Text};
use serde_json::{Value, json};

use crate::{Place, bytes, commit, header, place, story, write};

const OPENING: &str = r#"{"batchcast":{"version":2,"run":"00112233aabbccdd","created":"2026-01-02T03:04:05.678Z","shape":{"max_bytes":50000000,"envelope":"0123456789abcdef"},"application":{}}"#;
const COMMIT: &str = r#"{"commit":{"batch":1,"first":{"record":1,"line":1,"byte":0},"last":{"record":2,"line":2,"byte":13},"messages":2,"bytes":104,"digest":"fedcba9876543210"}"#;
const AT: &str = "2026-01-02T03:04:05.678Z";

/// CRC-32, a bit at a time: the definition, to judge the quick one by.
fn crc32(bytes: &[u8], before: u32) -> u32 {
    !bytes.iter().fold(!before, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// A journal made by hand: lines without their last brace, with the time and the checksum added.
fn by_hand(lines: &[&str]) -> Place {
    by_hand_at(AT, lines)
}

/// The same at another time.
fn by_hand_at(at: &str, lines: &[&str]) -> Place {
    let mut crc = 0;
    let mut file = String::new();
    for line in lines {
        let line = format!("{line},\"at\":\"{at}\"");
        crc = crc32(line.as_bytes(), crc);
        file += &format!("{line},\"crc\":\"{crc:08x}\"}}\n");
    }
    let place = place();
    fs::write(&place.path, file).unwrap();
    place
}

#[test]
fn a_journal_made_by_hand_is_read() {
    let accepted = r#"{"accepted":{"batch":1,"id":"b-1","rejected":1,"unplaced":0,"found":false}"#;
    let place = by_hand(&[
        OPENING,
        COMMIT,
        r#"{"rejected":{"batch":1,"rejects":[{"index":2,"record":2,"code":"SMS-RC-410"}]}"#,
        accepted,
    ]);
    let state = Journal::read(&place.path).unwrap();
    assert_eq!(state.header.run, "00112233aabbccdd");
    assert_eq!(state.header.shape.envelope, 0x0123_4567_89ab_cdef);
    let [batch] = &state.batches[..] else {
        panic!("{state:?}")
    };
    assert_eq!(batch.batch.digest, 0xfedc_ba98_7654_3210);
    assert_eq!(batch.batch.last.byte, 13);
    assert_eq!(batch.rejects, 1);
    assert!(matches!(&batch.status, Status::Accepted { id, .. } if id == "b-1"));
    let since_epoch = batch
        .committed
        .at
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert_eq!(since_epoch.as_millis(), 1_767_323_045_678);
}

#[test]
fn a_pause_does_not_become_longer_when_the_clock_is_put_back() {
    let ended = r#"{"stopped":{"reason":"x","not_before":"9000-01-01T00:01:00.000Z"}"#;
    for line in [
        ended,
        r#"{"paused":{"not_before":"9000-01-01T00:01:00.000Z"}"#,
    ] {
        // By the clock as it was then, it is a minute.
        let place = by_hand_at("9000-01-01T00:00:00.000Z", &[OPENING, line]);
        let until = Journal::read(&place.path).unwrap().not_before.unwrap();
        assert!(until <= SystemTime::now() + Duration::from_secs(60));
        let place = by_hand(&[OPENING, line]);
        let until = Journal::read(&place.path).unwrap().not_before.unwrap();
        assert!(until > SystemTime::now() + Duration::from_secs(60));
    }
}

#[test]
fn who_has_made_a_batch_is_known() {
    let commit = |batch: u64, first: u64, last: u64| {
        format!(
            r#"{{"commit":{{"batch":{batch},"first":{{"record":{first},"line":0,"byte":0}},"last":{{"record":{last},"line":0,"byte":0}},"messages":1,"bytes":104,"digest":"fedcba9876543210"}}"#
        )
    };
    let decided = |batch: u64| format!(r#"{{"decided":{{"batch":{batch},"decision":"resend"}}"#);
    let refused = |batch: u64| format!(r#"{{"refused":{{"batch":{batch},"status":413}}"#);
    let lines = [
        OPENING.to_owned(),
        commit(1, 1, 10),
        commit(2, 21, 30),
        commit(3, 41, 50),
        // As an older version wrote it, and as this one does.
        r#"{"resumed":{"version":"0.1.0"}"#.to_owned(),
        commit(4, 61, 70),
        r#"{"resumed":{"version":"0.2.0","application":{"opt_outs":1}}"#.to_owned(),
        // Sent again as it was, and refused.
        decided(1),
        commit(1, 1, 10),
        refused(1),
        // Too large, and then in parts.
        commit(5, 71, 80),
        refused(5),
        commit(6, 71, 75),
        // Decided on, and left to the next process; the rest of one that was too large is new there.
        decided(2),
        r#"{"resumed":{"version":"0.2.0"}"#.to_owned(),
        commit(2, 21, 30),
        commit(7, 76, 80),
    ];
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let state = Journal::read(&by_hand(&lines).path).unwrap();
    let made: Vec<_> = state
        .batches
        .iter()
        .map(|batch| (batch.batch.number, batch.process))
        .collect();
    assert_eq!(
        made,
        [(1, 0), (2, 0), (3, 0), (4, 1), (5, 2), (6, 2), (7, 3)]
    );
    let said: Vec<_> = state.resumes.iter().map(|said| json!(said)).collect();
    assert_eq!(said, [json!({}), json!({"opt_outs": 1}), json!({})]);
    assert_eq!(state.resumed, 3);
}

#[test]
fn a_line_is_one_json_object_with_its_kind_its_time_and_its_checksum() {
    let bytes = bytes(&story());
    let text = str::from_utf8(&bytes).unwrap();
    assert!(text.ends_with("}\n"));
    let mut before = 0;
    for (number, line) in text.lines().enumerate() {
        let Value::Object(line_as_json) = serde_json::from_str(line).unwrap() else {
            panic!("{line}")
        };
        let mut names: Vec<_> = line_as_json.keys().map(String::as_str).collect();
        names.retain(|&name| name != "at" && name != "crc");
        assert_eq!(names.len(), 1, "{line}");
        assert_eq!(names[0] == "batchcast", number == 0, "{line}");

        // 2026-01-02T03:04:05.678Z
        let at = line_as_json["at"].as_str().unwrap();
        assert_eq!(
            (at.len(), &at[10..11], &at[19..20], &at[23..]),
            (24, "T", ".", "Z"),
            "{at}"
        );

        let crc = line_as_json["crc"].as_str().unwrap();
        let end = line.rfind(r#","crc":"#).unwrap();
        before = crc32(&line.as_bytes()[..end], before);
        assert_eq!(crc, format!("{before:08x}"), "{line}");
    }
}

#[test]
fn what_is_written_is_read() {
    let place = place();
    let header = header();
    let mut journal = Journal::create(&place.path, &header).unwrap();
    assert_eq!(journal.path(), place.path);
    journal.append(&commit(3, 5, 9)).unwrap();
    journal.sync().unwrap();
    drop(journal);
    let state = Journal::read(&place.path).unwrap();
    assert_eq!(state.header, header);
    assert_eq!(state.batches[0].batch, crate::batch(3, 5, 9));
}

#[test]
fn a_later_version_is_refused_whatever_its_checksum_is() {
    for version in [0, 1, 12, u64::from(u32::MAX) + 2] {
        let opening = OPENING.replace(r#""version":2"#, &format!(r#""version":{version}"#));
        let place = by_hand(&[&opening]);
        let sealed = fs::read_to_string(&place.path).unwrap();
        for file in [sealed, format!("{opening},\"sha\":\"x\"}}}}\n")] {
            fs::write(&place.path, file).unwrap();
            let error = Journal::open(&place.path).unwrap_err();
            assert!(
                matches!(error, JournalError::Version { found, .. } if found == version),
                "{error:?}"
            );
            assert!(
                error.to_string().contains("use the version that wrote it"),
                "{error}"
            );
        }
    }
}

#[test]
fn what_a_newer_program_says_is_not_passed_over() {
    for line in [
        r#"{"recalled":{"batch":1}"#,
        r#"{"decided":{"batch":1,"decision":"ask"}"#,
    ] {
        let place = by_hand(&[OPENING, COMMIT, line]);
        let error = Journal::open(&place.path).unwrap_err();
        assert!(
            matches!(error, JournalError::Unknown { line: 3, .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains("newer version"), "{error}");
    }
}

#[test]
fn what_a_newer_program_adds_to_a_line_is() {
    let opening = OPENING.replace(r#""run""#, r#""host":"a","run""#);
    let commit = COMMIT.replace(r#""messages""#, r#""segments":3,"messages""#);
    let stopped = r#"{"stopped":{"reason":"x","signal":2}"#;
    let place = by_hand(&[&opening, &commit, stopped]);
    let state = Journal::read(&place.path).unwrap();
    assert_eq!(
        (state.batches.len(), state.stopped.as_deref()),
        (1, Some("x"))
    );
}

#[test]
fn a_line_with_a_right_checksum_and_wrong_contents_is_damage() {
    for line in [
        r#"{"commit":{"batch":1}"#,
        r#"{"commit":{"batch":-1}"#,
        r#"{"limit":{"max_bytes":"+14155550100"}"#,
        r#"{"stopped":null"#,
        r#"{"resumed":{"version":"1"},"stopped":{"reason":"x"}"#,
        r#"{"commit":"#,
        r#"[{"a":1"#,
        "",
        &COMMIT.replace("fedcba9876543210", "+14155550100x"),
    ] {
        let place = by_hand(&[OPENING, line]);
        let error = Journal::open(&place.path).unwrap_err();
        let JournalError::Damaged { fault, line: 2, .. } = &error else {
            panic!("{line}: {error:?}")
        };
        assert_eq!(*fault, Fault::Content, "{line}");
        assert!(!error.to_string().contains("4155550100"), "{error}");
    }
    let place = by_hand(&[r#"{"batchcast":{"version":2}"#]);
    let error = Journal::open(&place.path).unwrap_err();
    assert!(
        matches!(error, JournalError::Damaged { line: 1, .. }),
        "{error:?}"
    );
}

#[test]
fn an_order_that_cannot_be_is_damage() {
    let place = by_hand(&[OPENING, COMMIT, COMMIT]);
    let error = Journal::read(&place.path).unwrap_err();
    let JournalError::Damaged { fault, line: 3, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(matches!(fault, Fault::Order(_)));
    assert!(
        error.to_string().contains("batch 1 is committed"),
        "{error}"
    );
}

#[test]
fn no_number_gets_into_the_file_by_way_of_a_code_or_a_reason() {
    let number = "+14155550100";
    let outside = || format!("{number}: \u{1b}[1mbusy\n{number}");
    let entries = [
        commit(1, 1, 2),
        Entry::Rejected {
            batch: 1,
            rejects: vec![Rejected {
                index: 1,
                record: None,
                line: None,
                code: outside(),
            }],
        },
        Entry::Refused {
            batch: 1,
            status: 400,
            code: Some(outside()),
        },
        commit(2, 3, 4),
        Entry::InDoubt {
            batch: 2,
            reason: outside(),
            disowned: false,
        },
        Entry::Stopped {
            reason: outside(),
            not_before: None,
        },
    ];
    let file = String::from_utf8(bytes(&entries)).unwrap();
    assert!(!file.contains("4155550"), "{file}");
    assert!(!file.contains("[1m\\u"), "{file}");
    assert_eq!(file.matches("+*******0100: ").count(), 4, "{file}");
}

#[test]
fn the_shape_is_told_by_what_all_messages_share() {
    let from = |number| Envelope::new(PhoneNumber::parse(number).unwrap());
    let text = |text| Text::new(text).unwrap();
    let shapes: Vec<_> = [
        from("+16505550100"),
        from("+16505550101"),
        from("+16505550100").with_text(text("a")),
        from("+16505550100").with_text(text("b")),
    ]
    .iter()
    .map(|envelope| Shape::new(envelope, Limits::default()))
    .collect();
    for (at, shape) in shapes.iter().enumerate() {
        assert_eq!((shape.max_bytes, shape.max_messages), (50_000_000, None));
        assert!(!shapes[..at].contains(shape));
    }
    let limits = Limits::default()
        .with_max_bytes(7_000)
        .with_max_messages(5.try_into().unwrap());
    let shape = Shape::new(&from("+16505550100"), limits);
    assert_eq!((shape.max_bytes, shape.max_messages), (7_000, Some(5)));
    assert_eq!(shape.envelope, shapes[0].envelope);
}

#[test]
fn every_run_has_its_own_name() {
    let (one, other) = (header(), header());
    assert_ne!(one.run, other.run);
    for Header { run, created, .. } in [one, other] {
        assert_eq!(run.len(), 16);
        u64::from_str_radix(&run, 16).unwrap();
        assert_eq!((created.len(), created.ends_with('Z')), (24, true));
    }
}

/// The documentation's example is a journal; and as long as it stands there, this format is read.
#[test]
fn the_documentation_shows_a_real_journal() {
    let documentation = include_str!("../../docs/journal.md");
    let (_, rest) = documentation.split_once("```json\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let place = place();
    fs::write(&place.path, example).unwrap();
    let state = Journal::read(&place.path).unwrap();
    assert_eq!((state.torn, state.finished), (0, true));
    assert_eq!(
        state.header.application,
        *json!({"format": "csv"}).as_object().unwrap()
    );

    // Every kind of line is in it, and is explained.
    let kind = |line: &str| {
        let (kind, _) = line[2..].split_once('"').unwrap();
        kind.to_owned()
    };
    let here = crate::place();
    write(&here.path, &story());
    for line in fs::read_to_string(&here.path).unwrap().lines() {
        let kind = kind(line);
        assert!(example.contains(&format!("{{\"{kind}\":")), "{kind}");
        assert!(documentation.contains(&format!("| `{kind}` |")), "{kind}");
    }
}
