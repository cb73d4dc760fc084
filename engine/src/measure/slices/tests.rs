use super::super::slice_figures::Slices;
use super::super::testing::{plan, summary};
use super::super::trend::Direction;
use crate::clock::{MILLI, Nanos, SECOND};
use crate::plan::{Plan, Slo};
use crate::record::testing::{any_record, failed, streamed};
use crate::record::{Cause, Outcome, Record, Usage};
use proptest::prelude::*;

fn sliced(width: Nanos) -> Plan {
    let mut plan = plan();
    plan.slice = Some(width);
    plan
}

fn slices(plan: &Plan, records: &[Record]) -> Slices {
    summary(plan, records).slices.expect("slices")
}

/// With `n` tokens by the server's usage.
fn tokens(record: Record, n: u32) -> Record {
    Record {
        usage: Some(Usage {
            completion: Some(n),
            ..Usage::default()
        }),
        ..record
    }
}

/// Ten requests a second for `seconds`, each of 100 ms and then `ttft` more a second, and four more events 10 ms apart.
fn steady_load(seconds: u64, more: Nanos) -> Vec<Record> {
    (0..10 * seconds)
        .map(|k| {
            let issued = SECOND + k * 100 * MILLI;
            let ttft = 100 * MILLI + more * (k / 10);
            tokens(streamed(k, issued, ttft, &[10 * MILLI; 4]), 5)
        })
        .collect()
}

#[test]
fn requests_are_in_the_slice_in_which_they_start_and_output_where_it_arrives() {
    // Starts in the first second, and puts out one event a second for five seconds, of two tokens each.
    let long = tokens(streamed(0, 7 * SECOND, SECOND / 2, &[SECOND; 4]), 10);
    let s = slices(&sliced(SECOND), &[long]);
    assert_eq!(s.slices.len(), 5);
    let started: Vec<u64> = s.slices.iter().map(|s| s.succeeded).collect();
    assert_eq!(started, [1, 0, 0, 0, 0]);
    let completed: Vec<u64> = s.slices.iter().map(|s| s.completed).collect();
    assert_eq!(completed, [0, 0, 0, 0, 1]);
    for slice in &s.slices[..4] {
        assert_eq!((slice.output_events, slice.output_tokens), (1, Some(2.0)));
        assert_eq!(slice.output_token_throughput, Some(2.0));
        assert_eq!(slice.in_flight_mean, Some(1.0));
        assert!(slice.is_complete);
    }
    let last = &s.slices[4];
    assert!(!last.is_complete && !last.in_trend);
    // 0.5 s and the 5 ns until the stream ends.
    assert_eq!(last.end_ns - last.start_ns, 500_000_005);
    assert_eq!(last.output_tokens, Some(2.0));
    assert_eq!(s.slices[1].time_to_first_token_p50, None);
    let throughput = |i: usize| {
        let m = &s.slices[i].metrics;
        m.iter()
            .find(|m| m.info.tag == "output_token_throughput")
            .map(|m| m.avg)
    };
    assert_eq!((throughput(0), throughput(1)), (Some(2.0), Some(2.0)));
}

#[test]
fn slices_begin_with_the_first_request_and_carry_wall_clock_times() {
    let s = summary(&sliced(SECOND), &steady_load(8, 0));
    let wall = s.started_at_ns;
    let slices = s.slices.unwrap().slices;
    // The phase began at instant 0, the first request at one second.
    assert_eq!(slices[0].start_ns, wall + SECOND);
    assert_eq!(slices[3].start_ns, wall + 4 * SECOND);
    assert!(slices.windows(2).all(|w| w[0].end_ns == w[1].start_ns));
    assert_eq!(slices[3].start_s, 3.0);
}

#[test]
fn nothing_is_lost_between_the_slices() {
    let s = summary(&sliced(700 * MILLI), &steady_load(9, 0));
    let slices = s.slices.unwrap().slices;
    assert_eq!(slices.iter().map(|s| s.succeeded).sum::<u64>(), 90);
    assert_eq!(slices.iter().map(|s| s.output_events).sum::<u64>(), 450);
    let tokens: f64 = slices.iter().filter_map(|s| s.output_tokens).sum();
    assert!((tokens - 450.0).abs() < 1e-6, "{tokens}");
    // 90 requests of 140 ms and 5 ns.
    let area: f64 = slices
        .iter()
        .map(|s| s.in_flight_mean.unwrap() * (s.end_ns - s.start_ns) as f64 / 1e9)
        .sum();
    assert!((area - 12.6).abs() < 1e-6, "{area}");
}

#[test]
fn a_run_that_ends_with_a_slice_has_no_empty_one_after_it() {
    // Ends 5 ns after its last output: at exactly two seconds.
    let record = streamed(0, SECOND, SECOND, &[SECOND - 5]);
    let s = slices(&sliced(SECOND), &[record]).slices;
    assert_eq!(s.len(), 2);
    assert!(s.iter().all(|s| s.is_complete));
    assert_eq!((s[1].completed, s[1].output_events), (1, 2));
}

