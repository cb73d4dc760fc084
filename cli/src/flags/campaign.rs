//! Runs that are made several times, and sweeps: flags and checks.

use super::{ProfileArgs, values};
use clap::{Args, ValueEnum};
use ringload_engine::campaign::LEAST_RUNS;
use ringload_engine::plan::metric;
use ringload_engine::{Error, Result};

/// Several runs: repeats and sweeps.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Several runs")]
pub(crate) struct CampaignArgs {
    /// Repeats of each run, for the confidence of its figures.
    #[arg(long, visible_alias = "multi-run-count", value_name = "N", default_value = "1", value_parser = values::repeats)]
    pub(crate) num_profile_runs: u32,

    /// Pause between repeats.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = values::not_negative)]
    pub(crate) profile_run_cooldown_seconds: f64,

    /// Confidence of the intervals, between 0 and 1.
    #[arg(long, value_name = "LEVEL", default_value = "0.95", value_parser = values::open_share)]
    pub(crate) confidence_level: f64,

    /// Warm up before the first repeat only; this is the default.
    #[arg(long, overrides_with = "no_profile_run_disable_warmup_after_first")]
    pub(crate) profile_run_disable_warmup_after_first: bool,

    /// Warm up before every repeat.
    #[arg(long, overrides_with = "profile_run_disable_warmup_after_first")]
    pub(crate) no_profile_run_disable_warmup_after_first: bool,

    /// Send the same prompts in all repeats. By default they have one schedule, and prompts of their own.
    #[arg(long, overrides_with = "no_set_consistent_seed", conflicts_with = "vary_seed_per_trial")]
    pub(crate) set_consistent_seed: bool,

    /// As --vary-seed-per-trial.
    #[arg(long, overrides_with = "set_consistent_seed")]
    pub(crate) no_set_consistent_seed: bool,

    /// Use another schedule and other prompts in each repeat, made from --random-seed.
    #[arg(long)]
    pub(crate) vary_seed_per_trial: bool,

    /// Make no more repeats once this metric has settled, after three at least.
    #[arg(long, value_name = "METRIC", value_parser = values::metric)]
    pub(crate) convergence_metric: Option<&'static str>,

    /// Which of its statistics: avg, p50, p90, p95, p99 …
    #[arg(long, value_name = "STAT", default_value = "avg", value_parser = values::statistic, requires = "convergence_metric")]
    pub(crate) convergence_stat: &'static str,

    /// When it has settled: the length of its interval over its mean, its coefficient of variation, or whether the
    /// requests of the latest repeat have the distribution of the earlier ones.
    #[arg(long, value_enum, default_value = "ci_width", requires = "convergence_metric")]
    pub(crate) convergence_mode: Mode,

    /// Bound of --convergence-mode [default: 0.10 for ci_width, 0.05 for the others].
    #[arg(long, value_name = "SHARE", value_parser = values::open_share, requires = "convergence_metric")]
    pub(crate) convergence_threshold: Option<f64>,

    /// How several comma lists combine: every value with every other, or the first with the first.
    #[arg(long, value_enum, default_value = "grid")]
    pub(crate) sweep_type: SweepType,

    /// One point of a sweep, `NAME: concurrency=8, request-count=100`; repeatable, instead of comma lists.
    #[arg(long, visible_alias = "sweep-variant", value_name = "[NAME:] FLAG=VALUE, …")]
    pub(crate) variant: Vec<String>,

    /// Whether all sweep points are repeated in turn, or each point is repeated before the next.
    #[arg(long, value_enum, default_value = "repeated")]
    pub(crate) parameter_sweep_mode: SweepMode,

    /// Pause between sweep points.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = values::not_negative)]
    pub(crate) parameter_sweep_cooldown_seconds: f64,

    /// Use one seed for all sweep points.
    #[arg(long, overrides_with = "no_parameter_sweep_same_seed")]
    pub(crate) parameter_sweep_same_seed: bool,

    /// Use a seed of its own for each sweep point, made from --random-seed; this is the default.
    #[arg(long, overrides_with = "parameter_sweep_same_seed")]
    pub(crate) no_parameter_sweep_same_seed: bool,

    /// Print no line after each sweep point.
    #[arg(long)]
    pub(crate) no_sweep_table: bool,
}

/// When a metric has settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// The interval is short.
    CiWidth,
    /// The coefficient of variation is small.
    Cv,
    /// The distributions are alike.
    Distribution,
}

