//! Conditions on how much a figure may change.

use super::Difference;
use crate::error::{Error, Result};
use crate::plan::{Statistic, metric};
use crate::setting::Setting::Thresholds;
use serde::Serialize;

/// A condition under which a comparison has failed, as in `ttft.p99>+10%`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Limit {
    /// As it was written.
    pub text: String,
    /// Tag of the metric.
    pub tag: &'static str,
    /// Which figure of it.
    pub statistic: Statistic,
    /// The change in percent (of a share: in percentage points) that it must not be over, or under.
    pub percent: f64,
    /// Whether more than that has failed; else less.
    pub over: bool,
}

/// The result of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// The change is within the bound.
    Passed,
    /// It is beyond it, and one that these runs show.
    Failed,
    /// It is beyond it, and these runs cannot show a change of that size.
    Undecided,
    /// The runs do not both have the figure.
    Absent,
}

impl Limit {
    /// Reads `METRIC.FIGURE>+10%` or `METRIC.FIGURE<-5%`; short names of metrics are understood, and the figure of a
    /// rate is left out.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] with how it is written.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: String| {
            Error::usage(
                format!("{Thresholds} {text}: {what}"),
                format!("write METRIC.FIGURE>+N%, as in {Thresholds} 'ttft.p99>+10%' or {Thresholds} 'rps<-5%'"),
            )
        };
        let at = text.find(['<', '>']).ok_or_else(|| wrong("no comparison in it".into()))?;
        let (left, right) = (text[..at].trim(), text[at + 1..].trim());
        let (name, figure) =
            left.split_once('.').map_or((left, None), |(name, figure)| (name.trim(), Some(figure.trim())));
        let info = metric::named(name).ok_or_else(|| wrong(format!("unknown metric `{name}`")))?;
        let number = right.strip_suffix('%').ok_or_else(|| wrong(format!("`{right}` is no change in percent")))?;
        let percent: f64 = number.trim().parse().map_err(|_| wrong(format!("`{right}` is no change in percent")))?;
        if !percent.is_finite() {
            return Err(wrong(format!("`{right}` is no change in percent")));
        }
        let statistic = match figure {
            None => Statistic::Value,
            Some(figure) => Statistic::named(figure).ok_or_else(|| wrong(format!("unknown figure `{figure}`")))?,
        };
        Ok(Self { text: text.to_owned(), tag: info.tag, statistic, percent, over: text[at..].starts_with('>') })
    }

    /// What comes of it.
    #[must_use]
    pub fn judge(&self, differences: &[Difference]) -> Held {
        let found = differences.iter().find(|d| d.tag == self.tag && d.statistic == self.statistic);
        let Some(found) = found.filter(|d| d.change.is_finite()) else {
            return Held::Absent;
        };
        let percent = 100.0 * found.change;
        let beyond = if self.over { percent > self.percent } else { percent < self.percent };
        match (beyond, found.shown) {
            (false, _) => Held::Passed,
            (true, true) => Held::Failed,
            (true, false) => Held::Undecided,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_a_figure_a_sign_and_a_change_in_percent() {
        let limit = Limit::parse("ttft.p99>+10%").unwrap();
        assert_eq!(
            (limit.tag, limit.statistic, limit.percent, limit.over),
            ("time_to_first_token", Statistic::P99, 10.0, true)
        );
        let limit = Limit::parse("request_throughput < -5 %").unwrap();
        assert_eq!(
            (limit.tag, limit.statistic, limit.percent, limit.over),
            ("request_throughput", Statistic::Value, -5.0, false)
        );
        for text in ["ttft.p99", "tttf.p99>10%", "ttft.p99>10", "ttft.p98>10%", "ttft.p99>x%", "ttft.p99>nan%"] {
            let e = Limit::parse(text).unwrap_err();
            assert!(e.remedy.contains("ttft.p99>+10%"), "{text}: {e}");
        }
    }

    #[test]
    fn only_a_change_that_is_shown_fails() {
        let limit = Limit::parse("ttft.p99>+10%").unwrap();
        let difference = |change: f64, shown: bool| Difference {
            tag: "time_to_first_token".into(),
            statistic: Statistic::P99,
            unit: "ms".into(),
            base: 100.0,
            new: 100.0 * (1.0 + change),
            change,
            interval: None,
            shown,
            least_shown: None,
        };
        assert_eq!(limit.judge(&[difference(0.2, true)]), Held::Failed);
        assert_eq!(limit.judge(&[difference(0.2, false)]), Held::Undecided);
        assert_eq!(limit.judge(&[difference(0.05, true)]), Held::Passed);
        assert_eq!(limit.judge(&[]), Held::Absent);
    }
}
