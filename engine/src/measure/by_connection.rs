//! The phases of requests, apart by whether they made their connection.

use super::basis::{Basis, State};
use super::network::PhaseFigures;
use super::stats::Stats;
use super::tags::{self, MetricInfo};

/// Tells apart the values of phases while the metrics of all requests are made. Kept are those of the requests of which
/// there are fewer, new or kept connections; the others' are what they leave of all.
pub(super) struct ByConnection {
    /// Successful requests that made their connection, and those that found it; `None` where nobody asks.
    counts: Option<[u64; 2]>,
    /// Of each metric under way.
    few: Vec<Vec<f64>>,
    found: Vec<PhaseFigures>,
}

impl ByConnection {
    /// Of so many successful requests on new and on kept connections; `None` finds nothing.
    pub(super) fn new(counts: Option<[u64; 2]>) -> Self {
        Self { counts, few: Vec::new(), found: Vec::new() }
    }

    /// The same requests, of which nothing is known yet.
    pub(super) fn anew(&self) -> Self {
        Self::new(self.counts)
    }

    /// Whether a metric is looked at: one of a phase.
    pub(super) fn wants(&self, info: &MetricInfo) -> bool {
        self.counts.is_some() && PHASES.iter().any(|phase| std::ptr::eq(*phase, info))
    }

    /// Begins with so many metrics.
    pub(super) fn begin(&mut self, metrics: usize) {
        self.few.clear();
        self.few.resize_with(metrics, Vec::new);
    }

    /// Whether the values of a request are kept.
    pub(super) fn is_apart(&self, request: &Basis) -> bool {
        let is_new = request.phases.tcp > 0;
        request.state == State::Succeeded && is_new == self.few_are_new()
    }

    fn few_are_new(&self) -> bool {
        self.counts.is_some_and(|[new, kept]| new <= kept)
    }

    /// Adds the value of such a request.
    pub(super) fn add(&mut self, place: usize, info: &MetricInfo, value: f64) {
        if self.wants(info)
            && let Some(few) = self.few.get_mut(place)
        {
            few.push(value);
        }
    }

    /// Ends a metric: `sorted` are the values of all requests.
    pub(super) fn end(&mut self, place: usize, info: &MetricInfo, sorted: &[f64], stats: &Stats) {
        if !self.wants(info) {
            return;
        }
        let mut few = self.few.get_mut(place).map(std::mem::take).unwrap_or_default();
        let (few, many) = match few.is_empty() {
            true => (None, Some(*stats)),
            false => {
                few.sort_unstable_by(f64::total_cmp);
                let many = Stats::of(&mut without(sorted, &few));
                (Stats::of(&mut few), many)
            }
        };
        let (new, reused) = if self.few_are_new() { (few, many) } else { (many, few) };
        self.found.push(PhaseFigures { tag: info.tag, new, reused });
    }

    /// Adds what later requests have of the same metrics.
    pub(super) fn join(&mut self, later: Self) {
        self.few.iter_mut().zip(later.few).for_each(|(few, more)| few.extend(more));
    }

    /// Adds what is known of other metrics.
    pub(super) fn absorb(&mut self, other: Self) {
        self.found.extend(other.found);
    }

    /// The phases in the order in which they happen, and their sum.
    pub(super) fn finish(mut self) -> Vec<PhaseFigures> {
        let of = |info: &MetricInfo| {
            let place = self.found.iter().position(|phase| phase.tag == info.tag);
            let none = PhaseFigures { tag: info.tag, new: None, reused: None };
            place.map_or(none, |place| self.found.swap_remove(place))
        };
        PHASES.into_iter().map(of).collect()
    }
}

/// Sorted values without some of them, which are sorted too.
fn without(sorted: &[f64], some: &[f64]) -> Vec<f64> {
    let mut left = Vec::with_capacity(sorted.len() - some.len());
    let mut some = some.iter().peekable();
    for value in sorted {
        if some.next_if(|gone| gone.to_bits() == value.to_bits()).is_none() {
            left.push(*value);
        }
    }
    left
}

/// The phases in the order in which they happen, and their sum.
const PHASES: [&MetricInfo; 8] = [
    &tags::HTTP_REQ_BLOCKED,
    &tags::HTTP_REQ_DNS_LOOKUP,
    &tags::HTTP_REQ_CONNECTING,
    &tags::HTTP_REQ_TLS,
    &tags::HTTP_REQ_SENDING,
    &tags::HTTP_REQ_WAITING,
    &tags::HTTP_REQ_RECEIVING,
    &tags::HTTP_REQ_TOTAL,
];
