//! The protocol that a peer speaks.

use std::fmt;

/// The protocol that a peer uses in place of the one it was asked in, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Records of TLS: an alert, or a handshake (RFC 8446 §5.1).
    Tls,
    /// A status line of HTTP/1.
    Http1,
    /// Frames of HTTP/2, of which SETTINGS come first (RFC 9113 §3.4).
    Http2,
    /// Anything else.
    Unknown,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "the server speaks TLS here",
            Self::Http1 => "the server speaks HTTP/1.1",
            Self::Http2 => "the server speaks HTTP/2 here",
            Self::Unknown => "it speaks another protocol on this port",
        })
    }
}
