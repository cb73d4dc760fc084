//! The bounds of each request's values, gathered while its metrics are made.

use super::moved::{Moved, Shift};
use super::{ClientShare, LEAST, Lateness, is_shift};
use crate::arrival::NARROW;
use crate::clock::Nanos;
use crate::measure::basis::{Basis, Times};
use crate::measure::request::PerRequest;
use crate::measure::stats::Stats;
use crate::measure::tags::{self, MetricInfo};

/// Gathers what the client can have made of the metrics of requests.
#[derive(Debug)]
pub(in crate::measure) struct Movers {
    /// The longest that a request waited for the client, where that is known apart from what a bound made it wait;
    /// `None` where the lag of a dispatch is not the client's to answer for.
    dispatch: Option<Nanos>,
    /// Whether late reads are the client's to answer for.
    receive: bool,
    /// Of each metric of the chunk under way.
    moved: Vec<[Moved; 2]>,
    shifts: Vec<(&'static MetricInfo, Lateness, Shift)>,
}

/// A request as it can have been instead.
pub(in crate::measure) struct Others {
    dispatched: Option<Basis>,
    received: Option<[Basis; 3]>,
}

impl Others {
    /// By each kind of lateness.
    pub(super) fn by_kind(&self) -> [&[Basis]; 2] {
        let received = self.received.as_ref().map_or(&[][..], |others| &others[..]);
        [self.dispatched.as_slice(), received]
    }
}

impl Movers {
    /// `dispatch` is the longest dispatch lag where requests also waited for a slot, `Nanos::MAX` where none did.
    pub(in crate::measure) fn new(dispatch: Option<Nanos>, receive: bool) -> Self {
        Self { dispatch, receive, moved: Vec::new(), shifts: Vec::new() }
    }

    /// Whether lateness of the client can move a metric at all.
    pub(in crate::measure) fn moves(info: &MetricInfo) -> bool {
        MOVABLE.iter().any(|movable| std::ptr::eq(*movable, info))
    }

    /// Begins a chunk of metrics.
    pub(in crate::measure) fn begin(&mut self, metrics: usize) {
        self.moved.clear();
        self.moved.resize_with(metrics, Default::default);
    }

    /// What a request can have been; `None` where it can have been no other.
    pub(in crate::measure) fn others(&self, request: &Basis) -> Option<Others> {
        let lag = self.dispatch.map_or(0, |most| request.late.min(most));
        let dispatched = (lag > NARROW).then(|| without_lag(request, lag));
        let received = (self.receive && request.intervals.widest > NARROW).then(|| arrived_earlier(request));
        (dispatched.is_some() || received.is_some()).then_some(Others { dispatched, received })
    }

    /// Adds a request's value of a metric of the chunk.
    pub(in crate::measure) fn add(
        &mut self,
        place: usize,
        metric: &PerRequest,
        stated: f64,
        others: &Others,
        streaming: bool,
    ) {
        if !Self::moves(metric.info) {
            return;
        }
        let Some([dispatch, receive]) = self.moved.get_mut(place) else { return };
        let between = |moved: &mut Moved, others: &[Basis]| {
            let values = others.iter().filter_map(|other| metric.value(other, streaming));
            let (least, most) = values.fold((stated, stated), |(low, high), v| (low.min(v), high.max(v)));
            moved.add(stated, least, most);
        };
        if let Some(other) = &others.dispatched {
            between(dispatch, std::slice::from_ref(other));
        }
        if let Some(others) = &others.received {
            between(receive, others);
        }
    }

    /// Ends a metric of the chunk: `sorted` are its values as stated.
    pub(in crate::measure) fn end(
        &mut self,
        place: usize,
        info: &'static MetricInfo,
        sorted: &[f64],
        stats: &Stats,
        tails: [f64; 2],
    ) {
        let Some(moved) = self.moved.get_mut(place) else { return };
        for (moved, lateness) in std::mem::take(moved).into_iter().zip([Lateness::DispatchLag, Lateness::ReceiveLag]) {
            let shifts = moved.shifts(sorted, stats, tails).into_iter();
            let counts =
                |shift: &Shift| is_shift(info, shift.statistic, shift.lower_by.max(shift.higher_by), stats.mean());
            self.shifts.extend(shifts.filter(counts).map(|shift| (info, lateness, shift)));
        }
    }

    /// Every statistic that can be off by over a thousandth of itself, in the order of the metrics.
    pub(in crate::measure) fn finish(self) -> Vec<ClientShare> {
        let shares = self.shifts.into_iter().map(|(info, lateness, shift)| ClientShare {
            tag: info.tag,
            statistic: shift.statistic,
            lateness,
            value: shift.value,
            lower_by: shift.lower_by,
            higher_by: shift.higher_by,
        });
        shares.filter(|share| share.largest() > LEAST * share.value.abs()).collect()
    }
}

/// The request as if it had been taken up `lag` earlier and had ended as much earlier.
fn without_lag(request: &Basis, lag: Nanos) -> Basis {
    let times = &request.times;
    let earlier = |length: Nanos| length.saturating_sub(lag);
    let times =
        Times { scheduled_first: times.scheduled_first.map(earlier), response: earlier(times.response), ..*times };
    Basis { times, ..*request }
}

/// The corners of what late reads allow: the first output event earlier, the last one, and both. One event is both.
fn arrived_earlier(request: &Basis) -> [Basis; 3] {
    let by = &request.intervals;
    let stated = &request.times;
    let first_earlier = |times: Times| Times {
        first: stated.first.map(|t| t.saturating_sub(by.first)),
        visible: stated
            .visible
            .map(|t| t.saturating_sub(if stated.visible == stated.first { by.first } else { by.widest })),
        first_from_send: stated.first_from_send.map(|t| t.saturating_sub(by.first)),
        scheduled_first: stated.scheduled_first.map(|t| t.saturating_sub(by.first)),
        second: stated.second.map(|gap| gap.saturating_add(by.first)),
        ..times
    };
    let last_earlier = |times: Times| Times { latency: stated.latency.saturating_sub(by.last), ..times };
    let second_earlier =
        |times: Times| Times { second: stated.second.map(|gap| gap.saturating_sub(by.widest)), ..times };
    let with = |times: Times| Basis { times, ..*request };
    let both = last_earlier(first_earlier(*stated));
    match stated.second {
        Some(_) => [with(first_earlier(*stated)), with(second_earlier(last_earlier(*stated))), with(both)],
        None => [with(both), with(both), with(both)],
    }
}

/// Metrics that lateness can move. The client's own lag (`credit_to_start_latency`) is none of them.
static MOVABLE: [&MetricInfo; 14] = [
    &tags::TIME_TO_FIRST_TOKEN,
    &tags::TIME_TO_SECOND_TOKEN,
    &tags::TIME_TO_FIRST_OUTPUT_TOKEN,
    &tags::TIME_TO_FIRST_TOKEN_FROM_SEND,
    &tags::SCHEDULED_TIME_TO_FIRST_TOKEN,
    &tags::REQUEST_LATENCY,
    &tags::RESPONSE_TIME,
    &tags::INTER_TOKEN_LATENCY,
    &tags::DECODE_DURATION,
    &tags::OUTPUT_TOKEN_THROUGHPUT_PER_USER,
    &tags::E2E_OUTPUT_TOKEN_THROUGHPUT,
    &tags::PREFILL_THROUGHPUT_PER_USER,
    &tags::STREAM_PREFILL_LATENCY,
    &tags::EFFECTIVE_LATENCY,
];
