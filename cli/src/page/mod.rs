//! Pages: one HTML file each, that needs no network and runs no script but its own. Nothing is computed here; each
//! figure names its place in the JSON and has its exact value.

mod campaign;
mod capacity;
mod comparison;
mod distribution;
mod figures;
mod heat;
mod html;
mod over_time;
mod phases;
mod plot;
mod repeats;
mod scale;
mod summary;
mod tables;
#[cfg(test)]
mod tests;

pub(crate) use campaign::of_campaign;
pub(crate) use capacity::of_capacity;
pub(crate) use comparison::of_comparison;

use crate::export::document;
use crate::result::run::Outcome;
use figures::{Figures, shown};
use html::Html;
use ringload_engine::measure::Charts;
use serde_json::Value;
use std::io;

/// `report.html` of a run.
///
/// # Errors
/// When the report's JSON cannot be made.
pub(crate) fn of_run(outcome: &Outcome, charts: &Charts) -> io::Result<String> {
    let report = document(outcome)?;
    let of = Figures(&report);
    let mut body = summary::head(of, outcome);
    body.append(summary::findings(of));
    body.append(distribution::section(of));
    body.append(over_time::section(of, charts));
    body.append(heat::section(charts));
    body.append(phases::section(of, charts));
    body.append(tables::goodput(of));
    body.append(tables::groups(of, charts));
    body.append(tables::errors(of));
    body.append(tables::metrics(of));
    body.append(tables::rest(of, "ringload_report.json"));
    let title = format!("{} {} - ringload", outcome.verdict.status, outcome.plan.models.join(" "));
    Ok(page(&title, body, &report))
}

/// A page around its content, and the document that it is made of.
fn page(title: &str, body: Html, data: &Value) -> String {
    let mut html = Html::default();
    let policy = format!(
        "default-src 'none'; img-src data:; style-src 'sha256-{STYLE_HASH}'; script-src 'sha256-{SCRIPT_HASH}'; base-uri 'none'; form-action 'none'"
    );
    html.raw("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.open("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]);
    html.raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"referrer\" content=\"no-referrer\"><link rel=\"icon\" href=\"data:,\">");
    html.element("title", &[], title).raw("<style>").raw(STYLE).raw("</style></head>\n<body>\n");
    html.append(body).raw("\n").json("report", data);
    html.raw("\n<script>").raw(SCRIPT).raw("</script>\n</body></html>\n");
    html.into_string()
}

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// SHA-256 of each, in base64 (CSP, 2.3.1): nothing else is a style or a script of the page.
const STYLE_HASH: &str = "P8NN8jF7D53ivI6T6pNwfmqVLQs3PDeM5ohzgh7Wec4=";
const SCRIPT_HASH: &str = "1/eeNqpl0bX+N7sN8SW9VzCW5UHCZGm8QX8F1BGmPdg=";
