//! One core under the loads of a calibration: a server and a plan each.

use crate::flags::CalibrateArgs;
use crate::flags::Proxies;
use crate::flags::environment::Environment;
use crate::flags::variants::{self, StepLoad};
use crate::live::signals;
use crate::runner::environment::{environment, planned};
use crate::runner::server;
use ringload_engine::calibration::{Load, Machine, Shape, Step};
use ringload_engine::clock::{Nanos, SECOND};
use ringload_engine::host::HostFacts;
use ringload_engine::measure::{Distribution, Summary};
use ringload_engine::plan::{Load as Loop, Plan, Target};
use ringload_engine::record::Record;
use ringload_engine::run::{self, Control, Run};
use ringload_engine::verdict::{Status, judge};
use ringload_engine::workload::Workload;
use ringload_engine::{Error, Result};
use ringload_mock::truth::Served;
use ringload_mock::{Config, Jitter, Protocol, Server, Timing, TlsConfig};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Makes the loads.
pub(crate) struct StepRunner {
    /// What every load has in common.
    plan: Plan,
    core: usize,
    /// Cores that a run of these flags has.
    cores: usize,
    servers: Vec<usize>,
    length: Nanos,
    /// Requests in flight, all of them on the one core.
    pub(super) streams: u32,
    /// Output tokens of a long answer.
    pub(super) tokens: u32,
}

/// A load that was tried.
pub(super) struct MeasuredStep {
    pub(super) step: Step,
    pub(super) load: Load,
    pub(super) shape: Option<Shape>,
    pub(super) machine: Machine,
    pub(super) interrupted: bool,
}

impl StepRunner {
    /// From the flags of a run: its protocol, its driver, its answers, and what one of its cores has to carry.
    ///
    /// # Errors
    /// When the flags make no plan, with what to write instead.
    pub(crate) fn new(args: &CalibrateArgs) -> anyhow::Result<Self> {
        let length_s = args.measure.calibrate_seconds / MOST_STEPS;
        // Nothing is sent to the targets.
        let environment = Environment { proxies: Proxies::default(), ..environment() };
        let plan = planned(&args.profile, environment)?.plan;
        let cores = run::cores(&plan)?;
        let allowed = server::allowed_cores();
        let core = *cores.last().ok_or_else(no_core)?;
        let tokens = plan.prompts.osl.map_or(USUAL_TOKENS, |l| l.mean);
        let in_flight = in_flight(&plan, tokens) / cores.len() as f64;
        let streams = in_flight.ceil().clamp(1.0, MOST_STREAMS) as u32;
        Ok(Self {
            core,
            cores: cores.len(),
            servers: allowed.into_iter().filter(|c| *c != core).collect(),
            length: (length_s * SECOND as f64) as Nanos,
            streams,
            // So many that each stream ends within the step, whatever their number.
            tokens: tokens.min(MOST_IN_ALL / f64::from(streams)).max(LEAST_TOKENS) as u32,
            plan: variants::calibration(plan, core),
        })
    }

    /// Cores that a run of these flags has.
    pub(crate) fn cores(&self) -> usize {
        self.cores
    }

    /// Whether the server has a core of its own.
    pub(crate) fn alone(&self) -> bool {
        !self.servers.is_empty()
    }

    /// Whether answers are streamed.
    pub(super) fn streaming(&self) -> bool {
        self.plan.streaming
    }

    /// Requests in flight on the core that is measured.
    pub(crate) fn in_flight(&self) -> u32 {
        self.streams
    }

    /// Output tokens of an answer of the run.
    pub(crate) fn answer_tokens(&self) -> f64 {
        self.plan.prompts.osl.map_or(USUAL_TOKENS, |length| length.mean)
    }

    /// The core that is measured.
    pub(crate) fn core(&self) -> usize {
        self.core
    }

