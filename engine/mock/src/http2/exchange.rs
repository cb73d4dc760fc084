//! One request and its response.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use tokio::sync::Notify;

use super::Failure;
use super::pacer::Pacer;
use crate::clock::{now_ns, unix_seconds};
use crate::http::{Head, JSON, Method, Refusal};
use crate::pages::page;
use crate::routes::{GenerationRequest, Route, route};
use crate::shared::Shared;
use crate::stream::{End, Framing, Opening, Stream};
use crate::truth::Note;

/// An exchange on one HTTP/2 stream.
pub(super) struct Exchange {
    shared: Arc<Shared>,
    pacer: Rc<Pacer>,
    /// Ends the connection.
    cut: Rc<Notify>,
    respond: SendResponse<Bytes>,
    send: Option<SendStream<Bytes>>,
}

/// A stream under way; dropping it before its end is a cancellation.
struct Flight {
    shared: Arc<Shared>,
    pacer: Rc<Pacer>,
    key: usize,
    stream: Stream,
    note: Note,
    over: bool,
}

impl Exchange {
    pub(super) fn new(shared: Arc<Shared>, pacer: Rc<Pacer>, cut: Rc<Notify>, respond: SendResponse<Bytes>) -> Self {
        Self { shared, pacer, cut, respond, send: None }
    }

    pub(super) async fn run(mut self, request: Request<RecvStream>) {
        // A client that went away is no failure of the server's.
        let _ = self.answer(request).await;
    }

    async fn answer(&mut self, request: Request<RecvStream>) -> Result<(), Failure> {
        let (head, body) = self.read(request).await?;
        let Some(body) = body else {
            let limit = self.shared.config.body_limit;
            return self.refuse(&Refusal::body_too_large(limit)).await;
        };
        let arrival_ns = now_ns();
        match route(&head) {
            Ok(Route::Generate(api)) => {
                let nth = self.shared.arrive(arrival_ns);
                let request = GenerationRequest::parse(api, &head, &body)
                    .map(|request| request.with_fault(&self.shared.config, nth));
                match request.and_then(GenerationRequest::admitted) {
                    Ok(request) => self.stream(request, &head, arrival_ns).await,
                    Err(refusal) => self.refuse(&refusal).await,
                }
            }
            Ok(route) => {
                let (content_type, body) = page(&self.shared, route);
                self.send((200, content_type), body.into(), true).await?;
                if let Route::Freeze { ms } = route {
                    settle().await;
                    self.shared.freeze(Duration::from_millis(ms));
                }
                Ok(())
            }
            Err(refusal) => self.refuse(&refusal).await,
        }
    }

    /// The head, and the body unless it is too large.
    async fn read(&self, request: Request<RecvStream>) -> Result<(Head, Option<Vec<u8>>), Failure> {
        let (parts, mut incoming) = request.into_parts();
        let target = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let head = Head {
            size: 0,
            method: match parts.method {
                http::Method::GET => Method::Get,
                http::Method::POST => Method::Post,
                _ => Method::Other,
            },
            target: target.to_owned(),
            body_size: 0,
            keep_alive: true,
            expects_continue: false,
            mock: parts.headers.get("x-mock").map(|v| v.as_bytes().into()),
            request_id: parts.headers.get("x-request-id").map(|v| v.as_bytes().into()),
        };
        let mut body = Vec::new();
        while let Some(part) = incoming.data().await {
            let part = part?;
            incoming.flow_control().release_capacity(part.len())?;
            if body.len() + part.len() > self.shared.config.body_limit {
                return Ok((head, None));
            }
            body.extend_from_slice(&part);
        }
        Ok((head, Some(body)))
    }

