//! A run cut into columns of equal width, whose width doubles as the run goes on.

use super::super::timeline::arrivals;
use super::bins::Bins;
use crate::clock::Nanos;
use crate::record::{Outcome, Record};
use std::collections::VecDeque;

/// The events of a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Requests that were issued.
    pub issued: u64,
    /// Requests that ended with success.
    pub completed: u64,
    /// Requests that ended with a failure.
    pub failed: u64,
    /// Output events that arrived, of requests in any state.
    pub events: u64,
    /// Time in flight of all requests, in nanoseconds: over the width, the mean number in flight.
    pub in_flight: u128,
    /// Times to the first token of the requests that were issued in it and succeeded.
    pub first_token: Bins,
    /// Gaps before the output events that arrived in it, of requests that succeeded.
    pub gaps: Bins,
}

impl Column {
    fn merge(&mut self, other: &Self) {
        self.issued += other.issued;
        self.completed += other.completed;
        self.failed += other.failed;
        self.events += other.events;
        self.in_flight += other.in_flight;
        self.first_token.merge(&other.first_token);
        self.gaps.merge(&other.gaps);
    }
}

/// The columns from the first issue to the last end: column `i` has what lies in `[(first + i) << bits, … + 1 <<
/// bits)`.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    all: VecDeque<Column>,
    first: u64,
    bits: u32,
}

impl Default for Columns {
    fn default() -> Self {
        Self { all: VecDeque::new(), first: 0, bits: LEAST_BITS }
    }
}

impl Columns {
    pub(super) fn add(&mut self, record: &Record, streaming: bool) {
        let at = &record.instants;
        // Both ends first: they bound all that comes between, so that columns are not merged under it.
        let ended = self.at(at.end);
        match record.outcome {
            Outcome::Succeeded => ended.completed += 1,
            Outcome::Failed(_) => ended.failed += 1,
            Outcome::InFlight | Outcome::Cancelled => {}
        }
        self.at(at.issued).issued += 1;
        self.fly(at.issued, at.end);
        if !streaming {
            return;
        }
        let succeeded = record.outcome == Outcome::Succeeded;
        if let Some(first) = at.first_token.filter(|_| succeeded) {
            self.at(at.issued).first_token.add(first.saturating_sub(at.issued));
        }
        let gaps = std::iter::once(None).chain(record.gaps.iter().copied().map(Some));
        for (arrived, gap) in arrivals(record).zip(gaps) {
            let column = self.at(arrived);
            column.events += 1;
            if let Some(gap) = gap.filter(|_| succeeded) {
                column.gaps.add(gap);
            }
        }
    }

    /// Adds the time from one instant to another to the columns between.
    fn fly(&mut self, from: Nanos, to: Nanos) {
        let bits = self.bits;
        let mut at = from;
        while at < to {
            let next = (((at >> bits) + 1) << bits).min(to);
            self.at(at).in_flight += u128::from(next - at);
            at = next;
        }
    }

    /// The column of an instant; older ones are merged where there would be too many.
    fn at(&mut self, instant: Nanos) -> &mut Column {
        loop {
            let place = instant >> self.bits;
            if self.all.is_empty() {
                self.first = place;
                self.all.push_back(Column::default());
            }
            let end = self.first + self.all.len() as u64;
            if end.max(place + 1) - self.first.min(place) > MOST as u64 {
                self.widen();
                continue;
            }
            (place..self.first).for_each(|_| self.all.push_front(Column::default()));
            (end..=place).for_each(|_| self.all.push_back(Column::default()));
            self.first = self.first.min(place);
            return &mut self.all[(place - self.first) as usize];
        }
    }

    fn widen(&mut self) {
        if self.first % 2 == 1 {
            self.all.push_front(Column::default());
        }
        let mut old = std::mem::take(&mut self.all).into_iter();
        while let Some(mut column) = old.next() {
            if let Some(next) = old.next() {
                column.merge(&next);
            }
            self.all.push_back(column);
        }
        self.first /= 2;
        self.bits += 1;
    }

    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = &Column> {
        self.all.iter()
    }

    /// So many made one, from the first on.
    pub(super) fn merged(&self, together: usize) -> Vec<Column> {
        let mut all = Vec::with_capacity(self.all.len().div_ceil(together));
        for (i, column) in self.all.iter().enumerate() {
            match all.last_mut().filter(|_| i % together != 0) {
                Some(last) => Column::merge(last, column),
                None => all.push(column.clone()),
            }
        }
        all
    }

    /// Where the first begins.
    pub(super) fn begin(&self) -> Nanos {
        self.first << self.bits
    }

    pub(super) fn width(&self) -> Nanos {
        1 << self.bits
    }
}

/// The most columns: of a chart some 1 000 pixels wide, four pixels each.
const MOST: usize = 256;
/// The narrowest are some millisecond wide.
const LEAST_BITS: u32 = 20;
