//! See [`batchcast_fuzz::lines`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| batchcast_fuzz::lines::check(bytes));
