//! The drivers over real sockets: each segment has an arrival of its own, however late it is read.

use super::tests::{addr, listen, uring};
use super::{Driver, Epoll, Event, Key, Options, PacketStats, Packets, Uring};
use crate::clock::{MILLI, Nanos, monotonic};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

const KEY: Key = Key { slot: 0, generation: 1 };
const SEGMENTS: usize = 4;

/// What was read, with its arrival.
type Reads = Vec<(Vec<u8>, Nanos)>;

fn wait(driver: &mut impl Driver, until: Nanos, reads: &mut Reads) -> bool {
    let mut connected = false;
    let mut on = |_, event: Event<'_>, _| match event {
        Event::Connected { .. } => connected = true,
        Event::Received { bytes, arrival } => reads.push((bytes.to_vec(), arrival.at)),
        other => panic!("{other:?}"),
    };
    driver.wait(until, 0, &mut on).unwrap();
    connected
}

fn connect(driver: &mut impl Driver, listener: &TcpListener, key: Key) -> (TcpStream, SocketAddr) {
    driver.connect(key, &addr(listener), 0).unwrap();
    while !wait(driver, monotonic() + 20 * MILLI, &mut Vec::new()) {}
    let (peer, client) = listener.accept().unwrap();
    peer.set_nodelay(true).unwrap();
    (peer, client)
}

fn listener() -> TcpListener {
    let listener = listen(8);
    listener.set_nonblocking(false).unwrap();
    listener
}

/// A peer writes segments some time apart while nobody reads; then all are read at once. The slot is used twice.
fn read_late(mut driver: impl Driver, listener: &TcpListener) {
    for generation in 1..3 {
        let key = Key { generation, ..KEY };
        let (mut peer, _) = connect(&mut driver, listener, key);
        let mut writes = Vec::new();
        for k in 0..SEGMENTS {
            writes.push(monotonic());
            peer.write_all(&vec![b'a' + k as u8; 100 + k]).unwrap();
            std::thread::sleep(Duration::from_millis(3));
        }
        writes.push(monotonic());
        let mut reads = Reads::new();
        while reads.iter().map(|(bytes, _)| bytes.len()).sum::<usize>() < SEGMENTS * 100 + 6 {
            wait(&mut driver, monotonic() + 20 * MILLI, &mut reads);
        }
        assert_eq!(reads.len(), SEGMENTS, "each by itself");
        for (k, (bytes, at)) in reads.iter().enumerate() {
            assert_eq!(*bytes, vec![b'a' + k as u8; 100 + k]);
            // The stamp is the wall clock's, which is known to some microseconds.
            let (from, until) = (writes[k] - MILLI / 10, writes[k + 1]);
            assert!((from..until).contains(at), "segment {k}: {from} <= {at} < {until}");
        }
        driver.close(key);
    }
    // The socket's stamp of the last byte is that of its packet.
    assert_eq!(driver.stats().packets, PacketStats::default());
}

/// Drivers of one process beside each other: each has ports, and so packets, of its own.
fn share(mut drivers: [impl Driver; 2], ports: &[Option<std::ops::RangeInclusive<u16>>; 2], listener: &TcpListener) {
    let mut peers = Vec::new();
    for (driver, ports) in drivers.iter_mut().zip(ports) {
        let (peer, client) = connect(driver, listener, KEY);
        assert!(ports.as_ref().is_none_or(|ports| ports.contains(&client.port())), "{client} {ports:?}");
        peers.push(peer);
    }
    for (driver, peer) in drivers.iter_mut().zip(&mut peers) {
        peer.write_all(b"token").unwrap();
        let mut reads = Reads::new();
        while reads.is_empty() {
            wait(driver, monotonic() + 20 * MILLI, &mut reads);
        }
        assert_eq!(reads[0].0, b"token");
        assert_eq!(driver.stats().packets, PacketStats::default());
    }
}

fn options(packets: &Packets) -> Options {
    Options { stamps: true, local_ports: packets.local_ports(), ..Options::default() }
}

fn on_epoll(packets: Packets) -> Epoll {
    Epoll::new(1, options(&packets)).unwrap().with_packets(packets)
}

fn on_uring(packets: Packets) -> Uring {
    Uring::new(1, options(&packets)).unwrap().with_packets(packets)
}

#[test]
#[cfg_attr(miri, ignore)]
fn segments_that_are_read_together_have_an_arrival_each() {
    if let Err(e) = Packets::probe() {
        return println!("not tested: packet sockets need CAP_NET_RAW (error {e})");
    }
    let listener = listener();
    let packets = |index, of| Packets::new(index, of, listener.local_addr()).unwrap();
    let shares = || [packets(0, 2), packets(1, 2)];
    let ports = shares().map(|packets| packets.local_ports());
    read_late(on_epoll(packets(0, 1)), &listener);
    share(shares().map(on_epoll), &ports, &listener);
    if uring(1).is_some() {
        read_late(on_uring(packets(0, 1)), &listener);
        share(shares().map(on_uring), &ports, &listener);
    }
}
