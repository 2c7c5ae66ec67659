//! See [`batchcast_fuzz::templates`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| batchcast_fuzz::templates::check(bytes));