/// How several comma lists combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SweepType {
    /// Every value with every other.
    Grid,
    /// The first with the first.
    Zip,
}

/// What is the outer loop of a sweep with repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SweepMode {
    /// Repeats outside, sweep points inside.
    Repeated,
    /// Cells outside, repeats inside.
    Independent,
}

impl CampaignArgs {
    /// Whether every repeat warms up.
    pub(crate) fn warms_up_each_time(&self) -> bool {
        self.no_profile_run_disable_warmup_after_first
    }

    /// Whether repeats have seeds of their own.
    pub(crate) fn varies_seeds(&self) -> bool {
        self.vary_seed_per_trial || self.no_set_consistent_seed
    }
}

impl ProfileArgs {
    /// Holds what is asked of several runs against the rest.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Usage`] where `--convergence-metric` can never end the repeats: too few of them, or no
    /// such figure in any.
    pub(crate) fn check_campaign(&self) -> Result<()> {
        check_convergence(self)
    }
}

fn check_convergence(args: &ProfileArgs) -> Result<()> {
    let campaign = &args.campaign;
    let Some(info) = campaign.convergence_metric.and_then(metric::find) else {
        return Ok(());
    };
    let tag = info.tag;
    if (campaign.num_profile_runs as usize) < LEAST_RUNS {
        return Err(Error::usage(
            format!(
                "--convergence-metric {tag} with --num-profile-runs {}: nothing can be said to have settled under {LEAST_RUNS} runs",
                campaign.num_profile_runs
            ),
            format!("write --num-profile-runs {LEAST_RUNS} or more, or drop --convergence-metric"),
        ));
    }
    if campaign.convergence_mode == Mode::Distribution && !info.per_request {
        return Err(Error::usage(
            format!(
                "--convergence-mode distribution compares the values of single requests, and {tag} is one figure of a whole run"
            ),
            "write --convergence-mode ci_width or cv, or a metric of requests, such as --convergence-metric time_to_first_token",
        ));
    }
    let distributed = info.per_request || tag == metric::EFFECTIVE_CONCURRENCY.tag;
    if campaign.convergence_stat != "avg" && !distributed {
        return Err(Error::usage(
            format!(
                "--convergence-stat {}: {tag} is one figure of a whole run, and has no such statistic",
                campaign.convergence_stat
            ),
            "drop --convergence-stat, or name a metric of requests, such as --convergence-metric time_to_first_token",
        ));
    }
    if info.streaming_only && !args.endpoint.streaming {
        return Err(Error::usage(
            format!("--convergence-metric {tag}: without --streaming no request has this metric"),
            "add --streaming, or name request_latency",
        ));
    }
    let of_goodput = [metric::GOODPUT.tag, metric::GOOD_REQUEST_COUNT.tag, metric::GOOD_REQUEST_FRACTION.tag];
    if of_goodput.contains(&tag) && args.load.goodput.is_empty() {
        return Err(Error::usage(
            format!("--convergence-metric {tag}: there are no objectives to be good by"),
            "add --goodput, as in --goodput time_to_first_token:200",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::flags::testing::args;
    use ringload_engine::{Blame, Result};

    fn checked(line: &str) -> Result<()> {
        args(&format!("-m x {line}")).check_campaign()
    }

    #[test]
    fn what_can_never_settle_is_refused_with_the_way_round() {
        for (line, remedy) in [
            ("--convergence-metric request_latency", "--num-profile-runs 3"),
            ("--num-profile-runs 2 --convergence-metric request_latency", "--num-profile-runs 3"),
            (
                "--num-profile-runs 5 --convergence-metric request_throughput --convergence-mode distribution",
                "ci_width or cv",
            ),
            (
                "--num-profile-runs 5 --convergence-metric request_throughput --convergence-stat p99",
                "drop --convergence-stat",
            ),
            ("--num-profile-runs 5 --convergence-metric time_to_first_token", "--streaming"),
            ("--num-profile-runs 5 --convergence-metric goodput", "add --goodput"),
        ] {
            let e = checked(line).unwrap_err();
            assert_eq!(e.blame, Blame::Usage);
            assert!(e.remedy.contains(remedy), "{line}: {e}");
        }
        for line in [
            "--num-profile-runs 2",
            "--num-profile-runs 3 --convergence-metric request_throughput",
            "--num-profile-runs 3 --streaming --convergence-metric time_to_first_token --convergence-mode distribution",
        ] {
            checked(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
    }
}
