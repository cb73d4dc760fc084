//! Documents as the tools write them, cut to what is looked at, and some of what is not.

use super::*;
use ringload_engine::comparison::figures;

fn read_text(text: &str, number: Option<usize>) -> Result<Foreign> {
    read(text.as_bytes(), Path::new("result.json"), number)
}

/// The value of a figure, from the requests or else as the tool gives it.
fn value(foreign: &Foreign, tag: &str, statistic: Statistic) -> Option<f64> {
    let of_requests = figures(&foreign.observed, 0);
    let found =
        of_requests.iter().chain(&foreign.figures).find(|one| (one.tag.as_str(), one.statistic) == (tag, statistic));
    found.map(|one| (one.value * 1e6).round() / 1e6)
}

const TTFT: &str = "time_to_first_token";
const ITL: &str = "inter_token_latency";
const LATENCY: &str = "request_latency";
const RATE: &str = "request_throughput";
const FAILED: &str = "request_error_rate";

#[test]
fn vllm_with_its_requests() {
    // The second began first, the third failed: vLLM keeps it in every list.
    let foreign = read_text(
        r#"{"date": "20261130-100000", "endpoint_type": "openai-chat", "backend": "openai-chat", "model_id": "m", "num_prompts": 3,
        "request_rate": "inf", "burstiness": 1.0, "max_concurrency": 2, "duration": 2.0, "completed": 2, "failed": 1,
        "total_input_tokens": 30, "total_output_tokens": 8, "request_throughput": 1.0, "output_throughput": 4.0,
        "input_lens": [10, 10, 10], "output_lens": [5, 3, 0], "ttfts": [0.1, 0.2, 0.0], "itls": [[0.01, 0.01, 0.02], [0.03, 0.03], []],
        "latencies": [0.14, 0.26, 0.0], "start_times": [100.5, 100.0, 100.7], "generated_texts": ["a", "b", ""], "errors": ["", "", "refused"],
        "mean_ttft_ms": 150.0, "median_ttft_ms": 150.0, "p99_ttft_ms": 199.0, "mean_itl_ms": 99.0}"#,
        None,
    )
    .unwrap();
    let (_, _, ttft) = &foreign.observed.metrics[0];
    assert_eq!(ttft, &[200.0, 100.0], "in the order in which they were sent, in ms");
    let (_, _, itl) = &foreign.observed.metrics[1];
    let itl: Vec<f64> = itl.iter().map(|v| (v * 1e6).round() / 1e6).collect();
    assert_eq!(itl, [30.0, 10.0], "over tokens, not over events");
    assert_eq!(foreign.observed.failed, 1);
    assert_eq!(value(&foreign, FAILED, Statistic::Value), Some(0.333_333));
    assert_eq!(value(&foreign, LATENCY, Statistic::Avg), Some(200.0));
    assert_eq!(
        foreign.facts,
        [("model", "m"), ("concurrency", "2"), ("requests", "3")].map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    assert_eq!(foreign.notes.len(), 1, "{:?}", foreign.notes);
}

#[test]
fn vllm_with_figures_alone_has_no_intervals() {
    let foreign = read_text(
        r#"{"backend": "vllm", "model_id": "m", "num_prompts": 100, "request_rate": 5.0, "completed": 90, "failed": 10, "request_throughput": 4.5,
        "output_throughput": 450.0, "mean_ttft_ms": 150.0, "median_ttft_ms": 140.0, "p99_ttft_ms": 300.0, "mean_tpot_ms": 10.0, "median_tpot_ms": 9.0}"#,
        None,
    )
    .unwrap();
    assert_eq!(value(&foreign, TTFT, Statistic::P99), Some(300.0));
    assert_eq!((value(&foreign, ITL, Statistic::P50), value(&foreign, LATENCY, Statistic::P50)), (Some(9.0), None));
    assert_eq!(
        (value(&foreign, RATE, Statistic::Value), value(&foreign, FAILED, Statistic::Value)),
        (Some(4.5), Some(0.1))
    );
    assert!(foreign.figures.iter().all(|figure| figure.error.is_none()));
    assert!(foreign.notes.iter().any(|note| note.contains("--save-detailed")), "{:?}", foreign.notes);
}

const GUIDELLM: &str = r#"{"metadata": {"version": 1}, "benchmarks": [
    {"config": {"strategy": {"type_": "concurrent", "streams": 4}}, "requests": {"successful": [
        {"type_": "generative_request_stats", "request_start_time": 10.0, "request_end_time": 10.5, "request_latency": 0.5, "output_tokens": 5,
         "time_to_first_token_ms": 100.0, "inter_token_latency_ms": 12.5, "time_per_output_token_ms": 30.0},
        {"request_start_time": 11.0, "request_latency": 0.7, "output_tokens": 5, "time_to_first_token_ms": 300.0, "inter_token_latency_ms": null}],
        "incomplete": [], "errored": [{}]},
     "metrics": {"request_totals": {"successful": 2, "errored": 1, "incomplete": 0, "total": 3},
        "requests_per_second": {"successful": {"mean": 1.5, "median": 1.5, "percentiles": {"p95": 2.0, "p99": 2.0}}}}},
    {"args": {"strategy": {"type_": "constant", "rate": 2.5}}, "requests": {"successful": [{"request_start_time": 1.0, "request_latency": 0.5}]},
     "metrics": {"request_totals": {"successful": 900, "errored": 100},
        "time_to_first_token_ms": {"successful": {"mean": 55.0, "median": 50.0, "percentiles": {"p95": 80.0, "p99": 90.0}}},
        "request_latency": {"successful": {"mean": 0.9, "median": 0.8, "percentiles": {"p95": 1.0, "p99": 1.1}}},
        "requests_per_second": {"successful": {"mean": 2.4, "median": 2.4, "percentiles": {}}}}}]}"#;

