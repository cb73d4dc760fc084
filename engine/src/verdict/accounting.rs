//! Gates on the request accounting: nothing may be lost, nothing made up.

use super::case::{Case, Found};
use super::finding::{Finding, Scope, Status};
use crate::setting::Setting;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let client = &case.summary.client;
    let losses = [
        ("records_lost", client.records_lost, "records of requests"),
        ("completions_lost", client.completions_lost, "completions of the kernel"),
    ];
    let broken = |gate| Found::new(gate, Scope::Client).at_least(Status::Invalid);
    let lost = losses.into_iter().filter(|(_, count, _)| *count > 0).map(|(gate, count, what)| {
        broken(gate).counted(count, "requests").says(
            format!("{count} {what} were lost; bound: none may be"),
            format!(
                "give the client more cores ({}) and a faster disk for its files, or lower {} or {}",
                Setting::Cores,
                Setting::Concurrency,
                Setting::RequestRate
            ),
        )
    });
    let violated = case.summary.violations.iter().map(|violation| {
        broken("conservation").says(
            format!("request accounting mismatch: {violation}"),
            "this is a bug of ringload: please report it with the command line",
        )
    });
    lost.chain(violated).collect()
}
