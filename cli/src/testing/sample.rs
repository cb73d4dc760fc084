//! A hand-made outcome, for the tests of files and tables.

use super::sample_machine::{client, network, used, verdict};
use crate::redact::Secrets;
use crate::result::run::{CeilingUsage, Identity, Outcome};
use jiff::tz::TimeZone;
use ringload_engine::clock::{MILLI, SECOND};
use ringload_engine::measure::{
    Counts, Distribution, ErrorGroup, Goodput, Metric, MissedSeconds, Percentile, RateFigures, RequestMetrics,
    SessionCounts, SloFigures, Stats, Summary, TokenFigures, Window, Windows,
};
use ringload_engine::plan::metric::{self, MetricInfo};
use ringload_engine::plan::{
    Cap, CapPolicy, Context, Cores, EndpointKind, Header, Io, Length, LengthDistribution, Limits, Load, Payload, Phase,
    Plan, Prompts, Reuse, Sampling, ServerTimings, Slo, Stamps, Target, Threshold, Tier, Timeouts, TokenizerSource,
    Turns,
};
use ringload_engine::record::{self, Cause, Instants, Intervals, Lags, Observed, PhaseKind, Record};
use serde_json::json;
use std::collections::BTreeMap;

/// The secret that no output may hold.
pub(crate) const SECRET: &str = "sk-top-secret-1";

pub(crate) fn outcome() -> Outcome {
    let plan = plan();
    let secrets = Secrets::of(&plan);
    Outcome {
        summary: summary(),
        verdict: verdict(),
        ceiling_usage: CeilingUsage::Known(used()),
        host: json!({"kernel": "6.8.0", "cores_allowed": [0, 1, 2, 3], "governor": null}),
        identity: Identity {
            benchmark_id: "d30d462c3ff7".into(),
            command: "ringload profile --model llama3-8b --streaming --api-key <redacted>".into(),
            zone: TimeZone::fixed(jiff::tz::offset(2)),
            secrets,
            of_several: Default::default(),
        },
        plan,
    }
}

