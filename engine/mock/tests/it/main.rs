//! The server over real sockets.
//!
//! - `answers`: the exact bytes of responses, errors, and the pages beside them
//! - `pacing`: when tokens are sent; freezes; backlogs
//! - `faults`: scripted ends, and clients that go away
//! - `crowd`: many requests on a connection, many connections, many threads
//! - `tls`, `http2`: the same responses through TLS and over HTTP/2; delays
//! - `truth`: what the server notes of its own doing
//! - `engine`: the batching model behind sockets

mod answers;
mod client;
mod crowd;
mod engine;
mod faults;
mod http2;
mod pacing;
mod tls;
mod truth;
