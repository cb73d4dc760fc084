//! What runs leave for the report and the files.

pub(crate) mod campaign;
pub(crate) mod capacity;
pub(crate) mod comparison;
pub(crate) mod log_head;
pub(crate) mod output_check;
pub(crate) mod run;
pub(crate) mod search;
pub(crate) mod selftest;
pub(crate) mod telemetry;
