//! The h2 crate as the server, in memory: both must say the same of everything.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io::Cursor;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

type Fields = Vec<(String, String)>;

/// What is exchanged, and between whom.
#[derive(Clone, Debug)]
struct Setup {
    server_window: u32,
    server_frame: u32,
    server_streams: u32,
    client_window: u32,
    client_streams: u32,
    /// Bytes on their way in each direction.
    pipe: usize,
    turns: Vec<Turn>,
}

/// One request and its response.
#[derive(Clone, Debug)]
struct Turn {
    request: usize,
    response: usize,
    status: u16,
    fields: Fields,
    trailers: bool,
    /// We lose interest with the first byte.
    cancel: bool,
}

fn bytes(seed: usize, n: usize) -> Vec<u8> {
    (0..n).map(|i| (seed.wrapping_mul(31).wrapping_add(i * 7 + i / 251)) as u8).collect()
}

/// Long values are told by their length, so that a failure can be read.
fn spelled(name: &str, value: &str) -> String {
    match value.parse() {
        Ok(n) if name.starts_with("x-long-") => "z~".repeat(n),
        _ => value.to_owned(),
    }
}

async fn serve(io: DuplexStream, setup: Arc<Setup>) {
    let mut server = h2::server::Builder::new()
        .initial_window_size(setup.server_window)
        .max_frame_size(setup.server_frame)
        .max_concurrent_streams(setup.server_streams)
        .handshake::<_, Cursor<Vec<u8>>>(io)
        .await
        .expect("a handshake");
    while let Some(Ok((request, respond))) = server.accept().await {
        tokio::spawn(answer(request, respond, setup.clone()));
    }
}

/// A panic or an early end here resets the stream, which the client does not expect.
async fn answer(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Cursor<Vec<u8>>>,
    setup: Arc<Setup>,
) {
    let (parts, mut body) = request.into_parts();
    assert_eq!(parts.method, http::Method::POST);
    assert_eq!(parts.uri, "http://server:8000/v1/chat/completions");
    let field = |name: &str| parts.headers[name].to_str().expect("ASCII");
    let tag: usize = field("x-correlation-id").parse().expect("a number");
    let turn = &setup.turns[tag];
    assert_eq!(field("authorization"), "Bearer x");
    assert_eq!(field("content-length"), turn.request.to_string());
    assert_eq!(parts.headers.len(), 5);
    let mut received = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.expect("a piece");
        body.flow_control().release_capacity(piece.len()).expect("room");
        received.extend_from_slice(&piece);
    }
    assert_eq!(received, bytes(tag, turn.request));
    let mut response = http::Response::builder().status(turn.status);
    for (name, value) in &turn.fields {
        response = response.header(name, spelled(name, value));
    }
    let response = response.body(()).expect("a head");
    let empty = turn.response == 0 && !turn.trailers;
    let Ok(mut send) = respond.send_response(response, empty) else {
        return;
    };
    let body = bytes(!tag, turn.response);
    let mut left = body.len();
    for piece in body.chunks(1_500) {
        left -= piece.len();
        let end = left == 0 && !turn.trailers;
        if send.send_data(Cursor::new(piece.to_vec()), end).is_err() {
            return;
        }
    }
    if turn.trailers {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-checksum", http::HeaderValue::from_static("1"));
        let _ = send.send_trailers(trailers);
    }
    // Until all is sent, or nobody wants it.
    let _ = poll_fn(|cx| send.poll_reset(cx)).await;
}

