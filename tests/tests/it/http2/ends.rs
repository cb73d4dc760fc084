//! Streams and connections that a server ends before their time, or says that it will.

use super::{Act::Answer, messages, over_http2, play};
use ringload_tests::frames::*;
use ringload_tests::on_both;

#[test]
fn a_stream_that_the_server_resets_fails_under_its_code_and_the_connection_serves_on() {
    on_both(|io| {
        for (act, cause, says) in [
            (Answer(|w, asked| w.send(&number(RST_STREAM, asked.stream, 7))), "http2_refused", "REFUSED_STREAM"),
            (Answer(|w, asked| w.send(&number(RST_STREAM, asked.stream, 8))), "http2_reset", "CANCEL"),
            (Answer(|w, asked| w.send(&number(RST_STREAM, asked.stream, 2))), "http2_reset", "INTERNAL_ERROR"),
            (Answer(|w, asked| w.send(&number(RST_STREAM, asked.stream, 0xd))), "http2_reset", "over HTTP/1.1 alone"),
            (
                Answer(|w, asked| {
                    w.send(&head(asked.stream))?;
                    w.send(&token(asked.stream))?;
                    w.send(&number(RST_STREAM, asked.stream, 2))
                }),
                "http2_reset",
                "INTERNAL_ERROR",
            ),
            (
                Answer(|w, asked| {
                    w.send(&head(asked.stream))?;
                    w.send(&token(asked.stream))?;
                    w.send(&number(RST_STREAM, asked.stream, 0x1234))
                }),
                "http2_reset",
                "0x1234",
            ),
            (
                Answer(|w, asked| {
                    w.send(&number(RST_STREAM, asked.stream, 8))?;
                    // It goes on after its own reset: told so once, and ignored.
                    w.send(&chat(asked.stream))
                }),
                "http2_reset",
                "CANCEL",
            ),
        ] {
            let scene = play(act, io).fails(says, &[(cause, 1)]);
            let said = messages(&scene.ended);
            assert!(said.contains("the server reset the stream"), "{said}");
            assert!(said.contains(says), "{said}");
            assert_eq!(scene.peer.connections(), 1, "{says}");
            assert_eq!(scene.peer.requests(), 3, "none is sent twice");
            assert!(scene.peer.codes(GOAWAY).is_empty(), "{says}");
        }
    });
}

#[test]
fn answers_that_end_in_order_but_lack_something_fail_alone() {
    on_both(|io| {
        for (act, cause, says) in [
            (
                Answer(|w, asked| {
                    let flags = END_HEADERS | END_STREAM;
                    w.send(&frame(HEADERS, flags, asked.stream, &stream_block()))
                }),
                "truncated",
                "the stream ended after 0 output events",
            ),
            (
                Answer(|w, asked| {
                    w.send(&head(asked.stream))?;
                    w.send(&data(asked.stream, END_STREAM, DONE))
                }),
                "no_output",
                "the stream ended in order without any output",
            ),
            (
                Answer(|w, asked| {
                    w.send(&head(asked.stream))?;
                    w.send(&data(asked.stream, END_STREAM, TOKEN))
                }),
                "truncated",
                "the stream ended after 1 output events",
            ),
            (
                Answer(|w, asked| {
                    let block = block(&[(":status", "503")]);
                    w.send(&frame(HEADERS, END_HEADERS, asked.stream, &block))?;
                    w.send(&data(asked.stream, END_STREAM, "{\"error\":\"overloaded\"}"))
                }),
                "http_status",
                "overloaded",
            ),
        ] {
            let scene = play(act, io).fails(says, &[(cause, 1)]);
            let said = messages(&scene.ended);
            assert!(said.contains(says), "{said}");
            assert_eq!(scene.peer.connections(), 1, "{says}");
            let codes = [scene.peer.codes(RST_STREAM), scene.peer.codes(GOAWAY)];
            assert!(codes.concat().is_empty(), "{says}: {codes:?}");
        }
    });
}

#[test]
fn a_connection_that_ends_under_a_request_fails_it_and_the_next_makes_another() {
    on_both(|io| {
        for (act, cause, says) in [
            (Answer(|w, _| w.send_and_close(b"")), "closed_before_response", "the server closed the HTTP/2 connection"),
            (
                Answer(|w, asked| w.send_and_close(&[head(asked.stream), token(asked.stream)].concat())),
                "truncated",
                "the server closed the HTTP/2 connection",
            ),
            (
                // In the middle of a frame.
                Answer(|w, asked| {
                    let front = head(asked.stream).len() + 20;
                    w.send_and_close(&chat(asked.stream)[..front])
                }),
                "truncated",
                "the server closed the HTTP/2 connection",
            ),
            (
                Answer(|w, asked| {
                    w.send(&head(asked.stream))?;
                    w.reset()
                }),
                "reset",
                "os error",
            ),
            (
                Answer(|w, asked| {
                    w.send_and_close(
                        &[head(asked.stream), token(asked.stream), go_away(asked.stream, 11, b"too many tokens")]
                            .concat(),
                    )
                }),
                "http2_goaway",
                "the server went away (ENHANCE_YOUR_CALM: too many tokens) and closed",
            ),
            (
                Answer(|w, asked| w.send_and_close(&go_away(asked.stream, 2, b""))),
                "http2_goaway",
                "the server went away (INTERNAL_ERROR) and closed",
            ),
        ] {
            let scene = play(act, io).fails(says, &[(cause, 1)]);
            let said = messages(&scene.ended);
            assert!(said.contains(says), "{said}");
            assert_eq!(scene.peer.connections(), 2, "{says}");
            assert_eq!(scene.peer.requests(), 3, "none is sent twice");
            assert_eq!(scene.ended.count("reconnects"), 0, "{says}");
        }
    });
}

