//! Whether a run got better or worse while it lasted, tested and said in words.

use super::slice_figures::SliceFigures;
use super::tags;
use crate::interned::Name;
use crate::setting::Setting::Slice;
use crate::statistics::{Interval, LEVEL, mann_kendall, percentile_of_sorted, theil_sen_at};
use serde::{Deserialize, Serialize};

/// A figure tested for a trend over the slices.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Trend {
    /// Tag of the metric.
    #[serde(deserialize_with = "crate::interned::name")]
    pub tag: Name,
    /// Its short name, as in `TTFT p50`.
    #[serde(deserialize_with = "crate::interned::name")]
    pub name: Name,
    /// `p50`, or `rate`.
    #[serde(deserialize_with = "crate::interned::name")]
    pub statistic: Name,
    /// Unit of the slope.
    #[serde(deserialize_with = "crate::interned::name")]
    pub unit: Name,
    /// How many slices were compared: those that have the figure.
    pub slices: usize,
    /// Theil and Sen's slope: change from one slice to the next.
    pub slope: f64,
    /// Its 95 % interval.
    pub interval: Interval,
    /// Mann and Kendall's probability of such a series without a trend (two-sided).
    pub p: f64,
    /// What p has to be under: 5 % over the number of tests.
    pub bound: f64,
    /// The slope over all slices, as a share of the median slice.
    pub change: f64,
    /// What it comes to.
    pub direction: Direction,
    /// Whether that is for the worse.
    pub worse: bool,
    /// The same in a sentence.
    pub words: String,
}

/// The direction of a trend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Up.
    Rose,
    /// Down.
    Fell,
    /// Neither: what there is may be chance, or is too small to matter.
    Level,
}

/// Tests what the run has: the medians of time to first token and inter token latency (without streams, of request
/// latency), and the output by arrival (tokens where they are counted, else events). What is not tested is named with
/// the reason.
///
/// A figure of requests is tested over the slices that have it: not over those in which no request finished, and not
/// over those of which more than 5 % of the requests were cut off at the end of the run, where only the short ones
/// finished. Output counts by arrival, and is tested over all. A trend is one whose p is under 5 % divided by the
/// number of tests (Bonferroni), and that comes to at least 5 % over the slices.
pub(super) fn over(slices: &[SliceFigures], streaming: bool) -> (Vec<Trend>, Option<String>) {
    let compared: Vec<&SliceFigures> = slices.iter().filter(|s| s.in_trend).collect();
    if compared.len() < LEAST {
        let why = format!(
            "no trend is tested over {} complete slices under load: it takes {LEAST}; write a shorter {Slice}, or run longer",
            compared.len()
        );
        return (Vec::new(), Some(why));
    }
    let mut series: Vec<Series> = Vec::new();
    for tested in TESTED.iter().filter(|t| t.streaming.is_none_or(|s| s == streaming)) {
        let known = series.iter().any(|other| other.tested.what == tested.what);
        if !known && let Some(one) = Series::of(tested, &compared) {
            series.push(one);
        }
    }
    let (series, short): (Vec<Series>, Vec<Series>) = series.into_iter().partition(|one| one.values.len() >= LEAST);
    let untested = (!short.is_empty()).then(|| {
        let reasons: Vec<String> = short.iter().map(Series::too_short).collect();
        format!("{}; write a longer {Slice}, or run longer", reasons.join("; "))
    });
    let tests = series.len() as f64;
    let trends = series.into_iter().filter_map(|one| one.trend(SIGNIFICANT / tests)).collect();
    (trends, untested)
}

/// The values of a figure over the slices that have it.
struct Series {
    tested: &'static Tested,
    /// Numbers of the slices.
    places: Vec<f64>,
    values: Vec<f64>,
    /// Slices left out because no request of them finished, and because many were cut off.
    empty: usize,
    cut_off: usize,
}

