//! A name server on loopback: every name is 127.0.0.1, after a while.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A name server; it ends with the process.
pub struct Names {
    addr: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Names {
    /// Answers each question for an IPv4 address after `delay`, with a time to live of `ttl` seconds.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn start(delay: Duration, ttl: u32) -> Self {
        Self::answering(delay, ttl, |_| true)
    }

    /// As [`start`](Self::start), but knows the name only when `known` says so of how many such questions came before.
    /// Other names than [`NAME`](Self::NAME), as those that a search list makes, it never knows.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn knowing(known: impl Fn(usize) -> bool + Send + 'static) -> Self {
        let turns = AtomicUsize::new(0);
        Self::answering(Duration::ZERO, 60, move |query| {
            let named = query.get(12..).is_some_and(|q| q.starts_with(NAMED));
            match query.get(28..30) {
                Some([0, 1]) if named => known(turns.fetch_add(1, Ordering::AcqRel)),
                _ => named,
            }
        })
    }

    /// The name that [`knowing`](Self::knowing) is about.
    pub const NAME: &str = "server.example";

    /// Knows [`NAME`](Self::NAME) under both families: at once under the IPv6 address of this host, and after `delay`
    /// under the IPv4 address.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn racing(delay: Duration) -> Self {
        Self::playing(60, move |query| {
            let named = query.get(12..).is_some_and(|q| q.starts_with(NAMED));
            let four = query.get(28..30) == Some(&[0, 1]);
            Some((if four { delay } else { Duration::ZERO }, if named { Knows::Both } else { Knows::Nothing }))
        })
    }

    /// Never answers.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn silent() -> Self {
        Self::playing(0, |_| None)
    }

    fn answering(delay: Duration, ttl: u32, known: impl Fn(&[u8]) -> bool + Send + 'static) -> Self {
        Self::playing(ttl, move |query| Some((delay, if known(query) { Knows::Four } else { Knows::Nothing })))
    }

    /// Answers as `play` says: after how long, and what.
    fn playing(ttl: u32, play: impl Fn(&[u8]) -> Option<(Duration, Knows)> + Send + 'static) -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a free port");
        let addr = socket.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((n, from)) = socket.recv_from(&mut buffer) {
                count.fetch_add(1, Ordering::AcqRel);
                let Some((delay, knows)) = play(&buffer[..n]) else { continue };
                let Some(answer) = answer(&buffer[..n], ttl, knows) else { continue };
                let socket = socket.try_clone().expect("the socket again");
                std::thread::spawn(move || {
                    std::thread::sleep(delay);
                    // Who asked may have gone.
                    let _ = socket.send_to(&answer, from);
                });
            }
        });
        Self { addr, asked }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Questions so far.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Acquire)
    }
}

/// Under which addresses a name is known.
#[derive(Clone, Copy, PartialEq)]
enum Knows {
    Nothing,
    Four,
    Both,
}

/// [`Names::NAME`] in a question.
const NAMED: &[u8] = b"\x06server\x07example\0";

/// RFC 1035 §4.1: the question again, and the record that was asked for, if there is one; for a name that is not known,
/// that there is none (`NXDOMAIN`).
fn answer(query: &[u8], ttl: u32, knows: Knows) -> Option<Vec<u8>> {
    let mut at = 12;
    while *query.get(at)? != 0 {
        at += usize::from(*query.get(at)?) + 1;
    }
    let question = query.get(12..at + 5)?;
    let address: &[u8] = match (question.get(question.len() - 4..question.len() - 2)?, knows) {
        ([0, 1], Knows::Four | Knows::Both) => &[127, 0, 0, 1],
        ([0, 28], Knows::Both) => &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        _ => &[],
    };
    let mut out = query.get(..2)?.to_vec();
    let code = if knows == Knows::Nothing { 0x83 } else { 0x80 };
    out.extend([0x81, code, 0, 1, 0, u8::from(!address.is_empty()), 0, 0, 0, 0]);
    out.extend(question);
    if !address.is_empty() {
        out.extend([0xc0, 12]);
        out.extend(&question[question.len() - 4..]);
        out.extend(ttl.to_be_bytes());
        out.extend((address.len() as u16).to_be_bytes());
        out.extend(address);
    }
    Some(out)
}
