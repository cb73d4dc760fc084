//! How a connection comes to be: its name, its connect, its handshake, and who may use it.

use super::pool::Core;
use super::slot::State;
use crate::clock::Nanos;
use crate::driver::{Driver, Key, Sending};
use crate::error::Result;
use crate::exchange::explain;
use crate::record::{Cause, Handshake};
use crate::resolve::{self, Asker, Line};
use crate::schedule;
use crate::worker::deadlines::DeadlineKind;
use crate::worker::{LOOK_UP, Worker, os_error};
use socket2::SockAddr;

impl<D: Driver> Worker<'_, D> {
    /// Asks the name service where a target is whenever a connection is made. The driver needs two slots past
    /// `capacity`.
    ///
    /// # Errors
    /// The error number when the driver cannot wait for the service's answers.
    pub fn ask_names(&mut self, line: Line) -> std::result::Result<(), i32> {
        let slot = self.core.capacity as u32 + 1;
        let key = Key { slot, generation: 0 };
        self.driver.adopt(key, line.answers.into())?;
        self.core.names = Some((slot, resolve::Decoder::default()));
        self.asker = Some(line.asker);
        Ok(())
    }

    /// Makes connections before any request asks for one, this worker's share of `Network::prewarm`, each target's in
    /// turn. Those that are not there after the connect time-out are given up. An HTTP/2 connection is there when the
    /// server's settings have come, as only they say how many requests it takes.
    ///
    /// # Errors
    /// When the driver's wait cannot go on.
    pub fn prewarm(&mut self) -> Result<()> {
        let plan = self.core.context.plan;
        let share = schedule::closed_split(plan.network.prewarm, self.core.context.shared.workers);
        let mine = share.get(self.core.context.index).copied().unwrap_or(0) as usize;
        for i in 0..mine.min(self.core.capacity) {
            let slot = self.core.new_slot();
            let target = i % self.core.context.targets.tls.len();
            self.core.slots[slot as usize].target = target as u16;
            if self.core.context.targets.heads2[target].is_some() {
                self.begin_h2(slot, None);
            } else {
                self.connect(slot, State::Warming);
            }
        }
        let until = self.driver.now().saturating_add(plan.timeouts.connect);
        let warming = |core: &Core<'_>| {
            core.slots.iter().any(|s| match &s.h2 {
                None => s.state == State::Warming,
                Some(h2) => !h2.settings_received,
            })
        };
        let control = self.core.context.control;
        while warming(&self.core) && self.driver.now() < until && control.stops() == 0 {
            let soon = self.driver.now() + LOOK_UP;
            self.turn(until.min(soon))?;
            let now = self.driver.now();
            self.handle_deadlines(now);
        }
        for slot in 0..self.core.slots.len() as u32 {
            let generation = self.core.slots[slot as usize].generation;
            if self.core.slots[slot as usize].state == State::Warming {
                self.close(Key { slot, generation });
            }
        }
        Ok(())
    }

    /// Begins a connection for a slot, at its name if that has to be looked up.
    pub(in crate::worker) fn connect(&mut self, slot: u32, why: State) {
        let now = self.driver.now();
        let core = &mut self.core;
        let state = &mut core.slots[slot as usize];
        state.generation = (state.generation + 1) & 0x00ff_ffff;
        state.state = why;
        state.served = 0;
        state.addr = None;
        state.candidates.clear();
        state.attempts = 0;
        state.tls = None;
        state.sending = false;
        state.broken = None;
        state.untaken = false;
        state.unended = false;
        state.h2_key = None;
        let key = Key { slot, generation: state.generation };
        let connect_by = now.saturating_add(core.context.plan.timeouts.connect);
        state.connect_by = Some(connect_by);
        core.deadlines.set(connect_by, DeadlineKind::Connect, slot, 0);
        let addrs = &core.context.targets.addrs[state.target as usize];
        if !addrs.is_empty() {
            self.connect_to_one_of(key, addrs);
            return;
        }
        let token = u64::from(slot) << 32 | u64::from(key.generation);
        if let Some(exchange) = self.core.initiator(slot) {
            exchange.handle_asking(now);
        }
        let target = self.core.slots[slot as usize].target as usize;
        let target = &self.core.context.plan.targets[target];
        let asked = |asker: &Asker| asker.ask(token, &target.host, target.port);
        if !self.asker.as_ref().is_some_and(asked) {
            let what = "the name service has ended".to_owned();
            self.lost(key, Cause::DnsFailed, Some(what), now);
        }
    }

    /// Connects to the address whose turn it is.
    fn connect_to_one_of(&mut self, key: Key, addrs: &[SockAddr]) {
        let now = self.driver.now();
        if let Some(exchange) = self.core.initiator(key.slot) {
            exchange.handle_connecting(now);
        }
        let core = &mut self.core;
        let target = core.slots[key.slot as usize].target as usize;
        let (begun, workers) = (core.turns[target], core.context.shared.workers as u64);
        core.turns[target] += 1;
        let (place, source) = pair(begun * workers + core.context.index as u64, addrs.len());
        if let [only] = addrs {
            self.connect_to(key, only.clone(), source);
            return;
        }
        let mut order = core.addresses.order(addrs, place, now);
        order.reverse();
        if let Some(first) = order.pop() {
            core.slots[key.slot as usize].candidates = order;
            self.connect_to(key, first, source);
        }
    }

    fn connect_to(&mut self, key: Key, addr: SockAddr, source: u64) {
        self.core.recorder.handle_connecting();
        let begun = self.driver.connect(key, &addr, source);
        let slot = &mut self.core.slots[key.slot as usize];
        slot.addr = Some(addr);
        slot.attempts += 1;
        let now = self.driver.now();
        self.core.set_address_deadline(key, now);
        if let Err(e) = begun {
            self.refused(key, e, now);
        }
    }

    /// The connect failed. The next address of the target is tried, unless the failure is this process's.
    pub(in crate::worker) fn refused(&mut self, key: Key, errno: i32, at: Nanos) {
        let slot = &mut self.core.slots[key.slot as usize];
        if slot.generation != key.generation {
            return;
        }
        let next = slot.candidates.pop().filter(|_| !of_process(errno));
        let attempts = slot.attempts;
        let addr = slot.addr.clone();
        if let (Some(addr), true) = (&addr, attempts > 1 || next.is_some()) {
            self.core.shun(addr, errno, at);
        }
        if let Some(next) = next {
            self.driver.close(key);
            let source = self.core.turns[self.core.slots[key.slot as usize].target as usize];
            self.connect_to(key, next, source);
            return;
        }
        let what = match &addr {
            Some(addr) if attempts > 1 => {
                format!("each of {attempts} addresses failed; the last, {}: {}", shown(addr), os_error(errno))
            }
            Some(addr) => format!("{}: {}", shown(addr), os_error(errno)),
            None => os_error(errno),
        };
        self.lost(key, connect_cause(errno), Some(what), at);
    }

    /// The name service has answered for a slot.
    pub(in crate::worker) fn resolved(&mut self, reply: resolve::Reply) {
        let key = Key { slot: (reply.token >> 32) as u32, generation: reply.token as u32 };
        let Some(()) = self
            .core
            .slots
            .get(key.slot as usize)
            .filter(|s| s.generation == key.generation)
            .filter(|s| matches!(s.state, State::Connecting | State::Warming | State::Http2))
            .map(|_| ())
        else {
            return;
        };
        if let Some(exchange) = self.core.initiator(key.slot) {
            exchange.handle_resolved(reply.started, reply.ended);
        }
        match reply.outcome {
            Ok(found) if !found.addrs.is_empty() => {
                let addrs: Vec<SockAddr> = found.addrs.iter().map(|a| (*a).into()).collect();
                self.connect_to_one_of(key, &addrs);
            }
            Ok(_) => self.lost(key, Cause::DnsFailed, None, reply.ended),
            Err(text) => self.lost(key, Cause::DnsFailed, Some(text), reply.ended),
        }
    }

    /// The connection is there: it is secured, where its target wants that.
    pub(in crate::worker) fn opened(&mut self, key: Key) {
        let now = self.driver.now();
        let slot = &mut self.core.slots[key.slot as usize];
        if slot.generation != key.generation {
            return;
        }
        slot.candidates.clear();
        self.core.recorder.handle_connected();
        let Some(client) = &self.core.context.targets.tls[slot.target as usize] else {
            self.usable(key);
            return;
        };
        match client.session() {
            Ok(session) => {
                slot.tls = Some(Box::new(session));
                if let Some(exchange) = self.core.initiator(key.slot) {
                    exchange.handle_securing(now);
                }
                self.flush(key);
            }
            Err(e) => {
                let (cause, detail) = explain(&e);
                self.lost(key, cause, Some(detail), now);
            }
        }
    }

    /// The TLS handshake is done, its cryptography included.
    pub(in crate::worker) fn secured(&mut self, key: Key) {
        let now = self.driver.now();
        let slot = &mut self.core.slots[key.slot as usize];
        if slot.generation != key.generation {
            return;
        }
        let facts = slot.tls.as_ref().and_then(|tls| tls.facts());
        let resumed = facts.is_some_and(|f| f.resumed);
        let handshake = if resumed { Handshake::Resumed } else { Handshake::Full };
        self.core.recorder.handle_handshake(facts);
        if let Some(exchange) = self.core.initiator(key.slot) {
            exchange.handle_secured(now, handshake);
        }
        self.usable(key);
    }

    /// A fresh connection may be used: by the request that waits for it, or later.
    pub(in crate::worker) fn usable(&mut self, key: Key) {
        let config = self.core.http2_config();
        let slot = &mut self.core.slots[key.slot as usize];
        slot.connect_by = None;
        if let Some(h2) = &mut slot.h2 {
            h2.begin(config);
            h2.established = true;
            let drains = h2.settings_received;
            // Until the server's settings say how many streams it takes, one is sure to be taken, unless it took none
            // before.
            let takes = self.core.stream_limits[slot.target as usize].allowed() > 0;
            if !takes && !drains {
                h2.kept = true;
                self.flush(key);
            } else if let Some(initiator) = (!h2.waiting.is_empty()).then(|| h2.waiting.remove(0)) {
                self.open_stream(key, initiator);
            } else {
                h2.kept = true;
                self.flush(key);
            }
            if drains {
                self.drain_pending(key);
            }
        } else if slot.state == State::Warming {
            let now = self.driver.now();
            self.core.park(key, now);
        } else {
            self.send(key);
        }
    }

    /// Hands to the kernel what TLS wants to write, once it has taken what came before.
    pub(in crate::worker) fn flush(&mut self, key: Key) {
        let core = &mut self.core;
        let slot = &mut core.slots[key.slot as usize];
        if slot.generation == key.generation && slot.h2.is_some() {
            self.flush_h2(key);
            return;
        }
        let Some(tls) = slot
            .tls
            .as_mut()
            .filter(|_| slot.generation == key.generation)
            .filter(|_| !slot.sending && slot.broken.is_none())
        else {
            return;
        };
        core.sealed.clear();
        tls.take_output(&mut core.sealed);
        if core.sealed.is_empty() {
            return;
        }
        let sending = self.driver.send(key, &core.sealed);
        let now = self.driver.now();
        match sending {
            Sending::Done if slot.state == State::Draining => self.core.park(key, now),
            Sending::Done => {}
            Sending::Pending => slot.sending = true,
            Sending::Failed(e) => self.core.send_broke(key, e, now),
        }
    }
}

