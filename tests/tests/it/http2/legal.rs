//! What a server may do, however odd: every request succeeds, on one connection, and nothing is complained of.

use super::{Act, Act::Answer, Act::Greeting};
use super::{LONG, messages, over_http2, play};
use ringload_tests::frames::*;
use ringload_tests::on_both;
use std::io;

#[test]
fn odd_answers_that_keep_the_rules_are_answers() {
    let rows: [(&str, Act); 14] = [
        (
            "trailers",
            Answer(|w, asked| {
                w.send(&head(asked.stream))?;
                w.send(&data(asked.stream, 0, &body()))?;
                let block = block(&[("x-load", "1"), ("x-cache", "none")]);
                let flags = END_HEADERS | END_STREAM;
                w.send(&frame(HEADERS, flags, asked.stream, &block))
            }),
        ),
        (
            "padding, and a priority",
            Answer(|w, asked| {
                let mut block = vec![7, 0x80, 0, 0, 0, 200];
                block.extend(stream_block());
                block.extend([0; 7]);
                let flags = END_HEADERS | PADDED | 0x20;
                w.send(&frame(HEADERS, flags, asked.stream, &block))?;
                let padded = [&[255][..], body().as_bytes(), &[0; 255]].concat();
                w.send(&frame(DATA, PADDED, asked.stream, &padded))?;
                w.send(&frame(DATA, PADDED | END_STREAM, asked.stream, &[3, 0, 0, 0]))
            }),
        ),
        (
            "interim heads",
            Answer(|w, asked| {
                for status in ["100", "103", "102"] {
                    let block = block(&[(":status", status), ("link", "</x>")]);
                    w.send(&frame(HEADERS, END_HEADERS, asked.stream, &block))?;
                }
                w.send(&chat(asked.stream))
            }),
        ),
        (
            "a head in many frames",
            Answer(|w, asked| {
                let block = stream_block();
                w.send(&frame(HEADERS, 0, asked.stream, &block[..1]))?;
                let (last, middle) = block[1..].split_last().unwrap();
                for byte in middle {
                    w.send(&frame(CONTINUATION, 0, asked.stream, &[*byte]))?;
                }
                w.send(&frame(CONTINUATION, END_HEADERS, asked.stream, &[*last]))?;
                w.send(&data(asked.stream, END_STREAM, &body()))
            }),
        ),
        (
            "a frame a byte",
            Answer(|w, asked| {
                w.send(&head(asked.stream))?;
                let body = body();
                let frames = body.bytes().map(|b| frame(DATA, 0, asked.stream, &[b]));
                w.send(&frames.collect::<Vec<_>>().concat())?;
                w.send(&data(asked.stream, END_STREAM, ""))
            }),
        ),
        (
            "a segment a byte",
            Answer(|w, asked| {
                let bytes = chat(asked.stream);
                bytes.iter().try_for_each(|byte| w.send(&[*byte]))
            }),
        ),
        (
            "the largest frame",
            Answer(|w, asked| {
                // Within the window: most of it is a comment, in pieces that leave room for it to be filled up.
                w.send(&head(asked.stream))?;
                for _ in 0..4 {
                    let comment = format!(":{}\n", " ".repeat(9_000));
                    w.send(&data(asked.stream, 0, &comment))?;
                    w.until(WINDOW_UPDATE, 0)?;
                }
                w.send(&data(asked.stream, END_STREAM, &body()))
            }),
        ),
        (
            "a body of its length",
            Answer(|w, asked| {
                let length = body().len().to_string();
                let block = [stream_block(), block(&[("content-length", &length)])].concat();
                w.send(&frame(HEADERS, END_HEADERS, asked.stream, &block))?;
                w.send(&data(asked.stream, END_STREAM, &body()))
            }),
        ),
        (
            "a head from the table",
            Answer(|w, asked| {
                // :status 200 as the eighth entry; content-type by the name of the 31st, into the table and out of it.
                let mut block = vec![0x88, 0x5f, 17];
                block.extend(b"text/event-stream");
                w.send(&frame(HEADERS, END_HEADERS, asked.stream, &block))?;
                w.send(&data(asked.stream, END_STREAM, &body()))?;
                let next = w.request()?.stream;
                w.send(&frame(HEADERS, END_HEADERS, next, &[0x88, 0xbe]))?;
                w.send(&data(next, END_STREAM, &body()))
            }),
        ),
        (
            "a ping that is answered",
            Answer(|w, asked| {
                w.send(&head(asked.stream))?;
                w.send(&frame(PING, 0, 0, b"are you?"))?;
                if w.until(PING, ACK)?.payload != b"are you?" {
                    return Err(io::Error::other("another ping"));
                }
                w.send(&data(asked.stream, END_STREAM, &body()))
            }),
        ),
        (
            "settings that change",
            Answer(|w, asked| {
                w.send(&head(asked.stream))?;
                let all = [(1, 0), (3, 50), (4, 100), (5, 20_000), (6, 9), (0x99, 1)];
                w.send(&settings(&all))?;
                w.until(SETTINGS, ACK)?;
                w.send(&settings(&[(INITIAL_WINDOW_SIZE, 1_000_000)]))?;
                w.until(SETTINGS, ACK)?;
                w.send(&data(asked.stream, END_STREAM, &body()))
            }),
        ),
        (
            "frames that nobody knows",
            Answer(|w, asked| {
                w.send(&frame(0xa, 0, 0, b"\0\0alt"))?;
                w.send(&frame(0xc, 0, asked.stream, b""))?;
                w.send(&head(asked.stream))?;
                w.send(&frame(0xef, 0xff, 77, &[1; 3_000]))?;
                w.send(&frame(2, 0, 11, &[0; 5]))?;
                w.send(&data(asked.stream, END_STREAM, &body()))
            }),
        ),
        (
            "a reset after the whole answer",
            Answer(|w, asked| {
                w.send(&chat(asked.stream))?;
                w.send(&number(RST_STREAM, asked.stream, 0))
            }),
        ),
        (
            "settings in a slow hand",
            Greeting(|w| {
                w.preface()?;
                let bytes = settings(&[(INITIAL_WINDOW_SIZE, 70_000)]);
                bytes.iter().try_for_each(|byte| w.send(&[*byte]))
            }),
        ),
    ];
    on_both(|io| {
        for (what, act) in rows {
            let scene = play(act, io).fails(what, &[]);
            assert_eq!(scene.peer.connections(), 1, "{what}");
            assert_eq!(scene.peer.requests(), 3, "{what}");
            let codes = [scene.peer.codes(RST_STREAM), scene.peer.codes(GOAWAY)];
            assert!(codes.concat().is_empty(), "{what}: {codes:?}");
            assert_eq!(scene.ended.count("reconnects"), 0, "{what}");
        }
    });
}

