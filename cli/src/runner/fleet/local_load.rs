//! The load of this process, as the control plane sees it.

use crate::terminal::eprint_line;
use ringload_engine::run::{Control, Progress};
use ringload_fleet::Load;
use ringload_fleet::message::Counters;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The workers of this process, and places for what the other members have counted.
pub(super) struct LocalLoad {
    control: Arc<Control>,
    workers: usize,
}

impl LocalLoad {
    /// The load of so many workers, whose control has a place for each other member behind them.
    pub(super) fn new(control: Arc<Control>, workers: usize) -> Arc<Self> {
        Arc::new(Self { control, workers })
    }
}

impl Load for LocalLoad {
    fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        let load = |of: &AtomicU64| of.load(Ordering::Relaxed);
        for worker in &self.control.progress[..self.workers] {
            sum.issued += load(&worker.issued);
            sum.done += load(&worker.done);
            sum.failed += load(&worker.failed);
            sum.events += load(&worker.events);
            sum.in_flight += load(&worker.in_flight);
            sum.warmup_done += load(&worker.warmup_done);
        }
        sum
    }

    fn is_ending(&self) -> bool {
        self.control.asked() > 0
    }

    fn stop(&self, why: &str) {
        if self.control.asked() == 0 {
            eprint_line(format_args!("stopping: {why}"));
        }
        self.control.abort();
    }

    fn show(&self, rank: usize, counters: Counters) {
        let Some(place): Option<&Progress> = self.control.progress.get(self.workers + rank.saturating_sub(1)) else {
            return;
        };
        let store = |of: &AtomicU64, value| of.store(value, Ordering::Relaxed);
        store(&place.issued, counters.issued);
        store(&place.done, counters.done);
        store(&place.failed, counters.failed);
        store(&place.events, counters.events);
        store(&place.in_flight, counters.in_flight);
        store(&place.warmup_done, counters.warmup_done);
    }
}
