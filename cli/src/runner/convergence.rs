//! Whether the repeats of a cell have settled.

use crate::flags::{CampaignArgs, Mode, ProfileArgs};
use crate::result::campaign::Settling;
use ringload_engine::campaign::{Convergence, Criterion, LEAST_RUNS, current_value, figure, settled};
use ringload_engine::measure::{RequestMetrics, Summary};
use ringload_engine::plan::metric;
use ringload_engine::{Error, Result};

/// Whether `--convergence-metric` can ever end the repeats.
///
/// # Errors
/// [`ringload_engine::Blame::Usage`] where it cannot: too few repeats, or no such figure in any of them.
pub(crate) fn check(args: &ProfileArgs) -> Result<()> {
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

/// Looks at one metric over the repeats of a cell.
pub(crate) struct Monitor {
    rule: Option<(Convergence, &'static str, &'static str)>,
    most_runs: usize,
    figures: Vec<f64>,
    requests: Vec<Vec<f64>>,
}

impl Monitor {
    pub(crate) fn new(args: &CampaignArgs) -> Self {
        let criterion = match args.convergence_mode {
            Mode::CiWidth => Criterion::IntervalWidth,
            Mode::Cv => Criterion::Variation,
            Mode::Distribution => Criterion::Distribution,
        };
        let rule = Convergence {
            criterion,
            threshold: args.convergence_threshold.unwrap_or_else(|| criterion.default_threshold()),
            level: args.confidence_level,
        };
        Self {
            rule: args.convergence_metric.map(|tag| (rule, tag, args.convergence_stat)),
            most_runs: args.num_profile_runs as usize,
            figures: Vec::new(),
            requests: Vec::new(),
        }
    }

    /// A run begins.
    pub(crate) fn begin(&mut self) {
        self.requests.push(Vec::new());
    }

    /// A request of it.
    pub(crate) fn observe(&mut self, metrics: &RequestMetrics) {
        let Some((rule, tag, _)) = self.rule else {
            return;
        };
        if rule.criterion != Criterion::Distribution {
            return;
        }
        if let Some(run) = self.requests.last_mut() {
            if tag == metric::INTER_CHUNK_LATENCY.tag {
                run.extend(&metrics.inter_chunk_ms);
            }
            run.extend(metrics.values.iter().filter(|(info, _)| info.tag == tag).map(|(_, v)| v));
        }
    }

    /// It is over.
    pub(crate) fn end(&mut self, summary: &Summary) {
        if let Some((_, tag, stat)) = self.rule {
            self.figures.extend(figure(summary, tag, stat));
        }
    }

    /// Whether more repeats would tell no more.
    pub(crate) fn settled(&self) -> bool {
        self.rule.is_some_and(|(rule, ..)| settled(&rule, &self.figures, &self.requests))
    }
    /// What came of it, where a metric was named.
    pub(crate) fn result(&self) -> Option<Settling> {
        let (rule, metric, statistic) = self.rule?;
        Some(Settling {
            metric,
            statistic,
            mode: match rule.criterion {
                Criterion::IntervalWidth => "ci_width",
                Criterion::Variation => "cv",
                Criterion::Distribution => "distribution",
            },
            threshold: rule.threshold,
            value: current_value(&rule, &self.figures, &self.requests),
            settled: self.settled(),
            runs: self.requests.len(),
            most_runs: self.most_runs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{Command, try_parse};

    fn checked(line: &str) -> Result<()> {
        let line = format!("ringload profile -m x {line}");
        let cli = try_parse(line.split_whitespace().map(Into::into)).unwrap();
        match cli.command {
            Command::Profile(args) => check(&args),
            other => panic!("{other:?}"),
        }
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
            assert_eq!(e.blame, ringload_engine::Blame::Usage);
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

    #[test]
    fn a_monitor_reports_what_it_observed() {
        let cli = try_parse(
            ["ringload", "profile", "-m", "x", "--num-profile-runs", "6", "--convergence-metric", "request_count"]
                .map(Into::into),
        )
        .unwrap();
        let Command::Profile(args) = cli.command else { panic!("{:?}", cli.command) };
        let mut monitor = Monitor::new(&args.campaign);
        let summary = crate::testing::sample::summary();
        for _ in 0..2 {
            monitor.begin();
            monitor.end(&summary);
        }
        let early = monitor.result().unwrap();
        assert_eq!((early.settled, early.value, early.runs), (false, None, 2));
        monitor.begin();
        monitor.end(&summary);
        let settled = monitor.result().unwrap();
        assert_eq!((settled.settled, settled.value), (true, Some(0.0)));
        assert_eq!((settled.runs, settled.most_runs), (3, 6));
    }
}
