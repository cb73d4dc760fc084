//! The binary from outside, without a server: exit statuses, streams, secrets.

use std::process::{Command, Output, Stdio};

fn ringload(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringload"));
    command.args(args).env_remove("RINGLOAD_API_KEY").stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = ringload(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_usage_error_is_exit_2_on_stderr_alone() {
    for args in [
        &["profile"][..],
        &["profile", "-m", "x", "--fixed-schedule"],
        &["profile", "-m", "x", "--concurrency", "0"],
        &["profile", "-m", "x", "--artifact-dir", "/proc/nowhere"],
        &["profile", "-m", "x", "--profile-export-prefix", "a/b"],
        &["mock", "--host", "not a host"],
        &["nonsense"],
    ] {
        let (code, out, err) = run(args);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}: {err}");
        assert!(err.contains("error: "), "{args:?}: {err}");
    }
}

#[test]
fn an_unwritable_folder_is_found_before_anything_is_sent() {
    let (_, _, err) = run(&["profile", "-m", "x", "--url", "http://127.0.0.1:1", "--artifact-dir", "/proc/nowhere"]);
    assert!(err.contains("--artifact-dir /proc/nowhere"), "{err}");
}

#[test]
fn a_dry_run_prints_the_plan_without_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    std::fs::write(&file, "sk-from-file\nrest\n").unwrap();
    let by_file = ["profile", "-m", "x", "--dry-run", "--verbose", "--api-key-file", file.to_str().unwrap()];
    let by_flag = ["profile", "-m", "x", "--dry-run", "--api-key", "sk-by-flag", "-H", "X-Token: sk-header"];
    for args in [&by_file[..], &by_flag[..]] {
        let (code, out, err) = run(args);
        let plan: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(code, Some(0));
        assert!(plan["headers"].as_array().unwrap().iter().any(|h| h["name"] == "Authorization"));
        assert!(!out.contains("sk-") && !err.contains("sk-"), "{out}{err}");
    }
    let out = ringload(&["profile", "-m", "x", "--dry-run"]).env("RINGLOAD_API_KEY", "sk-env").output().unwrap();
    let out = String::from_utf8(out.stdout).unwrap();
    assert!(out.contains("Authorization") && !out.contains("sk-env"));
}

#[test]
fn one_seed_makes_one_plan() {
    let plan = || run(&["profile", "-m", "x", "--dry-run", "--random-seed", "5", "--request-rate", "3"]).1;
    assert_eq!(plan(), plan());
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    for args in [&["docs", "flags"][..], &["man"], &["completions", "bash"], &["profile", "-m", "x", "--dry-run"]] {
        let mut child = ringload(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && !err.contains("panicked"), "{args:?}: {:?} {err}", output.status);
    }
}
