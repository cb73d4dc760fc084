//! What must hold for any bytes: one check per parser. They panic when it does not.
//!
//! The fuzz targets run them on what libFuzzer makes up; the engine's tests include this file and run them on the committed corpora and
//! on what proptest makes up.

use ringload_engine::endpoint::{self, BadJson, Scanner, Seen, Text};
use ringload_engine::plan::{EndpointKind, Phase, Plan, Target};
use ringload_engine::record::Usage;
use ringload_engine::wire::http1::{Decoder, Head, HeadLimits, HttpError, Part};
use ringload_engine::wire::http2::{self, Connection, Happened, Http2Error, Opened, hpack};
use ringload_engine::wire::sse::Sse;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::OnceLock;

/// A response says the same however it is cut into reads. The first byte seeds the cuts and the second sets the limit of the head.
pub fn http1(data: &[u8]) {
    let [seed, limit, response @ ..] = data else {
        return;
    };
    let limits = HeadLimits {
        bytes: 16 + 8 * usize::from(*limit),
        fields: 8,
    };
    let whole = decode(limits, [response].into_iter());
    assert!(whole.body.len() <= response.len());
    assert_eq!(decode(limits, response.chunks(1)), whole, "byte by byte");
    assert_eq!(decode(limits, cut(response, *seed)), whole, "cut at random");
}

#[derive(Debug, PartialEq)]
struct Decoded {
    head: Option<Head>,
    body: Vec<u8>,
    reusable: Option<bool>,
    /// The close of the connection after the last byte came too early.
    truncated: bool,
    /// Something else is wrong: what it is, and with which byte it shows, may depend on the cuts.
    bad: bool,
}

fn decode<'a>(limits: HeadLimits, reads: impl Iterator<Item = &'a [u8]>) -> Decoded {
    let mut decoder = Decoder::new(limits);
    let mut out = Decoded {
        head: None,
        body: Vec::new(),
        reusable: None,
        truncated: false,
        bad: false,
    };
    for mut input in reads {
        loop {
            match decoder.next(&mut input) {
                Ok(Some(Part::Head(head))) => assert!(out.head.replace(head).is_none()),
                Ok(Some(Part::Body(body))) => out.body.extend_from_slice(body),
                Ok(Some(Part::End { reusable })) => {
                    assert!(out.reusable.replace(reusable).is_none());
                }
                Ok(None) => break,
                Err(_) => {
                    out.bad = true;
                    return out;
                }
            }
        }
        assert!(
            input.is_empty() || out.reusable.is_some(),
            "bytes are left but wanted"
        );
    }
    match decoder.eof() {
        Err(HttpError::Truncated | HttpError::ClosedBeforeResponse) => out.truncated = true,
        Err(_) => out.bad = true,
        Ok(_) => {}
    }
    out
}

/// A connection says and answers the same however the peer's bytes are cut into reads, and tells each stream's story in order. The first
/// byte seeds the cuts and the second sets the scene.
pub fn http2(data: &[u8]) {
    let [seed, scene, peer @ ..] = data else {
        return;
    };
    let greeting: &[u8] = match scene & 1 {
        0 => &[0, 0, 0, 4, 0, 0, 0, 0, 0],
        _ => &[],
    };
    let peer = [greeting, peer].concat();
    let whole = converse(*scene, [&peer[..]].into_iter());
    assert_eq!(converse(*scene, peer.chunks(1)), whole, "byte by byte");
    assert_eq!(converse(*scene, cut(&peer, *seed)), whole, "cut at random");
}

#[derive(Debug, PartialEq)]
struct Conversation {
    happened: Vec<(Option<u32>, Told)>,
    sent: Vec<u8>,
    failed: Option<Http2Error>,
}

