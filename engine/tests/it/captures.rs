//! Real responses, captured from real servers as raw bytes, replayed through the whole wire path: `http1` → `sse` →
//! `endpoint`.
//!
//! The expected numbers were read off the captures by eye and by `grep`, not taken from what the code said. Every
//! capture is replayed whole, byte by byte, and at random splits: the answers must be the same.

use ringload_engine::api::{self, ParsedEvent, Scanner, Text};
use ringload_engine::plan::EndpointKind::{self, Chat, Completions, Messages, Responses};
use ringload_engine::record::{Sizes, Timings, Usage};
use ringload_engine::wire::http1::{Decoder, Head, HeadLimits, Part};
use ringload_engine::wire::sse::{Event, Sse};

/// What a client makes of one response.
#[derive(Clone, Debug, Default, PartialEq)]
struct Answer {
    head: Head,
    reusable: bool,
    /// Events with data, `[DONE]` included.
    events: usize,
    outputs: usize,
    reasoning_only: usize,
    done: bool,
    finish: bool,
    error: bool,
    usage: Option<Usage>,
    timings: Timings,
    text: String,
    /// A body that is not a stream.
    body: Vec<u8>,
}

struct Client {
    decoder: Decoder,
    sse: Sse,
    scanner: Scanner,
    text: Text,
    answer: Answer,
}

impl Client {
    fn new(kind: EndpointKind) -> Self {
        Self {
            decoder: Decoder::new(HeadLimits { bytes: 64 << 10, fields: 128 }),
            sse: Sse::new(4 << 20),
            scanner: Scanner::new(kind),
            text: Text::default(),
            answer: Answer::default(),
        }
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while let Some(part) = self.decoder.next(&mut bytes).expect("framing") {
            match part {
                Part::Head(head) => self.answer.head = head,
                Part::Body(body) if self.answer.head.event_stream => self.events(body),
                Part::Body(body) => self.answer.body.extend_from_slice(body),
                Part::End { reusable } => self.end(reusable && bytes.is_empty()),
            }
        }
    }

    fn events(&mut self, mut body: &[u8]) {
        let Self { sse, scanner, text, answer, .. } = self;
        while let Some(event) = sse.next(&mut body).expect("no limit is met") {
            take(event, scanner, text, answer);
        }
    }

    fn end(&mut self, reusable: bool) {
        if self.answer.head.event_stream
            && let Some(event) = self.sse.finish().expect("no limit is met")
        {
            take(event, &mut self.scanner, &mut self.text, &mut self.answer);
        }
        if self.answer.head.json && self.answer.head.status == 200 {
            let seen = self.scanner.body(&self.answer.body, Some(&mut self.text));
            note(seen.expect("JSON"), &mut self.answer);
        }
        self.answer.timings = self.scanner.timings().copied().unwrap_or_default();
        self.answer.reusable = reusable;
        self.answer.text = api::unescape(&self.text.visible);
    }
}

fn take(event: Event<'_>, scanner: &mut Scanner, text: &mut Text, answer: &mut Answer) {
    answer.events += 1;
    if api::is_done(event.data) {
        answer.done = true;
    } else {
        note(scanner.event(event.data, Some(text)).expect("JSON"), answer);
    }
}

fn note(seen: ParsedEvent, answer: &mut Answer) {
    answer.outputs += usize::from(seen.output);
    answer.reasoning_only += usize::from(seen.output && !seen.visible);
    answer.finish |= seen.finish;
    answer.error |= seen.error;
    if let Some(usage) = seen.usage {
        answer.usage = Some(answer.usage.unwrap_or_default().updated(usage));
    }
}

/// Replays a capture in every manner, and gives the one answer.
fn replay(kind: EndpointKind, name: &str) -> Answer {
    let path = format!("{}/../tests/captures/{name}.raw", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let whole = split(kind, &bytes, || usize::MAX);
    assert_eq!(split(kind, &bytes, || 1), whole, "{name}, byte by byte");
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for largest in [3, 17, 250, 1500] {
        let random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            1 + state as usize % largest
        };
        assert_eq!(split(kind, &bytes, random), whole, "{name}, at most {largest} bytes");
    }
    whole
}

fn split(kind: EndpointKind, bytes: &[u8], mut length: impl FnMut() -> usize) -> Answer {
    let mut client = Client::new(kind);
    let mut rest = bytes;
    while !rest.is_empty() {
        let (read, later) = rest.split_at(length().min(rest.len()));
        client.read(read);
        rest = later;
    }
    client.answer
}

fn usage(prompt: u32, completion: u32, total: u32) -> Usage {
    Usage { prompt: Some(prompt), completion: Some(completion), total: Some(total), ..Usage::default() }
}

/// One row: capture, events, output events, `[DONE]`, finish reason, usage, text.
type Row = (&'static str, usize, usize, bool, bool, Option<Usage>, &'static str);

