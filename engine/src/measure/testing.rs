//! A run for tests: plan, facts, and the summary of some records.

use super::{PhaseFacts, RunFacts, Shard, Summarizer, Summary, TokenCounts};
use crate::clock::SECOND;
use crate::plan::{
    Arrival, Cores, EndpointKind, Io, Length, Limits, Load, Phase, Plan, Prompts, Reuse, Stamps,
    Target, Timeouts, TokenizerSource,
};
use crate::record::Record;

/// A streamed closed-loop plan of one request in flight.
pub(crate) fn plan() -> Plan {
    Plan {
        targets: vec![Target::parse("http://localhost:8000").unwrap()],
        endpoint: EndpointKind::Chat,
        custom_endpoint: None,
        streaming: true,
        models: vec!["m".into()],
        headers: vec![],
        extra_inputs: serde_json::Map::new(),
        use_legacy_max_tokens: false,
        per_chunk_usage: false,
        use_server_token_count: false,
        prompts: Prompts {
            tokenizer: TokenizerSource::Builtin,
            isl: Length {
                mean: 100.0,
                stddev: 0.0,
            },
            osl: None,
            entries: 1,
        },
        warmup: None,
        profiling: Phase {
            load: Load::Closed { concurrency: 1 },
            requests: None,
            duration: Some(10 * SECOND),
            grace: None,
        },
        slos: vec![],
        seed: 1,
        timeouts: Timeouts {
            request: 60 * SECOND,
            connect: SECOND,
        },
        limits: Limits::default(),
        reuse: Reuse::Pooled,
        io: Io::Auto,
        stamps: Stamps::Kernel,
        cores: Cores::Auto,
        fifo: false,
        batch_wait: 0,
    }
}

/// The same in open loop.
pub(crate) fn open_plan(rate: f64) -> Plan {
    let mut plan = plan();
    plan.profiling.load = Load::Open {
        rate,
        pattern: Arrival::Constant,
        cap: None,
    };
    plan
}

/// A run of ten seconds.
pub(crate) fn facts() -> RunFacts {
    RunFacts {
        wall_start_ns: 1_700_000_000 * SECOND,
        wall_end_ns: 1_700_000_010 * SECOND,
        warmup: None,
        profiling: PhaseFacts {
            start: 0,
            end: 10 * SECOND,
            ..PhaseFacts::default()
        },
        driver: "epoll".into(),
        driver_note: None,
        stamps: Stamps::Kernel,
        cores: vec![],
        records_lost: 0,
        was_cancelled: false,
        peak_rss_bytes: 0,
        tokenizer: "exact".into(),
        tokenizer_approximate: false,
    }
}

/// Shard and summarizer fed with the same records, as a run does; only usage counts tokens.
pub(crate) fn fed(plan: &Plan, records: &[Record]) -> (Shard, Summarizer) {
    let mut shard = Shard::new();
    let mut summarizer = Summarizer::new(plan);
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
