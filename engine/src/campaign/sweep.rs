//! What a sweep shows: which cells no other beats, the best ones, and where goodput leaves throughput.

use crate::statistics::Interval;
use serde::Serialize;

/// One cell of a sweep, its repeats averaged.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cell {
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
    /// The client is in the figures of all of its runs: it is in no comparison.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub spoiled: bool,
    /// How sure the figures are by which cells are compared.
    #[serde(skip)]
    pub intervals: Intervals,
}

/// Intervals of a cell's figures: over its repeats, or within its one run; absent where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Intervals {
    /// Of [`Cell::goodput`].
    pub goodput: Option<Interval>,
    /// Of [`Cell::output_tokens`].
    pub output_tokens: Option<Interval>,
    /// Of [`Cell::latency_p99`].
    pub latency_p99: Option<Interval>,
}

/// What a sweep shows. Cells by their place in the slice that was given.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Picture {
    /// Cells that no other beats in both output tokens a second (more) and p99 of the request latency (less).
    pub pareto: Vec<usize>,
    /// The cell with the most output tokens a second.
    pub most_tokens: Option<usize>,
    /// The cell with the smallest p99 of the request latency.
    pub least_latency: Option<usize>,
    /// The cell with the most goodput; none where no cell has any.
    pub most_goodput: Option<usize>,
    /// Cells whose intervals do not part from that of the best.
    pub not_told_apart: NotToldApart,
    /// How far the load may go.
    pub knee: Option<Knee>,
}

/// Of each best cell those that can be as good: their intervals overlap with its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NotToldApart {
    /// From [`Picture::most_tokens`].
    pub most_tokens: Vec<usize>,
    /// From [`Picture::least_latency`].
    pub least_latency: Vec<usize>,
    /// From [`Picture::most_goodput`].
    pub most_goodput: Vec<usize>,
}

/// How far the load may go along the axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Knee {
    /// With SLOs: the last cell, from the lightest on, of which the good fraction is at least [`HEALTHY`], and the
    /// first after it that is under it. `None` where the lightest load fails already, or the heaviest still holds.
    Goodput {
        /// The last that holds.
        last: Option<usize>,
        /// The first that does not.
        first_over: Option<usize>,
    },
    /// Without SLOs: the last cell of which the p99 of the request latency is at most [`SLOWER`] times the lightest
    /// load's.
    Latency {
        /// The last that holds.
        last: Option<usize>,
        /// The first that does not.
        first_over: Option<usize>,
    },
}

/// What the cells show. Those that the client spoiled show nothing.
#[must_use]
pub fn picture(cells: &[Cell]) -> Picture {
    let cells: Vec<Cell> = cells
        .iter()
        .map(|cell| if cell.spoiled { Cell { spoiled: true, ..Cell::default() } } else { cell.clone() })
        .collect();
    let cells = &cells[..];
    let most_tokens = best(cells, |c| c.output_tokens);
    let least_latency = best(cells, |c| c.latency_p99.map(|v| -v));
    let most_goodput = best(cells, |c| c.goodput.filter(|rate| *rate > 0.0));
    Picture {
        pareto: pareto(cells),
        not_told_apart: NotToldApart {
            most_tokens: as_good(cells, most_tokens, |c| c.intervals.output_tokens),
            least_latency: as_good(cells, least_latency, |c| c.intervals.latency_p99),
            most_goodput: as_good(cells, most_goodput, |c| c.intervals.goodput),
        },
        most_tokens,
        least_latency,
        most_goodput,
        knee: knee(cells),
    }
}

/// Cells whose interval overlaps with that of the best.
fn as_good(cells: &[Cell], best: Option<usize>, interval: impl Fn(&Cell) -> Option<Interval>) -> Vec<usize> {
    let Some((best, own)) = best.and_then(|best| Some((best, interval(&cells[best])?))) else {
        return Vec::new();
    };
    let overlaps = |other: Interval| other.low <= own.high && own.low <= other.high;
    (0..cells.len()).filter(|i| *i != best && interval(&cells[*i]).is_some_and(overlaps)).collect()
}

fn best(cells: &[Cell], value: impl Fn(&Cell) -> Option<f64>) -> Option<usize> {
    (0..cells.len())
        .filter_map(|i| value(&cells[i]).map(|v| (i, v)))
        // The first of equals: a lighter load that gives the same is the better one.
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map(|(i, _)| i)
}

fn pareto(cells: &[Cell]) -> Vec<usize> {
    let known = |c: &Cell| c.output_tokens.zip(c.latency_p99);
    let beaten = |tokens: f64, latency: f64| {
        cells.iter().filter_map(known).any(|(t, l)| t >= tokens && l <= latency && (t > tokens || l < latency))
    };
    (0..cells.len()).filter(|i| known(&cells[*i]).is_some_and(|(t, l)| !beaten(t, l))).collect()
}

