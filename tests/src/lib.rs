//! What the integration tests are made of: the real binary, the real engine, scripted peers, and the patience to wait
//! for a condition.
//!
//! A test never sleeps to let something happen: it waits [`until`] it has. A test never asks how fast the machine is:
//! what it compares with is the server's own schedule, or an order of events that holds on any machine.
#![forbid(unsafe_code)]

pub mod accounting;
pub mod binary;
pub mod engine;
pub mod flood;
pub mod frames;
pub mod hardship;
pub mod names;
pub mod peer;
pub mod profile;
pub mod schema;
pub mod statistics;
pub mod tls_proxy;
mod turn;

pub use turn::{Io, alone_on_both, on_both, together};

use std::time::{Duration, Instant};

/// Waits until `holds`, looking every millisecond.
///
/// # Panics
/// When it does not within [`PATIENCE`]; `what` says what was waited for.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "waited without result until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How many cores this process may use.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Longer than anything here takes, also on a machine that is busy with something else.
pub const PATIENCE: Duration = Duration::from_secs(240);
