//! Tokens that are counted and were in no event of their own: the time between tokens is then not a token's.

use super::super::case::{Case, Found};
use super::super::finding::{Direction, Finding, SUSPECT, Scope, Status};
use super::super::wording::{shown_ms, shown_share};
use super::share;
use crate::measure::UnseenFigures;
use crate::plan::{Statistic, metric as tags};
use crate::setting::Setting;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    [unseen(case), uncounted(case)].into_iter().flatten().collect()
}

/// Hidden reasoning, and first events that hold many tokens.
fn unseen(case: &Case<'_>) -> Option<Finding> {
    let unseen = &case.summary.workload.unseen;
    let of_all = share(unseen.hidden.max(unseen.bunched), unseen.responses);
    if of_all <= SOME {
        return None;
    }
    let too_low = unseen.itl_ms.zip(unseen.seen_ms).filter(|(itl, _)| *itl > 0.0);
    let moved = too_low.map_or(0.0, |(itl, seen)| (seen / itl - 1.0).max(0.0));
    let itl = case.effects(&tags::INTER_TOKEN_LATENCY, Direction::Lowered, moved);
    let rate = case.effects(&tags::OUTPUT_TOKEN_THROUGHPUT_PER_USER, Direction::Raised, moved / (1.0 + moved));
    // What makes it too low can make it too low to be compared with.
    let least = match case.asks_for(&tags::INTER_TOKEN_LATENCY) {
        true => Status::over(moved, SUSPECT, f64::INFINITY),
        false => Status::Valid,
    };
    Some(
        Found::new("unseen_tokens", Scope::Workload)
            .measured(of_all, SOME, "ratio")
            .at_least(least)
            .at_most(Status::Suspect)
            .moving(itl.into_iter().chain(rate))
            .says(seen(unseen, case), remedy(unseen)),
    )
}

fn seen(unseen: &UnseenFigures, case: &Case<'_>) -> String {
    let mut parts = Vec::new();
    if unseen.hidden > 0 {
        parts.push(format!(
            "{} of {} responses have reasoning tokens that no event showed ({} of their tokens)",
            unseen.hidden,
            unseen.responses,
            shown_share(share(unseen.hidden_tokens, unseen.tokens))
        ));
    }
    if unseen.bunched > 0 {
        parts.push(format!(
            "the first event of {} of {} responses holds {:.1} tokens on average",
            unseen.bunched,
            unseen.responses,
            unseen.bunched_tokens as f64 / unseen.bunched as f64
        ));
    }
    let gaps = match case.value(&tags::INTER_CHUNK_LATENCY, Statistic::P50) {
        Some(gap) => format!("; between output events it is {} (inter_chunk_latency p50)", shown_ms(gap)),
        None => String::new(),
    };
    let each = match unseen.seen_ms {
        Some(seen) => format!(", and {} a token that came", shown_ms(seen)),
        None => String::new(),
    };
    let parts = parts.join("; ");
    format!(
        "{parts}: time_to_first_token includes these tokens, and inter_token_latency is no token's, for it is divided by them too{gaps}{each}"
    )
}

fn remedy(unseen: &UnseenFigures) -> String {
    match unseen.hidden >= unseen.bunched {
        true => "let the server stream its reasoning, or switch it off; else set objectives on inter_chunk_latency".to_owned(),
        false => "see what holds the first tokens back (a parser of tools or reasoning, a buffer); else set objectives on inter_chunk_latency".to_owned(),
    }
}

/// Reasoning that was seen and that usage says there was none of.
fn uncounted(case: &Case<'_>) -> Option<Finding> {
    let unseen = &case.summary.workload.unseen;
    (unseen.uncounted > 0).then(|| {
        Found::new("uncounted_reasoning", Scope::Workload).counted(unseen.uncounted, "requests").says(
            format!(
                "{} of {} responses carry reasoning, and their usage says reasoning_tokens 0: that is not believed, and tokens are divided as the text is",
                unseen.uncounted, case.summary.counts.succeeded
            ),
            format!("name the model's own tokenizer ({}), which divides them exactly", Setting::Tokenizer),
        )
    })
}

/// The share of responses that may have unseen tokens.
const SOME: f64 = 0.1;
