//! What a trace is like: its lengths, its arrivals, and how much of it a prefix cache could answer.

use super::{Content, Row};
use crate::clock::{Nanos, SECOND};
use serde::Serialize;
use std::collections::HashSet;

/// The properties of a trace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Analysis {
    /// Requests in the trace.
    pub requests: usize,
    /// Requests that say their blocks.
    pub requests_with_blocks: usize,
    /// What of the file is left out, or does not go together, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Input lengths, tokens, of those that say them.
    pub isl: Option<Spread>,
    /// Output lengths, tokens, of those that say them.
    pub osl: Option<Spread>,
    /// Tokens of each prompt that a cache without end had from earlier requests, in the order of the trace.
    pub cached_tokens: Option<Spread>,
    /// The other tokens of each prompt.
    pub new_tokens: Option<Spread>,
    /// The share of each prompt's blocks that were in that cache: those up to the first that was not.
    pub hit_rate: Option<Spread>,
    /// The share of all blocks together that were in that cache.
    pub hit_rate_of_all: Option<f64>,
    /// Blocks that differ.
    pub distinct_blocks: usize,
    /// First blocks that more than one request begins with.
    pub prefix_groups: usize,
    /// From the first arrival to the last, seconds.
    pub span_s: Option<f64>,
    /// Arrivals per second over that time.
    pub rate: Option<f64>,
    /// Seconds from one arrival to the next.
    pub gaps_s: Option<Spread>,
    /// Deviation of the gaps divided by their mean: 1 for Poisson arrivals, 0 for a constant rate.
    pub gaps_cv: Option<f64>,
}

/// The spread of values. Percentiles by linear interpolation, as `NumPy` does by default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Mean, in the unit of the values (tokens, ms).
    pub mean: f64,
    /// Standard deviation of the values as a population.
    pub stddev: f64,
    /// Least value.
    pub min: f64,
    /// First quartile.
    pub p25: f64,
    /// Median of the values.
    pub p50: f64,
    /// Third quartile.
    pub p75: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Greatest value.
    pub max: f64,
}

impl Spread {
    /// Of these values; none where there are none.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        let n = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let at = |p: f64| {
            let place = p * (n - 1.0);
            let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
            (high - low).mul_add(place.fract(), low)
        };
        Some(Self {
            mean,
            stddev: (squares / n).sqrt(),
            min: at(0.0),
            p25: at(0.25),
            p50: at(0.5),
            p75: at(0.75),
            p90: at(0.9),
            p99: at(0.99),
            max: at(1.0),
        })
    }
}

/// Looks at rows in their order, with blocks of this many tokens.
#[must_use]
pub fn analyze(rows: &[Row], block: u32) -> Analysis {
    let (mut isl, mut osl, mut cached, mut new, mut rates) = (vec![], vec![], vec![], vec![], vec![]);
    let mut seen = HashSet::new();
    let (mut firsts, mut shared) = (HashSet::new(), HashSet::new());
    let (mut hit, mut all, mut with_blocks) = (0, 0, 0);
    for row in rows {
        osl.extend(row.turn.osl.map(f64::from));
        let Content::Length { isl: tokens, hash_ids } = &row.turn.content else {
            continue;
        };
        isl.push(f64::from(*tokens));
        let Some(first) = hash_ids.first() else {
            continue;
        };
        with_blocks += 1;
        if !firsts.insert(*first) {
            shared.insert(*first);
        }
        let known = hash_ids.iter().take_while(|id| seen.contains(*id)).count();
        seen.extend(hash_ids.iter().copied());
        let tokens_known = (known as u64 * u64::from(block)).min(u64::from(*tokens)) as f64;
        cached.push(tokens_known);
        new.push(f64::from(*tokens) - tokens_known);
        rates.push(known as f64 / hash_ids.len() as f64);
        hit += known;
        all += hash_ids.len();
    }
    let mut arrivals: Vec<Nanos> = rows.iter().filter_map(|row| row.turn.at).collect();
    arrivals.sort_unstable();
    let seconds = |ns: Nanos| ns as f64 / SECOND as f64;
    let gaps = Spread::of(arrivals.windows(2).map(|two| seconds(two[1] - two[0])).collect());
    let span = (arrivals.len() > 1).then(|| seconds(arrivals[arrivals.len() - 1] - arrivals[0]));
    Analysis {
        requests: rows.len(),
        requests_with_blocks: with_blocks,
        remarks: Vec::new(),
        isl: Spread::of(isl),
        osl: Spread::of(osl),
        cached_tokens: Spread::of(cached),
        new_tokens: Spread::of(new),
        hit_rate: Spread::of(rates),
        hit_rate_of_all: (all > 0).then(|| hit as f64 / all as f64),
        distinct_blocks: seen.len(),
        prefix_groups: shared.len(),
        span_s: span,
        rate: span.filter(|s| *s > 0.0).map(|s| (arrivals.len() - 1) as f64 / s),
        gaps_cv: gaps.filter(|g| g.mean > 0.0).map(|g| g.stddev / g.mean),
        gaps_s: gaps,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Turn;
    use super::*;

    fn row(at: u64, isl: u32, hash_ids: &[u64]) -> Row {
        Row::single(Turn {
            at: Some(at * SECOND),
            content: Content::Length { isl, hash_ids: hash_ids.to_vec() },
            ..Turn::default()
        })
    }

    #[test]
    fn a_block_hits_when_all_before_it_were_seen_earlier() {
        let rows = [row(0, 25, &[1, 2, 3]), row(1, 28, &[1, 2, 4]), row(3, 30, &[9, 2, 3]), row(4, 20, &[1, 2])];
        let a = analyze(&rows, 10);
        assert_eq!(a.hit_rate_of_all, Some(4.0 / 11.0));
        let rates = a.hit_rate.unwrap();
        assert!((rates.mean - (2.0 / 3.0 + 1.0) / 4.0).abs() < 1e-12);
        assert_eq!(a.cached_tokens.unwrap().max, 20.0);
        assert_eq!(a.new_tokens.unwrap().min, 0.0);
        assert_eq!((a.distinct_blocks, a.prefix_groups), (5, 1));
        assert_eq!((a.span_s, a.rate), (Some(4.0), Some(0.75)));
        assert!(a.osl.is_none());
    }

    #[test]
    fn percentiles_interpolate() {
        let spread = Spread::of(vec![4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((spread.p25, spread.p50, spread.p75), (1.75, 2.5, 3.25));
        assert_eq!((spread.min, spread.max, spread.mean), (1.0, 4.0, 2.5));
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
