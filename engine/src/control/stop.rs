//! What the control plane and the workers share: a stop request going in, snapshots coming out.

use crate::clock::Nanos;
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// The state that the control plane and the workers share: a stop request going in, snapshots coming out.
#[derive(Default)]
pub struct Control {
    /// How often it was asked to stop, and whether the first request was the run's own ([`OWN`]): whoever looks sees
    /// both as they were at one time.
    asked: AtomicU8,
    enough: AtomicBool,
    /// Longest wait for what is in flight after the first request to stop, in nanoseconds; 0 where none was given.
    drain: AtomicU64,
    /// When the measured phase began; 0 before.
    measured_since: AtomicU64,
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
            asked: AtomicU8::new(0),
            enough: AtomicBool::new(false),
            drain: AtomicU64::new(0),
            measured_since: AtomicU64::new(0),
            progress: (0..workers).map(|_| Progress::default()).collect(),
        }
    }

    /// The measured phase begins at this instant, which may be a little ahead.
    pub fn begin_measured(&self, at: Nanos) {
        self.measured_since.store(at, Ordering::Release);
    }

    /// Whether an instant is in the measured phase: at or behind its beginning.
    #[must_use]
    pub fn is_measured(&self, at: Nanos) -> bool {
        let since = self.measured_since.load(Ordering::Acquire);
        since > 0 && at >= since
    }

    /// As [`Control::stop`], and what is in flight is awaited for at most so many nanoseconds, whatever the phase's own
    /// grace period is.
    pub fn stop_within(&self, drain: Nanos) {
        // Seen by whoever sees the request: it is stored before. 0 stands for none given.
        self.drain.store(drain.max(1), Ordering::Relaxed);
        self.stop();
    }

    /// How long what is in flight may be awaited at most after the first request to stop.
    #[must_use]
    pub fn drain(&self) -> Nanos {
        match self.drain.load(Ordering::Relaxed) {
            0 => Nanos::MAX,
            said => said,
        }
    }

    /// Asks the workers to stop: once = issue nothing more and drain within the grace; twice = abandon what is in
    /// flight.
    pub fn stop(&self) {
        // As often as can be counted is often enough.
        let _ = self
            .asked
            .fetch_update(Ordering::Release, Ordering::Relaxed, |asked| (asked & !OWN < !OWN).then(|| asked + 1));
    }

    /// The observer has seen enough: the run ends at once, as after a second stop, but nobody interrupted it.
    pub fn enough(&self) {
        self.enough.store(true, Ordering::Relaxed);
    }

    /// Ends the run early of its own accord, as one stop does; nothing when it is ending already.
    pub fn abort(&self) {
        let _ = self.asked.compare_exchange(0, OWN | 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether anybody but the run itself asked it to stop.
    #[must_use]
    pub fn interrupted(&self) -> bool {
        let asked = self.asked.load(Ordering::Relaxed);
        asked & !OWN > u8::from(asked & OWN != 0)
    }

    /// How far the workers are to stop: 0, 1 or 2, as [`Control::asked`]; 2 after [`Control::enough`].
    #[must_use]
    pub fn stops(&self) -> u8 {
        let stops = self.asked();
        if self.enough.load(Ordering::Relaxed) { stops.max(2) } else { stops }
    }

    /// How often it was asked to stop, the run's own request included.
    #[must_use]
    pub fn asked(&self) -> u8 {
        self.asked.load(Ordering::Acquire) & !OWN
    }
}

/// The first request to stop was the run's own.
const OWN: u8 = 1 << 7;