/// Asks for everything and checks the bodies; gives all bytes that came and the tag of each stream.
async fn ask(mut io: DuplexStream, setup: &Setup) -> (Vec<u8>, Vec<u32>) {
    let config = Config {
        stream_window: setup.client_window,
        header_list_bytes: 1 << 17,
        header_fields: 64,
        streams: setup.client_streams,
    };
    let head = request_head(&[("Authorization", "Bearer x")]);
    let mut out = Vec::new();
    let mut connection = Connection::new(config, &mut out);
    let mut waiting: VecDeque<u32> = (0..setup.turns.len() as u32).collect();
    let mut bodies: HashMap<u32, Vec<u8>> = HashMap::new();
    let (mut raw, mut opened, mut done, mut unsent) = (vec![], vec![], 0, 0);
    // h2 does not say again what a stream may send when its own setting lowers a window that was used before: that
    // stream would stand.
    let mut ready = setup.server_window >= 65_535;
    let mut buffer = vec![0; 8192];
    while done < setup.turns.len() {
        while ready
            && connection.room() > 0
            && let Some(tag) = waiting.pop_front()
        {
            let body = bytes(tag as usize, setup.turns[tag as usize].request);
            match connection.open(tag, &head, 1, &tag.to_string(), &body, 0, &mut out) {
                Opened::All => {}
                Opened::Part => unsent += 1,
                Opened::Refused => panic!("there was room"),
            }
            opened.push(tag);
        }
        let read = poll_fn(|cx| {
            while !out.is_empty()
                && let Poll::Ready(wrote) = Pin::new(&mut io).poll_write(cx, &out)
            {
                out.drain(..wrote.expect("the server reads"));
            }
            let mut read = ReadBuf::new(&mut buffer);
            Pin::new(&mut io).poll_read(cx, &mut read).map(|done| {
                done.expect("the server writes");
                read.filled().len()
            })
        })
        .await;
        assert!(read > 0, "the server closed");
        raw.extend_from_slice(&buffer[..read]);
        let mut input = &buffer[..read];
        while let Some(event) = connection.receive(&mut input, 0, &mut out).expect("h2 keeps the rules") {
            match event {
                Event::Settings => ready = true,
                Event::BodySent { .. } => unsent -= 1,
                Event::Head { tag, head } => {
                    let turn = &setup.turns[tag as usize];
                    assert_eq!(head.status, turn.status);
                    let stream = turn.fields.iter().any(|(_, v)| v == "text/event-stream");
                    assert_eq!(head.event_stream, stream);
                    assert!(bodies.insert(tag, vec![]).is_none());
                }
                Event::Body { tag, bytes } => {
                    if setup.turns[tag as usize].cancel {
                        connection.cancel(tag, 0, &mut out);
                        done += 1;
                        continue;
                    }
                    bodies.get_mut(&tag).expect("a head").extend_from_slice(bytes);
                }
                Event::End { tag } => {
                    let turn = &setup.turns[tag as usize];
                    let body = bodies.get(&tag).expect("a head");
                    assert_eq!(*body, self::bytes(!(tag as usize), turn.response));
                    done += 1;
                }
                // It had not told its limit yet.
                Event::Reset { tag, untouched: true, .. } => waiting.push_back(tag),
                other => panic!("{other:?}"),
            }
        }
        assert!(input.is_empty());
    }
    assert_eq!(connection.open_streams(), 0);
    // A stream that was refused while its body waited never sends the rest.
    assert!(unsent >= 0 && unsent <= opened.len() as i64 - setup.turns.len() as i64);
    (raw, opened)
}

/// The first header block of each stream, decoded.
fn heads(mut raw: &[u8]) -> HashMap<u32, Fields> {
    let mut decoder = hpack::Decoder::new(4096);
    let (mut heads, mut block) = (HashMap::new(), vec![]);
    while let [l0, l1, l2, kind, flags, s0, s1, s2, s3, rest @ ..] = raw {
        let length = u32::from_be_bytes([0, *l0, *l1, *l2]) as usize;
        let stream = u32::from_be_bytes([*s0, *s1, *s2, *s3]);
        let Some((payload, rest)) = rest.split_at_checked(length) else {
            break;
        };
        raw = rest;
        if [HEADERS, CONTINUATION].contains(kind) {
            assert_eq!(flags & (PADDED | 0x20), 0, "h2 does neither");
            block.extend_from_slice(payload);
            if flags & END_HEADERS != 0 {
                let mut fields = Fields::new();
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("ASCII");
                let decoded = decoder.decode(&block, |n, v| fields.push((text(n), text(v))));
                decoded.expect("h2's block");
                heads.entry(stream).or_insert(fields);
                block.clear();
            }
        }
    }
    heads
}

