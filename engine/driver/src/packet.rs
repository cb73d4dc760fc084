//! Arrivals of each segment, whoever reads when: packet sockets beside the connections (`packet(7)`).
//!
//! The stamp of a read is that of the last segment in it ([`Arrival`]). A packet socket sees each segment by itself,
//! with the kernel's time of its own, before the segment is in the queue of its connection. By sequence numbers a read
//! is cut where its segments were, and each part has its own arrival.

mod arrivals;
mod card;
mod ends;
mod filter;
mod header;
mod ring;
mod streams;

use super::local_ports;
use super::stamp::Stamper;
use super::{Event, Key};
use crate::arrival::{Arrival, Exact, NARROW, Since};
use crate::clock::{MILLI, Nanos};
use arrivals::Arrived;
use card::Cards;
use ends::{Ends, plain};
use header::Segment;
use ring::{Ring, Stamp};
use socket2::{SockAddr, Socket};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use streams::Streams;

/// What packet sockets see of the connections of a driver.
pub struct Packets {
    /// For each version of IP that is spoken.
    rings: Vec<Ring>,
    /// Whose segments are let in.
    servers: Vec<SocketAddr>,
    /// Of the cards whose stamps are asked for.
    cards: Cards,
    /// To which local ports; `None`: to all.
    ports: Option<RangeInclusive<u16>>,
    streams: Streams,
    /// Of each connection of the driver, by its number; `None`: it is not TCP, or not made.
    connections: Vec<Option<Ends>>,
    /// Parts of reads that no segment was seen of.
    missed: u64,
    /// Reads of whose last byte packet and socket have stamps that are over [`NARROW`] apart.
    apart: u64,
    /// Segments that a card stamped.
    by_card: u64,
}

/// What packet sockets have counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketStats {
    /// Parts of reads of which no packet was seen.
    pub missed: u64,
    /// Packets that the kernel had no place for.
    pub dropped: u64,
    /// Reads of whose last byte the packet's stamp and the socket's are over 0.1 ms apart.
    pub apart: u64,
    /// Segments that have the network card's own stamp.
    pub by_card: u64,
}

/// A read of a connection, to be reported.
pub(super) struct Read<'a> {
    /// The connection, as its driver numbers it.
    pub(super) number: u32,
    pub(super) key: Key,
    pub(super) bytes: &'a [u8],
    pub(super) arrival: Arrival<'a>,
    /// When it was over.
    pub(super) seen: Nanos,
}

impl Read<'_> {
    /// Reports it, where packets are looked at in parts.
    #[inline]
    pub(super) fn report(
        self,
        packets: &mut Option<Box<Packets>>,
        stamper: &Stamper,
        on: &mut dyn FnMut(Key, Event<'_>, Nanos),
    ) {
        match packets {
            None => on(self.key, Event::Received { bytes: self.bytes, arrival: self.arrival }, self.seen),
            Some(packets) => {
                let (key, seen) = (self.key, self.seen);
                packets.cut(self, stamper, &mut |bytes, arrival| on(key, Event::Received { bytes, arrival }, seen));
            }
        }
    }
}

impl Packets {
    /// For the driver `index` of `of` that talk to the same servers, of which those that are known may be named. Where
    /// there are several, each takes a range of local ports for itself, and looks at the segments to these alone.
    ///
    /// # Errors
    /// The error number; `EPERM` without the capability `CAP_NET_RAW`.
    pub fn new(index: usize, of: usize, servers: impl IntoIterator<Item = SocketAddr>) -> Result<Self, i32> {
        let mut packets = Self {
            rings: Vec::new(),
            servers: Vec::new(),
            cards: Cards::find(),
            ports: local_ports::share(index, of),
            streams: Streams::default(),
            connections: Vec::new(),
            missed: 0,
            apart: 0,
            by_card: 0,
        };
        for server in servers {
            packets.expect(plain(server))?;
        }
        Ok(packets)
    }

