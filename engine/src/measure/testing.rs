//! A run for tests: plan, facts, and the summary of some records.

use super::{PhaseFacts, RunFacts, Shard, Summarizer, Summary, Timeline, TokenCounts};
use crate::clock::SECOND;
use crate::plan::{Arrival, Load, Phase, Plan, Stamps, Target};
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
    RunFacts {
        wall_start_ns: 1_700_000_000 * SECOND,
        wall_end_ns: 1_700_000_010 * SECOND,
        targets: Vec::new(),
        warmup: None,
        profiling: PhaseFacts { start: 0, end: 10 * SECOND, ..PhaseFacts::default() },
        driver: "epoll".into(),
        driver_note: None,
        stamps: Stamps::Kernel,
        cores: vec![],
        records_lost: 0,
        was_cancelled: false,
        aborted: None,
        log_failure: None,
        unfinished: false,
        peak_rss_bytes: 0,
        buffered_limit_bytes: 0,
        tokenizer: "exact".into(),
        tokenizer_approximate: false,
    }
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
