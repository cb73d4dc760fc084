//! What must not be: figures of the whole run that fail it.

use super::metric::{self, MetricInfo};
use super::statistic::{STATISTICS, Statistic};
use super::tier::Tier;
use crate::error::{Error, Result};
use crate::setting::Setting::{Slos, Thresholds, Tiers};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// A condition under which the run has failed, as in `ttft.p99>500ms`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// As it was written.
    pub text: String,
    /// Tag of the metric.
    pub tag: &'static str,
    /// The tier that a goodput figure is of; `None` is the objectives of the plan itself.
    pub tier: Option<String>,
    /// Which figure of the metric.
    pub statistic: Statistic,
    /// The comparison that must not hold.
    pub op: Comparison,
    /// The right side of it, in the metric's display unit.
    pub bound: f64,
}

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        Self::try_from(Written::deserialize(d)?).map_err(D::Error::custom)
    }
}

/// A condition as it is written in a plan's JSON.
#[derive(Deserialize)]
struct Written {
    text: String,
    tag: String,
    tier: Option<String>,
    statistic: Statistic,
    op: Comparison,
    bound: f64,
}

impl TryFrom<Written> for Threshold {
    type Error = String;

    fn try_from(written: Written) -> std::result::Result<Self, String> {
        let info = metric::find(&written.tag);
        let info = info.ok_or_else(|| format!("no metric is called `{}`", written.tag))?;
        Ok(Self {
            text: written.text,
            tag: info.tag,
            tier: written.tier,
            statistic: written.statistic,
            op: written.op,
            bound: written.bound,
        })
    }
}

/// How a figure is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Comparison {
    /// `>`
    #[serde(rename = ">")]
    Above,
    /// `>=`
    #[serde(rename = ">=")]
    AtLeast,
    /// `<`
    #[serde(rename = "<")]
    Below,
    /// `<=`
    #[serde(rename = "<=")]
    AtMost,
}

impl Comparison {
    /// Whether it holds.
    #[must_use]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
        }
    }

    /// The sign, as a condition has it.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
        }
    }
}

impl Threshold {
    /// Parses a condition: `METRIC[@TIER][.STATISTIC] COMPARISON NUMBER[UNIT]`.
    ///
    /// A metric is a tag or one of its short names (`ttft`, `itl`, `latency`, `rps`, `tps`, `error_rate` …). A metric
    /// of which each request has a value needs a statistic, one of the run has none. Without a unit the number is in
    /// the metric's display unit; lengths take `us`, `ms`, `s`, shares `%`.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`], with near names for those that are not known.
    pub fn parse(text: &str) -> Result<Self> {
        let fault = |what: String, remedy: String| Error::usage(format!("{Thresholds} {text}: {what}"), remedy);
        let none = || fault("no comparison in it".into(), example());
        let at = text.find(['<', '>']).ok_or_else(none)?;
        let (left, rest) = (text[..at].trim(), &text[at..]);
        let (op, right) =
            SIGNS.iter().find_map(|(sign, op)| Some((*op, rest.strip_prefix(sign)?.trim()))).ok_or_else(none)?;
        let (name, statistic) = match left.split_once('.') {
            Some((name, statistic)) => (name.trim(), Some(statistic.trim())),
            None => (left, None),
        };
        let (name, tier) = match name.split_once('@') {
            Some((name, tier)) => (name, Some(tier.to_owned())),
            None => (name, None),
        };
        let info = metric(name).map_err(|remedy| fault(format!("unknown metric `{name}`"), remedy))?;
        if tier.is_some() && !TIERED.contains(&info.tag) {
            return Err(fault(format!("`{}` is not of a tier", info.tag), format!("{} are", TIERED.join(", "))));
        }
        let statistic = choose(info, statistic).map_err(|(what, remedy)| fault(what, remedy))?;
        let bound =
            bound(info, right).map_err(|remedy| fault(format!("`{right}` is no bound for {}", info.tag), remedy))?;
        Ok(Self { text: text.to_owned(), tag: info.tag, tier, statistic, op, bound })
    }

    /// Whether the plan's objectives give it something to compare with.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] for a goodput figure without objectives, and for a tier that there is not.
    pub fn check(&self, goodput: bool, tiers: &[Tier]) -> Result<()> {
        if !TIERED.contains(&self.tag) {
            return Ok(());
        }
        let names: Vec<&str> = tiers.iter().map(|t| t.name.as_str()).collect();
        match &self.tier {
            None if goodput => Ok(()),
            None => Err(Error::usage(
                format!("{Thresholds} {}: there are no objectives to be good by", self.text),
                if names.is_empty() {
                    format!("add {Slos}, as in {Slos} time_to_first_token:200")
                } else {
                    format!("add {Slos}, or name a tier: {}@{}", self.tag, names[0])
                },
            )),
            Some(tier) if names.contains(&tier.as_str()) => Ok(()),
            Some(tier) => Err(Error::usage(
                format!("{Thresholds} {}: there is no tier `{tier}`", self.text),
                if names.is_empty() {
                    format!("add {Tiers} FILE with it")
                } else {
                    format!("those of {Tiers} are: {}", names.join(", "))
                },
            )),
        }
    }

