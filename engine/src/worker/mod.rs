//! One core's loop: due → send → complete → decode → record. The only place where schedule, exchange, driver and record
//! meet.

mod addresses;
mod context;
mod core;
mod deadlines;
mod ending;
mod expiry;
mod h2_connection;
mod h2_streams;
mod issue;
mod link;
mod recorder;
mod secure;
mod slot;
mod source;
mod stream_limits;

use self::core::{Core, Todo};
use crate::clock::{MILLI, Nanos, SECOND};
use crate::driver::{Driver, DriverStats};
use crate::error::{Error, Result};
use crate::measure::Shard;
use crate::plan::{Load, Phase, Stamps};
use crate::record::{PhaseKind, Record};
use crate::resolve::Asker;
use addresses::Addresses;
use context::Context;
pub use context::{Shared, Targets};
use deadlines::Deadlines;
use recorder::Recorder;
pub(crate) use source::first_of;
use source::{Sessions, Source};
use std::collections::VecDeque;
use stream_limits::StreamLimits;

/// Requests taken up before the loop looks at completions again: a burst must not starve the reads.
const BURST: usize = 16;
/// Requests in flight from which on collecting completions is worth a wait: fewer hardly ever complete together.
const BATCHED: usize = 16;
/// Longest wait without a look at the stop flag.
const LOOK_UP: Nanos = 20 * MILLI;

/// What a phase came to on one worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct PhaseTally {
    /// Requests that fell due and were looked at, whatever the load: each of them is then issued or dropped.
    pub fell_due: u64,
    /// Arrivals of the schedule that came due on this worker (open loop).
    pub arrivals: u64,
    /// When the first of them was due.
    pub first_scheduled: Nanos,
    /// When the last of them was due.
    pub last_scheduled: Nanos,
    /// When the phase ended here.
    pub ended: Nanos,
}

impl PhaseTally {
    fn arrived(&mut self, at: Nanos) {
        // A turn that waited for its user is counted after others that were wanted later.
        self.first_scheduled = match self.arrivals {
            0 => at,
            _ => self.first_scheduled.min(at),
        };
        self.arrivals += 1;
        self.last_scheduled = self.last_scheduled.max(at);
    }
}

/// One core's loop.
pub struct Worker<'a, D> {
    driver: D,
    core: Core<'a>,
    asker: Option<Asker>,
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
            sessions: Sessions::default(),
            freed: VecDeque::new(),
            resting: VecDeque::new(),
            todo: Vec::new(),
            addresses: Addresses::default(),
            deadlines: Deadlines::default(),
            draining: VecDeque::new(),
            scratch: Vec::new(),
            sealed: Vec::new(),
            names: None,
            closed_loop: true,
            capped: false,
            by_user: false,
            returned: Vec::new(),
            turns: vec![0; shared.targets.addrs.len()],
            stream_limits: shared.targets.addrs.iter().map(|_| StreamLimits::default()).collect(),
            h2_connections: vec![Vec::new(); shared.targets.addrs.len()],
            reads: 0,
        };
        Self { driver, core, asker: None }
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
        let most = phase.requests.unwrap_or(u64::MAX);
        let budget = self.core.context.budget;
        for key in self.core.sessions.begin_phase(start, most, budget) {
            self.close(key);
        }
        let mut source = Source::new(phase, &self.core, start);
        self.core.closed_loop = matches!(phase.load, Load::Closed { .. });
        self.core.capped = phase.load.cap().is_some();
        self.core.by_user = matches!(phase.load, Load::Users { .. });
        self.core.returned.clear();
        self.core.freed.clear();
        self.core.resting.clear();
        let issue_until = phase.duration.map_or(Nanos::MAX, |d| start.saturating_add(d));
        let mut drain_until =
            phase.duration.map_or(Nanos::MAX, |_| phase.grace.map_or(Nanos::MAX, |g| issue_until.saturating_add(g)));
        let mut facts = PhaseTally::default();
        let mut stopped = 0;
        let mut now = self.driver.now();
        while now < start {
            self.turn(start)?;
            now = self.driver.now();
        }
        loop {
            let stops = self.core.context.control.stops();
            if stops > stopped {
                drain_until = if stops > 1 {
                    now
                } else {
                    let grace = phase.grace.unwrap_or(30 * SECOND);
                    let grace = grace.min(self.core.context.control.drain());
                    drain_until.min(now.saturating_add(grace))
                };
                stopped = stops;
            }
            if stopped > 0 || now >= issue_until {
                source.end(&mut self.core, &mut facts, now.min(issue_until));
            }
            // Before anything else takes time: what had arrived by now has just been read, so that nothing is late that
            // was not.
            self.handle_deadlines(now);
            let more = self.dispatch(&mut source, now, &mut facts);
            now = self.driver.now();
            if source.exhausted(&self.core) && self.core.in_flight == 0 {
                break;
            }
            if now >= drain_until {
                self.abandon(now);
                break;
            }
            let until = if more { now } else { self.next_wake(&source, now, issue_until, drain_until) };
            self.turn(until)?;
            now = self.driver.now();
        }
        facts.ended = now;
        let sessions = self.core.sessions.tally();
        self.core.recorder.end_phase(kind, &sessions);
        self.core.recorder.publish(&self.core.context, self.core.in_flight as u64);
        Ok(facts)
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
        self.core.recorder.publish(&self.core.context, self.core.in_flight as u64);
        Ok(())
    }

    /// Takes up what is due. Whether more is due at once.
    fn dispatch(&mut self, source: &mut Source, mut now: Nanos, facts: &mut PhaseTally) -> bool {
        for _ in 0..BURST {
            let Some(due) = source.next(&mut self.core, now, facts) else {
                return false;
            };
            let slot = self.issue(due, now);
            source.issued(slot, &self.core);
            now = self.driver.now();
        }
        true
    }

    fn next_wake(&self, source: &Source, now: Nanos, issue_until: Nanos, drain_until: Nanos) -> Nanos {
        let core = &self.core;
        let mut until = drain_until.min(now + LOOK_UP);
        until = until.min(core.deadlines.next_at().unwrap_or(Nanos::MAX));
        if !source.exhausted(core) {
            until = until.min(issue_until);
        }
        if let Some(due) = source.next_due(core, now) {
            // A core that rests for longer sleeps deeper and takes longer to wake: a long rest ends early, and a short
            // one follows it.
            let rest = due.saturating_sub(now);
            let early = (rest / 20).clamp(D::WAKE_UP, 8 * D::WAKE_UP);
            until = until.min(due.saturating_sub(early).max(now));
        }
        until
    }
}

fn os_error(errno: i32) -> String {
    std::io::Error::from_raw_os_error(errno).to_string()
}
