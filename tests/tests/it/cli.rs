//! Exit statuses, signals, and what reaches the wire.

use crate::known_answers::paced;
use ringload_tests::peer::{self, Peer, closed_port};
use ringload_tests::profile::{Ended, Profile};
use ringload_tests::{on_both, together, until};
use serde_json::{Value, json};
use std::fs;
use std::net::TcpListener;

#[test]
fn what_the_user_has_to_mend_is_exit_2_and_nothing_is_sent() {
    let _turn = together();
    let server = paced(0, 0);
    let url = format!("http://{}", server.addr());
    let base = ["--model", "m", "--url", url.as_str()];
    let cases: &[(&[&str], &str)] = &[
        (&["--no-such-flag"], "--no-such-flag"),
        (&["--concurrency", "none"], "--concurrency"),
        (&["--request-rate=-1"], "--request-rate"),
        (&["--goodput", "nonsense:1"], "nonsense"),
        (&["--cap-policy", "drop"], "--cap-policy"),
        (&["--request-rate", "5", "--cap-policy", "drop"], "--concurrency"),
        (&["--arrival-pattern", "constant"], "--request-rate"),
        (&["--concurrency", "9", "--request-count", "3"], "--request-count"),
        (&["--benchmark-grace-period", "3"], "--benchmark-duration"),
        (&["--warmup-concurrency", "3"], "--warmup-request-count"),
        (&["--stamps", "user", "--batch-wait-us", "50"], "--batch-wait-us"),
        (&["--extra-inputs", "stream:false"], "--streaming"),
        (&["-H", "Content-Length: 3"], "Content-Length"),
        (&["--cores", "0"], "--cores"),
        (&["--cores", "9999"], "--cores"),
    ];
    for (args, named) in cases {
        let ended = Profile::bare().args(base).args(*args).run().exits(2);
        assert!(ended.stderr.contains(named), "{args:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{args:?}");
        assert_eq!(ended.files(), [""; 0], "{args:?}");
    }
    assert_eq!(server.state().connections_accepted, 0);
}

#[test]
fn a_server_that_cannot_be_named_is_exit_2() {
    let _turn = together();
    for (url, named) in [
        ("unix:relative.sock", "relative.sock"),
        ("http://no-such-host.invalid:80", "no-such-host.invalid"),
        ("http://localhost:99999", "99999"),
        ("ftp://localhost", "ftp"),
    ] {
        let ended = Profile::bare().args(["--model", "m", "--request-count", "1", "--url", url]).run().exits(2);
        assert!(ended.stderr.contains(named), "{url}: {}", ended.stderr);
        assert_eq!(ended.files(), [""; 0], "{url}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_to_is_exit_2_before_anything_is_sent() {
    let _turn = together();
    let server = paced(0, 0);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "in the way").unwrap();
    for folder in [file.as_path(), &file.join("below"), "/proc/none".as_ref()] {
        let ended = Profile::of(server.addr())
            .args(["--request-count", "1"])
            .args(["--artifact-dir".as_ref(), folder.as_os_str()])
            .run()
            .exits(2);
        assert!(ended.stderr.contains("--artifact-dir"), "{}", ended.stderr);
    }
    assert_eq!(server.state().connections_accepted, 0);
}

#[test]
fn a_server_that_answers_nothing_useful_is_exit_3() {
    on_both(|io| {
        let refused =
            Profile::of(closed_port()).on(io).args(["--concurrency", "2", "--request-count", "6"]).run().exits(3);
        assert_eq!(refused.failures(), [("connect_refused".to_owned(), 6)].into());
        assert_eq!(refused.files(), FILES);

        let server = paced(0, 0);
        let unwell = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "2", "--request-count", "6"])
            .mock(&json!({"status": 503}))
            .run()
            .exits(3);
        assert_eq!(unwell.failures(), [("http_status".to_owned(), 6)].into());
        // Three lines, cause first; the rest is in the files.
        let lines: Vec<&str> = unwell.stdout.lines().collect();
        assert!(lines[0].starts_with("every request failed: http_status 503, 6 of 6"), "{}", unwell.stdout);
        assert!(unwell.stdout.contains("\n  -> ") && !unwell.stdout.contains("TTFT"), "{}", unwell.stdout);
        assert_eq!(lines.last(), Some(&"FAILED  no request of 6 succeeded"));
        assert!(unwell.findings("FAILED").contains(&"no_success".to_owned()));
        assert_eq!(server.state().refused, 6);
    });
}

