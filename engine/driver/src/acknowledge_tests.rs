//! The drivers over real sockets: reads are acknowledged at once where that is asked for.

use super::tests::{addr, listen};
use super::{Driver, Epoll, Event, Key, Options, Sending, Uring};
use crate::clock::{MILLI, monotonic};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};

/// Whether the kernel acknowledges at once after each of so many reads of a connection on which both sides take turns;
/// `until` ends it early where it does not.
fn acknowledges(driver: &mut impl Driver, rounds: u32) -> bool {
    let listener = listen(1);
    listener.set_nonblocking(false).unwrap();
    let ours = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    ours.connect(&addr(&listener)).unwrap();
    let (mut theirs, _) = listener.accept().unwrap();
    theirs.set_nodelay(true).unwrap();
    let key = Key { slot: 0, generation: 1 };
    driver.adopt(key, ours.try_clone().unwrap().into()).unwrap();
    for _ in 0..rounds {
        assert_eq!(driver.send(key, b"?"), Sending::Done);
        theirs.read_exact(&mut [0]).unwrap();
        theirs.write_all(b"!").unwrap();
        let mut read = false;
        while !read {
            let mut on = |_, event: Event<'_>, _| read |= matches!(event, Event::Received { .. });
            driver.wait(monotonic() + 20 * MILLI, 0, &mut on).unwrap();
        }
        // The option reads as whether the kernel waits for bytes of this side to send an acknowledgement with.
        if !ours.tcp_quickack().unwrap() {
            return false;
        }
    }
    true
}

fn options(quickack: bool) -> Options {
    Options { quickack, ..Options::default() }
}

#[test]
#[cfg_attr(miri, ignore)]
fn each_read_is_acknowledged_at_once_where_that_is_asked_for() {
    // Otherwise both sides soon take turns: not while the machine keeps the peer from answering within 40 ms.
    const MANY: u32 = 10_000;
    assert!(!acknowledges(&mut Epoll::new(1, options(false)).unwrap(), MANY));
    assert!(acknowledges(&mut Epoll::new(1, options(true)).unwrap(), 50));
    if let Ok(mut driver) = Uring::new(1, options(true)) {
        assert!(acknowledges(&mut driver, 50));
        assert!(!acknowledges(&mut Uring::new(1, options(false)).unwrap(), MANY));
    }
}
