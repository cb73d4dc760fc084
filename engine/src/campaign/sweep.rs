//! Comparison of the points of a sweep: the Pareto set, the best points, and the knee, where goodput leaves throughput.

use crate::statistics::Interval;
use serde::Serialize;

/// The figures of one sweep point, its repeats averaged.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PointFigures {
    /// Value of the axis that the knee is looked for along: the first axis that was swept, where it is a number.
    pub axis: Option<f64>,
    /// `request_throughput`, requests/s.
    pub throughput: Option<f64>,
    /// `goodput`, requests/s; absent without SLOs.
    pub goodput: Option<f64>,
    /// `good_request_fraction`, 0 to 1; absent without SLOs.
    pub good_fraction: Option<f64>,
    /// `output_token_throughput`, tokens/s.
    pub output_tokens: Option<f64>,
    /// p99 of `request_latency`, ms.
    pub latency_p99: Option<f64>,
    /// All of its runs are INVALID by the client: it is excluded from comparisons.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub invalid_by_client: bool,
    /// How sure the figures are by which points are compared.
    #[serde(skip)]
    pub intervals: Intervals,
}

/// Intervals of a point's figures: over its repeats, or within its one run; absent where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Intervals {
    /// Of [`PointFigures::goodput`].
    pub goodput: Option<Interval>,
    /// Of [`PointFigures::output_tokens`].
    pub output_tokens: Option<Interval>,
    /// Of [`PointFigures::latency_p99`].
    pub latency_p99: Option<Interval>,
}

/// The comparison of the points of a sweep, by their place in the slice that was given.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepSummary {
    /// Points that no other beats in both output tokens a second (more) and p99 of the request latency (less).
    pub pareto: Vec<usize>,
    /// The point with the most output tokens a second.
    pub most_tokens: Option<usize>,
    /// The point with the smallest p99 of the request latency.
    pub least_latency: Option<usize>,
    /// The point with the most goodput; none where no point has any.
    pub most_goodput: Option<usize>,
    /// Points whose intervals do not part from that of the best.
    pub indistinguishable: Indistinguishable,
    /// How far the load may go.
    pub knee: Option<Knee>,
}

/// Of each best point those that can be as good: their intervals overlap with its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Indistinguishable {
    /// From [`SweepSummary::most_tokens`].
    pub most_tokens: Vec<usize>,
    /// From [`SweepSummary::least_latency`].
    pub least_latency: Vec<usize>,
    /// From [`SweepSummary::most_goodput`].
    pub most_goodput: Vec<usize>,
}

/// The limit of the load along the axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Knee {
    /// With SLOs: the last point, from the lightest on, of which the good fraction is at least [`HEALTHY`], and the
    /// first after it that is under it. `None` where the lightest load fails already, or the heaviest still holds.
    Goodput {
        /// The last that holds.
        last: Option<usize>,
        /// The first that does not.
        first_over: Option<usize>,
    },
    /// Without SLOs: the last point of which the p99 of the request latency is at most [`SLOWER`] times the lightest
    /// load's.
    Latency {
        /// The last that holds.
        last: Option<usize>,
        /// The first that does not.
        first_over: Option<usize>,
    },
}

/// Compares the points. Those that are INVALID by the client are left out.
#[must_use]
pub fn summarize(points: &[PointFigures]) -> SweepSummary {
    let points: Vec<PointFigures> = points
        .iter()
        .map(|point| {
            if point.invalid_by_client {
                PointFigures { invalid_by_client: true, ..PointFigures::default() }
            } else {
                point.clone()
            }
        })
        .collect();
    let points = &points[..];
    let most_tokens = best(points, |c| c.output_tokens);
    let least_latency = best(points, |c| c.latency_p99.map(|v| -v));
    let most_goodput = best(points, |c| c.goodput.filter(|rate| *rate > 0.0));
    SweepSummary {
        pareto: pareto(points),
        indistinguishable: Indistinguishable {
            most_tokens: as_good(points, most_tokens, |c| c.intervals.output_tokens),
            least_latency: as_good(points, least_latency, |c| c.intervals.latency_p99),
            most_goodput: as_good(points, most_goodput, |c| c.intervals.goodput),
        },
        most_tokens,
        least_latency,
        most_goodput,
        knee: knee(points),
    }
}

/// Points whose interval overlaps with that of the best.
fn as_good(
    points: &[PointFigures],
    best: Option<usize>,
    interval: impl Fn(&PointFigures) -> Option<Interval>,
) -> Vec<usize> {
    let Some((best, own)) = best.and_then(|best| Some((best, interval(&points[best])?))) else {
        return Vec::new();
    };
    let overlaps = |other: Interval| other.low <= own.high && own.low <= other.high;
    (0..points.len()).filter(|i| *i != best && interval(&points[*i]).is_some_and(overlaps)).collect()
}

fn best(points: &[PointFigures], value: impl Fn(&PointFigures) -> Option<f64>) -> Option<usize> {
    (0..points.len())
        .filter_map(|i| value(&points[i]).map(|v| (i, v)))
        // The first of equals: a lighter load that gives the same is the better one.
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map(|(i, _)| i)
}

fn pareto(points: &[PointFigures]) -> Vec<usize> {
    let known = |c: &PointFigures| c.output_tokens.zip(c.latency_p99);
    let beaten = |tokens: f64, latency: f64| {
        points.iter().filter_map(known).any(|(t, l)| t >= tokens && l <= latency && (t > tokens || l < latency))
    };
    (0..points.len()).filter(|i| known(&points[*i]).is_some_and(|(t, l)| !beaten(t, l))).collect()
}

