//! The preferred driver: a ring of its own (multishot `recvmsg` into provided buffers, single issuer, deferred task run).
//!
//! What the kernel may still write to when a connection is given up — buffers of the ring, the rest of a send — belongs to the ring or
//! to `sends`, never to a slot, so a slot can be used again at once: its generation tells late completions apart.

use super::pace::Pace;
use super::socket::{self, number};
use super::stamp::{CONTROL_BYTES, Stamper};
use super::{Driver, DriverStats, Event, GENERATION_MASK, Key, Options, Sending, TcpFacts};
use crate::clock::{self, Nanos};
use io_uring::types::{BufRingEntry, Fd, RecvMsgOut, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use socket2::{SockAddr, Socket};
use std::collections::VecDeque;
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU16, Ordering};

const SQ_ENTRIES: u32 = 1024;
const CQ_ENTRIES: u32 = 16 * 1024;
/// Provided buffers: for a connection, and in all at least and at most. The kernel takes them in turn, so that more than are of use are memory
/// that is never in the cache, and each a page fault at first.
const BUFFERS_EACH: usize = 4;
const BUFFERS: std::ops::RangeInclusive<usize> = 512..=4096;
/// Bytes of each: header, control block and payload.
const BUFFER_BYTES: usize = 2048;
const PAGE_BYTES: usize = 4096;
const GROUP: u16 = 0;
/// Completions after which a batched wait ends early.
const BATCH_COMPLETIONS: usize = 256;

/// Items of deferred task work that a wait for one completion runs at most: as many ready means that more may be.
const TASK_WORK: usize = 20;

/// A ring of its own.
pub struct Uring {
    ring: IoUring,
    buffers: Buffers,
    message: Box<libc::msghdr>,
    slots: Vec<Slot>,
    sends: Vec<Option<Rest>>,
    /// Entries that found the submission queue full, first come first served.
    backlog: VecDeque<squeue::Entry>,
    stamper: Stamper,
    pace: Pace,
    /// Where connections are read that have a pace; empty without one.
    paced: Box<[u8]>,
    options: Options,
    min_wait: bool,
    stats: DriverStats,
    batch: Vec<cqueue::Entry>,
}

#[derive(Default)]
struct Slot {
    socket: Option<Socket>,
    generation: u32,
    /// The address of a connect in flight: the kernel reads it when the entry is submitted.
    addr: Option<Box<SockAddr>>,
    /// It is read at a pace: when it is readable, and not before its time.
    paced: bool,
    /// The turn of that connect, and how many local addresses it may still try.
    turn: u64,
    tries: u64,
    /// What was left of a send when it failed. While one is under way nobody knows how much of it the kernel has.
    unsent: usize,
}

/// What is left of a send that did not fit; it stays here until its completion.
struct Rest {
    key: Key,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Op {
    Connect = 1,
    Receive = 2,
    Send = 3,
    Readable = 4,
}

impl Uring {
    /// A driver for up to `slots` connections.
    ///
    /// # Errors
    /// The error number with which the kernel refused the ring, its buffers, or a multishot receive.
    pub fn new(slots: usize, options: impl Into<Options>) -> Result<Self, i32> {
        let options = options.into();
        let ring = IoUring::builder()
            .setup_cqsize(CQ_ENTRIES)
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .build(SQ_ENTRIES)
            .map_err(|e| number(&e))?;
        let buffers = Buffers::register(&ring, slots)?;
        // SAFETY: an all-zero msghdr is valid.
        let mut message: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
        if options.stamps {
            message.msg_controllen = CONTROL_BYTES as _;
        }
        let pace = Pace::new(options.read_rate);
        let min_wait = ring.params().is_feature_min_timeout();
        Ok(Self {
            ring,
            buffers,
            message,
            slots: (0..slots).map(|_| Slot::default()).collect(),
            sends: Vec::new(),
            backlog: VecDeque::new(),
            stamper: Stamper::new(options.stamps),
            paced: vec![0; if pace.limits() { pace.most() } else { 0 }].into_boxed_slice(),
            pace,
            options,
            min_wait,
            stats: DriverStats::default(),
            batch: Vec::with_capacity(CQ_ENTRIES as usize),
        })
    }

