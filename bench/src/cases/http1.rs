//! Bytes of an HTTP/1.1 connection → body bytes.

use crate::case::Case;
use crate::samples::{HEAD, LAPS, ROUND, head_limits, reads, round_bytes, token};
use ringload_engine::wire::http1::{Decoder, Part};
use std::hint::black_box;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for each in [1, 8] {
        cases.push(chunks(format!("chunks, {each} a read"), reads(each, token)));
    }
    let halves = reads(1, token);
    let halves = halves.iter().flat_map(|chunk| {
        let (front, back) = chunk.split_at(100);
        [front.to_vec(), back.to_vec()]
    });
    cases.push(chunks("chunks, 1 in two reads".into(), halves.collect()));
    cases.push(Case::new("heads", LAPS, LAPS * HEAD.len(), || {
        let mut decoder = Decoder::new(head_limits());
        move || {
            for _ in 0..LAPS {
                decoder.reset();
                black_box(decoder.next(&mut black_box(HEAD)).is_ok());
            }
        }
    }));
    cases
}

fn chunks(name: String, reads: Vec<Vec<u8>>) -> Case {
    Case::new(name, ROUND, round_bytes(&reads), move || {
        let reads = reads.clone();
        let mut decoder = Decoder::new(head_limits());
        let head = decoder.next(&mut &HEAD[..]);
        assert!(matches!(head, Ok(Some(Part::Head(_)))));
        move || {
            for read in std::iter::repeat_n(&reads, LAPS).flatten() {
                let mut input = black_box(&read[..]);
                while let Ok(Some(part)) = decoder.next(&mut input) {
                    black_box(part);
                }
            }
        }
    })
}
