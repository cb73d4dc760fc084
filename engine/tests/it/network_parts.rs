//! Where the time to first token went, behind a way of which each direction takes a known time: 512 streams at once.

use crate::simulated::{end, event, head, plan, token};
use crate::verdicts::FINISH;
use ringload_engine::clock::{MICRO, MILLI, Nanos};
use ringload_engine::driver::sim::{Peer, Script};
use ringload_engine::driver::{Key, TcpFacts};
use ringload_engine::internal::SimulatedRun;
use ringload_engine::measure::FirstTokenParts;
use ringload_engine::plan::Phase;
use ringload_engine::record::Record;

const THERE: Nanos = 3_100 * MICRO;
const BACK: Nanos = 7_250 * MICRO;
const STREAMS: u64 = 512;

/// Works on request k for 40 to 56 ms before it answers, and for 5 ms more before its first token.
#[derive(Default)]
struct Far {
    requests: u64,
}

fn works(k: u64) -> Nanos {
    40 * MILLI + k % 17 * MILLI
}

const UNTIL_TOKEN: Nanos = 5 * MILLI;

impl Peer for Far {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now + THERE + BACK, key);
    }

    fn on_bytes(&mut self, key: Key, _bytes: &[u8], now: Nanos, script: &mut Script) {
        let answers = now + THERE + works(self.requests) + BACK;
        self.requests += 1;
        script.send(answers, key, head());
        script.send(answers + UNTIL_TOKEN, key, token("a"));
        let usage = event(r#"{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}"#);
        script.send(answers + UNTIL_TOKEN + MILLI, key, [token("b"), event(FINISH), usage, end()].concat());
    }

    fn facts(&self) -> Option<TcpFacts> {
        Some(TcpFacts { round_trip: Some(THERE + BACK), retransmits: 0 })
    }
}

#[test]
fn the_networks_part_is_the_delay_of_the_way_and_the_parts_add_up() {
    let plan = plan(Phase::closed(STREAMS as u32, 4 * STREAMS));
    let played = SimulatedRun::new(&plan).play(Far::default());
    let round_trip = (THERE + BACK) as f64 / 1e6;
    let close = |said: f64, truth: f64| (said - truth).abs() < 1e-6;
    // Who sent the k-th request is known by its instant: they are served in the order in which they are sent.
    let mut sent: Vec<&Record> = played.records.iter().collect();
    sent.sort_by_key(|record| record.instants.send_start);
    let mut made = 0;
    for (k, record) in sent.into_iter().enumerate() {
        let at = &record.instants;
        let first = at.first_token.unwrap() - at.issued;
        let connect = if record.connection_reused { 0 } else { THERE + BACK };
        made += u64::from(!record.connection_reused);
        assert_eq!(first, connect + THERE + works(k as u64) + BACK + UNTIL_TOKEN, "{k}");
    }
    assert_eq!(made, STREAMS);
    let figures = played.summarize(&plan).network.first_token.expect("first tokens");
    let sum = |parts: &FirstTokenParts| parts.queue_ms + parts.network_ms() + parts.server_ms();
    let (new, reused) = figures.new.zip(figures.reused).expect("both kinds");
    for (parts, requests, connect) in [(&new, STREAMS, round_trip), (&reused, 3 * STREAMS, 0.0)] {
        assert_eq!((parts.requests, parts.with_round_trip, parts.sooner_than_round_trip), (requests, requests, 0));
        assert!(close(parts.network_ms(), round_trip + connect), "{parts:?}");
        assert!(close(parts.tcp_ms, connect) && close(parts.output_ms, 5.0), "{parts:?}");
        assert!((40.0..=56.0).contains(&parts.head_ms) && close(sum(parts), parts.ttft_ms), "{parts:?}");
    }
    assert!(close(sum(&figures.all), figures.all.ttft_ms));
}
