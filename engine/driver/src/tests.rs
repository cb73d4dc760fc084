//! The drivers over real sockets: descriptors, addresses and bytes of one connection never reach another, whoever uses
//! the numbers next.

use super::{CLOSING, Driver, Epoll, Event, Key, Options, Refusal, Sending, Uring, deny};
use crate::TcpOptions;
use crate::clock::{MILLI, Nanos, SECOND, monotonic};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

pub(super) fn listen(backlog: i32) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // Small, so that a request does not fit at once.
    socket.set_recv_buffer_size(4096).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(backlog).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.into()
}

fn options() -> Options {
    Options {
        tcp: Some(TcpOptions { send_buffer: Some(4608), receive_buffer: None, keepalive: None, user_timeout: None }),
        ..Options::default()
    }
}

pub(super) fn addr(listener: &TcpListener) -> SockAddr {
    listener.local_addr().unwrap().into()
}

/// The io_uring driver, or `None` where the kernel or a sandbox has none.
pub(super) fn uring(slots: usize) -> Option<Uring> {
    let made = Uring::new(slots, options());
    if let Err(e) = &made {
        println!("not on io_uring: it is refused here, error {e}");
    }
    made.ok()
}

pub(super) fn epoll(slots: usize) -> Epoll {
    Epoll::new(slots, options()).unwrap()
}

/// Numbers that look random (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// The server's end of a connection: whose it is, and how many bytes of a word came with the last read.
struct Served {
    stream: TcpStream,
    serial: Option<u32>,
    odd: Vec<u8>,
}

/// Two servers. A connection sends nothing but its own serial number, again and again, and belongs at the server of its
/// parity; the server answers with [`REPLY`] such words.
struct Servers {
    listeners: [TcpListener; 2],
    served: Vec<(usize, Served)>,
}

const REPLY: usize = 25;

impl Servers {
    fn accept(&mut self) {
        for (which, listener) in self.listeners.iter().enumerate() {
            while let Ok((stream, _)) = listener.accept() {
                stream.set_nonblocking(true).unwrap();
                let served = Served { stream, serial: None, odd: Vec::new() };
                self.served.push((which, served));
            }
        }
    }

    /// Reads and answers. Every `resets`-th connection that was read from is reset.
    fn serve(&mut self, numbers: &mut Numbers, resets: u64) {
        self.accept();
        let mut buffer = [0; 8192];
        self.served.retain_mut(|(which, served)| {
            match served.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(n) => served.take(*which, &buffer[..n]),
                Err(e) => return e.kind() == std::io::ErrorKind::WouldBlock,
            }
            if numbers.below(resets) == 0 {
                socket2::SockRef::from(&served.stream).set_linger(Some(Duration::ZERO)).unwrap();
                return false;
            }
            true
        });
    }
}

impl Served {
    fn take(&mut self, which: usize, bytes: &[u8]) {
        self.odd.extend_from_slice(bytes);
        let whole = self.odd.len() / 4 * 4;
        for word in self.odd.drain(..whole).as_slice().chunks(4) {
            let word = u32::from_le_bytes(word.try_into().unwrap());
            let serial = *self.serial.get_or_insert_with(|| {
                // A client that has gone does not matter here.
                let _ = self.stream.write_all(&word.to_le_bytes().repeat(REPLY));
                word
            });
            assert_eq!(word, serial, "bytes of another connection's request arrived");
            assert_eq!(serial as usize % 2, which, "a connection went to an address it was not given");
        }
    }
}

/// What one driver's connections came to.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) connected: Vec<Key>,
    ended: Vec<Key>,
    received: HashMap<Key, Vec<u8>>,
}

impl Seen {
    pub(super) fn wait(&mut self, driver: &mut impl Driver, at_most: Nanos) {
        let until = monotonic() + at_most;
        let mut on = |key: Key, event: Event<'_>, _: Nanos| match event {
            Event::Connected { .. } => self.connected.push(key),
            Event::Received { bytes, .. } => {
                self.received.entry(key).or_default().extend_from_slice(bytes);
            }
            Event::ConnectFailed { .. } | Event::Closed { .. } | Event::ReadFailed { .. } => self.ended.push(key),
            Event::Sent | Event::SendFailed(_) | Event::Transmitted { .. } => {}
        };
        driver.wait(until, 0, &mut on).unwrap();
    }
}

