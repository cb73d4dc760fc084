//! AIPerf's search recipes: the largest load that holds an agreement on latency is searched for as `ringload capacity`
//! does; curves are sweeps.

mod ranges;

use super::sweep::{SweepPointLine, replaced};
use super::{Axis, LoadArgs, ProfileArgs, SearchArgs, values};
use clap::{Args, ValueEnum};
use ringload_engine::{Error, Result};
use std::ffi::OsString;

/// AIPerf's search recipes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Search recipes")]
pub(crate) struct RecipeArgs {
    /// AIPerf's recipe. Those of a largest load are searched for as `ringload capacity --axis concurrency` does; the
    /// others are sweeps.
    #[arg(long, value_enum, value_name = "RECIPE")]
    pub(crate) search_recipe: Option<Recipe>,

    /// Most milliseconds to the first token of a good request.
    #[arg(long, value_name = "MS", value_parser = values::positive)]
    pub(crate) ttft_sla_ms: Option<f64>,

    /// Most milliseconds between tokens of a good request.
    #[arg(long, visible_alias = "tpot-sla-ms", value_name = "MS", value_parser = values::positive)]
    pub(crate) itl_sla_ms: Option<f64>,

    /// Most milliseconds of a good request, from its issue to its end.
    #[arg(long, value_name = "MS", value_parser = values::positive)]
    pub(crate) e2e_sla_ms: Option<f64>,

    /// Share of requests that has to be good [default: 0.95].
    #[arg(long, value_name = "SHARE", value_parser = values::open_share)]
    pub(crate) slo_attainment_fraction: Option<f64>,

    /// AIPerf's way to search. ringload's own is taken whatever it says, and a note says so.
    #[arg(long, value_name = "STYLE")]
    pub(crate) search_style: Option<String>,

    /// Lightest concurrency of a recipe [default: 1].
    #[arg(long, value_name = "N", value_parser = values::one_count)]
    pub(crate) concurrency_min: Option<u32>,

    /// Heaviest concurrency of a recipe [default: 1000; 200 of decode-itl-curve].
    #[arg(long, value_name = "N", value_parser = values::one_count)]
    pub(crate) concurrency_max: Option<u32>,

    /// Values of the concurrency of a curve [default: 8; 6 of decode-itl-curve].
    #[arg(long, value_name = "N", value_parser = values::one_count)]
    pub(crate) concurrency_steps: Option<u32>,

    /// Shortest prompt of prefill-ttft-curve [default: 256].
    #[arg(long, value_name = "TOKENS", value_parser = values::one_count)]
    pub(crate) isl_min: Option<u32>,

    /// Longest prompt of prefill-ttft-curve [default: 32768].
    #[arg(long, value_name = "TOKENS", value_parser = values::one_count)]
    pub(crate) isl_max: Option<u32>,

    /// Lengths of prompts of prefill-ttft-curve [default: 8].
    #[arg(long, value_name = "N", value_parser = values::one_count)]
    pub(crate) isl_steps: Option<u32>,

    /// Shortest output of decode-itl-curve [default: 64].
    #[arg(long, value_name = "TOKENS", value_parser = values::one_count)]
    pub(crate) osl_min: Option<u32>,

    /// Longest output of decode-itl-curve [default: 1024].
    #[arg(long, value_name = "TOKENS", value_parser = values::one_count)]
    pub(crate) osl_max: Option<u32>,

    /// Lengths of outputs of decode-itl-curve [default: 4].
    #[arg(long, value_name = "N", value_parser = values::one_count)]
    pub(crate) osl_steps: Option<u32>,

    /// Lengths of pareto-sweep: `128/128,512/256`.
    #[arg(long, value_name = "ISL/OSL,…", value_delimiter = ',', value_parser = pair)]
    pub(crate) isl_osl_pairs: Vec<(u32, u32)>,

