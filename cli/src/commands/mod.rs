//! The commands, a file or a folder each.

pub(crate) mod dataset;
pub(crate) mod docs;
pub(crate) mod profile;
