//! What this machine can drive, and runs that say what share of it they used. No figure is asserted that depends on the
//! machine.

use ringload_tests::profile::{Ended, Profile};
use ringload_tests::{alone_on_both, together};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// As `ringload calibrate --json` for the shape of [`demo`], in the shortest time that there is.
fn calibrated(file: &Path, flags: &[&str]) -> Value {
    let ended = Profile::calibrate()
        .args(["--demo", "--calibrate-seconds", "1", "--json"])
        .args(flags)
        .args(["--calibration-file".as_ref(), file.as_os_str()])
        .run()
        .exits(0);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn demo(file: &Path, flags: &[&str]) -> Ended {
    Profile::bare()
        .args(["--demo", "--request-count", "128", "--osl", "20"])
        .args(["--ui", "none", "--allow-invalid"])
        .args(flags)
        .args(["--calibration-file".as_ref(), file.as_os_str()])
        .run()
        .all_well()
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_calibration_is_kept_and_a_run_of_its_shape_says_what_share_it_used() {
    alone_on_both(|io| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kept").join("calibration.json");
        let flags = ["--io", io.flag(), "--osl", "20"];
        let made = calibrated(&file, &flags);
        for cost in ["event", "request"] {
            let cost = &made[cost];
            let ns = |part: &str| cost[part].as_f64().unwrap();
            assert!(ns("user_ns") + ns("system_ns") > 0.0, "{made:#}");
            assert!(["measured", "estimated"].contains(&cost["basis"].as_str().unwrap()));
        }
        let kinds: Vec<&str> =
            made["steps"].as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds.first(), Some(&"tokens"), "{kinds:?}");
        assert_eq!(kinds[kinds.len() - 2..], ["headroom", "requests"]);
        let kept: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        ringload_tests::schema::follows("calibration", &kept);
        assert_eq!(kept["calibrations"], serde_json::json!([made]));

        let run = demo(&file, &["--io", io.flag()]);
        let used = &run.report()["calibration"];
        assert_eq!(used["calibrated_at"], made["made_at"], "{used:#}");
        let figure = |name: &str| used[name].as_f64().unwrap();
        assert!(figure("share") >= figure("mean_share") && figure("mean_share") > 0.0);
        // 128 answers of 20 tokens: the share is the costs times what was done, whatever the machine.
        let sum = |cost: &Value| cost["user_ns"].as_f64().unwrap() + cost["system_ns"].as_f64().unwrap();
        let expected = (figure("events_per_s") * sum(&made["event"])
            + figure("requests_per_s") * sum(&made["request"]))
            / 1e9
            / figure("cores");
        assert!((figure("share") - expected).abs() < 1e-9 * expected, "{used:#}");
        assert!(run.words().contains("ceiling"), "{}", run.stdout);
        assert!(!run.words().contains("not calibrated"), "{}", run.stdout);
    });
}

#[test]
fn a_run_that_no_calibration_fits_says_so_and_is_judged_without() {
    let _turn = together();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("calibration.json");
    let why = |run: &Ended| {
        assert!(run.findings("SUSPECT").iter().all(|f| f != "ceiling"));
        assert!(run.words().contains("ceiling not calibrated: "), "{}", run.stdout);
        let report = run.report();
        report["calibration"]["not_calibrated"].as_str().unwrap().to_owned()
    };
    let none = why(&demo(&file, &["--io", "epoll"]));
    assert!(none.contains("run `ringload calibrate`"), "{none}");
    fs::write(&file, "{\"half a fi").unwrap();
    let corrupt = why(&demo(&file, &["--io", "epoll"]));
    assert!(corrupt.contains("holds no calibrations of ringload"), "{corrupt}");
    let refused = Profile::calibrate()
        .args(["--calibrate-seconds", "1"])
        .args(["--calibration-file".as_ref(), file.as_os_str()])
        .run()
        .exits(2);
    assert!(refused.stderr.contains("is not overwritten"), "{}", refused.stderr);
}

#[test]
fn whole_answers_and_http2_under_tls_can_be_calibrated_too() {
    let _turn = together();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("calibration.json");
    let calibrate = |flags: &[&str]| {
        let ended = Profile::calibrate()
            .args(["--calibrate-seconds", "1", "--json", "--concurrency", "8"])
            .args(flags)
            .args(["--calibration-file".as_ref(), file.as_os_str()])
            .run()
            .exits(0);
        let made: Value = serde_json::from_str(&ended.stdout).unwrap();
        made
    };
    let whole = calibrate(&[]);
    assert_eq!((&whole["event"], &whole["shape"]["streaming"]), (&Value::Null, &false.into()));
    let secured = calibrate(&["--streaming", "--url", "https://server.example"]);
    let shape = &secured["shape"];
    assert_eq!((&shape["http"], &shape["tls"]), (&"2".into(), &true.into()));
    let fresh = calibrate(&["--streaming", "--connection-reuse-strategy", "never"]);
    assert_eq!(fresh["shape"]["kept_connections"], false);
    let kept: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    for (place, made) in [whole, secured, fresh].iter().enumerate() {
        assert_eq!(kept["calibrations"][place]["shape"], made["shape"]);
    }
}

#[test]
fn the_table_of_a_calibration_ends_in_the_ceiling_and_where_it_is_kept() {
    let _turn = together();
    let ended =
        Profile::calibrate().args(["--streaming", "--concurrency", "4", "--calibrate-seconds", "1"]).run().exits(0);
    assert!(ended.stdout.lines().all(|line| line.chars().count() <= 80));
    assert!(ended.stdout.lines().last().unwrap().starts_with("CEILING: "), "{}", ended.stdout);
    let text = flat(&ended.stdout);
    for words in ["with 4 in flight", "CEILING: ", "on each core", "calibration.json", "of CPU: "] {
        assert!(text.contains(words), "{}", ended.stdout);
    }
}

#[test]
fn a_place_that_cannot_be_written_is_found_before_anything_is_driven() {
    let ended = Profile::calibrate().args(["--calibration-file", "/proc/nowhere/calibration.json"]).run().exits(2);
    assert!(ended.stderr.contains("--calibration-file"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}