#[test]
fn guidellm_with_the_benchmark_that_was_named() {
    let first = read_text(GUIDELLM, Some(1)).unwrap();
    assert_eq!((value(&first, TTFT, Statistic::Avg), value(&first, ITL, Statistic::Avg)), (Some(200.0), Some(12.5)));
    assert_eq!(
        (value(&first, LATENCY, Statistic::Avg), value(&first, FAILED, Statistic::Value)),
        (Some(600.0), Some(0.333_333))
    );
    assert_eq!(first.facts, [("load", "concurrent"), ("concurrency", "4")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert!(first.notes.is_empty(), "{:?}", first.notes);
    // Of a sample of the requests rates and failures are what guidellm says.
    let second = read_text(GUIDELLM, Some(2)).unwrap();
    assert_eq!(
        (value(&second, RATE, Statistic::Value), value(&second, FAILED, Statistic::Value)),
        (Some(2.4), Some(0.1))
    );
    assert_eq!(
        (value(&second, TTFT, Statistic::P99), value(&second, LATENCY, Statistic::Avg)),
        (Some(90.0), Some(500.0))
    );
    assert!(second.notes[0].contains("1 of 900"), "{:?}", second.notes);
    for number in [None, Some(0), Some(3)] {
        let refused = read_text(GUIDELLM, number).err().unwrap();
        assert!(refused.to_string().contains("2 benchmarks") && refused.remedy.contains("result.json#1"), "{refused}");
    }
}

#[test]
fn inference_perf_requests_of_both_shapes_and_summaries() {
    let requests = read_text(
        r#"[{"start_time": 5.0, "end_time": 6.0, "request": "{}", "info": {"input_tokens": 9, "output_tokens": 3, "output_token_times": [5.2, 5.4, 5.6]}, "error": null},
            {"start_time": 4.0, "end_time": 4.5, "info": {"response_metrics": {"output_tokens": 2, "output_token_times": [4.1]}}},
            {"start_time": 4.2, "end_time": 9.0, "info": {}, "error": {"error_type": "TimeoutError", "error_msg": ""}}]"#,
        None,
    )
    .unwrap();
    let (_, _, ttft) = &requests.observed.metrics[0];
    assert_eq!(ttft.iter().map(|v| v.round()).collect::<Vec<_>>(), [100.0, 200.0]);
    assert_eq!(
        (value(&requests, ITL, Statistic::Avg), value(&requests, LATENCY, Statistic::Avg)),
        (Some(200.0), Some(750.0))
    );
    assert_eq!(requests.observed.failed, 1);
    let summary = read_text(
        r#"{"load_summary": {"count": 110, "schedule_delay": {"mean": 0.001}, "requested_rate": 5.0, "achieved_rate": 4.9},
            "successes": {"count": 99, "latency": {"request_latency": {"mean": 1.5, "min": 1.0, "p0.1": 1.0, "median": 1.4, "p95": 1.8, "p99": 1.9, "max": 2.0},
              "time_per_output_token": {"mean": 0.05, "median": 0.04, "p99": 0.06}, "inter_token_latency": {"mean": 9.0, "median": 9.0}},
              "throughput": {"output_tokens_per_sec": 500.0, "requests_per_sec": 5.0}},
            "failures": {"count": 11, "request_latency": null}}"#,
        None,
    )
    .unwrap();
    assert_eq!(
        (value(&summary, LATENCY, Statistic::P95), value(&summary, ITL, Statistic::P50)),
        (Some(1_800.0), Some(40.0))
    );
    assert_eq!((value(&summary, TTFT, Statistic::Avg), value(&summary, FAILED, Statistic::Value)), (None, Some(0.1)));
    assert_eq!(summary.facts[1], ("request_rate".into(), "5".into()));
}

#[test]
fn aiperf_with_figures_alone_in_its_units() {
    let foreign = read_text(
        r#"{"schema_version": "1.4", "aiperf_version": "0.13.0", "input_config": {}, "request_count": {"unit": "requests", "avg": 80},
            "error_request_count": {"unit": "requests", "avg": 20}, "request_throughput": {"unit": "requests/sec", "avg": 12.3},
            "time_to_first_token": {"unit": "ms", "avg": 50.0, "p50": 49.0, "p95": 60.0, "p99": 70.0}, "request_latency": {"unit": "s", "avg": 1.5}}"#,
        None,
    )
    .unwrap();
    assert_eq!(foreign.tool, "AIPerf");
    assert_eq!(
        (value(&foreign, TTFT, Statistic::P99), value(&foreign, LATENCY, Statistic::Avg)),
        (Some(70.0), Some(1_500.0))
    );
    assert_eq!(
        (value(&foreign, RATE, Statistic::Value), value(&foreign, FAILED, Statistic::Value)),
        (Some(12.3), Some(0.2))
    );
}

#[test]
fn what_is_no_result_is_told_as_such() {
    for (text, words) in [
        ("{", "no result in JSON"),
        ("{\"a\": 1}", "no tool that is known"),
        ("[{\"start_time\": 1}]", "not as inference-perf writes it"),
        (r#"{"benchmarks": 5}"#, "not as guidellm writes it"),
        ("", "no result in JSON"),
    ] {
        let refused = read_text(text, None).err().unwrap();
        assert!(
            refused.to_string().contains(words) && refused.to_string().contains("result.json"),
            "{text}: {refused}"
        );
    }
}
