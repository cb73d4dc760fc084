//! `cargo +nightly fuzz run http1`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringload_fuzz::http1(data));