    /// Begins a connection from the local address of its turn, or from the next that has a port, `tries` of them at most.
    fn begin(
        &mut self,
        key: Key,
        addr: Box<SockAddr>,
        mut turn: u64,
        mut tries: u64,
    ) -> Result<(), i32> {
        let socket = loop {
            match socket::open(&addr, false, &self.options, turn) {
                Err(libc::EADDRNOTAVAIL) if tries > 1 => (turn, tries) = (turn + 1, tries - 1),
                other => break other?,
            }
        };
        let entry = opcode::Connect::new(Fd(socket.as_raw_fd()), addr.as_ptr().cast(), addr.len())
            .build()
            .user_data(pack(Op::Connect, key));
        self.slots[key.slot as usize] = Slot {
            socket: Some(socket),
            generation: key.generation & GENERATION_MASK,
            addr: Some(addr),
            turn,
            tries,
            paced: self.pace.limits(),
            unsent: 0,
        };
        self.push(entry);
        Ok(())
    }

    /// Goes on with the next local address after one that had no port left. Whether there was one.
    fn go_on(&mut self, key: Key, addr: Box<SockAddr>) -> bool {
        let Slot { turn, tries, .. } = self.slots[key.slot as usize];
        tries > 1 && self.begin(key, addr, turn + 1, tries - 1).is_ok()
    }

    fn push(&mut self, entry: squeue::Entry) {
        // SAFETY: what an entry points to (the shared msghdr, a slot's boxed address, a `Rest`'s bytes) lives in `self` until its completion.
        if unsafe { self.ring.submission().push(&entry) }.is_err() {
            self.backlog.push_back(entry);
        }
    }

    fn arm_receive(&mut self, key: Key) {
        let Some(socket) = &self.slots[key.slot as usize].socket else {
            return;
        };
        if self.slots[key.slot as usize].paced {
            let entry = opcode::PollAdd::new(Fd(socket.as_raw_fd()), libc::POLLIN as u32)
                .build()
                .user_data(pack(Op::Readable, key));
            self.push(entry);
            return;
        }
        let message: *const libc::msghdr = &raw const *self.message;
        let entry = opcode::RecvMsgMulti::new(Fd(socket.as_raw_fd()), message, GROUP)
            .build()
            .user_data(pack(Op::Receive, key));
        self.push(entry);
    }

    fn live(&self, key: Key) -> bool {
        self.slots
            .get(key.slot as usize)
            .is_some_and(|s| s.socket.is_some() && s.generation == key.generation)
    }

    fn enter(&mut self, until: Nanos, batch: Nanos) -> Result<(), i32> {
        while let Some(entry) = self.backlog.pop_front() {
            // SAFETY: as in `push`.
            if unsafe { self.ring.submission().push(&entry) }.is_err() {
                self.backlog.push_front(entry);
                break;
            }
        }
        let now = clock::monotonic();
        let left = if self.backlog.is_empty() {
            until.saturating_sub(now)
        } else {
            0
        };
        let timeout = Timespec::new()
            .sec(left / clock::SECOND)
            .nsec((left % clock::SECOND) as u32);
        let mut args = SubmitArgs::new().timespec(&timeout);
        // Deferred task work is run up to the number of completions that are asked for, and at least 20 items: a look without a wait
        // asks for all, or completions pile up behind it.
        let mut want = if left == 0 {
            CQ_ENTRIES as usize / 2
        } else {
            1
        };
        let batch = batch.min(left);
        if self.min_wait && batch >= clock::MICRO {
            args = args.min_wait_usec((batch / clock::MICRO) as u32);
            want = BATCH_COMPLETIONS;
        }
        let outcome = self.ring.submitter().submit_with_args(want, &args);
        self.stats.wakes += 1;
        self.stats.waited += clock::monotonic() - now;
        match outcome {
            Ok(_) => Ok(()),
            Err(e)
                if matches!(
                    e.raw_os_error(),
                    Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN)
                ) =>
            {
                Ok(())
            }
            Err(e) => Err(number(&e)),
        }
    }

