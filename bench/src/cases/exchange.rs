//! One request's life: reads → gaps, and all of it → a record.

use crate::case::{Case, Round};
use crate::samples::{EVENTS, HEAD, LAPS, ROUND, chunk, event, farewell, head_limits, reads, round_bytes, token};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::exchange::{Exchange, KeepText, Progress, Request};
use ringload_engine::plan::{EndpointKind, Limits};
use ringload_engine::record::{Outcome, PhaseKind};
use ringload_engine::wire::http1::{Decoder, Head, Part};
use std::hint::black_box;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for each in [1, 8] {
        let name = format!("http1, {each} a read");
        cases.push(stream(name, Carried::Http1, KeepText::WithoutUsage, reads(each, token)));
    }
    let reads_1 = || reads(1, token);
    let no_text = "http1, 1 a read, text dropped".into();
    cases.push(stream(no_text, Carried::Http1, KeepText::Never, reads_1()));
    let frames = reads(1, |i| event(i, "\n"));
    let http2 = "http2, 1 a frame".into();
    cases.push(stream(http2, Carried::Http2, KeepText::WithoutUsage, frames));
    cases.push(requests());
    cases
}

/// What the bytes come in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Carried {
    Http1,
    Http2,
}

/// The tokens of one response, between its head and its end.
struct Stream {
    exchange: Exchange,
    carried: Carried,
    reads: Vec<Vec<u8>>,
    now: Nanos,
    number: u64,
}

impl Round for Stream {
    fn ready(&mut self) {
        if self.exchange.active() {
            let record = self.exchange.take_record();
            assert_eq!(record.events as usize, ROUND);
        }
        self.exchange.begin(&request(ROUND as u32));
        self.exchange.handle_sending(self.now, 1_000, true);
        self.exchange.handle_sent(self.now);
        match self.carried {
            Carried::Http1 => {
                self.exchange.handle_received(HEAD, &self.now.into());
            }
            Carried::Http2 => self.exchange.handle_head(&head(), &self.now.into(), 0),
        }
    }

    fn run(&mut self) {
        for read in std::iter::repeat_n(&self.reads, LAPS).flatten() {
            self.now += 20 * MILLI;
            self.number += 1;
            let read = black_box(&read[..]);
            black_box(match self.carried {
                Carried::Http1 => self.exchange.handle_received(read, &self.now.into()),
                Carried::Http2 => self.exchange.handle_body(read, &self.now.into(), true, self.number),
            });
        }
    }
}

fn stream(name: String, carried: Carried, keep: KeepText, reads: Vec<Vec<u8>>) -> Case {
    Case::new(name, ROUND, round_bytes(&reads), move || Stream {
        exchange: exchange(keep),
        carried,
        reads: reads.clone(),
        now: SECOND,
        number: 0,
    })
}

/// Whole requests, of one token each.
fn requests() -> Case {
    let answer = [HEAD, &token(0), &chunk(&farewell()), b"0\r\n\r\n"].concat();
    Case::new("http1, requests of one token", EVENTS, EVENTS * answer.len(), move || {
        let answer = answer.clone();
        let mut exchange = exchange(KeepText::WithoutUsage);
        move || {
            for _ in 0..EVENTS {
                exchange.begin(black_box(&request(1)));
                exchange.handle_sending(SECOND, 1_000, true);
                exchange.handle_sent(SECOND);
                let progress = exchange.handle_received(black_box(&answer), &(2 * SECOND).into());
                assert_eq!(progress, Progress::Done { reusable: true });
                let record = black_box(exchange.take_record());
                assert_eq!(record.outcome, Outcome::Succeeded);
            }
        }
    })
}

fn exchange(keep: KeepText) -> Exchange {
    Exchange::new(EndpointKind::Chat, true, keep, Limits::default())
}

fn request(osl: u32) -> Request {
    Request {
        k: 0,
        turn: 0,
        index: 0,
        threads: false,
        phase: PhaseKind::Profiling,
        worker: 0,
        target: 0,
        entry: 0,
        isl: 550,
        requested_osl: Some(osl),
        results: 0,
        request_id: 1,
        scheduled: SECOND,
        issued: SECOND,
        lag: 0,
    }
}

fn head() -> Head {
    match Decoder::new(head_limits()).next(&mut &HEAD[..]) {
        Ok(Some(Part::Head(head))) => head,
        other => panic!("the head is a constant: {other:?}"),
    }
}