    /// Whether this process may look at packets.
    ///
    /// # Errors
    /// The error number; `EPERM` without the capability `CAP_NET_RAW`.
    pub fn probe() -> Result<(), i32> {
        Ring::open(false, &filter::program(&[], false, None, ring::FRONT)).map(drop)
    }

    /// The local ports that the driver's connections should have ([`Options::local_ports`](super::Options)): segments
    /// to others are not seen.
    #[must_use]
    pub fn local_ports(&self) -> Option<RangeInclusive<u16>> {
        self.ports.clone()
    }

    /// A connection to a server is about to be made.
    pub(super) fn connect(&mut self, server: &SockAddr) {
        // A refusal leaves the segments of that server unseen, and its reads have the stamp of the read.
        if let Some(server) = server.as_socket() {
            let _ = self.expect(plain(server));
        }
    }

    fn expect(&mut self, server: SocketAddr) -> Result<(), i32> {
        if self.servers.contains(&server) {
            return Ok(());
        }
        self.servers.push(server);
        let ipv6 = server.is_ipv6();
        let program = filter::program(&self.servers, ipv6, self.ports.as_ref(), ring::FRONT);
        match self.rings.iter().find(|ring| ring.is_ipv6() == ipv6) {
            Some(ring) => ring.accept(&program)?,
            None => {
                let ring = Ring::open(ipv6, &program)?;
                if !self.cards.is_empty() {
                    ring.ask_cards(true)?;
                }
                self.rings.push(ring);
            }
        }
        Ok(())
    }

    /// The connection of that number is made.
    pub(super) fn claim(&mut self, number: u32, socket: &Socket, (stamper, now): (&Stamper, Nanos)) {
        let end = |address: std::io::Result<SockAddr>| address.ok()?.as_socket();
        let (Some(local), Some(peer)) = (end(socket.local_addr()), end(socket.peer_addr())) else {
            return;
        };
        let ends = Ends::new(local, peer);
        if !self.streams.claim(&ends) {
            self.look(true, stamper, now);
            self.streams.claim(&ends);
        }
        let place = number as usize;
        if self.connections.len() <= place {
            self.connections.resize(place + 1, None);
        }
        self.connections[place] = Some(ends);
    }

    /// The connection of that number is closed, if it was made.
    pub(super) fn release(&mut self, number: u32) {
        if let Some(ends) = self.connections.get_mut(number as usize).and_then(Option::take) {
            self.streams.release(&ends);
        }
    }

    /// Takes what was seen since.
    pub(super) fn renew(&mut self, stamper: &Stamper, now: Nanos) {
        self.look(false, stamper, now);
        self.streams.forget(now);
    }

    fn look(&mut self, patient: bool, stamper: &Stamper, now: Nanos) {
        let (streams, cards, by_card) = (&mut self.streams, &mut self.cards, &mut self.by_card);
        for ring in &mut self.rings {
            ring.drain(patient, |packet, whole, stamp| {
                let Some(segment) = Segment::of(packet, whole) else { return };
                let at = match stamp {
                    Stamp::Wall(at) => stamper.instant(at, now),
                    Stamp::Card { interface, at } => {
                        *by_card += 1;
                        cards.instant(interface, at, now)
                    }
                };
                streams.see(&segment, at, now);
            });
        }
    }

    /// Asks no card any more: the clock of one is not what it should be. What they have stamped has no time.
    #[cold]
    fn distrust_cards(&mut self) {
        self.cards = Cards::default();
        for ring in &self.rings {
            let _ = ring.ask_cards(false);
        }
    }

