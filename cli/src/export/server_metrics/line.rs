//! A line a scrape: `server_metrics_export.jsonl`, and `gpu_telemetry_export.jsonl` with a line for each GPU.

use super::json::labels;
use crate::export::numbers::{finite, without_nulls};
use ringload_engine::clock::Nanos;
use ringload_engine::telemetry::{Collector, Current, Labels, Window, gpus_now};
use serde_json::{Map, Value, json};

/// What lines are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineOf {
    /// The server's metrics; `warmup` where the run has a warm-up.
    Server {
        /// Whether what is before the measured phase is a warm-up.
        warmup: bool,
    },
    /// GPUs.
    Gpus,
}

/// When a scrape was made, on the wall clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineAt {
    /// It was asked for.
    pub(crate) sent_at: Nanos,
    /// The answer began.
    pub(crate) first_byte_at: Nanos,
    /// Nanoseconds to its end.
    pub(crate) took: Nanos,
    /// The part of the run.
    pub(crate) window: Window,
}

impl LineOf {
    /// The lines of the last scrape, each with its line feed.
    pub(crate) fn line(self, collector: &Collector, at: &LineAt) -> String {
        match self {
            Self::Server { warmup } => format!("{}\n", server(collector, at, warmup)),
            Self::Gpus => gpus(collector, at),
        }
    }
}

fn server(collector: &Collector, at: &LineAt, warmup: bool) -> Value {
    let families = collector.current().filter(|(name, _)| !name.ends_with("_info"));
    let metrics: Map<String, Value> =
        families.map(|(name, series)| (name.to_owned(), series.iter().map(|(l, c)| sample(l, *c)).collect())).collect();
    let phase = match (at.window, warmup) {
        (Window::Before, true) => Some("warmup"),
        (Window::Before, false) => None,
        (Window::Inside | Window::After, _) => Some("profiling"),
    };
    let number = phase.map(|phase| u8::from(phase == "profiling" && warmup));
    without_nulls(json!({
        "endpoint_url": collector.endpoint().url,
        "timestamp_ns": at.first_byte_at,
        "endpoint_latency_ns": at.took,
        "metrics": metrics,
        "request_sent_ns": at.sent_at,
        "first_byte_ns": at.first_byte_at,
        "benchmark_phase": phase,
        "phase_index": number,
        "profiling_index": phase.filter(|phase| *phase == "profiling").map(|_| 0),
        "phase_name": phase,
        "phase_kind": phase,
    }))
}

fn sample(of: &Labels, current: Current<'_>) -> Value {
    let own = (!of.0.is_empty()).then(|| labels(of));
    let number = |value: f64| finite(value).unwrap_or_default();
    match current {
        Current::Value(value) => json!({"labels": own, "value": number(value)}),
        Current::Histogram { bounds, buckets, sum, count } => {
            let mut order: Vec<usize> = (0..bounds.len()).collect();
            order.sort_by(|a, b| bounds[*a].1.total_cmp(&bounds[*b].1));
            let buckets: Map<String, Value> =
                order.into_iter().map(|at| (bounds[at].0.clone(), number(buckets[at]))).collect();
            json!({"labels": own, "buckets": buckets, "sum": sum.and_then(finite), "count": count.and_then(finite)})
        }
    }
}

fn gpus(collector: &Collector, at: &LineAt) -> String {
    let url = collector.endpoint().url;
    let line = |(gpu, values): (_, std::collections::BTreeMap<&str, f64>)| {
        let gpu: ringload_engine::telemetry::GpuIdentity = gpu;
        let values: Map<String, Value> =
            values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), finite(value)?))).collect();
        let line = without_nulls(json!({
            "gpu_index": gpu.index,
            "gpu_uuid": gpu.uuid,
            "gpu_model_name": gpu.name,
            "gpu_instance_id": gpu.instance,
            "pci_bus_id": gpu.pci_bus_id,
            "device": gpu.device,
            "hostname": gpu.hostname,
            "platform": "nvidia",
            "timestamp_ns": at.first_byte_at,
            "telemetry_source_url": url,
            "telemetry_data": values,
        }));
        format!("{line}\n")
    };
    gpus_now(collector).into_iter().map(line).collect()
}
