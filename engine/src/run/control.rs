//! What the control plane and the workers share: a stop request going in, snapshots coming out.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// What the control plane and the workers share: a stop request going in, snapshots coming out.
#[derive(Default)]
pub struct Control {
    stop: AtomicU8,
    enough: AtomicBool,
    /// The first stop was the run's own.
    aborted: AtomicBool,
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
            aborted: AtomicBool::new(false),
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

    /// Ends the run early of its own accord, as one stop does; nothing when it is ending already.
    pub fn abort(&self) {
        let first = self
            .stop
            .compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed);
        if first.is_ok() {
            self.aborted.store(true, Ordering::Relaxed);
        }
    }

    /// Whether anybody but the run itself asked it to stop.
    #[must_use]
    pub fn interrupted(&self) -> bool {
        self.asked() > u8::from(self.aborted.load(Ordering::Relaxed))
    }

    /// How far the workers are to stop: 0, 1 or 2, as [`Control::asked`]; 2 after [`Control::enough`].
    #[must_use]
    pub fn stops(&self) -> u8 {
        let stops = self.asked();
        if self.enough.load(Ordering::Relaxed) {
            stops.max(2)
        } else {
            stops
        }
    }

    /// How often it was asked to stop, the run's own wish included.
    #[must_use]
    pub fn asked(&self) -> u8 {
        self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abort_is_one_stop_and_no_interruption() {
        let control = Control::new(1);
        control.abort();
        assert_eq!((control.stops(), control.interrupted()), (1, false));
        control.stop();
        assert_eq!((control.stops(), control.interrupted()), (2, true));
    }

    #[test]
    fn an_abort_after_a_stop_changes_nothing() {
        let control = Control::new(1);
        control.stop();
        control.abort();
        assert_eq!((control.stops(), control.interrupted()), (1, true));
    }

    #[test]
    fn stops_and_aborts_that_meet_are_each_counted_once() {
        for _ in 0..if cfg!(miri) { 5 } else { 2_000 } {
            let control = Control::new(1);
            std::thread::scope(|scope| {
                scope.spawn(|| control.abort());
                scope.spawn(|| control.abort());
                scope.spawn(|| control.stop());
            });
            // The run's own wish counts where it came first, and is nothing where somebody had asked already.
            let aborted = control.aborted.load(Ordering::Relaxed);
            assert_eq!(control.asked(), 1 + u8::from(aborted));
            assert!(control.interrupted());
        }
    }
}
