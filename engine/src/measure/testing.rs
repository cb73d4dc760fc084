//! A run for tests: plan, facts, and the summary of some records.

use super::{RunFacts, Shard, Summarizer, Summary, Timeline, TokenCounts};
use crate::clock::SECOND;
use crate::internal::run_facts;
use crate::plan::{Arrival, Load, Phase, Plan, Target};
use crate::record::Record;

/// A streamed closed-loop plan of one request in flight.
pub(crate) fn plan() -> Plan {
    let mut phase = Phase::closed(1, 1);
    (phase.requests, phase.duration) = (None, Some(10 * SECOND));
    let mut plan = Plan::new(vec![Target::parse("http://localhost:8000").unwrap()], "m", phase);
    plan.prompts.entries = 1;
    plan
}

/// The same in open loop.
pub(crate) fn open_plan(rate: f64) -> Plan {
    let mut plan = plan();
    plan.profiling.load = Load::Open { rate: rate.into(), pattern: Arrival::Constant, cap: None };
    plan
}

/// A run of ten seconds.
pub(crate) fn facts() -> RunFacts {
    run_facts(0, 10 * SECOND, 1_700_000_000 * SECOND)
}

/// Shard and summarizer fed with the same records, as a run does; only usage counts tokens.
pub(crate) fn fed(plan: &Plan, records: &[Record]) -> (Shard, Summarizer) {
    let mut shard = Shard::new();
    let mut summarizer = Summarizer::new(plan, Timeline::of(records).unwrap_or_default());
    for record in records {
        shard.issued(record.phase);
        shard.record(record);
        summarizer.add(record, &TokenCounts::of(record, None));
    }
    (shard, summarizer)
}

/// The summary of some records.
pub(crate) fn summary(plan: &Plan, records: &[Record]) -> Summary {
    let (shard, summarizer) = fed(plan, records);
    summarizer.finish(shard, facts())
}
