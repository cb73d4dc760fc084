use super::super::slice_figures::{SliceFigures, Slices};
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
    Record { usage: Some(Usage { completion: Some(n), ..Usage::default() }), ..record }
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
        m.iter().find(|m| m.info.tag == "output_token_throughput").map(|m| m.avg)
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
    let area: f64 = slices.iter().map(|s| s.in_flight_mean.unwrap() * (s.end_ns - s.start_ns) as f64 / 1e9).sum();
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
    // What the failed request put out arrived all the same, as many tokens an event as elsewhere.
    assert_eq!(s.iter().map(|s| s.output_events).sum::<u64>(), 30 * 5);
    let tokens: f64 = s.iter().filter_map(|s| s.output_tokens).sum();
    assert!((tokens - 150.0).abs() < 1e-9, "{tokens}");
}

#[test]
fn a_server_that_slows_down_is_found_and_a_steady_one_is_not() {
    let s = slices(&sliced(SECOND), &steady_load(10, 5 * MILLI));
    let ttft = &s.trends[0];
    assert_eq!((ttft.tag, ttft.direction), ("time_to_first_token", Direction::Rose));
    assert!((ttft.slope - 5.0).abs() < 1e-9 && ttft.worse, "{ttft:?}");
    assert!(s.trends[1..].iter().all(|t| t.direction == Direction::Level));
    let s = slices(&sliced(SECOND), &steady_load(10, 0));
    assert_eq!(s.trends.len(), 3);
    assert!(s.trends.iter().all(|t| t.direction == Direction::Level));
}

#[test]
fn the_end_of_the_load_is_no_trend() {
    // One answer goes on for six seconds after the last request was issued.
    let mut records = steady_load(8, 0);
    records.push(tokens(streamed(80, 9 * SECOND - 1, 100 * MILLI, &[SECOND; 6]), 7));
    let s = slices(&sliced(SECOND), &records);
    let counted: Vec<bool> = s.slices.iter().map(|s| s.in_trend).collect();
    assert_eq!(counted[..9], [true, true, true, true, true, true, true, true, false]);
    assert!(s.slices[9].is_complete, "complete, but nothing was issued");
    assert!(s.trends.iter().all(|t| t.direction == Direction::Level), "{:?}", s.trends);
}

#[test]
fn too_few_slices_say_what_it_takes() {
    let s = slices(&sliced(2 * SECOND), &steady_load(8, 0));
    assert!(s.trends.is_empty());
    let why = s.untested.unwrap();
    assert!(why.contains("4 complete slices") && why.contains("it takes 6"), "{why}");
}

#[test]
fn slices_beyond_the_limit_are_counted_not_kept() {
    let mut plan = sliced(SECOND);
    plan.limits.slices = 3;
    let s = slices(&plan, &steady_load(8, 0));
    assert_eq!((s.slices.len(), s.limit, s.requests_beyond_limit), (3, 3, 50));
}

#[test]
fn events_without_a_count_are_events_not_tokens() {
    let s = slices(&sliced(SECOND), &[streamed(0, SECOND, 10 * MILLI, &[MILLI; 3])]);
    let slice = &s.slices[0];
    assert_eq!((slice.output_events, slice.output_events_uncounted), (4, 4));
    assert_eq!((slice.output_tokens, slice.output_token_throughput), (None, None));
}

#[test]
fn gaps_beyond_the_limit_are_rounded_in_their_slice() {
    let mut plan = sliced(SECOND);
    plan.limits.exact_gaps = 60;
    let s = slices(&plan, &steady_load(3, 0)).slices;
    let gaps = |i: usize| {
        let found = s[i].metrics.iter().find(|m| m.info.tag == "inter_chunk_latency").unwrap();
        (found.exact, found.stats.unwrap().count)
    };
    assert_eq!([gaps(0), gaps(1), gaps(2)], [(true, 40), (false, 40), (false, 40)]);
}

#[test]
fn a_request_in_flight_at_the_end_is_where_it_began() {
    let mut records = steady_load(2, 0);
    records.push(Record { outcome: Outcome::InFlight, ..streamed(99, SECOND + MILLI, 3 * SECOND, &[]) });
    let s = slices(&sliced(SECOND), &records).slices;
    assert_eq!(s[0].in_flight_at_end, 1);
    assert_eq!(s.iter().map(|s| s.output_events).sum::<u64>(), 20 * 5 + 1);
}

