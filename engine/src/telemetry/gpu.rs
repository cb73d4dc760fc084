//! What an exporter of DCGM says of GPUs, under AIPerf's names.

use super::collector::Collector;
use super::figures::EndpointFigures;
use super::gpu_fields::{GPU_FIELDS, GpuField};
use super::labels::Labels;
use super::metric::{Current, SeriesStats};
use super::names::Role;
use super::over_time::{OverTime, stretches};
use crate::clock::Nanos;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bits of why clocks are lowered, which DCGM hands on from NVML (nvml.h, `nvmlClocksEventReason…`).
pub(super) const REASONS: [&str; 2] = ["DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", "DCGM_FI_DEV_CLOCKS_EVENT_REASONS"];
/// Slowdown for heat, by software and by hardware.
pub(super) const HEAT: u64 = 0x20 | 0x40;
/// The cap of power by software, and its brake by hardware.
pub(super) const POWER_LIMIT: u64 = 0x04 | 0x80;
/// Nanoseconds in which clocks were lowered for heat: a counter.
const HEAT_VIOLATION: &str = "DCGM_FI_DEV_THERMAL_VIOLATION";

/// The GPUs of all exporters in the measured phase.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct GpuFigures {
    /// Where from.
    pub endpoints: Vec<EndpointFigures>,
    /// One a GPU, or an instance of one (MIG).
    pub gpus: Vec<Gpu>,
    /// Energy of all GPUs in joules: by their counters, else by their mean power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_j: Option<f64>,
    /// Mean power of all GPUs together, in watts, by what they report of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_w: Option<f64>,
    /// The energy over the length of the measured phase, in watts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_power_w: Option<f64>,
    /// Joules for each output token that arrived in the measured phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joules_per_output_token: Option<f64>,
    /// Joules for each successful request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joules_per_request: Option<f64>,
    /// Output tokens a second for each watt: the same as output tokens for each joule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_per_joule: Option<f64>,
    /// Joules for each token, of prompts and of output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joules_per_total_token: Option<f64>,
    /// Output tokens a second, by AIPerf's definition of the throughput, for each watt of the average power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_throughput_per_watt: Option<f64>,
    /// Requests a second for each watt of the average power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_throughput_per_watt: Option<f64>,
    /// Good requests a second for each watt of the average power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goodput_per_watt: Option<f64>,
    /// Joules for each request times its mean latency in seconds (energy-delay product).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_delay_js: Option<f64>,
    /// Joules for each of the requests that the plan keeps in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joules_per_user: Option<f64>,
    /// In each time slice of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<GpuSlice>,
    /// Over the measured phase, of a run without slices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_time: Option<OverTime<GpuSlice>>,
}

/// A GPU in the measured phase.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Gpu {
    /// URL of its exporter.
    pub url: String,
    /// Its number on its host.
    pub index: u32,
    /// Its identity.
    pub uuid: String,
    /// The instance of it (MIG).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Model.
    pub name: String,
    /// Address on the PCI bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pci_bus_id: Option<String>,
    /// `nvidia0`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Its host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// By AIPerf's name.
    pub metrics: BTreeMap<String, GpuMetric>,
    /// The part of the scrapes in which its clocks were lowered for heat, where that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thermal_share: Option<f64>,
    /// The same for a limit of power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_limit_share: Option<f64>,
}

/// A figure of a GPU: of a counter `avg` alone, which is its growth.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct GpuMetric {
    /// Unit.
    pub unit: String,
    /// Mean.
    pub avg: f64,
    /// Smallest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Standard deviation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
    /// p1 p5 p10 p25 p50 p75 p90 p95 p99
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentiles: Option<[f64; 9]>,
    /// Values that these are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// All GPUs in one time slice of a run; absent where no scrape was in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct GpuSlice {
    /// The slice, from 0.
    pub index: u64,
    /// What they drew together, in watts, on average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_w: Option<f64>,
    /// How warm the warmest was, in °C, on average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<f64>,
    /// Joules: the mean power over the length of the slice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_j: Option<f64>,
    /// Joules for each output token that arrived in the slice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joules_per_output_token: Option<f64>,
    /// Output tokens for each joule: the same as output tokens a second for each watt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_per_joule: Option<f64>,
    /// The part of the scrapes in which any had lowered its clocks for heat, where that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thermal_share: Option<f64>,
    /// The same for a limit of power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_limit_share: Option<f64>,
}

/// A time slice of a run, as far as GPUs are concerned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SliceOfRun {
    /// The slice, from 0.
    pub index: u64,
    /// Its start, on the scrapes' clock.
    pub from: Nanos,
    /// Its end.
    pub to: Nanos,
    /// Output tokens that arrived in it, where they are known.
    pub output_tokens: Option<f64>,
}

