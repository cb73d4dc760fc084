//! What the server and its GPUs said of themselves, beside the latencies.

use super::layout::{count, heading, line, percent, short, time};
use super::table::Table;
use crate::export::energy;
use crate::result::run::Outcome;
use ringload_engine::measure::SliceFigures;
use ringload_engine::telemetry::{GPU_FIELDS, Gpu, GpuFigures, GpuMetric, QueueFigures, ServerFigures};

/// The server: a few lines.
pub(super) fn section(outcome: &Outcome) -> String {
    let Some(server) = &outcome.summary.server else {
        return String::new();
    };
    let names = if server.servers.is_empty() { String::new() } else { format!(" ({})", server.servers.join(", ")) };
    let mut out = heading(&format!("SERVER{names}, BY ITS OWN METRICS"));
    if let Some(text) = requests(server) {
        out += &line("requests", &text);
    }
    if let Some(text) = cache(server) {
        out += &line("cache", &text);
    }
    let durations = [("queue", server.queue), ("prefill", server.prefill)];
    let durations = durations.into_iter().filter_map(|(name, of)| Some(duration(name, of?)));
    let durations: Vec<String> = durations.collect();
    if !durations.is_empty() {
        out += &line("its clock", &durations.join("; "));
    }
    if let Some(drafts) = server.accepted_drafts {
        let text = format!("{} of {} drafted tokens accepted", percent(drafts.share()), count(drafts.whole as u64));
        out += &line("speculation", &text);
    }
    if let Some(text) = tokens(server) {
        out += &line("tokens", &text);
    }
    let scrapes: u64 = server.endpoints.iter().map(|endpoint| endpoint.fetches).sum();
    let failed: u64 = server.endpoints.iter().map(|endpoint| endpoint.failed).sum();
    let urls: Vec<&str> = server.endpoints.iter().map(|endpoint| endpoint.url.as_str()).collect();
    let failed = if failed > 0 { format!(", {} failed", count(failed)) } else { String::new() };
    out + &line("read", &format!("{} scrapes of {}{failed}", count(scrapes), urls.join(" ")))
}

/// The same on the first screen.
pub(super) fn one_line(outcome: &Outcome) -> Option<String> {
    let server = outcome.summary.server.as_ref()?;
    let kv = server.kv_use.map_or_else(String::new, |kv| format!(", KV cache at most {}", percent(kv.max)));
    let preempted =
        server.preemptions.filter(|n| *n > 0).map_or_else(String::new, |n| format!(", {} preemptions", count(n)));
    Some(format!("server: {}{kv}{preempted}", requests(server)?))
}

