//! Where the requests of a phase come from: free slots in a closed loop, a schedule in an open one.

use super::{Core, PhaseTally};
use crate::clock::{MICRO, Nanos};
use crate::plan::{CapPolicy, Load, Phase};
use crate::schedule;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};

/// A request that is due.
pub(super) struct Due {
    pub(super) k: u64,
    pub(super) scheduled: Nanos,
    /// It waited for a slot: its lateness is the policy's, not the loop's.
    pub(super) waited: bool,
}

/// Where a phase's requests come from.
pub(super) enum Source {
    Closed {
        mine: usize,
        opened: usize,
        limit: u64,
        ended: bool,
    },
    Open(Box<Open>),
}

pub(super) struct Open {
    arrivals: schedule::Arrivals,
    start: Nanos,
    limit: u64,
    /// Index and instant of the next arrival of this worker, if the schedule has one.
    next: Option<(u64, Nanos)>,
    k: u64,
    worker: u64,
    workers: u64,
    cap: Option<CapPolicy>,
    waiting: VecDeque<(u64, Nanos)>,
}

impl Source {
    pub(super) fn new(phase: &Phase, core: &Core<'_>, start: Nanos) -> Self {
        let shared = core.shared;
        let limit = phase.requests.unwrap_or(u64::MAX);
        match phase.load {
            Load::Closed { concurrency } => {
                let mine = schedule::closed_split(concurrency, shared.workers)
                    .get(core.index)
                    .copied()
                    .unwrap_or(0) as usize;
                Self::Closed {
                    mine,
                    opened: 0,
                    limit,
                    ended: mine == 0,
                }
            }
            Load::Open { rate, pattern, cap } => {
                let seed = shared.plan.seed ^ ((core.phase as u64) << 63);
                let mut open = Open {
                    arrivals: schedule::arrivals(rate, pattern, seed),
                    start,
                    limit,
                    next: None,
                    k: 0,
                    worker: core.index as u64,
                    workers: shared.workers as u64,
                    cap: cap.map(|c| c.policy),
                    waiting: VecDeque::new(),
                };
                open.advance();
                Self::Open(Box::new(open))
            }
        }
    }

    /// The next request that is due, if a slot is free for it.
    pub(super) fn next(
        &mut self,
        core: &mut Core<'_>,
        now: Nanos,
        facts: &mut PhaseTally,
    ) -> Option<Due> {
        match self {
            Self::Closed {
                mine,
                opened,
                limit,
                ended,
            } => {
                if *ended || core.in_flight >= *mine {
                    return None;
                }
                let scheduled = if *opened < *mine {
                    // A closed loop has no schedule: a slot that was never used is free when it is opened.
                    *opened += 1;
                    now
                } else if let Some(at) = core.freed.pop_front() {
                    at
                } else if core.resting.front().is_some_and(|at| *at <= now) {
                    core.resting.pop_front().unwrap_or(now)
                } else {
                    return None;
                };
                let k = core.shared.next[core.phase as usize].fetch_add(1, Ordering::Relaxed);
                if k >= *limit {
                    *ended = true;
                    return None;
                }
                Some(Due {
                    k,
                    scheduled,
                    waited: false,
                })
            }
            Self::Open(open) => open.next(core, now, facts),
        }
    }

    /// Whether nothing more will come due.
    pub(super) fn exhausted(&self) -> bool {
        match self {
            Self::Closed { ended, .. } => *ended,
            Self::Open(open) => open.next.is_none() && open.waiting.is_empty(),
        }
    }

    /// When to look again, if a time is known.
    pub(super) fn next_due(&self, core: &Core<'_>, now: Nanos) -> Option<Nanos> {
        match self {
            Self::Closed { .. } => core.resting.front().copied(),
            Self::Open(open) => {
                let poll = (!open.waiting.is_empty()).then_some(now + PERMIT_POLL);
                [open.next.map(|(_, at)| at), poll]
                    .into_iter()
                    .flatten()
                    .min()
            }
        }
    }

    /// Nothing is issued any more: what waited for a slot, or came due without one, is dropped by the policy.
    pub(super) fn end(&mut self, core: &mut Core<'_>, facts: &mut PhaseTally, at: Nanos) {
        match self {
            Self::Closed { ended, .. } => *ended = true,
            Self::Open(open) => {
                while let Some((_, due)) = open.next.filter(|(_, due)| *due < at) {
                    // Due, but the loop came too late for it: offered, not achieved.
                    facts.arrived(due);
                    open.advance();
                }
                core.shard.phase_mut(core.phase).dropped += open.waiting.len() as u64;
                open.waiting.clear();
                open.next = None;
            }
        }
    }
}

impl Open {
    /// Moves on to this worker's next arrival.
    fn advance(&mut self) {
        self.next = None;
        while self.k < self.limit {
            let Some(offset) = self.arrivals.next() else {
                return;
            };
            let k = self.k;
            self.k += 1;
            if k % self.workers == self.worker {
                self.next = Some((k, self.start.saturating_add(offset)));
                return;
            }
        }
    }

    pub(super) fn next(
        &mut self,
        core: &mut Core<'_>,
        now: Nanos,
        facts: &mut PhaseTally,
    ) -> Option<Due> {
        let permits = &core.shared.permits[core.phase as usize];
        if let Some(&(k, scheduled)) = self.waiting.front()
            && take_permit(permits)
        {
            self.waiting.pop_front();
            return Some(Due {
                k,
                scheduled,
                waited: true,
            });
        }
        while let Some((k, scheduled)) = self.next.filter(|(_, at)| *at <= now) {
            self.advance();
            facts.arrived(scheduled);
            let Some(policy) = self.cap else {
                return Some(Due {
                    k,
                    scheduled,
                    waited: false,
                });
            };
            if self.waiting.is_empty() && take_permit(permits) {
                return Some(Due {
                    k,
                    scheduled,
                    waited: false,
                });
            }
            match policy {
                CapPolicy::Queue => {
                    core.shard.phase_mut(core.phase).queued += 1;
                    self.waiting.push_back((k, scheduled));
                }
                CapPolicy::Drop => core.shard.phase_mut(core.phase).dropped += 1,
            }
        }
        None
    }
}

fn take_permit(permits: &AtomicI64) -> bool {
    permits
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| {
            (n > 0).then(|| n - 1)
        })
        .is_ok()
}

/// How soon a core with waiting arrivals looks again whether another core has freed a slot.
const PERMIT_POLL: Nanos = 200 * MICRO;
