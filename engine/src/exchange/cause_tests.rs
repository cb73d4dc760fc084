//! What a record says of each error of the codecs, to the byte.

use super::*;
use crate::wire::http1::HttpError as H1;
use crate::wire::http2::hpack::HpackError;
use crate::wire::http2::{Http2Error as H2, StreamError as S};

#[test]
fn errors_of_http_1() {
    for (error, cause, said) in [
        (
            H1::ClosedBeforeResponse,
            Cause::ClosedBeforeResponse,
            "the connection was closed before any byte of a response",
        ),
        (H1::Truncated, Cause::Truncated, "cut off: the connection was closed before the response was complete"),
        (
            H1::CutOff,
            Cause::Truncated,
            "the server cut the stream off on purpose, by a broken chunk: look into the logs of the proxy and of what is behind it",
        ),
        (H1::BadHead("bad status line"), Cause::BadHead, "bad response head: bad status line"),
        (
            H1::OtherProtocol(Protocol::Tls),
            Cause::BadHead,
            "bad response head: the server speaks TLS here: write https:// in `plan.targets`",
        ),
        (
            H1::OtherProtocol(Protocol::Http2),
            Cause::BadHead,
            "bad response head: the server speaks HTTP/2 here: add `plan.network.http = \"http2\"`",
        ),
        (H1::Upgraded, Cause::BadHead, "the server switched protocols though it was not asked to"),
        (H1::HeadTooLong, Cause::HeadLimit, "the response head is over its limit of bytes"),
        (H1::TooManyFields, Cause::HeadLimit, "the response head is over its limit of fields"),
        (H1::TrailersTooLong, Cause::HeadLimit, "the trailers are over the limits of the head"),
        (H1::BadChunkSize, Cause::BadFraming, "bad chunk size"),
        (H1::BadChunk, Cause::BadFraming, "bad chunk framing"),
        (H1::ChunkLineTooLong, Cause::BadFraming, "a chunk's size line is over 4096 bytes"),
        (H1::BadTrailer, Cause::BadFraming, "bad trailer"),
    ] {
        assert_eq!(explain(error), (cause, said.to_owned()));
    }
}

#[test]
fn errors_of_http_2() {
    let not = "the server's first bytes are not HTTP/2: ";
    for (error, cause, said) in [
        (
            H2::NotHttp2(Protocol::Tls),
            Cause::Http2Protocol,
            format!("{not}the server speaks TLS here: write https:// in `plan.targets`"),
        ),
        (
            H2::NotHttp2(Protocol::Http1),
            Cause::Http2Protocol,
            format!("{not}the server speaks HTTP/1.1: drop `plan.network.http = \"http2\"`, or write `plan.network.http = \"http1\"`"),
        ),
        (
            H2::NotHttp2(Protocol::Unknown),
            Cause::Http2Protocol,
            format!("{not}it speaks another protocol on this port: check the port in `plan.targets`, or try `plan.network.http = \"http1\"`"),
        ),
        (
            H2::BlockTooLong,
            Cause::HeadLimit,
            "a header block is over the limit of bytes (`plan.limits.head_bytes`): the server sends more fields than we allow"
                .into(),
        ),
        (
            H2::Hpack(HpackError::Index),
            Cause::Http2Protocol,
            "a header block cannot be decoded, since an index points to no entry of the tables: the server breaks HPACK"
                .into(),
        ),
        (
            H2::Flood,
            Cause::Http2Protocol,
            "over 1000 control frames came without progress in a second: the server floods us".into(),
        ),
    ] {
        assert_eq!(explain(error), (cause, said));
    }
    for (error, cause, said) in [
        (S::HeadTooLong, Cause::HeadLimit, "the response head is over its limit of bytes (`plan.limits.head_bytes`)"),
        (
            S::TooManyFields,
            Cause::HeadLimit,
            "the response head is over its limit of fields: the server sends more than we allow",
        ),
        (
            S::LengthMismatch,
            Cause::Truncated,
            "the body is not as long as its Content-Length: the response is not whole",
        ),
        (S::Malformed("no :status"), Cause::Http2Protocol, "malformed response, no :status: the server breaks HTTP/2"),
    ] {
        assert_eq!(explain(error), (cause, said.to_owned()));
    }
}

