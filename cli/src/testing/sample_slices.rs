//! The slices of the hand-made outcome.

use super::sample::metrics;
use ringload_engine::measure::{Direction, SliceFigures, Slices, Trend};
use ringload_engine::statistics::Interval;

/// Two slices, the second cut short and without a request of its own, and a trend as if there had been more.
pub(crate) fn slices() -> Slices {
    Slices {
        slice_duration_s: 60.0,
        slices: vec![first(), second()],
        trends: vec![
            trend(Direction::Rose, 3.1, 0.001),
            Trend { tag: "inter_token_latency", name: "ITL p50", ..trend(Direction::Level, 0.01, 0.62) },
        ],
        untested: None,
        requests_beyond_limit: 0,
        limit: 2_000,
    }
}

fn first() -> SliceFigures {
    SliceFigures {
        index: 0,
        start_s: 0.0,
        start_ns: 1_785_304_909_244_658_409,
        end_ns: 1_785_304_969_244_658_409,
        is_complete: true,
        in_trend: true,
        succeeded: 490,
        failed: 7,
        cancelled: 2,
        in_flight_at_end: 1,
        request_throughput: Some(8.166_667),
        completed: 480,
        completed_per_s: Some(8.0),
        good: Some(410),
        goodput: Some(6.833_333),
        good_request_fraction: Some(0.824_949_698),
        in_flight_mean: Some(12.5),
        output_events: 80_000,
        output_events_per_s: Some(1_333.333),
        output_tokens: Some(80_000.5),
        output_events_uncounted: 10,
        output_token_throughput: Some(1_333.342),
        time_to_first_token_p50: Some(96.94),
        time_to_first_token_p95: Some(169.6),
        inter_token_latency_p50: Some(5.59),
        request_latency_p50: Some(1_226.9),
        request_latency_p99: Some(2_760.5),
        metrics: metrics(),
    }
}

fn second() -> SliceFigures {
    SliceFigures {
        index: 1,
        start_s: 60.0,
        start_ns: 1_785_304_969_244_658_409,
        end_ns: 1_785_304_988_600_000_000,
        is_complete: false,
        in_trend: false,
        succeeded: 0,
        failed: 0,
        cancelled: 0,
        in_flight_at_end: 0,
        request_throughput: Some(0.0),
        good: None,
        goodput: None,
        good_request_fraction: None,
        time_to_first_token_p50: None,
        time_to_first_token_p95: None,
        inter_token_latency_p50: None,
        request_latency_p50: None,
        request_latency_p99: None,
        metrics: Vec::new(),
        ..first()
    }
}

fn trend(direction: Direction, slope: f64, p: f64) -> Trend {
    Trend {
        tag: "time_to_first_token",
        name: "TTFT p50",
        statistic: "p50",
        unit: "ms",
        slices: 12,
        slope,
        interval: Interval { low: slope - 1.1, high: slope + 1.3 },
        p,
        bound: 0.05 / 3.0,
        change: slope * 11.0 / 96.94,
        direction,
        worse: direction == Direction::Rose,
        words: "TTFT p50 rose over the run: +3.10 ms per slice (95 % +2.00…+4.40), +35.2 % over 12 slices, p = 0.001"
            .into(),
    }
}
