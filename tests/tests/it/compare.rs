//! Runs against each other: what differs, and the exit status of a gate on it.

use crate::known_answers::paced;
use ringload_tests::profile::{Ended, Profile};
use ringload_tests::schema::follows;
use ringload_tests::together;
use serde_json::Value;
use std::fs;

/// A run of 300 requests against a server whose first token comes after so many milliseconds.
fn run(ttft: u64) -> Ended {
    let server = paced(ttft, 1);
    Profile::of(server.addr())
        .args(["--concurrency", "8", "--request-count", "300", "--osl", "2", "--allow-invalid"])
        .run()
        .exits(0)
}

fn compare(base: &Ended, new: &Ended, flags: &[&str]) -> Ended {
    Profile::compare(base.artifacts(), new.artifacts()).args(flags).run()
}

#[test]
fn a_run_beside_itself_differs_in_nothing_and_beside_a_slower_server_in_its_ttft() {
    let _turn = together();
    let (base, slower) = (run(10), run(30));
    let same = compare(&base, &base, &["--fail-if", "ttft.p50>+1%", "--format", "json"]).exits(0);
    let same: Value = serde_json::from_str(&same.stdout).expect("JSON alone");
    follows("ringload_comparison", &same);
    for difference in same["pairs"][0]["differences"].as_array().unwrap() {
        assert_eq!((&difference["change"], &difference["shown"]), (&0.0.into(), &false.into()), "{difference}");
    }
    assert_eq!(same["pairs"][0]["changed"], Value::Array(Vec::new()));
    let notes = &same["pairs"][0]["notes"];
    assert!(notes[0].as_str().is_some_and(|note| note.starts_with("one run a side: ")), "{notes}");

    let gates = ["--fail-if", "ttft.p50>+50%", "--fail-if", "rps<-90%"];
    let found = compare(&base, &slower, &gates).exits(1);
    assert!(found.stdout.lines().all(|line| line.chars().count() <= 80), "{}", found.stdout);
    for words in ["FAILED         ttft.p50>+50%", "passed         rps<-90%", "endpoint.urls", "TTFT p50, ms"] {
        assert!(found.stdout.contains(words), "{words} in {}", found.stdout);
    }
    let table = compare(&base, &slower, &["--format", "markdown"]).exits(0);
    assert!(table.stdout.contains("| TTFT p50, ms | ") && table.stdout.contains("| **+"), "{}", table.stdout);
    let page = compare(&base, &slower, &["--format", "html"]).exits(0).stdout;
    assert!(page.contains("Time to First Token") && page.contains("/pairs/0/differences/0/change"), "{page}");
    let wrong = compare(&base, &slower, &["--fail-if", "ttft.p50>5"]).exits(2);
    assert!(wrong.stderr.contains("ttft.p99>+10%"), "{}", wrong.stderr);
}

#[test]
fn records_of_aiperf_are_read_and_a_folder_without_any_is_named() {
    let _turn = together();
    let dir = tempfile::tempdir().unwrap();
    let (base, empty) = (dir.path().join("base"), dir.path().join("empty"));
    [&base, &empty].iter().for_each(|dir| fs::create_dir(dir).unwrap());
    // As AIPerf writes them: figures that ringload does not know, a phase, and an error.
    let line = |i: u64, rest: &str| {
        let (start, end) = (i * 10_000_000, i * 10_000_000 + 100_000_000);
        format!(
            r#"{{"metadata":{{"session_num":{i},"x_request_id":"a","request_start_ns":{start},"request_end_ns":{end},"worker_id":"w","benchmark_phase":"profiling","was_cancelled":false}},{rest}}}"#
        )
    };
    let served = r#""metrics":{"time_to_first_token":{"value":18.26,"unit":"ms"},"request_latency":{"value":100.0,"unit":"ms"},"output_token_count":{"value":4,"unit":"tokens"}},"error":null"#;
    let failed = r#""metrics":{"error_isl":{"value":5,"unit":"tokens"}},"error":{"code":499,"type":"X","message":"m"}"#;
    let lines: Vec<String> = (0..200).map(|i| line(i, if i % 10 == 0 { failed } else { served })).collect();
    fs::write(base.join("profile_export.jsonl"), lines.join("\n")).unwrap();
    let found = Profile::compare(&base, &base).args(["--format", "json"]).run().exits(0);
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(found["requests"], 180);
    let differences = found["pairs"][0]["differences"].as_array().unwrap();
    let of = |tag: &str, statistic: &str| {
        let mut all = differences.iter();
        all.find(|d| d["tag"] == tag && d["statistic"] == statistic).unwrap_or_else(|| panic!("{tag} {statistic}"))
    };
    assert_eq!(of("time_to_first_token", "p50")["base"], 18.26);
    assert_eq!(of("request_error_rate", "value")["base"], 0.1);
    let none = Profile::compare(&base, &empty).run().exits(2);
    assert!(none.stderr.contains("no profile_export.jsonl"), "{}", none.stderr);
}