impl Series {
    /// `None` for a figure by arrival that a slice does not have: its neighbours do not tell it.
    fn of(tested: &'static Tested, compared: &[&SliceFigures]) -> Option<Self> {
        let mut one = Self { tested, places: Vec::new(), values: Vec::new(), empty: 0, cut_off: 0 };
        for slice in compared {
            match (tested.value)(slice) {
                _ if !tested.by_arrival && is_cut_off(slice) => one.cut_off += 1,
                Some(value) => {
                    one.places.push(slice.index as f64);
                    one.values.push(value);
                }
                None if tested.by_arrival => return None,
                None => one.empty += 1,
            }
        }
        Some(one)
    }

    fn too_short(&self) -> String {
        let mut why = Vec::new();
        if self.empty > 0 {
            why.push(format!("{} have no finished request", self.empty));
        }
        if self.cut_off > 0 {
            why.push(format!("{} have requests that were cut off at the end of the run", self.cut_off));
        }
        format!(
            "{} is not tested: of {} slices {}, and it takes {LEAST} others",
            self.tested.what_it_is,
            self.values.len() + self.empty + self.cut_off,
            why.join(" and ")
        )
    }

    fn trend(&self, significant: f64) -> Option<Trend> {
        let left_out = self.empty + self.cut_off;
        trend(self.tested, &self.places, &self.values, left_out, significant)
    }
}

/// Whether so many of a slice's requests were cut off at the end of the run that those that finished are the short
/// ones.
fn is_cut_off(slice: &SliceFigures) -> bool {
    let issued = slice.succeeded + slice.failed + slice.cancelled + slice.in_flight_at_end;
    slice.in_flight_at_end as f64 > MOST_CUT_OFF * issued as f64
}

fn trend(tested: &Tested, places: &[f64], values: &[f64], left_out: usize, significant: f64) -> Option<Trend> {
    let test = mann_kendall(values)?;
    let slope = theil_sen_at(places, values, LEVEL)?;
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let median = percentile_of_sorted(&sorted, 0.5);
    let total = slope.per_step * (places.last()? - places.first()?);
    let change = if median == 0.0 { 0.0 } else { total / median };
    let direction = if test.p >= significant || change.abs() < MATTERS {
        Direction::Level
    } else if slope.per_step > 0.0 {
        Direction::Rose
    } else {
        Direction::Fell
    };
    let verb = match direction {
        Direction::Rose => "rose over the run",
        Direction::Fell => "fell over the run",
        Direction::Level => "shows no trend",
    };
    let worse = match direction {
        Direction::Rose => !tested.larger_is_better,
        Direction::Fell => tested.larger_is_better,
        Direction::Level => false,
    };
    let of_all = match left_out {
        0 => String::new(),
        n => format!(" of {}", values.len() + n),
    };
    let words = format!(
        "{} {verb}: {} {} per slice (95 % {}…{}), {} over {}{of_all} slices, p {}",
        tested.what_it_is,
        signed(slope.per_step),
        tested.unit,
        signed(slope.interval.low),
        signed(slope.interval.high),
        percent(change),
        values.len(),
        probability(test.p),
    );
    Some(Trend {
        tag: tested.tag,
        name: tested.what_it_is,
        statistic: tested.statistic,
        unit: tested.unit,
        slices: values.len(),
        slope: slope.per_step,
        interval: slope.interval,
        p: test.p,
        bound: significant,
        change,
        direction,
        worse,
        words,
    })
}

/// Three significant digits with a sign.
fn signed(value: f64) -> String {
    let size = value.abs();
    let digits = if size >= 100.0 || size == 0.0 { 0 } else { (2.0 - size.log10().floor()).clamp(0.0, 6.0) as usize };
    let shown = format!("{value:+.digits$}");
    // A value that rounds to nothing has no sign.
    if shown.trim_start_matches(['+', '-']).parse() == Ok(0.0) { "0".into() } else { shown }
}

fn percent(share: f64) -> String {
    format!("{:+.1} %", share * 100.0)
}

fn probability(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("= {p:.3}") }
}

/// A figure that may be tested. Of those that say the same `what`, the first that there is, is.
struct Tested {
    what: &'static str,
    what_it_is: &'static str,
    tag: &'static str,
    statistic: &'static str,
    unit: &'static str,
    larger_is_better: bool,
    streaming: Option<bool>,
    /// It counts what arrived in a slice, not what became of the requests issued in it.
    by_arrival: bool,
    value: fn(&SliceFigures) -> Option<f64>,
}

