//! The bytes that all cases share: responses in the shape of vLLM's, one event of about 230 bytes a token.

use ringload_engine::plan::{Limits, Phase, Plan, Target};
use ringload_engine::wire::http1::HeadLimits;

/// Events that differ; a round takes them [`LAPS`] times.
pub(crate) const EVENTS: usize = 64;
/// Times that a round takes the events.
pub(crate) const LAPS: usize = 16;
/// Events in a round.
pub(crate) const ROUND: usize = EVENTS * LAPS;

/// The head of a response.
pub(crate) const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ndate: Tue, 24 Nov 2026 02:12:51 GMT\r\nserver: uvicorn\r\n\
    content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";

/// What a stream ends with.
pub(crate) const USAGE: &str = "{\"id\":\"chatcmpl-9698ab36e1b6465c\",\"object\":\"chat.completion.chunk\",\"created\":1795486372,\
    \"model\":\"tiny\",\"choices\":[],\"usage\":{\"prompt_tokens\":550,\"total_tokens\":806,\"completion_tokens\":256,\
    \"prompt_tokens_details\":null}}";

/// What is said of a failure in the stream.
pub(crate) const ERROR: &str = "{\"error\":{\"message\":\"EngineCore encountered an issue. See stack trace (above) for the root cause.\",\
    \"type\":\"InternalServerError\",\"param\":null,\"code\":500}}";

const WORDS: [&str; 8] = [" the", "atic", " control", " ac", " Legal", " specify", "\\n", " caf\u{e9}"];

/// The JSON of event `i`, with `behind` behind its choices.
pub(crate) fn json_with(i: usize, behind: &str) -> String {
    let word = WORDS[i % WORDS.len()];
    format!(
        "{{\"id\":\"chatcmpl-9698ab36e1b6465c\",\"object\":\"chat.completion.chunk\",\"created\":1795486372,\
         \"model\":\"tiny\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}},\"logprobs\":null,\
         \"finish_reason\":null,\"token_ids\":null}}]{behind}}}"
    )
}

/// The JSON of event `i`.
pub(crate) fn json(i: usize) -> String {
    json_with(i, "")
}

/// Event `i` of a stream whose lines end in `eol`.
pub(crate) fn event(i: usize, eol: &str) -> String {
    format!("data: {}{eol}{eol}", json(i))
}

/// One chunk of a chunked body.
pub(crate) fn chunk(payload: &str) -> Vec<u8> {
    format!("{:x}\r\n{payload}\r\n", payload.len()).into_bytes()
}

/// Event `i` in a chunk of its own.
pub(crate) fn token(i: usize) -> Vec<u8> {
    chunk(&event(i, "\n"))
}

/// What comes after the last token: the finish reason, the usage, the terminator.
pub(crate) fn farewell() -> String {
    let last = json(0).replace("\"finish_reason\":null", "\"finish_reason\":\"length\"");
    let last = last.replace(WORDS[0], "");
    format!("data: {last}\n\ndata: {USAGE}\n\ndata: [DONE]\n\n")
}

/// One HTTP/2 frame (RFC 9113 §4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// The head of a response in HTTP/2: `:status: 200`, and `content-type: text/event-stream` as a literal.
pub(crate) fn head_frame(stream: u32) -> Vec<u8> {
    const KIND: &[u8] = b"text/event-stream";
    let block = [&[0x88, 0x0f, 0x10, KIND.len() as u8], KIND].concat();
    frame(HEADERS, END_HEADERS, stream, &block)
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// [`EVENTS`] events as `encode` writes them, `each` of them to a read.
pub(crate) fn reads<B: AsRef<[u8]>>(each: usize, encode: impl Fn(usize) -> B) -> Vec<Vec<u8>> {
    let events: Vec<B> = (0..EVENTS).map(encode).collect();
    events.chunks(each).map(|read| read.iter().flat_map(|e| e.as_ref()).copied().collect()).collect()
}

/// Bytes of a round of these reads.
pub(crate) fn round_bytes<B: AsRef<[u8]>>(reads: &[B]) -> usize {
    LAPS * reads.iter().map(|read| read.as_ref().len()).sum::<usize>()
}

/// A closed loop of chat requests, with small prompts.
pub(crate) fn plan(streams: u32) -> Plan {
    let target = Target::parse("http://sim:1").expect("the address is a constant");
    let mut plan = Plan::new(vec![target], "m", Phase::closed(streams, streams.into()));
    plan.prompts.isl.mean = 8.0;
    plan.prompts.isl.stddev = 0.0;
    plan.prompts.entries = 2;
    plan
}

/// Limits on heads, as a run has them.
pub(crate) fn head_limits() -> HeadLimits {
    let limits = Limits::default();
    HeadLimits { bytes: limits.head_bytes, fields: limits.head_fields }
}