/// A server of 16 streams, a token each 20 ms, of 25 to 250 tokens; what is in flight after ten seconds is cut off.
fn cut_off_at_the_end() -> Vec<Record> {
    let end = 11 * SECOND;
    let mut records = Vec::new();
    for slot in 0..16 {
        let mut at = SECOND;
        for turn in 0.. {
            let k = slot * 100 + turn;
            let n = 25 + (k * 7_919 + slot * 104_729) % 226;
            let (first, gap) = (50 * MILLI, 20 * MILLI);
            let arrived = (0..n).take_while(|i| at + first + i * gap < end).count();
            let mut record = streamed(k, at, first, &vec![gap; arrived.max(1) - 1]);
            if arrived as u64 == n {
                at = record.instants.end;
                records.push(tokens(record, n as u32));
                continue;
            }
            record.outcome = Outcome::InFlight;
            record.instants.end = end;
            if arrived == 0 {
                (record.events, record.instants.first_token) = (0, None);
            }
            records.push(record);
            break;
        }
    }
    records
}

#[test]
fn a_steady_server_has_no_trend_though_the_end_of_the_run_cuts_off_what_is_long() {
    let records = cut_off_at_the_end();
    let s = summary(&sliced(SECOND), &records);
    let arrived = s.metrics.iter().find(|m| m.info.tag == "arrived_output_tokens").unwrap().avg;
    let slices = s.slices.unwrap();
    let complete: Vec<f64> = slices.slices[1..9].iter().map(|s| s.output_tokens.unwrap()).collect();
    // 16 streams of 50 tokens a second, less the waits for first tokens.
    assert!(complete.iter().all(|n| (740.0..=800.0).contains(n)), "{complete:?}");
    let all: f64 = slices.slices.iter().filter_map(|s| s.output_tokens).sum();
    assert!((all - arrived).abs() < 1e-6, "{all} {arrived}");
    assert!(slices.trends.iter().all(|t| t.direction == Direction::Level), "{:#?}", slices.trends);
    let of = |name: &str| slices.trends.iter().find(|t| t.name == name).unwrap();
    assert!(of("TTFT p50").slices < of("output").slices);
    // In longer slices too few are left that the end did not touch: that is said.
    let s = summary(&sliced(1_250 * MILLI), &records).slices.unwrap();
    assert_eq!(s.trends.len(), 1, "{:#?}", s.trends);
    let why = s.untested.unwrap();
    assert!(why.contains("TTFT p50 is not tested") && why.contains("cut off at the end"), "{why}");
}

#[test]
fn an_outage_is_no_output_and_the_other_slices_are_tested() {
    // Nothing is issued, and nothing arrives, from 5 to 7 seconds.
    let mut records = steady_load(12, 5 * MILLI);
    records.retain(|r| !(6 * SECOND..8 * SECOND).contains(&r.instants.issued));
    let s = slices(&sliced(SECOND), &records);
    assert_eq!((s.slices[6].output_tokens, s.slices[6].output_token_throughput), (Some(0.0), Some(0.0)));
    for tag in ["total_output_tokens", "total_osl", "output_token_throughput"] {
        let of = |slice: &SliceFigures| slice.metrics.iter().find(|m| m.info.tag == tag).map(|m| m.avg);
        assert_eq!(of(&s.slices[6]), Some(0.0), "{tag}");
        assert!(of(&s.slices[4]) > Some(0.0), "{tag}");
    }
    let named: Vec<(&str, usize)> = s.trends.iter().map(|t| (t.name, t.slices)).collect();
    assert_eq!(named, [("TTFT p50", 10), ("ITL p50", 10), ("output", 12)]);
    // 5 ms a slice, also across the hole.
    assert!((s.trends[0].slope - 5.0).abs() < 1e-9 && s.trends[0].worse);
    assert!(s.trends[0].words.contains("over 10 of 12 slices"), "{}", s.trends[0].words);
    assert_eq!(s.untested, None);
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
