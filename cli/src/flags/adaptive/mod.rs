//! AIPerf's adaptive search: which settings are varied, what is to become as large or small as it can, and within which
//! bounds.

mod scale;
mod space;
#[cfg(test)]
mod tests;

pub(crate) use scale::ScaleArgs;
pub(crate) use space::{Bound, SearchAxis, Tier, Varied};

use super::{ProfileArgs, values};
use clap::{Args, ValueEnum};
use ringload_engine::optimization::Settings;
use ringload_engine::plan::metric;
use ringload_engine::{Error, Result};

/// AIPerf's adaptive search.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Adaptive search")]
pub(crate) struct AdaptiveArgs {
    /// A setting that is varied until a figure is best: `concurrency:1,1000:int`, `request_rate:0.5,50`, `isl:64,4096`,
    /// `osl:16,1024`, `num_users:1,50` or `prefill_concurrency:1,64`; AIPerf's paths mean the same. Repeatable.
    #[arg(long, value_name = "NAME:LOW,HIGH[:KIND]", value_parser = space::varied, num_args = 1..)]
    pub(crate) search_space: Vec<Varied>,

    /// The figure: a metric's tag, as in the files.
    #[arg(long, value_name = "METRIC", value_parser = values::metric)]
    pub(crate) search_metric: Option<&'static str>,

    /// Which of its statistics [default: avg].
    #[arg(long, value_name = "STAT", value_parser = values::statistic)]
    pub(crate) search_stat: Option<&'static str>,

    /// Whether it is to be large or small [default: what is better of this metric].
    #[arg(long, value_enum, value_name = "DIRECTION")]
    pub(crate) search_direction: Option<Direction>,

    /// Points that are tried at most [default: 30].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) search_max_iterations: Option<u32>,

    /// Points that spread over the space before a model is fitted [default: 5].
    #[arg(long, value_name = "N", value_parser = values::one_count)]
    pub(crate) search_initial_points: Option<u32>,

    /// Seed of where those lie [default: --random-seed, else 0].
    #[arg(long, value_name = "N", value_parser = values::seed)]
    pub(crate) search_random_seed: Option<u64>,

    /// AIPerf's way to search: `bayesian` and `optuna` fit a Gaussian process to what was seen; `monotonic_sla` and
    /// `smooth_isotonic` double one setting until a bound of --search-sla breaks, then halve [default: bayesian].
    #[arg(long, value_name = "PLANNER", value_enum)]
    pub(crate) search_planner: Option<Planner>,

    /// A bound that the best point has to keep: `time_to_first_token:p95:lt:200`, with lt, le, gt or ge. Repeatable.
    #[arg(long, value_name = "METRIC:STAT:OP:BOUND", value_parser = space::bound, num_args = 1..)]
    pub(crate) search_sla: Vec<Bound>,

    /// An SLO tier, `gold:METRIC:STAT:OP:BOUND,…`, of several whose largest values are found in one search over one
    /// setting: a point that is tried counts for all of them. From 2 to 10.
    #[arg(long, value_name = "LABEL:BOUND,…", value_parser = space::tier, num_args = 1..)]
    pub(crate) search_sla_tier: Vec<Tier>,

    /// What a percentile over several repeats is: the mean of theirs. AIPerf's `pooled` is refused.
    #[arg(long, value_name = "MODE", value_parser = pooling)]
    pub(crate) search_percentile_pooling: Option<String>,

    /// For how many seconds the largest value that holds runs once more, of `--adaptive-scale`.
    #[arg(skip)]
    sustain: Option<f64>,
}

/// Whether a figure is to be large or small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Direction {
    /// As large as it can be.
    Maximize,
    /// As small as it can be.
    Minimize,
}

/// AIPerf's ways to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Planner {
    /// A Gaussian process.
    Bayesian,
    /// The same.
    Optuna,
    /// Doubling, then halving.
    MonotonicSla,
    /// The same.
    SmoothIsotonic,
}

impl Planner {
    /// Whether one setting is doubled, then halved.
    pub(crate) fn halves(self) -> bool {
        matches!(self, Self::MonotonicSla | Self::SmoothIsotonic)
    }
}

