//! The best points of a sweep as AIPerf's file has them.

use crate::result::campaign::Campaign;

/// The best points as AIPerf chooses them: by requests a second, and by the p99 of the time to the first token (of the
/// request latency without a stream). What ringload compares by is in `ringload_campaign.json`.
pub(super) struct Best {
    /// The point with the most requests a second.
    pub(super) most_requests: Option<usize>,
    /// The point with the smallest p99 of the latency.
    pub(super) least_latency: Option<usize>,
    /// Tag of the latency.
    pub(super) latency: &'static str,
    /// Points that no other beats in both.
    pub(super) pareto: Vec<usize>,
}

impl Best {
    pub(super) fn of(campaign: &Campaign) -> Self {
        let points = &campaign.points;
        let mean = |i: usize, tag: &str, stat: &str| {
            let counts = !points[i].figures.invalid_by_client;
            points[i].spread(tag, stat).map(|s| s.mean).filter(|v| counts && v.is_finite())
        };
        let all = 0..points.len();
        let streams = all.clone().any(|i| mean(i, "time_to_first_token", "p99").is_some());
        let latency = if streams { "time_to_first_token" } else { "request_latency" };
        let rate = |i: usize| mean(i, "request_throughput", "avg");
        let late = |i: usize| mean(i, latency, "p99");
        // The first of equals, as a lighter load that gives the same is the better one.
        let first_best = |value: &dyn Fn(usize) -> Option<f64>| {
            let known = all.clone().filter_map(|i| Some((i, value(i)?)));
            known.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(i, _)| i)
        };
        let both = |i: usize| rate(i).zip(late(i));
        let beaten = |(requests, latency): (f64, f64)| {
            all.clone().filter_map(both).any(|(r, l)| r >= requests && l <= latency && (r > requests || l < latency))
        };
        Self {
            most_requests: first_best(&rate),
            least_latency: first_best(&|i| late(i).map(|v| -v)),
            latency,
            pareto: all.clone().filter(|i| both(*i).is_some_and(|point| !beaten(point))).collect(),
        }
    }
}
