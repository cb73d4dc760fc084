//! What a page says is what the JSON says, and nothing that a server wrote is markup.

use super::*;
use crate::redact::Secrets;
use crate::testing::sample::{SECRET, outcome, records};
use base64::Engine as _;
use ringload_engine::measure::Charts;
use ringload_engine::measure::SliceFigures;
use ringload_engine::telemetry::{GpuFigures, GpuSlice, OverTime, ServerSlice};

/// A tag of a page, with its attributes in order.
#[derive(Debug)]
pub(super) struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// The start tags of a page, and the text of the element of JSON.
pub(super) fn parsed(page: &str) -> (Vec<Tag>, Value) {
    let (mut tags, mut data) = (Vec::new(), Value::Null);
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let (inside, after) = rest.split_once('>').expect("a tag ends");
        rest = after;
        if inside.starts_with(['/', '!']) {
            continue;
        }
        let tag = tag(inside);
        if matches!(tag.name.as_str(), "script" | "style") {
            let (text, after) = rest.split_once("</").expect("an end");
            if tag.get("type") == Some("application/json") {
                data = serde_json::from_str(text).expect("JSON");
            }
            rest = after;
        }
        tags.push(tag);
    }
    (tags, data)
}

fn tag(inside: &str) -> Tag {
    let (name, mut rest) = inside.split_once(' ').unwrap_or((inside, ""));
    let mut attributes = Vec::new();
    while let Some((name, value)) = rest.split_once("=\"") {
        let (value, after) = value.split_once('"').expect("a value ends");
        attributes.push((name.trim().to_owned(), unescaped(value)));
        rest = after;
    }
    assert!(rest.trim().is_empty(), "{inside}");
    Tag { name: name.into(), attributes }
}

fn unescaped(text: &str) -> String {
    let parts = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    parts.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Every figure of a page that says where it is from, against the document in the page. How many there are.
pub(super) fn agreeing(page: &str) -> usize {
    let (tags, data) = parsed(page);
    let mut compared = 0;
    for tag in &tags {
        let Some(at) = tag.get("data-at") else { continue };
        if let Some(value) = tag.get("data-value") {
            assert_eq!(Some(value.to_owned()), data.pointer(at).map(Value::to_string), "{at}");
            compared += 1;
        }
        if let Some(values) = tag.get("data-values") {
            let values: Vec<Value> = serde_json::from_str(values).unwrap();
            let expected: Vec<Option<f64>> = match at.split_once("/*/") {
                Some((list, field)) => data
                    .pointer(list)
                    .unwrap()
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|one| one.pointer(&format!("/{field}"))?.as_f64())
                    .collect(),
                None => data.pointer(at).unwrap().as_array().unwrap().iter().map(Value::as_f64).collect(),
            };
            assert_eq!(values.iter().map(Value::as_f64).collect::<Vec<_>>(), expected, "{at}");
            compared += 1;
        }
    }
    compared
}

fn charts() -> Charts {
    let mut charts = Charts::new(true);
    records().iter().for_each(|(record, metrics)| charts.add(record, metrics));
    charts
}

fn sliced() -> Outcome {
    let mut outcome = outcome();
    let slices = outcome.summary.slices.as_mut().unwrap();
    let one = slices.slices[0].clone();
    let next = |i: u64| SliceFigures {
        index: i,
        start_s: 60.0 * i as f64,
        completed_per_s: (i != 3).then_some(i as f64 + 0.5),
        ..one.clone()
    };
    slices.slices = (0..6).map(next).collect();
    outcome.summary.histograms[0].curve_ms = (0..=100).map(|i| 20.0 + f64::from(i) * 1.5).collect();
    outcome
}

#[test]
fn every_figure_of_a_page_is_that_of_the_json() {
    let page = of_run(&sliced(), &charts()).unwrap();
    let compared = agreeing(&page);
    assert!(compared > 150, "{compared}");
    let (tags, data) = parsed(&page);
    let expected = document(&sliced()).unwrap();
    assert_eq!(data, expected);
    let has = |at: &str| tags.iter().any(|tag| tag.get("data-at") == Some(at));
    for at in [
        "/summary/metrics/request_throughput/avg",
        "/summary/metrics/time_to_first_token/p99",
        "/summary/histograms/0/curve_ms",
        "/summary/slices/slices/*/completed_per_s",
        "/summary/goodput/good_request_fraction",
        "/summary/network/phases/1/new/p50",
    ] {
        assert!(has(at), "{at}");
    }
}

