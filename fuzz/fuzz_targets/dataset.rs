//! `cargo +nightly fuzz run dataset`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringload_fuzz::dataset(data));
