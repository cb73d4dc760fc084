//! Requests in flight over time, weighted by how long.

use super::requests::Requests;
use super::stats::Stats;
use super::threads::{on_threads, threads_for};
use crate::clock::Nanos;

/// The number of requests in flight over time.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight {
    starts: Vec<Nanos>,
    ends: Vec<Nanos>,
}

impl InFlight {
    /// When these requests were.
    pub(super) fn of(requests: &Requests) -> Self {
        let mut all = Self { starts: Vec::with_capacity(requests.len()), ends: Vec::with_capacity(requests.len()) };
        requests.each(|request| all.add(request.issued, request.end()));
        all
    }

    fn add(&mut self, start: Nanos, end: Nanos) {
        self.starts.push(start);
        self.ends.push(end.max(start));
    }

    /// Statistics from the first start to the last end, and the mean. A percentile is the least number in flight that
    /// was not exceeded for that share of the time; `sum` is request-seconds. `None` where no time passed.
    pub(super) fn stats(&mut self) -> Option<(Stats, f64)> {
        let time_at = self.time_at();
        let total: Nanos = time_at.iter().sum();
        if total == 0 {
            return None;
        }
        let held = || {
            time_at.iter().enumerate().filter(|(_, time)| **time > 0).map(|(level, time)| (level as f64, *time as f64))
        };
        let whole = total as f64;
        let area: f64 = held().map(|(level, time)| level * time).sum();
        let mean = area / whole;
        let variance = held().map(|(level, time)| time * (level - mean).powi(2)).sum::<f64>() / whole;
        let percentile = |p: u64| {
            let mut passed: u128 = 0;
            time_at
                .iter()
                .position(|time| {
                    passed += u128::from(*time);
                    passed * 100 >= u128::from(total) * u128::from(p) && passed > 0
                })
                .unwrap_or(0) as f64
        };
        let stats = Stats {
            count: self.starts.len() as u64,
            sum: area / 1e9,
            min: held().map(|(level, _)| level).next().unwrap_or(0.0),
            max: held().map(|(level, _)| level).next_back().unwrap_or(0.0),
            std: variance.sqrt(),
            p1: percentile(1),
            p5: percentile(5),
            p10: percentile(10),
            p25: percentile(25),
            p50: percentile(50),
            p75: percentile(75),
            p90: percentile(90),
            p95: percentile(95),
            p99: percentile(99),
        };
        Some((stats, mean))
    }

    /// `time_at[n]`: how long exactly n requests were in flight. An end frees its place before a start at the same
    /// instant takes it.
    fn time_at(&mut self) -> Vec<Nanos> {
        let both = [&mut self.starts, &mut self.ends];
        on_threads(threads_for(both[0].len()), both.into_iter(), |instants| instants.sort_unstable());
        let mut time_at = vec![0];
        let Some(mut now) = self.starts.first().copied() else {
            return time_at;
        };
        let (mut level, mut ended, mut next_start) = (0usize, 0, 0);
        while ended < self.ends.len() {
            let end = self.ends[ended];
            let (at, starts) = match self.starts.get(next_start) {
                Some(start) if *start < end => (*start, true),
                // One that ends as it starts has to start first.
                Some(start) if level == 0 => (*start, true),
                _ => (end, false),
            };
            time_at[level] += at.saturating_sub(now);
            now = now.max(at);
            if starts {
                level += 1;
                next_start += 1;
            } else {
                level -= 1;
                ended += 1;
            }
            if level == time_at.len() {
                time_at.push(0);
            }
        }
        time_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn in_flight(spans: &[(Nanos, Nanos)]) -> InFlight {
        let mut all = InFlight::default();
        spans.iter().for_each(|(start, end)| all.add(*start, *end));
        all
    }

    #[test]
    fn two_requests_that_overlap_by_half() {
        // 1 in flight for 50, 2 for 50, 1 for 50.
        let (s, mean) = in_flight(&[(100, 200), (150, 250)]).stats().unwrap();
        assert!((mean - 200.0 / 150.0).abs() < 1e-12);
        assert!((s.sum * 1e9 - 200.0).abs() < 1e-9);
        assert_eq!((s.min, s.max), (1.0, 2.0));
        assert_eq!((s.p50, s.p75, s.p90), (1.0, 2.0, 2.0));
        assert!((s.std - (2.0f64 / 9.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_pause_counts_as_nothing_in_flight() {
        let (s, _) = in_flight(&[(0, 10), (30, 40)]).stats().unwrap();
        assert_eq!((s.min, s.p50, s.p75, s.max), (0.0, 0.0, 1.0, 1.0));
    }

    #[test]
    fn a_slot_that_is_taken_over_at_once_is_one_request_in_flight() {
        let (s, _) = in_flight(&[(0, 10), (10, 20), (20, 30)]).stats().unwrap();
        assert_eq!((s.min, s.max, s.std), (1.0, 1.0, 0.0));
    }

    #[test]
    fn nothing_and_no_time_have_no_statistics() {
        assert_eq!(in_flight(&[]).stats(), None);
        assert_eq!(in_flight(&[(5, 5), (5, 5)]).stats(), None);
    }

    proptest! {
        #[test]
        fn the_area_is_the_sum_of_the_requests(spans in prop::collection::vec((0..500u64, 0..100u64), 1..60)) {
            let spans: Vec<_> = spans.into_iter().map(|(start, length)| (start, start + length)).collect();
            let area: u64 = spans.iter().map(|(start, end)| end - start).sum();
            let first = spans.iter().map(|s| s.0).min().unwrap();
            let last = spans.iter().map(|s| s.1).max().unwrap();
            let time_at = in_flight(&spans).time_at();
            prop_assert_eq!(time_at.iter().sum::<u64>(), last - first);
            let swept: u64 = time_at.iter().enumerate().map(|(level, time)| level as u64 * time).sum();
            prop_assert_eq!(swept, area);
        }
    }
}
