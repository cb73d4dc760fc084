//! HTTP/2: how many streams a server allows, and the requests that wait for one because no new connection would help.

use super::h2_connection::H2Connection;
use super::pool::Core;
use super::slot::State;
use crate::clock::{MILLI, Nanos, SECOND};
use crate::driver::{Driver, Key};
use crate::plan::Reuse;
use crate::record::Cause;
use crate::wire::http2::SLIVER_WAIT;
use crate::worker::Worker;
use crate::worker::deadlines::DeadlineKind;
use std::collections::VecDeque;

/// What is known of the streams of one target, and who waits for one.
#[derive(Default)]
pub(in crate::worker) struct StreamLimits {
    /// `SETTINGS_MAX_CONCURRENT_STREAMS` of the connection that told last, `u32::MAX` where it named none; `None`
    /// before the first.
    told: Option<u32>,
    /// Since when the server has allowed none.
    none_since: Option<Nanos>,
    /// When the last connection was begun.
    begun: Nanos,
    /// Requests that wait for a stream of any connection, the oldest first. Those that ended meanwhile are skipped.
    waiting: VecDeque<Key>,
}

impl StreamLimits {
    /// Most streams that a connection is expected to allow.
    pub(in crate::worker) fn allowed(&self) -> u32 {
        self.told.unwrap_or(u32::MAX)
    }

    pub(in crate::worker) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// A connection is begun.
    pub(in crate::worker) fn begin(&mut self, now: Nanos) {
        self.begun = now;
    }
}

impl Core<'_> {
    /// The server's settings say how many streams a connection of the target may have open.
    pub(in crate::worker) fn allows(&mut self, target: u16, most: u32, now: Nanos) {
        let streams = &mut self.stream_limits[target as usize];
        streams.told = Some(most);
        streams.none_since = (most == 0).then(|| streams.none_since.unwrap_or(now));
        self.recorder.handle_max_streams(most);
    }

    /// Whether a new connection to the target may help a request that finds no stream. Where the server allows none, it
    /// does not, as long as a connection is there on which it could change its mind; without one, a new one is tried at
    /// times.
    pub(in crate::worker) fn may_begin(&self, target: u16, now: Nanos) -> bool {
        let streams = &self.stream_limits[target as usize];
        let soon = streams.begun.saturating_add(NEXT_TRY);
        streams.allowed() > 0 || !self.may_serve(target) && now >= soon
    }

    /// Whether a connection to the target is there or in the making that may take another request at some time.
    pub(in crate::worker) fn may_serve(&self, target: u16) -> bool {
        let once = self.context.plan.reuse != Reuse::Pooled;
        let serves = |h2: &H2Connection| {
            let gone = |c: &crate::wire::http2::Connection| c.going_away().is_some() || c.finished();
            !(once && h2.served > 0 || h2.connection.as_ref().is_some_and(gone))
        };
        self.h2_connections[target as usize].iter().any(|key| {
            let slot = &self.slots[key.slot as usize];
            slot.generation == key.generation && slot.h2.as_ref().is_some_and(|c| serves(c))
        })
    }

    /// Whether the server has allowed no stream for so long that requests do not wait any more; for how long that is.
    pub(in crate::worker) fn allows_none(&self, target: u16, now: Nanos) -> Option<Nanos> {
        let wait = NO_STREAMS_WAIT.min(self.context.plan.timeouts.connect);
        let since = self.stream_limits[target as usize].none_since?;
        (since.saturating_add(wait) <= now).then_some(wait)
    }

    /// A request waits for a stream of any connection.
    pub(in crate::worker) fn wait_for_stream(&mut self, stream: u32) {
        let name = self.key_of(stream);
        let slot = &mut self.slots[stream as usize];
        slot.h2_key = None;
        slot.state = State::Connecting;
        self.stream_limits[slot.target as usize].waiting.push_back(name);
    }

    /// The request that has waited longest for a stream of the target; it stays where it is.
    pub(in crate::worker) fn next_waiting(&mut self, target: u16) -> Option<u32> {
        let streams = &mut self.stream_limits[target as usize];
        while let Some(name) = streams.waiting.front() {
            let slot = &self.slots[name.slot as usize];
            let waits = slot.state == State::Connecting && slot.h2_key.is_none();
            if slot.generation == name.generation && slot.exchange.active() && waits {
                return Some(name.slot);
            }
            streams.waiting.pop_front();
        }
        None
    }

    /// Why a request has no complete response in time: it may have found no stream.
    pub(in crate::worker) fn late(&self, slot: u32) -> (Cause, String) {
        let what = "no complete answer in time (--request-timeout-seconds)";
        let state = &self.slots[slot as usize];
        let waits = state.state == State::Connecting && state.h2_key.is_none();
        if !waits || self.context.targets.heads2[state.target as usize].is_none() {
            return (Cause::Timeout, what.to_owned());
        }
        if self.stream_limits[state.target as usize].allowed() == 0 {
            return (Cause::Http2Refused, none_allowed(None));
        }
        let streams = match self.stream_limits[state.target as usize].allowed() {
            u32::MAX => String::new(),
            most => format!(" of {}", shown(most)),
        };
        let connections = self.h2_connections[state.target as usize].len();
        let why = format!(
            "{what}; it waited for a stream on {connections} connections{streams}, as no more may be open (ulimit -n)"
        );
        (Cause::Timeout, why)
    }

    /// Notes a connection that withholds a part of the server's window.
    pub(in crate::worker) fn withhold(&mut self, key: Key, h2: &mut H2Connection) {
        let since = h2.connection.as_ref().and_then(|c| c.withheld_since());
        if let Some(since) = since.filter(|_| !h2.withholds) {
            h2.withholds = true;
            let at = since.saturating_add(SLIVER_WAIT);
            self.deadlines.set(at, DeadlineKind::WithheldWindow, key.slot, key.generation.into());
        }
    }
}

