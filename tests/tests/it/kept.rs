//! What is kept of runs whose disk or folder fails them, and of earlier runs in the same folder.

use crate::cli::FILES;
use crate::known_answers::paced;
use ringload_tests::profile::Profile;
use ringload_tests::{on_both, together, until};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The names in a folder, sorted.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn into<'a>(dir: &'a Path, args: &'a [&'a str]) -> impl Iterator<Item = &'a std::ffi::OsStr> {
    let flag: &std::ffi::OsStr = "--artifact-dir".as_ref();
    let args = args.iter().map(AsRef::as_ref);
    [flag, dir.as_os_str()].into_iter().chain(args)
}

#[test]
fn a_second_run_moves_the_files_of_the_first_aside() {
    let _turn = together();
    let server = paced(1, 0);
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let run = |args: &[&str]| {
        Profile::of(server.addr())
            .args(into(dir.path(), args))
            .args(["--osl", "1", "--allow-invalid"])
            .run()
            .exits(0)
            .stderr
    };
    let issued = |name: &str| {
        let text = fs::read_to_string(dir.path().join(name)).unwrap();
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        report["summary"]["counts"]["issued"].as_u64().unwrap()
    };
    assert!(!run(&["--request-count", "1"]).contains("moved"));
    assert!(run(&["--request-count", "2"]).contains("previous-1"));
    assert!(run(&["--request-count", "3", "--slice-duration", "1"]).contains("previous-2"));
    assert!(!run(&["--request-count", "4", "--overwrite"]).contains("moved"));
    assert_eq!(issued("previous-1/ringload_report.json"), 1);
    assert_eq!(issued("previous-2/ringload_report.json"), 2);
    assert_eq!(issued("ringload_report.json"), 4);
    assert_eq!(names(&dir.path().join("previous-1")), FILES);
    let notes = fs::read_to_string(dir.path().join("notes.txt")).unwrap();
    assert_eq!(notes, "mine");
    // A run that cannot begin moves nothing.
    let refused =
        Profile::of(server.addr()).args(into(dir.path(), &["--cores", "9999", "--request-count", "1"])).run().exits(2);
    assert!(!refused.stderr.contains("moved"), "{}", refused.stderr);
    assert!(!dir.path().join("previous-3").exists());
}

#[test]
fn a_second_sweep_moves_the_first_aside_as_a_whole() {
    let _turn = together();
    let server = paced(1, 0);
    let dir = tempfile::tempdir().unwrap();
    let sweep = |concurrency: &str| {
        let ended = Profile::of(server.addr())
            .args(into(dir.path(), &["--concurrency", concurrency]))
            .args(["--request-count", "4", "--osl", "1", "--allow-invalid"])
            .run()
            .exits(0);
        ended.stderr
    };
    assert!(!sweep("1,2").contains("moved"));
    assert!(sweep("2,4").contains("previous-1"));
    let cells = ["concurrency_1", "concurrency_2"];
    let common = ["goodput_sweep.csv", "report.html", "ringload_campaign.json"];
    let first = [&cells[..], &common, &["sweep_aggregate"]].concat();
    assert_eq!(names(&dir.path().join("previous-1")), first);
    let second = [
        "concurrency_2",
        "concurrency_4",
        "goodput_sweep.csv",
        "previous-1",
        "report.html",
        "ringload_campaign.json",
        "sweep_aggregate",
    ];
    assert_eq!(names(dir.path()), second);
    for cell in ["concurrency_2", "concurrency_4", "previous-1/concurrency_2"] {
        assert_eq!(names(&dir.path().join(cell)), FILES, "{cell}");
    }
}

#[test]
fn a_folder_that_is_removed_in_mid_run_is_made_again() {
    on_both(|io| {
        let server = paced(2, 1);
        let profile = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "4", "--benchmark-duration", "600"])
            .args(["--osl", "5", "--allow-invalid"]);
        let dir = profile.artifacts();
        let running = profile.start();
        until("some are answered", || server.state().finished >= 8);
        fs::remove_dir_all(&dir).unwrap();
        let then = server.state().finished;
        until("more are answered", || server.state().finished >= then + 8);
        running.signal("INT");
        let ended = running.end().exits(130);
        assert_eq!(ended.files(), FILES);
        assert_eq!(ended.count("succeeded"), server.state().requests);
        assert_eq!(ended.records().len() as u64, ended.count("issued"));
    });
}

