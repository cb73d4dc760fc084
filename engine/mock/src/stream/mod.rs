//! One response under way: what is due, and the bytes for it. No sockets, no clock.

mod digits;
mod pacing;
mod template;
mod whole;
mod words;

use crate::clock::nanos;
use crate::config::{Config, Jitter, Timing};
use crate::http::{JSON, Refusal, STREAM, STREAM_HEAD, reply};
use crate::random;
use crate::routes::{Fault, FaultKind, GenerationRequest};

use digits::Digits;
use pacing::Pacing;
use template::{Template, Usage};
use words::Words;

/// A generation request that is being answered.
///
/// Contract: when [`due_ns`](Stream::due_ns) is reached, call [`render`](Stream::render) and write all that it gives;
/// after its response has an `end`, drop the stream.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The request's number; with the seed it decides id and words.
    pub(crate) number: u64,
    id: u128,
    request: GenerationRequest,
    created: u64,
    model: String,
    template: Template,
    words: Words,
    pacing: Pacing,
    fault: Option<Fault>,
    framing: Framing,
    tokens_per_event: u32,
    tokens_per_write: u32,
    early_role: bool,
    /// The head is not sent before.
    head_ns: u64,
    /// The head is sent by itself, not with the first token.
    head_alone: bool,
    head: Option<Opening>,
    role_sent: bool,
    stalled: bool,
    total: u32,
    /// Tokens sent; the next write takes it to `boundary` when `boundary_ns` is reached.
    sent: u32,
    boundary: u32,
    boundary_ns: u64,
}

/// The framing of a response on its connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Framing {
    /// The head first, and the events as chunks.
    Http1 { keep_alive: bool },
    /// Only the body; its head is [`Stream::head`].
    Http2,
}

/// Status and content type of a response.
pub(crate) type Opening = (u16, &'static str);

/// The output of one call of [`Stream::render`].
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Rendered {
    /// Output events.
    pub(crate) events: u32,
    pub(crate) tokens: u32,
    pub(crate) end: Option<End>,
}

/// The fate of the connection after the response.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    KeepAlive,
    Close,
    Reset,
}

impl Stream {
    /// Starts to answer `ask`, which arrived at `arrival_ns`.
    pub(crate) fn new(
        config: &Config,
        request: GenerationRequest,
        framing: Framing,
        number: u64,
        arrival_ns: u64,
        created: u64,
    ) -> Self {
        let id = random::id(config.seed, number);
        let name = request.model.as_deref().unwrap_or(&config.model);
        let model = serde_json::to_string(name).expect("a string is valid JSON");
        let tokens_per_event = request.mock.tokens_per_event.map_or(config.tokens_per_event, Into::into);
        let events_per_write = request.mock.events_per_write.map_or(config.events_per_write, Into::into);
        let total = request.output_tokens.unwrap_or(config.output_tokens);
        let mut stream = Self {
            number,
            id,
            created,
            template: Template::new(request.api, framing, id, created, &model),
            model,
            words: Words::new(id as u64),
            pacing: pacing(config, &request, number, arrival_ns),
            fault: request.mock.fault().filter(|fault| fault.after_tokens <= total),
            framing,
            tokens_per_event,
            tokens_per_write: tokens_per_event.saturating_mul(events_per_write),
            early_role: config.early_role,
            head_ns: match nanos(config.delays.head) {
                0 => 0,
                delay_ns => arrival_ns.saturating_add(delay_ns),
            },
            head_alone: config.early_role || !config.delays.head.is_zero(),
            head: None,
            role_sent: false,
            stalled: false,
            total,
            sent: 0,
            boundary: 0,
            boundary_ns: 0,
            request,
        };
        stream.aim();
        stream
    }

    /// When there is something to render; `u64::MAX` when only a grant (or nothing at all) can change that.
    pub(crate) fn due_ns(&self) -> u64 {
        if self.stalled {
            u64::MAX
        } else if self.head.is_some() {
            self.boundary_ns
        } else if self.head_alone && self.request.stream {
            self.head_ns
        } else {
            self.boundary_ns.max(self.head_ns)
        }
    }

    /// Head of the response, once it is rendered.
    pub(crate) fn head(&self) -> Option<Opening> {
        self.head
    }

    /// Prompt and output tokens, when the engine's model decides when they come.
    pub(crate) fn wants_grants(&self) -> Option<(u32, u32)> {
        matches!(self.pacing, Pacing::Granted { .. }).then_some((self.request.prompt_tokens, self.total))
    }

    /// Whether the engine still has tokens to make for it.
    pub(crate) fn awaits_grants(&self) -> bool {
        matches!(self.pacing, Pacing::Granted { tokens } if tokens < self.total)
    }

    /// The engine has made one more token.
    pub(crate) fn grant(&mut self) {
        if let Pacing::Granted { tokens } = &mut self.pacing {
            *tokens += 1;
            let granted = *tokens >= self.boundary.max(1);
            self.boundary_ns = if granted { 0 } else { u64::MAX };
        }
    }

