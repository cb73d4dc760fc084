//! What tells the plans of several runs from one another, and what they have in common.

use ringload_engine::plan::{HttpVersion, Plan, Reuse};
use ringload_engine::random::derive;

/// A seed of 32 bits that is made from another; every JSON reader keeps such a number whole.
pub(crate) fn fresh(seed: u64, index: u64) -> u64 {
    derive(seed, index) >> 32
}

/// Connections are there before the clock of each run starts, so that what a run has to connect is not taken for what
/// the load does: where they are kept at all, and where it is known how many there will be.
pub(crate) fn warm(plan: &mut Plan) {
    if plan.reuse != Reuse::Pooled || plan.network.prewarm > 0 {
        return;
    }
    let Some(bound) = plan.profiling.load.most_in_flight() else {
        return;
    };
    let secured = plan.targets.iter().any(|t| t.tls);
    plan.network.prewarm = match plan.network.http {
        HttpVersion::Http2 => bound.div_ceil(plan.network.streams_per_connection.max(1)),
        HttpVersion::Auto if secured => return,
        HttpVersion::Http1 | HttpVersion::Auto => bound,
    };
}
