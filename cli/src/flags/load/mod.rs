//! When requests are sent, and what counts as good: flags, checks and the phases of the plan.

mod extent;
pub(super) mod limits;
mod objectives;
pub(super) mod rate;
mod series;
mod stage;
#[cfg(test)]
mod tests;

use super::trace::Requests;
use super::units::nanos;
use super::values::{self, Grace};
use clap::{Args, ValueEnum};
pub(super) use objectives::Objectives;
use ringload_engine::plan::{Arrival, Cancellation, Load, Phase, Piece, Threshold};
use ringload_engine::{Error, Result};
use stage::stage;
use std::path::PathBuf;

/// When requests are sent.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadArgs {
    /// Requests in flight: exactly this many without --request-rate [default: 1], at most this many with it.
    #[arg(long, value_name = "N", value_parser = values::one_count)]
    pub(crate) concurrency: Option<u32>,

    /// Mean arrivals per second: an open loop that never waits for responses.
    #[arg(long, value_name = "RATE", value_parser = values::one_rate)]
    pub(crate) request_rate: Option<f64>,

    /// Distribution of the gaps between arrivals [default: poisson; gamma with --arrival-smoothness].
    #[arg(long, visible_alias = "request-rate-mode", value_enum, value_name = "PATTERN")]
    pub(crate) arrival_pattern: Option<Pattern>,

    /// Shape of the gamma pattern: 1 is Poisson, above is smoother, below burstier [default: 1].
    #[arg(long, visible_alias = "vllm-burstiness", value_name = "SHAPE", value_parser = values::positive)]
    pub(crate) arrival_smoothness: Option<f64>,

    /// What happens to an arrival that finds --concurrency reached under --request-rate [default: queue].
    #[arg(long, value_enum, value_name = "POLICY")]
    pub(crate) cap_policy: Option<CapPolicyArg>,

    /// Requests that may wait for their first token at a time, whatever the load; what comes over it waits.
    #[arg(long, value_name = "N", value_parser = values::one_count)]
    pub(crate) prefill_concurrency: Option<u32>,

    /// Arrivals per second that change over time: a file of `offset_s,rate` lines (CSV), or AIPerf's JSON of points.
    #[arg(long, value_name = "FILE")]
    pub(crate) request_rate_series: Option<PathBuf>,

    /// What the rate does between two points of --request-rate-series [default: linear].
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) rate_interpolation: Option<Interpolation>,

    /// A stage of an open loop, one flag each, in order: `rate=5,for=60s`; with `to=20` the rate moves there. The run
    /// ends with the last.
    #[arg(long, value_name = "rate=RATE,for=TIME", value_parser = stage)]
    pub(crate) stage: Vec<Piece>,

    /// Turns per second of --num-users users together, each at a pace of its own: one turn every N/RATE seconds, none
    /// while an earlier one of the same user is unfinished.
    #[arg(long, value_name = "RATE", value_parser = values::one_rate)]
    pub(crate) user_centric_rate: Option<f64>,

    /// Users of --user-centric-rate.
    #[arg(long, value_name = "N", value_parser = values::one_count)]
    pub(crate) num_users: Option<u32>,

    /// Time in which --concurrency opens, from 1 to all.
    #[arg(long, value_name = "SECONDS", value_parser = values::one_seconds)]
    pub(crate) concurrency_ramp_duration: Option<f64>,

    /// Time in which --prefill-concurrency opens, from 1 to all.
    #[arg(long, value_name = "SECONDS", value_parser = values::one_seconds)]
    pub(crate) prefill_concurrency_ramp_duration: Option<f64>,

    /// Time in which --request-rate is reached: from 0, or from a hundredth of it with an exponential ramp.
    #[arg(long, value_name = "SECONDS", value_parser = values::one_seconds)]
    pub(crate) request_rate_ramp_duration: Option<f64>,

    /// How ramps grow: by equal amounts or by equal factors in equal times [default: linear].
    #[arg(long, value_enum, value_name = "SHAPE")]
    pub(crate) ramp_shape: Option<RampShape>,

    /// Requests to send [default: 10 for each of --concurrency; none with --benchmark-duration].
    #[arg(long, visible_alias = "num-requests", value_name = "N", value_parser = values::one_total)]
    pub(crate) request_count: Option<u64>,

    /// Longest time in which requests are sent.
    #[arg(long, value_name = "SECONDS", value_parser = values::one_seconds)]
    pub(crate) benchmark_duration: Option<f64>,

    /// How long to wait for responses after --benchmark-duration; `inf` waits for all [default: 30].
    #[arg(long, value_name = "SECONDS", value_parser = values::grace)]
    pub(crate) benchmark_grace_period: Option<values::Grace>,

    /// Per cent of the requests of the measured phase that are cancelled: their connection is closed, their HTTP/2
    /// stream reset.
    #[arg(long, value_name = "PERCENT", value_parser = values::percent)]
    pub(crate) request_cancellation_rate: Option<f64>,

    /// When they are: so long after the request was fully sent; 0 sends it and disconnects at once [default: 0].
    #[arg(long, value_name = "SECONDS", value_parser = values::delay)]
    pub(crate) request_cancellation_delay: Option<f64>,

    /// End the run early when a larger share of the finished requests has failed: 0 to 1, judged after
    /// max(--concurrency, 10) requests.
    #[arg(long, value_name = "SHARE", value_parser = values::share)]
    pub(crate) failed_request_threshold: Option<f64>,

    /// End the run early with this many failed requests.
    #[arg(long, value_name = "N", value_parser = values::one_total)]
    pub(crate) max_errors: Option<u64>,

    /// Objectives a request must all meet to be good: `time_to_first_token:200 inter_token_latency:50` (display units;
    /// `ttft:200 itl:50` is the same).
    #[arg(long, value_name = "METRIC:VALUE", num_args = 1..)]
    pub(crate) goodput: Vec<String>,

    /// More sets of objectives to judge in the same run: JSON of `{"NAME": ["METRIC:VALUE", …], …}`.
    #[arg(long, value_name = "FILE")]
    pub(crate) slo_file: Option<PathBuf>,

    /// Exit 1 if this holds of the run, or has no samples: `ttft.p99>500ms`, `error_rate>1%`, `goodput@TIER<10`.
    /// Repeatable.
    #[arg(long, value_name = "CONDITION", value_parser = values::threshold)]
    pub(crate) fail_if: Vec<Threshold>,

    /// Exit 1 as well if a condition of --fail-if is undecided: too few samples for its percentile (p99 100, p99.9
    /// 1 000, p99.99 10 000), or the client's own share decides it.
    #[arg(long, requires = "fail_if")]
    pub(crate) fail_if_undecided: bool,
}