#[test]
fn a_run_is_the_same_when_it_is_made_again_from_its_log() {
    on_both(|io| {
        let server = paced(5, 2);
        let run = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "3", "--request-count", "12", "--osl", "4"])
            .args(["--warmup-request-count", "2", "--slice-duration", "1"])
            .args(["--conversation-turn-mean", "3", "--goodput", "ttft:500"])
            .args(["--fail-if", "ttft.p99>60000", "--export-http-trace"])
            .args(["--keep-records", "--allow-invalid"])
            .run()
            .all_well();
        let again = Profile::report(run.artifacts()).args(["--allow-invalid"]).run().exits(0);
        let both = |name: &str| (run.text(name), again.text(name));
        for name in [
            "profile_export.jsonl",
            "profile_export_aiperf.csv",
            "profile_export_aiperf.json",
            "profile_export_aiperf_timeslices.json",
            "profile_export_aiperf_timeslices.csv",
        ] {
            let (one, other) = both(name);
            assert_eq!(one, other, "{name}");
        }
        let [one, other] = [run.report(), again.report()].map(|mut report| {
            // Memory that the summary took is the process's own.
            report["summary"]["client"]["peak_rss_bytes"] = 0.into();
            // The two look for calibrations in folders of their own.
            report["calibration"] = serde_json::Value::Null;
            report
        });
        assert_eq!(one, other);
        assert_eq!(again.files().len(), 9, "prompts are not in the log: {:?}", again.files());
        let page = Profile::report(run.artifacts()).args(["--only", "page", "--allow-invalid"]).run().exits(0);
        assert_eq!(page.files(), ["report.html"]);
    });
}

#[test]
fn what_a_run_measured_that_was_killed_can_be_read() {
    on_both(|io| {
        let server = paced(2, 1);
        let profile = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "4", "--request-count", "1000000"])
            .args(["--num-dataset-entries", "4", "--osl", "5"]);
        let dir = profile.artifacts();
        let running = profile.start();
        // Twice the half second after which records are handed on, by the log's own growth: before that it can be seen
        // without a byte, and with what is written before the first record, in three steps.
        let mut sizes = std::collections::BTreeSet::new();
        until("the log has grown twice", || {
            let log = names(&dir).into_iter().find(|n| n.ends_with(".records"));
            let size = log.and_then(|log| fs::metadata(dir.join(log)).ok());
            sizes.insert(size.map_or(0, |m| m.len()));
            sizes.len() > 5
        });
        let (_home, dir) = running.kill();
        let left = names(&dir);
        assert!(left.iter().all(|name| name.starts_with(".ringload-")));
        let page = Profile::report(&dir).args(["--only", "page"]).run().exits(4);
        assert_eq!(page.files(), ["report.html"]);
        assert_eq!(names(&dir), left, "the rest can be made later");
        let report = Profile::report(&dir).run().exits(4);
        assert!(report.stdout.contains("unfinished"), "{}", report.stdout);
        let (issued, served) = (report.count("issued"), report.count("succeeded"));
        assert!(served > 0 && issued == served, "{issued} {served}");
        assert_eq!(report.count("never_due"), 1_000_000 - issued);
        assert_eq!(report.records().len() as u64, issued);
        assert!(report.findings("INVALID").contains(&"unfinished".to_owned()));
        assert_eq!(names(&dir), [""; 0], "what it left is removed");
    });
}

#[test]
fn the_log_of_a_run_under_way_is_left_alone() {
    let _turn = together();
    let server = paced(2, 1);
    let profile = Profile::of(server.addr()).args(["--benchmark-duration", "600"]);
    let dir = profile.artifacts();
    let running = profile.start();
    until("some are answered", || server.state().finished >= 8);
    let refused = Profile::report(&dir).run().exits(2);
    assert!(refused.stderr.contains("under way"), "{}", refused.stderr);
    // Nor does another run write there.
    let asked = server.state().connections_accepted;
    let second = Profile::of(server.addr()).args(into(&dir, &["--concurrency", "1,2", "--request-count", "9"]));
    let second = second.run().exits(2);
    let holder = format!("process {}", running.id());
    assert!(second.stderr.contains(&holder) && second.stderr.contains("--artifact-dir"), "{}", second.stderr);
    assert_eq!(server.state().connections_accepted, asked);
    running.signal("TERM");
    assert_eq!(running.end().exits(130).files(), FILES);
}

