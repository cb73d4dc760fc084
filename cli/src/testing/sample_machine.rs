//! Client, network, verdict and calibration of the hand-made outcome.

use super::sample::{distribution, of_requests};
use ringload_engine::calibration::{Basis, Calibration, Ceiling, Machine, Shape, Step, Used};
use ringload_engine::measure::{
    ArrivalFigures, Bursts, ClientFigures, ClientShare, ConnectionCounts, CoreFigures, DelayedAcks, FirstTokenFigures,
    FirstTokenParts, LateSetUps, Lateness, LongSends, NetworkFigures, PhaseFigures, PossibleShift, ServerParts,
    SlowConnects, TargetFacts,
};
use ringload_engine::plan::Statistic;
use ringload_engine::verdict::{Direction, Effect, Finding, Scope, Status, Verdict};

pub(super) fn client() -> ClientFigures {
    let core = |core, busy_share| CoreFigures {
        core: Some(core),
        busy_share,
        user_s: 3.1,
        system_s: 5.2,
        wakes: 120_000,
        involuntary_switches: 3,
        core_busy_share: Some(0.7),
        run_delay_s: Some(0.02),
        numa_node: Some(0),
    };
    ClientFigures {
        driver: "epoll".into(),
        driver_note: Some("io_uring is forbidden by the sandbox".into()),
        stamps: "kernel".into(),
        receive_lag: Some(distribution("receive_lag", 99_000, [0.021, 0.03, 0.05, 0.07, 0.112, 0.4, 0.9, 1.3])),
        dispatch_lag: Some(distribution("dispatch_lag", 498, [0.012, 0.02, 0.03, 0.04, 0.08, 0.1, 0.1, 0.1])),
        reads: 99_000,
        stamp_fallbacks: 12,
        packets_missed: 3,
        packets_dropped: 2,
        packets_apart: 1,
        packets_by_card: 0,
        events: 99_029,
        coalesced: 1_188,
        merged: 1_100,
        coalesced_share: 0.012,
        arrivals: Some(ArrivalFigures {
            wide_events: 1_188,
            wide_share: 0.012,
            widest_ms: 1.9,
            possible_shifts: vec![
                PossibleShift { tag: "time_to_first_token", percentile: "p99", lower_by_ms: 1.2, higher_by_ms: 0.0 },
                PossibleShift { tag: "inter_token_latency", percentile: "p50", lower_by_ms: 0.01, higher_by_ms: 0.02 },
            ],
        }),
        shares: vec![ClientShare {
            tag: "response_time",
            statistic: Statistic::Max,
            lateness: Lateness::DispatchLag,
            value: 4_100.0,
            lower_by: 82.0,
            higher_by: 0.0,
        }],
        records_lost: 0,
        completions_lost: 0,
        buffer_starved: 0,
        cores: vec![core(0, 0.341), core(1, 0.298)],
        user_ns_per_event: Some(812.0),
        system_ns_per_event: Some(1_204.0),
        peak_rss_bytes: 48 << 20,
        buffered_limit_bytes: 8 << 30,
    }
}

pub(super) fn network() -> NetworkFigures {
    let phase = |tag, new: Option<f64>, reused| PhaseFigures {
        tag,
        new: new.and_then(|avg| of_requests(tag, avg).stats),
        reused: of_requests(tag, reused).stats,
    };
    NetworkFigures {
        targets: vec![TargetFacts {
            url: "http://vllm-server:8000".into(),
            http: "2",
            tls: true,
            negotiated: true,
            note: None,
            server: "uvicorn".into(),
            via: "1.1 Caddy".into(),
            congestion_control: "cubic".into(),
        }],
        connections: ConnectionCounts {
            tried: 34,
            made: 33,
            handshakes_full: 30,
            handshakes_resumed: 3,
            tls13: 33,
            goaways: 1,
            window_zero_ns: 1_250_000,
            asked: 33,
            retransmits: 2,
            with_retransmits: 1,
            ..ConnectionCounts::default()
        },
        bursts: Some(Bursts {
            events: 1_100,
            share: 0.011,
            events_per_burst: 2.1,
            period_ms: 10.5,
            first_held_ms: 0.2,
            token_shorter_ms: 0.001,
        }),
        delayed_acks: Some(DelayedAcks {
            delayed: 40,
            of_reused: 60,
            delayed_on_new: 0,
            of_new: 33,
            with_bursts: 38,
            wait_ms: 41.0,
            first_held_ms: 12.0,
            token_shorter_ms: 0.05,
        }),
        first_token: Some(FirstTokenFigures {
            all: FirstTokenParts {
                requests: 93,
                with_round_trip: 93,
                sooner_than_round_trip: 0,
                ttft_ms: 92.5,
                queue_ms: 0.5,
                dns_ms: 0.0,
                tcp_ms: 1.0,
                tls_ms: 2.0,
                send_ms: 0.5,
                round_trip_ms: 0.5,
                head_ms: 81.0,
                output_ms: 7.0,
            },
            new: None,
            reused: None,
            targets: Vec::new(),
            server: Some(ServerParts {
                requests: 90,
                with_queue: 90,
                with_prefill: 88,
                with_front_end: 0,
                negative_remainders: 2,
                ttft_ms: 92.0,
                before_ms: 4.5,
                queue_ms: 38.5,
                prefill_ms: 40.0,
                front_end_ms: 0.0,
                remainder_ms: 9.0,
            }),
        }),
        late_set_ups: Some(LateSetUps { requests: 2, of: 33, mean_ms: 0.4, longest_ms: 0.6 }),
        slow_connects: Some(SlowConnects { requests: 1, of: 33, mean_ms: 1_004.0, slowest_ms: 1_004.0 }),
        long_sends: Some(LongSends {
            requests: 12,
            mean_bytes: 126_000.0,
            held_ms: 2.5,
            longest_held_ms: 6.1,
            held: 6,
            held_each_ms: 5.0,
            acknowledged_ms: Some(0.4),
        }),
        failed_addresses: Vec::new(),
        round_trip: Some(distribution("round_trip_time", 33, [0.041, 0.05, 0.06, 0.06, 0.09, 0.09, 0.09, 0.09])),
        full_handshake_ms: of_requests("http_req_tls", 3.2).stats,
        resumed_handshake_ms: of_requests("http_req_tls", 1.1).stats,
        phases: vec![
            phase("http_req_blocked", Some(0.03), 0.02),
            phase("http_req_tls", Some(3.0), 0.0),
            phase("http_req_waiting", Some(92.0), 88.0),
        ],
    }
}

