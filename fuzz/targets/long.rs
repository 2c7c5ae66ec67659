//! See [`batchcast_fuzz::long`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| batchcast_fuzz::long::check(bytes));
