//! Pauses between runs, which a signal ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Remembers whether a signal came, in a run or between two.
pub(crate) struct Pauses {
    stopped: Arc<AtomicBool>,
}

impl Pauses {
    /// # Errors
    /// When signals cannot be heeded.
    pub(crate) fn new() -> io::Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        for signal in crate::live::ends() {
            signal_hook::flag::register(signal, Arc::clone(&stopped))?;
        }
        Ok(Self { stopped })
    }

    /// Waits so many seconds, or until a signal comes. Whether one came.
    pub(crate) fn wait(&self, seconds: f64) -> bool {
        let began = Instant::now();
        while !self.stopped.load(Ordering::Relaxed) && began.elapsed().as_secs_f64() < seconds {
            std::thread::sleep(STEP.min(Duration::from_secs_f64(seconds)));
        }
        self.stopped.load(Ordering::Relaxed)
    }
}

const STEP: Duration = Duration::from_millis(50);