#[test]
fn a_stream_that_said_that_it_is_over_has_lost_nothing_when_the_connection_ends() {
    on_both(|io| {
        let act = Answer(|w, asked| w.send_and_close(&[head(asked.stream), data(asked.stream, 0, &body())].concat()));
        let scene = play(act, io).fails("[DONE] and a close", &[]);
        assert_eq!(scene.peer.connections(), 2);
    });
}

#[test]
fn a_server_that_goes_away_finishes_what_it_began() {
    on_both(|io| {
        let act = Answer(|w, asked| {
            w.send(&head(asked.stream))?;
            w.send(&token(asked.stream))?;
            w.send(&go_away(asked.stream, 0, b"maintenance"))?;
            w.send(&data(asked.stream, END_STREAM, &body()))
        });
        let scene = play(act, io).fails("a graceful end", &[]);
        assert_eq!(scene.peer.connections(), 2);
        assert_eq!(scene.ended.count("reconnects"), 0);
    });
}

#[test]
fn a_server_that_goes_away_in_two_steps_costs_no_request() {
    on_both(|io| {
        // RFC 9113 §6.8: first the largest id, as a warning, then the true one.
        let act = Answer(|w, asked| {
            w.send(&go_away((1 << 31) - 1, 0, b""))?;
            w.send(&frame(PING, 0, 0, b"a round!"))?;
            w.until(PING, ACK)?;
            w.send(&go_away(asked.stream, 0, b""))?;
            w.send(&chat(asked.stream))
        });
        let scene = play(act, io).fails("a graceful end", &[]);
        assert_eq!(scene.peer.connections(), 2);
        assert_eq!(scene.ended.count("reconnects"), 0);
    });
}

#[test]
fn a_server_that_refuses_while_it_goes_away_costs_no_request() {
    on_both(|io| {
        // It refuses in words what its last GOAWAY would have left out.
        let act = Answer(|w, asked| {
            w.send(&go_away((1 << 31) - 1, 0, b""))?;
            w.send(&number(RST_STREAM, asked.stream, 7))
        });
        let scene = play(act, io).fails("a graceful end", &[]);
        assert_eq!(scene.peer.connections(), 2);
        assert_eq!(scene.ended.count("reconnects"), 1);
    });
}

#[test]
fn a_silent_stream_meets_its_time_out_and_is_cancelled_alone() {
    on_both(|io| {
        let peer = Peer2::start(|w, _| {
            w.greet(&[])?;
            let silent = w.request()?;
            assert_eq!(w.until(RST_STREAM, 0)?.stream, silent.stream);
            // An answer that comes too late is nobody's.
            w.send(&chat(silent.stream))?;
            w.serve()
        });
        let ended = over_http2(&peer, io, "1.5").args(["--concurrency", "1", "--request-count", "3"]).run().exits(0);
        assert_eq!(ended.failures(), [("timeout".to_owned(), 1)].into());
        assert_eq!(ended.count("succeeded"), 2);
        assert_eq!((peer.codes(RST_STREAM), peer.connections()), (vec![8], 1));
    });
}

#[test]
fn a_server_that_never_greets_meets_the_time_out() {
    on_both(|io| {
        let peer = Peer2::start(|w, _| {
            w.stay_mute()?;
            w.until(GOAWAY, 0).map(drop)
        });
        let ended = over_http2(&peer, io, "0.4").args(["--concurrency", "3", "--request-count", "3"]).run().exits(3);
        assert_eq!(ended.failures(), [("timeout".to_owned(), 3)].into());
        assert_eq!(peer.requests(), 1, "the others wait for the settings");
    });
}

#[test]
fn a_connection_a_request_is_closed_after_a_request_that_failed_too() {
    on_both(|io| {
        let peer = Peer2::start(|w, _| {
            w.greet(&[])?;
            w.request()?;
            // No answer: the client gives the stream up, and then the connection.
            while w.frame().is_ok() {}
            Ok(())
        });
        let ended = over_http2(&peer, io, "0.1")
            .args(["--concurrency", "1", "--request-count", "12"])
            .args(["--connection-reuse-strategy", "never"])
            .run()
            .exits(3);
        assert_eq!(ended.failures(), [("timeout".to_owned(), 12)].into(), "no slot is kept: {}", messages(&ended));
        assert_eq!(peer.connections(), 12);
    });
}

#[test]
fn a_port_that_closes_without_a_byte_may_speak_http_1() {
    on_both(|io| {
        let peer = ringload_tests::peer::Peer::raw(|mut stream, _| {
            // It reads the preface, which is no request that it knows, and goes.
            let mut bytes = [0; 24];
            let _ = std::io::Read::read_exact(&mut stream, &mut bytes);
        });
        let ended = ringload_tests::profile::Profile::of(peer.addr())
            .on(io)
            .args(["--http2", "--concurrency", "1", "--request-count", "2", "--allow-invalid"])
            .run()
            .exits(3);
        let said = messages(&ended);
        assert_eq!(said.matches("HTTP/1.1 only on this port, drop --http2").count(), 2, "{said}");
    });
}

#[test]
fn an_empty_frame_that_ends_a_stream_does_not_make_it_complete() {
    on_both(|io| {
        // What HAProxy and Varnish send when a time-out of theirs cuts the response.
        let act = Answer(|w, asked| {
            w.send(&head(asked.stream))?;
            w.send(&token(asked.stream))?;
            w.send(&data(asked.stream, END_STREAM, ""))
        });
        let scene = play(act, io).fails("an empty end", &[("truncated", 1)]);
        assert_eq!(scene.peer.connections(), 1);
    });
}
