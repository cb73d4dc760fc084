//! What a run leaves.

use crate::cli::FILES;
use crate::known_answers::paced;
use ringload_tests::peer::{self, Peer};
use ringload_tests::profile::{Ended, Profile};
use ringload_tests::schema::follows;
use ringload_tests::tls_proxy::{ProxyOptions, TlsProxy};
use ringload_tests::{on_both, together};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ffi::OsStr;

#[test]
fn five_files_that_agree() {
    on_both(|io| {
        let server = paced(10, 3);
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "6", "--request-count", "60", "--osl", "7"])
            .args(["--warmup-request-count", "6"])
            // The first token comes after 10 ms at the earliest, and the last long before an hour is over.
            .args(["--goodput", "request_latency:3600000 time_to_first_token:5"])
            .args(["--allow-invalid"])
            .run()
            .all_well();
        assert_eq!(ended.files(), FILES);
        agree(&ended);
        assert_eq!(server.state().requests, 66);
        let goodput = &ended.report()["summary"]["goodput"];
        assert_eq!((&goodput["good"], &goodput["slos"][0]["met"]), (&json!(0), &json!(60)));
        assert!(ended.records().iter().all(|r| r["metrics"]["good_request_count"]["value"] == 0));
    });
}

#[test]
fn files_of_a_run_with_failures_agree_too() {
    on_both(|io| {
        let server = paced(300, 0);
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-rate", "50", "--concurrency", "8", "--cap-policy", "drop"])
            .args(["--benchmark-duration", "0.6", "--benchmark-grace-period", "0.1"])
            .args(["--osl", "1", "--allow-invalid"])
            .run()
            .exits(0);
        assert_eq!(ended.files(), FILES);
        assert!(ended.count("dropped") > 0 && ended.count("in_flight_at_end") > 0);
        agree(&ended);

        let failing = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "3", "--request-count", "9", "--osl", "4"])
            .mock(&json!({"ttft_ms": 2, "fail_after": 2}))
            .run()
            .exits(3);
        assert_eq!(failing.files(), FILES);
        agree(&failing);
    });
}

