//! What responses may look like, and how streams end.

use super::*;
use StreamError::{HeadTooLong, LengthMismatch, Malformed, TooManyFields};

fn headers(flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, flags | END_HEADERS, 1, &block(fields))
}

/// What one head on stream 1 does.
fn one(flags: u8, fields: &[(&str, &str)]) -> Saw {
    let mut client = Client::with(1);
    let mut saw = client.ok(&headers(flags, fields));
    let first = saw.remove(0);
    if let Saw::It(Event::Broken { error, .. }) = &first {
        assert_eq!(client.sent(), [(RST, 0, 1, error.h2_code().to_be_bytes().to_vec())]);
        assert_eq!(client.connection.open_streams(), 0);
        // What was on its way is no fault.
        client.ok(&frame(DATA, END_STREAM, 1, b"late"));
    }
    first
}

fn malformed(flags: u8, fields: &[(&str, &str)]) {
    let saw = one(flags, fields);
    assert!(matches!(saw, Saw::It(Event::Broken { tag: 1, error: Malformed(_) })), "{fields:?}: {saw:?}");
}

#[test]
fn a_response_comes_out_without_its_framing() {
    let mut client = Client::with(2);
    let bytes = [
        headers(0, &[(":status", "103"), ("link", "x")]),
        headers(
            0,
            &[(":status", "200"), ("content-type", "text/event-stream; charset=utf-8"), ("content-length", "11")],
        ),
        frame(HEADERS, END_HEADERS | PADDED | 0x20, 3, &[2, 0, 0, 0, 0, 7, 0x88, 0, 0]),
        frame(DATA, 0, 1, b"hello"),
        frame(DATA, PADDED, 3, b"\x03abc\0\0\0"),
        frame(DATA, PADDED, 1, b"\x02, rest\0\0"),
        frame(DATA, PADDED, 3, b"\0def"),
        headers(END_STREAM, &[("x-checksum", "1")]),
        frame(DATA, END_STREAM | PADDED, 3, b"\x01\0"),
    ];
    let Saw::It(Event::Head { head: plain, .. }) = head(1) else {
        panic!("a head");
    };
    let stream = Head { event_stream: true, length: Some(11), media: MediaType::new(b"text/event-stream"), ..*plain };
    let saw = client.ok(&bytes.concat());
    assert_eq!(
        saw,
        [
            Saw::It(Event::Head { tag: 1, head: Box::new(stream) }),
            head(2),
            Saw::Body(1, b"hello".to_vec()),
            Saw::Body(2, b"abc".to_vec()),
            Saw::Body(1, b", rest".to_vec()),
            Saw::Body(2, b"def".to_vec()),
            end(1),
            end(2),
        ]
    );
    assert_eq!(client.connection.open_streams(), 0);
    assert!(client.sent().is_empty());
}

#[test]
fn bytes_are_lent_where_they_lie() {
    let mut client = Client::with(1);
    client.ok(&headers(0, &[(":status", "200")]));
    let bytes = frame(DATA, 0, 1, b"hello");
    let mut input = &bytes[..];
    let event = client.connection.receive(&mut input, 0, &mut client.out).expect("a body");
    let Some(Event::Body { bytes: body, .. }) = event else {
        panic!("{event:?}");
    };
    assert_eq!(body.as_ptr(), bytes[9..].as_ptr());
}

#[test]
fn heads_are_understood_as_in_http_1() {
    let understood = |fields: &[(&str, &str)]| match one(0, fields) {
        Saw::It(Event::Head { head, .. }) => head,
        other => panic!("{other:?}"),
    };
    let json =
        understood(&[(":status", "404"), ("content-type", "application/problem+json"), ("content-encoding", "gzip")]);
    assert_eq!((json.status, json.json, json.encoded, json.redirect), (404, true, true, false));
    assert!(understood(&[(":status", "307")]).redirect);
    assert_eq!(understood(&[(":status", "304"), ("content-length", "7")]).length, Some(0));
}

