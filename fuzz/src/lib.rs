//! What must hold for any bytes: one check per parser. They panic when it does not.
//!
//! The fuzz targets run them on what libFuzzer makes up; the engine's tests include this file and run them on the
//! committed corpora and on what proptest makes up.

mod chunked;
mod exchange;
mod files;

pub use chunked::chunked;
pub use exchange::exchange;
pub use files::{dataset, record_log, reply};

use ringload_engine::api::{self, BadJson, Scanner, Seen, Text};
use ringload_engine::plan::{EndpointKind, Phase, Plan, Target};
use ringload_engine::record::Usage;
use ringload_engine::wire::http1::{Decoder, Head, HeadLimits, HttpError, Part};
use ringload_engine::wire::http2::{self, Connection, Event, Http2Error, Opened, hpack};
use ringload_engine::wire::sse::{BARE, Sse};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::OnceLock;

/// A response says the same however it is cut into reads. The first byte seeds the cuts and the second sets the limit
/// of the head.
pub fn http1(data: &[u8]) {
    let [seed, limit, response @ ..] = data else {
        return;
    };
    let limits = HeadLimits { bytes: 16 + 8 * usize::from(*limit), fields: 8 };
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
    let mut out = Decoded { head: None, body: Vec::new(), reusable: None, truncated: false, bad: false };
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
        assert!(input.is_empty() || out.reusable.is_some(), "bytes are left but wanted");
    }
    match decoder.eof() {
        Err(HttpError::Truncated | HttpError::ClosedBeforeResponse) => out.truncated = true,
        Err(_) => out.bad = true,
        Ok(_) => {}
    }
    out
}

