//! The run over its time, one figure below the other on one axis: from its slices where it was cut into some, else from
//! the columns of its charts.

use super::figures::Figures;
use super::html::Html;
use super::plot::{Line, Plot};
use super::scale::Scale;
use ringload_engine::measure::{Bins, Charts, Strip};
use serde_json::Value;

/// The charts of a run.
pub(super) fn section(report: Figures<'_>, charts: &Charts) -> Html {
    let sliced = report.list("/summary/slices/slices").len() >= FEWEST;
    let mut plots = Html::default();
    let why = match sliced {
        true => {
            of_slices(&mut plots, report);
            of_others(&mut plots, report, true);
            "From the slices of the run: rates by when responses and tokens came, latencies by when their request was issued."
        }
        false => {
            of_columns(&mut plots, &charts.strip(columns_for(report)));
            of_others(&mut plots, report, false);
            "Rates by when responses and events came, times to the first token by when their request was issued. Percentiles are within 6 %; --slice-duration gives exact ones."
        }
    };
    let mut html = Html::default();
    if !plots.is_empty() {
        html.raw("<section><h2>Over the run</h2>").element("p", &[("class", "soft")], why);
        html.raw("<div class=\"charts\">").append(plots).raw("</div></section>");
    }
    html
}

/// A figure of slices: its heading, its unit, and its lines by their names and fields.
struct Figure {
    title: &'static str,
    unit: &'static str,
    lines: &'static [(&'static str, &'static str)],
}

/// Stretches of a run in the JSON: where they are, their length, and when the last ends, in seconds.
struct Stretches {
    at: String,
    length: f64,
    end: f64,
}

fn of_slices(html: &mut Html, report: Figures<'_>) {
    let slices = slices(report);
    OF_RUN.iter().for_each(|figure| of_stretches(html, report, &slices, figure));
}

/// The slices of the run.
fn slices(report: Figures<'_>) -> Stretches {
    let at = "/summary/slices/slices";
    let ends = |name: &'static str| report.list(at).iter().filter_map(move |slice| slice[name].as_u64());
    let lasting = ends("end_ns").max().unwrap_or(0).saturating_sub(ends("start_ns").min().unwrap_or(0));
    let length = report.number("/summary/slices/slice_duration_s").unwrap_or(0.0);
    Stretches { at: at.into(), length, end: lasting as f64 / 1e9 }
}

/// What the server and its GPUs tell of themselves: in the slices of the run, or in stretches of their own.
fn of_others(html: &mut Html, report: Figures<'_>, sliced: bool) {
    for (who, figures) in [("server", &OF_SERVER[..]), ("gpu", &OF_GPUS)] {
        let stretches = if sliced {
            Stretches { at: format!("/summary/{who}/slices"), ..slices(report) }
        } else {
            let at = format!("/summary/{who}/over_time");
            let length = report.number(&format!("{at}/stretch_s")).unwrap_or(0.0);
            let end = report.number("/summary/phase_duration_s").unwrap_or(0.0);
            Stretches { at: format!("{at}/stretches"), length, end }
        };
        figures.iter().for_each(|figure| of_stretches(html, report, &stretches, figure));
    }
}

fn of_stretches(html: &mut Html, report: Figures<'_>, stretches: &Stretches, figure: &Figure) {
    let Stretches { at, length, end } = stretches;
    let all = report.list(at);
    let start = |stretch: &Value| stretch["index"].as_f64().unwrap_or(0.0) * length;
    let middle = |stretch: &Value| f64::midpoint(start(stretch), (start(stretch) + length).min(*end));
    let lines = figure.lines.iter().filter_map(|(name, field)| {
        let points: Vec<_> = all.iter().map(|stretch| (middle(stretch), stretch[*field].as_f64())).collect();
        points.iter().any(|(_, y)| y.is_some_and(|y| y != 0.0)).then(|| Line {
            name: (*name).to_owned(),
            points,
            at: Some(format!("{at}/*/{field}")),
            dots: all.len() <= FEW,
            joined: true,
        })
    });
    plot(html, figure.title, figure.unit, lines.collect(), *end);
}