    /// Cuts a read where its segments were, and shows each part with its arrival. Where no segment was seen, that is
    /// the read's.
    #[inline(never)]
    fn cut(&mut self, read: Read<'_>, stamper: &Stamper, on: &mut dyn FnMut(&[u8], Arrival<'_>)) {
        let Read { number, mut bytes, arrival, seen, .. } = read;
        // Local sockets have no packets.
        let Some(ends) = self.connections.get(number as usize).copied().flatten() else {
            return on(bytes, arrival);
        };
        if !self.streams.arrivals(&ends).is_some_and(|arrivals| arrivals.knows(bytes.len())) {
            // A segment may have come between the last look and the read.
            self.look(true, stamper, seen);
        }
        let Some(arrivals) = self.streams.arrivals(&ends) else {
            self.missed += 1;
            return on(bytes, arrival);
        };
        let mut wrong = false;
        while !bytes.is_empty() {
            let (length, arrived) = arrivals.read(bytes.len());
            let (part, rest) = bytes.split_at(length);
            let own = own_arrival(arrived, &arrival, rest.is_empty(), |at| stamper.is_past(at, seen));
            match own {
                Ok(at) => {
                    let both = rest.is_empty() && arrival.exact == Exact::LastByte;
                    self.apart += u64::from(both && at.abs_diff(arrival.at) > NARROW);
                    wrong |= both && at.saturating_add(TOO_EARLY) < arrival.at;
                    on(part, Arrival::from(at.min(seen)));
                }
                Err(bounded) => {
                    self.missed += 1;
                    on(part, bounded);
                }
            }
            bytes = rest;
        }
        if wrong && !self.cards.is_empty() {
            self.distrust_cards();
        }
    }

    /// What was counted so far.
    pub(super) fn stats(&self) -> PacketStats {
        let dropped = self.rings.iter().map(Ring::dropped).sum();
        PacketStats { missed: self.missed, dropped, apart: self.apart, by_card: self.by_card }
    }
}

/// A card's stamp that lies so far before the kernel's of the same segment is none: the kernel looks at what a card
/// has received within milliseconds, also where it has put that off.
const TOO_EARLY: Nanos = 20 * MILLI;

/// When a part of a read arrived; where no segment with it was seen, or its stamp cannot be, what is known of that by
/// the read, and by the segments before and behind it. `last`: the part ends the read.
fn own_arrival<'a>(
    arrived: Arrived,
    read: &Arrival<'a>,
    last: bool,
    is_past: impl Fn(Nanos) -> bool,
) -> Result<Nanos, Arrival<'a>> {
    match arrived {
        Arrived::At(at) if is_past(at) => Ok(at),
        Arrived::Unseen { between: Some((since, at)) } if is_past(at) => {
            Err(Arrival { at: at.min(read.at), exact: Exact::Nothing, since: Since::Known(since), ..*read })
        }
        _ => Err(Arrival { exact: read.exact.of_part(last), ..*read }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Arrival<'static> = Arrival { at: 100, stamped: true, exact: Exact::LastByte, since: Since::Known(5) };

    #[test]
    fn a_part_that_was_seen_has_its_own_instant() {
        assert_eq!(own_arrival(Arrived::At(40), &READ, false, |_| true).unwrap(), 40);
    }

    #[test]
    fn a_part_that_was_not_seen_has_the_reads_stamp_or_that_of_what_came_behind_it() {
        let unseen = |between, last| own_arrival(Arrived::Unseen { between }, &READ, last, |_| true).unwrap_err();
        let shown = |a: Arrival<'_>| (a.at, a.exact, a.earliest());
        assert_eq!(shown(unseen(None, true)), (100, Exact::LastByte, 5));
        assert_eq!(shown(unseen(None, false)), (100, Exact::Nothing, 5));
        assert_eq!(shown(unseen(Some((30, 60)), false)), (60, Exact::Nothing, 30));
        // The segment behind it came after the read, and the byte itself with it.
        assert_eq!(shown(unseen(Some((30, 900)), true)), (100, Exact::Nothing, 30));
    }

    #[test]
    fn an_instant_of_the_future_is_not_believed() {
        for arrived in [Arrived::At(40), Arrived::Unseen { between: Some((30, 60)) }] {
            let got = own_arrival(arrived, &READ, true, |_| false).unwrap_err();
            assert_eq!((got.at, got.exact, got.earliest()), (100, Exact::LastByte, 5));
        }
    }
}
