//! Peers that break the rules of the connection.

use super::*;

/// What the bytes do to a client that has received the SETTINGS with streams 1, 3 and 5; the last frame sent is a
/// GOAWAY with the error's code.
fn error(bytes: &[u8]) -> Http2Error {
    let mut client = Client::with(3);
    fails(&mut client, bytes)
}

fn fails(client: &mut Client, bytes: &[u8]) -> Http2Error {
    let error = client.receive(bytes).expect_err("a broken rule");
    let sent = client.sent();
    let (kind, _, stream, payload) = sent.last().expect("a GOAWAY");
    assert_eq!((*kind, *stream), (GOAWAY, 0));
    assert_eq!(payload[..4], [0; 4], "no stream of the peer's");
    assert_eq!(payload[4..], error.h2_code().to_be_bytes());
    assert_eq!(client.receive(&frame(PING, 0, 0, &[0; 8])), Err(error), "it stays failed");
    assert!(client.sent().is_empty(), "one GOAWAY is enough");
    assert_eq!(client.connection.room(), 0);
    assert!(client.connection.finished());
    error
}

#[test]
fn the_first_frame_must_be_settings() {
    for (bytes, spoken) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], Protocol::Http1),
        (b"\x15\x03\x01\x00\x02\x02\x46", Protocol::Tls),
        (b"\x15\x03\x01\x00\x02\x02\x46\x00\x00", Protocol::Tls),
        // As a frame, settings that are too long.
        (b"\x15\x03\x07\x04\x00\x00\x00\x00\x00", Protocol::Tls),
        (&frame(PING, 0, 0, &[0; 8]), Protocol::Unknown),
        (&frame(SETTINGS, ACK, 0, &[]), Protocol::Unknown),
        (&frame(SETTINGS, 0, 1, &[]), Protocol::Unknown),
        (&go_away(0, 0, b""), Protocol::Unknown),
    ] {
        let error = fails(&mut Client::new(CONFIG), bytes);
        assert_eq!(error, Http2Error::NotHttp2(spoken));
    }
    let mut client = Client::new(CONFIG);
    assert_eq!(client.ok(&frame(SETTINGS, 0, 0, &[])), [Saw::It(Event::Settings)]);
}

#[test]
fn frames_of_a_wrong_length_are_refused() {
    use Http2Error::{BadLength, FrameTooLong};
    assert_eq!(error(&[0, 0x40, 1, 0xfa, 0, 0, 0, 0, 0]), FrameTooLong);
    assert_eq!(error(&[0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1]), FrameTooLong);
    for (frame, name) in [
        (frame(SETTINGS, 0, 0, &[0; 5]), "SETTINGS"),
        (frame(SETTINGS, ACK, 0, &[0; 6]), "SETTINGS"),
        (frame(PING, 0, 0, &[0; 7]), "PING"),
        (frame(PING, 0, 0, &[]), "PING"),
        (frame(PING, ACK, 0, &[0; 9]), "PING"),
        (frame(WINDOW, 0, 0, &[0; 3]), "WINDOW_UPDATE"),
        (frame(WINDOW, 0, 1, &[1; 5]), "WINDOW_UPDATE"),
        (frame(RST, 0, 1, &[0; 3]), "RST_STREAM"),
        (frame(GOAWAY, 0, 0, &[0; 7]), "GOAWAY"),
        (frame(DATA, PADDED, 1, &[]), "DATA"),
        (frame(HEADERS, PADDED, 1, &[]), "HEADERS"),
        (frame(HEADERS, 0x20, 1, &[0; 4]), "HEADERS"),
    ] {
        assert_eq!(error(&frame), BadLength(name));
    }
}

#[test]
fn frames_on_the_wrong_kind_of_stream_are_refused() {
    use Http2Error::{IdleStream, WrongStream};
    for (kind, name, length) in
        [(DATA, "DATA", 1), (HEADERS, "HEADERS", 1), (PRIORITY, "PRIORITY", 5), (RST, "RST_STREAM", 4)]
    {
        assert_eq!(error(&frame(kind, 0, 0, &vec![0; length])), WrongStream(name));
    }
    for (kind, name, length) in [(SETTINGS, "SETTINGS", 0), (PING, "PING", 8), (GOAWAY, "GOAWAY", 8)] {
        assert_eq!(error(&frame(kind, 0, 1, &vec![0; length])), WrongStream(name));
    }
    for (kind, length) in [(DATA, 1), (HEADERS, 1), (RST, 4), (WINDOW, 4)] {
        for stream in [2, 4, 7, 0x7fff_ffff] {
            assert_eq!(error(&frame(kind, END_HEADERS, stream, &vec![1; length])), IdleStream);
        }
    }
}

#[test]
fn padding_must_leave_room() {
    for (kind, payload) in [(DATA, &[1_u8][..]), (DATA, &[5, 0, 0, 0, 0]), (HEADERS, &[1]), (HEADERS, &[2, 0x88])] {
        assert_eq!(error(&frame(kind, PADDED | END_HEADERS, 1, payload)), Http2Error::BadPadding);
    }
}

#[test]
fn header_blocks_are_not_interrupted() {
    let open = frame(HEADERS, 0, 1, OK);
    for next in [
        frame(PING, 0, 0, &[0; 8]),
        frame(DATA, 0, 3, b"x"),
        frame(HEADERS, END_HEADERS, 1, OK),
        frame(CONTINUATION, END_HEADERS, 3, &[]),
        frame(0x77, 0, 1, &[]),
    ] {
        assert_eq!(error(&[open.clone(), next].concat()), Http2Error::Interleaved);
    }
    assert_eq!(error(&frame(CONTINUATION, END_HEADERS, 1, OK)), Http2Error::StrayContinuation);
    let whole = [frame(HEADERS, END_HEADERS, 1, OK), frame(CONTINUATION, END_HEADERS, 1, &[])];
    assert_eq!(error(&whole.concat()), Http2Error::StrayContinuation);
}

