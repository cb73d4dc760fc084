//! The requests of a phase: free slots of a closed loop, a schedule of an open one, or users say when each begins, and
//! a limiter may hold it back. It gives requests out and is told of their ends; of a connection it knows the key, where
//! a session keeps one.

mod closed;
mod limiter;
mod scheduled;
mod sessions;
mod users;

use super::context::{Context, first_of};
use super::messages::{RequestEnd, ScheduledRequest};
use super::recorder::Recorder;
use crate::clock::{Nanos, earlier};
use crate::driver::Key;
use crate::measure::SessionCounts;
use crate::plan::{Load, Phase};
use crate::schedule;
use closed::ClosedLoop;
use limiter::Limiter;
use scheduled::Scheduled;
use sessions::Sessions;
use std::collections::VecDeque;
use users::Users;

/// What a phase came to on one worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct PhaseTally {
    /// Requests that became ready and were looked at, whatever the load: each of them is then issued or dropped.
    pub fell_due: u64,
    /// Arrivals of the schedule on this worker (open loop).
    pub arrivals: u64,
    /// When the first of them was scheduled.
    pub first_scheduled: Nanos,
    /// When the last of them was scheduled.
    pub last_scheduled: Nanos,
    /// When the phase ended here.
    pub ended: Nanos,
}

impl PhaseTally {
    fn handle_arrival(&mut self, at: Nanos) {
        // A turn that waited for its user is counted after others that were wanted later.
        self.first_scheduled = match self.arrivals {
            0 => at,
            _ => self.first_scheduled.min(at),
        };
        self.arrivals += 1;
        self.last_scheduled = self.last_scheduled.max(at);
    }
}

/// Puts an item among others that are in the order of their instants. Ends of requests are looked at in nearly that
/// order: those of one wait by connection, and what was given up late behind what came in the meantime.
fn insert_by_time<T>(items: &mut VecDeque<T>, item: T, at: impl Fn(&T) -> Nanos) {
    let behind = items.iter().rev().take_while(|other| at(other) > at(&item)).count();
    items.insert(items.len() - behind, item);
}

/// The source of a phase's requests on one worker.
pub(super) struct Source<'a> {
    context: Context<'a>,
    load: LoadSource,
    limiter: Limiter,
    sessions: Sessions,
    /// Requests that were given out and have not ended.
    in_flight: usize,
    tally: PhaseTally,
}

/// What says when a request begins.
enum LoadSource {
    Closed(ClosedLoop),
    Scheduled(Box<Scheduled>),
    Users(Box<Users>),
}

impl<'a> Source<'a> {
    pub(super) fn new(phase: &Phase, context: Context<'a>, start: Nanos) -> Self {
        // Where each session is one request, both bounds count the same; else requests are claimed as they become
        // ready.
        let most_sessions = phase.sessions.unwrap_or(u64::MAX);
        let most_requests = phase.requests.unwrap_or(u64::MAX);
        let limit = if context.workload.has_turns() { most_sessions } else { most_sessions.min(most_requests) };
        let scheduled = |instants: Box<dyn Iterator<Item = Nanos>>| {
            let paced = !matches!(phase.load, Load::Fixed { .. });
            LoadSource::Scheduled(Box::new(Scheduled::new(instants, limit, paced, &context, start)))
        };
        let load = match &phase.load {
            Load::Closed { concurrency, ramp } => {
                LoadSource::Closed(ClosedLoop::new(*concurrency, *ramp, limit, &context, start))
            }
            Load::Open { rate, pattern, .. } => {
                let seed = context.plan.seed ^ ((context.phase as u64) << 63);
                let arrivals = schedule::arrivals(rate.clone(), *pattern, seed);
                scheduled(Box::new(arrivals))
            }
            Load::Fixed { trace, .. } => {
                let instants = trace.0.clone();
                scheduled(Box::new((0..instants.len()).map_while(move |k| instants.get(k).copied())))
            }
            Load::Users { rate, users } => {
                let bounds = (most_requests, most_sessions);
                LoadSource::Users(Box::new(Users::new(*rate, *users, bounds, &context, start)))
            }
        };
        Self {
            context,
            load,
            limiter: Limiter::new(phase, &context, start),
            sessions: Sessions::new(start, most_requests),
            in_flight: 0,
            tally: PhaseTally::default(),
        }
    }