fn converse<'a>(scene: u8, reads: impl Iterator<Item = &'a [u8]>) -> Conversation {
    static HEAD: OnceLock<http2::RequestHead> = OnceLock::new();
    let head = HEAD.get_or_init(|| {
        let target = Target::parse("http://server").expect("a URL");
        let plan = Plan::new(vec![target], "m", Phase::closed(1, 1));
        http2::RequestHead::new(&plan, &plan.targets[0], false).expect("a head")
    });
    let config = http2::Config {
        stream_window: if scene & 0x20 == 0 { 65_535 } else { 100 },
        header_list_bytes: if scene & 0x40 == 0 { 4096 } else { 64 },
        header_fields: 8,
        streams: 4,
    };
    let mut sent = Vec::new();
    let mut connection = Connection::new(config, &mut sent);
    let body = [b'x'; 65_600];
    let length = if scene & 8 == 0 { 2 } else { body.len() };
    for tag in 0..u32::from(scene >> 1 & 3) {
        let opened = connection.open(tag, head, 0, "", &body[..length], 0, &mut sent);
        assert_ne!(opened, Opened::Refused);
    }
    if scene & 0x10 != 0 {
        connection.cancel(0, &mut sent);
    }
    let mut said = Conversation {
        happened: Vec::new(),
        sent: Vec::new(),
        failed: None,
    };
    let mut heads = HashMap::new();
    'reads: for mut input in reads {
        loop {
            match connection.receive(&mut input, 0, &mut sent) {
                Ok(None) => break,
                Ok(Some(happened)) => {
                    said.add(happened);
                    in_order(&mut heads, happened);
                }
                Err(error) => {
                    said.failed = Some(error);
                    break 'reads;
                }
            }
        }
        assert!(input.is_empty(), "bytes are left but wanted");
    }
    for tag in connection.tags() {
        assert_ne!(heads.get(&tag), Some(&None), "an open stream has not ended");
    }
    said.sent = sent;
    said
}

#[derive(Debug, PartialEq)]
enum Told {
    Body(Vec<u8>),
    Else(String),
}

impl Conversation {
    fn add(&mut self, happened: Happened<'_>) {
        let Happened::Body { tag, bytes } = happened else {
            self.happened
                .push((happened.tag(), Told::Else(format!("{happened:?}"))));
            return;
        };
        assert!(!bytes.is_empty());
        match self.happened.last_mut() {
            Some((t, Told::Body(body))) if *t == Some(tag) => body.extend_from_slice(bytes),
            _ => self.happened.push((Some(tag), Told::Body(bytes.to_vec()))),
        }
    }
}

/// Head, body, end: `None` marks a stream that ended, `Some` one that has its head.
fn in_order(heads: &mut HashMap<u32, Option<()>>, happened: Happened<'_>) {
    let Some(tag) = happened.tag() else {
        return;
    };
    let before = heads.get(&tag).copied();
    assert_ne!(before, Some(None), "something happens after the end");
    match happened {
        Happened::Head { .. } => assert!(heads.insert(tag, Some(())).is_none(), "two heads"),
        Happened::Body { .. } => assert!(before.is_some(), "a body before its head"),
        Happened::End { .. } => {
            assert!(before.is_some(), "an end before the head");
            heads.insert(tag, None);
        }
        Happened::Reset { .. } | Happened::Unbegun { .. } | Happened::Broken { .. } => {
            heads.insert(tag, None);
        }
        Happened::BodySent { .. } | Happened::GoAway { .. } | Happened::Settings => {}
    }
}

/// What decodes, encodes and decodes to the same. The first byte sets the size of the table.
pub fn hpack(data: &[u8]) {
    let [limit, block @ ..] = data else {
        return;
    };
    let mut fields = Vec::new();
    let mut decoder = hpack::Decoder::new(16 * usize::from(*limit));
    let decoded = decoder.decode(block, |name, value| {
        if fields.len() < 1_000 {
            fields.push((name.to_vec(), value.to_vec()));
        }
    });
    if decoded.is_err() {
        return;
    }
    let mut ours = Vec::new();
    for (name, value) in &fields {
        hpack::field(&mut ours, name, value);
    }
    let mut again = Vec::new();
    hpack::Decoder::new(0)
        .decode(&ours, |name, value| {
            again.push((name.to_vec(), value.to_vec()))
        })
        .expect("what we encode decodes");
    assert_eq!(again, fields);
}

