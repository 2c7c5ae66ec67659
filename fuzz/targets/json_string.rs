//! See [`batchcast_fuzz::json_string`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| batchcast_fuzz::json_string::check(bytes));
