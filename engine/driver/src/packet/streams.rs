//! Pure: what servers send on each connection, by the segments that were seen.

use super::arrivals::Arrivals;
use super::ends::{Ends, Mixer};
use super::header::Segment;
use crate::clock::{Nanos, SECOND};
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

/// The streams of servers. Each begins with a SYN that was seen; whose connection it is, is known when the connection
/// is made.
#[derive(Default)]
pub(super) struct Streams {
    of: HashMap<Ends, Stream, BuildHasherDefault<Mixer>>,
    /// Those that were nobody's when they began, in that order.
    unclaimed: VecDeque<(Nanos, Ends)>,
}

/// What a server sends on one connection.
struct Stream {
    arrivals: Arrivals,
    /// It is of a connection of this driver.
    claimed: bool,
    begun: Nanos,
}

impl Streams {
    /// A segment was found at `now`, which had come at `at`; `None` where that cannot be believed.
    pub(super) fn see(&mut self, segment: &Segment, at: Option<Nanos>, now: Nanos) {
        let ends = Ends::new(segment.to, segment.from);
        if segment.syn {
            self.begin(ends, segment.sequence, now);
        } else if segment.bytes > 0
            && let Some(stream) = self.of.get_mut(&ends)
            && let Some(at) = at
        {
            let most = if stream.claimed { MOST_PIECES } else { MOST_PIECES_UNCLAIMED };
            stream.arrivals.add(segment.sequence, segment.bytes, at, most);
        }
    }

    /// A server answers a SYN: a new stream, unless it says so once more, or what it says cannot be of the connection
    /// that there is.
    fn begin(&mut self, ends: Ends, syn: u32, now: Nanos) {
        let there = self.of.get(&ends);
        let known = there.is_some_and(|stream| stream.claimed || stream.arrivals.is_after_syn(syn));
        if !known && self.unclaimed.len() < MOST_UNCLAIMED {
            self.of.insert(ends, Stream { arrivals: Arrivals::after_syn(syn), claimed: false, begun: now });
            self.unclaimed.push_back((now, ends));
        }
    }

    /// The connection is one of this driver. Whether its begin was seen.
    pub(super) fn claim(&mut self, ends: &Ends) -> bool {
        let stream = self.of.get_mut(ends);
        stream.map(|stream| stream.claimed = true).is_some()
    }

    /// The connection is closed.
    pub(super) fn release(&mut self, ends: &Ends) {
        self.of.remove(ends);
    }

    /// What is known of a connection.
    pub(super) fn arrivals(&mut self, ends: &Ends) -> Option<&mut Arrivals> {
        self.of.get_mut(ends).map(|stream| &mut stream.arrivals)
    }

    /// Forgets streams that nobody has asked for: of another driver, or another program.
    pub(super) fn forget(&mut self, now: Nanos) {
        while let Some((begun, ends)) = self.unclaimed.front()
            && now.saturating_sub(*begun) > UNCLAIMED
        {
            if self.of.get(ends).is_some_and(|stream| !stream.claimed && stream.begun == *begun) {
                self.of.remove(ends);
            }
            self.unclaimed.pop_front();
        }
    }
}

/// Pieces of a connection that may wait to be read: a client that stood still finds so many. Of what comes beyond,
/// nothing is known.
const MOST_PIECES: usize = 1 << 16;
/// Pieces of a connection that is nobody's: what a server may send before the connection is reported.
const MOST_PIECES_UNCLAIMED: usize = 16;
/// How long a stream may be nobody's: from its SYN until its connection is reported.
const UNCLAIMED: Nanos = 5 * SECOND;
/// Streams that begin in that time, those that were claimed included; more are not looked at.
const MOST_UNCLAIMED: usize = 1 << 18;

#[cfg(test)]
mod tests {
    use super::super::arrivals::Arrived;
    use super::*;
    use std::net::SocketAddr;

    fn server() -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], 80))
    }

    fn client(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 2], port))
    }

    fn ends(port: u16) -> Ends {
        Ends::new(client(port), server())
    }

    fn syn(port: u16, sequence: u32) -> Segment {
        Segment { from: server(), to: client(port), sequence, bytes: 0, syn: true }
    }

    fn data(port: u16, sequence: u32, bytes: usize) -> Segment {
        Segment { syn: false, bytes, ..syn(port, sequence) }
    }

    #[test]
    fn each_connection_has_its_own_stream_and_a_port_that_is_used_again_a_new_one() {
        let mut streams = Streams::default();
        for (port, first) in [(1, 100), (2, 900)] {
            streams.see(&syn(port, first), Some(1), 1);
            assert!(streams.claim(&ends(port)));
            streams.see(&data(port, first + 1, 10), Some(u64::from(port) * 7), 20);
        }
        assert_eq!(streams.arrivals(&ends(1)).unwrap().read(10), (10, Arrived::At(7)));
        assert_eq!(streams.arrivals(&ends(2)).unwrap().read(10), (10, Arrived::At(14)));
        streams.release(&ends(1));
        assert!(streams.arrivals(&ends(1)).is_none());
        // What is left of the old one is of no stream, and the next SYN begins one.
        streams.see(&data(1, 111, 10), Some(30), 30);
        streams.see(&syn(1, 5_000), Some(40), 40);
        streams.see(&data(1, 5_001, 10), Some(41), 41);
        assert!(streams.claim(&ends(1)));
        assert_eq!(streams.arrivals(&ends(1)).unwrap().read(10), (10, Arrived::At(41)));
    }

    #[test]
    fn a_syn_that_is_sent_again_or_forged_changes_nothing() {
        let mut streams = Streams::default();
        streams.see(&syn(1, 100), Some(1), 1);
        streams.see(&data(1, 101, 10), Some(2), 2);
        streams.see(&syn(1, 100), Some(3), 3);
        streams.claim(&ends(1));
        streams.see(&syn(1, 777), Some(4), 4);
        assert_eq!(streams.arrivals(&ends(1)).unwrap().read(10), (10, Arrived::At(2)));
    }

    #[test]
    fn a_stream_without_a_syn_and_a_segment_without_a_stamp_are_unknown() {
        let mut streams = Streams::default();
        streams.see(&data(1, 101, 10), Some(2), 2);
        assert!(!streams.claim(&ends(1)) && streams.arrivals(&ends(1)).is_none());
        streams.see(&syn(1, 100), None, 3);
        assert!(streams.claim(&ends(1)));
        streams.see(&data(1, 101, 10), None, 4);
        assert_eq!(streams.arrivals(&ends(1)).unwrap().read(10), (10, Arrived::Unseen { between: None }));
    }

    #[test]
    fn streams_that_are_nobodys_are_bounded_and_forgotten() {
        let mut streams = Streams::default();
        for port in [1, 2] {
            streams.see(&syn(port, 0), Some(1), SECOND);
            for k in 0..100 {
                streams.see(&data(port, 1 + k, 1), Some(2), SECOND);
            }
        }
        assert!(!streams.arrivals(&ends(1)).unwrap().knows(MOST_PIECES_UNCLAIMED + 1));
        streams.claim(&ends(2));
        // The same port once more, later: its time counts.
        streams.see(&syn(1, 50), Some(3), 3 * SECOND);
        streams.forget(SECOND + UNCLAIMED + 1);
        assert!(streams.arrivals(&ends(1)).is_some() && streams.arrivals(&ends(2)).is_some());
        streams.forget(3 * SECOND + UNCLAIMED + 1);
        assert!(streams.arrivals(&ends(1)).is_none() && streams.arrivals(&ends(2)).is_some());
        assert!(streams.unclaimed.is_empty());
    }
}