/// A stream gives the same events however it is cut into reads, and those of a parser too simple to be wrong.
pub fn sse(data: &[u8]) {
    let [seed, limit, stream @ ..] = data else {
        return;
    };
    let (events, failed) = split_events(usize::MAX, [stream].into_iter());
    assert!(!failed);
    assert_eq!(events, reference_events(stream), "the reference");
    for max in [usize::MAX, usize::from(*limit)] {
        let whole = split_events(max, [stream].into_iter());
        assert_eq!(split_events(max, stream.chunks(1)), whole, "byte by byte");
        assert_eq!(
            split_events(max, cut(stream, *seed)),
            whole,
            "cut at random"
        );
    }
}

type Events = Vec<(Vec<u8>, Vec<u8>)>;

fn split_events<'a>(max: usize, reads: impl Iterator<Item = &'a [u8]>) -> (Events, bool) {
    let mut sse = Sse::new(max);
    let mut events = Events::new();
    for mut input in reads {
        loop {
            match sse.next(&mut input) {
                Ok(Some(event)) => events.push((event.data.to_vec(), event.name.to_vec())),
                Ok(None) => break,
                Err(_) => return (events, true),
            }
        }
        assert!(input.is_empty());
    }
    if let Some(event) = sse.finish() {
        events.push((event.data.to_vec(), event.name.to_vec()));
    }
    (events, false)
}

/// The grammar of the WHATWG standard on a stream that is all there, with the event that the end of the body completes.
fn reference_events(stream: &[u8]) -> Events {
    let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let (mut lines, mut line, mut after_cr) = (vec![], vec![], false);
    for byte in stream {
        match byte {
            b'\n' if after_cr => {}
            b'\n' | b'\r' => lines.push(std::mem::take(&mut line)),
            _ => line.push(*byte),
        }
        after_cr = *byte == b'\r';
    }
    lines.extend([line, vec![]]);
    let (mut events, mut data, mut name) = (Events::new(), Vec::<Vec<u8>>::new(), vec![]);
    for line in lines {
        let mut parts = line.splitn(2, |b| *b == b':');
        let field = parts.next().unwrap_or_default();
        let value = parts.next().unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value).to_vec();
        match field {
            b"data" => data.push(value),
            b"event" => name = value,
            _ if line.is_empty() && data.is_empty() => name.clear(),
            _ if line.is_empty() => {
                events.push((
                    std::mem::take(&mut data).join(&b'\n'),
                    std::mem::take(&mut name),
                ));
            }
            _ => {}
        }
    }
    events
}

/// Events, one a line, say what a reading of their `serde_json` trees says, whatever the scanner has learned from those before them.
pub fn scan(data: &[u8]) {
    let mut learned = KINDS.map(Scanner::new);
    for event in data.split(|b| *b == b'\n') {
        for (scanner, kind) in learned.iter_mut().zip(KINDS) {
            let expected = reference_seen(kind, event);
            check(scanner, event, &expected);
            check(&mut Scanner::new(kind), event, &expected);
        }
    }
}

fn check(scanner: &mut Scanner, event: &[u8], expected: &Option<Result<Said, BadJson>>) {
    let mut text = Text::default();
    let seen = scanner.event(event, Some(&mut text));
    assert_eq!(
        scanner.event(event, None),
        seen,
        "with and without its text"
    );
    let said = seen.map(|seen| Said {
        seen,
        visible: endpoint::unescape(&text.visible),
        reasoning: endpoint::unescape(&text.reasoning),
    });
    if let Some(expected) = expected {
        assert_eq!(said, *expected, "{}", String::from_utf8_lossy(event));
    }
}

