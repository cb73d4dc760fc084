//! HTTP/1.1 for one client connection, never pipelined (RFC 9110, RFC 9112).

mod chunked;
mod decoder;
mod error;
mod head;
mod request;

pub use super::head::Head;
pub use decoder::{Decoder, HeadLimits, Part};
pub use error::HttpError;
pub use request::RequestHead;

#[cfg(test)]
mod tests;
