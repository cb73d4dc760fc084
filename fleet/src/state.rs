//! What the tasks of a member share, and what they wait for.

use crate::address::Address;
use crate::board::Board;
use crate::bus::{Bus, OnWait};
use crate::clock::{Alignment, Interval, QUARTZ};
use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::message::{Aligned, Counters, Heartbeat};
use crate::silence::Liveness;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How a member joins.
#[derive(Clone)]
pub struct Options {
    /// Where the bus is.
    pub address: Address,
    /// Who it is.
    pub identity: Identity,
    /// Its version of ringload.
    pub version: String,
    /// How long a member may be silent before it counts as lost.
    pub silence: Duration,
    /// What becomes of the run when a member is lost.
    pub on_loss: OnLoss,
    /// How long bus and members are waited for.
    pub patience: Duration,
    /// Whether the process is to end.
    pub stopped: Stopped,
    /// Told once, before it waits for a bus that does not answer, why.
    pub on_wait: OnWait,
}

/// Whether the process is to end.
pub type Stopped = Arc<dyn Fn() -> bool + Send + Sync>;

/// What becomes of a run when a member is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLoss {
    /// It ends, with what was measured.
    Abort,
    /// It goes on without the member.
    Continue,
}

/// What carries the load in this process: asked for its counts, and told what becomes of the run.
pub trait Load: Send + Sync {
    /// What it has counted.
    fn counters(&self) -> Counters;
    /// Whether it is ending before its time.
    fn is_ending(&self) -> bool;
    /// The run ends early.
    fn stop(&self, why: &str);
    /// What another member has counted.
    fn show(&self, rank: usize, counters: Counters);
}

/// What the tasks of a member share.
pub(crate) struct Inner {
    pub(crate) options: Options,
    pub(crate) bus: Bus,
    pub(crate) host: String,
    pub(crate) board: watch::Receiver<Board>,
    /// Whom it has heard: the leader all members, the others the leader.
    pub(crate) heard: Arc<Mutex<Liveness>>,
    /// How the leader's clock stands to its own.
    pub(crate) alignment: Mutex<Alignment>,
    /// The load of the run under way.
    pub(crate) load: Mutex<Option<(u64, Arc<dyn Load>)>>,
    /// Members that had not come back when what they left was collected.
    pub(crate) lost: Mutex<Vec<usize>>,
    /// What of its record log is on the bus.
    pub(crate) uploaded: tokio::sync::Mutex<Uploaded>,
    /// As the leader: the run whose phase was begun last, and how long after the last member was ready it begins.
    pub(crate) began: Mutex<Option<(u64, u64)>>,
    pub(crate) sequence: AtomicU64,
    /// When echoes are to follow one another soon.
    pub(crate) echoes_soon: Mutex<Range<u64>>,
    /// The plan for echoes has changed.
    pub(crate) echoes_changed: Notify,
    /// When an echo by datagram came back last, on its own clock; 0 before the first.
    pub(crate) datagram_at: AtomicU64,
    /// The least round trip through the bus, in nanoseconds.
    pub(crate) bus_round_trip: AtomicU64,
}

/// What of the record log of a run is on the bus.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Uploaded {
    pub(crate) number: u64,
    pub(crate) pieces: u64,
    pub(crate) bytes: u64,
}

impl Inner {
    pub(crate) fn leads(&self) -> bool {
        self.options.identity.rank == 0
    }

    pub(crate) fn rank(&self) -> usize {
        self.options.identity.rank
    }

    pub(crate) fn size(&self) -> usize {
        self.options.identity.size
    }

    pub(crate) fn clock(&self) -> Option<Interval> {
        if self.leads() {
            return Some(Interval::SAME);
        }
        locked(&self.alignment).at(monotonic(), QUARTZ)
    }

    /// How far the leader's clock stood ahead of its own when its run began, and how far it does now; 0 for a run that
    /// did not begin.
    pub(crate) fn aligned(&self, began: u64) -> Option<Aligned> {
        let ended = monotonic();
        let began = if began == 0 { ended } else { began };
        let alignment = locked(&self.alignment);
        let at = |at| if self.leads() { Some(Interval::SAME) } else { alignment.at(at, QUARTZ) };
        Some(Aligned { began, then: at(began)?, ended, at_end: at(ended)? })
    }