fn knee(cells: &[Cell]) -> Option<Knee> {
    let mut order: Vec<usize> = (0..cells.len()).filter(|i| cells[*i].axis.is_some()).collect();
    order.sort_by(|a, b| {
        let axis = |i: &usize| cells[*i].axis.unwrap_or(f64::NAN);
        axis(a).total_cmp(&axis(b))
    });
    let split = |holds: &dyn Fn(&Cell) -> bool| {
        let first_over = order.iter().position(|i| !holds(&cells[*i]));
        let last = first_over.map_or(order.len(), |n| n).checked_sub(1);
        (last.map(|n| order[n]), first_over.map(|n| order[n]))
    };
    let lightest = &cells[*order.first()?];
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

    fn cell(axis: f64, tokens: f64, latency: f64, good: Option<f64>) -> Cell {
        Cell {
            axis: Some(axis),
            throughput: Some(tokens / 10.0),
            goodput: good.map(|g| g * tokens / 10.0),
            good_fraction: good,
            output_tokens: Some(tokens),
            latency_p99: Some(latency),
            ..Cell::default()
        }
    }

    #[test]
    fn a_best_cell_is_told_from_others_where_their_intervals_part() {
        let sure = |axis: f64, tokens: f64, by: f64| Cell {
            intervals: Intervals {
                output_tokens: Some(Interval { low: tokens - by, high: tokens + by }),
                ..Intervals::default()
            },
            ..cell(axis, tokens, 100.0 * axis, None)
        };
        let cells = [sure(1.0, 100.0, 5.0), sure(2.0, 190.0, 15.0), sure(4.0, 200.0, 5.0), sure(8.0, 150.0, 5.0)];
        let seen = picture(&cells);
        assert_eq!((seen.most_tokens, seen.not_told_apart.most_tokens), (Some(2), vec![1]));
        assert!(seen.not_told_apart.least_latency.is_empty(), "without intervals nothing is said");
    }

    #[test]
    fn a_cell_that_the_client_spoiled_is_in_no_comparison() {
        let mut cells = [cell(1.0, 100.0, 100.0, None), cell(2.0, 300.0, 50.0, None), cell(4.0, 200.0, 110.0, None)];
        cells[1].spoiled = true;
        let seen = picture(&cells);
        assert_eq!((seen.most_tokens, seen.least_latency), (Some(2), Some(0)));
        assert_eq!(seen.pareto, [0, 2]);
        assert_eq!(seen.knee, Some(Knee::Latency { last: Some(2), first_over: None }));
    }

    #[test]
    fn no_goodput_anywhere_is_most_nowhere() {
        let cells = [1.0, 2.0].map(|axis| cell(axis, 100.0, 50.0, Some(0.0)));
        assert_eq!(picture(&cells).most_goodput, None);
    }

    #[test]
    fn the_knee_is_the_last_load_before_goodput_leaves_throughput() {
        // The heaviest load stands first, as a user may write it.
        let cells = [
            cell(32.0, 400.0, 900.0, Some(0.2)),
            cell(1.0, 100.0, 100.0, Some(1.0)),
            cell(8.0, 300.0, 120.0, Some(0.97)),
            cell(16.0, 390.0, 300.0, Some(0.6)),
        ];
        let picture = picture(&cells);
        let knee = Knee::Goodput { last: Some(2), first_over: Some(3) };
        assert_eq!(picture.knee, Some(knee));
        assert_eq!((picture.most_tokens, picture.least_latency), (Some(0), Some(1)));
        assert_eq!(picture.most_goodput, Some(2));
        assert_eq!(picture.pareto, [0, 1, 2, 3]);
    }

    #[test]
    fn without_slos_the_knee_is_where_latency_leaves_its_base() {
        let cells = [cell(1.0, 100.0, 100.0, None), cell(2.0, 180.0, 119.0, None), cell(4.0, 200.0, 121.0, None)];
        let knee = Knee::Latency { last: Some(1), first_over: Some(2) };
        assert_eq!(picture(&cells).knee, Some(knee));
    }

    #[test]
    fn a_cell_that_is_beaten_is_not_in_the_pareto_set() {
        let cells = [
            cell(1.0, 100.0, 100.0, None),
            cell(2.0, 90.0, 110.0, None),
            cell(3.0, 100.0, 100.0, None),
            Cell::default(),
        ];
        assert_eq!(picture(&cells).pareto, [0, 2]);
    }

    #[test]
    fn loads_that_all_hold_or_all_fail_have_one_side_of_a_knee() {
        let all = |good| [cell(1.0, 1.0, 1.0, Some(good)), cell(2.0, 2.0, 1.0, Some(good))];
        let over = Knee::Goodput { last: None, first_over: Some(0) };
        let under = Knee::Goodput { last: Some(1), first_over: None };
        assert_eq!(picture(&all(0.1)).knee, Some(over));
        assert_eq!(picture(&all(1.0)).knee, Some(under));
        assert_eq!(picture(&all(1.0)[..1]).knee, None);
    }
}
