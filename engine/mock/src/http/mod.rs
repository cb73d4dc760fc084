//! HTTP/1.1 as far as a server of small requests needs it: bytes in, a head or a refusal out. No sockets, no clock.

mod head;
mod refusal;
mod reply;

pub(crate) use head::{Head, Method, parse_head};
pub(crate) use refusal::Refusal;
pub(crate) use reply::{CONTINUE, JSON, STREAM, STREAM_HEAD, TEXT, reply};
