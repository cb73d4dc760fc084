//! How much of each printed statistic the client itself can have made: by taking requests up late, by seeing their
//! connections late, and by reading late.
//!
//! Each request's values lie between two: those by its stamps, and those with the client's lag taken out. The
//! percentiles, the extremes and the mean of all lie between those of the bounds. Lags within
//! [`NARROW`](crate::arrival::NARROW) are none.

mod counted;
mod gaps;
mod judged;
mod moved;
mod movers;

pub(super) use gaps::GapBounds;
pub(super) use judged::Judged;
pub(super) use movers::{Movers, Others};

use crate::interned::Name;
use crate::plan::{MetricInfo, Statistic};
use serde::{Deserialize, Serialize};

/// The client's lags of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lateness {
    /// A request was taken up after its scheduled instant.
    DispatchLag,
    /// Its connection, or a flight of its handshake, was there and was not seen.
    SetUpLag,
    /// Bytes were read after they had arrived, so that events had the stamp of a later one.
    ReceiveLag,
}

impl Lateness {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::DispatchLag, Self::SetUpLag, Self::ReceiveLag];
}

/// The largest part of a statistic that the client can have made by one kind of lateness.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct ClientShare {
    /// Tag of the metric.
    #[serde(deserialize_with = "crate::interned::name")]
    pub tag: Name,
    /// Which statistic of it.
    pub statistic: Statistic,
    /// Kind of lateness that made it.
    pub lateness: Lateness,
    /// The statistic as it is printed, in the metric's display unit.
    pub value: f64,
    /// The true one can be lower by so much.
    pub lower_by: f64,
    /// It can be higher by so much.
    pub higher_by: f64,
}

impl ClientShare {
    /// The larger of the two sides, in the metric's display unit.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.lower_by.max(self.higher_by)
    }

    /// [`Self::largest`] over the printed value; `None` where that is 0.
    #[must_use]
    pub fn of_value(&self) -> Option<f64> {
        (self.value != 0.0).then(|| self.largest() / self.value.abs())
    }
}

/// The part of a printed statistic from which on a report marks it as partly the client's.
pub const MARKED: f64 = 0.01;
/// Whether a difference is one: times within [`NARROW`](crate::arrival::NARROW) are not known, and a deviation under a
/// hundredth of the mean is none.
fn is_shift(info: &MetricInfo, statistic: Statistic, by: f64, mean: f64) -> bool {
    let least = if info.unit == "ms" { crate::arrival::NARROW as f64 / 1e6 } else { 0.0 };
    by > least && (statistic != Statistic::Std || by > mean.abs() / 100.0)
}

/// The part of a statistic below which a share is left out.
const LEAST: f64 = 0.001;
