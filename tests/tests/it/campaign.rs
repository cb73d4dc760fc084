//! Several runs: repeats, sweeps, and what is left of them.

use ringload_mock::batching::Settings;
use ringload_mock::{Config, Jitter, Server, Timing, start};
use ringload_tests::profile::{Ended, Profile};
use ringload_tests::schema::follows;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// Four slots of continuous batching, 10 ms a step: more than four requests in flight have to wait for their first
/// token.
fn crowded() -> Server {
    start(Config {
        timing: Timing::Batching(Settings {
            max_batch: 4,
            prefill_tokens_per_s: 100_000.0,
            decode_step_base: Duration::from_millis(10),
            decode_step_per_seq: Duration::ZERO,
        }),
        output_tokens: 8,
        ..Config::default()
    })
    .unwrap()
}

fn steady() -> Server {
    start(Config {
        timing: Timing::Fixed { ttft: Duration::from_millis(10), itl: Duration::from_millis(2), jitter: Jitter::None },
        output_tokens: 5,
        ..Config::default()
    })
    .unwrap()
}

/// A noisy machine is not the subject here.
fn several(server: &Server) -> Profile {
    Profile::of(server.addr()).args(["--allow-invalid"])
}

fn json(run: &Ended, name: &str) -> Value {
    serde_json::from_str(&text(run, name)).unwrap()
}

