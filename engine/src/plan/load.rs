//! The load of a phase: when requests become due, and what bounds them.

use super::Rate;
use crate::clock::Nanos;
use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Deserializer, Serialize};
use std::sync::Arc;

/// One phase of load.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Phase {
    /// How requests become due.
    pub load: Load,
    /// A bound on requests that have no first token yet, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefill: Option<Prefill>,
    /// Most requests to issue.
    pub requests: Option<u64>,
    /// Most sessions to begin: conversations, each with all its turns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u64>,
    /// Longest time in which requests are issued.
    pub duration: Option<Nanos>,
    /// How long to wait for answers after the last issue when `duration` ended the phase; `None` waits for all.
    pub grace: Option<Nanos>,
}

impl Phase {
    /// A closed loop over a number of requests.
    #[must_use]
    pub fn closed(concurrency: u32, requests: u64) -> Self {
        Self {
            load: Load::closed(concurrency),
            prefill: None,
            requests: Some(requests),
            sessions: None,
            duration: None,
            grace: None,
        }
    }

    /// An open loop: `rate` requests per second by a Poisson process for `duration` nanoseconds, never bounded by what
    /// is in flight; every response is waited for.
    #[must_use]
    pub fn open(rate: f64, duration: Nanos) -> Self {
        Self {
            load: Load::Open { rate: rate.into(), pattern: Arrival::Poisson, cap: None },
            prefill: None,
            requests: None,
            sessions: None,
            duration: Some(duration),
            grace: None,
        }
    }
}

/// Where in the dataset the measured phase begins: where the warm-up ended, but a trace's requests are its own, and a
/// warm-up with synthetic prompts has prompts of its own, unless there are no others.
#[must_use]
pub fn first_session(plan: &super::Plan) -> u64 {
    match (&plan.profiling.load, &plan.warmup) {
        (Load::Fixed { .. }, _) | (_, None) => 0,
        _ if plan.prompts.replay.is_none() && !plan.prompts.shared => 0,
        (_, Some(warmup)) => warmup.sessions.or(warmup.requests).unwrap_or(0),
    }
}

/// How requests become due.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", tag = "mode")]
pub enum Load {
    /// Closed loop: exactly `concurrency` requests in flight.
    Closed {
        /// Requests in flight, in the whole run, however many cores there are.
        concurrency: u32,
        /// How the slots open, from 1 to all; `None` opens all at once.
        #[serde(skip_serializing_if = "Option::is_none")]
        ramp: Option<Ramp>,
    },
    /// Open loop: arrivals follow a schedule that never waits for answers.
    Open {
        /// Mean arrivals per second, over the time of the phase.
        rate: Rate,
        /// The distribution of the gaps.
        pattern: Arrival,
        /// Most requests in flight, if bounded.
        cap: Option<Cap>,
    },
    /// Users who each send a request every `users / rate` seconds, and never one while an earlier one of their own is
    /// unfinished: that turn waits for it, and the user's later turns move by as much.
    Users {
        /// Turns per second of all users together, while none has to wait. User i begins at i / rate.
        rate: f64,
        /// How many users.
        users: u32,
    },
    /// Open loop: arrivals at the instants of a trace.
    Fixed {
        /// The trace.
        trace: Trace,
        /// Most requests in flight, if bounded.
        cap: Option<Cap>,
    },
}

impl Load {
    /// A closed loop whose slots open at once.
    #[must_use]
    pub fn closed(concurrency: u32) -> Self {
        Self::Closed { concurrency, ramp: None }
    }

    /// Whether arrivals have a schedule, so that there is a rate to keep.
    #[must_use]
    pub fn is_scheduled(&self) -> bool {
        !matches!(self, Self::Closed { .. })
    }

    /// Turns per second that users were asked for.
    #[must_use]
    pub fn turns_asked(&self) -> Option<f64> {
        match self {
            Self::Users { rate, .. } => Some(*rate),
            Self::Closed { .. } | Self::Open { .. } | Self::Fixed { .. } => None,
        }
    }

    /// The bound that arrivals may meet.
    #[must_use]
    pub fn cap(&self) -> Option<Cap> {
        match self {
            Self::Closed { .. } | Self::Users { .. } => None,
            Self::Open { cap, .. } | Self::Fixed { cap, .. } => *cap,
        }
    }

    /// Most requests ever in flight, where the load bounds them.
    #[must_use]
    pub fn most_in_flight(&self) -> Option<u32> {
        match self {
            Self::Closed { concurrency, .. } => Some(*concurrency),
            Self::Users { users, .. } => Some(*users),
            Self::Open { cap, .. } | Self::Fixed { cap, .. } => cap.map(|c| c.concurrency),
        }
    }
}

/// The distribution of the gaps between arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", tag = "pattern")]
pub enum Arrival {
    /// Equal gaps.
    Constant,
    /// Exponential gaps.
    Poisson,
    /// Gamma gaps with this shape (1 is Poisson, above is smoother, below burstier).
    Gamma {
        /// The shape of the distribution.
        smoothness: f64,
    },
}

/// A bound on requests in flight under an open loop, and what happens to an arrival that meets it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Cap {
    /// Most requests in flight in the whole run.
    pub concurrency: u32,
    /// What happens to an arrival when all slots are taken.
    pub policy: CapPolicy,
    /// How the slots open, from 1 to all; `None` opens all at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Ramp>,
}

/// What happens to an arrival when the cap binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CapPolicy {
    /// It waits, first come first served; its `scheduled` instant stays.
    Queue,
    /// It is dropped and counted.
    Drop,
}

/// A bound on requests that are issued and have no first token yet; what comes over it waits, whatever the policy of
/// the cap.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Prefill {
    /// Most such requests in the whole run.
    pub concurrency: u32,
    /// How the slots open, from 1 to all; `None` opens all at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Ramp>,
}

/// A gradual start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Ramp {
    /// How long it takes.
    pub lasting: Nanos,
    /// How it grows.
    pub shape: Shape,
}

/// How a figure moves from one value to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// By equal amounts in equal times.
    Linear,
    /// By equal factors in equal times.
    Exponential,
}

/// The instants of a trace, in order, from the start of the phase. Request k is entry k of the dataset. Shown by its
/// bounds only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace(pub Arc<[Nanos]>);

/// From what is written of it: the instants between the first and the last are not, and come back as the first.
impl<'de> Deserialize<'de> for Trace {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Shown {
            requests: usize,
            first: Nanos,
            last: Nanos,
        }
        let shown = Shown::deserialize(d)?;
        let mut instants = vec![shown.first; shown.requests];
        if let Some(last) = instants.last_mut() {
            *last = shown.last;
        }
        Ok(Self(instants.into()))
    }
}

impl Serialize for Trace {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut shown = s.serialize_struct("Trace", 3)?;
        shown.serialize_field("requests", &self.0.len())?;
        shown.serialize_field("first", &self.0.first().copied().unwrap_or(0))?;
        shown.serialize_field("last", &self.0.last().copied().unwrap_or(0))?;
        shown.end()
    }
}
