//! Servers, and proxies before them, that hold back what is made, or make connections dear.

use super::server::{Reply, Request, Told, Usage};
use super::{Case, Kind, Row, closed, told};
use crate::simulated::{head, token};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::plan::{Plan, Reuse, Statistic::Avg, Statistic::P50, Statistic::Value};
use ringload_engine::verdict::{Scope, Status};

fn row(does: &'static str, gate: &'static str, plan: &Plan, [wrong, right]: [Kind; 2]) -> Row {
    Row {
        does,
        wrong: Case { plan: plan.clone(), server: wrong },
        right: Case { plan: plan.clone(), server: right },
        gate,
        scope: Scope::Path,
        status: Status::Suspect,
        moved: &[("time_to_first_token", Avg)],
        beside: &[],
    }
}

pub(super) fn rows() -> Vec<Row> {
    let plan = closed(4, 120, 4.0);
    let mut anew = plan.clone();
    anew.reuse = Reuse::Never;
    let bursts = &[("time_to_first_token", Avg), ("time_to_first_token", P50), ("inter_token_latency", Avg)];
    vec![
        Row {
            moved: bursts,
            ..row(
                "leaves Nagle's algorithm on",
                "delayed_ack",
                &plan,
                [told(|r, to| small_writes(r, to, true)), told(|r, to| small_writes(r, to, false))],
            )
        },
        Row {
            moved: bursts,
            ..row(
                "hands on four events each 80 ms",
                "buffering",
                &plan,
                [told(|r, to| handed_on(r, to, 4)), told(|r, to| handed_on(r, to, 1))],
            )
        },
        Row {
            moved: bursts,
            ..row(
                "hands on half of a response at once",
                "buffering",
                &plan,
                [told(|r, to| handed_on(r, to, 16)), told(|r, to| handed_on(r, to, 1))],
            )
        },
        Row {
            moved: &[("time_to_first_token", Avg), ("time_to_first_token", P50)],
            ..row(
                "holds a whole response",
                "buffering",
                &plan,
                [told(|r, to| handed_on(r, to, 32)), told(|r, to| handed_on(r, to, 1))],
            )
        },
        Row {
            scope: Scope::Server,
            moved: &[("time_to_first_token", Avg), ("time_to_first_token", P50), ("request_throughput", Value)],
            ..row(
                "keeps no connection",
                "not_kept",
                &plan,
                [
                    Kind::Http1(Told { connect: |_| 8 * MILLI, answer: |r, to| one_by_one(r, to, true) }),
                    Kind::Http1(Told { connect: |_| 8 * MILLI, answer: |r, to| one_by_one(r, to, false) }),
                ],
            )
        },
        Row {
            moved: &[("time_to_first_token", Avg), ("request_throughput", Value)],
            ..row(
                "has a short listen queue",
                "slow_connects",
                &anew,
                [
                    Kind::Http1(Told { connect: queued, answer: |r, to| one_by_one(r, to, false) }),
                    Kind::Http1(Told { connect: |_| MILLI, answer: |r, to| one_by_one(r, to, false) }),
                ],
            )
        },
    ]
}

/// Every eighth SYN meets a full queue, and is sent again after a second.
fn queued(connects: u64) -> Nanos {
    MILLI + if connects % 8 == 7 { SECOND } else { 0 }
}

const TOKENS: u64 = 12;

/// Twelve tokens, one each 6 ms; the connection may be closed behind them.
fn one_by_one(request: &Request<'_>, to: &mut Reply<'_>, closes: bool) {
    let at = request.at + 40 * MILLI;
    if closes {
        to.last_head(at);
    } else {
        to.head(at);
    }
    for k in 0..TOKENS {
        to.send(at + k * 6 * MILLI, token(" w"));
    }
    let last = at + (TOKENS - 1) * 6 * MILLI;
    to.end(last, &Usage::of(4, TOKENS));
    if closes {
        to.close(last);
    }
}

/// A head at once, and twelve tokens from 20 ms on, one each 5 ms; what is made by 40 ms waits until then for the
/// acknowledgement of the head, on connections that were used.
fn small_writes(request: &Request<'_>, to: &mut Reply<'_>, nagle: bool) {
    let holds = nagle && request.on_connection > 0;
    let at = request.at + MILLI;
    to.head(at);
    for k in 0..TOKENS {
        let made = at + 19 * MILLI + k * 5 * MILLI;
        let sent = if holds { made.max(at + 40 * MILLI) } else { made };
        to.send(sent, token(" w"));
        if k + 1 == TOKENS {
            to.end(sent, &Usage::of(4, TOKENS));
        }
    }
}

/// 32 tokens, one each 20 ms, so many of which are handed on at a time, with the last of them.
fn handed_on(request: &Request<'_>, to: &mut Reply<'_>, at_once: u64) {
    let mut held = head();
    for k in 1..=32 {
        held.extend(token(" w"));
        if k == 32 {
            held.extend(Usage::of(4, 32).end());
        }
        if k % at_once == 0 {
            to.send(request.at + k * 20 * MILLI, std::mem::take(&mut held));
        }
    }
}
