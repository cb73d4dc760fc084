//! The search for the capacity: flags and checks.

use super::{ProfileArgs, values};
use clap::{Args, ValueEnum};
use ringload_engine::{Error, Result};

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

    /// A probe takes no longer than many answers one after the other.
    #[arg(skip)]
    pub(crate) by_latency: bool,
}

/// What is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Axis {
    /// Arrivals per second.
    Rate,
    /// Requests in flight.
    Concurrency,
}

impl CapacityArgs {
    /// What a search decides by itself may not be given, and what it rests on must be.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Usage`] with the flag to drop or to add.
    pub(crate) fn check(&self) -> Result<()> {
        let (profile, load) = (&self.profile, &self.profile.load);
        let given = [
            ("--request-rate", load.request_rate.is_some()),
            ("--request-count", load.request_count.is_some()),
            ("--benchmark-duration", load.benchmark_duration.is_some()),
            ("--stage", !load.stage.is_empty()),
            ("--request-rate-series", load.request_rate_series.is_some()),
            ("--user-centric-rate", load.user_centric_rate.is_some()),
            ("--fixed-schedule", profile.trace.fixed_schedule),
            ("--fail-if", !load.fail_if.is_empty()),
            ("--junit", profile.output.junit.is_some()),
            ("--failed-request-threshold", load.failed_request_threshold.is_some()),
            ("--max-errors", load.max_errors.is_some()),
            ("--num-profile-runs", profile.campaign.num_profile_runs > 1),
            ("--variant", !profile.campaign.variant.is_empty()),
            ("--request-cancellation-rate", profile.load.request_cancellation_rate.is_some()),
            ("--concurrency", load.concurrency.is_some() && self.search.axis == Axis::Concurrency),
            ("--search-recipe and its flags", !profile.recipe.is_empty()),
        ];
        if let Some((flag, _)) = given.iter().find(|(_, given)| *given) {
            return Err(Error::usage(
                format!("{flag} with `ringload capacity`: the search decides how much is sent, and for how long"),
                format!("drop {flag}; --from, --to and --probe-duration bound the search"),
            ));
        }
        if load.goodput.is_empty() && !profile.machine.demo {
            return Err(Error::usage(
                "no objective: nothing says when a request is good",
                "add --goodput time_to_first_token:200 inter_token_latency:50 (display units), or what your users expect",
            ));
        }
        if let (Some(from), Some(to)) = (self.search.from, self.search.to)
            && from > to
        {
            return Err(Error::usage(format!("--from {from} is over --to {to}"), "write the lighter load in --from"));
        }
        Ok(())
    }
}
