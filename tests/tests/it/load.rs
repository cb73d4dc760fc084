//! Arrivals as the server receives them; caps, ends, warm-ups.

use crate::known_answers::{paced, pacing};
use ringload_mock::start;
use ringload_tests::profile::{Ended, Profile};
use ringload_tests::statistics::{critical, distance, erlang, exponential, median};
use ringload_tests::{Io, alone_on_both, cores, on_both, together};
use std::thread;

#[test]
fn arrivals_reach_the_server_as_their_pattern_says() {
    alone_on_both(|io| {
        thread::scope(|scope| {
            scope.spawn(|| equal_gaps(&received(io, &["constant"])));
            scope.spawn(|| fits(&received(io, &["poisson"]), exponential(RATE)));
            let gamma = ["gamma", "--arrival-smoothness", "4"];
            scope.spawn(move || fits(&received(io, &gamma), erlang(4, RATE)));
        });
    });
}

#[test]
fn thousands_of_arrivals_a_second_reach_the_server_as_their_pattern_says() {
    alone_on_both(|io| {
        for rate in [1000.0, 5000.0] {
            let poisson = || {
                let gaps = received_at(io, &["poisson"], rate, FAST);
                distance(&gaps, exponential(rate)) < critical(FAST - 1, ALPHA) + BLUR
            };
            let gamma = || {
                let gaps = received_at(io, &["gamma", "--arrival-smoothness", "4"], rate, FAST);
                distance(&gaps, erlang(4, rate)) < critical(FAST - 1, ALPHA) + BLUR
            };
            // Other work on the machine can only spoil a fit: a wrong schedule would fail every time.
            assert!((0..ATTEMPTS).any(|_| poisson()), "{rate}/s, Poisson");
            assert!((0..ATTEMPTS).any(|_| gamma()), "{rate}/s, gamma");
        }
    });
}

fn fits(gaps: &[f64], cdf: impl Fn(f64) -> f64) {
    let (distance, bound) = (distance(gaps, cdf), critical(gaps.len(), ALPHA));
    assert!(distance < bound, "{distance} over {bound}: {gaps:?}");
}

fn equal_gaps(gaps: &[f64]) {
    let median = median(gaps);
    assert!((0.009..0.011).contains(&median), "{median}");
    // Late arrivals make a long gap and short ones after it; together they keep the schedule.
    let (span, expected) = (gaps.iter().sum::<f64>(), gaps.len() as f64 / RATE);
    assert!((span / expected - 1.0).abs() < 0.1, "{span} of {expected}");
}

/// The gaps, in seconds, between the arrivals of a run with this pattern, as the server received them.
fn received(io: Io, pattern: &[&str]) -> Vec<f64> {
    received_at(io, pattern, RATE, ARRIVALS)
}

fn received_at(io: Io, pattern: &[&str], rate: f64, count: usize) -> Vec<f64> {
    let server = paced(0, 0);
    let ended = Profile::of(server.addr())
        .on(io)
        .args(["--request-rate", &rate.to_string(), "--osl", "1"])
        .args(["--request-count", &count.to_string(), "--cores", "1"])
        .args(["--allow-invalid", "--arrival-pattern"])
        .args(pattern)
        .run()
        .all_well();
    assert_eq!(ended.count("issued"), count as u64);
    let arrivals = server.arrivals();
    assert_eq!(arrivals.len(), count, "each arrival, and only those");
    let gaps = arrivals.windows(2);
    gaps.map(|pair| (pair[1] - pair[0]) as f64 / 1e9).collect()
}

#[test]
fn a_seed_is_a_schedule_whatever_drives_it() {
    let _turn = together();
    let server = paced(0, 0);
    let run = |seed: &str, args: &[&str]| {
        let ended = Profile::of(server.addr())
            .args(["--request-rate", "1000", "--request-count", "150"])
            .args(["--osl", "1", "--allow-invalid", "--random-seed", seed])
            .args(args)
            .run()
            .all_well();
        scheduled(&ended)
    };
    for pattern in ["poisson", "gamma"] {
        let of = |seed, io: &str, cores: &str| run(seed, &["--arrival-pattern", pattern, "--io", io, "--cores", cores]);
        let first = of("11", "auto", "1");
        assert_eq!(first.len(), 150);
        assert!(first.is_sorted());
        assert_eq!(first, of("11", "epoll", "1"));
        assert_ne!(first, of("12", "epoll", "1"));
        if many_cores() {
            assert_eq!(first, of("11", "auto", "2"));
            assert_eq!(first, of("11", "epoll", "2"));
        }
    }
}

