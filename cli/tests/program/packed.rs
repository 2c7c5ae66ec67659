//! Compressed lists, known by their content.

use std::io::Write as _;

use serde_json::Value;

use crate::api::Api;
use crate::support::{Files, Run, batchcast, number, numbers};

pub(crate) fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: impl AsRef<[u8]>) -> Vec<u8> {
    zstd::encode_all(content.as_ref(), 3).unwrap()
}

fn encode() -> Run {
    batchcast("encode --out -").envelope()
}

fn all(count: usize) -> Vec<String> {
    (0..count).map(number).collect()
}

#[test]
fn gzip_and_zstd_of_every_format_from_a_file_and_a_pipe() {
    let csv: String = (0..30)
        .map(|index| format!("{index},{}\n", number(index)))
        .collect();
    let csv = format!("id,Mobile\n{csv}");
    let ndjson: String = (0..30)
        .map(|index| format!("{{\"to\":\"{}\"}}\n", number(index)))
        .collect();
    let files = Files::new();
    for (list, extension) in [(numbers(30), "txt"), (csv, "csv"), (ndjson, "jsonl")] {
        let (one, other) = list.as_bytes().split_at(list.len() / 2);
        let packed = [
            (gzip(&list), "gz"),
            (zstd(&list), "zst"),
            ([gzip(one), gzip(other)].concat(), "gz"),
            ([zstd(one), zstd(other)].concat(), "zst"),
        ];
        for (bytes, packing) in packed {
            let named = files.write(&format!("list.{extension}.{packing}"), &bytes);
            let nameless = files.write("list", &bytes);
            // By its content: an extension that says otherwise does not count.
            let misnamed = files.write(&format!("list.{extension}"), &bytes);
            for run in [
                encode().arg(&named),
                encode().arg(&nameless),
                encode().arg(&misnamed),
                encode().stdin(&bytes),
                encode().stdin(&bytes).arg("-"),
            ] {
                assert_eq!(run.private(&list).run().code(0).recipients(), all(30));
            }
        }
    }
}

#[test]
fn a_list_that_is_cut_off_can_be_gone_on_with_once_it_is_whole() {
    for (pack, name) in [(gzip as fn(String) -> Vec<u8>, "gzip"), (zstd, "zstd")] {
        let api = Api::start(|sandbox| sandbox);
        let files = Files::new();
        let whole = pack(numbers(2_000));
        let list = files.write("list.packed", &whole[..whole.len() - 3]);
        let run = api.send("--format lines --max-messages 100").arg(&list);
        let ran = run.private(numbers(2_000)).run().discreet();
        assert_ne!(ran.status.code(), Some(0));
        ran.err(&format!("the {name} stream is cut off"))
            .out("To go on, once that is put right");
        let before = api.stats().messages;
        // The batch that was open when it broke off was not sent.
        assert!(before < 2_000 && before.is_multiple_of(100), "{before}");

        files.write("list.packed", &whole);
        let run = api.resume(files.path("list.packed.batchcast"));
        run.private(numbers(2_000)).run().code(0);
        assert_eq!(api.recipients(), all(2_000));
    }
}

#[test]
fn damage_is_named() {
    let mut bytes = gzip(numbers(100));
    let checksum = bytes.len() - 6;
    bytes[checksum] ^= 1;
    let ran = encode().stdin(bytes).private(numbers(100)).run().code(1);
    ran.err("the gzip stream is damaged");
}

#[test]
fn the_summary_of_a_compressed_list_is_that_of_any() {
    let api = Api::start(|sandbox| sandbox);
    let lines = api
        .send("--json")
        .stdin(zstd(numbers(5)))
        .private(numbers(5));
    let lines = lines.run().code(0).json();
    assert_eq!(lines.last().unwrap()["messages"], Value::from(5));
}
