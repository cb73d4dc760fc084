//! One connection: its socket and what is buffered on it.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::time::Duration;

use mio::net::TcpStream;
use socket2::SockRef;

use crate::http::Head;
use crate::stream::Stream;

/// A client's connection. At most one request is under way; bytes of the next ones wait.
#[derive(Debug)]
pub(super) struct Conn {
    socket: TcpStream,
    /// Read and not used yet.
    pub(super) input: Vec<u8>,
    /// The head at the start of `input`, when its body is not complete yet.
    pub(super) head: Option<Head>,
    /// There may be bytes in the socket that were not read, as a request was under way.
    pub(super) unread: bool,
    pub(super) stream: Option<Stream>,
    /// The client has sent its last byte.
    pub(super) half_closed: bool,
    /// What to do once all is written.
    pub(super) after: After,
    output: Vec<u8>,
    written: usize,
}

/// What becomes of a connection when the response is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum After {
    KeepAlive,
    Close,
    Reset,
    /// Say no more, and throw away what the client still sends: a close with unread bytes would take the response with it.
    Drain,
}

impl Conn {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            input: Vec::new(),
            head: None,
            unread: false,
            stream: None,
            half_closed: false,
            after: After::KeepAlive,
            output: Vec::new(),
            written: 0,
        }
    }

    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Whether bytes wait for the socket to take them.
    pub(super) fn blocked(&self) -> bool {
        !self.output.is_empty()
    }

    /// Writes `bytes`; what the socket does not take now is kept for [`flush`](Conn::flush). Not to be called while blocked.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let taken = write(&mut self.socket, bytes)?;
        self.output.extend_from_slice(&bytes[taken..]);
        Ok(())
    }

    /// Writes what was kept. The connection is no longer blocked when the socket took all.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.blocked() {
            self.written += write(&mut self.socket, &self.output[self.written..])?;
            if self.written == self.output.len() {
                self.output = Vec::new();
                self.written = 0;
            }
        }
        Ok(())
    }

    /// Reads once, by way of `space`; false when there is nothing to read now. The end of the stream is an error.
    pub(super) fn read(&mut self, space: &mut [u8]) -> io::Result<bool> {
        while self.unread {
            match self.socket.read(space) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    // A short read emptied the socket: what comes later makes a new event. An end is only seen by reading on.
                    self.unread = count == space.len() || self.half_closed;
                    if self.after != After::Drain {
                        self.input.extend_from_slice(&space[..count]);
                    }
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.unread = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Drops the first `count` bytes of the input.
    pub(super) fn consume(&mut self, count: usize) {
        if count == self.input.len() && self.input.capacity() > INPUT_KEPT {
            self.input = Vec::new();
        } else {
            self.input.drain(..count);
        }
    }

    /// All is written and no request is under way. An error means that the connection is to be dropped.
    pub(super) fn handle_all_written(&mut self) -> io::Result<()> {
        match self.after {
            After::KeepAlive => Ok(()),
            After::Close => Err(ErrorKind::ConnectionAborted.into()),
            After::Reset => {
                SockRef::from(&self.socket).set_linger(Some(Duration::ZERO))?;
                Err(ErrorKind::ConnectionReset.into())
            }
            After::Drain => self.socket.shutdown(Shutdown::Write),
        }
    }
}

/// Writes until the socket takes no more; how many bytes it took.
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

/// A larger input buffer is given back after its request.
const INPUT_KEPT: usize = 16 << 10;
