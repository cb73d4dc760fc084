//! How latencies are spread: the share of requests at or below each value.

use super::figures::{Figures, shown};
use super::html::Html;
use super::plot::{Line, Plot};
use super::scale::Scale;
use crate::result::comparison::Curves;

/// A chart for each latency that has a curve.
pub(super) fn section(report: Figures<'_>) -> Html {
    let mut charts = Html::default();
    for (tag, name) in SHOWN {
        let found = report.list("/summary/histograms").iter().position(|d| d["tag"] == tag);
        if let Some(place) = found {
            chart(&mut charts, report, place, name);
        }
    }
    let mut html = Html::default();
    if !charts.is_empty() {
        html.raw("<section><h2>Distributions</h2><p class=\"soft\">The share of requests (of gaps, for the time between events) at or below each value.</p><div class=\"charts\">");
        html.append(charts).raw("</div></section>");
    }
    html
}

fn chart(html: &mut Html, report: Figures<'_>, place: usize, name: &str) {
    let at = format!("/summary/histograms/{place}");
    let curve: Vec<f64> =
        report.list(&format!("{at}/curve_ms")).iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect();
    let (Some(low), Some(high)) = (curve.first().copied(), curve.last().copied()) else { return };
    let p99 = curve[curve.len() * 99 / 100];
    let steps = (curve.len() - 1).max(1) as f64;
    let points = curve.iter().enumerate().map(|(i, value)| (*value, Some(100.0 * i as f64 / steps))).collect();
    let tag = report.text(&format!("{at}/tag"));
    let bounds = report.list("/plan/slos").iter().filter(|slo| slo["tag"] == tag);
    let bounds =
        bounds.filter_map(|slo| slo["threshold"].as_f64()).map(|bound| (bound, format!("SLO {}", shown(bound))));
    let percentiles = report.list(&format!("{at}/percentiles")).iter().filter_map(|p| {
        let name = p["name"].as_str().filter(|name| MARKED.contains(name))?;
        let value = p["ms"].as_f64()?;
        Some((value, format!("{name} {}", shown(value))))
    });
    let words: Vec<String> = percentiles.clone().map(|(_, words)| format!("{words} ms")).collect();
    let most = high.min(p99 * 2.0);
    Plot {
        title: name.to_owned(),
        across: "ms",
        unit: "%",
        x: Scale::spread(low.max(curve[curve.len() / 2] / FURTHEST), most),
        y: Scale::straight(0.0, 100.0),
        lines: vec![Line {
            name: name.to_owned(),
            points,
            at: Some(format!("{at}/curve_ms")),
            dots: false,
            joined: true,
        }],
        turned: true,
        marks: percentiles.chain(bounds.filter(|(bound, _)| *bound <= 1.5 * most)).collect(),
        ground: None,
        words: format!("Cumulative distribution of {name}: {}.", words.join(", ")),
    }
    .write(html);
}

/// Two runs, or more, in one chart for each latency: name and curves.
pub(super) fn compared(curves: &[Curves]) -> Html {
    let mut html = Html::default();
    for Curves { name, runs } in curves {
        let ends = |of: fn(&[f64]) -> f64| runs.iter().map(move |(_, curve)| of(curve));
        let low = ends(|curve| curve[0]).fold(f64::MAX, f64::min);
        let most = ends(|curve| curve[curve.len() - 1].min(2.0 * curve[curve.len() * 99 / 100])).fold(0.0, f64::max);
        let line = |(name, curve): &(String, Vec<f64>)| {
            let steps = (curve.len() - 1).max(1) as f64;
            let points = curve.iter().enumerate().map(|(i, value)| (*value, Some(100.0 * i as f64 / steps))).collect();
            Line { name: name.clone(), points, at: None, dots: false, joined: true }
        };
        let names: Vec<&str> = runs.iter().map(|(name, _)| name.as_str()).collect();
        Plot {
            title: name.clone(),
            across: "ms",
            unit: "%",
            x: Scale::spread(low.max(most / FURTHEST), most),
            y: Scale::straight(0.0, 100.0),
            lines: runs.iter().map(line).collect(),
            turned: true,
            marks: Vec::new(),
            ground: None,
            words: format!("Cumulative distributions of {name} of {}.", names.join(" and ")),
        }
        .write(&mut html);
    }
    html
}

/// Tag and name of what has a chart.
const SHOWN: [(&str, &str); 4] = [
    ("time_to_first_token", "Time to first token"),
    ("inter_token_latency", "Time between tokens (mean of a request)"),
    ("inter_chunk_latency", "Time between events"),
    ("request_latency", "Request latency"),
];
/// How far below the median values are shown: what came together has none.
const FURTHEST: f64 = 40.0;
/// The percentiles that are marked.
const MARKED: [&str; 3] = ["p50", "p95", "p99"];
