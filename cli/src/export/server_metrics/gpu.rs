//! GPUs in `profile_export_aiperf.json`: AIPerf's `telemetry_data`, and its metrics of energy.

use super::{PERCENTILES, display};
use crate::export::numbers::finite;
use crate::export::time;
use crate::result::run::Outcome;
use ringload_engine::telemetry::{Gpu, GpuMetric};
use serde_json::{Map, Value, json};

/// `telemetry_data`, and the metrics of energy by their tags; nothing where there are no GPUs.
pub(crate) fn fields(outcome: &Outcome) -> Vec<(String, Value)> {
    let Some(gpu) = &outcome.summary.gpu else {
        return Vec::new();
    };
    let mut endpoints: Map<String, Value> = Map::new();
    for one in &gpu.gpus {
        let gpus = endpoints.entry(display(&one.url)).or_insert_with(|| json!({"gpus": {}}));
        gpus["gpus"][key(one)] = entry(one);
    }
    let urls: Vec<&str> = gpu.endpoints.iter().map(|endpoint| endpoint.url.as_str()).collect();
    let local = |at| time::naive_local(at, &outcome.identity.zone);
    let data = json!({
        "summary": {
            "endpoints_configured": urls,
            "endpoints_successful": urls,
            "start_time": local(outcome.summary.started_at_ns),
            "end_time": local(outcome.summary.ended_at_ns),
        },
        "endpoints": endpoints,
    });
    let milli = |joules: Option<f64>| joules.map(|joules| joules * 1e3);
    let tags = [
        ("nvidia_total_gpu_energy", "J", gpu.energy_j),
        ("nvidia_average_gpu_power", "W", gpu.power_w),
        ("nvidia_energy_per_output_token", "mJ/token", milli(gpu.joules_per_output_token)),
        ("nvidia_energy_per_total_token", "mJ/token", milli(gpu.joules_per_total_token)),
        ("nvidia_energy_per_request", "J/request", gpu.joules_per_request),
        ("nvidia_energy_per_user", "J/user", gpu.joules_per_user),
        ("nvidia_energy_delay_product", "J·s", gpu.energy_delay_js),
        ("nvidia_output_tokens_per_joule", "tokens/J", gpu.output_tokens_per_joule),
        ("nvidia_output_tps_per_watt", "tokens/sec/W", gpu.output_throughput_per_watt),
        ("nvidia_performance_per_watt", "requests/sec/W", gpu.request_throughput_per_watt),
        ("nvidia_goodput_per_watt", "requests/sec/W", gpu.goodput_per_watt),
    ];
    let tags = tags.into_iter().filter_map(|(tag, unit, figure)| {
        Some((tag.to_owned(), json!({"unit": unit, "avg": figure.and_then(finite)?})))
    });
    tags.chain([("telemetry_data".to_owned(), data)]).collect()
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
    Value::Object(object)
}
