//! Known answers of the response decoder.

use super::*;
use crate::Protocol;

const LIMITS: HeadLimits = HeadLimits { bytes: 256, fields: 4 };

/// Head, body and `reusable` of a response; the bytes that are left.
type Response<'a> = (Head, Vec<u8>, bool, &'a [u8]);

/// Decodes one response that is all there.
fn decode(bytes: &[u8]) -> Result<Response<'_>, HttpError> {
    let mut decoder = Decoder::new(LIMITS);
    let mut input = bytes;
    let (mut head, mut body) = (None, Vec::new());
    while let Some(part) = decoder.next(&mut input)? {
        match part {
            Part::Head(h) => head = Some(h),
            Part::Body(b) => body.extend_from_slice(b),
            Part::End { reusable } => {
                return Ok((head.expect("a head before the end"), body, reusable, input));
            }
        }
    }
    assert!(input.is_empty(), "`None` means that everything was taken");
    match decoder.eof()? {
        Some(Part::End { reusable }) => Ok((head.expect("a head before the end"), body, reusable, input)),
        other => panic!("the close gave {other:?}"),
    }
}

fn ok(head: &str, body: &str) -> (Head, Vec<u8>, bool) {
    let bytes = format!("{head}\r\n\r\n{body}").into_bytes();
    let (head, body, reusable, rest) = decode(&bytes).unwrap_or_else(|e| panic!("{head}: {e}"));
    assert!(rest.is_empty(), "{rest:?}");
    (head, body, reusable)
}

