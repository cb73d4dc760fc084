use super::*;
use crate::clock::MILLI;
use crate::record::testing::{any_record, failed, streamed};
use crate::record::{Cause, Instants, Usage};
use proptest::prelude::*;

/// Scheduled at 0, issued 1 ms later, connected in 2 ms, first output (reasoning) at 101 ms, then after 20, 30 and 50
/// ms.
fn record() -> Record {
    let mut record = streamed(7, MILLI, 100 * MILLI, &[20 * MILLI, 30 * MILLI, 50 * MILLI]);
    record.instants = Instants {
        scheduled: 0,
        tcp_start: Some(2 * MILLI),
        tcp_end: Some(4 * MILLI),
        connection_ready: Some(4 * MILLI),
        send_start: Some(5 * MILLI),
        send_end: Some(6 * MILLI),
        first_byte: Some(96 * MILLI),
        head_end: Some(97 * MILLI),
        first_visible_token: Some(121 * MILLI),
        end: 203 * MILLI,
        ..record.instants
    };
    record.requested_osl = Some(16);
    record.connection_reused = false;
    record.usage = Some(Usage {
        prompt: Some(110),
        completion: Some(11),
        total: Some(121),
        reasoning: Some(3),
        cached: Some(64),
        cache_written: Some(32),
    });
    record.text = Some("x".into());
    record
}

fn counted(record: &Record) -> TokenCounts {
    TokenCounts::of(record, Some(&mut |_| 10))
}

#[test]
fn every_metric_of_a_known_request() {
    let record = record();
    let metrics = request_metrics(&record, &counted(&record), true, &[]);
    let expected = [
        ("time_to_first_token", 100.0),
        ("time_to_second_token", 20.0),
        ("time_to_first_output_token", 120.0),
        ("time_to_first_token_from_send", 95.0),
        ("scheduled_time_to_first_token", 101.0),
        ("request_latency", 200.0),
        ("response_time", 203.0),
        ("inter_token_latency", 10.0),
        ("decode_duration", 100.0),
        ("output_token_throughput_per_user", 100.0),
        ("e2e_output_token_throughput", 55.0),
        ("prefill_throughput_per_user", 1_000.0),
        ("stream_setup_latency", 96.0),
        ("stream_prefill_latency", 4.0),
        ("input_sequence_length", 100.0),
        ("output_sequence_length", 11.0),
        ("output_token_count", 8.0),
        ("reasoning_token_count", 3.0),
        ("osl_mismatch_diff_pct", -31.25),
        ("usage_prompt_tokens", 110.0),
        ("usage_completion_tokens", 11.0),
        ("usage_total_tokens", 121.0),
        ("usage_reasoning_tokens", 3.0),
        ("usage_prompt_cache_read_tokens", 64.0),
        ("usage_prompt_cache_write_tokens", 32.0),
        ("usage_prompt_tokens_diff_pct", 10.0),
        ("usage_completion_tokens_diff_pct", 10.0),
        ("queue_time", 2.0),
        ("http_req_blocked", 2.0),
        ("http_req_dns_lookup", 0.0),
        ("http_req_connecting", 2.0),
        ("http_req_tls", 0.0),
        ("http_req_sending", 1.0),
        ("http_req_waiting", 90.0),
        ("http_req_receiving", 107.0),
        ("http_req_duration", 198.0),
        ("http_req_connection_overhead", 4.0),
        ("http_req_total", 202.0),
        ("http_req_connection_reused", 0.0),
        ("http_req_data_sent", 2.0),
        ("http_req_data_received", 5.0),
        ("http_req_chunks_received", 4.0),
        ("credit_to_start_latency", 1.0),
        ("effective_latency", 203.0),
    ];
    let got: Vec<(&str, f64)> = metrics.values.iter().map(|(info, v)| (info.tag, *v)).collect();
    assert_eq!(got, expected);
    assert_eq!(metrics.inter_chunk_ms, [20.0, 30.0, 50.0]);
    assert_eq!(metrics.good, None);
}

