//! Readers that are late, over real sockets: the interval of each event holds the write that sent it.
#![allow(clippy::disallowed_methods)]

use crate::simulated::{head, token};
use ringload_engine::arrival::NARROW;
use ringload_engine::clock::{MILLI, Nanos, SECOND, monotonic};
use ringload_engine::driver::{Driver, Epoll, Event, Key, Options, Uring};
use ringload_engine::exchange::{Exchange, KeepText, Progress};
use ringload_engine::plan::{EndpointKind, Limits};
use ringload_engine::record::{Cause, Record};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

const TOKENS: u32 = 3;
const KEY: Key = Key { slot: 0, generation: 1 };

/// A server of one request, whose tokens are apart by 20 ms: its address, and the begins of their writes.
fn server(last: &'static str) -> (SocketAddr, thread::JoinHandle<Vec<Nanos>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let serve = move || {
        let (mut client, _) = listener.accept().unwrap();
        client.set_nodelay(true).unwrap();
        client.read_exact(&mut [0]).unwrap();
        client.write_all(&head()).unwrap();
        let token = token("t");
        let mut begun = Vec::new();
        for _ in 0..TOKENS {
            thread::sleep(Duration::from_millis(20));
            begun.push(monotonic());
            client.write_all(&token).unwrap();
        }
        client.write_all(last.as_bytes()).unwrap();
        // It stays open until the client goes.
        let _ = client.read(&mut [0]);
        begun
    };
    (addr, thread::spawn(serve))
}

fn wait(driver: &mut impl Driver, on: &mut dyn FnMut(Event<'_>, Nanos)) {
    let until = monotonic() + 20 * MILLI;
    let waited = driver.wait(until, 0, &mut |_, event, seen| on(event, seen));
    assert_eq!(waited, Ok(()));
}

/// The record of a request whose driver was not asked for anything while its tokens came, but for what `late` says.
fn read_late(driver: &mut impl Driver, addr: SocketAddr, late: bool) -> Record {
    assert_eq!(driver.connect(KEY, &addr.into(), 0), Ok(()));
    let mut there = false;
    let until = monotonic() + 20 * SECOND;
    while !there && monotonic() < until {
        wait(driver, &mut |event, _| there |= matches!(event, Event::Connected { .. }));
    }
    assert!(there);
    // The receive is armed.
    wait(driver, &mut |_, _| {});
    let mut exchange = Exchange::new(EndpointKind::Chat, true, KeepText::Never, Limits::default());
    let now = monotonic();
    exchange.begin(&crate::request(now));
    exchange.handle_sending(now, 1, false);
    driver.send(KEY, b"x");
    exchange.handle_sent(monotonic());
    if late {
        thread::sleep(Duration::from_millis(150));
    }
    let until = monotonic() + 20 * SECOND;
    while exchange.record().events < TOKENS && monotonic() < until {
        wait(driver, &mut |event, _| {
            if let Event::Received { bytes, arrival } = event {
                assert_eq!(exchange.handle_received(bytes, &arrival), Progress::Pending);
            }
        });
    }
    driver.close(KEY);
    exchange.fail(Cause::Reset, None, monotonic());
    exchange.take_record()
}

fn check(driver: &mut impl Driver, name: &str) {
    for late in [true, false] {
        for last in ["", "9\r\n: a note\n\r\n"] {
            let (addr, server) = server(last);
            let record = read_late(driver, addr, late);
            let begun = server.join().unwrap();
            let what = format!("{name} {late} {last:?} {record:?} {begun:?}");
            assert_eq!((record.events, begun.len()), (TOKENS, TOKENS as usize), "{what}");
            let first = record.instants.first_token.unwrap();
            let last = record.instants.last_token.unwrap();
            let mut stamp = first;
            for (gap, begun) in [0].iter().chain(&record.gaps).zip(&begun) {
                stamp += gap;
                assert!(stamp + NARROW >= *begun, "{what}: before its write");
            }
            // The bound is not after the write; on the loopback that is the arrival.
            assert!(first - record.intervals.first <= begun[0] + NARROW, "{what}");
            assert!(last - record.intervals.last <= begun[2] + NARROW, "{what}");
            if record.coalesced == TOKENS - 1 {
                // All were in one read: the first has the stamp of the last, and is known to have come up to 40 ms
                // before it.
                assert!(record.intervals.first >= begun[2] - begun[0] - NARROW, "{what}");
                assert!(record.intervals.wide >= TOKENS - 1, "{what}");
            }
        }
    }
}

fn options() -> Options {
    Options::from(true)
}

#[test]
fn a_late_reader_knows_how_little_epoll_can_tell() {
    check(&mut Epoll::new(1, options()).unwrap(), "epoll");
}

#[test]
fn a_late_reader_knows_how_little_io_uring_can_tell() {
    match Uring::new(1, options()) {
        Ok(mut driver) => check(&mut driver, "io_uring"),
        Err(e) => println!("not on io_uring: it is refused here, error {e}"),
    }
}