fn requests(server: &ServerFigures) -> Option<String> {
    let running = server.running.map(|g| format!("{} running on average (at most {:.0})", short(g.avg), g.max));
    let waiting = server.waiting.map(|g| {
        let share = server.waiting_share.filter(|share| *share > 0.0);
        let share = share.map_or_else(String::new, |share| format!("; any in {} of the scrapes", percent(share)));
        format!("{} waiting (at most {:.0}{share})", short(g.avg), g.max)
    });
    let parts: Vec<String> = running.into_iter().chain(waiting).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn cache(server: &ServerFigures) -> Option<String> {
    let kv = server.kv_use.map(|kv| format!("key-value cache {} used (at most {})", percent(kv.avg), percent(kv.max)));
    let hits = server.prefix_hits.map(|hits| {
        format!("{} of {} prompt tokens from the prefix cache", percent(hits.share()), count(hits.whole as u64))
    });
    let preempted = server.preemptions.map(|n| format!("{} preemptions", count(n)));
    let parts: Vec<String> = [kv, hits, preempted].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn duration(name: &str, of: QueueFigures) -> String {
    let over = if of.p99_is_over { "over " } else { "" };
    let p99 = of.p99_ms.map_or_else(String::new, |p99| format!(", p99 {over}{}", time(p99)));
    format!("{name} {} on average{p99}", time(of.avg_ms))
}

fn tokens(server: &ServerFigures) -> Option<String> {
    let check = server.check?;
    let known = |n: Option<f64>| n.map_or_else(|| "-".into(), |n| count(n as u64));
    let unknown = match check.unknown {
        0 => String::new(),
        n => format!("; {} of {} requests ended without a usage", count(n), count(check.requests)),
    };
    Some(format!(
        "{} of prompts, {} of output by the server's counters; {} and {} by its responses (warm-up included){unknown}",
        known(check.server.prompt),
        known(check.server.generation),
        count(check.prompt),
        count(check.generation)
    ))
}

/// The server and its GPUs in each slice of the run, beside its time to first token.
pub(super) fn slices(outcome: &Outcome) -> String {
    let Some(slices) = &outcome.summary.slices else {
        return String::new();
    };
    let of_server = outcome.summary.server.as_ref().map_or(&[][..], |server| &server.slices);
    let of_gpus = outcome.summary.gpu.as_ref().map_or(&[][..], |gpu| &gpu.slices);
    let percent = |share: Option<f64>| share.map(|share| 100.0 * share);
    let server = by_slice("SERVER IN THESE SLICES", &SERVER_COLUMNS, &slices.slices, |index| {
        let s = of_server.iter().find(|s| s.index == index)?;
        let shares = [percent(s.prefix_hits), percent(s.accepted_drafts)];
        Some([vec![s.running, s.waiting, percent(s.kv_use), s.preemptions], shares.to_vec()].concat())
    });
    let mut gpus = by_slice("GPUS IN THESE SLICES", &GPU_COLUMNS, &slices.slices, |index| {
        let s = of_gpus.iter().find(|s| s.index == index)?;
        let each = [s.power_w, s.temperature_c, s.joules_per_output_token, s.output_tokens_per_joule];
        Some([each.to_vec(), vec![percent(s.thermal_share), percent(s.power_limit_share)]].concat())
    });
    if of_gpus.iter().any(|s| s.thermal_share.or(s.power_limit_share).is_some()) {
        gpus += "  heat %, limit %: scrapes in which clocks were lowered for heat, or for a limit of power\n";
    }
    server + &gpus
}

/// A row for each slice of which something is known, a column for each figure of which any slice has one.
fn by_slice(
    title: &str,
    names: &[&str],
    slices: &[SliceFigures],
    figures: impl Fn(u64) -> Option<Vec<Option<f64>>>,
) -> String {
    let known: Vec<_> = slices.iter().filter_map(|slice| Some((slice, figures(slice.index)?))).collect();
    let there: Vec<usize> = (0..names.len()).filter(|at| known.iter().any(|(_, row)| row[*at].is_some())).collect();
    let columns: Vec<&str> = there.iter().map(|at| names[*at]).chain(["TTFTp50"]).collect();
    let shown = |value: Option<f64>| value.map_or_else(|| "-".into(), short);
    let mut table = Table::new(title, &columns);
    for (slice, row) in known.iter().step_by(known.len().div_ceil(MOST_SLICES).max(1)) {
        let cells = there.iter().map(|at| row[*at]).chain([slice.time_to_first_token_p50]);
        table.row(format!("{:>4}", slice.index), cells.map(shown).collect());
    }
    table.render()
}

/// GPUs: AIPerf's table of each, and what the energy comes to.
pub(super) fn gpus(outcome: &Outcome) -> String {
    let Some(gpu) = &outcome.summary.gpu else {
        return String::new();
    };
    let mut out = String::new();
    for one in gpu.gpus.iter().take(MOST_GPUS) {
        out += &table(one);
    }
    if gpu.gpus.len() > MOST_GPUS {
        let text = format!("{MOST_GPUS} of {} GPUs are shown; all are in ringload_report.json", gpu.gpus.len());
        out += &line("GPUs", &text);
    }
    out + &efficiency(gpu)
}

fn table(gpu: &Gpu) -> String {
    let instance = gpu.instance.as_ref().map_or_else(String::new, |id| format!(" instance {id}"));
    let host = gpu.url.split("://").last().unwrap_or_default();
    let title = format!("{} | GPU {}{instance} | {}", host.trim_end_matches("/metrics"), gpu.index, gpu.name);
    // Beside the columns it would wrap.
    let mut table = Table::new("metric", &["avg", "min", "max", "p99", "p90", "p50", "std"]);
    for field in &GPU_FIELDS {
        if let Some(metric) = gpu.metrics.get(field.name) {
            table.row(format!("{} ({})", field.title.trim_start_matches("NVIDIA "), metric.unit), cells(metric));
        }
    }
    let mut out = format!("\n{title}{}", table.render());
    let shares = [("for heat", gpu.thermal_share), ("for a limit of power", gpu.power_limit_share)];
    let shares = shares.into_iter().filter_map(|(why, share)| Some((why, share.filter(|share| *share > 0.0)?)));
    let shares: Vec<String> =
        shares.map(|(why, share)| format!("{why} in {} of the scrapes", percent(share))).collect();
    if !shares.is_empty() {
        out += &line("clocks lowered", &shares.join(", "));
    }
    out
}

fn cells(metric: &GpuMetric) -> Vec<String> {
    let known = |value: Option<f64>| value.map_or_else(|| "-".into(), short);
    let percentile = |at: usize| known(metric.percentiles.map(|all| all[at]));
    let avg =
        if metric.avg != 0.0 && metric.avg.abs() < 0.01 { format!("{:.1e}", metric.avg) } else { short(metric.avg) };
    vec![avg, known(metric.min), known(metric.max), percentile(8), percentile(6), percentile(4), known(metric.std)]
}

/// AIPerf's table of what energy and power come to.
fn efficiency(gpu: &GpuFigures) -> String {
    let mut table = Table::new("GPU POWER EFFICIENCY", &["avg"]);
    for row in energy(gpu) {
        table.row(format!("{} ({})", row.header, row.unit), vec![short(row.value)]);
    }
    table.render()
}

const SERVER_COLUMNS: [&str; 6] = ["running", "waiting", "KV %", "preempt", "hit %", "accept%"];
const GPU_COLUMNS: [&str; 6] = ["W", "°C", "J/token", "token/J", "heat %", "limit %"];
/// Rows of slices.
const MOST_SLICES: usize = 40;
/// GPUs with a table of their own.
const MOST_GPUS: usize = 8;
