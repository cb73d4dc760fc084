//! A packet socket whose packets the kernel puts into memory that is shared with it (`TPACKET_V2`).
//!
//! Of version 2, because each packet has a place of its own and is there when the kernel has put it there, which is
//! before its bytes are in the receive queue of their connection. Version 3 hands over blocks of packets, of which the
//! last is there when a timer says so, milliseconds after its bytes.

use super::filter::Instruction;
use crate::clock::{Nanos, SECOND};
use std::cell::Cell;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

/// When a packet came.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stamp {
    /// By the kernel, on the wall clock.
    Wall(Nanos),
    /// By the card of an interface, on its own clock.
    Card { interface: u32, at: Nanos },
}

/// A packet socket and the memory that it shares with the kernel.
pub(super) struct Ring {
    socket: OwnedFd,
    memory: *mut u8,
    /// The place of the next packet.
    next: usize,
    ipv6: bool,
    dropped: Cell<u64>,
}

impl Ring {
    /// A ring for packets that arrive over one version of IP and pass the program. It takes memory of [`BYTES`] in the
    /// kernel.
    ///
    /// # Errors
    /// The error number; `EPERM` without the capability `CAP_NET_RAW`.
    pub(super) fn open(ipv6: bool, program: &[Instruction]) -> Result<Self, i32> {
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // Of no protocol: nothing arrives before the bind, behind the program.
        // SAFETY: no pointers are passed; a returned descriptor is owned by nobody else.
        let socket = unsafe {
            let fd = libc::socket(libc::AF_PACKET, kind, 0);
            if fd < 0 {
                return Err(errno());
            }
            OwnedFd::from_raw_fd(fd)
        };
        let fd = socket.as_raw_fd();
        set(fd, libc::SOL_PACKET, libc::PACKET_VERSION, &VERSION_2)?;
        let request = libc::tpacket_req {
            tp_block_size: BLOCK as u32,
            tp_block_nr: (BYTES / BLOCK) as u32,
            tp_frame_size: PLACE as u32,
            tp_frame_nr: PLACES as u32,
        };
        set(fd, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let (access, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_POPULATE);
        // SAFETY: the kernel chooses where; the length is that of the ring which the socket was just given.
        let memory = unsafe { libc::mmap(std::ptr::null_mut(), BYTES, access, shared, fd, 0) };
        if memory == libc::MAP_FAILED {
            return Err(errno());
        }
        // Else what leaves is shown to the program too, which lets none of it in: on kernels before 4.20.
        let _ = set(fd, libc::SOL_PACKET, IGNORE_OUTGOING, &1);
        let ring = Self { socket, memory: memory.cast(), next: 0, ipv6, dropped: Cell::new(0) };
        ring.accept(program)?;
        ring.bind()?;
        Ok(ring)
    }

    /// Has packets stamped by the card that receives them, where somebody has switched that on; else by the kernel.
    pub(super) fn ask_cards(&self, ask: bool) -> Result<(), i32> {
        let flags: libc::c_int = if ask { libc::SOF_TIMESTAMPING_RAW_HARDWARE as libc::c_int } else { 0 };
        set(self.socket.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_TIMESTAMP, &flags)
    }

    /// Lets packets in that pass another program.
    pub(super) fn accept(&self, program: &[Instruction]) -> Result<(), i32> {
        let program = Program { length: program.len() as u16, instructions: program.as_ptr() };
        set(self.socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
    }

    pub(super) fn is_ipv6(&self) -> bool {
        self.ipv6
    }

    /// Begins to take packets, of all interfaces and protocols: a socket of one protocol is shown a packet after that
    /// protocol (since Linux 6.15), when its bytes may have been read.
    fn bind(&self) -> Result<(), i32> {
        // SAFETY: an all-zero sockaddr_ll is valid: all interfaces.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: `address` is readable for `length` bytes during the call.
        let rc = unsafe { libc::bind(self.socket.as_raw_fd(), (&raw const address).cast(), length) };
        if rc == 0 { Ok(()) } else { Err(errno()) }
    }

    /// Shows the packets that have come since: the front of each from its IP header on, how long it was, and when it
    /// came. Each is gone after that.
    ///
    /// Two cores may put packets into places that follow each other at the same time, and the second be done first.
    /// `patient` waits for the first, for some microseconds at most.
    pub(super) fn drain(&mut self, patient: bool, mut on: impl FnMut(&[u8], usize, Stamp)) {
        let mut looks = if patient { LOOKS } else { 0 };
        loop {
            let status = self.status(self.next).load(Ordering::Acquire);
            if status & USER == 0 {
                let overtaken = || self.status((self.next + 1) % PLACES).load(Ordering::Acquire) & USER != 0;
                if looks == 0 || !overtaken() {
                    return;
                }
                looks -= 1;
                std::hint::spin_loop();
                continue;
            }
            // SAFETY: `next` is below `PLACES`, so that the place lies within the mapping. Its status says that the
            // kernel has written it and leaves it alone until it is given back.
            let (header, packet) = unsafe {
                let place = self.memory.add(self.next * PLACE);
                let header = &*place.cast::<Header>();
                let begin = usize::from(header.network).min(PLACE);
                let length = (header.kept as usize).min(PLACE - begin);
                (header, std::slice::from_raw_parts(place.add(begin), length))
            };
            let at = Nanos::from(header.seconds) * SECOND + Nanos::from(header.nanos);
            let stamp = match status & libc::TP_STATUS_TS_RAW_HARDWARE {
                0 => Stamp::Wall(at),
                _ => Stamp::Card { interface: header.interface, at },
            };
            on(packet, header.length as usize, stamp);
            self.status(self.next).store(KERNEL, Ordering::Release);
            self.next = (self.next + 1) % PLACES;
        }
    }

    /// Whose a place is.
    fn status(&self, place: usize) -> &AtomicU32 {
        // SAFETY: a place below `PLACES` lies within the mapping, which is aligned to pages and lives as long as
        // `self`. It begins with its status, which the kernel and this thread read and write as a whole word.
        unsafe { &*self.memory.add(place * PLACE).cast::<AtomicU32>() }
    }

    /// Packets that the kernel had no place for, so far.
    pub(super) fn dropped(&self) -> u64 {
        let mut counts = [0_u32; 2];
        let mut length = size_of_val(&counts) as libc::socklen_t;
        // SAFETY: `counts` is writable for `length` bytes during the call: a tpacket_stats of two numbers.
        let rc = unsafe {
            let (level, option) = (libc::SOL_PACKET, libc::PACKET_STATISTICS);
            libc::getsockopt(self.socket.as_raw_fd(), level, option, counts.as_mut_ptr().cast(), &raw mut length)
        };
        // The kernel begins anew with each reading.
        if rc == 0 {
            self.dropped.set(self.dropped.get() + u64::from(counts[1]));
        }
        self.dropped.get()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: mapped in `open` with this length, and no reference into it outlives a call of `drain`.
        unsafe { libc::munmap(self.memory.cast(), BYTES) };
    }
}

/// `struct tpacket2_hdr` and the `sockaddr_ll` behind it, as far as they are read.
#[repr(C)]
struct Header {
    _status: u32,
    length: u32,
    kept: u32,
    link: u16,
    network: u16,
    seconds: u32,
    nanos: u32,
    _vlan: [u16; 2],
    _padding: [u8; 4],
    _family: u16,
    _protocol: u16,
    interface: u32,
}

/// `struct sock_fprog`.
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

fn set<T>(fd: i32, level: i32, option: i32, value: &T) -> Result<(), i32> {
    // SAFETY: the value is of the given size and outlives the call; a program in it names instructions that do as well.
    let rc =
        unsafe { libc::setsockopt(fd, level, option, (&raw const *value).cast(), size_of::<T>() as libc::socklen_t) };
    if rc == 0 { Ok(()) } else { Err(errno()) }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// `PACKET_IGNORE_OUTGOING`.
const IGNORE_OUTGOING: libc::c_int = 23;
/// `TPACKET_V2`.
const VERSION_2: libc::c_int = 1;
/// `TP_STATUS_USER` and `TP_STATUS_KERNEL`.
const USER: u32 = 1;
const KERNEL: u32 = 0;

/// How often a place is looked at that another core is writing.
const LOOKS: u32 = 1_000;
/// Bytes of a place: its header, the address of the link and the room before the packet (80 in all), and [`FRONT`].
const PLACE: usize = 256;
/// Bytes that are kept of a packet: the headers of IP and TCP with all options are 120 at most.
pub(super) const FRONT: u32 = 128;
/// Places: what a client that stands still for 0.3 s misses at 100 000 segments a second.
const PLACES: usize = 1 << 15;
const BYTES: usize = PLACE * PLACES;
const BLOCK: usize = 1 << 16;
