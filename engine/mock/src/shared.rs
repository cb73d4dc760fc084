//! What the threads share: switches, counters touched once per request or write, and the arrivals.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde::Serialize;

use crate::batching::{Engine, Grant};
use crate::clock::{nanos, now_ns};
use crate::config::Config;
use crate::histogram::Histogram;
use crate::truth::Notes;

/// The server's counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct State {
    /// Generation requests that have arrived and are not answered to their end.
    pub in_flight: u64,
    /// The most that were in flight at once.
    pub peak_in_flight: u64,
    /// Generation requests that have arrived.
    pub requests: u64,
    /// Generation requests answered to their end, be it a scripted fault.
    pub finished: u64,
    /// Generation requests whose client went away first.
    pub cancelled: u64,
    /// Requests of any kind answered with an error status.
    pub refused: u64,
    /// Prompt tokens of all generation requests, in words and signs.
    pub prompt_tokens: u64,
    /// Output tokens written.
    pub output_tokens: u64,
    /// Writes that these tokens took.
    pub writes: u64,
    /// Connections that were accepted.
    pub connections_accepted: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// Times that no connection could be accepted for want of file descriptors.
    pub accept_pauses: u64,
    /// The latest that a due write was rendered, in nanoseconds: the server's own lag.
    pub late_max_ns: u64,
}

