//! One core's loop: due → send → complete → decode → record. The only place where schedule, exchange, driver and record
//! meet.

mod connections;
mod context;
mod deadlines;
mod recorder;
mod source;

use crate::clock::{MILLI, Nanos, SECOND};
use crate::control::Control;
use crate::driver::{Driver, DriverStats, Key};
use crate::error::{Error, Result};
use crate::measure::Shard;
use crate::plan::{Phase, Stamps};
use crate::record::{PhaseKind, Record};
use crate::resolve::Asker;
use connections::{Addresses, Core, StreamLimits, Todo};
use context::Context;
pub use context::{Shared, Targets};
use deadlines::Deadlines;
use recorder::Recorder;
pub use source::PhaseTally;
use source::Source;
pub(crate) use source::first_of;
use std::collections::VecDeque;

/// Requests taken up before the loop looks at completions again: a burst must not starve the reads.
const BURST: usize = 16;
/// Requests in flight from which on collecting completions is worth a wait: fewer hardly ever complete together.
const BATCHED: usize = 16;
/// How long requests in flight may take to end after the first request to stop, where the plan does not say.
const GRACE_AFTER_STOP: Nanos = 30 * SECOND;
/// Longest wait without a look at the stop flag.
const LOOK_UP: Nanos = 20 * MILLI;

/// One core's loop.
pub struct Worker<'a, D> {
    driver: D,
    core: Core<'a>,
    asker: Option<Asker>,
    /// Connections that sessions of the phase before have kept.
    kept: Vec<Key>,
}

impl<'a, D: Driver> Worker<'a, D> {
    /// A worker of `shared`, with room for `capacity` connections, that hands its records to `records`.
    pub fn new(
        driver: D,
        shared: &'a Shared<'a>,
        index: usize,
        capacity: usize,
        records: rtrb::Producer<Box<Record>>,
    ) -> Self {
        let context = Context::new(shared, index);
        let core = Core {
            context,
            recorder: Recorder::new(records, &context),
            slots: Vec::new(),
            capacity,
            connections: capacity,
            idle: vec![Vec::new(); shared.targets.addrs.len()],
            free: Vec::new(),
            in_flight: 0,
            ends: VecDeque::new(),
            todo: Vec::new(),
            addresses: Addresses::default(),
            deadlines: Deadlines::default(),
            draining: VecDeque::new(),
            scratch: Vec::new(),
            sealed: Vec::new(),
            names: None,
            turns: vec![0; shared.targets.addrs.len()],
            stream_limits: shared.targets.addrs.iter().map(|_| StreamLimits::default()).collect(),
            h2_connections: vec![Vec::new(); shared.targets.addrs.len()],
            reads: 0,
        };
        Self { driver, core, asker: None, kept: Vec::new() }
    }

    /// Keeps slots for so many requests at a time: HTTP/2 connections take the others, and at least one.
    pub fn keep_for_requests(&mut self, requests: usize) {
        self.core.connections = self.core.capacity.saturating_sub(requests).max(1);
    }

    /// Drives one phase from `start` to its end, in-flight requests included.
    ///
    /// # Errors
    /// When the driver's wait cannot go on.
    pub fn run_phase(&mut self, phase: &Phase, kind: PhaseKind, start: Nanos) -> Result<PhaseTally> {
        self.core.context = self.core.context.in_phase(kind);
        self.core.recorder.begin_phase(&self.core.context);
        for key in std::mem::take(&mut self.kept) {
            self.close(key);
        }
        let mut source = Source::new(phase, self.core.context, start);
        let mut end = PhaseEnd::new(phase, start);
        let mut now = self.driver.now();
        while now < start {
            self.turn(start)?;
            now = self.driver.now();
        }
        loop {
            end.handle_stop(self.core.context.control, now);
            if end.issues_no_more(now) {
                source.end(&mut self.core.recorder, now.min(end.issue_until));
            }
            // Before anything else takes time: what had arrived by now has just been read, so that nothing is late that
            // was not.
            self.handle_deadlines(now);
            self.handle_ends(&mut source);
            let more = self.dispatch(&mut source, now);
            now = self.driver.now();
            if source.is_exhausted() && source.is_idle() {
                break;
            }
            if now >= end.drain_until {
                self.abandon(now);
                self.handle_ends(&mut source);
                break;
            }
            let until = if more { now } else { self.next_wake(&source, now, &end) };
            self.turn(until)?;
            self.handle_ends(&mut source);
            now = self.driver.now();
        }
        let (tally, sessions, kept) = source.finish(now);
        self.kept = kept;
        self.core.recorder.end_phase(kind, &sessions);
        self.core.publish();
        Ok(tally)
    }

    /// The worker's sums, and what its driver counted.
    pub fn finish(mut self) -> (Shard, DriverStats) {
        let now = self.driver.now();
        for slot in 0..self.core.slots.len() as u32 {
            self.core.count_h2(slot, now);
            self.record_tcp_info(slot);
        }
        let stats = self.driver.stats();
        (self.core.recorder.finish(&stats), stats)
    }

