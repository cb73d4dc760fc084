//! Datagrams whose way out and way in the kernel stamps (`SO_TIMESTAMPING`): what an echo between the clocks of two
//! machines is made of.
//!
//! The kernel's stamps are of `CLOCK_REALTIME`. Each is moved to `CLOCK_MONOTONIC` at once, by a sample of both clocks
//! that is taken then, and is widened by the gap of that sample. A stamp that is missing, or that lies outside of the
//! two readings of `CLOCK_MONOTONIC` between which it has to lie (the wall clock was set), gives way to these two
//! readings: they hold the truth whatever the wall clock does.

use super::socket::{self, RECEIVE_STAMPS};
use super::stamp::software_stamp;
use super::transmit::{Stamp, take_errors};
use crate::clock::{self, Nanos, RealtimeOffset};
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

/// A UDP socket that never waits, and of whose datagrams the kernel says when they left and when they came.
#[derive(Debug)]
pub struct StampedDatagrams {
    socket: Socket,
    /// Whether the kernel stamps what is sent, and numbers the stamps.
    stamps: bool,
    /// The number of the next datagram, as the kernel counts them. Wraps.
    next: u32,
}

/// An instant that lies between two others, in nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Between {
    /// Not earlier than this.
    pub earliest: Nanos,
    /// Not later than this.
    pub latest: Nanos,
}

/// A datagram that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    number: u32,
    /// An instant before it left.
    pub before: Nanos,
}

/// A datagram that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// How many bytes of it the buffer holds.
    pub length: usize,
    /// Who sent it.
    pub from: SocketAddr,
    /// When it came.
    pub came: Between,
}

impl StampedDatagrams {
    /// A socket at a port that the kernel chooses, for IPv6 and IPv4, or for IPv4 alone where there is no IPv6.
    ///
    /// # Errors
    /// When there is no socket to be had.
    pub fn bind() -> io::Result<Self> {
        let dual = || {
            let socket = Socket::new(Domain::IPV6, Type::DGRAM.cloexec().nonblocking(), Some(Protocol::UDP))?;
            socket.set_only_v6(false)?;
            socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into())?;
            Ok::<_, io::Error>(socket)
        };
        let single = || {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM.cloexec().nonblocking(), Some(Protocol::UDP))?;
            socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
            Ok::<_, io::Error>(socket)
        };
        let socket = dual().or_else(|_| single())?;
        let sent =
            libc::SOF_TIMESTAMPING_TX_SOFTWARE | libc::SOF_TIMESTAMPING_OPT_ID | libc::SOF_TIMESTAMPING_OPT_TSONLY;
        let stamps = socket::stamp(socket.as_raw_fd(), RECEIVE_STAMPS | sent);
        Ok(Self { socket, stamps, next: 0 })
    }

    /// Its port.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn port(&self) -> io::Result<u16> {
        let address = self.socket.local_addr()?.as_socket();
        address.map(|address| address.port()).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// The same socket by another descriptor: to wait for it, and not to read from it.
    ///
    /// # Errors
    /// When there is no descriptor to be had.
    pub fn duplicate(&self) -> io::Result<UdpSocket> {
        Ok(self.socket.try_clone()?.into())
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// When the kernel does not take it: there is no way to the address, or no room ([`io::ErrorKind::WouldBlock`]).
    pub fn send_to(&mut self, bytes: &[u8], to: SocketAddr) -> io::Result<Departure> {
        let to = self.reachable(to);
        let before = clock::monotonic();
        self.socket.send_to(bytes, &to.into())?;
        let number = self.next;
        self.next = number.wrapping_add(1);
        Ok(Departure { number, before })
    }

    /// When a datagram left, where the kernel has stamped it by now. What it says of others is dropped.
    pub fn left(&mut self, sent: &Departure) -> Option<Between> {
        if !self.stamps {
            return None;
        }
        let mut wall = None;
        let fd = self.socket.as_raw_fd();
        while take_errors(fd, |control| {
            if Stamp::of(control).is_some_and(|stamp| stamp.is_of(sent.number)) {
                wall = wall.or_else(|| software_stamp(control));
            }
        }) > 0
        {}
        let found = clock::monotonic();
        Some(within(wall?, &RealtimeOffset::sample(), Between { earliest: sent.before, latest: found }))
    }

    /// The next datagram, if one has come. `not_before`: an instant at which it cannot have been here yet.
    ///
    /// # Errors
    /// When the socket is of no use any more.
    pub fn receive(&mut self, buffer: &mut [u8], not_before: Nanos) -> io::Result<Option<Datagram>> {
        let mut control = [0_u64; CONTROL_WORDS];
        let taken = match receive(self.socket.as_raw_fd(), buffer, &mut control) {
            Err(e) if is_passing(&e) => return Ok(None),
            taken => taken?,
        };
        let seen = clock::monotonic();
        let Some(from) = taken.from.as_socket() else { return Ok(None) };
        let control: [u8; CONTROL_WORDS * 8] = std::array::from_fn(|i| control[i / 8].to_ne_bytes()[i % 8]);
        let read = Between { earliest: not_before.min(seen), latest: seen };
        let stamp = software_stamp(&control[..taken.control]);
        let came = stamp.map_or(read, |wall| within(wall, &RealtimeOffset::sample(), read));
        Ok(Some(Datagram { length: taken.length, from: unmapped(from), came }))
    }

    /// The address, as a socket of this family takes it.
    fn reachable(&self, to: SocketAddr) -> SocketAddr {
        let v6 = self.socket.local_addr().is_ok_and(|own| own.is_ipv6());
        match to {
            SocketAddr::V4(v4) if v6 => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
            other => other,
        }
    }
}