#[test]
fn header_blocks_are_bounded() {
    let mut many = frame(HEADERS, 0, 1, OK);
    (0..64).for_each(|_| many.extend(frame(CONTINUATION, 0, 1, &[])));
    assert_eq!(error(&many), Http2Error::TooManyContinuations);
    let long = [frame(HEADERS, 0, 1, &[0x88; 4096]), frame(CONTINUATION, 0, 1, OK)].concat();
    assert_eq!(error(&long), Http2Error::BlockTooLong);
}

#[test]
fn header_blocks_that_cannot_be_decoded_end_the_connection() {
    use hpack::HpackError::{Index, Truncated};
    for (block, why) in [(&[0x80][..], Index), (&[0xff, 0xff], Truncated), (&[0xbe], Index)] {
        assert_eq!(error(&frame(HEADERS, END_HEADERS, 1, block)), Http2Error::Hpack(why));
    }
    // On a stream that nobody wants any more too.
    let mut client = Client::with(1);
    client.connection.cancel(1, 0, &mut client.out);
    assert_eq!(fails(&mut client, &frame(HEADERS, END_HEADERS, 1, &[0x80])), Http2Error::Hpack(Index));
}

#[test]
fn settings_have_ranges() {
    use Http2Error::{BadSetting, WindowOverflow};
    assert_eq!(error(&setting(2, 1)), BadSetting("ENABLE_PUSH"));
    assert_eq!(error(&setting(4, 1 << 31)), WindowOverflow);
    assert_eq!(error(&setting(5, 16_383)), BadSetting("MAX_FRAME_SIZE"));
    assert_eq!(error(&setting(5, 1 << 24)), BadSetting("MAX_FRAME_SIZE"));
    let mut client = Client::with(1);
    for (id, value) in [(2, 0), (4, (1 << 31) - 1), (5, 1 << 14), (5, (1 << 24) - 1), (1, 0), (8, 1), (0xfff, 9)] {
        assert_eq!(client.ok(&setting(id, value)), [Saw::It(Event::Settings)]);
        assert_eq!(client.sent(), [(SETTINGS, ACK, 0, vec![])]);
    }
}

#[test]
fn windows_do_not_overflow() {
    use Http2Error::{WindowOverflow, ZeroIncrement};
    assert_eq!(error(&window(0, (1 << 31) - 1)), WindowOverflow);
    assert_eq!(error(&window(0, 0)), ZeroIncrement);
    assert_eq!(error(&window(0, 1 << 31)), ZeroIncrement);
    // By a setting, where a stream had grown.
    let grown = [window(1, (1 << 31) - 1 - 65_533), setting(4, 65_536)].concat();
    assert_eq!(error(&grown), WindowOverflow);
}

#[test]
fn the_peer_must_not_push_or_go_on_after_the_end() {
    assert_eq!(error(&frame(PUSH, END_HEADERS, 1, &[0, 0, 0, 2, 0x82])), Http2Error::Pushed);
    let done = frame(HEADERS, END_HEADERS | END_STREAM, 1, OK);
    for late in [frame(DATA, 0, 1, b"x"), frame(HEADERS, END_HEADERS, 1, OK)] {
        assert_eq!(error(&[done.clone(), late].concat()), Http2Error::ClosedStream);
    }
    // What may be on its way when it ends.
    let mut client = Client::with(1);
    client.ok(&[done, window(1, 5), frame(RST, 0, 1, &[0; 4]), frame(PRIORITY, 0, 1, &[0; 5])].concat());
}

#[test]
fn floods_are_bounded() {
    for flood in [
        frame(PING, 0, 0, &[0; 8]),
        frame(SETTINGS, 0, 0, &[]),
        frame(SETTINGS, ACK, 0, &[]),
        frame(0x55, 0, 0, b"?"),
        frame(PRIORITY, 0, 9, &[0; 5]),
        frame(DATA, 0, 1, &[]),
        frame(HEADERS, END_HEADERS, 3, &block(&[(":status", "103")])),
        go_away(9, 0, b""),
    ] {
        let begun = frame(HEADERS, END_HEADERS, 1, OK);
        assert_eq!(error(&[begun.clone(), flood.repeat(1_001)].concat()), Http2Error::Flood);
        // With something useful between them, or spread over time, they are none.
        let mut client = Client::with(3);
        client.ok(&begun);
        for _ in 0..3 {
            client.ok(&flood.repeat(600));
            client.ok(&frame(DATA, 0, 1, b"x"));
        }
        for _ in 0..3 {
            client.now += 1_000_000_000;
            client.ok(&flood.repeat(900));
        }
    }
    let mut client = Client::with(1);
    client.ok(&frame(RST, 0, 1, &[0; 4]));
    assert_eq!(fails(&mut client, &frame(RST, 0, 1, &[0; 4]).repeat(1_001)), Http2Error::Flood);
}

#[test]
fn extensions_are_ignored_and_pings_answered() {
    let mut client = Client::with(1);
    let bytes = [
        frame(0x10, 0xff, 0, b"0000u=3"),
        frame(0xfe, 0, 77, &[1; 300]),
        frame(0x21, 0, 0, &[]),
        frame(PING, 0, 0, b"12345678"),
        frame(PING, ACK, 0, b"unasked."),
    ];
    assert_eq!(client.ok(&bytes.concat()), []);
    assert_eq!(client.sent(), [(PING, ACK, 0, b"12345678".to_vec())]);
}
