//! A server that never stops sending: each connection gets one kind of answer without an end, as much of it as its
//! client takes.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A listener whose answers have no end; dropping it ends it. One thread serves all connections, in turn.
pub struct Flood {
    addr: SocketAddr,
    stop: Arc<AtomicBool>,
    settled: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

/// How each answer begins, and what it then repeats.
const ANSWERS: [(&str, &str); 7] = [
    // A head.
    ("HTTP/1.1 200 OK\r\n", "X-Padding: 0123456789abcdef\r\n"),
    // An event, in one chunk of the largest size that can be written.
    (
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"",
        "0123456789abcdef",
    ),
    // An event of many lines.
    ("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", "data: \"0123456789abcdef\"\n"),
    // A body that is no stream.
    (
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9000000000000000000\r\n\r\n[",
        "\"0123456789abcdef\",",
    ),
    // What an error has to say.
    ("HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/plain\r\n\r\n", "0123456789abcdef "),
    // Comments, each complete: nothing is over any limit but the time.
    ("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", ": 0123456789abcdef\n\n"),
    // Tokens, each complete: what is noted of them grows.
    (
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n",
    ),
];

struct Client {
    socket: TcpStream,
    kind: usize,
    /// One of those that are waited for.
    first: bool,
    begun: bool,
    /// Bytes of the piece that the kernel has not taken.
    left: usize,
    /// Bytes that it took in all.
    taken: usize,
}

impl Flood {
    /// Listens, and begins when so many are connected: from then on all are flooded at once.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn over(connections: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let addr = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let stop = Arc::new(AtomicBool::new(false));
        let settled = Arc::new(AtomicBool::new(false));
        let (asked, reached) = (stop.clone(), settled.clone());
        let server = std::thread::spawn(move || serve(&listener, &asked, &reached, connections));
        Self { addr, stop, settled, server: Some(server) }
    }

    /// Whether each of the first connections has been given far more than any limit, or has been closed by its client.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

fn serve(listener: &TcpListener, stop: &AtomicBool, settled: &AtomicBool, connections: usize) {
    let pieces = ANSWERS.map(|(_, repeated)| repeated.repeat(PIECE / repeated.len()));
    let (mut clients, mut serial) = (Vec::new(), 0);
    while !stop.load(Ordering::Acquire) {
        while let Ok((socket, _)) = listener.accept() {
            if socket.set_nonblocking(true).is_ok() {
                clients.push(Client {
                    socket,
                    kind: serial % ANSWERS.len(),
                    first: serial < connections,
                    begun: false,
                    left: 0,
                    taken: 0,
                });
                serial += 1;
            }
        }
        if serial < connections {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        let mut moved = false;
        clients.retain_mut(|client| match client.turn(&pieces) {
            Ok(wrote) => {
                moved |= wrote;
                true
            }
            Err(_) => false,
        });
        let mut first = clients.iter().filter(|client| client.first);
        if first.all(|client| client.taken >= ENOUGH) {
            settled.store(true, Ordering::Release);
        }
        if !moved {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Client {
    /// Gives it one piece more, once it has asked. Whether it took any of it.
    fn turn(&mut self, pieces: &[String; ANSWERS.len()]) -> std::io::Result<bool> {
        if !self.begun {
            // What is left of a request that comes in parts stays unread: it is small.
            let mut request = [0; 16 << 10];
            return match self.socket.read(&mut request) {
                Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {
                    // A fresh socket takes a few hundred bytes at once.
                    self.socket.write_all(ANSWERS[self.kind].0.as_bytes())?;
                    self.begun = true;
                    self.left = pieces[self.kind].len();
                    Ok(true)
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(false),
                Err(e) => Err(e),
            };
        }
        let piece = pieces[self.kind].as_bytes();
        // After far more than any limit a little at a time is as bad, and leaves the machine to others.
        let most = if self.taken < PLENTY { piece.len() } else { TRICKLE };
        let begin = piece.len() - self.left;
        let end = piece.len().min(begin + most);
        match self.socket.write(&piece[begin..end]) {
            Ok(n) => {
                self.left -= n;
                self.taken += n;
                if self.left == 0 {
                    self.left = piece.len();
                }
                Ok(n > 0)
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(e) => Err(e),
        }
    }
}

/// Bytes that a connection is given in its turn.
const PIECE: usize = 8 << 10;
/// Bytes that are over any limit of the tests.
const ENOUGH: usize = 64 << 10;
/// Bytes from which on it is given less.
const PLENTY: usize = 256 << 10;
/// Bytes that it is given then.
const TRICKLE: usize = 64;