    /// Share by which concurrency-ramp lets a latency grow over that of the lightest load: the first load beyond is the
    /// knee, in the report and in sweep_aggregate/degradation_knee.json [default: 0.2].
    #[arg(long, value_name = "SHARE", value_parser = values::positive)]
    pub(crate) degradation_threshold: Option<f64>,

    /// The metric that shows the knee of concurrency-ramp [default: request_latency].
    #[arg(long, value_name = "METRIC", value_parser = values::metric)]
    pub(crate) degradation_metric_tag: Option<&'static str>,

    /// Which of its statistics [default: p99].
    #[arg(long, value_name = "STAT", value_parser = values::statistic)]
    pub(crate) degradation_stat: Option<&'static str>,
}

/// What makes the knee of a ramp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Degradation {
    /// Tag of the metric.
    pub(crate) metric: &'static str,
    /// Which of its statistics.
    pub(crate) stat: &'static str,
    /// The share by which it may grow.
    pub(crate) share: f64,
}

/// A recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Recipe {
    /// The most output under a bound on the time to the first token.
    MaxThroughputTtftSla,
    /// The most output under a bound on the time between tokens.
    MaxThroughputItlSla,
    /// The most requests in flight under bounds.
    MaxConcurrencyUnderSla,
    /// The most good requests under objectives that each has to meet.
    MaxGoodputUnderSlo,
    /// Latency by concurrency.
    ConcurrencyRamp,
    /// Time to the first token by prompt length.
    PrefillTtftCurve,
    /// Time between tokens by concurrency and output length.
    DecodeItlCurve,
    /// Pairs of lengths by concurrency.
    ParetoSweep,
}

fn pair(text: &str) -> std::result::Result<(u32, u32), String> {
    let both = text.trim().split_once('/').and_then(|(isl, osl)| {
        let number = |text: &str| text.trim().parse::<u32>().ok().filter(|n| *n > 0);
        Some((number(isl)?, number(osl)?))
    });
    both.ok_or_else(|| "write ISL/OSL, as in 128/128".into())
}

impl RecipeArgs {
    /// The points of a recipe that is a sweep; none where there is no such recipe.
    pub(super) fn points(&self, argv: &[OsString], profile: &clap::Command) -> Option<Vec<SweepPointLine>> {
        let numbers = |from: Option<u32>, to: Option<u32>, steps: Option<u32>, usual: (u32, u32, u32)| {
            spaced(from.unwrap_or(usual.0), to.unwrap_or(usual.1), steps.unwrap_or(usual.2))
        };
        let concurrencies = |usual| numbers(self.concurrency_min, self.concurrency_max, self.concurrency_steps, usual);
        let cells: Vec<Vec<(&str, u32)>> = match self.search_recipe? {
            Recipe::ConcurrencyRamp => {
                concurrencies((1, 1000, 8)).into_iter().map(|c| vec![("concurrency", c)]).collect()
            }
            Recipe::PrefillTtftCurve => {
                let lengths = numbers(self.isl_min, self.isl_max, self.isl_steps, (256, 32_768, 8));
                lengths.into_iter().map(|isl| vec![(ISL, isl)]).collect()
            }
            Recipe::DecodeItlCurve => {
                let lengths = numbers(self.osl_min, self.osl_max, self.osl_steps, (64, 1024, 4));
                let each =
                    |c: u32| lengths.iter().map(move |osl| vec![("concurrency", c), (OSL, *osl)]).collect::<Vec<_>>();
                concurrencies((1, 200, 6)).into_iter().flat_map(each).collect()
            }
            Recipe::ParetoSweep => self.isl_osl_pairs.iter().map(|(isl, osl)| vec![(ISL, *isl), (OSL, *osl)]).collect(),
            _ => return None,
        };
        let line = |cell: Vec<(&str, u32)>| {
            let values: Vec<(String, String)> =
                cell.iter().map(|(flag, n)| ((*flag).to_owned(), n.to_string())).collect();
            let argv = values.iter().fold(argv.to_vec(), |argv, (flag, value)| replaced(argv, flag, value, profile));
            SweepPointLine { name: None, values, argv }
        };
        Some(cells.into_iter().map(line).collect())
    }

