//! GPUs in `profile_export_aiperf.json` and `.csv`: AIPerf's `telemetry_data`, its section of the table, and its
//! metrics of energy.

use super::{PERCENTILES, display};
use crate::export::csv::{self, cell, escaped};
use crate::export::numbers::finite;
use crate::export::time;
use crate::result::run::Outcome;
use ringload_engine::telemetry::{GPU_FIELDS, Gpu, GpuFigures, GpuMetric};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::io::{self, Write};

/// `telemetry_data`, and the metrics of energy by their tags; nothing where there are no GPUs.
pub(crate) fn fields(outcome: &Outcome) -> Vec<(String, Value)> {
    let Some(gpu) = &outcome.summary.gpu else {
        return Vec::new();
    };
    let mut endpoints: Map<String, Value> = Map::new();
    for one in &gpu.gpus {
        let gpus = endpoints.entry(display(&one.url)).or_insert_with(|| json!({"gpus": {}}));
        let mut name = key(one);
        if gpus["gpus"].get(&name).is_some() {
            // An exporter of several hosts has the number of each of them.
            name += &format!("_{}", one.hostname.as_deref().unwrap_or(&one.uuid));
        }
        gpus["gpus"][name] = entry(one);
    }
    let urls = |least| -> Vec<&str> {
        gpu.endpoints.iter().filter(|of| of.fetches >= least).map(|of| of.url.as_str()).collect()
    };
    let local = |at| time::naive_local(at, &outcome.identity.zone);
    let data = json!({
        "summary": {
            "endpoints_configured": urls(0),
            "endpoints_successful": urls(1),
            "start_time": local(outcome.summary.started_at_ns),
            "end_time": local(outcome.summary.ended_at_ns),
        },
        "endpoints": endpoints,
    });
    let tags = energy(gpu).map(|row| (row.tag.to_owned(), json!({"unit": row.unit, "avg": row.value})));
    tags.chain([("telemetry_data".to_owned(), data)]).collect()
}

/// What energy and power come to, as AIPerf has it.
pub(crate) struct EnergyRow {
    pub(crate) tag: &'static str,
    pub(crate) header: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
}

/// The figures of energy and power that are known, in the order of AIPerf's table.
pub(crate) fn energy(gpu: &GpuFigures) -> impl Iterator<Item = EnergyRow> {
    let milli = |joules: Option<f64>| joules.map(|joules| joules * 1e3);
    let figures = [
        ("nvidia_energy_delay_product", "Energy Delay Product", "J*s", gpu.energy_delay_js),
        ("nvidia_performance_per_watt", "Performance per Watt", "requests/sec/W", gpu.request_throughput_per_watt),
        (
            "nvidia_output_tps_per_watt",
            "Output Tokens per Second per Watt",
            "tokens/sec/W",
            gpu.output_throughput_per_watt,
        ),
        ("nvidia_goodput_per_watt", "Goodput per Watt", "good-req/s/W", gpu.goodput_per_watt),
        ("nvidia_average_gpu_power", "Average GPU Power", "W", gpu.average_power_w),
        ("nvidia_total_gpu_energy", "Total GPU Energy", "J", gpu.energy_j),
        ("nvidia_total_gpu_power", "Total GPU Power", "W", gpu.power_w),
        ("nvidia_energy_per_total_token", "Energy per Total Token", "mJ/token", milli(gpu.joules_per_total_token)),
        ("nvidia_energy_per_output_token", "Energy per Output Token", "mJ/token", milli(gpu.joules_per_output_token)),
        ("nvidia_energy_per_request", "Energy per Request", "joules/request", gpu.joules_per_request),
        ("nvidia_output_tokens_per_joule", "Output Tokens per Joule", "tokens/J", gpu.output_tokens_per_joule),
        ("nvidia_energy_per_user", "Energy per User", "joules/user", gpu.joules_per_user),
    ];
    figures.into_iter().filter_map(|(tag, header, unit, value)| {
        Some(EnergyRow { tag, header, unit, value: value.filter(|value| value.is_finite())? })
    })
}

/// AIPerf's section of GPUs in `profile_export_aiperf.csv`: a row for each of them and of its metrics.
pub(in crate::export) fn section(gpu: &GpuFigures, to: &mut dyn Write) -> io::Result<()> {
    let named = gpu.gpus.iter().any(|one| one.hostname.is_some());
    let last = if named { ",Hostname" } else { "" };
    write!(to, "\r\n\r\nEndpoint,GPU_Index,GPU_Name,GPU_UUID,Platform,Metric,{}{last}\r\n", csv::STATS)?;
    for one in &gpu.gpus {
        for field in &GPU_FIELDS {
            let Some(metric) = one.metrics.get(field.name) else { continue };
            let (endpoint, name, uuid) = (display(&one.url), escaped(&one.name), uuid(one));
            write!(to, "{},{},{name},{uuid},nvidia", escaped(endpoint), one.index)?;
            write!(to, ",{} ({})", field.title, metric.unit)?;
            let [p1, p5, p10, p25, p50, p75, p90, p95, p99] = metric.percentiles.map_or([None; 9], |all| all.map(Some));
            let (avg, sum) = (Some(metric.avg), sum(metric));
            let statistics = [avg, metric.min, metric.max, sum, p1, p5, p10, p25, p50, p75, p90, p95, p99, metric.std];
            for value in statistics {
                write!(to, ",{}", value.map(cell).unwrap_or_default())?;
            }
            if named {
                write!(to, ",{}", escaped(one.hostname.as_deref().unwrap_or("None")))?;
            }
            to.write_all(b"\r\n")?;
        }
    }
    Ok(())
}

/// The identity of a GPU, and of its instance: a table has one column for both.
fn uuid(gpu: &Gpu) -> Cow<'_, str> {
    match &gpu.instance {
        Some(instance) => escaped(&format!("{}/{instance}", gpu.uuid)).into_owned().into(),
        None => escaped(&gpu.uuid),
    }
}

fn sum(metric: &GpuMetric) -> Option<f64> {
    metric.count.map(|count| metric.avg * count as f64)
}

fn key(gpu: &Gpu) -> String {
    let instance = gpu.instance.as_ref().map_or_else(String::new, |id| format!("_{id}"));
    format!("gpu_{}{instance}", gpu.index)
}

fn entry(gpu: &Gpu) -> Value {
    let metrics: Map<String, Value> = gpu.metrics.iter().map(|(name, figure)| (name.clone(), metric(figure))).collect();
    json!({
        "gpu_index": gpu.index,
        "gpu_name": gpu.name,
        "gpu_uuid": gpu.uuid,
        "platform": "nvidia",
        "hostname": gpu.hostname,
        "metrics": metrics,
    })
}

fn metric(figure: &GpuMetric) -> Value {
    let mut object = Map::new();
    object.insert("unit".into(), figure.unit.clone().into());
    let mut put = |name: &str, value: Option<f64>| {
        object.extend(value.and_then(finite).map(|value| (name.to_owned(), value)));
    };
    put("avg", Some(figure.avg));
    for (at, name) in PERCENTILES.into_iter().enumerate() {
        put(name, figure.percentiles.map(|all| all[at]));
    }
    for (name, value) in [("min", figure.min), ("max", figure.max), ("std", figure.std)] {
        put(name, value);
    }
    object.extend(figure.count.map(|count| ("count".to_owned(), count.into())));
    object.extend(sum(figure).and_then(finite).map(|sum| ("sum".to_owned(), sum)));
    Value::Object(object)
}
