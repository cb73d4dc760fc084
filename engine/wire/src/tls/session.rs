//! The TLS of one connection.

use super::error::{Offered, TlsError};
use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};
use std::io::{BufRead, Write};
use std::ops::ControlFlow;

/// The TLS of one connection: ciphertext in, plaintext lent; plaintext in, ciphertext appended.
#[derive(Debug)]
pub struct Session {
    connection: ClientConnection,
    required: Option<Vec<u8>>,
    offered: Offered,
    verified: bool,
    /// Whether the first byte of the peer's has been seen, and what it was.
    first: Option<u8>,
    closed: bool,
    records: Records,
}

/// The result of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The version of TLS.
    pub version: Version,
    /// The cipher suite, as in RFC 8446 §B.4.
    pub cipher: &'static str,
    /// The application protocol.
    pub alpn: Alpn,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// Whether the server asked for a second ClientHello (a round trip more).
    pub retried: bool,
    /// Whether the certificate was checked (not with [`TlsOptions::insecure`](super::TlsOptions::insecure)).
    pub verified: bool,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// RFC 5246
    Tls12,
    /// RFC 8446
    Tls13,
}

/// The protocol that ALPN agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// Nothing: the server does not know ALPN.
    None,
    /// `http/1.1`
    Http1,
    /// `h2`
    Http2,
}

impl Session {
    pub(super) fn new(
        mut connection: ClientConnection,
        required: Option<Vec<u8>>,
        offered: Offered,
        verified: bool,
    ) -> Self {
        // What is sent is bounded by the request; nothing of it may be left behind.
        connection.set_buffer_limit(None);
        Self { connection, required, offered, verified, first: None, closed: false, records: Records::default() }
    }

    /// Whether a read of ciphertext ends a record and holds no part of another. To be asked of every read, once and in
    /// order.
    #[inline]
    pub fn is_one_record(&mut self, bytes: &[u8]) -> bool {
        self.records.pass(bytes) == (1, true)
    }

    /// Takes ciphertext of any length and lends the plaintext in it, piece by piece. A `Break` ends the lending: the
    /// rest is dropped, and the connection is of no further use.
    ///
    /// # Errors
    /// The handshake failed, or the peer broke TLS or ended it by an alert. What was decrypted before that is lent
    /// first: its records were whole and authentic.
    pub fn receive(&mut self, mut bytes: &[u8], mut on: impl FnMut(&[u8]) -> ControlFlow<()>) -> Result<(), TlsError> {
        self.first = self.first.or_else(|| bytes.first().copied());
        while !bytes.is_empty() {
            let shaking = self.connection.is_handshaking();
            // Read from a slice: the only error is a full buffer, and the buffer has just been emptied. After the
            // peer's end, 0.
            let read = self.connection.read_tls(&mut bytes);
            let outcome = match self.connection.process_new_packets() {
                Ok(state) => {
                    self.closed |= state.peer_has_closed();
                    Ok(())
                }
                Err(_) if shaking && !self.first.is_some_and(|b| RECORDS.contains(&b)) => {
                    return Err(TlsError::NotTls);
                }
                Err(error) => Err(self.offered.error(error)),
            };
            if shaking && !self.connection.is_handshaking() {
                self.agreed()?;
            }
            if self.lend(&mut on).is_break() {
                return Ok(());
            }
            outcome?;
            match read {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(e) => return Err(TlsError::Failed(e.to_string())),
            }
        }
        Ok(())
    }

    /// Encrypts bytes; before the handshake is over they are kept until it is.
    ///
    /// # Errors
    /// When the session has failed already.
    pub fn send(&mut self, plain: &[u8]) -> Result<(), TlsError> {
        self.connection.writer().write_all(plain).map_err(|e| TlsError::Failed(e.to_string()))
    }

    /// Appends what is to be written to the peer.
    pub fn take_output(&mut self, out: &mut Vec<u8>) {
        while self.connection.wants_write() {
            // Writing to a vector does not fail.
            if !matches!(self.connection.write_tls(out), Ok(n) if n > 0) {
                return;
            }
        }
    }

    /// Whether there is something to write.
    #[must_use]
    #[inline]
    pub fn has_output(&self) -> bool {
        self.connection.wants_write()
    }

    /// Whether the handshake is still going on.
    #[must_use]
    #[inline]
    pub fn handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Whether the peer has ended TLS in good order: no more plaintext comes.
    #[must_use]
    #[inline]
    pub fn peer_closed(&self) -> bool {
        self.closed
    }

