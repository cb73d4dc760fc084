//! Rates that move, slots that open over time, bounds on prefills, users: as the server receives them.

use crate::known_answers::{paced, pacing};
use ringload_engine::clock::{Nanos, SECOND};
use ringload_engine::plan::{Piece, Ramp, Rate, Shape};
use ringload_engine::schedule::expected_arrivals;
use ringload_mock::{Protocol, Server, start};
use ringload_tests::profile::{Ended, Profile};
use ringload_tests::statistics::{critical, distance, erlang, exponential, mean_and_cv, median};
use ringload_tests::{Io, alone_on_both, cores, on_both, together};
use std::io::Write;
use std::thread;

#[test]
fn arrivals_of_a_moving_rate_reach_the_server_as_their_pattern_says() {
    alone_on_both(|io| {
        thread::scope(|scope| {
            scope.spawn(|| {
                let flags = "--request-rate 150 --request-rate-ramp-duration 2 --request-count 200";
                let gaps = rescaled(io, flags, &ramp(150.0, 2, Shape::Linear));
                assert_eq!(gaps.len(), 199);
                fits(&gaps, 1.0, exponential(1.0));
            });
            scope.spawn(|| {
                let flags = "--request-rate 200 --request-rate-ramp-duration 3 --ramp-shape exponential --request-count 200 \
                             --arrival-pattern gamma --arrival-smoothness 4";
                let gaps = rescaled(io, flags, &ramp(200.0, 3, Shape::Exponential));
                fits(&gaps, 0.5, erlang(4, 1.0));
            });
            scope.spawn(|| {
                let flags = "--stage rate=40,for=1s --stage rate=160,for=1s";
                let stages = vec![Piece::steady(40.0, SECOND), Piece::steady(160.0, SECOND)];
                let gaps = rescaled(io, flags, &Rate::new(stages, 0.0));
                // 200 are wanted, give or take 14.
                assert!((130..270).contains(&gaps.len()), "{}", gaps.len());
                fits(&gaps, 1.0, exponential(1.0));
            });
            scope.spawn(|| {
                let mut file = tempfile::NamedTempFile::new().expect("a file");
                file.write_all(b"offset_s,rate\n0,20\n2,180\n").expect("a series");
                let flags = format!("--request-rate-series {} --arrival-pattern constant", file.path().display());
                let series = vec![Piece::linear(20.0, 180.0, 2 * SECOND)];
                let gaps = rescaled(io, &flags, &Rate::new(series, 180.0));
                assert_eq!(gaps.len(), 199, "200 at the middle of the rates, in 2 s");
                let median = median(&gaps);
                assert!((0.9..1.1).contains(&median), "{median}");
            });
        });
    });
}

fn ramp(rate: f64, seconds: u64, shape: Shape) -> Rate {
    let lasting = seconds * SECOND;
    Rate::ramped(rate, Ramp { lasting, shape })
}

/// Mean 1, dispersion and distribution of the pattern.
fn fits(gaps: &[f64], expected_cv: f64, cdf: impl Fn(f64) -> f64) {
    let n = gaps.len() as f64;
    let (mean, cv) = mean_and_cv(gaps);
    assert!((mean - 1.0).abs() < 5.0 * expected_cv / n.sqrt(), "mean {mean}");
    assert!((cv - expected_cv).abs() < 0.35, "dispersion {cv}");
    let (distance, bound) = (distance(gaps, cdf), critical(gaps.len(), ALPHA));
    assert!(distance < bound, "{distance} over {bound}: {gaps:?}");
}

