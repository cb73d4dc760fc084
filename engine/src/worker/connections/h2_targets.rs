//! HTTP/2 by target: its connections, how many streams its server allows, and the requests that wait for one because no
//! new connection would help.

use super::Connections;
use super::h2_connection::H2Connection;
use super::pool::Pool;
use crate::clock::{MILLI, Nanos, SECOND};
use crate::driver::{Driver, Key};
use crate::plan::Reuse;
use crate::record::Cause;
use crate::setting::Setting::{Http1, RequestTimeout};
use std::collections::VecDeque;

/// What is known of the targets that speak HTTP/2.
pub(super) struct H2Targets {
    targets: Vec<H2Target>,
    /// Most connections of all targets, so that requests find slots too.
    max_connections: usize,
    /// Reads so far: names them.
    reads: u64,
}

/// The connections of one target, and the streams on them.
#[derive(Default)]
struct H2Target {
    connections: Vec<Key>,
    /// `SETTINGS_MAX_CONCURRENT_STREAMS` of the connection that told last, `u32::MAX` where it named none; `None`
    /// before the first.
    max_streams: Option<u32>,
    /// Since when the server has allowed no stream.
    none_since: Option<Nanos>,
    /// When the last connection was begun.
    begun_at: Nanos,
    /// Requests that wait for a stream of any connection, the oldest first. Those that ended meanwhile are skipped.
    waiting: VecDeque<Key>,
}

impl H2Targets {
    pub(super) fn new(targets: usize, max_connections: usize) -> Self {
        Self { targets: (0..targets).map(|_| H2Target::default()).collect(), max_connections, reads: 0 }
    }

    /// Bounds the connections of all targets.
    pub(super) fn set_max_connections(&mut self, max_connections: usize) {
        self.max_connections = max_connections;
    }

    /// Whether no more connections may be opened while those that are there may serve.
    pub(super) fn is_full(&self) -> bool {
        self.targets.iter().map(|t| t.connections.len()).sum::<usize>() >= self.max_connections
    }

    pub(super) fn len(&self) -> usize {
        self.targets.len()
    }

    /// The number of the next read.
    pub(super) fn next_read(&mut self) -> u64 {
        self.reads += 1;
        self.reads
    }

    pub(super) fn connections(&self, target: u16) -> &[Key] {
        &self.targets[target as usize].connections
    }

    /// Most streams that a connection of the target is expected to allow.
    pub(super) fn allowed(&self, target: u16) -> u32 {
        self.targets[target as usize].max_streams.unwrap_or(u32::MAX)
    }

    /// Whether requests wait for a stream of any connection of the target.
    pub(super) fn has_waiting(&self, target: u16) -> bool {
        !self.targets[target as usize].waiting.is_empty()
    }

    /// A connection is begun.
    pub(super) fn handle_begun(&mut self, target: u16, key: Key, now: Nanos) {
        let target = &mut self.targets[target as usize];
        target.connections.push(key);
        target.begun_at = now;
    }

    /// The connect of a connection goes on under another key.
    pub(super) fn rename(&mut self, target: u16, old: Key, new: Key) {
        let connections = &mut self.targets[target as usize].connections;
        connections.iter_mut().filter(|key| **key == old).for_each(|key| *key = new);
    }

    /// A connection is closed.
    pub(super) fn handle_closed(&mut self, target: u16, key: Key) {
        self.targets[target as usize].connections.retain(|k| *k != key);
    }

    /// A server's settings say how many streams a connection of the target may have open.
    pub(super) fn handle_settings(&mut self, target: u16, max_streams: u32, now: Nanos) {
        let target = &mut self.targets[target as usize];
        target.max_streams = Some(max_streams);
        target.none_since = (max_streams == 0).then(|| target.none_since.unwrap_or(now));
    }

    fn first_waiting(&self, target: u16) -> Option<Key> {
        self.targets[target as usize].waiting.front().copied()
    }

    fn pop_waiting(&mut self, target: u16) {
        self.targets[target as usize].waiting.pop_front();
    }
}