    /// What of it is taken and changes nothing.
    pub(super) fn notes(&self) -> Vec<String> {
        let foreign = self
            .ranges()
            .into_iter()
            .filter(|range| !range.applies)
            .filter_map(|range| range.given)
            .map(|flag| format!("{flag} changes nothing: this recipe does not vary it"));
        let style = self.search_style.as_ref().map(|style| {
            format!("--search-style {style} changes nothing: loads are doubled, then halved, and each probe is judged while it runs")
        });
        let ramp = self.search_recipe == Some(Recipe::ConcurrencyRamp);
        let knee = self
            .degradation_flag()
            .filter(|_| !ramp)
            .map(|flag| format!("{flag} changes nothing: it says where the knee of concurrency-ramp is"));
        let knee = knee.filter(|_| self.search_recipe.is_some());
        style.into_iter().chain(knee).chain(foreign.filter(|_| self.search_recipe.is_some())).collect()
    }

    /// What makes the knee, where the recipe looks for one.
    pub(crate) fn degradation(&self) -> Option<Degradation> {
        (self.search_recipe == Some(Recipe::ConcurrencyRamp)).then(|| Degradation {
            metric: self.degradation_metric_tag.unwrap_or("request_latency"),
            stat: self.degradation_stat.unwrap_or("p99"),
            share: self.degradation_threshold.unwrap_or(0.2),
        })
    }

    /// The first flag of the knee that is given.
    fn degradation_flag(&self) -> Option<&'static str> {
        let flags = [
            ("--degradation-threshold", self.degradation_threshold.is_some()),
            ("--degradation-metric-tag", self.degradation_metric_tag.is_some()),
            ("--degradation-stat", self.degradation_stat.is_some()),
        ];
        flags.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }

    /// Whether nothing of it is asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.search_recipe.is_none() && self.orphan().is_none()
    }

    /// Whether a recipe searches for a largest load.
    fn searches(&self) -> bool {
        use Recipe::{MaxConcurrencyUnderSla, MaxGoodputUnderSlo, MaxThroughputItlSla, MaxThroughputTtftSla};
        let searching = [MaxConcurrencyUnderSla, MaxGoodputUnderSlo, MaxThroughputItlSla, MaxThroughputTtftSla];
        self.search_recipe.is_some_and(|recipe| searching.contains(&recipe))
    }

    fn objectives(&self) -> Vec<String> {
        let all = [
            ("time_to_first_token", self.ttft_sla_ms),
            ("inter_token_latency", self.itl_sla_ms),
            ("request_latency", self.e2e_sla_ms),
        ];
        all.iter().filter_map(|(tag, ms)| ms.map(|ms| format!("{tag}:{ms}"))).collect()
    }

    /// Refuses what a recipe lacks, or what belongs to none.
    fn check(&self, load: &LoadArgs) -> Result<()> {
        let missing = |recipe: &str, flag: &str| {
            Err(Error::usage(
                format!("--search-recipe {recipe} without {flag}"),
                format!("add {flag}, as in {flag} 200"),
            ))
        };
        match self.search_recipe {
            Some(Recipe::MaxThroughputTtftSla) if self.ttft_sla_ms.is_none() => {
                missing("max-throughput-ttft-sla", "--ttft-sla-ms")
            }
            Some(Recipe::MaxThroughputItlSla) if self.itl_sla_ms.is_none() => {
                missing("max-throughput-itl-sla", "--itl-sla-ms")
            }
            Some(_) if self.searches() && self.objectives().is_empty() => {
                missing("of a largest load", "--ttft-sla-ms, --itl-sla-ms or --e2e-sla-ms")
            }
            Some(Recipe::ParetoSweep) if self.isl_osl_pairs.is_empty() => missing("pareto-sweep", "--isl-osl-pairs"),
            None => match self.orphan() {
                Some(flag) => Err(Error::usage(
                    format!("{flag} without --search-recipe"),
                    format!("name a recipe, or drop {flag}"),
                )),
                None => Ok(()),
            },
            Some(_) => self.check_ranges(load),
        }
    }

    fn orphan(&self) -> Option<&'static str> {
        let flags = [
            ("--ttft-sla-ms", self.ttft_sla_ms.is_some()),
            ("--itl-sla-ms", self.itl_sla_ms.is_some()),
            ("--e2e-sla-ms", self.e2e_sla_ms.is_some()),
            ("--slo-attainment-fraction", self.slo_attainment_fraction.is_some()),
            ("--search-style", self.search_style.is_some()),
            ("--concurrency-min", self.concurrency_min.is_some()),
            ("--concurrency-max", self.concurrency_max.is_some()),
            ("--concurrency-steps", self.concurrency_steps.is_some()),
            ("--isl-min", self.isl_min.is_some()),
            ("--isl-max", self.isl_max.is_some()),
            ("--isl-steps", self.isl_steps.is_some()),
            ("--osl-min", self.osl_min.is_some()),
            ("--osl-max", self.osl_max.is_some()),
            ("--osl-steps", self.osl_steps.is_some()),
            ("--isl-osl-pairs", !self.isl_osl_pairs.is_empty()),
        ];
        flags.iter().find(|(_, given)| *given).map(|(flag, _)| *flag).or_else(|| self.degradation_flag())
    }
}

