//! What the control plane and the workers share: a stop request going in, snapshots coming out.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What the control plane and the workers share: a stop request going in, snapshots coming out.
#[derive(Default)]
pub struct Control {
    stop: AtomicU8,
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

    /// How often [`Control::stop`] was called.
    #[must_use]
    pub fn stops(&self) -> u8 {
        self.stop.load(Ordering::Relaxed)
    }
}
