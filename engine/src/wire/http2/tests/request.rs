//! What requests look like on the wire.

use super::*;
use crate::plan::{Header, Reuse};

fn written(edit: impl FnOnce(&mut Plan), tls: bool, session: &str) -> Vec<(String, String)> {
    let mut plan = plan(EndpointKind::Chat);
    edit(&mut plan);
    let head = RequestHead::new(&plan, &plan.targets[0], tls).expect("a head");
    let mut block = Vec::new();
    let id = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;
    head.write(&mut block, id, session, 1_234);
    let mut fields = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    hpack::Decoder::new(4096).decode(&block, |n, v| fields.push((text(n), text(v)))).expect("a block");
    fields
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.into(), value: value.into() }
}

#[test]
fn a_request_has_its_fields_in_order() {
    let agent = concat!("ringload/", env!("CARGO_PKG_VERSION"));
    let expected = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "server:8000"),
        (":path", "/v1/chat/completions"),
        ("user-agent", agent),
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
        ("x-request-id", "01234567-89ab-cdef-0011-223344556677"),
        ("x-correlation-id", "a__b"),
        ("content-length", "1234"),
    ];
    let expected = expected.map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(written(|plan| plan.reuse = Reuse::Never, true, "a\r\nb"), expected);
    let plain = written(|_| {}, false, "");
    assert_eq!(plain[1].1, "http");
    assert!(plain.iter().all(|(n, _)| n != "x-correlation-id"));
}

#[test]
fn fields_of_the_user_replace_the_defaults_and_those_of_http_1_are_left_out() {
    let fields = written(
        |plan| {
            plan.headers = vec![
                header("HOST", "virtual.example"),
                header("Accept", "*/*"),
                header("X-Request-ID", "mine"),
                header("Connection", "close"),
                header("Keep-Alive", "5"),
                header("Proxy-Connection", "close"),
                header("TE", "trailers"),
                header("Authorization", " Bearer caf\u{e9} "),
            ];
        },
        false,
        "",
    );
    let of = |name: &str| fields.iter().filter(|f| f.0 == name).map(|f| f.1.as_str()).collect::<Vec<_>>();
    assert_eq!(of(":authority"), ["virtual.example"]);
    assert_eq!(of("accept"), ["*/*"]);
    assert_eq!(of("x-request-id"), ["mine"]);
    assert_eq!(of("te"), ["trailers"]);
    assert_eq!(of("authorization"), ["Bearer caf\u{e9}"]);
    for name in ["host", "connection", "keep-alive", "proxy-connection"] {
        assert!(of(name).is_empty(), "{name}");
    }
}

#[test]
fn fields_without_a_meaning_in_http_2_are_refused() {
    for headers in [
        vec![header("Upgrade", "s3cret")],
        vec![header("TE", "s3cret")],
        vec![header("Host", "s3cret"), header("host", "s3cret")],
        vec![header("Transfer-Encoding", "s3cret")],
        vec![header("X", "s3cret\n1")],
    ] {
        let mut plan = plan(EndpointKind::Chat);
        plan.headers = headers;
        let error = RequestHead::new(&plan, &plan.targets[0], false).expect_err("refused");
        assert_eq!(error.blame, crate::Blame::Usage);
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
