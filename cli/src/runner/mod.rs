//! Runs of plans: one, the runs of a sweep, the probes of a search for the capacity, the steps of a calibration.

mod adaptive;
pub(crate) mod calibrate;
pub(crate) mod calibration_steps;
pub(crate) mod calibrations;
pub(crate) mod campaign;
pub(crate) mod capacity;
pub(crate) mod check_output;
pub(crate) mod compare;
mod convergence;
pub(crate) mod environment;
pub(crate) mod estimate;
#[cfg(feature = "fleet")]
pub(crate) mod fleet;
#[cfg(not(feature = "fleet"))]
#[path = "no_fleet.rs"]
pub(crate) mod fleet;
mod hooks;
mod live_view;
pub(crate) mod merge;
mod mlflow;
pub(crate) mod models;
pub(crate) mod otel;
mod others;
pub(crate) mod preflight;
pub(crate) mod prepared;
pub(crate) mod probes;
pub(crate) mod public;
mod record_lines;
pub(crate) mod reread;
pub(crate) mod role;
pub(crate) mod run;
mod scrape;
pub(crate) mod selftest;
pub(crate) mod server;
mod stopping;
pub(crate) mod sweep_points;