    fn complete(
        &mut self,
        entry: &cqueue::Entry,
        seen: Nanos,
        on: &mut dyn FnMut(Key, Event<'_>, Nanos),
    ) {
        let (op, key) = unpack(entry.user_data());
        match op {
            2 => self.received(entry, key, seen, on),
            1 => {
                let live = self.live(key);
                if !live {
                    return;
                }
                let addr = self.slots[key.slot as usize].addr.take();
                if entry.result() == -libc::EADDRNOTAVAIL
                    && let Some(addr) = addr
                    && self.go_on(key, addr)
                {
                    return;
                }
                if entry.result() == 0 {
                    self.arm_receive(key);
                    on(key, Event::Connected, seen);
                } else {
                    on(key, Event::ConnectFailed(-entry.result()), seen);
                }
            }
            3 => self.sent(entry, key.slot as usize, seen, on),
            4 => self.readable(entry, key, seen, on),
            _ => {}
        }
    }

    fn received(
        &mut self,
        entry: &cqueue::Entry,
        key: Key,
        seen: Nanos,
        on: &mut dyn FnMut(Key, Event<'_>, Nanos),
    ) {
        let live = self.live(key);
        let mut closed = false;
        if let Some(id) = cqueue::buffer_select(entry.flags()) {
            let length = usize::try_from(entry.result()).unwrap_or(0);
            if live
                && let Ok(out) = RecvMsgOut::parse(self.buffers.slice(id, length), &self.message)
            {
                if out.payload_data().is_empty() {
                    closed = true;
                } else {
                    let (arrived, stamped) = self.stamper.arrival(out.control_data(), seen);
                    on(
                        key,
                        Event::Received {
                            bytes: out.payload_data(),
                            arrived,
                            stamped,
                        },
                        seen,
                    );
                }
            }
            self.buffers.give_back(id);
        }
        // The handler may have closed the connection.
        if !live || !self.live(key) {
            return;
        }
        if closed || (entry.result() == 0 && !cqueue::more(entry.flags())) {
            on(key, Event::Closed, seen);
        } else if entry.result() == -libc::ENOBUFS {
            self.stats.buffer_starved += 1;
            self.arm_receive(key);
        } else if entry.result() < 0 {
            on(key, Event::ReadFailed(-entry.result()), seen);
        } else if !cqueue::more(entry.flags()) {
            self.arm_receive(key);
        }
    }

    /// A connection that is read at a pace has something to read, and it is time.
    fn readable(
        &mut self,
        entry: &cqueue::Entry,
        key: Key,
        seen: Nanos,
        on: &mut dyn FnMut(Key, Event<'_>, Nanos),
    ) {
        let Some(socket) = self
            .slots
            .get(key.slot as usize)
            .filter(|s| s.generation == key.generation)
            .and_then(|s| s.socket.as_ref())
        else {
            return;
        };
        if entry.result() < 0 {
            on(key, Event::ReadFailed(-entry.result()), seen);
            return;
        }
        let mut control = [0; CONTROL_BYTES];
        let stamps = self.stamper.kernel();
        match socket::receive(socket.as_raw_fd(), &mut self.paced, &mut control, stamps) {
            Ok((0, _)) => on(key, Event::Closed, seen),
            Ok((n, control_bytes)) => {
                let (arrived, stamped) = self.stamper.arrival(&control[..control_bytes], seen);
                let bytes = &self.paced[..n];
                let event = Event::Received {
                    bytes,
                    arrived,
                    stamped,
                };
                on(key, event, seen);
                self.pace.read(key, n, seen);
            }
            Err(libc::EAGAIN | libc::EINTR) => self.arm_receive(key),
            Err(e) => on(key, Event::ReadFailed(e), seen),
        }
    }

    fn sent(
        &mut self,
        entry: &cqueue::Entry,
        index: usize,
        seen: Nanos,
        on: &mut dyn FnMut(Key, Event<'_>, Nanos),
    ) {
        let Some(mut rest) = self.sends[index].take() else {
            return;
        };
        if !self.live(rest.key) {
            return;
        }
        match usize::try_from(entry.result()) {
            Ok(n) if n >= rest.bytes.len() => on(rest.key, Event::Sent, seen),
            Ok(n) => {
                rest.bytes.drain(..n);
                self.send_rest(index, rest);
            }
            Err(_) => {
                self.slots[rest.key.slot as usize].unsent = rest.bytes.len();
                on(rest.key, Event::SendFailed(-entry.result()), seen);
            }
        }
    }

    fn send_rest(&mut self, index: usize, rest: Rest) {
        let Some(socket) = &self.slots[rest.key.slot as usize].socket else {
            return;
        };
        let data = pack(
            Op::Send,
            Key {
                slot: index as u32,
                generation: rest.key.generation,
            },
        );
        let entry = opcode::Send::new(
            Fd(socket.as_raw_fd()),
            rest.bytes.as_ptr(),
            rest.bytes.len() as u32,
        )
        .flags(libc::MSG_NOSIGNAL | libc::MSG_WAITALL)
        .build()
        .user_data(data);
        self.sends[index] = Some(rest);
        self.push(entry);
    }
}

impl Driver for Uring {
    const WAKE_UP: Nanos = 30 * clock::MICRO;

    fn now(&mut self) -> Nanos {
        clock::monotonic()
    }

    fn connect(&mut self, key: Key, addr: &SockAddr, turn: u64) -> Result<(), i32> {
        let tries = socket::choices(addr, &self.options);
        self.begin(key, Box::new(addr.clone()), turn, tries)
    }

    fn adopt(&mut self, key: Key, socket: OwnedFd) -> Result<(), i32> {
        let socket = Socket::from(socket);
        socket.set_nonblocking(false).map_err(|e| number(&e))?;
        self.slots[key.slot as usize] = Slot {
            socket: Some(socket),
            generation: key.generation & GENERATION_MASK,
            ..Slot::default()
        };
        self.arm_receive(key);
        Ok(())
    }

    fn send(&mut self, key: Key, bytes: &[u8]) -> Sending {
        let Some(socket) = &self.slots[key.slot as usize].socket else {
            return Sending::Failed(libc::EBADF);
        };
        let (sending, sent) = socket::first_try(socket.as_raw_fd(), bytes);
        if sending == Sending::Pending {
            let index = self
                .sends
                .iter()
                .position(Option::is_none)
                .unwrap_or_else(|| {
                    self.sends.push(None);
                    self.sends.len() - 1
                });
            let key = Key {
                slot: key.slot,
                generation: key.generation & GENERATION_MASK,
            };
            self.send_rest(
                index,
                Rest {
                    key,
                    bytes: bytes[sent..].to_vec(),
                },
            );
        }
        sending
    }

    fn close(&mut self, key: Key) {
        let slot = &mut self.slots[key.slot as usize];
        if slot.generation != key.generation & GENERATION_MASK {
            return;
        }
        if let Some(socket) = slot.socket.take() {
            // The ring's own references keep the socket alive; this makes its operations complete.
            let _ = socket.shutdown(Shutdown::Both);
        }
        if slot.addr.is_some() {
            // An entry that was not yet submitted still points to the address: submit before it goes.
            let _ = self.ring.submit();
            self.slots[key.slot as usize].addr = None;
        }
    }

    fn tcp_facts(&mut self, key: Key) -> Option<TcpFacts> {
        socket::tcp_facts(self.slots[key.slot as usize].socket.as_ref()?.as_raw_fd())
    }

    fn unacknowledged(&mut self, key: Key) -> Option<usize> {
        let slot = &self.slots[key.slot as usize];
        Some(socket::unacknowledged(slot.socket.as_ref()?.as_raw_fd())? + slot.unsent)
    }

    fn wait(
        &mut self,
        until: Nanos,
        batch: Nanos,
        on: &mut dyn FnMut(Key, Event<'_>, Nanos),
    ) -> Result<(), i32> {
        while let Some(key) = self.pace.rested(clock::monotonic()) {
            if self.live(key) {
                self.arm_receive(key);
            }
        }
        let until = self.pace.next().map_or(until, |at| at.min(until));
        self.enter(until, batch)?;
        if self.ring.completion().len() >= TASK_WORK {
            self.enter(0, 0)?;
        }
        let seen = clock::monotonic();
        self.stamper.renew(seen);
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        {
            let completions = self.ring.completion();
            self.stats.completions_lost = u64::from(completions.overflow());
            batch.extend(completions);
        }
        for entry in &batch {
            self.complete(entry, seen, on);
        }
        self.batch = batch;
        self.buffers.publish();
        Ok(())
    }

    fn stats(&self) -> DriverStats {
        self.stats
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        for slot in &mut self.slots {
            if let Some(socket) = slot.socket.take() {
                let _ = socket.shutdown(Shutdown::Both);
            }
        }
        // Everything that the kernel could still write to outlives the ring: fields are dropped in order, the ring first.
        let _ = self.ring.submit();
    }
}

/// A ring of provided buffers, lent to the kernel and given back with one tail publish a loop.
struct Buffers {
    memory: Box<[u8]>,
    entries: *mut BufRingEntry,
    layout: std::alloc::Layout,
    /// How many: a power of two.
    count: u16,
    tail: u16,
}

impl Buffers {
    fn register(ring: &IoUring, slots: usize) -> Result<Self, i32> {
        let count = (slots * BUFFERS_EACH).clamp(*BUFFERS.start(), *BUFFERS.end());
        let count = count.next_power_of_two() as u16;
        let layout = std::alloc::Layout::from_size_align(
            usize::from(count) * size_of::<BufRingEntry>(),
            4096,
        )
        .map_err(|_| libc::EINVAL)?;
        // SAFETY: the layout is not empty, and a zeroed entry is valid.
        let entries: *mut BufRingEntry = unsafe { std::alloc::alloc_zeroed(layout).cast() };
        if entries.is_null() {
            return Err(libc::ENOMEM);
        }
        let mut buffers = Self {
            memory: vec![0; usize::from(count) * BUFFER_BYTES].into_boxed_slice(),
            entries,
            layout,
            count,
            tail: 0,
        };
        // Page faults would come within the kernel's reads, and count as the client's lag.
        for page in buffers.memory.chunks_mut(PAGE_BYTES) {
            page[0] = 1;
        }
        // SAFETY: the memory is page-aligned, large enough for `count` entries, and freed only after the ring is gone.
        unsafe {
            ring.submitter()
                .register_buf_ring_with_flags(entries as u64, count, GROUP, 0)
        }
        .map_err(|e| number(&e))?;
        for id in 0..count {
            buffers.give_back(id);
        }
        buffers.publish();
        Ok(buffers)
    }

    fn slice(&self, id: u16, length: usize) -> &[u8] {
        let start = usize::from(id) * BUFFER_BYTES;
        &self.memory[start..start + length.min(BUFFER_BYTES)]
    }

    fn give_back(&mut self, id: u16) {
        let index = usize::from(self.tail & (self.count - 1));
        let start = usize::from(id) * BUFFER_BYTES;
        // SAFETY: `index` is below `count`; the kernel does not read the entry before the tail is published.
        let entry = unsafe { &mut *self.entries.add(index) };
        entry.set_addr(self.memory.as_mut_ptr().wrapping_add(start) as u64);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    fn publish(&mut self) {
        // SAFETY: `entries` is the base of a registered ring, whose tail is a u16 that only this thread writes.
        unsafe {
            (*BufRingEntry::tail(self.entries).cast::<AtomicU16>())
                .store(self.tail, Ordering::Release)
        };
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `register`; the ring, which shares it, was dropped before.
        unsafe { std::alloc::dealloc(self.entries.cast(), self.layout) };
    }
}

fn pack(op: Op, key: Key) -> u64 {
    (op as u64) << 56 | u64::from(key.generation & GENERATION_MASK) << 32 | u64::from(key.slot)
}

fn unpack(word: u64) -> (u8, Key) {
    (
        (word >> 56) as u8,
        Key {
            slot: word as u32,
            generation: (word >> 32) as u32 & GENERATION_MASK,
        },
    )
}
