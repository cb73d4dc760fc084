//! Scripted peers: a thread a connection, every request kept, every answer written by the test.

use socket2::{Domain, Socket, Type};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// How many came before it, over all connections.
    pub serial: usize,
    /// Request line and fields.
    pub head: String,
    /// Body.
    pub body: String,
}

impl Request {
    /// The value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It takes the next request.
    Keep,
    /// It is closed.
    Close,
    /// It is reset at once.
    Reset,
}

/// A listener that answers as it is told; dropping it ends it.
pub struct Peer {
    addr: SocketAddr,
    seen: Arc<Seen>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    connections: AtomicUsize,
    requests: Mutex<Vec<Request>>,
    peers: Mutex<Vec<IpAddr>>,
}

impl Peer {
    /// Answers every request with `answer`, in the thread of its connection. An error of it ends the connection.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start<F>(answer: F) -> Self
    where
        F: Fn(&mut TcpStream, &Request) -> io::Result<Then> + Send + Sync + 'static,
    {
        Self::at(free(), answer)
    }

    /// As [`Self::start`], on a listener that is there.
    pub fn at<F>(listener: TcpListener, answer: F) -> Self
    where
        F: Fn(&mut TcpStream, &Request) -> io::Result<Then> + Send + Sync + 'static,
    {
        Self::accepting(listener, move |stream, _, seen| serve(&stream, seen, &answer))
    }

    /// Gives every connection, and how many came before it, to `script`, in a thread of its own.
    ///
    /// # Panics
    /// When no port is free.
    pub fn raw(script: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        Self::accepting(free(), move |stream, serial, _| script(stream, serial))
    }

    fn accepting(listener: TcpListener, serve: impl Fn(TcpStream, usize, &Seen) + Send + Sync + 'static) -> Self {
        let addr = listener.local_addr().expect("an address");
        let seen = Arc::new(Seen::default());
        let (serve, noted) = (Arc::new(serve), seen.clone());
        let acceptor = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if noted.stop.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let serial = noted.connections.fetch_add(1, Ordering::AcqRel);
                if let Ok(from) = stream.peer_addr() {
                    let mut peers = noted.peers.lock().unwrap_or_else(PoisonError::into_inner);
                    peers.push(from.ip());
                }
                let (serve, noted) = (serve.clone(), noted.clone());
                std::thread::spawn(move || serve(stream, serial, &noted));
            }
        });
        Self { addr, seen, acceptor: Some(acceptor) }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What has come, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        let requests = self.seen.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where the connections came from, in order.
    #[must_use]
    pub fn peers(&self) -> Vec<IpAddr> {
        let peers = self.seen.peers.lock();
        peers.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connections accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Acquire)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.seen.stop.store(true, Ordering::Release);
        // Wakes the acceptor; if nothing can connect, it has ended.
        let _ = TcpStream::connect(self.addr);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// A port of this machine on which nothing listens as long as the process lives: no other test is given it.
///
/// # Panics
/// When no port is free.
#[must_use]
pub fn closed_port() -> SocketAddr {
    let port = ReservedPort::default();
    let addr = port.addr;
    std::mem::forget(port);
    addr
}

/// A port that is taken, and on which nothing listens yet: connects to it are refused.
pub struct ReservedPort {
    /// Its address.
    pub addr: SocketAddr,
    socket: Socket,
}

impl Default for ReservedPort {
    fn default() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        let addr = socket.local_addr().ok().and_then(|addr| addr.as_socket()).expect("an address");
        Self { addr, socket }
    }
}

impl ReservedPort {
    /// Listens on it from now on.
    ///
    /// # Panics
    /// When the kernel does not let it.
    #[must_use]
    pub fn listen(self) -> TcpListener {
        self.socket.listen(128).expect("a listener");
        self.socket.into()
    }
}

fn free() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).expect("a free port")
}

fn serve(stream: &TcpStream, seen: &Seen, answer: &(impl Fn(&mut TcpStream, &Request) -> io::Result<Then> + ?Sized)) {
    let _ = stream.set_nodelay(true);
    let Ok(reading) = stream.try_clone() else {
        return;
    };
    let Ok(mut writing) = stream.try_clone() else {
        return;
    };
    let mut reading = BufReader::new(reading);
    while let Ok(Some((head, body))) = read(&mut reading) {
        let request = {
            let mut requests = seen.requests.lock().unwrap_or_else(PoisonError::into_inner);
            let request = Request { serial: requests.len(), head, body };
            requests.push(request.clone());
            request
        };
        match answer(&mut writing, &request) {
            Ok(Then::Keep) => {}
            Ok(Then::Reset) => {
                // If it cannot be set, the close is one in order, and the test that wanted a reset says so.
                let _ = socket2::SockRef::from(&writing).set_linger(Some(Duration::ZERO));
                return;
            }
            Ok(Then::Close) | Err(_) => return,
        }
    }
}

fn read(from: &mut impl BufRead) -> io::Result<Option<(String, String)>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let length = head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        let of_body = field.eq_ignore_ascii_case("content-length");
        of_body.then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut body)?;
    let body = String::from_utf8(body).map_err(io::Error::other)?;
    Ok(Some((head, body)))
}

/// The head of a streamed answer.
pub const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// A chunk of a body.
#[must_use]
pub fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// An event in a chunk of its own.
#[must_use]
pub fn event(data: &str) -> String {
    chunk(&format!("data: {data}\n\n"))
}

/// A token of a chat.
#[must_use]
pub fn token(text: &str) -> String {
    event(&format!(
        r#"{{"id":"c","object":"chat.completion.chunk","choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}"#
    ))
}

/// The end of a chat of so many tokens: finish reason, usage, terminator.
#[must_use]
pub fn finish(tokens: u32) -> String {
    let usage = format!(
        r#"{{"choices":[],"usage":{{"prompt_tokens":4,"completion_tokens":{tokens},"total_tokens":{}}}}}"#,
        tokens + 4
    );
    let last = event(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#);
    format!("{last}{}{}0\r\n\r\n", event(&usage), event("[DONE]"))
}

/// A whole streamed chat of so many tokens.
#[must_use]
pub fn chat(tokens: u32) -> String {
    let words: String = (0..tokens).map(|_| token("word ")).collect();
    stream(&(words + &finish(tokens)))
}

/// A head, and these events as its body.
#[must_use]
pub fn stream(events: &str) -> String {
    format!("{STREAM}{events}")
}

/// An answer with a length.
#[must_use]
pub fn whole(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// Writes an answer in one go.
///
/// # Errors
/// When the client has gone.
pub fn write(to: &mut TcpStream, answer: &str) -> io::Result<Then> {
    to.write_all(answer.as_bytes())?;
    Ok(Then::Keep)
}
