//! What a codec's error means: the cause under which a request is counted, and the words with the remedy.

use super::{Exchange, Progress};
use crate::clock::Nanos;
use crate::record::Cause;
use crate::wire::Protocol;
use crate::wire::http1::HttpError;
use crate::wire::http2::{Http2Error, StreamError};
use crate::wire::tls::{Offered, TlsError};
use std::fmt;

/// An error of one of the codecs.
#[derive(Clone, Copy)]
pub(crate) enum WireError<'a> {
    Http1(HttpError),
    Http2(Http2Error),
    Stream(StreamError),
    Tls(&'a TlsError),
}

impl From<HttpError> for WireError<'_> {
    fn from(error: HttpError) -> Self {
        Self::Http1(error)
    }
}

impl From<Http2Error> for WireError<'_> {
    fn from(error: Http2Error) -> Self {
        Self::Http2(error)
    }
}

impl From<StreamError> for WireError<'_> {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
    }
}

impl<'a> From<&'a TlsError> for WireError<'a> {
    fn from(error: &'a TlsError) -> Self {
        Self::Tls(error)
    }
}

/// The cause under which a request that met `error` is counted, and what its record says: the error and, where the
/// reader can do something about it, what.
pub(crate) fn explain<'a>(error: impl Into<WireError<'a>>) -> (Cause, String) {
    let error = error.into();
    let (cause, what, remedy): (_, &dyn fmt::Display, _) = match &error {
        WireError::Http1(e) => (http1(*e), e, after_http1(*e)),
        WireError::Http2(e) => (http2(*e), e, after_http2(*e)),
        WireError::Stream(e) => (stream(*e), e, after_stream(*e)),
        WireError::Tls(e) => (tls(e), e, after_tls(e)),
    };
    (cause, format!("{what}{remedy}"))
}

impl Exchange {
    /// Ends the request by an error of its connection.
    pub(super) fn fail_http(&mut self, error: HttpError, now: Nanos) -> Progress {
        let (cause, detail) = explain(error);
        self.fail(cause, Some(detail), now)
    }
}

fn http1(error: HttpError) -> Cause {
    match error {
        HttpError::ClosedBeforeResponse => Cause::ClosedBeforeResponse,
        HttpError::Truncated | HttpError::CutOff => Cause::Truncated,
        HttpError::BadHead(_) | HttpError::OtherProtocol(_) | HttpError::Upgraded => Cause::BadHead,
        HttpError::HeadTooLong | HttpError::TooManyFields | HttpError::TrailersTooLong => Cause::HeadLimit,
        HttpError::BadChunkSize | HttpError::BadChunk | HttpError::ChunkLineTooLong | HttpError::BadTrailer => {
            Cause::BadFraming
        }
    }
}

fn after_http1(error: HttpError) -> &'static str {
    match error {
        HttpError::OtherProtocol(spoken) => speak(spoken),
        _ => "",
    }
}

fn http2(error: Http2Error) -> Cause {
    match error {
        Http2Error::BlockTooLong => Cause::HeadLimit,
        _ => Cause::Http2Protocol,
    }
}

fn after_http2(error: Http2Error) -> &'static str {
    match error {
        Http2Error::NotHttp2(spoken) => speak(spoken),
        Http2Error::BlockTooLong => " (--max-head-bytes): the server sends more fields than we allow",
        _ => "",
    }
}

/// How to speak the peer's protocol.
fn speak(spoken: Protocol) -> &'static str {
    match spoken {
        Protocol::Tls => ": write https:// in --url",
        Protocol::Http1 => ": drop --http2, or write --http1.1",
        Protocol::Http2 => ": add --http2",
        Protocol::Unknown => ": check the port in --url, or try --http1.1",
    }
}

fn stream(error: StreamError) -> Cause {
    match error {
        StreamError::HeadTooLong | StreamError::TooManyFields => Cause::HeadLimit,
        StreamError::LengthMismatch => Cause::Truncated,
        _ => Cause::Http2Protocol,
    }
}

fn after_stream(error: StreamError) -> &'static str {
    match error {
        StreamError::HeadTooLong => " (--max-head-bytes)",
        _ => "",
    }
}

fn tls(error: &TlsError) -> Cause {
    match error {
        TlsError::Untrusted => Cause::TlsUntrusted,
        TlsError::Expired | TlsError::NotYetValid => Cause::TlsExpired,
        TlsError::WrongName { .. } => Cause::TlsWrongName,
        TlsError::ClientCertificate(_) | TlsError::Alert { .. } => Cause::TlsAlert,
        TlsError::Truncated => Cause::Truncated,
        TlsError::Revoked
        | TlsError::BadCertificate(_)
        | TlsError::Incompatible { .. }
        | TlsError::NotTls
        | TlsError::NoAlpn { .. }
        | TlsError::Closed
        | TlsError::Failed(_) => Cause::TlsFailed,
    }
}

/// What the user has not tried yet.
fn after_tls(error: &TlsError) -> &'static str {
    match error {
        TlsError::Untrusted => ": name the issuer's certificate with --cacert FILE",
        TlsError::Expired | TlsError::Revoked => ": renew it, or measure anyway with --insecure",
        TlsError::NotYetValid => ": check the clocks of both machines, or measure anyway with --insecure",
        TlsError::WrongName { .. } => ": use a name that it holds in --url, or --server-name NAME",
        TlsError::BadCertificate(_) => ": fix it, or measure anyway with --insecure",
        TlsError::ClientCertificate(_) => ": name them with --cert FILE --key FILE",
        TlsError::Alert { alert, offered } => after_alert(alert, *offered),
        TlsError::Incompatible { offered, .. } => match (offered.min_1_3, offered.max_1_2) {
            (true, _) => ": drop --tls-min 1.3",
            (_, true) => ": drop --tls-max 1.2",
            _ => ": see which versions and ciphers the server allows: TLS 1.2 and 1.3 are offered",
        },
        TlsError::NotTls => ": write http:// in --url, or the port that speaks TLS",
        TlsError::NoAlpn { offered } => match (offered.http1, offered.http2) {
            (false, true) => ": write --http1.1, and not --http2",
            (true, false) => ": write --http2, and not --http1.1",
            _ => ": check that the port in --url is one of HTTP",
        },
        TlsError::Closed => ": see the server's log, and check the port in --url",
        TlsError::Truncated => ": see the server's log",
        TlsError::Failed(_) => ": see the server's log, and try --tls-max 1.2",
    }
}

fn after_alert(alert: &str, offered: Offered) -> &'static str {
    match (alert, offered.certificate, offered.max_1_2 || offered.min_1_3) {
        ("handshake_failure", false, _) => {
            ": it may want a client's certificate (--cert FILE --key FILE), or take none of the ciphers offered: \
             see the server's log"
        }
        ("unrecognised_name", ..) => ": it does not know the name in --url: write --server-name NAME",
        (_, _, true) => ": see the server's log, and try without --tls-min and --tls-max",
        _ => ": see the server's log, and try --tls-max 1.2 or --server-name NAME",
    }
}

#[cfg(test)]
#[path = "cause_tests.rs"]
mod tests;
