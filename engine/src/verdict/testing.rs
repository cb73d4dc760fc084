//! Runs to judge.

use super::{Finding, Scope, Status, Verdict, judge};
use crate::clock::{MILLI, SECOND};
use crate::host::HostFacts;
use crate::measure::testing::{facts, fed};
use crate::measure::{CoreFigures, RunFacts, Shard, Summary};
use crate::plan::Plan;
use crate::record::Record;
use crate::record::Usage;
use crate::record::testing::streamed;

/// A run under construction: `requests` of 200 ms to the first token and ten more 20 ms apart, read and issued within
/// 20 µs.
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) records: Vec<Record>,
    pub(super) dispatch: Vec<u64>,
    pub(super) receive: Vec<u64>,
    pub(super) facts: RunFacts,
    pub(super) shard: fn(&mut Shard),
}

impl Run {
    pub(super) fn new(plan: Plan, requests: u64) -> Self {
        Self::with_answers(plan, requests, 200 * MILLI, 20 * MILLI)
    }

    pub(super) fn with_answers(plan: Plan, requests: u64, ttft: u64, gap: u64) -> Self {
        let records = (0..requests).map(|k| Record {
            usage: Some(Usage { completion: Some(11), ..Usage::default() }),
            ..streamed(k, k * 10 * SECOND / requests, ttft, &[gap; 10])
        });
        let mut facts = facts();
        facts.cores = vec![core(0.3), core(0.2)];
        Self {
            plan,
            records: records.collect(),
            dispatch: vec![20_000; requests as usize],
            receive: vec![20_000; 11 * requests as usize],
            facts,
            shard: |_| {},
        }
    }

    /// The plan and what the run came to. A request whose schedule was not set was wanted as much earlier as its lag.
    pub(super) fn summary(mut self) -> (Plan, Summary) {
        for (record, lag) in self.records.iter_mut().zip(&self.dispatch) {
            let at = &mut record.instants;
            if at.scheduled == at.issued {
                at.scheduled = at.issued.saturating_sub(*lag);
            }
            record.lags.dispatch = *lag;
        }
        let (mut shard, summarizer) = fed(&self.plan, &self.records);
        self.dispatch.iter().for_each(|lag| shard.dispatch_lag(*lag));
        self.receive.iter().for_each(|lag| shard.read_lag(*lag));
        (self.shard)(&mut shard);
        (self.plan, summarizer.finish(shard, self.facts))
    }
}

pub(super) fn judged(run: Run) -> Verdict {
    judged_on(run, &HostFacts::default())
}

pub(super) fn judged_on(run: Run, host: &HostFacts) -> Verdict {
    let (plan, summary) = run.summary();
    let verdict = judge(&plan, &summary, host, None);
    for finding in &verdict.findings {
        assert!(!finding.evidence.is_empty() && !finding.remedy.is_empty(), "{finding:?}");
    }
    verdict
}

/// Status and scope of a gate's finding.
pub(super) fn found(verdict: &Verdict, gate: &str) -> Option<(Status, Scope)> {
    of(verdict, gate).map(|finding| (finding.status, finding.scope))
}

/// A gate's finding.
pub(super) fn of<'a>(verdict: &'a Verdict, gate: &str) -> Option<&'a Finding> {
    verdict.findings.iter().find(|finding| finding.gate == gate)
}

pub(super) fn core(busy_share: f64) -> CoreFigures {
    CoreFigures {
        core: Some(3),
        busy_share,
        user_s: 0.1,
        system_s: 0.1,
        wakes: 1,
        involuntary_switches: 0,
        core_busy_share: Some(0.7),
        run_delay_s: Some(0.02),
        numa_node: Some(0),
    }
}
