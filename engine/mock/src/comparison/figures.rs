//! Percentiles, and what the server alone says of a run.

use crate::truth::{Served, Truth};
use serde::Serialize;

/// Nearest-rank percentiles, in the unit of the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.9th percentile.
    pub p999: f64,
    /// The greatest value.
    pub max: f64,
}

impl Percentiles {
    /// Of lengths in nanoseconds, in microseconds; all 0 without any.
    #[must_use]
    pub fn of_ns(mut values: Vec<i64>) -> Self {
        values.sort_unstable();
        let at = |share: f64| {
            let rank = (share * values.len() as f64).ceil() as usize;
            let value = values.get(rank.max(1) - 1).copied().unwrap_or_default();
            value as f64 / 1e3
        };
        Self { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}

/// A run as the server made it: what a client ought to report.
#[derive(Clone, Debug, Serialize)]
pub struct ServerFigures {
    /// Requests answered to their end.
    pub requests: usize,
    /// Requests that were not.
    pub unfinished: usize,
    /// Output tokens written.
    pub tokens: u64,
    /// Writes that were not noted.
    pub writes_lost: u64,
    /// When the first request had been read (`CLOCK_MONOTONIC`).
    pub first_received_ns: u64,
    /// When the last write was over.
    pub last_write_ns: u64,
    /// Most requests that were answered at once.
    pub peak_in_flight: usize,
    /// From the receipt of a request to the write of its first token.
    pub ttft_us: Percentiles,
    /// Between the writes of consecutive output events.
    pub gap_us: Percentiles,
    /// The mean gap of each request.
    pub itl_us: Percentiles,
}

/// The figures of all requests in `truth`; times are of those that were answered to their end.
#[must_use]
pub fn server_figures(truth: &Truth) -> ServerFigures {
    let finished = || truth.served.iter().filter(|served| served.finished);
    let received = truth.served.iter().map(|served| served.received_ns);
    let ttfts = finished().filter_map(|one| Some((begins(one).next()? - one.received_ns) as i64));
    ServerFigures {
        requests: finished().count(),
        unfinished: truth.served.len() - finished().count(),
        tokens: truth.served.iter().map(|one| u64::from(one.tokens)).sum(),
        writes_lost: truth.header.writes_lost,
        first_received_ns: received.min().unwrap_or_default(),
        last_write_ns: truth.served.iter().filter_map(end).max().unwrap_or_default(),
        peak_in_flight: peak(&truth.served),
        ttft_us: Percentiles::of_ns(ttfts.collect()),
        gap_us: Percentiles::of_ns(finished().flat_map(gaps).collect()),
        itl_us: Percentiles::of_ns(finished().filter_map(itl).collect()),
    }
}

fn begins(served: &Served) -> impl Iterator<Item = u64> {
    served.events().map(|write| write.begun_ns)
}

fn gaps(served: &Served) -> impl Iterator<Item = i64> {
    let pairs = begins(served).zip(begins(served).skip(1));
    pairs.map(|(before, after)| (after - before) as i64)
}

fn itl(served: &Served) -> Option<i64> {
    let count = gaps(served).count() as i64;
    (count > 0).then(|| gaps(served).sum::<i64>() / count)
}

fn end(served: &Served) -> Option<u64> {
    served.writes.last().map(|write| write.ended_ns())
}

fn peak(served: &[Served]) -> usize {
    let begins = served.iter().map(|one| (one.received_ns, 1));
    let ends = served.iter().map(|one| (end(one).unwrap_or(one.received_ns), -1));
    // At one instant what ends goes before what begins.
    let mut changes: Vec<(u64, i64)> = begins.chain(ends).collect();
    changes.sort_unstable();
    let (mut now, mut most) = (0_i64, 0);
    for (_, change) in changes {
        now += change;
        most = most.max(now);
    }
    usize::try_from(most).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::{Header, Write};

    #[test]
    fn percentiles_are_values_that_occurred() {
        let p = Percentiles::of_ns((1..=1_000).map(|us| us * 1_000).rev().collect());
        assert_eq!((p.p50, p.p99, p.p999, p.max), (500.0, 990.0, 999.0, 1_000.0));
        assert_eq!(Percentiles::of_ns(Vec::new()), Percentiles::default());
    }

    #[test]
    fn the_servers_figures_are_of_the_requests_it_answered_to_their_end() {
        let one = |received_ns, finished, writes: &[(u64, u32, u32)]| Served {
            received_ns,
            finished,
            tokens: writes.len() as u32,
            writes: writes.iter().map(|&write| Write::from(write)).collect(),
            ..Served::default()
        };
        let header = Header { truth_log: 1, wall_offset_ns: 0, offset_error_ns: 0, writes_lost: 3 };
        let served = vec![
            one(1_000, true, &[(3_000, 5, 1), (7_000, 5, 1), (9_000, 5, 1)]),
            one(2_000, false, &[(80_000, 5, 1)]),
            one(90_000, true, &[(91_000, 5, 1)]),
        ];
        let figures = server_figures(&Truth { header, served });
        assert_eq!((figures.requests, figures.unfinished, figures.tokens), (2, 1, 5));
        assert_eq!((figures.first_received_ns, figures.last_write_ns), (1_000, 91_005));
        assert_eq!((figures.peak_in_flight, figures.writes_lost), (2, 3));
        assert_eq!((figures.ttft_us.p50, figures.ttft_us.max), (1.0, 2.0));
        assert_eq!((figures.gap_us.p50, figures.gap_us.max), (2.0, 4.0));
        assert_eq!(figures.itl_us.max, 3.0);
    }
}
