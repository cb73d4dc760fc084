//! The drivers over real sockets: when the last byte of a send left, and when it was acknowledged.

use super::tests::{addr, listen, uring};
use super::{Driver, Event, Key, Options, Sending, Transmission};
use crate::clock::{MILLI, Nanos, monotonic};
use crate::{Epoll, Uring};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

const KEY: Key = Key { slot: 0, generation: 1 };

/// A connection of a driver, and its peer.
struct Link<D> {
    driver: D,
    peer: TcpStream,
    /// What was told, in its order: stamps by the name of their send, else what else was told.
    told: Vec<Told>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Stamps(u32, Transmission),
    Sent,
    Received,
    Closed,
}

impl<D: Driver> Link<D> {
    fn new(driver: D) -> Self {
        Self::with(driver, |_| {})
    }

    /// A connection whose socket is `made` as the test wants it.
    fn with(mut driver: D, made: impl Fn(&Socket)) -> Self {
        let listener = listen(1);
        listener.set_nonblocking(false).unwrap();
        let ours = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        made(&ours);
        ours.connect(&addr(&listener)).unwrap();
        let (peer, _) = listener.accept().unwrap();
        driver.adopt(KEY, ours.into()).unwrap();
        let mut link = Self { driver, peer, told: Vec::new() };
        link.wait(0);
        link
    }

    fn wait(&mut self, until: Nanos) {
        let told = &mut self.told;
        let mut on = |_, event: Event<'_>, _| {
            told.push(match event {
                Event::Transmitted { name, at } => Told::Stamps(name, at),
                Event::Sent => Told::Sent,
                Event::Received { .. } => Told::Received,
                Event::Closed { .. } => Told::Closed,
                other => panic!("{other:?}"),
            });
        };
        self.driver.wait(until, 0, &mut on).unwrap();
    }

    /// The peer answers: what was told by then, and when that was.
    fn answered(&mut self) -> (Vec<Told>, Nanos) {
        self.peer.write_all(b"!").unwrap();
        while !self.told.contains(&Told::Received) {
            self.wait(monotonic() + 20 * MILLI);
        }
        (std::mem::take(&mut self.told), monotonic())
    }
}

/// The stamps of the send of a name, as they were told last.
fn stamps(told: &[Told], of: u32) -> Transmission {
    let mine = told.iter().rev().find_map(|told| match told {
        Told::Stamps(name, at) if *name == of => Some(*at),
        _ => None,
    });
    mine.unwrap_or_else(|| panic!("no stamps of {of}: {told:?}"))
}

fn told_of(driver: impl Driver) {
    let mut link = Link::new(driver);
    // Bytes before the first stamp count for nothing.
    assert_eq!(link.driver.send(KEY, b"before"), Sending::Done);
    let small = vec![b's'; 30_000];
    for name in [7, 8] {
        let before = monotonic();
        assert_eq!(link.driver.send_named(KEY, &small, Some(name)), Sending::Done);
        // What the error queue says wakes the driver a few times, and not without end.
        let (wakes, until) = (link.driver.stats().wakes, monotonic() + 5 * MILLI);
        while monotonic() < until {
            link.wait(until);
        }
        assert!(link.driver.stats().wakes - wakes < 50);
        assert!(link.driver.is_open(KEY, false), "stamps are no end");
        link.peer.read_exact(&mut vec![0; if name == 7 { 30_006 } else { 30_000 }]).unwrap();
        let (told, after) = link.answered();
        assert_eq!(told.last(), Some(&Told::Received), "{told:?}");
        let at = stamps(&told, name);
        let (sent, acknowledged) = (at.sent.unwrap(), at.acknowledged.unwrap());
        assert!(before <= sent + MILLI && sent <= acknowledged && acknowledged <= after, "{before} {at:?} {after}");
    }
    large(&mut link);
    // One without a name is not stamped, and the end is told.
    assert_eq!(link.driver.send(KEY, &small), Sending::Done);
    link.peer.read_exact(&mut vec![0; small.len()]).unwrap();
    assert_eq!(link.answered().0, [Told::Received]);
    link.peer.shutdown(std::net::Shutdown::Both).unwrap();
    while link.told.is_empty() {
        link.wait(monotonic() + 20 * MILLI);
    }
    assert_eq!(link.told, [Told::Closed]);
    assert!(!link.driver.is_open(KEY, false));
    assert!(link.driver.congestion_control(KEY).is_some_and(|name| !name.is_empty()));
}