impl ProfileArgs {
    /// The search that a recipe asks for; the flags of the run become those of its probes.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Usage`] where the recipe lacks something, or a flag belongs to none.
    pub(crate) fn take_search(&mut self) -> Result<Option<SearchArgs>> {
        self.recipe.check(&self.load)?;
        if !self.recipe.searches() {
            return Ok(None);
        }
        let recipe = std::mem::take(&mut self.recipe);
        self.notes.extend(recipe.notes());
        self.load.goodput.extend(recipe.objectives());
        for (flag, given) in [
            ("--request-count", self.load.request_count.take().is_some()),
            ("--benchmark-duration", self.load.benchmark_duration.take().is_some()),
            ("--concurrency", self.load.concurrency.take().is_some()),
        ] {
            if given {
                self.notes.push(format!("{flag} changes nothing with a search: a probe ends when it is decided"));
            }
        }
        Ok(Some(SearchArgs {
            axis: Axis::Concurrency,
            target: recipe.slo_attainment_fraction.unwrap_or(0.95),
            from: Some(f64::from(recipe.concurrency_min.unwrap_or(1))),
            to: Some(f64::from(recipe.concurrency_max.unwrap_or(1000))),
            tolerance: 0.02,
            probe_duration: 60.0,
            probe_confidence: 0.99,
            by_latency: true,
        }))
    }
}

/// Whole numbers from one to another, at equal ratios, each once.
fn spaced(from: u32, to: u32, steps: u32) -> Vec<u32> {
    let (from, to) = (f64::from(from.min(to)), f64::from(from.max(to)));
    let last = f64::from(steps.max(2) - 1);
    let mut all: Vec<u32> =
        (0..steps.max(2)).map(|i| (from * (to / from).powf(f64::from(i) / last)).round() as u32).collect();
    all.dedup();
    all
}

