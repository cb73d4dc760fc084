use super::super::Offered;
use super::super::testing::{facts, fed, open_plan, plan, summary};
use super::*;
use crate::clock::{MILLI, SECOND};
use crate::plan::Slo;
use crate::record::testing::{any_record, failed, streamed};
use crate::record::{Cause, Usage};
use proptest::prelude::*;

fn with_usage(record: Record, prompt: u32, completion: u32) -> Record {
    Record {
        usage: Some(Usage {
            prompt: Some(prompt),
            completion: Some(completion),
            total: Some(prompt + completion),
            ..Usage::default()
        }),
        ..record
    }
}

fn metric<'a>(metrics: &'a [Metric], tag: &str) -> Option<&'a Metric> {
    metrics.iter().find(|metric| metric.info.tag == tag)
}

fn avg(summary: &Summary, tag: &str) -> f64 {
    metric(&summary.metrics, tag).unwrap_or_else(|| panic!("{tag}")).avg
}

/// Three successes of 100, 200 and 300 ms to the first token, and then 10 tokens every 20 ms; one failure; one in
/// flight.
fn records() -> Vec<Record> {
    let gaps = [20 * MILLI; 10];
    let mut records: Vec<Record> =
        (0..3).map(|k| with_usage(streamed(k, k * SECOND, (k + 1) * 100 * MILLI, &gaps), 100, 11)).collect();
    records.push(failed(streamed(3, 3 * SECOND, 900 * MILLI, &gaps), Cause::InBandError, 200, "overloaded"));
    records.push(Record { outcome: Outcome::InFlight, ..streamed(4, 4 * SECOND, MILLI, &[]) });
    records
}

#[test]
fn a_known_run_has_known_figures() {
    let s = summary(&plan(), &records());
    assert!(s.violations.is_empty(), "{:?}", s.violations);
    assert_eq!((s.counts.issued, s.counts.succeeded, s.counts.failures(), s.counts.in_flight_at_end), (5, 3, 1, 1));
    // 0 s → 2 s + 300 ms + 200 ms; the failure ended at 4.1 s, and the load had not ended by then.
    assert!((s.successes_duration_s - 2.5).abs() < 1e-12);
    assert!((s.benchmark_duration_s - 4.1).abs() < 1e-7);
    for (tag, expected) in [
        ("time_to_first_token", 200.0),
        ("inter_token_latency", 20.0),
        ("inter_chunk_latency", 20.0),
        ("request_latency", 400.0),
        ("output_token_throughput_per_user", 50.0),
        ("benchmark_duration", 4.1),
        ("request_count", 3.0),
        ("request_throughput", 3.0 / 4.1),
        ("error_request_count", 1.0),
        ("completed_request_count", 4.0),
        ("request_error_rate", 25.0),
        ("total_isl", 300.0),
        ("total_osl", 33.0),
        ("output_token_throughput", 33.0 / 4.1),
        ("arrived_output_tokens", 45.0),
        ("arrived_output_token_throughput", 45.0 / 4.1),
        ("input_token_throughput", 300.0 / 4.1),
        ("usage_input_token_throughput", 300.0 / 4.1),
        ("total_token_throughput", 333.0 / 4.1),
        ("total_error_isl", 100.0),
        ("total_usage_total_tokens", 333.0),
    ] {
        assert!((avg(&s, tag) - expected).abs() < 1e-6, "{tag}: {}", avg(&s, tag));
    }
    let ttft = metric(&s.metrics, "time_to_first_token").unwrap().stats.unwrap();
    assert_eq!((ttft.count, ttft.min, ttft.p50, ttft.p75, ttft.max), (3, 100.0, 200.0, 250.0, 300.0));
    let icl = metric(&s.metrics, "inter_chunk_latency").unwrap();
    assert_eq!((icl.stats.unwrap().count, icl.exact), (30, true));
    assert!(metric(&s.metrics, "goodput").is_none());
    assert_eq!((s.tokens.from_usage, s.tokens.unknown), (3, 0));
    assert_eq!(s.errors[0].message, "overloaded");
}

