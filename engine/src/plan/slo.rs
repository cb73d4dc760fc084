//! Service level objectives of single requests.

use super::metric::{self, MetricInfo};
use crate::error::{Error, Result};
use crate::setting::Setting::Slos;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// One objective: `metric ≤ threshold`, or `≥` for metrics of which more is better.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slo {
    /// Tag of a record metric, as in [`super::metric`].
    pub tag: &'static str,
    /// Threshold in the metric's display unit (ms for times).
    pub threshold: f64,
}

impl<'de> Deserialize<'de> for Slo {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        Self::try_from(Written::deserialize(d)?).map_err(D::Error::custom)
    }
}

/// An objective as it is written in a plan's JSON.
#[derive(Deserialize)]
struct Written {
    tag: String,
    threshold: f64,
}

impl TryFrom<Written> for Slo {
    type Error = String;

    fn try_from(written: Written) -> std::result::Result<Self, String> {
        let info = metric::find(&written.tag);
        let info = info.ok_or_else(|| format!("no metric is called `{}`", written.tag))?;
        Ok(Self { tag: info.tag, threshold: written.threshold })
    }
}

impl Slo {
    /// Parses objectives: each text holds one or several `TAG:THRESHOLD`, separated by spaces; for the tag one of the
    /// short names may stand that [`super::Threshold`] takes (`ttft`, `itl`, `latency` …).
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] for a tag that is unknown, not of single requests, or given twice, and for a threshold
    /// that is not a number from 0.
    pub fn parse_all(args: &[String]) -> Result<Vec<Self>> {
        let slos = Self::parse_from(&Slos.to_string(), args)?;
        if slos.is_empty() && !args.is_empty() {
            return Err(Error::usage(format!("{Slos}: no objective in it"), example()));
        }
        Ok(slos)
    }

    /// As [`Self::parse_all`]; errors name the source.
    pub(super) fn parse_from(source: &str, args: &[String]) -> Result<Vec<Self>> {
        let mut slos: Vec<Self> = Vec::new();
        for word in args.iter().flat_map(|arg| arg.split_whitespace()) {
            let slo = Self::parse(source, word)?;
            if slos.iter().any(|other| other.tag == slo.tag) {
                return Err(Error::usage(
                    format!("{source}: `{}` is given twice", slo.tag),
                    "keep one threshold for each metric",
                ));
            }
            slos.push(slo);
        }
        Ok(slos)
    }

    fn parse(source: &str, word: &str) -> Result<Self> {
        let (tag, threshold) = word
            .split_once(':')
            .ok_or_else(|| Error::usage(format!("{source}: `{word}` has no threshold"), example()))?;
        let info = metric(source, tag)?;
        let threshold = threshold.parse::<f64>().ok().filter(|t| t.is_finite() && *t >= 0.0).ok_or_else(|| {
            Error::usage(
                format!("{source}: `{threshold}` is not a threshold for `{tag}`"),
                format!("write a number of {} from 0", info.unit),
            )
        })?;
        Ok(Self { tag: info.tag, threshold })
    }

    /// The metric that it bounds; `None` where no metric has its tag.
    #[must_use]
    pub fn info(&self) -> Option<&'static MetricInfo> {
        metric::find(self.tag)
    }
}

fn metric(source: &str, tag: &str) -> Result<&'static MetricInfo> {
    match metric::named(tag) {
        Some(info) if metric::is_slo(info) => Ok(info),
        Some(_) => Err(Error::usage(
            format!("{source}: `{tag}` has no value for each successful request"),
            format!("an objective is judged request by request; {}", suggestion(tag)),
        )),
        None => Err(Error::usage(format!("{source}: unknown metric `{tag}`"), suggestion(tag))),
    }
}

/// The nearest tags.
fn suggestion(tag: &str) -> String {
    near(tag, metric::slo_tags())
}

/// The three names that are nearest to one, in words.
pub(super) fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut near: Vec<(usize, &str)> = known.map(|other| (distance(name, other), other)).collect();
    near.sort_by_key(|(distance, _)| *distance);
    let names: Vec<String> = near.iter().take(3).map(|(_, name)| format!("`{name}`")).collect();
    format!("near matches: {}", names.join(", "))
}

/// How unlike two tags are: insertions, deletions and replacements of characters (Levenshtein), and nothing for a tag
/// that the other contains or is the initials of.
fn distance(a: &str, b: &str) -> usize {
    let initials: String = b.split('_').filter_map(|word| word.chars().next()).collect();
    if !a.is_empty() && (a.eq_ignore_ascii_case(&initials) || b.contains(a)) {
        return 0;
    }
    // One row of the matrix; what the user typed is cut, as no tag is that long.
    let a: Vec<char> = a.to_lowercase().chars().take(64).collect();
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, cb) in b.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, ca) in a.iter().enumerate() {
            let replaced = diagonal + usize::from(*ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[a.len()]
}

fn example() -> String {
    format!("write METRIC:THRESHOLD, as in {Slos} time_to_first_token:200")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Vec<Slo>> {
        Slo::parse_all(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn objectives_may_be_repeated_or_separated_by_spaces() {
        let expected = vec![
            Slo { tag: "time_to_first_token", threshold: 200.0 },
            Slo { tag: "inter_token_latency", threshold: 12.5 },
        ];
        assert_eq!(parse(&["time_to_first_token:200", "inter_token_latency:12.5"]).unwrap(), expected);
        assert_eq!(parse(&[" time_to_first_token:200  inter_token_latency:12.5 "]).unwrap(), expected);
        assert_eq!(parse(&[]).unwrap(), []);
    }

    #[test]
    fn short_names_are_those_of_conditions() {
        let short = parse(&["ttft:200 itl:12.5 latency:900"]).unwrap();
        let long = "time_to_first_token:200 inter_token_latency:12.5 request_latency:900";
        assert_eq!(short, parse(&[long]).unwrap());
        let e = parse(&["ttft:200 time_to_first_token:300"]).unwrap_err();
        assert!(e.what.contains("given twice"), "{e}");
        let e = parse(&["rps:5"]).unwrap_err();
        assert!(e.what.contains("no value for each"), "{e}");
    }

    #[test]
    fn an_unknown_metric_gets_near_matches() {
        for (wrong, right) in [("time_to_frist_token", "time_to_first_token"), ("second_token", "time_to_second_token")]
        {
            let e = parse(&[&format!("{wrong}:1")]).unwrap_err();
            assert_eq!(e.blame, crate::Blame::Usage);
            assert!(e.remedy.contains(right), "{e}");
        }
    }

    #[test]
    fn a_figure_of_the_whole_run_is_no_objective() {
        let e = parse(&["request_throughput:5"]).unwrap_err();
        assert!(e.what.contains("no value for each"), "{e}");
        assert!(parse(&["error_isl:5"]).is_err());
    }

    #[test]
    fn bad_thresholds_name_the_unit() {
        for bad in ["", "fast", "-1", "NaN", "inf", "1e999"] {
            let e = parse(&[&format!("request_latency:{bad}")]).unwrap_err();
            assert!(e.remedy.contains("number of ms"), "{e}");
        }
        assert!(parse(&["request_latency"]).is_err());
        assert!(parse(&[" "]).is_err());
    }

    #[test]
    fn duplicates_are_refused() {
        let e = parse(&["request_latency:1 request_latency:2"]).unwrap_err();
        assert!(e.what.contains("twice"), "{e}");
    }

    #[test]
    fn edit_distance_of_known_pairs() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