/// What an event says, its text unescaped.
#[derive(Debug, Default, PartialEq)]
struct Said {
    seen: Seen,
    visible: String,
    reasoning: String,
}

/// The rules of output, written a second time. `None` where `serde_json` has no opinion: it knows no lone surrogates.
fn reference_seen(kind: EndpointKind, event: &[u8]) -> Option<Result<Said, BadJson>> {
    let mut said = Said::default();
    if event.trim_ascii().is_empty() {
        return Some(Ok(said));
    }
    let json: Value = match serde_json::from_slice(event) {
        Ok(json) => json,
        Err(e) if e.to_string().contains("surrogate") || e.to_string().contains("hex escape") => {
            return None;
        }
        Err(_) => return Some(Err(BadJson)),
    };
    let one = std::slice::from_ref(&json);
    for root in json.as_array().map_or(one, Vec::as_slice) {
        if root.is_object() {
            said.object(kind, root);
        }
    }
    Some(Ok(said))
}

/// The dialects whose events are read by rules and streamed.
const KINDS: [EndpointKind; 5] = [
    EndpointKind::Chat,
    EndpointKind::Completions,
    EndpointKind::Responses,
    EndpointKind::Messages,
    EndpointKind::HuggingfaceGenerate,
];

impl Said {
    fn object(&mut self, kind: EndpointKind, json: &Value) {
        match kind {
            EndpointKind::Responses => self.response(json),
            EndpointKind::Messages => self.message(json),
            EndpointKind::HuggingfaceGenerate => self.generated(json),
            _ => {
                self.seen.error |= !json["error"].is_null() || json["object"] == "error";
                self.choices(kind, json);
            }
        }
    }

    fn response(&mut self, json: &Value) {
        let kind = json["type"].as_str().unwrap_or_default();
        let named = |names: &[&str]| names.iter().any(|name| kind == format!("response.{name}"));
        if named(&[
            "output_text.delta",
            "refusal.delta",
            "function_call_arguments.delta",
            "custom_tool_call_input.delta",
            "mcp_call_arguments.delta",
            "code_interpreter_call_code.delta",
        ]) {
            self.visible(&json["delta"]);
        } else if named(&["reasoning_text.delta", "reasoning_summary_text.delta"]) {
            self.reasoned(&json["delta"]);
        } else if named(&["output_item.added"]) {
            self.visible(&json["item"]["name"]);
        } else if named(&["completed", "incomplete", "failed"]) {
            let response = &json["response"];
            self.finish(&response["status"]);
            self.seen.error |= response.is_object() && !response["error"].is_null();
            self.in_out(&response["usage"]);
        } else {
            self.seen.error |= kind == "error" || !json["error"].is_null();
        }
    }

    fn message(&mut self, json: &Value) {
        self.seen.error |= !json["error"].is_null();
        for (name, value) in json.as_object().into_iter().flatten() {
            for (key, value) in value.as_object().into_iter().flatten() {
                match (name.as_str(), key.as_str()) {
                    ("delta" | "content_block", "text")
                    | ("delta", "partial_json")
                    | ("content_block", "name") => self.visible(value),
                    ("delta" | "content_block", "thinking") => self.reasoned(value),
                    ("delta", "stop_reason") => self.finish(value),
                    ("message", "usage") => self.in_out(value),
                    _ => {}
                }
            }
            if name == "usage" {
                self.in_out(value);
            }
        }
    }

    fn generated(&mut self, json: &Value) {
        self.seen.error |= !json["error"].is_null();
        self.visible(&json["token"]["text"]);
        self.finish(&json["generated_text"]);
        self.finish(&json["details"]["finish_reason"]);
        self.usage(&serde_json::json!({"completion_tokens": json["details"]["generated_tokens"]}));
    }