/// One server's shared part.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) stop: AtomicBool,
    frozen_until_ns: AtomicU64,
    pub(crate) counters: Counters,
    arrivals: Mutex<VecDeque<u64>>,
    pub(crate) notes: Notes,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Names requests; never reset.
    pub(crate) numbers: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) peak_in_flight: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) finished: AtomicU64,
    pub(crate) cancelled: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) prompt_tokens: AtomicU64,
    pub(crate) output_tokens: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) connections_accepted: AtomicU64,
    pub(crate) connections_open: AtomicU64,
    pub(crate) accept_pauses: AtomicU64,
    pub(crate) late_max_ns: AtomicU64,
    /// Of the model of an engine: requests that wait, and those in its batch.
    pub(crate) waiting: AtomicU64,
    pub(crate) running: AtomicU64,
    pub(crate) queue: Histogram,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            notes: Notes::new(config.truth),
            config,
            stop: AtomicBool::new(false),
            frozen_until_ns: AtomicU64::new(0),
            counters: Counters::default(),
            arrivals: Mutex::default(),
        }
    }

    /// Nothing is read or written from now on until `length` has passed.
    pub(crate) fn freeze(&self, length: Duration) {
        self.frozen_until_ns.fetch_max(now_ns().saturating_add(nanos(length)), Relaxed);
    }

    /// How long the server is still frozen.
    fn frozen_for(&self) -> Option<Duration> {
        let until = self.frozen_until_ns.load(Relaxed);
        if until == 0 {
            return None;
        }
        let left = until.saturating_sub(now_ns());
        (left > 0).then(|| Duration::from_nanos(left))
    }

    /// Sleeps while the server is frozen.
    pub(crate) fn thaw(&self) {
        while let Some(left) = self.frozen_for() {
            if self.stop.load(Relaxed) {
                return;
            }
            thread::sleep(left.min(STOP_CHECK));
        }
    }

    /// Notes a generation request whose last byte was read at `now_ns`: the how-manyeth it is, from 0.
    pub(crate) fn arrive(&self, now_ns: u64) -> u64 {
        let nth = self.counters.requests.fetch_add(1, Relaxed);
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        if arrivals.len() == ARRIVALS_KEPT {
            arrivals.pop_front();
        }
        arrivals.push_back(now_ns);
        nth
    }

    /// Counts a generation request that is going to be answered, and gives it its number.
    pub(crate) fn begin(&self, prompt_tokens: u32) -> u64 {
        let counters = &self.counters;
        counters.prompt_tokens.fetch_add(u64::from(prompt_tokens), Relaxed);
        let in_flight = counters.in_flight.fetch_add(1, Relaxed) + 1;
        counters.peak_in_flight.fetch_max(in_flight, Relaxed);
        counters.numbers.fetch_add(1, Relaxed)
    }

    /// Counts a write of a stream.
    pub(crate) fn note_write(&self, tokens: u32) {
        self.counters.writes.fetch_add(1, Relaxed);
        let sum = &self.counters.output_tokens;
        sum.fetch_add(u64::from(tokens), Relaxed);
    }

    /// A generation request is answered to its end.
    pub(crate) fn finish(&self) {
        self.counters.finished.fetch_add(1, Relaxed);
        self.counters.in_flight.fetch_sub(1, Relaxed);
    }

    /// A generation request's client went away.
    pub(crate) fn cancel(&self) {
        self.counters.cancelled.fetch_add(1, Relaxed);
        self.counters.in_flight.fetch_sub(1, Relaxed);
    }

    /// A connection was accepted.
    pub(crate) fn open(&self) {
        self.counters.connections_accepted.fetch_add(1, Relaxed);
        self.counters.connections_open.fetch_add(1, Relaxed);
    }

    /// A connection was closed.
    pub(crate) fn close(&self) {
        self.counters.connections_open.fetch_sub(1, Relaxed);
    }

    /// A write is rendered so much later than it was due.
    pub(crate) fn note_late(&self, late_ns: u64) {
        let worst = &self.counters.late_max_ns;
        if late_ns > worst.load(Relaxed) {
            worst.fetch_max(late_ns, Relaxed);
        }
    }

    /// What the model of an engine has to do now.
    pub(crate) fn note_engine(&self, engine: &Engine) {
        self.counters.waiting.store(engine.waiting() as u64, Relaxed);
        self.counters.running.store(engine.running() as u64, Relaxed);
    }

    /// The engine gave a token, which is handed on at `now_ns`.
    pub(crate) fn note_grant(&self, grant: &Grant, now_ns: u64) {
        if let Some(queued_ns) = grant.queued_ns {
            self.counters.queue.record(queued_ns);
        }
        self.note_late(now_ns.saturating_sub(grant.due_ns));
    }

    /// The arrivals kept, in order of time.
    pub(crate) fn arrivals(&self) -> Vec<u64> {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sorted: Vec<u64> = arrivals.iter().copied().collect();
        drop(arrivals);
        sorted.sort_unstable();
        sorted
    }

    pub(crate) fn state(&self) -> State {
        let counters = &self.counters;
        State {
            in_flight: counters.in_flight.load(Relaxed),
            peak_in_flight: counters.peak_in_flight.load(Relaxed),
            requests: counters.requests.load(Relaxed),
            finished: counters.finished.load(Relaxed),
            cancelled: counters.cancelled.load(Relaxed),
            refused: counters.refused.load(Relaxed),
            prompt_tokens: counters.prompt_tokens.load(Relaxed),
            output_tokens: counters.output_tokens.load(Relaxed),
            writes: counters.writes.load(Relaxed),
            connections_accepted: counters.connections_accepted.load(Relaxed),
            connections_open: counters.connections_open.load(Relaxed),
            accept_pauses: counters.accept_pauses.load(Relaxed),
            late_max_ns: counters.late_max_ns.load(Relaxed),
        }
    }

    /// Forgets the arrivals, the notes of what is over, and all sums; what is open or in flight stays counted.
    pub(crate) fn reset(&self) {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let counters = &self.counters;
        counters.peak_in_flight.store(counters.in_flight.load(Relaxed), Relaxed);
        for sum in [
            &counters.requests,
            &counters.finished,
            &counters.cancelled,
            &counters.refused,
            &counters.prompt_tokens,
            &counters.output_tokens,
            &counters.writes,
            &counters.connections_accepted,
            &counters.accept_pauses,
            &counters.late_max_ns,
        ] {
            sum.store(0, Relaxed);
        }
        counters.queue.clear();
        self.notes.clear();
    }
}

/// A frozen server notices this late that it was stopped.
const STOP_CHECK: Duration = Duration::from_millis(20);
/// More arrivals push out the oldest.
const ARRIVALS_KEPT: usize = 1_000_000;
