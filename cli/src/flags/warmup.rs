//! What is sent before the measured phase: flags, checks and the first phase of the plan.

use super::load::{arrival, limits, rate};
use super::units::nanos;
use super::{LoadArgs, Pattern, values};
use clap::Args;
use ringload_engine::plan::{Load, Phase};
use ringload_engine::{Error, Result};

/// What is sent before the measured phase; its requests are excluded from the results.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Warm-up")]
pub(crate) struct WarmupArgs {
    /// Warm-up requests [default: no warm-up].
    #[arg(long, visible_alias = "num-warmup-requests", value_name = "N", value_parser = values::one_total)]
    pub(crate) warmup_request_count: Option<u64>,

    /// Warm-up conversations, with all of their turns.
    #[arg(long, value_name = "N", value_parser = values::one_total)]
    pub(crate) num_warmup_sessions: Option<u64>,

    /// Longest time in which warm-up requests are sent.
    #[arg(long, value_name = "SECONDS", value_parser = values::one_seconds)]
    pub(crate) warmup_duration: Option<f64>,

    /// Warm-up requests in flight [default: --concurrency].
    #[arg(long, value_name = "N", value_parser = values::one_count)]
    pub(crate) warmup_concurrency: Option<u32>,

    /// Warm-up arrivals per second [default: --request-rate].
    #[arg(long, value_name = "RATE", value_parser = values::one_rate)]
    pub(crate) warmup_request_rate: Option<f64>,

    /// Distribution of the warm-up's gaps [default: --arrival-pattern].
    #[arg(long, value_enum, value_name = "PATTERN")]
    pub(crate) warmup_arrival_pattern: Option<Pattern>,

    /// Warm-up requests that may wait for their first token at a time [default: --prefill-concurrency].
    #[arg(long, value_name = "N", value_parser = values::one_count)]
    pub(crate) warmup_prefill_concurrency: Option<u32>,

    /// Time in which the warm-up's concurrency opens, from 1 to all.
    #[arg(long, value_name = "SECONDS", value_parser = values::one_seconds)]
    pub(crate) warmup_concurrency_ramp_duration: Option<f64>,

    /// Time in which the warm-up's prefill concurrency opens, from 1 to all.
    #[arg(long, value_name = "SECONDS", value_parser = values::one_seconds)]
    pub(crate) warmup_prefill_concurrency_ramp_duration: Option<f64>,

    /// Time in which the warm-up's request rate is reached.
    #[arg(long, value_name = "SECONDS", value_parser = values::one_seconds)]
    pub(crate) warmup_request_rate_ramp_duration: Option<f64>,

    /// How long to wait for responses after --warmup-duration [default: for all].
    #[arg(long, value_name = "SECONDS", value_parser = values::grace)]
    pub(crate) warmup_grace_period: Option<values::Grace>,
}

impl WarmupArgs {
    /// The warm-up, when a count or a duration asks for one; what its flags leave open is as in the measured phase.
    pub(super) fn plan(&self, main: &LoadArgs, streaming: bool) -> Result<Option<Phase>> {
        warmup(self, main, streaming)
    }
}

fn warmup(args: &WarmupArgs, main: &LoadArgs, streaming: bool) -> Result<Option<Phase>> {
    let ends =
        [args.warmup_request_count.is_some(), args.num_warmup_sessions.is_some(), args.warmup_duration.is_some()];
    if !ends.contains(&true) {
        return match warmup_flags(args).iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(Error::usage(
                format!("{flag} without a warm-up"),
                "add --warmup-request-count N or --warmup-duration SECONDS, or drop it",
            )),
            None => Ok(None),
        };
    }
    fills(args)?;
    let concurrency = args.warmup_concurrency.or(main.concurrency);
    let wanted = limits::Wanted::warmup(args, main);
    let pattern = args.warmup_arrival_pattern.or(main.arrival_pattern);
    // It shapes the measured phase; the warm-up where its pattern has a shape.
    let shaped = args.warmup_arrival_pattern.is_none_or(|pattern| pattern == Pattern::Gamma);
    let smoothness = main.arrival_smoothness.filter(|_| shaped);
    // Without gaps it is a closed loop, also before an open one.
    let burst = args.warmup_arrival_pattern == Some(Pattern::ConcurrencyBurst);
    let closed = burst && args.warmup_request_rate.is_none() && args.warmup_request_rate_ramp_duration.is_none();
    let load = match args.warmup_request_rate.or(main.request_rate) {
        _ if closed => wanted.closed(concurrency)?,
        Some(rate) => Load::Open {
            rate: rate::ramped(rate, args.warmup_request_rate_ramp_duration, main.ramp_shape),
            pattern: arrival(pattern, smoothness)?,
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
        prefill: wanted.prefill(streaming)?,
        load,
        requests: args.warmup_request_count,
        sessions: args.num_warmup_sessions,
        duration: args.warmup_duration.map(nanos),
        grace,
    }))
}

/// Refuses a warm-up that ends before as many requests are in flight as it is told to have.
fn fills(args: &WarmupArgs) -> Result<()> {
    let counts =
        [("--warmup-request-count", args.warmup_request_count), ("--num-warmup-sessions", args.num_warmup_sessions)];
    let open = args.warmup_request_rate.is_some() || args.warmup_duration.is_some();
    let short = args.warmup_concurrency.filter(|_| !open).and_then(|concurrency| {
        let (flag, n) = counts.into_iter().find_map(|(flag, n)| Some((flag, n?)))?;
        (n < u64::from(concurrency)).then_some((flag, n, concurrency))
    });
    match short {
        Some((flag, n, concurrency)) => Err(Error::usage(
            format!("{flag} {n} is below --warmup-concurrency {concurrency}: that many would never be in flight"),
            format!("write {flag} {concurrency} or more, or --warmup-concurrency {n}"),
        )),
        None => Ok(()),
    }
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