/// What must hold of the files of every run; that the counts are conserved is asserted of each run at its end.
fn agree(ended: &Ended) {
    phases_add_up(&ended.records());
    is_a_table(&ended.text("profile_export_aiperf.csv"), &ended.report());
    has_no_nulls(&ended.summary());
    let inputs: Value = serde_json::from_str(&ended.text("inputs.json")).unwrap();
    let sessions: BTreeSet<&str> =
        inputs["data"].as_array().unwrap().iter().map(|entry| entry["session_id"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for record in ended.records() {
        let data = &record["metadata"];
        assert!(sessions.contains(data["conversation_id"].as_str().unwrap()));
        assert!(ids.insert(data["x_request_id"].as_str().unwrap().to_owned()));
    }
    let (summary, report) = (ended.summary(), ended.report());
    follows("profile_export_aiperf", &summary);
    follows("inputs", &inputs);
    ended.records().iter().for_each(|record| follows("profile_export", record));
    assert_eq!(summary["benchmark_id"], report["benchmark_id"]);
    let page = ended.text("report.html");
    let (_, data) = page.split_once("id=\"report\">").expect("the data of the page");
    let data: Value = serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap();
    assert_eq!(data, report);
    for (tag, metric) in report["summary"]["metrics"].as_object().unwrap() {
        assert_eq!(summary[tag]["avg"], metric["avg"], "{tag}");
    }
}

fn phases_add_up(records: &[Value]) {
    for record in records {
        let data = &record["metadata"];
        let at = |name: &str| data[name].as_u64().unwrap();
        assert!(at("credit_issued_ns") <= at("request_start_ns"), "{record}");
        assert!(at("request_start_ns") <= at("request_end_ns"), "{record}");
        let metrics = &record["metrics"];
        let Some(total) = metrics["http_req_total"]["value"].as_f64() else {
            assert!(record.get("error").is_some(), "{record}");
            continue;
        };
        let sum: f64 = ["blocked", "connecting", "sending", "waiting", "receiving"]
            .iter()
            .map(|part| metrics[format!("http_req_{part}")]["value"].as_f64().unwrap())
            .sum();
        let whole = (at("request_end_ns") - at("request_start_ns")) as f64 / 1e6;
        for figure in [total, sum] {
            assert!((figure - whole).abs() < 1e-6, "{figure} of {whole}: {record}");
        }
    }
}

/// Two sections, each with a head and rows in the order of their tags; CRLF; two decimals.
fn is_a_table(text: &str, report: &Value) {
    assert_eq!(text.matches("\r\n").count(), text.matches('\n').count());
    assert!(text.ends_with("\r\n"));
    let sections: Vec<Vec<&str>> =
        text.split("\r\n\r\n").map(|section| section.trim_end().split("\r\n").collect()).collect();
    assert_eq!(sections.len(), 2);
    assert_eq!(sections[0][0], "Metric,avg,min,max,sum,p1,p5,p10,p25,p50,p75,p90,p95,p99,std");
    assert_eq!(sections[1][0], "Metric,Value");
    let metrics = report["summary"]["metrics"].as_object().unwrap();
    let mut seen = 0;
    for (section, columns) in sections.iter().zip([15, 2]) {
        let rows = &section[1..];
        seen += rows.len();
        let mut tags: Vec<&String> = Vec::new();
        for row in rows {
            let cells: Vec<&str> = row.split(',').collect();
            assert_eq!(cells.len(), columns, "{row}");
            let decimals = |cell: &&str| cell.is_empty() || cell.split('.').nth(1).is_some_and(|d| d.len() == 2);
            assert!(cells[1..].iter().all(decimals), "{row}");
            let named = |metric: &Value| {
                let (header, unit) = (metric["header"].as_str(), metric["unit"].as_str());
                let (header, unit) = (header.unwrap(), unit.unwrap());
                cells[0] == header || cells[0] == format!("{header} ({unit})")
            };
            // Two tags may share their words; the rows of both are there.
            tags.push(metrics.iter().find(|(_, metric)| named(metric)).unwrap().0);
        }
        assert!(tags.is_sorted(), "{tags:?}");
    }
    assert_eq!(seen, metrics.len(), "a row for each metric");
}

fn has_no_nulls(value: &Value) {
    match value {
        Value::Null => panic!("a null"),
        Value::Array(items) => items.iter().for_each(has_no_nulls),
        Value::Object(fields) => fields.values().for_each(has_no_nulls),
        _ => {}
    }
}

#[test]
fn a_prefix_and_a_level_choose_the_files() {
    let _turn = together();
    let server = paced(0, 0);
    let ended = Profile::of(server.addr())
        .args(["--request-count", "2", "--osl", "1", "--allow-invalid"])
        .args(["--export-level", "summary", "--profile-export-prefix", "mine"])
        .run()
        .exits(0);
    let names = [
        "inputs.json",
        "mine.csv",
        "mine.json",
        "mine_ringload_report.json",
        "mine_report.html",
        "mine_report.txt",
        "mine_config.yaml",
    ];
    let mut sorted = names;
    sorted.sort_unstable();
    assert_eq!(ended.files(), sorted);
    let report: Value = serde_json::from_str(&ended.text(names[3])).unwrap();
    follows("ringload_report", &report);
    is_a_table(&ended.text(names[1]), &report);
}

#[test]
fn a_run_that_checks_no_certificate_says_so_in_every_file() {
    const NOTE: &str = "server identity not verified (--insecure)";
    let server = Peer::start(|to, _| peer::write(to, &peer::chat(3)));
    let proxy = TlsProxy::of(server.addr(), &ProxyOptions::default());
    for insecure in [true, false] {
        let profile = Profile::bare().args(["--url", &proxy.url(), "--model", "m", "--streaming", "--http1.1"]).args([
            "--request-count",
            "2",
            "--ui",
            "none",
            "--allow-invalid",
        ]);
        let profile = match insecure {
            true => profile.args(["--insecure"]),
            false => profile.args([OsStr::new("--cacert"), proxy.ca().as_os_str()]),
        };
        let ended = profile.run().all_well();
        let notes = &ended.summary()["ringload_notes"];
        let noted = notes.as_array().is_some_and(|n| n.contains(&NOTE.into()));
        assert_eq!(noted, insecure, "{notes}");
        let table = ended.text("profile_export_aiperf.csv");
        assert_eq!(table.contains(NOTE), insecure, "{table}");
    }
}

/// In tables of one row a slice, metric or point the note is a column, so that every line is a row.
#[test]
fn slices_repeats_and_sweeps_without_a_certificate_checked_say_so() {
    const NOTE: &str = "server identity not verified (--insecure)";
    let server = Peer::start(|to, _| peer::write(to, &peer::chat(3)));
    let proxy = TlsProxy::of(server.addr(), &ProxyOptions::default());
    for insecure in [true, false] {
        let profile = Profile::bare()
            .args(["--url", &proxy.url(), "--model", "m", "--streaming", "--http1.1", "--ui", "none"])
            .args(["--concurrency", "1,2", "--num-profile-runs", "2", "--request-count", "4", "--slice-duration", "1"])
            .args(["--allow-invalid", "--no-sweep-table"]);
        let profile = match insecure {
            true => profile.args(["--insecure"]),
            false => profile.args([OsStr::new("--cacert"), proxy.ca().as_os_str()]),
        };
        let ended = profile.run().exits(0);
        for file in [
            "profile_runs/trial_0001/concurrency_1/profile_export_aiperf_timeslices.json",
            "aggregate/concurrency_2/profile_export_aiperf_aggregate.json",
            "sweep_aggregate/profile_export_aiperf_sweep.json",
        ] {
            let json: Value = serde_json::from_str(&ended.text(file)).unwrap();
            let expected = if insecure { json!([NOTE]) } else { Value::Null };
            assert_eq!(json["ringload_notes"], expected, "{file}");
        }
        for (file, first, last) in [
            ("profile_runs/trial_0001/concurrency_1/profile_export_aiperf_timeslices.csv", "Timeslice,", ",Value"),
            ("aggregate/concurrency_2/profile_export_aiperf_aggregate.csv", "Metric,", ",unit"),
            ("sweep_aggregate/profile_export_aiperf_sweep.csv", "concurrency,", "_cv"),
            ("goodput_sweep.csv", "concurrency,", ",goodput_pct"),
        ] {
            let table = ended.text(file);
            let mut rows = table.split_terminator("\r\n");
            let head = rows.next().expect("a row of names");
            let end = if insecure { format!("{last},ringload_notes") } else { last.to_owned() };
            assert!(head.starts_with(first) && head.ends_with(&end), "{file}: {head}");
            let cells = head.split(',').count();
            let mut seen = 0;
            // Below a blank line, further blocks have columns of their own.
            for row in rows.take_while(|row| !row.is_empty()) {
                seen += 1;
                assert_eq!((row.split(',').count(), row.ends_with(NOTE)), (cells, insecure), "{file}: {row}");
            }
            assert!(seen > 0, "{file}");
        }
    }
}