/// The gaps between the arrivals of a run as the server received them, in the time that the rate makes: Λ(tₖ) −
/// Λ(tₖ₋₁).
fn rescaled(io: Io, flags: &str, rate: &Rate) -> Vec<f64> {
    let server = paced(0, 0);
    let ended = Profile::of(server.addr())
        .on(io)
        .args(["--osl", "1", "--cores", "1", "--allow-invalid"])
        .args(flags.split_whitespace())
        .run()
        .all_well();
    let arrivals = server.arrivals();
    assert_eq!(arrivals.len() as u64, ended.count("issued"));
    // The two clocks meet at the first arrival.
    let begun = offsets(&ended)[0];
    let sums: Vec<f64> = arrivals.iter().map(|at| expected_arrivals(rate, begun + (at - arrivals[0]))).collect();
    sums.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// When each request was due, from the start of the measured phase, in the order of their instants.
fn offsets(ended: &Ended) -> Vec<Nanos> {
    let start = ended.report()["summary"]["started_at_ns"].as_u64();
    let start = start.expect("a start");
    let mut due: Vec<u64> = ended
        .records()
        .iter()
        .map(|record| record["metadata"]["credit_issued_ns"].as_u64().expect("ns") - start)
        .collect();
    due.sort_unstable();
    due
}

#[test]
fn a_seed_is_a_moving_schedule_whatever_drives_it() {
    let _turn = together();
    let server = paced(0, 0);
    let run = |seed: &str, io: &str, workers: usize| {
        let ended = Profile::of(server.addr())
            .args(["--stage", "rate=200,to=1500,for=100ms", "--stage", "rate=300,for=1s"])
            .args(["--request-count", "150", "--random-seed", seed, "--osl", "1"])
            .args(["--allow-invalid", "--io", io, "--cores", &workers.to_string()])
            .run()
            .all_well();
        offsets(&ended)
    };
    let first = run("11", "auto", 1);
    assert_eq!(first.len(), 150);
    assert_eq!(first, run("11", "epoll", 1));
    assert_ne!(first, run("12", "epoll", 1));
    if cores() >= 2 {
        assert_eq!(first, run("11", "auto", 2));
    }
}

#[test]
fn slots_of_a_closed_loop_open_over_the_time_of_the_ramp() {
    on_both(|io| {
        for workers in ["1", "2"].iter().take(cores().min(2)) {
            // No answer comes before all 6 slots are open: each arrival is an opening.
            let server = paced(2500, 0);
            let ended = Profile::of(server.addr())
                .on(io)
                .args(["--concurrency", "6", "--concurrency-ramp-duration", "1.5"])
                .args(["--request-count", "6", "--osl", "1", "--allow-invalid"])
                .args(["--cores", workers])
                .run()
                .all_well();
            let openings: Vec<Nanos> = (0..6).map(|slot| slot * 300_000_000).collect();
            assert_eq!(offsets(&ended), openings);
            assert_eq!(server.state().peak_in_flight, 6);
            let gaps: Vec<f64> = server.arrivals().windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e9).collect();
            let median = median(&gaps);
            assert!((0.25..0.35).contains(&median), "{median}");
        }
    });
}

#[test]
fn no_more_prefills_than_asked_for_in_either_loop() {
    on_both(|io| {
        for flags in [
            &["--concurrency", "8", "--cores", "1"][..],
            &["--concurrency", "8", "--cores", "2"],
            &["--request-rate", "200", "--cores", "1"],
            &["--request-rate", "200", "--cores", "2"],
            &["--concurrency", "8", "--cores", "1", "--http2"],
        ] {
            if flags.contains(&"2") && cores() < 2 {
                continue;
            }
            let server = start(ringload_mock::Config { protocol: Protocol::Auto, ..pacing(20, 30) }).expect("a server");
            let ended = Profile::of(server.addr())
                .on(io)
                .args(["--prefill-concurrency", "2", "--request-count", "40"])
                .args(["--osl", "4", "--allow-invalid"])
                .args(flags)
                .run()
                .all_well();
            assert_eq!(ended.count("succeeded"), 40, "{flags:?}");
            assert_eq!(prefills(&ended), 2, "{flags:?}");
            // Requests that decode are beside them.
            assert!(server.state().peak_in_flight > 2, "{flags:?}");
            assert!(ended.count("queued") > 0, "{flags:?}");
            let status = if flags.contains(&"--concurrency") { "VALID" } else { "SUSPECT" };
            assert!(ended.findings(status).contains(&"prefill".to_owned()), "{flags:?}");
        }
    });
}

/// Most requests that were issued and had no first token at a time.
fn prefills(ended: &Ended) -> i64 {
    let mut steps: Vec<(u64, i64)> = Vec::new();
    for record in ended.records() {
        let issued = record["metadata"]["request_start_ns"].as_u64().expect("ns");
        let ttft_ms = record["metrics"]["time_to_first_token"]["value"].as_f64();
        // A token that came in the nanosecond of the next issue came before it.
        let ttft_ns = (ttft_ms.expect("ms") * 1e6) as u64;
        steps.extend([(issued, 1), (issued + ttft_ns, -1)]);
    }
    steps.sort_unstable();
    let mut now = 0;
    let levels = steps.iter().map(|(_, step)| {
        now += step;
        now
    });
    levels.max().expect("requests")
}