fn check(kind: EndpointKind, rows: &[Row]) {
    for (name, events, outputs, done, finish, usage, text) in rows {
        let a = replay(kind, name);
        assert_eq!((a.head.status, a.head.event_stream), (200, true), "{name}");
        assert_eq!(a.events, *events, "events of {name}");
        assert_eq!(a.outputs, *outputs, "output events of {name}");
        assert_eq!((a.done, a.finish), (*done, *finish), "end of {name}");
        assert_eq!(a.usage, *usage, "usage of {name}");
        if !text.is_empty() {
            assert_eq!(a.text, *text, "text of {name}");
        }
        assert!(a.reusable && !a.error && !a.head.encoded, "{name}: {a:?}");
    }
}

#[test]
fn chat_streams_say_what_their_servers_meant() {
    let cached = |n| move |u: Usage| Usage { cached: Some(n), ..u };
    let thinking = |u: Usage| Usage { reasoning: Some(0), ..u };
    #[rustfmt::skip]
    check(Chat, &[
        ("vllm.chat.usage", 11, 8, true, true, Some(usage(14, 8, 22)), "tribatic control ac Legal specify than\u{7f}"),
        ("vllm.chat.nousage", 10, 8, true, true, None, ""),
        ("vllm.chat.k64", 67, 63, true, true, Some(usage(14, 64, 78)), ""),
        ("vllm.chat.continuous_usage", 7, 4, true, true, Some(usage(14, 4, 18)), "CEDITIONSin more"),
        ("vllm.chat.n2", 12, 7, true, true, Some(usage(14, 8, 22)), "distribution placignemptanyde The"),
        ("vllm.chat.logprobs", 6, 4, true, true, None, " placedind contr place"),
        ("vllm.stream-interval4", 8, 5, true, true, Some(usage(14, 16, 30)),
            "tribatic control ac Legal specify than\u{7f} problems B Re clearory reason N permission"),
        ("llama-server.chat.usage", 11, 7, true, true, Some(cached(0)(usage(15, 8, 23))),
            " royal contentsective However alongvent\u{fffd} PARTICU"),
        ("llama-server.chat.k64", 63, 59, true, true, Some(cached(9)(usage(10, 64, 74))), ""),
        ("llama-cpp-python.chat.usage", 11, 7, true, true, None, " OF pCEtailpermissioncess contents"),
        ("llama-cpp-python.chat.k64", 67, 59, true, true, None, ""),
        ("transformers-serve.chat.usage", 10, 8, false, true, Some(usage(14, 8, 22)),
            " whose interacned whose whose whose whose whose"),
        ("transformers-serve.chat.k64", 65, 63, false, true, Some(usage(6, 64, 70)), ""),
        ("litellm.chat.usage", 11, 8, true, true, Some(thinking(usage(42, 8, 50))), " the of and to in is that for"),
        ("guidellm-mock.chat.usage", 11, 8, true, true, Some(usage(16, 8, 24)), "Score each cause. Quality"),
        ("aiperf-mock.chat.usage", 13, 12, true, true, None, "Hello, the license of this program is free"),
        ("hypercorn-h1", 9, 8, true, true, None, "Hello, the license of"),
        ("hypercorn-h1tls", 9, 8, true, true, None, "Hello, the license of"),
        ("granian-h1tls", 9, 8, true, true, None, "Hello, the license of"),
        ("nginx-tls-h1", 10, 8, true, true, Some(usage(28, 8, 36)), " the of and to in is that for"),
        ("sse-starlette.crlf-ping", 5, 4, true, true, None, " the of and end"),
    ]);
}

#[test]
fn completion_streams_say_what_their_servers_meant() {
    let cached = Usage { cached: Some(1), ..usage(8, 8, 16) };
    let thinking = Usage { reasoning: Some(0), ..usage(28, 8, 36) };
    #[rustfmt::skip]
    check(Completions, &[
        ("vllm.completions.usage", 10, 7, true, true, Some(usage(7, 8, 15)), " executthe Accompany incluence section ag"),
        ("llama-server.completions.usage", 10, 8, true, true, Some(cached), "ersionMCled detailsctly(permissionaut"),
        ("llama-cpp-python.completions.usage", 10, 8, true, true, None, "hether im changeationctlyFOR thereof----"),
        ("transformers-serve.completions.usage", 9, 8, false, true, Some(usage(7, 8, 15)),
            "ned+ library title library title library library"),
        ("litellm.completions.usage", 11, 8, true, true, Some(thinking), " the of and to in is that for"),
        ("guidellm-mock.completions.usage", 11, 8, true, true, Some(usage(6, 8, 14)), "Score each cause. Quality"),
    ]);
}

