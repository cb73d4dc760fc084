//! Whether a run sends what it was asked for, and says where it did not or could not.

use ringload_tests::peer::{Peer, chat, write};
use ringload_tests::profile::{Ended, Profile};
use std::collections::HashSet;
use std::path::Path;

/// Answers every request with a chat of so many tokens.
fn chats(tokens: u32) -> Peer {
    Peer::start(move |to, _| write(to, &chat(tokens)))
}

fn distinct(peer: &Peer) -> usize {
    let bodies = peer.requests().into_iter().map(|request| request.body);
    bodies.collect::<HashSet<_>>().len()
}

fn finding(run: &Ended, gate: &str) -> Option<serde_json::Value> {
    let report = run.report();
    report["verdict"]["findings"].as_array()?.iter().find(|finding| finding["gate"] == gate).cloned()
}

#[test]
fn warm_up_and_repeats_send_prompts_of_their_own() {
    let few = ["--allow-invalid", "--request-count", "6", "--num-profile-runs", "2", "--concurrency", "1"];
    let own = chats(4);
    let _ = Profile::of(own.addr()).args(few).args(["--warmup-request-count", "6"]).run().exits(0);
    assert_eq!((own.requests().len(), distinct(&own)), (18, 18));
    let same = chats(4);
    let run = Profile::of(same.addr()).args(few).args(["--set-consistent-seed"]).run().exits(0);
    assert_eq!((same.requests().len(), distinct(&same)), (12, 6));
    let second = run.artifacts().join("profile_runs/run_0002/ringload_report.json");
    let report = std::fs::read_to_string(&second).unwrap_or_else(|e| panic!("{}: {e}", second.display()));
    assert!(report.contains("were sent by 1 runs before it"), "{report}");
}

#[test]
fn responses_of_another_length_are_told_before_and_after_the_run() {
    let server = chats(30);
    let run = Profile::of(server.addr()).args(["--allow-invalid", "--request-count", "10", "--osl", "10"]).run();
    assert!(run.stderr.contains("ignore_eos:true"), "{}", run.stderr);
    let found = finding(&run, "output_length").expect("a finding");
    assert_eq!((&found["scope"], &found["status"]), (&"workload".into(), &"SUSPECT".into()));
    assert!(run.words().contains("30.0 tokens each on average instead of 10.0"), "{}", run.stdout);
    assert_eq!(run.report()["summary"]["counts"]["finish_reasons"]["length"], 10);
    let told = Profile::of(server.addr())
        .args(["--allow-invalid", "--request-count", "10", "--osl", "30", "--extra-inputs", "ignore_eos:true"])
        .run();
    assert!(!told.stderr.contains("ignore_eos"), "{}", told.stderr);
    assert!(finding(&told, "output_length").is_none());
}

#[test]
fn a_file_is_told_alike_by_the_commands_and_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("burst.csv");
    let rows = "Timestamp,Session ID,Request tokens,Response tokens,Log Type\n0.005,1,47,4,C\n0.01,1,10,0,A\n0.02,2,41,4,A\n0.03,2,0,12,A\n0.04,2,10,4,A\n";
    std::fs::write(&file, rows).unwrap();
    let words = "2 of 5 rows are left out";
    for command in [&["dataset", "inspect"][..], &["analyze-trace"]] {
        let said = stdout_of(command, &file);
        assert!(said.contains(words), "{command:?}: {said}");
    }
    let server = chats(4);
    let run = Profile::of(server.addr()).args(["--allow-invalid", "--input-file"]).args([&file]).run();
    assert_eq!(server.requests().len(), 3);
    // The line is wrapped on the screen.
    assert!(run.stderr.contains(words), "{}", run.stderr);
    let found = finding(&run, "dataset").expect("a finding");
    assert!(found["evidence"].as_str().unwrap().contains(words), "{found}");
}

fn stdout_of(command: &[&str], file: &Path) -> String {
    let run = std::process::Command::new(ringload_tests::binary::ringload()).args(command).arg(file).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8_lossy(&run.stdout).into_owned()
}
