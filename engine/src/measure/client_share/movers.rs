//! The bounds of each request's values, gathered while its metrics are made.

use super::moved::{Moved, Shift};
use super::{ClientShare, LEAST, Lateness, is_shift};
use crate::arrival::NARROW;
use crate::clock::Nanos;
use crate::measure::basis::{Basis, Times};
use crate::measure::request::PerRequest;
use crate::measure::stats::Stats;
use crate::measure::tags::{self, MetricInfo};
use crate::record::Phases;

/// Gathers what the client can have made of the metrics of requests.
#[derive(Debug)]
pub(in crate::measure) struct Movers {
    /// Which kinds of lateness are the client's to answer for.
    answers: [bool; Lateness::ALL.len()],
    /// Of each metric of the chunk under way.
    moved: Vec<UnderWay>,
    /// Which kinds of lateness can move one of them.
    asked: [bool; Lateness::ALL.len()],
    shifts: Vec<(&'static MetricInfo, Lateness, Shift)>,
}

/// A metric whose values are looked at.
#[derive(Debug)]
struct UnderWay {
    /// Which kinds of lateness can move it.
    by: [bool; Lateness::ALL.len()],
    moved: [Moved; Lateness::ALL.len()],
}

/// A request as it can have been instead; room for it, for one request after the other.
#[derive(Default)]
pub(in crate::measure) struct Others {
    dispatched: Option<Basis>,
    connected: Option<Basis>,
    received: Option<[Basis; 4]>,
}

impl Others {
    /// By each kind of lateness.
    pub(super) fn by_kind(&self) -> [&[Basis]; Lateness::ALL.len()] {
        let received = self.received.as_ref().map_or(&[][..], |others| &others[..]);
        [self.dispatched.as_slice(), self.connected.as_slice(), received]
    }
}

impl Movers {
    /// `answers`: which kinds of lateness are the client's to answer for, in the order of [`Lateness::ALL`].
    pub(in crate::measure) fn new(answers: [bool; Lateness::ALL.len()]) -> Self {
        Self { answers, moved: Vec::new(), asked: [true; Lateness::ALL.len()], shifts: Vec::new() }
    }

    /// Asks for the same, and has gathered nothing yet.
    pub(in crate::measure) fn anew(&self) -> Self {
        Self::new(self.answers)
    }

    /// Adds what was gathered of later requests for the same metrics.
    pub(in crate::measure) fn join(&mut self, later: Self) {
        for (mine, theirs) in self.moved.iter_mut().zip(later.moved) {
            mine.moved.iter_mut().zip(theirs.moved).for_each(|(mine, theirs)| mine.join(theirs));
        }
    }

    /// Adds what was gathered of metrics that come after its own.
    pub(in crate::measure) fn absorb(&mut self, later: Self) {
        self.shifts.extend(later.shifts);
    }

    /// Whether lateness of the client can move a metric at all.
    pub(in crate::measure) fn moves(info: &MetricInfo) -> bool {
        moved_by(info).contains(&true)
    }

    /// Begins a chunk of metrics.
    pub(in crate::measure) fn begin(&mut self, metrics: &[&PerRequest]) {
        let under_way = |metric: &&PerRequest| UnderWay { by: moved_by(metric.info), moved: Default::default() };
        self.moved = metrics.iter().map(under_way).collect();
        self.asked = std::array::from_fn(|kind| self.moved.iter().any(|of| of.by[kind]));
    }

