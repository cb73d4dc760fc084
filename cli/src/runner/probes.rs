//! The probes of a search: a plan each, and a judge that ends it when the answer is clear.

use crate::export::{EarlierFiles, OutputLocation};
use crate::flags::environment::Environment;
use crate::flags::values::Grace;
use crate::flags::variants;
use crate::flags::{Axis, CapacityArgs, ProfileArgs};
use crate::live::signals;
use crate::report;
use crate::result::capacity::{Base, Capacity, Probe};
use crate::result::run::{Identity, MOST_AGAIN, RunOutput};
use crate::runner::environment::{environment, planned};
use crate::runner::prepared::Prepared;
use crate::runner::run::{self, Observers};
use crate::terminal::print;
use ringload_engine::capacity::{Judge, Next, Observation, Rule, least};
use ringload_engine::clock::{Nanos, SECOND};
use ringload_engine::measure::RequestMetrics;
use ringload_engine::plan::Plan;
use ringload_engine::record::{Outcome, PhaseKind, Record};
use ringload_engine::run::{Control, check, metrics_of};
use ringload_engine::workload::Workload;
use std::path::Path;

/// Makes probes.
pub(crate) struct ProbeRunner {
    args: ProfileArgs,
    axis: Axis,
    longest_s: f64,
    level: f64,
    /// One request after the other.
    base: Plan,
    fresh_seed: u64,
}

impl ProbeRunner {
    /// Makes probes with the seed of this environment; what was chosen for the user beside it.
    ///
    /// # Errors
    /// When the flags make no plan, with what to write instead.
    pub(crate) fn new(args: &CapacityArgs, environment: Environment) -> anyhow::Result<(Self, Vec<String>)> {
        let mut first = args.profile.clone();
        first.load.concurrency = Some(1);
        first.load.request_count = Some(BASE_REQUESTS);
        let fresh_seed = environment.fresh_seed;
        let planned = planned(&first, environment)?;
        let runner = Self {
            args: args.profile.clone(),
            axis: args.search.axis,
            longest_s: args.search.probe_duration,
            level: args.search.probe_confidence,
            base: planned.plan,
            fresh_seed,
        };
        Ok((runner, planned.notes))
    }

    /// Holds the heaviest load that is asked for against what this machine can have.
    ///
    /// # Errors
    /// What would stop the search when it came there, with what to write instead.
    pub(crate) fn check_heaviest(&self, to: Option<f64>) -> anyhow::Result<()> {
        if let Some(to) = to.filter(|_| self.axis == Axis::Concurrency) {
            let within = |error: ringload_engine::Error| error.within(format!("the search reaches --concurrency {to}"));
            check(&self.plan_of(to, 1)?).map_err(within)?;
        }
        Ok(())
    }

    /// Bounds the length of a probe by how long one answer takes.
    pub(super) fn shorten(&mut self, latency_s: Option<f64>) {
        let many = latency_s.unwrap_or(f64::INFINITY) * ANSWERS;
        self.longest_s = many.clamp(SHORTEST_S, self.longest_s);
    }

    /// What one request after the other asks for.
    pub(crate) fn plan(&self) -> &Plan {
        &self.base
    }

    /// Sends one request after the other, again where the client spoiled that; the files are of the last try.
    ///
    /// # Errors
    /// What stands in the way, with a remedy.
    pub(super) fn base(&self, dir: &Path, earlier: &EarlierFiles, prepared: &mut Prepared) -> anyhow::Result<Base> {
        let dir = dir.join("probe_00_one_at_a_time");
        let mut spoiled_tries = Vec::new();
        let run = loop {
            let plan = match spoiled_tries.len() {
                0 => self.base.clone(),
                tries => variants::again(&self.base, tries),
            };
            let place = Some("before the search: one request at a time".to_owned());
            let run = self.run(plan, (&dir, earlier), prepared, Observers { place, ..Observers::default() })?;
            let stopped = run.outcome.summary.was_cancelled || signals::received();
            if !self.is_spoiled(&run) || spoiled_tries.len() >= MOST_AGAIN || stopped {
                break RunOutput { spoiled_tries, ..run };
            }
            if self.args.output.prints_lines() {
                print(&format!("one at a time:{}", report::AGAIN))?;
            }
            spoiled_tries.push(run.outcome.verdict);
        };
        let spoiled = self.is_spoiled(&run);
        let summary = &run.outcome.summary;
        let latency = run.outcome.metric("request_latency").and_then(|m| m.stats);
        Ok(Base {
            answered: summary.counts.succeeded > 0,
            latency_s: latency.map(|s| s.p50 / 1e3),
            ttft_s: run.outcome.metric("time_to_first_token").and_then(|m| m.stats).map(|s| s.p50 / 1e3),
            good_fraction: summary.goodput.as_ref().map_or(0.0, |g| g.good_request_fraction),
            spoiled,
            run,
        })
    }

