//! The driver for kernels and sandboxes without io_uring: readiness by epoll, one `recvmsg` a ready socket.
//!
//! One file: what a socket is ready for, what is left to send on it and its rest are one state that all calls touch.

use super::pace::{LARGEST_READ, Pace};
use super::packet::{Packets, Read};
use super::segments::{OneRead, Reads};
use super::socket::{self, SendOutcome, errno};
use super::stamp::{CONTROL_BYTES, Stamper};
use super::transmit::Marks;
use super::window::Window;
use super::{Driver, DriverStats, Event, GENERATION_MASK, Key, Options, Sending, TcpFacts};
use crate::arrival::Since;
use crate::clock::{self, Nanos};
use socket2::{SockAddr, Socket};
use std::cell::Cell;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Readiness events taken by one wait.
const EVENTS: usize = 1024;

/// Readiness by epoll.
pub struct Epoll {
    epoll: OwnedFd,
    slots: Vec<Slot>,
    buffer: Box<[u8]>,
    events: Box<[libc::epoll_event]>,
    stamper: Stamper,
    window: Window,
    pace: Pace,
    packets: Option<Box<Packets>>,
    options: Options,
    stats: DriverStats,
    last_batch: usize,
    /// Sends that failed at once after the kernel had taken a part: the next wait reports them.
    failures: Vec<(Key, i32)>,
    /// The kernel has no `epoll_pwait2` (Linux 5.11).
    older: bool,
}

#[derive(Default)]
struct Slot {
    socket: Option<Socket>,
    generation: u32,
    connecting: bool,
    /// It is read at a pace.
    paced: bool,
    /// It is not read for now.
    resting: bool,
    /// Since when it may have had bytes, or the peer's end, that no wait could read; 0 without.
    unread_since: Nanos,
    reads: Cell<Reads>,
    /// It is to be woken when it can be written to.
    writing: bool,
    /// What is left of a send that did not fit; it stays when the send fails.
    unsent: Vec<u8>,
    /// A send has failed: the error number. Nothing more is sent.
    failed: Option<i32>,
    marks: Marks,
}