/// A connection says and answers the same however the peer's bytes are cut into reads, and tells each stream's story in
/// order. The first byte seeds the cuts and the second sets the scene.
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
        api::http2_head(&plan, &plan.targets[0]).expect("a head")
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
        connection.cancel(0, 0, &mut sent);
    }
    let mut said = Conversation { happened: Vec::new(), sent: Vec::new(), failed: None };
    let mut heads = HashMap::new();
    'reads: for mut input in reads {
        loop {
            match connection.receive(&mut input, 0, &mut sent) {
                Ok(None) => break,
                Ok(Some(event)) => {
                    said.add(event);
                    in_order(&mut heads, event);
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
    fn add(&mut self, event: Event<'_>) {
        let Event::Body { tag, bytes } = event else {
            self.happened.push((event.tag(), Told::Else(format!("{event:?}"))));
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
fn in_order(heads: &mut HashMap<u32, Option<()>>, event: Event<'_>) {
    let Some(tag) = event.tag() else {
        return;
    };
    let before = heads.get(&tag).copied();
    assert_ne!(before, Some(None), "something happens after the end");
    match event {
        Event::Head { .. } => assert!(heads.insert(tag, Some(())).is_none(), "two heads"),
        Event::Body { .. } => assert!(before.is_some(), "a body before its head"),
        Event::End { .. } => {
            assert!(before.is_some(), "an end before the head");
            heads.insert(tag, None);
        }
        Event::Reset { .. } | Event::Unprocessed { .. } | Event::Broken { .. } => {
            heads.insert(tag, None);
        }
        Event::BodySent { .. } | Event::GoAway { .. } | Event::Settings => {}
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
        .decode(&ours, |name, value| again.push((name.to_vec(), value.to_vec())))
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
        assert_eq!(split_events(max, cut(stream, *seed)), whole, "cut at random");
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
    let mut comments = vec![];
    for line in lines {
        let mut parts = line.splitn(2, |b| *b == b':');
        let field = parts.next().unwrap_or_default();
        let value = parts.next().unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value).to_vec();
        let begins = |with: &[&[u8]]| with.iter().any(|w| line.starts_with(w));
        // JSON without a field name.
        if name == BARE && begins(&[b"data:", b"event:", b"id:", b"retry:", b":"]) {
            (data, name) = Default::default();
        }
        let opens = begins(&[b"{", b"["]) && name.is_empty() && data.is_empty();
        if (opens || name == BARE) && !line.is_empty() {
            let last = line.trim_ascii_end().last().copied();
            let first = line.first().copied();
            name = BARE.to_vec();
            data.push(line);
            let closing = if data[0][0] == b'{' { b'}' } else { b']' };
            let closes = if opens { last } else { first } == Some(closing);
            if closes {
                let whole = std::mem::take(&mut data).join(&b'\n');
                events.push((whole, std::mem::take(&mut name)));
            }
            continue;
        }
        match field {
            b"data" => data.push(value),
            b"error" => {
                data.push(value);
                name = b"error".to_vec();
            }
            b"event" => {
                comments.clear();
                name = value;
            }
            _ if line.is_empty() && data.is_empty() && name == b"error" => {
                events.push((std::mem::take(&mut comments), std::mem::take(&mut name)));
            }
            b"" if !line.is_empty() && name == b"error" => {
                if !comments.is_empty() {
                    comments.push(b'\n');
                }
                comments.extend(value);
            }
            _ if line.is_empty() && data.is_empty() => name.clear(),
            _ if line.is_empty() => {
                events.push((std::mem::take(&mut data).join(&b'\n'), std::mem::take(&mut name)));
            }
            _ => {}
        }
    }
    events
}

/// Events, one a line, say what a reading of their `serde_json` trees says, whatever the scanner has learned from those
/// before them.
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
    assert_eq!(scanner.event(event, None), seen, "with and without its text");
    let said = seen.map(|seen| Said {
        seen,
        visible: api::unescape(&text.visible),
        reasoning: api::unescape(&text.reasoning),
        ..Said::default()
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
    /// While reading: there are choices, and so many texts of reasoning.
    items: bool,
    thoughts: usize,
}

/// The rules of output, written a second time. `None` where `serde_json` has no opinion: it knows no lone surrogates.
fn reference_seen(kind: EndpointKind, event: &[u8]) -> Option<Result<Said, BadJson>> {
    let mut said = Said::default();
    if event.trim_ascii().is_empty() {
        return Some(Ok(said));
    }
    let json: Value = match serde_json::from_str(&String::from_utf8_lossy(event)) {
        Ok(json) => json,
        Err(e) if e.to_string().contains("surrogate") || e.to_string().contains("hex escape") => {
            return None;
        }
        Err(_) => return Some(Err(BadJson)),
    };
    let one = std::slice::from_ref(&json);
    let mut signs = 0;
    for root in json.as_array().map_or(one, Vec::as_slice) {
        if root.is_object() {
            said.items |= json.is_array();
            said.object(kind, root, &mut signs);
        }
    }
    let seen = &mut said.seen;
    seen.error |= signs >= 2 && !(said.items || seen.output || seen.finish || seen.usage.is_some());
    (said.items, said.thoughts) = Default::default();
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

/// Reasons to stop that are failures.
const FAILED: [&str; 8] =
    ["error", "abort", "aborted", "cancelled", "canceled", "timeout", "failed", "insufficient_system_resource"];

fn is_given(value: &Value) -> bool {
    let none = ["null", "[]", "{}", "\"\""];
    !none.contains(&value.to_string().as_str())
}

fn says_something(value: &Value) -> bool {
    is_given(value) && value != false && value.as_f64() != Some(0.0)
}

fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(name, value)| (name.as_str(), value))
}

impl Said {
    fn object(&mut self, kind: EndpointKind, json: &Value, signs: &mut u8) {
        let known = match kind {
            EndpointKind::Responses => self.response(json),
            EndpointKind::Messages => self.message(json),
            EndpointKind::HuggingfaceGenerate => self.generated(json),
            _ => self.choices(kind, json),
        };
        if known {
            return;
        }
        for (name, value) in fields(json).filter(|(_, value)| says_something(value)) {
            match name {
                "error" => self.seen.error = true,
                "object" => self.seen.error |= value == "error",
                "type" => self.seen.error |= value == "error" && kind != EndpointKind::Responses,
                _ if value == 200 => {}
                "error_message" | "error_type" | "errors" | "detail" => {
                    *signs = signs.saturating_add(2);
                }
                "message" if kind == EndpointKind::Messages => {}
                "message" | "code" => *signs = signs.saturating_add(1),
                _ => {}
            }
        }
    }

    /// Whether the event is of a known kind, so that nothing else in it counts.
    fn response(&mut self, json: &Value) -> bool {
        let kind = json["type"].as_str().unwrap_or_default();
        let named = |names: &[&str]| names.iter().any(|name| kind == format!("response.{name}"));
        if named(&[
            "output_text.delta",
            "refusal.delta",
            "function_call_arguments.delta",
            "custom_tool_call_input.delta",
            "mcp_call_arguments.delta",
            "code_interpreter_call_code.delta",
            "audio.transcript.delta",
            "output_audio_transcript.delta",
        ]) {
            self.visible(&json["delta"]);
        } else if named(&["audio.delta", "output_audio.delta"]) {
            self.given(&json["delta"]);
        } else if named(&["reasoning_text.delta", "reasoning.delta", "reasoning_summary_text.delta"]) {
            self.reasoned(&json["delta"]);
        } else if named(&["output_item.added"]) {
            self.visible(&json["item"]["name"]);
        } else if named(&["completed", "incomplete"]) {
            (self.seen.last, self.seen.finish) = (true, true);
            let response = &json["response"];
            self.stopped(&response["status"]);
            let reason = response["incomplete_details"]["reason"].as_str();
            self.seen.error |= reason.is_some_and(|reason| FAILED.contains(&reason));
            self.seen.error |= response.is_object() && says_something(&response["error"]);
            self.in_out(&response["usage"]);
        } else if named(&["failed", "cancelled", "error"]) || kind == "error" {
            self.seen.error = true;
        } else {
            return false;
        }
        true
    }

    fn message(&mut self, json: &Value) -> bool {
        if json["type"] == "message_stop" {
            (self.seen.last, self.seen.finish) = (true, true);
        }
        for (name, value) in fields(json) {
            for (key, value) in fields(value) {
                match (name, key) {
                    ("delta" | "content_block", "text") | ("delta", "partial_json") | ("content_block", "name") => {
                        self.visible(value)
                    }
                    ("delta" | "content_block", "thinking") => self.reasoned(value),
                    ("delta", "stop_reason") => self.stopped(value),
                    ("message", "usage") => self.in_out(value),
                    _ => {}
                }
            }
            if name == "usage" {
                self.in_out(value);
            }
        }
        false
    }

    fn generated(&mut self, json: &Value) -> bool {
        self.visible(&json["token"]["text"]);
        if !json["generated_text"].is_null() {
            (self.seen.last, self.seen.finish) = (true, true);
        }
        let details = &json["details"];
        self.stopped(&details["finish_reason"]);
        self.count(&details["generated_tokens"], |u| &mut u.completion);
        self.count(&details["input_length"], |u| &mut u.prompt);
        false
    }

    fn choices(&mut self, kind: EndpointKind, json: &Value) -> bool {
        for (name, value) in fields(json) {
            match name {
                "usage" => self.usage(value),
                "choices" => {
                    let choices = value.as_array().into_iter().flatten();
                    for choice in choices.filter(|choice| choice.is_object()) {
                        self.items = true;
                        self.choice(kind, choice);
                        self.usage(&choice["usage"]);
                    }
                }
                _ => {}
            }
        }
        false
    }

    fn choice(&mut self, kind: EndpointKind, choice: &Value) {
        self.stopped(&choice["finish_reason"]);
        let native = choice["native_finish_reason"].as_str();
        self.seen.error |= native.is_some_and(|reason| FAILED.contains(&reason));
        self.seen.error |= says_something(&choice["error"]);
        let mut thought = false;
        if kind == EndpointKind::Completions {
            for (name, value) in fields(choice) {
                match name {
                    "text" => self.visible(value),
                    "reasoning" | "reasoning_content" => self.thought(value, &mut thought, false),
                    _ => {}
                }
            }
            return;
        }
        for (name, value) in fields(&choice["delta"]) {
            match name {
                "content" if value.is_array() => self.parts(value, &mut thought),
                "content" | "refusal" => self.visible(value),
                "reasoning" | "reasoning_content" => self.thought(value, &mut thought, false),
                "reasoning_details" if value.is_string() => {
                    self.thought(value, &mut thought, false);
                }
                "reasoning_details" => self.thoughts(value, &["text", "summary"], &mut thought, false),
                "tool_calls" => {
                    for call in value.as_array().into_iter().flatten() {
                        self.function(&call["function"]);
                    }
                }
                "function_call" => self.function(value),
                "audio" => {
                    self.visible(&value["transcript"]);
                    self.given(&value["data"]);
                }
                "images" => self.given(value),
                _ => {}
            }
        }
    }

    /// A content in parts.
    fn parts(&mut self, parts: &Value, thought: &mut bool) {
        let (muted, before) = (*thought, self.thoughts);
        for part in parts.as_array().into_iter().flatten() {
            self.visible(part);
            let thinks = part["type"] == "thinking" || part["type"] == "reasoning";
            let mut of_part = false;
            for (name, value) in fields(part) {
                match name {
                    "thinking" | "reasoning" if thinks && value.is_string() => {
                        self.thought(value, &mut of_part, muted);
                    }
                    "thinking" | "reasoning" if thinks => {
                        self.thoughts(value, &["text"], &mut of_part, muted);
                    }
                    "text" if thinks => self.thought(value, &mut of_part, muted),
                    "text" | "refusal" if !thinks => self.visible(value),
                    "image_url" if !thinks => self.given(value),
                    _ => {}
                }
            }
        }
        *thought |= self.thoughts > before;
    }

    /// Reasoning in parts.
    fn thoughts(&mut self, parts: &Value, keys: &[&str], thought: &mut bool, muted: bool) {
        let (muted, before) = (muted || *thought, self.thoughts);
        for part in parts.as_array().into_iter().flatten() {
            self.thought(part, &mut false, muted);
            let mut of_part = false;
            for (name, value) in fields(part) {
                if keys.contains(&name) {
                    self.thought(value, &mut of_part, muted);
                }
            }
        }
        *thought |= self.thoughts > before;
    }

    /// Reasoning, which counts once.
    fn thought(&mut self, value: &Value, thought: &mut bool, muted: bool) {
        let is_text = value.as_str().is_some_and(|text| !text.is_empty());
        if is_text && !std::mem::replace(thought, true) && !muted {
            self.reasoned(value);
        }
    }

    fn function(&mut self, function: &Value) {
        for (name, value) in fields(function) {
            if matches!(name, "name" | "arguments") {
                self.visible(value);
            }
        }
    }

    fn finish(&mut self, reason: &Value) {
        self.seen.finish |= reason.as_str().is_some_and(|r| !r.is_empty());
    }

    fn stopped(&mut self, reason: &Value) {
        let reason = match reason {
            Value::Object(_) => &reason["type"],
            reason => reason,
        };
        self.finish(reason);
        let word = reason.as_str().unwrap_or_default().to_ascii_lowercase();
        self.seen.error |= FAILED.contains(&word.as_str());
    }

    fn reasoned(&mut self, text: &Value) {
        let text = text.as_str().unwrap_or_default();
        self.seen.output |= !text.is_empty();
        self.thoughts += usize::from(!text.is_empty());
        self.reasoning.push_str(text);
    }

    fn given(&mut self, value: &Value) {
        self.seen.output |= is_given(value);
        self.seen.visible |= is_given(value);
    }

    fn visible(&mut self, text: &Value) {
        let text = text.as_str().unwrap_or_default();
        self.seen.output |= !text.is_empty();
        self.seen.visible |= !text.is_empty();
        self.visible.push_str(text);
    }

    fn in_out(&mut self, usage: &Value) {
        for (name, value) in fields(usage) {
            match name {
                "input_tokens" => self.count(value, |u| &mut u.prompt),
                "output_tokens" => self.count(value, |u| &mut u.completion),
                "total_tokens" => self.count(value, |u| &mut u.total),
                "cache_read_input_tokens" => self.count(value, |u| &mut u.cached),
                "cache_creation_input_tokens" => self.count(value, |u| &mut u.cache_written),
                "input_tokens_details" => self.prompt_details(value),
                "output_tokens_details" => self.completion_details(value),
                _ => {}
            }
        }
    }

    fn usage(&mut self, usage: &Value) {
        for (name, value) in fields(usage) {
            match name {
                "prompt_tokens" => self.count(value, |u| &mut u.prompt),
                "completion_tokens" => self.count(value, |u| &mut u.completion),
                "total_tokens" => self.count(value, |u| &mut u.total),
                "prompt_cache_hit_tokens" | "cached_tokens" => {
                    self.count(value, |u| &mut u.cached);
                }
                "prompt_tokens_details" => self.prompt_details(value),
                "completion_tokens_details" => self.completion_details(value),
                _ => {}
            }
        }
    }

    fn prompt_details(&mut self, details: &Value) {
        for (name, value) in fields(details) {
            match name {
                "cached_tokens" => self.count(value, |u| &mut u.cached),
                "cache_write_tokens" | "cache_creation_tokens" => {
                    self.count(value, |u| &mut u.cache_written);
                }
                _ => {}
            }
        }
    }

    fn completion_details(&mut self, details: &Value) {
        self.count(&details["reasoning_tokens"], |u| &mut u.reasoning);
    }

    fn count(&mut self, value: &Value, field: fn(&mut Usage) -> &mut Option<u32>) {
        let whole = |n: f64| {
            let fits = n.fract() == 0.0 && (0.0..4_294_967_296.0).contains(&n);
            fits.then_some(n as u32)
        };
        let tokens = match value.as_u64() {
            Some(n) => u32::try_from(n).ok(),
            None => value.as_f64().and_then(whole),
        };
        match tokens {
            Some(tokens) => {
                *field(self.seen.usage.get_or_insert_default()) = Some(tokens);
            }
            None => self.seen.refused |= !value.is_null(),
        }
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