#[test]
fn a_request_is_what_the_rfc_says() {
    on_both(|io| {
        let scene = play(Greeting(|w| w.greet(&[])), io).fails("a plain run", &[]);
        let frames = scene.peer.frames();
        let first: Vec<_> = frames.iter().take(2).map(|f| (f.kind, f.stream)).collect();
        assert_eq!(first, [(SETTINGS, 0), (WINDOW_UPDATE, 0)]);
        let heads: Vec<_> = frames.iter().filter(|f| f.kind == HEADERS).collect();
        let streams: Vec<_> = heads.iter().map(|f| f.stream).collect();
        assert_eq!(streams, [1, 3, 5]);
        for head in heads {
            assert_eq!(head.flags, END_HEADERS);
            // :method POST and :scheme http, of the static table.
            let holds = |index: u8| head.payload.contains(&(0x80 | index));
            assert!(holds(3) && holds(6), "{:?}", head.payload);
        }
        let bodies: Vec<_> = frames.iter().filter(|f| f.kind == DATA).collect();
        assert_eq!(bodies.len(), 3);
        for body in bodies {
            assert_eq!(body.flags, END_STREAM);
            assert!(body.payload.starts_with(b"{") && body.payload.ends_with(b"}"));
        }
    });
}

#[test]
fn a_body_goes_out_as_the_windows_of_the_server_allow() {
    on_both(|io| {
        // Seven bytes at first; the rest as they are asked for, on the stream and on the connection.
        let peer = Peer2::start(|w, _| {
            w.greet(&[(INITIAL_WINDOW_SIZE, 7)])?;
            // What was sent before the settings came may be more, and the window is then below nothing.
            loop {
                let stream = w.until(HEADERS, END_HEADERS)?.stream;
                w.send(&number(WINDOW_UPDATE, stream, 70_000))?;
                let mut sent = 0;
                loop {
                    let piece = w.until(DATA, 0)?;
                    assert!(piece.payload.len() <= 16_384);
                    sent += piece.payload.len();
                    w.send(&number(WINDOW_UPDATE, 0, piece.payload.len() as u32))?;
                    w.send(&number(WINDOW_UPDATE, stream, 5_000))?;
                    if piece.flags & END_STREAM != 0 {
                        break;
                    }
                }
                assert!(sent > 65_535, "more than a window: {sent}");
                w.send(&chat(stream))?;
            }
        });
        let ended = over_http2(&peer, io, LONG)
            .args(["--isl", "40000", "--num-dataset-entries", "1"])
            .args(["--concurrency", "1", "--request-count", "3"])
            .run()
            .all_well();
        assert_eq!((ended.count("succeeded"), peer.connections()), (3, 1));
        for record in ended.records() {
            assert!(record["error"].is_null());
        }
    });
}