/// Which of a target's addresses its connection `turn` of the run goes to, and the turn of the local address that it
/// leaves by: each address has as many connections as any other, and so has each pair.
fn pair(turn: u64, addrs: usize) -> (usize, u64) {
    let addrs = addrs as u64;
    let (round, place) = (turn / addrs, turn % addrs);
    (place as usize, place + round)
}

/// Whether a connect failed for want of something of this process's or machine's, which no other address has more of.
fn of_process(errno: i32) -> bool {
    matches!(errno, libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS)
}

/// An address as one writes it: `10.0.0.1:80`, `[::1]:80`, `unix:/path`.
pub(in crate::worker) fn shown(addr: &SockAddr) -> String {
    match (addr.as_socket(), addr.as_pathname()) {
        (Some(addr), _) => addr.to_string(),
        (None, Some(path)) => format!("unix:{}", path.display()),
        (None, None) => "the server".into(),
    }
}

fn connect_cause(errno: i32) -> Cause {
    match errno {
        libc::ECONNREFUSED => Cause::ConnectRefused,
        libc::ETIMEDOUT => Cause::ConnectTimeout,
        libc::EADDRNOTAVAIL => Cause::PortsExhausted,
        libc::EMFILE | libc::ENFILE => Cause::DescriptorsExhausted,
        _ => Cause::ConnectFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn over_all_workers_each_pair_of_addresses_has_as_many_connections() {
        for (addrs, sources) in [(1, 1), (4, 4), (3, 4), (2, 6), (1, 5), (5, 1)] {
            for workers in [1, 2, 3, 4] {
                let mut seen = BTreeMap::new();
                let each = (addrs * sources) as u64;
                for worker in 0..workers {
                    for begun in 0..each {
                        let (to, from) = pair(begun * workers + worker, addrs);
                        *seen.entry((to, from % sources as u64)).or_insert(0) += 1;
                    }
                }
                assert_eq!(seen.len(), addrs * sources);
                assert!(seen.values().all(|n| *n == workers), "{seen:?}");
            }
        }
    }

    #[test]
    fn the_first_connections_are_to_all_addresses_from_all_local_ones() {
        let first: Vec<_> = (0..4).map(|turn| pair(turn, 4)).collect();
        assert_eq!(first, [(0, 0), (1, 1), (2, 2), (3, 3)]);
    }

    #[test]
    fn addresses_are_shown_as_they_are_written() {
        let v6: std::net::SocketAddr = "[::1]:80".parse().unwrap();
        assert_eq!(shown(&v6.into()), "[::1]:80");
        assert_eq!(shown(&SockAddr::unix("/a/b").unwrap()), "unix:/a/b");
    }
}
