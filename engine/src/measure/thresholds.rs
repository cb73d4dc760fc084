//! Whether the run has failed by the user's own conditions.

use super::client_share::MARKED;
use super::goodput::Goodput;
use super::summary::Summary;
use super::tags;
use crate::interned::Name;
use crate::plan::Threshold;
use serde::{Deserialize, Serialize};

/// The result of one condition of `plan.thresholds`.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct ThresholdFigures {
    /// As it was written.
    pub text: String,
    /// Tag of the metric.
    #[serde(deserialize_with = "crate::interned::name")]
    pub tag: Name,
    /// Which figure of it; absent for a metric of the run.
    #[serde(default, deserialize_with = "crate::interned::optional")]
    pub statistic: Option<Name>,
    /// The figure; absent without samples.
    pub value: Option<f64>,
    /// Display unit of the bound and the value.
    #[serde(deserialize_with = "crate::interned::name")]
    pub unit: Name,
    /// The bound, in the same unit.
    pub bound: f64,
    /// Whether the run fails by it: the comparison holds, there was nothing to compare, or it is undecided and that was
    /// to count.
    pub failed: bool,
    /// Whether so many samples stand behind the figure as its percentile needs (p99 100, p99.9 1 000, p99.99 10 000).
    pub enough_samples: bool,
    /// The largest part of the figure that the client itself can have made, where that is over a hundredth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_share: Option<f64>,
    /// Too few samples stand behind the figure, or the client itself can have made what decides it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undecided: bool,
    /// The same in a sentence.
    pub words: String,
}

/// All of them, in their order.
pub(super) fn judge(thresholds: &[Threshold], decided: bool, summary: &Summary) -> Vec<ThresholdFigures> {
    thresholds.iter().map(|t| one(t, decided, summary)).collect()
}

/// `decided`: what the run cannot decide has failed.
fn one(threshold: &Threshold, decided: bool, summary: &Summary) -> ThresholdFigures {
    let unit = threshold.info().map_or("", |info| info.unit);
    let found = figure(threshold, summary).filter(|(value, _)| value.is_finite());
    let value = found.map(|(value, _)| value);
    let enough_samples = found.is_some_and(|(_, enough)| enough);
    let holds = value.is_none_or(|value| threshold.op.holds(value, threshold.bound));
    let undecided = value.is_some_and(|value| !enough_samples || is_decided_by_the_client(threshold, value, summary));
    let failed = holds || (undecided && decided);
    let of_run = threshold.tier.is_none();
    let client_share = summary.client_share(threshold.tag, threshold.statistic);
    let client_share = client_share.filter(|share| of_run && *share > MARKED);
    let words = match value {
        None => format!("{}: there are no samples", threshold.text),
        Some(value) => {
            let few = if enough_samples { "" } else { ", of too few samples for this percentile" };
            let own = client_share.map_or_else(String::new, |share| {
                format!(", of which up to {:.0} % can be the client's own", share.min(1.0) * 100.0)
            });
            let open = if undecided { "; undecided" } else { "" };
            format!("{}: it is {}{few}{own}{open}", threshold.text, shown(value, unit))
        }
    };
    ThresholdFigures {
        text: threshold.text.clone(),
        tag: threshold.tag,
        statistic: Some(threshold.statistic.name()).filter(|name| !name.is_empty()),
        value,
        unit,
        bound: threshold.bound,
        failed,
        enough_samples,
        client_share,
        undecided,
        words,
    }
}

/// Whether the figure can be on the other side of the bound without what the client itself made of it.
fn is_decided_by_the_client(threshold: &Threshold, value: f64, summary: &Summary) -> bool {
    // Of the goodput of tiers that is not known.
    let shares = summary.client.shares.iter().filter(|_| threshold.tier.is_none());
    let of = shares.filter(|share| share.tag == threshold.tag && share.statistic == threshold.statistic);
    let (lower_by, higher_by) = of.fold((0.0, 0.0), |(low, high), s| (low + s.lower_by, high + s.higher_by));
    let holds = |value| threshold.op.holds(value, threshold.bound);
    holds(value - lower_by) != holds(value) || holds(value + higher_by) != holds(value)
}

/// The figure, and whether enough samples stand behind it.
fn figure(threshold: &Threshold, summary: &Summary) -> Option<(f64, bool)> {
    if let Some(name) = &threshold.tier {
        let tier = summary.tiers.iter().find(|tier| tier.name == *name)?;
        return of_goodput(threshold.tag, &tier.goodput).map(|value| (value, true));
    }
    // Shares of requests exist where requests ended, and so do their counts: none is 0.
    let finished = summary.counts.finished();
    if threshold.tag == tags::ERROR_REQUEST_COUNT.tag && finished > 0 {
        return Some((summary.counts.failures() as f64, true));
    }
    let needs_requests = [tags::GOODPUT.tag, tags::GOOD_REQUEST_FRACTION.tag];
    if needs_requests.contains(&threshold.tag) && finished == 0 {
        return None;
    }
    let metric = summary.metric(threshold.tag)?;
    Some((metric.statistic(threshold.statistic)?, metric.has_enough_for(threshold.statistic)))
}