#[test]
fn a_server_that_takes_one_stream_a_connection_is_given_one() {
    on_both(|io| {
        let peer = Peer2::start(|w, _| {
            w.greet(&[(MAX_CONCURRENT_STREAMS, 1)])?;
            loop {
                let asked = w.request()?;
                w.send(&head(asked.stream))?;
                // Long enough for another request to come, if one would: the client answers in order.
                w.send(&frame(PING, 0, 0, b"anybody?"))?;
                if w.until(PING, ACK).is_err() {
                    return Ok(());
                }
                w.send(&data(asked.stream, END_STREAM, &body()))?;
            }
        });
        let ended = over_http2(&peer, io, LONG).args(["--concurrency", "9", "--request-count", "90"]).run().all_well();
        assert_eq!(ended.count("succeeded"), 90);
        let connections = peer.connections();
        assert!((2..=9).contains(&connections), "{connections}");
        assert_eq!(peer.requests(), 90);
    });
}

#[test]
fn a_server_that_lowers_its_limit_of_streams_is_obeyed() {
    on_both(|io| {
        let peer = Peer2::start(|w, connection| {
            w.greet(&[(MAX_CONCURRENT_STREAMS, 100)])?;
            if connection > 0 {
                return w.serve();
            }
            let asked: Vec<_> = (0..4).map(|_| w.request()).collect::<io::Result<_>>()?;
            w.send(&settings(&[(MAX_CONCURRENT_STREAMS, 1)]))?;
            w.until(SETTINGS, ACK)?;
            for asked in asked {
                w.send(&chat(asked.stream))?;
            }
            // From here on never two at a time.
            loop {
                let asked = w.request()?;
                w.send(&frame(PING, 0, 0, b"anybody?"))?;
                loop {
                    let frame = w.frame()?;
                    assert_ne!(frame.kind, HEADERS, "a second stream");
                    if (frame.kind, frame.flags) == (PING, ACK) {
                        break;
                    }
                }
                w.send(&chat(asked.stream))?;
            }
        });
        let ended = over_http2(&peer, io, LONG).args(["--concurrency", "4", "--request-count", "40"]).run().all_well();
        assert_eq!(ended.count("succeeded"), 40);
        assert_eq!(peer.requests(), 40, "none was refused and sent again");
    });
}

#[test]
fn a_server_that_takes_no_streams_is_told_apart() {
    on_both(|io| {
        let peer = Peer2::start(|w, _| {
            w.greet(&[(MAX_CONCURRENT_STREAMS, 0)])?;
            loop {
                let asked = w.request()?;
                w.send(&number(RST_STREAM, asked.stream, 7))?;
            }
        });
        let ended = over_http2(&peer, io, LONG)
            .args(["--concurrency", "3", "--request-count", "6", "--connect-timeout-seconds", "0.3"])
            .args(["--verbose"])
            .run()
            .exits(3);
        assert_eq!(ended.failures(), [("http2_refused".to_owned(), 6)].into());
        let said = messages(&ended);
        let limit = "the server allows 0 streams on a connection (SETTINGS_MAX_CONCURRENT_STREAMS)";
        assert_eq!(said.matches(limit).count(), 6, "{said}");
        assert_eq!(peer.connections(), 1, "no other could help");
        assert!(ended.stdout.contains("the server allows 0 streams a connection"), "{}", ended.stdout);
        assert!(!ended.stdout.contains("not the server's doing"), "{}", ended.stdout);
    });
}

#[test]
fn requests_go_when_later_settings_let_them() {
    on_both(|io| {
        let peer = Peer2::start(|w, _| {
            w.greet(&[(MAX_CONCURRENT_STREAMS, 0)])?;
            let early = w.request()?;
            w.send(&number(RST_STREAM, early.stream, 7))?;
            w.send(&settings(&[(MAX_CONCURRENT_STREAMS, 3)]))?;
            w.serve()
        });
        let ended = over_http2(&peer, io, LONG).args(["--concurrency", "3", "--request-count", "6"]).run().all_well();
        assert_eq!((ended.count("succeeded"), peer.connections()), (6, 1));
        assert_eq!(ended.count("reconnects"), 1, "the one that was refused");
        let limits = ended.report()["summary"]["network"]["connections"].clone();
        assert_eq!((&limits["max_streams_least"], &limits["max_streams_most"]), (&0.into(), &3.into()));
    });
}
