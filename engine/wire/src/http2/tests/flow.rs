//! Windows, and what may be sent when.

use super::*;

/// The DATA frames sent since the last call: stream, length, whether it ends the stream.
fn data(client: &mut Client) -> Vec<(u32, usize, bool)> {
    let sent = client.sent().into_iter().filter(|f| f.0 == DATA);
    sent.map(|(_, flags, stream, body)| (stream, body.len(), flags == END_STREAM)).collect()
}

#[test]
fn a_connection_begins_with_the_preface_the_settings_and_the_window() {
    let client = Client::new(CONFIG);
    let rest = client.out.strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("the preface");
    let settings = [[0, 1, 0, 0, 0x10, 0], [0, 2, 0, 0, 0, 0], [0, 4, 0, 0, 0xff, 0xff], [0, 6, 0, 0, 0x10, 0]];
    let window = 0x7fff_0000_u32.to_be_bytes().to_vec();
    assert_eq!(frames(rest), [(SETTINGS, 0, 0, settings.concat()), (WINDOW, 0, 0, window)]);
}

#[test]
fn requests_are_sent_whole_where_the_windows_allow() {
    let mut client = Client::with(0);
    assert_eq!(client.open(1, b"{}"), Opened::All);
    assert_eq!(client.open(2, b""), Opened::All);
    let sent = client.sent();
    let flags: Vec<_> = sent.iter().map(|(kind, flags, stream, _)| (*kind, *flags, *stream)).collect();
    assert_eq!(flags, [(HEADERS, END_HEADERS, 1), (DATA, END_STREAM, 1), (HEADERS, END_HEADERS | END_STREAM, 3)]);
    assert_eq!(sent[0].3[0], 0x20, "the first block says that there is no table");
    assert_eq!(sent[2].3[0], 0x83, "the others begin with the method");
}

#[test]
fn large_bodies_wait_for_the_window_and_follow() {
    let mut client = Client::with(0);
    client.now = 100;
    let body = vec![b'x'; 100_000];
    assert_eq!(client.open(1, &body), Opened::Part);
    assert_eq!(data(&mut client).iter().map(|d| d.1).sum::<usize>(), 65_535);
    assert_eq!(client.open(2, b"y"), Opened::Part, "the connection's window is used up too");
    client.now = 400;
    assert_eq!(client.ok(&window(1, 50_000)), [], "not yet the connection's");
    assert_eq!(client.ok(&window(0, 34_465)), [Saw::It(Event::BodySent { tag: 1 })]);
    let sent = data(&mut client);
    assert_eq!(sent, [(1, 16_384, false), (1, 16_384, false), (1, 1_697, true)]);
    assert_eq!(client.connection.window_zero(client.now), 300, "one still waits");
    client.now = 1_100;
    assert_eq!(client.ok(&window(0, 9)), [Saw::It(Event::BodySent { tag: 2 })]);
    assert_eq!(data(&mut client), [(3, 1, true)]);
    assert_eq!(client.connection.window_zero(client.now), 1_000);
}

#[test]
fn a_window_that_the_peer_lowers_may_be_negative() {
    let mut client = Client::with(0);
    assert_eq!(client.open(1, &[0; 40_000]), Opened::All);
    client.ok(&setting(4, 10));
    assert_eq!(client.open(2, &[0; 20]), Opened::Part);
    client.ok(&setting(4, 5));
    client.sent();
    client.ok(&window(3, 5));
    assert_eq!(data(&mut client), [], "5 bytes below nothing, and back");
    assert_eq!(client.ok(&window(3, 4)), []);
    assert_eq!(data(&mut client), [(3, 4, false)]);
    assert_eq!(client.ok(&setting(4, 11)), [Saw::It(Event::BodySent { tag: 2 }), Saw::It(Event::Settings)]);
    assert_eq!(data(&mut client), [(3, 6, true)]);
}

#[test]
fn frames_are_as_large_as_the_peer_takes_them() {
    let mut client = Client::with(0);
    client.ok(&setting(5, 40_000));
    client.sent();
    client.open(1, &[0; 60_000]);
    assert_eq!(data(&mut client), [(1, 40_000, false), (1, 20_000, true)]);
}

#[test]
fn a_large_head_goes_out_in_continuations() {
    let mut client = Client::with(0);
    let value = "~".repeat(20_000);
    let head = request_head(&[("x-large", &value)]);
    let opened = client.connection.open(1, &head, 0, "", b"", 0, &mut client.out);
    assert_eq!(opened, Opened::All);
    let sent = client.sent();
    let flags: Vec<_> = sent.iter().map(|(kind, flags, _, body)| (*kind, *flags, body.len() == 16_384)).collect();
    assert_eq!(flags, [(HEADERS, END_STREAM, true), (CONTINUATION, END_HEADERS, false)]);
    let block: Vec<u8> = sent.into_iter().flat_map(|f| f.3).collect();
    let mut found = false;
    let mut decoder = hpack::Decoder::new(4096);
    let decoded = decoder.decode(&block, |n, v| found |= n == b"x-large" && v == value.as_bytes());
    assert_eq!((decoded, found), (Ok(()), true));
}

