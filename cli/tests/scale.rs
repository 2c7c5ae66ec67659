//! What holds for a list of any length: memory does not grow with it, and every message arrives.
//!
//! By default the lists are short. `BATCHCAST_LARGE=1` makes them as long as the guarantees say, which
//! wants a release build: `BATCHCAST_LARGE=1 cargo test --release -p batchcast-cli --test scale`.

#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "the figures seen")]

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use batchcast_sandbox::{RejectRule, Sandbox, SandboxBuilder};
use serde_json::{Value, json};

#[path = "program/clean.rs"]
mod clean;

use clean::program;

const MIB: u64 = 1024 * 1024;
/// The most memory that sending may take, whatever the list. It counts the program's own code, of which there is some 9 MiB
/// more where it is not optimized.
const BUDGET: u64 = if cfg!(debug_assertions) { 33 } else { 24 } * MIB;

fn large() -> bool {
    std::env::var_os("BATCHCAST_LARGE").is_some()
}

fn number(index: u64) -> String {
    // An odd factor: no number comes twice.
    format!("+1{}", 2_000_000_000 + index * 7_919 % 7_999_999_999)
}

fn text(index: u64) -> String {
    let extra = ["plain", "\"quoted\"", "two\nlines", "é€👋🏽", "back\\slash"];
    let extra = extra[usize::try_from(index % 5).unwrap()];
    format!("Hi {index}, {extra} and so on, so that the text is as long as people's texts are.")
}

struct Ran {
    /// The most memory it has had, in bytes.
    peak: u64,
    /// The lines of its `--json` output.
    out: Vec<Value>,
    code: Option<i32>,
}

/// Sends what `write` writes to the program's stdin.
fn send(
    sandbox: &Sandbox,
    arguments: &[&str],
    write: impl FnOnce(&mut BufWriter<std::process::ChildStdin>) + Send + 'static,
) -> Ran {
    let mut child = start(sandbox, arguments, Stdio::piped());
    let stdin = child.stdin.take().unwrap();
    let (written, is_written) = mpsc::channel();
    let (look, has_looked) = mpsc::channel();
    let writer = thread::spawn(move || {
        let mut stdin = BufWriter::with_capacity(256 * 1024, stdin);
        write(&mut stdin);
        stdin.flush().unwrap();
        // All of it but what the pipe holds has gone through the program, and it is still there to be looked at.
        written.send(()).unwrap();
        has_looked.recv().unwrap();
    });
    let ran = watch(child, |child| {
        is_written.recv().unwrap();
        let peak = high_water(child).unwrap();
        look.send(()).unwrap();
        peak
    });
    writer.join().unwrap();
    ran
}

/// Sends a list that is a file, as standard input.
fn send_file(sandbox: &Sandbox, arguments: &[&str], list: File) -> Ran {
    watch(start(sandbox, arguments, list.into()), |_| 0)
}

fn start(sandbox: &Sandbox, arguments: &[&str], stdin: Stdio) -> Child {
    program()
        .args(["send", "--json", "--from", "+16505550100"])
        .args(arguments)
        .env("RC_SERVER_URL", sandbox.base_url())
        .env("RC_ACCESS_TOKEN", "sandbox")
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Looks at a process until it ends, beginning with a `first` look.
fn watch(mut child: Child, first: impl FnOnce(&Child) -> u64) -> Ran {
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || {
        let lines = stdout.lines();
        lines
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect()
    });
    // The high-water mark only grows, and is gone with the process. What the end of the list adds to it is little, and
    // looked for often.
    let mut peak = first(&child);
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        peak = high_water(&child).map_or(peak, |bytes| bytes.max(peak));
        thread::sleep(Duration::from_millis(2));
    };
    let out = reader.join().unwrap();
    Ran { peak, out, code }
}

/// The most memory that a process has had, in bytes, if it is still there.
fn high_water(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

fn summary(ran: &Ran) -> &Value {
    ran.out.last().unwrap()
}

/// A sandbox on a runtime of its own.
fn with_sandbox<T>(builder: SandboxBuilder, test: impl FnOnce(&Sandbox) -> T) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let builder = builder.access_token("sandbox").reject(RejectRule::None);
    let sandbox = runtime.block_on(builder.start()).unwrap();
    let result = test(&sandbox);
    runtime.block_on(sandbox.shutdown());
    result
}

