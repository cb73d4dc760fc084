//! The tables of a page, and what was planned.

use super::figures::{Figures, part, percent, shown};
use super::html::{Attributes, Html};
use ringload_engine::measure::{Bins, Charts, Group};
use serde_json::Value;

/// Every metric.
pub(super) fn metrics(report: Figures<'_>) -> Html {
    let mut html = Html::default();
    let Some(all) = report.at("/summary/metrics").and_then(Value::as_object) else { return html };
    let (of_requests, of_run): (Vec<_>, Vec<_>) = all.iter().partition(|(_, metric)| metric.get("p50").is_some());
    html.raw("<section><h2>Metrics</h2>");
    html.raw("<div class=\"scroll\"><table><caption>Of the run</caption><thead><tr><th>metric</th><th class=\"n\">value</th><th>unit</th></tr></thead><tbody>");
    for (tag, metric) in of_run {
        name(&mut html, metric);
        report.cell(&mut html, &format!("/summary/metrics/{}/avg", part(tag)), shown);
        html.element("td", &[], metric["unit"].as_str().unwrap_or_default()).raw("</tr>");
    }
    html.raw("</tbody></table></div>");
    html.raw("<div class=\"scroll\"><table><caption>Of requests</caption><thead><tr><th>metric</th><th>unit</th>");
    STATISTICS.iter().for_each(|statistic| {
        html.element("th", NUMBER, statistic);
    });
    html.raw("</tr></thead><tbody>");
    let mut any_share = false;
    for (tag, metric) in of_requests {
        name(&mut html, metric);
        html.element("td", &[], metric["unit"].as_str().unwrap_or_default());
        for statistic in STATISTICS {
            let share = metric["client_share"][statistic].is_number();
            any_share |= share;
            let mark = if share { "!" } else { "" };
            report.cell(&mut html, &format!("/summary/metrics/{}/{statistic}", part(tag)), |v| shown(v) + mark);
        }
        html.raw("</tr>");
    }
    html.raw("</tbody></table></div>");
    if any_share {
        html.raw("<p class=\"soft\">! over 1 % of this figure can be the client's own.</p>");
    }
    html.raw("</section>");
    html
}

fn name(html: &mut Html, metric: &Value) {
    html.raw("<tr>").element("th", &[("scope", "row")], metric["header"].as_str().unwrap_or_default());
}

/// What each SLO cost, of the run's own and of each tier.
pub(super) fn goodput(report: Figures<'_>) -> Html {
    let mut html = Html::default();
    let mut sets: Vec<(String, String)> = Vec::new();
    if report.at("/summary/goodput").is_some() {
        sets.push(("the run's SLOs".into(), "/summary/goodput".into()));
    }
    let tiers = report.list("/summary/tiers").iter().enumerate();
    sets.extend(
        tiers.map(|(i, tier)| (tier["name"].as_str().unwrap_or_default().into(), format!("/summary/tiers/{i}"))),
    );
    if sets.is_empty() {
        return html;
    }
    html.raw("<section><h2>Goodput</h2><div class=\"scroll\"><table><thead><tr><th>tier</th><th>SLO</th><th class=\"n\">good</th><th class=\"n\">at least</th><th class=\"n\">at most</th><th class=\"n\">per s</th><th class=\"n\">missed</th><th class=\"n\">missed alone</th></tr></thead><tbody>");
    for (name, at) in sets {
        html.raw("<tr>").element("th", &[("scope", "row")], &name).raw("<td>all of them</td>");
        for figure in ["good_request_fraction", "interval/low", "interval/high"] {
            report.cell(&mut html, &format!("{at}/{figure}"), percent);
        }
        report.cell(&mut html, &format!("{at}/goodput"), shown);
        html.raw("<td></td><td></td></tr>");
        for (i, slo) in report.list(&format!("{at}/slos")).iter().enumerate() {
            let text = |name: &str| slo[name].as_str().unwrap_or_default();
            let bound = format!("{} {} {} {}", text("tag"), text("op"), slo["threshold"], text("unit"));
            html.raw("<tr><td></td>").element("td", &[], &bound);
            report.cell(&mut html, &format!("{at}/slos/{i}/met_fraction"), percent);
            html.raw("<td></td><td></td><td></td>");
            report.cell(&mut html, &format!("{at}/slos/{i}/missed"), shown);
            report.cell(&mut html, &format!("{at}/slos/{i}/missed_alone"), shown);
            html.raw("</tr>");
        }
    }
    html.raw("</tbody></table></div></section>");
    html
}

