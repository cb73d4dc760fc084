//! Pure: what a server and its GPUs say of themselves. Texts of scrapes in, figures out.
//!
//! ```text
//!   body of a scrape ──► Exposition (lines) ──► SeriesTable (one entry a series) ──► Collector (windows)
//!                                                            MetricFigures, ServerFigures ◄──┘
//! ```
//!
//! The formats are Prometheus text 0.0.4 and OpenMetrics 1.0. Who fetches, when and where from is the program's matter.

mod collector;
mod energy;
mod exposition;
mod figures;
mod gpu;
mod gpu_fields;
mod growth;
mod histogram;
mod labels;
mod metric;
mod names;
mod over_time;
mod scalar;
mod series;
#[cfg(test)]
mod tests;

pub use collector::{Collector, Scrape, Window};
pub use energy::Served;
pub use exposition::{Exposition, Item, Kind, Sample};
pub use figures::{
    EndpointFigures, GaugeFigures, QueueFigures, ServerFigures, ServerSlice, ServerTokens, ShareFigures, TokenCheck,
};
pub use gpu::{Gpu, GpuFigures, GpuIdentity, GpuMetric, GpuSlice, SliceOfRun, gpus_now};
pub use gpu_fields::{GPU_FIELDS, GpuField};
pub use growth::Growth;
pub use histogram::{Estimate, HistogramFigures};
pub use labels::Labels;
pub use metric::{Current, MetricFigures, SeriesFigures, SeriesStats};
pub use names::{Role, dialect_of};
pub use over_time::OverTime;
pub use scalar::{CounterFigures, GaugeStats};