fn knee(points: &[PointFigures]) -> Option<Knee> {
    let mut order: Vec<usize> = (0..points.len()).filter(|i| points[*i].axis.is_some()).collect();
    order.sort_by(|a, b| {
        let axis = |i: &usize| points[*i].axis.unwrap_or(f64::NAN);
        axis(a).total_cmp(&axis(b))
    });
    let split = |holds: &dyn Fn(&PointFigures) -> bool| {
        let first_over = order.iter().position(|i| !holds(&points[*i]));
        let last = first_over.map_or(order.len(), |n| n).checked_sub(1);
        (last.map(|n| order[n]), first_over.map(|n| order[n]))
    };
    let lightest = &points[*order.first()?];
    if order.len() < 2 {
        return None;
    }
    if lightest.good_fraction.is_some() {
        let (last, first_over) = split(&|c| c.good_fraction.is_some_and(|g| g >= HEALTHY));
        return Some(Knee::Goodput { last, first_over });
    }
    let bound = SLOWER * lightest.latency_p99?;
    let (last, first_over) = split(&|c| c.latency_p99.is_some_and(|l| l <= bound));
    Some(Knee::Latency { last, first_over })
}

/// The good fraction from which on a load is healthy (DistServe and AIPerf take the same).
pub const HEALTHY: f64 = 0.95;
/// How much slower than the lightest load is past the knee (AIPerf's `--degradation-threshold` of 0.20).
pub const SLOWER: f64 = 1.2;

#[cfg(test)]
mod tests {
    use super::*;

    fn point(axis: f64, tokens: f64, latency: f64, good: Option<f64>) -> PointFigures {
        PointFigures {
            axis: Some(axis),
            throughput: Some(tokens / 10.0),
            goodput: good.map(|g| g * tokens / 10.0),
            good_fraction: good,
            output_tokens: Some(tokens),
            latency_p99: Some(latency),
            ..PointFigures::default()
        }
    }

    #[test]
    fn a_best_point_is_distinguished_from_others_where_their_intervals_part() {
        let sure = |axis: f64, tokens: f64, by: f64| PointFigures {
            intervals: Intervals {
                output_tokens: Some(Interval { low: tokens - by, high: tokens + by }),
                ..Intervals::default()
            },
            ..point(axis, tokens, 100.0 * axis, None)
        };
        let points = [sure(1.0, 100.0, 5.0), sure(2.0, 190.0, 15.0), sure(4.0, 200.0, 5.0), sure(8.0, 150.0, 5.0)];
        let seen = summarize(&points);
        assert_eq!((seen.most_tokens, seen.indistinguishable.most_tokens), (Some(2), vec![1]));
        assert!(seen.indistinguishable.least_latency.is_empty(), "without intervals nothing is said");
    }

    #[test]
    fn a_point_that_is_invalid_by_the_client_is_in_no_comparison() {
        let mut points =
            [point(1.0, 100.0, 100.0, None), point(2.0, 300.0, 50.0, None), point(4.0, 200.0, 110.0, None)];
        points[1].invalid_by_client = true;
        let seen = summarize(&points);
        assert_eq!((seen.most_tokens, seen.least_latency), (Some(2), Some(0)));
        assert_eq!(seen.pareto, [0, 2]);
        assert_eq!(seen.knee, Some(Knee::Latency { last: Some(2), first_over: None }));
    }

    #[test]
    fn no_goodput_anywhere_is_most_nowhere() {
        let points = [1.0, 2.0].map(|axis| point(axis, 100.0, 50.0, Some(0.0)));
        assert_eq!(summarize(&points).most_goodput, None);
    }

    #[test]
    fn the_knee_is_the_last_load_before_goodput_leaves_throughput() {
        // The heaviest load stands first, as a user may write it.
        let points = [
            point(32.0, 400.0, 900.0, Some(0.2)),
            point(1.0, 100.0, 100.0, Some(1.0)),
            point(8.0, 300.0, 120.0, Some(0.97)),
            point(16.0, 390.0, 300.0, Some(0.6)),
        ];
        let summary = summarize(&points);
        let knee = Knee::Goodput { last: Some(2), first_over: Some(3) };
        assert_eq!(summary.knee, Some(knee));
        assert_eq!((summary.most_tokens, summary.least_latency), (Some(0), Some(1)));
        assert_eq!(summary.most_goodput, Some(2));
        assert_eq!(summary.pareto, [0, 1, 2, 3]);
    }

    #[test]
    fn without_slos_the_knee_is_where_latency_leaves_its_base() {
        let points = [point(1.0, 100.0, 100.0, None), point(2.0, 180.0, 119.0, None), point(4.0, 200.0, 121.0, None)];
        let knee = Knee::Latency { last: Some(1), first_over: Some(2) };
        assert_eq!(summarize(&points).knee, Some(knee));
    }

    #[test]
    fn a_point_that_is_beaten_is_not_in_the_pareto_set() {
        let points = [
            point(1.0, 100.0, 100.0, None),
            point(2.0, 90.0, 110.0, None),
            point(3.0, 100.0, 100.0, None),
            PointFigures::default(),
        ];
        assert_eq!(summarize(&points).pareto, [0, 2]);
    }

    #[test]
    fn loads_that_all_hold_or_all_fail_have_one_side_of_a_knee() {
        let all = |good| [point(1.0, 1.0, 1.0, Some(good)), point(2.0, 2.0, 1.0, Some(good))];
        let over = Knee::Goodput { last: None, first_over: Some(0) };
        let under = Knee::Goodput { last: Some(1), first_over: None };
        assert_eq!(summarize(&all(0.1)).knee, Some(over));
        assert_eq!(summarize(&all(1.0)).knee, Some(under));
        assert_eq!(summarize(&all(1.0)[..1]).knee, None);
    }
}
