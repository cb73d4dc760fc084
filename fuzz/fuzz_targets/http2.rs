//! `cargo +nightly fuzz run http2`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringload_fuzz::http2(data));