impl Epoll {
    /// A driver for up to `slots` connections.
    ///
    /// # Errors
    /// The error number when the kernel gives no epoll descriptor.
    pub fn new(slots: usize, options: impl Into<Options>) -> Result<Self, i32> {
        let options = options.into();
        // SAFETY: no pointers are passed; a returned descriptor is owned by nobody else.
        let epoll = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            if fd < 0 {
                return Err(errno());
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Self {
            epoll,
            slots: (0..slots).map(|_| Slot::default()).collect(),
            buffer: vec![0; LARGEST_READ].into_boxed_slice(),
            events: vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS].into_boxed_slice(),
            stamper: Stamper::new(options.stamps),
            window: Window::new(options.stamps),
            pace: Pace::new(options.read_rate),
            packets: None,
            options,
            stats: DriverStats::default(),
            last_batch: 0,
            failures: Vec::new(),
            older: false,
        })
    }

    /// With an arrival of its own for each segment, where kernel stamps are on.
    #[must_use]
    pub fn with_packets(self, packets: Packets) -> Self {
        let packets = self.options.stamps.then(|| Box::new(packets));
        Self { packets, ..self }
    }

    fn control(&self, op: libc::c_int, fd: RawFd, events: u32, key: Key) -> Result<(), i32> {
        let mut event = libc::epoll_event { events, u64: pack(key) };
        // SAFETY: both descriptors are open, and `event` is valid for the length of the call.
        if unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), op, fd, &mut event) } == 0 { Ok(()) } else { Err(errno()) }
    }

    fn poll(&mut self, until: Nanos, now: Nanos) -> Result<usize, i32> {
        let left = until.saturating_sub(now);
        let timeout = libc::timespec { tv_sec: (left / clock::SECOND) as i64, tv_nsec: (left % clock::SECOND) as i64 };
        let n = self.ready_within(&timeout);
        self.stats.wakes += 1;
        let after = clock::monotonic();
        self.stats.waited += after - now;
        match n {
            Err(libc::EINTR) => Ok(0),
            n => n,
        }
    }

    /// Waits for at most as long as given: how many events there are.
    fn ready_within(&mut self, timeout: &libc::timespec) -> Result<usize, i32> {
        if !self.older {
            // SAFETY: `events` is writable for `EVENTS` entries and `timeout` readable for the length of the call; no
            // signal mask.
            let n = unsafe {
                libc::syscall(
                    libc::SYS_epoll_pwait2,
                    self.epoll.as_raw_fd(),
                    self.events.as_mut_ptr(),
                    EVENTS as libc::c_int,
                    &raw const *timeout,
                    std::ptr::null::<libc::sigset_t>(),
                    0_usize,
                )
            };
            match usize::try_from(n).map_err(|_| errno()) {
                // The kernel, or a sandbox that was made before the call was, does not know it.
                Err(libc::ENOSYS | libc::EPERM) => self.older = true,
                n => return n,
            }
        }
        // An epoll descriptor is readable while it has events, and ppoll has always counted nanoseconds.
        if timeout.tv_sec != 0 || timeout.tv_nsec != 0 {
            let mut readable = libc::pollfd { fd: self.epoll.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one pollfd is writable, and `timeout` readable, for the length of the call; no signal mask.
            let n = unsafe { libc::ppoll(&mut readable, 1, timeout, std::ptr::null()) };
            if n <= 0 {
                return if n == 0 { Ok(0) } else { Err(errno()) };
            }
        }
        let (events, most) = (self.events.as_mut_ptr(), EVENTS as libc::c_int);
        // SAFETY: `events` is writable for `EVENTS` entries.
        let n = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), events, most, 0) };
        usize::try_from(n).map_err(|_| errno())
    }

    /// Most bytes of one read of a connection.
    fn most(&self, slot: usize) -> usize {
        if self.slots[slot].paced { self.pace.most() } else { LARGEST_READ }
    }

    /// One read of a ready socket: `Ok(0)` is the peer's close.
    fn read(&mut self, slot: usize, control: &mut [u8; CONTROL_BYTES]) -> Result<(usize, usize), i32> {
        let most = self.most(slot);
        let slot = &self.slots[slot];
        let Some(socket) = &slot.socket else {
            return Err(libc::EBADF);
        };
        socket::receive(socket.as_raw_fd(), &mut self.buffer[..most], control, self.stamper.kernel())
    }

    /// Asks for what a connection is to be woken for now.
    fn watch(&self, key: Key) -> Result<(), i32> {
        let slot = &self.slots[key.slot as usize];
        let Some(socket) = &slot.socket else {
            return Err(libc::EBADF);
        };
        // The peer's end is told with what came before it.
        let reading = if slot.resting { 0 } else { libc::EPOLLIN | libc::EPOLLRDHUP };
        let writing = if slot.writing { libc::EPOLLOUT } else { 0 };
        self.control(libc::EPOLL_CTL_MOD, socket.as_raw_fd(), (reading | writing) as u32, key)
    }

    fn live(&self, key: Key) -> bool {
        self.slots.get(key.slot as usize).is_some_and(|slot| slot.socket.is_some() && slot.generation == key.generation)
    }

    /// Connections that have rested enough are read again.
    fn wake_rested(&mut self) {
        while let Some(key) = self.pace.rested(clock::monotonic()) {
            if self.live(key) {
                self.slots[key.slot as usize].resting = false;
                let _ = self.watch(key);
            }
        }
    }

    fn ready(&mut self, flags: u32, key: Key, seen: Nanos, on: &mut dyn FnMut(Key, Event<'_>, Nanos)) {
        let index = key.slot as usize;
        if !self.live(key) {
            return;
        }
        if self.slots[index].connecting {
            self.connected(key, seen, on);
            return;
        }
        if flags & libc::EPOLLOUT as u32 != 0 && self.slots[index].writing {
            self.send_rest(key, seen, on);
        }
        let mut heard = libc::EPOLLIN | libc::EPOLLHUP | libc::EPOLLERR | libc::EPOLLRDHUP;
        if flags & libc::EPOLLERR as u32 != 0 && self.report_stamps(key, seen, on) {
            // Behind an error of the connection, both directions have ended as well.
            heard &= !libc::EPOLLERR;
        }
        if flags & heard as u32 == 0 || !self.live(key) {
            return;
        }
        let mut control = [0; CONTROL_BYTES];
        match self.read(index, &mut control) {
            Ok((0, _)) => self.quiet(key, seen, Event::Closed { since: self.closed_since(index) }, on),
            Ok((n, control_bytes)) => {
                let time = self.stamper.arrival_after(&control[..control_bytes], seen);
                let emptied = n < self.most(index);
                let slot = &mut self.slots[index];
                let unread_since = slot.unread_since;
                slot.unread_since = match emptied && flags & libc::EPOLLRDHUP as u32 != 0 {
                    // The end was there as well; the next wait tells it.
                    true => self.window.closed_since(unread_since).max(1),
                    false => self.window.unread(unread_since, emptied, slot.paced),
                };
                slot.reads.get_mut().add(n, emptied);
                let Some(socket) = &slot.socket else { return };
                if self.options.quickack {
                    socket::acknowledge(socket);
                }
                let read = OneRead::new(&self.window, unread_since, socket, &slot.reads);
                let arrival = time.bounded(emptied, Since::Asked(&read));
                let read = Read { number: key.slot, key, bytes: &self.buffer[..n], arrival, seen: time.seen };
                read.report(&mut self.packets, &self.stamper, on);
                if self.live(key) && self.slots[index].paced {
                    self.slots[index].resting = true;
                    self.pace.read(key, n, seen);
                    let _ = self.watch(key);
                }
            }
            Err(libc::EAGAIN | libc::EINTR) => {}
            Err(e) => self.quiet(key, seen, Event::failed_read(e, self.closed_since(index)), on),
        }
    }

    /// An instant before which the connection in a slot, whose end was found, had not ended.
    fn closed_since(&self, index: usize) -> Nanos {
        self.window.closed_since(self.slots[index].unread_since)
    }

    /// The error queue of a connection has something: reports what that says of sends with names. Whether it may have
    /// been that.
    #[cold]
    fn report_stamps(&mut self, key: Key, seen: Nanos, on: &mut dyn FnMut(Key, Event<'_>, Nanos)) -> bool {
        let slot = &mut self.slots[key.slot as usize];
        let Some(socket) = slot.socket.as_ref().filter(|_| slot.marks.notified()) else {
            return false;
        };
        let fd = socket.as_raw_fd();
        slot.marks.take(fd, &self.stamper, &mut |name, at| on(key, Event::Transmitted { name, at }, seen));
        true
    }

    /// The last event of a connection: nothing more is asked of it.
    fn quiet(&mut self, key: Key, seen: Nanos, event: Event<'_>, on: &mut dyn FnMut(Key, Event<'_>, Nanos)) {
        if let Some(socket) = &self.slots[key.slot as usize].socket {
            let _ = self.control(libc::EPOLL_CTL_DEL, socket.as_raw_fd(), 0, key);
        }
        on(key, event, seen);
    }

    fn connected(&mut self, key: Key, seen: Nanos, on: &mut dyn FnMut(Key, Event<'_>, Nanos)) {
        let slot = &mut self.slots[key.slot as usize];
        slot.connecting = false;
        let Some(socket) = &slot.socket else { return };
        let failed = match socket.take_error() {
            Ok(None) => None,
            Ok(Some(e)) | Err(e) => Some(socket::number(&e)),
        };
        let failed = failed.or_else(|| self.watch(key).err());
        if let (None, Some(packets)) = (failed, &mut self.packets)
            && let Some(socket) = &self.slots[key.slot as usize].socket
        {
            packets.claim(key.slot, socket, (&self.stamper, seen));
        }
        match failed {
            None => on(key, Event::Connected { since: self.window.done_since() }, seen),
            Some(errno) => {
                let since = self.window.done_since();
                self.quiet(key, seen, Event::ConnectFailed { errno, since }, on);
            }
        }
    }

    /// Reports sends that failed at once, before what is read: the kernel tells a reset once, and has told it to them.
    fn report_failures(&mut self, seen: Nanos, on: &mut dyn FnMut(Key, Event<'_>, Nanos)) {
        for (key, e) in std::mem::take(&mut self.failures) {
            if self.live(key) {
                on(key, Event::SendFailed(e), seen);
            }
        }
    }

    fn send_rest(&mut self, key: Key, seen: Nanos, on: &mut dyn FnMut(Key, Event<'_>, Nanos)) {
        let slot = &mut self.slots[key.slot as usize];
        let Some(socket) = &slot.socket else { return };
        let fd = socket.as_raw_fd();
        let (taken, error) = socket::send_now(fd, &slot.unsent, slot.marks.wants_rest());
        slot.unsent.drain(..taken);
        if let Some(e) = error {
            // The caller owes a close: nothing more is written.
            (slot.writing, slot.failed) = (false, Some(e));
            let _ = self.watch(key);
            on(key, Event::SendFailed(e), seen);
        } else if slot.unsent.is_empty() {
            slot.writing = false;
            let _ = self.watch(key);
            on(key, Event::Sent, clock::monotonic());
        }
    }
}

impl Driver for Epoll {
    const WAKE_UP: Nanos = 30 * clock::MICRO;

    fn now(&mut self) -> Nanos {
        clock::monotonic()
    }

    fn connect(&mut self, key: Key, addr: &SockAddr, turn: u64) -> Result<(), i32> {
        if let Some(packets) = &mut self.packets {
            packets.connect(addr);
        }
        let (mut turn, mut left) = (turn, socket::tries(addr, &self.options));
        let socket = loop {
            match begin(addr, &self.options, (turn, left)) {
                Err(libc::EADDRNOTAVAIL) if left > 1 => (turn, left) = (turn + 1, left - 1),
                other => break other?,
            }
        };
        self.control(libc::EPOLL_CTL_ADD, socket.as_raw_fd(), libc::EPOLLOUT as u32, key)?;
        let slot = &mut self.slots[key.slot as usize];
        *slot = Slot {
            socket: Some(socket),
            generation: key.generation & GENERATION_MASK,
            connecting: true,
            paced: self.pace.limits(),
            unsent: std::mem::take(&mut slot.unsent),
            ..Slot::default()
        };
        slot.unsent.clear();
        Ok(())
    }

    fn adopt(&mut self, key: Key, socket: OwnedFd) -> Result<(), i32> {
        let socket = Socket::from(socket);
        socket.set_nonblocking(true).map_err(|e| socket::number(&e))?;
        self.control(libc::EPOLL_CTL_ADD, socket.as_raw_fd(), (libc::EPOLLIN | libc::EPOLLRDHUP) as u32, key)?;
        self.slots[key.slot as usize] =
            Slot { socket: Some(socket), generation: key.generation & GENERATION_MASK, ..Slot::default() };
        Ok(())
    }

    fn send_named(&mut self, key: Key, bytes: &[u8], name: Option<u32>) -> Sending {
        if !self.live(key.masked()) {
            return Sending::Failed(libc::EBADF);
        }
        let slot = &mut self.slots[key.slot as usize];
        let Some(socket) = &slot.socket else {
            return Sending::Failed(libc::EBADF);
        };
        if let Some(e) = slot.failed {
            return Sending::Failed(e);
        }
        let name = name.filter(|_| self.options.stamps);
        let stamped = slot.marks.send(socket.as_raw_fd(), bytes.len(), name, !slot.writing);
        if slot.writing {
            slot.unsent.extend_from_slice(bytes);
            return Sending::Pending;
        }
        let (taken, mut error) = match socket::first_try(socket.as_raw_fd(), bytes, stamped) {
            SendOutcome::All => return Sending::Done,
            SendOutcome::Nothing(e) => return Sending::Failed(e),
            SendOutcome::Part(taken, error) => (taken, error),
        };
        slot.unsent.extend_from_slice(&bytes[taken..]);
        if error.is_none() {
            slot.writing = true;
            error = self.watch(key).err();
        }
        if let Some(e) = error {
            let slot = &mut self.slots[key.slot as usize];
            (slot.writing, slot.failed) = (false, Some(e));
            self.failures.push((key.masked(), e));
        }
        Sending::Pending
    }

    fn is_open(&mut self, key: Key, silent: bool) -> bool {
        let socket = self.slots[key.slot as usize].socket.as_ref();
        self.live(key.masked()) && socket.is_some_and(|socket| socket::is_open(socket.as_raw_fd(), silent))
    }

    fn close(&mut self, key: Key) {
        let slot = &mut self.slots[key.slot as usize];
        if slot.generation == key.generation & GENERATION_MASK {
            slot.socket = None;
            if let Some(packets) = &mut self.packets {
                packets.release(key.slot);
            }
        }
    }

    fn tcp_facts(&mut self, key: Key) -> Option<TcpFacts> {
        socket::tcp_facts(self.slots[key.slot as usize].socket.as_ref()?.as_raw_fd())
    }

    fn congestion_control(&mut self, key: Key) -> Option<String> {
        socket::congestion_control(self.slots[key.slot as usize].socket.as_ref()?.as_raw_fd())
    }

    fn unacknowledged(&mut self, key: Key) -> Option<usize> {
        let slot = &self.slots[key.slot as usize];
        Some(socket::unacknowledged(slot.socket.as_ref()?.as_raw_fd())? + slot.unsent.len())
    }

    fn wait(&mut self, until: Nanos, batch: Nanos, on: &mut dyn FnMut(Key, Event<'_>, Nanos)) -> Result<(), i32> {
        // Collecting is worth a wake-up of its own only while completions are frequent.
        if batch > 0 && self.last_batch > 0 {
            let now = clock::monotonic();
            let pause = batch.min(until.saturating_sub(now));
            if pause > 0 {
                std::thread::sleep(std::time::Duration::from_nanos(pause));
                self.stats.waited += clock::monotonic() - now;
            }
        }
        self.wake_rested();
        let until = self.pace.next().map_or(until, |at| at.min(until));
        let ready = !self.failures.is_empty();
        let now = self.window.begin();
        self.last_batch = self.poll(if ready { 0 } else { until }, now)?;
        let mut n = self.last_batch;
        // The kernel names ready sockets in turn: so many more rounds are one read of each. Peers that never stop
        // sending must not keep the caller from what is due, nor from hanging up on them.
        let mut rounds = self.slots.len() / EVENTS;
        let mut seen = clock::monotonic();
        self.window.end(seen, 0, n);
        if !self.failures.is_empty() {
            self.report_failures(seen, on);
        }
        loop {
            self.stamper.renew(seen);
            if let Some(packets) = &mut self.packets {
                packets.renew(&self.stamper, seen);
            }
            for i in 0..n {
                let event = self.events[i];
                self.ready(event.events, unpack(event.u64), seen, on);
            }
            if n < EVENTS {
                return Ok(());
            }
            if rounds == 0 {
                self.window.cut();
                return Ok(());
            }
            rounds -= 1;
            n = self.poll(0, clock::monotonic())?;
            seen = clock::monotonic();
        }
    }

    fn stats(&self) -> DriverStats {
        let packets = self.packets.as_ref().map_or_else(Default::default, |packets| packets.stats());
        DriverStats { packets, ..self.stats }
    }
}

fn pack(key: Key) -> u64 {
    u64::from(key.generation & GENERATION_MASK) << 32 | u64::from(key.slot)
}

fn unpack(word: u64) -> Key {
    Key { slot: word as u32, generation: (word >> 32) as u32 }
}

fn begin(addr: &SockAddr, options: &Options, turn_and_left: (u64, u64)) -> Result<Socket, i32> {
    let socket = socket::open(addr, true, options, turn_and_left)?;
    match socket.connect(addr) {
        Err(e) if !matches!(e.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR)) => Err(socket::number(&e)),
        _ => Ok(socket),
    }
}