    /// Streams that together put out so many tokens a second, each at its own time.
    ///
    /// # Errors
    /// What stands in the way, with a remedy.
    pub(super) fn paced(&self, kind: &str, tokens_per_s: f64) -> anyhow::Result<MeasuredStep> {
        let gap = Duration::from_secs_f64(f64::from(self.streams) / tokens_per_s);
        let timing = Timing::Fixed {
            ttft: gap,
            itl: gap,
            // So that streams that began together do not stay together.
            jitter: Jitter::Uniform { share: 0.5 },
        };
        self.run(kind, timing, self.tokens)
    }

    /// Answers of one token (of the run's length, where they are not streamed), as fast as they come.
    ///
    /// # Errors
    /// What stands in the way, with a remedy.
    pub(super) fn requests(&self) -> anyhow::Result<MeasuredStep> {
        let tokens = if self.streaming() { 1 } else { self.tokens };
        self.run("requests", Timing::Unpaced, tokens)
    }

    /// Whole answers, so many a second.
    ///
    /// # Errors
    /// What stands in the way, with a remedy.
    pub(super) fn whole(&self, kind: &str, requests_per_s: f64) -> anyhow::Result<MeasuredStep> {
        let timing = Timing::Fixed {
            ttft: Duration::from_secs_f64(f64::from(self.streams) / requests_per_s),
            itl: Duration::ZERO,
            jitter: Jitter::Uniform { share: 0.5 },
        };
        self.run(kind, timing, self.tokens)
    }

    /// The records of some streams, in a load of this `shape`, and what the server noted of them.
    ///
    /// # Errors
    /// What stands in the way, with a remedy.
    pub(super) fn noted(
        &self,
        timing: Timing,
        streams: u32,
        tokens: u32,
        shape: impl FnOnce(Plan) -> Plan,
    ) -> anyhow::Result<(Vec<Record>, Vec<Served>)> {
        let server = self.server(timing, true)?;
        let plan = shape(self.plan_for(&server, streams, tokens)?);
        let mut records = Vec::new();
        let (summary, _) = self.drive(&plan, &mut |record| records.push(record.clone()))?;
        if records.is_empty() && !signals::received() {
            return Err(unanswered(&summary).into());
        }
        Ok((records, settled(&server)))
    }

    fn plan_for(&self, server: &Server, streams: u32, tokens: u32) -> Result<Plan> {
        let scheme = if self.tls() { "https" } else { "http" };
        let target = Target::parse(&format!("{scheme}://{}", server.addr()))?;
        Ok(variants::step(&self.plan, StepLoad { target, streams, tokens, length: self.length }))
    }

    fn tls(&self) -> bool {
        self.plan.targets.first().is_some_and(|t| t.tls)
    }

    fn run(&self, kind: &str, timing: Timing, tokens: u32) -> anyhow::Result<MeasuredStep> {
        let server = self.server(timing, false)?;
        let plan = self.plan_for(&server, self.streams, tokens)?;
        let (summary, host) = self.drive(&plan, &mut |_| ())?;
        // Its threads have done their part; what they take to end is not measured.
        drop(server);
        let interrupted = summary.was_cancelled || signals::received();
        if summary.client.events == 0 && summary.counts.succeeded == 0 && !interrupted {
            return Err(unanswered(&summary).into());
        }
        let verdict = judge(&plan, &summary, &host, None);
        Ok(MeasuredStep {
            step: step(kind, &summary, verdict.status),
            load: load(&summary),
            shape: Shape::of(&plan, &summary).map(|shape| Shape { streams_per_core: f64::from(self.streams), ..shape }),
            machine: Machine::of(&host),
            interrupted,
        })
    }

    /// Plays a plan; `see` is shown its records.
    fn drive(&self, plan: &Plan, see: &mut dyn FnMut(&Record)) -> anyhow::Result<(Summary, HostFacts)> {
        let prepared = plan.clone();
        let workload = Arc::new(signals::unless_stopped(move || Workload::prepare(&prepared))??);
        let workers = run::cores(plan)?;
        let control = Arc::new(Control::new(workers.len()));
        let host = HostFacts::read_start();
        let mut finished = {
            let _loading = signals::loading(&control);
            Run::with(plan, Arc::clone(&workload), Arc::clone(&control))?.drive(None)?
        };
        if let Some(error) = finished.take_failure() {
            return Err(error.into());
        }
        let host = host.finish();
        let summary = run::summarize(plan, &workload, finished, &mut |record, _| see(record))?;
        Ok((summary, host))
    }