#[test]
fn memory_does_not_grow_with_the_list() {
    let most: u64 = if large() { 100_000_000 } else { 400_000 };
    let peaks = with_sandbox(Sandbox::builder().discard(true), |sandbox| {
        [most / 10, most].map(|count| {
            let ran = send(sandbox, &["--text", "Hello Team"], move |stdin| {
                for index in 0..count {
                    writeln!(stdin, "{}", number(index)).unwrap();
                }
            });
            assert_eq!(ran.code, Some(0), "{:?}", ran.out);
            assert_eq!(summary(&ran)["messages"], json!(count));
            eprintln!("{count} recipients: peak {:.1} MiB", mib(ran.peak));
            ran.peak
        })
    });
    let [less, more] = peaks;
    assert!(more < BUDGET, "{:.1} MiB", mib(more));
    // How much is on its way at once is up to the threads. Of 90 million more recipients, 4 MiB are nothing.
    let noise = if large() { 4 } else { 2 } * MIB;
    assert!(
        more.saturating_sub(less) <= noise,
        "{:.1} MiB, and {:.1} for ten times as many",
        mib(less),
        mib(more)
    );
}

#[test]
fn a_list_that_is_a_file_keeps_to_the_budget() {
    let count: u64 = if large() { 20_000_000 } else { 2_000_000 };
    let mut list = tempfile::tempfile().unwrap();
    let mut lines = BufWriter::new(&list);
    for index in 0..count {
        writeln!(lines, "{}", number(index)).unwrap();
    }
    lines.flush().unwrap();
    drop(lines);
    list.rewind().unwrap();
    let ran = with_sandbox(Sandbox::builder().discard(true), |sandbox| {
        send_file(sandbox, &["--text", "Hello Team"], list)
    });
    assert_eq!(ran.code, Some(0), "{:?}", ran.out);
    assert_eq!(summary(&ran)["messages"], json!(count));
    eprintln!(
        "{count} recipients of a file: peak {:.1} MiB",
        mib(ran.peak)
    );
    // Looked at only while it runs; a mark of nothing is one that nobody saw.
    assert!(
        (MIB..BUDGET).contains(&ran.peak),
        "{:.1} MiB",
        mib(ran.peak)
    );
}

#[test]
fn a_compressed_list_keeps_to_the_budget() {
    // The largest window that is taken, so that all of it is used: numbers of 13 bytes.
    let count: u64 = if large() { 20_000_000 } else { 800_000 };
    for packing in ["gzip", "zstd"] {
        let ran = with_sandbox(Sandbox::builder().discard(true), |sandbox| {
            send(sandbox, &["--text", "Hello Team"], move |stdin| {
                let mut gzip;
                let mut zstd;
                let packed: &mut dyn Write = if packing == "gzip" {
                    gzip = flate2::write::GzEncoder::new(stdin, flate2::Compression::fast());
                    &mut gzip
                } else {
                    let encoder = zstd::Encoder::new(stdin, 1);
                    let mut encoder = encoder.unwrap();
                    encoder.window_log(22).unwrap();
                    zstd = encoder.auto_finish();
                    &mut zstd
                };
                let mut packed = BufWriter::new(packed);
                for index in 0..count {
                    writeln!(packed, "{}", number(index)).unwrap();
                }
                packed.flush().unwrap();
            })
        });
        assert_eq!(ran.code, Some(0), "{:?}", ran.out);
        assert_eq!(summary(&ran)["messages"], json!(count));
        eprintln!(
            "{count} recipients, {packing}: peak {:.1} MiB",
            mib(ran.peak)
        );
        assert!(ran.peak < BUDGET, "{:.1} MiB", mib(ran.peak));
    }
}

