//! Sockets for load generators: bytes moved over io_uring or epoll, each read with the kernel's own stamp of its
//! arrival.
//!
//! What the standard library and tokio cannot say is when bytes *arrived*: both tell when a program came to read them,
//! and the time between is the program's own. These drivers ask the kernel to stamp each segment (`SO_TIMESTAMPING`)
//! and hand the stamp on with the bytes, on `CLOCK_MONOTONIC`. [`Uring`] (Linux 6.1) and [`Epoll`] (Linux 4.18) do the
//! same behind one trait, [`Driver`]; [`sim::Sim`] does it in virtual time, with peers that are played, for tests.
//!
//! All unsafe code of ringload is in this crate, each block with its argument; the README lists which calls need it and
//! why. It knows descriptors, buffers, completions and stamps: never HTTP, never tokens.
//!
//! The contract, for every driver:
//! * A [`Key`] names one connection. Its slot may be used again after [`Driver::close`], with a new generation; events
//!   of an old generation are never delivered.
//! * After [`Event::Connected`] the driver reads by itself, at [`Options::read_rate`] where there is one, until
//!   [`Event::Closed`], [`Event::ReadFailed`] or [`Driver::close`]. After one of the first two the caller still owes a
//!   `close`.
//! * The bytes of [`Event::Received`] are lent for the call of the handler only.
//! * One clock read per batch of completions: every event of a batch carries the same `seen`, but for a read that was
//!   made after that and of which the kernel's stamp is later, or missing: its `seen` is the clock's after the read.
#![allow(unsafe_code)]

#[cfg(test)]
mod acknowledge_tests;
pub mod arrival;
mod buffers;
pub mod clock;
mod connections;
mod datagram;
#[cfg(test)]
mod deny;
#[cfg(test)]
mod end_tests;
mod epoll;
#[cfg(test)]
mod large_read_tests;
mod local_ports;
mod message;
mod pace;
mod packet;
#[cfg(test)]
mod packet_tests;
mod refusal;
mod segments;
pub mod sim;
mod socket;
mod stamp;
#[cfg(test)]
mod tests;
mod thread;
mod transmit;
#[cfg(test)]
mod transmit_tests;
mod uring;
mod window;

pub use datagram::{Between, Datagram, Departure, StampedDatagrams};
#[cfg(test)]
pub(crate) use deny::deny;
pub use epoll::Epoll;
pub use packet::{PacketStats, Packets};
pub use refusal::Refusal;
pub use thread::{
    ThreadFacts, keep_files_private, keep_off, peak_rss_bytes, prepare_thread, raise_descriptor_limit, thread_facts,
};
pub use uring::Uring;

/// The numbers of errors that events and results carry, by their names in `errno(3)`.
pub mod errno {
    pub use libc::{
        EACCES, EADDRNOTAVAIL, ECONNREFUSED, ECONNRESET, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EPIPE, EPROTO,
        ETIMEDOUT,
    };
}

use crate::arrival::Arrival;
use crate::clock::Nanos;
use socket2::SockAddr;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;

/// What every socket of a driver is given.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Kernel receive stamps.
    pub stamps: bool,
    /// TCP options; `None` leaves them to the kernel.
    pub tcp: Option<TcpOptions>,
    /// Local addresses, of which each connection takes one of its family.
    pub source_ips: Vec<IpAddr>,
    /// Local ports, of which each connection takes one (Linux 6.3), or another where none of them is free; `None`
    /// leaves the choice to the kernel.
    pub local_ports: Option<RangeInclusive<u16>>,
    /// Bytes per second that are read of each connection at most; `None` reads whatever is there.
    pub read_rate: Option<u32>,
    /// Each read is acknowledged at once (`TCP_QUICKACK`), at the cost of a system call; else when the kernel thinks
    /// fit.
    pub quickack: bool,
}

impl From<bool> for Options {
    /// Kernel receive stamps or not, and nothing else.
    fn from(stamps: bool) -> Self {
        Self { stamps, ..Self::default() }
    }
}

/// TCP options of a socket; what is `None` is left to the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpOptions {
    /// `SO_SNDBUF`, bytes.
    pub send_buffer: Option<u32>,
    /// `SO_RCVBUF`, bytes.
    pub receive_buffer: Option<u32>,
    /// Idle time before the first keep-alive probe; `None` sends none.
    pub keepalive: Option<Nanos>,
    /// `TCP_USER_TIMEOUT`: how long sent bytes may stay unacknowledged.
    pub user_timeout: Option<Nanos>,
}

/// Names one connection: a slot, and which of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Index of the slot, below the capacity the driver was made with.
    pub slot: u32,
    /// Which life of the slot; only the low 24 bits count.
    pub generation: u32,
}

impl Key {
    /// The key as events name it.
    fn masked(self) -> Self {
        Self { slot: self.slot, generation: self.generation & GENERATION_MASK }
    }
}

/// An event of a connection.
#[derive(Debug)]
pub enum Event<'a> {
    /// It is usable.
    Connected {
        /// An instant before which it was not; 0 where none is known.
        since: Nanos,
    },
    /// It could not be made.
    ConnectFailed {
        /// The error number.
        errno: i32,
        /// An instant before which it had not failed; 0 where none is known.
        since: Nanos,
    },
    /// The last byte of a send that did not fit at once was accepted by the kernel.
    Sent,
    /// The send failed; the error number.
    SendFailed(i32),
    /// The kernel has said something more of the last byte of a send that has a name
    /// ([`Driver::send_named`]). What it said before a byte of the peer's arrived comes before that byte's event.
    Transmitted {
        /// The name of the send.
        name: u32,
        /// All that was said of it.
        at: Transmission,
    },
    /// Bytes arrived.
    Received {
        /// The bytes, lent for the call.
        bytes: &'a [u8],
        /// When they arrived.
        arrival: Arrival<'a>,
    },
    /// The peer closed its side. The kernel does not stamp that.
    Closed {
        /// An instant before which it had not; 0 where none is known.
        since: Nanos,
    },
    /// The read failed. The kernel does not stamp that either.
    ReadFailed {
        /// The error number.
        errno: i32,
        /// An instant before which it would not have; 0 where none is known.
        since: Nanos,
    },
}

