//! The fields of DCGM that are read of GPUs, under AIPerf's names and in its units.

/// A field of DCGM.
#[derive(Clone, Copy, Debug)]
pub struct GpuField {
    /// DCGM's name.
    pub dcgm: &'static str,
    /// AIPerf's.
    pub name: &'static str,
    /// What AIPerf calls it in tables.
    pub title: &'static str,
    /// The unit under AIPerf's name.
    pub unit: &'static str,
    /// What DCGM's value is multiplied by.
    pub factor: f64,
    /// Whether its growth counts, not its values.
    pub counter: bool,
}

const fn field(dcgm: &'static str, name: &'static str, title: &'static str, unit: (&'static str, f64)) -> GpuField {
    GpuField { dcgm, name, title, unit: unit.0, factor: unit.1, counter: false }
}

const fn counter(dcgm: &'static str, name: &'static str, title: &'static str, unit: (&'static str, f64)) -> GpuField {
    GpuField { counter: true, ..field(dcgm, name, title, unit) }
}

/// The fields that are read, in the order of AIPerf's table.
pub const GPU_FIELDS: [GpuField; 11] = [
    field("DCGM_FI_DEV_POWER_USAGE", "nvidia_power_usage", "NVIDIA GPU Power Usage", ("W", 1.0)),
    counter(
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
        "nvidia_energy_consumption",
        "NVIDIA Energy Consumption",
        ("MJ", 1e-9),
    ),
    field("DCGM_FI_DEV_GPU_UTIL", "nvidia_gpu_utilization", "NVIDIA GPU Utilization", ("%", 1.0)),
    field("DCGM_FI_DEV_MEM_COPY_UTIL", "nvidia_memory_utilization", "NVIDIA Memory Utilization", ("%", 1.0)),
    field("DCGM_FI_DEV_FB_USED", "nvidia_memory_used", "NVIDIA GPU Memory Used", ("GB", 1.048_576e-3)),
    field("DCGM_FI_DEV_GPU_TEMP", "nvidia_temperature", "NVIDIA GPU Temperature", ("°C", 1.0)),
    field("DCGM_FI_PROF_SM_ACTIVE", "nvidia_sm_utilization", "NVIDIA SM Utilization", ("%", 100.0)),
    field("DCGM_FI_DEV_DEC_UTIL", "nvidia_decoder_utilization", "NVIDIA Decoder Utilization", ("%", 1.0)),
    field("DCGM_FI_DEV_ENC_UTIL", "nvidia_encoder_utilization", "NVIDIA Encoder Utilization", ("%", 1.0)),
    counter("DCGM_FI_DEV_XID_ERRORS", "nvidia_xid_errors", "NVIDIA XID Errors", ("count", 1.0)),
    counter("DCGM_FI_DEV_POWER_VIOLATION", "nvidia_power_violation", "NVIDIA Power Violation", ("us", 1e-3)),
];
