//! `cargo +nightly fuzz run reply`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringload_fuzz::reply(data));
