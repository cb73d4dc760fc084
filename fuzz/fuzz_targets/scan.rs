//! `cargo +nightly fuzz run scan`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringload_fuzz::scan(data));