#[test]
fn without_a_stream_there_are_no_metrics_of_streams() {
    let record = record();
    let metrics = request_metrics(&record, &counted(&record), false, &[]);
    assert!(metrics.values.iter().all(|(info, _)| !info.streaming_only));
    assert!(metrics.inter_chunk_ms.is_empty());
    assert_eq!(metrics.value(&tags::REQUEST_LATENCY), Some(200.0));
    assert_eq!(metrics.value(&tags::TIME_TO_FIRST_TOKEN), None);
}

#[test]
fn one_token_has_no_time_between_tokens() {
    let mut record = record();
    record.usage = Some(Usage { completion: Some(1), ..Usage::default() });
    let metrics = request_metrics(&record, &counted(&record), true, &[]);
    assert_eq!(metrics.value(&tags::OUTPUT_SEQUENCE_LENGTH), Some(1.0));
    assert_eq!(metrics.value(&tags::INTER_TOKEN_LATENCY), None);
    assert_eq!(metrics.value(&tags::OUTPUT_TOKEN_THROUGHPUT_PER_USER), None);
}

#[test]
fn an_unknown_length_is_never_the_number_of_events() {
    let mut record = record();
    record.usage = None;
    record.text = None;
    let metrics = request_metrics(&record, &counted(&record), true, &[]);
    assert_eq!(metrics.value(&tags::OUTPUT_SEQUENCE_LENGTH), None);
    assert_eq!(metrics.value(&tags::INTER_TOKEN_LATENCY), None);
    assert_eq!(metrics.value(&tags::TIME_TO_FIRST_TOKEN), Some(100.0));
}

#[test]
fn a_failed_request_has_no_latency_and_is_not_good() {
    let slos = [Slo { tag: "time_to_first_token", threshold: 1e9 }];
    let record = failed(record(), Cause::Truncated, 200, "cut");
    let metrics = request_metrics(&record, &counted(&record), true, &slos);
    assert_eq!(metrics.values, [(&tags::ERROR_ISL, 100.0)]);
    assert_eq!(metrics.good, Some(false));
    let abandoned = Record { outcome: Outcome::InFlight, ..record };
    let metrics = request_metrics(&abandoned, &counted(&abandoned), true, &slos);
    assert!(metrics.values.is_empty());
    assert_eq!(metrics.good, None);
}

#[test]
fn a_request_is_good_when_every_slo_holds() {
    let record = record();
    let good = |slos: &[(&'static str, f64)]| {
        let slos: Vec<Slo> = slos.iter().map(|(tag, threshold)| Slo { tag, threshold: *threshold }).collect();
        request_metrics(&record, &counted(&record), true, &slos).good.unwrap()
    };
    assert!(good(&[("time_to_first_token", 100.0), ("inter_token_latency", 10.0)]), "bounds included");
    assert!(!good(&[("time_to_first_token", 99.9), ("inter_token_latency", 10.0)]));
    assert!(good(&[("output_token_throughput_per_user", 100.0)]), "more is better");
    assert!(!good(&[("output_token_throughput_per_user", 100.1)]));
    assert!(good(&[("inter_chunk_latency", 50.0)]), "every gap");
    assert!(!good(&[("inter_chunk_latency", 49.0)]));
    assert!(!good(&[("error_isl", 1e9)]), "a metric that is missing does not hold");
}

proptest! {
    #[test]
    fn any_record_gives_finite_values_in_table_order(record in any_record(), streaming in any::<bool>()) {
        let metrics = request_metrics(&record, &counted(&record), streaming, &[]);
        let places: Vec<usize> = metrics.values.iter()
            .map(|(info, _)| tags::TABLE.iter().position(|other| other.tag == info.tag).unwrap())
            .collect();
        prop_assert!(places.is_sorted_by(|a, b| a < b));
        prop_assert!(metrics.values.iter().all(|(info, value)| value.is_finite() && info.per_request));
    }
}
