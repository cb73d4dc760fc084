//! Gates on the responses: who gave them, their token counts, how many there are.

use super::case::{Case, Found};
use super::finding::{Finding, Scope, Status};
use super::wording::shown_share;
use crate::measure::Summary;
use crate::plan::Plan;
use crate::setting::Setting;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let (plan, summary) = (case.plan, case.summary);
    [
        unchecked(plan),
        token_mismatch(summary),
        unknown_lengths(plan, summary),
        approximate(summary),
        text_over_limit(summary),
        usage_refused(summary),
        few_samples(summary),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn unchecked(plan: &Plan) -> Option<Finding> {
    let unchecked = plan.network.tls.insecure && plan.targets.iter().any(|t| t.tls);
    unchecked.then(|| {
        Found::new("insecure", Scope::Policy).says(
            format!("server identity not verified: certificates were not checked ({}), so the figures may be of another server", Setting::TlsInsecure),
            format!("name the issuer of the server's certificate with {} instead", Setting::TlsRoots),
        )
    })
}

/// The server's and the client's count of the same text. Not judged with the built-in vocabulary, which is no model's.
fn token_mismatch(summary: &Summary) -> Option<Finding> {
    let tokens = &summary.tokens;
    if tokens.approximate || tokens.mismatched == 0 {
        return None;
    }
    let share = tokens.mismatched as f64 / tokens.compared as f64;
    Some(
        Found::new("token_mismatch", Scope::Workload)
            .measured(share, MISMATCH, "ratio")
            .at_least(Status::over(share, MISMATCH, f64::INFINITY))
            .says(
                format!(
                    "{} of {} responses ({}) have over 10 % more or fewer tokens by the server's usage than by the tokenizer {}; bound: suspect over {} \
                     of the responses",
                    tokens.mismatched,
                    tokens.compared,
                    shown_share(share),
                    tokens.tokenizer,
                    shown_share(MISMATCH)
                ),
                format!("lengths are the server's: give the model's own tokenizer ({}); if it is, the server counts something else", Setting::Tokenizer),
            ),
    )
}

fn unknown_lengths(plan: &Plan, summary: &Summary) -> Option<Finding> {
    let unknown = summary.tokens.unknown;
    (unknown > 0).then(|| {
        Found::new("unknown_lengths", Scope::Workload).counted(unknown, "requests").says(
            format!(
                "{unknown} of {} responses have no token count: they are in no token metric, and token throughputs are too low",
                summary.counts.succeeded
            ),
            if plan.use_server_token_count {
                format!("leave out {}, so that the client's tokenizer counts where the server does not", Setting::ServerTokenCount)
            } else {
                "make the server report usage in streams (stream_options.include_usage)".to_owned()
            },
        )
    })
}

fn approximate(summary: &Summary) -> Option<Finding> {
    summary.tokens.approximate.then(|| {
        Found::new("approximate_lengths", Scope::Workload).says(
            format!(
                "lengths counted by the client are approximate: {} is a small built-in vocabulary, not the model's",
                summary.tokens.tokenizer
            ),
            format!("give the model's tokenizer ({})", Setting::Tokenizer),
        )
    })
}

fn text_over_limit(summary: &Summary) -> Option<Finding> {
    let over = summary.counts.text_over_limit;
    (over > 0).then(|| {
        Found::new("text_over_limit", Scope::Client).counted(over, "requests").says(
            format!(
                "{over} responses were longer than the text that is kept and were not counted by the client's tokenizer"
            ),
            "make the server report usage in streams (stream_options.include_usage)",
        )
    })
}

fn usage_refused(summary: &Summary) -> Option<Finding> {
    let refused = summary.counts.usage_refused;
    (refused > 0).then(|| {
        Found::new("usage_refused", Scope::Server).counted(refused, "requests").says(
            format!(
                "{refused} of {} responses have token counts that cannot be true (negative, fractional, or over any model's length; more reasoning than \
                 output, more cached tokens than the prompt has): those counts are in no figure",
                summary.counts.succeeded
            ),
            format!("correct the usage that the server reports; name the model's tokenizer ({}), so that the client counts in its place", Setting::Tokenizer),
        )
    })
}

fn few_samples(summary: &Summary) -> Option<Finding> {
    let samples = summary.counts.succeeded;
    (samples > 0 && samples < FEW).then(|| {
        Found::new("few_samples", Scope::Statistics).measured(samples as f64, FEW as f64, "requests").says(
            format!("{samples} successes: a p99 takes at least {FEW}, and is little more than the largest value here"),
            format!("run longer ({}, {}), or read no further than p90", Setting::Requests, Setting::Duration),
        )
    })
}

const MISMATCH: f64 = 0.1;
const FEW: u64 = 100;