#[test]
fn a_run_that_ends_normally_has_aiperfs_duration_and_a_hang_lengthens_it() {
    let whole = &records()[..3];
    let s = summary(&plan(), whole);
    assert_eq!(s.benchmark_duration_s, s.successes_duration_s);
    assert!(metric(&s.metrics, "arrived_output_tokens").is_none());
    // Four requests hang from 3 s on; the load goes on until 10 s, and they are given up at 12 s.
    let mut hung = whole.to_vec();
    hung.extend((3..7).map(|k| {
        let mut record = streamed(k, 3 * SECOND, SECOND, &[]);
        record.instants.first_token = None;
        record.instants.last_token = None;
        record.instants.end = 12 * SECOND;
        Record { outcome: Outcome::InFlight, events: 0, ..record }
    }));
    let s = summary(&plan(), &hung);
    assert!((avg(&s, "request_throughput") - 0.3).abs() < 1e-12);
    assert_eq!((s.benchmark_duration_s, s.successes_duration_s), (10.0, 2.5));
    let still = s.standstill.unwrap();
    assert!(still.length_s > 8.9 && still.unanswered == 4, "{still:?}");
    // A plan of seven requests has issued all of them at 3 s: what hangs after its load hangs on its own.
    let (shard, summarizer) = fed(&plan(), &hung);
    let mut facts = facts();
    facts.profiling.planned = Some(7);
    let s = summarizer.finish(shard, facts);
    assert!((s.benchmark_duration_s - 3.0).abs() < 1e-12);
}

#[test]
fn each_objective_says_how_often_it_failed_and_how_near_it_came() {
    let mut plan = plan();
    // 100, 200 and 300 ms to the first token, 20 ms between tokens; one request failed.
    let slos = "time_to_first_token:250 inter_token_latency:10 output_token_throughput_per_user:20";
    plan.slos = Slo::parse_all(&[slos.to_owned()]).unwrap();
    let s = summary(&plan, &records());
    let g = s.goodput.unwrap();
    assert_eq!((g.good, g.good_request_fraction), (0, 0.0));
    let figures: Vec<_> = g.slos.iter().map(|slo| (slo.met, slo.missed, slo.missed_alone, slo.best)).collect();
    assert_eq!(figures, [(2, 2, 0, Some(100.0)), (0, 4, 2, Some(20.0)), (3, 1, 0, Some(50.0))]);
    let interval = g.interval.unwrap();
    assert!(interval.low == 0.0 && interval.high > 0.3 && interval.high < 0.6);
}

#[test]
fn tiers_are_judged_in_one_run_and_one_like_goodput_agrees_with_it() {
    let mut plan = plan();
    plan.slos = Slo::parse_all(&["time_to_first_token:250".into()]).unwrap();
    plan.tiers = crate::plan::Tier::parse_all(
        r#"{"same": "time_to_first_token:250", "strict": "time_to_first_token:100", "chunks": "inter_chunk_latency:20"}"#,
    )
    .unwrap();
    let s = summary(&plan, &records());
    let good: Vec<u64> = s.tiers.iter().map(|tier| tier.goodput.good).collect();
    assert_eq!(good, [2, 1, 3]);
    let goodput = s.goodput.unwrap();
    assert_eq!(s.tiers[0].goodput.goodput, goodput.goodput);
    assert_eq!(s.tiers[0].goodput.interval, goodput.interval);
    assert_eq!(s.tiers[2].goodput.slos[0].best, Some(20.0));
}

#[test]
fn metrics_are_in_table_order() {
    let s = summary(&plan(), &records());
    let places: Vec<usize> =
        s.metrics.iter().map(|m| tags::TABLE.iter().position(|info| info.tag == m.info.tag).unwrap()).collect();
    assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
}

#[test]
fn failures_keep_a_population_of_their_own() {
    let s = summary(&plan(), &records());
    let partial = s.histograms.iter().find(|d| d.tag == "partial_time_to_first_token").unwrap();
    assert_eq!(partial.count, 1);
    assert!((partial.percentile("p50").unwrap().ms - 900.0).abs() < 1.0);
    let ttft = s.histograms.iter().find(|d| d.tag == "time_to_first_token").unwrap();
    assert_eq!(ttft.count, 3);
}

#[test]
fn goodput_counts_requests_for_which_every_objective_holds() {
    let mut plan = plan();
    plan.slos =
        vec![Slo { tag: "time_to_first_token", threshold: 200.0 }, Slo { tag: "inter_token_latency", threshold: 25.0 }];
    let s = summary(&plan, &records());
    let goodput = s.goodput.as_ref().unwrap();
    assert_eq!(goodput.good, 2);
    assert!((goodput.goodput - 2.0 / 4.1).abs() < 1e-7);
    assert!((goodput.good_request_fraction - 0.5).abs() < 1e-12, "of four that finished");
    assert_eq!((goodput.slos[0].met, goodput.slos[1].met), (2, 3));
    assert_eq!((goodput.slos[0].op, goodput.slos[0].unit), ("<=", "ms"));
    assert!((avg(&s, "good_request_fraction") - 0.5).abs() < 1e-12);
}

