//! `cargo +nightly fuzz run exchange`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringload_fuzz::exchange(data));