#[test]
fn a_signal_drains_what_is_in_flight() {
    on_both(|io| {
        let server = paced(40, 10);
        let running = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "4", "--benchmark-duration", "600"])
            .args(["--osl", "5", "--allow-invalid"])
            .start();
        until("some are answered", || server.state().finished >= 8);
        running.signal("INT");
        let ended = running.end().exits(130);
        assert_eq!(ended.summary()["was_cancelled"], true);
        assert_eq!(ended.files(), FILES);
        assert_eq!(ended.count("in_flight_at_end"), 0);
        assert_eq!(ended.count("succeeded"), server.state().requests);
        assert_eq!(ended.records().len() as u64, ended.count("issued"));
        assert!(ended.findings("VALID").contains(&"cancelled".to_owned()));
    });
}

#[test]
fn a_second_signal_abandons_what_is_in_flight() {
    on_both(|io| {
        let server = paced(5, 5);
        let running = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "4", "--request-count", "100", "--osl", "5"])
            .mock(&json!({"stall_after": 2}))
            .start();
        until("all are stalled", || server.state().output_tokens == 8);
        running.signal("INT");
        until("the first signal is heard", || running.stderr().contains("once more to abandon"));
        running.signal("INT");
        let ended = running.end().exits(130);
        assert_eq!(ended.summary()["was_cancelled"], true);
        assert_eq!(ended.files(), FILES);
        assert_eq!((ended.count("issued"), ended.count("in_flight_at_end")), (4, 4));
        let records = ended.records();
        assert!(records.iter().all(|r| r["metadata"]["was_cancelled"] == true));
    });
}

#[test]
fn a_signal_in_the_warm_up_ends_the_run() {
    on_both(|io| {
        let server = paced(20, 0);
        let running = Profile::of(server.addr())
            .on(io)
            .args(["--warmup-duration", "600", "--request-count", "50"])
            .args(["--osl", "1"])
            .start();
        until("the warm-up is under way", || server.state().finished >= 3);
        running.signal("TERM");
        let ended = running.end().exits(130);
        assert_eq!(ended.files(), FILES);
        assert_eq!((ended.count("issued"), ended.count("never_due")), (0, 50));
    });
}