fn of_goodput(tag: &str, goodput: &Goodput) -> Option<f64> {
    goodput.interval?;
    if tag == tags::GOODPUT.tag {
        Some(goodput.goodput)
    } else if tag == tags::GOOD_REQUEST_FRACTION.tag {
        Some(goodput.good_request_fraction)
    } else {
        Some(goodput.good as f64)
    }
}

fn shown(value: f64, unit: &str) -> String {
    if unit == "ratio" {
        format!("{:.2} %", value * 100.0)
    } else if value.fract() == 0.0 && value.abs() < 1e15 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.3} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{plan, summary};
    use super::*;
    use crate::clock::MILLI;
    use crate::plan::{Slo, Tier};
    use crate::record::testing::{failed, streamed};
    use crate::record::{Cause, Record};

    /// 100 requests of 1 to 100 ms to the first token, and one failure.
    fn records() -> Vec<Record> {
        let mut records: Vec<Record> = (1..=100).map(|k| streamed(k, k * MILLI, k * MILLI, &[MILLI; 3])).collect();
        records.push(failed(streamed(0, 0, MILLI, &[]), Cause::Reset, 0, "reset"));
        records
    }

    fn judged(texts: &[&str], records: &[Record]) -> Vec<(bool, String)> {
        let mut plan = plan();
        plan.slos = Slo::parse_all(&["time_to_first_token:50".into()]).unwrap();
        plan.tiers = Tier::parse_all(r#"{"loose": "time_to_first_token:90"}"#).unwrap();
        plan.thresholds = texts.iter().map(|t| Threshold::parse(t).unwrap()).collect();
        let s = summary(&plan, records);
        s.thresholds.into_iter().map(|t| (t.failed, t.words)).collect()
    }

    #[test]
    fn figures_are_compared_as_they_are_reported() {
        for (text, failed, word) in [
            ("ttft.p99>50ms", true, "it is 99.010 ms"),
            ("ttft.p50>51ms", false, "it is 50.500 ms"),
            ("ttft.max>=100ms", true, "100 ms"),
            ("ttft.p99.9>99ms", true, "too few samples"),
            ("error_rate>1%", false, "0.990 %"),
            ("errors>0", true, "1 requests"),
            ("good_request_fraction<95%", true, "49.50 %"),
            ("good_request_fraction@loose<85%", false, "89.11 %"),
            ("good_request_count@loose<90", false, "90 requests"),
            ("osl.avg<5", true, "no samples"),
        ] {
            let found = &judged(&[text], &records())[0];
            assert!(found.0 == failed && found.1.contains(word), "{text}: {found:?}");
        }
    }

    #[test]
    fn what_cannot_be_decided_has_failed_where_that_was_asked_for() {
        use crate::record::Intervals;
        // All first tokens can have come up to 30 ms earlier.
        let wide = Intervals { first: 30 * MILLI, last: 0, widest: 30 * MILLI, wide: 1, end: 0, begin: 0 };
        let early: Vec<Record> = records().into_iter().map(|r| Record { intervals: wide, ..r }).collect();
        for (text, records, undecided) in [
            ("ttft.p50>60ms", &records(), false),
            ("ttft.p99.9>500ms", &records(), true),
            ("ttft.p99>500ms", &records(), false),
            ("ttft.p50>60ms", &early, false),
            ("ttft.p50>30ms", &early, true),
            ("ttft.p50<30ms", &early, true),
        ] {
            let mut plan = plan();
            plan.thresholds = vec![Threshold::parse(text).unwrap()];
            let found = summary(&plan, records).thresholds.remove(0);
            assert_eq!(found.undecided, undecided, "{found:?}");
            assert_eq!(found.words.ends_with("; undecided"), undecided, "{found:?}");
            plan.fail_if_undecided = true;
            let demanded = summary(&plan, records).thresholds.remove(0);
            assert_eq!(demanded.failed, found.failed || undecided, "{demanded:?}");
        }
    }

    #[test]
    fn nothing_to_compare_has_failed() {
        for text in ["ttft.p99>50s", "error_rate>1%", "goodput<0", "goodput@loose<0", "errors>5"] {
            let found = &judged(&[text], &[])[0];
            assert!(found.0 && found.1.contains("no samples"), "{text}: {found:?}");
        }
    }
}