/// One driver and its connections.
struct Side<D> {
    driver: D,
    seen: Seen,
    generations: Vec<u32>,
    /// The serial number of each slot's connection.
    open: HashMap<u32, u32>,
}

const SLOTS: u32 = 100;

impl<D: Driver> Side<D> {
    fn new(driver: D) -> Self {
        Self { driver, seen: Seen::default(), generations: vec![0; SLOTS as usize], open: HashMap::new() }
    }

    fn key(&self, slot: u32) -> Key {
        Key { slot, generation: self.generations[slot as usize] }
    }

    fn close(&mut self, slot: u32) {
        if self.open.remove(&slot).is_some() {
            self.driver.close(self.key(slot));
        }
    }

    fn connect(&mut self, slot: u32, serials: &mut u32, servers: &Servers) {
        self.close(slot);
        self.generations[slot as usize] += 1;
        *serials += 1;
        let to = addr(&servers.listeners[*serials as usize % 2]);
        if self.driver.connect(self.key(slot), &to, 0).is_ok() {
            self.open.insert(slot, *serials);
        }
    }

    /// Waits once; sends on what is connected, checks what arrived.
    fn turn(&mut self, numbers: &mut Numbers) {
        self.seen.wait(&mut self.driver, 0);
        for key in std::mem::take(&mut self.seen.connected) {
            let Some(serial) = self.open.get(&key.slot).filter(|_| key == self.key(key.slot)) else {
                continue;
            };
            let words = 1 + numbers.below(12_000) as usize;
            let _ = self.driver.send(key, &serial.to_le_bytes().repeat(words));
        }
        for (key, bytes) in &self.seen.received {
            if *key == self.key(key.slot)
                && let Some(serial) = self.open.get(&key.slot)
            {
                let own = serial.to_le_bytes().repeat(REPLY);
                assert!(own.starts_with(bytes), "bytes of another connection's answer arrived");
            }
        }
        for key in std::mem::take(&mut self.seen.ended) {
            if key == self.key(key.slot) {
                self.close(key.slot);
            }
        }
    }
}

/// Connections of two drivers come, go and are reset in a random order; the kernel gives each the lowest number that is
/// free, that is, one that the other driver has just closed. In the end as many are begun as there are slots, and each
/// must be answered.
fn stress<D: Driver>(make: impl Fn() -> D) {
    let mut servers = Servers { listeners: [listen(4096), listen(4096)], served: Vec::new() };
    let mut sides = [Side::new(make()), Side::new(make())];
    let (mut numbers, mut serials) = (Numbers(7), 0);
    for round in 0..120 {
        // A burst: more entries in a turn than the queue holds, of which many are outdated before the kernel is given
        // any.
        let burst = if round % 10 == 0 { 400 } else { 20 };
        for _ in 0..burst {
            let slot = numbers.below(u64::from(SLOTS)) as u32;
            let side = &mut sides[numbers.below(2) as usize];
            match numbers.below(3) {
                0 => side.close(slot),
                _ => side.connect(slot, &mut serials, &servers),
            }
        }
        if numbers.below(3) > 0 {
            sides[numbers.below(2) as usize].turn(&mut numbers);
        }
        servers.serve(&mut numbers, 8);
    }
    for side in &mut sides {
        (0..SLOTS).for_each(|slot| side.connect(slot, &mut serials, &servers));
    }
    let until = monotonic() + 20 * SECOND;
    let answered = |side: &Side<D>| {
        let whole = (0..SLOTS).filter(|slot| {
            let got = side.seen.received.get(&side.key(*slot));
            got.is_some_and(|bytes| bytes.len() == 4 * REPLY)
        });
        whole.count()
    };
    while monotonic() < until && sides.iter().any(|side| answered(side) < SLOTS as usize) {
        sides.iter_mut().for_each(|side| side.turn(&mut numbers));
        servers.serve(&mut numbers, u64::MAX);
    }
    for side in &sides {
        assert_eq!(answered(side), SLOTS as usize);
    }
}

#[test]
#[cfg_attr(miri, ignore)]
fn two_drivers_that_use_each_others_descriptors_again_never_mix_connections() {
    if uring(1).is_some() {
        stress(|| uring(SLOTS as usize).unwrap());
    }
    stress(|| epoll(SLOTS as usize));
}

