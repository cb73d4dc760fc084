//! The successful requests of a phase in the order of their issue.

use super::basis::{Requests, State};
use super::request::per_request;
use super::tags::MetricInfo;
use crate::clock::Nanos;
use std::ops::Range;

/// The successful requests among some, by their issue, and by `k` where they were issued at one instant.
///
/// Memory: 4 bytes a request; 20 while they are sorted, and 16 while values are taken out of them.
pub(super) struct InOrder<'a> {
    requests: &'a Requests,
    streaming: bool,
    /// Places among the requests. More than these can name would take 80 GB.
    order: Vec<u32>,
}

impl<'a> InOrder<'a> {
    /// `streaming` is the plan's.
    pub(super) fn of(requests: &'a Requests, streaming: bool) -> Self {
        let mut issues: Vec<(Nanos, u32)> = Vec::with_capacity(requests.len());
        let mut place = 0;
        requests.each(|request| {
            if request.state == State::Succeeded {
                issues.push((request.issued, place));
            }
            place += 1;
        });
        let k = |place: u32| requests.at(place as usize).k;
        issues.sort_unstable_by(|(a, at_a), (b, at_b)| a.cmp(b).then_with(|| k(*at_a).cmp(&k(*at_b))));
        Self { requests, streaming, order: issues.iter().map(|(_, place)| *place).collect() }
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
        let mut by_place = Vec::with_capacity(self.requests.len());
        self.requests.each(|request| {
            let value = metric.and_then(|metric| metric.value(request, self.streaming));
            by_place.push(value.unwrap_or(f64::NAN));
        });
        let places = self.order[of].iter();
        places.map(|place| by_place[*place as usize]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::basis::Basis;
    use super::super::tags;
    use super::super::tokens::TokenCounts;
    use super::*;
    use crate::clock::MILLI;
    use crate::record::Cause;
    use crate::record::testing::{failed, streamed};

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
        let ordered = InOrder::of(&kept, true);
        assert_eq!(ordered.len(), expected.len());
        let of = 3..ordered.len() - 2;
        let values = ordered.values(&tags::TIME_TO_FIRST_TOKEN, of.clone());
        for (value, (_, k, ttft)) in values.iter().zip(&expected[of]) {
            assert_eq!(if value.is_nan() { -1.0 } else { *value }, *ttft, "{k}");
        }
        for instant in [0, 100 * MILLI, 400 * MILLI + 1, 900 * MILLI] {
            let before = expected.iter().filter(|(at, ..)| *at < instant).count();
            assert_eq!(ordered.issued_before(instant), before);
        }
        assert_eq!(ordered.issued(7), expected[7].0);
    }
}
