//! Echoes by UDP, with the kernel's stamps of when each datagram left and came.
//!
//! The leader says on the bus where it can be reached, and a key that datagrams of this run have. An echo is answered
//! twice: at once, with the instant at which it came and one before the answer left; and again when the kernel has said
//! when the answer left, which is known only after that. A second answer that is lost costs exactness alone.
//!
//! Of each instant the bound is taken that makes the interval wider, so that it holds the truth whatever the kernel's
//! stamps are worth.
//!
//! ```text
//! datagram = key (u64 LE) number (u64 LE) kind (u64 LE: 0 echo, 1 answer, 2 second answer) came (u64 LE) left (u64 LE)
//! ```

use crate::clock::Echo;
use crate::echoes::{AT_FIRST, EVERY, SOON};
use crate::message::Reachable;
use crate::state::{Inner, locked, monotonic};
use ringload_driver::{Between, Datagram, Departure, StampedDatagrams};
use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::Interest;
use tokio::time::Instant;

/// Answers echoes, as the leader, for ever. Without a socket there are no answers, and members ask through the bus.
pub(crate) async fn answer(inner: Arc<Inner>) {
    let Ok(mut socket) = Socket::open() else { return };
    let Ok(port) = socket.stamped.port() else { return };
    let key = RandomState::new().hash_one((std::process::id(), monotonic()));
    let reachable = Reachable { key, port, addresses: addresses(&inner).await };
    while inner.bus.say("lead.clock", &reachable, inner.options.silence).await.is_err() {
        tokio::time::sleep(EVERY).await;
    }
    loop {
        let Ok((asked, message)) = socket.next(0).await else { return };
        let Some(message) = message.filter(|message| message.key == key && message.kind == ECHO) else { continue };
        let answer = Message { kind: ANSWER, came: asked.came.latest, left: monotonic(), ..message };
        let Ok(sent) = socket.stamped.send_to(&answer.bytes(), asked.from) else { continue };
        if let Some(left) = socket.left(&sent).await {
            let second = Message { kind: SECOND_ANSWER, left: left.earliest, ..answer };
            // The first has said the same, less exactly.
            let _ = socket.stamped.send_to(&second.bytes(), asked.from);
        }
    }
}

/// Sends an echo each second, and some at once in the beginning, for ever: to all addresses of the leader, until one
/// has answered.
pub(crate) async fn send(inner: Arc<Inner>) {
    let Ok(reachable) = inner.wait_for::<Reachable>("lead.clock".into(), |_| None).await else { return };
    let all: Vec<SocketAddr> = reachable.addresses.iter().map(|ip| SocketAddr::new(*ip, reachable.port)).collect();
    let Ok(mut socket) = Socket::open() else { return };
    let mut under_way = UnderWay { key: reachable.key, ..UnderWay::default() };
    loop {
        let to = under_way.answers_from.filter(|_| under_way.unanswered < MOST_UNANSWERED);
        for address in to.as_ref().map_or(all.as_slice(), std::slice::from_ref) {
            let message = under_way.message();
            let Ok(sent) = socket.stamped.send_to(&message.bytes(), *address) else { continue };
            let left = socket.left(&sent).await;
            under_way.sent(message.number, *address, &sent, left);
        }
        let sent = monotonic();
        loop {
            let wait = if under_way.answered < AT_FIRST { SOON } else { wait(sent, &locked(&inner.echoes_soon)) };
            let until = Instant::now() + wait.saturating_sub(Duration::from_nanos(monotonic() - sent));
            let came = tokio::select! {
                came = socket.next(under_way.oldest()) => came,
                () = inner.echoes_changed.notified() => continue,
                () = tokio::time::sleep_until(until) => break,
            };
            let Ok((came, message)) = came else { return };
            if let Some(echo) = message.and_then(|message| under_way.answer(&message, &came)) {
                locked(&inner.alignment).add(&echo);
                inner.datagram_at.store(monotonic(), Ordering::Relaxed);
            }
        }
    }
}

/// How long after an echo that was sent at `sent` the next one follows, where they follow one another soon meanwhile.
fn wait(sent: u64, soon: &Range<u64>) -> Duration {
    if soon.contains(&sent) {
        return SOON;
    }
    let ahead = Duration::from_nanos(soon.start.saturating_sub(sent));
    if ahead.is_zero() { EVERY } else { EVERY.min(ahead) }
}