#[test]
fn a_stall_before_the_issue_shows_in_response_time_and_not_in_service_time() {
    let mut late = streamed(0, 2 * SECOND, 10 * MILLI, &[]);
    late.instants.scheduled = SECOND;
    let s = summary(&open_plan(1.0), &[late]);
    assert!((avg(&s, "request_latency") - 10.0).abs() < 1e-9);
    assert!((avg(&s, "scheduled_time_to_first_token") - 1_010.0).abs() < 1e-9);
    assert!(avg(&s, "response_time") > 1_010.0);
}

#[test]
fn gaps_beyond_the_limit_come_from_the_histogram_and_say_so() {
    let mut plan = plan();
    plan.limits.exact_gaps = 29;
    let s = summary(&plan, &records());
    let icl = metric(&s.metrics, "inter_chunk_latency").unwrap();
    assert!(!icl.exact);
    let stats = icl.stats.unwrap();
    assert_eq!(stats.count, 30);
    assert!((stats.p50 - 20.0).abs() < 0.02 && (icl.avg - 20.0).abs() < 0.02);
}

#[test]
fn without_a_stream_there_is_no_time_to_first_token() {
    let mut plan = plan();
    plan.streaming = false;
    let s = summary(&plan, &records());
    assert!(metric(&s.metrics, "time_to_first_token").is_none());
    assert!(metric(&s.metrics, "inter_chunk_latency").is_none());
    let tags: Vec<&str> = s.histograms.iter().map(|d| d.tag).collect();
    assert_eq!(tags, ["request_latency", "response_time"]);
}

#[test]
fn the_warm_up_is_kept_apart() {
    let mut warm = records();
    warm.iter_mut().for_each(|record| record.phase = PhaseKind::Warmup);
    let s = summary(&plan(), &warm);
    assert_eq!((s.counts.issued, s.warmup_counts.issued), (0, 5));
    assert!(metric(&s.metrics, "time_to_first_token").is_none());
    assert!((metric(&s.warmup_metrics, "time_to_first_token").unwrap().avg - 200.0).abs() < 1e-9);
    assert!(s.errors.is_empty());
}

#[test]
fn a_run_of_nothing_has_a_summary() {
    let s = summary(&plan(), &[]);
    assert!(s.violations.is_empty());
    assert_eq!(s.benchmark_duration_s, 0.0);
    assert_eq!(s.metrics.iter().map(|m| m.info.tag).collect::<Vec<_>>(), ["request_count"]);
}

#[test]
fn requests_that_went_missing_are_violations() {
    let (mut shard, summarizer) = fed(&plan(), &records());
    shard.issued(PhaseKind::Profiling);
    let s = summarizer.finish(shard, facts());
    assert!(s.violations[0].contains("6 requests were issued"), "{:?}", s.violations);

    let (mut shard, summarizer) = fed(&plan(), &records());
    let unrecorded = streamed(9, 0, 1, &[]);
    shard.issued(unrecorded.phase);
    shard.record(&unrecorded);
    let s = summarizer.finish(shard.clone(), facts());
    assert!(s.violations[0].contains("the records show (3, 1, 0, 1)"), "{:?}", s.violations);

    let (_, summarizer) = fed(&plan(), &records());
    let mut told = facts();
    told.records_lost = 1;
    let s = summarizer.finish(shard, told);
    assert!(s.violations.is_empty(), "a loss that was counted is no accounting mismatch");
    assert_eq!((s.client.records_lost, s.counts.succeeded), (1, 4));
}

#[test]
fn planned_requests_are_conserved() {
    let (mut shard, summarizer) = fed(&plan(), &records());
    shard.profiling.dropped = 2;
    let mut facts = facts();
    facts.profiling.planned = Some(10);
    facts.profiling.never_due = 3;
    let s = summarizer.finish(shard, facts);
    assert!(s.violations.is_empty(), "{:?}", s.violations);
}

#[test]
fn a_request_that_fell_due_and_went_nowhere_is_a_violation() {
    let (shard, summarizer) = fed(&plan(), &records());
    let mut facts = facts();
    facts.profiling.planned = Some(10);
    // Six fell due, five were issued.
    facts.profiling.never_due = 4;
    let s = summarizer.finish(shard, facts);
    let said = &s.violations[0];
    assert!(said.contains("10 requests were planned, but 5 issued + 4 never due + 0 dropped = 9"), "{said}");
}

