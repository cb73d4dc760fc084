//! From bytes to requests, and from requests to answers.

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Worker;
use super::conn::After;
use super::serve::sequence_id;
use crate::batching::Sequence;
use crate::clock::{now_ns, unix_seconds};
use crate::http::{CONTINUE, Head, JSON, Refusal, parse_head, reply};
use crate::pages::page;
use crate::routes::{GenerationRequest, Route, route};
use crate::stream::{Framing, Stream};

impl Worker {
    /// Takes the next request up: afterwards it is answered or its stream has begun. False when it is not complete yet.
    pub(super) fn take_request(&mut self, key: usize) -> io::Result<bool> {
        if self.conns[key].undecided && !self.decide(key)? {
            return Ok(false);
        }
        loop {
            if self.take_buffered(key)? {
                return Ok(true);
            }
            if !self.conns[key].read(&mut self.space)? {
                return Ok(false);
            }
        }
    }

    fn take_buffered(&mut self, key: usize) -> io::Result<bool> {
        let conn = &mut self.conns[key];
        if conn.head.is_none() && !conn.input.is_empty() {
            match parse_head(&conn.input, self.shared.config.body_limit) {
                Ok(Some(head)) if head.expects_continue && conn.input.len() < head.size + head.body_size => {
                    conn.head = Some(head);
                    conn.send(CONTINUE)?;
                }
                Ok(head) => conn.head = head,
                Err(refusal) => return self.refuse(key, &refusal, false).map(|()| true),
            }
        }
        match conn.head.take_if(|head| head.size + head.body_size <= conn.input.len()) {
            Some(head) => self.answer(key, &head).map(|()| true),
            None => Ok(false),
        }
    }

    /// Answers the request at the start of the connection's input.
    fn answer(&mut self, key: usize, head: &Head) -> io::Result<()> {
        let arrival_ns = now_ns();
        let conn = &mut self.conns[key];
        let end = head.size + head.body_size;
        let route = match route(head) {
            Ok(Route::Generate(api)) => {
                let nth = self.shared.arrive(arrival_ns);
                let request = GenerationRequest::parse(api, head, &conn.input[head.size..end])
                    .map(|request| request.with_fault(&self.shared.config, nth));
                conn.consume(end);
                return match request.and_then(GenerationRequest::admitted) {
                    Ok(request) => {
                        self.begin(key, request, head, arrival_ns);
                        Ok(())
                    }
                    Err(refusal) => self.refuse(key, &refusal, head.keep_alive),
                };
            }
            other => other,
        };
        conn.consume(end);
        match route {
            Ok(route) => self.answer_plain(key, route, head.keep_alive),
            Err(refusal) => self.refuse(key, &refusal, head.keep_alive),
        }
    }

    /// Starts the response to a generation request; `serve` sends it.
    fn begin(&mut self, key: usize, request: GenerationRequest, head: &Head, arrival_ns: u64) {
        let shared = &self.shared;
        let number = shared.begin(request.prompt_tokens);
        let stream = Stream::new(
            &shared.config,
            request,
            Framing::Http1 { keep_alive: head.keep_alive },
            number,
            arrival_ns,
            unix_seconds(),
        );
        if let (Some(engine), Some((prompt_tokens, output_tokens))) = (&mut self.engine, stream.wants_grants()) {
            engine.handle_step(arrival_ns, &mut self.grants);
            let id = sequence_id(key, number);
            engine.handle_arrival(Sequence { id, prompt_tokens, output_tokens, arrived_ns: arrival_ns });
        }
        let request_id = head.request_id.as_deref();
        self.conns[key].note = shared.notes.begin(number, request_id, arrival_ns);
        self.conns[key].stream = Some(stream);
    }

    fn answer_plain(&mut self, key: usize, route: Route, keep_alive: bool) -> io::Result<()> {
        let (content_type, body) = page(&self.shared, route);
        self.reply(key, 200, content_type, body.as_bytes(), keep_alive)?;
        if let Route::Freeze { ms } = route {
            self.shared.freeze(Duration::from_millis(ms));
        }
        Ok(())
    }

    fn refuse(&mut self, key: usize, refusal: &Refusal, keep_alive: bool) -> io::Result<()> {
        self.shared.counters.refused.fetch_add(1, Relaxed);
        let keep_alive = keep_alive && !refusal.fatal;
        self.reply(key, refusal.status, JSON, refusal.json().as_bytes(), keep_alive)?;
        if refusal.fatal {
            let conn = &mut self.conns[key];
            conn.after = After::Drain;
            conn.input = Vec::new();
        }
        Ok(())
    }

    fn reply(&mut self, key: usize, status: u16, content_type: &str, body: &[u8], keep_alive: bool) -> io::Result<()> {
        self.scratch.clear();
        reply(&mut self.scratch, status, content_type, body, keep_alive);
        let conn = &mut self.conns[key];
        if !keep_alive {
            conn.after = After::Close;
        }
        conn.send(&self.scratch)
    }
}