#[test]
fn malformed_heads_end_the_stream_only() {
    let ok = (":status", "200");
    for fields in [
        &[][..],
        &[("server", "x")],
        &[("server", "x"), ok],
        &[ok, ok],
        &[ok, (":path", "/")],
        &[(":method", "GET"), ok],
        &[ok, (":", "x")],
        &[(":status", "")],
        &[(":status", "20")],
        &[(":status", "2000")],
        &[(":status", "+20")],
        &[(":status", "099")],
        &[(":status", "101")],
        &[ok, ("Server", "x")],
        &[ok, ("", "x")],
        &[ok, ("a b", "x")],
        &[ok, ("a:b", "x")],
        &[ok, ("caf\u{e9}", "x")],
        &[ok, ("x", "a\nb")],
        &[ok, ("x", "a\rb")],
        &[ok, ("x", "a\0b")],
        &[ok, ("x", " a")],
        &[ok, ("x", "a\t")],
        &[ok, ("connection", "close")],
        &[ok, ("keep-alive", "timeout=5")],
        &[ok, ("proxy-connection", "keep-alive")],
        &[ok, ("transfer-encoding", "chunked")],
        &[ok, ("upgrade", "h2c")],
        &[ok, ("te", "gzip")],
        &[ok, ("content-length", "x")],
        &[ok, ("content-length", "1"), ("content-length", "2")],
    ] {
        malformed(0, fields);
    }
    malformed(END_STREAM, &[(":status", "100")]);
}

#[test]
fn heads_have_limits() {
    let ok = (":status", "200");
    assert_eq!(one(0, &[ok, ("x", &"y".repeat(4096 - 42 - 33))]), head(1));
    assert_eq!(one(0, &[ok, ("x", &"y".repeat(4096 - 42 - 32))]), broken(1, HeadTooLong));
    let fields = |n| [vec![ok], vec![("x", "y"); n]].concat();
    assert_eq!(one(0, &fields(7)), head(1));
    assert_eq!(one(0, &fields(8)), broken(1, TooManyFields));
}

#[test]
fn bodies_and_trailers_stand_where_they_may() {
    let begun = headers(0, &[(":status", "200")]);
    for (bytes, why) in [
        (frame(DATA, 0, 1, b"x"), "a body before its head"),
        ([begun.clone(), headers(0, &[("x", "y")])].concat(), "trailers that end nothing"),
        ([begun.clone(), headers(END_STREAM, &[(":status", "200")])].concat(), "a pseudo-field in trailers"),
    ] {
        let saw = Client::with(1).ok(&bytes);
        assert_eq!(saw.last(), Some(&broken(1, Malformed(why))));
    }
}

#[test]
fn a_body_is_as_long_as_its_head_says() {
    let announced = |status: &str, n: &str| headers(0, &[(":status", status), ("content-length", n)]);
    for (bytes, last) in [
        ([announced("200", "2"), frame(DATA, END_STREAM, 1, b"ab")].concat(), end(1)),
        ([announced("200", "2"), frame(DATA, 0, 1, b"ab"), frame(DATA, END_STREAM, 1, b"")].concat(), end(1)),
        ([announced("200", "2"), frame(DATA, END_STREAM, 1, b"a")].concat(), broken(1, LengthMismatch)),
        ([announced("200", "2"), frame(DATA, 0, 1, b"abc")].concat(), broken(1, LengthMismatch)),
        ([announced("200", "2"), headers(END_STREAM, &[])].concat(), broken(1, LengthMismatch)),
        ([announced("304", "2"), frame(DATA, END_STREAM, 1, b"")].concat(), end(1)),
        ([announced("204", "0"), frame(DATA, END_STREAM, 1, b"x")].concat(), broken(1, LengthMismatch)),
        (headers(END_STREAM, &[(":status", "200"), ("content-length", "1")]), broken(1, LengthMismatch)),
    ] {
        let mut client = Client::with(1);
        assert_eq!(client.ok(&bytes).last(), Some(&last));
        assert_eq!(client.connection.open_streams(), 0);
    }
}