fn error(head: &str, body: &str) -> HttpError {
    decode(format!("{head}\r\n\r\n{body}").as_bytes()).expect_err(head)
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked";

#[test]
fn a_chunked_body_comes_out_without_its_framing() {
    for body in [
        "5\r\nhello\r\nA\r\n, the rest\r\n0\r\n\r\n",
        "05\r\nhello\r\na\r\n, the rest\r\n000\r\n\r\n",
        "5;name=value;q=\"a;b\"\r\nhello\r\na \t;x\r\n, the rest\r\n0;last\r\n\r\n",
        "5 \r\nhello\r\na\r\n, the rest\r\n0\r\nExpires: never\r\nX-Empty:\r\n\r\n",
        "5\nhello\na\n, the rest\n0\n\n",
        "5\nhello\r\na;x\n, the rest\n0 \nExpires: never\nX-Empty:\n\r\n",
        "5\r\nhello\na\r\n, the rest\r\n0\r\n\n",
    ] {
        let (_, out, reusable) = ok(CHUNKED, body);
        assert_eq!((out.as_slice(), reusable), (&b"hello, the rest"[..], true), "{body}");
    }
}

#[test]
fn trailers_may_be_folded_and_have_blanks_before_the_colon() {
    for trailers in ["A: b\r\n c\r\n\td\r\nE: f\r\n", "A : b\r\n", "A\t: b\r\n  \r\n"] {
        let (_, out, reusable) = ok(CHUNKED, &format!("2\r\nok\r\n0\r\n{trailers}\r\n"));
        assert_eq!((out.as_slice(), reusable), (&b"ok"[..], true), "{trailers:?}");
    }
    assert_eq!(error(CHUNKED, "0\r\n folded before any\r\n\r\n"), HttpError::BadTrailer);
}

#[test]
fn a_chunk_that_breaks_its_framing_is_an_error() {
    use HttpError::{BadChunk, BadChunkSize, BadTrailer};
    for (body, expected) in [
        ("\r\n2\r\nok", BadChunkSize),
        ("\r\n1x", BadChunkSize),
        ("2\r\nok\r\n\r\n1\r\n", HttpError::CutOff),
        ("2\r\nok\r\n\r\n1\r\n and more", HttpError::CutOff),
        ("g\r\n", BadChunkSize),
        ("-1\r\n", BadChunkSize),
        ("0x5\r\nhello\r\n", BadChunkSize),
        (" 5\r\nhello\r\n", BadChunkSize),
        ("10000000000000000\r\n", BadChunkSize),
        ("5\rhello\r\n", BadChunk),
        ("5 5\r\nhello\r\n", BadChunk),
        ("5\r\nhello0\r\n\r\n", BadChunk),
        ("5\r\nhello\rx", BadChunk),
        ("0\r\nno colon\r\n\r\n", BadTrailer),
        ("0\r\n: no name\r\n\r\n", BadTrailer),
        ("0\r\nA\n\r\n", BadTrailer),
        ("5\n\nhello\n", BadChunk),
        ("0\r\n\r\r", BadTrailer),
    ] {
        assert_eq!(error(CHUNKED, body), expected, "{body:?}");
    }
    let largest = format!("{CHUNKED}\r\n\r\nffffffffffffffff\r\n...");
    assert_eq!(decode(largest.as_bytes()), Err(HttpError::Truncated), "it fits in 64 bits");
}

#[test]
fn a_length_ends_the_body_and_what_follows_is_left() {
    let (head, body, reusable, rest) =
        decode(b"HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhelloHTTP/1.1").expect("a response");
    assert_eq!((head.length, body.as_slice(), reusable), (Some(5), &b"hello"[..], true));
    assert_eq!(rest, b"HTTP/1.1", "the caller sees that the connection is out of step");
    let (_, body, reusable) = ok("HTTP/1.1 500 Oh\r\nContent-Length: 0", "");
    assert!(body.is_empty() && reusable, "no further byte is needed");
}

#[test]
fn without_framing_the_close_ends_the_body() {
    let (head, body, reusable) = ok("HTTP/1.1 200 OK", "all of it");
    assert_eq!((head.length, body.as_slice(), reusable), (None, &b"all of it"[..], false));
    let (head, _, reusable) = ok("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip", "?");
    assert!(head.transfer_coded && !head.encoded && !reusable, "a coding that is not chunked ends with the close");
    for (coding, chunked) in [("gzip, chunked", true), ("chunked;q=1", false), ("x-chunked", false)] {
        let body = if chunked { "1\r\n?\r\n0\r\n\r\n" } else { "?" };
        let (head, body, _) = ok(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}"), body);
        assert!(head.transfer_coded && body == b"?", "{coding}");
    }
}

#[test]
fn responses_without_content_end_with_their_head() {
    for status in ["204 No Content", "304 Not Modified"] {
        let (_, body, reusable) = ok(&format!("HTTP/1.1 {status}\r\nContent-Length: 7"), "");
        assert!(body.is_empty() && reusable, "{status}");
    }
}

#[test]
fn interim_responses_are_swallowed_but_an_upgrade_is_an_error() {
    let early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x";
    let (head, body, _) = ok(early, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!((head.status, body.as_slice()), (201, &b"ok"[..]));
    assert_eq!(error("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c", ""), HttpError::Upgraded);
    let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(11);
    assert_eq!(decode(endless.as_bytes()), Err(HttpError::HeadTooLong), "their sum has a limit");
}

#[test]
fn the_head_says_whether_the_connection_is_kept() {
    for (head, kept) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive, Close", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Upgrade\r\nconnection: close", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive", true),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: close, keep-alive", false),
    ] {
        assert_eq!(ok(head, "").2, kept, "{head}");
    }
}

#[test]
fn a_transfer_coding_beats_a_length_and_costs_the_connection() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 99",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive",
    ] {
        let (head, body, reusable) = ok(head, "2\r\nok\r\n0\r\n\r\n");
        assert_eq!((head.length, body.as_slice(), reusable), (None, &b"ok"[..], false));
    }
    for head in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ] {
        assert!(matches!(error(head, ""), HttpError::BadHead(_)), "{head}");
    }
}

#[test]
fn lengths_that_are_none_or_disagree_are_errors() {
    for length in ["", "-1", "+5", "5 5", "0x5", "5,6", "18446744073709551616", "5;", "5,"] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}");
        assert!(matches!(error(&head, ""), HttpError::BadHead(_)), "{length:?}");
    }
    let twice = "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\ncontent-length: 2";
    assert_eq!(ok(twice, "ok").1, b"ok", "the same length twice is one length");
}

