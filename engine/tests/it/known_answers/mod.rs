//! Known answers under virtual time: the worker, the protocol code and the measures against peers with a scripted
//! truth. The same truths are asked of real sockets in the `tests` crate.

mod limits;
mod load;
mod responses;
mod server_timings;

use crate::simulated::{START, chunk, end, event, head, lasting, plan, token};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::driver::Key;
use ringload_engine::driver::sim::{Peer, Script};
use ringload_engine::internal::SimulatedRun;
use ringload_engine::measure::{HistogramId, Shard};
use ringload_engine::plan::{Arrival, Cancellation, Cap, CapPolicy, Load, Phase, Plan, Prefill, Ramp, Shape, Trace};
use ringload_engine::record::{Cause, Outcome, PhaseKind, Record};

struct Outcomes {
    records: Vec<Record>,
    shard: Shard,
    peak: usize,
}

fn open(rate: f64, pattern: Arrival, cap: Option<Cap>, duration: Nanos) -> Phase {
    lasting(Load::Open { rate: rate.into(), pattern, cap }, Some(duration))
}

fn play(profiling: Phase, peer: Scripted) -> Outcomes {
    play_plan(&plan(profiling), peer)
}

fn play_plan(plan: &Plan, peer: Scripted) -> Outcomes {
    play_on(SimulatedRun::new(plan), peer)
}

/// By a kernel that merges segments which wait for the client.
fn play_merged(plan: &Plan, peer: Scripted, freezes: &[(Nanos, Nanos)]) -> Outcomes {
    play_on(SimulatedRun::new(plan).merging_segments().frozen(freezes), peer)
}

fn play_on(run: SimulatedRun<'_>, peer: Scripted) -> Outcomes {
    let played = run.play(peer);
    Outcomes { peak: played.peers[0].peak, records: played.records, shard: played.shard }
}

/// What a peer does about a request: its arrival, its connection, the script to write, its serial.
type Play = dyn FnMut(Nanos, Key, &mut Script, usize);

/// A peer that plays the same script for every request, given the instant at which the request arrived and its serial.
struct Scripted {
    play: Box<Play>,
    refuse: Option<i32>,
    requests: usize,
    in_flight: Vec<Nanos>,
    peak: usize,
    hold: Option<Box<dyn Fn(u64) -> Nanos>>,
}

impl Scripted {
    fn new(play: impl FnMut(Nanos, Key, &mut Script, usize) + 'static) -> Self {
        Self { play: Box::new(play), refuse: None, requests: 0, in_flight: Vec::new(), peak: 0, hold: None }
    }
}

/// A peer that sends `tokens` tokens `itl` apart, the first `ttft(k)` after the request.
fn steady(ttft: impl Fn(u64) -> Nanos + Clone + 'static, itl: Nanos, tokens: u64) -> Scripted {
    let first = ttft.clone();
    let mut peer = Scripted::new(move |at, key, script, serial| {
        let first = at + first(serial as u64);
        script.send(first, key, [head(), token("t")].concat());
        for i in 1..tokens {
            let last = if i + 1 == tokens { finish(tokens) } else { Vec::new() };
            script.send(first + i * itl, key, [token("t"), last].concat());
        }
    });
    peer.hold = Some(Box::new(move |k| ttft(k) + (tokens - 1) * itl));
    peer
}

impl Peer for Scripted {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        match self.refuse {
            Some(errno) => script.refuse(now, key, errno),
            None => script.accept(now, key),
        }
    }

    fn on_bytes(&mut self, key: Key, bytes: &[u8], now: Nanos, script: &mut Script) {
        assert!(bytes.starts_with(b"POST /v1/chat/completions HTTP/1.1\r\n"));
        if let Some(hold) = &self.hold {
            self.in_flight.retain(|until| *until > now);
            self.in_flight.push(now + hold(self.requests as u64));
            self.peak = self.peak.max(self.in_flight.len());
        }
        (self.play)(now, key, script, self.requests);
        self.requests += 1;
    }
}

fn finish(tokens: u64) -> Vec<u8> {
    let usage = format!(
        r#"{{"choices":[],"usage":{{"prompt_tokens":4,"completion_tokens":{tokens},"total_tokens":{}}}}}"#,
        tokens + 4
    );
    [event(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#), event(&usage), end()].concat()
}