fn of_columns(html: &mut Html, strip: &Strip) {
    let of = |name: &str, value: &dyn Fn(usize) -> Option<f64>| Line {
        name: name.to_owned(),
        points: (0..strip.columns.len()).map(|i| (strip.middle_s(i), value(i))).collect(),
        at: None,
        dots: strip.columns.len() <= FEW,
        joined: true,
    };
    // What is left of a column at the end of the run says little of a rate.
    let whole = |i: usize| strip.covered_s(i) >= strip.width_s / 2.0;
    let rate = |i: usize, n: u64| whole(i).then(|| n as f64 / strip.covered_s(i));
    let column = |i: usize| &strip.columns[i];
    let ms = |bins: &Bins, share: f64| bins.quantile(share).map(|ns| ns / 1e6);
    let end = strip.lasting_s;
    let any = |count: fn(&ringload_engine::measure::Column) -> u64| strip.columns.iter().any(|c| count(c) > 0);
    let mut requests = vec![of("completed", &|i| rate(i, column(i).completed))];
    if any(|c| c.failed) {
        requests.push(of("failed", &|i| rate(i, column(i).failed)));
    }
    plot(html, "Requests", "per s", requests, end);
    let flying = |i: usize| whole(i).then(|| column(i).in_flight as f64 / 1e9 / strip.covered_s(i));
    plot(html, "In flight", "requests", vec![of("in flight", &flying)], end);
    if any(|c| c.events) {
        plot(html, "Output events", "per s", vec![of("output events", &|i| rate(i, column(i).events))], end);
        let first = [("p50", 0.5), ("p95", 0.95)].map(|(name, share)| of(name, &|i| ms(&column(i).first_token, share)));
        plot(html, "Time to first token", "ms", first.into(), end);
    }
}

fn plot(html: &mut Html, title: &str, unit: &str, lines: Vec<Line>, end: f64) {
    let values = || lines.iter().flat_map(|line| &line.points).filter_map(|(_, y)| *y).filter(|y| y.is_finite());
    if values().next().is_none() || lines.iter().all(|line| line.points.len() < 2) {
        return;
    }
    let (low, high) = values().fold((f64::MAX, f64::MIN), |(low, high), y| (low.min(y), high.max(y)));
    Plot {
        title: title.to_owned(),
        across: "s",
        unit,
        x: Scale::straight(0.0, end),
        y: Scale::from_zero(values()),
        turned: false,
        marks: Vec::new(),
        ground: None,
        words: format!("{title} over the run, {unit}: from {} to {}.", super::shown(low), super::shown(high)),
        lines,
    }
    .write(html);
}

/// So many columns that each has some requests, where there are enough.
fn columns_for(report: Figures<'_>) -> usize {
    let ended = report.number("/summary/counts/succeeded").unwrap_or(0.0);
    ((ended / REQUESTS_A_COLUMN) as usize).clamp(16, 128)
}

/// Fewer slices have no shape.
const FEWEST: usize = 4;
/// Of so few points each is marked.
const FEW: usize = 40;
const REQUESTS_A_COLUMN: f64 = 20.0;

const OF_RUN: [Figure; 7] = [
    Figure { title: "Requests", unit: "per s", lines: &[("completed", "completed_per_s"), ("good", "goodput")] },
    Figure { title: "Failed requests", unit: "requests", lines: &[("failed", "failed")] },
    Figure { title: "Output tokens", unit: "per s", lines: &[("tokens", "output_token_throughput")] },
    Figure { title: "In flight", unit: "requests", lines: &[("mean", "in_flight_mean")] },
    Figure {
        title: "Time to first token",
        unit: "ms",
        lines: &[("p50", "time_to_first_token_p50"), ("p95", "time_to_first_token_p95")],
    },
    Figure { title: "Inter-token latency", unit: "ms", lines: &[("p50", "inter_token_latency_p50")] },
    Figure {
        title: "Request latency",
        unit: "ms",
        lines: &[("p50", "request_latency_p50"), ("p99", "request_latency_p99")],
    },
];

const OF_SERVER: [Figure; 4] = [
    Figure { title: "Server: requests", unit: "requests", lines: &[("running", "running"), ("waiting", "waiting")] },
    Figure { title: "Server: key-value cache", unit: "share", lines: &[("in use", "kv_use")] },
    Figure { title: "Server: preemptions", unit: "requests", lines: &[("preempted", "preemptions")] },
    Figure {
        title: "Server: prefix cache and drafts",
        unit: "share",
        lines: &[("prompt tokens in cache", "prefix_hits"), ("accepted drafts", "accepted_drafts")],
    },
];

const OF_GPUS: [Figure; 4] = [
    Figure { title: "GPUs: power of all", unit: "W", lines: &[("power", "power_w")] },
    Figure { title: "GPUs: temperature of the warmest", unit: "°C", lines: &[("temperature", "temperature_c")] },
    Figure { title: "GPUs: energy of an output token", unit: "J", lines: &[("energy", "joules_per_output_token")] },
    Figure {
        title: "GPUs: scrapes with lower clocks",
        unit: "share",
        lines: &[("for heat", "thermal_share"), ("for a limit of power", "power_limit_share")],
    },
];