#[test]
fn memory_does_not_grow_with_the_rejects() {
    let count: u64 = if large() { 1_000_000 } else { 40_000 };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let builder = Sandbox::builder()
        .access_token("sandbox")
        .reject("every:1".parse().unwrap());
    let sandbox = runtime.block_on(builder.start()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rejected.ndjson");
    let arguments = ["--text", "Hi", "--rejected", path.to_str().unwrap()];
    let ran = send(&sandbox, &arguments, move |stdin| {
        for index in 0..count {
            writeln!(stdin, "{}", number(index)).unwrap();
        }
    });
    runtime.block_on(sandbox.shutdown());
    assert_eq!(ran.code, Some(3));
    assert_eq!(summary(&ran)["rejected"], json!(count));
    eprintln!("{count} rejects: peak {:.1} MiB", mib(ran.peak));
    assert!(ran.peak < BUDGET, "{:.1} MiB", mib(ran.peak));

    let mut rejected = 0;
    for (index, line) in BufReader::new(File::open(&path).unwrap())
        .lines()
        .enumerate()
    {
        let reject: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let index = index as u64;
        assert_eq!(reject["to"], json!(number(index)));
        assert_eq!(reject["record"], json!(index + 1));
        assert_eq!(reject["line"], json!(index + 1));
        rejected += 1;
    }
    assert_eq!(rejected, count);
}

#[test]
fn four_batches_at_once_keep_to_the_budget() {
    let count: u64 = if large() { 20_000_000 } else { 400_000 };
    let messages = (count / 10).to_string();
    let builder = Sandbox::builder().rate_limit(None).discard(true);
    let ran = with_sandbox(builder, |sandbox| {
        let arguments = [
            "--text",
            "Hi",
            "--in-flight",
            "4",
            "--max-messages",
            &messages,
        ];
        send(sandbox, &arguments, move |stdin| {
            for index in 0..count {
                writeln!(stdin, "{}", number(index)).unwrap();
            }
        })
    });
    assert_eq!(ran.code, Some(0), "{:?}", ran.out);
    assert_eq!(summary(&ran)["messages"], json!(count));
    assert_eq!(summary(&ran)["batches"], json!(10));
    eprintln!(
        "{count} recipients, four batches at once: peak {:.1} MiB",
        mib(ran.peak)
    );
    assert!(ran.peak < BUDGET, "{:.1} MiB", mib(ran.peak));
}

#[test]
fn every_personal_message_arrives_once_and_in_order() {
    let (count, max_bytes): (u64, u64) = if large() {
        (2_000_000, 50_000_000)
    } else {
        (20_000, 500_000)
    };
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record.ndjson");
    let builder = Sandbox::builder().record(&record).max_body_bytes(max_bytes);
    let ran = with_sandbox(builder, |sandbox| {
        let limit = max_bytes.to_string();
        send(sandbox, &["--max-bytes", &limit], move |stdin| {
            for index in 0..count {
                let line = json!({"to": number(index), "text": text(index)});
                writeln!(stdin, "{line}").unwrap();
            }
        })
    });
    assert_eq!(ran.code, Some(0), "{:?}", ran.out);
    assert_eq!(summary(&ran)["messages"], json!(count));
    let batches = &ran.out[..ran.out.len() - 1];
    assert!(batches.len() > 1);
    let longest = number(0).len() + text(count).len() * 2 + 40;
    for (index, batch) in batches.iter().enumerate() {
        let bytes = batch["bytes"].as_u64().unwrap();
        assert!(bytes <= max_bytes);
        let is_last = index + 1 == batches.len();
        assert!(
            is_last || bytes > max_bytes - longest as u64,
            "not full: {batch}"
        );
    }

    let mut arrived = 0;
    for line in BufReader::new(File::open(&record).unwrap()).lines() {
        let message: Value = serde_json::from_str(&line.unwrap()).unwrap();
        assert_eq!(message["to"], json!(number(arrived)));
        assert_eq!(message["text"], json!(text(arrived)));
        arrived += 1;
    }
    assert_eq!(arrived, count);
    eprintln!("{count} personal messages: peak {:.1} MiB", mib(ran.peak));
}

#[expect(clippy::cast_precision_loss, reason = "for people's eyes")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}
