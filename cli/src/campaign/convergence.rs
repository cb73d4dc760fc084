//! Whether the repeats of a cell have settled.

use crate::args::{CampaignArgs, Mode};
use ringload_engine::campaign::{Convergence, Criterion, figure, settled};
use ringload_engine::measure::{RequestMetrics, Summary, tags};

/// Looks at one metric over the repeats of a cell.
pub(crate) struct Watch {
    rule: Option<(Convergence, &'static str, &'static str)>,
    figures: Vec<f64>,
    requests: Vec<Vec<f64>>,
}

impl Watch {
    pub(crate) fn new(args: &CampaignArgs) -> Self {
        let criterion = match args.convergence_mode {
            Mode::CiWidth => Criterion::IntervalWidth,
            Mode::Cv => Criterion::Variation,
            Mode::Distribution => Criterion::Distribution,
        };
        let rule = Convergence {
            criterion,
            threshold: args
                .convergence_threshold
                .unwrap_or_else(|| criterion.default_threshold()),
            level: args.confidence_level,
        };
        Self {
            rule: args
                .convergence_metric
                .map(|tag| (rule, tag, args.convergence_stat)),
            figures: Vec::new(),
            requests: Vec::new(),
        }
    }

    /// A run begins.
    pub(crate) fn begin(&mut self) {
        self.requests.push(Vec::new());
    }

    /// A request of it.
    pub(crate) fn see(&mut self, metrics: &RequestMetrics) {
        let Some((rule, tag, _)) = self.rule else {
            return;
        };
        if rule.criterion != Criterion::Distribution {
            return;
        }
        if let Some(run) = self.requests.last_mut() {
            if tag == tags::INTER_CHUNK_LATENCY.tag {
                run.extend(&metrics.inter_chunk_ms);
            }
            run.extend(
                metrics
                    .values
                    .iter()
                    .filter(|(info, _)| info.tag == tag)
                    .map(|(_, v)| v),
            );
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
        self.rule
            .is_some_and(|(rule, ..)| settled(&rule, &self.figures, &self.requests))
    }
}