#[test]
fn goodput_and_failures_have_their_slice() {
    let mut plan = sliced(SECOND);
    plan.slos = Slo::parse_all(&["time_to_first_token:150".into()]).unwrap();
    let mut records = steady_load(3, 40 * MILLI);
    records[15] = failed(records[15].clone(), Cause::Reset, 0, "reset");
    let s = slices(&plan, &records).slices;
    // 100, 140 and 180 ms to the first token.
    let good: Vec<Option<u64>> = s.iter().take(3).map(|s| s.good).collect();
    assert_eq!(good, [Some(10), Some(9), Some(0)]);
    assert_eq!(s[1].failed, 1);
    assert_eq!(s[1].good_request_fraction, Some(0.9));
    assert_eq!(s[0].goodput, Some(10.0));
    // The failed request's events are in no slice.
    assert_eq!(s.iter().map(|s| s.output_events).sum::<u64>(), 29 * 5);
}

#[test]
fn a_server_that_slows_down_is_found_and_a_steady_one_is_not() {
    let s = slices(&sliced(SECOND), &steady_load(10, 5 * MILLI));
    let ttft = &s.trends[0];
    assert_eq!(
        (ttft.tag, ttft.direction),
        ("time_to_first_token", Direction::Rose)
    );
    assert!((ttft.slope - 5.0).abs() < 1e-9 && ttft.worse, "{ttft:?}");
    assert!(
        s.trends[1..]
            .iter()
            .all(|t| t.direction == Direction::Level)
    );
    let s = slices(&sliced(SECOND), &steady_load(10, 0));
    assert_eq!(s.trends.len(), 3);
    assert!(s.trends.iter().all(|t| t.direction == Direction::Level));
}

#[test]
fn the_end_of_the_load_is_no_trend() {
    // One answer goes on for six seconds after the last request was issued.
    let mut records = steady_load(8, 0);
    records.push(tokens(
        streamed(80, 9 * SECOND - 1, 100 * MILLI, &[SECOND; 6]),
        7,
    ));
    let s = slices(&sliced(SECOND), &records);
    let counted: Vec<bool> = s.slices.iter().map(|s| s.in_trend).collect();
    assert_eq!(
        counted[..9],
        [true, true, true, true, true, true, true, true, false]
    );
    assert!(s.slices[9].is_complete, "complete, but nothing was issued");
    assert!(
        s.trends.iter().all(|t| t.direction == Direction::Level),
        "{:?}",
        s.trends
    );
}

#[test]
fn too_few_slices_say_what_it_takes() {
    let s = slices(&sliced(2 * SECOND), &steady_load(8, 0));
    assert!(s.trends.is_empty());
    let why = s.untested.unwrap();
    assert!(
        why.contains("4 complete slices") && why.contains("it takes 6"),
        "{why}"
    );
}

#[test]
fn slices_beyond_the_limit_are_counted_not_kept() {
    let mut plan = sliced(SECOND);
    plan.limits.slices = 3;
    let s = slices(&plan, &steady_load(8, 0));
    assert_eq!(
        (s.slices.len(), s.limit, s.requests_beyond_limit),
        (3, 3, 50)
    );
}

#[test]
fn events_without_a_count_are_events_not_tokens() {
    let s = slices(
        &sliced(SECOND),
        &[streamed(0, SECOND, 10 * MILLI, &[MILLI; 3])],
    );
    let slice = &s.slices[0];
    assert_eq!((slice.output_events, slice.output_events_uncounted), (4, 4));
    assert_eq!(
        (slice.output_tokens, slice.output_token_throughput),
        (None, None)
    );
}

#[test]
fn gaps_beyond_the_limit_cost_a_slice_its_gaps_and_nothing_else() {
    let mut plan = sliced(SECOND);
    plan.limits.exact_gaps = 60;
    let s = slices(&plan, &steady_load(3, 0)).slices;
    let has = |i: usize, tag: &str| s[i].metrics.iter().any(|m| m.info.tag == tag);
    assert!(has(0, "inter_chunk_latency") && !has(2, "inter_chunk_latency"));
    assert!(has(2, "time_to_first_token"));
}

#[test]
fn a_request_in_flight_at_the_end_is_where_it_began() {
    let mut records = steady_load(2, 0);
    records.push(Record {
        outcome: Outcome::InFlight,
        ..streamed(99, SECOND + MILLI, 3 * SECOND, &[])
    });
    let s = slices(&sliced(SECOND), &records).slices;
    assert_eq!(s[0].in_flight_at_end, 1);
    assert_eq!(s.iter().map(|s| s.output_events).sum::<u64>(), 20 * 5);
}

proptest! {
    #[test]
    fn no_record_is_too_strange_for_a_slice(records in prop::collection::vec(any_record(), 1..20), width in 1..5_000u64) {
        let mut plan = sliced(width);
        plan.limits.slices = 50;
        if let Some(s) = summary(&plan, &records).slices {
            prop_assert!(s.slices.len() <= 50);
            prop_assert!(s.slices.windows(2).all(|w| w[0].start_ns <= w[1].start_ns));
        }
    }
}