    /// What a request can have been; `None` where it can have been no other. Written where the last one's was: it is
    /// large, and asked for often.
    pub(in crate::measure) fn others<'a>(&self, request: &Basis, others: &'a mut Others) -> Option<&'a Others> {
        let [dispatch, set_up, receive] = std::array::from_fn(|kind| self.answers[kind] && self.asked[kind]);
        // Without the lag it would not have been due earlier.
        let lag = request.lags.dispatch.min(request.late);
        others.dispatched = (dispatch && lag > NARROW).then(|| without_lag(request, lag));
        others.connected = (set_up && request.lags.set_up() > NARROW).then(|| connected_earlier(request));
        others.received = (receive && request.intervals.are_wide()).then(|| arrived_earlier(request));
        let is_another = others.dispatched.is_some() || others.connected.is_some() || others.received.is_some();
        is_another.then_some(others)
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
        let Some(UnderWay { by, moved }) = self.moved.get_mut(place) else { return };
        for ((by, moved), others) in by.iter().zip(moved).zip(others.by_kind()) {
            if !by || others.is_empty() {
                continue;
            }
            let values = others.iter().filter_map(|other| metric.value(other, streaming));
            let (least, most) = values.fold((stated, stated), |(low, high), v| (low.min(v), high.max(v)));
            moved.add(stated, least, most);
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
        for (moved, lateness) in std::mem::take(&mut moved.moved).into_iter().zip(Lateness::ALL) {
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

/// The request as if its connection, and each flight of its handshake, had been seen at once.
fn connected_earlier(request: &Basis) -> Basis {
    let (lags, stated) = (&request.lags, &request.times);
    let earlier = |length: Nanos| length.saturating_sub(lags.set_up());
    let times = Times {
        first: stated.first.map(earlier),
        visible: stated.visible.map(earlier),
        scheduled_first: stated.scheduled_first.map(earlier),
        setup: stated.setup.map(earlier),
        latency: earlier(stated.latency),
        response: earlier(stated.response),
        ..*stated
    };
    let phases = Phases {
        queue: request.phases.queue.saturating_sub(lags.queue),
        dns: request.phases.dns.saturating_sub(lags.lookup),
        tcp: request.phases.tcp.saturating_sub(lags.connect),
        tls: request.phases.tls.saturating_sub(lags.handshake),
        ..request.phases
    };
    Basis { times, phases, ..*request }
}

/// The corners of what late reads allow: the first output event earlier, the last one, and both. One event is both. The
/// end is earlier in all of them. And the head alone.
fn arrived_earlier(request: &Basis) -> [Basis; 4] {
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
    let response = stated.response.saturating_sub(by.end);
    let phases = Phases { receive: request.phases.receive.saturating_sub(by.end), ..request.phases };
    let with = |times: Times| Basis { times: Times { response, ..times }, phases, ..*request };
    let both = last_earlier(first_earlier(*stated));
    let head = head_earlier(request);
    match stated.second {
        Some(_) => [with(first_earlier(*stated)), with(second_earlier(last_earlier(*stated))), with(both), head],
        None => [with(both), with(both), with(both), head],
    }
}

/// The request as if the head of its response had come as early as it can have.
fn head_earlier(request: &Basis) -> Basis {
    let (by, stated) = (request.intervals.begin, &request.phases);
    let times = Times { setup: request.times.setup.map(|t| t.saturating_sub(by)), ..request.times };
    // What is taken from one phase is the other's.
    let moved = by.min(stated.wait);
    let phases = Phases { wait: stated.wait - moved, receive: stated.receive.saturating_add(moved), ..*stated };
    Basis { times, phases, ..*request }
}

/// Which kinds of lateness can move a metric, in the order of [`Lateness::ALL`].
fn moved_by(info: &MetricInfo) -> [bool; Lateness::ALL.len()] {
    let of = MOVABLE.iter().find(|(movable, _)| std::ptr::eq(*movable, info));
    of.map_or([false; Lateness::ALL.len()], |(_, by)| *by)
}

/// Metrics that lateness can move, and which kinds of it. The client's own lag (`credit_to_start_latency`) is none of
/// them.
static MOVABLE: [(&MetricInfo, [bool; Lateness::ALL.len()]); 25] = [
    (&tags::SCHEDULED_TIME_TO_FIRST_TOKEN, [true, true, true]),
    (&tags::RESPONSE_TIME, [true, true, true]),
    (&tags::EFFECTIVE_LATENCY, [true, true, true]),
    (&tags::TIME_TO_FIRST_TOKEN, [false, true, true]),
    (&tags::TIME_TO_SECOND_TOKEN, [false, false, true]),
    (&tags::TIME_TO_FIRST_OUTPUT_TOKEN, [false, true, true]),
    (&tags::TIME_TO_FIRST_TOKEN_FROM_SEND, [false, false, true]),
    (&tags::REQUEST_LATENCY, [false, true, true]),
    (&tags::INTER_TOKEN_LATENCY, [false, true, true]),
    (&tags::DECODE_DURATION, [false, true, true]),
    (&tags::OUTPUT_TOKEN_THROUGHPUT_PER_USER, [false, true, true]),
    (&tags::E2E_OUTPUT_TOKEN_THROUGHPUT, [false, true, true]),
    (&tags::PREFILL_THROUGHPUT_PER_USER, [false, true, true]),
    (&tags::STREAM_PREFILL_LATENCY, [false, true, true]),
    (&tags::STREAM_SETUP_LATENCY, [false, true, true]),
    (&tags::QUEUE_TIME, [false, true, false]),
    (&tags::HTTP_REQ_BLOCKED, [false, true, false]),
    (&tags::HTTP_REQ_DNS_LOOKUP, [false, true, false]),
    (&tags::HTTP_REQ_CONNECTING, [false, true, false]),
    (&tags::HTTP_REQ_TLS, [false, true, false]),
    (&tags::HTTP_REQ_CONNECTION_OVERHEAD, [false, true, false]),
    (&tags::HTTP_REQ_WAITING, [false, false, true]),
    (&tags::HTTP_REQ_RECEIVING, [false, false, true]),
    (&tags::HTTP_REQ_DURATION, [false, false, true]),
    (&tags::HTTP_REQ_TOTAL, [false, true, true]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::request::METRICS;
    use crate::measure::tokens::TokenCounts;
    use crate::record::testing::any_record;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_not_asked_of_a_metric_cannot_move_it(record in any_record(), lag in 1..u64::MAX) {
            let mut request = Basis::of(&record, &TokenCounts::of(&record, Some(&mut |text| text.len() as u32)));
            request.late = request.late.max(lag);
            let others = Others {
                dispatched: Some(without_lag(&request, lag)),
                connected: Some(connected_earlier(&request)),
                received: Some(arrived_earlier(&request)),
            };
            for metric in METRICS.iter().filter(|metric| Movers::moves(metric.info)) {
                let by = moved_by(metric.info);
                for (_, others) in by.iter().zip(others.by_kind()).filter(|(by, _)| !**by) {
                    for other in others {
                        let (as_another, as_it_was) = (metric.value(other, true), metric.value(&request, true));
                        prop_assert_eq!(as_another, as_it_was, "{}", metric.info.tag);
                    }
                }
            }
        }
    }
}
