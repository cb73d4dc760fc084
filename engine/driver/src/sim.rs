//! Virtual time and scripted peers, for tests: the same protocol code, no sockets, no sleeping.

use super::{Driver, DriverStats, Event, GENERATION_MASK, Key, Sending, TcpFacts, Transmission};
use crate::arrival::{Arrival, Exact, Since};
use crate::clock::Nanos;
use socket2::SockAddr;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::os::fd::OwnedFd;

/// A peer with a scripted truth.
pub trait Peer {
    /// A connection arrives at `now`; what the peer does about it goes into the script.
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script);
    /// Bytes of the client arrive.
    fn on_bytes(&mut self, key: Key, bytes: &[u8], now: Nanos, script: &mut Script);

    /// What the client's kernel makes of so many bytes: [`Sending::Pending`] asks for [`Script::sent`]; bytes of a send
    /// that failed do not arrive.
    fn on_send(&mut self, _key: Key, _bytes: usize, _now: Nanos) -> Sending {
        Sending::Done
    }

    /// When the last byte of a send with a name is on its way and acknowledged; `None` where the kernel does not stamp.
    /// It is told at the later of the two.
    fn on_named(&mut self, _key: Key, _bytes: usize, _now: Nanos) -> Option<Transmission> {
        None
    }

    /// What the client's kernel knows of the way to it; `None` where it knows nothing.
    fn facts(&self) -> Option<TcpFacts> {
        None
    }
}

/// What a peer will do, and when.
#[derive(Default)]
pub struct Script {
    steps: Vec<(Nanos, Key, Step)>,
}

enum Step {
    Connected,
    Refused(i32),
    Sent,
    SendFailed(i32),
    /// Boxed: steps are moved about in a heap, and this one is rare.
    Transmitted(Box<(u32, Transmission)>),
    Bytes(Vec<u8>),
    Close,
    Reset,
}

impl Script {
    /// Accepts the connection at `at`.
    pub fn accept(&mut self, at: Nanos, key: Key) {
        self.steps.push((at, key, Step::Connected));
    }

    /// Refuses it with an error number.
    pub fn refuse(&mut self, at: Nanos, key: Key, errno: i32) {
        self.steps.push((at, key, Step::Refused(errno)));
    }

    /// The client's kernel has taken the rest of a send.
    pub fn sent(&mut self, at: Nanos, key: Key) {
        self.steps.push((at, key, Step::Sent));
    }

    /// The rest of a send fails with an error number.
    pub fn send_fails(&mut self, at: Nanos, key: Key, errno: i32) {
        self.steps.push((at, key, Step::SendFailed(errno)));
    }

    /// Sends bytes that arrive at the client at `at`.
    pub fn send(&mut self, at: Nanos, key: Key, bytes: impl Into<Vec<u8>>) {
        self.steps.push((at, key, Step::Bytes(bytes.into())));
    }

    /// Closes in order.
    pub fn close(&mut self, at: Nanos, key: Key) {
        self.steps.push((at, key, Step::Close));
    }

    /// Resets.
    pub fn reset(&mut self, at: Nanos, key: Key) {
        self.steps.push((at, key, Step::Reset));
    }
}

/// The driver over virtual time.
pub struct Sim<P> {
    now: Nanos,
    peer: P,
    queue: BinaryHeap<Reverse<(Nanos, u64)>>,
    steps: HashMap<u64, (Key, Step)>,
    serial: u64,
    live: HashMap<u32, u32>,
    /// Freezes of the client: from when, until when.
    freezes: BTreeMap<Nanos, Nanos>,
    /// Segments of a connection that wait together are read as one.
    merges: bool,
    /// When the last wait was over: all that had arrived by then was read.
    read_until: Nanos,
    /// When the last wait began, where that is all that bounds what this one tells of connects.
    begun: Option<Nanos>,
    stats: DriverStats,
}

impl<P: Peer> Sim<P> {
    /// A driver whose clock begins at `start` (not 0: no real clock does).
    pub fn new(start: Nanos, peer: P) -> Self {
        Self {
            now: start,
            peer,
            queue: BinaryHeap::new(),
            steps: HashMap::new(),
            serial: 0,
            live: HashMap::new(),
            freezes: BTreeMap::new(),
            merges: false,
            read_until: start,
            begun: None,
            stats: DriverStats::default(),
        }
    }

    /// Stops the client from `at` for `length`: nothing is seen before it ends.
    pub fn freeze(&mut self, at: Nanos, length: Nanos) {
        self.freezes.insert(at, at + length);
    }

    /// Merges segments of a connection that wait for the client, as kernels do: they are one read, with the stamp of
    /// the last.
    pub fn merge_segments(&mut self) {
        self.merges = true;
    }

    /// Knows of a connect that is over only that it was not when the wait before began, as where the kernel does not
    /// count how long a thread was kept off its core.
    pub fn bound_by_waits(&mut self) {
        self.begun = Some(self.now);
    }

    /// Appends to `bytes` what came behind it on the connection by `seen`; the arrival of the last of all.
    fn merge(&mut self, key: Key, bytes: &mut Vec<u8>, mut at: Nanos, seen: Nanos) -> Nanos {
        let due = |(at, _): &(Nanos, u64)| *at <= seen;
        let mut behind: Vec<(Nanos, u64)> = self.queue.iter().map(|Reverse(s)| *s).filter(due).collect();
        behind.sort_unstable();
        for (arrived, serial) in behind {
            match self.steps.get(&serial) {
                Some((other, Step::Bytes(more))) if *other == key => {
                    bytes.extend_from_slice(more);
                    at = arrived;
                    self.steps.remove(&serial);
                }
                Some((other, _)) if *other == key => break,
                _ => {}
            }
        }
        at
    }

