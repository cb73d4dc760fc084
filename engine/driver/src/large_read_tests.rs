//! Connections that fill one buffer after another are lent larger ones: every byte comes in order, whatever is closed.

use super::tests::{addr, listen, uring};
use super::{Driver, Event, Key, Uring};
use crate::clock::{MILLI, SECOND, monotonic};
use std::collections::HashMap;
use std::io::Write;
use std::net::{TcpListener, TcpStream};

/// More than may read into large buffers at a time.
const SLOTS: u32 = 48;

/// What the server of a connection writes: each its own.
fn body(key: Key) -> Vec<u8> {
    let begin = u64::from(key.slot) * 7 + u64::from(key.generation) * 131;
    (begin..).flat_map(u64::to_le_bytes).take(96 << 10).collect()
}

/// Connects the slots, and returns the servers' ends in their order.
fn connected(driver: &mut Uring, listener: &TcpListener, generation: u32) -> Vec<(Key, TcpStream)> {
    let mut streams = Vec::new();
    for slot in 0..SLOTS {
        let key = Key { slot, generation };
        driver.connect(key, &addr(listener), 0).unwrap();
        let mut stream = None;
        while stream.is_none() {
            driver.wait(monotonic() + MILLI, 0, &mut |_, _, _| {}).unwrap();
            stream = listener.accept().ok();
        }
        streams.extend(stream.map(|(stream, _)| (key, stream)));
    }
    streams
}

#[test]
#[cfg_attr(miri, ignore)]
fn what_many_streams_would_send_is_read_in_order_into_larger_buffers() {
    let Some(mut driver) = uring(SLOTS as usize) else { return };
    let listener = listen(64);
    for generation in 1..4 {
        let mut servers = connected(&mut driver, &listener, generation);
        let (mut sent, mut got, mut largest) = (HashMap::new(), HashMap::<u32, Vec<u8>>::new(), 0);
        let deadline = monotonic() + 20 * SECOND;
        while got.values().map(Vec::len).sum::<usize>() < SLOTS as usize * (96 << 10) {
            assert!(monotonic() < deadline, "bytes are missing");
            for (key, stream) in &mut servers {
                let all = body(*key);
                let taken: &mut usize = sent.entry(key.slot).or_default();
                stream.set_nonblocking(true).unwrap();
                *taken += stream.write(&all[*taken..]).unwrap_or(0);
            }
            driver
                .wait(monotonic() + MILLI, 0, &mut |key, event, _| {
                    if let Event::Received { bytes, .. } = event {
                        assert_eq!(key.generation, generation, "bytes of a connection that was closed");
                        largest = largest.max(bytes.len());
                        got.entry(key.slot).or_default().extend_from_slice(bytes);
                    }
                })
                .unwrap();
        }
        for (key, _) in &servers {
            assert!(got[&key.slot] == body(*key), "bytes of connection {} are not its server's", key.slot);
        }
        assert!(largest > 8 << 10, "{largest} bytes at most were read at once");
        // The next connections use the slots and the places again, while more of the old ones is under way.
        for (key, stream) in &mut servers {
            let _ = stream.write(&body(*key));
            driver.close(*key);
        }
    }
    driver.wait(monotonic() + 50 * MILLI, 0, &mut |_, _, _| panic!("an event of a closed connection")).unwrap();
    assert_eq!(driver.closing(), 0);
    assert_eq!(driver.places(), super::buffers::LARGE_READERS, "places are given back");
}
