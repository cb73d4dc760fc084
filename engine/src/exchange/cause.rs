//! What a codec's error means: the cause under which a request is counted, and the words with the remedy.

use super::{Exchange, Progress};
use crate::clock::Nanos;
use crate::record::Cause;
use crate::setting::Setting::{
    HeadBytes, Http1, Http2, Targets, Tls12Most, Tls13Least, TlsCertificate, TlsInsecure, TlsKey, TlsLeast, TlsMost,
    TlsRoots, TlsServerName,
};
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

fn after_http1(error: HttpError) -> String {
    match error {
        HttpError::OtherProtocol(spoken) => speak(spoken),
        _ => String::new(),
    }
}

fn http2(error: Http2Error) -> Cause {
    match error {
        Http2Error::BlockTooLong => Cause::HeadLimit,
        _ => Cause::Http2Protocol,
    }
}

fn after_http2(error: Http2Error) -> String {
    match error {
        Http2Error::NotHttp2(spoken) => speak(spoken),
        Http2Error::BlockTooLong => format!(" ({HeadBytes}): the server sends more fields than we allow"),
        _ => String::new(),
    }
}

/// How to speak the peer's protocol.
fn speak(spoken: Protocol) -> String {
    match spoken {
        Protocol::Tls => format!(": write https:// in {Targets}"),
        Protocol::Http1 => format!(": drop {Http2}, or write {Http1}"),
        Protocol::Http2 => format!(": add {Http2}"),
        Protocol::Unknown => format!(": check the port in {Targets}, or try {Http1}"),
    }
}

fn stream(error: StreamError) -> Cause {
    match error {
        StreamError::HeadTooLong | StreamError::TooManyFields => Cause::HeadLimit,
        StreamError::LengthMismatch => Cause::Truncated,
        _ => Cause::Http2Protocol,
    }
}

fn after_stream(error: StreamError) -> String {
    match error {
        StreamError::HeadTooLong => format!(" ({HeadBytes})"),
        _ => String::new(),
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
fn after_tls(error: &TlsError) -> String {
    match error {
        TlsError::Untrusted => format!(": name the issuer's certificate with {TlsRoots} FILE"),
        TlsError::Expired | TlsError::Revoked => format!(": renew it, or measure anyway with {TlsInsecure}"),
        TlsError::NotYetValid => format!(": check the clocks of both machines, or measure anyway with {TlsInsecure}"),
        TlsError::WrongName { .. } => format!(": use a name that it holds in {Targets}, or {TlsServerName} NAME"),
        TlsError::BadCertificate(_) => format!(": fix it, or measure anyway with {TlsInsecure}"),
        TlsError::ClientCertificate(_) => format!(": name them with {TlsCertificate} FILE {TlsKey} FILE"),
        TlsError::Alert { alert, offered } => after_alert(alert, *offered),
        TlsError::Incompatible { offered, .. } => match (offered.min_1_3, offered.max_1_2) {
            (true, _) => format!(": drop {Tls13Least}"),
            (_, true) => format!(": drop {Tls12Most}"),
            _ => ": see which versions and ciphers the server allows: TLS 1.2 and 1.3 are offered".into(),
        },
        TlsError::NotTls => format!(": write http:// in {Targets}, or the port that speaks TLS"),
        TlsError::NoAlpn { offered } => match (offered.http1, offered.http2) {
            (false, true) => format!(": write {Http1}, and not {Http2}"),
            (true, false) => format!(": write {Http2}, and not {Http1}"),
            _ => format!(": check that the port in {Targets} is one of HTTP"),
        },
        TlsError::Closed => format!(": see the server's log, and check the port in {Targets}"),
        TlsError::Truncated => ": see the server's log".into(),
        TlsError::Failed(_) => format!(": see the server's log, and try {Tls12Most}"),
    }
}

fn after_alert(alert: &str, offered: Offered) -> String {
    match (alert, offered.certificate, offered.max_1_2 || offered.min_1_3) {
        ("handshake_failure", false, _) => format!(
            ": it may want a client's certificate ({TlsCertificate} FILE {TlsKey} FILE), or take none of the ciphers \
             offered: see the server's log"
        ),
        ("unrecognised_name", ..) => {
            format!(": it does not know the name in {Targets}: write {TlsServerName} NAME")
        }
        (_, _, true) => format!(": see the server's log, and try without {TlsLeast} and {TlsMost}"),
        _ => format!(": see the server's log, and try {Tls12Most} or {TlsServerName} NAME"),
    }
}

#[cfg(test)]
#[path = "cause_tests.rs"]
mod tests;
