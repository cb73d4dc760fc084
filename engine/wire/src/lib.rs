//! The client's side of HTTP/1.1, HTTP/2, server-sent events and TLS, without I/O: bytes in, events out.
//!
//! Made for load generators of streaming APIs, where each token is an event: nothing is allocated for a token, and its
//! bytes are lent where the caller read them. The crate opens no socket, starts no thread and reads no clock: time is
//! `u64` nanoseconds on any clock of the caller's. (rustls, below [`tls`], takes the date for a certificate's check and
//! randomness from the system.)
//!
//! ```text
//!   read ──► tls::Session ──► http1::Decoder | http2::Connection ──► bodies ──► sse::Sse ──► events
//!
//!   RequestFields ──► http1::RequestHead | http2::RequestHead ──► bytes to write
//! ```
//!
//! | module | from | to | source |
//! |---|---|---|---|
//! | [`http1`] | bytes of a connection | [heads, slices of bodies, ends](http1::Part) | RFC 9110, RFC 9112 |
//! | [`http2`] | bytes of a connection | [events of its streams](http2::Event), frames to write | RFC 9113, RFC 7541 |
//! | [`sse`] | slices of a body | [events](sse::Event) | WHATWG HTML §9.2 |
//! | [`tls`] | records | plaintext, records to write | RFC 5246, RFC 8446 |
//!
//! # A stream over HTTP/1.1
//! ```
//! use ringload_wire::RequestFields;
//! use ringload_wire::http1::{Decoder, HeadLimits, Part, RequestHead};
//! use ringload_wire::sse::Sse;
//!
//! // Once for a target:
//! let always = [("Host", "localhost:8000"), ("Accept", "text/event-stream")];
//! let fields = RequestFields::new("/v1/chat/completions", always)?.with_request_id("X-Request-ID")?;
//! let head = RequestHead::new(&fields);
//!
//! // For each request: what is to be written.
//! let body = br#"{"stream":true}"#;
//! let mut out = Vec::new();
//! head.write(&mut out, 7, "", body.len());
//! out.extend_from_slice(body);
//!
//! // For each connection:
//! let mut decoder = Decoder::new(HeadLimits { bytes: 64 << 10, fields: 100 });
//! let mut sse = Sse::new(1 << 20);
//! let answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
//!     9\r\ndata: a\n\n\r\n9\r\ndata: b\n\n\r\n0\r\n\r\n";
//! let mut tokens = Vec::new();
//! for mut read in answer.chunks(10) {
//!     while let Some(part) = decoder.next(&mut read)? {
//!         match part {
//!             Part::Head(head) => assert!(head.status == 200 && head.event_stream),
//!             Part::Body(mut body) => {
//!                 while let Some(event) = sse.next(&mut body)? {
//!                     tokens.push(event.data.to_vec());
//!                 }
//!             }
//!             Part::End { reusable } => assert!(reusable),
//!         }
//!     }
//! }
//! assert_eq!(tokens, [b"a", b"b"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A request over HTTP/2
//! ```
//! use ringload_wire::RequestFields;
//! use ringload_wire::http2::{Config, Connection, Event, Opened, RequestHead};
//!
//! let fields = RequestFields::new("/v1/completions", [("Host", "localhost:8000")])?;
//! let head = RequestHead::new(&fields, false)?;
//!
//! let config = Config { stream_window: 16 << 20, header_list_bytes: 64 << 10, header_fields: 100, streams: 100 };
//! let (now, mut out) = (0, Vec::new());
//! let mut connection = Connection::new(config, &mut out);
//! assert_eq!(connection.open(1, &head, 7, "", b"{}", now, &mut out), Opened::All);
//! // `out` is to be written: now, and after each read.
//!
//! let settings = b"\0\0\0\x04\0\0\0\0\0";
//! let headers = b"\0\0\x01\x01\x04\0\0\0\x01\x88";
//! let data = b"\0\0\x02\0\x01\0\0\0\x01ok";
//! let mut answer = Vec::new();
//! for mut read in [&settings[..], headers, data] {
//!     while let Some(event) = connection.receive(&mut read, now, &mut out)? {
//!         match event {
//!             Event::Head { tag: 1, head } => assert_eq!(head.status, 200),
//!             Event::Body { tag: 1, bytes } => answer.extend_from_slice(bytes),
//!             Event::End { tag: 1 } => assert_eq!(answer, b"ok"),
//!             _ => {}
//!         }
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The pull contract
//! The decoders are pulled: the caller owns the read buffer, passes a cursor into it (`&mut &[u8]`), and gets slices of
//! it back. Call again until the answer is `None`, which means that all of the input was taken and more is needed; then
//! read, and go on. However the bytes are cut into reads, the same events come, and the same error. Bytes are copied
//! only where a head, a line, an event or a frame's payload is split between reads. `reset` makes a decoder ready for
//! the next response and keeps its buffers; `memory` says how much they hold.
//!
//! # Limits
//! Whatever a peer could make grow has a limit, and reaching it is an error of its own:
//!
//! | what | limit |
//! |---|---|
//! | a response head, its interim heads and trailers | [`http1::HeadLimits`], [`http2::Config`] |
//! | a chunk's size line | 4 096 bytes |
//! | an event | the argument of [`sse::Sse::new`] |
//! | an HTTP/2 frame | 16 384 bytes |
//! | frames of a header block | 64 |
//! | frames without progress | 1 000 a second |
//! | TLS sessions kept for resumption | 4 096 a client |
//!
//! # Errors
//! Each part has an error type of its own, which says what is wrong and carries what was found, so that the caller can
//! say what to do: [`http1::HttpError`], [`http2::Http2Error`] and [`http2::StreamError`], [`sse::EventTooLong`],
//! [`tls::TlsError`]; and before anything is sent [`FieldError`] and [`tls::TlsSetupError`]. No byte of a peer's makes
//! a decoder panic, and no error shows the value of a request's field: it may be a secret.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod field;
mod head;
pub mod http1;
pub mod http2;
mod protocol;
pub mod sse;
mod timing;
pub mod tls;

pub use field::{FieldError, RequestFields};
pub use head::{Head, MediaType, Product};
pub use protocol::Protocol;
pub use timing::HeadTimings;
