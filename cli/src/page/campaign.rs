//! The page of several runs: what they agree on, and what a sweep shows.

use super::figures::{Figures, count_of, percent, shown};
use super::html::Html;
use super::plot::{Line, Plot};
use super::repeats;
use super::scale::Scale;
use crate::export::campaign_document;
use crate::report::{short, sweep_in_words};
use crate::result::campaign::{Campaign, SweepPointOutcome};
use crate::result::run::RunOutput;
use std::path::Path;

/// `report.html` beside `ringload_campaign.json`, in `base`.
pub(crate) fn of_campaign(campaign: &Campaign, base: &Path) -> String {
    let document = campaign_document(campaign);
    let of = Figures(&document);
    let mut html = Html::default();
    let axes: Vec<String> = campaign.axes().into_iter().map(|(name, _)| name).collect();
    let what = if axes.is_empty() { "Repeats".to_owned() } else { format!("Sweep of {}", axes.join(" and ")) };
    html.raw("<header>").element("h1", &[], &what);
    let runs: Vec<&RunOutput> = campaign.runs().collect();
    if let Some(first) = runs.first() {
        let plan = &first.outcome.plan;
        let targets: Vec<&str> = plan.targets.iter().map(|t| t.url.as_str()).collect();
        html.element("p", &[], &format!("{} at {}", plan.models.join(" "), targets.join(" ")));
    }
    let points = campaign.points.len();
    html.element("p", &[], &format!("{}, {}", count_of(points, "point"), count_of(runs.len(), "run")));
    if let Some(interrupted) = &campaign.interrupted {
        let words = format!("INTERRUPTED by {}: not all runs were made.", interrupted.why);
        html.element("p", &[("class", "FAILED")], &words);
    }
    html.raw("</header>");
    if campaign.sweep_id.is_some() {
        html.append(shows(campaign)).append(curves(of, campaign));
    }
    html.append(points_table(of, campaign)).append(repeats::sections(of, campaign));
    html.append(runs_table(campaign, base));
    html.append(super::tables::download("ringload_campaign.json"));
    super::page(&format!("{what} - ringload"), html, &document)
}

fn shows(campaign: &Campaign) -> Html {
    let mut html = Html::default();
    html.raw("<section><h2>What it shows</h2><dl>");
    for (name, words) in sweep_in_words(campaign) {
        html.element("dt", &[("class", "soft")], name).element("dd", &[], &words);
    }
    html.raw("</dl></section>");
    html
}

/// Figures against the load, and against each other.
fn curves(of: Figures<'_>, campaign: &Campaign) -> Html {
    let mut html = Html::default();
    let axis: Option<Vec<f64>> = campaign.points.iter().map(|point| point.figures.axis).collect();
    let Some(axis) = axis.filter(|axis| axis.len() > 1) else { return html };
    let name = campaign.axes().first().map_or_else(String::new, |(name, _)| name.clone());
    let (low, high) = axis.iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
    let scale = Scale::spread(low, high);
    html.raw("<section><h2>Against the load</h2><div class=\"charts\">");
    for Figure { title, unit, lines } in AGAINST_LOAD {
        let lines = lines.iter().filter_map(|(name, field)| line(of, name, field, &axis));
        let marks = if title == THROUGHPUT { knee(of, &axis) } else { Vec::new() };
        plot(&mut html, Axes { title, across: &name, unit, x: scale }, lines.collect(), marks);
    }
    html.raw("</div></section><section><h2>Against each other</h2><div class=\"charts\">");
    let values = |field: &str| -> Vec<f64> {
        (0..axis.len()).map(|i| of.number(&format!("/sweep_points/{i}/{field}")).unwrap_or(f64::NAN)).collect()
    };
    for (title, (across, x), (unit, y), equal) in AGAINST_EACH_OTHER {
        let x = values(x);
        if x.iter().any(|x| !x.is_finite()) {
            continue;
        }
        let Some(found) = line(of, unit, y, &x) else { continue };
        let mut lines = vec![found];
        if equal {
            let points = x.iter().map(|x| (*x, Some(*x))).collect();
            lines.push(Line { name: "all good".into(), points, at: None, dots: false, joined: true });
        }
        let marks = axis.iter().zip(&x).filter(|_| axis.len() <= 8).map(|(load, x)| (*x, shown(*load)));
        let scale = Scale::from_zero(x.iter().copied());
        plot(&mut html, Axes { title, across, unit, x: scale }, lines, marks.collect());
    }
    html.raw("</div></section>");
    html
}

