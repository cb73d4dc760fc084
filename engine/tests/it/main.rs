//! Tests of the engine from outside: one binary, since each of its own would link the whole engine again.

mod captures;
#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "the fuzz targets use it as a crate")]
mod checks;
mod corpus;
mod failures;
mod kept_connections;
mod known_answers;
mod late_reader;
mod properties;
mod purity;
mod sessions;
mod shared_connections;
mod verdicts;
