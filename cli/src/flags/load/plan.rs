//! Load flags → phases.

use super::{limits as bounds, rate};
use crate::flags::plan::nanos;
use crate::flags::trace::plan::Requests;
use crate::flags::values::Grace;
use crate::flags::{LoadArgs, Pattern, RampShape, WarmupArgs};
use ringload_engine::clock::{Nanos, SECOND};
use ringload_engine::plan::{Arrival, Load, Phase, Rate};
use ringload_engine::schedule::expected_arrivals;
use ringload_engine::{Error, Result};

/// The measured phase.
pub(crate) fn profiling(
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
            Load::Fixed { trace, cap: bounds::cap(args)? }
        }
        (None, Some(rate), _) => users(args, rate)?,
        (None, None, Some(rate)) => Load::Open {
            rate,
            pattern: arrival(args.arrival_pattern, args.arrival_smoothness)?,
            cap: bounds::cap(args)?,
        },
        (None, None, None) => closed(args)?,
    };
    lone_users(args)?;
    let prefill = bounds::Wanted::main(args).prefill(&load, streaming)?;
    let (requests, duration) = extent(args, &load, requests, sessions, notes)?;
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

/// The warm-up, when a count or a duration asks for one.
pub(crate) fn warmup(args: &WarmupArgs, main: &LoadArgs, streaming: bool) -> Result<Option<Phase>> {
    if args.warmup_request_count.is_none() && args.warmup_duration.is_none() {
        return match warmup_flags(args).iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(Error::usage(
                format!("{flag} without a warm-up"),
                "add --warmup-request-count N or --warmup-duration SECONDS, or drop it",
            )),
            None => Ok(None),
        };
    }
    let concurrency = args.warmup_concurrency.or(main.concurrency);
    let wanted = bounds::Wanted::warmup(args, main);
    let load = match args.warmup_request_rate.or(main.request_rate) {
        Some(rate) => Load::Open {
            rate: rate::ramped(rate, args.warmup_request_rate_ramp_duration, main.ramp_shape),
            pattern: arrival(args.warmup_arrival_pattern.or(main.arrival_pattern), main.arrival_smoothness)?,
            cap: wanted.cap(concurrency, main.cap_policy)?,
        },
        None if args.warmup_arrival_pattern.is_some() => {
            return Err(Error::usage(
                "--warmup-arrival-pattern without a rate",
                "add --warmup-request-rate RATE, or drop it",
            ));
        }
        None if args.warmup_request_rate_ramp_duration.is_some() => {
            return Err(Error::usage(
                "--warmup-request-rate-ramp-duration without a rate",
                "add --warmup-request-rate RATE, or drop it",
            ));
        }
        None => wanted.closed(concurrency)?,
    };
    let grace = match (args.warmup_duration, args.warmup_grace_period) {
        (None, Some(_)) => {
            return Err(Error::usage(
                "--warmup-grace-period without --warmup-duration",
                "add --warmup-duration SECONDS, or drop it",
            ));
        }
        (_, given) => given.and_then(|g| g.0).map(nanos),
    };
    Ok(Some(Phase {
        prefill: wanted.prefill(&load, streaming)?,
        load,
        requests: args.warmup_request_count,
        sessions: None,
        duration: args.warmup_duration.map(nanos),
        grace,
    }))
}