/// The distribution of the gaps between arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pattern {
    /// Equal gaps.
    Constant,
    /// Exponential gaps.
    Poisson,
    /// Gamma gaps.
    Gamma,
    /// No gaps: a closed loop, which sends when a slot is free.
    #[value(name = "concurrency_burst")]
    ConcurrencyBurst,
}

/// What a rate does between two points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Interpolation {
    /// It moves from one to the other.
    Linear,
    /// It stays at the earlier one.
    Step,
}

/// How a ramp grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RampShape {
    /// By equal amounts in equal times.
    Linear,
    /// By equal factors in equal times.
    Exponential,
}

/// What happens to an arrival that finds no slot.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CapPolicyArg {
    /// It waits; its latency counts from when it was due.
    Queue,
    /// It is dropped and counted.
    Drop,
}

impl LoadArgs {
    /// The measured phase; a file of rates is read here.
    pub(super) fn plan(
        &self,
        requests: Option<&Requests>,
        sessions: Option<u64>,
        streaming: bool,
        notes: &mut Vec<String>,
    ) -> Result<Phase> {
        profiling(self, requests, sessions, streaming, notes)
    }

    /// Which requests are cancelled, and when.
    pub(super) fn cancellation(&self) -> Result<Option<Cancellation>> {
        cancellation(self)
    }
}

fn profiling(
    args: &LoadArgs,
    requests: Option<&Requests>,
    sessions: Option<u64>,
    streaming: bool,
    notes: &mut Vec<String>,
) -> Result<Phase> {
    let instants = requests.and_then(|r| r.instants.clone());
    one_source(args, instants.is_some())?;
    let load = match (instants, args.user_centric_rate, rate::of(args)?) {
        (Some(trace), ..) => {
            no_pattern(args)?;
            Load::Fixed { trace, cap: limits::cap(args)? }
        }
        (None, Some(rate), _) => users(args, rate)?,
        (None, None, Some(rate)) => Load::Open {
            rate,
            pattern: arrival(args.arrival_pattern, args.arrival_smoothness)?,
            cap: limits::cap(args)?,
        },
        (None, None, None) => closed(args)?,
    };
    lone_users(args)?;
    let prefill = limits::Wanted::main(args).prefill(streaming)?;
    if let (Some(prefill), Some(most)) = (prefill, load.most_in_flight())
        && prefill.concurrency > most
    {
        notes.push(format!(
            "--prefill-concurrency {} never binds: no more than {most} requests are ever in flight",
            prefill.concurrency
        ));
    }
    if args.user_centric_rate.is_some() && requests.is_some_and(|r| r.branches) {
        return Err(Error::usage(
            "--user-centric-rate with a file whose conversations begin others: a user has one after the other",
            "write --concurrency, or leave the load to the timestamps of the file",
        ));
    }
    let extent::Extent { requests, sessions, duration } = extent::extent(args, &load, requests, sessions, notes)?;
    let grace = match (duration, args.benchmark_grace_period) {
        (Some(_), given) => given.unwrap_or(Grace(Some(30.0))).0.map(nanos),
        (None, None) => None,
        (None, Some(_)) => {
            return Err(Error::usage(
                "--benchmark-grace-period without --benchmark-duration: all answers are waited for anyway",
                "add --benchmark-duration SECONDS, or drop the grace period",
            ));
        }
    };
    Ok(Phase { load, prefill, requests, sessions, duration, grace })
}

