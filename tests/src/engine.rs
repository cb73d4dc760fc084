//! The engine in this process, for what the files do not say of a request.

use crate::Io;
use ringload_engine::Run;
use ringload_engine::measure::Summary;
use ringload_engine::plan::{self, Length, Phase, Plan, Target, TokenizerSource};
use ringload_engine::record::{PhaseKind, Record};
use serde_json::Value;
use std::net::SocketAddr;

/// What a run came to.
pub struct Driven {
    /// Its records, in the order of their index.
    pub records: Vec<Record>,
    /// Its sums.
    pub summary: Summary,
}

/// A closed loop of streamed chat on one core.
///
/// # Panics
/// When the address is none of a URL.
#[must_use]
pub fn closed(server: SocketAddr, io: Io, concurrency: u32, requests: u64) -> Plan {
    let target = Target::parse(&format!("http://{server}")).expect("a URL");
    let phase = Phase::closed(concurrency, requests);
    let mut plan = Plan::new(vec![target], "mock", phase);
    plan.prompts.isl = length(16);
    plan.prompts.entries = 4;
    plan.cores = plan::Cores::Count(1);
    plan.io = match io {
        Io::Uring => plan::Io::Uring,
        Io::Epoll => plan::Io::Epoll,
    };
    plan
}

/// Asks for so many tokens.
pub fn ask_for(plan: &mut Plan, tokens: u32) {
    plan.prompts.osl = Some(length(tokens));
}

/// Names a tokenizer, the small one of the test data, so that the text of every answer is kept for it.
pub fn keep_text(plan: &mut Plan) {
    plan.prompts.tokenizer = TokenizerSource::Named {
        name: concat!(env!("CARGO_MANIFEST_DIR"), "/data/tiny-hf").into(),
        revision: "main".into(),
    };
}

/// Puts a wish for the mock into every request.
pub fn wish(plan: &mut Plan, wish: &Value) {
    plan.extra_inputs.insert("mock".into(), wish.clone());
}

/// Drives a plan to its end.
///
/// # Panics
/// When the run cannot be made.
#[must_use]
pub fn drive(plan: &Plan) -> Driven {
    let result = Run::prepare(plan).and_then(Run::execute).expect("a run");
    assert_eq!(result.failure.as_ref().map(ToString::to_string), None);
    let records = result.records().expect("the log").map(|record| record.expect("a record"));
    let mut records: Vec<Record> = records.filter(|record| record.phase == PhaseKind::Profiling).collect();
    records.sort_by_key(|record| record.k);
    Driven { records, summary: result.summary }
}

fn length(tokens: u32) -> Length {
    Length { mean: f64::from(tokens), stddev: 0.0 }
}
