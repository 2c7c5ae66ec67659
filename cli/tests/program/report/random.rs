//! The same of random lists: what is told is what was sent.

use std::collections::HashMap;
use std::path::PathBuf;

use super::judge::TEMPLATE;
use crate::after::{ask, rows};
use crate::api::Api;
use crate::support::{FROM, Files, Run, TEXT, lines_of_json, number, read};

/// A random list, and how it is sent.
struct Sending {
    files: Files,
    records: usize,
    text: &'static str,
    flags: String,
}

impl Sending {
    fn random(random: &mut fastrand::Rng) -> Self {
        let files = Files::new();
        let mut list = "to,first_name,text\n".to_owned();
        let records = 30;
        for _ in 0..records {
            let to = match random.u8(..10) {
                0 => "nobody".to_owned(),
                _ => number(random.usize(..15)),
            };
            let name = ["", "Ann", "Bob"][random.usize(..3)];
            let own = ["", "", "", "Own"][random.usize(..4)];
            list += &format!("{to},{name},{own}\n");
        }
        files.write("list.csv", list);
        let left = number(random.usize(..15)) + "\n" + &number(3);
        let left = files.write("left.txt", left);
        let mut flags = format!("--max-messages {}", random.u8(1..12));
        for flag in [
            "--unique".to_owned(),
            format!("--suppress {}", left.display()),
            format!("--skip {}", random.u8(..5)),
            format!("--limit {}", random.u8(1..20)),
        ] {
            if random.bool() {
                flags += &(" ".to_owned() + &flag);
            }
        }
        Self {
            files,
            records,
            text: [TEMPLATE, TEXT, "Hi {{first_name|there}}"][random.usize(..3)],
            flags,
        }
    }

    fn journal(&self) -> PathBuf {
        self.files.path("list.csv.batchcast")
    }

    /// What a report says, with a code or any.
    fn report(&self, api: &Api, flags: &str, text: &str, code: Option<i32>) -> Vec<Told> {
        let mut run = ask(api, "report").arg(self.journal()).flags(flags);
        if !text.is_empty() {
            run = run.arg("--text").arg(text);
        }
        let ran = run.run();
        assert!(
            code.is_none_or(|code| ran.status.code() == Some(code)),
            "{ran:?}"
        );
        let rows = rows(&ran.stdout);
        assert_eq!(rows.len(), self.records);
        let told = |row: &HashMap<String, String>| {
            let of = |name: &str| row[name].clone();
            let [to, status, id, why] = ["to", "status", "messageId", "description"].map(of);
            Told {
                to,
                status,
                id,
                why,
            }
        };
        rows.iter().map(told).collect()
    }

    /// With less to go by a report may say less, but nothing else.
    fn is_told_less(&self, api: &Api, whole: &[Told]) {
        let left = self.files.path("left.txt");
        let from = format!("--from {FROM}");
        let mut all = vec![self.report(api, &from, "", None)];
        let list = read(&left);
        std::fs::remove_file(&left).unwrap();
        all.push(self.report(api, "", self.text, None));
        all.push(self.report(api, "", "", None));
        std::fs::write(&left, list).unwrap();
        for (less, whole) in all.iter().flat_map(|less| less.iter().zip(whole)) {
            let is_aside = ["Invalid", "PassedOver"].contains(&&*whole.status);
            let is_less = match &*less.status {
                "Unclear" => true,
                // Whose number is suppressed may be invalid, too.
                "PassedOver" if less.why.contains("suppressed") => is_aside,
                "NotSent" => is_aside,
                // Not knowing what is sent, it does not know where the limit is, before the run has come to it.
                "Invalid" => whole.why.contains("--limit"),
                _ => false,
            };
            assert!(
                is_less || (&less.status, &less.id) == (&whole.status, &whole.id),
                "{less:?} {whole:?}"
            );
        }
    }

    /// The records in a file of those that were not sent.
    fn of(&self, file: &str) -> Vec<usize> {
        let lines = lines_of_json(&read(self.files.path(file)));
        let records = lines.iter().map(|line| line["record"].as_u64().unwrap());
        records
            .map(|record| usize::try_from(record).unwrap() - 1)
            .collect()
    }
}

/// What a report says of a record.
#[derive(Debug)]
struct Told {
    to: String,
    status: String,
    id: String,
    why: String,
}

/// Those who have a message of their own.
fn delivered(told: &[Told]) -> Vec<String> {
    let delivered = told.iter().filter(|told| told.status == "Delivered");
    let mut delivered: Vec<_> = delivered.collect();
    delivered.sort_by_key(|told| &told.id);
    assert!(delivered.iter().all(|told| !told.id.is_empty()));
    assert!(delivered.windows(2).all(|two| two[0].id != two[1].id));
    let mut numbers: Vec<_> = delivered.iter().map(|told| told.to.clone()).collect();
    numbers.sort();
    numbers
}

#[test]
fn a_report_says_of_each_record_what_the_send_did() {
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let api = Api::start(|sandbox| sandbox);
        let sending = Sending::random(&mut random);
        let got = || {
            let mut got = api.recipients();
            got.sort();
            got
        };
        let from = format!("--from {FROM}");
        let files = ["invalid", "over"].map(|name| sending.files.path(name));
        let aside = |run: Run| {
            let run = run.arg("--invalid").arg(&files[0]);
            run.arg("--passed-over").arg(&files[1])
        };
        if random.bool() {
            api.faults("batch 2-20: answer 408");
        }
        let list = sending.files.path("list.csv");
        let run = api.send_without_text(&sending.flags).arg("--text");
        let mut ran = aside(run.arg(sending.text).arg(list)).run();
        if ran.status.code() == Some(4) {
            let told = sending.report(&api, &from, sending.text, Some(4));
            assert_eq!(delivered(&told), got(), "{seed}");
            assert!(told.iter().all(|told| told.status != "Unclear"), "{told:?}");
            sending.is_told_less(&api, &told);
            api.faults("");
            files
                .iter()
                .for_each(|file| std::fs::remove_file(file).unwrap());
            let run = api.resume_without_text(sending.journal());
            ran = aside(run.arg("--text").arg(sending.text)).run();
        }
        assert!([0, 3].contains(&ran.status.code().unwrap()), "{ran:?}");
        let told = sending.report(&api, &from, sending.text, ran.status.code());
        assert_eq!(delivered(&told), got(), "{seed}");
        let [invalid, over] = ["invalid", "over"].map(|file| sending.of(file));
        let last = told.iter().rposition(|told| told.status == "Delivered");
        for (record, told) in told.iter().enumerate() {
            // The send does not look at what is behind the limit.
            let is_behind = told.why.contains("--limit");
            assert!(!is_behind || Some(record) > last);
            let expected = if invalid.contains(&record) {
                "Invalid"
            } else if over.contains(&record) || is_behind {
                "PassedOver"
            } else {
                "Delivered"
            };
            assert_eq!(told.status, expected, "{seed}: {record} {told:?}");
        }
        sending.is_told_less(&api, &told);
    }
}