impl Event<'_> {
    /// A read failed. A reset after the peer's end in order is told by an error of its own: the end counts.
    fn failed_read(errno: i32, since: Nanos) -> Self {
        match errno {
            libc::EPIPE => Self::Closed { since },
            errno => Self::ReadFailed { errno, since },
        }
    }
}

/// What came of a send that was tried at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// The kernel took all of it.
    Done,
    /// The rest follows, behind what is left of earlier sends; [`Event::Sent`] will say when all is done,
    /// [`Event::SendFailed`] when that failed.
    Pending,
    /// It failed, and the kernel took no byte of it; the error number.
    Failed(i32),
}

/// What the kernel knows of a TCP connection (`TCP_INFO`): passive facts of the network, that no request had to be sent
/// for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFacts {
    /// The least round-trip time of its last minutes, in nanoseconds, to a microsecond; `None` before the first sample.
    /// Not the smoothed one (RFC 6298): acknowledgements that wait for an answer to ride on put the server's own time
    /// into that.
    pub round_trip: Option<Nanos>,
    /// Segments that this side has sent again, those of the connect included.
    pub retransmits: u32,
}

/// When the last byte of a send was on its way, by the kernel's stamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transmission {
    /// When it was handed to the network card: the first time, where it was sent again.
    pub sent: Option<Nanos>,
    /// When the acknowledgement of the peer's kernel came.
    pub acknowledged: Option<Nanos>,
}

/// What a driver has counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct DriverStats {
    /// Times [`Driver::wait`] returned from the kernel.
    pub wakes: u64,
    /// Times a receive ended because no buffer was free; it was armed again.
    pub buffer_starved: u64,
    /// Completions the kernel could not queue.
    pub completions_lost: u64,
    /// What packet sockets have counted; nothing without them.
    pub packets: PacketStats,
    /// Time spent waiting in the kernel for something to happen.
    pub waited: Nanos,
}

/// Moves bytes and stamps them.
pub trait Driver {
    /// How long before a due send a wait has to end to be on time: about what a wake-up costs. The loop spins through
    /// the rest.
    const WAKE_UP: Nanos;

    /// The driver's clock: monotonic, or virtual.
    fn now(&mut self) -> Nanos;

    /// Begins a connection. `turn` chooses the local address, where [`Options::source_ips`] names several; one that has
    /// no port left gives way to the next. After [`Event::ConnectFailed`] and [`close`](Self::close) the same key may
    /// be connected again.
    ///
    /// # Errors
    /// The error number when not even a socket could be had, or the connection failed at once.
    fn connect(&mut self, key: Key, addr: &SockAddr, turn: u64) -> Result<(), i32>;

    /// Reads from a socket that is connected already, a local one; a read that cannot be stamped has the time of the
    /// read.
    ///
    /// # Errors
    /// The error number when it cannot be watched.
    fn adopt(&mut self, key: Key, socket: OwnedFd) -> Result<(), i32>;

    /// Sends bytes; tries at once.
    fn send(&mut self, key: Key, bytes: &[u8]) -> Sending {
        self.send_named(key, bytes, None)
    }

    /// The same. The kernel stamps the last byte of a send that has a name, and [`Event::Transmitted`] tells when it
    /// left and when the peer acknowledged it. Without kernel stamps, and where the kernel loses one, it does not.
    ///
    /// The stamps cost two wake-ups and a system call, as a rule, and one more for the first such send of a connection.
    fn send_named(&mut self, key: Key, bytes: &[u8], name: Option<u32>) -> Sending;

    /// Whether neither the peer's end nor a reset has arrived on an established connection, told by an event or not:
    /// behind them, a request comes too late. `silent`: nor a byte that was not read yet, which cannot belong to a
    /// request that is still to be sent. Costs a system call.
    fn is_open(&mut self, key: Key, silent: bool) -> bool;

    /// Gives the connection up. No event of this key follows.
    fn close(&mut self, key: Key);

    /// Bytes given to [`send`](Self::send) that the peer's kernel has not acknowledged, those included that a failed
    /// send left untaken; at least so many are not with the peer. `None` when unknown.
    fn unacknowledged(&mut self, key: Key) -> Option<usize>;

    /// What the kernel knows of the connection now; `None` where it is gone, or not TCP.
    fn tcp_facts(&mut self, key: Key) -> Option<TcpFacts>;

    /// The name of the connection's congestion control; `None` where it is gone, or not TCP. Costs a system call.
    fn congestion_control(&mut self, key: Key) -> Option<String>;

    /// Waits for an event, or until `until`, then hands over everything that is ready.
    ///
    /// `batch` allows the driver to go on collecting for that long after the first completion is ready.
    ///
    /// # Errors
    /// The error number of a wait that cannot go on.
    fn wait(&mut self, until: Nanos, batch: Nanos, on: &mut dyn FnMut(Key, Event<'_>, Nanos)) -> Result<(), i32>;

    /// What was counted so far.
    fn stats(&self) -> DriverStats;
}

/// Connections of a driver that may be closed while the kernel still holds their descriptors: these come on top of its
/// slots. Where there are as many, the next connect first waits for the kernel to let go.
pub const CLOSING: usize = 64;

const GENERATION_MASK: u32 = 0x00ff_ffff;
