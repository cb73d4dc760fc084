//! What goes out: requests, within the peer's windows.

use super::connection::Connection;
use super::error::{Http2Error, StreamError};
use super::event::{Event, Opened};
use super::frame::{self, Header};
use super::hpack;
use super::request::RequestHead;
use super::settings::Settings;
use super::stream::Stream;
use super::window::{DEFAULT, MAX, ReceiveWindow, Waits};

/// The limits of sending.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) peer: Settings,
    /// What the peer lets us send on the whole connection.
    window: i64,
    /// The largest `window` so far.
    largest: i64,
    /// Since when a part of a window is open and not used, as it is too small for a frame that is worth its header.
    withheld_since: Option<u64>,
    /// How often such a part was used after all, since the peer opened no more.
    overrides: u32,
    /// The next stream's id: odd, and above 2^31 when there is none.
    next: u32,
    /// The header block that is being sent.
    encoded: Vec<u8>,
    pub(super) waits: Waits,
}

impl Default for Sender {
    fn default() -> Self {
        Self {
            peer: Settings::default(),
            window: DEFAULT,
            largest: DEFAULT,
            withheld_since: None,
            overrides: 0,
            next: 1,
            encoded: Vec::new(),
            waits: Waits::default(),
        }
    }
}

impl Sender {
    /// How many ids are left for streams (RFC 9113 §5.1.1).
    pub(super) fn ids_left(&self) -> u32 {
        (MAX as u32 + 2).saturating_sub(self.next) / 2
    }

    /// Whether a stream of this id was opened.
    pub(super) fn began(&self, stream: u32) -> bool {
        stream < self.next
    }

    /// Appends as much of a body as the windows allow: the bytes sent. A piece that is neither the rest of the body nor
    /// [worth a frame](Self::least_piece) is withheld, unless `whatever` there is shall go.
    fn send(&mut self, to: &mut Stream, body: &[u8], whatever: bool, now: u64, out: &mut Vec<u8>) -> usize {
        let (stream, whole) = (to.id, body.len());
        let mut body = body;
        loop {
            let room = usize::try_from(self.window.min(to.send_window)).unwrap_or(0);
            let n = body.len().min(room).min(self.peer.max_frame);
            let Some((piece, rest)) = body.split_at_checked(n).filter(|_| n > 0) else {
                return whole - body.len();
            };
            if !whatever && !rest.is_empty() && n < self.least_piece(to) {
                self.withheld_since.get_or_insert(now);
                return whole - body.len();
            }
            self.withheld_since = None;
            let flags = if rest.is_empty() { frame::END_STREAM } else { 0 };
            Header::new(n, frame::DATA, flags, stream).write(out);
            out.extend_from_slice(piece);
            body = rest;
            self.window -= n as i64;
            to.send_window -= n as i64;
        }
    }

    /// The least piece of a body that is worth a frame: a quarter of the largest window that the peer has opened, and
    /// at most 16 KiB.
    ///
    /// A peer that returns windows frame by frame would otherwise be sent ever smaller frames, since each small frame
    /// at the end of a body comes back as a small window (the silly window syndrome, RFC 9293 §3.8.6.2.1).
    fn least_piece(&self, to: &Stream) -> usize {
        if self.overrides >= MOST_OVERRIDES {
            return 1;
        }
        let largest = if self.window <= to.send_window { self.largest } else { to.largest_window };
        usize::try_from(largest / 4).unwrap_or(0).min(frame::MAX_FRAME as usize)
    }

    /// Appends `encoded` as the header block of a stream.
    fn send_head(&self, stream: u32, end: bool, out: &mut Vec<u8>) {
        let mut left = self.encoded.as_slice();
        let (mut kind, mut flags) = (frame::HEADERS, if end { frame::END_STREAM } else { 0 });
        loop {
            let n = left.len().min(self.peer.max_frame);
            let (piece, rest) = left.split_at_checked(n).unwrap_or((left, &[]));
            if rest.is_empty() {
                flags |= frame::END_HEADERS;
            }
            Header::new(piece.len(), kind, flags, stream).write(out);
            out.extend_from_slice(piece);
            if rest.is_empty() {
                return;
            }
            left = rest;
            (kind, flags) = (frame::CONTINUATION, 0);
        }
    }
}

