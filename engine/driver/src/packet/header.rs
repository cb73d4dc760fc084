//! Pure: what the headers of IP and TCP say of a segment.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    /// Of its first byte, or of its SYN.
    pub(super) sequence: u32,
    /// Bytes of data.
    pub(super) bytes: usize,
    pub(super) syn: bool,
}

impl Segment {
    /// Of the front of a packet that begins with its IP header and had `whole` bytes; `None` where it is no TCP segment
    /// (RFC 791 §3.1, RFC 8200 §3, RFC 9293 §3.1). Fragments and IPv6 extension headers are not followed.
    pub(super) fn of(packet: &[u8], whole: usize) -> Option<Self> {
        let (addresses, header, length) = match packet.first()? >> 4 {
            4 => ipv4(packet)?,
            6 => ipv6(packet)?,
            _ => return None,
        };
        let tcp = packet.get(header..)?;
        // A packet over 64 KiB, as the kernel makes them of several (BIG TCP), has a length of 0 in its header.
        let length = if length == 0 { whole } else { length };
        let [from, to] = addresses;
        Some(Self {
            from: SocketAddr::new(from, half(tcp, 0)?),
            to: SocketAddr::new(to, half(tcp, 2)?),
            sequence: u32::from_be_bytes(tcp.get(4..8)?.try_into().ok()?),
            bytes: length.checked_sub(header + usize::from(tcp.get(12)? >> 4) * 4)?,
            syn: tcp.get(13)? & 2 != 0,
        })
    }
}

type Ends = [IpAddr; 2];

/// The two addresses, where TCP begins, and the bytes of the packet.
fn ipv4(packet: &[u8]) -> Option<(Ends, usize, usize)> {
    let header = usize::from(packet[0] & 15) * 4;
    let fragment = half(packet, 6)? & 0x3fff;
    if *packet.get(9)? != TCP || fragment != 0 || header < 20 {
        return None;
    }
    let address = |at: usize| {
        let bytes: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
        Some(IpAddr::V4(Ipv4Addr::from(bytes)))
    };
    Some(([address(12)?, address(16)?], header, half(packet, 2)?.into()))
}

fn ipv6(packet: &[u8]) -> Option<(Ends, usize, usize)> {
    const HEADER: usize = 40;
    if *packet.get(6)? != TCP {
        return None;
    }
    let address = |at: usize| {
        let bytes: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
        Some(IpAddr::V6(Ipv6Addr::from(bytes)))
    };
    let payload = usize::from(half(packet, 4)?);
    Some(([address(8)?, address(24)?], HEADER, if payload == 0 { 0 } else { HEADER + payload }))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

const TCP: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    /// A TCP header with so many words of options, and 7 bytes of data.
    fn tcp(options: u8, flags: u8) -> Vec<u8> {
        let mut bytes = [0x1f, 0x90, 0xc0, 0x01, 0, 0, 0x10, 0, 0, 0, 0, 9, (5 + options) << 4, flags].to_vec();
        bytes.resize(20 + usize::from(options) * 4 + 7, 0);
        bytes
    }

    fn v4(options: u8, whole: u16, tcp: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x45 + options, 0];
        bytes.extend(whole.to_be_bytes());
        bytes.extend([0, 1, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 2]);
        bytes.resize(20 + usize::from(options) * 4, 1);
        bytes.extend(tcp);
        bytes
    }

    fn ends(from: &str, to: &str) -> [SocketAddr; 2] {
        [from.parse().unwrap(), to.parse().unwrap()]
    }

    #[test]
    fn a_segment_over_ipv4_with_options_and_padding() {
        let [from, to] = ends("127.0.0.1:8080", "127.0.0.2:49153");
        for (ip_options, tcp_options, flags) in [(0, 0, 0x18), (2, 3, 0x18), (0, 5, 0x12)] {
            let length = 47 + u16::from(ip_options) * 4 + u16::from(tcp_options) * 4;
            let mut packet = v4(ip_options, length, &tcp(tcp_options, flags));
            // A short Ethernet frame is padded.
            packet.resize(90, 0);
            let expected = Segment { from, to, sequence: 4_096, bytes: 7, syn: flags & 2 != 0 };
            assert_eq!(Segment::of(&packet, packet.len()), Some(expected));
        }
        // One of over 64 KiB, of which the front was kept.
        let packet = v4(0, 0, &tcp(0, 0x10));
        assert_eq!(Segment::of(&packet, 70_040).map(|s| s.bytes), Some(70_000));
    }

    #[test]
    fn a_segment_over_ipv6() {
        let [from, to] = ends("[::1]:8080", "[fe80::2]:49153");
        let mut packet = vec![0x60, 0, 0, 0, 0, 27, 6, 64];
        for end in [from, to] {
            let IpAddr::V6(address) = end.ip() else { unreachable!("both are") };
            packet.extend(address.octets());
        }
        packet.extend(tcp(0, 0x18));
        assert_eq!(Segment::of(&packet, 67), Some(Segment { from, to, sequence: 4_096, bytes: 7, syn: false }));
        packet[6] = 17;
        assert_eq!(Segment::of(&packet, 67), None);
    }

    #[test]
    fn what_is_no_whole_segment_is_none() {
        let packet = v4(0, 47, &tcp(0, 0x18));
        for cut in 0..34 {
            assert_eq!(Segment::of(&packet[..cut], 47), None, "{cut}");
        }
        let mut fragment = packet.clone();
        fragment[6] = 0x20;
        let mut udp = packet.clone();
        udp[9] = 17;
        let mut short = packet.clone();
        short[3] = 30;
        for packet in [fragment, udp, short] {
            assert_eq!(Segment::of(&packet, 47), None);
        }
    }
}
