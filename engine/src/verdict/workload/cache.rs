//! Prompts that the server had seen, or of which it had the beginning in a cache, though nobody asked for that.

use super::super::case::{Case, Found};
use super::super::finding::{Direction, Finding, Scope, Status};
use super::super::wording::{shown_ms, shown_share};
use super::share;
use crate::measure::{RepeatFigures, Sending};
use crate::plan::{MetricInfo, Plan, metric as tags};
use crate::setting::Setting;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    [repeated(case), cached(case)].into_iter().flatten().collect()
}

/// Prompts that were sent before, in the run, its warm-up or an earlier run.
fn repeated(case: &Case<'_>) -> Option<Finding> {
    let repeats = case.summary.workload.repeats.as_ref();
    if let Some(earlier) = case.plan.prompts.runs_before.filter(|_| repeats.is_none()) {
        return Some(replayed(earlier));
    }
    let repeats = repeats?;
    let again = share(repeats.again, repeats.sent);
    let info = if case.plan.streaming { &tags::TIME_TO_FIRST_TOKEN } else { &tags::REQUEST_LATENCY };
    let effects = faster(repeats).map_or_else(Vec::new, |first| {
        let missing = |statistic| first - case.value(info, statistic).unwrap_or(first);
        case.effects_by(info, Direction::Lowered, missing)
    });
    Some(
        Found::new("repeated_prompts", Scope::Workload)
            .measured(again, 0.0, "ratio")
            .at_most(Status::Suspect)
            .moving(effects)
            .says(seen(repeats, info, again), remedy(case.plan, repeats)),
    )
}

fn replayed(earlier: u32) -> Finding {
    Found::new("repeated_prompts", Scope::Workload).counted(earlier.into(), "runs").says(
        format!("the prompts of this run were sent by {earlier} runs before it: a server with a prefix cache can have answered from that"),
        format!(
            "leave {} out, so that each run has prompts of its own; prompts of a file are the same in every run ({})",
            Setting::SameSeed,
            Setting::Dataset
        ),
    )
}

/// The mean of the first sendings, where later ones were faster by more than chance has it. The first requests of a run
/// also meet a server and a machine that are not warm, some of them for long: the median has to be faster too.
fn faster(repeats: &RepeatFigures) -> Option<f64> {
    let (first, later) = (repeats.first?, repeats.later?);
    let enough = first.count >= LEAST && later.count >= LEAST;
    let variance = |of: Sending| of.std_ms * of.std_ms / of.count as f64;
    let error = (variance(first) + variance(later)).sqrt();
    let apart = first.mean_ms - later.mean_ms;
    let by_median = first.p50_ms - later.p50_ms > NOTED * first.p50_ms;
    (enough && apart > ERRORS * error && apart > NOTED * first.mean_ms && by_median).then_some(first.mean_ms)
}

fn seen(repeats: &RepeatFigures, info: &MetricInfo, again: f64) -> String {
    let warmup = match repeats.after_warmup {
        0 => String::new(),
        n => format!(", {n} of them by the warm-up"),
    };
    let times = match (repeats.first, repeats.later) {
        (Some(first), Some(later)) => format!(
            "; {} p50 is {} where a prompt was sent for the first time and {} where it was sent again",
            info.tag,
            shown_ms(first.p50_ms),
            shown_ms(later.p50_ms)
        ),
        _ => format!("; {} of a first sending is not known", info.tag),
    };
    format!(
        "{} of {} requests ({}) had a prompt that was sent before{warmup} ({} distinct prompts){times}",
        repeats.again,
        repeats.sent,
        shown_share(again),
        repeats.distinct
    )
}

fn remedy(plan: &Plan, repeats: &RepeatFigures) -> String {
    match plan.prompts.replay {
        Some(_) => format!(
            "send no more requests than the file has ({}), or make it longer, if a cache of the server's is not what you measure",
            Setting::Requests
        ),
        None => format!(
            "prepare as many prompts as there are requests ({} {}), if a cache of the server's is not what you measure",
            Setting::Entries,
            repeats.sent
        ),
    }
}

/// Prompt tokens from a cache that nobody asked for.
fn cached(case: &Case<'_>) -> Option<Finding> {
    let cache = &case.summary.workload.cache;
    let of_all = share(cache.tokens, cache.of);
    let expected = shared_by_plan(case.plan)?;
    if of_all <= expected + FROM_CACHE {
        return None;
    }
    let unasked = of_all - expected;
    let effects = match cache.ms_per_token {
        // What each token that was read took beyond the others is known.
        Some(each) => {
            let tokens = cache.tokens as f64 / cache.told as f64 * unasked / of_all;
            case.effects_by(&tags::TIME_TO_FIRST_TOKEN, Direction::Lowered, |_| each * tokens)
        }
        // Without the cache, the time of a prompt is that of all its tokens at most.
        None => case.effects(&tags::TIME_TO_FIRST_TOKEN, Direction::Lowered, unasked / (1.0 - unasked).max(FROM_CACHE)),
    };
    Some(
        Found::new("cached_prompts", Scope::Workload)
            .measured(of_all, expected + FROM_CACHE, "ratio")
            .at_most(Status::Suspect)
            .moving(effects)
            .says(
                format!(
                    "the server read {} of {} prompt tokens ({}) from a cache, in {} of {} requests, and nothing of the workload asks for more than {}: \
                     times to the first token are of shorter prompts",
                    cache.tokens,
                    cache.of,
                    shown_share(of_all),
                    cache.requests,
                    cache.told,
                    shown_share(expected)
                ),
                format!(
                    "empty the server's cache or restart it between runs, or switch its prefix cache off; choose another seed than that of an earlier run ({})",
                    Setting::Seed
                ),
            ),
    )
}

/// The share of a prompt that the plan itself makes the same as in others; `None` where it is not known: sessions send
/// their history again, and files say what they say.
fn shared_by_plan(plan: &Plan) -> Option<f64> {
    let prompts = &plan.prompts;
    let context = &prompts.context;
    if prompts.replay.is_some() || !prompts.turns.is_one() || context.system.is_some() {
        return None;
    }
    let prefix = if context.prefixes > 0 { context.prefix_tokens } else { 0 };
    let shared = f64::from(prefix + context.system_tokens.unwrap_or(0));
    let own = prompts.isl.mean + f64::from(context.user_tokens.unwrap_or(0));
    Some(shared / (shared + own).max(1.0))
}

/// Requests of each kind under which no difference is one.
const LEAST: u64 = 10;
/// Standard errors by which means are apart that are not so by chance.
const ERRORS: f64 = 4.0;
/// The part of a first sending's time by which later ones are faster at least. Of honest runs of some seconds on a busy
/// machine, later sendings were faster by up to 0.21 at the median.
const NOTED: f64 = 1.0 / 3.0;
/// The share of prompt tokens that a template and a default system prompt may bring into a cache.
const FROM_CACHE: f64 = 0.05;
