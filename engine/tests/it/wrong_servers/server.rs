//! A server over HTTP/1.1 that answers as it is told, and what it sees of each request.

use crate::simulated::{self, event, token};
use ringload_engine::clock::Nanos;
use ringload_engine::driver::Key;
use ringload_engine::driver::sim::{Peer, Script};
use std::collections::HashMap;

/// A request as its server sees it.
pub(super) struct Request<'a> {
    /// How many came before it.
    pub(super) number: u64,
    /// How many of them had the same body.
    pub(super) before: u64,
    /// How many of them came on its connection.
    pub(super) on_connection: u64,
    /// When it came.
    pub(super) at: Nanos,
    body: &'a str,
}

impl Request<'_> {
    /// The output tokens that it asks for; 0 where it does not say.
    pub(super) fn asked(&self) -> u64 {
        self.behind(r#""max_completion_tokens":"#).map_or(0, |rest| {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest[..digits].parse().unwrap_or(0)
        })
    }

    /// The characters of its prompt.
    pub(super) fn characters(&self) -> u64 {
        let text = self.behind(r#""content":""#).and_then(|rest| rest.split_once('"'));
        text.map_or(0, |(text, _)| text.chars().count() as u64)
    }

    fn behind(&self, field: &str) -> Option<&str> {
        self.body.split_once(field).map(|(_, rest)| rest)
    }
}

/// What is sent of a response, and when.
pub(super) struct Reply<'a> {
    script: &'a mut Script,
    key: Key,
}

impl Reply<'_> {
    pub(super) fn send(&mut self, at: Nanos, bytes: impl Into<Vec<u8>>) {
        self.script.send(at, self.key, bytes);
    }

    pub(super) fn head(&mut self, at: Nanos) {
        self.send(at, simulated::head());
    }

    /// The head of a response behind which the connection is closed.
    pub(super) fn last_head(&mut self, at: Nanos) {
        let head =
            String::from_utf8_lossy(&simulated::head()).replace("content-type", "connection: close\r\ncontent-type");
        self.send(at, head);
    }

    pub(super) fn close(&mut self, at: Nanos) {
        self.script.close(at, self.key);
    }

    /// A head, and tokens of which the first comes at `at` and the others so far apart; when the last came.
    pub(super) fn tokens(&mut self, at: Nanos, count: u64, gap: Nanos) -> Nanos {
        self.head(at);
        for k in 0..count {
            self.send(at + k * gap, token(" w"));
        }
        at + count.saturating_sub(1) * gap
    }

    /// The end, with these counts.
    pub(super) fn end(&mut self, at: Nanos, usage: &Usage) {
        self.send(at, usage.end());
    }
}

/// What a response says of its tokens, and why it stopped.
#[derive(Clone, Copy)]
pub(super) struct Usage {
    pub(super) prompt: u64,
    pub(super) completion: u64,
    pub(super) cached: Option<u64>,
    pub(super) reasoning: Option<u64>,
    pub(super) reason: &'static str,
}

impl Usage {
    pub(super) fn of(prompt: u64, completion: u64) -> Self {
        Self { prompt, completion, cached: None, reasoning: None, reason: "length" }
    }

    /// The object of that name.
    pub(super) fn json(&self) -> String {
        let details = |name: &str, field: &str, n: Option<u64>| {
            n.map_or_else(String::new, |n| format!(r#","{name}_tokens_details":{{"{field}":{n}}}"#))
        };
        let cached = details("prompt", "cached_tokens", self.cached);
        let reasoning = details("completion", "reasoning_tokens", self.reasoning);
        format!(r#"{{"prompt_tokens":{},"completion_tokens":{}{cached}{reasoning}}}"#, self.prompt, self.completion)
    }

    /// Finish reason, usage and terminator.
    pub(super) fn end(&self) -> Vec<u8> {
        let finish = format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{}"}}]}}"#, self.reason);
        let usage = format!(r#"{{"choices":[],"usage":{}}}"#, self.json());
        [event(&finish), event(&usage), simulated::end()].concat()
    }
}

/// What it does about a request.
pub(super) type Answer = fn(&Request<'_>, &mut Reply<'_>);

/// A server that answers as it is told, and whose connects take so long.
#[derive(Clone, Copy)]
pub(super) struct Told {
    pub(super) connect: fn(u64) -> Nanos,
    pub(super) answer: Answer,
}

/// It at work.
pub(super) struct Server {
    told: Told,
    connects: u64,
    requests: u64,
    bodies: HashMap<String, u64>,
    connections: HashMap<(u32, u32), u64>,
}

impl Server {
    pub(super) fn of(told: Told) -> Self {
        Self { told, connects: 0, requests: 0, bodies: HashMap::new(), connections: HashMap::new() }
    }
}

impl Peer for Server {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now + (self.told.connect)(self.connects), key);
        self.connects += 1;
    }

    fn on_bytes(&mut self, key: Key, bytes: &[u8], now: Nanos, script: &mut Script) {
        let text = String::from_utf8_lossy(bytes);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let before = self.bodies.entry(body.to_owned()).or_default();
        let on_connection = self.connections.entry((key.slot, key.generation)).or_default();
        let request = Request { number: self.requests, before: *before, on_connection: *on_connection, at: now, body };
        self.requests += 1;
        *before += 1;
        *on_connection += 1;
        (self.told.answer)(&request, &mut Reply { script, key });
    }
}
