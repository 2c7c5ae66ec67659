//! What it costs to be safe: a send with a journal and a spool, beside the same send without, taking turns in one
//! process. Full batches of 50 MB go over HTTP to a sandbox on loopback that only counts bytes: as fast as it can, where
//! nothing hides anything, and at the pace of a network of 1 Gbit/s.
//!
//! `cargo bench --bench journal [-- DIRECTORY]` puts the journals and the spool into `DIRECTORY`, the system's directory for
//! temporary files unless told otherwise. It has to be on a disk to say anything: forcing to memory costs nothing. It
//! prints the median of the rounds' ratios, their range, and the ratio of the quickest, which a busy machine blurs least.

mod common;

use std::io::{Cursor, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use batchcast::encode::Limits;
use batchcast::input::{Fields, Format, Parser};
use batchcast::journal::{Entry, Header, Journal, Shape};
use batchcast::send::{Client, Credentials, Sender, Spool};
use batchcast_sandbox::Sandbox;
use batchcast_sandbox::fault::FaultRule;
use bytes::Bytes;
use tokio::runtime::Runtime;

const TOKEN: &str = "sandbox";
const ROUNDS: usize = 7;
/// How often each way runs in a round; the quickest counts.
const TURNS: usize = 3;
const BATCHES: u64 = 4;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Bare,
    Spool,
    Both,
}

#[expect(clippy::print_stdout, reason = "it is what it is for")]
fn main() {
    let directory = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let directory = directory.map_or_else(std::env::temp_dir, Into::into);
    let list = list();
    compare("as fast as it can", None, TURNS, &list, &directory);
    let pace = "batch always: slow 125000000".parse().unwrap();
    compare("at 1 Gbit/s", Some(pace), 1, &list, &directory);
    let fsync = fsync(&directory);
    println!("a line of a journal on this disk: {:.2} ms", fsync * 1e3);
}

/// Lets the ways take turns, and prints what was seen.
#[expect(clippy::print_stdout, reason = "it is what it is for")]
fn compare(what: &str, pace: Option<FaultRule>, turns: usize, list: &Bytes, directory: &Path) {
    let runtime = Runtime::new().unwrap();
    let mut sandbox = Sandbox::builder()
        .access_token(TOKEN)
        .discard(true)
        .rate_limit(None);
    if let Some(pace) = pace {
        sandbox = sandbox.fault(pace);
    }
    let sandbox = runtime.block_on(sandbox.start()).unwrap();
    let url = sandbox.base_url();
    let run = |way| {
        (0..turns)
            .map(|_| runtime.block_on(send(&url, list, way, directory)))
            .min()
            .unwrap()
    };
    run(Way::Both);
    // `--test` only asks whether it runs.
    let rounds = match std::env::args().any(|argument| argument == "--test") {
        true => 1,
        false => ROUNDS,
    };
    let mut ratios = [Vec::new(), Vec::new()];
    let mut quickest = [f64::MAX; 3];
    for _ in 0..rounds {
        let times = [Way::Bare, Way::Spool, Way::Both].map(|way| run(way).as_secs_f64());
        let [bare, spool, both] = times;
        ratios[0].push(spool / bare);
        ratios[1].push(both / spool);
        for (quickest, time) in quickest.iter_mut().zip(times) {
            *quickest = time.min(*quickest);
        }
    }
    println!(
        "{BATCHES} batches of 50 MB, {what}; the quickest of all {:.0} ms",
        quickest[0] * 1e3
    );
    let names = ["a spool", "a journal beside it"];
    for ((name, mut ratios), pair) in names.into_iter().zip(ratios).zip(quickest.windows(2)) {
        ratios.sort_unstable_by(f64::total_cmp);
        println!(
            "with {name}: {:.3} of the time without ({:.3} to {:.3}); the quickest {:.3}",
            ratios[rounds / 2],
            ratios[0],
            ratios[rounds - 1],
            pair[1] / pair[0]
        );
    }
}

/// Texts as people send them, enough of them to fill the batches.
fn list() -> Bytes {
    let mut list = Vec::new();
    let most = 50_000_000 * (BATCHES - 1) + 40_000_000;
    let mut index = 0;
    while (list.len() as u64) < most {
        let (number, text) = (common::number(index), common::ASCII);
        writeln!(
            list,
            r#"{{"to":"{number}","text":"Hi, customer {index}, {text}"}}"#
        )
        .unwrap();
        index += 1;
    }
    list.into()
}

async fn send(url: &str, list: &Bytes, way: Way, directory: &Path) -> Duration {
    let client = Client::builder(url, Credentials::access_token(TOKEN));
    let envelope = common::envelope(None);
    let mut sender = Sender::new(client.build().unwrap(), envelope.clone());
    sender = sender.spool(match way {
        Way::Bare => Spool::none(),
        _ => Spool::in_directory(directory),
    });
    let folder = tempfile::tempdir_in(directory).unwrap();
    if way == Way::Both {
        sender = sender.journal(journal(&folder.path().join("journal"), &envelope));
    }
    let parser = Parser::new(Format::Ndjson, &Fields::default());
    let started = Instant::now();
    let report = sender.send_input(Cursor::new(list.clone()), parser).await;
    let took = started.elapsed();
    assert_eq!(report.unwrap().batches, BATCHES);
    took
}

fn journal(path: &Path, envelope: &batchcast::Envelope) -> Journal {
    let shape = Shape::new(envelope, Limits::default());
    let header = Header::new(shape, serde_json::Map::new());
    Journal::create(path, &header).unwrap()
}

/// How long it takes to write a line and force it to disk, in seconds: the median.
fn fsync(directory: &Path) -> f64 {
    let folder = tempfile::tempdir_in(directory).unwrap();
    let envelope = common::envelope(None);
    let mut journal = journal(&folder.path().join("journal"), &envelope);
    let mut times: Vec<_> = (0..101)
        .map(|_| {
            let started = Instant::now();
            let max_bytes = 50_000_000;
            journal.append(&Entry::Limit { max_bytes }).unwrap();
            journal.sync().unwrap();
            started.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}
