//! See [`batchcast_fuzz::ndjson`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| batchcast_fuzz::ndjson::check(bytes));
