//! The page of a search: the load that holds, and every probe.

use super::campaign::link;
use super::figures::{Figures, percent, shown};
use super::html::Html;
use super::plot::{Line, Plot};
use super::scale::Scale;
use crate::export::capacity_document;
use crate::report;
use crate::result::capacity::Capacity;
use std::path::Path;

/// `report.html` beside `ringload_capacity.json`, in `base`.
pub(crate) fn of_capacity(capacity: &Capacity, base: &Path) -> String {
    let document = capacity_document(capacity);
    let of = Figures(&document);
    let mut html = Html::default();
    let unit = of.text("/unit");
    html.raw("<header><h1>Capacity</h1>");
    let plan = &capacity.base.run.outcome.plan;
    let targets: Vec<&str> = plan.targets.iter().map(|t| t.url.as_str()).collect();
    html.element("p", &[], &format!("{} at {}", plan.models.join(" "), targets.join(" ")));
    let slos: Vec<String> = capacity.slos.iter().map(|slo| format!("{}:{}", slo.tag, slo.threshold)).collect();
    html.element("p", &[], &format!("{} of the requests have to meet {}", percent(capacity.target), slos.join(", ")));
    if let Some(why) = &capacity.ended_early {
        let text = format!("INTERRUPTED by {why}: the search did not come to its end.");
        html.element("p", &[("class", "FAILED")], &text);
    }
    html.raw("<p>").element("strong", &[], &report::capacity_found(capacity)).raw("</p>");
    if let Some(doubt) = report::capacity_doubt(capacity) {
        html.raw("<p>").element("strong", &[("class", "INVALID")], &doubt).raw("</p>");
    }
    for note in capacity.base.run.outcome.notes() {
        html.element("p", &[("class", "SUSPECT")], note);
    }
    html.raw("</header><dl class=\"tiles\">");
    for (name, at) in [
        ("holds", "/holds"),
        ("too much", "/fails"),
        ("surely holds", "/interval/low"),
        ("surely too much", "/interval/high"),
    ] {
        if of.number(at).is_some() {
            html.raw("<div><dt>").text(name).raw("</dt><dd>");
            of.put(&mut html, "span", "", at, shown);
            html.raw(" ").element("small", &[], unit).raw("</dd></div>");
        }
    }
    html.raw("</dl>").append(curves(of, capacity)).append(probes(of, capacity, base));
    html.append(super::tables::download("ringload_capacity.json"));
    super::page("Capacity - ringload", html, &document)
}

fn curves(of: Figures<'_>, capacity: &Capacity) -> Html {
    let mut html = Html::default();
    let loads: Vec<f64> = capacity.probes.iter().map(|probe| probe.load).collect();
    let (low, high) = loads.iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
    if loads.is_empty() {
        return html;
    }
    let marks: Vec<(f64, String)> =
        of.number("/holds").map(|load| (load, format!("holds {}", shown(load)))).into_iter().collect();
    html.raw("<section><h2>Against the load</h2><div class=\"charts\">");
    for (title, unit, field) in CURVES {
        let value = |i: usize| of.number(&format!("/probes/{i}/{field}"));
        let points: Vec<_> = loads.iter().enumerate().map(|(i, load)| (*load, value(i))).collect();
        if points.iter().all(|(_, y)| y.is_none()) {
            continue;
        }
        let at = Some(format!("/probes/*/{field}"));
        let mut lines = vec![Line { name: "probes".into(), points, at, dots: true, joined: false }];
        if field == "good_fraction" {
            let points = loads.iter().map(|load| (*load, Some(capacity.target))).collect();
            lines.push(Line { name: "target".into(), points, at: None, dots: false, joined: true });
        }
        let values = lines.iter().flat_map(|line| &line.points).filter_map(|(_, y)| *y);
        Plot {
            title: title.to_owned(),
            across: of.text("/unit"),
            unit,
            x: Scale::spread(low, high),
            y: Scale::from_zero(values),
            turned: false,
            marks: marks.clone(),
            ground: None,
            words: format!("{title}, {unit}, of each probe against its load."),
            lines,
        }
        .write(&mut html);
    }
    html.raw("</div></section>");
    html
}

fn probes(of: Figures<'_>, capacity: &Capacity, base: &Path) -> Html {
    let mut html = Html::default();
    html.raw("<section><h2>Probes</h2><div class=\"scroll\"><table><thead><tr><th>probe</th><th class=\"n\">load</th><th class=\"n\">requests</th><th class=\"n\">good</th><th class=\"n\">at least</th><th class=\"n\">at most</th><th class=\"n\">requests/s</th><th class=\"n\">TTFT p99, ms</th><th>holds</th><th>why</th><th>verdict</th></tr></thead><tbody>");
    html.raw("<tr><td>");
    link(&mut html, &capacity.base.run, base, "one at a time");
    html.raw("</td><td></td><td></td>");
    of.cell(&mut html, "/one_at_a_time/good_fraction", percent);
    html.raw("<td colspan=\"7\"></td></tr>");
    for (i, probe) in capacity.probes.iter().enumerate() {
        html.raw("<tr><td>");
        link(&mut html, &probe.run, base, &format!("probe {}", i + 1));
        html.raw("</td>");
        let cell = |html: &mut Html, field: &str, show: fn(f64) -> String| {
            of.cell(html, &format!("/probes/{i}/{field}"), show);
        };
        cell(&mut html, "load", shown);
        cell(&mut html, "requests", shown);
        ["good_fraction", "interval/low", "interval/high"].iter().for_each(|field| cell(&mut html, field, percent));
        cell(&mut html, "request_throughput", report::short);
        cell(&mut html, "time_to_first_token_p99_ms", report::short);
        let holds = if probe.judgement.holds { "yes" } else { "no" };
        let holds = if probe.spoiled { "INVALID by the client" } else { holds };
        let holds = if probe.interrupted { "interrupted" } else { holds };
        let status = probe.run.outcome.verdict.status.word();
        html.element("td", &[], holds).element("td", &[], &of.text(&format!("/probes/{i}/reason")).replace('_', " "));
        html.raw("<td>").element("strong", &[("class", status)], status).raw("</td></tr>");
    }
    html.raw("</tbody></table></div></section>");
    html
}

/// Heading, unit and field of a probe.
const CURVES: [(&str, &str, &str); 3] = [
    ("Good requests", "share", "good_fraction"),
    ("Throughput", "requests/s", "request_throughput"),
    ("Time to first token, p99", "ms", "time_to_first_token_p99_ms"),
];