/// The log that --keep-records leaves.
const KEPT: &str = "ringload_records.log";

/// Rewrites the JSON at the head of a record log, as somebody may who hands it on.
fn edit_head(log: &Path, edit: impl FnOnce(&mut Value)) {
    const HEAD: u8 = 2;
    let bytes = fs::read(log).unwrap();
    // Magic and version; then kind and length of the first entry.
    let (kind, length) = (bytes[12], u32::from_le_bytes(bytes[13..17].try_into().unwrap()) as usize);
    assert_eq!(kind, HEAD);
    let mut head: Value = serde_json::from_slice(&bytes[17..17 + length]).unwrap();
    edit(&mut head);
    let (end, head) = (17 + length, serde_json::to_vec(&head).unwrap());
    let length = u32::try_from(head.len()).unwrap().to_le_bytes();
    fs::write(log, [&bytes[..12], &[HEAD], &length, &head, &bytes[end..]].concat()).unwrap();
}

#[test]
fn a_log_chooses_no_path_and_takes_no_more_than_a_run_does() {
    let _turn = together();
    let server = paced(1, 0);
    let dir = tempfile::tempdir().unwrap();
    let run = Profile::of(server.addr())
        .args(into(dir.path(), &["--request-count", "5", "--osl", "1", "--slice-duration", "1"]))
        .args(["--keep-records", "--allow-invalid"])
        .run()
        .exits(0);
    drop(run);
    let log = names(dir.path()).into_iter().find(|name| name == KEPT).expect("a log");
    let kept = fs::read(dir.path().join(&log)).unwrap();
    let outside = tempfile::tempdir().unwrap();
    let absolute = outside.path().join("out").display().to_string();
    for prefix in ["../out", "a/b", "..", absolute.as_str(), "a\0b", ".hidden/../../x", "\u{1b}[2J/x"] {
        let into = tempfile::tempdir().unwrap();
        let log = into.path().join("run").join(&log);
        fs::create_dir(log.parent().unwrap()).unwrap();
        fs::write(&log, &kept).unwrap();
        edit_head(&log, |head| head["prefix"] = prefix.into());
        let ended = Profile::report(log.parent().unwrap()).run().exits(2);
        assert!(ended.stderr.contains("invalid file prefix"), "{prefix:?}: {}", ended.stderr);
        assert_eq!((names(into.path()).len(), names(log.parent().unwrap()).len()), (1, 1), "{prefix:?}");
        assert_eq!(names(outside.path()), [""; 0], "{prefix:?}");
    }
    // Slices of a nanosecond in a number without end; gaps without end; prompts that no record can have.
    let folder = tempfile::tempdir().unwrap();
    let greedy = folder.path().join(&log);
    fs::write(&greedy, &kept).unwrap();
    edit_head(&greedy, |head| {
        head["plan"]["slice"] = 1.into();
        head["plan"]["limits"]["slices"] = u64::MAX.into();
        head["plan"]["limits"]["exact_gaps"] = u64::MAX.into();
    });
    let ended = Profile::report(folder.path()).args(["--allow-invalid"]).run().exits(0);
    let slices = ended.report()["summary"]["slices"]["slices"].as_array().map_or(0, Vec::len);
    assert!((1..=2_000).contains(&slices), "{slices}");
    for shape in [
        json!({"conversations": 0}),
        json!({"conversations": u64::MAX}),
        json!({"conversations": 1, "turns": [u32::MAX]}),
    ] {
        fs::write(&greedy, &kept).unwrap();
        edit_head(&greedy, |head| head["shape"] = shape.clone());
        let ended = Profile::report(folder.path()).run().exits(2);
        assert!(ended.stderr.contains("damaged"), "{shape}: {}", ended.stderr);
    }
}
