//! What is known of the processes that shared the load of a run.

use crate::clock::Nanos;
use crate::host::HostFacts;
use serde::{Deserialize, Serialize};

/// The members of a fleet, in the order of their ranks.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FleetFigures {
    /// What the run is called.
    pub run: String,
    /// Each of them.
    pub members: Vec<MemberFigures>,
    /// How far apart the measured phases of the members began at most, in nanoseconds; the uncertainty of their clocks
    /// is not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_spread_ns: Option<Nanos>,
    /// How long after the last member was ready the measured phase began, in nanoseconds, by the clock of the first;
    /// absent where the logs alone are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_after_ready_ns: Option<Nanos>,
    /// The figures are made from sums and histograms of the members, and not from their records.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_histograms: bool,
}

/// One member of a fleet.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct MemberFigures {
    /// Its rank, from 0; the first leads.
    pub rank: usize,
    /// Name of its machine.
    pub host: String,
    /// Cores of its workers.
    pub cores: usize,
    /// Requests of the measured phase whose records are here.
    pub requests: u64,
    /// How far the clock of the first member stands ahead of its own when its load has ended, at least and at most, in
    /// nanoseconds; absent where nobody knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_ns: Option<[i64; 2]>,
    /// Half the distance of these two, or of the two of the start of the measured phase, where that is more: by how
    /// much its instants can be off among those of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_uncertainty_ns: Option<Nanos>,
    /// It sent no more heartbeats, and its records are not whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// Requests of the measured phase that were its, and of which nothing is known.
    #[serde(default, skip_serializing_if = "is_none")]
    pub lost_requests: u64,
    /// What failed there, if something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Facts of its machine over the run, where its records came to their end; those of the first member are the
    /// report's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<HostFacts>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
pub(super) fn is_none(count: &u64) -> bool {
    *count == 0
}
