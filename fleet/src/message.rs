//! What the members tell each other through the bus: values of the run's bucket, and heartbeats.
//!
//! | key | by | what |
//! |---|---|---|
//! | `member.RANK.joined` | each member | [`Joined`] |
//! | `lead.clock` | the leader | [`Reachable`] |
//! | `lead.run` | the leader | [`Announcement`] |
//! | `member.RANK.agreed` | each member | [`Agreed`] |
//! | `lead.N.plan` | the leader | the plan of run N |
//! | `member.RANK.N.offer` | each member | [`Offer`] |
//! | `lead.N.cores` | the leader | how many cores each member has in run N |
//! | `member.RANK.N.ready.PHASE` | each member | [`Ready`] |
//! | `lead.N.go.PHASE` | the leader | [`Go`] |
//! | `lead.N.stop` | the leader | why run N ends early |
//! | `member.RANK.N.ended` | each member | [`Ended`] |
//! | `lead.results` | the leader | [`Results`] |
//! | `lead.over` | the leader | [`Over`] |
//!
//! A key is written once; only heartbeats repeat.

use crate::clock::Interval;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::IpAddr;

/// A member that has come.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Joined {
    /// Differs between two processes that claim one rank.
    pub process: String,
    /// Name of its machine.
    pub host: String,
    /// Its version of ringload.
    pub version: String,
    /// How many members it takes the fleet to have.
    pub size: usize,
}

/// Where the leader answers echoes by UDP.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Reachable {
    /// What datagrams of the run begin with.
    pub key: u64,
    /// Its port.
    pub port: u16,
    /// Addresses that may lead to it.
    pub addresses: Vec<IpAddr>,
}

/// What the leader says before the first run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Announcement {
    /// The seed of a plan that names none.
    pub seed: u64,
    /// What the leader's command line asks for, as canonical JSON: one plan, or those of a sweep.
    pub plans: Value,
    /// Members leave sums and histograms of their records, and not the records.
    #[serde(default)]
    pub by_histograms: bool,
}

/// Whether a member can be part of the run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Agreed {
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What a member brings to a run, made from its plan.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Offer {
    /// Cores.
    pub cores: usize,
    /// SHA-256 of what it will send, by what it is: `request bodies`, `schedule`, `tokenizer`.
    pub digests: Vec<(String, String)>,
    /// Why it cannot take part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A member whose workers are ready for a phase.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Ready {
    /// Least round trip of an echo with the leader, in nanoseconds.
    pub round_trip: u64,
    /// When it was ready, on the leader's clock as far as that is known, in nanoseconds.
    #[serde(default)]
    pub at: u64,
}

/// A phase begins.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Go {
    /// When, on the leader's monotonic clock, in nanoseconds.
    pub at: u64,
}

/// How far the leader's clock stands ahead of a member's, at both ends of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Aligned {
    /// When its measured phase began, on its own clock, in nanoseconds.
    pub began: u64,
    /// Then.
    pub then: Interval,
    /// When its load had ended, on its own clock, in nanoseconds.
    pub ended: u64,
    /// And then.
    pub at_end: Interval,
}

impl Aligned {
    /// What was known at one instant, for the whole run.
    #[must_use]
    pub fn as_of(interval: Interval) -> Self {
        Self { began: 0, then: interval, ended: 0, at_end: interval }
    }
}

/// A member whose load has ended, and whose records are in the object store.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Ended {
    /// Pieces of its record log.
    pub pieces: u64,
    /// Bytes of its record log.
    pub bytes: u64,
    /// How far the leader's clock stands ahead of its own.
    pub clock: Option<Aligned>,
    /// Its load ended before its time: so are those of the others.
    #[serde(default)]
    pub ending: bool,
    /// What failed, if something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The files of the results that lie on the bus.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Results {
    /// Paths below the folder of the results.
    pub names: Vec<String>,
}

/// All runs are over.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Over {
    /// The leader's exit status.
    pub status: u8,
}

/// Sign of life of a member, and what it has done so far; cumulative, so that a heartbeat that is lost is no loss.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Heartbeat {
    /// Its rank.
    pub rank: usize,
    /// Grows with each heartbeat: those that come late are dropped.
    pub sequence: u64,
    /// Its run.
    pub run: u64,
    /// What its workers have counted.
    pub counters: Counters,
    /// Its load is ending before its time: so are those of the others.
    #[serde(default)]
    pub ending: bool,
    /// How far the leader's clock stands ahead of its own, as it knows by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Interval>,
}

/// What the workers of a member have counted in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Counters {
    /// Requests issued in the measured phase.
    pub issued: u64,
    /// Requests finished in the measured phase.
    pub done: u64,
    /// Of them failed.
    pub failed: u64,
    /// Output events in both phases.
    pub events: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Requests finished in the warm-up.
    pub warmup_done: u64,
}
