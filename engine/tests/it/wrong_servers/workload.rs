//! Servers that do something else than was asked for, or count it otherwise.

use super::server::{Reply, Request, Usage};
use super::{Case, GAP, Row, after_50_ms, asking, closed, told};
use crate::simulated::{event, token};
use ringload_engine::clock::MILLI;
use ringload_engine::plan::{Length, Plan, Statistic::Avg, Statistic::P50, Statistic::Value};
use ringload_engine::verdict::{Scope, Status};

/// A row whose two servers meet the same plan.
fn row(does: &'static str, gate: &'static str, plan: &Plan, [wrong, right]: [super::Answer; 2]) -> Row {
    let case = |answer| Case { plan: plan.clone(), server: told(answer) };
    Row {
        does,
        wrong: case(wrong),
        right: case(right),
        gate,
        scope: Scope::Workload,
        status: Status::Suspect,
        moved: &[],
        beside: &[],
    }
}

pub(super) fn rows() -> Vec<Row> {
    [lengths(), prompts(), unseen(), counts()].into_iter().flatten().collect()
}

fn lengths() -> Vec<Row> {
    let latency = &[("request_latency", Avg), ("request_throughput", Value), ("output_token_throughput", Value)];
    vec![
        Row {
            moved: latency,
            ..row(
                "stops after a quarter of the tokens asked for",
                "output_length",
                &asking(closed(4, 120, 4.0), 40.0),
                [|r, to| stopped(r, to, 10), |r, to| stopped(r, to, 40)],
            )
        },
        Row {
            moved: latency,
            ..row(
                "takes no notice of the length asked for",
                "output_length",
                &asking(closed(4, 120, 4.0), 10.0),
                [|r, to| stopped(r, to, 30), |r, to| stopped(r, to, 10)],
            )
        },
        Row {
            moved: &[("request_latency", Avg)],
            ..row(
                "ends one response in four early",
                "output_length",
                &asking(closed(4, 120, 4.0), 40.0),
                [|r, to| stopped(r, to, if r.number % 4 == 0 { 5 } else { 40 }), |r, to| stopped(r, to, 40)],
            )
        },
    ]
}

/// So many tokens, and a reason that fits.
fn stopped(request: &Request<'_>, to: &mut Reply<'_>, tokens: u64) {
    let last = to.tokens(request.at + after_50_ms(request.number), tokens, GAP);
    let reason = if tokens < request.asked() { "stop" } else { "length" };
    to.end(last, &Usage { reason, ..Usage::of(4, tokens) });
}

fn prompts() -> Vec<Row> {
    let ttft = &[("time_to_first_token", Avg), ("time_to_first_token", P50)];
    let again = {
        let mut plan = closed(1, 100, 4.0);
        plan.prompts.entries = 20;
        plan
    };
    let mut varied = closed(4, 200, 200.0);
    varied.prompts.isl = Length { mean: 200.0, stddev: 50.0 };
    vec![
        Row {
            moved: ttft,
            ..row(
                "puts 900 tokens of its own before each prompt",
                "input_length",
                &closed(4, 120, 100.0),
                [|r, to| prefilled(r, to, 1_000, 0, 5), |r, to| prefilled(r, to, 100, 0, 5)],
            )
        },
        Row {
            moved: ttft,
            ..row(
                "has most of every prompt in a cache",
                "cached_prompts",
                &closed(4, 120, 100.0),
                [|r, to| prefilled(r, to, 100, 80, 0), |r, to| prefilled(r, to, 100, 0, 0)],
            )
        },
        Row {
            moved: ttft,
            ..row(
                "has the first 128 tokens of every prompt in a cache, and takes a while for any",
                "cached_prompts",
                &varied,
                [
                    |r, to| prefilled(r, to, r.characters() * 5 / 32, 128, 40),
                    |r, to| prefilled(r, to, r.characters() * 5 / 32, 0, 40),
                ],
            )
        },
        Row {
            moved: ttft,
            ..row(
                "answers from a cache what was sent before",
                "repeated_prompts",
                &again,
                [|r, to| sent_before(r, to, true), |r, to| sent_before(r, to, false)],
            )
        },
    ]
}

