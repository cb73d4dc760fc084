//! How a connection is made, for both protocols: its name, its connect, its TLS handshake, and who may use it.

use super::Connections;
use super::h2_connection::H2Connection;
use super::slot::State;
use crate::clock::Nanos;
use crate::driver::{Driver, Key, errno};
use crate::error::Result;
use crate::exchange::{Stage, explain};
use crate::record::{Cause, Handshake};
use crate::resolve::{self, Asker, Line};
use crate::schedule;
use crate::worker::{LOOK_UP, os_error};
use socket2::SockAddr;

impl<D: Driver> Connections<'_, D> {
    /// Asks the name service where a target is whenever a connection is made. The driver needs two slots past its
    /// capacity.
    ///
    /// # Errors
    /// The error number when the driver cannot wait for the service's answers.
    pub(in crate::worker) fn set_resolver(&mut self, line: Line) -> std::result::Result<(), i32> {
        let slot = self.pool.slots.capacity() as u32 + 1;
        let key = Key { slot, generation: 0 };
        self.driver.adopt(key, line.answers.into())?;
        self.pool.set_resolver(slot);
        self.resolver = Some(line.asker);
        Ok(())
    }

    /// Makes connections before any request asks for one, this worker's share of `Network::prewarm`, each target's in
    /// turn. Those that are not there after the connect time-out are given up. An HTTP/2 connection is there when the
    /// server's settings have come, as only they say how many requests it takes.
    ///
    /// # Errors
    /// When the driver's wait cannot go on.
    pub(in crate::worker) fn prewarm(&mut self) -> Result<()> {
        let context = self.pool.context;
        let share = schedule::closed_split(context.plan.network.prewarm, context.shared.cores.of);
        let mine = share.get(context.core).copied().unwrap_or(0) as usize;
        for i in 0..mine.min(self.pool.slots.capacity()) {
            let slot = self.pool.add_slot();
            let target = i % context.targets.tls.len();
            self.pool.slots[slot].set_target(target as u16);
            if context.targets.heads2[target].is_some() {
                self.begin_h2(slot, None);
            } else {
                self.connect(slot, State::Warming);
            }
        }
        let until = self.driver.now().saturating_add(context.plan.timeouts.connect);
        while self.pool.is_warming() && self.driver.now() < until && context.control.stops() == 0 {
            let soon = self.driver.now() + LOOK_UP;
            self.wait(until.min(soon))?;
            let now = self.driver.now();
            self.handle_deadlines(now);
        }
        for slot in 0..self.pool.slots.len() as u32 {
            if self.pool.slots[slot].state() == State::Warming {
                self.close(self.pool.slots.key_of(slot));
            }
        }
        Ok(())
    }

    /// Takes a slot without a connection, that of an idle connection where there is no other, which is closed then.
    /// Where there is none at all, a slot that is good only to record the failure.
    pub(super) fn take_slot(&mut self) -> std::result::Result<u32, u32> {
        let (slot, evicted) = self.pool.take_slot()?;
        if let Some(key) = evicted {
            self.close_transport(key);
        }
        Ok(slot)
    }

    /// Begins an HTTP/2 connection in a slot, for a stream or ahead of any.
    pub(super) fn begin_h2(&mut self, slot: u32, stream: Option<u32>) {
        let now = self.driver.now();
        let initiator = stream.map(|stream| self.pool.slots.key_of(stream));
        let state = &mut self.pool.slots[slot];
        let key = Key { slot, generation: state.next_generation() };
        let target = state.target();
        state.h2 = Some(Box::new(H2Connection::new(initiator)));
        self.pool.h2_targets.handle_begun(target, key, now);
        if let Some(stream) = stream {
            self.pool.slots[stream].assign(Some(key));
        }
        self.connect(slot, State::Http2);
    }

    /// Begins a connection for a slot, at its name if that has to be looked up.
    pub(super) fn connect(&mut self, slot: u32, why: State) {
        let now = self.driver.now();
        let context = self.pool.context;
        let connect_by = now.saturating_add(context.plan.timeouts.connect);
        self.pool.begin_connection(slot, why, connect_by);
        self.pool.set_connect_deadline(slot, connect_by);
        let key = self.pool.slots.key_of(slot);
        let target = self.pool.slots[slot].target() as usize;
        let addrs = &context.targets.addrs[target];
        if !addrs.is_empty() {
            self.connect_to_one_of(key, addrs);
            return;
        }
        let token = u64::from(slot) << 32 | u64::from(key.generation);
        self.pool.slots[slot].connection.set_lookup(Some(token));
        if let Some(exchange) = self.pool.initiator(slot) {
            exchange.handle_asking(now);
        }
        let target = &context.plan.targets[target];
        let asked = |resolver: &Asker| resolver.ask(token, &target.host, target.port);
        if !self.resolver.as_ref().is_some_and(asked) {
            let what = "the name service has ended".to_owned();
            self.lost(key, Cause::DnsFailed, Some(what), now);
        }
    }

    /// Connects to the address whose turn it is.
    fn connect_to_one_of(&mut self, key: Key, addrs: &[SockAddr]) {
        let now = self.driver.now();
        if let Some(exchange) = self.pool.initiator(key.slot) {
            exchange.handle_connecting(now);
        }
        let context = self.pool.context;
        let target = self.pool.slots[key.slot].target();
        let worker = (context.core, context.shared.cores.of);
        let (mut candidates, source) = self.pool.addresses.take_turn(target, addrs, worker, now);
        if let Some(first) = candidates.pop() {
            self.pool.slots[key.slot].connection.set_candidates(candidates);
            self.connect_to(key, first, source);
        }
    }

    fn connect_to(&mut self, key: Key, addr: SockAddr, source: u64) {
        self.pool.recorder.handle_connecting();
        let begun_at = self.driver.now();
        let begun = self.driver.connect(key, &addr, source);
        self.pool.slots[key.slot].connection.handle_connecting(addr, begun_at);
        let now = self.driver.now();
        self.pool.set_address_deadline(key, now);
        if let Err(e) = begun {
            self.connect_failed(key, e, now);
        }
    }

    /// The connect failed. The next address of the target is tried, unless the failure is this process's. Where there
    /// is none yet, and the look-up of the name may bring one, it is waited for (RFC 8305 §3).
    pub(super) fn connect_failed(&mut self, key: Key, errno: i32, at: Nanos) {
        let Some(slot) = self.pool.slots.get_mut(key) else {
            return;
        };
        let next = slot.connection.next_candidate().filter(|_| !is_of_process(errno));
        if next.is_none() && slot.connection.lookup().is_some() && !is_of_process(errno) {
            slot.connection.hold(errno);
            return;
        }
        let attempts = slot.connection.attempts();
        let addr = slot.connection.addr().cloned();
        let target = slot.target();
        if let (Some(addr), true) = (&addr, attempts > 1 || next.is_some()) {
            self.pool.addresses.avoid(addr, at);
            self.pool.recorder.handle_address_failed(&format_address(addr), &os_error(errno));
        }
        if let Some(next) = next {
            self.driver.close(key);
            let source = self.pool.addresses.turns(target);
            self.connect_to(key, next, source);
            return;
        }
        let what = match &addr {
            Some(addr) if attempts > 1 => {
                format!("each of {attempts} addresses failed; the last, {}: {}", format_address(addr), os_error(errno))
            }
            Some(addr) => format!("{}: {}", format_address(addr), os_error(errno)),
            None => os_error(errno),
        };
        self.lost(key, connect_cause(errno), Some(what), at);
    }

    /// Gives up the connect of a slot to an address, for the next one. The connection has another key from then on, so
    /// that what the kernel still says of the old one is about nothing.
    pub(super) fn expire_address(&mut self, old: Key, now: Nanos) {
        self.driver.close(old);
        let pool = &mut self.pool;
        let slot = &mut pool.slots[old.slot];
        slot.renew();
        let key = Key { generation: slot.generation(), ..old };
        if let Some(h2) = &slot.h2 {
            let (target, waiting) = (slot.target(), h2.waiting().to_vec());
            pool.h2_targets.rename(target, old, key);
            for stream in waiting {
                pool.slots[stream].assign(Some(key));
            }
        }
        self.connect_failed(key, errno::ETIMEDOUT, now);
    }

    /// The resolver has replied for a slot.
    pub(super) fn resolved(&mut self, reply: resolve::Reply) {
        let slot = (reply.token >> 32) as u32;
        if self.pool.slots[slot].connection.lookup() != Some(reply.token) {
            return;
        }
        let key = self.pool.slots.key_of(slot);
        let connection = &mut self.pool.slots[slot].connection;
        let more = reply.outcome.as_ref().is_ok_and(|found| found.more);
        connection.set_lookup(Some(reply.token).filter(|_| more));
        if connection.addr().is_some() {
            self.resolved_late(key, reply);
            return;
        }
        if let Some(exchange) = self.pool.initiator(slot) {
            exchange.handle_resolved(reply.started, reply.ended);
        }
        let now = self.driver.now();
        self.pool.handle_lag(slot, Stage::Lookup, reply.since, reply.ended);
        self.pool.handle_lag(slot, Stage::Told, reply.ended, now);
        match reply.outcome {
            Ok(found) if !found.addrs.is_empty() => {
                let addrs: Vec<SockAddr> = found.addrs.iter().map(|a| (*a).into()).collect();
                self.connect_to_one_of(key, &addrs);
            }
            Ok(_) => self.lost(key, Cause::DnsFailed, None, reply.ended),
            Err(text) => self.lost(key, Cause::DnsFailed, Some(text), reply.ended),
        }
    }

    /// The other address family of a name that is being connected to: its addresses join those that are tried.
    fn resolved_late(&mut self, key: Key, reply: resolve::Reply) {
        let connection = &mut self.pool.slots[key.slot].connection;
        let had = connection.has_candidates();
        connection.add_candidates(reply.outcome.into_iter().flat_map(|found| found.addrs).map(SockAddr::from));
        let now = self.driver.now();
        if let Some(errno) = self.pool.slots[key.slot].connection.take_held() {
            self.connect_failed(key, errno, now);
        } else if !had {
            self.pool.set_address_deadline(key, now);
        }
    }

    /// The connection is made: it is secured, where its target wants that.
    pub(super) fn connected(&mut self, key: Key) {
        let now = self.driver.now();
        let context = self.pool.context;
        let Some(slot) = self.pool.slots.get_mut(key) else {
            return;
        };
        slot.connection.handle_connected();
        self.pool.recorder.handle_connected();
        let Some(client) = &context.targets.tls[slot.target() as usize] else {
            self.established(key);
            return;
        };
        match client.session() {
            Ok(session) => {
                slot.connection.set_tls(Some(Box::new(session)));
                if let Some(exchange) = self.pool.initiator(key.slot) {
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
    pub(super) fn secured(&mut self, key: Key) {
        let now = self.driver.now();
        let Some(slot) = self.pool.slots.get_mut(key) else {
            return;
        };
        let facts = slot.connection.tls().and_then(|tls| tls.facts());
        let resumed = facts.is_some_and(|f| f.resumed);
        let handshake = if resumed { Handshake::Resumed } else { Handshake::Full };
        self.pool.recorder.handle_handshake(facts);
        if let Some(exchange) = self.pool.initiator(key.slot) {
            exchange.handle_secured(now, handshake);
        }
        self.established(key);
    }

    /// A connection may be used: by the request that waits for it, or later.
    fn established(&mut self, key: Key) {
        self.pool.handle_made(key.slot);
        let slot = &mut self.pool.slots[key.slot];
        if slot.h2.is_some() {
            self.h2_established(key);
        } else if slot.state() == State::Warming {
            let now = self.driver.now();
            self.pool.park(key, now);
        } else {
            self.send(key);
        }
    }
}

/// Whether a connect failed for want of something of this process's or machine's, which no other address has more of.
fn is_of_process(errno: i32) -> bool {
    matches!(errno, errno::EMFILE | errno::ENFILE | errno::ENOMEM | errno::ENOBUFS)
}

/// An address as one writes it: `10.0.0.1:80`, `[::1]:80`, `unix:/path`.
pub(super) fn format_address(addr: &SockAddr) -> String {
    match (addr.as_socket(), addr.as_pathname()) {
        (Some(addr), _) => addr.to_string(),
        (None, Some(path)) => format!("unix:{}", path.display()),
        (None, None) => "the server".into(),
    }
}

fn connect_cause(errno: i32) -> Cause {
    match errno {
        errno::ECONNREFUSED => Cause::ConnectRefused,
        errno::ETIMEDOUT => Cause::ConnectTimeout,
        errno::EADDRNOTAVAIL => Cause::PortsExhausted,
        errno::EMFILE | errno::ENFILE => Cause::DescriptorsExhausted,
        _ => Cause::ConnectFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_as_they_are_written() {
        let v6: std::net::SocketAddr = "[::1]:80".parse().unwrap();
        assert_eq!(format_address(&v6.into()), "[::1]:80");
        assert_eq!(format_address(&SockAddr::unix("/a/b").unwrap()), "unix:/a/b");
    }
}
