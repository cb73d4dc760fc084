//! Why a request failed: each cause is one of its own.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The cause of a request's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The peer refused the connection.
    ConnectRefused,
    /// No connection within the connect time-out.
    ConnectTimeout,
    /// The connection could not be made for another reason.
    ConnectFailed,
    /// No local port was free (`EADDRNOTAVAIL`).
    PortsExhausted,
    /// No file descriptor was free (`EMFILE`, `ENFILE`).
    DescriptorsExhausted,
    /// The request could not be written.
    SendFailed,
    /// The connection was closed before any byte of a response.
    ClosedBeforeResponse,
    /// The connection was reset by the peer.
    Reset,
    /// The response ended before its framing, its terminator or a finish reason allowed it.
    Truncated,
    /// The response head was not HTTP/1.1.
    BadHead,
    /// The body broke its framing.
    BadFraming,
    /// A status outside 2xx.
    HttpStatus,
    /// A redirect: never followed.
    Redirect,
    /// The body was compressed though that was not asked for.
    UnexpectedEncoding,
    /// An error inside the stream of a 2xx response.
    InBandError,
    /// An event or body that should be JSON and is not.
    BadJson,
    /// A complete response without any output.
    NoOutput,
    /// The request's time-out.
    Timeout,
    /// A response head over `Limits::head_bytes` or `head_fields`.
    HeadLimit,
    /// An event over `Limits::event_bytes`.
    EventLimit,
    /// A body over `Limits::body_bytes`.
    BodyLimit,
    /// The name could not be resolved when the connection was due.
    DnsFailed,
    /// The server's certificate comes from an issuer that is not trusted.
    TlsUntrusted,
    /// The server's certificate has expired, or is not valid yet.
    TlsExpired,
    /// The server's certificate is for another name.
    TlsWrongName,
    /// The server ended TLS with an alert, such as a missing client certificate.
    TlsAlert,
    /// TLS could not be agreed on or broke for another reason.
    TlsFailed,
    /// The peer broke HTTP/2.
    Http2Protocol,
    /// The peer reset the stream of the request.
    Http2Reset,
    /// The peer closed the HTTP/2 connection (`GOAWAY`) before the response was complete.
    Http2Goaway,
    /// The peer refused the stream (`REFUSED_STREAM`): the request was not processed.
    Http2Refused,
    /// No output within the time-out of the first token.
    TtftTimeout,
    /// After output, none for longer than the time-out between tokens: the stream stalled.
    InterTokenTimeout,
    /// The responses of the whole run would have held more than `Limits::buffered_bytes`.
    MemoryLimit,
}

impl Cause {
    /// Every cause, in order: `ALL[cause as usize] == cause`.
    pub const ALL: [Self; 34] = [
        Self::ConnectRefused,
        Self::ConnectTimeout,
        Self::ConnectFailed,
        Self::PortsExhausted,
        Self::DescriptorsExhausted,
        Self::SendFailed,
        Self::ClosedBeforeResponse,
        Self::Reset,
        Self::Truncated,
        Self::BadHead,
        Self::BadFraming,
        Self::HttpStatus,
        Self::Redirect,
        Self::UnexpectedEncoding,
        Self::InBandError,
        Self::BadJson,
        Self::NoOutput,
        Self::Timeout,
        Self::HeadLimit,
        Self::EventLimit,
        Self::BodyLimit,
        Self::DnsFailed,
        Self::TlsUntrusted,
        Self::TlsExpired,
        Self::TlsWrongName,
        Self::TlsAlert,
        Self::TlsFailed,
        Self::Http2Protocol,
        Self::Http2Reset,
        Self::Http2Goaway,
        Self::Http2Refused,
        Self::TtftTimeout,
        Self::InterTokenTimeout,
        Self::MemoryLimit,
    ];

    /// A stable name, as in the files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectFailed => "connect_failed",
            Self::PortsExhausted => "ports_exhausted",
            Self::DescriptorsExhausted => "descriptors_exhausted",
            Self::SendFailed => "send_failed",
            Self::ClosedBeforeResponse => "closed_before_response",
            Self::Reset => "reset",
            Self::Truncated => "truncated",
            Self::BadHead => "bad_head",
            Self::BadFraming => "bad_framing",
            Self::HttpStatus => "http_status",
            Self::Redirect => "redirect",
            Self::UnexpectedEncoding => "unexpected_encoding",
            Self::InBandError => "in_band_error",
            Self::BadJson => "bad_json",
            Self::NoOutput => "no_output",
            Self::Timeout => "timeout",
            Self::HeadLimit => "head_limit",
            Self::EventLimit => "event_limit",
            Self::BodyLimit => "body_limit",
            Self::DnsFailed => "dns_failed",
            Self::TlsUntrusted => "tls_untrusted",
            Self::TlsExpired => "tls_expired",
            Self::TlsWrongName => "tls_wrong_name",
            Self::TlsAlert => "tls_alert",
            Self::TlsFailed => "tls_failed",
            Self::Http2Protocol => "http2_protocol",
            Self::Http2Reset => "http2_reset",
            Self::Http2Goaway => "http2_goaway",
            Self::Http2Refused => "http2_refused",
            Self::TtftTimeout => "ttft_timeout",
            Self::InterTokenTimeout => "inter_token_timeout",
            Self::MemoryLimit => "memory_limit",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_complete_and_in_order() {
        for (i, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, i);
        }
        let last = Cause::ALL[Cause::ALL.len() - 1];
        assert_eq!(last, Cause::MemoryLimit, "the last variant of the enum");
    }
}
