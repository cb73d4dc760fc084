//! The successful requests of a phase in the order of their issue.

use super::basis::State;
use super::packed::Half;
use super::request::{PerRequest, per_request};
use super::requests::Requests;
use super::tags::MetricInfo;
use super::threads::{on_threads, threads_for};
use crate::clock::Nanos;
use std::ops::Range;

/// The successful requests among some, by their issue, and by `k` where they were issued at one instant.
///
/// Memory: 4 bytes a request; 12 while they are sorted, and 20 while values are taken out of them; what is kept of
/// values up to [`KEPT`].
pub(super) struct InOrder<'a> {
    requests: &'a Requests,
    streaming: bool,
    /// Places among the requests. More than these can name would take 80 GB.
    order: Vec<u32>,
    /// Values that are asked for again and again, in order.
    kept: Vec<(&'static PerRequest, Vec<f64>)>,
}

impl<'a> InOrder<'a> {
    /// `streaming` is the plan's; the values of some metrics are kept, where they do not take over [`KEPT`].
    pub(super) fn of(requests: &'a Requests, streaming: bool, often: &[&MetricInfo]) -> Self {
        let most = KEPT / size_of::<f64>() / requests.len().max(1);
        let often = often.iter().filter(|_| often.len() <= most).filter_map(|info| per_request(info));
        let mut kept: Vec<_> = often.map(|metric| (metric, Vec::with_capacity(requests.len()))).collect();
        // A key is an instant above a place. Where both need more than 64 bits the instant loses its last ones, and
        // requests that are equal then are told apart below.
        let bits = usize::BITS - requests.len().leading_zeros();
        let first = requests.first_issue();
        let shift = (Nanos::BITS - requests.issue_span().leading_zeros() + bits).saturating_sub(u64::BITS);
        let mut keys: Vec<u64> = Vec::with_capacity(requests.len());
        let mut place = 0;
        requests.each(|request| {
            if request.state == State::Succeeded {
                keys.push(((request.issued - first) >> shift) << bits | place);
            }
            for (metric, values) in &mut kept {
                values.push(metric.value(request, streaming).unwrap_or(f64::NAN));
            }
            place += 1;
        });
        keys.sort_unstable();
        let place_of = |key: u64| (key & ((1 << bits) - 1)) as usize;
        for equal in keys.chunk_by_mut(|a, b| a >> bits == b >> bits).filter(|equal| equal.len() > 1) {
            equal.sort_by_cached_key(|key| {
                let request = requests.at(place_of(*key));
                (request.issued, request.k)
            });
        }
        let order: Vec<u32> = keys.iter().map(|key| place_of(*key) as u32).collect();
        drop(keys);
        for (_, values) in &mut kept {
            *values = order.iter().map(|place| values[*place as usize]).collect();
        }
        Self { requests, streaming, order, kept }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// When the request was issued that is at this place in order.
    pub(super) fn issued(&self, at: usize) -> Nanos {
        self.requests.at(self.order[at] as usize).issued
    }

    /// How many were issued before an instant.
    pub(super) fn issued_before(&self, instant: Nanos) -> usize {
        let issued = |place: &u32| self.requests.at(*place as usize).issued;
        self.order.partition_point(|place| issued(place) < instant)
    }

    /// The values that these requests have of a metric, in order; not a number where one has none.
    pub(super) fn values(&self, info: &MetricInfo, of: Range<usize>) -> Vec<f64> {
        let metric = per_request(info);
        let kept = self.kept.iter().find(|(kept, _)| metric.is_some_and(|metric| std::ptr::eq(*kept, metric)));
        if let Some((_, values)) = kept {
            return values[of].to_vec();
        }
        let order = &self.order[of];
        let requests = self.requests.len();
        let mut by_place = vec![f64::NAN; requests];
        let (first, second) = by_place.split_at_mut(self.requests.first_half());
        let halves = Half::BOTH.into_iter().zip([first, second]);
        on_threads(threads_for(requests), halves, |(half, values)| {
            let mut places = values.iter_mut();
            self.requests.each_of(half, |request| {
                let value = metric.and_then(|metric| metric.value(request, self.streaming));
                if let (Some(place), Some(value)) = (places.next(), value) {
                    *place = value;
                }
            });
        });
        order.iter().map(|place| by_place[*place as usize]).collect()
    }
}

/// Bytes of values that are kept.
const KEPT: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::super::basis::Basis;
    use super::super::tags;
    use super::super::tokens::TokenCounts;
    use super::*;
    use crate::clock::MILLI;
    use crate::record::Cause;
    use crate::record::testing::{failed, streamed};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn instants_that_lie_too_far_apart_for_one_key_are_told_apart(
            issues in prop::collection::vec((0..4u64, 0..3u64), 1..600),
        ) {
            let mut kept = Requests::default();
            let mut expected = Vec::new();
            for (k, (far, near)) in (0..issues.len() as u64).rev().zip(issues) {
                let issued = far << 60 | near;
                let record = streamed(k, issued, MILLI, &[]);
                kept.add(&Basis::of(&record, &TokenCounts::UNKNOWN));
                expected.push((issued, k));
            }
            let ordered = InOrder::of(&kept, true, &[]);
            expected.sort_unstable();
            let found: Vec<_> = ordered.order.iter().map(|at| kept.at(*at as usize)).map(|r| (r.issued, r.k)).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn requests_come_by_their_issue_and_those_of_one_instant_by_their_number() {
        // Whole blocks and some more: k counts down while issues go up, two at each instant; every fifth has failed.
        let n = 1_001;
        let mut kept = Requests::default();
        let mut expected = Vec::new();
        for k in (0..n).rev() {
            let issued = (n - k) / 2 * MILLI;
            let mut record = streamed(k, issued, (k + 1) * MILLI, &[]);
            if k % 3 == 0 {
                record.instants.first_token = None;
            }
            if k % 5 == 0 {
                record = failed(record, Cause::Reset, 0, "");
            } else {
                let ttft = if k % 3 == 0 { -1.0 } else { (k + 1) as f64 };
                expected.push((issued, k, ttft));
            }
            kept.add(&Basis::of(&record, &TokenCounts::UNKNOWN));
        }
        expected.sort_by_key(|(issued, k, _)| (*issued, *k));
        let ordered = InOrder::of(&kept, true, &[]);
        assert_eq!(ordered.len(), expected.len());
        let of = 3..ordered.len() - 2;
        for ordered in [&ordered, &InOrder::of(&kept, true, &[&tags::REQUEST_LATENCY, &tags::TIME_TO_FIRST_TOKEN])] {
            let values = ordered.values(&tags::TIME_TO_FIRST_TOKEN, of.clone());
            assert_eq!(values.len(), of.len());
            for (value, (_, k, ttft)) in values.iter().zip(&expected[of.clone()]) {
                assert_eq!(if value.is_nan() { -1.0 } else { *value }, *ttft, "{k}");
            }
        }
        for instant in [0, 100 * MILLI, 400 * MILLI + 1, 900 * MILLI] {
            let before = expected.iter().filter(|(at, ..)| *at < instant).count();
            assert_eq!(ordered.issued_before(instant), before);
        }
        assert_eq!(ordered.issued(7), expected[7].0);
    }
}
