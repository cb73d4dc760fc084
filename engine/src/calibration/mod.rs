//! Pure: how much a core of this machine can do at most, what of that a run used, and which calibration says so.
//!
//! ```text
//!   loads that were tried ──► Costs: a request, an output event ──► Calibration (kept)
//!                                 choose: same machine, version,          │
//!                                 driver, protocol; like shape            │
//!   Summary of a later run: requests and events a second ────────────────┴──► Used: the share of the ceiling
//! ```
//!
//! The model has two terms. A core spends some time on each request, whatever its length, and some on each output
//! event; its ceiling is where both together fill it. Both grow cheaper as a core gets busier, because one wake-up then
//! finds more to do: a cost that was taken at a lighter load than the ceiling makes the ceiling look lower than it is,
//! not higher. Workers share nothing, so that n cores have n times the ceiling of one.

mod choice;
mod costs;
mod drive;
mod shape;
mod used;

pub use choice::{Unfit, choose};
pub use costs::{Costs, Load, costs};
pub use drive::{Asked, Drive, DriveLimit, QUIET_SHARE, drive};
pub use shape::Shape;
pub use used::{Used, used};

use crate::host::HostFacts;
use serde::{Deserialize, Serialize};

/// The result of a calibration: costs on a machine for a shape of load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// When it was made, in UTC (RFC 3339).
    pub made_at: String,
    /// Version of ringload that found it.
    pub ringload_version: String,
    /// The machine that it holds for.
    pub machine: Machine,
    /// The shape of load that it holds for.
    pub shape: Shape,
    /// What an output event costs a core; absent where responses are not streamed.
    pub event: Option<Ceiling>,
    /// What a request costs a core, its output events apart.
    pub request: Ceiling,
    /// The loads that were tried, in order.
    pub steps: Vec<Step>,
}

/// The identity of a machine, as far as a ceiling depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Model name of the CPU.
    pub cpu_model: Option<String>,
    /// Release of the kernel (`uname -r`).
    pub kernel: Option<String>,
}

/// The most of a kind that one core can do, if it did nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// CPU time of each in user mode, nanoseconds.
    pub user_ns: f64,
    /// CPU time of each in the kernel, nanoseconds.
    pub system_ns: f64,
    /// What it rests on.
    pub basis: Basis,
}

/// The basis of a ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The core was nearly full.
    Measured,
    /// The server, or the load's own shape, was the limit: from the CPU time at a lighter load, and so a lower bound of
    /// the ceiling.
    Estimated,
}

/// One load that was tried, on one core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// `tokens` (streams, paced), `headroom` (the same at half the ceiling) or `requests` (short responses, as fast as
    /// they come).
    pub kind: String,
    /// How long, in seconds.
    pub seconds: f64,
    /// Output events a second.
    pub events_per_s: f64,
    /// Requests a second.
    pub requests_per_s: f64,
    /// Share of the time in which the client's core was busy with it.
    pub busy_share: f64,
    /// Of that in user mode, as a share of the time.
    pub user_share: f64,
    /// Output events that shared a read, of all.
    pub coalesced_share: f64,
    /// p99 of the receive lag in ms; absent where it is unknown.
    pub receive_lag_p99_ms: Option<f64>,
    /// p99 of the dispatch lag in ms.
    pub dispatch_lag_p99_ms: Option<f64>,
    /// Verdict on it, as on any run: near the ceiling it is INVALID, as it should be.
    pub verdict: String,
}

impl Machine {
    /// The machine of these facts.
    #[must_use]
    pub fn of(host: &HostFacts) -> Self {
        Self { cpu_model: host.cpu_model.clone(), kernel: host.kernel.clone() }
    }
}

impl Ceiling {
    /// CPU time of each, nanoseconds.
    #[must_use]
    pub fn cost_ns(&self) -> f64 {
        self.user_ns + self.system_ns
    }
}

impl Calibration {
    /// Output events a second that fill one core, if nothing else did; `None` where responses are not streamed.
    #[must_use]
    pub fn events_per_s(&self) -> Option<f64> {
        rate(self.event.as_ref()?.cost_ns())
    }

    /// Requests a second that fill one core, each with a response of one event.
    #[must_use]
    pub fn requests_per_s(&self) -> Option<f64> {
        let event = self.event.as_ref().map_or(0.0, Ceiling::cost_ns);
        rate(self.request.cost_ns() + event)
    }

    /// Share of one core that so many requests and output events a second need.
    #[must_use]
    pub fn share(&self, requests_per_s: f64, events_per_s: f64) -> f64 {
        let event = self.event.as_ref().map_or(0.0, Ceiling::cost_ns);
        (requests_per_s * self.request.cost_ns() + events_per_s * event) / 1e9
    }
}

fn rate(cost_ns: f64) -> Option<f64> {
    (cost_ns > 0.0).then(|| 1e9 / cost_ns)
}

#[cfg(test)]
mod tests;
