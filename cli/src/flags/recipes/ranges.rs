//! What the recipes vary, and the bounds that contradict each other or the number of requests.

use super::{Recipe, RecipeArgs};
use crate::flags::LoadArgs;
use ringload_engine::{Error, Result};

/// Values that a recipe varies.
pub(super) struct VariedRange {
    /// Smallest value, largest value, how many.
    flags: [&'static str; 3],
    low: u32,
    high: u32,
    /// The first of the flags that is given.
    pub(super) given: Option<&'static str>,
    /// Whether the recipe varies it.
    pub(super) applies: bool,
}

impl RecipeArgs {
    /// What the recipes vary, and between which values.
    pub(super) fn ranges(&self) -> [VariedRange; 3] {
        use Recipe::{ConcurrencyRamp, DecodeItlCurve, PrefillTtftCurve};
        let recipe = self.search_recipe;
        let decode = recipe == Some(DecodeItlCurve);
        let range = |flags: [&'static str; 3], values: [Option<u32>; 3], (low, high), applies| VariedRange {
            flags,
            low: values[0].unwrap_or(low),
            high: values[1].unwrap_or(high),
            given: flags.into_iter().zip(values).find_map(|(flag, value)| value.map(|_| flag)),
            applies,
        };
        [
            range(
                ["--concurrency-min", "--concurrency-max", "--concurrency-steps"],
                [self.concurrency_min, self.concurrency_max, self.concurrency_steps],
                (1, if decode { 200 } else { 1000 }),
                self.searches() || decode || recipe == Some(ConcurrencyRamp),
            ),
            range(
                ["--isl-min", "--isl-max", "--isl-steps"],
                [self.isl_min, self.isl_max, self.isl_steps],
                (256, 32_768),
                recipe == Some(PrefillTtftCurve),
            ),
            range(
                ["--osl-min", "--osl-max", "--osl-steps"],
                [self.osl_min, self.osl_max, self.osl_steps],
                (64, 1024),
                decode,
            ),
        ]
    }

    /// Refuses bounds that are swapped, and a curve whose heaviest load its requests cannot fill.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Usage`] with the flag to change.
    pub(super) fn check_ranges(&self, load: &LoadArgs) -> Result<()> {
        let ranges = self.ranges();
        let swapped = ranges.iter().find(|range| range.applies && range.low > range.high);
        if let Some(VariedRange { flags: [min, max, _], low, high, .. }) = swapped {
            return Err(Error::usage(
                format!("{min} {low} is over {max} {high}"),
                format!("write the smaller value in {min}"),
            ));
        }
        let [concurrency, ..] = ranges;
        let ends_by_count = load.request_rate.is_none() && load.benchmark_duration.is_none();
        match load.request_count.filter(|n| ends_by_count && *n < u64::from(concurrency.high)) {
            Some(n) if concurrency.applies && !self.searches() => Err(Error::usage(
                format!(
                    "--request-count {n} is below the heaviest load of the recipe, --concurrency-max {}: that many would never be in flight",
                    concurrency.high
                ),
                format!("write --request-count {} or more, or --concurrency-max {n}", u64::from(concurrency.high) * 10),
            )),
            _ => Ok(()),
        }
    }
}