/// When each request was due, counted from the first.
fn scheduled(ended: &Ended) -> Vec<u64> {
    let due: Vec<u64> =
        ended.records().iter().map(|record| record["metadata"]["credit_issued_ns"].as_u64().unwrap()).collect();
    due.iter().map(|at| at - due[0]).collect()
}

#[test]
fn a_closed_loop_keeps_exactly_n_in_flight() {
    on_both(|io| {
        for cores in ["1", "2"].iter().take(if many_cores() { 2 } else { 1 }) {
            for n in [1, 7, 64_u64] {
                let server = paced(60, 20);
                let requests = (2 * n + 1).to_string();
                let ended = Profile::of(server.addr())
                    .on(io)
                    .args(["--concurrency", &n.to_string()])
                    .args(["--request-count", &requests, "--osl", "3"])
                    .args(["--cores", cores, "--allow-invalid"])
                    .run()
                    .all_well();
                assert_eq!(ended.count("succeeded"), 2 * n + 1);
                let state = server.state();
                assert_eq!(state.peak_in_flight, n, "--cores {cores}");
                assert_eq!(state.connections_accepted, n, "--cores {cores}");
            }
        }
    });
}

#[test]
fn an_open_loop_does_not_wait_for_answers() {
    on_both(|io| {
        let server = paced(1500, 0);
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-rate", "100", "--request-count", "40"])
            .args(["--osl", "1", "--allow-invalid"])
            .run()
            .all_well();
        // All are there long before the first is answered.
        assert_eq!(server.state().peak_in_flight, 40);
        assert_eq!(ended.count("queued"), 0);
    });
}

#[test]
fn a_cap_queues_what_comes_over_it() {
    on_both(|io| {
        let server = paced(50, 0);
        let ended = capped(io, &server, "queue");
        let report = ended.report();
        assert_eq!((ended.count("issued"), ended.count("dropped")), (40, 0));
        assert!(ended.count("queued") > 0);
        assert_eq!(server.state().peak_in_flight, 3);
        assert!(ended.findings("SUSPECT").contains(&"cap".to_owned()));
        // 40 requests, 3 at a time, each 50 ms: the last waits long for its slot and keeps its place in the schedule.
        assert!(ended.metric("response_time", "max") >= 300.0, "{report}");
        let offsets = scheduled(&ended);
        assert!(offsets.windows(2).all(|w| w[1] - w[0] == 5_000_000));
    });
}

#[test]
fn a_cap_drops_what_comes_over_it() {
    on_both(|io| {
        let server = paced(50, 0);
        let ended = capped(io, &server, "drop");
        let (issued, dropped) = (ended.count("issued"), ended.count("dropped"));
        assert_eq!((issued + dropped, ended.count("queued")), (40, 0));
        assert!(issued >= 3 && dropped > 0);
        assert_eq!(server.state().requests, issued);
        assert_eq!(ended.records().len() as u64, issued);
        assert_eq!(server.state().peak_in_flight, 3);
    });
}

/// 40 arrivals within 200 ms, at most 3 in flight.
fn capped(io: Io, server: &ringload_mock::Server, policy: &str) -> Ended {
    Profile::of(server.addr())
        .on(io)
        .args(["--request-rate", "200", "--arrival-pattern", "constant"])
        .args(["--request-count", "40", "--osl", "1"])
        .args(["--concurrency", "3", "--cap-policy", policy])
        .args(["--allow-invalid"])
        .run()
        .all_well()
}

#[test]
fn a_cap_holds_over_all_cores() {
    if !many_cores() {
        println!("not here: one core only");
        return;
    }
    on_both(|io| {
        let server = paced(40, 0);
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-rate", "300", "--request-count", "45"])
            .args(["--concurrency", "3", "--cores", "2", "--osl", "1"])
            .args(["--allow-invalid"])
            .run()
            .all_well();
        assert_eq!(ended.count("issued"), 45);
        assert_eq!(server.state().peak_in_flight, 3);
    });
}