#[test]
fn the_rate_is_of_the_open_loop_only_and_counts_what_was_not_issued() {
    assert!(summary(&plan(), &records()).rate.is_none());
    // One arrival a second; of nine that were due, five were issued.
    let (shard, summarizer) = fed(&open_plan(1.0), &records());
    let mut facts = facts();
    facts.profiling.offered = Some(Offered { arrivals: 9, first: 0, last: 8 * SECOND });
    let rate = summarizer.finish(shard, facts).rate.unwrap();
    assert!((rate.offered - 1.0).abs() < 1e-12);
    assert!((rate.ratio - 0.5).abs() < 1e-12);
}

#[test]
fn cpu_is_shared_out_over_events() {
    let (shard, summarizer) = fed(&plan(), &records());
    let mut facts = facts();
    facts.cores = vec![
        CoreFigures {
            core: Some(1),
            busy_share: 0.1,
            user_s: 0.000_045,
            system_s: 0.000_09,
            wakes: 1,
            involuntary_switches: 0,
            core_busy_share: Some(0.7),
            run_delay_s: Some(0.02),
            numa_node: Some(0),
        };
        2
    ];
    let s = summarizer.finish(shard, facts);
    // 3 × 11 + 11 + 1 events.
    assert_eq!(s.client.events, 45);
    assert!((s.client.user_ns_per_event.unwrap() - 2_000.0).abs() < 1e-6);
    assert!((s.client.system_ns_per_event.unwrap() - 4_000.0).abs() < 1e-6);
}

#[test]
fn requests_in_flight_are_weighted_by_time() {
    let s = summary(&plan(), &[streamed(0, 0, 100, &[]), streamed(1, 50, 100, &[])]);
    let m = metric(&s.metrics, "effective_concurrency").unwrap();
    // 105 ns each over 155 ns.
    assert!((m.avg - 210.0 / 155.0).abs() < 1e-12);
    assert_eq!(m.stats.unwrap().max, 2.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn counts_are_conserved_whatever_the_records(records in prop::collection::vec(any_record(), 0..60)) {
        let s = summary(&plan(), &records);
        prop_assert!(s.violations.is_empty(), "{:?}", s.violations);
        let all = |c: &Counts| c.finished() + c.cancelled + c.in_flight_at_end;
        let counted = all(&s.counts) + all(&s.warmup_counts);
        prop_assert_eq!(counted, records.len() as u64);
        for m in s.metrics.iter().chain(&s.warmup_metrics) {
            prop_assert!(m.avg.is_finite(), "{}", m.info.tag);
        }
    }

    #[test]
    fn the_order_of_records_changes_nothing(
        (records, shuffled) in prop::collection::vec(any_record(), 0..30)
            .prop_flat_map(|records| (Just(records.clone()), Just(records).prop_shuffle())),
    ) {
        let tidy = |s: &Summary| format!("{:?} {:?} {:?}", s.counts, s.metrics, s.histograms);
        prop_assert_eq!(tidy(&summary(&plan(), &records)), tidy(&summary(&plan(), &shuffled)));
    }
}

/// 64 requests of one token in flight, which take half a millisecond to two, over connections that are kept.
#[test]
fn a_request_of_one_token_takes_under_24_bytes_until_the_summary() {
    let n = 50_000;
    let mut at = [0; 64];
    let mut noise = crate::random::ItemRng::new(1, crate::random::Stream::Prompt, 0);
    let mut summarizer = Summarizer::new(&plan(), Timeline::default());
    for k in 0..n {
        let slot = &mut at[k as usize % 64];
        let mut below = |most: usize| noise.below(most) as u64;
        let ttft = MILLI / 2 + below(MILLI as usize * 3 / 2);
        let mut record = with_usage(streamed(k, *slot + below(5_000), ttft, &[]), 100, 1);
        let instants = &mut record.instants;
        instants.scheduled = *slot;
        let begun = instants.issued + below(20_000);
        (instants.send_start, instants.send_end) = (Some(begun), Some(begun + below(30_000)));
        instants.end += below(10_000);
        record.bytes_received += below(8);
        *slot = record.instants.end;
        summarizer.add(&record, &TokenCounts::of(&record, None));
    }
    let each = summarizer.profiling.requests().bytes() as f64 / n as f64;
    assert!(each < 24.0, "{each} bytes a request");
}
