//! What can be wrong with a response.

use crate::Protocol;

/// An error of a response. The connection is of no further use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The peer closed before any byte of a response: on a kept connection, the sign that it had gone stale.
    #[error("the connection was closed before any byte of a response")]
    ClosedBeforeResponse,
    /// The peer closed inside the head or inside a framed body.
    #[error("cut off: the connection was closed before the response was complete")]
    Truncated,
    /// The peer broke a chunked body off by a chunk that no reader can take for one.
    #[error(
        "the server cut the stream off on purpose, by a broken chunk: look into the logs of the proxy and of what is behind it"
    )]
    CutOff,
    /// The head is not one of HTTP/1.0 or HTTP/1.1, or contradicts itself.
    #[error("bad response head: {0}")]
    BadHead(&'static str),
    /// The response is in another protocol.
    #[error("bad response head: {0}")]
    OtherProtocol(Protocol),
    /// `101 Switching Protocols`, though no upgrade was asked for.
    #[error("the server switched protocols though it was not asked to")]
    Upgraded,
    /// The head, its interim heads included, is over [`super::HeadLimits::bytes`].
    #[error("the response head is over its limit of bytes")]
    HeadTooLong,
    /// The head has more fields than [`super::HeadLimits::fields`].
    #[error("the response head is over its limit of fields")]
    TooManyFields,
    /// A chunk size is not hexadecimal, or does not fit in 64 bits.
    #[error("bad chunk size")]
    BadChunkSize,
    /// A chunk, or its size line, does not end in CR LF.
    #[error("bad chunk framing")]
    BadChunk,
    /// A size line, with its extensions, is over 4 096 bytes.
    #[error("a chunk's size line is over 4096 bytes")]
    ChunkLineTooLong,
    /// A trailer is not a field line.
    #[error("bad trailer")]
    BadTrailer,
    /// The trailers are over the limits of the head.
    #[error("the trailers are over the limits of the head")]
    TrailersTooLong,
}
