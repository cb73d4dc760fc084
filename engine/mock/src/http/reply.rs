//! Response heads.

use std::io::Write as _;

/// Appends a whole response with a content length.
pub(crate) fn reply(out: &mut Vec<u8>, status: u16, content_type: &str, body: &[u8], keep_alive: bool) {
    let (reason, size) = (reason(status), body.len());
    let connection = if keep_alive { "" } else { "connection: close\r\n" };
    let head = format_args!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: {content_type}\r\ncontent-length: {size}\r\n{connection}\r\n"
    );
    out.write_fmt(head).expect("a Vec takes all bytes");
    out.extend_from_slice(body);
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Scripted",
    }
}

/// The head of every streamed response; its body is chunked.
pub(crate) const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";

/// The content type of a streamed response.
pub(crate) const STREAM: &str = "text/event-stream; charset=utf-8";
pub(crate) const JSON: &str = "application/json";
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// What a client waits for that asked before it sends its body.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
