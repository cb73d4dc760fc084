//! The examples of the library, as a reader would run them, against the built-in server.

use crate::known_answers::paced;
use ringload_tests::{binary, together};
use std::process::Command;

#[test]
fn an_open_loop_prints_its_verdict_latencies_and_goodput() {
    let out = run("open_loop_with_slo", "", &["mock", "1"]);
    for said in ["time_to_first_token: p50 ", "inter_token_latency: p50 ", " good requests/s (95 %: "] {
        assert!(out.contains(said), "{said}: {out}");
    }
}

#[test]
fn a_closed_loop_prints_its_throughput() {
    let out = run("closed_loop", "", &["mock", "40"]);
    assert!(out.contains("40 of 40 succeeded") && out.contains("Request Throughput: "), "{out}");
}

#[test]
fn an_api_of_any_shape_is_spoken() {
    let out = run("custom_api", "/v1/completions", &["mock"]);
    assert!(out.contains("20 of 20 succeeded"), "{out}");
}

/// What an example prints; it ends well, or with the status 1 of a run that the machine spoiled.
fn run(example: &str, path: &str, args: &[&str]) -> String {
    let _turn = together();
    let server = paced(5, 1);
    let url = format!("http://{}{path}", server.addr());
    let out = Command::new(binary::example(example)).arg(url).args(args).output().expect("the example runs");
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(matches!(out.status.code(), Some(0 | 1)), "{:?}: {text}", out.status);
    text
}
