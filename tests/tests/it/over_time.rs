//! The run over time, and what it is judged by.

use crate::known_answers::paced;
use ringload_tests::on_both;
use ringload_tests::peer::{self, Peer, STREAM, Then, finish, token};
use ringload_tests::profile::{Ended, Profile};
use serde_json::Value;
use std::io::Write;
use std::time::Duration;

/// Fifty arrivals a second for four seconds, in slices of 0.4 s.
const LOAD: [&str; 10] = [
    "--request-rate",
    "50",
    "--arrival-pattern",
    "constant",
    "--benchmark-duration",
    "4",
    "--slice-duration",
    "0.4",
    "--allow-invalid",
    "--osl=2",
];

#[test]
fn a_server_that_gets_slower_is_found_and_a_steady_one_is_not() {
    on_both(|io| {
        // Each request waits 1 ms longer than the one before it.
        let slower = Peer::start(|to, request| {
            std::thread::sleep(Duration::from_millis(20 + request.serial as u64));
            peer::write(to, &format!("{STREAM}{}", token("one ")))?;
            to.flush()?;
            std::thread::sleep(Duration::from_millis(10));
            peer::write(to, &format!("{}{}", token("two "), finish(2)))?;
            Ok(Then::Keep)
        });
        let ended = Profile::of(slower.addr()).on(io).args(LOAD).run().all_well();
        let trend = trend(&ended, "time_to_first_token");
        assert_eq!((&trend["direction"], &trend["worse"]), (&"rose".into(), &true.into()));
        // Twenty requests a slice.
        let slope = trend["slope"].as_f64().unwrap();
        assert!((15.0..25.0).contains(&slope), "{trend}");
        assert!(ended.words().contains("DEGRADED TTFT p50 rose over the run"), "{}", ended.stdout);

        let steady = paced(200, 20);
        let ended = Profile::of(steady.addr()).on(io).args(LOAD).run().all_well();
        assert_eq!(self::trend(&ended, "time_to_first_token")["direction"], "level");
        assert!(!ended.words().contains("DEGRADED"), "{}", ended.stdout);
        assert!(ended.words().contains("no trend in TTFT p50"), "{}", ended.stdout);
    });
}

#[test]
fn tokens_count_in_the_slice_in_which_they_arrive() {
    on_both(|io| {
        // Four streams at a time of two seconds each, a token every 100 ms.
        let server = paced(100, 100);
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "4", "--request-count", "8", "--osl", "20"])
            .args(["--timeslice-duration", "0.5", "--allow-invalid"])
            .run()
            .all_well();
        let report = ended.report();
        let slices = report["summary"]["slices"]["slices"].as_array().unwrap();
        let sum = |field: &str| -> f64 { slices.iter().filter_map(|s| s[field].as_f64()).sum() };
        assert!((sum("output_tokens") - 160.0).abs() < 1e-6);
        assert_eq!((sum("succeeded"), sum("output_events")), (8.0, 160.0));
        // A slice in which no request starts has tokens all the same.
        let idle: Vec<&Value> = slices.iter().filter(|s| s["succeeded"] == 0).collect();
        assert!(idle.len() >= 4, "{slices:#?}");
        assert!(idle[0]["output_tokens"].as_f64().unwrap() > 0.0);
        assert!(idle[0].get("time_to_first_token_p50").is_none());
        let last = slices.last().unwrap();
        assert_eq!((&last["is_complete"], &last["in_trend"]), (&false.into(), &false.into()));

        let files: Value = serde_json::from_str(&ended.text("profile_export_aiperf_timeslices.json")).unwrap();
        ringload_tests::schema::follows("profile_export_aiperf_timeslices", &files);
        let theirs = files["timeslices"].as_array().unwrap();
        // Requests were in flight in every slice, so that AIPerf's file has each of them.
        assert_eq!(theirs.len(), slices.len());
        assert_eq!(theirs[0]["start_ns"], slices[0]["start_ns"]);
        assert_eq!(theirs[0]["output_token_throughput"]["avg"], slices[0]["output_token_throughput"]);
        assert_eq!(theirs[0]["request_latency"]["count"], slices[0]["succeeded"]);
        assert!(files["input_config"].is_object());
        let table = ended.text("profile_export_aiperf_timeslices.csv");
        assert!(table.starts_with("Timeslice,Start_NS,End_NS,Metric,Unit,Stat,Value\r\n0,"));
    });
}

#[test]
fn several_tiers_are_judged_in_one_run_and_say_what_was_never_reached() {
    let server = paced(50, 10);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("slos.json");
    let tiers = r#"{
        "loose": ["time_to_first_token:60000", "request_latency:60000"],
        "dream": "time_to_first_token:60000 inter_token_latency:1"
    }"#;
    std::fs::write(&file, tiers).unwrap();
    let ended = Profile::of(server.addr())
        .args(["--concurrency", "4", "--request-count", "20", "--osl", "40"])
        .args(["--slo-file", file.to_str().unwrap(), "--allow-invalid"])
        .args(["--fail-if", "good_request_fraction@loose<100%"])
        .args(["--fail-if", "goodput@dream<=0"])
        .run()
        .exits(1);
    let report = ended.report();
    let tiers = &report["summary"]["tiers"];
    assert_eq!((&tiers[0]["name"], &tiers[1]["name"]), (&"loose".into(), &"dream".into()));
    assert_eq!((&tiers[0]["good"], &tiers[1]["good"]), (&20.into(), &0.into()));
    let missed = &tiers[1]["slos"][1];
    assert_eq!((&missed["missed"], &missed["missed_alone"]), (&20.into(), &20.into()));
    assert!(missed["best"].as_f64().unwrap() > 1.0, "{missed}");
    assert!(report["summary"].get("goodput").is_none(), "no --goodput was given");
    let said = ended.words();
    assert!(said.contains("inter_token_latency <= 1 ms was never reached, the best was"), "{said}");
    assert!(said.contains("passed good_request_fraction@loose<100%"), "{said}");
    assert!(said.contains("FAILED goodput@dream<=0"), "{said}");
}

