//! How many instructions the hot paths take: see `benches/README.md`.
#![allow(missing_docs, reason = "the macros make public items")]

use std::hint::black_box;

use batchcast_instructions as paths;
use batchcast_instructions::lists;
use gungraun::{
    Callgrind, CallgrindMetrics, EventKind, LibraryBenchmarkConfig, library_benchmark,
    library_benchmark_group, main,
};

#[library_benchmark]
#[bench::numbers(lists::lines())]
fn lines(list: Vec<u8>) -> Vec<u8> {
    paths::lines(&list);
    list
}

#[library_benchmark]
#[bench::plain(lists::ndjson())]
#[bench::escapes(lists::ndjson_escapes())]
#[bench::general(lists::ndjson_general())]
fn ndjson(list: Vec<u8>) -> Vec<u8> {
    paths::ndjson(&list);
    list
}

#[library_benchmark]
#[bench::plain(lists::csv())]
#[bench::quoted(lists::csv_quoted())]
#[bench::escapes(lists::csv_escapes())]
fn csv(list: Vec<u8>) -> Vec<u8> {
    paths::csv(&list);
    list
}

#[library_benchmark]
#[bench::plain(
    "your order is on its way and arrives tomorrow between 10 and 12. Reply STOP to opt out."
)]
#[bench::escapes(
    "the driver says: \"I ring twice.\"\nTrack it: https://example.com/t?id=1\\2 or reply STOP."
)]
fn escape(text: &str) -> usize {
    black_box(paths::escape(text))
}

#[library_benchmark]
fn split() -> u64 {
    black_box(paths::split())
}

library_benchmark_group!(
    name = hot_paths,
    benchmarks = [lines, ndjson, csv, escape, split]
);

main!(
    config = LibraryBenchmarkConfig::default().tool(
        Callgrind::default()
            .args(["--cache-sim=no"])
            .format([CallgrindMetrics::SingleEvent(EventKind::Ir)])
            // More than a percent over the run before fails.
            .soft_limits([(EventKind::Ir, 1.0)])
    ),
    library_benchmark_groups = hot_paths
);
