//! Gates on the workload: whether what was measured is what was asked for.

use super::case::{Case, Found};
use super::finding::{Direction, Finding, Scope, Status};
use super::wording::shown_share;
use crate::plan::{Statistic, metric as tags};
use crate::setting::Setting;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    output_length(case).into_iter().collect()
}

/// Output of another length than was asked for: a server that stops at its end-of-text token, or that takes no notice
/// of the length. The whole response takes longer or shorter by about as much; times to and between tokens are of
/// another load.
fn output_length(case: &Case<'_>) -> Option<Finding> {
    let off = case.value(&tags::OSL_MISMATCH_DIFF_PCT, Statistic::Avg)? / 100.0;
    let got = case.value(&tags::OUTPUT_SEQUENCE_LENGTH, Statistic::Avg)?;
    if off.abs() <= OTHER_LENGTH {
        return None;
    }
    // What was printed is of `1 + off` times the length that was asked for.
    let share = off.abs() / (1.0 + off).max(SHORTEST);
    let (word, direction, remedy) = if off > 0.0 {
        let remedy = "see how the server takes the length: it gets it as the API names it (max_completion_tokens), and some take no notice; or \
                      see what its usage counts";
        ("more", Direction::Raised, remedy.to_owned())
    } else {
        let remedy = format!(
            "make the server go on behind its end-of-text token ({} with ignore_eos, or min_tokens, where it has them); or ask for the length \
             that responses have",
            Setting::ExtraInputs
        );
        ("fewer", Direction::Lowered, remedy)
    };
    let mismatches = case.value(&tags::OSL_MISMATCH_COUNT, Statistic::Value).unwrap_or(0.0);
    Some(
        Found::new("output_length", Scope::Workload)
            .measured(off, OTHER_LENGTH, "ratio")
            .at_least(Status::Suspect)
            .at_most(Status::Suspect)
            .moving(case.effects(&tags::REQUEST_LATENCY, direction, share))
            .says(
                format!(
                    "responses have {} {word} tokens on average than were asked for ({got:.1} each; {mismatches:.0} responses are off by over 5 % or 50 \
                     tokens): the figures are of another load; bound: suspect over {}",
                    shown_share(off.abs()),
                    shown_share(OTHER_LENGTH)
                ),
                remedy,
            ),
    )
}

/// How far the mean length may be off.
const OTHER_LENGTH: f64 = 0.1;
/// A share of the length asked for under which a response is taken to have that share.
const SHORTEST: f64 = 0.01;
