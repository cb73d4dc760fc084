//! What a gate judges by, and how it states what it found.

use super::asked::Asked;
use super::finding::{Direction, Effect, Finding, Scope, Status};
use super::wording;
use crate::calibration::Used;
use crate::host::HostFacts;
use crate::measure::{ClientShare, Lateness, MARKED, Summary};
use crate::plan::{Load, MetricInfo, Plan, Statistic, metric as tags};

/// A run before its gates.
pub(super) struct Case<'a> {
    pub(super) plan: &'a Plan,
    pub(super) summary: &'a Summary,
    pub(super) host: &'a HostFacts,
    /// What it used of its machine's ceiling, where that is known.
    pub(super) used: Option<&'a Used>,
    asked: Asked,
}

impl<'a> Case<'a> {
    pub(super) fn new(plan: &'a Plan, summary: &'a Summary, host: &'a HostFacts, used: Option<&'a Used>) -> Self {
        Self { plan, summary, host, used, asked: Asked::of(plan, summary) }
    }

    /// The printed value of a figure.
    pub(super) fn value(&self, info: &MetricInfo, statistic: Statistic) -> Option<f64> {
        self.summary.metric(info.tag)?.statistic(statistic)
    }

    /// Whether any figure of a metric was asked for.
    pub(super) fn asks_for(&self, info: &MetricInfo) -> bool {
        self.asked.holds_metric(info.tag)
    }

    /// That a figure can have been moved by so much, in the metric's display unit; `None` where the run does not have
    /// it, or it was not moved.
    pub(super) fn effect(
        &self,
        info: &'static MetricInfo,
        statistic: Statistic,
        direction: Direction,
        most: f64,
    ) -> Option<Effect> {
        let (lower_by, higher_by) = match direction {
            Direction::Raised => (most, 0.0),
            Direction::Lowered => (0.0, most),
            Direction::Either => (most, most),
        };
        self.shifted(info, statistic, lower_by, higher_by)
    }

    /// The same on every figure of a metric that was asked for and is there, by a share of each.
    pub(super) fn effects(&self, info: &'static MetricInfo, direction: Direction, share: f64) -> Vec<Effect> {
        self.effects_by(info, direction, |statistic| {
            self.value(info, statistic).map_or(0.0, |value| share * value.abs())
        })
    }

    /// The same by so much of each statistic, in the metric's display unit.
    pub(super) fn effects_by(
        &self,
        info: &'static MetricInfo,
        direction: Direction,
        most: impl Fn(Statistic) -> f64,
    ) -> Vec<Effect> {
        self.asked_of(info).filter_map(|statistic| self.effect(info, statistic, direction, most(statistic))).collect()
    }

    /// That figures of a metric that were asked for were moved by about so much each, in the metric's display unit.
    pub(super) fn estimates(
        &self,
        info: &'static MetricInfo,
        direction: Direction,
        about: impl Fn(Statistic) -> f64,
    ) -> Vec<Effect> {
        let bounds = self.effects_by(info, direction, about).into_iter();
        bounds.map(|effect| Effect { estimated: true, ..effect }).collect()
    }

    /// What it made of the rates of a closed loop that a request took `ms` longer in the mean (under 0: shorter), and
    /// that responses had `tokens` times fewer tokens: with N slots, N over the latency is their rate.
    pub(super) fn rates_of_slower(&self, ms: f64, tokens: f64) -> Vec<Effect> {
        let latency = self.value(&tags::REQUEST_LATENCY, Statistic::Avg).unwrap_or(0.0);
        let closed = matches!(self.plan.profiling.load, Load::Closed { .. });
        let requests = if closed && latency > ms { latency / (latency - ms) } else { 1.0 };
        let of = |info, times: f64| {
            let direction = if times > 1.0 { Direction::Lowered } else { Direction::Raised };
            self.effects(info, direction, (times - 1.0).abs())
        };
        let rates = [of(&tags::REQUEST_THROUGHPUT, requests), of(&tags::OUTPUT_TOKEN_THROUGHPUT, requests * tokens)];
        rates.concat()
    }

    /// The statistics of a metric by which it is asked for.
    fn asked_of(&self, info: &'static MetricInfo) -> impl Iterator<Item = Statistic> {
        let all = [Statistic::Value, Statistic::Avg, Statistic::P50, Statistic::P90, Statistic::P99];
        all.into_iter().filter(|statistic| self.asked.holds(info.tag, *statistic))
    }

    /// What a kind of the client's lateness can have moved: figures that were asked for, and others by over 1 %.
    pub(super) fn effects_of(&self, lateness: Lateness) -> Vec<Effect> {
        let shares = self.summary.client.shares.iter().filter(|share| share.lateness == lateness);
        let effects = shares.filter_map(|share: &ClientShare| {
            self.shifted(tags::find(share.tag)?, share.statistic, share.lower_by, share.higher_by)
        });
        effects.filter(|effect| effect.asked || effect.share.is_some_and(|share| share > MARKED)).collect()
    }

