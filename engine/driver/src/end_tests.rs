//! The drivers over real sockets: the end of a connection is told at once, and as what it is.

use super::tests::{Seen, addr, epoll, listen, uring};
use super::{Driver, Event, Key, Sending};
use crate::clock::{MILLI, SECOND, monotonic};
use socket2::{Domain, Socket, Type};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// What a connection reports whose peer ends it right behind its last bytes, before the driver looks. `armed`: its
/// receive was with the kernel before.
fn told(driver: &mut impl Driver, unix: bool, reset: bool, armed: bool) -> String {
    let (ours, theirs): (OwnedFd, OwnedFd) = if unix {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (ours.into(), theirs.into())
    } else {
        let listener = listen(1);
        listener.set_nonblocking(false).unwrap();
        let ours = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        ours.connect(&addr(&listener)).unwrap();
        (ours.into(), listener.accept().unwrap().0.into())
    };
    let key = Key { slot: 0, generation: 1 };
    driver.adopt(key, ours).unwrap();
    if armed {
        Seen::default().wait(driver, 0);
    }
    let mut theirs = Socket::from(theirs);
    theirs.write_all(b"bytes").unwrap();
    assert!(driver.is_open(key, false), "bytes are no end");
    if !armed {
        assert!(!driver.is_open(key, true), "bytes that nobody asked for");
    }
    if reset {
        theirs.set_linger(Some(Duration::ZERO)).unwrap();
    }
    drop(theirs);
    // Known before it is told, whatever is to be read first.
    assert!(!driver.is_open(key, false));
    let mut told = String::new();
    let until = monotonic() + 5 * SECOND;
    while !told.contains(',') && monotonic() < until {
        let mut on = |_, event: Event<'_>, _| {
            told += match event {
                Event::Received { bytes, .. } => std::str::from_utf8(bytes).unwrap(),
                Event::Closed { .. } => ", closed",
                Event::ReadFailed { errno: libc::ECONNRESET, .. } => ", reset",
                other => panic!("{other:?}"),
            };
        };
        driver.wait(monotonic() + 20 * MILLI, 0, &mut on).unwrap();
    }
    assert!(!driver.is_open(key, false));
    driver.close(key);
    assert!(!driver.is_open(key, false));
    told
}

/// On io_uring also with receives that sleep before they try (`IORING_RECVSEND_POLL_FIRST`): the bytes and the end are
/// then there in the one look that a multishot receive takes.
#[test]
#[cfg_attr(miri, ignore)]
fn an_end_right_behind_the_last_bytes_is_reported() {
    const SLEEP_FIRST: u16 = 1;
    let cases = [(false, true, "bytes, reset"), (false, false, "bytes, closed"), (true, false, "bytes, closed")];
    for (unix, reset, expected) in cases {
        for armed in [false, true] {
            let got = told(&mut epoll(1), unix, reset, armed);
            assert_eq!(got, expected, "epoll, {unix} {armed}");
            for flags in [0, SLEEP_FIRST] {
                if let Some(mut driver) = uring(1) {
                    driver.receive_flags = flags;
                    let got = told(&mut driver, unix, reset, armed);
                    assert_eq!(got, expected, "io_uring, {unix} {armed} {flags}");
                }
            }
        }
    }
}

/// A connection that is reset while the rest of a request is sent: the reset is told, by the read or by the send that
/// comes before an end.
fn reset_while_sending(driver: &mut impl Driver, generation: u32) -> Vec<String> {
    let listener = listen(1);
    listener.set_nonblocking(false).unwrap();
    let key = Key { slot: 0, generation };
    driver.connect(key, &addr(&listener), 0).unwrap();
    let mut seen = Seen::default();
    while seen.connected.is_empty() {
        seen.wait(driver, 20 * MILLI);
    }
    let (peer, _) = listener.accept().unwrap();
    assert_eq!(driver.send(key, &vec![b'a'; 3 << 20]), Sending::Pending);
    // The send is with the kernel, and waits for room.
    seen.wait(driver, 0);
    // With bytes unread the close is a reset.
    drop(peer);
    let (mut told, mut ended) = (Vec::new(), false);
    let until = monotonic() + 5 * SECOND;
    while !ended && monotonic() < until {
        let mut on = |_, event: Event<'_>, _| {
            ended |= matches!(event, Event::Closed { .. } | Event::ReadFailed { .. });
            told.push(format!("{event:?}"));
        };
        driver.wait(monotonic() + 20 * MILLI, 0, &mut on).unwrap();
    }
    driver.close(key);
    told
}

#[test]
#[cfg_attr(miri, ignore)]
fn a_reset_while_a_request_is_sent_is_told_before_an_end() {
    fn is_told(driver: &mut impl Driver) {
        let reset = libc::ECONNRESET;
        let by_read = format!("ReadFailed {{ errno: {reset},");
        let by_send = format!("SendFailed({reset})");
        for generation in 1..40 {
            let told = reset_while_sending(driver, generation);
            let is_told = match told.iter().position(|event| event.starts_with("Closed")) {
                None => told.iter().any(|event| event.starts_with(&by_read)),
                Some(end) => told[..end].contains(&by_send),
            };
            assert!(is_told, "{told:?}");
        }
    }
    if let Some(mut driver) = uring(1) {
        is_told(&mut driver);
    }
    is_told(&mut epoll(1));
}
