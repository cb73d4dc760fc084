//! HTTP/2, the client's side of one connection (RFC 9113). Framed by hand: see `docs/design/http2.md`.
//!
//! ```text
//!   +-----------------------------------------------+
//!   |                 Length (24)                   |
//!   +---------------+---------------+---------------+
//!   |   Type (8)    |   Flags (8)   |
//!   +-+-------------+---------------+-------------------------------+
//!   |R|                 Stream Identifier (31)                      |
//!   +=+=============================================================+
//!   |                   Frame Payload (0...)                      ...
//!   +---------------------------------------------------------------+
//! ```
//!
//! Like the other decoders it is pulled: the caller owns the read buffer and gets slices of it back. What is to be sent
//! is appended to a buffer of the caller's. Instants are nanoseconds on any clock of the caller's that does not run
//! backwards. No byte from the peer can make it panic.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod block;
mod budget;
mod closed;
mod connection;
mod data;
mod ending;
mod error;
mod event;
mod frame;
mod headers;
pub mod hpack;
mod receive;
mod request;
mod response;
mod send;
mod settings;
mod stream;
mod window;

pub use connection::{Config, Connection};
pub use error::{Code, Http2Error, StreamError};
pub use event::{Event, Opened};
pub use request::RequestHead;
pub use send::SLIVER_WAIT;

#[cfg(test)]
mod tests;
