//! Where the time of requests went: the mean request in its phases, and the slowest ones.

use super::figures::Figures;
use super::html::Html;
use super::plot::across;
use crate::report::short;
use ringload_engine::measure::{Charts, Slow};
use ringload_engine::record::Phases;

/// The cascade of the means, and of the slowest requests.
pub(super) fn section(report: Figures<'_>, charts: &Charts) -> Html {
    let mut html = Html::default();
    let means: Vec<f64> =
        PHASES.iter().map(|p| report.number(&format!("/summary/metrics/{}/avg", p.tag)).unwrap_or(0.0)).collect();
    let total: f64 = means.iter().sum();
    if total <= 0.0 {
        return html;
    }
    html.raw("<section><h2>Phases of a request</h2><div class=\"scroll\"><table><caption>The mean request, phase after phase</caption><thead><tr><th>phase</th><th>when</th><th class=\"n\">mean, ms</th><th class=\"n\">p50</th><th class=\"n\">p99</th><th class=\"n\">p50, new connection</th><th class=\"n\">p50, kept connection</th></tr></thead><tbody>");
    let mut before = 0.0;
    for (phase, mean) in PHASES.iter().zip(means) {
        html.raw("<tr>").element("th", &[("scope", "row")], phase.name).raw("<td class=\"bar\">");
        bars(
            &mut html,
            &[(phase.hue, before / total, mean / total)],
            &format!("{} of {} ms", short(mean), short(total)),
        );
        html.raw("</td>");
        before += mean;
        for statistic in ["avg", "p50", "p99"] {
            report.cell(&mut html, &format!("/summary/metrics/{}/{statistic}", phase.tag), short);
        }
        let place = report.list("/summary/network/phases").iter().position(|p| p["tag"] == phase.tag);
        for kind in ["new", "reused"] {
            let at = place.map_or_else(String::new, |i| format!("/summary/network/phases/{i}/{kind}/p50"));
            report.cell(&mut html, if at.is_empty() { "/-" } else { &at }, short);
        }
        html.raw("</tr>");
    }
    html.raw("</tbody></table></div>");
    slowest(&mut html, charts);
    html.raw("</section>");
    html
}

fn slowest(html: &mut Html, charts: &Charts) {
    let Some(longest) = charts.slowest().first().map(|slow| slow.phases.total().max(1) as f64) else { return };
    html.raw("<div class=\"scroll\"><table><caption>The slowest requests</caption><thead><tr><th class=\"n\">issued at, s</th><th class=\"n\">session</th><th class=\"n\">turn</th><th>where its time went</th><th class=\"n\">first token, ms</th><th class=\"n\">in all, ms</th><th>X-Request-ID</th></tr></thead><tbody>");
    for slow in charts.slowest() {
        html.raw("<tr>").element("td", NUMBER, &short((charts.seconds_to(slow.issued) * 1e3).round() / 1e3));
        html.element("td", NUMBER, &slow.session.to_string()).element("td", NUMBER, &(slow.turn + 1).to_string());
        html.raw("<td class=\"bar\">");
        let mut before = 0.0;
        let parts: Vec<_> = PHASES
            .iter()
            .map(|phase| {
                let share = (phase.part)(&slow.phases) as f64 / longest;
                before += share;
                (phase.hue, before - share, share)
            })
            .collect();
        bars(html, &parts, &in_words(slow));
        let ms = |ns: u64| short((ns as f64 / 1e4).round() / 1e2);
        html.raw("</td>").element("td", NUMBER, &slow.first_token.map_or_else(|| "–".into(), ms));
        html.element("td", NUMBER, &ms(slow.phases.total()));
        html.raw("<td>").element("code", &[], &crate::export::uuid(slow.request_id)).raw("</td></tr>");
    }
    html.raw("</tbody></table></div><p class=\"soft\">");
    for phase in &PHASES {
        html.open("svg", &[("class", "key"), ("width", "12"), ("height", "12")]);
        html.open("rect", &[("class", phase.hue), ("width", "12"), ("height", "12")]).close("rect").close("svg");
        html.text(" ").text(phase.name).raw(" &emsp;");
    }
    html.raw("</p>");
}

fn in_words(slow: &Slow) -> String {
    let parts = PHASES.iter().filter_map(|phase| {
        let ns = (phase.part)(&slow.phases);
        (ns > 0).then(|| format!("{} {} ms", phase.name, short((ns as f64 / 1e3).round() / 1e3)))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// Bars in one line: class, start and length as shares of it.
fn bars(html: &mut Html, bars: &[(&'static str, f64, f64)], words: &str) {
    html.open("svg", &[("width", "100%"), ("height", "14"), ("role", "img"), ("aria-label", words)]);
    html.element("title", &[], words);
    for (hue, start, length) in bars.iter().filter(|(_, _, length)| *length > 0.0) {
        let (x, width) = (across(*start), across(length.max(LEAST_BAR)));
        html.open("rect", &[("class", hue), ("x", &x), ("width", &width), ("y", "1"), ("height", "12")]).close("rect");
    }
    html.close("svg");
}

/// A phase: the tag of its metric, its name, its class, and its part of a request's phases.
struct Phase {
    tag: &'static str,
    name: &'static str,
    hue: &'static str,
    part: fn(&Phases) -> u64,
}

const PHASES: [Phase; 7] = [
    Phase { tag: "http_req_blocked", name: "queue", hue: "g", part: |p| p.queue },
    Phase { tag: "http_req_dns_lookup", name: "DNS", hue: "d", part: |p| p.dns },
    Phase { tag: "http_req_connecting", name: "connect", hue: "f", part: |p| p.tcp },
    Phase { tag: "http_req_tls", name: "TLS", hue: "c", part: |p| p.tls },
    Phase { tag: "http_req_sending", name: "send", hue: "e", part: |p| p.send },
    Phase { tag: "http_req_waiting", name: "wait", hue: "b", part: |p| p.wait },
    Phase { tag: "http_req_receiving", name: "receive", hue: "a", part: |p| p.receive },
];

const NUMBER: super::html::Attributes<'static> = &[("class", "n")];
/// So that a part that was there is seen.
const LEAST_BAR: f64 = 0.002;
