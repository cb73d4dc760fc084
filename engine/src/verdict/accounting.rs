//! Gates on the request accounting: nothing may be lost, nothing made up.

use super::{CLIENT, Finding, Status};
use crate::measure::Summary;

pub(super) fn findings(summary: &Summary) -> Vec<Finding> {
    let losses = [
        ("records_lost", summary.client.records_lost, "records of requests"),
        ("completions_lost", summary.client.completions_lost, "completions of the kernel"),
    ];
    let lost = losses
        .into_iter()
        .filter(|(_, count, _)| *count > 0)
        .map(|(gate, count, what)| Finding {
            gate,
            status: Status::Invalid,
            blame: CLIENT,
            evidence: format!("{count} {what} were lost; bound: none may be"),
            remedy: "give the client more cores (--cores) and a faster disk for its files, or lower --concurrency or --request-rate".into(),
        });
    let violated = summary.violations.iter().map(|violation| Finding {
        gate: "conservation",
        status: Status::Invalid,
        blame: CLIENT,
        evidence: format!("request accounting mismatch: {violation}"),
        remedy: "this is a bug of ringload: please report it with the command line".into(),
    });
    lost.chain(violated).collect()
}
