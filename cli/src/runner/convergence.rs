//! Whether the repeats of a sweep point have settled.

use crate::flags::{CampaignArgs, Mode};
use crate::result::campaign::Settling;
use ringload_engine::campaign::{Convergence, Criterion, current_value, figure, settled};
use ringload_engine::measure::{RequestMetrics, Summary};
use ringload_engine::plan::metric;

/// Observes one metric over the repeats of a sweep point.
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

    /// The run under way, or the last one, counts for nothing.
    pub(crate) fn forget(&mut self) {
        self.requests.pop();
    }

    /// It is over.
    pub(crate) fn end(&mut self, summary: &Summary) {
        if let Some((_, tag, stat)) = self.rule {
            self.figures.extend(figure(summary, tag, stat));
        }
    }

    /// Whether more repeats would change nothing.
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