/// A second send while the rest of the first is still under way.
fn in_order(mut driver: impl Driver) {
    let listener = listen(8);
    let key = Key { slot: 0, generation: 1 };
    driver.connect(key, &addr(&listener), 0).unwrap();
    let mut seen = Seen::default();
    while seen.connected.is_empty() {
        seen.wait(&mut driver, 20 * MILLI);
    }
    let (mut peer, _) = loop {
        match listener.accept() {
            Ok(accepted) => break accepted,
            Err(_) => seen.wait(&mut driver, MILLI),
        }
    };
    peer.set_nonblocking(true).unwrap();
    let first = vec![b'a'; 3 << 20];
    assert_eq!(driver.send(key, &first), Sending::Pending);
    assert_eq!(driver.send(key, b"bcd"), Sending::Pending);
    let (mut got, mut sent, mut buffer) = (Vec::new(), 0, vec![0; 65_536]);
    while got.len() < first.len() + 3 || sent == 0 {
        driver
            .wait(monotonic() + MILLI, 0, &mut |_, event, _| {
                sent += usize::from(matches!(event, Event::Sent));
            })
            .unwrap();
        while let Ok(n) = peer.read(&mut buffer) {
            assert!(n > 0, "the connection ended");
            got.extend_from_slice(&buffer[..n]);
        }
    }
    assert_eq!(sent, 1, "said once, when all was taken");
    assert!(got.starts_with(&first) && got.ends_with(b"abcd"));
    assert_eq!(driver.send(key, b"e"), Sending::Done);
}

#[test]
#[cfg_attr(miri, ignore)]
fn a_send_behind_the_rest_of_another_goes_out_after_it() {
    if let Some(driver) = uring(1) {
        in_order(driver);
    }
    in_order(epoll(1));
}

#[test]
#[cfg_attr(miri, ignore)]
fn connects_that_are_given_up_do_not_keep_their_descriptors() {
    let Some(mut driver) = uring(8) else { return };
    // Nobody accepts, and there is room for one: further connects stay without an answer.
    let full = listen(0);
    let mut seen = Seen::default();
    for generation in 1..40 {
        for slot in 0..8 {
            let key = Key { slot, generation };
            driver.connect(key, &addr(&full), 0).unwrap();
        }
        seen.wait(&mut driver, 0);
        for slot in 0..8 {
            driver.close(Key { slot, generation });
        }
        assert!(driver.closing() <= CLOSING + 8, "{}", driver.closing());
    }
    assert!(seen.connected.len() < 16, "the server took connections");
    seen.wait(&mut driver, 0);
    assert_eq!(driver.closing(), 0);
}

/// Whether the thread that `test` runs in was denied the calls; says why not.
fn without(calls: &'static [libc::c_long], error: i32, test: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        scope.spawn(move || match deny(calls, error) {
            Ok(()) => test(),
            Err(e) => println!("not here: seccomp is refused, error {e}"),
        });
    });
}

#[test]
#[cfg_attr(miri, ignore)]
fn epoll_serves_where_the_kernel_does_not_know_its_newest_wait() {
    for error in [libc::ENOSYS, libc::EPERM] {
        without(&[libc::SYS_epoll_pwait2], error, || {
            let mut driver = epoll(1);
            for wait in [0, 1, 50_000, 3 * MILLI] {
                let until = monotonic() + wait;
                driver.wait(until, 0, &mut |_, _, _| panic!("there is no event")).unwrap();
                assert!(monotonic() >= until, "a wait ended early");
            }
            in_order(driver);
        });
    }
}

#[test]
#[cfg_attr(miri, ignore)]
fn a_ring_that_is_refused_is_refused_in_words() {
    let refused =
        [(libc::ENOSYS, "sandbox"), (libc::EPERM, "forbidden"), (libc::EINVAL, "6.1"), (libc::ENOMEM, "locked memory")];
    for (error, words) in refused {
        without(&[libc::SYS_io_uring_setup], error, || {
            let errno = Uring::probe(true).unwrap_err();
            assert_eq!(errno, error);
            let what = Refusal::from(errno).to_string();
            assert!(what.contains(words), "{what}");
        });
    }
}

#[test]
#[cfg_attr(miri, ignore)]
fn a_ring_that_is_there_has_been_read_from() {
    if uring(1).is_some() {
        assert_eq!(Uring::probe(true), Ok(()));
        assert_eq!(Uring::probe(false), Ok(()));
    }
}
