//! Where the workers of a run meet: to decide something together, and before each phase. One that fails ends the wait
//! of all.

use crate::sync::{Condvar, Mutex, MutexGuard};
use std::sync::PoisonError;

/// A barrier for a fixed number of threads that can be aborted, with a reason of type `E`.
pub(super) struct Barrier<E> {
    parties: usize,
    state: Mutex<State<E>>,
    changed: Condvar,
}

struct State<E> {
    /// Threads that wait for the meeting.
    arrived: usize,
    /// Meetings that took place.
    meetings: u64,
    aborted: bool,
    reason: Option<E>,
}

/// The meeting does not take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Aborted;

impl<E> Barrier<E> {
    pub(super) fn new(parties: usize) -> Self {
        Self {
            parties,
            state: Mutex::new(State { arrived: 0, meetings: 0, aborted: false, reason: None }),
            changed: Condvar::new(),
        }
    }

    /// Waits until all have come. The last to come calls `last` before any goes on; an error of it aborts.
    ///
    /// # Errors
    /// When it was or is aborted, at once and for ever.
    pub(super) fn wait(&self, last: impl FnOnce() -> Result<(), E>) -> Result<(), Aborted> {
        let mut state = self.lock();
        if state.aborted {
            return Err(Aborted);
        }
        state.arrived += 1;
        if state.arrived == self.parties {
            match last() {
                Ok(()) => {
                    state.arrived = 0;
                    state.meetings += 1;
                }
                Err(reason) => state.abort(reason),
            }
            self.changed.notify_all();
            return if state.aborted { Err(Aborted) } else { Ok(()) };
        }
        let meeting = state.meetings;
        while state.meetings == meeting && !state.aborted {
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        // A meeting that took place did so for all, also when one of them failed since.
        if state.meetings == meeting { Err(Aborted) } else { Ok(()) }
    }

    /// Ends every wait, now and later. The first reason is kept.
    pub(super) fn abort(&self, reason: E) {
        self.lock().abort(reason);
        self.changed.notify_all();
    }

    /// Why it was aborted, for who asks first.
    pub(super) fn take_reason(&self) -> Option<E> {
        self.lock().reason.take()
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        // A thread that panicked in `last` has changed nothing yet.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E> State<E> {
    fn abort(&mut self, reason: E) {
        if !self.aborted {
            self.aborted = true;
            self.reason = Some(reason);
        }
    }
}