#[test]
fn the_room_is_the_smaller_of_both_limits() {
    let mut client = Client::new(Config { streams: 3, ..CONFIG });
    assert_eq!(client.connection.room(), 3);
    client.open(1, b"");
    client.ok(&setting(3, 2));
    assert_eq!(client.connection.room(), 1);
    client.open(2, b"");
    assert_eq!(client.open(3, b""), Opened::Refused);
    client.ok(&setting(3, 0));
    assert_eq!((client.connection.room(), client.connection.open_streams()), (0, 2));
    client.ok(&setting(3, 1_000));
    assert_eq!(client.connection.room(), 1);
}

#[test]
fn our_windows_are_filled_up_when_half_of_them_is_used() {
    let mut client = Client::with(2);
    client.ok(&frame(HEADERS, END_HEADERS, 1, OK));
    client.ok(&frame(DATA, 0, 1, &[0; 16_384]));
    assert!(client.sent().is_empty());
    // Padding counts: 16 383 bytes more make half.
    client.ok(&frame(DATA, PADDED, 1, &[&[200][..], &[0; 16_382]].concat()));
    assert!(client.sent().is_empty());
    client.ok(&frame(DATA, 0, 1, &[0; 1]));
    assert_eq!(client.sent(), [(WINDOW, 0, 1, 32_768_u32.to_be_bytes().to_vec())]);
    // The connection's, over its streams and those that are gone: 2^30 bytes.
    client.connection.cancel(1, 0, &mut client.out);
    client.out.clear();
    let piece = frame(DATA, 0, 1, &[0; 16_384]);
    for _ in 0..(1 << 30) / 16_384 - 3 {
        client.ok(&piece);
    }
    assert!(client.sent().is_empty());
    client.ok(&piece);
    let sent = client.sent();
    assert_eq!((sent[0].0, sent[0].2), (WINDOW, 0));
    assert_eq!(sent[0].3, (1_u32 << 30).to_be_bytes());
}

#[test]
fn a_peer_that_ignores_the_window_of_a_stream_loses_it() {
    let small = Config { stream_window: 10, ..CONFIG };
    let begun = [frame(SETTINGS, 0, 0, &[]), frame(SETTINGS, ACK, 0, &[]), frame(HEADERS, END_HEADERS, 1, OK)];
    let mut client = Client::new(small);
    client.open(1, b"");
    client.ok(&begun.concat());
    client.now = 5;
    // All of it at once: it is filled up at once, but the peer may have waited.
    client.ok(&frame(DATA, 0, 1, &[0; 10]));
    client.now = 8;
    assert_eq!(client.ok(&frame(DATA, 0, 1, &[0; 11])), [broken(1, StreamError::WindowExceeded)]);
    let mut client = Client::new(small);
    client.open(1, b"");
    client.ok(&begun.concat());
    client.now = 5;
    client.ok(&frame(DATA, 0, 1, &[0; 10]));
    client.now = 8;
    client.ok(&frame(DATA, END_STREAM, 1, &[0; 1]));
    assert_eq!(client.connection.receive_window_zero(), 3);
    // Before it knows the setting it may use what every stream has at first.
    let mut client = Client::new(small);
    client.open(1, b"");
    client.ok(&[&begun[0][..], &begun[2]].concat());
    assert_eq!(client.ok(&frame(DATA, 0, 1, &[0; 16_384])), [Saw::Body(1, vec![0; 16_384])]);
}

#[test]
fn a_stream_window_that_overflows_or_does_not_grow_ends_the_stream() {
    let mut client = Client::with(3);
    assert_eq!(client.ok(&window(1, (1 << 31) - 1)), [broken(1, StreamError::WindowOverflow)]);
    assert_eq!(client.ok(&window(3, 0)), [broken(2, StreamError::ZeroIncrement)]);
    assert_eq!(client.ok(&frame(PRIORITY, 0, 5, &[0; 4])), [broken(3, StreamError::BadPriority)]);
    assert_eq!(client.ok(&window(1, 0)), [], "it is gone");
}

#[test]
fn a_server_may_answer_before_it_has_the_whole_request() {
    let mut client = Client::with(0);
    assert_eq!(client.open(1, &[0; 70_000]), Opened::Part);
    client.sent();
    let bytes = [frame(HEADERS, END_HEADERS | END_STREAM, 1, OK), frame(RST, 0, 1, &[0; 4]), window(0, 70_000)];
    assert_eq!(client.ok(&bytes.concat()), [head(1), end(1)]);
    assert_eq!(client.sent(), [(RST, 0, 1, 8_u32.to_be_bytes().to_vec())]);
}