    /// Appends all that is due at `now_ns` (unpaced: one write's worth) and says so.
    pub(crate) fn render(&mut self, now_ns: u64, out: &mut Vec<u8>) -> Rendered {
        let sent = Digits::new(now_ns);
        let before = self.sent;
        let due = self.boundary_ns <= now_ns;
        if !self.request.stream {
            let end = if due { self.render_whole(out, &sent) } else { None };
            let tokens = self.sent - before;
            return Rendered { events: tokens.min(1), tokens, end };
        }
        if self.head.is_none() {
            if self.framing != Framing::Http2 {
                out.extend_from_slice(STREAM_HEAD);
            }
            self.head = Some((200, STREAM));
        }
        if !self.role_sent && (due || self.early_role) {
            self.template.opening(out, self.usage(), &sent);
            self.role_sent = true;
        }
        let mut events = 0;
        while self.boundary_ns <= now_ns && self.sent < self.limit() {
            events += self.render_group(out, &sent);
            if matches!(self.pacing, Pacing::Unpaced) || out.len() > BURST_BYTES {
                break;
            }
        }
        let end = if due && self.sent == self.limit() { self.render_end(out, &sent) } else { None };
        Rendered { events, tokens: self.sent - before, end }
    }

    /// The tokens of one write; how many events they are.
    fn render_group(&mut self, out: &mut Vec<u8>, sent: &Digits) -> u32 {
        let mut events = 0;
        while self.sent < self.boundary {
            let count = self.tokens_per_event.min(self.boundary - self.sent);
            self.template.tokens(out, &mut self.words, count, sent);
            self.sent += count;
            events += 1;
        }
        self.aim();
        events
    }

    fn render_end(&mut self, out: &mut Vec<u8>, sent: &Digits) -> Option<End> {
        match self.fault.map(|fault| fault.kind) {
            None => {
                let words = Words::new(self.id as u64);
                self.template.finish(out, words, self.usage(), sent);
                if self.request.include_usage {
                    self.template.usage(out, self.usage(), sent);
                }
                self.template.done(out);
            }
            Some(FaultKind::Fail) => {
                let json = Refusal::scripted_failure().json();
                self.template.error_event(out, &json);
                self.template.done(out);
            }
            Some(FaultKind::Close) => return Some(End::Close),
            Some(FaultKind::Reset) => return Some(End::Reset),
            Some(FaultKind::Stall) => {
                self.stalled = true;
                return None;
            }
        }
        Some(self.end())
    }

    fn render_whole(&mut self, out: &mut Vec<u8>, sent: &Digits) -> Option<End> {
        match self.fault.map(|fault| fault.kind) {
            None => {
                self.sent = self.total;
                let (request, usage) = (&self.request, self.usage());
                let body = whole::body(request, self.id, self.created, &self.model, &mut self.words, usage, sent);
                self.reply(out, 200, &body);
            }
            Some(FaultKind::Fail) => {
                let refusal = Refusal::scripted_failure();
                self.reply(out, refusal.status, refusal.json().as_bytes());
            }
            Some(FaultKind::Close) => return Some(End::Close),
            Some(FaultKind::Reset) => return Some(End::Reset),
            Some(FaultKind::Stall) => {
                self.stalled = true;
                return None;
            }
        }
        Some(self.end())
    }

    fn reply(&mut self, out: &mut Vec<u8>, status: u16, body: &[u8]) {
        self.head = Some((status, JSON));
        match self.framing {
            Framing::Http1 { keep_alive } => reply(out, status, JSON, body, keep_alive),
            Framing::Http2 => out.extend_from_slice(body),
        }
    }

    fn end(&self) -> End {
        match self.framing {
            Framing::Http1 { keep_alive: false } => End::Close,
            Framing::Http1 { keep_alive: true } | Framing::Http2 => End::KeepAlive,
        }
    }

    fn usage(&self) -> Usage {
        Usage { prompt_tokens: self.request.prompt_tokens, completion_tokens: self.sent }
    }

    /// Sets the end of the next write and when it is due. The first token is alone; a whole response waits for its last
    /// token.
    fn aim(&mut self) {
        let next = match self.sent {
            _ if !self.request.stream => self.total,
            0 => 1,
            sent => sent.saturating_add(self.tokens_per_write),
        };
        self.boundary = next.min(self.limit());
        self.boundary_ns = self.pacing.due_ns(self.boundary.saturating_sub(1));
    }

    /// Tokens to send before the end or the fault.
    fn limit(&self) -> u32 {
        self.fault.map_or(self.total, |fault| fault.after_tokens)
    }
}

fn pacing(config: &Config, request: &GenerationRequest, number: u64, arrival_ns: u64) -> Pacing {
    let (ttft_ms, itl_ms) = (request.mock.ttft_ms, request.mock.itl_ms);
    let (ttft, itl, jitter) = match config.timing {
        Timing::Fixed { ttft, itl, jitter } => (nanos(ttft), nanos(itl), jitter),
        _ if ttft_ms.is_some() || itl_ms.is_some() => (0, 0, Jitter::None),
        Timing::Batching(_) => return Pacing::Granted { tokens: 0 },
        Timing::Unpaced => return Pacing::Unpaced,
    };
    let ttft_ns = ttft_ms.map_or(ttft, |ms| (ms * 1e6) as u64);
    let itl_ns = itl_ms.map_or(itl, |ms| (ms * 1e6) as u64);
    Pacing::fixed(arrival_ns, ttft_ns, itl_ns, jitter, || random::of_request(config.seed, number))
}

/// A write that catches up is split once it is larger than this.
const BURST_BYTES: usize = 128 << 10;

#[cfg(test)]
mod tests;
