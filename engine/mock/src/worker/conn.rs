//! One connection: its socket and what is buffered on it.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::time::Duration;

use mio::net::TcpStream;
use socket2::SockRef;

use super::link::Link;
use crate::http::Head;
use crate::stream::Stream;
use crate::truth::Note;

/// A client's connection. At most one request is under way; bytes of the next ones wait.
#[derive(Debug)]
pub(super) struct Conn {
    link: Link,
    /// It is not known yet whether it speaks HTTP/2.
    pub(super) undecided: bool,
    /// Read and not used yet.
    pub(super) input: Vec<u8>,
    /// The head at the start of `input`, when its body is not complete yet.
    pub(super) head: Option<Head>,
    /// There may be bytes in the socket that were not read, as a request was under way.
    pub(super) unread: bool,
    pub(super) stream: Option<Stream>,
    /// Of the request that `stream` answers, until all is written.
    pub(super) note: Note,
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
    /// Say no more, and throw away what the client still sends: a close with unread bytes would take the response with
    /// it.
    Drain,
}

impl Conn {
    pub(super) fn new(link: Link, undecided: bool) -> Self {
        Self {
            link,
            undecided,
            input: Vec::new(),
            head: None,
            unread: false,
            stream: None,
            note: None,
            half_closed: false,
            after: After::KeepAlive,
            output: Vec::new(),
            written: 0,
        }
    }

    pub(super) fn socket(&mut self) -> &mut TcpStream {
        self.link.socket()
    }

    /// Its socket alone; what was read is lost.
    pub(super) fn into_socket(self) -> TcpStream {
        self.link.into_socket()
    }

    /// Until when the handshake is held back.
    pub(super) fn held_ns(&self) -> Option<u64> {
        self.link.held_ns()
    }

    /// Whether bytes wait for the socket to take them.
    pub(super) fn blocked(&self) -> bool {
        !self.output.is_empty() || self.link.blocked()
    }

    /// Writes `bytes`; what the socket does not take now is kept for [`flush`](Conn::flush). Not to be called while
    /// blocked.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let taken = self.link.write(bytes)?;
        self.output.extend_from_slice(&bytes[taken..]);
        Ok(())
    }

    /// Writes what was kept. The connection is no longer blocked when the socket took all.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.link.flush()?;
        if !self.output.is_empty() {
            self.written += self.link.write(&self.output[self.written..])?;
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
            match self.link.read(space) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    // A short read emptied the socket: what comes later makes a new event. An end is only seen by
                    // reading on.
                    self.unread = count == space.len() || self.half_closed || self.link.may_have_more();
                    if self.after != After::Drain {
                        self.input.extend_from_slice(&space[..count]);
                    }
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.unread = self.held_ns().is_some();
                    return Ok(false);
                }
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
            After::Close => {
                self.link.say_goodbye();
                Err(ErrorKind::ConnectionAborted.into())
            }
            After::Reset => {
                SockRef::from(&*self.link.socket()).set_linger(Some(Duration::ZERO))?;
                Err(ErrorKind::ConnectionReset.into())
            }
            After::Drain => {
                self.link.say_goodbye();
                self.link.socket().shutdown(Shutdown::Write)
            }
        }
    }
}

/// A larger input buffer is given back after its request.
const INPUT_KEPT: usize = 16 << 10;