    /// The next request that is to be sent now, if a slot is free for it.
    pub(super) fn poll(&mut self, now: Nanos, recorder: &mut Recorder) -> Option<ScheduledRequest> {
        let request = self.limiter.poll(&self.context, now).or_else(|| self.poll_load(now, recorder))?;
        self.in_flight += 1;
        self.sessions.handle_sent(&request, now, &self.context);
        Some(request)
    }

    fn poll_load(&mut self, now: Nanos, recorder: &mut Recorder) -> Option<ScheduledRequest> {
        let Self { context, load, limiter, sessions, tally, .. } = self;
        loop {
            let request = match load {
                LoadSource::Closed(closed) => closed.poll(sessions, context, now),
                LoadSource::Scheduled(scheduled) => scheduled.poll(sessions, context, now, tally, recorder),
                LoadSource::Users(users) => users.poll(sessions, context, now, tally, recorder),
            }?;
            tally.fell_due += 1;
            if let Some(request) = limiter.admit(request, sessions, context, recorder, now) {
                return Some(request);
            }
        }
    }

    /// The request that [`poll`](Self::poll) gave last has been issued, under this id in this slot; `None` where it has
    /// ended already.
    pub(super) fn handle_issued(&mut self, request: Option<(u32, u128)>) {
        self.limiter.handle_issued(request, &self.context);
    }

    /// Takes back what requests hold that have had their first token; `waits` tells whether the request of a slot has
    /// not.
    pub(super) fn handle_first_tokens(&mut self, waits: impl Fn(u32, u128) -> bool) {
        self.limiter.handle_first_tokens(&self.context, waits);
    }

    /// A request has ended. Returns its connection where its session has no further use of it.
    pub(super) fn handle_end(&mut self, mut end: RequestEnd) -> Option<Key> {
        self.in_flight -= 1;
        let thinks_from = match self.load {
            LoadSource::Users(_) => None,
            _ => Some(end.freed_at),
        };
        let goes_on = end.session.is_some_and(|session| {
            let (workload, budget) = (self.context.workload, self.context.budget);
            self.sessions.handle_end(session, &mut end, workload, budget, thinks_from).holds
        });
        if !goes_on {
            self.limiter.handle_end(&self.context, end.freed_at, end.lag);
        }
        match &mut self.load {
            LoadSource::Closed(closed) if !goes_on => closed.handle_end(&end),
            LoadSource::Users(users) => users.handle_end(&end),
            _ => {}
        }
        end.connection
    }

    /// Whether nothing more will come.
    pub(super) fn is_exhausted(&self) -> bool {
        if self.limiter.waiting() == 0 && self.sessions.all_taken(&self.context) {
            return true;
        }
        let begins_none = self.sessions.is_closed()
            || match &self.load {
                LoadSource::Closed(closed) => closed.is_exhausted(),
                LoadSource::Scheduled(scheduled) => scheduled.is_exhausted(),
                LoadSource::Users(users) => users.is_exhausted(),
            };
        self.limiter.waiting() == 0 && begins_none && self.sessions.is_over()
    }

    /// Whether every request that was given out has ended.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0
    }

    /// When to look again, if a time is known.
    pub(super) fn next_at(&self, now: Nanos) -> Option<Nanos> {
        let load = match &self.load {
            LoadSource::Closed(closed) => closed.next_at(&self.sessions),
            LoadSource::Scheduled(scheduled) => scheduled.next_at(&self.sessions),
            LoadSource::Users(users) => users.next_at(),
        };
        earlier(load, self.limiter.next_at(now))
    }

    /// Nothing is issued any more: what waited for a slot, or became ready without one, is dropped by the policy.
    pub(super) fn end(&mut self, recorder: &mut Recorder, at: Nanos) {
        let waiting = self.limiter.end();
        self.sessions.close();
        let dropped = match &mut self.load {
            // Its requests become ready when they can be sent: what never was is not missed.
            LoadSource::Closed(closed) => {
                closed.end();
                self.tally.fell_due -= waiting;
                0
            }
            LoadSource::Scheduled(scheduled) => {
                scheduled.end(&mut self.tally, at);
                waiting
            }
            LoadSource::Users(users) => {
                let busy = users.end(&mut self.tally, at);
                self.tally.fell_due += busy;
                waiting + busy
            }
        };
        recorder.handle_dropped(self.context.phase, dropped);
    }

    /// The phase is over: what it came to, its sessions, and the connections that sessions have kept.
    pub(super) fn finish(self, ended: Nanos) -> (PhaseTally, SessionCounts, Vec<Key>) {
        let (sessions, kept) = self.sessions.finish(self.context.budget);
        (PhaseTally { ended, ..self.tally }, sessions, kept)
    }
}
