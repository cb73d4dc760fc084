//! Which HTTP a connection speaks, told by its first bytes without taking them; HTTP/2 is served by another thread.

use std::io::{self, ErrorKind};

use mio::net::TcpStream;

use super::Worker;
use crate::tls::offers_h2;

impl Worker {
    /// Looks at what has arrived. False when it is too little to tell; an error when the connection is not this
    /// thread's any more.
    pub(super) fn decide(&mut self, key: usize) -> io::Result<bool> {
        let conn = &mut self.conns[key];
        let count = match conn.socket().peek(&mut self.space) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        let bytes = &self.space[..count];
        let http2 = match &self.tls {
            Some(_) => offers_h2(bytes),
            None => begins_http2(bytes),
        };
        match http2 {
            // More bytes are a new event.
            None if !conn.half_closed => {
                conn.unread = false;
                Ok(false)
            }
            None | Some(false) => {
                conn.undecided = false;
                Ok(true)
            }
            Some(true) => {
                let mut socket = self.conns.remove(key).into_socket();
                self.poll.registry().deregister(&mut socket)?;
                self.hand_over(socket);
                Err(ErrorKind::ConnectionAborted.into())
            }
        }
    }

    /// Gives an open connection to the thread that speaks HTTP/2.
    pub(super) fn hand_over(&self, socket: TcpStream) {
        let taken = self.http2.as_ref().map(|http2| http2.send(socket));
        if !matches!(taken, Some(Ok(()))) {
            self.shared.close();
        }
    }
}

/// Whether a connection in the clear begins with HTTP/2's preface (RFC 9113, 3.4); no method of HTTP/1.1 is named so.
fn begins_http2(bytes: &[u8]) -> Option<bool> {
    let shared = bytes.len().min(PREFACE.len());
    match bytes[..shared] == PREFACE[..shared] {
        true if shared < PREFACE.len() => None,
        same => Some(same),
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preface_is_told_once_it_differs_or_is_whole() {
        assert_eq!(begins_http2(b""), None);
        assert_eq!(begins_http2(b"P"), None);
        assert_eq!(begins_http2(b"POST"), Some(false));
        assert_eq!(begins_http2(b"PRI * HTTP/2.0\r\n\r\nSM"), Some(true));
    }
}
