//! The connections of a worker, and the requests on them: the only owner of the connection table.
//!
//! In: [`Connections::begin`] takes a request; events of the driver and deadlines change its state.
//! Out: [`Connections::poll_end`] tells of each request once that it has ended. What is common to HTTP/1 and HTTP/2 is
//! written once: `connect` makes a connection, `close` closes it, `retry` decides whether a request is retried.
//!
//! The driver is lent to its own handler while it waits. So what events change is [`Pool`], which has no driver; what
//! they ask to be done with it is a [`Command`], done when the wait is over, in the order of the events.

mod addresses;
mod batch_wait;
mod begin;
mod close;
mod connect;
mod connection;
mod expiry;
mod h2_connection;
mod h2_read;
mod h2_targets;
mod http1;
mod http2;
mod lags;
mod pool;
mod retry;
mod slot;
mod table;
mod tls;

use super::context::Context;
use super::messages::RequestEnd;
use super::os_error;
use super::recorder::Recorder;
use crate::clock::Nanos;
use crate::driver::{Driver, DriverStats, Key};
use crate::error::{Error, Result};
use crate::measure::Shard;
use crate::resolve::Asker;
use crate::setting::Setting::Io;
use pool::{Command, Pool};

/// The connections of a worker.
pub(super) struct Connections<'a, D> {
    driver: D,
    /// Where each connection asks for the addresses of its target, if it does.
    resolver: Option<Asker>,
    pool: Pool<'a>,
}

impl<'a, D: Driver> Connections<'a, D> {
    /// At most `capacity` connections.
    pub(super) fn new(driver: D, context: Context<'a>, recorder: Recorder, capacity: usize) -> Self {
        Self { driver, resolver: None, pool: Pool::new(context, recorder, capacity) }
    }

    /// Keeps slots for so many requests at a time: HTTP/2 connections take the others, and at least one.
    pub(super) fn keep_for_requests(&mut self, requests: usize) {
        let connections = self.pool.slots.capacity().saturating_sub(requests).max(1);
        self.pool.h2_targets.set_max_connections(connections);
    }

    /// A phase begins.
    pub(super) fn begin_phase(&mut self, context: Context<'a>) {
        self.pool.begin_phase(context);
    }

    /// The worker's counters.
    pub(super) fn recorder_mut(&mut self) -> &mut Recorder {
        &mut self.pool.recorder
    }

    /// The driver's clock.
    pub(super) fn now(&mut self) -> Nanos {
        self.driver.now()
    }

    /// Waits once, until then at the longest, and does what the completions ask for.
    ///
    /// # Errors
    /// When the driver's wait cannot go on.
    pub(super) fn wait(&mut self, until: Nanos) -> Result<()> {
        let batch = self.batch();
        let pool = &mut self.pool;
        self.driver.wait(until, batch, &mut |key, event, seen| pool.handle_event(key, event, seen)).map_err(|e| {
            Error::environment(
                format!("the wait for the network failed: {}", os_error(e)),
                format!("use the other driver ({Io} epoll, {Io} uring), and report it with the kernel's release (`uname -r`)"),
            )
        })?;
        let mut commands = self.pool.take_commands();
        for command in commands.drain(..) {
            self.execute(command);
        }
        self.pool.keep(commands);
        self.publish();
        Ok(())
    }

    /// How long a wait may go on collecting completions. Not with user stamps, as the read is the stamp then, nor while
    /// a connection is made, as each step of that waits for the one before.
    fn batch(&mut self) -> Nanos {
        let (pool, driver) = (&mut self.pool, &mut self.driver);
        let in_flight = pool.in_flight();
        if in_flight < BATCHED || pool.is_making() || !pool.context.plan.stamps.by_kernel() {
            return 0;
        }
        let events = pool.recorder.events();
        pool.batch_wait.next(in_flight, || (driver.now(), events))
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Connected(key) => self.connected(key),
            Command::ConnectFailed(key, e, at) => self.connect_failed(key, e, at),
            Command::Secured(key) => self.secured(key),
            Command::Flush(key) => self.flush(key),
            Command::OpenWaiting(key) => self.open_waiting(key),
            Command::Unprocessed(stream, code, at) => self.unprocessed(stream, code, at),
            Command::RefusedEarly(stream, at) => self.refused_early(stream, at),
            Command::CloseSpent(key) => self.close_spent(key),
            Command::Resolved(reply) => self.resolved(reply),
            Command::Close(key) => self.close(key),
            Command::Lost(key, cause, detail, at) => self.lost(key, cause, detail, at),
        }
    }

    /// The next request that has ended.
    pub(super) fn poll_end(&mut self) -> Option<RequestEnd> {
        self.pool.poll_end()
    }

    /// The instant of the next deadline.
    pub(super) fn next_at(&self) -> Option<Nanos> {
        self.pool.deadlines.next_at()
    }

    /// Whether the request of a slot waits for its first token.
    pub(super) fn awaits_first_token(&self, slot: u32, id: u128) -> bool {
        self.pool.awaits_first_token(slot, id)
    }

    /// Shows the live view how far the phase is.
    pub(super) fn publish(&self) {
        self.pool.recorder.publish(&self.pool.context, self.pool.in_flight() as u64);
    }

    /// The worker's sums, and what its driver counted.
    pub(super) fn finish(mut self) -> (Shard, DriverStats) {
        let now = self.driver.now();
        for slot in 0..self.pool.slots.len() as u32 {
            self.pool.count_http2(slot, now);
            let key: Key = self.pool.slots.key_of(slot);
            self.record_tcp_info(key);
        }
        let stats = self.driver.stats();
        (self.pool.recorder.finish(&stats), stats)
    }

    /// The driver, for tests to ask what its peer saw.
    pub(super) fn driver(&self) -> &D {
        &self.driver
    }
}

/// Bytes of a request over which its last byte is stamped: ten full segments, the initial window of a connection and of
/// one that was idle (RFC 6928 §2, RFC 5681 §4.1). What is not longer leaves as one burst, as a rule, while it is given
/// to the kernel.
const STAMPED_OVER: usize = 10 * 1_448;

/// Requests in flight from which on collecting completions is worth a wait: fewer hardly ever complete together.
const BATCHED: usize = 16;
