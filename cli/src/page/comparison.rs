//! The page of a comparison: by how much each figure differs, how sure that is, and the curves of all runs.

use super::distribution;
use super::figures::{Figures, count_of};
use super::html::Html;
use crate::report::compare;
use crate::result::comparison::{Comparison, Pair};

/// What `ringload compare --format html` prints.
///
/// # Errors
/// When the comparison's JSON cannot be made.
pub(crate) fn of_comparison(comparison: &Comparison) -> Result<String, serde_json::Error> {
    let document = serde_json::to_value(comparison)?;
    let of = Figures(&document);
    let mut html = Html::default();
    html.raw("<header><h1>Comparison</h1>");
    html.element(
        "p",
        &[],
        &format!("base: {}", compare::named(&comparison.base, comparison.requests, comparison.verdict.as_deref())),
    );
    html.raw("</header>");
    for (i, pair) in comparison.pairs.iter().enumerate() {
        html.append(section(of, comparison, pair, i));
    }
    let curves = distribution::compared(&comparison.curves);
    if !curves.is_empty() {
        html.raw("<section><h2>Distributions</h2><div class=\"charts\">").append(curves).raw("</div></section>");
    }
    html.append(super::tables::download("ringload_comparison.json"));
    Ok(super::page("Comparison - ringload", html, &document))
}

fn section(of: Figures<'_>, comparison: &Comparison, pair: &Pair, i: usize) -> Html {
    let mut html = Html::default();
    html.raw("<section>").element("h2", &[], &compare::named(&pair.name, pair.requests, pair.verdict.as_deref()));
    html.raw("<p>").element("strong", &[], &compare::conclusion(comparison, pair)).raw("</p>");
    if !pair.held.is_empty() {
        html.raw("<ul>");
        for (limit, held) in &pair.held {
            let word = compare::word(*held);
            let class = if word.starts_with("FAILED") { "FAILED" } else { "VALID" };
            html.raw("<li>").element("strong", &[("class", class)], word).text(" ").element("code", &[], &limit.text);
            html.raw("</li>");
        }
        html.raw("</ul>");
    }
    if !pair.notes.is_empty() {
        html.raw("<ul>");
        pair.notes.iter().for_each(|note| {
            html.element("li", &[], note);
        });
        html.raw("</ul>");
    }
    html.raw("<div class=\"scroll\"><table><thead><tr><th>figure</th><th class=\"n\">base</th><th class=\"n\">new</th><th class=\"n\">change</th>");
    html.element("th", &[], &compare::interval_head(comparison)).raw("</tr></thead><tbody>");
    for (k, difference) in pair.differences.iter().enumerate() {
        let at = |field: &str| format!("/pairs/{i}/differences/{k}/{field}");
        html.raw("<tr>").element("th", &[("scope", "row")], &compare::name(difference));
        of.cell(&mut html, &at("base"), |value| compare::value(difference, value));
        of.cell(&mut html, &at("new"), |value| compare::value(difference, value));
        let class = if difference.shown { "n shown" } else { "n" };
        of.put(&mut html, "td", class, &at("change"), compare::percent);
        html.element("td", &[], &compare::sureness(difference)).raw("</tr>");
    }
    html.raw("</tbody></table></div>");
    if !pair.changed.is_empty() {
        html.raw("<details open><summary>")
            .text(&format!("Planned otherwise: {}", count_of(pair.changed.len(), "setting")))
            .raw("</summary>");
        html.raw("<div class=\"scroll\"><table><thead><tr><th>what</th><th>base</th><th>new</th></tr></thead><tbody>");
        for changed in &pair.changed {
            let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
            html.raw("<tr><td>").element("code", &[], &changed.what).raw("</td>");
            html.element("td", &[("class", "wrap")], &shown(&changed.base));
            html.element("td", &[("class", "wrap")], &shown(&changed.new)).raw("</tr>");
        }
        html.raw("</tbody></table></div></details>");
    }
    html.raw("</section>");
    html
}
