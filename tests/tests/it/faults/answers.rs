//! Answers that end in order and are of no use.

use super::{Act, Answer, Becomes, Row, json, stream, tokens};
use ringload_tests::frames;
use ringload_tests::peer::{self, Then};

pub(super) const ROWS: &[Row] = &[
    plain(
        "400 with a JSON error",
        || json(400, r#"{"error":{"message":"max_tokens is too large","code":400}}"#),
        Becomes::Fails("http_status", "max_tokens is too large"),
    ),
    plain(
        "401 with `detail`",
        || json(401, r#"{"detail":"Unauthorized"}"#),
        Becomes::Fails("http_status", "Unauthorized"),
    ),
    plain(
        "404 of a web server, in HTML",
        || Answer {
            status: 404,
            fields: &[("content-type", "text/html")],
            body: "<html><h1>Not Found</h1></html>".into(),
        },
        Becomes::Fails("http_status", "<h1>Not Found</h1>"),
    ),
    plain(
        "429 with Retry-After: counted, not retried",
        || Answer {
            status: 429,
            fields: &[("content-type", "application/json"), ("retry-after", "30")],
            body: r#"{"error":"too many requests"}"#.into(),
        },
        Becomes::Fails("http_status", "too many requests"),
    ),
    plain(
        "500 without a body",
        || Answer { status: 500, fields: &[], body: String::new() },
        Becomes::Fails("http_status", ""),
    ),
    plain(
        "503 with a JSON error",
        || json(503, r#"{"error":{"message":"the engine is dead"}}"#),
        Becomes::Fails("http_status", "the engine is dead"),
    ),
    plain(
        "a redirect",
        || Answer { status: 307, fields: &[("location", "http://127.0.0.1:1/elsewhere")], body: String::new() },
        Becomes::Fails("redirect", "not followed"),
    ),
    plain(
        "a body in gzip, though none was asked for",
        || Answer {
            status: 200,
            fields: &[("content-type", "text/event-stream"), ("content-encoding", "gzip")],
            body: "\x1f\x7f\x08 and so on".into(),
        },
        Becomes::Fails("unexpected_encoding", "compressed"),
    ),
    Row {
        what: "an error, or a body in gzip, that does not end: given up 1 s after its head",
        act: Act::Http1(|to| {
            peer::write(to, "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n")?;
            std::io::copy(to, &mut std::io::sink())?;
            Ok(Then::Close)
        }),
        flags: &[],
        becomes: Becomes::Fails("unexpected_encoding", "compressed"),
        tokens: 0,
        kept: false,
    },
    Row {
        what: "a transfer coding that is not `chunked` (`gzip`, `x-chunked`, `chunked;q=1`)",
        act: Act::Http1(|to| {
            peer::write(to, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked;q=1\r\n\r\n0\r\n\r\n")?;
            Ok(Then::Close)
        }),
        flags: &[],
        becomes: Becomes::Fails("unexpected_encoding", "a transfer coding"),
        tokens: 0,
        kept: false,
    },
    Row {
        tokens: 2,
        ..plain(
            "a content encoding that is none (`none`, `utf-8`)",
            || Answer {
                status: 200,
                fields: &[
                    ("content-type", "text/event-stream"),
                    ("content-encoding", "none"),
                    ("content-encoding", "utf-8"),
                ],
                body: chat(),
            },
            Becomes::Served,
        )
    },
    Row { tokens: 2, ..plain("a stream under `application/json`", || json(200, &chat()), Becomes::Served) },
    Row {
        tokens: 2,
        ..plain(
            "a stream without a content type",
            || Answer { status: 200, fields: &[], body: chat() },
            Becomes::Served,
        )
    },
    plain(
        "200 with a JSON error where a stream was asked for",
        || json(200, r#"{"error":{"message":"model not loaded"}}"#),
        Becomes::Fails("in_band_error", "model not loaded"),
    ),
    plain("200 with JSON that is none", || json(200, r#"{"choices": [{"#), Becomes::Fails("bad_json", "choices")),
    plain(
        "200 with a page in HTML",
        || Answer { status: 200, fields: &[("content-type", "text/html")], body: "<html>It works!</html>\n".into() },
        Becomes::Fails("no_output", "text/html, it begins with: <html>It works!"),
    ),
    plain(
        "204 No Content",
        || Answer { status: 204, fields: &[], body: String::new() },
        Becomes::Fails("truncated", "after 0 output events"),
    ),
    plain("a stream without a byte", || stream(String::new()), Becomes::Fails("truncated", "after 0 output events")),
    plain(
        "a stream of `[DONE]` alone",
        || stream("data: [DONE]\n\n".into()),
        Becomes::Fails("no_output", "without any output"),
    ),
    plain(
        "a stream of comments alone",
        || stream(": ping\n\n".repeat(3)),
        Becomes::Fails("truncated", "after 0 output events"),
    ),
    Row {
        what: "a body over --max-body-bytes",
        act: Act::Answer(|| json(200, &format!("[{}1]", "1, ".repeat(100_000)))),
        flags: &["--max-body-bytes", "100k"],
        becomes: Becomes::Fails("body_limit", "--max-body-bytes"),
        tokens: 0,
        kept: false,
    },
    Row {
        what: "101 Switching Protocols, though no upgrade was asked for",
        act: Act::Http1(|to| peer::write(to, "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n")),
        flags: &[],
        becomes: Becomes::Fails("bad_head", "switched protocols"),
        tokens: 0,
        kept: false,
    },
];

/// The events of a chat of two tokens.
fn chat() -> String {
    format!("{}{}{}", tokens(2), frames::FINISH, frames::DONE)
}

/// A row without tokens or flags, whose connection is as good as before.
const fn plain(what: &'static str, answer: fn() -> Answer, becomes: Becomes) -> Row {
    Row { what, act: Act::Answer(answer), flags: &[], becomes, tokens: 0, kept: true }
}