pub(crate) fn plan() -> Plan {
    Plan {
        targets: vec![Target::parse("http://vllm-server:8000").unwrap()],
        endpoint: EndpointKind::Chat,
        custom_endpoint: None,
        streaming: true,
        models: vec!["llama3-8b".into()],
        headers: vec![Header { name: "Authorization".into(), value: format!("Bearer {SECRET}") }],
        extra_inputs: json!({"temperature": 0.7, "stop": null}).as_object().unwrap().clone(),
        use_legacy_max_tokens: false,
        per_chunk_usage: false,
        server_timings: ServerTimings::default(),
        use_server_token_count: false,
        keep_text: false,
        prompts: Prompts {
            tokenizer: TokenizerSource::Builtin,
            isl: Length { mean: 550.0, stddev: 0.0 },
            osl: Some(Length { mean: 256.0, stddev: 10.0 }),
            entries: 500,
            offset: 0,
            runs_before: None,
            shared: false,
            turns: Turns::ONE,
            distribution: LengthDistribution::Normal,
            context: Context::default(),
            sampling: Sampling::Sequential,
            chat_template: false,
            replay: None,
        },
        payload: Payload::default(),
        session_header: None,
        warmup: Some(Phase {
            load: Load::closed(32),
            prefill: None,
            requests: Some(10),
            sessions: None,
            duration: None,
            grace: None,
        }),
        profiling: Phase {
            load: Load::Open {
                rate: 50.0.into(),
                pattern: ringload_engine::plan::Arrival::Poisson,
                cap: Some(Cap { concurrency: 32, policy: CapPolicy::Queue, ramp: None }),
            },
            prefill: None,
            requests: Some(500),
            sessions: None,
            duration: Some(60 * SECOND),
            grace: Some(30 * SECOND),
        },
        slos: vec![
            Slo { tag: "time_to_first_token", threshold: 200.0 },
            Slo { tag: "inter_token_latency", threshold: 50.0 },
        ],
        tiers: Tier::parse_all(r#"{"batch": "request_latency:30000", "instant": "time_to_first_token:10"}"#).unwrap(),
        thresholds: vec![Threshold::parse("ttft.p99>200ms").unwrap(), Threshold::parse("error_rate>5%").unwrap()],
        fail_if_undecided: true,
        slice: Some(60 * SECOND),
        seed: 42,
        timeouts: Timeouts {
            request: 21_600 * SECOND,
            connect: 30 * SECOND,
            ttft: Some(5 * SECOND),
            inter_token: Some(SECOND),
        },
        cancellation: Some(ringload_engine::plan::Cancellation { share: 0.02, delay: SECOND / 2 }),
        failed_request_threshold: Some(0.1),
        max_errors: Some(500),
        limits: Limits::default(),
        reuse: Reuse::Pooled,
        network: ringload_engine::plan::Network::default(),
        io: Io::Auto,
        stamps: Stamps::Kernel,
        cores: Cores::List(vec![0, 1]),
        core_range: None,
        fifo: false,
        batch_wait: 200_000,
        longest_batch_wait: 1_000_000,
    }
}

pub(crate) fn summary() -> Summary {
    Summary {
        started_at_ns: 1_785_304_909_244_658_409,
        ended_at_ns: 1_785_304_988_600_000_000,
        benchmark_duration_s: 79.36,
        successes_duration_s: 79.36,
        standstill: None,
        counts: Counts {
            planned: Some(509),
            issued: 507,
            succeeded: 490,
            cancelled: 9,
            failed: BTreeMap::from([(Cause::HttpStatus, 5), (Cause::Reset, 2)]),
            http_status: BTreeMap::from([(404, 1), (503, 4)]),
            in_flight_at_end: 1,
            never_due: 2,
            lost_with_member: 0,
            queued: 12,
            sessions: Some(SessionCounts { begun: 130, completed: 121, broken: 7, unkept: 2 }),
            ..Counts::default()
        },
        warmup_counts: Counts { planned: Some(10), issued: 10, succeeded: 10, ..Counts::default() },
        metrics: metrics(),
        warmup_metrics: vec![single("request_count", 10.0)],
        histograms: vec![distribution(
            "time_to_first_token",
            490,
            [96.5, 120.0, 165.8, 193.5, 215.8, 230.0, 236.6, 236.6],
        )],
        goodput: Some(Goodput {
            good: 410,
            goodput: 5.166_330_645,
            good_request_fraction: 0.824_949_698,
            interval: Some(ringload_engine::statistics::Interval { low: 0.789, high: 0.856 }),
            slos: vec![
                slo("time_to_first_token", 200.0, 420, 0.845_070_422),
                slo("inter_token_latency", 50.0, 480, 0.965_794_768),
            ],
        }),
        tiers: super::sample_judged::tiers(),
        thresholds: super::sample_judged::thresholds(),
        steady: Some(super::sample_judged::steady()),
        confidence: Some(super::sample_judged::confidence()),
        slices: Some(super::sample_slices::slices()),
        rate: Some(RateFigures {
            offered: 50.0,
            achieved: 49.98,
            ratio: 0.9996,
            missed_seconds: Some(MissedSeconds {
                missed: 1,
                of: 20,
                arrivals: 3,
                share: 0.003,
                worst_second: 7,
                worst_scheduled: 50,
                worst_sent: 47,
                taken_up_late: 0,
                connecting: 1,
                waiting: 2,
            }),
        }),
        network: network(),
        client: client(),
        windows: Windows { length_s: 1.0, windows: vec![Window { events: 1_200, requests: 9 }] },
        tokens: TokenFigures {
            tokenizer: "builtin".into(),
            approximate: true,
            from_usage: 490,
            mismatched: 3,
            compared: 490,
            ..TokenFigures::default()
        },
        workload: super::sample_workload::figures(),
        server: Some(super::sample_server::figures()),
        gpu: None,
        usage: ringload_engine::measure::UsageTotals::default(),
        errors: vec![
            ErrorGroup {
                cause: Cause::HttpStatus,
                status: 503,
                message: format!("overloaded\x1b[31m, key {SECRET}"),
                count: 5,
            },
            ErrorGroup { cause: Cause::Reset, status: 0, message: "connection reset by peer".into(), count: 2 },
        ],
        was_cancelled: false,
        aborted: None,
        log_failure: None,
        fleet: None,
        unfinished: false,
        phase_duration_s: 80.0,
        violations: Vec::new(),
    }
}

/// A request that succeeded and one that was refused, with their metrics.
pub(crate) fn records() -> [(Record, RequestMetrics); 2] {
    let good = Record {
        k: 3,
        turn: 0,
        index: 0,
        phase: PhaseKind::Profiling,
        worker: 1,
        target: 0,
        entry: 5,
        isl: 550,
        requested_osl: Some(256),
        request_id: 0xce1c_7379_0000_4000_8000_0000_0000_00ff,
        instants: Instants {
            scheduled: SECOND,
            issued: SECOND + MILLI,
            send_start: Some(SECOND + MILLI),
            send_end: Some(SECOND + MILLI + 10_000),
            first_byte: Some(SECOND + 90 * MILLI),
            head_end: Some(SECOND + 90 * MILLI),
            first_token: Some(SECOND + 97 * MILLI),
            last_token: Some(SECOND + 107 * MILLI),
            end: SECOND + 108 * MILLI,
            ..Instants::default()
        },
        outcome: record::Outcome::Succeeded,
        status: 200,
        usage: None,
        usage_refused: false,
        finished: true,
        observed: Observed::default(),
        events: 3,
        coalesced: 0,
        merged: 0,
        intervals: Intervals::default(),
        lags: Lags::default(),
        reads: 4,
        bytes_sent: 900,
        bytes_received: 1200,
        handshake: None,
        connection_reused: true,
        round_trip: Some(50_000),
        transmission: None,
        retry: None,
        gaps: vec![5 * MILLI, 5 * MILLI],
        text: None,
        reasoning_text: None,
        detail: None,
        timings: None,
    };
    let bad = Record {
        k: 4,
        outcome: record::Outcome::Failed(Cause::HttpStatus),
        status: 503,
        gaps: Vec::new(),
        detail: Some(format!("bad key {SECRET}")),
        instants: Instants { scheduled: SECOND, issued: SECOND, end: SECOND + MILLI, ..Instants::default() },
        ..good.clone()
    };
    let metrics = RequestMetrics {
        values: vec![
            (info("time_to_first_token"), 96.0),
            (info("output_sequence_length"), 3.0),
            (info("inter_token_latency"), f64::NAN),
        ],
        inter_chunk_ms: vec![5.0, 5.0],
        good: Some(true),
    };
    let failed =
        RequestMetrics { values: vec![(info("error_isl"), 550.0)], inter_chunk_ms: Vec::new(), good: Some(false) };
    [(good, metrics), (bad, failed)]
}

pub(super) fn metrics() -> Vec<Metric> {
    vec![
        of_requests("time_to_first_token", 96.94),
        of_requests("time_to_second_token", 5.61),
        of_requests("request_latency", 1_226.896_093_781),
        of_requests("inter_token_latency", 5.59),
        of_requests("output_token_throughput_per_user", 178.9),
        of_requests("output_sequence_length", 202.1),
        of_requests("input_sequence_length", 550.0),
        of_requests("scheduled_time_to_first_token", 101.2),
        of_requests("response_time", 1240.0),
        of_requests("http_req_blocked", 0.02),
        of_requests("http_req_waiting", 89.0),
        of_requests("http_req_connection_reused", 0.93),
        single("benchmark_duration", 79.36),
        single("request_throughput", 6.174_395),
        single("request_count", 490.0),
        single("goodput", 5.166_331),
        single("output_token_throughput", f64::INFINITY),
    ]
}

pub(super) fn of_requests(tag: &'static str, avg: f64) -> Metric {
    let at = |share: f64| avg * share;
    metric(
        tag,
        avg,
        Some(Stats {
            count: 490,
            sum: avg * 490.0,
            min: at(0.25),
            max: at(2.5),
            std: at(0.5),
            p1: at(0.25),
            p5: at(0.3),
            p10: at(0.375),
            p25: at(0.75),
            p50: at(1.0),
            p75: at(1.25),
            p90: at(1.5),
            p95: at(1.75),
            p99: at(2.25),
        }),
    )
}

fn single(tag: &'static str, value: f64) -> Metric {
    metric(tag, value, None)
}

fn metric(tag: &'static str, avg: f64, stats: Option<Stats>) -> Metric {
    Metric { info: info(tag), avg, stats, tails: None, exact: true }
}

fn info(tag: &'static str) -> &'static MetricInfo {
    metric::find(tag).unwrap()
}

pub(super) fn distribution(tag: &'static str, count: u64, ms: [f64; 8]) -> Distribution {
    let names = ["p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99", "max"];
    let needs = [1, 1, 1, 1, 100, 1_000, 10_000, 1];
    let percentiles =
        (0..8).map(|i| Percentile { name: names[i], ms: ms[i], enough_samples: count >= needs[i] }).collect();
    Distribution { tag, count, mean_ms: ms[0], percentiles, curve_ms: Vec::new() }
}

pub(super) fn slo(tag: &'static str, threshold: f64, met: u64, met_fraction: f64) -> SloFigures {
    SloFigures {
        tag,
        op: "<=",
        threshold,
        unit: "ms",
        met,
        met_fraction,
        missed: 497 - met,
        missed_alone: (497 - met) / 2,
        best: Some(24.23),
    }
}
