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
        let of_servers: &'static [PerRequest] = if self.timed { &OF_SERVERS } else { &[] };
        let mut all: Vec<&'static PerRequest> = METRICS.iter().chain(of_servers).collect();
        // Together, so that few walks ask what else a request can have been.
        all.sort_by_key(|metric| !Movers::moves(metric.info));
        let threads = self.threads();
        let together = (self.columns_in_scratch() / threads).max(2);
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