fn text(run: &Ended, name: &str) -> String {
    let path = run.artifacts().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn has(run: &Ended, name: &str) -> bool {
    Path::new(run.artifacts()).join(name).exists()
}

#[test]
fn goodput_leaves_throughput_where_the_server_is_full() {
    let server = crowded();
    let run = several(&server)
        .args(["--concurrency", "2,16", "--request-count", "48"])
        .args(["--goodput", "time_to_first_token:60"])
        .run()
        .exits(0);
    let csv = text(&run, "goodput_sweep.csv");
    let rows: Vec<Vec<f64>> = csv.lines().skip(1).map(|l| l.split(',').map(|v| v.parse().unwrap()).collect()).collect();
    assert!(csv.starts_with("concurrency,throughput,goodput,goodput_pct\r\n"), "{csv}");
    assert_eq!((rows[0][0], rows[1][0]), (2.0, 16.0));
    assert!(rows[0][3] > 90.0 && rows[1][3] < 50.0, "{csv}");
    assert!(rows[1][1] > rows[0][1], "throughput still rises: {csv}");
    let sweep = json(&run, "sweep_aggregate/profile_export_aiperf_sweep.json");
    assert_eq!(sweep["metadata"]["sweep_parameters"][0]["values"], serde_json::json!([2, 16]));
    assert_eq!(sweep["best_configurations"]["best_goodput"]["parameters"]["concurrency"], 2);
    let campaign = json(&run, "ringload_campaign.json");
    follows("ringload_campaign", &campaign);
    follows("profile_export_aiperf_sweep", &sweep);
    let knee = &campaign["sweep_summary"]["knee"];
    assert_eq!((&knee["by"], &knee["last"]), (&"goodput".into(), &0.into()));
    assert!(run.stdout.contains("goodput follows throughput up to concurrency=2"), "{}", run.stdout);
    let page = text(&run, "report.html");
    for words in ["goodput follows throughput up to concurrency=2", "holds 2", "./concurrency_16/report.html"] {
        assert!(page.contains(words), "{words}");
    }
    let cell = json(&run, "concurrency_16/profile_export_aiperf.json");
    assert_eq!(cell["run_info"]["variation_values"]["concurrency"], 16);
    assert_eq!(cell["run_info"]["variation_index"], 1);
}

#[test]
fn repeats_agree_with_the_runs_they_are_made_of() {
    let server = steady();
    let run = several(&server)
        .args(["--multi-run-count", "3", "--concurrency", "2", "--request-count", "8"])
        .args(["--warmup-request-count", "2"])
        .run()
        .exits(0);
    let mut values = Vec::new();
    for i in 1..=3 {
        let one = json(&run, &format!("profile_runs/run_000{i}/profile_export_aiperf.json"));
        values.push(one["request_throughput"]["avg"].as_f64().unwrap());
        assert_eq!(one["run_info"]["trial"], i - 1);
        assert_eq!(one["warmup_metrics"].is_object(), i == 1, "warm-up before the first only");
        assert_eq!(one["run_info"]["random_seed"], 7);
    }
    let all = json(&run, "aggregate/profile_export_aiperf_aggregate.json");
    follows("profile_export_aiperf_aggregate", &all);
    let figure = &all["metrics"]["request_throughput_avg"];
    let mean = values.iter().sum::<f64>() / 3.0;
    let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    let near = |a: &Value, b: f64| (a.as_f64().unwrap() - b).abs() < 1e-6 * mean;
    assert!(near(&figure["mean"], mean) && near(&figure["std"], sd), "{figure}");
    let half = 4.302_652_73 * sd / 3f64.sqrt();
    assert!(near(&figure["ci_low"], mean - half) && near(&figure["ci_high"], mean + half), "{figure}");
    assert_eq!(all["metadata"]["num_successful_runs"], 3);
    assert!(!has(&run, "sweep_aggregate"));
}

#[test]
fn repeats_end_when_the_metric_has_settled() {
    let server = steady();
    let run = several(&server)
        .args(["--num-profile-runs", "9", "--request-count", "4"])
        .args(["--convergence-metric", "request_count", "--convergence-mode", "cv"])
        .run()
        .exits(0);
    assert!(has(&run, "profile_runs/run_0003") && !has(&run, "profile_runs/run_0004"));
    let came = &json(&run, "ringload_campaign.json")["sweep_points"][0]["convergence"];
    assert_eq!(came["settled"], true, "{came}");
    assert_eq!((&came["runs"], &came["most_runs"]), (&3.into(), &9.into()));
    assert!(run.stdout.contains("after 3 of 9 runs"), "{}", run.stdout);
}

#[test]
fn cells_are_repeated_in_turn_or_one_by_one() {
    let server = steady();
    for (mode, place) in [
        ("repeated", "profile_runs/trial_0002/concurrency_2/ringload_report.json"),
        ("independent", "concurrency_2/profile_runs/trial_0002/ringload_report.json"),
    ] {
        let run = several(&server)
            .args(["--concurrency", "1,2", "--request-count", "4"])
            .args(["--num-profile-runs", "2", "--parameter-sweep-mode", mode])
            .run()
            .exits(0);
        assert!(has(&run, place), "{place}");
        let campaign = json(&run, "ringload_campaign.json");
        let runs = |cell: usize| campaign["sweep_points"][cell]["runs"].as_array().unwrap().len();
        assert_eq!((runs(0), runs(1)), (2, 2));
        let seed = |cell: usize, run: usize| &campaign["sweep_points"][cell]["runs"][run]["random_seed"];
        assert_eq!(seed(0, 0), seed(0, 1), "repeats share their seed");
        assert_ne!(seed(0, 0), seed(1, 0), "cells have seeds of their own");
    }
}

#[test]
fn variants_are_cells_with_names() {
    let server = steady();
    let run = several(&server)
        .args(["--concurrency", "1", "--request-count", "4"])
        .args(["--variant", "two: concurrency=2", "--variant", "long: osl=12"])
        .args(["--parameter-sweep-same-seed"])
        .run()
        .exits(0);
    let campaign = json(&run, "ringload_campaign.json");
    assert_eq!(campaign["sweep_points"][0]["label"], "two");
    assert_eq!(campaign["sweep_points"][1]["parameters"]["output_tokens_mean"], 12);
    let report = json(&run, "two/ringload_report.json");
    assert_eq!(report["plan"]["profiling"]["load"]["concurrency"], 2);
}

#[test]
fn a_signal_ends_the_campaign_and_what_was_measured_is_there() {
    let server = steady();
    let running = several(&server)
        .args(["--concurrency", "1", "--request-count", "4", "--num-profile-runs", "50"])
        .args(["--profile-run-cooldown-seconds", "0.2"])
        .start();
    running.heard("run_0002");
    running.signal("INT");
    let run = running.end().exits(130);
    let all = json(&run, "aggregate/profile_export_aiperf_aggregate.json");
    let runs = all["metadata"]["num_profile_runs"].as_u64().unwrap();
    assert!((2..50).contains(&runs), "{runs}");
    let first = format!("INTERRUPTED: {runs} of 50 runs were made, ended by a signal\n  not run base");
    let place = |text: &str| run.stdout.find(text).unwrap_or_else(|| panic!("{text:?} in {}", run.stdout));
    assert!(place(&first) < place(&format!("{runs} RUNS")), "it is said first: {}", run.stdout);
    let campaign = json(&run, "ringload_campaign.json");
    assert_eq!(campaign["interrupted"]["by"], "a signal");
    assert_eq!(campaign["interrupted"]["not_run"][0]["runs"], 50 - runs);
}

#[test]
fn what_cannot_be_swept_is_refused_before_anything_is_sent() {
    let server = steady();
    for (args, said) in [
        (&["--concurrency", "1,2", "--isl", "8,16,32", "--sweep-type", "zip"][..], "as long as each other"),
        (&["--concurrency", "1,0"], "whole number from 1"),
        (&["--concurrency", "1,2", "--variant", "isl=3"], "two ways"),
        (&["--variant", "tls=1"], "can be swept"),
        (&["--num-profile-runs", "0"], "from 1"),
        (&["--convergence-stat", "p99"], "--convergence-metric"),
        (&["--num-profile-runs", "2", "--convergence-metric", "ttft"], "time_to_first_token"),
        (&["--convergence-metric", "request_latency"], "--num-profile-runs 3 or more"),
        (
            &[
                "--num-profile-runs",
                "4",
                "--convergence-metric",
                "request_throughput",
                "--convergence-mode",
                "distribution",
            ],
            "ci_width or cv",
        ),
    ] {
        let run = several(&server).args(args).run().exits(2);
        assert!(run.stderr.contains(said), "{args:?}: {}", run.stderr);
    }
}

/// Four requests in flight are served side by side; the fifth waits for one of them to end, which takes 80 ms.
#[test]
fn the_capacity_is_where_the_server_is_full() {
    let server = crowded();
    let run = Profile::capacity(server.addr())
        .args(["--axis", "concurrency", "--goodput", "time_to_first_token:60"])
        .args(["--probe-duration", "6", "--to", "64", "--allow-invalid"])
        .run()
        .exits(0);
    let found = json(&run, "ringload_capacity.json");
    follows("ringload_capacity", &found);
    let load = |name: &str| found[name].as_f64().unwrap();
    assert!(load("holds") < load("fails"), "{found}");
    assert!((2.0..=8.0).contains(&load("capacity")), "{}", run.stdout);
    let probes = found["probes"].as_array().unwrap();
    for probe in probes {
        let good = probe["good_fraction"].as_f64().unwrap();
        assert_eq!(probe["holds"] == true, good >= 0.95, "{probe}");
    }
    // It may have been tried twice, and have held by chance the first time.
    let mut over = probes.iter().filter(|p| p["load"].as_f64() == Some(load("fails")));
    assert!(over.any(|p| p["holds"] == false), "{found}");
    assert!(run.stdout.contains("CAPACITY: "), "{}", run.stdout);
}

#[test]
fn objectives_that_cannot_be_met_have_no_capacity() {
    let server = crowded();
    let run = Profile::capacity(server.addr())
        .args(["--axis", "concurrency", "--goodput", "time_to_first_token:1"])
        .args(["--probe-duration", "4", "--allow-invalid"])
        .run()
        .exits(1);
    assert!(run.stdout.contains("CAPACITY: none"), "{}", run.stdout);
}

#[test]
fn a_search_that_cannot_be_is_refused() {
    let server = steady();
    for (args, said) in [
        (&[][..], "--goodput"),
        (&["--goodput", "time_to_first_token:60", "--request-rate", "5"], "drop --request-rate"),
        (&["--goodput", "time_to_first_token:60", "--target", "120%"], "95%"),
        (&["--goodput", "time_to_first_token:60", "--from", "9", "--to", "3"], "--from"),
        (&["--goodput", "time_to_first_token:60", "--concurrency", "1,2"], "one value"),
    ] {
        let run = Profile::capacity(server.addr()).args(args).run().exits(2);
        assert!(run.stderr.contains(said), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn an_adaptive_search_finds_the_best_point_and_writes_what_it_tried() {
    let server = crowded();
    let run = several(&server)
        .args(["--search-space", "concurrency:1,4:int", "--search-metric", "request_throughput"])
        .args(["--search-initial-points", "2", "--request-count", "8", "--search-random-seed", "1"])
        .args(["--search-sla", "time_to_first_token:p50:lt:60000"])
        .run()
        .exits(0);
    let history = json(&run, "search_history.json");
    follows("search_history", &history);
    follows("ringload_campaign", &json(&run, "ringload_campaign.json"));
    let tried = history["iterations"].as_array().unwrap();
    assert!((2..=4).contains(&tried.len()), "{history}");
    for (i, point) in tried.iter().enumerate() {
        assert_eq!(point["feasible"], true);
        assert!(has(&run, &format!("search_iter_{i:04}/profile_export_aiperf.json")), "{i}");
    }
    let best = history["best"]["objective_value"].as_f64().unwrap();
    let all = tried.iter().map(|point| point["objective_value"].as_f64().unwrap());
    assert_eq!(all.reduce(f64::max), Some(best));
    assert!(history["convergence_reason"].is_string() && history["boundary_summary"]["feasible_max"].is_object());
    assert!(run.stdout.contains("has the largest request_throughput avg"), "{}", run.stdout);
}

#[test]
fn a_search_over_tiers_says_where_each_ends() {
    let server = crowded();
    let run = several(&server)
        .args([
            "--search-space",
            "concurrency:1,2:int",
            "--search-metric",
            "request_throughput",
            "--request-count",
            "4",
        ])
        .args(["--search-sla-tier", "free:time_to_first_token:p50:lt:60000"])
        .args(["--search-sla-tier", "never:time_to_first_token:p50:lt:0.001"])
        .run()
        .exits(0);
    let history = json(&run, "search_history.json");
    follows("search_history", &history);
    let statuses: Vec<_> =
        history["tier_results"].as_array().unwrap().iter().map(|tier| &tier["convergence_status"]).collect();
    assert_eq!(statuses, ["no_failure_in_range", "no_pass_in_range"], "{history}");
    assert_eq!(history["convergence_reason"], "multi_tier_all_converged");
    assert_eq!(history["iterations"].as_array().unwrap().len(), 2);
    assert!(run.stdout.contains("never: nothing that was tried keeps it"), "{}", run.stdout);
}

#[test]
fn an_adaptive_scale_holds_the_largest_load_at_the_end() {
    let server = crowded();
    let run = several(&server)
        .args([
            "--adaptive-scale",
            "--adaptive-scale-control",
            "concurrency:1,2",
            "--adaptive-scale-assessment-period",
            "0.3",
        ])
        .args(["--adaptive-sustain-duration", "0.6", "--adaptive-scale-sla", "ttft:p50:lt:60000"])
        .run()
        .exits(0);
    let history = json(&run, "search_history.json");
    follows("search_history", &history);
    let tried: Vec<_> =
        history["iterations"].as_array().unwrap().iter().map(|point| &point["variation_values"]).collect();
    let loads: Vec<_> = tried.iter().map(|values| values["phases.profiling.concurrency"].as_u64().unwrap()).collect();
    assert_eq!(loads, [1, 2, 2], "{history}");
    let seconds = |folder: &str| {
        let report = json(&run, &format!("{folder}/ringload_report.json"));
        report["plan"]["profiling"]["duration"].clone()
    };
    assert_ne!(seconds("search_iter_0001"), seconds("search_iter_0002"));
}

#[test]
fn a_search_by_halving_says_which_end_of_its_range_it_met() {
    let server = crowded();
    for (bound, reason, said) in [("60000", "upper_end_holds", "go further"), ("0.001", "lower_end_breaks", "go lower")]
    {
        let run = several(&server)
            .args(["--search-space", "concurrency:1,2:int", "--search-metric", "request_throughput"])
            .args(["--search-planner", "monotonic_sla", "--request-count", "4"])
            .args(["--search-sla".to_owned(), format!("time_to_first_token:p50:lt:{bound}")])
            .run()
            .exits(0);
        let history = json(&run, "search_history.json");
        follows("search_history", &history);
        assert_eq!(history["convergence_reason"], reason, "{history}");
        assert!(run.stdout.contains(said), "{}", run.stdout);
    }
}