/// Where the leader may be reached: by the address that the bus sees, by those that it has towards the bus, and by
/// those of its name. One that is of no use answers nothing.
async fn addresses(inner: &Inner) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    found.extend(inner.bus.client.server_info().client_ip.parse::<IpAddr>());
    for server in &inner.options.address.servers {
        let host = server.split_once("://").map_or(server.as_str(), |(_, host)| host);
        for to in tokio::net::lookup_host(host).await.into_iter().flatten() {
            found.extend(way_to(to).ok());
        }
    }
    let own = tokio::net::lookup_host((inner.host.as_str(), 0)).await;
    found.extend(own.into_iter().flatten().map(|address| address.ip()));
    let mut once = Vec::new();
    for address in found.into_iter().map(|address| address.to_canonical()) {
        if !once.contains(&address) && !address.is_unspecified() {
            once.push(address);
        }
    }
    once.truncate(MOST_ADDRESSES);
    once
}

/// The local address of what is sent there; nothing is.
fn way_to(to: SocketAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.connect(to)?;
    Ok(socket.local_addr()?.ip())
}

/// A socket, waited for by the control thread.
struct Socket {
    stamped: StampedDatagrams,
    /// The same, as the thread's runtime knows it: for its readiness alone.
    ready: tokio::net::UdpSocket,
}

impl Socket {
    fn open() -> io::Result<Self> {
        let stamped = StampedDatagrams::bind()?;
        let ready = tokio::net::UdpSocket::from_std(stamped.duplicate()?)?;
        Ok(Self { stamped, ready })
    }

    /// The next datagram, and what it says where it is one of ours.
    async fn next(&mut self, not_before: u64) -> io::Result<(Datagram, Option<Message>)> {
        let mut buffer = [0; LENGTH + 1];
        loop {
            self.ready.readable().await?;
            let Self { stamped, ready } = self;
            let read = ready.try_io(Interest::READABLE, || {
                let datagram = stamped.receive(&mut buffer, not_before)?;
                datagram.ok_or_else(|| io::ErrorKind::WouldBlock.into())
            });
            match read {
                Ok(datagram) => return Ok((datagram, Message::parse(&buffer[..datagram.length]))),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// When a datagram left, where the kernel says it soon.
    async fn left(&mut self, sent: &Departure) -> Option<Between> {
        for wait in STAMP_WAITS {
            if let Some(left) = self.stamped.left(sent) {
                return Some(left);
            }
            tokio::time::sleep(wait).await;
        }
        self.stamped.left(sent)
    }
}

/// What a datagram says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Message {
    key: u64,
    number: u64,
    kind: u64,
    /// When the echo came, on the leader's clock.
    came: u64,
    /// An instant before the answer left.
    left: u64,
}

impl Message {
    fn bytes(&self) -> [u8; LENGTH] {
        let fields = [self.key, self.number, self.kind, self.came, self.left].map(u64::to_le_bytes);
        std::array::from_fn(|i| fields[i / 8][i % 8])
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LENGTH] = bytes.try_into().ok()?;
        let field = |i: usize| u64::from_le_bytes(std::array::from_fn(|b| bytes[i * 8 + b]));
        Some(Self { key: field(0), number: field(1), kind: field(2), came: field(3), left: field(4) })
    }
}

/// The echoes that were sent, and what came of them.
#[derive(Debug, Default)]
struct UnderWay {
    key: u64,
    next: u64,
    sent: VecDeque<Sent>,
    answered: u32,
    /// Echoes since the last answer.
    unanswered: u32,
    answers_from: Option<SocketAddr>,
}

#[derive(Debug)]
struct Sent {
    number: u64,
    to: SocketAddr,
    /// An instant before it left.
    at: u64,
    /// The first answer, as it came: not later than this.
    returned: Option<u64>,
}

impl UnderWay {
    /// The next echo.
    fn message(&mut self) -> Message {
        self.next += 1;
        Message { key: self.key, number: self.next, kind: ECHO, ..Message::default() }
    }

    fn sent(&mut self, number: u64, to: SocketAddr, departure: &Departure, left: Option<Between>) {
        let at = left.map_or(departure.before, |left| left.earliest);
        self.sent.push_back(Sent { number, to, at, returned: None });
        self.unanswered = self.unanswered.saturating_add(1);
        if self.sent.len() > MOST_UNDER_WAY {
            self.sent.pop_front();
        }
    }

