//! The bytes of a connection, in the clear or through TLS.

use std::io::{self, ErrorKind, Read as _, Write as _};

use mio::net::TcpStream;
use rustls::ServerConnection;

use crate::clock::now_ns;
use crate::tls::Tls;

/// A socket, and the TLS session on it if there is one.
#[derive(Debug)]
pub(super) enum Link {
    Plain(TcpStream),
    Tls(Box<Session>),
}

/// What is written to a session is encrypted at once and kept in it until the socket takes it.
#[derive(Debug)]
pub(super) struct Session {
    socket: TcpStream,
    tls: ServerConnection,
    /// From the ClientHello to the ServerHello.
    delay_ns: u64,
    /// Nothing is written or read before.
    held_ns: Option<u64>,
}

impl Link {
    /// A new session, whose response to the ClientHello waits for `delay_ns`.
    pub(super) fn tls(socket: TcpStream, tls: &Tls, delay_ns: u64) -> io::Result<Self> {
        let mut tls = ServerConnection::new(tls.http1.clone()).map_err(io::Error::other)?;
        tls.set_buffer_limit(None);
        Ok(Self::Tls(Box::new(Session { socket, tls, delay_ns, held_ns: None })))
    }

    pub(super) fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(session) => &mut session.socket,
        }
    }

    pub(super) fn into_socket(self) -> TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(session) => session.socket,
        }
    }

    /// Until when the handshake is held back.
    pub(super) fn held_ns(&self) -> Option<u64> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(session) => session.held_ns,
        }
    }

    /// Whether bytes wait in the session for the socket to take them.
    pub(super) fn blocked(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(session) => session.held_ns.is_none() && session.tls.wants_write(),
        }
    }

    /// Whether a short read says nothing about the socket.
    pub(super) fn may_have_more(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// As [`io::Read::read`].
    pub(super) fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(space),
            Self::Tls(session) => session.read(space),
        }
    }

    /// Writes until the socket takes no more; how many bytes it (or the session) took.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => write(socket, bytes),
            Self::Tls(session) => {
                session.tls.writer().write_all(bytes)?;
                session.flush()?;
                Ok(bytes.len())
            }
        }
    }

    /// Writes what waits in the session.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(session) => session.flush(),
        }
    }

    /// Says, where there is a way to, that nothing follows.
    pub(super) fn say_goodbye(&mut self) {
        if let Self::Tls(session) = self {
            session.tls.send_close_notify();
            // The connection is closed in any case.
            let _ = session.flush();
        }
    }
}

impl Session {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.held_ns.is_some() {
                return Err(ErrorKind::WouldBlock.into());
            }
            match self.tls.reader().read(space) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
            if self.tls.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            let processed = self.tls.process_new_packets();
            if self.tls.wants_write() {
                // The first thing that a server says is its ServerHello.
                let delay_ns = std::mem::take(&mut self.delay_ns);
                if delay_ns > 0 && processed.is_ok() {
                    self.held_ns = Some(now_ns().saturating_add(delay_ns));
                }
                self.flush()?;
            }
            processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.held_ns.is_some_and(|held_ns| held_ns > now_ns()) {
            return Ok(());
        }
        self.held_ns = None;
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn write(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut taken = 0;
    while taken < bytes.len() {
        match socket.write(&bytes[taken..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => taken += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(taken)
}
