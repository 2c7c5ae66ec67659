//! See [`batchcast_fuzz::batches`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| batchcast_fuzz::batches::check(bytes));
