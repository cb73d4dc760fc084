//! The metrics of the requests of a phase, each from the exact values of all of them: a column of values for each
//! metric, some at a time, on two threads where that takes no more memory than on one.

use super::by_connection::ByConnection;
use super::client_share::Movers;
use super::concurrency::InFlight;
use super::curve::Curves;
use super::gaps::Gaps;
use super::request::{METRICS, OF_SERVERS, PerRequest};
use super::requests::Requests;
use super::stats::{Stats, TAILS};
use super::summary::Metric;
use super::tags::{self, MetricInfo};
use crate::statistics::percentile_of_sorted;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// The requests of which metrics are made.
#[derive(Clone, Copy)]
pub(super) struct Evaluation<'a> {
    pub(super) requests: &'a Requests,
    pub(super) streaming: bool,
    /// A server said how long it took.
    pub(super) timed: bool,
}

/// What is found beside the metrics, while their values are at hand.
pub(super) struct Beside {
    pub(super) movers: Movers,
    pub(super) curves: Curves,
    pub(super) by_connection: ByConnection,
}

impl Beside {
    /// Nothing is asked.
    pub(super) fn nothing() -> Self {
        Self { movers: Movers::new([false; 3]), curves: Curves::of(&[]), by_connection: ByConnection::new(None) }
    }

    /// The same questions, of which nothing is known yet.
    fn anew(&self) -> Self {
        Self { movers: self.movers.anew(), curves: self.curves.anew(), by_connection: self.by_connection.anew() }
    }

    fn begin(&mut self, metrics: &[&PerRequest]) {
        self.movers.begin(metrics);
        self.by_connection.begin(metrics.len());
    }

    fn absorb(&mut self, later: Self) {
        self.movers.absorb(later.movers);
        self.curves.absorb(later.curves);
        self.by_connection.absorb(later.by_connection);
    }
}

/// A part of the work; the parts know nothing of each other.
enum Part<'a> {
    Gaps(&'a mut Gaps),
    /// Metrics whose columns are there at once.
    Columns(&'a [&'static PerRequest]),
    InFlight,
}