fn pooling(text: &str) -> std::result::Result<String, String> {
    match text {
        "mean" => Ok(text.to_owned()),
        _ => Err("a figure of several repeats is the mean of theirs: write mean, or leave the flag out".into()),
    }
}

/// What is searched for.
#[derive(Clone, Debug)]
pub(crate) struct AdaptiveSearch {
    /// What is varied.
    pub(crate) space: Vec<Varied>,
    /// Tag of the metric that is to be best.
    pub(crate) metric: &'static str,
    /// Which of its statistics.
    pub(crate) stat: &'static str,
    /// Whether it is to be large.
    pub(crate) maximize: bool,
    /// What the best point has to keep.
    pub(crate) bounds: Vec<Bound>,
    /// The SLO tiers whose largest values are looked for; none where there is one set of bounds alone.
    pub(crate) tiers: Vec<Tier>,
    /// Whether one setting is doubled, then halved.
    pub(crate) halves: bool,
    /// For how many seconds the largest value that holds runs once more, where it does.
    pub(crate) sustain: Option<f64>,
    /// How the space is searched.
    pub(crate) settings: Settings,
}

impl ProfileArgs {
    /// The adaptive search that the flags ask for.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Usage`] where it lacks something, or contradicts other flags.
    pub(crate) fn adaptive_search(&self) -> Result<Option<AdaptiveSearch>> {
        let args = &self.adaptive;
        if args.search_space.is_empty() {
            return match args.orphan() {
                Some(flag) => Err(Error::usage(
                    format!("{flag} without --search-space"),
                    format!("say what is varied, as in --search-space concurrency:1,1000:int; or drop {flag}"),
                )),
                None => Ok(None),
            };
        }
        self.check_adaptive()?;
        let Some(info) = args.search_metric.and_then(metric::find) else {
            return Err(Error::usage(
                "--search-space without --search-metric",
                "name what is to be best, as in --search-metric output_token_throughput",
            ));
        };
        let stat = args.search_stat.filter(|_| info.per_request).unwrap_or("avg");
        let most = args.search_max_iterations.unwrap_or(30);
        let initial = args.search_initial_points.unwrap_or(5.min(most.saturating_sub(1)).max(1));
        if initial >= most {
            return Err(Error::usage(
                format!(
                    "--search-initial-points {initial} with --search-max-iterations {most}: all points would be initial points"
                ),
                "allow more iterations, or begin with fewer points",
            ));
        }
        let halves = args.search_planner.is_some_and(Planner::halves);
        let unbounded = args.search_sla.is_empty() && args.search_sla_tier.is_empty();
        if halves && (args.search_space.len() != 1 || unbounded) {
            return Err(Error::usage(
                "--search-planner: halving takes one --search-space, and a bound of --search-sla to hold it against",
                "add --search-sla, as in time_to_first_token:p95:lt:200; or drop --search-planner",
            ));
        }
        Ok(Some(AdaptiveSearch {
            metric: info.tag,
            stat,
            maximize: args.search_direction.map_or(info.larger_is_better, |d| d == Direction::Maximize),
            bounds: args.search_sla.clone(),
            tiers: args.tiers()?,
            halves,
            sustain: args.sustain,
            settings: Settings {
                dimensions: args.search_space.iter().map(|varied| varied.dimension.clone()).collect(),
                most_trials: most as usize,
                initial_trials: initial as usize,
                patience: PATIENCE,
                seed: args.search_random_seed.or(self.input.random_seed).unwrap_or(0),
            },
            space: args.search_space.clone(),
        }))
    }

    /// Holds a search against the other flags.
    fn check_adaptive(&self) -> Result<()> {
        let other = [
            ("--search-recipe", !self.recipe.is_empty()),
            ("a comma list", self.points.iter().any(|point| point.name.is_none())),
            ("--variant", self.points.iter().any(|point| point.name.is_some())),
            ("--fleet", self.fleet.fleet.is_some()),
            ("--convergence-metric", self.campaign.convergence_metric.is_some()),
            ("the plan of --config", self.given_plan.is_some()),
        ];
        if let Some((flag, _)) = other.iter().find(|(_, given)| *given) {
            return Err(Error::usage(
                format!("{flag} with --search-space: a search chooses its points itself, in one process"),
                "drop one of them",
            ));
        }
        self.check_streams()?;
        let space = &self.adaptive.search_space;
        for (i, varied) in space.iter().enumerate() {
            let flag = varied.axis.flag();
            if space[..i].iter().any(|other| other.axis == varied.axis) {
                return Err(Error::usage(format!("--search-space: {flag} is varied twice"), "drop one of them"));
            }
            if varied.axis.is_given(self) {
                return Err(Error::usage(
                    format!("--{flag} with --search-space {flag}: the search says its value"),
                    format!("drop --{flag}"),
                ));
            }
        }
        Ok(())
    }

