//! `cargo +nightly fuzz run hpack`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringload_fuzz::hpack(data));