impl Evaluation<'_> {
    /// The metrics of requests in table order, and then that of all of them together; what is found beside them is
    /// added to `beside`. The number of threads changes no value.
    pub(super) fn metrics(self, gaps: &mut Gaps, beside: &mut Beside) -> [Vec<Metric>; 2] {
        let threads = self.threads();
        let together = (self.columns_in_scratch() / threads).max(2);
        self.metrics_on(threads, together, gaps, beside)
    }

    /// The same on so many threads, each of which has so many columns.
    fn metrics_on(self, threads: usize, together: usize, gaps: &mut Gaps, beside: &mut Beside) -> [Vec<Metric>; 2] {
        let of_servers: &'static [PerRequest] = if self.timed { &OF_SERVERS } else { &[] };
        let mut all: Vec<&'static PerRequest> = METRICS.iter().chain(of_servers).collect();
        // Together, so that few walks ask what else a request can have been.
        all.sort_by_key(|metric| !Movers::moves(metric.info));
        let parts = [Part::Gaps(gaps)].into_iter().chain(all.chunks(together).map(Part::Columns));
        let parts = parts.chain([Part::InFlight]).enumerate();
        let left = Mutex::new(parts);
        let take = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        let done = Mutex::new(Vec::new());
        let questions = beside.anew();
        let work = || {
            // One set of columns for all: what is given back between two walks is not at once the system's again.
            let mut columns: Vec<Vec<f64>> = Vec::new();
            while let Some((place, part)) = take() {
                let found = self.evaluate(part, &mut columns, questions.anew());
                done.lock().unwrap_or_else(PoisonError::into_inner).push((place, found));
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                // Without another thread this one does it all.
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(place, _)| *place);
        let mut metrics = Vec::new();
        for (_, (some, found)) in done {
            metrics.extend(some);
            beside.absorb(found);
        }
        let is_of_requests = |metric: &Metric| !std::ptr::eq(metric.info, &raw const tags::EFFECTIVE_CONCURRENCY);
        let (mut of_requests, together): (Vec<_>, Vec<_>) = metrics.into_iter().partition(is_of_requests);
        of_requests.sort_by_key(|metric| tags::place(metric.info));
        [of_requests, together]
    }

    /// How many columns fit into [`SCRATCH`].
    fn columns_in_scratch(self) -> usize {
        SCRATCH / size_of::<f64>() / self.requests.len().max(1)
    }

    /// A second thread has columns of its own: where two times two of them take more than [`SCRATCH`], there is none.
    fn threads(self) -> usize {
        let worthwhile = self.requests.len() >= LONG_COLUMN && self.columns_in_scratch() >= 2 * THREADS;
        if worthwhile { THREADS } else { 1 }
    }

    fn evaluate(self, part: Part<'_>, columns: &mut Vec<Vec<f64>>, mut beside: Beside) -> (Vec<Metric>, Beside) {
        let metrics = match part {
            Part::Gaps(gaps) => gaps.metric(&mut beside.curves).into_iter().collect(),
            Part::Columns(some) => self.of_columns(some, columns, &mut beside),
            Part::InFlight => self.in_flight().into_iter().collect(),
        };
        (metrics, beside)
    }

    fn in_flight(self) -> Option<Metric> {
        let (stats, avg) = InFlight::of(self.requests).stats()?;
        Some(Metric { info: &tags::EFFECTIVE_CONCURRENCY, avg, stats: Some(stats), tails: None, exact: true })
    }

    fn of_columns(self, some: &[&'static PerRequest], columns: &mut Vec<Vec<f64>>, beside: &mut Beside) -> Vec<Metric> {
        self.fill(columns, some, beside);
        sort(&mut columns[..some.len()]);
        let mut metrics = Vec::with_capacity(some.len());
        for (place, (metric, values)) in some.iter().zip(columns).enumerate() {
            metrics.extend(of_values(metric.info, values, |sorted, stats, tails| {
                beside.movers.end(place, metric.info, sorted, stats, tails);
                beside.by_connection.end(place, metric.info, sorted, stats);
                beside.curves.look(metric.info, sorted);
            }));
        }
        metrics
    }

    /// Fills columns with the values of each of these metrics.
    fn fill(self, columns: &mut Vec<Vec<f64>>, of: &[&PerRequest], beside: &mut Beside) {
        let most = self.requests.len();
        columns.resize_with(of.len().max(columns.len()), || Vec::with_capacity(most));
        columns.iter_mut().for_each(Vec::clear);
        beside.begin(of);
        let movable = of.iter().any(|metric| Movers::moves(metric.info));
        let phases = of.iter().any(|metric| beside.by_connection.wants(metric.info));
        self.requests.each(|request| {
            let others = if movable { beside.movers.others(request) } else { None };
            let apart = phases && beside.by_connection.is_apart(request);
            for (place, (metric, column)) in of.iter().zip(&mut *columns).enumerate() {
                let Some(value) = metric.value(request, self.streaming) else { continue };
                column.push(value);
                if let Some(others) = &others {
                    beside.movers.add(place, metric, value, others, self.streaming);
                }
                if apart {
                    beside.by_connection.add(place, metric.info, value);
                }
            }
        });
    }
}

/// Sorts columns, long ones beside each other on a thread each; without another thread, one after the other.
fn sort(columns: &mut [Vec<f64>]) {
    let long = columns.iter().filter(|column| column.len() >= LONG_COLUMN).count();
    let left = Mutex::new(columns.iter_mut());
    let take = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(column) = take() {
            column.sort_unstable_by(f64::total_cmp);
        }
    };
    thread::scope(|scope| {
        for _ in 1..long.min(MOST_SORTED) {
            if thread::Builder::new().spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
}

/// The metric of these values, after a look at them when they are sorted; `None` without any.
fn of_values(
    info: &'static MetricInfo,
    values: &mut [f64],
    look: impl FnOnce(&[f64], &Stats, [f64; 2]),
) -> Option<Metric> {
    let stats = Stats::of(values)?;
    let tails = TAILS.map(|share| percentile_of_sorted(values, share));
    look(values, &stats, tails);
    Some(Metric { info, avg: stats.mean(), stats: Some(stats), tails: Some(tails), exact: true })
}

/// Bytes of values that are taken out of the requests at once, where those of two metrics are not more.
const SCRATCH: usize = 64 << 20;
/// From so many values on a column is worth a thread.
const LONG_COLUMN: usize = 1 << 18;
/// So many columns are sorted beside each other.
const MOST_SORTED: usize = 8;
/// Threads that make metrics.
const THREADS: usize = 2;

#[cfg(test)]
mod tests {
    use super::super::basis::{Basis, State};
    use super::super::network::PhaseFigures;
    use super::super::request::per_request;
    use super::super::tokens::TokenCounts;
    use super::*;
    use crate::clock::MILLI;
    use crate::record::testing::{failed, streamed};
    use crate::record::{Cause, Lags, Record};

    /// Requests of which every seventh made its connection and every eleventh failed, some of them late.
    fn requests() -> (Requests, Gaps, [u64; 2]) {
        let (mut requests, mut gaps, mut counts) = (Requests::default(), Gaps::new(usize::MAX), [0, 0]);
        for k in 0..1_500u64 {
            let mixed = k * 7_919 % 1_009;
            let mut record: Record = streamed(k, k * MILLI, 20 * MILLI + mixed * 1_001, &[MILLI + mixed, MILLI]);
            record.instants.scheduled = record.instants.issued.saturating_sub(mixed * 900);
            record.lags = Lags { dispatch: mixed * 900, ..Lags::default() };
            if k % 7 == 0 {
                let issued = record.instants.issued;
                record.instants.tcp_start = Some(issued + 10);
                record.instants.tcp_end = Some(issued + 10 + mixed * 300);
            }
            match k % 11 {
                0 => record = failed(record, Cause::Reset, 0, ""),
                _ => gaps.add(&record.gaps),
            }
            let basis = Basis::of(&record, &TokenCounts::of(&record, None));
            if basis.state == State::Succeeded {
                counts[usize::from(basis.phases.tcp == 0)] += 1;
            }
            requests.add(&basis);
        }
        (requests, gaps, counts)
    }

    fn found(threads: usize, together: usize) -> String {
        let (requests, mut gaps, counts) = requests();
        let mut beside = Beside {
            movers: Movers::new([true; 3]),
            curves: Curves::of(&WANTED),
            by_connection: ByConnection::new(Some(counts)),
        };
        let all = Evaluation { requests: &requests, streaming: true, timed: false };
        let metrics = all.metrics_on(threads, together, &mut gaps, &mut beside);
        let curves = WANTED.map(|info| beside.curves.take(info.tag));
        let shares = beside.movers.finish();
        assert!(!shares.is_empty() && curves.iter().all(|curve| curve.len() == 101));
        format!("{metrics:?} {curves:?} {shares:?} {:?}", beside.by_connection.finish())
    }

    #[test]
    fn neither_threads_nor_columns_change_a_digit() {
        let one = found(1, 64);
        for (threads, together) in [(1, 2), (2, 2), (2, 3), (4, 5)] {
            assert_eq!(found(threads, together), one, "{threads} {together}");
        }
    }

    #[test]
    fn phases_are_those_of_the_requests_on_new_and_on_kept_connections() {
        let (requests, mut gaps, counts) = requests();
        // Those that are fewer are kept apart, whichever they are said to be.
        for counts in [counts, [counts[1], counts[0]]] {
            let by_connection = ByConnection::new(Some(counts));
            let mut beside = Beside { by_connection, ..Beside::nothing() };
            Evaluation { requests: &requests, streaming: true, timed: false }.metrics(&mut gaps, &mut beside);
            let phases = beside.by_connection.finish();
            assert_eq!(phases.len(), 8);
            for PhaseFigures { tag, new, reused } in phases {
                let metric = per_request(tags::find(tag).unwrap()).unwrap();
                let (mut of_new, mut of_kept) = (Vec::new(), Vec::new());
                requests.each(|request| {
                    let values = if request.phases.tcp > 0 { &mut of_new } else { &mut of_kept };
                    values.extend(metric.value(request, true));
                });
                assert_eq!((new, reused), (Stats::of(&mut of_new), Stats::of(&mut of_kept)), "{tag}");
            }
        }
    }

    static WANTED: [&MetricInfo; 2] = [&tags::REQUEST_LATENCY, &tags::INTER_CHUNK_LATENCY];
}
