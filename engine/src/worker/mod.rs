//! One core's loop: scheduled → sent → read → decoded → recorded. The only place where schedule, exchange, driver and
//! record meet.
//!
//! Four owners hold what it knows, each the only writer of its own: `Context` what is read and never written,
//! `Connections` the requests on their connections, `Source` the requests that are to come, `Recorder` what is
//! counted. The connections have the driver and the `deadlines`.

mod connections;
mod context;
mod deadlines;
mod messages;
mod recorder;
mod source;

use crate::clock::{MILLI, Nanos, SECOND};
use crate::control::Control;
use crate::driver::{Driver, DriverStats, Key};
use crate::error::Result;
use crate::measure::Shard;
use crate::plan::Phase;
use crate::record::{PhaseKind, Record};
use crate::resolve::Line;
use connections::Connections;
use context::Context;
pub(crate) use context::first_of;
pub use context::{Shared, Targets};
use recorder::Recorder;
pub use source::PhaseTally;
use source::Source;

/// Requests that are begun before the loop looks at completions again: a burst must not starve the reads.
const BURST: usize = 16;
/// How long requests in flight may take to end after the first request to stop, where the plan does not say.
const GRACE_AFTER_STOP: Nanos = 30 * SECOND;
/// Longest wait without a look at the stop flag.
const LOOK_UP: Nanos = 20 * MILLI;

/// One core's loop.
pub struct Worker<'a, D> {
    context: Context<'a>,
    connections: Connections<'a, D>,
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
        let recorder = Recorder::new(records, &context);
        Self { context, connections: Connections::new(driver, context, recorder, capacity), kept: Vec::new() }
    }

    /// Keeps slots for so many requests at a time: HTTP/2 connections take the others, and at least one.
    pub fn keep_for_requests(&mut self, requests: usize) {
        self.connections.keep_for_requests(requests);
    }

    /// Asks the name service where a target is whenever a connection is made. The driver needs two slots past
    /// `capacity`.
    ///
    /// # Errors
    /// The error number when the driver cannot wait for the service's answers.
    pub fn ask_names(&mut self, line: Line) -> std::result::Result<(), i32> {
        self.connections.set_resolver(line)
    }

    /// Makes connections before any request asks for one, this worker's share of `Network::prewarm`, each target's in
    /// turn. Those that are not there after the connect time-out are given up. An HTTP/2 connection is there when the
    /// server's settings have come, as only they say how many requests it takes.
    ///
    /// # Errors
    /// When the driver's wait cannot go on.
    pub fn prewarm(&mut self) -> Result<()> {
        self.connections.prewarm()
    }

    /// Drives one phase from `start` to its end, in-flight requests included.
    ///
    /// # Errors
    /// When the driver's wait cannot go on.
    pub fn run_phase(&mut self, phase: &Phase, kind: PhaseKind, start: Nanos) -> Result<PhaseTally> {
        self.begin_phase(kind);
        let mut source = Source::new(phase, self.context, start);
        let mut end = PhaseEnd::new(phase, start);
        let mut now = self.wait_until(start)?;
        loop {
            end.handle_stops(self.context.control, now);
            if end.issues_no_more(now) {
                source.end(self.connections.recorder_mut(), now.min(end.issue_until));
            }
            // Before anything else takes time: what had arrived by now has just been read, so that nothing is late that
            // was not.
            self.connections.handle_deadlines(now);
            self.handle_ends(&mut source);
            let more = self.begin_ready(&mut source, now);
            now = self.connections.now();
            if source.is_idle() && source.is_exhausted() {
                break;
            }
            if now >= end.drain_until {
                self.connections.abandon(now);
                self.handle_ends(&mut source);
                break;
            }
            let until = if more { now } else { self.next_at(&source, &end, now) };
            self.connections.wait(until)?;
            self.handle_ends(&mut source);
            now = self.connections.now();
        }
        Ok(self.end_phase(source, kind, now))
    }

    fn begin_phase(&mut self, kind: PhaseKind) {
        self.context = self.context.in_phase(kind);
        self.connections.begin_phase(self.context);
        for key in std::mem::take(&mut self.kept) {
            self.connections.close(key);
        }
    }

    fn wait_until(&mut self, start: Nanos) -> Result<Nanos> {
        let mut now = self.connections.now();
        while now < start {
            self.connections.wait(start)?;
            now = self.connections.now();
        }
        Ok(now)
    }

    /// Begins the requests that are ready, a burst of them at most. Whether more may be ready.
    fn begin_ready(&mut self, source: &mut Source<'_>, mut now: Nanos) -> bool {
        for _ in 0..BURST {
            source.handle_first_tokens(|slot, id| self.connections.awaits_first_token(slot, id));
            let Some(request) = source.poll(now, self.connections.recorder_mut()) else {
                return false;
            };
            let begun = self.connections.begin(request, now);
            source.handle_issued(begun);
            self.handle_ends(source);
            now = self.connections.now();
        }
        true
    }

    /// Tells the source which requests have ended, and closes the connections that their sessions do not need.
    fn handle_ends(&mut self, source: &mut Source<'_>) {
        while let Some(end) = self.connections.poll_end() {
            if let Some(key) = source.handle_end(end) {
                self.connections.close(key);
            }
        }
    }

    /// When the loop has to look again, whatever arrives.
    fn next_at(&self, source: &Source<'_>, end: &PhaseEnd, now: Nanos) -> Nanos {
        let mut until = end.drain_until.min(now + LOOK_UP);
        until = until.min(self.connections.next_at().unwrap_or(Nanos::MAX));
        if end.issue_until < until && !source.is_exhausted() {
            until = end.issue_until;
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

    fn end_phase(&mut self, source: Source<'_>, kind: PhaseKind, now: Nanos) -> PhaseTally {
        let (tally, sessions, kept) = source.finish(now);
        self.kept = kept;
        self.connections.recorder_mut().end_phase(kind, &sessions);
        self.connections.publish();
        tally
    }

    /// The worker's sums, and what its driver counted.
    pub fn finish(self) -> (Shard, DriverStats) {
        self.connections.finish()
    }

    /// The driver, for tests to ask what its peer saw.
    pub fn driver(&self) -> &D {
        self.connections.driver()
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
    fn handle_stops(&mut self, control: &Control, now: Nanos) {
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
