//! Flags of the search for the capacity.

use super::{ProfileArgs, values};
use clap::{Args, ValueEnum};

/// What `ringload capacity` takes beside the flags of `ringload profile`.
#[derive(Args, Clone, Debug)]
pub(crate) struct CapacityArgs {
    /// Everything that a run takes.
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,
    /// How the search goes.
    #[command(flatten)]
    pub(crate) search: SearchArgs,
}

/// How the search goes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Capacity")]
pub(crate) struct SearchArgs {
    /// What is raised until it no longer holds: arrivals per second of an open loop, or requests in flight of a closed
    /// one.
    #[arg(long, value_enum, default_value = "rate")]
    pub(crate) axis: Axis,

    /// Share of requests that has to meet every objective of --goodput, as in 95% or 0.95.
    #[arg(long, value_name = "SHARE", default_value = "95%", value_parser = values::target)]
    pub(crate) target: f64,

    /// First load to try [default: what one request after the other makes].
    #[arg(long, value_name = "LOAD", value_parser = values::positive)]
    pub(crate) from: Option<f64>,

    /// Heaviest load to try [default: 100000 arrivals/s, 4096 in flight].
    #[arg(long, value_name = "LOAD", value_parser = values::positive)]
    pub(crate) to: Option<f64>,

    /// How near the bounds of the result have to come, as a share of it.
    #[arg(long, value_name = "SHARE", default_value = "0.02", value_parser = values::open_share)]
    pub(crate) tolerance: f64,

    /// Longest time for one probe; most end earlier.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = values::seconds)]
    pub(crate) probe_duration: f64,

    /// Confidence with which a probe may end early, between 0 and 1.
    #[arg(long, value_name = "LEVEL", default_value = "0.99", value_parser = values::open_share)]
    pub(crate) probe_confidence: f64,
}

/// What is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Axis {
    /// Arrivals per second.
    Rate,
    /// Requests in flight.
    Concurrency,
}
