//! The first of a page: verdict, headline figures, findings and conditions.

use super::figures::{Figures, percent, shown};
use super::html::Html;
use crate::report::{endpoint_words, phase_words};
use crate::result::run::Outcome;
use serde_json::Value;

/// The verdict, what was run, and the headline figures.
pub(super) fn head(report: Figures<'_>, outcome: &Outcome) -> Html {
    let mut html = Html::default();
    let plan = &outcome.plan;
    let targets: Vec<&str> = plan.targets.iter().map(|t| t.url.as_str()).collect();
    let status = report.text("/verdict/status");
    html.raw("<header>").element(
        "p",
        &[("class", &format!("verdict {status}")), ("data-at", "/verdict/status")],
        status,
    );
    html.element("h1", &[], &format!("{} at {}", plan.models.join(" "), targets.join(" ")));
    html.element("p", &[], &endpoint_words(plan));
    html.element("p", &[], &phase_words(&plan.profiling));
    html.open("p", &[("class", "soft")]).text("run ").element("code", &[], report.text("/benchmark_id"));
    html.text(&format!(", {} to {}", report.text("/started_at"), report.text("/ended_at"))).close("p");
    html.raw("</header>").append(tiles(report, outcome));
    html
}

fn tiles(report: Figures<'_>, outcome: &Outcome) -> Html {
    let mut html = Html::default();
    html.raw("<dl class=\"tiles\">");
    for (name, unit, tag) in RATES {
        let at = format!("/summary/metrics/{tag}/avg");
        if report.number(&at).is_some() {
            html.raw("<div><dt>").text(name).raw("</dt>");
            html.raw("<dd>");
            report.put(&mut html, "span", "", &at, shown);
            html.raw(" ").element("small", &[], unit).raw("</dd></div>");
        }
    }
    let latencies = if outcome.plan.streaming { &LATENCIES[..] } else { &LATENCIES[2..] };
    for (name, tag) in latencies {
        if report.at(&format!("/summary/metrics/{tag}/p50")).is_none() {
            continue;
        }
        html.raw("<div class=\"triple\"><dt>").text(name).raw(" p50 / p95 / p99</dt><dd>");
        for statistic in ["p50", "p95", "p99"] {
            report.put(&mut html, "span", "", &format!("/summary/metrics/{tag}/{statistic}"), shown);
        }
        html.raw(" <small>ms</small></dd></div>");
    }
    for (name, at) in COUNTS {
        if report.number(at).is_some() {
            html.raw("<div><dt>").text(name).raw("</dt>");
            report.put(&mut html, "dd", "", at, shown);
            html.raw("</div>");
        }
    }
    html.raw("<div><dt>failed</dt><dd>").text(&shown(outcome.summary.counts.failures() as f64)).raw("</dd></div>");
    if report.at("/summary/goodput").is_some() {
        html.raw("<div><dt>goodput</dt>");
        report.put(&mut html, "dd", "", "/summary/goodput/good_request_fraction", percent);
        html.raw("</div>");
    }
    html.raw("</dl>");
    html
}

/// The findings, the worst first; notes are folded.
pub(super) fn findings(report: Figures<'_>) -> Html {
    let mut html = Html::default();
    let (notes, found): (Vec<&Value>, Vec<&Value>) =
        report.list("/verdict/findings").iter().partition(|finding| finding["status"] == "VALID");
    html.raw("<section><h2>Findings</h2>");
    if found.is_empty() {
        html.raw("<p>Nothing was found that puts the figures in doubt.</p>");
    }
    found.iter().for_each(|one| finding(&mut html, one));
    if !notes.is_empty() {
        html.raw("<details><summary>").text(&format!("{} notes, which change no verdict", notes.len()));
        html.raw("</summary>");
        notes.iter().for_each(|one| finding(&mut html, one));
        html.raw("</details>");
    }
    conditions(&mut html, report);
    html.raw("</section>");
    html
}

fn finding(html: &mut Html, finding: &Value) {
    let text = |name: &str| finding[name].as_str().unwrap_or_default();
    html.open("div", &[("class", &format!("finding {}", text("status")))]);
    html.raw("<p>").element("strong", &[], &format!("{} {}", text("status"), text("gate")));
    html.element("span", &[("class", "soft")], &format!(" ({}) ", text("scope"))).text(text("evidence")).raw("</p>");
    html.element("p", &[("class", "remedy")], &format!("→ {}", text("remedy"))).raw("</div>");
}

fn conditions(html: &mut Html, report: Figures<'_>) {
    let all = report.list("/summary/thresholds");
    if all.is_empty() {
        return;
    }
    html.raw("<h3>Conditions (--fail-if)</h3><ul>");
    for condition in all {
        let failed = condition["failed"] == Value::Bool(true);
        let (class, word) = if failed { ("FAILED", "FAILED") } else { ("VALID", "passed") };
        html.raw("<li>").element("strong", &[("class", class)], word).text(" ");
        html.text(condition["words"].as_str().unwrap_or_default()).raw("</li>");
    }
    html.raw("</ul>");
}

const RATES: [(&str, &str, &str); 3] = [
    ("requests", "per s", "request_throughput"),
    ("output tokens", "per s", "output_token_throughput"),
    ("good requests", "per s", "goodput"),
];
const LATENCIES: [(&str, &str); 3] = [
    ("time to first token", "time_to_first_token"),
    ("inter-token latency", "inter_token_latency"),
    ("request latency", "request_latency"),
];
const COUNTS: [(&str, &str); 2] =
    [("succeeded", "/summary/counts/succeeded"), ("seconds", "/summary/benchmark_duration_s")];
