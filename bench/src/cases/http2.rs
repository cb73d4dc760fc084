//! Bytes of an HTTP/2 connection → body bytes, stream by stream.

use crate::case::Case;
use crate::samples::{DATA, LAPS, ROUND, SETTINGS, event, frame, head_frame, plan, reads, round_bytes};
use ringload_engine::api::http2_head;
use ringload_engine::wire::http2::{Config, Connection, Opened};
use std::hint::black_box;

pub(super) fn cases() -> Vec<Case> {
    let frames = |streams: u32| move |i: usize| frame(DATA, 0, id(i as u32 % streams), event(i, "\n").as_bytes());
    vec![
        case("frames, 1 a read, 1 stream", 1, reads(1, frames(1))),
        case("frames, 1 a read, 64 streams", 64, reads(1, frames(64))),
        case("frames, 64 a read, 64 streams", 64, reads(64, frames(64))),
    ]
}

fn case(name: &str, streams: u32, reads: Vec<Vec<u8>>) -> Case {
    Case::new(name, ROUND, round_bytes(&reads), move || {
        let reads = reads.clone();
        let (mut connection, mut out) = connected(streams);
        move || {
            for read in std::iter::repeat_n(&reads, LAPS).flatten() {
                out.clear();
                let mut input = black_box(&read[..]);
                while let Ok(Some(event)) = connection.receive(&mut input, 1, &mut out) {
                    black_box(event);
                }
            }
        }
    })
}

/// A connection on which the heads of so many responses have come.
fn connected(streams: u32) -> (Connection, Vec<u8>) {
    let plan = plan(streams);
    let head = http2_head(&plan, &plan.targets[0]).expect("the plan is a constant");
    let config = Config {
        stream_window: plan.network.h2_window,
        header_list_bytes: plan.limits.head_bytes,
        header_fields: plan.limits.head_fields,
        streams: plan.network.streams_per_connection,
    };
    let mut out = Vec::new();
    let mut connection = Connection::new(config, &mut out);
    let mut bytes = frame(SETTINGS, 0, 0, &[]);
    for tag in 0..streams {
        let opened = connection.open(tag, &head, tag.into(), "", b"{}", 1, &mut out);
        assert_eq!(opened, Opened::All);
        bytes.extend(head_frame(id(tag)));
    }
    let mut input = &bytes[..];
    while let Ok(Some(_)) = connection.receive(&mut input, 1, &mut out) {}
    assert_eq!((input.len(), connection.open_streams()), (0, streams as usize));
    (connection, out)
}

/// The id of a client's n-th stream.
fn id(n: u32) -> u32 {
    2 * n + 1
}
