//! The stages of the path of a token, in its order, and the cases of each.

mod api;
mod exchange;
mod http1;
mod http2;
mod measure;
mod record;
mod schedule;
mod sse;
mod tls;
mod whole;

use crate::case::Case;

/// A stage and its cases.
pub struct Stage {
    /// Its name: the module of the engine that it is in.
    pub name: &'static str,
    /// Its cases.
    pub cases: Vec<Case>,
}

/// All stages.
#[must_use]
pub fn stages() -> Vec<Stage> {
    let stage = |name, cases| Stage { name, cases };
    vec![
        stage("schedule", schedule::cases()),
        stage("tls", tls::cases()),
        stage("http1", http1::cases()),
        stage("http2", http2::cases()),
        stage("sse", sse::cases()),
        stage("api", api::cases()),
        stage("exchange", exchange::cases()),
        stage("measure", measure::cases()),
        stage("record", record::cases()),
        stage("whole", whole::cases()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::count;
    use std::collections::HashSet;

    #[test]
    fn every_case_has_a_name_of_its_own_and_runs_round_after_round() {
        let mut names = HashSet::new();
        for stage in stages() {
            for case in &stage.cases {
                assert!(names.insert((stage.name, case.name.clone())));
                count(&mut *case.rounds(), 1);
                if let Some(mut apart) = case.apart() {
                    count(&mut *apart, 1);
                }
            }
        }
    }
}
