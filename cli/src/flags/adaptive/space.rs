//! What an adaptive search varies, and the bounds that it keeps.

use crate::flags::{ProfileArgs, values};
use ringload_engine::optimization::Dimension;
use ringload_engine::plan::{Comparison, metric};

/// A setting that is varied.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Varied {
    /// Which.
    pub(crate) axis: SearchAxis,
    /// Between which values.
    pub(crate) dimension: Dimension,
}

/// A setting that a search can vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchAxis {
    /// Requests in flight.
    Concurrency,
    /// Requests that wait for their first token.
    PrefillConcurrency,
    /// Arrivals per second.
    RequestRate,
    /// Tokens of a prompt.
    InputTokens,
    /// Tokens of an output.
    OutputTokens,
    /// Users.
    Users,
}

impl SearchAxis {
    const ALL: [Self; 6] = [
        Self::Concurrency,
        Self::PrefillConcurrency,
        Self::RequestRate,
        Self::InputTokens,
        Self::OutputTokens,
        Self::Users,
    ];

    /// The flag without dashes, AIPerf's path to it in a configuration, and other names.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Concurrency => &["concurrency", "phases.profiling.concurrency"],
            Self::PrefillConcurrency => &["prefill-concurrency", "phases.profiling.prefill-concurrency"],
            Self::RequestRate => &["request-rate", "phases.profiling.rate", "rate", "phases.profiling.request-rate"],
            Self::InputTokens => &[
                "synthetic-input-tokens-mean",
                "datasets.default.prompts.isl",
                "isl",
                "datasets.default.prompts.isl.mean",
                "dataset.prompts.isl",
            ],
            Self::OutputTokens => &[
                "output-tokens-mean",
                "datasets.default.prompts.osl",
                "osl",
                "datasets.default.prompts.osl.mean",
                "dataset.prompts.osl",
            ],
            Self::Users => &["num-users", "phases.profiling.users", "users"],
        }
    }

    /// The flag, without dashes.
    pub(crate) fn flag(self) -> &'static str {
        self.names()[0]
    }

    /// AIPerf's path to it in a configuration.
    pub(crate) fn path(self) -> String {
        self.names()[1].replace('-', "_")
    }

    /// Whether it is a whole number.
    fn is_whole(self) -> bool {
        self != Self::RequestRate
    }

    /// Whether the flags of a run say it themselves.
    pub(super) fn is_given(self, args: &ProfileArgs) -> bool {
        match self {
            Self::Concurrency => args.load.concurrency.is_some(),
            Self::PrefillConcurrency => args.load.prefill_concurrency.is_some(),
            Self::RequestRate => args.load.request_rate.is_some(),
            // It has a value where nobody says one; the same value, said, contradicts nothing that shows.
            Self::InputTokens => args.input.synthetic_input_tokens_mean != USUAL_INPUT_TOKENS,
            Self::OutputTokens => args.input.output_tokens_mean.is_some(),
            Self::Users => args.load.num_users.is_some(),
        }
    }

    /// Sets it.
    pub(crate) fn set(self, args: &mut ProfileArgs, value: f64) {
        match self {
            Self::Concurrency => args.load.concurrency = Some(value as u32),
            Self::PrefillConcurrency => args.load.prefill_concurrency = Some(value as u32),
            Self::RequestRate => args.load.request_rate = Some(value),
            Self::InputTokens => args.input.synthetic_input_tokens_mean = value,
            Self::OutputTokens => args.input.output_tokens_mean = Some(value),
            Self::Users => args.load.num_users = Some(value as u32),
        }
    }
}

/// A bound on a figure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bound {
    /// Tag of the metric.
    pub(crate) metric: &'static str,
    /// Which of its statistics.
    pub(crate) stat: &'static str,
    /// How it has to compare.
    pub(crate) op: Comparison,
    /// With what, in the metric's display unit.
    pub(crate) bound: f64,
}

impl Bound {
    /// By how much a figure breaks it, as a share of it: at most 0 where it is kept.
    pub(crate) fn violation(&self, figure: f64) -> f64 {
        let over = match self.op {
            Comparison::Below | Comparison::AtMost => figure - self.bound,
            Comparison::Above | Comparison::AtLeast => self.bound - figure,
        };
        let share = over / if self.bound == 0.0 { 1.0 } else { self.bound.abs() };
        // What is equal to a bound that may not be reached is just over it.
        if share == 0.0 && !self.op.holds(figure, self.bound) { f64::EPSILON } else { share }
    }
}