fn line(of: Figures<'_>, name: &str, field: &str, x: &[f64]) -> Option<Line> {
    let points: Vec<_> =
        x.iter().enumerate().map(|(i, x)| (*x, of.number(&format!("/sweep_points/{i}/{field}")))).collect();
    let at = Some(format!("/sweep_points/*/{field}"));
    points.iter().any(|(_, y)| y.is_some()).then(|| Line {
        name: name.to_owned(),
        points,
        at,
        dots: true,
        joined: true,
    })
}

/// The last load that holds, and the first that does not.
fn knee(of: Figures<'_>, axis: &[f64]) -> Vec<(f64, String)> {
    let at = |end: &str| axis.get(of.at(&format!("/sweep_summary/knee/{end}"))?.as_u64()? as usize).copied();
    let ends = [("last", "holds"), ("first_over", "too much")];
    ends.into_iter().filter_map(|(end, words)| Some((at(end)?, format!("{words} {}", shown(at(end)?))))).collect()
}

struct Axes<'a> {
    title: &'a str,
    across: &'a str,
    unit: &'a str,
    x: Scale,
}

fn plot(html: &mut Html, axes: Axes<'_>, lines: Vec<Line>, marks: Vec<(f64, String)>) {
    let values = || lines.iter().flat_map(|line| &line.points).filter_map(|(_, y)| *y);
    if values().next().is_none() {
        return;
    }
    Plot {
        title: axes.title.to_owned(),
        across: axes.across,
        unit: axes.unit,
        x: axes.x,
        y: Scale::from_zero(values()),
        turned: false,
        marks,
        ground: None,
        words: format!("{}, {}, against {}.", axes.title, axes.unit, axes.across),
        lines,
    }
    .write(html);
}

fn points_table(of: Figures<'_>, campaign: &Campaign) -> Html {
    let mut html = Html::default();
    html.raw("<section><h2>Points</h2><p class=\"soft\">Means over the repeats of a point.</p><div class=\"scroll\"><table><thead><tr><th>point</th>");
    for (name, _, _) in COLUMNS {
        html.element("th", &[("class", "n")], name);
    }
    html.raw("</tr></thead><tbody>");
    for (i, point) in campaign.points.iter().enumerate() {
        html.raw("<tr>").element("th", &[("scope", "row")], name_of(point));
        for (_, field, show) in COLUMNS {
            of.cell(&mut html, &format!("/sweep_points/{i}/{field}"), show);
        }
        html.raw("</tr>");
    }
    html.raw("</tbody></table></div></section>");
    html
}

pub(super) fn name_of(point: &SweepPointOutcome) -> &str {
    if point.label.is_empty() { "all runs" } else { &point.label }
}

/// Each run with its verdict, and where its own page is.
fn runs_table(campaign: &Campaign, base: &Path) -> Html {
    let mut html = Html::default();
    html.raw("<section><h2>Runs</h2><div class=\"scroll\"><table><thead><tr><th>point</th><th>run</th><th>verdict</th><th>findings</th></tr></thead><tbody>");
    for point in &campaign.points {
        for (i, run) in point.runs.iter().enumerate() {
            html.raw("<tr>").element("td", &[], name_of(point)).raw("<td>");
            let label = &run.outcome.identity.of_several.run_label;
            let label = if label.is_empty() { format!("run {}", i + 1) } else { label.clone() };
            link(&mut html, run, base, &label);
            let verdict = &run.outcome.verdict;
            html.raw("</td><td>").element("strong", &[("class", verdict.status.word())], verdict.status.word());
            let gates: Vec<&str> = verdict.findings.iter().map(|finding| finding.gate).collect();
            html.raw("</td>").element("td", &[("class", "wrap")], &gates.join(", ")).raw("</tr>");
        }
    }
    html.raw("</tbody></table></div></section>");
    html
}