/// A response whose first token comes after a tenth of a millisecond a prompt token that is not cached, and `ms`.
fn prefilled(request: &Request<'_>, to: &mut Reply<'_>, prompt: u64, cached: u64, ms: u64) {
    let at = request.at + ms * MILLI + (prompt - cached.min(prompt)) * MILLI / 10;
    let last = to.tokens(at, 8, GAP);
    to.end(last, &Usage { cached: Some(cached.min(prompt)), ..Usage::of(prompt, 8) });
}

/// 60 ms for a prompt that is new, and 2 ms for one that is kept.
fn sent_before(request: &Request<'_>, to: &mut Reply<'_>, keeps: bool) {
    let ms = if keeps && request.before > 0 { 2 } else { 60 };
    let last = to.tokens(request.at + ms * MILLI, 8, GAP);
    to.end(last, &Usage::of(4, 8));
}

fn unseen() -> Vec<Row> {
    let itl = &[("inter_token_latency", Avg), ("inter_token_latency", P50)];
    vec![
        Row {
            moved: itl,
            ..row(
                "shows none of its reasoning",
                "unseen_tokens",
                &closed(4, 120, 4.0),
                [
                    |r, to| {
                        let last = to.tokens(r.at + 500 * MILLI, 10, GAP);
                        to.end(last, &Usage { reasoning: Some(50), ..Usage::of(4, 60) });
                    },
                    |r, to| {
                        let last = to.tokens(r.at, 60, GAP);
                        to.end(last, &Usage::of(4, 60));
                    },
                ],
            )
        },
        Row {
            moved: itl,
            ..row(
                "keeps the first 51 tokens for one event",
                "unseen_tokens",
                &closed(4, 120, 4.0),
                [
                    |r, to| {
                        let first = r.at + 550 * MILLI;
                        to.head(first);
                        to.send(first, token(&" w".repeat(51)));
                        (1..10).for_each(|k| to.send(first + k * GAP, token(" w")));
                        to.end(first + 9 * GAP, &Usage::of(4, 60));
                    },
                    |r, to| {
                        let last = to.tokens(r.at + 50 * MILLI, 60, GAP);
                        to.end(last, &Usage::of(4, 60));
                    },
                ],
            )
        },
    ]
}

fn counts() -> Vec<Row> {
    let prompt = &[("usage_prompt_tokens", Avg)];
    vec![
        Row {
            moved: &[("output_token_throughput", Value), ("inter_token_latency", Avg)],
            ..row(
                "counts every second token",
                "fewer_tokens_than_events",
                &closed(4, 120, 4.0),
                [|r, to| counted(r, to, 4, 10), |r, to| counted(r, to, 4, 20)],
            )
        },
        Row {
            status: Status::Valid,
            moved: prompt,
            ..row(
                "counts characters",
                "usage_counts_characters",
                &closed(4, 120, 100.0),
                [|r, to| counted(r, to, r.characters(), 20), |r, to| counted(r, to, 100, 20)],
            )
        },
        Row {
            status: Status::Valid,
            moved: prompt,
            ..row(
                "counts output as prompt where it moves a generation",
                "prompt_growth",
                &closed(4, 120, 4.0),
                [|r, to| moved(r, to, 10), |r, to| moved(r, to, 0)],
            )
        },
    ]
}

/// Twenty tokens, and what it says of them.
fn counted(request: &Request<'_>, to: &mut Reply<'_>, prompt: u64, completion: u64) {
    let last = to.tokens(request.at + after_50_ms(request.number), 20, GAP);
    to.end(last, &Usage::of(prompt, completion));
}

/// Usage in each event; the prompt of every third response grows by so much in its middle.
fn moved(request: &Request<'_>, to: &mut Reply<'_>, by: u64) {
    let at = request.at + after_50_ms(request.number);
    to.head(at);
    let grown = if request.number.is_multiple_of(3) { 4 + by } else { 4 };
    for k in 0..20 {
        let usage = Usage::of(if k < 10 { 4 } else { grown }, k + 1).json();
        let data =
            format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"t"}},"finish_reason":null}}],"usage":{usage}}}"#);
        to.send(at + k * GAP, event(&data));
    }
    to.end(at + 19 * GAP, &Usage::of(grown, 20));
}