    /// The peer, to ask what it saw.
    pub fn peer(&self) -> &P {
        &self.peer
    }

    fn play(&mut self, script: Script) {
        for (at, key, step) in script.steps {
            self.serial += 1;
            self.queue.push(Reverse((at, self.serial)));
            self.steps.insert(self.serial, (key, step));
        }
    }

    fn advance(&mut self, to: Nanos) {
        self.now = self.now.max(to);
        while let Some((&from, &until)) = self.freezes.first_key_value() {
            if from > self.now {
                break;
            }
            self.freezes.pop_first();
            self.now = self.now.max(until);
        }
    }
}

impl<P: Peer> Driver for Sim<P> {
    const WAKE_UP: Nanos = 0;

    fn now(&mut self) -> Nanos {
        self.now
    }

    fn connect(&mut self, key: Key, _addr: &SockAddr, _turn: u64) -> Result<(), i32> {
        self.live.insert(key.slot, key.generation & GENERATION_MASK);
        let mut script = Script::default();
        self.peer.on_connect(key, self.now, &mut script);
        self.play(script);
        Ok(())
    }

    /// There are no descriptors in virtual time.
    fn adopt(&mut self, _key: Key, _socket: OwnedFd) -> Result<(), i32> {
        Err(libc::ENOSYS)
    }

    fn send_named(&mut self, key: Key, bytes: &[u8], name: Option<u32>) -> Sending {
        let sending = self.peer.on_send(key, bytes.len(), self.now);
        if !matches!(sending, Sending::Failed(_)) {
            let mut script = Script::default();
            if let Some(name) = name
                && let Some(at) = self.peer.on_named(key, bytes.len(), self.now)
            {
                let known = at.sent.max(at.acknowledged).unwrap_or(self.now);
                script.steps.push((known, key, Step::Transmitted(Box::new((name, at)))));
            }
            self.peer.on_bytes(key, bytes, self.now, &mut script);
            self.play(script);
        }
        sending
    }

    fn close(&mut self, key: Key) {
        self.live.remove(&key.slot);
    }

    fn is_open(&mut self, key: Key, silent: bool) -> bool {
        let mut arrived = self.queue.iter().filter(|Reverse((at, _))| *at <= self.now);
        // As a rule, nothing has arrived that was not handed over.
        let pending = self.queue.peek().is_some_and(|Reverse((at, _))| *at <= self.now);
        !(pending
            && arrived.any(|Reverse((_, serial))| {
                let step = self.steps.get(serial).filter(|(of, _)| *of == key).map(|(_, step)| step);
                matches!(step, Some(Step::Close | Step::Reset)) || silent && matches!(step, Some(Step::Bytes(_)))
            }))
    }

    fn tcp_facts(&mut self, _key: Key) -> Option<TcpFacts> {
        self.peer.facts()
    }

    fn congestion_control(&mut self, _key: Key) -> Option<String> {
        None
    }

    fn unacknowledged(&mut self, _key: Key) -> Option<usize> {
        None
    }

    fn wait(&mut self, until: Nanos, batch: Nanos, on: &mut dyn FnMut(Key, Event<'_>, Nanos)) -> Result<(), i32> {
        self.stats.wakes += 1;
        let first = self.queue.peek().map_or(Nanos::MAX, |Reverse((at, _))| *at);
        let wake = first.saturating_add(batch).min(until);
        let before = self.now;
        let begun_before = self.begun.as_mut().map(|begun| std::mem::replace(begun, before));
        self.advance(wake);
        self.stats.waited += wake.saturating_sub(before);
        let seen = self.now;
        // A client that sleeps is woken by what arrives first; one that comes back late finds all that has arrived
        // since it last looked.
        let since = if first > before { first } else { self.read_until };
        while let Some(&Reverse((at, serial))) = self.queue.peek() {
            if at > seen {
                break;
            }
            self.queue.pop();
            let Some((key, step)) = self.steps.remove(&serial) else {
                continue;
            };
            if self.live.get(&key.slot) != Some(&(key.generation & GENERATION_MASK)) {
                continue;
            }
            match step {
                Step::Connected => on(key, Event::Connected { since: begun_before.unwrap_or(at) }, seen),
                Step::Sent => on(key, Event::Sent, seen),
                Step::SendFailed(e) => on(key, Event::SendFailed(e), seen),
                Step::Transmitted(told) => {
                    let (name, at) = *told;
                    on(key, Event::Transmitted { name, at }, seen);
                }
                Step::Refused(errno) => {
                    on(key, Event::ConnectFailed { errno, since: begun_before.unwrap_or(at) }, seen);
                }
                Step::Bytes(bytes) if self.merges => {
                    let mut bytes = bytes;
                    let last = self.merge(key, &mut bytes, at, seen);
                    let arrival =
                        Arrival { at: last, stamped: true, exact: Exact::LastByte, since: Since::Known(since) };
                    let bytes = &bytes;
                    on(key, Event::Received { bytes, arrival }, seen);
                }
                Step::Bytes(bytes) => {
                    let (bytes, arrival) = (&bytes, at.into());
                    on(key, Event::Received { bytes, arrival }, seen);
                }
                Step::Close => on(key, Event::Closed { since: since.min(at) }, seen),
                Step::Reset => {
                    let event = Event::ReadFailed { errno: libc::ECONNRESET, since: since.min(at) };
                    on(key, event, seen);
                }
            }
        }
        self.read_until = seen;
        Ok(())
    }

    fn stats(&self) -> DriverStats {
        self.stats
    }
}
