//! Pure: the two ends of a connection, as its packets name them.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

/// The local end of a connection, and the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    local: SocketAddr,
    peer: SocketAddr,
}

impl Ends {
    pub(super) fn new(local: SocketAddr, peer: SocketAddr) -> Self {
        Self { local: plain(local), peer: plain(peer) }
    }
}

/// As packets have it: IPv4 within IPv6 is IPv4, and there is neither a scope nor a flow.
pub(super) fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Hash for Ends {
    /// One word: the ports, and the end of both addresses.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ports = u32::from(self.local.port()) << 16 | u32::from(self.peer.port());
        let addresses = low(self.local.ip()).rotate_left(16) ^ low(self.peer.ip());
        state.write_u64(u64::from(ports) << 32 | u64::from(addresses));
    }
}

fn low(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(ip) => ip.to_bits(),
        IpAddr::V6(ip) => ip.to_bits() as u32,
    }
}

/// Mixes the word of [`Ends`] (the finalizer of SplitMix64). Local ports are the kernel's choice, so that nobody can
/// choose words that meet.
#[derive(Default)]
pub(super) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64((*byte).into());
        }
    }

    fn write_u64(&mut self, word: u64) {
        let mut mixed = (self.0 ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = mixed ^ (mixed >> 31);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::hash::{BuildHasher, BuildHasherDefault};

    #[test]
    fn ends_are_those_that_packets_name() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (local, peer) = (address("10.0.0.1:40000"), address("10.0.0.2:80"));
        assert_eq!(
            Ends::new(address("[::ffff:10.0.0.1]:40000"), address("[::ffff:10.0.0.2]:80")),
            Ends::new(local, peer)
        );
        assert_eq!(Ends::new(address("[fe80::1%3]:1"), peer), Ends::new(address("[fe80::1]:1"), peer));
        assert_ne!(Ends::new(local, peer), Ends::new(peer, local));
    }

    #[test]
    fn connections_of_many_ports_and_addresses_have_words_of_their_own() {
        let mut words = HashSet::new();
        for port in 0..100 {
            for host in 0..100 {
                let local = SocketAddr::from(([127, 0, 0, host], 40_000 + port));
                let ends = Ends::new(local, SocketAddr::from(([10, 0, 0, 1], 80)));
                words.insert(BuildHasherDefault::<Mixer>::default().hash_one(ends));
            }
        }
        assert_eq!(words.len(), 10_000);
    }
}