impl Connection {
    /// Appends one request. If the windows have no room for all of `body` the rest is copied and follows as the server
    /// reads.
    ///
    /// An empty `session_id` writes no field. Ask for [`room`](Self::room) first.
    #[allow(clippy::too_many_arguments, reason = "each is a part of the one request")]
    pub fn open(
        &mut self,
        tag: u32,
        head: &RequestHead,
        request_id: u128,
        session_id: &str,
        body: &[u8],
        now: u64,
        out: &mut Vec<u8>,
    ) -> Opened {
        if self.room() == 0 {
            return Opened::Refused;
        }
        self.set_now(now);
        self.budget.progress();
        let receive_window = ReceiveWindow::new(self.stream_window());
        let Self { sender, streams, .. } = self;
        let id = sender.next;
        let Some(stream) = streams.add(id) else {
            return Opened::Refused;
        };
        stream.tag = tag;
        stream.receive_window = receive_window;
        stream.send_window = sender.peer.initial_window;
        stream.largest_window = stream.send_window;
        sender.encoded.clear();
        if id == 1 {
            hpack::no_table(&mut sender.encoded);
        }
        head.write(&mut sender.encoded, request_id, session_id, body.len());
        sender.next += 2;
        sender.send_head(id, body.is_empty(), out);
        let sent = sender.send(stream, body, false, now, out);
        match body.get(sent..) {
            Some(rest) if !rest.is_empty() => {
                stream.body.extend_from_slice(rest);
                sender.waits.begin(now);
                Opened::Part
            }
            _ => Opened::All,
        }
    }

    /// Since when a part of a window is open and not used, because the peer is expected to open more of it soon. After
    /// [`SLIVER_WAIT`] without, call [`send_withheld`](Self::send_withheld).
    #[must_use]
    #[inline]
    pub fn withheld_since(&self) -> Option<u64> {
        self.sender.withheld_since.filter(|_| self.sender.waits.any() && self.failed.is_none())
    }

    /// Uses the part of a window that was withheld: the peer waits for it. Bodies that are complete by it are told by
    /// the next [`receive`](Self::receive), which may be of no bytes.
    pub fn send_withheld(&mut self, now: u64, out: &mut Vec<u8>) {
        if self.failed.is_some() {
            return;
        }
        self.set_now(self.now.max(now));
        self.sender.overrides += 1;
        self.sender.withheld_since = None;
        self.send_waiting(true, out);
    }

    /// Sends what waited and has room now, the oldest stream first.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>) {
        self.send_waiting(false, out);
    }

    fn send_waiting(&mut self, whatever: bool, out: &mut Vec<u8>) {
        let mut n = 0;
        while self.sender.waits.any()
            && self.sender.window > 0
            && let Some(id) = self.streams.nth(n)
        {
            n += 1;
            let Some(stream) = self.streams.by_id(id) else {
                continue;
            };
            let body = std::mem::take(&mut stream.body);
            let rest = body.get(stream.sent..).unwrap_or_default();
            if rest.is_empty() {
                stream.body = body;
                continue;
            }
            let sent = self.sender.send(stream, rest, whatever, self.now, out);
            let done = sent == rest.len();
            stream.body = body;
            stream.sent += sent;
            if sent > 0 {
                self.budget.progress();
            }
            if done {
                stream.body.clear();
                let tag = stream.tag;
                self.sender.waits.end(self.now);
                self.queue.push_back(Event::BodySent { tag });
            }
        }
    }

    /// Applies the peer's settings, to the streams that are open too (RFC 9113 §6.9.2).
    pub(super) fn apply(&mut self, payload: &[u8]) -> Result<(), Http2Error> {
        let before = self.sender.peer.initial_window;
        self.sender.peer.apply(payload)?;
        let change = self.sender.peer.initial_window - before;
        for stream in self.streams.slots() {
            stream.send_window += change;
            stream.largest_window = (stream.largest_window + change).max(stream.send_window);
            if stream.id != 0 && stream.send_window > MAX {
                return Err(Http2Error::WindowOverflow);
            }
        }
        Ok(())
    }

    /// The connection's WINDOW_UPDATE.
    pub(super) fn grow(&mut self, increment: u32) -> Result<(), Http2Error> {
        if increment == 0 {
            return Err(Http2Error::ZeroIncrement);
        }
        self.sender.window += i64::from(increment);
        self.sender.largest = self.sender.largest.max(self.sender.window);
        if self.sender.window > MAX {
            return Err(Http2Error::WindowOverflow);
        }
        Ok(())
    }

    /// A stream's WINDOW_UPDATE; the stream need not be open any more.
    pub(super) fn grow_stream(&mut self, id: u32, increment: u32) -> Result<(), StreamError> {
        let Some(stream) = self.streams.by_id(id) else {
            return Ok(());
        };
        if increment == 0 {
            return Err(StreamError::ZeroIncrement);
        }
        stream.send_window += i64::from(increment);
        stream.largest_window = stream.largest_window.max(stream.send_window);
        if stream.send_window > MAX {
            return Err(StreamError::WindowOverflow);
        }
        Ok(())
    }
}

/// How long, in nanoseconds, a part of a window that is too small for a frame of a useful size is withheld in the hope
/// of more (RFC 9293 §3.8.6.2.1 asks for 0.1 to 1 s). A peer that waits for it to be used waits for so long.
pub const SLIVER_WAIT: u64 = 100_000_000;
/// How often a connection waits so without result before it sends whatever the windows allow: its peer opens small
/// windows on purpose.
const MOST_OVERRIDES: u32 = 4;