/// The identity of a GPU, as labels have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GpuIdentity {
    /// Its number on its host.
    pub index: u32,
    /// Its identity.
    pub uuid: String,
    /// The instance of it (MIG).
    pub instance: Option<String>,
    /// Model.
    pub name: String,
    /// Address on the PCI bus.
    pub pci_bus_id: Option<String>,
    /// Device.
    pub device: Option<String>,
    /// Host: `Hostname` once, `hostname` now.
    pub hostname: Option<String>,
}

impl GpuIdentity {
    /// From the labels of a series of DCGM; `None` where they name no GPU.
    #[must_use]
    pub fn of(labels: &Labels) -> Option<Self> {
        let text = |name: &str| labels.get(name).filter(|value| !value.is_empty()).map(str::to_owned);
        Some(Self {
            index: labels.get("gpu")?.parse().ok()?,
            uuid: text("UUID").or_else(|| text("uuid")).unwrap_or_default(),
            instance: text("GPU_I_ID"),
            name: text("modelName").unwrap_or_else(|| "Unknown".into()),
            pci_bus_id: text("pci_bus_id"),
            device: text("device"),
            hostname: text("Hostname").or_else(|| text("hostname")),
        })
    }
}

/// The values of each GPU by the last scrape of an exporter, under AIPerf's names and in its units.
#[must_use]
pub fn gpus_now(collector: &Collector) -> BTreeMap<GpuIdentity, BTreeMap<&'static str, f64>> {
    let mut gpus: BTreeMap<GpuIdentity, BTreeMap<&'static str, f64>> = BTreeMap::new();
    for (family, series) in collector.current() {
        let Some(field) = GPU_FIELDS.iter().find(|field| field.dcgm == family) else {
            continue;
        };
        for (labels, current) in series {
            if let (Some(gpu), Current::Value(value)) = (GpuIdentity::of(labels), current) {
                gpus.entry(gpu).or_default().insert(field.name, value * field.factor);
            }
        }
    }
    gpus
}

/// Which physical GPU: its UUID; without one its exporter, host and number.
type Card<'a> = (&'a str, &'a str, &'a str, u32);

fn card(gpu: &Gpu) -> Card<'_> {
    match gpu.uuid.as_str() {
        "" => ("", &gpu.url, gpu.hostname.as_deref().unwrap_or_default(), gpu.index),
        uuid => (uuid, "", "", 0),
    }
}

impl GpuFigures {
    /// From the scrapes of all exporters; `None` where none told of a GPU. `seconds` is the length of the window.
    #[must_use]
    pub fn of(endpoints: &[Collector], seconds: f64) -> Option<Self> {
        let gpus: Vec<Gpu> = endpoints.iter().flat_map(gpus).collect();
        if gpus.is_empty() {
            return None;
        }
        // The instances of a GPU each tell of all of it.
        let mut power: BTreeMap<Card<'_>, f64> = BTreeMap::new();
        let mut energy: BTreeMap<Card<'_>, f64> = BTreeMap::new();
        for gpu in &gpus {
            for (name, into, factor) in
                [("nvidia_power_usage", &mut power, 1.0), ("nvidia_energy_consumption", &mut energy, 1e6)]
            {
                if let Some(metric) = gpu.metrics.get(name) {
                    let most = into.entry(card(gpu)).or_insert(0.0);
                    *most = most.max(metric.avg * factor);
                }
            }
        }
        let by_power = |of: &Card<'_>| power.get(of).map(|watts| watts * seconds);
        let counted = |of: &Card<'_>| energy.get(of).copied().filter(|joules| *joules > 0.0);
        let cards: std::collections::BTreeSet<Card<'_>> = gpus.iter().map(card).collect();
        let joules = cards.iter().filter_map(|of| counted(of).or_else(|| by_power(of)));
        let energy_j = joules.reduce(|all, one| all + one);
        let power_w = power.values().copied().reduce(|all, one| all + one);
        let figures = Self { endpoints: endpoints.iter().map(Collector::endpoint).collect(), ..Self::default() };
        let average_power_w = energy_j.map(|joules| joules / seconds).filter(|watts| watts.is_finite());
        Some(Self { energy_j, power_w, average_power_w, gpus, ..figures })
    }

    /// Adds the figures of time slices.
    pub fn cut(&mut self, endpoints: &[Collector], slices: impl Iterator<Item = SliceOfRun>) {
        self.slices = in_each(endpoints, slices);
    }

    /// Adds the figures of stretches of equal length from one instant to another.
    pub fn cut_evenly(&mut self, endpoints: &[Collector], from: Nanos, to: Nanos) {
        let stretch = |(index, from, to)| SliceOfRun { index, from, to, output_tokens: None };
        self.over_time = stretches(from, to).map(|(length, all)| OverTime {
            stretch_s: length as f64 / 1e9,
            stretches: in_each(endpoints, all.map(stretch)),
        });
    }
}

