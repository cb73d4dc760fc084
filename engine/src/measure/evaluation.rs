//! The metrics of the requests of a phase, each from the exact values of all of them: a column of values for each
//! metric, some at a time, each filled from two halves of the requests, on a thread each where they are many.

use super::by_connection::ByConnection;
use super::client_share::{Movers, Others};
use super::concurrency::InFlight;
use super::curve::Curves;
use super::gaps::Gaps;
use super::packed::Half;
use super::request::{METRICS, OF_SERVERS, PerRequest};
use super::requests::Requests;
use super::stats::{Stats, TAILS};
use super::summary::Metric;
use super::tags::{self, MetricInfo};
use super::threads::{on_threads, threads_for};
use crate::statistics::percentile_of_sorted;

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

    /// Adds what was found of later requests for the same metrics.
    fn join(&mut self, later: Self) {
        self.movers.join(later.movers);
        self.by_connection.join(later.by_connection);
    }

    /// Adds what was found of other metrics.
    fn absorb(&mut self, later: Self) {
        self.movers.absorb(later.movers);
        self.curves.absorb(later.curves);
        self.by_connection.absorb(later.by_connection);
    }
}

/// A walk over one half of the requests.
struct Walk<'a> {
    half: Half,
    /// Room for the values of each metric, and how many there are.
    columns: Vec<(&'a mut [f64], usize)>,
    beside: Beside,
}

impl Evaluation<'_> {
    /// The metrics of requests in table order, and then that of all of them together; what is found beside them is
    /// added to `beside`. The number of threads changes no value.
    pub(super) fn metrics(self, gaps: &mut Gaps, beside: &mut Beside) -> [Vec<Metric>; 2] {
        let requests = self.requests.len();
        // The gaps are given up before the first column is made.
        let together = SCRATCH.max(gaps.bytes()) / size_of::<f64>() / requests.max(1);
        self.metrics_on(threads_for(requests), together.max(2), gaps, beside)
    }

    /// The same on so many threads, with so many columns at once.
    fn metrics_on(self, threads: usize, together: usize, gaps: &mut Gaps, beside: &mut Beside) -> [Vec<Metric>; 2] {
        let mut of_requests: Vec<Metric> = gaps.metric(&mut beside.curves).into_iter().collect();
        let of_servers: &'static [PerRequest] = if self.timed { &OF_SERVERS } else { &[] };
        // Together, so that few walks ask what else a request can have been.
        let all = METRICS.iter().chain(of_servers);
        let (movable, others): (Vec<_>, Vec<_>) = all.partition(|metric| Movers::moves(metric.info));
        // One set of columns for all: what is given back between two walks is not at once the system's again.
        let mut columns: Vec<Vec<f64>> = Vec::new();
        for some in movable.chunks(together.min(MOST_MOVABLE)).chain(others.chunks(together)) {
            of_requests.extend(self.of_columns(some, threads, &mut columns, beside));
        }
        drop(columns);
        of_requests.sort_by_key(|metric| tags::place(metric.info));
        [of_requests, self.in_flight().into_iter().collect()]
    }

    fn in_flight(self) -> Option<Metric> {
        let (stats, avg) = InFlight::of(self.requests).stats()?;
        Some(Metric { info: &tags::EFFECTIVE_CONCURRENCY, avg, stats: Some(stats), tails: None, exact: true })
    }

    fn of_columns(
        self,
        some: &[&'static PerRequest],
        threads: usize,
        columns: &mut Vec<Vec<f64>>,
        beside: &mut Beside,
    ) -> Vec<Metric> {
        let mut found = self.fill(columns, some, threads, beside);
        let columns = &mut columns[..some.len()];
        on_threads(threads, columns.iter_mut(), |column| column.sort_unstable_by(f64::total_cmp));
        let mut metrics = Vec::with_capacity(some.len());
        for (place, (metric, values)) in some.iter().zip(columns).enumerate() {
            metrics.extend(of_values(metric.info, values, |sorted, stats, tails| {
                found.movers.end(place, metric.info, sorted, stats, tails);
                found.by_connection.end(place, metric.info, sorted, stats);
                found.curves.look(metric.info, sorted);
            }));
        }
        beside.absorb(found);
        metrics
    }

    /// Fills columns with the values of each of these metrics: always by halves, so that the order of what is added up
    /// beside them does not depend on the number of threads.
    fn fill(self, columns: &mut Vec<Vec<f64>>, of: &[&PerRequest], threads: usize, questions: &Beside) -> Beside {
        let (requests, middle) = (self.requests.len(), self.requests.first_half());
        columns.resize_with(of.len().max(columns.len()), || Vec::with_capacity(requests));
        let mut halves = Half::BOTH.map(|half| {
            let mut beside = questions.anew();
            beside.begin(of);
            Walk { half, columns: Vec::with_capacity(of.len()), beside }
        });
        for column in &mut columns[..of.len()] {
            column.resize(requests, 0.0);
            let (first, second) = column.split_at_mut(middle);
            halves.iter_mut().zip([first, second]).for_each(|(half, room)| half.columns.push((room, 0)));
        }
        on_threads(threads, halves.iter_mut(), |half| self.walk(half, of));
        let [first, second] = halves.map(|walk| {
            let filled: Vec<usize> = walk.columns.iter().map(|(_, filled)| *filled).collect();
            (filled, walk.beside)
        });
        for (column, (early, late)) in columns.iter_mut().zip(first.0.into_iter().zip(second.0)) {
            column.copy_within(middle..middle + late, early);
            column.truncate(early + late);
        }
        let mut found = first.1;
        found.join(second.1);
        found
    }

    fn walk(self, walk: &mut Walk<'_>, of: &[&PerRequest]) {
        let Walk { half, columns, beside } = walk;
        let movable = of.iter().any(|metric| Movers::moves(metric.info));
        let phases = of.iter().any(|metric| beside.by_connection.wants(metric.info));
        let mut room = Others::default();
        self.requests.each_of(*half, |request| {
            let others = if movable { beside.movers.others(request, &mut room) } else { None };
            let apart = phases && beside.by_connection.is_apart(request);
            for (place, (metric, (column, filled))) in of.iter().zip(&mut *columns).enumerate() {
                let Some(value) = metric.value(request, self.streaming) else { continue };
                column[*filled] = value;
                *filled += 1;
                if let Some(others) = others {
                    beside.movers.add(place, metric, value, others, self.streaming);
                }
                if apart {
                    beside.by_connection.add(place, metric.info, value);
                }
            }
        });
    }
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
/// Columns at once of metrics that the client can have moved: what it can have made of each takes memory too.
const MOST_MOVABLE: usize = 4;

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
