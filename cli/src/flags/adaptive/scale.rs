//! AIPerf's adaptive scale: the largest load that keeps its bounds, held for a while. What AIPerf does within one run
//! is a search of runs here, so that each load has a report of its own.

use super::{Bound, Varied, space};
use crate::flags::{ProfileArgs, SearchAxis, values};
use clap::Args;
use ringload_engine::{Error, Result};

/// AIPerf's adaptive scale.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Adaptive scale")]
pub(crate) struct ScaleArgs {
    /// AIPerf's adaptive scale, as a search of runs: the load of --adaptive-scale-control is doubled until a bound of
    /// --adaptive-scale-sla breaks, then halved, a run of --adaptive-scale-assessment-period each; the largest that
    /// holds runs once more for --adaptive-sustain-duration.
    #[arg(long)]
    pub(crate) adaptive_scale: bool,

    /// What is varied: `concurrency:1,400`, `request_rate:1,50`, `prefill_concurrency:1,64` or `users:1,100` [default:
    /// concurrency from 1 to --concurrency].
    #[arg(long, value_name = "NAME:LOW,HIGH", value_parser = space::varied)]
    pub(crate) adaptive_scale_control: Option<Varied>,

    /// Seconds of the run of each load [default: 60].
    #[arg(long, value_name = "SECONDS", value_parser = values::one_seconds)]
    pub(crate) adaptive_scale_assessment_period: Option<f64>,

    /// Seconds for which the largest load that holds runs once more [default: none].
    #[arg(long, value_name = "SECONDS", value_parser = values::one_seconds)]
    pub(crate) adaptive_sustain_duration: Option<f64>,

    /// A bound: `request_latency:p95:le:30000`, with lt, le, gt or ge; `ttft`, `itl`, `tpot`, `throughput`,
    /// `error_rate` (percent) and `goodput_ratio` too. Repeatable.
    #[arg(long, value_name = "METRIC:STAT:OP:BOUND", value_parser = bound, num_args = 1..)]
    pub(crate) adaptive_scale_sla: Vec<Bound>,
}

/// A bound on a figure in AIPerf's words for it.
fn bound(text: &str) -> std::result::Result<Bound, String> {
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    let tag = match name.trim() {
        "ttft" => "time_to_first_token",
        "itl" | "tpot" => "inter_token_latency",
        "throughput" => "request_throughput",
        "error_rate" => "request_error_rate",
        "goodput_ratio" => "good_request_fraction",
        other => other,
    };
    space::bound(&format!("{tag}:{rest}"))
}

impl ScaleArgs {
    fn orphan(&self) -> Option<&'static str> {
        let flags = [
            ("--adaptive-scale-control", self.adaptive_scale_control.is_some()),
            ("--adaptive-scale-assessment-period", self.adaptive_scale_assessment_period.is_some()),
            ("--adaptive-sustain-duration", self.adaptive_sustain_duration.is_some()),
            ("--adaptive-scale-sla", !self.adaptive_scale_sla.is_empty()),
        ];
        flags.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }
}

impl ProfileArgs {
    /// Makes the search that `--adaptive-scale` asks for of its flags.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Usage`] where it lacks something, or goes with another search.
    pub(crate) fn take_scale(&mut self) -> Result<()> {
        let scale = std::mem::take(&mut self.scale);
        if !scale.adaptive_scale {
            return match scale.orphan() {
                Some(flag) => Err(Error::usage(
                    format!("{flag} without --adaptive-scale"),
                    format!("add --adaptive-scale, or drop {flag}"),
                )),
                None => Ok(()),
            };
        }
        if scale.adaptive_scale_sla.is_empty() {
            return Err(Error::usage(
                "--adaptive-scale without --adaptive-scale-sla",
                "add a bound, as in --adaptive-scale-sla request_latency:p95:le:30000",
            ));
        }
        let others = [
            ("--search-space", !self.adaptive.search_space.is_empty()),
            ("--search-recipe", self.recipe.search_recipe.is_some()),
        ];
        if let Some((flag, _)) = others.into_iter().find(|(_, given)| *given) {
            return Err(Error::usage(
                format!("{flag} with --adaptive-scale: both search for a load"),
                "drop one of them",
            ));
        }
        let control = match scale.adaptive_scale_control {
            Some(control) => control,
            None => default_control(self.load.concurrency)?,
        };
        self.take_given(control.axis);
        let period = scale.adaptive_scale_assessment_period.unwrap_or(60.0);
        let total = self.load.benchmark_duration.replace(period);
        let runs = total.map(|total| (total / period).clamp(2.0, 1_000.0) as u32);
        if self.load.request_count.take().is_some() {
            self.notes.push("--request-count changes nothing with --adaptive-scale: each run takes its time".into());
        }
        self.adaptive.find_largest(control, scale.adaptive_scale_sla, runs, scale.adaptive_sustain_duration);
        self.notes.push(format!(
            "--adaptive-scale is a search of runs of {period} s each: the load is doubled until a bound breaks, then halved (AIPerf steps it up within one run)"
        ));
        Ok(())
    }

