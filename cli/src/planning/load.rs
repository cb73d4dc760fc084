//! Load flags → phases.

use super::nanos;
use crate::args::values::Grace;
use crate::args::{CapPolicyArg, LoadArgs, Pattern, WarmupArgs};
use ringload_engine::plan::{Arrival, Cap, CapPolicy, Load, Phase};
use ringload_engine::{Error, Result};

/// The measured phase.
pub(crate) fn profiling(args: &LoadArgs, notes: &mut Vec<String>) -> Result<Phase> {
    let load = match args.request_rate {
        Some(rate) => Load::Open {
            rate,
            pattern: arrival(args.arrival_pattern, args.arrival_smoothness)?,
            cap: cap(args)?,
        },
        None => closed(args)?,
    };
    let duration = args.benchmark_duration.map(nanos);
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
    let requests = requests(args, load, notes)?;
    Ok(Phase {
        load,
        requests,
        duration,
        grace,
    })
}

/// The warm-up, when a count or a duration asks for one.
pub(crate) fn warmup(args: &WarmupArgs, main: &LoadArgs) -> Result<Option<Phase>> {
    if args.warmup_request_count.is_none() && args.warmup_duration.is_none() {
        let orphan = [
            ("--warmup-concurrency", args.warmup_concurrency.is_some()),
            ("--warmup-request-rate", args.warmup_request_rate.is_some()),
            (
                "--warmup-arrival-pattern",
                args.warmup_arrival_pattern.is_some(),
            ),
            ("--warmup-grace-period", args.warmup_grace_period.is_some()),
        ];
        return match orphan.iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(Error::usage(
                format!("{flag} without a warm-up"),
                "add --warmup-request-count N or --warmup-duration SECONDS, or drop it",
            )),
            None => Ok(None),
        };
    }
    let concurrency = args.warmup_concurrency.or(main.concurrency);
    let load = match args.warmup_request_rate.or(main.request_rate) {
        Some(rate) => Load::Open {
            rate,
            pattern: arrival(
                args.warmup_arrival_pattern.or(main.arrival_pattern),
                main.arrival_smoothness,
            )?,
            cap: concurrency.map(|concurrency| Cap {
                concurrency,
                policy: policy(main.cap_policy),
            }),
        },
        None if args.warmup_arrival_pattern.is_some() => {
            return Err(Error::usage(
                "--warmup-arrival-pattern without a rate",
                "add --warmup-request-rate RATE, or drop it",
            ));
        }
        None => Load::Closed {
            concurrency: concurrency.unwrap_or(1),
        },
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
        load,
        requests: args.warmup_request_count,
        duration: args.warmup_duration.map(nanos),
        grace,
    }))
}

fn closed(args: &LoadArgs) -> Result<Load> {
    let orphan = [
        ("--arrival-pattern", args.arrival_pattern.is_some()),
        ("--arrival-smoothness", args.arrival_smoothness.is_some()),
        ("--cap-policy", args.cap_policy.is_some()),
    ];
    if let Some((flag, _)) = orphan.iter().find(|(_, given)| *given) {
        return Err(Error::usage(
            format!(
                "{flag} without --request-rate: a closed loop sends when an answer ends, not by a schedule"
            ),
            format!("add --request-rate RATE, or drop {flag}"),
        ));
    }
    Ok(Load::Closed {
        concurrency: args.concurrency.unwrap_or(1),
    })
}

fn arrival(pattern: Option<Pattern>, smoothness: Option<f64>) -> Result<Arrival> {
    match (pattern, smoothness) {
        (None, None) | (Some(Pattern::Poisson), None) => Ok(Arrival::Poisson),
        (Some(Pattern::Constant), None) => Ok(Arrival::Constant),
        (None | Some(Pattern::Gamma), smoothness) => Ok(Arrival::Gamma {
            smoothness: smoothness.unwrap_or(1.0),
        }),
        (Some(Pattern::Constant | Pattern::Poisson), Some(_)) => Err(Error::usage(
            "--arrival-smoothness shapes the gamma pattern only",
            "write --arrival-pattern gamma, or drop --arrival-smoothness",
        )),
    }
}

fn cap(args: &LoadArgs) -> Result<Option<Cap>> {
    match (args.concurrency, args.cap_policy) {
        (None, Some(_)) => Err(Error::usage(
            "--cap-policy without a cap",
            "add --concurrency N, the most requests in flight; or drop --cap-policy",
        )),
        (None, None) => Ok(None),
        (Some(concurrency), given) => Ok(Some(Cap {
            concurrency,
            policy: policy(given),
        })),
    }
}

fn policy(given: Option<CapPolicyArg>) -> CapPolicy {
    match given {
        Some(CapPolicyArg::Drop) => CapPolicy::Drop,
        Some(CapPolicyArg::Queue) | None => CapPolicy::Queue,
    }
}

fn requests(args: &LoadArgs, load: Load, notes: &mut Vec<String>) -> Result<Option<u64>> {
    let concurrency = match load {
        Load::Closed { concurrency } => u64::from(concurrency),
        Load::Open { .. } => 1,
    };
    match (args.request_count, args.benchmark_duration) {
        (Some(n), None) if n < concurrency => Err(Error::usage(
            format!(
                "--request-count {n} is below --concurrency {concurrency}: that many would never be in flight"
            ),
            format!(
                "write --request-count {} or more, or --concurrency {n}",
                concurrency * PER_SLOT
            ),
        )),
        (None, None) => {
            let n = concurrency * PER_SLOT;
            notes.push(format!(
                "no --request-count or --benchmark-duration: {n} requests will be sent"
            ));
            Ok(Some(n))
        }
        (given, _) => Ok(given),
    }
}

/// Requests per slot when nothing says how many. AIPerf sends 10 in all; that is the same for one slot, and for more than ten
/// slots it would never fill them.
const PER_SLOT: u64 = 10;
