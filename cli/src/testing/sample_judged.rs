//! Tiers, conditions and intervals of the hand-made outcome.

use super::sample::slo;
use ringload_engine::measure::{
    Compared, Confidence, Goodput, PercentileFigures, RateInterval, Steady, ThresholdFigures, TierFigures,
};
use ringload_engine::statistics::{Interval, Method};

/// One that is met by most, and one that none reaches.
pub(crate) fn tiers() -> Vec<TierFigures> {
    let tier = |name: &str, good: u64, fraction: f64, slos| TierFigures {
        name: name.into(),
        goodput: Goodput {
            good,
            goodput: good as f64 / 79.36,
            good_request_fraction: fraction,
            interval: Some(Interval { low: (fraction - 0.02).max(0.0), high: fraction + 0.007 }),
            slos,
        },
    };
    vec![
        tier("batch", 480, 0.966, vec![slo("request_latency", 30_000.0, 480, 0.966)]),
        tier("instant", 0, 0.0, vec![slo("time_to_first_token", 10.0, 0, 0.0)]),
    ]
}

/// One that holds, and one that does not.
pub(crate) fn thresholds() -> Vec<ThresholdFigures> {
    vec![
        ThresholdFigures {
            text: "ttft.p99>200ms".into(),
            tag: "time_to_first_token",
            statistic: Some("p99"),
            value: Some(218.115),
            unit: "ms",
            bound: 200.0,
            failed: true,
            enough_samples: true,
            client_share: Some(0.02),
            undecided: true,
            words: "ttft.p99>200ms: it is 218.115 ms".into(),
        },
        ThresholdFigures {
            text: "error_rate>5%".into(),
            tag: "request_error_rate",
            statistic: None,
            value: Some(1.408),
            unit: "%",
            bound: 5.0,
            failed: false,
            enough_samples: true,
            client_share: None,
            undecided: false,
            words: "error_rate>5%: it is 1.408 %".into(),
        },
    ]
}

/// Settled after a twelfth.
pub(crate) fn steady() -> Steady {
    Steady {
        settled: true,
        requests: 440,
        trimmed_start: 40,
        trimmed_end: 10,
        from_s: 5.25,
        to_s: 76.5,
        figures: vec![
            Compared {
                tag: "request_throughput",
                statistic: None,
                unit: "requests/sec",
                whole: 6.174_395,
                steady: 6.3,
            },
            Compared { tag: "time_to_first_token", statistic: Some("p50"), unit: "ms", whole: 96.94, steady: 94.1 },
        ],
        words: "440 of 490 requests, from 5.2 to 76.5 s, without 40 at the start and 10 at the end (MSER-5)".into(),
    }
}

/// Of the steady part.
pub(crate) fn confidence() -> Confidence {
    Confidence {
        level: 0.95,
        of: "steady",
        requests: 440,
        rates: vec![RateInterval {
            tag: "request_throughput",
            unit: "requests/sec",
            value: 6.3,
            interval: Interval { low: 6.1, high: 6.5 },
            batches: 16,
            lag1: 0.12,
            independent: true,
        }],
        no_rates: None,
        percentiles: vec![PercentileFigures {
            tag: "time_to_first_token",
            statistic: "p50",
            unit: "ms",
            value: 94.1,
            interval: Interval { low: 92.0, high: 96.4 },
            method: Method::BlockBootstrap,
        }],
    }
}
