//! Pure leaf: bytes ↔ events. No clock, no sockets, no allocation on the path of a token.
//!
//! ```text
//!   read ──► http1::Decoder | http2::Connection ──► body slices ──► sse::Sse ──► event data ──► endpoint::Scanner
//! ```
//!
//! All of them are pulled: the caller owns the read buffer, passes a cursor into it, and gets back slices of it. Bytes
//! are copied only where a head, a line or an event is split between reads.

#![forbid(unsafe_code)]

mod field;
mod head;
pub mod http1;
pub mod http2;
mod protocol;
pub mod sse;
pub mod tls;

pub use field::{FieldError, RequestFields};
pub use head::{Head, MediaType};
pub use protocol::Protocol;