    /// The driver, for tests to ask what its peer saw.
    pub fn driver(&self) -> &D {
        &self.driver
    }

    /// Waits once and does what the completions ask for.
    pub(super) fn turn(&mut self, until: Nanos) -> Result<()> {
        let core = &mut self.core;
        // With user stamps the read is the stamp: waiting would move it.
        let worth = core.in_flight >= BATCHED && core.context.plan.stamps == Stamps::Kernel;
        let batch = if worth { core.context.plan.batch_wait } else { 0 };
        self.driver.wait(until, batch, &mut |key, event, seen| core.handle(key, event, seen)).map_err(|e| {
            Error::environment(
                format!("the wait for the network failed: {}", os_error(e)),
                "use the other driver (--io epoll, --io uring), and report it with the kernel's release (`uname -r`)",
            )
        })?;
        let mut todo = std::mem::take(&mut self.core.todo);
        for item in todo.drain(..) {
            match item {
                Todo::Opened(key) => self.opened(key),
                Todo::Refused(key, e, at) => self.refused(key, e, at),
                Todo::Secured(key) => self.secured(key),
                Todo::Flush(key) => self.flush(key),
                Todo::DrainPending(key) => self.drain_pending(key),
                Todo::Unprocessed(stream, code, at) => self.unprocessed(stream, code, at),
                Todo::RefusedEarly(stream, at) => self.refused_early(stream, at),
                Todo::Spent(key) => self.retire(key),
                Todo::Resolved(reply) => self.resolved(reply),
                Todo::Close(key) => self.close(key),
                Todo::Lost(key, cause, detail, at) => self.lost(key, cause, detail, at),
            }
        }
        self.core.todo = todo;
        self.core.publish();
        Ok(())
    }

    /// Tells the source which requests have ended, and closes the connections that their sessions do not need.
    fn handle_ends(&mut self, source: &mut Source<'_>) {
        while let Some(end) = self.core.ends.pop_front() {
            if let Some(key) = source.handle_end(end) {
                self.close(key);
            }
        }
    }

    /// Issues what is ready. Whether more may be ready at once.
    fn dispatch(&mut self, source: &mut Source<'_>, mut now: Nanos) -> bool {
        for _ in 0..BURST {
            source.handle_first_tokens(|slot, id| self.core.awaits_first_token(slot, id));
            let Some(request) = source.poll(now, &mut self.core.recorder) else {
                return false;
            };
            let issued = self.begin(request, now);
            source.handle_issued(issued);
            self.handle_ends(source);
            now = self.driver.now();
        }
        true
    }

    fn next_wake(&self, source: &Source<'_>, now: Nanos, end: &PhaseEnd) -> Nanos {
        let mut until = end.drain_until.min(now + LOOK_UP);
        until = until.min(self.core.deadlines.next_at().unwrap_or(Nanos::MAX));
        if !source.is_exhausted() {
            until = until.min(end.issue_until);
        }
        if let Some(ready) = source.next_at(now) {
            // A core that rests for longer sleeps deeper and takes longer to wake: a long rest ends early, and a short
            // one follows it.
            let rest = ready.saturating_sub(now);
            let early = (rest / 20).clamp(D::WAKE_UP, 8 * D::WAKE_UP);
            until = until.min(ready.saturating_sub(early).max(now));
        }
        until
    }
}

/// When a phase ends that does not end by itself.
struct PhaseEnd {
    grace: Option<Nanos>,
    /// Until when requests are issued.
    issue_until: Nanos,
    /// Until when those in flight may end.
    drain_until: Nanos,
    /// Requests to stop that have been heard.
    stops: u8,
}

impl PhaseEnd {
    fn new(phase: &Phase, start: Nanos) -> Self {
        let issue_until = phase.duration.map_or(Nanos::MAX, |d| start.saturating_add(d));
        let drain_until =
            phase.duration.map_or(Nanos::MAX, |_| phase.grace.map_or(Nanos::MAX, |g| issue_until.saturating_add(g)));
        Self { grace: phase.grace, issue_until, drain_until, stops: 0 }
    }

    /// The run was asked to stop: once, and what is in flight may end; twice, and it ends at once.
    fn handle_stop(&mut self, control: &Control, now: Nanos) {
        let stops = control.stops();
        if stops > self.stops {
            let grace = self.grace.unwrap_or(GRACE_AFTER_STOP).min(control.drain());
            self.drain_until = if stops > 1 { now } else { self.drain_until.min(now.saturating_add(grace)) };
            self.stops = stops;
        }
    }

    fn issues_no_more(&self, now: Nanos) -> bool {
        self.stops > 0 || now >= self.issue_until
    }
}

fn os_error(errno: i32) -> String {
    std::io::Error::from_raw_os_error(errno).to_string()
}