#[test]
fn heads_of_all_kinds_are_understood() {
    let head = |fields: &str| ok(&format!("HTTP/1.1 200 OK\r\n{fields}"), "").0;
    let stream = head("Content-Type: Text/Event-Stream;charset=utf-8");
    assert!(stream.event_stream && !stream.json);
    assert!(head("content-type: application/json").json);
    assert!(head("content-type: application/problem+JSON ; x=y").json);
    assert!(!head("content-type: application/jsonl").json);
    assert!(head("content-encoding: gzip").encoded);
    assert!(!head("content-encoding: identity\r\nContent-Encoding:").encoded);
    for coding in ["br", "x-gzip", "Zstd", "deflate", "identity, gzip", "none,br"] {
        assert!(head(&format!("content-encoding: {coding}")).encoded, "{coding}");
    }
    for none in ["none", "UTF-8", "utf-8, identity", "binary", "", "null"] {
        assert!(!head(&format!("content-encoding: {none}")).encoded, "{none}");
    }
    assert!(!head("Access-Control-Allow-Origin: ").json, "an empty value is no error");
    for (status, redirect) in [(200, false), (301, true), (304, false), (308, true), (404, false)] {
        assert_eq!(ok(&format!("HTTP/1.1 {status} X"), "").0.redirect, redirect, "{status}");
    }
    assert_eq!(ok("HTTP/1.1 200 ", "").0.status, 200, "no reason phrase");
    assert_eq!(ok("HTTP/1.1 200", "").0.status, 200, "nor the blank before it");
    let (head, body, ..) = decode(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok").expect("bare LF");
    assert_eq!((head.length, body.as_slice()), (Some(2), &b"ok"[..]));
}

#[test]
fn heads_of_old_and_careless_servers_are_read() {
    for head in [
        "HTTP/1.1 200 OK\r\nX-Long: a\r\n b\r\n\tc\r\nContent-Type:\r\n  text/event-stream;\r\n  charset=utf-8\r\nContent-Length:\r\n 2",
        "HTTP/1.1 200 OK\nX-Long: a\n b\nContent-Type: text/event-stream\nContent-Length: 2",
        "\r\n\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 2",
        "HTTP/1.1 200 OK\r\nContent-Type : text/event-stream\r\nContent-Length\t: 2",
        "HTTP/1.1  200  OK\r\nContent-Type: text/event-stream\r\nContent-Length: 2",
        "HTTP/1.2 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 2",
        "\r\nHTTP/1.9 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 2",
    ] {
        let (head, body, _) = ok(head, "ok");
        assert!(head.event_stream, "{head:?}");
        assert_eq!((head.length, body.as_slice()), (Some(2), &b"ok"[..]));
    }
}

#[test]
fn what_is_no_http_1_response_is_known_from_its_first_bytes() {
    for bytes in [
        &b"\x15\x03\x03\x00\x02"[..],
        b"SSH-2.0-x",
        b"HTTP/2 200\r\n",
        b"HTTP/2.0 200 OK\r\n",
        b"HTTP/1.12 200 OK\r\n",
        b"\r\nSSH-2.0-x",
        b"HTTP/1.1 2x0 OK\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: before any field\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
    ] {
        let whole = Decoder::new(LIMITS).next(&mut &bytes[..]);
        let error = whole.expect_err("not HTTP/1");
        let other = error == HttpError::OtherProtocol(Protocol::Tls);
        assert!(matches!(error, HttpError::BadHead(_)) || other && bytes[0] == 0x15, "{bytes:?}: {error}");
        let mut decoder = Decoder::new(LIMITS);
        let failed = bytes.chunks(1).any(|mut b| decoder.next(&mut b).is_err());
        assert!(failed, "{bytes:?} byte by byte");
    }
}

#[test]
fn each_limit_has_its_error() {
    let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(256));
    assert_eq!(error(&long, ""), HttpError::HeadTooLong);
    let mut decoder = Decoder::new(LIMITS);
    let met = long.as_bytes().chunks(100).map(|mut b| decoder.next(&mut b));
    assert_eq!(met.last(), Some(Err(HttpError::HeadTooLong)), "before the head is complete");
    let many = "\r\nA: b".repeat(5);
    assert_eq!(error(&format!("HTTP/1.1 200 OK{many}"), ""), HttpError::TooManyFields);
    assert_eq!(ok(&format!("HTTP/1.1 200 OK{}", "\r\nA: b".repeat(4)), "").0.status, 200);

    let extension = format!("1;{}\r\n", "x".repeat(4096));
    assert_eq!(error(CHUNKED, &extension), HttpError::ChunkLineTooLong);
    let zeros = format!("{}1\r\n", "0".repeat(4096));
    assert_eq!(error(CHUNKED, &zeros), HttpError::ChunkLineTooLong);
    let trailer = format!("0\r\nA: {}\r\n\r\n", "x".repeat(256));
    assert_eq!(error(CHUNKED, &trailer), HttpError::TrailersTooLong);
    let trailers = format!("0\r\n{}\r\n", "A: b\r\n".repeat(5));
    assert_eq!(error(CHUNKED, &trailers), HttpError::TrailersTooLong);
}

