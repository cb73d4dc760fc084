//! An open loop: requests begin at the instants of a schedule.

use super::sessions::Sessions;
use super::{Context, PhaseTally, Recorder, ScheduledRequest};
use crate::clock::Nanos;

/// This core's share of a schedule.
pub(super) struct Scheduled {
    /// Offsets from `start`, of all cores.
    instants: Box<dyn Iterator<Item = Nanos>>,
    start: Nanos,
    limit: u64,
    /// Index and instant of the next arrival of this core, if the schedule has one.
    next: Option<(u64, Nanos)>,
    k: u64,
    core: u64,
    cores: u64,
    /// Sessions go on at the schedule's instants; else at their own, and the schedule is of their beginnings.
    paced: bool,
    /// Where sessions are paced: number of the next one that this core begins.
    next_session: u64,
    /// Where sessions are paced: no more are begun.
    all_begun: bool,
}

impl Scheduled {
    pub(super) fn new(
        instants: Box<dyn Iterator<Item = Nanos>>,
        limit: u64,
        paced: bool,
        context: &Context<'_>,
        start: Nanos,
    ) -> Self {
        let paced = paced && context.workload.has_turns();
        let mut scheduled = Self {
            instants,
            start,
            limit,
            next: None,
            k: 0,
            core: context.core as u64,
            cores: context.shared.cores.of as u64,
            paced,
            next_session: context.core as u64,
            all_begun: false,
        };
        scheduled.advance();
        scheduled
    }

    /// Moves on to this core's next arrival.
    fn advance(&mut self) {
        self.next = None;
        while self.paced || self.k < self.limit {
            let Some(offset) = self.instants.next() else {
                return;
            };
            let k = self.k;
            self.k += 1;
            if k % self.cores == self.core {
                self.next = Some((k, self.start.saturating_add(offset)));
                return;
            }
        }
    }

    pub(super) fn poll(
        &mut self,
        sessions: &mut Sessions,
        context: &Context<'_>,
        now: Nanos,
        tally: &mut PhaseTally,
        recorder: &mut Recorder,
    ) -> Option<ScheduledRequest> {
        if self.paced {
            return self.poll_paced(sessions, context, now, tally);
        }
        if let Some(turn) = sessions.poll(now) {
            let request = sessions.next_turn(turn, turn.wanted, context)?;
            tally.handle_arrival(request.scheduled);
            // The response before it was late: that is the server's doing, and no fault of the loop.
            let waited = turn.ready > turn.wanted;
            recorder.handle_queued(context.phase, u64::from(waited));
            let carried = if waited { turn.carried } else { 0 };
            return Some(ScheduledRequest { waited, carried, ready: turn.ready.max(turn.wanted), ..request });
        }
        let (k, at) = self.next.filter(|(_, at)| *at <= now)?;
        self.advance();
        let request = sessions.first_turn(k, at, context)?;
        tally.handle_arrival(at);
        Some(request)
    }

    /// An instant goes to the session whose next turn has waited for it longest, else to a new one, so that the rate is
    /// one of requests (as AIPerf's). One that neither wants passes.
    fn poll_paced(
        &mut self,
        sessions: &mut Sessions,
        context: &Context<'_>,
        now: Nanos,
        tally: &mut PhaseTally,
    ) -> Option<ScheduledRequest> {
        while let Some((_, at)) = self.next.filter(|(_, at)| *at <= now) {
            self.advance();
            let request = if let Some(turn) = sessions.poll(at) {
                sessions.next_turn(turn, at, context)
            } else if self.all_begun {
                None
            } else {
                let k = self.next_session;
                self.next_session += self.cores;
                self.all_begun = k >= self.limit;
                if self.all_begun { None } else { sessions.first_turn(k, at, context) }
            };
            if request.is_some() {
                tally.handle_arrival(at);
                return request;
            }
            if self.is_exhausted() && sessions.is_over() || sessions.is_closed() {
                self.next = None;
            }
        }
        None
    }

    /// Whether no session will begin.
    pub(super) fn is_exhausted(&self) -> bool {
        self.all_begun || self.next.is_none()
    }

    pub(super) fn next_at(&self, sessions: &Sessions) -> Option<Nanos> {
        let turn = sessions.next_at().filter(|_| !self.paced);
        [self.next.map(|(_, at)| at), turn].into_iter().flatten().min()
    }

    /// What was scheduled before `at`, but the loop came too late for it, was offered and not achieved.
    pub(super) fn end(&mut self, tally: &mut PhaseTally, at: Nanos) {
        while let Some((_, scheduled)) = self.next.filter(|(_, scheduled)| *scheduled < at && !self.all_begun) {
            tally.handle_arrival(scheduled);
            self.advance();
        }
        self.next = None;
    }
}
