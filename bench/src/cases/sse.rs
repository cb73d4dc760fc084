//! Body bytes → events.

use crate::case::Case;
use crate::samples::{LAPS, ROUND, event, reads, round_bytes};
use ringload_engine::wire::sse::Sse;
use std::hint::black_box;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (eol, name) in [("\n", "lf"), ("\r\n", "crlf")] {
        for each in [1, 2, 4, 8, 32] {
            let reads = reads(each, |i| event(i, eol));
            cases.push(case(format!("{name}, {each} a read"), reads));
        }
        let halves = reads(1, |i| event(i, eol));
        let halves = halves.iter().flat_map(|event| {
            let (front, back) = event.split_at(100);
            [front.to_vec(), back.to_vec()]
        });
        cases.push(case(format!("{name}, 1 in two reads"), halves.collect()));
    }
    cases
}

fn case(name: String, reads: Vec<Vec<u8>>) -> Case {
    Case::new(name, ROUND, round_bytes(&reads), move || {
        let reads = reads.clone();
        let mut sse = Sse::new(4 << 20);
        move || {
            for read in std::iter::repeat_n(&reads, LAPS).flatten() {
                let mut input = black_box(&read[..]);
                while let Ok(Some(event)) = sse.next(&mut input) {
                    black_box(event);
                }
            }
        }
    })
}