    /// Figures of streams are found in streams alone.
    fn check_streams(&self) -> Result<()> {
        let tiers = self.adaptive.tiers()?;
        let bounds = self.adaptive.search_sla.iter().chain(tiers.iter().flat_map(|tier| &tier.bounds));
        let mut asked = self.adaptive.search_metric.into_iter().chain(bounds.map(|bound| bound.metric));
        match asked.find(|tag| !self.endpoint.streaming && metric::find(tag).is_some_and(|info| info.streaming_only)) {
            None => Ok(()),
            Some(tag) => Err(Error::usage(
                format!("{tag} is a metric of streams: without --streaming no run of the search has it"),
                "add --streaming, or search by request_latency",
            )),
        }
    }
}

impl AdaptiveArgs {
    /// Searches for the largest value that keeps bounds, which is then held for a while.
    fn find_largest(&mut self, control: Varied, bounds: Vec<Bound>, runs: Option<u32>, sustain: Option<f64>) {
        self.search_space = vec![control];
        self.search_metric.get_or_insert("request_throughput");
        self.search_planner = Some(Planner::MonotonicSla);
        self.search_sla.extend(bounds);
        self.search_max_iterations = self.search_max_iterations.or(runs);
        self.sustain = sustain;
    }

    /// The SLO tiers, each with a name.
    fn tiers(&self) -> Result<Vec<Tier>> {
        let given = &self.search_sla_tier;
        if given.is_empty() {
            return Ok(Vec::new());
        }
        if self.search_space.len() != 1 {
            return Err(Error::usage(
                "--search-sla-tier with several --search-space: the largest value of one setting is looked for",
                "vary one setting, as in --search-space concurrency:1,1000:int",
            ));
        }
        if !(2..=MOST_TIERS).contains(&given.len()) {
            return Err(Error::usage(
                format!("--search-sla-tier is given {} times", given.len()),
                format!("write it for 2 to {MOST_TIERS} tiers; bounds that hold for all points are --search-sla"),
            ));
        }
        let named = given.iter().enumerate().map(|(i, tier)| match tier.label.is_empty() {
            true => Tier { label: format!("tier_{}", i + 1), ..tier.clone() },
            false => tier.clone(),
        });
        let tiers: Vec<Tier> = named.collect();
        let twice =
            tiers.iter().enumerate().find(|(i, tier)| tiers[..*i].iter().any(|other| other.label == tier.label));
        match twice {
            Some((_, tier)) => Err(Error::usage(
                format!("--search-sla-tier: two tiers are called {}", tier.label),
                "give each a name of its own before its first bound",
            )),
            None => Ok(tiers),
        }
    }

    fn orphan(&self) -> Option<&'static str> {
        let flags = [
            ("--search-metric", self.search_metric.is_some()),
            ("--search-stat", self.search_stat.is_some()),
            ("--search-direction", self.search_direction.is_some()),
            ("--search-max-iterations", self.search_max_iterations.is_some()),
            ("--search-initial-points", self.search_initial_points.is_some()),
            ("--search-random-seed", self.search_random_seed.is_some()),
            ("--search-planner", self.search_planner.is_some()),
            ("--search-sla", !self.search_sla.is_empty()),
            ("--search-sla-tier", !self.search_sla_tier.is_empty()),
            ("--search-percentile-pooling", self.search_percentile_pooling.is_some()),
        ];
        flags.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
    }
}

/// SLO tiers of one search, as AIPerf allows.
const MOST_TIERS: usize = 10;
/// Points in a row that are no better, after which AIPerf ends a search.
const PATIENCE: usize = 10;
