//! A target of several addresses: which one a connection tries first, and where it goes when that one does not connect.
//!
//! Every address is tried, one after the other, until the time for a connection is over: after a refusal at once, and
//! where nothing answers after [`ATTEMPT`], as a second attempt beside the first would need a slot of its own (RFC 8305
//! §5 begins one after 250 ms). An address that did not connect is the last choice of the connections that follow, for
//! [`AVOIDED`].

use crate::clock::{Nanos, SECOND};
use socket2::SockAddr;
use std::collections::VecDeque;

/// What is known of the addresses of the targets.
pub(super) struct Addresses {
    /// Those that did not connect, and until when they are the last choice.
    avoided: Vec<(SockAddr, Nanos)>,
    /// Per target: connections begun, those to names whose look-up failed not counted.
    turns: Vec<u64>,
}

impl Addresses {
    pub(super) fn new(targets: usize) -> Self {
        Self { avoided: Vec::new(), turns: vec![0; targets] }
    }

    /// Connections of a target that were begun so far.
    pub(super) fn turns(&self, target: u16) -> u64 {
        self.turns[target as usize]
    }

    /// The next connection of a target that worker `index` of so many makes: the addresses that it tries, the first at
    /// the end, and the turn of the local address that it leaves by.
    pub(super) fn take_turn(
        &mut self,
        target: u16,
        addrs: &[SockAddr],
        (index, workers): (usize, usize),
        now: Nanos,
    ) -> (Vec<SockAddr>, u64) {
        let turn = &mut self.turns[target as usize];
        let begun = *turn;
        *turn += 1;
        let (place, source) = pair(begun * workers as u64 + index as u64, addrs.len());
        let mut order = self.order(addrs, place, now);
        order.reverse();
        (order, source)
    }

    /// An address did not connect: it is the last choice for a while.
    pub(super) fn avoid(&mut self, addr: &SockAddr, now: Nanos) {
        self.avoided.retain(|(a, until)| a != addr && *until > now);
        if self.avoided.len() < MOST_AVOIDED {
            self.avoided.push((addr.clone(), now.saturating_add(AVOIDED)));
        }
    }

    fn avoids(&self, addr: &SockAddr, now: Nanos) -> bool {
        self.avoided.iter().any(|(a, until)| a == addr && *until > now)
    }

    /// The addresses of a target in the order in which a connection tries them: from `place` on, the families in turn
    /// (RFC 8305 §4), and those that did not connect lately at the end.
    fn order(&self, addrs: &[SockAddr], place: usize, now: Nanos) -> Vec<SockAddr> {
        let turned = addrs.iter().skip(place).chain(addrs.iter().take(place));
        let first = addrs.get(place).map(SockAddr::domain);
        let (mut same, mut other): (VecDeque<_>, VecDeque<_>) = turned.partition(|a| Some(a.domain()) == first);
        let mut order = Vec::with_capacity(addrs.len());
        while !same.is_empty() || !other.is_empty() {
            order.extend(same.pop_front().cloned());
            order.extend(other.pop_front().cloned());
        }
        if !self.avoided.is_empty() {
            order.sort_by_key(|addr| self.avoids(addr, now));
        }
        order
    }
}

/// Which of a target's addresses its connection `turn` of the run goes to, and the turn of the local address that it
/// leaves by: each address has as many connections as any other, and so has each pair.
fn pair(turn: u64, addrs: usize) -> (usize, u64) {
    let addrs = addrs as u64;
    let (round, place) = (turn / addrs, turn % addrs);
    (place as usize, place + round)
}

/// How long an address may take to connect while there is another to go to; never more than half of the time for a
/// connection. A SYN that was lost is sent again after 1 s (RFC 6298).
pub(super) const ATTEMPT: Nanos = 2 * SECOND;
/// How long an address that did not connect is the last choice.
const AVOIDED: Nanos = 30 * SECOND;
/// Most addresses that are remembered.
const MOST_AVOIDED: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::net::SocketAddr;

    fn addrs(texts: &[&str]) -> Vec<SockAddr> {
        texts.iter().map(|t| t.parse::<SocketAddr>().unwrap().into()).collect()
    }

    #[test]
    fn addresses_are_tried_from_the_turn_on_with_the_families_in_turn() {
        let all = addrs(&["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "[::1]:1", "[::2]:1"]);
        let known = Addresses::new(1);
        let second = addrs(&["10.0.0.2:1", "[::1]:1", "10.0.0.3:1", "[::2]:1", "10.0.0.1:1"]);
        assert_eq!(known.order(&all, 1, 0), second);
        assert_eq!(known.order(&all[..1], 0, 0), all[..1]);
    }

    #[test]
    fn an_address_that_did_not_connect_is_the_last_choice_for_a_while() {
        let all = addrs(&["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"]);
        let mut known = Addresses::new(1);
        known.avoid(&all[0], 5);
        assert_eq!(known.order(&all, 0, 6), addrs(&["10.0.0.2:1", "10.0.0.3:1", "10.0.0.1:1"]));
        assert_eq!(known.order(&all, 0, 5 + AVOIDED), all);
        for addr in &all {
            known.avoid(addr, 7);
        }
        assert_eq!(known.order(&all, 1, 8), addrs(&["10.0.0.2:1", "10.0.0.3:1", "10.0.0.1:1"]), "all are tried");
    }

    #[test]
    fn each_connection_begins_with_the_next_address_but_an_avoided_one() {
        let all = addrs(&["10.0.0.1:1", "10.0.0.2:1"]);
        let mut known = Addresses::new(1);
        let first = |known: &mut Addresses| known.take_turn(0, &all, (0, 1), 6).0.pop();
        assert_eq!(first(&mut known).as_ref(), Some(&all[0]));
        known.avoid(&all[1], 5);
        assert_eq!([first(&mut known), first(&mut known)], [Some(all[0].clone()), Some(all[0].clone())]);
        assert_eq!(known.turns(0), 3);
    }

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
}