    /// The printed figure can be lower by so much in truth, or higher by so much.
    fn shifted(
        &self,
        info: &'static MetricInfo,
        statistic: Statistic,
        lower_by: f64,
        higher_by: f64,
    ) -> Option<Effect> {
        let value = self.value(info, statistic)?;
        let most = lower_by.max(higher_by);
        if most <= 0.0 {
            return None;
        }
        let direction = match (lower_by > 0.0, higher_by > 0.0) {
            (true, false) => Direction::Raised,
            (false, true) => Direction::Lowered,
            _ => Direction::Either,
        };
        Some(Effect {
            tag: info.tag,
            statistic,
            direction,
            most,
            estimated: false,
            unit: info.unit,
            share: is_comparable(info, value).then(|| most / value.abs()),
            asked: self.asked.holds(info.tag, statistic),
            decides: self.asked.is_decided_by(info.tag, statistic, value, lower_by, higher_by),
        })
    }
}

/// Whether a figure is large enough to compare a lag with: times from 1 ms on, rates of a user up to what that makes.
/// No model is faster, and a mock that writes a whole response at once would make every run invalid.
fn is_comparable(info: &MetricInfo, value: f64) -> bool {
    match info.unit {
        "ms" => value >= SHORTEST_MS,
        "tokens/sec/user" => value > 0.0 && value <= 1e3 / SHORTEST_MS,
        _ => value != 0.0,
    }
}

/// What `part` of the requests that each took `ms` longer (shorter: [`Direction::Lowered`]) made of a statistic: of the
/// mean that part; of a percentile all of it, where so many of the slowest (or of the fastest) are beyond it.
pub(super) fn by_part(direction: Direction, part: f64, ms: f64) -> impl Fn(Statistic) -> f64 {
    move |statistic| {
        let below = match statistic {
            Statistic::Avg | Statistic::Value => return part * ms,
            Statistic::P99 => 0.99,
            Statistic::P90 => 0.9,
            _ => 0.5,
        };
        let beyond = if direction == Direction::Lowered { below } else { 1.0 - below };
        if part > beyond { ms } else { 0.0 }
    }
}

/// Times under this are not compared with.
pub(super) const SHORTEST_MS: f64 = 1.0;

/// A finding under construction.
#[derive(Debug)]
pub(super) struct Found {
    gate: &'static str,
    scope: Scope,
    least: Status,
    most: Status,
    measured: Option<(f64, Option<f64>, &'static str)>,
    effects: Vec<Effect>,
}

impl Found {
    /// Something that a gate found. Without effects on what was asked for it is a note.
    pub(super) fn new(gate: &'static str, scope: Scope) -> Self {
        Self { gate, scope, least: Status::Valid, most: Status::Invalid, measured: None, effects: Vec::new() }
    }

    /// No milder than that: where what is wrong has no size in a figure.
    pub(super) fn at_least(self, status: Status) -> Self {
        Self { least: self.least.max(status), ..self }
    }

    /// No worse than that: where what moved the figures was asked for.
    pub(super) fn at_most(self, status: Status) -> Self {
        Self { most: status, ..self }
    }

    /// The figure that was held against a bound.
    pub(super) fn measured(self, value: f64, bound: f64, unit: &'static str) -> Self {
        Self { measured: Some((value, Some(bound), unit)), ..self }
    }

    /// A figure without a bound.
    pub(super) fn counted(self, value: u64, unit: &'static str) -> Self {
        Self { measured: Some((value as f64, None, unit)), ..self }
    }

    /// What it can have moved.
    pub(super) fn moving(mut self, effects: impl IntoIterator<Item = Effect>) -> Self {
        self.effects.extend(effects);
        self
    }

    /// What was seen, without its effects, which are added in words; and what to do next.
    pub(super) fn says(self, seen: impl Into<String>, remedy: impl Into<String>) -> Finding {
        let Self { gate, scope, least, most, measured, mut effects } = self;
        let size = |e: &Effect| e.share.unwrap_or(0.0);
        effects
            .sort_by(|a, b| b.status().cmp(&a.status()).then(b.asked.cmp(&a.asked)).then(size(b).total_cmp(&size(a))));
        let status = effects.iter().map(Effect::status).max().map_or(least, |worst| worst.min(most).max(least));
        let (value, bound, unit) = match measured {
            Some((value, bound, unit)) => (Some(value).filter(|v| v.is_finite()), bound, Some(unit)),
            None => (None, None, None),
        };
        let evidence = wording::evidence(seen.into(), &effects);
        Finding { gate, status, scope, value, bound, unit, effects, evidence, remedy: remedy.into() }
    }
}
