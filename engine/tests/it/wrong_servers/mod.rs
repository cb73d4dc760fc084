//! Servers that are each wrong in one way, under virtual time, and what the verdict makes of them.
//!
//! A row is a server, and its twin that is right: what the two runs differ by is the truth. The verdict has to name
//! what is wrong, and nothing else; each figure that it says was moved has to be moved that way, by no more than twice
//! and no less than half of what it says. The twin has to be told nothing.

mod load;
mod path;
mod server;
mod workload;

use crate::shared_connections::server as shared;
use crate::simulated;
use ringload_engine::clock::{MILLI, Nanos};
use ringload_engine::host::HostFacts;
use ringload_engine::internal::SimulatedRun;
use ringload_engine::measure::Summary;
use ringload_engine::plan::{Length, Phase, Plan, Statistic};
use ringload_engine::verdict::{Direction, Effect, Finding, Scope, Status, Verdict, judge};
use server::{Answer, Server, Told};
use std::fmt;

/// A server that is wrong, and what has to be said of it.
struct Row {
    /// What it does.
    does: &'static str,
    wrong: Case,
    /// The same run with a server that does not.
    right: Case,
    gate: &'static str,
    scope: Scope,
    status: Status,
    /// Figures that it moved, each of which has to be said.
    moved: &'static [(&'static str, Statistic)],
    /// Other gates that may find more than a note.
    beside: &'static [&'static str],
}

/// A run.
struct Case {
    plan: Plan,
    server: Kind,
}

enum Kind {
    Http1(Told),
    Http2(fn() -> shared::Server),
}

#[test]
fn each_is_named_with_an_effect_within_a_factor_of_two_of_the_truth() {
    let rows: Vec<Row> = [workload::rows(), path::rows(), load::rows()].into_iter().flatten().collect();
    assert!(rows.len() >= 15, "{}", rows.len());
    let wrong: Vec<String> = rows.iter().filter_map(|row| row.check().err()).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

impl Row {
    fn check(&self) -> Result<(), String> {
        let ((wrong, verdict), (right, innocent)) = (self.wrong.play(), self.right.play());
        let fail = |what: &dyn fmt::Display| Err(format!("{}: {what}", self.does));
        let blamed = |f: &Finding| f.status > Status::Valid || f.gate == self.gate && !f.effects.is_empty();
        if innocent.findings.iter().any(blamed) {
            return fail(&format_args!("its twin is told {:?}", innocent.findings));
        }
        let Some(found) = verdict.findings.iter().find(|f| f.gate == self.gate) else {
            return fail(&format_args!("not found: {:?}", verdict.findings));
        };
        if (found.status, found.scope) != (self.status, self.scope) {
            return fail(&format_args!("{found:?}"));
        }
        let other = |f: &&Finding| f.status > Status::Valid && f.gate != self.gate && !self.beside.contains(&f.gate);
        if let Some(other) = verdict.findings.iter().find(other) {
            return fail(&format_args!("told of {other:?}"));
        }
        for (tag, statistic) in self.moved {
            if !found.effects.iter().any(|e| (e.tag, e.statistic) == (*tag, *statistic)) {
                return fail(&format_args!("{tag} {statistic:?} is not said: {:?}", found.effects));
            }
        }
        let off: Vec<String> = found
            .effects
            .iter()
            .filter_map(|effect| compare(effect, figure(&wrong, effect), figure(&right, effect)))
            .collect();
        if off.is_empty() { Ok(()) } else { fail(&off.join("; ")) }
    }
}

/// What is wrong about an effect, if anything is.
fn compare(effect: &Effect, wrong: f64, right: f64) -> Option<String> {
    let truth = wrong - right;
    let none = 0.01 * wrong.abs();
    if truth.abs() <= none && effect.most <= none {
        return None;
    }
    let by_size = (effect.most / 2.0..=effect.most * 2.0).contains(&truth.abs());
    let by_direction = match effect.direction {
        Direction::Raised => truth > 0.0,
        Direction::Lowered => truth < 0.0,
        Direction::Either => true,
    };
    (!by_size || !by_direction).then(|| {
        format!(
            "{} {:?} is {wrong:.2}, {right:.2} of its twin: {:?} by {:.2} is said",
            effect.tag, effect.statistic, effect.direction, effect.most
        )
    })
}

fn figure(summary: &Summary, effect: &Effect) -> f64 {
    let metric = summary.metric(effect.tag).unwrap_or_else(|| panic!("{effect:?}"));
    metric.statistic(effect.statistic).unwrap_or_else(|| panic!("{effect:?}"))
}

impl Case {
    fn play(&self) -> (Summary, Verdict) {
        let run = SimulatedRun::new(&self.plan).merging_segments();
        let summary = match self.server {
            Kind::Http1(told) => run.play(Server::of(told)).summarize(&self.plan),
            Kind::Http2(server) => run.over_http2().play(server()).summarize(&self.plan),
        };
        let verdict = judge(&self.plan, &summary, &HostFacts::default(), None);
        (summary, verdict)
    }
}

/// A server whose connects take no time.
fn told(answer: Answer) -> Kind {
    Kind::Http1(Told { connect: |_| 0, answer })
}

/// So many requests, so many of them in flight, with a prompt of so many tokens each.
fn closed(in_flight: u32, requests: u64, isl: f64) -> Plan {
    of(Phase::closed(in_flight, requests), requests, isl)
}

fn of(phase: Phase, prompts: u64, isl: f64) -> Plan {
    let mut plan = simulated::plan(phase);
    plan.prompts.isl = Length { mean: isl, stddev: 0.0 };
    plan.prompts.entries = usize::try_from(prompts).unwrap();
    plan
}

/// The same that asks for so many output tokens.
fn asking(mut plan: Plan, osl: f64) -> Plan {
    plan.prompts.osl = Some(Length { mean: osl, stddev: 0.0 });
    plan
}

/// When a response to the request of that number begins that takes 50 ms, a little more or less.
fn after_50_ms(number: u64) -> Nanos {
    50 * MILLI + number % 5 * MILLI
}

/// Between two tokens.
const GAP: Nanos = 10 * MILLI;