    fn server(&self, timing: Timing, truth: bool) -> Result<Server> {
        server::start(Config {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            threads: self.servers.len().clamp(1, MOST_SERVER_THREADS),
            cores: self.servers.clone(),
            timing,
            tls: self.tls().then(TlsConfig::default),
            truth,
            protocol: Protocol::Auto,
            ..Config::default()
        })
    }
}

/// What a server noted, once it notes nothing more: a request is noted a little after its last write.
fn settled(server: &Server) -> Vec<Served> {
    let until = Instant::now() + SETTLE;
    let mut served = server.truth().served;
    loop {
        thread::sleep(PAUSE);
        let now = server.truth().served;
        if now.len() == served.len() || Instant::now() >= until {
            return now;
        }
        served = now;
    }
}

/// Requests in flight that the plan makes. An open loop without a bound has as many as its highest rate makes with the
/// answers of a server at 50 tokens a second, after half a second (Little's law).
fn in_flight(plan: &Plan, tokens: f64) -> f64 {
    let answer_s = 0.5 + tokens / 50.0;
    let load = &plan.profiling.load;
    match (load.most_in_flight(), load) {
        (Some(most), _) => f64::from(most),
        (None, Loop::Open { rate, .. }) => rate.highest() * answer_s,
        (None, Loop::Fixed { trace, .. }) => {
            let last = trace.0.last().copied().unwrap_or(0).max(SECOND);
            trace.0.len() as f64 / (last as f64 / SECOND as f64) * answer_s
        }
        (None, Loop::Closed { .. } | Loop::Users { .. }) => 1.0,
    }
}

fn load(summary: &Summary) -> Load {
    let seconds =
        |of: fn(&ringload_engine::measure::CoreFigures) -> f64| -> f64 { summary.client.cores.iter().map(of).sum() };
    Load {
        requests: summary.counts.issued as f64,
        events: summary.client.events as f64,
        user_ns: seconds(|c| c.user_s) * 1e9,
        system_ns: seconds(|c| c.system_s) * 1e9,
    }
}

fn step(kind: &str, summary: &Summary, verdict: Status) -> Step {
    let client = &summary.client;
    let seconds = summary.phase_duration_s.max(1e-9);
    let p99 = |lag: &Option<Distribution>| {
        let p99 = lag.as_ref()?.percentile("p99")?;
        Some(p99.ms)
    };
    let core = client.cores.first();
    Step {
        kind: kind.into(),
        seconds,
        events_per_s: client.events as f64 / seconds,
        requests_per_s: summary.counts.issued as f64 / seconds,
        busy_share: core.map_or(0.0, |c| c.busy_share),
        user_share: core.map_or(0.0, |c| c.user_s / seconds),
        coalesced_share: client.coalesced_share,
        receive_lag_p99_ms: p99(&client.receive_lag),
        dispatch_lag_p99_ms: p99(&client.dispatch_lag),
        verdict: verdict.word().into(),
    }
}

fn unanswered(summary: &Summary) -> Error {
    let why = summary.errors.first().map_or_else(|| "no reason is known".into(), |e| e.message.clone());
    Error::environment(
        format!("the built-in server answered nothing over loopback: {why}"),
        "leave out flags that shape the connection (--tls-min, --tls-max, --tcp-send-buffer …) one by one, and look at the limits of open files and of local ports",
    )
}

fn no_core() -> Error {
    Error::environment("there is no core to calibrate", "widen the affinity mask, or name a core in --cores")
}

/// Five for tokens, one at half the ceiling, one for requests; none is longer than its part.
const MOST_STEPS: f64 = 7.0;
const USUAL_TOKENS: f64 = 128.0;
const LEAST_TOKENS: f64 = 8.0;
const MOST_IN_ALL: f64 = 100_000.0;
const MOST_STREAMS: f64 = 4_096.0;
const MOST_SERVER_THREADS: usize = 16;
/// How long, and how often, it is looked whether a server still notes something.
const SETTLE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);