#[test]
fn a_close_means_what_the_state_makes_of_it() {
    let mut fresh = Decoder::new(LIMITS);
    assert!(!fresh.started());
    assert_eq!(fresh.next(&mut &b""[..]), Ok(None));
    assert_eq!(fresh.eof(), Err(HttpError::ClosedBeforeResponse));
    for (bytes, expected) in [
        ("H", Err(HttpError::Truncated)),
        ("HTTP/1.1 100 Continue\r\n\r\n", Err(HttpError::Truncated)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx", Err(HttpError::Truncated)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Err(HttpError::Truncated)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", Err(HttpError::Truncated)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n\r\n1\r", Err(HttpError::Truncated)),
        ("HTTP/1.1 200 OK\r\n\r\nx", Ok(Some(Part::End { reusable: false }))),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Ok(None)),
    ] {
        let mut decoder = Decoder::new(LIMITS);
        let mut input = bytes.as_bytes();
        while decoder.next(&mut input).expect(bytes).is_some() {}
        assert!(decoder.started());
        assert_eq!(decoder.eof(), expected, "{bytes:?}");
    }
    let mut decoder = Decoder::new(LIMITS);
    let cut = b"HTTP/1.1 200 OK\r\nno colon".chunks(1);
    assert!(cut.into_iter().all(|mut b| decoder.next(&mut b) == Ok(None)));
    assert!(matches!(decoder.eof(), Err(HttpError::BadHead(_))), "what is wrong already is told");
}

#[test]
fn one_decoder_serves_response_after_response() {
    let bytes = format!("{CHUNKED}\r\n\r\n2\r\nok\r\n0\r\n\r\n").into_bytes();
    let mut decoder = Decoder::new(LIMITS);
    for reads in [bytes.len(), 1, 7] {
        let mut parts = 0;
        for mut read in bytes.chunks(reads) {
            while let Some(part) = decoder.next(&mut read).expect("a response") {
                parts += usize::from(!matches!(part, Part::Body(_)));
            }
        }
        assert_eq!(parts, 2, "a head and an end");
        assert_eq!(decoder.next(&mut &b"more"[..]), Ok(None), "nothing after the end");
        decoder.reset();
        assert!(!decoder.started());
    }
}

#[test]
fn of_a_bad_line_and_a_limit_the_first_is_told_however_the_bytes_are_cut() {
    let padding = "x".repeat(300);
    let bad_first = format!("HTTP/1.1 200 OK\r\nA b: {padding}");
    let limit_first = format!("HTTP/1.1 200 OK\r\nX: {padding}\r\nA b: c\r\n\r\n");
    for (head, bad) in [(bad_first, true), (limit_first, false)] {
        for size in [1, 7, 100, head.len()] {
            let mut decoder = Decoder::new(LIMITS);
            let mut pieces = head.as_bytes().chunks(size);
            let error = pieces.find_map(|mut piece| decoder.next(&mut piece).err());
            let expected = if bad { HttpError::BadHead("bad field name") } else { HttpError::HeadTooLong };
            assert_eq!(error, Some(expected), "in pieces of {size}");
        }
    }
}