/// Bounds under one name, which a point has to keep together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tier {
    /// Its name; where none is written, `tier_1` and so on.
    pub(crate) label: String,
    /// What a point has to keep.
    pub(crate) bounds: Vec<Bound>,
}

/// A tier: `LABEL:BOUND,BOUND` or `BOUND,BOUND`; a label is what makes the first bound have other than three colons.
pub(super) fn tier(text: &str) -> std::result::Result<Tier, String> {
    let shape = "write LABEL:METRIC:STAT:OP:BOUND,…, as in gold:time_to_first_token:p95:lt:200";
    let first = text.split(',').next().unwrap_or_default();
    let (label, bounds) = match first.matches(':').count() {
        3 => ("", text),
        _ => text.split_once(':').filter(|(label, _)| !label.trim().is_empty()).ok_or(shape)?,
    };
    let parts: Vec<&str> = bounds.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Err(shape.into());
    }
    let bounds = parts.into_iter().map(bound).collect::<std::result::Result<_, _>>()?;
    Ok(Tier { label: label.trim().to_owned(), bounds })
}

pub(super) fn varied(text: &str) -> std::result::Result<Varied, String> {
    let shape = "write NAME:LOW,HIGH or NAME:LOW,HIGH:int, as in concurrency:1,1000:int";
    let mut parts = text.trim().split(':');
    let (name, range) = parts.next().zip(parts.next()).ok_or(shape)?;
    let plain = name.trim().to_ascii_lowercase().replace('_', "-");
    let axis = SearchAxis::ALL.into_iter().find(|axis| axis.names().contains(&plain.as_str())).ok_or_else(|| {
        let names = SearchAxis::ALL.map(SearchAxis::flag).join(", ");
        format!("`{name}` cannot be varied: {names} can, also by AIPerf's paths, as in phases.profiling.concurrency")
    })?;
    let whole = match parts.next().map(str::trim) {
        None => axis.is_whole(),
        Some("int") => true,
        Some("real") if axis.is_whole() => return Err(format!("{} is a whole number: write :int", axis.flag())),
        Some("real") => false,
        Some(_) => return Err("the kind is int or real".into()),
    };
    if parts.next().is_some() {
        return Err(shape.into());
    }
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    let (low, high) = range.split_once(',').and_then(|(low, high)| number(low).zip(number(high))).ok_or(shape)?;
    if low >= high {
        return Err(format!("{low} is not under {high}: write the smaller value first"));
    }
    let least = if whole { 1.0 } else { f64::MIN_POSITIVE };
    if low < least || high > MOST || whole && (low.fract() != 0.0 || high.fract() != 0.0) {
        let what = if whole { "whole numbers from 1" } else { "numbers over 0" };
        return Err(format!("write {what}, up to {MOST}"));
    }
    Ok(Varied { axis, dimension: Dimension { low, high, whole } })
}

pub(super) fn bound(text: &str) -> std::result::Result<Bound, String> {
    let parts: Vec<&str> = text.split(':').map(str::trim).collect();
    let [tag, stat, op, bound] = parts[..] else {
        return Err("write METRIC:STAT:OP:BOUND, as in time_to_first_token:p95:lt:200".into());
    };
    let op = match op {
        "lt" => Comparison::Below,
        "le" => Comparison::AtMost,
        "gt" => Comparison::Above,
        "ge" => Comparison::AtLeast,
        _ => return Err("the comparison is lt, le, gt or ge".into()),
    };
    let metric = values::metric(tag)?;
    // A figure of the whole run is one number, whatever statistic of it is named.
    let of_run = metric::find(metric).is_some_and(|info| !info.per_request);
    let stat = if of_run { "avg" } else { values::statistic(stat)? };
    let bound = bound.parse::<f64>().ok().filter(|n| n.is_finite()).ok_or("the bound is a number")?;
    Ok(Bound { metric, stat, op, bound })
}

/// What --isl is where nobody says it.
const USUAL_INPUT_TOKENS: f64 = 550.0;
/// Largest value of a setting.
const MOST: f64 = 1e6;
