//! The preferred driver: a ring of its own (multishot `recvmsg` into provided buffers, single issuer, deferred task
//! run).
//!
//! What an entry names (the descriptor, the address of a connect, the bytes of a send) is held by its connection until
//! the entry has completed, also when the connection was closed meanwhile: see [`Connections`]. An entry of a
//! connection that is closed before the kernel was given the entry is dropped. Those that the kernel has are ended by a
//! shutdown of the socket, a connect by a cancellation.
//!
//! A multishot receive can miss the peer's end. It reads once for each wake-up; where the last bytes and a reset, or
//! over a Unix socket an end in order, became visible to it in one look, it reads the bytes and sleeps, and nothing
//! wakes it again. Kernels up to 6.18.19 do so whenever both came between two waits ("io_uring/poll: fix multishot recv
//! missing EOF on wakeup race" of Linux 7.0); later ones still do so when both came between the receive's first try and
//! its sleep. A poll for the peer's end, [`Op::HangUp`], misses nothing. Where it completes and the receive has not
//! ended, that receive is cancelled and made anew: the new one reads what is left, and the end.
//!
//! One file: entries, completions and buffers of a ring are one state, and the argument that no entry outlives what it
//! names is made over all of it.

use super::buffers::{Buffers, LARGE, Place, SMALL};
use super::connections::{Connections, Op};
use super::message::StampedMessage;
use super::pace::Pace;
use super::packet::{Packets, Read};
use super::segments::{OneRead, Reads};
use super::socket::{self, SendOutcome, number};
use super::stamp::{CONTROL_BYTES, Stamper};
use super::transmit::Marks;
use super::window::Window;
use super::{CLOSING, Driver, DriverStats, Event, Key, Options, Sending, TcpFacts};
use crate::arrival::Since;
use crate::clock::{self, Nanos};
use io_uring::types::{Fd, RecvMsgOut, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use socket2::{SockAddr, Socket};
use std::cell::Cell;
use std::io::Write;
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Entries of the submission queue, at least and at most: one for a connection. Where more are asked for in a turn, it
/// is submitted several times.
const SQ_ENTRIES: std::ops::RangeInclusive<usize> = 64..=512;
/// Completions for a provided buffer: a read takes one of each, and what needs no buffer comes once for a connection
/// and an entry.
const COMPLETIONS_EACH: usize = 2;
/// Provided buffers: for a connection, and in all at least and at most. The kernel takes them in turn, so that more
/// than are of use are memory that is never in the cache, and each a page fault at first.
const BUFFERS_EACH: usize = 4;
const BUFFERS: std::ops::RangeInclusive<usize> = 512..=4096;
/// Reads in a row that fill their buffer, after which a connection is lent larger ones.
const FULL_READS: u32 = 2;
/// Completions after which a batched wait ends early.
const BATCH_COMPLETIONS: usize = 256;

/// Items of deferred task work that a wait for one completion runs at most: as many ready means that more may be.
const TASK_WORK: usize = 20;

/// Longest wait for the completion of what the kernel still has when the driver is dropped.
const LAST_WAIT: Nanos = clock::SECOND;

/// How often a ring for which there is no memory is asked for again, and how long after.
const MEMORY_TRIES: u32 = 20;
const MEMORY_PAUSE: Duration = Duration::from_millis(20);

/// A ring of its own.
pub struct Uring {
    ring: IoUring,
    buffers: Buffers,
    message: Box<libc::msghdr>,
    connections: Connections<Held>,
    /// Sends that failed at once after the kernel had taken a part: the next wait reports them.
    failures: Vec<(Key, i32)>,
    /// Connections whose peer's end was seen in this wait, not yet by their receive.
    peer_ended: Vec<u32>,
    /// Flags of the entries for receives; none but in tests.
    pub(super) receive_flags: u16,
    stamper: Stamper,
    window: Window,
    pace: Pace,
    packets: Option<Box<Packets>>,
    /// Where connections are read that have a pace; empty without one.
    paced: Box<[u8]>,
    options: Options,
    min_wait: bool,
    stats: DriverStats,
    /// Completions that were taken from the ring and are still to be reported.
    batch: Vec<cqueue::Entry>,
}

/// What entries of a connection refer to.
struct Held {
    socket: Socket,
    /// Where it connects to; the kernel reads it when the entry is submitted.
    addr: Option<Box<SockAddr>>,
    /// It is read at a pace: when it is readable, and not before its time.
    paced: bool,
    /// The peer's end is watched for.
    watched: bool,
    /// Its reads have ended.
    ended: bool,
    /// They ended in a close that is reported behind the outcome of a send.
    closes: bool,
    /// Reads in a row that filled their buffer.
    full: u32,
    /// Its next receive reads into large buffers.
    large: Option<Place>,
    /// How it receives: what a cancel ends.
    receive: Op,
    /// Since when it may have had bytes that no wait could read; 0 without.
    unread_since: Nanos,
    reads: Cell<Reads>,
    /// The turn of that connect, and how many local addresses it may still try.
    turn: u64,
    tries: u64,
    /// What is left of a send that did not fit. The kernel reads it: it stays as it is until the completion.
    sending: Vec<u8>,
    /// The same as a message, where its last byte is to be stamped. The kernel reads that too.
    stamped: Option<Box<StampedMessage>>,
    /// What was given to [`Driver::send`] since.
    behind: Vec<u8>,
    /// A send has failed: the error number. Nothing more is sent.
    failed: Option<i32>,
    marks: Marks,
}

impl Held {
    fn new(socket: Socket, addr: Option<Box<SockAddr>>) -> Self {
        Self {
            socket,
            addr,
            paced: false,
            watched: false,
            ended: false,
            closes: false,
            full: 0,
            large: None,
            receive: Op::Receive,
            unread_since: 0,
            reads: Cell::default(),
            turn: 0,
            tries: 0,
            sending: Vec::new(),
            stamped: None,
            behind: Vec::new(),
            failed: None,
            marks: Marks::default(),
        }
    }

    /// Reports what the kernel has said of sends with names. Whether the poll for the peer's end, which completes when
    /// it says something, is to be asked for again.
    #[cold]
    fn report_stamps(&mut self, stamper: &Stamper, on: &mut dyn FnMut(Event<'_>)) -> bool {
        let fd = self.socket.as_raw_fd();
        self.marks.take(fd, stamper, &mut |name, at| on(Event::Transmitted { name, at }));
        !self.paced && !std::mem::replace(&mut self.watched, true)
    }

    /// Notes a read of so many bytes, which took all that was there or not, and lends what knows of their arrival.
    #[inline]
    fn read<'a>(&'a mut self, window: &'a Window, bytes: usize, emptied: bool, paced: bool) -> OneRead<'a> {
        let unread_since = self.unread_since;
        self.unread_since = window.unread(unread_since, emptied, paced);
        self.reads.get_mut().add(bytes, emptied);
        OneRead::new(window, unread_since, &self.socket, &self.reads)
    }

    /// The entry for an operation, a receive with a message and flags; `None` where there is nothing to do.
    fn entry(&self, op: Op, number: u32, (message, flags): (*const libc::msghdr, u16)) -> Option<squeue::Entry> {
        let fd = Fd(self.socket.as_raw_fd());
        let entry = match op {
            Op::Connect => {
                let addr = self.addr.as_ref()?;
                opcode::Connect::new(fd, addr.as_ptr().cast(), addr.len()).build()
            }
            Op::Receive | Op::ReceiveLarge => opcode::RecvMsgMulti::new(fd, message, group(op)).ioprio(flags).build(),
            // Without MSG_WAITALL: an error behind a part would be lost, of which the kernel tells once.
            Op::Send => match &self.stamped {
                Some(message) => opcode::SendMsg::new(fd, message.header()).flags(libc::MSG_NOSIGNAL as u32).build(),
                None => opcode::Send::new(fd, self.sending.as_ptr(), self.sending.len() as u32)
                    .flags(libc::MSG_NOSIGNAL)
                    .build(),
            },
            Op::Readable => opcode::PollAdd::new(fd, libc::POLLIN as u32).build(),
            Op::Cancel => opcode::AsyncCancel::new(pack(Op::Connect, number)).build(),
            // Errors and the end of both directions are always polled for.
            Op::HangUp => opcode::PollAdd::new(fd, libc::POLLRDHUP as u32).build(),
            Op::CancelReceive => opcode::AsyncCancel::new(pack(self.receive, number)).build(),
        };
        Some(entry.user_data(pack(op, number)))
    }
}

impl Uring {
    /// A driver for up to `slots` connections.
    ///
    /// # Errors
    /// The error number with which the kernel refused the ring or its buffers.
    pub fn new(slots: usize, options: impl Into<Options>) -> Result<Self, i32> {
        let options = options.into();
        let mut tries = 0;
        loop {
            match Self::make(slots, options.clone()) {
                // The kernel gives back the locked memory of a ring only some time after it was closed: that of an
                // earlier run, perhaps.
                Err(libc::ENOMEM) if tries < MEMORY_TRIES => {
                    tries += 1;
                    std::thread::sleep(MEMORY_PAUSE);
                }
                made => return made,
            }
        }
    }

    fn make(slots: usize, options: Options) -> Result<Self, i32> {
        let buffers = buffers(slots);
        let ring = IoUring::builder()
            .setup_cqsize((COMPLETIONS_EACH * buffers) as u32)
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .build(slots.next_power_of_two().clamp(*SQ_ENTRIES.start(), *SQ_ENTRIES.end()) as u32)
            .map_err(|e| number(&e))?;
        let buffers = Buffers::register(&ring, buffers as u16)?;
        // SAFETY: an all-zero msghdr is valid.
        let mut message: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
        if options.stamps {
            message.msg_controllen = CONTROL_BYTES as _;
        }
        let pace = Pace::new(options.read_rate);
        let min_wait = ring.params().is_feature_min_timeout();
        let batch = Vec::with_capacity(ring.params().cq_entries() as usize);
        Ok(Self {
            ring,
            buffers,
            message,
            connections: Connections::new(slots),
            failures: Vec::new(),
            peer_ended: Vec::new(),
            receive_flags: 0,
            stamper: Stamper::new(options.stamps),
            window: Window::new(options.stamps),
            paced: vec![0; if pace.limits() { pace.most() } else { 0 }].into_boxed_slice(),
            pace,
            packets: None,
            options,
            min_wait,
            stats: DriverStats::default(),
            batch,
        })
    }

    /// With an arrival of its own for each segment, where kernel stamps are on.
    #[must_use]
    pub fn with_packets(mut self, packets: Packets) -> Self {
        self.packets = self.options.stamps.then(|| Box::new(packets));
        self
    }

    /// Whether this kernel has all that the driver asks of it: a ring is made, and read from once.
    ///
    /// # Errors
    /// The error number with which the kernel refused the ring, its buffers or the read; `ETIME` when nothing was read.
    /// [`Refusal`](super::Refusal) says it in words.
    pub fn probe(stamps: bool) -> Result<(), i32> {
        let mut driver = Self::new(1, stamps)?;
        let (ours, mut theirs) = UnixStream::pair().map_err(|e| number(&e))?;
        let key = Key { slot: 0, generation: 0 };
        driver.adopt(key, ours.into())?;
        theirs.write_all(b"?").map_err(|e| number(&e))?;
        let until = clock::monotonic() + LAST_WAIT;
        let mut outcome = None;
        while outcome.is_none() && clock::monotonic() < until {
            driver.wait(until, 0, &mut |_, event, _| {
                outcome = Some(match event {
                    Event::Received { .. } => Ok(()),
                    Event::ReadFailed { errno, .. } => Err(errno),
                    _ => Err(libc::EIO),
                });
            })?;
        }
        outcome.unwrap_or(Err(libc::ETIME))
    }

    /// Begins a connection from the local address of its turn, or from the next that has a port, `tries` of them at
    /// most.
    fn begin(&mut self, key: Key, addr: Box<SockAddr>, mut turn: u64, mut tries: u64) -> Result<(), i32> {
        if self.connections.closing() >= CLOSING {
            self.settle();
        }
        if let Some(packets) = &mut self.packets {
            packets.connect(&addr);
        }
        let socket = loop {
            match socket::open(&addr, false, &self.options, (turn, tries)) {
                Err(libc::EADDRNOTAVAIL) if tries > 1 => (turn, tries) = (turn + 1, tries - 1),
                other => break other?,
            }
        };
        let held = Held { turn, tries, paced: self.pace.limits(), ..Held::new(socket, Some(addr)) };
        let number = self.connections.open(key, held);
        self.connections.ask(Op::Connect, number);
        Ok(())
    }

    /// Goes on with the next local address after one that had no port left. Whether there was one.
    fn go_on(&mut self, number: u32, key: Key) -> bool {
        let Some(held) = self.connections.held(number).filter(|held| held.tries > 1) else {
            return false;
        };
        let (turn, tries) = (held.turn + 1, held.tries - 1);
        let Some(addr) = held.addr.take() else {
            return false;
        };
        self.begin(key, addr, turn, tries).is_ok()
    }

    fn arm_receive(&mut self, number: u32) {
        let Some(held) = self.connections.held(number) else {
            return;
        };
        let watched = std::mem::replace(&mut held.watched, true);
        if held.paced {
            self.connections.ask(Op::Readable, number);
            return;
        }
        held.receive = if held.large.is_some() { Op::ReceiveLarge } else { Op::Receive };
        let receive = held.receive;
        self.connections.ask(receive, number);
        if !watched {
            self.connections.ask(Op::HangUp, number);
        }
    }

    /// Has the kernel take the rest of a send.
    fn ask_to_send(&mut self, number: u32) {
        if let Some(held) = self.connections.held(number) {
            held.stamped = held.marks.wants_rest().then(|| StampedMessage::new(&held.sending));
            self.connections.ask(Op::Send, number);
        }
    }

    /// A poll for the peer's end has completed: with `told`. An error alone is a stamp in the error queue. It is looked
    /// at when the next bytes have come, of which a receive may miss the end; before, there is none to be missed.
    fn closed_by_peer(&mut self, number: u32, told: i32) {
        if let Some(held) = self.connections.held(number)
            && told == i32::from(libc::POLLERR)
            && held.marks.notified()
        {
            held.watched = false;
            return;
        }
        self.peer_ended.push(number);
    }

    /// Makes the receives anew that have not ended although their peer's end was seen.
    fn read_to_the_end(&mut self) {
        while let Some(number) = self.peer_ended.pop() {
            let open = self.connections.key(number).is_some();
            let held = self.connections.held(number);
            if open && held.is_some_and(|held| !held.ended) {
                self.connections.ask(Op::CancelReceive, number);
            }
        }
    }

    /// Puts what waits into the submission queue, and lets the kernel take it as often as it is full.
    fn submit(&mut self) -> Result<(), i32> {
        let receive = (&raw const *self.message, self.receive_flags);
        while self.connections.waiting() {
            let mut queue = self.ring.submission();
            while !queue.is_full()
                && let Some((op, number)) = self.connections.next()
            {
                let held = self.connections.held(number);
                let Some(entry) = held.and_then(|h| h.entry(op, number, receive)) else {
                    self.connections.completed(op, number);
                    continue;
                };
                // SAFETY: what an entry points to (the shared msghdr, its connection's address, bytes or message) lives
                // until its completion: the first as long as the ring, the others in `connections`, which releases
                // nothing that an entry names.
                let pushed = unsafe { queue.push(&entry) };
                debug_assert!(pushed.is_ok(), "there was room");
            }
            drop(queue);
            if !self.connections.waiting() {
                break;
            }
            match self.ring.submit() {
                // The kernel takes no more for now: the rest goes with the next wait.
                Ok(0) => break,
                Ok(_) => {}
                Err(e) if passing(number(&e)) => break,
                Err(e) => return Err(number(&e)),
            }
        }
        Ok(())
    }

    fn enter(&mut self, until: Nanos, batch: Nanos) -> Result<(), i32> {
        self.submit()?;
        let now = clock::monotonic();
        let left = if self.connections.waiting() { 0 } else { until.saturating_sub(now) };
        let timeout = Timespec::new().sec(left / clock::SECOND).nsec((left % clock::SECOND) as u32);
        let mut args = SubmitArgs::new().timespec(&timeout);
        // Deferred task work is run up to the number of completions that are asked for, and at least 20 items: a look
        // without a wait asks for all, or completions pile up behind it.
        let mut want = if left == 0 { self.ring.params().cq_entries() as usize / 2 } else { 1 };
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
            Err(e) if passing(number(&e)) => Ok(()),
            Err(e) => Err(number(&e)),
        }
    }

    /// Takes what has completed from the ring.
    fn reap(&mut self) {
        let completions = self.ring.completion();
        self.stats.completions_lost = u64::from(completions.overflow());
        self.batch.extend(completions);
    }

    /// Lets connections that were closed be released, without a wait. What has completed of others is reported by the
    /// next wait.
    fn settle(&mut self) {
        if self.enter(0, 0).is_err() {
            return;
        }
        self.reap();
        let mut batch = std::mem::take(&mut self.batch);
        batch.retain(|entry| {
            let Some((op, number)) = unpack(entry.user_data()) else {
                return false;
            };
            let open = self.connections.key(number).is_some();
            if !open {
                self.discard(entry, op, number);
            }
            open
        });
        self.batch = batch;
        self.buffers.publish();
    }

    /// A completion of a connection that was closed.
    fn discard(&mut self, entry: &cqueue::Entry, op: Op, number: u32) {
        if let Some(id) = cqueue::buffer_select(entry.flags()) {
            self.buffers.give_back(group(op), id);
        }
        if !cqueue::more(entry.flags()) {
            self.connections.completed(op, number);
        }
    }

    fn complete(&mut self, entry: &cqueue::Entry, seen: Nanos, on: &mut dyn FnMut(Key, Event<'_>, Nanos)) {
        let Some((op, number)) = unpack(entry.user_data()) else {
            return;
        };
        let Some(key) = self.connections.key(number) else {
            self.discard(entry, op, number);
            return;
        };
        if !cqueue::more(entry.flags()) {
            self.connections.completed(op, number);
        }
        match op {
            Op::Receive | Op::ReceiveLarge => self.received(entry, op, number, key, seen, on),
            Op::Connect => {
                if entry.result() == -libc::EADDRNOTAVAIL && self.go_on(number, key) {
                    return;
                }
                if entry.result() == 0 {
                    if let (Some(packets), Some(held)) = (&mut self.packets, self.connections.held(number)) {
                        packets.claim(number, &held.socket, (&self.stamper, seen));
                    }
                    self.arm_receive(number);
                    on(key, Event::Connected { since: self.window.done_since() }, seen);
                } else {
                    let since = self.window.done_since();
                    on(key, Event::ConnectFailed { errno: -entry.result(), since }, seen);
                }
            }
            Op::Send => self.sent(entry, number, key, seen, on),
            Op::Readable => self.readable(entry, number, key, seen, on),
            Op::HangUp => self.closed_by_peer(number, entry.result()),
            Op::Cancel | Op::CancelReceive => {}
        }
    }

    fn received(
        &mut self,
        entry: &cqueue::Entry,
        op: Op,
        number: u32,
        key: Key,
        seen: Nanos,
        on: &mut dyn FnMut(Key, Event<'_>, Nanos),
    ) {
        let mut closed = false;
        let mut fills = false;
        if let Some(id) = cqueue::buffer_select(entry.flags()) {
            let length = usize::try_from(entry.result()).unwrap_or(0);
            let (read, emptied) = self.buffers.slice(group(op), id, length);
            if let Ok(out) = RecvMsgOut::parse(read, &self.message) {
                if out.payload_data().is_empty() {
                    closed = true;
                } else {
                    let time = self.stamper.arrival(out.control_data(), seen);
                    let bytes = out.payload_data();
                    if let Some(held) = self.connections.held(number) {
                        if self.options.quickack {
                            socket::acknowledge(&held.socket);
                        }
                        let asks =
                            held.marks.is_due() && held.report_stamps(&self.stamper, &mut |event| on(key, event, seen));
                        held.full = if emptied { 0 } else { held.full + 1 };
                        fills = held.full >= FULL_READS && held.large.is_none();
                        let read = held.read(&self.window, bytes.len(), emptied, false);
                        let arrival = time.bounded(emptied, Since::Asked(&read));
                        let read = Read { number, key, bytes, arrival, seen: time.seen };
                        read.report(&mut self.packets, &self.stamper, on);
                        if asks {
                            self.connections.ask(Op::HangUp, number);
                        }
                    }
                }
            }
            self.buffers.give_back(group(op), id);
            if fills {
                self.enlarge(number);
            }
        }
        if closed || (entry.result() == 0 && !cqueue::more(entry.flags())) {
            self.closed(number, key, seen, on);
        } else if entry.result() == -libc::ENOBUFS {
            self.stats.buffer_starved += 1;
            self.arm_again(number);
        } else if entry.result() == -libc::ECANCELED {
            self.arm_again(number);
        } else if entry.result() < 0 {
            let since = self.closed_since(number);
            if let Some(held) = self.connections.held(number) {
                held.ended = true;
            }
            on(key, Event::failed_read(-entry.result(), since), seen);
        } else if !cqueue::more(entry.flags()) {
            self.arm_again(number);
        }
    }

    /// Has a connection read into large buffers from its next receive on, where it may.
    #[cold]
    fn enlarge(&mut self, number: u32) {
        let Some(held) = self.connections.held(number) else {
            return;
        };
        held.full = 0;
        held.large = self.buffers.enlarge(&self.ring);
        if held.large.is_some() {
            self.connections.ask(Op::CancelReceive, number);
        }
    }

    /// A receive has found an end. The kernel tells a reset once: where a send had it told, the receive finds an end in
    /// order, and may complete first. So the end of a connection on which a send is under way, and is about to fail, is
    /// reported behind the send's.
    fn closed(&mut self, number: u32, key: Key, seen: Nanos, on: &mut dyn FnMut(Key, Event<'_>, Nanos)) {
        if let Some(held) = self.connections.held(number) {
            let sends = !held.sending.is_empty() && held.failed.is_none();
            held.ended = true;
            held.closes = sends && socket::is_over(held.socket.as_raw_fd());
            if held.closes {
                return;
            }
        }
        on(key, Event::Closed { since: self.closed_since(number) }, seen);
    }

    /// An instant before which a connection whose end was found had not ended.
    fn closed_since(&mut self, number: u32) -> Nanos {
        let unread = self.connections.held(number).map_or(0, |held| held.unread_since);
        self.window.closed_since(unread)
    }

    /// Arms a receive that ended of itself: what arrives until the kernel has the new one waits in the queue.
    fn arm_again(&mut self, number: u32) {
        if let Some(held) = self.connections.held(number) {
            held.unread_since = self.window.unread(held.unread_since, false, false);
        }
        self.arm_receive(number);
    }

    /// A connection that is read at a pace has something to read, and it is time.
    fn readable(
        &mut self,
        entry: &cqueue::Entry,
        number: u32,
        key: Key,
        seen: Nanos,
        on: &mut dyn FnMut(Key, Event<'_>, Nanos),
    ) {
        let told = entry.result();
        let Some(held) = self.connections.held(number) else {
            return;
        };
        if told > 0 && told & i32::from(libc::POLLERR) != 0 {
            held.report_stamps(&self.stamper, &mut |event| on(key, event, seen));
        }
        if told < 0 {
            let event = Event::failed_read(-told, self.window.closed_since(held.unread_since));
            on(key, event, seen);
            return;
        }
        let mut control = [0; CONTROL_BYTES];
        let stamps = self.stamper.kernel();
        match socket::receive(held.socket.as_raw_fd(), &mut self.paced, &mut control, stamps) {
            Ok((0, _)) => self.closed(number, key, seen, on),
            Ok((n, control_bytes)) => {
                let time = self.stamper.arrival_after(&control[..control_bytes], seen);
                let emptied = n < self.paced.len();
                if self.options.quickack {
                    socket::acknowledge(&held.socket);
                }
                let read = held.read(&self.window, n, emptied, true);
                let arrival = time.bounded(emptied, Since::Asked(&read));
                let read = Read { number, key, bytes: &self.paced[..n], arrival, seen: time.seen };
                read.report(&mut self.packets, &self.stamper, on);
                self.pace.read(key, n, seen);
            }
            Err(libc::EAGAIN | libc::EINTR) => self.arm_receive(number),
            Err(e) => on(key, Event::failed_read(e, self.window.closed_since(held.unread_since)), seen),
        }
    }

    fn sent(
        &mut self,
        entry: &cqueue::Entry,
        number: u32,
        key: Key,
        seen: Nanos,
        on: &mut dyn FnMut(Key, Event<'_>, Nanos),
    ) {
        let Some(held) = self.connections.held(number) else {
            return;
        };
        let event = match usize::try_from(entry.result()) {
            Ok(taken) => {
                held.sending.drain(..taken.min(held.sending.len()));
                held.sending.append(&mut held.behind);
                if !held.sending.is_empty() {
                    self.ask_to_send(number);
                    return;
                }
                Event::Sent
            }
            Err(_) => {
                held.failed = Some(-entry.result());
                Event::SendFailed(-entry.result())
            }
        };
        let closes = std::mem::take(&mut held.closes);
        on(key, event, seen);
        if closes {
            on(key, Event::Closed { since: self.closed_since(number) }, seen);
        }
    }

    /// Reports sends that failed at once.
    fn report_failures(&mut self, seen: Nanos, on: &mut dyn FnMut(Key, Event<'_>, Nanos)) {
        for (key, e) in std::mem::take(&mut self.failures) {
            if self.connections.find(key).is_some() {
                on(key, Event::SendFailed(e), seen);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn closing(&self) -> usize {
        self.connections.closing()
    }

    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.buffers.places()
    }

    /// Ends what the kernel does for a connection, and forgets it.
    fn give_up(&mut self, number: u32) {
        if let Some(packets) = &mut self.packets {
            packets.release(number);
        }
        if !self.connections.connecting(number)
            && let Some(held) = self.connections.held(number)
        {
            // A socket that was never connected has nothing to end.
            let _ = held.socket.shutdown(Shutdown::Both);
        }
        self.connections.close(number);
    }
}

impl Driver for Uring {
    const WAKE_UP: Nanos = 30 * clock::MICRO;

    fn now(&mut self) -> Nanos {
        clock::monotonic()
    }

    fn connect(&mut self, key: Key, addr: &SockAddr, turn: u64) -> Result<(), i32> {
        let tries = socket::tries(addr, &self.options);
        self.begin(key.masked(), Box::new(addr.clone()), turn, tries)
    }

    fn adopt(&mut self, key: Key, socket: OwnedFd) -> Result<(), i32> {
        let socket = Socket::from(socket);
        socket.set_nonblocking(false).map_err(|e| number(&e))?;
        let number = self.connections.open(key.masked(), Held::new(socket, None));
        self.arm_receive(number);
        Ok(())
    }

    fn send_named(&mut self, key: Key, bytes: &[u8], name: Option<u32>) -> Sending {
        let Some(number) = self.connections.find(key) else {
            return Sending::Failed(libc::EBADF);
        };
        let Some(held) = self.connections.held(number) else {
            return Sending::Failed(libc::EBADF);
        };
        if let Some(e) = held.failed {
            return Sending::Failed(e);
        }
        let name = name.filter(|_| self.options.stamps);
        let (fd, idle) = (held.socket.as_raw_fd(), held.sending.is_empty());
        let stamped = held.marks.send(fd, bytes.len(), name, idle);
        if !idle {
            held.behind.extend_from_slice(bytes);
            return Sending::Pending;
        }
        match socket::first_try(fd, bytes, stamped) {
            SendOutcome::All => return Sending::Done,
            SendOutcome::Nothing(e) => return Sending::Failed(e),
            SendOutcome::Part(taken, None) => {
                held.sending.extend_from_slice(&bytes[taken..]);
                self.ask_to_send(number);
            }
            SendOutcome::Part(taken, Some(e)) => {
                held.sending.extend_from_slice(&bytes[taken..]);
                held.failed = Some(e);
                self.failures.push((key.masked(), e));
            }
        }
        Sending::Pending
    }

    fn close(&mut self, key: Key) {
        if let Some(number) = self.connections.find(key) {
            self.give_up(number);
        }
    }

    fn is_open(&mut self, key: Key, silent: bool) -> bool {
        let held = self.connections.find(key).and_then(|number| self.connections.held(number));
        held.is_some_and(|held| socket::is_open(held.socket.as_raw_fd(), silent))
    }

    fn tcp_facts(&mut self, key: Key) -> Option<TcpFacts> {
        let number = self.connections.find(key)?;
        socket::tcp_facts(self.connections.held(number)?.socket.as_raw_fd())
    }

    fn congestion_control(&mut self, key: Key) -> Option<String> {
        let number = self.connections.find(key)?;
        socket::congestion_control(self.connections.held(number)?.socket.as_raw_fd())
    }

    fn unacknowledged(&mut self, key: Key) -> Option<usize> {
        let number = self.connections.find(key)?;
        let held = self.connections.held(number)?;
        // While a send is under way nobody knows how much of it the kernel has.
        let unsent = held.failed.map_or(0, |_| held.sending.len());
        let queued = socket::unacknowledged(held.socket.as_raw_fd())?;
        Some(queued + unsent + held.behind.len())
    }

    fn wait(&mut self, until: Nanos, batch: Nanos, on: &mut dyn FnMut(Key, Event<'_>, Nanos)) -> Result<(), i32> {
        while let Some(key) = self.pace.rested(clock::monotonic()) {
            if let Some(number) = self.connections.find(key) {
                self.arm_receive(number);
            }
        }
        let until = self.pace.next().map_or(until, |at| at.min(until));
        let ready = !self.batch.is_empty() || !self.failures.is_empty();
        self.window.begin();
        self.enter(if ready { 0 } else { until }, batch)?;
        if self.ring.completion().len() >= TASK_WORK {
            self.enter(0, 0)?;
        }
        let seen = clock::monotonic();
        self.stamper.renew(seen);
        if let Some(packets) = &mut self.packets {
            packets.renew(&self.stamper, seen);
        }
        self.reap();
        let mut completed = std::mem::take(&mut self.batch);
        self.window.end(seen, batch, completed.len());
        // Before what was read: the kernel tells a reset once, and has told it to such a send.
        if !self.failures.is_empty() {
            self.report_failures(seen, on);
        }
        for entry in &completed {
            self.complete(entry, seen, on);
        }
        if !self.peer_ended.is_empty() {
            self.read_to_the_end();
        }
        completed.clear();
        // A connection that went on from another local address may have settled others, and taken completions for the
        // next wait.
        if self.batch.is_empty() {
            self.batch = completed;
        }
        self.buffers.publish();
        Ok(())
    }

    fn stats(&self) -> DriverStats {
        let packets = self.packets.as_ref().map_or_else(Default::default, |packets| packets.stats());
        DriverStats { packets, ..self.stats }
    }
}

impl Drop for Uring {
    /// Ends everything that the kernel does for this driver before its memory goes. What the kernel does not let go of
    /// in time stays allocated.
    fn drop(&mut self) {
        for number in self.connections.all() {
            self.give_up(number);
        }
        let until = clock::monotonic() + LAST_WAIT;
        while self.connections.closing() > 0 && clock::monotonic() < until {
            self.settle();
            if self.connections.closing() > 0 && self.enter(clock::monotonic() + clock::MILLI, 0).is_err() {
                break;
            }
        }
        if self.connections.closing() > 0 {
            std::mem::forget(std::mem::replace(&mut self.connections, Connections::new(0)));
            self.buffers.leak();
        }
    }
}

/// Provided buffers for so many connections: a power of two.
fn buffers(slots: usize) -> usize {
    (slots * BUFFERS_EACH).clamp(*BUFFERS.start(), *BUFFERS.end()).next_power_of_two()
}

/// The buffers that an entry reads into.
fn group(op: Op) -> u16 {
    if op == Op::ReceiveLarge { LARGE } else { SMALL }
}

/// Whether an entry into the kernel that ends so may be tried again.
fn passing(errno: i32) -> bool {
    matches!(errno, libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN)
}

/// What an entry is known by: its operation and the number of its connection.
fn pack(op: Op, number: u32) -> u64 {
    (op as u64) << 32 | u64::from(number)
}

fn unpack(word: u64) -> Option<(Op, u32)> {
    const OPS: [Op; 8] =
        [Op::Connect, Op::Receive, Op::Send, Op::Readable, Op::Cancel, Op::HangUp, Op::CancelReceive, Op::ReceiveLarge];
    let op = OPS.get(((word >> 32) as usize).checked_sub(1)?)?;
    Some((*op, word as u32))
}