    /// Whether the client is in the figures of a run, and that is not allowed.
    fn is_spoiled(&self, run: &RunOutput) -> bool {
        !self.args.output.allow_invalid && run.outcome.verdict.is_spoiled_by_the_client()
    }

    /// Tries one load.
    ///
    /// # Errors
    /// What stands in the way, with a remedy.
    pub(super) fn probe(
        &mut self,
        next: Next,
        number: usize,
        (dir, earlier): (&Path, &EarlierFiles),
        prepared: &mut Prepared,
        capacity: &Capacity,
    ) -> anyhow::Result<Probe> {
        let load = next.load;
        let plan = self.plan_of(load, number)?;
        let base = (capacity.base.latency_s.unwrap_or(1.0) * SECOND as f64) as Nanos;
        let longest = (self.longest_s * SECOND as f64) as Nanos;
        let mut judge = Judge::new(Rule {
            target: capacity.target,
            level: self.level,
            settle: (2 * base).max(SECOND / 2).min(longest / 4),
            least: least(next, &capacity.search, base, longest),
        });
        let mut decided = None;
        let dir = dir.join(format!("probe_{number:02}_{}_{load}", self.axis_name()));
        let most = capacity.search.range.most_probes().max(number);
        let place = format!("probe {number} of at most {most}: {} {load}", self.axis_name());
        let run = if prepared.has_fleet() {
            // Nobody sees the requests of all members while the load goes on: it is judged when it is over.
            let judge = &mut judge;
            let mut judged = |record: &Record, metrics: &RequestMetrics| {
                if record.outcome != Outcome::InFlight {
                    let (at, good) = (&record.instants, metrics.good == Some(true));
                    judge.observe(record.index, Observation { scheduled: at.scheduled, end: at.end, good });
                }
            };
            let observers = Observers { live: None, on_record: Some(&mut judged), place: Some(place) };
            self.run(plan, (&dir, earlier), prepared, observers)?
        } else {
            let (judge, decided, plan_of) = (&mut judge, &mut decided, plan.clone());
            let mut live = |control: &Control, workload: &Workload, record: &Record| {
                if record.phase != PhaseKind::Profiling || record.outcome == Outcome::InFlight {
                    return;
                }
                let good = metrics_of(&plan_of, workload, record).good == Some(true);
                let at = &record.instants;
                judge.observe(record.index, Observation { scheduled: at.scheduled, end: at.end, good });
                if decided.is_none()
                    && let Some(judgement) = judge.look()
                {
                    *decided = Some(judgement);
                    control.enough();
                }
            };
            let observers = Observers { live: Some(&mut live), on_record: None, place: Some(place) };
            self.run(plan, (&dir, earlier), prepared, observers)?
        };
        let summary = &run.outcome.summary;
        let waiting = summary.counts.in_flight_at_end + summary.counts.dropped;
        Ok(Probe {
            load,
            judgement: decided.unwrap_or_else(|| judge.end(waiting)),
            took_s: summary.phase_duration_s,
            interrupted: summary.was_cancelled,
            spoiled: self.is_spoiled(&run),
            run,
        })
    }

    fn run(
        &self,
        plan: Plan,
        (dir, earlier): (&Path, &EarlierFiles),
        prepared: &mut Prepared,
        observers: Observers<'_>,
    ) -> anyhow::Result<RunOutput> {
        let identity = Identity::of(&plan);
        let location = OutputLocation { dir, prefix: self.args.output.base_name(), earlier };
        run::run(plan, prepared, &location, &self.args.output, identity, observers)
    }

    /// What is asked in a probe of a load.
    fn plan_of(&self, load: f64, number: usize) -> anyhow::Result<Plan> {
        let mut args = self.args.clone();
        match self.axis {
            Axis::Rate => args.load.request_rate = Some(load),
            Axis::Concurrency => args.load.concurrency = Some(load as u32),
        }
        args.load.benchmark_duration = Some(self.longest_s);
        args.load.benchmark_grace_period = Some(Grace(Some(self.longest_s)));
        let environment = Environment { fresh_seed: self.fresh_seed, ..environment() };
        let plan = planned(&args, environment)?.plan;
        Ok(variants::probe(plan, number, self.base.prompts.entries))
    }

    fn axis_name(&self) -> &'static str {
        match self.axis {
            Axis::Rate => "rate",
            Axis::Concurrency => "concurrency",
        }
    }
}

/// Answers, one after the other, in a probe that is bounded by them.
const ANSWERS: f64 = 60.0;
/// Seconds of such a probe at least.
const SHORTEST_S: f64 = 2.0;
/// Requests, one after the other, that say what the server does without load.
const BASE_REQUESTS: u64 = 10;