const ISL: &str = "synthetic-input-tokens-mean";
const OSL: &str = "output-tokens-mean";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::testing::{args, parsed, planned};

    #[test]
    fn recipes_of_a_largest_load_are_searches_for_it() {
        let mut given = args(
            "-m x --streaming --search-recipe max-goodput-under-slo --ttft-sla-ms 500 --tpot-sla-ms 15 --e2e-sla-ms 2000 \
             --slo-attainment-fraction 0.9 --request-count 1000 --search-style bo",
        );
        let search = given.take_search().unwrap().unwrap();
        assert_eq!(
            (search.axis, search.target, search.from, search.to),
            (Axis::Concurrency, 0.9, Some(1.0), Some(1000.0))
        );
        assert_eq!(given.load.goodput, ["time_to_first_token:500", "inter_token_latency:15", "request_latency:2000"]);
        assert_eq!(given.load.request_count, None);
        assert!(given.notes.iter().any(|note| note.contains("--request-count changes nothing")));
        assert!(args("-m x").take_search().unwrap().is_none());
        for (line, said) in [
            ("--search-recipe max-throughput-ttft-sla", "--ttft-sla-ms"),
            ("--search-recipe max-concurrency-under-sla", "--e2e-sla-ms"),
            ("--search-recipe pareto-sweep", "--isl-osl-pairs"),
            ("--ttft-sla-ms 5", "without --search-recipe"),
            (
                "--search-recipe max-goodput-under-slo --ttft-sla-ms 5 --concurrency-min 50 --concurrency-max 10",
                "--concurrency-min 50 is over --concurrency-max 10",
            ),
            ("--search-recipe prefill-ttft-curve --isl-min 50000", "--isl-min 50000 is over --isl-max 32768"),
            ("--search-recipe decode-itl-curve --osl-max 32", "--osl-min 64 is over --osl-max 32"),
            ("--search-recipe concurrency-ramp --request-count 20", "--concurrency-max 20"),
        ] {
            let error = args(&format!("-m x {line}")).take_search().unwrap_err().to_string();
            assert!(error.contains(said), "{line}: {error}");
        }
        assert!(parsed("-m x --search-recipe my-own").unwrap_err().contains("max-throughput-ttft-sla"));
    }

    #[test]
    fn curves_are_sweeps_at_equal_ratios() {
        let values = |line: &str| {
            let points = args(&format!("-m x --streaming {line}")).points;
            points
                .into_iter()
                .map(|p| p.values.into_iter().map(|(_, v)| v).collect::<Vec<_>>().join("/"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            values("--search-recipe prefill-ttft-curve --isl-max 2048 --isl-steps 4"),
            ["256", "512", "1024", "2048"]
        );
        assert_eq!(
            values("--search-recipe concurrency-ramp --concurrency-max 4 --concurrency-steps 3"),
            ["1", "2", "4"]
        );
        let decode = values("--search-recipe decode-itl-curve --concurrency-max 2 --concurrency-steps 2 --osl-steps 2");
        assert_eq!(decode, ["1/64", "1/1024", "2/64", "2/1024"]);
        let pareto = args("-m x --search-recipe pareto-sweep --isl-osl-pairs 128/64,512/32 --concurrency 1,4").points;
        assert_eq!(pareto.len(), 4);
        assert_eq!(pareto[3].args.input.output_tokens_mean, Some(32.0));
        assert_eq!((pareto[3].args.load.concurrency, pareto[3].values.len()), (Some(4), 3));
        let notes = planned("-m x --search-recipe concurrency-ramp --isl-max 9").unwrap().notes;
        assert!(notes.iter().any(|note| note.contains("--isl-max changes nothing")), "{notes:?}");
        let ramp = args("-m x --search-recipe concurrency-ramp --degradation-threshold 0.5 --degradation-stat p50");
        let knee = Degradation { metric: "request_latency", stat: "p50", share: 0.5 };
        assert_eq!(ramp.recipe.degradation(), Some(knee));
        let elsewhere = "-m x --streaming --search-recipe prefill-ttft-curve --degradation-threshold 0.2";
        assert_eq!(args(elsewhere).recipe.degradation(), None);
        let notes = planned(elsewhere).unwrap().notes;
        assert!(notes.iter().any(|note| note.contains("--degradation-threshold changes nothing")), "{notes:?}");
    }
}