    /// What the end of the connection means.
    ///
    /// # Errors
    /// When the peer closed during the handshake, or without ending TLS first. HTTP that frames its bodies may forgive
    /// the latter.
    pub fn end(&self) -> Result<(), TlsError> {
        match (self.handshaking(), self.closed) {
            (true, _) => Err(TlsError::Closed),
            (false, false) => Err(TlsError::Truncated),
            (false, true) => Ok(()),
        }
    }

    /// Ends TLS in good order: the output holds the alert.
    pub fn close_notify(&mut self) {
        self.connection.send_close_notify();
    }

    /// What the handshake came to; `None` while it goes on.
    #[must_use]
    pub fn facts(&self) -> Option<Facts> {
        if self.handshaking() {
            return None;
        }
        let kind = self.connection.handshake_kind();
        Some(Facts {
            version: match self.connection.protocol_version()? {
                ProtocolVersion::TLSv1_3 => Version::Tls13,
                _ => Version::Tls12,
            },
            cipher: self.connection.negotiated_cipher_suite()?.suite().as_str().unwrap_or("unknown"),
            alpn: match self.connection.alpn_protocol() {
                Some(b"h2") => Alpn::Http2,
                Some(b"http/1.1") => Alpn::Http1,
                _ => Alpn::None,
            },
            resumed: kind == Some(HandshakeKind::Resumed),
            retried: kind == Some(HandshakeKind::FullWithHelloRetryRequest),
            verified: self.verified,
        })
    }

    fn lend(&mut self, on: &mut impl FnMut(&[u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut reader = self.connection.reader();
        // An error here means that there is nothing yet.
        while let Ok(plain) = reader.fill_buf() {
            let n = plain.len();
            if n == 0 {
                break;
            }
            let more = on(plain);
            reader.consume(n);
            more?;
        }
        ControlFlow::Continue(())
    }

    fn agreed(&self) -> Result<(), TlsError> {
        match &self.required {
            Some(protocol) if self.connection.alpn_protocol() != Some(protocol) => Err(self.offered.no_alpn()),
            _ => Ok(()),
        }
    }
}

/// Follows where records end, by the lengths in their headers (RFC 8446 §5.1).
#[derive(Debug, Default)]
struct Records {
    /// Bytes of the header of the record under way that have been seen, and its length so far.
    header: usize,
    length: usize,
    /// Bytes of its payload that are still to come.
    left: usize,
}

impl Records {
    /// Passes over a read: how many records it ended, and whether none is under way at its end.
    fn pass(&mut self, mut bytes: &[u8]) -> (usize, bool) {
        let mut ended = 0;
        while let Some((&byte, rest)) = bytes.split_first() {
            if self.left > 0 {
                let taken = self.left.min(bytes.len());
                self.left -= taken;
                bytes = &bytes[taken..];
                ended += usize::from(self.left == 0);
                continue;
            }
            bytes = rest;
            self.header += 1;
            if self.header > HEADER_BYTES - 2 {
                self.length = self.length << 8 | usize::from(byte);
            }
            if self.header == HEADER_BYTES {
                ended += usize::from(self.length == 0);
                (self.header, self.left, self.length) = (0, self.length, 0);
            }
        }
        (ended, self.left == 0 && self.header == 0)
    }
}

/// Type, version and length of a record.
const HEADER_BYTES: usize = 5;

/// The first byte of a TLS record: change_cipher_spec, alert, handshake, application_data.
const RECORDS: std::ops::RangeInclusive<u8> = 20..=23;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(length: usize) -> Vec<u8> {
        let [high, low] = (length as u16).to_be_bytes();
        [vec![23, 3, 3, high, low], vec![7; length]].concat()
    }

    #[test]
    fn records_are_followed_through_any_reads() {
        let stream = [record(300), record(0), record(5), record(70_000 % 16_384)].concat();
        for step in [1, 2, 4, 7, 299, 310, 5_000] {
            let mut records = Records::default();
            let read = stream.chunks(step).map(|read| records.pass(read));
            let ended: Vec<(usize, bool)> = read.collect();
            assert_eq!(ended.iter().map(|e| e.0).sum::<usize>(), 4, "{step}");
            assert!(ended.last().is_some_and(|e| e.1), "{step}");
        }
        let mut records = Records::default();
        assert_eq!(records.pass(&record(40)), (1, true));
        assert_eq!(records.pass(&[record(40), record(1)].concat()), (2, true));
        assert_eq!(records.pass(&[record(40), vec![23]].concat()), (1, false));
        assert_eq!(records.pass(&[3, 3, 0, 9]), (0, false));
        assert_eq!(records.pass(&[1; 9]), (1, true));
    }
}