impl Pool<'_> {
    /// Most requests that share a connection.
    pub(super) fn streams_per_connection(&self) -> u32 {
        match self.context.plan.reuse {
            Reuse::Pooled => self.context.plan.network.streams_per_connection,
            Reuse::Never | Reuse::StickySessions => 1,
        }
    }

    /// Whether a connection serves one request only.
    pub(super) fn serves_once(&self) -> bool {
        self.context.plan.reuse != Reuse::Pooled
    }

    /// A connection of the target with a free stream, the oldest first; `fresh` wants one that is being made.
    pub(super) fn h2_with_free_stream(&self, target: u16, fresh: bool) -> Option<Key> {
        let streams = self.streams_per_connection();
        let allowed = self.h2_targets.allowed(target);
        let once = self.serves_once();
        let takes = |h2: &H2Connection| {
            !(once && h2.has_served() || fresh && h2.is_established()) && h2.free_streams(streams, allowed) > 0
        };
        self.h2_targets.connections(target).iter().copied().find(|key| {
            let slot = self.slots.get(*key).filter(|slot| slot.connection.send_error().is_none());
            slot.and_then(|slot| slot.h2.as_ref()).is_some_and(|h2| takes(h2))
        })
    }

    /// Whether a new connection to the target may help a request that finds no stream. Where the server allows none, it
    /// does not, as long as a connection is there on which it could change its mind; without one, a new one is tried at
    /// times.
    pub(super) fn may_begin(&self, target: u16, now: Nanos) -> bool {
        let soon = self.h2_targets.targets[target as usize].begun_at.saturating_add(NEXT_TRY);
        self.h2_targets.allowed(target) > 0 || !self.may_serve(target) && now >= soon
    }

    /// Whether a connection to the target is there or in the making that may take another request at some time.
    pub(super) fn may_serve(&self, target: u16) -> bool {
        let once = self.serves_once();
        self.h2_targets.connections(target).iter().any(|key| {
            let h2 = self.slots.get(*key).and_then(|slot| slot.h2.as_ref());
            h2.is_some_and(|h2| !(once && h2.has_served() || h2.is_closing()))
        })
    }

    /// Whether the server has allowed no stream for so long that requests do not wait any more; for how long that is.
    pub(super) fn allows_none(&self, target: u16, now: Nanos) -> Option<Nanos> {
        let wait = NO_STREAMS_WAIT.min(self.context.plan.timeouts.connect);
        let since = self.h2_targets.targets[target as usize].none_since?;
        (since.saturating_add(wait) <= now).then_some(wait)
    }

    /// A request waits for a stream of any connection.
    pub(super) fn wait_for_stream(&mut self, stream: u32) {
        let key = self.slots.key_of(stream);
        let slot = &mut self.slots[stream];
        slot.assign(None);
        slot.wait();
        self.h2_targets.targets[slot.target() as usize].waiting.push_back(key);
    }

    /// The request that has waited longest for a stream of the target; it stays where it is.
    fn next_waiting(&mut self, target: u16) -> Option<Key> {
        while let Some(key) = self.h2_targets.first_waiting(target) {
            let slot = self.slots.get(key).filter(|slot| slot.exchange.active() && slot.waits_for_stream());
            if slot.is_some() {
                return Some(key);
            }
            self.h2_targets.pop_waiting(target);
        }
        None
    }

    /// Why a request has no complete response in time: it may have found no stream.
    pub(super) fn late(&self, slot: u32) -> (Cause, String) {
        let what = format!("no complete answer in time ({RequestTimeout})");
        let slot = &self.slots[slot];
        let target = slot.target();
        if !slot.waits_for_stream() || self.context.targets.heads2[target as usize].is_none() {
            return (Cause::Timeout, what);
        }
        let streams = match self.h2_targets.allowed(target) {
            0 => return (Cause::Http2Refused, none_allowed(None)),
            u32::MAX => String::new(),
            1 => " of 1 stream".to_owned(),
            n => format!(" of {n} streams"),
        };
        let connections = self.h2_targets.connections(target).len();
        let why = format!(
            "{what}; it waited for a stream on {connections} connections{streams}, as no more may be open (ulimit -n)"
        );
        (Cause::Timeout, why)
    }
}

impl<D: Driver> Connections<'_, D> {
    /// Requests that wait for a stream of a target take those that there are, and begin connections that help them.
    pub(super) fn assign_waiting(&mut self, target: u16, now: Nanos) {
        while let Some(first) = self.pool.next_waiting(target) {
            self.pool.h2_targets.pop_waiting(target);
            if !self.try_assign(first.slot, false, now) {
                self.pool.h2_targets.targets[target as usize].waiting.push_front(first);
                return;
            }
        }
    }

    /// Looks at the requests that wait for streams: those of a server that allows none do not wait for ever.
    pub(super) fn handle_waiting_streams(&mut self, now: Nanos) {
        for target in 0..self.pool.h2_targets.len() as u16 {
            if !self.pool.h2_targets.has_waiting(target) {
                continue;
            }
            if let Some(waited) = self.pool.allows_none(target, now) {
                while let Some(stream) = self.pool.next_waiting(target) {
                    self.pool.h2_targets.pop_waiting(target);
                    self.fail(stream.slot, Cause::Http2Refused, Some(none_allowed(Some(waited))), now);
                }
            } else if !self.pool.may_serve(target) {
                self.assign_waiting(target, now);
            }
        }
    }
}

/// The message about a server that allows no stream.
pub(super) fn none_allowed(waited: Option<Nanos>) -> String {
    let waited = waited
        .map_or_else(String::new, |ns| format!(", and did not allow more within {:.1} s", ns as f64 / SECOND as f64));
    format!(
        "the server allows 0 streams on a connection (SETTINGS_MAX_CONCURRENT_STREAMS){waited}: see why it takes no requests, or write {Http1}"
    )
}

/// How long requests wait for a server that allows no stream to allow one, and no longer than for a connection.
const NO_STREAMS_WAIT: Nanos = 5 * SECOND;
/// How soon the next connection is tried where the server allowed no stream on the one before, and has closed it.
const NEXT_TRY: Nanos = 100 * MILLI;
