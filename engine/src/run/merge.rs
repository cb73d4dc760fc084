//! What several processes left that shared a load, as one run.

use super::finished::Finished;
use super::reread;
use super::shift::Shift;
use super::summarize::sums;
use crate::clock::shifted;
use crate::error::{Error, Result};
use crate::measure::{Offered, PhaseFacts, RunFacts};
use crate::plan::Plan;
use crate::record::{LogWriter, Note, PhaseKind};
use crate::workload::Workload;

/// What one of several processes that shared a load left.
pub struct Member {
    /// Its records and counts.
    pub finished: Finished,
    /// What is added to its instants so that they are on the clock of the first member: nothing for that one.
    pub shift: Shift,
    /// Where its records are not whole: how many requests of the measured phase it had issued when it was heard last.
    pub lost: Option<u64>,
}

impl Member {
    /// Requests of the measured phase that were its, and of which its log shows nothing: those that were its where the
    /// plan says how many, else those that it had issued.
    #[must_use]
    pub fn lost_requests(&self) -> u64 {
        let Some(issued) = self.lost else { return 0 };
        let counts = self.finished.shard.phase(PhaseKind::Profiling);
        let planned = self.finished.facts.profiling.planned;
        planned.unwrap_or(issued).saturating_sub(counts.issued + counts.dropped)
    }
}

/// One run of what its members left, one after the other, so that what takes memory is of one at a time. The first,
/// whose clock is the run's, gives what is not a sum: the wall clock, the names of targets, driver and tokenizer.
/// Whoever sums the run up reads the logs of all, so that every figure is that of all records.
pub struct Merge {
    all: Finished,
}

impl Merge {
    /// What the first member left.
    #[must_use]
    pub fn new(first: Finished) -> Self {
        let mut all = first;
        forget_idle_phases(&mut all);
        Self { all }
    }

    /// Adds what another member left.
    pub fn add(&mut self, member: Member) {
        let all = &mut self.all;
        let lost = member.lost.is_some().then(|| member.lost_requests());
        let Member { finished: mut other, shift, .. } = member;
        forget_idle_phases(&mut other);
        shift_facts(&mut other.facts, shift);
        if let Some(requests) = lost {
            // It is the fleet's loss, and not the end of the run.
            other.facts.unfinished = false;
            other.facts.profiling.never_due = 0;
            other.facts.profiling.lost_with_member = requests;
        }
        all.shard.add(&other.shard);
        add(&mut all.facts, other.facts);
        all.logs.extend(other.logs.into_iter().map(|mut log| {
            log.shift = shift;
            log
        }));
        if let Some(mut sums) = other.sums {
            sums.shift(&|at| shifted(at, shift.at(at)));
            match &mut all.sums {
                Some(mine) => mine.add(&sums),
                None => all.sums = Some(sums),
            }
        }
        all.here &= other.here;
        all.failure = all.failure.take().or(other.failure);
    }

    /// The run; `absent` are the requests that were those of members which left nothing.
    #[must_use]
    pub fn finish(self, absent: u64) -> Finished {
        let mut all = self.all;
        let phase = &mut all.facts.profiling;
        phase.planned = phase.planned.map(|planned| planned + absent);
        phase.lost_with_member += absent;
        all.facts.wall_start_ns = all.offset.to_realtime(all.facts.profiling.start);
        all.facts.wall_end_ns = all.offset.to_realtime(all.facts.profiling.end);
        all
    }
}

/// Sums up what a process left, and leaves it in a log without its records: what [`Merge`] takes in their place.
///
/// # Errors
/// When its records cannot be read, or the log cannot be written.
pub fn condense(plan: &Plan, workload: &Workload, finished: &Finished, to: &mut LogWriter) -> Result<()> {
    let sums = sums(plan, workload, finished)?.bytes().map_err(|e| Error::bug(format!("sums of a log: {e}")))?;
    let seen = finished.logs.first().and_then(|log| log.seen);
    reread::note_begun(to, finished.offset, &finished.facts)?;
    reread::note_ended(to, (&finished.shard, &finished.facts), seen)?;
    to.note(Note::Sums, &sums)
}

/// Takes its instants from a phase in which a member issued nothing: of one that was killed before, its log has only
/// an instant before the load.
fn forget_idle_phases(of: &mut Finished) {
    let idle = |kind| of.shard.phase(kind).issued == 0;
    let (warmup, profiling) = (idle(PhaseKind::Warmup), idle(PhaseKind::Profiling));
    let phases = [of.facts.warmup.as_mut().filter(|_| warmup), Some(&mut of.facts.profiling).filter(|_| profiling)];
    phases.into_iter().flatten().for_each(|phase| (phase.start, phase.end) = (0, 0));
}

fn shift_facts(facts: &mut RunFacts, shift: Shift) {
    for phase in facts.warmup.iter_mut().chain([&mut facts.profiling]) {
        for at in [&mut phase.start, &mut phase.end]
            .into_iter()
            .chain(phase.offered.as_mut().map(|offered| [&mut offered.first, &mut offered.last]).into_iter().flatten())
        {
            if *at > 0 {
                *at = shifted(*at, shift.at(*at));
            }
        }
    }
}

/// Adds the facts of another member, whose instants are on the same clock.
fn add(all: &mut RunFacts, other: RunFacts) {
    add_phase(&mut all.profiling, other.profiling);
    match (&mut all.warmup, other.warmup) {
        (Some(all), Some(other)) => add_phase(all, other),
        (None, other) => all.warmup = other,
        (Some(_), None) => {}
    }
    if other.driver != all.driver {
        all.driver_note = Some(format!("members differ: {} and {}", all.driver, other.driver));
    }
    all.driver_note = all.driver_note.take().or(other.driver_note);
    all.cores.extend(other.cores);
    all.records_lost += other.records_lost;
    all.was_cancelled |= other.was_cancelled;
    all.unfinished |= other.unfinished;
    all.aborted = all.aborted.or(other.aborted);
    all.log_failure = all.log_failure.take().or(other.log_failure);
    all.peak_rss_bytes = all.peak_rss_bytes.max(other.peak_rss_bytes);
    all.buffered_limit_bytes = all.buffered_limit_bytes.saturating_add(other.buffered_limit_bytes);
}

fn add_phase(all: &mut PhaseFacts, other: PhaseFacts) {
    // A phase that a member never began has no instants.
    all.start = match (all.start, other.start) {
        (0, start) | (start, 0) => start,
        (one, other) => one.min(other),
    };
    all.end = all.end.max(other.end);
    all.planned = all.planned.zip(other.planned).map(|(a, b)| a + b);
    all.never_due += other.never_due;
    all.lost_with_member += other.lost_with_member;
    all.offered = match (all.offered, other.offered) {
        (Some(a), Some(b)) => {
            Some(Offered { arrivals: a.arrivals + b.arrivals, first: a.first.min(b.first), last: a.last.max(b.last) })
        }
        (a, b) => a.or(b),
    };
}