#[test]
fn a_reset_says_whether_the_request_was_begun() {
    let mut client = Client::with(3);
    let rst = |stream, code: Code| frame(RST, 0, stream, &code.0.to_be_bytes());
    let bytes = [rst(1, Code::REFUSED_STREAM), rst(3, Code::NO_ERROR), rst(5, Code(99))].concat();
    let expected = [reset(1, Code::REFUSED_STREAM, true), reset(2, Code::NO_ERROR, false), reset(3, Code(99), false)];
    assert_eq!(client.ok(&bytes), expected);
    // A peer that goes on after its own reset is told so, once.
    client.ok(&[frame(DATA, 0, 1, b"x"), frame(DATA, 0, 1, b"x")].concat());
    assert_eq!(client.sent(), [(RST, 0, 1, 5_u32.to_be_bytes().to_vec())]);
}

#[test]
fn a_server_that_goes_away_finishes_what_it_began() {
    let mut client = Client::with(3);
    assert_eq!(
        client.ok(&go_away(3, 2, b"going down")),
        [Saw::It(Event::GoAway { code: 2 }), unprocessed(3, Code::INTERNAL_ERROR)]
    );
    let c = &client.connection;
    assert!(c.going_away() == Some(Code::INTERNAL_ERROR) && !c.finished());
    assert_eq!((c.room(), c.open_streams(), c.go_away_debug()), (0, 2, &b"going down"[..]));
    assert_eq!(c.tags().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(client.open(9, b"{}"), Opened::Refused);
    client.ok(&frame(DATA, 0, 5, b"late"));
    client.ok(&frame(HEADERS, END_HEADERS | END_STREAM, 1, OK));
    // It may lower its promise.
    assert_eq!(client.ok(&go_away(1, 0, b"")).last(), Some(&unprocessed(2, Code::NO_ERROR)));
    assert!(client.connection.finished());
}

#[test]
fn nothing_happens_on_a_stream_that_was_cancelled() {
    let mut client = Client::with(2);
    let bytes = [frame(HEADERS, END_HEADERS, 1, OK), frame(DATA, 0, 1, b"abc")].concat();
    let mut input = &bytes[..bytes.len() - 2];
    let c = &mut client.connection;
    while c.receive(&mut input, 0, &mut client.out).expect("no rule is broken").is_some() {}
    // In the midst of a frame.
    c.cancel(1, 0, &mut client.out);
    c.cancel(77, 0, &mut client.out);
    assert_eq!(client.sent(), [(RST, 0, 1, 8_u32.to_be_bytes().to_vec())]);
    let late = [
        &b"bc"[..],
        &frame(DATA, 0, 1, b"x"),
        &window(1, 1),
        &frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&[("x", "y")])),
    ];
    assert_eq!(client.ok(&late.concat()), []);
    // The tag is free, and what was about to be told is not.
    client.ok(&[]);
    let both = frame(HEADERS, END_HEADERS | END_STREAM, 3, OK);
    let mut input = &both[..];
    let c = &mut client.connection;
    assert!(matches!(c.receive(&mut input, 0, &mut client.out), Ok(Some(Event::Head { tag: 2, .. }))));
    c.cancel(2, 0, &mut client.out);
    assert_eq!(client.ok(&[]), []);
    assert!(client.sent().is_empty(), "it had ended");
    assert_eq!(client.receive(&frame(DATA, 0, 1, b"x")), Err(Http2Error::ClosedStream), "the peer had ended it");
}

#[test]
fn many_cancelled_streams_are_forgiven() {
    let mut client = Client::with(0);
    for tag in 0..2_000 {
        assert_eq!(client.open(tag, b""), Opened::All);
        client.connection.cancel(tag, 0, &mut client.out);
    }
    for stream in [1, 1_001, 3_999] {
        assert_eq!(client.ok(&frame(DATA, END_STREAM, stream, b"x")), []);
    }
}