    /// The metric of its figure; `None` where the figure is of no metric.
    #[must_use]
    pub fn info(&self) -> Option<&'static MetricInfo> {
        metric::find(self.tag)
    }
}

/// The metric of a tag or a short name, or the nearest names.
fn metric(name: &str) -> std::result::Result<&'static MetricInfo, String> {
    metric::named(name).ok_or_else(|| {
        let known = metric::short().chain(metric::TABLE.iter().map(|info| info.tag));
        super::slo::near(name, known)
    })
}

fn choose(info: &MetricInfo, statistic: Option<&str>) -> std::result::Result<Statistic, (String, String)> {
    let distributed = info.per_request || info.tag == metric::EFFECTIVE_CONCURRENCY.tag;
    match statistic {
        None if info.per_request => Err((
            format!("each request has its own `{}`", info.tag),
            format!("say which figure of it: {}.p99, or avg, min, max, p50 … p99.99", info.tag),
        )),
        None => Ok(Statistic::Value),
        Some(name) if !distributed => Err((
            format!("`{}` is one value of the whole run, it has no `{name}`", info.tag),
            format!("write {} alone", info.tag),
        )),
        Some(name) => {
            STATISTICS.iter().find(|(known, _)| *known == name).map(|(_, statistic)| *statistic).ok_or_else(|| {
                let known: Vec<&str> = STATISTICS.iter().map(|(name, _)| *name).collect();
                (format!("unknown figure `{name}`"), format!("write one of {}", known.join(", ")))
            })
        }
    }
}

/// The number of a bound in the display unit.
fn bound(info: &MetricInfo, text: &str) -> std::result::Result<f64, String> {
    let split =
        text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E'))).unwrap_or(text.len());
    let (number, unit) = (&text[..split], text[split..].trim());
    let units = units(info.unit);
    let scale = if unit.is_empty() || unit == info.unit {
        Some((1.0, 1.0))
    } else {
        let mut known = units.iter();
        known.find(|(name, _, _)| *name == unit).map(|(_, times, by)| (*times, *by))
    };
    let names: Vec<&str> = units.iter().map(|(name, _, _)| *name).collect();
    let remedy = || {
        let also = if names.is_empty() { String::new() } else { format!(", or of {}", names.join(", ")) };
        match info.unit {
            "ratio" => format!("write a share from 0 to 1{also}"),
            unit => format!("write a number of {unit}{also}"),
        }
    };
    let number: f64 = number.parse().map_err(|_| remedy())?;
    let (times, by) = scale.ok_or_else(remedy)?;
    let value = number * times / by;
    // 95 where 95 % is meant would pass every run, or fail it.
    let share = info.unit != "ratio" || (0.0..=1.0).contains(&value);
    if value.is_finite() && share { Ok(value) } else { Err(remedy()) }
}

/// Other units of a display unit: a number of them times the first and by the second is one of the display unit. Two
/// whole numbers, so that 95 % is 0.95 to the last digit.
fn units(display: &str) -> &'static [(&'static str, f64, f64)] {
    match display {
        "ms" => &[("ns", 1.0, 1e6), ("us", 1.0, 1e3), ("µs", 1.0, 1e3), ("s", 1e3, 1.0), ("sec", 1e3, 1.0)],
        "sec" => &[("s", 1.0, 1.0), ("ms", 1.0, 1e3)],
        "ratio" => &[("%", 1.0, 100.0)],
        "requests/sec" => &[("/s", 1.0, 1.0), ("req/s", 1.0, 1.0)],
        "tokens/sec" | "tokens/sec/user" => &[("/s", 1.0, 1.0), ("tok/s", 1.0, 1.0), ("tokens/s", 1.0, 1.0)],
        "tokens" => &[("tok", 1.0, 1.0)],
        _ => &[],
    }
}

/// Longer signs first.
const SIGNS: [(&str, Comparison); 4] =
    [(">=", Comparison::AtLeast), ("<=", Comparison::AtMost), (">", Comparison::Above), ("<", Comparison::Below)];

/// Figures that a tier has of its own.
const TIERED: [&str; 3] = ["goodput", "good_request_count", "good_request_fraction"];

fn example() -> String {
    format!("write METRIC.FIGURE>VALUE, as in {Thresholds} 'ttft.p99>500ms' or {Thresholds} 'error_rate>1%'")
}

#[cfg(test)]
mod tests;
