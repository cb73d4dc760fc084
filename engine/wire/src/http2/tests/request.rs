//! What requests look like on the wire.

use super::*;

fn written(fields: RequestFields, tls: bool, session: &str) -> Vec<(String, String)> {
    let head = RequestHead::new(&fields, tls).expect("a head");
    let mut block = Vec::new();
    let id = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;
    head.write(&mut block, id, session, 1_234);
    let mut fields = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    hpack::Decoder::new(4096).decode(&block, |n, v| fields.push((text(n), text(v)))).expect("a block");
    fields
}

#[test]
fn a_request_has_its_fields_in_order() {
    let expected = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "server:8000"),
        (":path", "/v1/chat/completions"),
        ("accept", "text/event-stream"),
        ("x-request-id", "01234567-89ab-cdef-0011-223344556677"),
        ("x-correlation-id", "a__b"),
        ("content-length", "1234"),
    ];
    let expected = expected.map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(written(request_fields(&[]), true, "a\r\nb"), expected);
    let plain = written(request_fields(&[]), false, "");
    assert_eq!(plain[1].1, "http");
    assert!(plain.iter().all(|(n, _)| n != "x-correlation-id"));
}

#[test]
fn fields_of_http_1_connections_are_left_out() {
    let given = [
        ("Connection", "close"),
        ("Keep-Alive", "5"),
        ("Proxy-Connection", "close"),
        ("TE", "trailers"),
        ("X", " caf\u{e9} "),
    ];
    let fields = written(request_fields(&given), false, "");
    let of = |name: &str| fields.iter().filter(|f| f.0 == name).map(|f| f.1.as_str()).collect::<Vec<_>>();
    assert_eq!(of("te"), ["trailers"]);
    assert_eq!(of("x"), ["caf\u{e9}"]);
    for name in ["host", "connection", "keep-alive", "proxy-connection"] {
        assert!(of(name).is_empty(), "{name}");
    }
}

#[test]
fn fields_without_a_meaning_in_http_2_are_refused() {
    for (given, expected) in [
        (("Upgrade", "s3cret"), FieldError::NotInHttp2("upgrade".into())),
        (("TE", "s3cret"), FieldError::NotInHttp2("te".into())),
        (("HOST", "s3cret"), FieldError::HostTwice),
    ] {
        let error = RequestHead::new(&request_fields(&[given]), false).expect_err("refused");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert_eq!(error, expected);
    }
}
