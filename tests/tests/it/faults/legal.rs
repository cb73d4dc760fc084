//! Answers that are legal, however odd: each is the same answer as the plain one, to the token and to the letter.

use super::Over;
use ringload_engine::plan::HttpVersion;
use ringload_engine::record::Outcome;
use ringload_tests::engine::{closed, drive, keep_text};
use ringload_tests::frames::{self, Peer2};
use ringload_tests::on_both;
use ringload_tests::peer::{Peer, Then};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A way to say the same.
pub(super) struct Legal {
    /// In the words of the document.
    pub(super) what: &'static str,
    said: Said,
}

/// What a way changes.
enum Said {
    /// The bytes of the body, in pieces: each is a chunk over HTTP/1.1, and a DATA frame over HTTP/2.
    Body(fn() -> Vec<Vec<u8>>),
    /// All bytes of an answer over HTTP/1.1, in pieces between which the peer rests, and whether it closes afterwards.
    Http1(fn() -> Vec<Vec<u8>>, Then),
}

impl Legal {
    /// The protocols over which it is said.
    pub(super) fn over(&self) -> &'static [Over] {
        match self.said {
            Said::Body(_) => &[Over::Http1, Over::Http2],
            Said::Http1(..) => &[Over::Http1],
        }
    }
}

#[test]
fn answers_that_are_legal_are_the_same_answer_however_they_are_written() {
    on_both(|io| {
        let answers: Vec<(usize, Vec<Vec<u8>>, Then)> = ALL
            .iter()
            .enumerate()
            .map(|(row, legal)| match &legal.said {
                Said::Body(body) => (row, vec![chunked(&body())], Then::Keep),
                Said::Http1(pieces, then) => (row, pieces(), *then),
            })
            .collect();
        let split = (1..HEAD.len()).map(|at| {
            let (front, rest) = HEAD.as_bytes().split_at(at);
            let body = chunked(&[plain()]);
            let rest = [rest, &body[HEAD.len()..]].concat();
            (SPLIT, vec![front.to_vec(), rest], Then::Keep)
        });
        let answers: Vec<_> = answers.into_iter().chain(split).collect();
        let rows: Vec<usize> = answers.iter().map(|(row, ..)| *row).collect();
        let server = Peer::start(move |to, request| {
            let (_, pieces, then) = &answers[request.serial];
            for piece in pieces {
                to.write_all(piece)?;
                // The client has read it, as a rule; where it has not, less is tested, and nothing goes wrong.
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(*then)
        });
        let mut plan = closed(server.addr(), io, 1, rows.len() as u64);
        plan.timeouts.request = 30_000_000_000;
        keep_text(&mut plan);
        same(&drive(&plan), &rows);
    });
}

#[test]
fn answers_that_are_legal_are_the_same_over_http2() {
    on_both(|io| {
        let bodies: Vec<(usize, Vec<Vec<u8>>)> = ALL
            .iter()
            .enumerate()
            .filter_map(|(row, legal)| match legal.said {
                Said::Body(body) => Some((row, body())),
                Said::Http1(..) => None,
            })
            .collect();
        let rows: Vec<usize> = bodies.iter().map(|(row, _)| *row).collect();
        let turn = AtomicUsize::new(0);
        let server = Peer2::start(move |wire, _| {
            wire.greet(&[])?;
            loop {
                let asked = wire.request()?;
                let (_, body) = &bodies[turn.fetch_add(1, Ordering::AcqRel)];
                wire.send(&frames::head(asked.stream))?;
                for piece in body {
                    wire.send(&frames::frame(frames::DATA, 0, asked.stream, piece))?;
                }
                wire.send(&frames::data(asked.stream, frames::END_STREAM, ""))?;
            }
        });
        let mut plan = closed(server.addr(), io, 1, rows.len() as u64);
        plan.timeouts.request = 30_000_000_000;
        plan.network.http = HttpVersion::Http2;
        keep_text(&mut plan);
        same(&drive(&plan), &rows);
    });
}

#[track_caller]
fn same(run: &ringload_tests::engine::Driven, rows: &[usize]) {
    assert_eq!(run.records.len(), rows.len());
    for (record, row) in run.records.iter().zip(rows) {
        let what = ALL.get(*row).map_or("a head that is split", |legal| legal.what);
        let said = (record.outcome, record.events, record.text.as_deref());
        let expected = (Outcome::Succeeded, 3, Some(TEXT));
        assert_eq!(said, expected, "{what}, request {}: {:?}", record.k, record.detail);
        assert_eq!(record.usage.and_then(|u| u.completion), Some(3), "{what}");
        assert_eq!(record.retry, None, "{what}");
    }
    assert_eq!(run.summary.counts.check(), Ok(()));
    assert!(run.summary.violations.is_empty(), "{:?}", run.summary.violations);
}

pub(super) const ALL: &[Legal] = &[
    body("events that end in LF", || vec![plain()]),
    body("events that end in CR LF", || vec![lines("\r\n")]),
    body("events that end in CR", || vec![lines("\r")]),
    body("line ends of all three kinds in turn", || {
        let ends = ["\n\n", "\r\r", "\r\n\r\n", "\r\n\n", "\n\r", "\r\n\r", "\n\r\n"];
        vec![events(|i, data| format!("data: {data}{}", ends[i % ends.len()]))]
    }),
    body("a byte order mark", || vec![[b"\xEF\xBB\xBF", &plain()[..]].concat()]),
    body("no blank after `data:`", || vec![events(|_, data| format!("data:{data}\n\n"))]),
    body("two blanks after `data:`", || vec![events(|_, data| format!("data:  {data}\n\n"))]),
    body("comments before, between and in events", || {
        vec![events(|_, data| format!(": ping\n\n:\ndata: {data}\n: more\n\n"))]
    }),
    body("`id`, `retry`, and fields that nobody knows", || {
        vec![events(|i, data| format!("id: {i}\nretry: 10\nfoo: bar\nbar\ndata: {data}\n\n"))]
    }),
    body("`event: message` before and after the data", || {
        vec![events(|i, data| match i % 2 {
            0 => format!("event: message\ndata: {data}\n\n"),
            _ => format!("data: {data}\nevent: message\n\n"),
        })]
    }),
    body("JSON over several data lines", || {
        vec![events(|_, data| {
            let lines = data.replace(",\"", ",\ndata: \"").replace(":[", ":\ndata: [");
            format!("data: {lines}\n\n")
        })]
    }),
    body("empty lines in front and between", || vec![events(|_, data| format!("\n\ndata: {data}\n\n\n"))]),
    body("an event that no data makes one", || vec![events(|_, data| format!("event: ping\n\ndata: {data}\n\n"))]),
    body("several events in one chunk", || vec![plain()]),
    body("every byte in a chunk of its own", || plain().iter().map(|b| vec![*b]).collect()),
    body("UTF-8 that is split within a character at every byte", || {
        // Cut before each byte that continues a character, and nowhere else.
        let bytes = plain();
        let mut pieces = vec![Vec::new()];
        for byte in bytes {
            if byte & 0xC0 == 0x80 {
                pieces.push(Vec::new());
            }
            pieces.last_mut().expect("a piece").push(byte);
        }
        pieces
    }),
    body("characters as \\u escapes, with surrogates", || {
        let text = String::from_utf8(plain()).expect("UTF-8");
        let escaped = text.replace('ö', "\\u00f6").replace('€', "\\u20AC").replace('😀', "\\ud83d\\ude00");
        vec![escaped.into_bytes()]
    }),
    body("a last event that no empty line ends", || vec![String::from_utf8(plain()).expect("UTF-8").trim_end().into()]),
    body("nothing after the finish reason and the usage: no `[DONE]`", || {
        let text = String::from_utf8(plain()).expect("UTF-8");
        vec![text.replace(frames::DONE, "").into_bytes()]
    }),
    http1(
        "chunk sizes in capitals, with zeros before them",
        || {
            let body = plain();
            vec![framed(&format!("00{:X}\r\n", body.len()), &body, "\r\n0000\r\n\r\n")]
        },
        Then::Keep,
    ),
    http1(
        "chunk extensions",
        || {
            let body = plain();
            vec![framed(&format!("{:x};a=1 ; b=\"2;3\"\r\n", body.len()), &body, "\r\n0;last\r\n\r\n")]
        },
        Then::Keep,
    ),
    http1(
        "trailers",
        || {
            let body = plain();
            vec![framed(&format!("{:x}\r\n", body.len()), &body, "\r\n0\r\nx-took: 5\r\nx-more:\r\n\r\n")]
        },
        Then::Keep,
    ),
    http1("a stream with a length", || vec![length("HTTP/1.1 200 OK", "")], Then::Keep),
    http1("a status line without a reason", || vec![length("HTTP/1.1 200 ", "")], Then::Keep),
    http1(
        "names of fields in any case, values with blanks around them",
        || {
            let body = plain();
            let head = format!(
                "HTTP/1.1 200 OK\r\nCONTENT-TYPE:text/EVENT-stream; charset=utf-8 \r\ncOnTeNt-LeNgTh:\t {} \r\n\r\n",
                body.len()
            );
            vec![[head.as_bytes(), &body[..]].concat()]
        },
        Then::Keep,
    ),
    http1(
        "fields that are folded over lines, in a head with empty lines before it",
        || {
            let body = plain();
            let head = format!(
                "\r\n\r\nHTTP/1.1 200 OK\r\nx-long: a\r\n b\r\ncontent-type:\r\n text/event-stream;\r\n\tcharset=utf-8\r\ncontent-length:\r\n  {}\r\n\r\n",
                body.len()
            );
            vec![[head.as_bytes(), &body[..]].concat()]
        },
        Then::Keep,
    ),
    http1(
        "lines of a head that end in LF alone",
        || vec![length("HTTP/1.1 200 OK", "").into_iter().filter(|b| *b != b'\r').collect()],
        Then::Keep,
    ),
    http1(
        "chunks whose lines end in LF alone",
        || {
            let body = plain();
            vec![framed(&format!("{:x}\n", body.len()), &body, "\n0\n\n")]
        },
        Then::Keep,
    ),
    http1(
        "the same length twice",
        || {
            let field = format!("content-length: {}\r\n", plain().len());
            vec![length("HTTP/1.1 200 OK", &field)]
        },
        Then::Keep,
    ),
    http1(
        "a content encoding that is none: `none`, `utf-8`, `identity`, nothing",
        || {
            let fields = "content-encoding: none\r\ncontent-encoding: UTF-8, identity\r\ncontent-encoding:\r\n";
            vec![length("HTTP/1.1 200 OK", fields)]
        },
        Then::Keep,
    ),
    http1(
        "a stream under `application/json`",
        || vec![typed("content-type: application/json; charset=utf-8\r\n")],
        Then::Keep,
    ),
    http1("a stream under `text/plain`", || vec![typed("content-type: text/plain\r\n")], Then::Keep),
    http1("a stream without a content type", || vec![typed("")], Then::Keep),
    http1(
        "a stream under `application/json` that begins with a comment and comes a few bytes at a time",
        || {
            let body = [b": hello\n\n", &plain()[..]].concat();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
            let mut pieces = vec![head.into_bytes()];
            pieces.extend(body.chunks(3).map(<[u8]>::to_vec));
            pieces
        },
        Then::Keep,
    ),
    http1(
        "interim heads: 100, 102, 103 with fields",
        || {
            let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
            let answer = chunked(&[plain()]);
            vec![interim.into(), answer]
        },
        Then::Keep,
    ),
    http1(
        "a head and a body that come a few bytes at a time",
        || chunked(&[plain()]).chunks(9).map(<[u8]>::to_vec).collect(),
        Then::Keep,
    ),
    http1("`connection: close`", || vec![length("HTTP/1.1 200 OK", "connection: close\r\n")], Then::Close),
    http1("HTTP/1.0 with a length", || vec![length("HTTP/1.0 200 OK", "")], Then::Close),
    http1(
        "HTTP/1.0 with `connection: keep-alive`",
        || vec![length("HTTP/1.0 200 OK", "connection: keep-alive\r\n")],
        Then::Keep,
    ),
    http1("HTTP/1.0 whose end is that of the connection", || vec![unframed("HTTP/1.0 200 OK")], Then::Close),
    http1("HTTP/1.1 whose end is that of the connection", || vec![unframed("HTTP/1.1 200 OK")], Then::Close),
];

const fn body(what: &'static str, body: fn() -> Vec<Vec<u8>>) -> Legal {
    Legal { what, said: Said::Body(body) }
}

const fn http1(what: &'static str, pieces: fn() -> Vec<Vec<u8>>, then: Then) -> Legal {
    Legal { what, said: Said::Http1(pieces, then) }
}

/// Each event of the answer, as `write` writes it.
fn events(write: impl Fn(usize, &str) -> String) -> Vec<u8> {
    let token = |text: &str| {
        format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}"#)
    };
    let data = [
        token("wörd "),
        token("€uro "),
        token("😀"),
        r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#.to_owned(),
        r#"{"id":"c","choices":[],"usage":{"prompt_tokens":4,"completion_tokens":3,"total_tokens":7}}"#.to_owned(),
        "[DONE]".to_owned(),
    ];
    let written = data.iter().enumerate().map(|(i, data)| write(i, data));
    written.collect::<String>().into_bytes()
}