    /// An instant before all that can be answered left.
    fn oldest(&self) -> u64 {
        self.sent.front().map_or(0, |sent| sent.at)
    }

    /// What an answer tells.
    fn answer(&mut self, message: &Message, came: &Datagram) -> Option<Echo> {
        if message.key != self.key {
            return None;
        }
        let sent = self.sent.iter_mut().find(|sent| sent.number == message.number)?;
        let returned = match message.kind {
            ANSWER => *sent.returned.insert(came.came.latest),
            SECOND_ANSWER => sent.returned?,
            _ => return None,
        };
        let echo = Echo { sent: sent.at, received: message.came, answered: message.left, returned };
        self.answered = self.answered.saturating_add(u32::from(message.kind == ANSWER));
        self.unanswered = 0;
        self.answers_from = Some(sent.to);
        Some(echo)
    }
}

const ECHO: u64 = 0;
const ANSWER: u64 = 1;
const SECOND_ANSWER: u64 = 2;
/// Bytes of a datagram: an answer is no longer than what it answers.
pub(crate) const LENGTH: usize = 40;
/// Echoes whose answers may still come.
const MOST_UNDER_WAY: usize = 64;
/// Echoes without an answer after which all addresses are tried again.
const MOST_UNANSWERED: u32 = 5;
/// Addresses of the leader that are told.
const MOST_ADDRESSES: usize = 8;
/// The kernel stamps a datagram when it gives it to the network card, mostly within the call that sends it.
const STAMP_WAITS: [Duration; 2] = [Duration::from_micros(200), Duration::from_millis(2)];

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(latest: u64) -> Datagram {
        let came = Between { earliest: latest - 10, latest };
        Datagram { length: LENGTH, from: ([127, 0, 0, 1], 9).into(), came }
    }

    #[test]
    fn what_a_datagram_says_comes_back_from_its_bytes() {
        let message = Message { key: 1 << 60, number: 2, kind: ANSWER, came: u64::MAX, left: 5 };
        assert_eq!(Message::parse(&message.bytes()), Some(message));
        assert_eq!(Message::parse(&message.bytes()[1..]), None);
        assert_eq!(Message::parse(&[0; LENGTH + 1]), None);
    }

    #[test]
    fn echoes_follow_one_another_soon_where_that_is_asked_for() {
        let soon = 5_000_000_000..5_100_000_000;
        for (sent, expected) in [
            (3_000_000_000, EVERY),
            (4_700_000_000, Duration::from_millis(300)),
            (5_000_000_000, SOON),
            (5_090_000_000, SOON),
            (5_100_000_000, EVERY),
        ] {
            assert_eq!(wait(sent, &soon), expected, "{sent}");
        }
        assert_eq!(wait(7, &(0..0)), EVERY);
    }

    #[test]
    fn both_answers_tell_of_one_echo_and_others_tell_nothing() {
        let mut under_way = UnderWay { key: 7, ..UnderWay::default() };
        let to = ([127, 0, 0, 1], 9).into();
        let echo = under_way.message();
        let mut sent = StampedDatagrams::bind().unwrap();
        let departure = sent.send_to(&echo.bytes(), ([127, 0, 0, 1], sent.port().unwrap()).into()).unwrap();
        under_way.sent(echo.number, to, &departure, Some(Between { earliest: 100, latest: 120 }));
        let answer = Message { kind: ANSWER, came: 5_130, left: 5_140, ..echo };
        let second = Message { kind: SECOND_ANSWER, left: 5_160, ..answer };
        // The second alone says nothing of when the first came.
        assert_eq!(under_way.answer(&second, &datagram(320)), None);
        assert_eq!(under_way.answer(&Message { key: 8, ..answer }, &datagram(300)), None);
        assert_eq!(under_way.answer(&Message { number: 9, ..answer }, &datagram(300)), None);
        assert_eq!(under_way.answer(&echo, &datagram(300)), None);
        let first = Echo { sent: 100, received: 5_130, answered: 5_140, returned: 300 };
        assert_eq!(under_way.answer(&answer, &datagram(300)), Some(first));
        assert_eq!(under_way.answer(&second, &datagram(320)), Some(Echo { answered: 5_160, ..first }));
        assert_eq!((under_way.answered, under_way.unanswered, under_way.answers_from), (1, 0, Some(to)));
    }
}