#[test]
fn a_dry_run_prints_the_plan_and_sends_nothing() {
    let _turn = together();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let ended = Profile::of(listener.local_addr().unwrap())
        .args(["--request-rate", "5", "--request-count", "9", "--dry-run"])
        .run()
        .exits(0);
    let plan: Value = serde_json::from_str(&ended.stdout).expect("JSON alone");
    assert_eq!(plan["profiling"]["load"]["rate"], 5.0);
    assert_eq!(plan["seed"], 7);
    assert_eq!(ended.files(), [""; 0]);
    listener.set_nonblocking(true).unwrap();
    let error = listener.accept().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn several_servers_get_equal_shares() {
    on_both(|io| {
        let servers = [paced(5, 0), paced(5, 0)];
        let urls = servers.each_ref().map(|s| format!("http://{}", s.addr()));
        let ended = Profile::bare()
            .on(io)
            .args(["--model", "mock", "--streaming", "--isl", "8"])
            .args(["--url", &urls[0], "--url", &urls[1]])
            .args(["--concurrency", "3", "--request-count", "30", "--osl", "1"])
            .args(["--allow-invalid"])
            .run()
            .all_well();
        assert_eq!(ended.count("succeeded"), 30);
        assert_eq!(servers.each_ref().map(|s| s.state().requests), [15, 15]);
    });
}

#[test]
fn what_was_asked_for_reaches_the_wire() {
    on_both(|io| {
        let server = Peer::start(|to, _| peer::write(to, &peer::chat(2)));
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-count", "3", "--osl", "2", "--allow-invalid"])
            .args(["--extra-inputs", "temperature:0.5", "seed:3"])
            .args(["--extra-inputs", r#"{"stop": ["a", null], "nested": {"x": true}}"#])
            .args(["--header", "X-One: 1", "--header", r#"{"X-Two": "zwei"}"#])
            .args(["--custom-endpoint", "/some/where"])
            .run()
            .all_well();
        let requests = server.requests();
        assert_eq!(requests.len(), 3);
        let inputs: Value = serde_json::from_str(&ended.text("inputs.json")).unwrap();
        for (i, request) in requests.iter().enumerate() {
            assert!(request.head.starts_with("POST /some/where HTTP/1.1\r\n"));
            assert_eq!(request.field("x-one"), Some("1"));
            assert_eq!(request.field("x-two"), Some("zwei"));
            assert_eq!(request.field("host"), Some(server.addr().to_string().as_str()));
            assert_eq!(request.field("content-type"), Some("application/json"));
            let body = request.json();
            assert_eq!(body["model"], "mock");
            assert_eq!(body["stream"], true);
            assert_eq!(body["stream_options"]["include_usage"], true);
            assert_eq!(body["max_completion_tokens"], 2);
            assert_eq!((&body["temperature"], &body["seed"]), (&json!(0.5), &json!(3)));
            assert_eq!(body["stop"], json!(["a", null]));
            assert_eq!(body["nested"], json!({"x": true}));
            assert_eq!(inputs["data"][i]["payloads"][0], body);
        }
        let ids: Vec<_> = requests.iter().map(|r| r.field("x-request-id")).collect();
        for (id, record) in ids.iter().zip(ended.records()) {
            assert_eq!(*id, record["metadata"]["x_request_id"].as_str());
        }
    });
}

#[test]
fn both_dialects_are_spoken_streamed_and_whole() {
    on_both(|io| {
        let server = paced(10, 5);
        for dialect in ["chat", "completions"] {
            for streaming in [true, false] {
                let mut profile = Profile::bare()
                    .on(io)
                    .args(["--model", "mock", "--isl", "8", "--endpoint-type", dialect])
                    .args(["--url", &format!("http://{}", server.addr())])
                    .args(["--request-count", "6", "--osl", "4", "--allow-invalid"]);
                if streaming {
                    profile = profile.args(["--streaming"]);
                }
                let ended = profile.run().all_well();
                assert_eq!(ended.metric("output_sequence_length", "avg"), 4.0);
                let events = if streaming { 24 } else { 6 };
                assert_eq!(ended.report()["summary"]["client"]["events"], events);
                // The last of 4 tokens is due at 25 ms.
                assert!(ended.metric("request_latency", "min") >= 25.0);
                let streamed = ended.summary().get("time_to_first_token").is_some();
                assert_eq!(streamed, streaming, "{dialect}");
            }
        }
    });
}

#[test]
fn connections_are_kept_unless_they_are_not_to_be() {
    on_both(|io| {
        for (strategy, connections) in [("pooled", 3), ("never", 18)] {
            let server = paced(5, 0);
            let ended = Profile::of(server.addr())
                .on(io)
                .args(["--concurrency", "3", "--request-count", "18", "--osl", "1"])
                .args(["--connection-reuse-strategy", strategy, "--allow-invalid"])
                .run()
                .all_well();
            assert_eq!(server.state().connections_accepted, connections);
            let reused = ended.metric("http_req_connection_reused", "sum");
            assert_eq!(reused, (18 - connections) as f64, "{strategy}");
        }
    });
}

#[test]
fn quiet_is_the_headline_and_verbose_is_everything() {
    let _turn = together();
    let server = paced(5, 1);
    let run = |flag: &str| -> Ended {
        Profile::of(server.addr())
            .args(["--request-count", "4", "--osl", "3", "--allow-invalid", flag])
            .run()
            .all_well()
    };
    let (quiet, verbose) = (run("--quiet"), run("--verbose"));
    for ended in [&quiet, &verbose] {
        let verdict = format!("{}  ", ended.verdict());
        let headline = ended.stdout.lines().rev().take(2).find(|line| line.starts_with(&verdict));
        assert!(headline.is_some(), "{}", ended.stdout);
        assert!(ended.stdout.lines().all(|line| line.chars().count() <= 80));
    }
    assert_eq!(quiet.stderr, "");
    assert!(quiet.stdout.lines().count() <= 2, "{}", quiet.stdout);
    assert!(verbose.stdout.starts_with("VERDICT: "), "{}", verbose.stdout);
    assert!(verbose.stdout.contains("Stream Setup Latency"));
    assert!(verbose.stderr.contains("\"profiling\""), "the plan");
}

#[test]
fn the_demo_needs_nothing_else() {
    let _turn = together();
    let ended = Profile::bare()
        .args(["--demo", "--streaming", "--request-count", "20"])
        .args(["--osl", "4", "--ui", "none", "--allow-invalid"])
        .run()
        .all_well();
    assert_eq!(ended.count("succeeded"), 20);
}

/// The files of a run, sorted.
pub(crate) const FILES: [&str; 8] = [
    "config.yaml",
    "inputs.json",
    "profile_export.jsonl",
    "profile_export_aiperf.csv",
    "profile_export_aiperf.json",
    "report.html",
    "report.txt",
    "ringload_report.json",
];
