//! Who has opted out since a run was begun, and what was sent before.

use std::collections::BTreeMap;
use std::path::PathBuf;

use batchcast_sandbox::AcceptedBatch;
use serde_json::json;

use crate::after::{ask, rows};
use crate::api::Api;
use crate::support::{FROM, Files, Run, lines_of_json, mode, number, numbers, read};

/// The first batch is accepted, the second one fails in passing more often than is tried.
const FAILS_AT_2: &str = "batch 2-6: answer 408";

/// A list in a file, and a server whose opt-outs change.
struct House {
    api: Api,
    files: Files,
    list: PathBuf,
    journal: PathBuf,
}

impl House {
    fn of(list: impl AsRef<[u8]>) -> Self {
        let files = Files::new();
        Self {
            api: Api::start(|sandbox| sandbox),
            list: files.write("list.txt", list),
            journal: files.path("list.txt.batchcast"),
            files,
        }
    }

    fn opted_out(&self, indexes: impl IntoIterator<Item = usize>) {
        let opt_out = |index| format!("{FROM},{},OptOut", number(index)).parse().unwrap();
        let all: Vec<_> = indexes.into_iter().map(opt_out).collect();
        self.api.sandbox.set_opt_outs(all);
    }

    fn send(&self, flags: &str) -> Run {
        let list = read(&self.list);
        self.api.send(flags).arg(&self.list).private(list)
    }

    fn resume(&self, flags: &str) -> Run {
        let list = read(&self.list);
        self.api.resume(&self.journal).flags(flags).private(list)
    }

    fn kept(&self, list: &str) -> PathBuf {
        self.files
            .path(&format!("list.txt.batchcast.opt-outs{list}"))
    }

    #[track_caller]
    fn got(&self, indexes: impl IntoIterator<Item = usize>) {
        let mut got = self.api.recipients();
        got.sort();
        let expected: Vec<_> = indexes.into_iter().map(number).collect();
        assert_eq!(got, expected);
    }

    /// What the processes that went on say of themselves in the journal.
    fn resumes(&self) -> Vec<serde_json::Value> {
        let lines = lines_of_json(&read(&self.journal));
        let resumes = lines.iter().filter_map(|line| line.get("resumed"));
        resumes
            .map(|resumed| resumed["application"].clone())
            .collect()
    }
}

#[test]
fn whoever_opts_out_before_it_is_sent_gets_nothing() {
    let house = House::of(numbers(8));
    house.opted_out([1]);
    house.api.faults(FAILS_AT_2);
    house.send("--max-messages 2 --suppress api").run().code(4);
    house.got([0, 2]);
    assert_eq!(mode(house.kept("")), 0o600);

    // One who has it already, one who has not, and one who wants it again: that is not heard within a run.
    house.api.faults("");
    house.opted_out([0, 5]);
    let passed_over = house.files.path("passed-over");
    let resume = house.resume("--json --passed-over").arg(&passed_over);
    let ran = resume.run().code(0).discreet();
    let ran = ran.err("2 numbers have opted out since this run last asked");
    house.got([0, 2, 3, 4, 6, 7]);
    assert_eq!(ran.json().pop().unwrap()["passedOver"]["suppressed"], 2);
    let lines = lines_of_json(&read(passed_over));
    let records: Vec<_> = lines.iter().map(|line| &line["record"]).collect();
    assert_eq!(records, [&json!(2), &json!(6)]);
    assert_eq!(mode(house.kept(".1")), 0o600);
    assert_eq!(house.resumes(), [json!({"opt_outs": 1})]);
    let journal = read(&house.journal);
    assert!(!journal.contains(&number(5)[1..]), "{journal}");
}

#[test]
fn each_process_makes_again_what_was_sent_as_it_was() {
    let house = House::of(numbers(14));
    house.opted_out([0]);
    // Each process sends one batch, and is stopped at the next.
    let stops_at_2 = || house.api.faults("batch 2: answer 400");
    stops_at_2();
    house.send("--max-messages 2 --suppress api").run().code(1);
    let mut got = vec![1, 2];
    house.got(got.clone());
    // Nobody new; then some who have it and some who have not.
    for (new, sent) in [
        (vec![0], [3, 4]),
        (vec![0, 2, 3, 6], [5, 7]),
        (vec![5, 8, 13], [9, 10]),
        (vec![5, 8, 13], [11, 12]),
    ] {
        house.opted_out(new);
        stops_at_2();
        let is_last = sent == [11, 12];
        house.resume("").run().code(if is_last { 0 } else { 1 });
        got.extend(sent);
        house.got(got.clone());
    }
    let lists = house.resumes();
    let lists: Vec<_> = lists.iter().map(|said| said["opt_outs"].as_u64()).collect();
    assert_eq!(lists, [0, 1, 2, 2].map(Some));
    assert!(!house.kept(".3").exists());
}