    fn choices(&mut self, kind: EndpointKind, json: &Value) {
        let mut usages = vec![];
        for (name, value) in json.as_object().into_iter().flatten() {
            match name.as_str() {
                "usage" => usages.push(value),
                "choices" => {
                    for choice in value.as_array().into_iter().flatten() {
                        self.choice(kind, choice);
                        usages.push(&choice["usage"]);
                    }
                }
                _ => {}
            }
        }
        usages.iter().for_each(|usage| self.usage(usage));
    }

    fn choice(&mut self, kind: EndpointKind, choice: &Value) {
        self.finish(&choice["finish_reason"]);
        if kind == EndpointKind::Completions {
            return self.visible(&choice["text"]);
        }
        let mut thought = false;
        for (name, value) in choice["delta"].as_object().into_iter().flatten() {
            match name.as_str() {
                "content" | "refusal" => self.visible(value),
                "reasoning" | "reasoning_content" => {
                    let text = value.as_str().unwrap_or_default();
                    if !text.is_empty() && !std::mem::replace(&mut thought, true) {
                        self.reasoned(value);
                    }
                }
                "tool_calls" => {
                    for call in value.as_array().into_iter().flatten() {
                        self.function(&call["function"]);
                    }
                }
                "function_call" => self.function(value),
                "audio" => {
                    self.visible(&value["transcript"]);
                    let data = value.get("data").unwrap_or(&Value::Null);
                    let none = ["null", "[]", "{}", "\"\""];
                    if !none.contains(&data.to_string().as_str()) {
                        (self.seen.output, self.seen.visible) = (true, true);
                    }
                }
                _ => {}
            }
        }
    }

    fn function(&mut self, function: &Value) {
        for (name, value) in function.as_object().into_iter().flatten() {
            if matches!(name.as_str(), "name" | "arguments") {
                self.visible(value);
            }
        }
    }

    fn finish(&mut self, reason: &Value) {
        self.seen.finish |= reason.as_str().is_some_and(|r| !r.is_empty());
    }

    fn reasoned(&mut self, text: &Value) {
        let text = text.as_str().unwrap_or_default();
        self.seen.output |= !text.is_empty();
        self.reasoning.push_str(text);
    }

    fn in_out(&mut self, usage: &Value) {
        let cached = |name: &str| usage.get(name).filter(|value| value.is_u64());
        let cached = cached("cache_read_input_tokens")
            .or_else(|| usage["input_tokens_details"].get("cached_tokens"));
        self.usage(&serde_json::json!({
            "prompt_tokens": usage["input_tokens"],
            "completion_tokens": usage["output_tokens"],
            "total_tokens": usage["total_tokens"],
            "completion_tokens_details": {"reasoning_tokens": usage["output_tokens_details"]["reasoning_tokens"]},
            "prompt_tokens_details": {"cached_tokens": cached},
        }));
    }

    fn visible(&mut self, text: &Value) {
        let text = text.as_str().unwrap_or_default();
        self.seen.output |= !text.is_empty();
        self.seen.visible |= !text.is_empty();
        self.visible.push_str(text);
    }

    fn usage(&mut self, usage: &Value) {
        let count = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok());
        let known = self.seen.usage.unwrap_or_default();
        let usage = Usage {
            prompt: count(&usage["prompt_tokens"]).or(known.prompt),
            completion: count(&usage["completion_tokens"]).or(known.completion),
            total: count(&usage["total_tokens"]).or(known.total),
            reasoning: count(&usage["completion_tokens_details"]["reasoning_tokens"])
                .or(known.reasoning),
            cached: count(&usage["prompt_tokens_details"]["cached_tokens"]).or(known.cached),
        };
        self.seen.usage = (usage != Usage::default()).then_some(usage);
    }
}

/// Cuts `bytes` into pieces of 1 to 8 bytes.
fn cut(bytes: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut state = u32::from(seed) | 1 << 16;
    let mut rest = bytes;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let (piece, later) = rest.split_at((1 + state as usize % 8).min(rest.len()));
        rest = later;
        (!piece.is_empty()).then_some(piece)
    })
}
