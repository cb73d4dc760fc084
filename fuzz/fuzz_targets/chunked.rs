//! `cargo +nightly fuzz run chunked`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringload_fuzz::chunked(data));