#[test]
fn a_process_that_dies_before_it_sends_has_kept_them() {
    let house = House::of(numbers(6));
    house.api.faults(FAILS_AT_2);
    house.send("--max-messages 2 --suppress api").run().code(4);
    house.api.faults("");
    house.opted_out([3]);
    let killed = house.resume("").env("BATCHCAST_TEST_KILL_AT", "opened:1");
    assert_eq!(killed.run().status.code(), None);
    house.got([0, 1]);
    assert_eq!(read(house.kept(".1")), number(3) + "\n");
    assert_eq!(house.resumes(), [json!({"opt_outs": 1})]);
    // It stays so, whatever is said later.
    house.opted_out([4]);
    house.resume("").run().code(0).err("1 number has opted out");
    house.got([0, 1, 2, 5]);
}

#[test]
fn a_list_that_the_journal_does_not_count_is_as_good_as_not_there() {
    let house = House::of(numbers(6));
    house.api.faults(FAILS_AT_2);
    house.send("--max-messages 2 --suppress api").run().code(4);
    // A process has kept a list, and died before it said so. Its number is taken by the next one.
    std::fs::write(house.kept(".1"), numbers(6)).unwrap();
    house.api.faults("batch 2-6: answer 408");
    house.opted_out([2]);
    house.resume("").run().code(4);
    house.got([0, 1, 3, 4]);
    assert_eq!(read(house.kept(".1")), number(2) + "\n");
    // Without one that it counts nothing is sent: what was sent could not be told from what was not.
    house.api.faults("");
    let moved = house.files.path("moved");
    std::fs::rename(house.kept(".1"), &moved).unwrap();
    house
        .resume("")
        .run()
        .code(1)
        .err("cannot open")
        .err(".opt-outs.1");
    std::fs::rename(&moved, house.kept(".1")).unwrap();
    house.resume("").run().code(0);
    house.got([0, 1, 3, 4, 5]);
}

#[test]
fn without_the_servers_list_nothing_is_sent() {
    let house = House::of(numbers(6));
    house.api.faults(FAILS_AT_2);
    house.send("--max-messages 2 --suppress api").run().code(4);
    house.api.faults("opt-outs always: answer 403");
    house
        .resume("")
        .run()
        .code(1)
        .err("cannot get the opt-outs")
        .err("403");
    house.got([0, 1]);
    assert_eq!(house.resumes(), Vec::<serde_json::Value>::new());
}

#[test]
fn it_can_be_asked_for_later_and_is_remembered() {
    let house = House::of(numbers(8));
    house.opted_out([0, 3]);
    house.api.faults(FAILS_AT_2);
    house.send("--max-messages 2").run().code(4);
    house.api.faults(FAILS_AT_2);
    house.resume("--suppress api").run().code(4);
    house.got([0, 1, 2, 4]);
    house.api.faults("");
    house.opted_out([3, 6]);
    house.resume("").run().code(0);
    house.got([0, 1, 2, 4, 5, 7]);
    // And a run that never asked does not ask.
    let house = House::of(numbers(4));
    house.opted_out([3]);
    house.api.faults(FAILS_AT_2);
    house.send("--max-messages 2").run().code(4);
    house.api.faults("");
    house.resume("").run().code(0);
    house.got(0..4);
    assert_eq!(house.resumes(), [serde_json::Value::Null]);
}

#[test]
fn a_batch_that_is_sent_again_on_demand_is_the_one_that_it_was() {
    // In doubt, not found, sent again, and too large: then it stays in doubt, and is not split.
    let house = House::of(numbers(800));
    house.api.faults("batch 1: answer 500");
    house
        .send("--suppress api --max-messages 700")
        .run()
        .code(5);
    house.opted_out([3, 790]);
    house.api.faults("batch 1: answer 413");
    let ran = house.resume("--in-doubt resend").run().code(5);
    ran.err("sending it in parts: an earlier attempt may have been accepted")
        .out("In doubt: records 1 to 700");
    assert_eq!(house.api.stats().messages, 0);
    house.opted_out([3, 5, 699, 790]);
    house.api.faults("");
    house.resume("").run().code(0);
    // What may have been sent is as it was, and so is what is sent again.
    house.got((0..800).filter(|&index| index != 790));
}

