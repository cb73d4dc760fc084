//! `cargo +nightly fuzz run exposition`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringload_fuzz::exposition(data));