#[test]
fn bodies_that_are_no_streams_say_the_same() {
    let cached = Usage { cached: Some(14), ..usage(15, 8, 23) };
    for (name, usage, text) in [
        ("vllm.chat.nonstream", usage(14, 8, 22), " eluture rem PROkn limitedivalent://"),
        ("llama-server.chat.nonstream", cached, " thereRARYyourollow vol leg APPL"),
        ("litellm.chat.nonstream", usage(28, 8, 36), " the of and to in is that for"),
        ("guidellm-mock.chat.nonstream", usage(16, 8, 24), "Score each cause. Quality"),
        ("aiperf-mock.chat.nonstream", usage(12, 12, 24), "Hello, the license of this program is free"),
    ] {
        let a = replay(Chat, name);
        assert_eq!((a.outputs, a.finish, a.error), (1, true, false), "{name}");
        assert_eq!((a.usage, a.text.as_str()), (Some(usage), text), "{name}");
        assert!(a.head.json && a.reusable, "{name}");
        assert_eq!(a.head.length, Some(a.body.len() as u64), "{name}");
    }
}

#[test]
fn errors_are_told_in_the_servers_words() {
    for (name, status, reusable, start) in [
        ("vllm.badjson", 400, true, "1 validation error:"),
        ("vllm.chat.toolong", 400, true, "max_tokens=4000 cannot be greater"),
        ("llama-server.badjson", 400, false, "[json.exception.parse_error.101]"),
        ("litellm.badjson", 400, true, "Invalid JSON payload: "),
        ("transformers-serve.badmodel", 400, true, "Server is pinned to 'models/tiny-random-llama-hf0'"),
        ("llama-cpp-python.badjson", 500, true, "Internal Server Error"),
        ("aiperf-mock.badmodel", 404, true, "Model Not Found"),
        ("aiperf-mock.badjson", 422, true, "[{\"type\":\"json_invalid\""),
    ] {
        let a = replay(Chat, name);
        assert_eq!((a.head.status, a.reusable), (status, reusable), "{name}");
        let said = api::error_message(&a.body);
        assert!(said.starts_with(start), "{name}: {said}");
        assert!(said.chars().count() <= 200, "{name}");
    }
}

/// `/v1/messages` of Dynamo 1.6.1: 512 of 544 tokens of the prompt come from the cache, and `input_tokens` are the
/// others.
#[test]
fn cached_tokens_of_anthropics_api_are_in_the_prompt() {
    let a = replay(Messages, "dynamo-messages-cached");
    assert_eq!((a.outputs, a.done, a.finish, a.error), (4, true, true, false));
    assert_eq!(a.text, "OSS compilation WITHOUT stated");
    let usage = api::whole_usage(Messages, a.usage.expect("usage"));
    let expected = Usage {
        prompt: Some(544),
        completion: Some(4),
        total: Some(548),
        reasoning: None,
        cached: Some(512),
        cache_written: Some(0),
    };
    assert_eq!(usage, expected);
    assert_eq!(usage.possible(Sizes { asked: Some(4), sent: 500, received: 500, took: 0 }), (expected, false));
}

#[test]
fn streams_whose_server_failed_are_errors_after_their_output() {
    for (kind, name, outputs) in [
        (Responses, "litellm-responses-failed", 77),
        (Chat, "litellm-upstream-died", 56),
        (Chat, "litserve-error-midstream", 4),
    ] {
        let a = replay(kind, name);
        assert_eq!((a.outputs, a.error), (outputs, true), "{name}");
    }
}

#[test]
fn a_compressed_stream_is_recognised_by_its_head() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/captures/nginx-gzip.raw");
    let bytes = std::fs::read(path).expect("the capture");
    let mut decoder = Decoder::new(HeadLimits { bytes: 64 << 10, fields: 128 });
    let head = decoder.next(&mut &bytes[..]).expect("a head");
    assert!(matches!(&head, Some(Part::Head(h)) if h.encoded && h.event_stream), "{head:?}");
}

#[test]
fn answers_say_how_long_their_servers_took() {
    // What each capture has, in milliseconds: queue, prefill, decode, first token, total.
    let rows: &[(&str, EndpointKind, [f64; 5])] = &[
        ("dynamo-nvext", Chat, [3.938_643, 28.503_308, 0.0, 32.441_951, 49.643_604]),
        ("llama-server.chat.usage", Chat, [0.0, 1.061, 1.745, 0.0, 0.0]),
        ("vllm.chat.usage", Chat, [0.0; 5]),
        ("vllm.chat.nonstream", Chat, [0.0; 5]),
    ];
    for (name, kind, expected) in rows {
        let t = replay(*kind, name).timings;
        let told = [t.queue, t.prefill, t.decode, t.first_token, t.total];
        assert_eq!(told.map(|ns| ns.unwrap_or(0)), expected.map(|ms| (ms * 1e6).round() as u64), "{name}");
        let absent = told.map(|ns| ns.is_none());
        assert_eq!(absent, expected.map(|ms| ms == 0.0), "{name}: what is not told is absent");
        assert_eq!((t.inference, t.front_end, t.upstream), (None, None, None), "{name}");
    }
}