static TESTED: [Tested; 5] = [
    Tested {
        what: "first token",
        what_it_is: "TTFT p50",
        tag: tags::TIME_TO_FIRST_TOKEN.tag,
        statistic: "p50",
        unit: "ms",
        larger_is_better: false,
        streaming: Some(true),
        by_arrival: false,
        value: |s| s.time_to_first_token_p50,
    },
    Tested {
        what: "between tokens",
        what_it_is: "ITL p50",
        tag: tags::INTER_TOKEN_LATENCY.tag,
        statistic: "p50",
        unit: "ms",
        larger_is_better: false,
        streaming: Some(true),
        by_arrival: false,
        value: |s| s.inter_token_latency_p50,
    },
    Tested {
        what: "latency",
        what_it_is: "request latency p50",
        tag: tags::REQUEST_LATENCY.tag,
        statistic: "p50",
        unit: "ms",
        larger_is_better: false,
        streaming: Some(false),
        by_arrival: false,
        value: |s| s.request_latency_p50,
    },
    Tested {
        what: "output",
        what_it_is: "output",
        tag: tags::OUTPUT_TOKEN_THROUGHPUT.tag,
        statistic: "rate",
        unit: "tokens/s",
        larger_is_better: true,
        streaming: None,
        by_arrival: true,
        value: |s| s.output_token_throughput.filter(|_| s.output_events_uncounted == 0),
    },
    Tested {
        what: "output",
        what_it_is: "output",
        tag: "output_events",
        statistic: "rate",
        unit: "events/s",
        larger_is_better: true,
        streaming: None,
        by_arrival: true,
        value: |s| s.output_events_per_s,
    },
];

/// Six slices can say something at 5 % over three tests; five cannot.
const LEAST: usize = 6;
const SIGNIFICANT: f64 = 0.05;
/// Requests cut off at the end, as a share of a slice's: their median is then at least the 47.5th percentile of all.
const MOST_CUT_OFF: f64 = 0.05;
/// A change that matters, as a share of the median.
const MATTERS: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits_and_their_sign() {
        for (value, shown) in [(3.1, "+3.10"), (-0.0123, "-0.0123"), (1_234.5, "+1234"), (0.0, "0"), (1e-9, "0")] {
            assert_eq!(signed(value), shown);
        }
        assert_eq!((probability(0.0004), probability(0.0416)), ("< 0.001".into(), "= 0.042".into()));
    }

    #[test]
    fn a_trend_has_to_be_significant_and_to_matter() {
        let places: Vec<f64> = (0..10).map(f64::from).collect();
        let of = |values: &[f64]| trend(&TESTED[0], &places[..values.len()], values, 0, 0.05 / 3.0).unwrap();
        let rising: Vec<f64> = (0..10).map(|i| 50.0 + 3.0 * f64::from(i)).collect();
        let t = of(&rising);
        assert_eq!((t.direction, t.worse), (Direction::Rose, true));
        assert!(
            t.words.starts_with(
                "TTFT p50 rose over the run: +3.00 ms per slice (95 % +3.00…+3.00), +42.5 % over 10 slices"
            ),
            "{}",
            t.words
        );
        // Significant, but a thousandth of the figure.
        let creeping: Vec<f64> = (0..10).map(|i| 50.0 + 0.005 * f64::from(i)).collect();
        let t = of(&creeping);
        assert!(t.p < 0.001 && t.direction == Direction::Level, "{t:?}");
        let noisy = [50.0, 90.0, 40.0, 70.0, 95.0, 45.0, 99.0, 60.0];
        assert_eq!(of(&noisy).direction, Direction::Level);
        assert!((of(&noisy).bound - 0.05 / 3.0).abs() < 1e-12);
        let falling: Vec<f64> = rising.iter().map(|v| 200.0 - v).collect();
        let t = trend(&TESTED[3], &places, &falling, 0, 0.05).unwrap();
        assert_eq!((t.direction, t.worse), (Direction::Fell, true));
    }
}