fn turns(request: usize, response: usize) -> impl Strategy<Value = Vec<Turn>> {
    let field = prop_oneof![
        Just(("content-type".to_owned(), "text/event-stream".to_owned())),
        Just(("cache-control".to_owned(), "no-cache".to_owned())),
        Just(("set-cookie".to_owned(), "secret=1".to_owned())),
        "[!-~]([ -~]{0,60}[!-~])?".prop_map(|v| ("server".to_owned(), v)),
        ("x-[a-z0-9_]{1,9}", "[!-~]{0,30}"),
        ("x-long-[a-z]", 0_usize..20_000).prop_map(|(n, v)| (n, v.to_string())),
    ];
    let pool = vec(field, 1..12);
    let turn = (
        prop_oneof![Just(0), 0..=request],
        prop_oneof![Just(0), 0..=response],
        select(&[200_u16, 201, 404, 429, 500, 503, 599][..]),
        vec(any::<prop::sample::Index>(), 0..10),
        any::<bool>(),
        prop::bool::weighted(0.1),
    );
    (pool, vec(turn, 1..40)).prop_map(|(pool, turns)| {
        let turn = |(request, response, status, picks, trailers, cancel): (_, _, _, Vec<prop::sample::Index>, _, _)| {
            let mut fields = Fields::new();
            for pick in picks {
                let (name, value) = pick.get(&pool);
                // A head with all the long ones is over the limit.
                let long = fields.iter().filter(|(n, _)| n.starts_with("x-long")).count();
                if fields.iter().all(|(n, _)| n != name) && !(name.starts_with("x-long") && long == 2) {
                    fields.push((name.clone(), value.clone()));
                }
            }
            Turn { request, response, status, fields, trailers, cancel }
        };
        turns.into_iter().map(turn).collect()
    })
}

fn setups() -> impl Strategy<Value = Setup> {
    let windows = || select(&[1_u32, 17, 1_000, 65_535, 1 << 20][..]);
    (windows(), windows()).prop_flat_map(|(server_window, client_window)| {
        let most = |window: u32| (window as usize * 100).min(150_000);
        (
            select(&[16_384_u32, 20_000, 1 << 20][..]),
            select(&[1_u32, 3, 100][..]),
            select(&[1_u32, 5, 50][..]),
            select(&[64_usize, 4_096, 1 << 18][..]),
            turns(most(server_window), most(client_window)),
        )
            .prop_map(move |(server_frame, server_streams, client_streams, pipe, turns)| Setup {
                server_window,
                server_frame,
                server_streams,
                client_window,
                client_streams,
                pipe,
                turns,
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn we_and_h2_understand_one_another(setup in setups()) {
        let setup = Arc::new(setup);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (raw, opened) = runtime.block_on(async {
            let (ours, theirs) = tokio::io::duplex(setup.pipe);
            let server = tokio::spawn(serve(theirs, setup.clone()));
            let patience = Duration::from_secs(240);
            let answers = tokio::time::timeout(patience, ask(ours, &setup)).await.expect("progress");
            tokio::time::timeout(patience, server).await.expect("an end").expect("no panic");
            answers
        });
        for (stream, mut fields) in heads(&raw) {
            let turn = &setup.turns[opened[stream as usize / 2] as usize];
            let spell = |(n, v): &(String, String)| (n.clone(), spelled(n, v));
            let mut expected: Fields = turn.fields.iter().map(spell).collect();
            expected.push((":status".to_owned(), turn.status.to_string()));
            expected.sort();
            fields.sort();
            prop_assert_eq!(fields, expected);
        }
    }
}