    async fn stream(&mut self, request: GenerationRequest, head: &Head, arrival_ns: u64) -> Result<(), Failure> {
        let number = self.shared.begin(request.prompt_tokens);
        let created = unix_seconds();
        let config = &self.shared.config;
        let stream = Stream::new(config, request, Framing::Http2, number, arrival_ns, created);
        let key = self.pacer.enter(number, stream.wants_grants(), arrival_ns);
        let note = self.shared.notes.begin(number, head.request_id.as_deref(), arrival_ns);
        let mut flight =
            Flight { shared: self.shared.clone(), pacer: self.pacer.clone(), key, stream, note, over: false };
        for turn in 1.. {
            self.wait(&mut flight).await?;
            self.shared.thaw();
            let mut bytes = Vec::with_capacity(WRITE_BYTES);
            let rendered = flight.stream.render(now_ns(), &mut bytes);
            self.shared.note_write(rendered.tokens);
            if rendered.end.is_some() {
                self.shared.finish();
                flight.over = true;
            }
            let last = rendered.end == Some(End::KeepAlive);
            if let Some(head) = flight.stream.head() {
                let begun_ns = now_ns();
                self.send(head, bytes.into(), last).await?;
                let (events, tokens) = (rendered.events, rendered.tokens);
                let notes = &self.shared.notes;
                notes.note_write(&mut flight.note, begun_ns, events, tokens);
            }
            match rendered.end {
                None if turn % WRITES_PER_TURN == 0 => tokio::task::yield_now().await,
                None => {}
                Some(End::KeepAlive) => break,
                Some(End::Close) => {
                    settle().await;
                    self.cut.notify_one();
                    break;
                }
                Some(End::Reset) => {
                    settle().await;
                    match &mut self.send {
                        Some(send) => send.send_reset(Reason::INTERNAL_ERROR),
                        None => self.respond.send_reset(Reason::INTERNAL_ERROR),
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    /// Until something is due; an error when the client has gone.
    async fn wait(&mut self, flight: &mut Flight) -> Result<(), Failure> {
        poll_fn(|cx| {
            for _ in 0..self.pacer.take_grants(flight.key) {
                flight.stream.grant();
            }
            let due_ns = flight.stream.due_ns();
            if due_ns <= now_ns() {
                return Poll::Ready(Ok(()));
            }
            let reset = match &mut self.send {
                Some(send) => send.poll_reset(cx),
                None => self.respond.poll_reset(cx),
            };
            if reset.is_ready() {
                return Poll::Ready(Err("the client has gone".into()));
            }
            self.pacer.wake_at(flight.key, due_ns, cx);
            Poll::Pending
        })
        .await
    }

    async fn refuse(&mut self, refusal: &Refusal) -> Result<(), Failure> {
        self.shared.counters.refused.fetch_add(1, Relaxed);
        let body = refusal.json().into();
        self.send((refusal.status, JSON), body, true).await
    }

    /// Sends the head, if it is not sent, and `bytes` as the client's windows allow.
    async fn send(&mut self, head: Opening, mut bytes: Bytes, last: bool) -> Result<(), Failure> {
        if self.send.is_none() {
            let response = Response::builder().status(head.0).header("content-type", head.1).body(())?;
            self.send = Some(self.respond.send_response(response, false)?);
        }
        let Some(send) = &mut self.send else {
            return Ok(());
        };
        while !bytes.is_empty() {
            send.reserve_capacity(bytes.len());
            while send.capacity() == 0 {
                match poll_fn(|cx| send.poll_capacity(cx)).await {
                    Some(more) => more?,
                    None => return Err("the client has gone".into()),
                };
            }
            let part = bytes.split_to(send.capacity().min(bytes.len()));
            send.send_data(part, last && bytes.is_empty())?;
            if bytes.is_empty() {
                return Ok(());
            }
        }
        if last {
            send.send_data(Bytes::new(), true)?;
        }
        Ok(())
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.pacer.leave(self.key, self.stream.awaits_grants());
        self.shared.notes.end(&mut self.note, self.over);
        if !self.over {
            self.shared.cancel();
        }
    }
}

/// Lets the connection write what it was given.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

const WRITES_PER_TURN: u32 = 16;
/// Room for a token's event.
const WRITE_BYTES: usize = 320;