#[test]
fn a_record_that_cannot_be_sent_is_none_whoever_opts_out_since() {
    // The first recipient has a record without a text in front, which does not count as the one that they get.
    let record = |index, text: &str| format!("{{\"to\":\"{}\"{text}}}\n", number(index));
    let text = ",\"text\":\"Hi\"";
    let list: String = [(0, ""), (0, text), (1, text), (2, text), (2, ""), (3, text)]
        .map(|(index, text)| record(index, text))
        .concat();
    let house = House::of(&list);
    house.api.faults(FAILS_AT_2);
    let flags = "--format ndjson --max-messages 2 --unique --suppress api";
    let send = house.api.send_without_text(flags).arg(&house.list);
    send.run().code(4);
    house.got([0, 1]);
    house.api.faults("");
    house.opted_out([0, 3]);
    let resume = house.api.resume_without_text(&house.journal);
    let ran = resume.flags("--json").run().code(3);
    house.got([0, 1, 2]);
    let report = ran.json().pop().unwrap();
    assert_eq!(
        (&report["invalid"], &report["passedOver"]["suppressed"]),
        (&json!(1), &json!(1))
    );
    let run = ask(&house.api, "report --from").arg(FROM);
    let told = rows(&run.arg(&house.journal).run().code(3).stdout);
    let statuses: Vec<_> = told.iter().map(|row| row["status"].as_str()).collect();
    let (sent, over) = ("Delivered", "PassedOver");
    assert_eq!(statuses, ["Invalid", sent, sent, sent, over, over]);
}

#[test]
fn nobody_is_sent_to_who_had_opted_out_and_nobody_else_is_left_out() {
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let unique = random.bool();
        // Some are there more than once.
        let records: Vec<_> = (0..60).map(|_| random.usize(..45)).collect();
        let list: String = records.iter().map(|&index| number(index) + "\n").collect();
        let house = House::of(&list);
        let mut out: Vec<usize> = vec![random.usize(..45)];
        let mut counted: Vec<Vec<usize>> = vec![out.clone()];
        house.opted_out(out.clone());
        let fault = |random: &mut fastrand::Rng| {
            let at = random.usize(2..9);
            match random.usize(..4) {
                0 => format!("batch {at}: answer 400"),
                1 => format!("batch {at}-{}: answer 408", at + 20),
                2 => format!("batch {at}: reset answer; batch {}: answer 403", at + 1),
                _ => "batch every 3: answer 400".to_owned(),
            }
        };
        house.api.faults(&fault(&mut random));
        let flags = format!(
            "--max-messages {} --in-flight {} --suppress api {}",
            random.usize(1..6),
            random.usize(1..4),
            if unique { "--unique" } else { "" }
        );
        let mut ran = house.send(&flags).run();
        // How many batches there were when each process had ended.
        let mut ends = vec![house.api.sandbox.accepted().len()];
        while ![Some(0), Some(3)].contains(&ran.status.code()) {
            assert!(ends.len() < 60, "seed {seed}: {ran:#?}");
            if random.bool() {
                out.push(random.usize(..45));
            }
            counted.push(out.clone());
            house.opted_out(out.clone());
            house.api.faults(&if ends.len() < 12 {
                fault(&mut random)
            } else {
                String::new()
            });
            ran = house.resume("").run();
            assert!(!ran.stderr.contains("changed"), "seed {seed}: {ran:#?}");
            ends.push(house.api.sandbox.accepted().len());
        }
        let batches = house.api.sandbox.accepted();
        let mut from = 0;
        for (end, out) in ends.into_iter().zip(&counted) {
            let sent = batches[from..end]
                .iter()
                .flat_map(AcceptedBatch::recipients);
            for to in sent {
                assert!(!out.iter().any(|&index| number(index) == to), "seed {seed}");
            }
            from = end;
        }
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        house
            .api
            .recipients()
            .into_iter()
            .for_each(|to| *times.entry(to).or_default() += 1);
        // The report knows who was passed over, also those who have opted out on the way, and who was not.
        let run = ask(&house.api, "report --from").arg(FROM);
        let told = rows(&run.arg(&house.journal).run().code(0).stdout);
        let mut delivered: BTreeMap<String, usize> = BTreeMap::new();
        for row in &told {
            match row["status"].as_str() {
                "Delivered" => *delivered.entry(row["to"].clone()).or_default() += 1,
                status => assert_eq!(status, "PassedOver", "seed {seed}: {row:?}"),
            }
        }
        assert_eq!(delivered, times, "seed {seed}");
        // Not knowing whose opt-outs count, it still gives nobody another's message.
        let run = ask(&house.api, "report").arg(&house.journal).run();
        for (less, row) in rows(&run.stdout).iter().zip(&told) {
            assert!(less["status"] == "Unclear" || less["status"] == row["status"]);
        }
        for index in 0..45 {
            let there = records.iter().filter(|&&record| record == index).count();
            let wanted = if unique { there.min(1) } else { there };
            let times = times.get(&number(index)).copied().unwrap_or(0);
            if out.contains(&index) {
                assert!(times <= wanted, "seed {seed}: {index}");
            } else {
                assert_eq!(times, wanted, "seed {seed}: {index}");
            }
        }
    }
}
