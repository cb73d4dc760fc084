//! A target of several addresses: which one a connection tries first, and where it goes when that one does not connect.
//!
//! Every address is tried, one after the other, until the time for a connection is over: after a refusal at once, and
//! where nothing answers after [`ATTEMPT`], as a second attempt beside the first would need a slot of its own (RFC 8305
//! §5 begins one after 250 ms). An address that did not connect is the last choice of the connections that follow, for
//! [`SHUNNED`].

use super::pool::Core;
use crate::clock::{Nanos, SECOND};
use crate::driver::{Driver, Key};
use crate::worker::deadlines::DeadlineKind;
use crate::worker::{Worker, os_error};
use socket2::SockAddr;
use std::collections::VecDeque;

/// What is known of the addresses of the targets.
#[derive(Default)]
pub(in crate::worker) struct Addresses {
    /// Those that did not connect, and until when they are the last choice.
    shunned: Vec<(SockAddr, Nanos)>,
}

impl Addresses {
    fn shun(&mut self, addr: &SockAddr, now: Nanos) {
        self.shunned.retain(|(a, until)| a != addr && *until > now);
        if self.shunned.len() < MOST_SHUNNED {
            self.shunned.push((addr.clone(), now.saturating_add(SHUNNED)));
        }
    }

    fn shuns(&self, addr: &SockAddr, now: Nanos) -> bool {
        self.shunned.iter().any(|(a, until)| a == addr && *until > now)
    }

    /// The addresses of a target in the order in which a connection tries them: from `place` on, the families in turn
    /// (RFC 8305 §4), and those that did not connect lately at the end.
    pub(in crate::worker) fn order(&self, addrs: &[SockAddr], place: usize, now: Nanos) -> Vec<SockAddr> {
        let turned = addrs.iter().skip(place).chain(addrs.iter().take(place));
        let first = addrs.get(place).map(SockAddr::domain);
        let (mut same, mut other): (VecDeque<_>, VecDeque<_>) = turned.partition(|a| Some(a.domain()) == first);
        let mut order = Vec::with_capacity(addrs.len());
        while !same.is_empty() || !other.is_empty() {
            order.extend(same.pop_front().cloned());
            order.extend(other.pop_front().cloned());
        }
        if !self.shunned.is_empty() {
            order.sort_by_key(|addr| self.shuns(addr, now));
        }
        order
    }
}

impl Core<'_> {
    /// An address did not connect, and the connection goes to another.
    pub(in crate::worker) fn shun(&mut self, addr: &SockAddr, errno: i32, now: Nanos) {
        self.addresses.shun(addr, now);
        self.recorder.handle_address_failed(&super::connect::shown(addr), &os_error(errno));
    }

    /// Sets the deadline of a connect that has another address to go to.
    pub(in crate::worker) fn set_address_deadline(&mut self, key: Key, now: Nanos) {
        let slot = &self.slots[key.slot as usize];
        if slot.candidates.is_empty() {
            return;
        }
        let most = ATTEMPT.min(self.context.plan.timeouts.connect / 2);
        self.deadlines.set(now.saturating_add(most), DeadlineKind::Address, key.slot, slot.attempt_id());
    }
}

impl<D: Driver> Worker<'_, D> {
    /// Gives up the connect of a slot, and names the slot's next one, so that what the kernel still says of the old one
    /// is nobody's.
    pub(in crate::worker) fn rename(&mut self, old: Key) -> Key {
        self.driver.close(old);
        let core = &mut self.core;
        let slot = &mut core.slots[old.slot as usize];
        slot.generation = (slot.generation + 1) & 0x00ff_ffff;
        let key = Key { generation: slot.generation, ..old };
        let waiting = slot.h2.as_ref().map_or_else(Vec::new, |c| c.waiting.clone());
        let connections = &mut core.h2_connections[slot.target as usize];
        connections.iter_mut().filter(|k| **k == old).for_each(|k| *k = key);
        for stream in waiting {
            core.slots[stream as usize].h2_key = Some(key);
        }
        key
    }
}

/// How long an address may take to connect while there is another to go to; never more than half of the time for a
/// connection. A SYN that was lost is sent again after 1 s (RFC 6298).
const ATTEMPT: Nanos = 2 * SECOND;
/// How long an address that did not connect is the last choice.
const SHUNNED: Nanos = 30 * SECOND;
/// Most addresses that are remembered.
const MOST_SHUNNED: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn addrs(texts: &[&str]) -> Vec<SockAddr> {
        texts.iter().map(|t| t.parse::<SocketAddr>().unwrap().into()).collect()
    }

    #[test]
    fn addresses_are_tried_from_the_turn_on_with_the_families_in_turn() {
        let all = addrs(&["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "[::1]:1", "[::2]:1"]);
        let known = Addresses::default();
        let second = addrs(&["10.0.0.2:1", "[::1]:1", "10.0.0.3:1", "[::2]:1", "10.0.0.1:1"]);
        assert_eq!(known.order(&all, 1, 0), second);
        assert_eq!(known.order(&all[..1], 0, 0), all[..1]);
    }

    #[test]
    fn an_address_that_did_not_connect_is_the_last_choice_for_a_while() {
        let all = addrs(&["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"]);
        let mut known = Addresses::default();
        known.shun(&all[0], 5);
        assert_eq!(known.order(&all, 0, 6), addrs(&["10.0.0.2:1", "10.0.0.3:1", "10.0.0.1:1"]));
        assert_eq!(known.order(&all, 0, 5 + SHUNNED), all);
        for addr in &all {
            known.shun(addr, 7);
        }
        assert_eq!(known.order(&all, 1, 8), addrs(&["10.0.0.2:1", "10.0.0.3:1", "10.0.0.1:1"]), "all are tried");
    }
}