#[test]
fn what_is_in_flight_at_the_end_is_reported_as_such() {
    on_both(|io| {
        let server = paced(1000, 0);
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-rate", "20", "--arrival-pattern", "constant"])
            .args(["--benchmark-duration", "1.2", "--benchmark-grace-period", "0.4"])
            .args(["--osl", "1", "--allow-invalid"])
            .run()
            .all_well();
        // What was issued in the first 0.6 s can be answered by 1.6 s; what was issued after that cannot.
        let (issued, left) = (ended.count("issued"), ended.count("in_flight_at_end"));
        assert_eq!(ended.count("succeeded") + left, issued);
        assert!(left > 0 && left < issued, "{left} of {issued}");
        assert!(ended.findings("VALID").contains(&"in_flight_at_end".to_owned()));
        let records = ended.records();
        assert_eq!(records.len() as u64, issued);
        let abandoned = records.iter().filter(|r| r["metadata"]["was_cancelled"] == true);
        let codes: Vec<_> = abandoned.map(|r| r["error"]["code"].clone()).collect();
        assert_eq!(codes, vec![serde_json::json!(499); left as usize]);
        assert_eq!(server.state().requests, issued);
    });
}

#[test]
fn a_duration_ends_a_closed_loop_and_the_grace_waits_for_its_answers() {
    on_both(|io| {
        let server = paced(30, 0);
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "5", "--benchmark-duration", "0.5"])
            .args(["--osl", "1", "--allow-invalid"])
            .run()
            .all_well();
        assert_eq!(ended.count("in_flight_at_end"), 0);
        assert_eq!(ended.count("succeeded"), server.state().requests);
        assert_eq!(server.state().peak_in_flight, 5);
        let due = scheduled(&ended);
        assert!(due.iter().all(|offset| *offset <= 500_000_000), "{due:?}");
    });
}

#[test]
fn a_warm_up_reaches_the_server_and_not_the_results() {
    on_both(|io| {
        let server = start(pacing(10, 2)).expect("a server");
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "4", "--request-count", "20", "--osl", "3"])
            .args(["--warmup-request-count", "8", "--warmup-concurrency", "2"])
            .args(["--allow-invalid"])
            .run()
            .all_well();
        assert_eq!(server.state().requests, 28);
        assert_eq!(ended.count("issued"), 20);
        let report = ended.report();
        assert_eq!(report["summary"]["warmup_counts"]["succeeded"], 8);
        assert_eq!(report["summary"]["client"]["events"], 20 * 3);
        assert_eq!(ended.metric("request_count", "avg"), 20.0);
        assert_eq!(ended.summary()["warmup_metrics"]["request_count"]["avg"], 8.0);
        let records = ended.records();
        assert_eq!(records.len(), 20);
        assert!(records.iter().all(|r| r["metadata"]["benchmark_phase"] == "profiling"));
        let first = records.iter().map(|r| r["metadata"]["request_start_ns"].as_u64().unwrap()).min();
        assert!(report["summary"]["started_at_ns"].as_u64() <= first);
    });
}

#[test]
fn the_offered_rate_is_the_schedules_and_the_achieved_one_no_more() {
    on_both(|io| {
        let server = paced(20, 20);
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-rate", "200", "--request-count", "100"])
            .args(["--osl", "3", "--allow-invalid"])
            .run()
            .all_well();
        let rate = &ended.report()["summary"]["rate"];
        let figure = |name: &str| rate[name].as_f64().unwrap();
        let span = scheduled(&ended)[99] as f64 / 1e9;
        assert!((figure("offered") * span / 99.0 - 1.0).abs() < 1e-9, "{rate}");
        assert!(figure("achieved") <= figure("offered"), "{rate}");
        assert_eq!(figure("ratio"), figure("achieved") / figure("offered"));
    });
}

/// Whether two workers can have a core each.
fn many_cores() -> bool {
    cores() >= 2
}

const RATE: f64 = 100.0;
const ARRIVALS: usize = 200;
/// How often a right schedule may fail.
const ALPHA: f64 = 1e-4;
/// Arrivals of the fast ones, and how often they are tried.
const FAST: usize = 1000;
const ATTEMPTS: usize = 5;
/// What the way from the send to the server's read may add to a distance: tens of microseconds, where gaps are of 200.
/// One pattern in place of another is off by 0.2 and more.
const BLUR: f64 = 0.06;
