//! Readers that are late, over real sockets: the interval of each event holds the write that sent it.
#![allow(clippy::disallowed_methods)]

use crate::simulated::{head, token};
use ringload_engine::arrival::NARROW;
use ringload_engine::clock::{MILLI, Nanos, SECOND, monotonic};
use ringload_engine::driver::{Driver, Epoll, Event, Key, Options, Uring};
use ringload_engine::exchange::{Exchange, KeepText, Progress};
use ringload_engine::plan::{EndpointKind, Limits};
use ringload_engine::record::{Cause, Outcome, Record};
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
    let mut over = false;
    while !over && exchange.record().events < TOKENS && monotonic() < until {
        wait(driver, &mut |event, seen| match event {
            Event::Received { bytes, arrival } => {
                assert_eq!(exchange.handle_received(bytes, &arrival), Progress::Pending);
            }
            Event::Closed { since } => over = exchange.handle_closed(since, seen) != Progress::Pending,
            _ => {}
        });
    }
    driver.close(KEY);
    if !over {
        exchange.fail(Cause::Reset, None, monotonic());
    }
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

/// A server of one request, whose body ends with the connection 20 ms after it came: its address, and when it closed.
fn closing_server() -> (SocketAddr, thread::JoinHandle<Nanos>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let serve = move || {
        let (mut client, _) = listener.accept().unwrap();
        client.read_exact(&mut [0]).unwrap();
        let body = r#"{"choices":[{"index":0,"message":{"content":"all"},"finish_reason":"stop"}]}"#;
        write!(client, "HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{body}").unwrap();
        thread::sleep(Duration::from_millis(20));
        let closed = monotonic();
        drop(client);
        closed
    };
    (addr, thread::spawn(serve))
}

/// The end of a body that ends with its connection lies in its interval, however late it is seen.
fn check_closed(driver: &mut impl Driver, name: &str) {
    for late in [true, false] {
        let (addr, server) = closing_server();
        let record = read_late(driver, addr, late);
        let closed = server.join().unwrap();
        let what = format!("{name} {late} {record:?} {closed}");
        assert_eq!((record.outcome, record.events), (Outcome::Succeeded, 1), "{what}");
        let last = record.instants.last_token.unwrap();
        assert!(last + NARROW >= closed, "{what}: before the close");
        assert!(last - record.intervals.last <= closed + NARROW, "{what}: known to have come after it");
        assert_eq!(record.intervals.first, record.intervals.last, "{what}");
        if late {
            assert!(last - closed >= 50 * MILLI && record.intervals.wide == 1, "{what}");
        }
    }
}

fn options() -> Options {
    Options::from(true)
}

#[test]
fn a_late_reader_knows_how_little_epoll_can_tell() {
    let mut driver = Epoll::new(1, options()).unwrap();
    check(&mut driver, "epoll");
    check_closed(&mut driver, "epoll");
}

#[test]
fn a_late_reader_knows_how_little_io_uring_can_tell() {
    match Uring::new(1, options()) {
        Ok(mut driver) => {
            check(&mut driver, "io_uring");
            check_closed(&mut driver, "io_uring");
        }
        Err(e) => println!("not on io_uring: it is refused here, error {e}"),
    }
}
