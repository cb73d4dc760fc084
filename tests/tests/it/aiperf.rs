//! What users of AIPerf bring along: its configuration files, its control hooks, and judgements for a service of
//! continuous integration.

use crate::known_answers::pacing;
use ringload_mock::start;
use ringload_tests::binary::ringload;
use ringload_tests::peer::{self, Peer};
use ringload_tests::profile::Profile;
use ringload_tests::together;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The path of a request.
fn path(request: &peer::Request) -> &str {
    request.head.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn a_configuration_of_a_sweep_runs_each_cell() {
    let _turn = together();
    let server = start(pacing(1, 1)).expect("a server");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("run.yaml");
    let text = format!(
        "model: mock\nendpoint: {{url: \"http://{}\", streaming: true}}\ndataset: {{entries: 4, isl: 8, osl: 2}}\n\
         phases: {{type: concurrency, requests: 6, concurrency: [1, 2]}}\nringload: {{max_errors: 3}}\n",
        server.addr()
    );
    fs::write(&file, text).unwrap();
    let flags = ["--allow-invalid", "--config", file.to_str().unwrap()];
    let ended = Profile::bare().args(flags).run().exits(0);
    for cell in ["concurrency_1", "concurrency_2"] {
        let summary = fs::read_to_string(ended.artifacts().join(cell).join("profile_export_aiperf.json")).unwrap();
        let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
        assert_eq!(summary["request_count"]["avg"], 6.0, "{cell}");
    }
    assert!(ended.stderr.contains("write them under `benchmark:`"), "{}", ended.stderr);
    let config = |words: &[&str]| Command::new(ringload()).arg("config").args(words).output().unwrap();
    let valid = config(&["validate", file.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&valid.stdout).contains("valid; 2 runs"), "{valid:?}");
    let shown = config(&["show", file.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("--concurrency 2"), "{shown:?}");
    let made = dir.path().join("made.yaml");
    assert!(config(&["init", made.to_str().unwrap()]).status.success());
    assert!(config(&["validate", made.to_str().unwrap()]).status.success());
    assert_eq!(config(&["init", made.to_str().unwrap()]).status.code(), Some(2), "what is there stays");
    fs::write(&file, "benchmark: {modle: m}\n").unwrap();
    let wrong = config(&["validate", file.to_str().unwrap()]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}

#[test]
fn the_cache_is_emptied_and_the_profiler_runs_around_a_run() {
    let _turn = together();
    let server = Peer::start(|to, request| {
        let answer = if ["_profile", "/flush_cache"].iter().any(|end| path(request).ends_with(end)) {
            peer::whole("200 OK", "{}")
        } else {
            peer::chat(2)
        };
        peer::write(to, &answer)
    });
    let hooks = ["--reset-kv-cache", "--reset-kv-cache-path", "flush_cache", "--server-profiler"];
    let run = ["--request-count", "2", "--concurrency", "1", "--allow-invalid"];
    let _ended = Profile::of(server.addr()).args(run).args(hooks).run().all_well();
    let paths: Vec<String> = server.requests().iter().map(|request| path(request).to_owned()).collect();
    let chat = "/v1/chat/completions";
    assert_eq!(paths, ["/flush_cache", "/start_profile", chat, chat, "/stop_profile"]);

    let refusing = Peer::start(|to, _| peer::write(to, &peer::whole("404 Not Found", "{}")));
    let ended = Profile::of(refusing.addr()).args(run).args(["--reset-kv-cache"]).run().exits(3);
    assert!(ended.stderr.contains("--reset-kv-cache: ") && ended.stderr.contains("status 404"), "{}", ended.stderr);
    assert_eq!(refusing.requests().len(), 1, "nothing is loaded");
}

#[test]
fn the_action_of_github_judges_a_run_and_holds_it_against_a_baseline() {
    let _turn = together();
    let server = start(pacing(1, 1)).expect("a server");
    let dir = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/github/judge.sh");
    let run = |results: &str, fail_if: &str, baseline: &str| {
        let flags = format!("--url http://{} --model mock --streaming --isl 8 --osl 2", server.addr());
        let flags =
            format!("{flags} --request-count 40 --concurrency 2 --no-probe --allow-invalid --header 'X-A: b c'");
        let results = dir.path().join(results);
        let ended = Command::new("bash")
            .arg(&script)
            .env("RINGLOAD", ringload())
            .env("ARGS", flags)
            .env("FAIL_IF", fail_if)
            .env("BASELINE", baseline)
            .env("REGRESS_IF", "rps<-99%")
            .env("GITHUB_STEP_SUMMARY", dir.path().join("summary.md"))
            .env("DIR", &results)
            .output()
            .unwrap();
        (
            ended.status.code(),
            String::from_utf8(ended.stdout).unwrap(),
            fs::read_to_string(results.join("junit.xml")).unwrap(),
        )
    };
    let (code, said, junit) = run("base", "request_latency.p50>1us\n  error_rate>50%\n", "");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("::error title=ringload run%3A request_latency.p50>1us::"), "{said}");
    assert!(junit.contains("failures=\"1\"") && junit.contains("classname=\"fail_if\""), "{junit}");
    let (code, said, _) = run("new", "", dir.path().join("base").to_str().unwrap());
    assert_eq!(code, Some(0), "{said}");
    let summary = fs::read_to_string(dir.path().join("summary.md")).unwrap();
    assert!(summary.contains('|') && summary.contains("passed: "), "{summary}");
}