/// A send of which the kernel takes the rest by and by, and another behind it.
fn large<D: Driver>(link: &mut Link<D>) {
    let large = vec![b'l'; 3 << 20];
    assert_eq!(link.driver.send_named(KEY, &large, Some(9)), Sending::Pending);
    assert_eq!(link.driver.send_named(KEY, b"behind", Some(10)), Sending::Pending);
    link.wait(0);
    let reading = monotonic();
    link.peer.set_nonblocking(true).unwrap();
    let (mut got, mut buffer) = (0, vec![0; 65_536]);
    while got < large.len() + 6 {
        link.wait(monotonic() + MILLI);
        while let Ok(n) = link.peer.read(&mut buffer) {
            got += n;
        }
    }
    link.peer.set_nonblocking(false).unwrap();
    let (told, after) = link.answered();
    let at = stamps(&told, 9);
    let behind = stamps(&told, 10);
    // A window of three mebibytes does not open before the peer reads. What is behind may go in the same segment.
    assert!(at.sent.unwrap() > reading && behind.sent >= at.sent, "{reading} {told:?}");
    assert!(behind.sent <= behind.acknowledged && behind.acknowledged.unwrap() <= after, "{told:?} {after}");
    assert!(told.contains(&Told::Sent));
}

/// A connection that sends four megabytes a second at most: the kernel takes 200 KB at once, and holds the last of
/// them.
fn held_back(driver: impl Driver) {
    let mut link = Link::with(driver, |socket| {
        socket.set_send_buffer_size(1 << 20).unwrap();
        let rate: u32 = 4_000_000;
        // SAFETY: the option value is a u32 of the given size that outlives the call.
        let rc = unsafe {
            let (fd, size) = (socket.as_raw_fd(), size_of::<u32>() as libc::socklen_t);
            libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_MAX_PACING_RATE, (&raw const rate).cast(), size)
        };
        assert_eq!(rc, 0);
    });
    assert_eq!(link.driver.send_named(KEY, &[b'p'; 200_000], Some(3)), Sending::Done);
    let taken = monotonic();
    link.peer.read_exact(&mut vec![0; 200_000]).unwrap();
    let (told, _) = link.answered();
    let at = stamps(&told, 3);
    // 200 KB take 50 ms at that rate, of which the first segment is sent at once.
    assert!(at.sent.unwrap() > taken + 10 * MILLI, "{taken} {at:?}");
}

#[test]
#[cfg_attr(miri, ignore)]
fn what_the_kernel_holds_back_is_stamped_when_it_leaves() {
    held_back(Epoll::new(1, options(true)).unwrap());
    if uring(1).is_some() {
        held_back(Uring::new(1, options(true)).unwrap());
    }
}

fn options(stamps: bool) -> Options {
    Options { stamps, ..Options::default() }
}

#[test]
#[cfg_attr(miri, ignore)]
fn sends_with_a_name_are_stamped() {
    told_of(Epoll::new(1, options(true)).unwrap());
    if uring(1).is_some() {
        told_of(Uring::new(1, options(true)).unwrap());
    }
}

/// Without kernel stamps, a name changes nothing.
fn unstamped(driver: impl Driver) {
    let mut link = Link::new(driver);
    assert_eq!(link.driver.send_named(KEY, &[b's'; 30_000], Some(1)), Sending::Done);
    link.peer.read_exact(&mut [0; 30_000]).unwrap();
    assert_eq!(link.answered().0, [Told::Received]);
}

#[test]
#[cfg_attr(miri, ignore)]
fn without_kernel_stamps_no_send_is_stamped() {
    unstamped(Epoll::new(1, options(false)).unwrap());
    if uring(1).is_some() {
        unstamped(Uring::new(1, options(false)).unwrap());
    }
}
