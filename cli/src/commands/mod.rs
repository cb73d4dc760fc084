//! The commands, a file or a folder each.

pub(crate) mod calibrate;
pub(crate) mod capacity;
pub(crate) mod compare;
pub(crate) mod config;
pub(crate) mod dataset;
pub(crate) mod docs;
pub(crate) mod fleet;
pub(crate) mod merge;
pub(crate) mod mock;
pub(crate) mod profile;
pub(crate) mod report;
pub(crate) mod schema;
pub(crate) mod selftest;