#[test]
fn errors_of_tls() {
    let offered = Offered::default();
    let presented = Some(vec!["a.test".to_owned(), "::1".to_owned()]);
    for (error, cause, said) in [
        (
            TlsError::Untrusted,
            Cause::TlsUntrusted,
            "the server's certificate comes from an unknown issuer: name the issuer's certificate with `plan.network.tls.ca` FILE",
        ),
        (
            TlsError::Expired,
            Cause::TlsExpired,
            "the server's certificate has expired: renew it, or measure anyway with `plan.network.tls.insecure`",
        ),
        (
            TlsError::NotYetValid,
            Cause::TlsExpired,
            "the server's certificate is not valid yet: check the clocks of both machines, or measure anyway with `plan.network.tls.insecure`",
        ),
        (
            TlsError::WrongName { presented },
            Cause::TlsWrongName,
            "the server's certificate is not for this name (it is for a.test, ::1): use a name that it holds in `plan.targets`, or `plan.network.tls.server_name` NAME",
        ),
        (
            TlsError::Revoked,
            Cause::TlsFailed,
            "the server's certificate has been revoked: renew it, or measure anyway with `plan.network.tls.insecure`",
        ),
        (
            TlsError::BadCertificate("bad encoding".into()),
            Cause::TlsFailed,
            "the server's certificate cannot be used (bad encoding): fix it, or measure anyway with `plan.network.tls.insecure`",
        ),
        (
            TlsError::ClientCertificate("certificate_required".into()),
            Cause::TlsAlert,
            "the server refused the client's certificate or the lack of one (alert certificate_required): name them with `plan.network.tls.client.0` FILE `plan.network.tls.client.1` FILE",
        ),
        (
            TlsError::NotTls,
            Cause::TlsFailed,
            "the answer is not TLS: write http:// in `plan.targets`, or the port that speaks TLS",
        ),
        (
            TlsError::NoAlpn { offered },
            Cause::TlsFailed,
            "the server takes no HTTP version that was offered (h2, http/1.1, by ALPN): check that the port in `plan.targets` is one of HTTP",
        ),
        (
            TlsError::Closed,
            Cause::TlsFailed,
            "the server closed the connection during the TLS handshake: see the server's log, and check the port in `plan.targets`",
        ),
        (TlsError::Truncated, Cause::Truncated, "the connection was cut without the end of TLS: see the server's log"),
        (
            TlsError::Failed("bad record MAC".into()),
            Cause::TlsFailed,
            "TLS failed (bad record MAC): see the server's log, and try `plan.network.tls.max_1_2 = true`",
        ),
    ] {
        assert_eq!(explain(&error), (cause, said.to_owned()));
    }
}

/// What is said of an alert to a client that offered this.
fn alert(alert: &str, offered: Offered) -> String {
    let (cause, said) = explain(&TlsError::Alert { alert: alert.into(), offered });
    assert_eq!(cause, Cause::TlsAlert);
    said
}

#[test]
fn no_remedy_is_a_flag_that_was_not_given_or_given_already() {
    let free = Offered::default();
    let shown = Offered { certificate: true, ..free };
    let limited = Offered { max_1_2: true, ..shown };
    assert_eq!(
        alert("handshake_failure", free),
        "the server ended TLS (alert handshake_failure): it may want a client's certificate (`plan.network.tls.client.0` FILE `plan.network.tls.client.1` FILE), \
         or take none of the ciphers offered: see the server's log"
    );
    assert_eq!(
        alert("handshake_failure", shown),
        "the server ended TLS (alert handshake_failure): see the server's log, and try `plan.network.tls.max_1_2 = true` or `plan.network.tls.server_name` NAME"
    );
    assert_eq!(
        alert("handshake_failure", limited),
        "the server ended TLS (alert handshake_failure): see the server's log, and try without `plan.network.tls.min_1_3` and `plan.network.tls.max_1_2`"
    );
    assert_eq!(
        alert("unrecognised_name", free),
        "the server ended TLS (alert unrecognised_name): it does not know the name in `plan.targets`: write `plan.network.tls.server_name` NAME"
    );
    let incompatible = |offered| explain(&TlsError::Incompatible { what: "alert protocol_version".into(), offered });
    let said = "no TLS version or cipher in common (alert protocol_version): ";
    for (offered, remedy) in [
        (free, "see which versions and ciphers the server allows: TLS 1.2 and 1.3 are offered"),
        (limited, "drop `plan.network.tls.max_1_2 = true`"),
        (Offered { min_1_3: true, ..free }, "drop `plan.network.tls.min_1_3 = true`"),
    ] {
        assert_eq!(incompatible(offered), (Cause::TlsFailed, format!("{said}{remedy}")));
    }
    for (offered, remedy) in [
        (
            Offered { http2: true, ..free },
            "(h2, by ALPN): write `plan.network.http = \"http1\"`, and not `plan.network.http = \"http2\"`",
        ),
        (
            Offered { http1: true, ..free },
            "(http/1.1, by ALPN): write `plan.network.http = \"http2\"`, and not `plan.network.http = \"http1\"`",
        ),
    ] {
        let (_, said) = explain(&TlsError::NoAlpn { offered });
        assert_eq!(said, format!("the server takes no HTTP version that was offered {remedy}"));
    }
}
