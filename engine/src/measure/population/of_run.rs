//! The metrics that have one value a run: counts, totals, and rates over its duration.

use super::{Outcomes, Population};
use crate::measure::summary::Metric;
use crate::measure::tags::{self, MetricInfo};

impl Population {
    /// The metrics of one value a run, in table order.
    pub(super) fn single_values(&self, metrics: &[Metric]) -> impl Iterator<Item = Metric> + use<> {
        let sum = |info: &MetricInfo| -> Option<f64> {
            let metric = metrics.iter().find(|metric| metric.info.tag == info.tag)?;
            metric.stats.map(|stats| stats.sum)
        };
        let count = |n: u64| n as f64;
        let some = |n: u64| (n > 0).then(|| count(n));
        let duration = Some(self.duration_s()).filter(|s| *s > 0.0);
        // A slice counts its output by arrival itself.
        let arrived = self.arrived.tokens().filter(|_| self.window_s.is_none());
        let arrived_for = self.span.seconds_with_output(self.arrived.last_output);
        let per_second = |amount: Option<f64>| amount.zip(duration).map(|(amount, s)| amount / s);
        let Outcomes { succeeded, failed, .. } = self.outcomes;
        let finished = some(self.outcomes.finished());
        // In a slice without a success none a second is a figure; a run without one has no duration to divide by.
        let served = some(succeeded).or_else(|| self.window_s.map(|_| 0.0));
        let goodput = self.goodput();
        let (isl, osl) = (sum(&tags::INPUT_SEQUENCE_LENGTH), sum(&tags::OUTPUT_SEQUENCE_LENGTH));
        let prompt = sum(&tags::USAGE_PROMPT_TOKENS);
        let counted = metrics.iter().find(|metric| metric.info.tag == tags::USAGE_PROMPT_TOKENS.tag);
        let all_prompts_counted = counted.and_then(|metric| metric.stats).is_some_and(|s| s.count == succeeded);
        let cached = sum(&tags::USAGE_PROMPT_CACHE_READ_TOKENS);
        let error_isl = sum(&tags::ERROR_ISL);
        [
            (&tags::BENCHMARK_DURATION, duration),
            (&tags::REQUEST_THROUGHPUT, per_second(served)),
            (&tags::REQUEST_COUNT, Some(count(succeeded))),
            (&tags::ERROR_REQUEST_COUNT, some(failed)),
            (&tags::COMPLETED_REQUEST_COUNT, finished),
            (&tags::REQUEST_ERROR_RATE, finished.map(|all| 100.0 * count(failed) / all)),
            (&tags::GOODPUT, goodput.as_ref().map(|g| g.goodput)),
            (&tags::GOOD_REQUEST_COUNT, goodput.as_ref().map(|g| count(g.good))),
            (&tags::GOOD_REQUEST_FRACTION, goodput.as_ref().map(|g| g.good_request_fraction)),
            (&tags::OUTPUT_TOKEN_THROUGHPUT, per_second(osl)),
            (&tags::INPUT_TOKEN_THROUGHPUT, per_second(isl)),
            (&tags::USAGE_INPUT_TOKEN_THROUGHPUT, per_second(prompt.filter(|_| all_prompts_counted))),
            (&tags::TOTAL_TOKEN_THROUGHPUT, per_second(isl.zip(osl).map(|(isl, osl)| isl + osl))),
            (&tags::ARRIVED_OUTPUT_TOKENS, arrived),
            (&tags::ARRIVED_OUTPUT_TOKEN_THROUGHPUT, arrived.filter(|_| arrived_for > 0.0).map(|n| n / arrived_for)),
            (&tags::TOTAL_ISL, isl),
            (&tags::TOTAL_OSL, osl),
            (&tags::TOTAL_OUTPUT_TOKENS, sum(&tags::OUTPUT_TOKEN_COUNT)),
            (&tags::TOTAL_REASONING_TOKENS, sum(&tags::REASONING_TOKEN_COUNT)),
            (&tags::TOTAL_ERROR_ISL, error_isl),
            (&tags::OSL_MISMATCH_COUNT, some(self.osl_compared).map(|_| count(self.osl_mismatches))),
            (&tags::TOTAL_USAGE_PROMPT_TOKENS, prompt),
            (&tags::TOTAL_USAGE_COMPLETION_TOKENS, sum(&tags::USAGE_COMPLETION_TOKENS)),
            (&tags::TOTAL_USAGE_TOTAL_TOKENS, sum(&tags::USAGE_TOTAL_TOKENS)),
            (&tags::TOTAL_USAGE_REASONING_TOKENS, sum(&tags::USAGE_REASONING_TOKENS)),
            (&tags::TOTAL_USAGE_PROMPT_CACHE_READ_TOKENS, cached),
            (&tags::TOTAL_USAGE_PROMPT_CACHE_WRITE_TOKENS, sum(&tags::USAGE_PROMPT_CACHE_WRITE_TOKENS)),
            (
                &tags::OVERALL_USAGE_PROMPT_CACHE_READ_PCT,
                cached.zip(prompt.filter(|n| *n > 0.0)).map(|(cached, prompt)| 100.0 * cached / prompt),
            ),
            (&tags::USAGE_DISCREPANCY_COUNT, some(self.usage_compared).map(|_| count(self.usage_discrepancies))),
        ]
        .into_iter()
        .filter_map(|(info, value)| Some(Metric { info, avg: value?, stats: None, tails: None, exact: true }))
    }
}