#[test]
fn users_keep_the_rate_while_answers_are_quick() {
    alone_on_both(|io| {
        let server = paced(5, 5);
        let ended = users(io, &server, &["--benchmark-duration", "1.5"]);
        // 5 users, 50 turns a second of all: one each 20 ms from the start.
        let expected: Vec<Nanos> = (0..75).map(|k| k * 20_000_000).collect();
        let due = offsets(&ended);
        if ended.count("queued") == 0 {
            assert_eq!(due, expected);
        }
        let gaps: Vec<f64> = server.arrivals().windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e9).collect();
        let median = median(&gaps);
        assert!((0.018..0.022).contains(&median), "{median}");
    });
}

#[test]
fn users_wait_for_their_own_answers_and_the_verdict_says_so() {
    on_both(|io| {
        for workers in ["1", "2"].iter().take(cores().min(2)) {
            // 250 ms an answer, 100 ms a turn.
            let server = paced(250, 0);
            let ended = users(io, &server, &["--request-count", "25", "--cores", workers]);
            assert_eq!(ended.count("succeeded"), 25);
            assert_eq!(server.state().peak_in_flight, 5);
            // All but the first turn of each user.
            assert_eq!(ended.count("queued"), 20);
            assert!(ended.findings("SUSPECT").contains(&"users".to_owned()));
            assert!(!ended.findings("INVALID").contains(&"rate".to_owned()));
            // Fifty turns a second were asked for; at 250 ms an answer five users come to twenty.
            let rate = &ended.report()["summary"]["rate"];
            assert_eq!(rate["offered"], 50.0, "{rate}");
            assert!(rate["achieved"].as_f64().unwrap() < 35.0, "{rate}");
            // A turn is wanted 100 ms after its user took the last one, and taken when that is answered.
            assert!(ended.metric("scheduled_time_to_first_token", "max") >= 399.0);
        }
    });
}

/// Five users, each with a turn every 100 ms.
fn users(io: Io, server: &Server, args: &[&str]) -> Ended {
    Profile::of(server.addr())
        .on(io)
        .args(["--user-centric-rate", "50", "--num-users", "5"])
        .args(["--osl", "2", "--allow-invalid"])
        .args(args)
        .run()
        .all_well()
}

#[test]
fn a_trace_reaches_the_server_at_its_instants_with_its_lengths() {
    on_both(|io| {
        for workers in ["1", "2"].iter().take(cores().min(2)) {
            let server = paced(0, 0);
            // One each 40 ms from 1 s on, in no order; the last is too late.
            let at = |k: u64| 1_000 + k * 40;
            let mut lines: Vec<String> = (0..21)
                .map(|k| {
                    let (isl, osl) = (10 + k, 1 + k % 4);
                    let at = at(k);
                    format!(r#"{{"timestamp": {at}, "input_length": {isl}, "output_length": {osl}, "hash_ids": [1]}}"#)
                })
                .collect();
            lines.reverse();
            let mut file = tempfile::NamedTempFile::new().expect("a file");
            file.write_all(lines.join("\n").as_bytes()).expect("a trace");
            let ended = Profile::of(server.addr())
                .on(io)
                .args(["--input-file", &file.path().display().to_string()])
                .args(["--fixed-schedule", "--fixed-schedule-auto-offset"])
                .args(["--fixed-schedule-end-offset", &at(19).to_string()])
                .args(["--cores", workers, "--allow-invalid"])
                .run()
                .all_well();
            let expected: Vec<Nanos> = (0..20).map(|k| k * 40_000_000).collect();
            assert_eq!(offsets(&ended), expected);
            assert_eq!(server.arrivals().len(), 20);
            let gaps: Vec<f64> = server.arrivals().windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e9).collect();
            let median = median(&gaps);
            assert!((0.035..0.045).contains(&median), "{median}");
            let mut lengths: Vec<(u64, u64, u64)> = ended
                .records()
                .iter()
                .map(|record| {
                    let of = |tag: &str| record["metrics"][tag]["value"].as_f64().expect(tag) as u64;
                    let due = record["metadata"]["credit_issued_ns"].as_u64().expect("ns");
                    (due, of("input_sequence_length"), of("output_sequence_length"))
                })
                .collect();
            lengths.sort_unstable();
            for (k, (_, isl, osl)) in lengths.into_iter().enumerate() {
                assert_eq!((isl, osl), (10 + k as u64, 1 + k as u64 % 4), "{k}");
            }
        }
    });
}

/// How often a right schedule may fail.
const ALPHA: f64 = 1e-4;
