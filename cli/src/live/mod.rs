//! What is shown of a run and done about it while it goes on.

pub(crate) mod exporter;
pub(crate) mod progress;
pub(crate) mod signals;
pub(crate) mod steps;
