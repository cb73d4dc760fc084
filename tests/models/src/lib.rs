//! Where threads of a run meet: the engine's own files, as they are, under loom. Each test runs its threads in every
//! interleaving that matters, with every load seeing each value that its ordering allows.
//!
//! A file that is modelled takes its atomics from `crate::sync`, which is the standard library's in the engine and
//! loom's here, and has no tests of its own. A thread of these models is a coroutine, all on one thread of the machine.
#![cfg(test)]

mod caps;
mod meetings;
mod memory;
mod records;
mod stops;

#[path = "../../../engine/src/run/barrier.rs"]
pub mod barrier;
#[path = "../../../engine/src/control/memory.rs"]
pub mod budget;
#[path = "../../../engine/src/control/stop.rs"]
pub mod control;
#[path = "../../../engine/src/run/drain.rs"]
pub mod drain;
#[path = "../../../engine/src/control/permits.rs"]
pub mod permits;

/// What the files above ask of the engine's `sync`.
mod sync {
    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
    use std::cell::Cell;
    use std::time::Duration;

    thread_local! {
        /// Whether time passes for a thread that is parked, in the model at hand.
        pub(crate) static TIME_PASSES: Cell<bool> = const { Cell::new(true) };
    }

    /// Where time passes, the others get as far as the model likes; where it does not, only an unpark goes on.
    pub(crate) fn park_timeout(_: Duration) {
        if TIME_PASSES.get() {
            loom::thread::yield_now();
        } else {
            loom::thread::park();
        }
    }
}

/// What the files above ask of the engine's `clock`.
mod clock {
    pub(crate) type Nanos = u64;
}
