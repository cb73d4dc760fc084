//! The metrics of a run as AIPerf counts it: a request that was cancelled as planned is an error there.

use super::summary::{Metric, Summary};
use super::tags;
use std::borrow::Cow;

impl Summary {
    /// The metrics with requests that were cancelled as planned among the failures of `error_request_count`,
    /// `completed_request_count` and `request_error_rate`; all others are as in [`Summary::metrics`].
    #[must_use]
    pub fn metrics_with_cancelled(&self) -> Cow<'_, [Metric]> {
        let counts = &self.counts;
        if counts.cancelled == 0 {
            return Cow::Borrowed(&self.metrics);
        }
        let failed = (counts.failures() + counts.cancelled) as f64;
        let finished = counts.succeeded as f64 + failed;
        let mut all = self.metrics.clone();
        for (info, avg) in [
            (&tags::ERROR_REQUEST_COUNT, failed),
            (&tags::COMPLETED_REQUEST_COUNT, finished),
            (&tags::REQUEST_ERROR_RATE, 100.0 * failed / finished),
        ] {
            let metric = Metric { info, avg, stats: None, tails: None, exact: true };
            match all.iter().position(|m| m.info.tag == info.tag) {
                Some(place) => all[place] = metric,
                None => all.push(metric),
            }
        }
        Cow::Owned(all)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{plan, summary};
    use super::*;
    use crate::clock::{MILLI, SECOND};
    use crate::record::Cause;
    use crate::record::testing::{failed, streamed};

    #[test]
    fn what_was_cancelled_as_planned_is_an_error_of_aiperfs_files_alone() {
        let of = |k| streamed(k, k * SECOND, MILLI, &[MILLI]);
        let records = [of(0), of(1), of(2), failed(of(3), Cause::InBandError, 200, "overloaded")];
        let mut summary = summary(&plan(), &records);
        let value = |summary: &Summary, tag: &str| {
            summary.metrics_with_cancelled().iter().find(|m| m.info.tag == tag).map(|m| m.avg)
        };
        assert_eq!(value(&summary, "error_request_count"), Some(1.0));
        summary.counts.cancelled = 4;
        assert_eq!(value(&summary, "error_request_count"), Some(5.0));
        assert_eq!(value(&summary, "completed_request_count"), Some(8.0));
        assert_eq!(value(&summary, "request_error_rate"), Some(62.5));
        assert_eq!(value(&summary, "request_count"), Some(3.0));
        let own = summary.metrics.iter().find(|m| m.info.tag == "request_error_rate").map(|m| m.avg);
        assert_eq!(own, Some(25.0));
    }
}