/// Refuses two flags that each say when requests are sent.
fn one_source(args: &LoadArgs, replayed: bool) -> Result<()> {
    let sources = [
        ("--request-rate", args.request_rate.is_some()),
        ("--request-rate-series", args.request_rate_series.is_some()),
        ("--stage", !args.stage.is_empty()),
        ("--user-centric-rate", args.user_centric_rate.is_some()),
    ];
    let given: Vec<&str> = sources.iter().filter(|s| s.1).map(|s| s.0).collect();
    match given[..] {
        [first, ..] if replayed => Err(Error::usage(
            format!("{first} and the timestamps of --input-file both say when requests are sent"),
            format!("add --no-fixed-schedule to leave the timestamps out, or drop {first}"),
        )),
        [first, second, ..] => Err(Error::usage(
            format!("{first} and {second} both say when requests are sent"),
            format!("drop {first} or {second}"),
        )),
        _ => Ok(()),
    }
}

fn closed(args: &LoadArgs) -> Result<Load> {
    let pattern = args.arrival_pattern.filter(|p| *p != Pattern::ConcurrencyBurst);
    let orphan = [
        ("--arrival-pattern", pattern.is_some()),
        ("--arrival-smoothness", args.arrival_smoothness.is_some()),
        ("--cap-policy", args.cap_policy.is_some()),
    ];
    if let Some((flag, _)) = orphan.iter().find(|(_, given)| *given) {
        return Err(Error::usage(
            format!("{flag} without --request-rate: a closed loop sends when an answer ends, not by a schedule"),
            format!("add --request-rate RATE, or drop {flag}"),
        ));
    }
    limits::Wanted::main(args).closed(args.concurrency)
}

/// The instants of a trace have no pattern but their own.
fn no_pattern(args: &LoadArgs) -> Result<()> {
    let strangers = [
        ("--arrival-pattern", args.arrival_pattern.is_some()),
        ("--arrival-smoothness", args.arrival_smoothness.is_some()),
    ];
    match strangers.iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(Error::usage(
            format!("{flag} where the timestamps of --input-file are replayed"),
            format!("drop {flag}; or write --no-fixed-schedule and --request-rate RATE"),
        )),
        None => Ok(()),
    }
}

fn users(args: &LoadArgs, rate: f64) -> Result<Load> {
    let strangers = [
        ("--concurrency", args.concurrency.is_some()),
        ("--concurrency-ramp-duration", args.concurrency_ramp_duration.is_some()),
        ("--cap-policy", args.cap_policy.is_some()),
        ("--arrival-pattern", args.arrival_pattern.is_some()),
        ("--arrival-smoothness", args.arrival_smoothness.is_some()),
    ];
    if let Some((flag, _)) = strangers.iter().find(|(_, given)| *given) {
        return Err(Error::usage(
            format!(
                "{flag} with --user-centric-rate: users have a pace of their own, and no more than --num-users requests are in flight"
            ),
            format!("drop {flag}, or write --request-rate for a schedule of arrivals"),
        ));
    }
    match args.num_users {
        Some(users) => Ok(Load::Users { rate, users }),
        None => Err(Error::usage(
            "--user-centric-rate without --num-users",
            "add --num-users N: each user sends one request every N/RATE seconds",
        )),
    }
}

fn lone_users(args: &LoadArgs) -> Result<()> {
    if args.num_users.is_some() && args.user_centric_rate.is_none() {
        return Err(Error::usage(
            "--num-users without --user-centric-rate",
            "add --user-centric-rate RATE, or drop --num-users (--concurrency bounds requests in flight)",
        ));
    }
    Ok(())
}

pub(super) fn arrival(pattern: Option<Pattern>, smoothness: Option<f64>) -> Result<Arrival> {
    match (pattern, smoothness) {
        (None, None) | (Some(Pattern::Poisson), None) => Ok(Arrival::Poisson),
        (Some(Pattern::Constant), None) => Ok(Arrival::Constant),
        (None | Some(Pattern::Gamma), smoothness) => Ok(Arrival::Gamma { smoothness: smoothness.unwrap_or(1.0) }),
        (Some(Pattern::Constant | Pattern::Poisson), Some(_)) => Err(Error::usage(
            "--arrival-smoothness shapes the gamma pattern only",
            "write --arrival-pattern gamma, or drop --arrival-smoothness",
        )),
        (Some(Pattern::ConcurrencyBurst), _) => Err(Error::usage(
            "--arrival-pattern concurrency_burst with a rate: it has no gaps, and so no rate",
            "drop the rate and write --concurrency N; or write constant, poisson or gamma",
        )),
    }
}

fn cancellation(args: &LoadArgs) -> Result<Option<Cancellation>> {
    let delay = args.request_cancellation_delay;
    match args.request_cancellation_rate {
        None if delay.is_some() => Err(Error::usage(
            "--request-cancellation-delay without a share of requests to cancel",
            "add --request-cancellation-rate PERCENT, or drop it",
        )),
        None => Ok(None),
        Some(percent) => Ok(Some(Cancellation { share: percent / 100.0, delay: nanos(delay.unwrap_or(0.0)) })),
    }
}
