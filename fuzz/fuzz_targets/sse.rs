//! `cargo +nightly fuzz run sse`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringload_fuzz::sse(data));