/// A stamp of the wall clock on the monotonic one, as exactly as the sample knows it; the bounds, where the stamp does
/// not lie within them.
fn within(wall: Nanos, offset: &RealtimeOffset, bounds: Between) -> Between {
    let at = offset.to_monotonic(wall);
    let (earliest, latest) = (at.saturating_sub(offset.gap()), at.saturating_add(offset.gap()));
    if latest < bounds.earliest || earliest > bounds.latest {
        return bounds;
    }
    Between { earliest: earliest.max(bounds.earliest), latest: latest.min(bounds.latest) }
}

/// Nothing came, or what an earlier datagram met with (`ECONNREFUSED` of an ICMP message) was told.
fn is_passing(e: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, Interrupted, NetworkUnreachable, WouldBlock};
    matches!(e.kind(), WouldBlock | Interrupted | ConnectionRefused | HostUnreachable | NetworkUnreachable)
}

/// An IPv4 address that an IPv6 socket shows as one of its own, as what it is.
fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// What one read took.
struct Taken {
    length: usize,
    control: usize,
    from: SockAddr,
}

fn receive(fd: RawFd, buffer: &mut [u8], control: &mut [u64; CONTROL_WORDS]) -> io::Result<Taken> {
    let mut io = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: an all-zero msghdr is valid.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut io;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(control) as _;
    let mut storage = SockAddrStorage::zeroed();
    message.msg_name = (&raw mut storage).cast();
    message.msg_namelen = storage.size_of();
    // SAFETY: the message names the caller's buffer and control block and the address's storage, all of them writable
    // for the call, which does not wait.
    let n = unsafe { libc::recvmsg(fd, &raw mut message, libc::MSG_DONTWAIT) };
    let length = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel wrote an address of this length into the storage; one of length 0 has no family.
    let from = unsafe { SockAddr::new(storage, message.msg_namelen) };
    Ok(Taken { length, control: (message.msg_controllen as usize).min(CONTROL_WORDS * 8), from })
}

/// Room for the control messages of one datagram, in words.
const CONTROL_WORDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{MICRO, SECOND};
    use std::time::Duration;

    /// Waits for a datagram, for a second at most.
    fn next(socket: &mut StampedDatagrams, buffer: &mut [u8], not_before: Nanos) -> Datagram {
        for _ in 0..10_000 {
            if let Some(datagram) = socket.receive(buffer, not_before).unwrap() {
                return datagram;
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        panic!("nothing came");
    }

    #[test]
    fn instants_of_datagrams_are_in_the_order_of_send_and_receive() {
        let (mut one, mut other) = (StampedDatagrams::bind().unwrap(), StampedDatagrams::bind().unwrap());
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, other.port().unwrap()));
        let mut buffer = [0; 64];
        for i in 0..3_u8 {
            let before = clock::monotonic();
            let sent = one.send_to(&[i; 40], to).unwrap();
            // What is not stamped yet is asked for again; loopback stamps it within the call.
            let left = one.left(&sent).expect("a stamp of the send");
            let came = next(&mut other, &mut buffer, sent.before);
            let after = clock::monotonic();
            assert_eq!((came.length, buffer[0], came.from.ip()), (40, i, Ipv4Addr::LOCALHOST.into()));
            assert_eq!(came.from.port(), one.port().unwrap());
            assert!(before <= left.earliest && left.earliest <= left.latest, "{left:?}");
            assert!(left.earliest <= came.came.latest && came.came.latest <= after, "{left:?} {came:?} {after}");
            assert!(came.came.earliest <= came.came.latest);
        }
        assert!(other.receive(&mut buffer, 0).unwrap().is_none(), "no more came");
    }

    #[test]
    fn a_stamp_outside_of_what_can_be_gives_way_to_what_was_read() {
        let ahead = 1_000_000 * SECOND;
        let offset = RealtimeOffset::at(50 * SECOND, ahead + 50 * SECOND);
        let bounds = Between { earliest: 50 * SECOND, latest: 50 * SECOND + 90 * MICRO };
        let at = |wall| within(wall, &offset, bounds);
        let inside = 50 * SECOND + 30 * MICRO;
        assert_eq!(at(ahead + inside), Between { earliest: inside, latest: inside });
        for set in [SECOND, 7 * 86_400 * SECOND] {
            assert_eq!(at(ahead + inside + set), bounds);
            assert_eq!(at(ahead + inside - set), bounds);
        }
    }
}
