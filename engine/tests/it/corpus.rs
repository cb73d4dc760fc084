//! The fuzzers' corpora, replayed: every input that was worth keeping stays right.

use crate::checks;

#[test]
fn http1_corpus() {
    replay("http1", checks::http1);
}

#[test]
fn http2_corpus() {
    replay("http2", checks::http2);
}

#[test]
fn hpack_corpus() {
    replay("hpack", checks::hpack);
}

#[test]
fn sse_corpus() {
    replay("sse", checks::sse);
}

#[test]
fn scan_corpus() {
    replay("scan", checks::scan);
}

#[test]
fn chunked_corpus() {
    replay("chunked", checks::chunked);
}

#[test]
fn exchange_corpus() {
    replay("exchange", checks::exchange);
}

#[test]
fn exposition_corpus() {
    replay("exposition", checks::exposition);
}

#[test]
fn dataset_corpus() {
    replay("dataset", checks::dataset);
}

#[test]
fn record_log_corpus() {
    replay("record_log", checks::record_log);
}

#[test]
fn reply_corpus() {
    replay("reply", checks::reply);
}

fn replay(target: &str, check: fn(&[u8])) {
    let folder = format!("{}/../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let mut replayed = 0;
    for file in files {
        let path = file.expect("an entry of the folder").path();
        let input = std::fs::read(&path).expect("a readable seed");
        let outcome = std::panic::catch_unwind(|| check(&input));
        assert!(outcome.is_ok(), "{} fails", path.display());
        replayed += 1;
    }
    assert!(replayed > 0, "{folder} is empty");
}
