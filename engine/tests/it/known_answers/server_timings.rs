//! What a server says of its time, against the client's clock.

use super::*;
use ringload_engine::plan::ServerTimings;

/// A first token 50 ms after the request was sent, another 20 ms later, and what the server says of its time at the
/// end.
fn telling(metrics: &'static str) -> Scripted {
    Scripted::new(move |at, key, script, _| {
        script.send(at, key, head());
        script.send(at + 50 * MILLI, key, token("a"));
        script.send(at + 70 * MILLI, key, token("b"));
        let usage =
            format!(r#"{{"choices":[],"usage":{{"prompt_tokens":4,"completion_tokens":2}},"metrics":{metrics}}}"#);
        script.send(at + 71 * MILLI, key, [event(&usage), end()].concat());
    })
}

const TOLD: &str = r#"{"queue_time_ms":12.5,"time_to_first_token_ms":30.25,"generation_time_ms":20}"#;

#[test]
fn the_servers_part_of_the_time_to_first_token_is_told_apart() {
    let plan = plan(Phase::closed(1, 20));
    let played = SimulatedRun::new(&plan).play(telling(TOLD));
    for r in &played.records {
        let told = r.timings.as_ref().expect("it tells");
        assert_eq!((told.queue, told.prefill, told.decode), (Some(12_500_000), Some(30_250_000), Some(20 * MILLI)));
    }
    let summary = played.summarize(&plan);
    let first = summary.network.first_token.as_ref().expect("there are first tokens");
    let server = first.server.expect("the server tells");
    assert_eq!((server.requests, server.with_queue, server.with_front_end), (20, 20, 0));
    assert_eq!((server.queue_ms, server.prefill_ms, server.negative_remainders), (12.5, 30.25, 0));
    let sum = server.before_ms + server.queue_ms + server.prefill_ms + server.front_end_ms + server.remainder_ms;
    assert!((sum - server.ttft_ms).abs() < 1e-9, "{server:?}");
    assert_eq!(server.ttft_ms, first.all.ttft_ms);
    let value = |tag: &str| summary.metric(tag).map(|metric| metric.avg);
    assert_eq!((value("server_queue_time"), value("server_prefill_time")), (Some(12.5), Some(30.25)));
    assert_eq!((value("server_decode_time"), value("server_total_time")), (Some(20.0), None));
    assert!((value("first_token_remainder").unwrap() - server.remainder_ms).abs() < 1e-9);
}

#[test]
fn more_time_than_passed_is_flagged() {
    let plan = plan(Phase::closed(1, 3));
    let played = SimulatedRun::new(&plan).play(telling(r#"{"queue_time_ms":60}"#));
    let summary = played.summarize(&plan);
    let server = summary.network.first_token.and_then(|first| first.server).expect("the server tells");
    assert_eq!((server.negative_remainders, server.with_prefill), (3, 0));
    assert!(server.remainder_ms < -9.0, "{server:?}");
}

#[test]
fn what_a_server_tells_is_left_out_where_it_is_not_wanted() {
    let mut plan = plan(Phase::closed(1, 3));
    plan.server_timings = ServerTimings::Off;
    let played = SimulatedRun::new(&plan).play(telling(TOLD));
    assert!(played.records.iter().all(|r| r.timings.is_none() && r.outcome == Outcome::Succeeded));
    let summary = played.summarize(&plan);
    assert!(summary.metric("server_queue_time").is_none());
    assert_eq!(summary.network.first_token.and_then(|first| first.server), None);
}
