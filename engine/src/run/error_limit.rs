//! Too many failures end a run early. Pure: it sees records and says when.

use crate::measure::Aborted;
use crate::plan::{Phase, Plan};
use crate::record::{Outcome, PhaseKind, Record};

/// Counts failures while a run goes on, each phase by itself, and reaches it once: when there are as many as the plan
/// bears, or their share is over its threshold.
///
/// The share of a phase is not judged before as many of its requests have finished as may be in flight at a time, and
/// ten at least: what fails first would else be all that has finished. Cancelled requests have not finished.
#[derive(Debug)]
pub struct ErrorLimit {
    threshold: Option<f64>,
    max_errors: Option<u64>,
    arms_after: [u64; 2],
    finished: [u64; 2],
    failed: [u64; 2],
    reached: Option<Aborted>,
}

impl ErrorLimit {
    /// The limit of a plan; without a threshold it is never reached.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let arms_after = |phase: Option<&Phase>| {
            let most = phase.and_then(|phase| phase.load.most_in_flight());
            u64::from(most.unwrap_or(0)).max(FEWEST)
        };
        Self {
            threshold: plan.failed_request_threshold,
            max_errors: plan.max_errors,
            arms_after: [arms_after(plan.warmup.as_ref()), arms_after(Some(&plan.profiling))],
            finished: [0; 2],
            failed: [0; 2],
            reached: None,
        }
    }

    /// Sees the record of a request. Whether the run has to end because of it: at most once.
    pub fn sees(&mut self, record: &Record) -> bool {
        if self.reached.is_some() || !record.outcome.finished() {
            return false;
        }
        let phase = record.phase as usize;
        self.finished[phase] += 1;
        self.failed[phase] += u64::from(matches!(record.outcome, Outcome::Failed(_)));
        let (failed, finished) = (self.failed[phase], self.finished[phase]);
        let max_errors = self.max_errors.filter(|most| failed >= *most);
        let armed = finished >= self.arms_after[phase];
        let over = |share: &f64| armed && failed as f64 > share * finished as f64;
        let threshold = self.threshold.filter(over);
        if max_errors.is_none() && threshold.is_none() {
            return false;
        }
        self.reached =
            Some(Aborted { warmup: record.phase == PhaseKind::Warmup, failed, finished, threshold, max_errors });
        true
    }

    /// What was over the limit.
    #[must_use]
    pub fn reached(self) -> Option<Aborted> {
        self.reached
    }
}

/// Requests that have to have finished before any phase is judged, as AIPerf.
const FEWEST: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Phase, Target};
    use crate::record::Cause;
    use crate::record::testing::{failed, streamed};

    fn limit(concurrency: u32, threshold: f64) -> ErrorLimit {
        let target = Target::parse("http://h").unwrap();
        let mut plan = Plan::new(vec![target], "m", Phase::closed(concurrency, 100));
        plan.failed_request_threshold = Some(threshold);
        ErrorLimit::of(&plan)
    }

    fn good() -> Record {
        streamed(0, 0, 1, &[])
    }

    fn bad() -> Record {
        failed(good(), Cause::Reset, 0, "reset")
    }

    #[test]
    fn it_is_reached_once_and_only_over_the_share() {
        let mut limit = limit(1, 0.2);
        for _ in 0..16 {
            assert!(!limit.sees(&good()));
        }
        // 4 of 20 is a fifth, and not more.
        assert!((0..4).all(|_| !limit.sees(&bad())));
        assert!(limit.sees(&bad()));
        assert!(!limit.sees(&bad()), "it has been said");
        let said = limit.reached().unwrap();
        assert_eq!((said.failed, said.finished, said.warmup), (5, 21, false));
    }

    #[test]
    fn a_share_of_nothing_is_over_with_the_first_failure_of_ten_requests() {
        let mut limit = limit(1, 0.0);
        assert!(!limit.sees(&bad()));
        assert!((0..8).all(|_| !limit.sees(&good())));
        assert!(limit.sees(&good()));
    }

    #[test]
    fn it_waits_for_as_many_as_may_be_in_flight_and_leaves_out_what_did_not_finish() {
        let mut limit = limit(25, 0.5);
        let cancelled = Record { outcome: Outcome::Cancelled, ..good() };
        let left = Record { outcome: Outcome::InFlight, ..good() };
        for _ in 0..24 {
            assert!(!limit.sees(&bad()) && !limit.sees(&cancelled) && !limit.sees(&left));
        }
        assert!(limit.sees(&bad()));
        assert_eq!(limit.reached().unwrap().finished, 25);
    }

    #[test]
    fn the_phases_are_judged_apart() {
        let mut limit = limit(1, 0.4);
        let early = |record: Record| Record { phase: PhaseKind::Warmup, ..record };
        assert!((0..9).all(|_| !limit.sees(&early(bad()))));
        assert!((0..20).all(|_| !limit.sees(&good())));
        assert!(limit.sees(&early(bad())));
        assert!(limit.reached().unwrap().warmup);
    }

    #[test]
    fn a_number_of_failures_is_reached_whatever_their_share_and_however_few_have_finished() {
        let mut limit = limit(50, 1.0);
        limit.max_errors = Some(3);
        assert!((0..40).all(|_| !limit.sees(&good())));
        assert!((0..2).all(|_| !limit.sees(&bad())));
        assert!(limit.sees(&bad()) && !limit.sees(&bad()));
        let said = limit.reached().unwrap();
        assert_eq!((said.failed, said.max_errors, said.threshold), (3, Some(3), None));
        assert!(said.to_string().ends_with("`plan.max_errors` 3"), "{said}");
    }

    #[test]
    fn without_a_threshold_it_is_never_reached() {
        let mut limit = limit(1, 0.0);
        limit.threshold = None;
        assert!((0..100).all(|_| !limit.sees(&bad())));
        assert_eq!(limit.reached(), None);
    }
}