#[test]
fn what_server_and_gpus_tell_is_drawn_with_slices_and_without() {
    let servers = |i: u64| ServerSlice {
        index: i,
        running: Some(8.0 + i as f64),
        waiting: Some(2.0),
        kv_use: Some(0.5),
        preemptions: Some(1.0),
        prefix_hits: Some(0.25),
        accepted_drafts: Some(0.5),
    };
    let gpus = |i: u64| GpuSlice {
        index: i,
        power_w: Some(300.0 + i as f64),
        temperature_c: Some(60.0),
        energy_j: None,
        joules_per_output_token: Some(2.5),
        output_tokens_per_joule: None,
        thermal_share: Some(0.5),
        power_limit_share: Some(0.0),
    };
    let mut outcome = sliced();
    let server = outcome.summary.server.as_mut().unwrap();
    server.slices = (0..6).map(servers).collect();
    outcome.summary.gpu = Some(GpuFigures { slices: (0..6).map(gpus).collect(), ..GpuFigures::default() });
    let with = of_run(&outcome, &charts()).unwrap();
    outcome.summary.slices = None;
    let server = outcome.summary.server.as_mut().unwrap();
    let stretches = std::mem::take(&mut server.slices);
    server.over_time = Some(OverTime { stretch_s: 10.0, stretches });
    let over_time = Some(OverTime { stretch_s: 10.0, stretches: (0..6).map(gpus).collect() });
    outcome.summary.gpu = Some(GpuFigures { over_time, ..GpuFigures::default() });
    let without = of_run(&outcome, &charts()).unwrap();
    for (page, at) in [(with, "slices"), (without, "over_time/stretches")] {
        agreeing(&page);
        let (tags, _) = parsed(&page);
        for (who, field) in [
            ("server", "running"),
            ("server", "waiting"),
            ("server", "kv_use"),
            ("server", "preemptions"),
            ("server", "prefix_hits"),
            ("server", "accepted_drafts"),
            ("gpu", "power_w"),
            ("gpu", "temperature_c"),
            ("gpu", "joules_per_output_token"),
            ("gpu", "thermal_share"),
        ] {
            let place = format!("/summary/{who}/{at}/*/{field}");
            assert!(tags.iter().any(|tag| tag.get("data-at") == Some(&place)), "{place}");
        }
    }
}

#[test]
fn a_page_of_few_requests_or_none_is_whole() {
    for mut outcome in [outcome(), sliced()] {
        outcome.summary.slices = None;
        agreeing(&of_run(&outcome, &charts()).unwrap());
        outcome.summary.metrics.clear();
        outcome.summary.histograms.clear();
        agreeing(&of_run(&outcome, &Charts::new(true)).unwrap());
    }
}

#[test]
fn what_a_server_wrote_is_no_markup() {
    let hostile = "</script><img src=x onerror=alert(1)>\"'><svg onload=alert(1)>\u{202e}\x1b[31m";
    let mut outcome = sliced();
    outcome.summary.errors[0].message = format!("{hostile} {SECRET}");
    outcome.verdict.findings[0].evidence = hostile.into();
    outcome.verdict.findings[0].remedy = hostile.into();
    outcome.plan.models = vec![hostile.into()];
    outcome.summary.network.targets[0].server = hostile.into();
    outcome.identity.command = hostile.into();
    outcome.identity.secrets = Secrets::of(&outcome.plan);
    let page = of_run(&outcome, &charts()).unwrap();
    let (tags, _) = parsed(&page);
    assert!(!tags.iter().any(|tag| tag.name == "img" || tag.attributes.iter().any(|(name, _)| name.starts_with("on"))));
    let scripts: Vec<_> = tags.iter().filter(|tag| tag.name == "script").map(|tag| tag.get("type")).collect();
    assert_eq!(scripts, [Some("application/json"), None]);
    assert!(!page.contains(SECRET), "a secret");
    assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "a control character");
    let shown = page.split("<script").next().unwrap();
    assert!(!shown.contains('\u{202e}'), "a mark that turns text around");
}

#[test]
fn a_page_asks_for_nothing_and_runs_its_own_script_alone() {
    let page = of_run(&sliced(), &charts()).unwrap();
    let (tags, _) = parsed(&page);
    let policy = tags.iter().find(|tag| tag.get("http-equiv") == Some("Content-Security-Policy")).unwrap();
    let policy = policy.get("content").unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    for (text, of) in [(STYLE, "style-src"), (SCRIPT, "script-src")] {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let hash = base64::engine::general_purpose::STANDARD.encode(digest);
        assert!(policy.contains(&format!("{of} 'sha256-{hash}'")), "{of} is now {hash}");
        assert!(!text.contains("</") && !text.contains("<!--"), "{of}");
    }
    for tag in &tags {
        for (name, value) in &tag.attributes {
            let loads = matches!(name.as_str(), "src" | "href" | "style" | "action" | "srcset");
            assert!(!loads || value == "data:,", "{} {name}={value}", tag.name);
        }
    }
    let reached: Vec<&Tag> = tags.iter().filter(|tag| tag.name == "figure").collect();
    assert!(!reached.is_empty() && reached.iter().all(|tag| tag.get("tabindex") == Some("0")));
    assert!(tags.iter().filter(|tag| tag.get("role") == Some("img")).all(|tag| tag.get("aria-label").is_some()));
}
