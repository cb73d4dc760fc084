//! Output against the length that was asked for, and against the events that it came in.

use super::super::case::{Case, Found, by_part};
use super::super::finding::{Direction, Effect, Finding, Scope, Status};
use super::super::wording::shown_share;
use super::share;
use crate::measure::{OutputFigures, TokenFigures};
use crate::plan::{Statistic, metric as tags};
use crate::record::FinishReason;
use crate::setting::Setting;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    [output_length(case), fewer_than_events(case)].into_iter().flatten().collect()
}

/// Output of another length than was asked for: a server that stops at its end-of-text token, or that takes no notice
/// of the length. The whole response takes longer or shorter by about as much; times to and between tokens are of
/// another load.
fn output_length(case: &Case<'_>) -> Option<Finding> {
    let output = &case.summary.workload.output;
    let differing = share(output.longer + output.shorter, output.compared);
    let by_client = share(output.client_differing, output.client_compared);
    let apart = share(output.tokens.abs_diff(output.asked), output.asked);
    let off = differing.max(by_client).max(apart);
    if off <= OTHER_LENGTH {
        return None;
    }
    let direction = match (output.longer, output.shorter) {
        (longer, shorter) if longer > 9 * shorter => Direction::Raised,
        (longer, shorter) if shorter > 9 * longer => Direction::Lowered,
        _ => Direction::Either,
    };
    let wrong = match output.longer + output.shorter {
        0 if output.client_differing == 0 => "the responses together are".into(),
        0 => format!("{} of {} responses are", output.client_differing, output.client_compared),
        n => format!("{n} of {} responses ({}) are", output.compared, shown_share(differing)),
    };
    Some(
        Found::new("output_length", Scope::Workload)
            .measured(off, OTHER_LENGTH, "ratio")
            .at_least(Status::Suspect)
            .at_most(Status::Suspect)
            .moving(other_length(case, direction))
            .says(
                format!(
                    "{wrong} over 10 % longer or shorter than was asked for: {:.1} tokens each on average instead of {:.1}, {}{}; they stopped by {}: \
                     the figures are of another load; bound: suspect over {} of the responses",
                    output.tokens as f64 / output.compared as f64,
                    output.asked as f64 / output.compared as f64,
                    counted_by(&case.summary.tokens),
                    beside(output, &case.summary.tokens),
                    reasons(case),
                    shown_share(OTHER_LENGTH)
                ),
                remedy(case, direction),
            ),
    )
}

/// What another length made of the latency, at the time that a token takes, and of the rates.
fn other_length(case: &Case<'_>, direction: Direction) -> Vec<Effect> {
    let output = &case.summary.workload.output;
    let of_all = |count: u64| share(count, output.compared);
    let (longer, shorter) = (of_all(output.longer), of_all(output.shorter));
    let each = output.apart as f64 / (output.longer + output.shorter).max(1) as f64;
    let mean = (output.tokens as f64 - output.asked as f64) / output.compared as f64;
    let token_ms = case.value(&tags::INTER_TOKEN_LATENCY, Statistic::Avg).unwrap_or_else(|| {
        let latency = case.value(&tags::REQUEST_LATENCY, Statistic::Avg).unwrap_or(0.0);
        latency * output.compared as f64 / output.tokens.max(1) as f64
    });
    // Longer ones are the slowest, shorter ones the fastest.
    let latency = case.effects_by(&tags::REQUEST_LATENCY, direction, |statistic| match statistic {
        Statistic::Avg => mean.abs() * token_ms,
        other => {
            let of = |direction, part| by_part(direction, part, each * token_ms)(other);
            of(Direction::Raised, longer).max(of(Direction::Lowered, shorter))
        }
    });
    let tokens = output.asked as f64 / output.tokens.max(1) as f64;
    [latency, case.rates_of_slower(mean * token_ms, tokens)].concat()
}