    /// The least round trip of an echo with the leader, in nanoseconds: through the bus, as what starts a phase goes,
    /// or as a datagram, where only those have come back yet; 0 where none has.
    pub(crate) fn round_trip(&self) -> u64 {
        match self.bus_round_trip.load(Ordering::Relaxed) {
            u64::MAX => locked(&self.alignment).round_trip().unwrap_or(0),
            known => known,
        }
    }

    /// Has echoes follow one another soon about an instant at which the clocks are to be known well: what they can
    /// drift until the next echo is most of what is unknown of clocks that are near to each other.
    pub(crate) fn echo_about(&self, at: u64) {
        *locked(&self.echoes_soon) = at.saturating_sub(ABOUT)..at.saturating_add(ABOUT);
        self.echoes_changed.notify_one();
    }

    /// Its sign of life.
    pub(crate) fn heartbeat(&self) -> Heartbeat {
        let load = locked(&self.load).as_ref().map(|(number, load)| (*number, Arc::clone(load)));
        Heartbeat {
            rank: self.rank(),
            sequence: self.sequence.fetch_add(1, Ordering::Relaxed),
            run: load.as_ref().map_or(0, |(number, _)| *number),
            ending: load.as_ref().is_some_and(|(_, load)| load.is_ending()),
            counters: load.map(|(_, load)| load.counters()).unwrap_or_default(),
            clock: self.clock(),
        }
    }

    /// Members that have been silent for too long.
    pub(crate) fn silent(&self) -> Vec<usize> {
        let me = self.rank();
        let mut silent = locked(&self.heard).silent(monotonic(), self.options.silence);
        silent.retain(|rank| *rank != me);
        silent
    }

    /// Waits until the board has what `find` looks for, or until `unless` gives an error.
    pub(crate) async fn wait<T>(
        &self,
        mut find: impl FnMut(&Board) -> Option<T>,
        mut unless: impl FnMut(&Board) -> Option<Error>,
    ) -> Result<T> {
        let mut board = self.board.clone();
        loop {
            {
                let board = board.borrow_and_update();
                if let Some(found) = find(&board) {
                    return Ok(found);
                }
                if let Some(error) = unless(&board) {
                    return Err(error);
                }
            }
            if (self.options.stopped)() {
                return Err(Error::interrupted("interrupted while the fleet was waited for"));
            }
            if locked(&self.heard).bus_is_gone(monotonic(), self.restart()) {
                return Err(Error::environment("the bus is gone", "merge the logs that the members have kept"));
            }
            // The end of the wait by time is looked for as well.
            let _ = tokio::time::timeout(LOOK_UP, board.changed()).await;
        }
    }

    /// Waits for a value of the board.
    pub(crate) async fn wait_for<T: DeserializeOwned>(
        &self,
        key: String,
        unless: impl FnMut(&Board) -> Option<Error>,
    ) -> Result<T> {
        let body = self.wait(|board| board.get(&key).cloned(), unless).await?;
        self.bus.value(&key, &body).await
    }

    /// How long the bus may be away before it counts as gone.
    pub(crate) fn restart(&self) -> Duration {
        self.options.silence.max(RESTART)
    }

    /// Leaves a value of its own.
    pub(crate) async fn say(&self, what: &str, value: &(impl Serialize + Sync)) -> Result<()> {
        let key = format!("member.{}.{what}", self.rank());
        self.bus.say(&key, value, self.options.silence).await
    }
}

pub(crate) use ringload_driver::clock::monotonic;

pub(crate) fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long before and after an instant echoes follow one another soon, in nanoseconds.
pub(crate) const ABOUT: u64 = 70_000_000;
/// How long a restart of the bus may take at least.
const RESTART: Duration = Duration::from_secs(30);
/// Between two looks at what ends a wait.
pub(crate) const LOOK_UP: Duration = Duration::from_millis(100);
