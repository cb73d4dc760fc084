//! What can be wrong with a connection or with one stream of it.

use super::hpack::HpackError;
use crate::Protocol;
use std::fmt;

/// An error of a connection: it is of no further use, and all its streams are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Http2Error {
    /// The first frame is no SETTINGS (RFC 9113 §3.4).
    #[error("the server's first bytes are not HTTP/2: {0}")]
    NotHttp2(Protocol),
    /// A frame is over 16 384 bytes, which is what we allow (§4.2).
    #[error("a frame is over the 16384 bytes that we allow: the server ignores our settings")]
    FrameTooLong,
    /// A frame of a fixed length has another one, or is too short for what must be in it.
    #[error("a {0} frame has a wrong length: the server breaks HTTP/2")]
    BadLength(&'static str),
    /// The padding is as long as the frame, or longer (§6.1).
    #[error("a frame's padding leaves no room for its contents: the server breaks HTTP/2")]
    BadPadding,
    /// A frame that belongs to a stream names the connection, or the other way round.
    #[error("a {0} frame is on a stream where none may be: the server breaks HTTP/2")]
    WrongStream(&'static str),
    /// A frame is on a stream that was never opened (§5.1).
    #[error("a frame is on a stream that was never opened: the server breaks HTTP/2")]
    IdleStream,
    /// A frame comes after the end of its stream (§5.1).
    #[error("a frame comes after the end of its stream: the server breaks HTTP/2")]
    ClosedStream,
    /// Another frame stands inside a header block (§6.10).
    #[error("a header block is interrupted by another frame: the server breaks HTTP/2")]
    Interleaved,
    /// A CONTINUATION without a header block before it (§6.10).
    #[error("a header block is continued that never began: the server breaks HTTP/2")]
    StrayContinuation,
    /// The server pushes though our settings forbid it (§8.4).
    #[error("the server pushes though it was told not to: it ignores our settings")]
    Pushed,
    /// A setting has a value outside its range (§6.5.2).
    #[error("the setting {0} is out of its range: the server breaks HTTP/2")]
    BadSetting(&'static str),
    /// A send window grows over 2^31-1 (§6.9.1).
    #[error("a flow-control window grows over 2^31-1: the server breaks HTTP/2")]
    WindowOverflow,
    /// The connection's WINDOW_UPDATE adds nothing (§6.9).
    #[error("a WINDOW_UPDATE adds nothing to the connection's window: the server breaks HTTP/2")]
    ZeroIncrement,
    /// The server sends more than the connection's window (§6.9.1).
    #[error("the server sends more than the connection's window: it ignores flow control")]
    WindowExceeded,
    /// A header block cannot be decoded (§4.3).
    #[error("a header block cannot be decoded, since {0}: the server breaks HPACK")]
    Hpack(HpackError),
    /// A header block is over [`super::Config::header_list_bytes`] before it is decoded.
    #[error("a header block is over the limit of bytes")]
    BlockTooLong,
    /// A header block is in more than 64 frames.
    #[error("a header block is in more than 64 frames: the server wastes our time")]
    TooManyContinuations,
    /// More than 1 000 control frames within a second without anything that a request waits for.
    #[error("over 1000 control frames came without progress in a second: the server floods us")]
    Flood,
}

impl Http2Error {
    /// The code under which the connection is given up.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::FrameTooLong | Self::BadLength(_) => Code::FRAME_SIZE_ERROR,
            Self::ClosedStream => Code::STREAM_CLOSED,
            Self::WindowOverflow | Self::WindowExceeded => Code::FLOW_CONTROL_ERROR,
            Self::Hpack(_) => Code::COMPRESSION_ERROR,
            Self::BlockTooLong | Self::TooManyContinuations | Self::Flood => Code::ENHANCE_YOUR_CALM,
            _ => Code::PROTOCOL_ERROR,
        }
    }

    /// [`code`](Self::code) as a number.
    #[must_use]
    pub fn h2_code(self) -> u32 {
        self.code().0
    }
}

/// An error of one stream: it was reset, the others go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The response is malformed (RFC 9113 §8.1.1).
    #[error("malformed response, {0}: the server breaks HTTP/2")]
    Malformed(&'static str),
    /// The body is not as long as Content-Length says (§8.1.1).
    #[error("the body is not as long as its Content-Length: the response is not whole")]
    LengthMismatch,
    /// The fields are over [`super::Config::header_list_bytes`].
    #[error("the response head is over its limit of bytes")]
    HeadTooLong,
    /// There are more fields than [`super::Config::header_fields`].
    #[error("the response head is over its limit of fields: the server sends more than we allow")]
    TooManyFields,
    /// The stream's send window grows over 2^31-1 (§6.9.1).
    #[error("the stream's flow-control window grows over 2^31-1: the server breaks HTTP/2")]
    WindowOverflow,
    /// The server sends more than the stream's window (§6.9.1).
    #[error("the server sends more than the stream's window: it ignores flow control")]
    WindowExceeded,
    /// The stream's WINDOW_UPDATE adds nothing (§6.9).
    #[error("a WINDOW_UPDATE adds nothing to the stream's window: the server breaks HTTP/2")]
    ZeroIncrement,
    /// A PRIORITY frame is not of 5 bytes (§6.3).
    #[error("a PRIORITY frame has a wrong length: the server breaks HTTP/2")]
    BadPriority,
}

impl StreamError {
    /// The code under which the stream was reset.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::Malformed(_) | Self::LengthMismatch | Self::ZeroIncrement => Code::PROTOCOL_ERROR,
            Self::HeadTooLong | Self::TooManyFields => Code::ENHANCE_YOUR_CALM,
            Self::WindowOverflow | Self::WindowExceeded => Code::FLOW_CONTROL_ERROR,
            Self::BadPriority => Code::FRAME_SIZE_ERROR,
        }
    }

    /// [`code`](Self::code) as a number.
    #[must_use]
    pub fn h2_code(self) -> u32 {
        self.code().0
    }
}

/// An error code (RFC 9113 §7). It is displayed by its name, or as a number where it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u32);

macro_rules! codes {
    ($($name:ident = $number:literal, $doc:literal;)*) => {
        impl Code {
            $(#[doc = $doc] pub const $name: Self = Self($number);)*

            /// The name that the RFC gives it.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    NO_ERROR = 0x0, "Nothing is wrong.";
    PROTOCOL_ERROR = 0x1, "A rule without a code of its own was broken.";
    INTERNAL_ERROR = 0x2, "The sender failed.";
    FLOW_CONTROL_ERROR = 0x3, "Flow control was ignored.";
    SETTINGS_TIMEOUT = 0x4, "SETTINGS were not acknowledged in time.";
    STREAM_CLOSED = 0x5, "A frame came after the end of its stream.";
    FRAME_SIZE_ERROR = 0x6, "A frame has a wrong length.";
    REFUSED_STREAM = 0x7, "The request was not begun.";
    CANCEL = 0x8, "The stream is no longer needed.";
    COMPRESSION_ERROR = 0x9, "A header block cannot be decoded.";
    CONNECT_ERROR = 0xa, "A tunnel broke.";
    ENHANCE_YOUR_CALM = 0xb, "The peer asks too much.";
    INADEQUATE_SECURITY = 0xc, "The transport is not safe enough.";
    HTTP_1_1_REQUIRED = 0xd, "HTTP/1.1 is to be used instead.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.0),
        }
    }
}
