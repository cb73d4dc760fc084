//! Servers that do not take the load that they are sent.

use super::server::{Reply, Request, Usage};
use super::{Case, Kind, Row, after_50_ms, closed, of, told};
use crate::shared_connections::server::{Server, chat};
use crate::simulated::{START, lasting};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::driver::Key;
use ringload_engine::driver::sim::Script;
use ringload_engine::plan::{
    Arrival, Cap, CapPolicy, Load, Phase, Plan, Statistic::Avg, Statistic::P90, Statistic::Value,
};
use ringload_engine::verdict::{Scope, Status};

pub(super) fn rows() -> Vec<Row> {
    vec![slow_phases(), hang(), streams(), refusals()]
}

fn open(rate: f64, seconds: u64, cap: Option<Cap>) -> Phase {
    lasting(Load::Open { rate: rate.into(), pattern: Arrival::Constant, cap }, Some(seconds * SECOND))
}

/// Latencies from the issue are those of fewer requests, which wait for a slot instead: without a bound, they would be
/// what they are from the schedule.
fn slow_phases() -> Row {
    let cap = Cap { concurrency: 12, policy: CapPolicy::Queue, ramp: None };
    let plan = |cap| of(open(60.0, 12, cap), 720, 4.0);
    Row {
        does: "stands still for 1.5 of every 4 s, under a bound",
        wrong: Case { plan: plan(Some(cap)), server: told(slow) },
        right: Case { plan: plan(None), server: told(slow) },
        gate: "cap",
        scope: Scope::Policy,
        status: Status::Suspect,
        moved: &[("time_to_first_token", Avg), ("request_latency", Avg)],
        beside: &["missed_seconds"],
    }
}

fn slow(request: &Request<'_>, to: &mut Reply<'_>) {
    let (still, period) = (1_500 * MILLI, 4 * SECOND);
    let answered = request.at + 20 * MILLI - START;
    let into = answered % period;
    let at = START + if into < still { answered - into + still } else { answered };
    let last = to.tokens(at, 4, 2 * MILLI);
    to.end(last, &Usage::of(4, 4));
}

fn hang() -> Row {
    let plan: Plan = {
        let mut phase = closed(4, 400, 4.0);
        phase.profiling = lasting(Load::closed(4), Some(10 * SECOND));
        phase.profiling.grace = Some(0);
        phase
    };
    Row {
        does: "hangs for most of the run",
        wrong: Case { plan: plan.clone(), server: told(|r, to| until(r, to, START + 2 * SECOND)) },
        right: Case { plan, server: told(|r, to| until(r, to, Nanos::MAX)) },
        gate: "standstill",
        scope: Scope::Server,
        status: Status::Suspect,
        moved: &[("request_throughput", Value), ("output_token_throughput", Value)],
        beside: &[],
    }
}

/// Ten tokens, where the request comes before that.
fn until(request: &Request<'_>, to: &mut Reply<'_>, until: Nanos) {
    if request.at < until {
        let last = to.tokens(request.at + after_50_ms(request.number), 10, 5 * MILLI);
        to.end(last, &Usage::of(4, 10));
    }
}

fn streams() -> Row {
    let plan = of(open(50.0, 10, None), 500, 4.0);
    Row {
        does: "allows no stream for two of ten seconds",
        wrong: Case {
            plan: plan.clone(),
            server: Kind::Http2(|| Server {
                settings: &[(3, 0)],
                later: Some((2 * SECOND, &[(3, 100)])),
                answer: after_40_ms,
                ..Server::default()
            }),
        },
        right: Case { plan, server: Kind::Http2(|| Server { answer: after_40_ms, ..Server::default() }) },
        gate: "stream_limit",
        scope: Scope::Server,
        status: Status::Suspect,
        moved: &[("time_to_first_token", Avg), ("time_to_first_token", P90)],
        beside: &["missed_seconds"],
    }
}

fn after_40_ms(at: Nanos, key: Key, stream: u32, script: &mut Script) {
    script.send(at + 40 * MILLI, key, chat(stream));
}

/// Latencies are of the others, and here they are the same.
fn refusals() -> Row {
    let plan = closed(4, 160, 4.0);
    Row {
        does: "refuses one request in four",
        wrong: Case { plan: plan.clone(), server: told(|r, to| refused(r, to, r.number % 4 == 3)) },
        right: Case { plan, server: told(|r, to| refused(r, to, false)) },
        gate: "failures",
        scope: Scope::Server,
        status: Status::Suspect,
        moved: &[],
        beside: &[],
    }
}

fn refused(request: &Request<'_>, to: &mut Reply<'_>, refused: bool) {
    if refused {
        return to.send(request.at + 50 * MILLI, "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    }
    until(request, to, Nanos::MAX);
}