#[test]
fn a_wait_for_the_window_counts_when_its_request_is_cancelled_and_while_it_goes_on() {
    let mut client = Client::with(0);
    client.now = 100;
    assert_eq!(client.open(1, &[0; 70_000]), Opened::Part);
    assert_eq!(client.open(2, b"{}"), Opened::Part);
    assert_eq!(client.connection.window_zero(350), 250, "it goes on");
    client.connection.cancel(1, 400, &mut client.out);
    client.connection.cancel(2, 600, &mut client.out);
    assert_eq!(client.connection.window_zero(9_000), 500);
}

/// A peer that gives back what each DATA frame took, as soon as it is there, on the stream and on the connection, until
/// `bodies` are sent. How many DATA frames that takes.
fn frames_to_a_peer_that_returns_each_frame(bodies: &[usize]) -> usize {
    let mut client = Client::with(0);
    let mut unsent = 0;
    for (tag, body) in (1..).zip(bodies) {
        unsent += usize::from(client.open(tag, &vec![0; *body]) == Opened::Part);
    }
    let (mut frames, mut taken) = (0, 0);
    let mut returned = std::collections::VecDeque::new();
    loop {
        for (stream, length, ends) in data(&mut client) {
            (frames, taken) = (frames + 1, taken + length);
            returned.push_back(window(0, length as u32));
            if !ends {
                returned.push_back(window(stream, length as u32));
            }
        }
        let Some(update) = returned.pop_front() else {
            break;
        };
        unsent -= client.ok(&update).len();
    }
    assert_eq!((unsent, taken), (0, bodies.iter().sum()));
    frames
}

#[test]
fn a_peer_that_returns_its_window_frame_by_frame_is_not_sent_slivers() {
    // 32 streams share a connection's window of 65 535 bytes, and end at odd places.
    let bodies: Vec<usize> = (0..32).map(|k| 300_000 + 977 * k).collect();
    let needed: usize = bodies.iter().map(|body| body.div_ceil(16_384)).sum();
    let frames = frames_to_a_peer_that_returns_each_frame(&bodies);
    assert!(frames <= needed + needed / 4, "{frames} frames of {needed}");
}

#[test]
fn a_part_of_a_window_that_is_withheld_goes_out_when_no_more_comes() {
    let mut client = Client::with(0);
    client.now = 1;
    assert_eq!(client.open(1, &[0; 100_000]), Opened::Part);
    assert_eq!(client.connection.withheld_since(), None, "all of the first window is used");
    client.sent();
    client.now = 10;
    client.ok(&[window(0, 1_000), window(1, 1_000)].concat());
    assert_eq!(data(&mut client), []);
    assert_eq!(client.connection.withheld_since(), Some(10));
    client.connection.send_withheld(10 + SLIVER_WAIT, &mut client.out);
    assert_eq!(data(&mut client), [(1, 1_000, false)]);
    assert_eq!(client.connection.withheld_since(), None);
    // What ends the body is no sliver, however small.
    client.ok(&[window(0, 40_000), window(1, 40_000)].concat());
    let sent: usize = data(&mut client).iter().map(|d| d.1).sum();
    assert_eq!(sent, 33_465);
    // A peer that opens small windows on purpose is not made to wait for ever.
    client.open(3, &[0; 100_000]);
    client.sent();
    for _ in 0..3 {
        client.ok(&[window(0, 500), window(3, 500)].concat());
        client.connection.send_withheld(0, &mut client.out);
    }
    client.sent();
    client.ok(&[window(0, 500), window(3, 500)].concat());
    assert_eq!(data(&mut client).len(), 1, "at once");
}

#[test]
fn windows_are_given_back_in_steps_of_more_than_half() {
    for (size, step) in [(65_536, 32_769), (5_119, 2_560), (4_096, 2_560), (3_000, 2_250), (100, 75), (1, 1)] {
        let mut window = super::super::window::ReceiveWindow::new(size);
        let mut steps = Vec::new();
        for now in 0..4 * size as u64 {
            assert!(window.take(1, 0, now).is_some(), "{size}");
            steps.extend(window.refill());
        }
        assert!(steps.iter().all(|s| *s == step), "{size}: {steps:?}");
    }
}

#[test]
fn frames_read_in_one_step_return_the_window_too() {
    let mut client = Client::with(1);
    client.ok(&frame(HEADERS, END_HEADERS, 1, OK));
    let (all, step) = (frame(DATA, 0, 1, &[b'x'; 1_000]), 33_000);
    for _ in 0..32 {
        assert_eq!(client.ok(&all), [Saw::Body(1, vec![b'x'; 1_000])]);
    }
    assert_eq!(client.sent(), [], "less than half is used");
    client.ok(&all);
    assert_eq!(client.sent(), [(WINDOW, 0, 1, u32::to_be_bytes(step).to_vec())]);
}
