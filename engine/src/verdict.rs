//! Pure: a summary and host facts → findings → VALID | SUSPECT | INVALID | FAILED.
//!
//! Each gate looks for one thing that can make figures another's than the server's, or of another question. What it
//! finds is data: a [`Scope`], a figure with its bound, and [`Effect`]s, which are the printed figures that it can have
//! moved, which way, and by how much at most. The status follows from the effects on what was asked for; where what is
//! wrong has no size in a figure, the gate says what it makes of the run at least. The gates stand in
//! `docs/MEASUREMENT.md`.
//!
//! To add a gate: a function from a `Case` to an `Option<Finding>`, made by `Found` (`new`, `measured`, `moving`,
//! `says`), in the file of its subject or a new one that [`judge`] lists; a row in `docs/MEASUREMENT.md`; and a test
//! with a run for which it is known what moved by how much.

mod accounting;
mod asked;
mod buffering;
mod case;
mod ceiling;
mod connections;
mod delayed_ack;
mod failures;
mod finding;
mod fleet;
mod lag;
mod load;
mod long_sends;
mod machine;
mod responses;
mod seconds;
mod server;
mod wording;
mod workload;

pub use finding::{Direction, Effect, Finding, Scope, Status, Verdict};

use crate::calibration::Used;
use crate::host::HostFacts;
use crate::measure::Summary;
use crate::plan::Plan;
use case::Case;

/// Judges a run. `used` is what it used of its machine's ceiling, where that is known.
#[must_use]
pub fn judge(plan: &Plan, summary: &Summary, host: &HostFacts, used: Option<&Used>) -> Verdict {
    let case = Case::new(plan, summary, host, used);
    let mut findings: Vec<Finding> = [
        accounting::findings(&case),
        fleet::findings(&case),
        failures::findings(&case),
        lag::findings(&case),
        buffering::findings(&case),
        delayed_ack::findings(&case),
        connections::findings(&case),
        long_sends::findings(&case),
        seconds::findings(&case),
        load::findings(&case),
        ceiling::findings(&case),
        machine::findings(&case),
        workload::findings(&case),
        responses::findings(&case),
        server::findings(&case),
    ]
    .concat();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.status));
    Verdict { status: findings.first().map_or(Status::Valid, |worst| worst.status), findings }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