    /// Takes away the value of what is varied: it was the end of the range, or says nothing.
    fn take_given(&mut self, axis: SearchAxis) {
        match axis {
            SearchAxis::Concurrency => self.load.concurrency = None,
            SearchAxis::PrefillConcurrency => self.load.prefill_concurrency = None,
            SearchAxis::RequestRate => self.load.request_rate = None,
            SearchAxis::Users => self.load.num_users = None,
            SearchAxis::InputTokens | SearchAxis::OutputTokens => {}
        }
    }
}

/// Concurrency, up to what the load says.
fn default_control(concurrency: Option<u32>) -> Result<Varied> {
    let high = concurrency.unwrap_or(1_000);
    space::varied(&format!("concurrency:1,{high}:int")).map_err(|_| {
        Error::usage(
            format!("--adaptive-scale with --concurrency {high}: there is no load to find below it"),
            "write --adaptive-scale-control concurrency:1,400",
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::flags::testing::args;

    #[test]
    fn adaptive_scale_is_a_search_of_runs() {
        let mut given = args(
            "-m x --streaming --concurrency 400 --benchmark-duration 3600 --adaptive-scale --adaptive-scale-control concurrency:1,400:int \
             --adaptive-scale-assessment-period 60 --adaptive-sustain-duration 1800 --adaptive-scale-sla request_latency:p95:le:30000 \
             --adaptive-scale-sla error_rate:avg:le:0.01",
        );
        given.take_scale().unwrap();
        let search = given.adaptive_search().unwrap().unwrap();
        assert_eq!((search.space[0].dimension.low, search.space[0].dimension.high), (1.0, 400.0));
        assert_eq!((search.halves, search.sustain, search.settings.most_trials), (true, Some(1800.0), 60));
        let bounds: Vec<_> = search.bounds.iter().map(|bound| (bound.metric, bound.stat, bound.bound)).collect();
        assert_eq!(bounds, [("request_latency", "p95", 30_000.0), ("request_error_rate", "avg", 0.01)]);
        assert_eq!((given.load.concurrency, given.load.benchmark_duration), (None, Some(60.0)));
        assert!(given.notes.iter().any(|note| note.contains("within one run")), "{:?}", given.notes);
    }

    #[test]
    fn an_adaptive_scale_that_cannot_be_is_refused() {
        for (line, said) in [
            ("--adaptive-scale", "--adaptive-scale-sla request_latency"),
            ("--adaptive-sustain-duration 5", "without --adaptive-scale"),
            ("--adaptive-scale --adaptive-scale-sla ttft:p95:lt:5 --search-space concurrency:1,4", "drop one of them"),
            ("--adaptive-scale --adaptive-scale-sla ttft:p95:lt:5 --concurrency 1", "--adaptive-scale-control"),
        ] {
            let error = args(&format!("-m x --streaming {line}")).take_scale().unwrap_err().to_string();
            assert!(error.contains(said), "{line}: {error}");
        }
        let mut given = args("-m x --streaming --concurrency 8 --adaptive-scale --adaptive-scale-sla ttft:p95:lt:500");
        given.take_scale().unwrap();
        let search = given.adaptive_search().unwrap().unwrap();
        assert_eq!((search.space[0].dimension.high, search.bounds[0].metric), (8.0, "time_to_first_token"));
    }
}