/// The GPUs of an exporter, in the order of their numbers.
fn gpus(collector: &Collector) -> Vec<Gpu> {
    let url = collector.endpoint().url;
    let mut found: BTreeMap<GpuIdentity, Gpu> = BTreeMap::new();
    let mut gpu = |identity: GpuIdentity, change: &mut dyn FnMut(&mut Gpu)| {
        let entry = found.entry(identity.clone()).or_insert_with(|| Gpu {
            url: url.clone(),
            index: identity.index,
            uuid: identity.uuid,
            instance: identity.instance,
            name: identity.name,
            pci_bus_id: identity.pci_bus_id,
            device: identity.device,
            hostname: identity.hostname,
            ..Gpu::default()
        });
        change(entry);
    };
    for metric in collector.metrics() {
        let field = GPU_FIELDS.iter().find(|field| field.dcgm == metric.name);
        for series in metric.series {
            let Some(identity) = GpuIdentity::of(&series.labels) else {
                continue;
            };
            if let Some(field) = field {
                let of_gpu = in_units(&series.stats, field);
                gpu(identity, &mut |gpu| {
                    gpu.metrics.insert(field.name.to_owned(), of_gpu.clone());
                });
            } else if let (HEAT_VIOLATION, SeriesStats::Counter(heat)) = (metric.name.as_str(), &series.stats) {
                let seconds = if heat.rate > 0.0 { heat.total / heat.rate } else { 0.0 };
                let share = if seconds > 0.0 { (heat.total / 1e9 / seconds).min(1.0) } else { 0.0 };
                gpu(identity, &mut |gpu| gpu.thermal_share = Some(gpu.thermal_share.unwrap_or(0.0).max(share)));
            }
        }
    }
    for (labels, scrapes, bits) in collector.reasons() {
        let Some(identity) = GpuIdentity::of(labels) else {
            continue;
        };
        let share = |wanted: u64| {
            let with = bits.iter().filter(|(reasons, _)| *reasons & wanted != 0).map(|(_, n)| n).sum::<u64>();
            with as f64 / scrapes.max(1) as f64
        };
        let (thermal, power) = (share(HEAT), share(POWER_LIMIT));
        gpu(identity, &mut |gpu| {
            gpu.thermal_share = Some(gpu.thermal_share.unwrap_or(0.0).max(thermal));
            gpu.power_limit_share = Some(power);
        });
    }
    let mut gpus: Vec<Gpu> = found.into_values().collect();
    gpus.retain(|gpu| !gpu.metrics.is_empty());
    gpus
}

fn in_units(stats: &SeriesStats, field: &GpuField) -> GpuMetric {
    let unit = field.unit.to_owned();
    match stats {
        SeriesStats::Counter(counter) => GpuMetric { unit, avg: counter.total * field.factor, ..GpuMetric::default() },
        SeriesStats::Gauge(gauge) if field.counter => {
            // The exporter calls it a gauge: what it moved between the ends of the window.
            GpuMetric { unit, avg: (gauge.max - gauge.min) * field.factor, ..GpuMetric::default() }
        }
        SeriesStats::Gauge(gauge) => GpuMetric {
            unit,
            avg: gauge.avg * field.factor,
            min: Some(gauge.min * field.factor),
            max: Some(gauge.max * field.factor),
            std: Some(gauge.std * field.factor),
            percentiles: Some(gauge.percentiles.map(|value| value * field.factor)),
            count: Some(gauge.count),
        },
        SeriesStats::Histogram(_) => GpuMetric { unit, ..GpuMetric::default() },
    }
}

/// The figures of all GPUs in each stretch of time that had a scrape.
fn in_each(endpoints: &[Collector], all: impl Iterator<Item = SliceOfRun>) -> Vec<GpuSlice> {
    let figures = |slice: SliceOfRun| {
        let (from, to) = (slice.from, slice.to);
        let of = |role| endpoints.iter().filter_map(move |c| c.mean_in(role, from, to));
        let power_w = of(Role::GpuPower).reduce(|all, one| all + one);
        let energy_j = power_w.map(|watts| watts * to.saturating_sub(from) as f64 / 1e9).filter(|joules| *joules > 0.0);
        let each = energy_j.zip(slice.output_tokens.filter(|tokens| *tokens > 0.0));
        GpuSlice {
            index: slice.index,
            power_w,
            temperature_c: of(Role::GpuTemperature).reduce(f64::max),
            energy_j,
            joules_per_output_token: each.map(|(joules, tokens)| joules / tokens),
            output_tokens_per_joule: each.map(|(joules, tokens)| tokens / joules),
            thermal_share: of(Role::GpuHeat).reduce(f64::max),
            power_limit_share: of(Role::GpuPowerLimit).reduce(f64::max),
        }
    };
    all.map(figures).filter(|s| s.power_w.or(s.temperature_c).or(s.thermal_share).is_some()).collect()
}
