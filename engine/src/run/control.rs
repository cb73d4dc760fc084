//! What the control plane and the workers share: a stop request going in, snapshots coming out.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// What the control plane and the workers share: a stop request going in, snapshots coming out.
#[derive(Default)]
pub struct Control {
    stop: AtomicU8,
    enough: AtomicBool,
    /// Live figures, one set for each worker; read at ≤ 10 Hz.
    pub progress: Vec<Progress>,
}

/// Live figures of one worker, stored once per loop.
#[derive(Default)]
#[repr(align(128))]
pub struct Progress {
    /// Requests issued in the measured phase.
    pub issued: AtomicU64,
    /// Requests finished in the measured phase.
    pub done: AtomicU64,
    /// Of them failed.
    pub failed: AtomicU64,
    /// Output events in both phases.
    pub events: AtomicU64,
    /// Requests in flight.
    pub in_flight: AtomicU64,
    /// Requests finished in the warm-up.
    pub warmup_done: AtomicU64,
}

impl Control {
    /// Shared state for up to `workers` workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self {
            stop: AtomicU8::new(0),
            enough: AtomicBool::new(false),
            progress: (0..workers).map(|_| Progress::default()).collect(),
        }
    }

    /// Asks the workers to stop: once = issue nothing more and drain within the grace; twice = abandon what is in flight.
    pub fn stop(&self) {
        let _ = self
            .stop
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                Some(n.saturating_add(1))
            });
    }

    /// Who looks on has seen enough: the run ends at once, as after a second stop, but nobody interrupted it.
    pub fn enough(&self) {
        self.enough.store(true, Ordering::Relaxed);
    }

    /// How far the workers are to stop: 0, 1 or 2, as of [`Control::stop`]; 2 after [`Control::enough`].
    #[must_use]
    pub fn stops(&self) -> u8 {
        let stops = self.interruptions();
        if self.enough.load(Ordering::Relaxed) {
            stops.max(2)
        } else {
            stops
        }
    }

    /// How often [`Control::stop`] was called.
    #[must_use]
    pub fn interruptions(&self) -> u8 {
        self.stop.load(Ordering::Relaxed)
    }
}
