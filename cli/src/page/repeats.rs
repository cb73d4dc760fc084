//! What the repeats of a point agree on: means with their intervals, and the runs side by side.

use super::campaign::name_of;
use super::figures::{Figures, percent};
use super::html::Html;
use super::plot::{Line, Plot};
use super::scale::Scale;
use crate::report::short;
use crate::result::campaign::{Campaign, SweepPointOutcome};
use ringload_engine::plan::Statistic;

/// A section for each point that was run more than once.
pub(super) fn sections(of: Figures<'_>, campaign: &Campaign) -> Html {
    let mut html = Html::default();
    let alone = campaign.points.len() == 1;
    for (i, point) in campaign.points.iter().enumerate().filter(|(_, point)| point.runs.len() > 1) {
        let name = if alone { String::new() } else { format!(" of {}", name_of(point)) };
        html.raw("<section>").element("h2", &[], &format!("Over the repeats{name}"));
        html.append(table(of, i, &point.counted_runs()));
        if alone {
            html.append(charts(point));
        }
        html.raw("</section>");
    }
    html
}

fn table(of: Figures<'_>, point: usize, runs: &str) -> Html {
    let mut html = Html::default();
    let level = of.number("/confidence_level").map_or_else(String::new, |level| format!("{} ", percent(level)));
    let words = format!(
        "Mean, the {level}interval of that mean (Student's t), and how far the runs lie apart: standard deviation, \
         coefficient of variation, least and greatest; over {runs}."
    );
    html.element("p", &[("class", "soft")], &words);
    html.raw("<div class=\"scroll\"><table><thead><tr><th>figure</th>");
    for (name, _, _) in COLUMNS {
        html.element("th", &[("class", "n")], name);
    }
    html.raw("</tr></thead><tbody>");
    for (name, tag) in FIGURES {
        let at = format!("/sweep_points/{point}/metrics/{tag}");
        if of.at(&at).is_none() {
            continue;
        }
        html.raw("<tr>").element("th", &[("scope", "row")], name);
        for (_, field, show) in COLUMNS {
            of.cell(&mut html, &format!("{at}/{field}"), show);
        }
        html.raw("</tr>");
    }
    html.raw("</tbody></table></div>");
    html
}

/// The runs in the order in which they were made.
fn charts(point: &SweepPointOutcome) -> Html {
    let mut html = Html::default();
    html.raw("<div class=\"charts\">");
    for (title, unit, lines) in CHARTS {
        let lines: Vec<Line> = lines.iter().filter_map(|(name, tag, which)| line(point, name, tag, *which)).collect();
        if lines.is_empty() {
            continue;
        }
        let values = lines.iter().flat_map(|line| &line.points).filter_map(|(_, y)| *y);
        Plot {
            title: (*title).to_owned(),
            across: "run",
            unit,
            x: Scale::straight(0.0, point.runs.len() as f64 + 1.0),
            y: Scale::from_zero(values),
            turned: false,
            marks: Vec::new(),
            ground: None,
            words: format!("{title}, {unit}, of each run."),
            lines,
        }
        .write(&mut html);
    }
    html.raw("</div>");
    html
}

fn line(point: &SweepPointOutcome, name: &str, tag: &str, which: Statistic) -> Option<Line> {
    let of_run = |(i, run): (usize, &crate::result::run::RunOutput)| {
        let value = run.outcome.summary.metric(tag).and_then(|metric| metric.statistic(which));
        (i as f64 + 1.0, value)
    };
    let points: Vec<_> = point.runs.iter().enumerate().map(of_run).collect();
    let any = points.iter().any(|(_, y)| y.is_some());
    any.then(|| Line { name: name.to_owned(), points, at: None, dots: true, joined: true })
}

/// Heading, field, and how it is shown.
type Column = (&'static str, &'static str, fn(f64) -> String);
const COLUMNS: [Column; 7] = [
    ("mean", "mean", short),
    ("low", "ci_low", short),
    ("high", "ci_high", short),
    ("std", "std", short),
    ("cv", "cv", |share| format!("{:.2} %", 100.0 * share)),
    ("min", "min", short),
    ("max", "max", short),
];

/// Name with its unit, and tag.
const FIGURES: [(&str, &str); 11] = [
    ("requests/s", "request_throughput_avg"),
    ("good requests/s", "goodput_avg"),
    ("output tokens/s", "output_token_throughput_avg"),
    ("TTFT avg, ms", "time_to_first_token_avg"),
    ("TTFT p50, ms", "time_to_first_token_p50"),
    ("TTFT p99, ms", "time_to_first_token_p99"),
    ("ITL avg, ms", "inter_token_latency_avg"),
    ("ITL p50, ms", "inter_token_latency_p50"),
    ("ITL p99, ms", "inter_token_latency_p99"),
    ("latency p50, ms", "request_latency_p50"),
    ("latency p99, ms", "request_latency_p99"),
];

/// Heading, unit, and lines: name, tag and statistic.
type Chart = (&'static str, &'static str, &'static [(&'static str, &'static str, Statistic)]);
const CHARTS: &[Chart] = &[
    (
        "Throughput of each run",
        "requests/s",
        &[("throughput", "request_throughput", Statistic::Avg), ("goodput", "goodput", Statistic::Avg)],
    ),
    (
        "Time to first token of each run",
        "ms",
        &[("p50", "time_to_first_token", Statistic::P50), ("p99", "time_to_first_token", Statistic::P99)],
    ),
    (
        "Request latency of each run",
        "ms",
        &[("p50", "request_latency", Statistic::P50), ("p99", "request_latency", Statistic::P99)],
    ),
];

#[cfg(test)]
mod tests {
    use super::super::campaign::of_campaign;
    use super::super::tests::agreeing;
    use crate::testing::sample_campaign::repeats;
    use std::path::Path;

    #[test]
    fn every_figure_of_repeats_is_that_of_the_json_with_its_interval() {
        let page = of_campaign(&repeats(3), Path::new("base"));
        assert!(agreeing(&page) >= 40, "{}", agreeing(&page));
        for words in [
            "Over the repeats</h2>",
            "least and greatest; over 3 runs.",
            "data-at=\"/sweep_points/0/metrics/time_to_first_token_p99/ci_high\"",
            "Time to first token of each run",
        ] {
            assert!(page.contains(words), "{words}");
        }
    }
}
