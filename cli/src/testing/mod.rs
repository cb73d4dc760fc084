//! Hand-made outcomes, for the tests of report and files.

pub(crate) mod sample;
pub(crate) mod sample_campaign;
mod sample_judged;
pub(crate) mod sample_machine;
mod sample_server;
mod sample_slices;
mod sample_workload;