pub(super) fn verdict() -> Verdict {
    Verdict {
        status: Status::Suspect,
        findings: vec![Finding {
            gate: "arrivals",
            status: Status::Suspect,
            scope: Scope::Policy,
            value: Some(0.024),
            bound: Some(0.01),
            unit: Some("ratio"),
            effects: vec![Effect {
                tag: "time_to_first_token",
                statistic: Statistic::P99,
                direction: Direction::Raised,
                most: 1.2,
                unit: "ms",
                estimated: true,
                share: Some(0.0055),
                asked: true,
                decides: false,
            }],
            evidence: "12 of 500 arrivals waited for a slot under --concurrency 32 (2.4 %)".into(),
            remedy: "raise --concurrency, lower --request-rate, or read the response time, which counts the wait, instead of the latency".into(),
        }],
    }
}

pub(super) fn used() -> Used {
    Used {
        share: 0.123,
        mean_share: 0.101,
        window_s: 1.0,
        events_per_s: 98_400.0,
        requests_per_s: 9.0,
        cores: 2,
        ceiling_events_per_s: Some(801_000.0),
        ceiling_requests_per_s: Some(64_200.0),
        basis: Basis::Estimated,
        calibrated_at: "2026-07-29T08:00:00Z".into(),
        calibrated_for: calibration(16.0).shape.to_string(),
    }
}

/// Of the machine and the shape of [`outcome`], with so many streams on a core.
pub(crate) fn calibration(streams_per_core: f64) -> Calibration {
    let step = |kind: &str, events_per_s: f64, busy_share: f64, verdict: &str| Step {
        kind: kind.into(),
        seconds: 1.6,
        events_per_s,
        requests_per_s: if kind == "requests" { events_per_s } else { events_per_s / 128.0 },
        busy_share,
        user_share: busy_share / 3.0,
        coalesced_share: 0.01,
        receive_lag_p99_ms: Some(0.084),
        dispatch_lag_p99_ms: Some(0.012),
        verdict: verdict.into(),
    };
    Calibration {
        made_at: "2026-07-29T08:00:00Z".into(),
        ringload_version: env!("CARGO_PKG_VERSION").into(),
        machine: Machine { cpu_model: Some("Sample CPU".into()), kernel: Some("6.8.0".into()) },
        shape: Shape {
            driver: "epoll".into(),
            http: "2".into(),
            tls: true,
            stamps: "kernel".into(),
            batch_wait_us: 200,
            streaming: true,
            kept_connections: true,
            streams_per_core,
            input_tokens: 550.0,
        },
        event: Some(Ceiling { user_ns: 820.0, system_ns: 1_677.0, basis: Basis::Estimated }),
        request: Ceiling { user_ns: 9_100.0, system_ns: 19_556.0, basis: Basis::Measured },
        steps: vec![
            step("tokens", 20_012.0, 0.081, "VALID"),
            step("tokens", 79_204.0, 0.231, "VALID"),
            step("headroom", 79_204.0, 0.231, "VALID"),
            step("requests", 29_870.0, 0.93, "SUSPECT"),
        ],
    }
}
