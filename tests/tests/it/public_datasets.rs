//! Public datasets: from a server of rows, from what was kept of it, and from a file.

use ringload_tests::peer::{self, Peer};
use ringload_tests::profile::Profile;
use ringload_tests::{binary, together};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use tempfile::TempDir;

/// A server that answers chats, and shows 150 rows of a dataset a hundred at a time.
fn server() -> Peer {
    Peer::start(|to, request| {
        if request.head.starts_with("POST") {
            return peer::write(to, &peer::chat(2));
        }
        let number = |name: &str| -> usize {
            let after = request.head.split(&format!("{name}=")).nth(1).unwrap_or("0");
            after.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse().unwrap_or(0)
        };
        let (from, length) = (number("offset"), number("length").min(100));
        let rows =
            (from..(from + length).min(150)).map(|n| json!({"row_idx": n, "row": {"problem": format!("what is {n}")}}));
        peer::write(to, &peer::whole("200 OK", &json!({"rows": rows.collect::<Vec<_>>()}).to_string()))
    })
}

fn asked(server: &Peer) -> (Vec<String>, BTreeSet<String>) {
    let requests = server.requests();
    let (posts, gets): (Vec<_>, Vec<_>) = requests.iter().partition(|request| request.head.starts_with("POST"));
    let prompt = |request: &&peer::Request| {
        let body: Value = request.json();
        body["messages"][0]["content"].as_str().unwrap_or_default().to_owned()
    };
    let line = |request: &&peer::Request| request.head.lines().next().unwrap_or_default().to_owned();
    (gets.iter().map(line).collect(), posts.iter().map(prompt).collect())
}

#[test]
fn rows_are_had_once_and_kept_and_nothing_is_asked_offline() {
    let _turn = together();
    let server = server();
    let home = TempDir::new().expect("a folder");
    let run = |offline: &str, flags: &[&str]| {
        let results = TempDir::new().expect("a folder");
        std::process::Command::new(binary::ringload())
            .args([
                "profile",
                "--model",
                "m",
                "--url",
                &format!("http://{}", server.addr()),
                "--streaming",
                "--no-probe",
            ])
            .args([
                "--allow-invalid",
                "--quiet",
                "--no-server-metrics",
                "--no-gpu-telemetry",
                "--random-seed",
                "1",
                "--concurrency",
                "4",
            ])
            .args(flags)
            .arg("--artifact-dir")
            .arg(results.path())
            .env("HF_HOME", home.path())
            .env("HF_DATASETS_SERVER", format!("http://{}", server.addr()))
            .env("HF_HUB_OFFLINE", offline)
            .output()
            .expect("a process")
    };
    let refused = run("1", &["--public-dataset", "aimo", "--request-count", "4"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("HF_HUB_OFFLINE") && said.contains("--public-dataset aimo --input-file"), "{said}");
    assert!(server.requests().is_empty());

    let ended = run("", &["--public-dataset", "aimo", "--request-count", "120"]);
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    let (gets, prompts) = asked(&server);
    let query = "dataset=AI-MO%2FNuminaMath-TIR&config=default&split=train";
    let lines = ["0&length=100", "100&length=20"].map(|part| format!("GET /rows?{query}&offset={part} HTTP/1.1"));
    assert_eq!(gets, lines);
    assert_eq!(prompts, (0..120).map(|n| format!("what is {n}")).collect());

    let ended = run("1", &["--public-dataset", "aimo", "--request-count", "4"]);
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(asked(&server).0.len(), 2, "what was kept is enough");
}

#[test]
fn a_file_of_rows_stands_in_for_the_hub() {
    let server = server();
    let dir = TempDir::new().expect("a folder");
    let file = dir.path().join("rows.jsonl");
    let rows: String =
        (0..3).map(|n| json!({"code": n.to_string(), "change_request": "c"}).to_string() + "\n").collect();
    fs::write(&file, rows).expect("a file");
    let ended = Profile::of(server.addr())
        .args(["--public-dataset", "blazedit_5k", "--request-count", "3", "--concurrency", "1", "--allow-invalid"])
        .args(["--input-file".as_ref(), file.as_os_str()])
        .run()
        .all_well();
    let (gets, prompts) = asked(&server);
    assert!(gets.is_empty());
    assert_eq!(prompts.len(), 3);
    assert!(prompts.iter().all(|prompt| prompt.starts_with("Given a code file") && prompt.contains("```python\n")));
    drop(ended);
}
