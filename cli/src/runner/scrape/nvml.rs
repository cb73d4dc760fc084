//! GPUs of this host by NVIDIA's own library (NVML), as an exporter of DCGM would tell of them.
//!
//! The library (`libnvidia-ml.so.1`, part of the driver) is loaded when a run begins; where it is not there, nothing is
//! read. What it says is written as a page of metrics, so that all that is known of pages holds for it: windows,
//! counters, units. Of a GPU with MIG the whole GPU is read, not its instances.

use nvml_wrapper::enum_wrappers::device::{PerformancePolicy, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use std::fmt::Write;

/// The library, loaded.
pub(super) struct Library(Nvml);

impl Library {
    /// Loads the library and attaches to the GPUs.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(super) fn load() -> Result<Self, String> {
        let nvml = Nvml::init().map_err(|e| match e {
            NvmlError::LibloadingError(_) => format!("{LIBRARY} is not on this host"),
            other => format!("{LIBRARY}: {other}"),
        })?;
        Ok(Self(nvml))
    }

    /// All GPUs as a page of metrics: a family for each figure, a line for each GPU that has it.
    pub(super) fn page(&self) -> String {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let count = self.0.device_count().unwrap_or(0);
        let devices = (0..count).filter_map(|index| Some((index, self.0.device_by_index(index).ok()?)));
        let devices: Vec<(String, Device<'_>)> =
            devices.map(|(index, device)| (labels(index, &device, host.trim()), device)).collect();
        let mut page = String::new();
        for (name, kind, read) in FAMILIES {
            let mut lines = String::new();
            for (labels, device) in &devices {
                if let Some(value) = read(device) {
                    // A text takes all that is written to it.
                    let _ = writeln!(lines, "{name}{{{labels}}} {value}");
                }
            }
            if !lines.is_empty() {
                page += &format!("# TYPE {name} {kind}\n{lines}");
            }
        }
        page
    }
}

/// Labels as dcgm-exporter has them.
fn labels(index: u32, device: &Device<'_>, host: &str) -> String {
    let known = [
        ("gpu", Some(index.to_string())),
        ("UUID", device.uuid().ok()),
        ("pci_bus_id", device.pci_info().ok().map(|pci| pci.bus_id)),
        ("device", device.minor_number().ok().map(|minor| format!("nvidia{minor}"))),
        ("modelName", device.name().ok()),
        ("hostname", Some(host.to_owned()).filter(|host| !host.is_empty())),
    ];
    let labels = known.into_iter().filter_map(|(name, value)| Some(format!("{name}=\"{}\"", escaped(&value?))));
    labels.collect::<Vec<_>>().join(",")
}

/// As the text format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Reads one figure of a GPU; `None` where it has none.
type Read = fn(&Device<'_>) -> Option<f64>;

/// DCGM's name, kind, and how NVML has it; units are DCGM's.
const FAMILIES: [(&str, &str, Read); 11] = [
    ("DCGM_FI_DEV_POWER_USAGE", "gauge", |gpu| Some(f64::from(gpu.power_usage().ok()?) / 1e3)),
    ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "counter", |gpu| Some(gpu.total_energy_consumption().ok()? as f64)),
    ("DCGM_FI_DEV_GPU_UTIL", "gauge", |gpu| Some(gpu.utilization_rates().ok()?.gpu.into())),
    ("DCGM_FI_DEV_MEM_COPY_UTIL", "gauge", |gpu| Some(gpu.utilization_rates().ok()?.memory.into())),
    ("DCGM_FI_DEV_ENC_UTIL", "gauge", |gpu| Some(gpu.encoder_utilization().ok()?.utilization.into())),
    ("DCGM_FI_DEV_DEC_UTIL", "gauge", |gpu| Some(gpu.decoder_utilization().ok()?.utilization.into())),
    ("DCGM_FI_DEV_FB_USED", "gauge", |gpu| Some(gpu.memory_info().ok()?.used as f64 / f64::from(1 << 20))),
    ("DCGM_FI_DEV_GPU_TEMP", "gauge", |gpu| Some(gpu.temperature(TemperatureSensor::Gpu).ok()?.into())),
    ("DCGM_FI_DEV_CLOCKS_EVENT_REASONS", "gauge", |gpu| Some(gpu.current_throttle_reasons().ok()?.bits() as f64)),
    ("DCGM_FI_DEV_THERMAL_VIOLATION", "counter", |gpu| violation(gpu, PerformancePolicy::Thermal)),
    ("DCGM_FI_DEV_POWER_VIOLATION", "counter", |gpu| violation(gpu, PerformancePolicy::Power)),
];

/// Nanoseconds for which clocks were held down.
fn violation(gpu: &Device<'_>, why: PerformancePolicy) -> Option<f64> {
    Some(gpu.violation_status(why).ok()?.violation_time as f64)
}

const LIBRARY: &str = "NVML (libnvidia-ml.so.1)";
