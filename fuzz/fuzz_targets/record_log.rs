//! `cargo +nightly fuzz run record_log`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringload_fuzz::record_log(data));
