//! A slow, simple client that keeps every byte.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use ringload_mock::{Config, Jitter, Server, Timing, start};

/// A server that paces: first token after `ttft_ms`, then one each `itl_ms`.
pub(crate) fn paced(ttft_ms: u64, itl_ms: u64) -> Server {
    let timing = Timing::Fixed {
        ttft: Duration::from_millis(ttft_ms),
        itl: Duration::from_millis(itl_ms),
        jitter: Jitter::None,
    };
    serve(timing)
}

/// A server with this timing.
pub(crate) fn serve(timing: Timing) -> Server {
    start(Config { timing, ..Config::default() }).expect("a server starts")
}

/// A connection.
pub(crate) struct Client {
    socket: BufReader<TcpStream>,
}

/// A response; `body` has no chunk framing.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// The body ended as its framing says.
    pub(crate) complete: bool,
}

impl Client {
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        let socket = TcpStream::connect(addr).expect("the server accepts");
        let patience = Some(Duration::from_secs(240));
        socket.set_read_timeout(patience).expect("a time-out is set");
        Self { socket: BufReader::new(socket) }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).expect("the server reads");
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) -> Response {
        self.send(post(path, body).as_bytes());
        self.response()
    }

    pub(crate) fn chat(&mut self, fields: &str) -> Response {
        self.post("/v1/chat/completions", &chat(fields))
    }

    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: mock\r\n\r\n").as_bytes());
        self.response()
    }

    pub(crate) fn response(&mut self) -> Response {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let count = self.socket.read_line(&mut head).expect("a head");
            assert!(count > 0, "the connection ended in the head: {head:?}");
        }
        let status = head[9..12].parse().expect("a status");
        let size = head.split("content-length: ").nth(1);
        let mut body = Vec::new();
        let complete = match size.and_then(|rest| rest.split("\r\n").next()) {
            Some(size) => {
                body.resize(size.parse().expect("a size"), 0);
                self.socket.read_exact(&mut body).is_ok()
            }
            None => self.chunks(&mut body),
        };
        let body = String::from_utf8(body).expect("UTF-8");
        Response { status, head, body, complete }
    }

    /// Reads what a server says to a client that asked before it sends its body.
    pub(crate) fn expect_continue(&mut self) {
        let mut line = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        self.socket.read_exact(&mut line).expect("a line");
        assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    /// Whether the server has closed the connection in order, with nothing more to read.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.socket.read(&mut [0]).is_ok_and(|count| count == 0)
    }

    /// Reads to the end: whether it is a reset, and what came before.
    pub(crate) fn reset(&mut self) -> (bool, String) {
        let mut bytes = Vec::new();
        let read = self.socket.read_to_end(&mut bytes);
        let reset = read.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset);
        (reset, String::from_utf8_lossy(&bytes).into_owned())
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        loop {
            let mut line = String::new();
            if self.socket.read_line(&mut line).unwrap_or(0) == 0 {
                return false;
            }
            let size = usize::from_str_radix(line.trim_end(), 16).expect("a chunk size");
            let mut chunk = vec![0; size + 2];
            if self.socket.read_exact(&mut chunk).is_err() {
                return false;
            }
            assert_eq!(chunk.split_off(size), b"\r\n");
            if size == 0 {
                return true;
            }
            body.extend(chunk);
        }
    }
}

impl Response {
    /// The `sent_ns` of each output event.
    pub(crate) fn sent_ns(&self) -> Vec<u64> {
        let output = self.body.lines().filter(|line| line.contains(r#""delta":{"content""#));
        output.map(sent_ns).collect()
    }
}

/// The request for a streamed chat; `fields` go into its body.
pub(crate) fn chat(fields: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"Hello, you"}}],"stream":true{fields}}}"#)
}

pub(crate) fn post(path: &str, body: &str) -> String {
    let size = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: mock\r\ncontent-length: {size}\r\n\r\n{body}")
}

fn sent_ns(event: &str) -> u64 {
    let value = event.split(r#""sent_ns":"#).nth(1).expect("a sent_ns");
    value.trim_end_matches('}').parse().expect("a number")
}