impl<D: Driver> Worker<'_, D> {
    /// Requests that wait for a stream of a target take those that there are, and begin connections that help them.
    pub(in crate::worker) fn assign_waiting(&mut self, target: u16, now: Nanos) {
        while let Some(stream) = self.core.next_waiting(target) {
            let first = self.core.key_of(stream);
            self.core.stream_limits[target as usize].waiting.pop_front();
            if !self.try_assign(stream, false, now) {
                self.core.stream_limits[target as usize].waiting.push_front(first);
                return;
            }
        }
    }

    /// The server refused a request that went out before its settings came, and they allow no stream: it waits like the
    /// others.
    pub(in crate::worker) fn refused_early(&mut self, stream: Key, at: Nanos) {
        let slot = &mut self.core.slots[stream.slot as usize];
        if slot.generation != stream.generation || !slot.exchange.active() {
            return;
        }
        if !slot.exchange.may_go_again() {
            self.fail(stream.slot, Cause::Http2Refused, Some(none_allowed(None)), at);
            return;
        }
        slot.exchange.handle_move();
        slot.state = State::Connecting;
        self.assign(stream.slot, false, at);
    }

    /// Looks at the requests that wait for streams: those of a server that allows none do not wait for ever.
    pub(in crate::worker) fn look_at_streams(&mut self, now: Nanos) {
        for target in 0..self.core.stream_limits.len() as u16 {
            if !self.core.stream_limits[target as usize].is_waited_for() {
                continue;
            }
            if let Some(waited) = self.core.allows_none(target, now) {
                while let Some(stream) = self.core.next_waiting(target) {
                    self.core.stream_limits[target as usize].waiting.pop_front();
                    self.fail(stream, Cause::Http2Refused, Some(none_allowed(Some(waited))), now);
                }
            } else if !self.core.may_serve(target) {
                self.assign_waiting(target, now);
            }
        }
    }

    /// A connection that has withheld a part of the server's window for long enough uses it.
    pub(in crate::worker) fn send_withheld(&mut self, key: Key, now: Nanos) {
        let slot = &mut self.core.slots[key.slot as usize];
        let Some(mut h2) = slot.h2.take_if(|_| slot.generation == key.generation) else {
            return;
        };
        h2.withholds = false;
        if let Some(connection) = &mut h2.connection
            && connection.withheld_since().is_some_and(|since| since.saturating_add(SLIVER_WAIT) <= now)
        {
            connection.send_withheld(now, &mut h2.out);
            while let Ok(Some(event)) = connection.receive(&mut &[][..], now, &mut h2.out) {
                let name = event.tag().map(|tag| self.core.key_of(tag));
                h2.leaving.extend(name);
            }
        }
        self.core.withhold(key, &mut h2);
        self.core.slots[key.slot as usize].h2 = Some(h2);
        self.flush_h2(key);
    }
}

/// What is said of a server that allows no stream.
pub(in crate::worker) fn none_allowed(waited: Option<Nanos>) -> String {
    let waited = waited
        .map_or_else(String::new, |ns| format!(", and did not allow more within {:.1} s", ns as f64 / SECOND as f64));
    format!(
        "the server allows 0 streams on a connection (SETTINGS_MAX_CONCURRENT_STREAMS){waited}: see why it takes no requests, or write --http1.1"
    )
}

fn shown(streams: u32) -> String {
    match streams {
        1 => "1 stream".into(),
        n => format!("{n} streams"),
    }
}

/// How long requests wait for a server that allows no stream to allow one, and no longer than for a connection.
const NO_STREAMS_WAIT: Nanos = 5 * SECOND;
/// How soon the next connection is tried where the server allowed no stream on the one before, and has closed it.
const NEXT_TRY: Nanos = 100 * MILLI;
