//! What a connection tells its caller.

use super::error::StreamError;
use crate::head::Head;

/// The result of opening a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The whole request was appended.
    All,
    /// A part of the body was kept and waits for the peer's window; [`Event::BodySent`] will follow.
    Part,
    /// There is no [room](super::Connection::room): nothing was appended.
    Refused,
}

/// An event of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The final head of a response came. Interim heads (1xx) are swallowed.
    Head {
        /// The request.
        tag: u32,
        /// What the head says. Boxed: it is large, comes once a response, and events of bodies are moved as often as
        /// tokens come.
        head: Box<Head>,
    },
    /// Bytes of a body; never empty.
    Body {
        /// The request.
        tag: u32,
        /// The bytes, where they lie.
        bytes: &'a [u8],
    },
    /// The response is complete; the stream is closed.
    End {
        /// The request.
        tag: u32,
    },
    /// The server gave the stream up.
    Reset {
        /// The request.
        tag: u32,
        /// Its code (RFC 9113 §7); see [`Code`](super::Code).
        code: u32,
        /// The server says that it did not begin the request (§8.7): it may be sent again.
        untouched: bool,
    },
    /// The server goes away without having begun the request (§6.8), whether its GOAWAY leaves it out or it refuses the
    /// stream (§8.7): it may be sent again, on another connection.
    Unprocessed {
        /// The request.
        tag: u32,
        /// Why it goes away (RFC 9113 §7); see [`Code`](super::Code).
        code: u32,
    },
    /// The server broke the rules on the stream, and we gave it up.
    Broken {
        /// The request.
        tag: u32,
        /// What is wrong.
        error: StreamError,
    },
    /// The rest of a request's body was appended.
    BodySent {
        /// The request.
        tag: u32,
    },
    /// The server will close the connection: no more room. Streams that it did not begin are
    /// [`Unprocessed`](Self::Unprocessed) next, the others go on. What it says beside the code is in
    /// [`go_away_debug`](super::Connection::go_away_debug).
    GoAway {
        /// Why (RFC 9113 §7); see [`Code`](super::Code).
        code: u32,
    },
    /// The peer's settings came or changed: the room may be another.
    Settings,
}

impl Event<'_> {
    /// The request that this is about, if it is about one.
    #[must_use]
    #[inline]
    pub fn tag(&self) -> Option<u32> {
        match *self {
            Self::Head { tag, .. }
            | Self::Body { tag, .. }
            | Self::End { tag }
            | Self::Reset { tag, .. }
            | Self::Unprocessed { tag, .. }
            | Self::Broken { tag, .. }
            | Self::BodySent { tag } => Some(tag),
            Self::GoAway { .. } | Self::Settings => None,
        }
    }
}