/// The page of a run, where it lies below this one's folder.
pub(super) fn link(html: &mut Html, run: &RunOutput, base: &Path, words: &str) {
    let page = run.files.iter().find(|file| file.extension().is_some_and(|e| e == "html"));
    match page.and_then(|page| page.strip_prefix(base).ok()).and_then(Path::to_str) {
        Some(path) => html.element("a", &[("href", &address(path))], words),
        None => html.text(words),
    };
}

/// A relative path as a relative address (RFC 3986): never one with a scheme.
fn address(path: &str) -> String {
    let mut text = String::from("./");
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' | b'=' => text.push(char::from(byte)),
            other => text += &format!("%{other:02X}"),
        }
    }
    text
}

/// A chart: its heading, its unit, and its lines by their names and fields of a point.
struct Figure {
    title: &'static str,
    unit: &'static str,
    lines: &'static [(&'static str, &'static str)],
}

const THROUGHPUT: &str = "Throughput and goodput";
const AGAINST_LOAD: [Figure; 6] = [
    Figure {
        title: THROUGHPUT,
        unit: "requests/s",
        lines: &[("throughput", "figures/throughput"), ("goodput", "figures/goodput")],
    },
    Figure { title: "Good requests", unit: "share", lines: &[("good", "figures/good_fraction")] },
    Figure { title: "Output tokens", unit: "tokens/s", lines: &[("output tokens", "figures/output_tokens")] },
    Figure {
        title: "Time to first token",
        unit: "ms",
        lines: &[("p50", "metrics/time_to_first_token_p50/mean"), ("p99", "metrics/time_to_first_token_p99/mean")],
    },
    Figure {
        title: "Inter-token latency",
        unit: "ms",
        lines: &[("p50", "metrics/inter_token_latency_p50/mean"), ("p99", "metrics/inter_token_latency_p99/mean")],
    },
    Figure {
        title: "Request latency",
        unit: "ms",
        lines: &[("p50", "metrics/request_latency_p50/mean"), ("p99", "metrics/request_latency_p99/mean")],
    },
];
/// Heading, both axes with their units and fields, and whether both count the same.
type EachOther = (&'static str, (&'static str, &'static str), (&'static str, &'static str), bool);
const AGAINST_EACH_OTHER: [EachOther; 3] = [
    ("Goodput against throughput", ("requests/s", "figures/throughput"), ("good requests/s", "figures/goodput"), true),
    (
        "Time to first token, p99, against throughput",
        ("requests/s", "figures/throughput"),
        ("ms", "metrics/time_to_first_token_p99/mean"),
        false,
    ),
    (
        "Tokens/s of a user against tokens/s of all",
        ("tokens/s", "figures/output_tokens"),
        ("tokens/s/user", "metrics/output_token_throughput_per_user_avg/mean"),
        false,
    ),
];
/// Heading, field, and how it is shown.
type Column = (&'static str, &'static str, fn(f64) -> String);
const COLUMNS: [Column; 8] = [
    ("requests/s", "figures/throughput", short),
    ("good/s", "figures/goodput", short),
    ("good", "figures/good_fraction", percent),
    ("tokens/s", "figures/output_tokens", short),
    ("TTFT p50, ms", "metrics/time_to_first_token_p50/mean", short),
    ("p99", "metrics/time_to_first_token_p99/mean", short),
    ("ITL p50, ms", "metrics/inter_token_latency_p50/mean", short),
    ("latency p99, ms", "metrics/request_latency_p99/mean", short),
];

#[cfg(test)]
mod tests {
    use super::super::tests::agreeing;
    use super::*;
    use crate::testing::sample_campaign::sweep;

    #[test]
    fn every_figure_of_a_sweep_is_that_of_its_json() {
        let page = of_campaign(&sweep(&[1, 8, 64], |_| {}), Path::new("base"));
        assert!(agreeing(&page) >= 25, "{}", agreeing(&page));
        for words in
            ["Sweep of concurrency", "Goodput against throughput", "data-at=\"/sweep_points/*/figures/throughput\""]
        {
            assert!(page.contains(words), "{words}");
        }
    }

    #[test]
    fn a_path_is_never_a_scheme() {
        assert_eq!(address("javascript:x/a b&c"), "./javascript%3Ax/a%20b%26c");
    }
}