/// Who counted most of the responses.
fn counted_by(tokens: &TokenFigures) -> String {
    match tokens.from_usage >= tokens.from_tokenizer {
        true => "by the server's usage".to_owned(),
        false => format!("by the tokenizer {}", tokens.tokenizer),
    }
}

/// What the client's own count says beside the server's.
fn beside(output: &OutputFigures, tokens: &TokenFigures) -> String {
    match output.client_compared {
        0 => String::new(),
        n => format!(" ({} of {n} by the tokenizer {})", output.client_differing, tokens.tokenizer),
    }
}

/// `length 990, stop 10`
fn reasons(case: &Case<'_>) -> String {
    let mut reasons: Vec<_> = case.summary.counts.finish_reasons.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let shown = reasons.iter().map(|(reason, count)| format!("{reason} {count}"));
    shown.collect::<Vec<_>>().join(", ")
}

fn remedy(case: &Case<'_>, direction: Direction) -> String {
    let (plan, counts) = (case.plan, &case.summary.counts);
    let extra = Setting::ExtraInputs;
    let longer = match plan.use_legacy_max_tokens {
        true => "see how the server takes the length (max_tokens was sent), and what its usage counts".to_owned(),
        false => format!(
            "see how the server takes the length: some know max_tokens only ({}), some take no notice; and what its usage counts",
            Setting::LegacyMaxTokens
        ),
    };
    let stopped = counts.finish_reasons.get(&FinishReason::Stop).copied().unwrap_or(0);
    let shorter = match plan.asks_for_whole_length() {
        true => "the server took no notice of ignore_eos or min_tokens: see under which name it has them; or ask for the length that responses have".to_owned(),
        false if stopped > 0 => format!(
            "make the server go on behind its end-of-text token: {extra} ignore_eos:true, or {extra} min_tokens:N with the length asked for; or ask \
             for the length that responses have"
        ),
        false => format!(
            "see what cuts the responses off (the length of the context, a limit of the server); {extra} ignore_eos:true or min_tokens:N keeps the \
             model from ending them"
        ),
    };
    match direction {
        Direction::Raised => longer,
        Direction::Lowered => shorter,
        Direction::Either => format!("{shorter}; where they are longer, {longer}"),
    }
}

/// Every output event carries some of a token at least: a count under the number of events is no count of these
/// tokens.
fn fewer_than_events(case: &Case<'_>) -> Option<Finding> {
    let output = &case.summary.workload.output;
    let counted = case.summary.tokens.from_usage + case.summary.tokens.from_tokenizer;
    let of_all = share(output.fewer_than_events, counted);
    if of_all <= SOME {
        return None;
    }
    // Tokens are at least as many as events: rates are too low by that, times a token too high.
    let total = case.value(&tags::TOTAL_OSL, Statistic::Value)?;
    let missing = (output.events_of_these - output.tokens_of_these) as f64;
    let moved = missing / total;
    let too_high = missing / (total + missing);
    let itl = case.effects(&tags::INTER_TOKEN_LATENCY, Direction::Raised, too_high);
    let rate = case.effects(&tags::OUTPUT_TOKEN_THROUGHPUT, Direction::Lowered, moved);
    Some(
        Found::new("fewer_tokens_than_events", Scope::Workload)
            .measured(of_all, SOME, "ratio")
            .at_most(Status::Suspect)
            .moving(itl.into_iter().chain(rate))
            .says(
                format!(
                    "{} of {counted} responses have fewer tokens than output events ({} tokens in {} events), {}: that is no count of what came",
                    output.fewer_than_events,
                    output.tokens_of_these,
                    output.events_of_these,
                    counted_by(&case.summary.tokens),
                ),
                format!("correct the usage of the server, or name the model's own tokenizer ({})", Setting::Tokenizer),
            ),
    )
}

/// The share of responses, and of tokens, that may be off.
const OTHER_LENGTH: f64 = 0.1;
/// The share of responses that may have more events than tokens: some split a character.
const SOME: f64 = 0.01;
