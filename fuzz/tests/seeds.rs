//! Every seed, and every input that has once found something, without a fuzzer.

use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let mut seeds = 0;
    for seed in folder.read_dir().unwrap() {
        let path = seed.unwrap().path();
        check(&std::fs::read(&path).unwrap());
        seeds += 1;
    }
    assert!(seeds > 0);
}

#[test]
fn lines() {
    replay("lines", batchcast_fuzz::lines::check);
}

#[test]
fn ndjson() {
    replay("ndjson", batchcast_fuzz::ndjson::check);
}

#[test]
fn csv() {
    replay("csv", batchcast_fuzz::csv::check);
}

#[test]
fn json_string() {
    replay("json_string", batchcast_fuzz::json_string::check);
}

#[test]
fn batches() {
    replay("batches", batchcast_fuzz::batches::check);
}

#[test]
fn long() {
    replay("long", batchcast_fuzz::long::check);
}

#[test]
fn templates() {
    replay("templates", batchcast_fuzz::templates::check);
}