fn plain() -> Vec<u8> {
    events(|_, data| format!("data: {data}\n\n"))
}

/// With this end of each line.
fn lines(end: &str) -> Vec<u8> {
    events(|_, data| format!("data: {data}{end}{end}"))
}

/// A whole answer, a chunk a piece.
fn chunked(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut out = HEAD.as_bytes().to_vec();
    for piece in pieces.iter().filter(|p| !p.is_empty()) {
        out.extend(format!("{:x}\r\n", piece.len()).bytes());
        out.extend(piece);
        out.extend(b"\r\n");
    }
    out.extend(b"0\r\n\r\n");
    out
}

/// A whole answer of one chunk with this size line, and this after it.
fn framed(before: &str, body: &[u8], after: &str) -> Vec<u8> {
    [HEAD.as_bytes(), before.as_bytes(), body, after.as_bytes()].concat()
}

/// A whole answer with a length.
fn length(status: &str, fields: &str) -> Vec<u8> {
    let body = plain();
    let head = format!("{status}\r\ncontent-type: text/event-stream\r\n{fields}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), &body[..]].concat()
}

/// A whole answer with this field of its type, or none.
fn typed(field: &str) -> Vec<u8> {
    let body = plain();
    let head = format!("HTTP/1.1 200 OK\r\n{field}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), &body[..]].concat()
}

/// A whole answer that ends with its connection.
fn unframed(status: &str) -> Vec<u8> {
    let head = format!("{status}\r\ncontent-type: text/event-stream\r\n\r\n");
    [head.as_bytes(), &plain()[..]].concat()
}

/// What all of them say.
const TEXT: &str = "wörd €uro 😀";
const HEAD: &str = ringload_tests::peer::STREAM;
/// The row of an answer whose head is split, at every byte in turn.
const SPLIT: usize = usize::MAX;