/// The requests by target and by turn, where there are several.
pub(super) fn groups(report: Figures<'_>, charts: &Charts) -> Html {
    let mut html = Html::default();
    let url = |i: usize| match report.list("/plan/targets").get(i) {
        Some(target) => target["url"].as_str().unwrap_or_default().to_owned(),
        None => format!("target {}", i + 1),
    };
    for (title, head, all, name) in [
        ("By target", "target", charts.targets(), &url as &dyn Fn(usize) -> String),
        ("By turn", "turn", charts.turns(), &|i: usize| (i + 1).to_string()),
    ] {
        if all.len() > 1 {
            table(&mut html, title, head, all, name);
        }
    }
    html
}

fn table(html: &mut Html, title: &str, head: &str, all: &[Group], name: &dyn Fn(usize) -> String) {
    html.raw("<section>").element("h2", &[], title);
    html.raw("<p class=\"soft\">Percentiles are within 6 %.</p><div class=\"scroll\"><table><thead><tr>");
    html.element("th", &[], head);
    for column in [
        "succeeded",
        "failed",
        "tokens in",
        "tokens out",
        "TTFT p50, ms",
        "p95",
        "ITL p50, ms",
        "p95",
        "latency p50, ms",
        "p95",
    ] {
        html.element("th", NUMBER, column);
    }
    html.raw("</tr></thead><tbody>");
    for (i, group) in all.iter().enumerate().filter(|(_, group)| group.ended() > 0) {
        html.raw("<tr>").element("th", &[("scope", "row")], &name(i));
        let mean = |sum: f64, n: u64| if n > 0 { shown(sum / n as f64) } else { "–".into() };
        let mut cells = vec![
            shown(group.succeeded as f64),
            shown(group.failed as f64),
            mean(group.input_tokens, group.succeeded),
            mean(group.output_tokens, group.counted),
        ];
        let ms = |bins: &Bins, share: f64| {
            bins.quantile(share).map_or_else(|| "–".into(), |ns| shown((ns / 1e4).round() / 1e2))
        };
        for bins in [&group.first_token, &group.inter_token, &group.latency] {
            cells.extend([ms(bins, 0.5), ms(bins, 0.95)]);
        }
        cells.iter().for_each(|cell| {
            html.element("td", NUMBER, cell);
        });
        html.raw("</tr>");
    }
    html.raw("</tbody></table></div></section>");
}

/// Failures, by what the server or the client said of them.
pub(super) fn errors(report: Figures<'_>) -> Html {
    let mut html = Html::default();
    let all = report.list("/summary/errors");
    if all.is_empty() {
        return html;
    }
    html.raw("<section><h2>Failures</h2><div class=\"scroll\"><table><thead><tr><th class=\"n\">requests</th><th>cause</th><th class=\"n\">status</th><th>message</th></tr></thead><tbody>");
    for (i, error) in all.iter().enumerate() {
        html.raw("<tr>");
        report.cell(&mut html, &format!("/summary/errors/{i}/count"), shown);
        html.element("td", &[], error["cause"].as_str().unwrap_or_default());
        let status = error["status"].as_u64().filter(|status| *status > 0);
        html.element("td", NUMBER, &status.map_or_else(|| "–".into(), |status| status.to_string()));
        html.element("td", &[("class", "wrap")], error["message"].as_str().unwrap_or_default()).raw("</tr>");
    }
    html.raw("</tbody></table></div></section>");
    html
}

/// The plan, the client's own share, the machine, and the whole document to take away.
pub(super) fn rest(report: Figures<'_>, file: &str) -> Html {
    let mut html = Html::default();
    html.raw("<section><h2>Plan, machine and raw data</h2>").open("p", &[]).element(
        "code",
        &[],
        report.text("/command"),
    );
    html.raw("</p>");
    for (title, at) in [
        ("The plan", "/plan"),
        ("The client's own share", "/summary/client"),
        ("Network", "/summary/network"),
        ("The server's own metrics", "/summary/server"),
        ("Calibration", "/calibration"),
        ("The machine", "/host"),
    ] {
        if let Some(value) = report.at(at) {
            html.raw("<details>").element("summary", &[], title);
            html.element("pre", &[("tabindex", "0")], &format!("{value:#}")).raw("</details>");
        }
    }
    html.append(download(file)).raw("</section>");
    html
}

/// A button that hands out the document that a page is made of.
pub(super) fn download(file: &str) -> Html {
    let mut html = Html::default();
    html.open("p", &[]).open("button", &[("type", "button"), ("data-of", "report"), ("data-name", file)]);
    html.text(&format!("Download {file}")).raw("</button></p>");
    html
}

const NUMBER: Attributes<'static> = &[("class", "n")];
const STATISTICS: [&str; 8] = ["avg", "min", "p50", "p90", "p95", "p99", "max", "std"];
