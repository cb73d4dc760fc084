//! What the workers of a run decide and begin together: their driver, the instant of each phase, and the failure that
//! ends all.

use super::barrier::{Aborted, Barrier};
use super::refusal::remedy;
use super::{Control, Gate};
use crate::clock::{self, MILLI, Nanos};
use crate::driver::Refusal;
use crate::error::{Error, Result};
use crate::plan::Io;
use crate::record::PhaseKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Where the workers meet, and what they have decided.
pub(super) struct PhaseBarrier<'a> {
    barrier: Barrier<Error>,
    control: &'a Control,
    /// The driver that the plan asks for.
    io: Io,
    workers: usize,
    /// Workers that got no ring, and the error number of the first.
    refused: Mutex<(usize, i32)>,
    /// Why all use epoll, where that was decided here.
    note: OnceLock<String>,
    start: [AtomicU64; 2],
    /// Who says when phases begin, where it is not this process alone.
    gate: Option<&'a Gate>,
}

/// Why a worker does not go on.
pub(super) enum Failure {
    /// Its own failure.
    Own(Error),
    /// Another failed.
    Another,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

impl From<Aborted> for Failure {
    fn from(_: Aborted) -> Self {
        Self::Another
    }
}

impl<'a> PhaseBarrier<'a> {
    pub(super) fn new(control: &'a Control, io: Io, workers: usize, gate: Option<&'a Gate>) -> Self {
        Self {
            barrier: Barrier::new(workers),
            control,
            io,
            workers,
            refused: Mutex::new((0, 0)),
            note: OnceLock::new(),
            start: [AtomicU64::new(0), AtomicU64::new(0)],
            gate,
        }
    }

    /// Does a worker's part. Its error or panic ends the run of all.
    pub(super) fn play<T>(&self, part: impl FnOnce() -> std::result::Result<T, Failure>) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(part)) {
            Ok(Ok(left)) => return Some(left),
            Ok(Err(Failure::Another)) => {}
            Ok(Err(Failure::Own(error))) => self.fail(error),
            Err(_) => self.fail(Error::bug("a worker panicked")),
        }
        None
    }

    /// Ends the run of all workers at once, wherever they are.
    pub(super) fn fail(&self, error: Error) {
        self.barrier.abort(error);
        self.control.enough();
    }

    /// The failure that ended the run, for who asks first.
    pub(super) fn failure(&self) -> Option<Error> {
        self.barrier.take_reason()
    }

    /// Waits until all are ready.
    pub(super) fn meet(&self) -> std::result::Result<(), Failure> {
        Ok(self.barrier.wait(|| Ok(()))?)
    }

    /// Waits until all have tried to get their ring; `refused` is the error number of this one's. Whether all use
    /// epoll, since one got none.
    pub(super) fn all_on_epoll(&self, refused: Option<i32>) -> std::result::Result<bool, Failure> {
        if let Some(errno) = refused {
            let mut all = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            *all = (all.0 + 1, if all.0 == 0 { errno } else { all.1 });
        }
        self.barrier.wait(|| self.decide())?;
        Ok(self.note.get().is_some())
    }

    fn decide(&self) -> Result<()> {
        let (count, errno) = *self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if count == 0 {
            return Ok(());
        }
        let why = Refusal::from(errno);
        let what = format!("io_uring was refused to {count} of {} workers: {why}", self.workers);
        if self.io == Io::Uring {
            return Err(Error::environment(what, remedy(why)));
        }
        let _ = self.note.set(what);
        Ok(())
    }

    /// Why all use epoll, where the workers decided it.
    pub(super) fn note(&self) -> Option<&str> {
        self.note.get().map(String::as_str)
    }

    /// Waits until all have come to a phase: when it begins.
    pub(super) fn begin(&self, kind: PhaseKind) -> std::result::Result<Nanos, Failure> {
        self.barrier.wait(|| {
            let start = match self.gate {
                Some(gate) => gate(kind)?,
                None => clock::monotonic() + PHASE_LEAD,
            };
            self.start[kind as usize].store(start, Ordering::Release);
            if kind == PhaseKind::Profiling {
                self.control.begin_measured(start);
            }
            Ok(())
        })?;
        Ok(self.start(kind))
    }

    /// When a phase began; 0 when it did not.
    pub(super) fn start(&self, kind: PhaseKind) -> Nanos {
        self.start[kind as usize].load(Ordering::Acquire)
    }
}

/// How far ahead of the workers' release a phase begins, so that all of them are there.
const PHASE_LEAD: Nanos = 2 * MILLI;
