//! Tests of the engine from outside: one binary, since each of its own would link the whole engine again.

use ringload_engine::clock::Nanos;
use ringload_engine::exchange::Request;
use ringload_engine::record::PhaseKind;

mod branches;
mod captures;
#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "the fuzz targets use it as a crate")]
mod checks;
mod corpus;
mod failures;
mod fleet;
mod kept_connections;
mod known_answers;
mod late_ends;
mod late_reader;
mod long_sends;
mod network_parts;
mod own_lags;
mod paths;
mod properties;
mod proxies;
mod sessions;
mod shared_connections;
mod simulated;
mod verdicts;
mod workloads;
mod wrong_servers;

/// The first request of a run, issued as it was wanted.
fn request(issued: Nanos) -> Request {
    Request {
        k: 0,
        turn: 0,
        index: 0,
        threads: false,
        phase: PhaseKind::Profiling,
        worker: 0,
        target: 0,
        entry: 0,
        isl: 4,
        requested_osl: Some(8),
        results: 0,
        request_id: 1,
        scheduled: issued,
        issued,
        lag: 0,
    }
}
