//! What charts show of a run beyond its summary: its requests and events over time, by turn and by target, and the
//! slowest of them. Nothing here decides a number of the report.

mod bins;
mod columns;
mod groups;
mod strip;

pub use bins::Bins;
pub use columns::Column;
pub use groups::Group;
pub use strip::Strip;

use super::request::RequestMetrics;
use crate::clock::Nanos;
use crate::record::{Outcome, Phases, Record};
use columns::Columns;

/// Looks at each record of the measured phase, in any order.
///
/// Memory: at most 256 columns of some 4 KB, 32 + 64 groups of some 6 KB.
#[derive(Clone, Debug)]
pub struct Charts {
    streaming: bool,
    columns: Columns,
    /// The first issue.
    start: Option<Nanos>,
    /// The last end.
    end: Nanos,
    turns: Vec<Group>,
    targets: Vec<Group>,
    slowest: Vec<Slow>,
}

/// One of the slowest requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slow {
    /// When it was issued.
    pub issued: Nanos,
    /// The value of its `X-Request-ID`.
    pub request_id: u128,
    /// Number of its session.
    pub session: u64,
    /// Place in it, from 0.
    pub turn: u32,
    /// Where its time went.
    pub phases: Phases,
    /// From the issue to the first output; `None` without a stream.
    pub first_token: Option<Nanos>,
}

impl Charts {
    /// Nothing yet; `streaming` is the plan's.
    #[must_use]
    pub fn new(streaming: bool) -> Self {
        Self {
            streaming,
            columns: Columns::default(),
            start: None,
            end: 0,
            turns: Vec::new(),
            targets: Vec::new(),
            slowest: Vec::new(),
        }
    }

    /// Looks at a record.
    pub fn add(&mut self, record: &Record, metrics: &RequestMetrics) {
        let at = &record.instants;
        self.start = Some(self.start.map_or(at.issued, |start| start.min(at.issued)));
        self.end = self.end.max(at.end);
        self.columns.add(record, self.streaming);
        let turn = (record.turn as usize).min(MOST_TURNS - 1);
        group(&mut self.turns, turn).add(record, metrics, self.streaming);
        let target = usize::from(record.target).min(MOST_TARGETS - 1);
        group(&mut self.targets, target).add(record, metrics, self.streaming);
        if record.outcome == Outcome::Succeeded {
            self.keep_if_slow(record);
        }
    }

    fn keep_if_slow(&mut self, record: &Record) {
        let took = record.instants.end.saturating_sub(record.instants.issued);
        let place = self.slowest.partition_point(|kept| kept.phases.total() >= took);
        if place >= MOST_SLOW {
            return;
        }
        let issued = record.instants.issued;
        let slow = Slow {
            issued,
            request_id: record.request_id,
            session: record.k,
            turn: record.turn,
            phases: record.instants.phases(),
            first_token: record.instants.first_token.filter(|_| self.streaming).map(|at| at.saturating_sub(issued)),
        };
        self.slowest.insert(place, slow);
        self.slowest.truncate(MOST_SLOW);
    }

    /// The run in at most so many columns of equal width, in order, without a hole.
    #[must_use]
    pub fn strip(&self, most: usize) -> Strip {
        let together = self.columns.all().len().div_ceil(most.max(1)).max(1);
        let width_s = self.columns.width() as f64 / 1e9;
        let offset_s = self.start.map_or(0.0, |start| -(start.saturating_sub(self.columns.begin()) as f64) / 1e9);
        Strip {
            offset_s,
            width_s: width_s * together as f64,
            lasting_s: self.seconds_to(self.end),
            columns: self.columns.merged(together),
        }
    }

    /// Seconds from the first issue to an instant.
    #[must_use]
    pub fn seconds_to(&self, at: Nanos) -> f64 {
        at.saturating_sub(self.start.unwrap_or(at)) as f64 / 1e9
    }

    /// The requests by their place in a session, from 0; the last of 32 has all later ones.
    #[must_use]
    pub fn turns(&self) -> &[Group] {
        &self.turns
    }

    /// The requests by the target they went to, in the plan's order; the last of 64 has all later ones.
    #[must_use]
    pub fn targets(&self) -> &[Group] {
        &self.targets
    }

    /// The requests that took longest of those that succeeded, the slowest first.
    #[must_use]
    pub fn slowest(&self) -> &[Slow] {
        &self.slowest
    }
}

fn group(groups: &mut Vec<Group>, place: usize) -> &mut Group {
    if groups.len() <= place {
        groups.resize_with(place + 1, Group::default);
    }
    &mut groups[place]
}

/// Groups by turn.
const MOST_TURNS: usize = 32;
/// Groups by target.
const MOST_TARGETS: usize = 64;
/// Requests that are kept as the slowest.
const MOST_SLOW: usize = 12;

#[cfg(test)]
mod tests;
