//! Flags on what is sent before the measured phase.

use super::{Pattern, values};
use clap::Args;

/// What is sent before the measured phase; its requests are excluded from the results.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Warm-up")]
pub(crate) struct WarmupArgs {
    /// Warm-up requests [default: no warm-up].
    #[arg(long, visible_alias = "num-warmup-requests", value_name = "N", value_parser = values::one_total)]
    pub(crate) warmup_request_count: Option<u64>,

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

    /// How long to wait for answers after --warmup-duration [default: for all].
    #[arg(long, value_name = "SECONDS", value_parser = values::grace)]
    pub(crate) warmup_grace_period: Option<values::Grace>,
}