fn warmup_flags(args: &WarmupArgs) -> [(&'static str, bool); 8] {
    [
        ("--warmup-concurrency", args.warmup_concurrency.is_some()),
        ("--warmup-request-rate", args.warmup_request_rate.is_some()),
        ("--warmup-arrival-pattern", args.warmup_arrival_pattern.is_some()),
        ("--warmup-prefill-concurrency", args.warmup_prefill_concurrency.is_some()),
        ("--warmup-concurrency-ramp-duration", args.warmup_concurrency_ramp_duration.is_some()),
        ("--warmup-prefill-concurrency-ramp-duration", args.warmup_prefill_concurrency_ramp_duration.is_some()),
        ("--warmup-request-rate-ramp-duration", args.warmup_request_rate_ramp_duration.is_some()),
        ("--warmup-grace-period", args.warmup_grace_period.is_some()),
    ]
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
    bounds::Wanted::main(args).closed(args.concurrency)
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

fn arrival(pattern: Option<Pattern>, smoothness: Option<f64>) -> Result<Arrival> {
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

/// Requests and duration: as given; else a rate that moves lasts as long as it says, and anything else sends a few
/// requests a slot.
fn extent(
    args: &LoadArgs,
    load: &Load,
    requests: Option<&Requests>,
    sessions: Option<u64>,
    notes: &mut Vec<String>,
) -> Result<(Option<u64>, Option<Nanos>)> {
    let duration = args.benchmark_duration.map(nanos);
    if let (Load::Fixed { .. }, Some(file)) = (load, requests) {
        let all = file.turns;
        let asked = args.request_count.unwrap_or(all);
        return Ok((Some(asked.min(all)), duration));
    }
    let slots = match load {
        Load::Closed { concurrency, .. } => u64::from(*concurrency),
        Load::Users { users, .. } => u64::from(*users),
        Load::Open { .. } | Load::Fixed { .. } => 1,
    };
    let counts = [("--request-count", args.request_count), ("--num-conversations", sessions)];
    for (flag, n) in counts {
        if let (Some(n), None, Load::Closed { concurrency, .. }) = (n, duration, load)
            && n < u64::from(*concurrency)
        {
            return Err(Error::usage(
                format!("{flag} {n} is below --concurrency {concurrency}: that many would never be in flight"),
                format!("write {flag} {} or more, or --concurrency {n}", slots * PER_SLOT),
            ));
        }
    }
    if args.request_count.is_some() || sessions.is_some() || duration.is_some() {
        return Ok((args.request_count, duration));
    }
    if let Load::Open { rate, .. } = load
        && let Some(length) = own_length(args, rate)
    {
        notes.push(format!(
            "no --request-count or --benchmark-duration: the load lasts {} s, as its rate says, for about {:.0} requests",
            length as f64 / SECOND as f64,
            expected_arrivals(rate, length)
        ));
        return Ok((None, Some(length)));
    }
    if let Some(requests) = requests {
        return Ok((Some(requests.turns), None));
    }
    let n = slots * PER_SLOT;
    notes.push(format!("no --request-count or --benchmark-duration: {n} requests will be sent"));
    Ok((Some(n), None))
}

/// How long stages or a series last; a ramp alone goes on for ever.
fn own_length(args: &LoadArgs, rate: &Rate) -> Option<Nanos> {
    let says = args.request_rate_series.is_some() || !args.stage.is_empty();
    Some(rate.lasting()).filter(|length| says && *length > 0)
}

/// A ramp's shape is nothing without a ramp.
pub(crate) fn shaped_ramp(main: &LoadArgs, warmup: &WarmupArgs) -> Result<()> {
    let ramps = [
        main.concurrency_ramp_duration,
        main.prefill_concurrency_ramp_duration,
        main.request_rate_ramp_duration,
        warmup.warmup_concurrency_ramp_duration,
        warmup.warmup_prefill_concurrency_ramp_duration,
        warmup.warmup_request_rate_ramp_duration,
    ];
    match main.ramp_shape {
        Some(shape) if ramps.iter().all(Option::is_none) => Err(Error::usage(
            format!(
                "--ramp-shape {} without a ramp",
                match shape {
                    RampShape::Linear => "linear",
                    RampShape::Exponential => "exponential",
                }
            ),
            "add --request-rate-ramp-duration or --concurrency-ramp-duration SECONDS, or drop it",
        )),
        _ => Ok(()),
    }
}

/// Requests per slot when nothing says how many. AIPerf sends 10 in all; that is the same for one slot, and for more
/// than ten slots it would never fill them.
const PER_SLOT: u64 = 10;
