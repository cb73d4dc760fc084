//! What the tests under virtual time share: a plan, and the bytes of a streamed response over HTTP/1.1.

use ringload_engine::clock::Nanos;
use ringload_engine::internal::SimulatedRun;
use ringload_engine::plan::{Length, Load, Phase, Plan, Target};

/// When the first phase of a simulated run begins.
pub(crate) const START: Nanos = SimulatedRun::START;

/// A plan of short prompts for a simulated target.
pub(crate) fn plan(profiling: Phase) -> Plan {
    let mut plan = Plan::new(vec![Target::parse("http://sim:1").unwrap()], "m", profiling);
    plan.prompts.isl = Length { mean: 4.0, stddev: 0.0 };
    plan.prompts.entries = 2;
    plan
}

/// A phase that ends with its duration, where it has one.
pub(crate) fn lasting(load: Load, duration: Option<Nanos>) -> Phase {
    Phase { load, prefill: None, requests: None, sessions: None, duration, grace: None }
}

pub(crate) fn head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()
}

pub(crate) fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

pub(crate) fn event(data: &str) -> Vec<u8> {
    chunk(&format!("data: {data}\n\n"))
}

pub(crate) fn token(text: &str) -> Vec<u8> {
    event(&format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}"#))
}

/// The last event, and the end of the body.
pub(crate) fn end() -> Vec<u8> {
    [event("[DONE]"), b"0\r\n\r\n".to_vec()].concat()
}