#[test]
fn a_condition_that_holds_or_has_no_samples_fails_the_run() {
    let server = paced(20, 5);
    let run = |conditions: &[&str]| {
        let flags = conditions.iter().flat_map(|c| ["--fail-if", c]);
        Profile::of(server.addr())
            .args(["--concurrency", "2", "--request-count", "8", "--osl", "1"])
            .args(flags)
            .args(["--allow-invalid", "--quiet"])
            .run()
    };
    let passed = run(&["ttft.p99>60s", "error_rate>1%", "rps<0.001"]).exits(0);
    assert!(!passed.stdout.contains("FAILED"), "{}", passed.stdout);
    let failed = run(&["ttft.p99>60s", "ttft.min>=20ms"]).exits(1);
    let lines: Vec<&str> = failed.stdout.lines().filter(|l| l.contains("FAILED")).collect();
    assert!(lines.len() == 1 && lines[0].contains("ttft.min>=20ms"), "{}", failed.stdout);
    // One token has no time between tokens.
    let nothing = run(&["itl.p99>60s"]).exits(1);
    assert!(nothing.stdout.contains("no samples"), "{}", nothing.stdout);
    let figures = &nothing.report()["summary"]["thresholds"][0];
    assert_eq!((&figures["failed"], figures.get("value")), (&true.into(), None));
    let wrong = run(&["tttf.p99>5"]).exits(2);
    assert!(wrong.stderr.contains("`ttft`"), "{}", wrong.stderr);
}

#[test]
fn a_run_of_a_hundred_requests_says_how_sure_its_figures_are() {
    on_both(|io| {
        let server = paced(60, 5);
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-rate", "100", "--request-count", "400"])
            .args(["--arrival-pattern", "constant", "--osl", "8", "--allow-invalid"])
            .run()
            .all_well();
        let report = ended.report();
        let confidence = &report["summary"]["confidence"];
        assert_eq!(confidence["level"], 0.95);
        let rate = &confidence["rates"][0];
        assert_eq!(rate["tag"], "request_throughput");
        let value = rate["value"].as_f64().unwrap();
        assert!((95.0..105.0).contains(&value), "{rate}");
        let percentiles = confidence["percentiles"].as_array().unwrap();
        assert_eq!(percentiles.len(), 6);
        for p in percentiles {
            let of = |key: &str| p["interval"][key].as_f64().unwrap();
            let value = p["value"].as_f64().unwrap();
            assert!(of("low") <= value && value <= of("high"), "{p}");
        }
        let steady = &report["summary"]["steady"];
        assert!(steady["words"].as_str().unwrap().contains("MSER-5"), "{steady}");
        assert!(ended.words().contains("WHOLE RUN"), "{}", ended.stdout);

        let short = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "4", "--request-count", "20", "--allow-invalid"])
            .run()
            .all_well();
        assert!(short.report()["summary"].get("confidence").is_none());
    });
}

#[test]
fn a_server_that_hangs_has_the_rate_of_the_whole_run_and_is_told() {
    on_both(|io| {
        // Four answers at once; whoever comes after them waits longer than the run lasts.
        let server = Peer::start(|to, request| {
            if request.serial >= 4 {
                std::thread::sleep(Duration::from_secs(3));
                return Ok(Then::Close);
            }
            peer::write(to, &format!("{STREAM}{}{}", token("one "), finish(1)))?;
            Ok(Then::Keep)
        });
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "4", "--benchmark-duration", "1"])
            .args(["--benchmark-grace-period", "0", "--osl=1", "--allow-invalid"])
            .args(["--fail-if", "request_throughput<100"])
            .run()
            .exits(1);
        let report = ended.report();
        let summary = &report["summary"];
        assert_eq!(summary["counts"]["in_flight_at_end"], 4, "{}", ended.stdout);
        let rate = summary["metrics"]["request_throughput"]["avg"].as_f64().unwrap();
        // Four in a second: the time in which the others hung counts.
        assert!((1.0..4.1).contains(&rate), "{}", ended.stdout);
        assert!(summary["successes_duration_s"].as_f64() < summary["benchmark_duration_s"].as_f64());
        assert!(ended.findings("SUSPECT").contains(&"standstill".to_owned()), "{}", ended.stdout);
        assert!(ended.words().contains("the run stood still for"), "{}", ended.stdout);
    });
}

fn trend(ended: &Ended, tag: &str) -> Value {
    let report = ended.report();
    let trends = report["summary"]["slices"]["trends"].as_array().cloned();
    trends
        .unwrap_or_default()
        .into_iter()
        .find(|trend| trend["tag"] == tag)
        .unwrap_or_else(|| panic!("no trend of {tag}\n{}", ended.stdout))
}
