//! The state machine of a connection: what comes in.
//!
//! One file, since every frame meets the same few parts: the open streams, the windows, the header block and the queue of what happened.

use super::block::Block;
use super::budget::Budget;
use super::closed::{By, Closed};
use super::error::{Code, Http2Error, StreamError};
use super::frame::{self, Assembler, Header};
use super::hpack::Decoder;
use super::response::{Response, Section};
use super::send::Sender;
use super::settings;
use super::stream::Streams;
use super::window::{DEFAULT, MAX, ReceiveWindow};
use crate::clock::Nanos;
use crate::wire::head::Head;
use std::collections::VecDeque;

/// What a connection allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Receive window of each stream, bytes, from 1 to 2^31-1. The connection's is 2^31-1.
    pub stream_window: u32,
    /// Bytes of a response head, names and values and 32 a field (RFC 9113 §6.5.2); its header block has the same limit.
    pub header_list_bytes: usize,
    /// Fields of a response head.
    pub header_fields: usize,
    /// Most streams that are wanted at a time.
    pub streams: u32,
}

/// The client's side of one connection.
///
/// **Order of calls.** Send what [`new`](Self::new) appended to `out`. After each read call [`receive`](Self::receive) until it gives
/// `None`, and send what it appended, also after an error: a GOAWAY tells the server why. Requests may be [opened](Self::open) at any
/// time, before the first read too. Once [`finished`](Self::finished), close.
///
/// **Tags** are the caller's names for requests, unique among the open streams. A tag is free again after its `End`, `Reset` or `Broken`,
/// or after [`cancel`](Self::cancel): nothing of a stream happens after that.
///
/// Body bytes are lent where they lie. Streams, their buffers and the tables are kept and reused; a DATA frame allocates nothing, unless
/// `out` has to grow for a WINDOW_UPDATE.
#[derive(Debug)]
pub struct Connection {
    config: Config,
    pub(super) streams: Streams,
    pub(super) sender: Sender,
    window: ReceiveWindow,
    decoder: Decoder,
    assembler: Assembler,
    reading: Reading,
    /// The front of a payload of which the rest has not come.
    held: Vec<u8>,
    block: Block,
    closed: Closed,
    pub(super) queue: VecDeque<Happened<'static>>,
    pub(super) budget: Budget,
    /// The first SETTINGS came.
    greeted: bool,
    /// The peer knows our settings.
    acknowledged: bool,
    going_away: bool,
    debug: Vec<u8>,
    failed: Option<Http2Error>,
    receive_zero: Nanos,
    /// The last instant that was told.
    pub(super) now: Nanos,
}

/// What became of a request that was to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The whole request was appended.
    All,
    /// A part of the body was kept and waits for the peer's window; [`Happened::BodySent`] will follow.
    Part,
    /// There is no [room](Connection::room): nothing was appended.
    Refused,
}

/// What happened on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened<'a> {
    /// The final head of a response came. Interim heads (1xx) are swallowed.
    Head {
        /// The request.
        tag: u32,
        /// What the head says.
        head: Head,
    },
    /// Bytes of a body; never empty.
    Body {
        /// The request.
        tag: u32,
        /// The bytes, where they lie.
        bytes: &'a [u8],
    },
    /// The response is complete; the stream is closed.
    End {
        /// The request.
        tag: u32,
    },
    /// The server gave the stream up.
    Reset {
        /// The request.
        tag: u32,
        /// Its code (RFC 9113 §7); see [`Code`].
        code: u32,
        /// The server says that it did not begin the request (§8.7): it may be sent again.
        untouched: bool,
    },
    /// The server broke the rules on the stream, and we gave it up.
    Broken {
        /// The request.
        tag: u32,
        /// What is wrong.
        error: StreamError,
    },
    /// The rest of a request's body was appended.
    BodySent {
        /// The request.
        tag: u32,
    },
    /// The server will close the connection: no more room. Streams that it did not begin are reset next, the others go on. What it says
    /// beside the code is in [`Connection::go_away_debug`].
    GoAway {
        /// Why (RFC 9113 §7); see [`Code`].
        code: u32,
    },
    /// The peer's settings came or changed: the room may be another.
    Settings,
}

/// What is read next.
#[derive(Clone, Copy, Debug)]
enum Reading {
    Header,
    /// A payload that is read whole.
    Payload(Header),
    /// The length of a DATA frame's padding.
    PadLength(Header),
    Data(Data),
    /// A payload that is not looked at.
    Skip(u32),
}

/// The rest of a DATA frame.
#[derive(Clone, Copy, Debug)]
struct Data {
    stream: u32,
    slot: usize,
    left: u32,
    padding: u32,
    end: bool,
}

impl Connection {
    /// A fresh connection; appends the preface, our settings and the connection's window.
    #[must_use]
    pub fn new(config: Config, out: &mut Vec<u8>) -> Self {
        let config = Config {
            stream_window: config.stream_window.clamp(1, MAX as u32),
            ..config
        };
        out.extend_from_slice(frame::PREFACE);
        let list = u32::try_from(config.header_list_bytes).unwrap_or(u32::MAX);
        let ours = [
            (settings::HEADER_TABLE_SIZE, TABLE_BYTES as u32),
            (settings::ENABLE_PUSH, 0),
            (settings::INITIAL_WINDOW_SIZE, config.stream_window),
            (settings::MAX_HEADER_LIST_SIZE, list),
        ];
        frame::settings(out, &ours);
        frame::window_update(out, 0, (MAX - DEFAULT) as u32);
        Self {
            config,
            streams: Streams::default(),
            sender: Sender::default(),
            window: ReceiveWindow::new(MAX),
            decoder: Decoder::new(TABLE_BYTES),
            assembler: Assembler::default(),
            reading: Reading::Header,
            held: Vec::new(),
            block: Block::new(config.header_list_bytes),
            closed: Closed::default(),
            queue: VecDeque::new(),
            budget: Budget::default(),
            greeted: false,
            acknowledged: false,
            going_away: false,
            debug: Vec::new(),
            failed: None,
            receive_zero: 0,
            now: 0,
        }
    }

    /// How many more streams may be opened now: 0 once the server goes away, after an error, or when the ids are used up.
    #[must_use]
    pub fn room(&self) -> u32 {
        if self.going_away || self.failed.is_some() {
            return 0;
        }
        let most = self.config.streams.min(self.sender.peer.max_streams);
        let open = u32::try_from(self.streams.len()).unwrap_or(u32::MAX);
        most.saturating_sub(open).min(self.sender.ids_left())
    }

    /// What happened next, consumed from the front of `input`; `None` needs more bytes. Answers are appended to `out`.
    ///
    /// # Errors
    /// Any [`Http2Error`], at each call from then on: all open streams are lost.
    pub fn receive<'a>(
        &mut self,
        input: &mut &'a [u8],
        now: Nanos,
        out: &mut Vec<u8>,
    ) -> Result<Option<Happened<'a>>, Http2Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.now = now;
        let happened = self.advance(input, out);
        if let Err(error) = happened {
            self.failed = Some(error);
            frame::go_away(out, error.code());
        }
        happened
    }

    /// Gives a stream up; what still comes for it is ignored. Nothing happens if there is none.
    pub fn cancel(&mut self, tag: u32, out: &mut Vec<u8>) {
        self.queue.retain(|happened| happened.tag() != Some(tag));
        let id = self.streams.iter().find(|s| s.tag == tag).map(|s| s.id);
        if let Some(id) = id
            && self.failed.is_none()
        {
            self.give_up(id, Code::CANCEL, out);
        }
    }

    /// Whether the connection has no more use: close it. After an error that is so at once, whatever was open.
    #[must_use]
    pub fn finished(&self) -> bool {
        if self.failed.is_some() {
            return true;
        }
        let last = self.going_away || self.sender.ids_left() == 0;
        last && self.streams.len() == 0 && self.queue.is_empty()
    }

    /// Whether the server said that it will close the connection.
    #[must_use]
    pub fn going_away(&self) -> bool {
        self.going_away
    }

    /// What the server said beside the code when it went away: text for people, as a rule; at most 1 024 bytes.
    #[must_use]
    pub fn go_away_debug(&self) -> &[u8] {
        &self.debug
    }

    /// How many streams are open.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// The tags of the open streams, the oldest first.
    pub fn tags(&self) -> impl Iterator<Item = u32> {
        self.streams.iter().map(|stream| stream.tag)
    }

    /// Time in which at least one body waited for the peer's window; a wait counts when it is over.
    #[must_use]
    pub fn window_zero(&self) -> Nanos {
        self.sender.waits.total()
    }

    /// Time in which the peer may have waited for a window of ours, summed over the windows: from the frame that used up the last of one
    /// to the next frame in it. It is an upper bound, as the peer may have had nothing to send; 0 proves that we held nothing up.
    #[must_use]
    pub fn receive_window_zero(&self) -> Nanos {
        self.receive_zero
    }

    fn advance<'a>(
        &mut self,
        input: &mut &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Happened<'a>>, Http2Error> {
        loop {
            if let Some(happened) = self.queue.pop_front() {
                return Ok(Some(happened));
            }
            match self.reading {
                Reading::Header => {
                    let Some(header) = self.assembler.next(input) else {
                        return Ok(None);
                    };
                    self.reading = self.begin(header, out)?;
                }
                Reading::Data(data) if data.left > 0 => {
                    let bytes = front(input, data.left);
                    if bytes.is_empty() {
                        return Ok(None);
                    }
                    let left = data.left - bytes.len() as u32;
                    self.reading = Reading::Data(Data { left, ..data });
                    if let Some(stream) = self.streams.at(data.slot, data.stream) {
                        let tag = stream.tag;
                        return Ok(Some(Happened::Body { tag, bytes }));
                    }
                }
                Reading::Data(data) if data.padding > 0 => {
                    let skipped = front(input, data.padding).len() as u32;
                    if skipped == 0 {
                        return Ok(None);
                    }
                    let padding = data.padding - skipped;
                    self.reading = Reading::Data(Data { padding, ..data });
                }
                Reading::Data(data) => {
                    self.reading = Reading::Header;
                    if data.end && self.streams.at(data.slot, data.stream).is_some() {
                        self.end(data.stream, out);
                    }
                }
                Reading::PadLength(header) => {
                    let Some((padding, rest)) = input.split_first() else {
                        return Ok(None);
                    };
                    *input = rest;
                    self.reading = self.data(header, u32::from(*padding) + 1, out)?;
                }
                Reading::Skip(left) => {
                    let skipped = front(input, left).len() as u32;
                    if left > 0 && skipped == 0 {
                        return Ok(None);
                    }
                    self.reading = match left - skipped {
                        0 => Reading::Header,
                        left => Reading::Skip(left),
                    };
                }
                Reading::Payload(header) => {
                    let missing = header.length.saturating_sub(self.held.len() as u32);
                    let bytes = front(input, missing);
                    if self.held.is_empty() && bytes.len() as u32 == missing {
                        self.reading = Reading::Header;
                        self.payload(header, bytes, out)?;
                        continue;
                    }
                    self.held.extend_from_slice(bytes);
                    if bytes.len() as u32 != missing {
                        return Ok(None);
                    }
                    self.reading = Reading::Header;
                    let mut held = std::mem::take(&mut self.held);
                    let done = self.payload(header, &held, out);
                    held.clear();
                    self.held = held;
                    done?;
                }
            }
        }
    }

    /// Checks what a frame's header says, and decides how the payload is read.
    fn begin(&mut self, header: Header, out: &mut Vec<u8>) -> Result<Reading, Http2Error> {
        use Http2Error::{BadLength, FrameTooLong, Interleaved, WrongStream};
        let Header {
            kind,
            stream,
            length,
            ..
        } = header;
        if !self.greeted && (kind != frame::SETTINGS || header.is(frame::ACK) || stream != 0) {
            return Err(Http2Error::NotHttp2);
        }
        if length > frame::MAX_FRAME {
            return Err(FrameTooLong);
        }
        if let Some(open) = self.block.open()
            && (kind, stream) != (frame::CONTINUATION, open)
        {
            return Err(Interleaved);
        }
        let fixed = |name, expected| {
            if length == expected {
                Ok(())
            } else {
                Err(BadLength(name))
            }
        };
        let connection = |name| {
            if stream == 0 {
                Ok(())
            } else {
                Err(WrongStream(name))
            }
        };
        match kind {
            frame::DATA => {
                self.known(stream, "DATA")?;
                self.connection_window(length, out)?;
                return match (header.is(frame::PADDED), length) {
                    (true, 0) => Err(BadLength("DATA")),
                    (true, _) => Ok(Reading::PadLength(header)),
                    (false, _) => self.data(header, 0, out),
                };
            }
            frame::HEADERS => self.known(stream, "HEADERS")?,
            frame::PRIORITY if stream == 0 => return Err(WrongStream("PRIORITY")),
            frame::PRIORITY => {
                self.budget.spend(self.now)?;
                if length != 5 {
                    self.break_stream(stream, StreamError::BadPriority, out);
                }
                return Ok(Reading::Skip(length));
            }
            frame::RST_STREAM => {
                self.known(stream, "RST_STREAM")?;
                fixed("RST_STREAM", 4)?;
            }
            frame::SETTINGS => {
                connection("SETTINGS")?;
                if header.is(frame::ACK) {
                    fixed("SETTINGS", 0)?;
                }
            }
            frame::PUSH_PROMISE => return Err(Http2Error::Pushed),
            frame::PING => {
                connection("PING")?;
                fixed("PING", 8)?;
            }
            frame::GOAWAY => {
                connection("GOAWAY")?;
                if length < 8 {
                    return Err(BadLength("GOAWAY"));
                }
            }
            frame::WINDOW_UPDATE => {
                if stream != 0 {
                    self.known(stream, "WINDOW_UPDATE")?;
                }
                fixed("WINDOW_UPDATE", 4)?;
            }
            frame::CONTINUATION if self.block.open().is_none() => {
                return Err(Http2Error::StrayContinuation);
            }
            frame::CONTINUATION => {}
            // Extensions that nobody negotiated are ignored (§5.5).
            _ => {
                self.budget.spend(self.now)?;
                return Ok(Reading::Skip(length));
            }
        }
        Ok(Reading::Payload(header))
    }

    /// A frame of a fixed meaning, all of it.
    fn payload(
        &mut self,
        header: Header,
        mut payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Http2Error> {
        let stream = header.stream;
        let mut number = || frame::u32_of(&mut payload).unwrap_or(0);
        match header.kind {
            frame::HEADERS => return self.headers(header, payload, out),
            frame::CONTINUATION => {
                if payload.is_empty() {
                    self.budget.spend(self.now)?;
                }
                self.block.add(payload)?;
                return self.close_block(header, out);
            }
            frame::RST_STREAM => {
                let code = number();
                self.closed.forget(stream);
                match self.remove(stream) {
                    Some(tag) => {
                        self.closed.add(stream, By::Peer);
                        let untouched = code == Code::REFUSED_STREAM.0;
                        self.queue.push_back(Happened::Reset {
                            tag,
                            code,
                            untouched,
                        });
                    }
                    None => self.budget.spend(self.now)?,
                }
            }
            frame::SETTINGS => {
                self.budget.spend(self.now)?;
                if header.is(frame::ACK) {
                    self.acknowledged = true;
                    return Ok(());
                }
                self.greeted = true;
                self.apply(payload)?;
                frame::settings_ack(out);
                self.flush(out);
                self.queue.push_back(Happened::Settings);
            }
            frame::PING => {
                self.budget.spend(self.now)?;
                if !header.is(frame::ACK) {
                    frame::ping_ack(out, payload);
                }
            }
            frame::GOAWAY => {
                let (last, code) = (number() & MAX as u32, number());
                self.go_away(last, code, payload)?;
            }
            frame::WINDOW_UPDATE => {
                let increment = number() & MAX as u32;
                if stream == 0 {
                    self.grow(increment)?;
                } else if let Err(error) = self.grow_stream(stream, increment) {
                    self.break_stream(stream, error, out);
                }
                self.flush(out);
            }
            _ => {}
        }
        Ok(())
    }

    /// Accounts for a DATA frame in the connection's window, and fills it up.
    fn connection_window(&mut self, length: u32, out: &mut Vec<u8>) -> Result<(), Http2Error> {
        let waited = self.window.take(length, 0, self.now);
        self.receive_zero += waited.ok_or(Http2Error::WindowExceeded)?;
        if let Some(increment) = self.window.refill() {
            frame::window_update(out, 0, increment);
        }
        Ok(())
    }

    /// A DATA frame begins; `padding` counts its length byte too.
    fn data(
        &mut self,
        header: Header,
        padding: u32,
        out: &mut Vec<u8>,
    ) -> Result<Reading, Http2Error> {
        let left = header
            .length
            .checked_sub(padding)
            .ok_or(Http2Error::BadPadding)?;
        let end = header.is(frame::END_STREAM);
        if left == 0 && !end {
            self.budget.spend(self.now)?;
        }
        let mut data = Data {
            stream: header.stream,
            slot: usize::MAX,
            left,
            padding: padding.saturating_sub(1),
            end,
        };
        match self.streams.find(header.stream) {
            None => self.late(header.stream, end, out)?,
            Some(slot) => match self.account(slot, header, left, out) {
                Ok(()) => {
                    data.slot = slot;
                    if left > 0 {
                        self.budget.progress();
                    }
                }
                Err(error) => self.break_stream(header.stream, error, out),
            },
        }
        Ok(Reading::Data(data))
    }

    /// Accounts for a DATA frame on an open stream, and fills its window up.
    fn account(
        &mut self,
        slot: usize,
        header: Header,
        bytes: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let Some(stream) = self.streams.at(slot, header.stream) else {
            return Ok(());
        };
        if !stream.headed {
            return Err(StreamError::Malformed("a body before its head"));
        }
        // Until it knows our settings the peer may use the window that every stream has at first.
        let slack = match self.acknowledged {
            true => 0,
            false => (DEFAULT - i64::from(self.config.stream_window)).max(0),
        };
        let waited = stream.receive_window.take(header.length, slack, self.now);
        self.receive_zero += waited.ok_or(StreamError::WindowExceeded)?;
        stream.received += u64::from(bytes);
        if stream
            .expected
            .is_some_and(|expected| stream.received > expected)
        {
            return Err(StreamError::LengthMismatch);
        }
        if !header.is(frame::END_STREAM)
            && let Some(increment) = stream.receive_window.refill()
        {
            frame::window_update(out, header.stream, increment);
        }
        Ok(())
    }

    fn headers(
        &mut self,
        header: Header,
        mut payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Http2Error> {
        const SHORT: Http2Error = Http2Error::BadLength("HEADERS");
        let mut padding = 0;
        if header.is(frame::PADDED) {
            let (length, rest) = payload.split_first().ok_or(SHORT)?;
            (padding, payload) = (usize::from(*length), rest);
        }
        if header.is(frame::WITH_PRIORITY) {
            payload = payload.get(5..).ok_or(SHORT)?;
        }
        let length = payload
            .len()
            .checked_sub(padding)
            .ok_or(Http2Error::BadPadding)?;
        let fragment = payload.get(..length).unwrap_or_default();
        self.block
            .begin(header.stream, header.is(frame::END_STREAM));
        self.block.add(fragment)?;
        self.close_block(header, out)
    }

    /// Decodes the header block if it is whole.
    fn close_block(&mut self, header: Header, out: &mut Vec<u8>) -> Result<(), Http2Error> {
        if !header.is(frame::END_HEADERS) {
            return Ok(());
        }
        self.block.close();
        let (id, end) = (header.stream, self.block.end_stream);
        let stream = self.streams.by_id(id);
        let open = stream.is_some();
        let mut response = Response::new(&self.config, stream.is_some_and(|s| s.headed));
        self.decoder
            .decode(&self.block.bytes, |name, value| response.add(name, value))
            .map_err(Http2Error::Hpack)?;
        if !open {
            self.budget.spend(self.now)?;
            return self.late(id, end, out);
        }
        match response.finish(end) {
            Err(error) => self.break_stream(id, error, out),
            Ok(Section::Interim) => self.budget.spend(self.now)?,
            Ok(Section::Trailers) => self.end(id, out),
            Ok(Section::Final(head)) => {
                self.budget.progress();
                if let Some(stream) = self.streams.by_id(id) {
                    stream.headed = true;
                    stream.expected = head.length;
                    let tag = stream.tag;
                    self.queue.push_back(Happened::Head { tag, head });
                }
                if end {
                    self.end(id, out);
                }
            }
        }
        Ok(())
    }

    fn go_away(&mut self, last: u32, code: u32, debug: &[u8]) -> Result<(), Http2Error> {
        self.budget.spend(self.now)?;
        self.going_away = true;
        self.debug.clear();
        self.debug.extend(debug.iter().take(DEBUG_BYTES));
        self.queue.push_back(Happened::GoAway { code });
        let unseen: Vec<u32> = self
            .streams
            .iter()
            .map(|s| s.id)
            .filter(|id| *id > last)
            .collect();
        for id in unseen {
            if let Some(tag) = self.remove(id) {
                self.closed.add(id, By::Us);
                let untouched = true;
                self.queue.push_back(Happened::Reset {
                    tag,
                    code,
                    untouched,
                });
            }
        }
        Ok(())
    }

    /// The response on a stream is complete.
    fn end(&mut self, id: u32, out: &mut Vec<u8>) {
        let Some(stream) = self.streams.by_id(id) else {
            return;
        };
        if stream
            .expected
            .is_some_and(|expected| stream.received != expected)
        {
            return self.break_stream(id, StreamError::LengthMismatch, out);
        }
        if !stream.body.is_empty() {
            // It answered before it had the whole request (RFC 9113 §8.1): it needs no more of it.
            frame::reset(out, id, Code::CANCEL);
        }
        if let Some(tag) = self.remove(id) {
            self.queue.push_back(Happened::End { tag });
        }
    }

    /// The server broke the rules on a stream, which need not be open.
    fn break_stream(&mut self, id: u32, error: StreamError, out: &mut Vec<u8>) {
        if let Some(tag) = self.give_up(id, error.code(), out) {
            self.queue.push_back(Happened::Broken { tag, error });
        }
    }

    fn give_up(&mut self, id: u32, code: Code, out: &mut Vec<u8>) -> Option<u32> {
        let tag = self.remove(id)?;
        frame::reset(out, id, code);
        self.closed.add(id, By::Us);
        Some(tag)
    }

    fn remove(&mut self, id: u32) -> Option<u32> {
        let (tag, waiting) = self.streams.remove(id)?;
        if waiting {
            self.sender.waits.end(self.now);
        }
        Some(tag)
    }

    /// DATA or HEADERS on a stream that is not open any more; `end` tells that the peer ends it.
    fn late(&mut self, id: u32, end: bool, out: &mut Vec<u8>) -> Result<(), Http2Error> {
        match self.closed.late(id) {
            None => return Err(Http2Error::ClosedStream),
            Some(By::Peer) => frame::reset(out, id, Code::STREAM_CLOSED),
            Some(By::Us) => {}
        }
        if end {
            self.closed.forget(id);
        }
        Ok(())
    }

    /// Refuses a stream that cannot have frames: the connection itself, and those that were never opened.
    fn known(&self, stream: u32, name: &'static str) -> Result<(), Http2Error> {
        if stream == 0 {
            return Err(Http2Error::WrongStream(name));
        }
        if stream.is_multiple_of(2) || !self.sender.began(stream) {
            return Err(Http2Error::IdleStream);
        }
        Ok(())
    }

    pub(super) fn stream_window(&self) -> i64 {
        i64::from(self.config.stream_window)
    }
}

impl Happened<'_> {
    /// The request that this is about, if it is about one.
    #[must_use]
    pub fn tag(&self) -> Option<u32> {
        match *self {
            Self::Head { tag, .. }
            | Self::Body { tag, .. }
            | Self::End { tag }
            | Self::Reset { tag, .. }
            | Self::Broken { tag, .. }
            | Self::BodySent { tag } => Some(tag),
            Self::GoAway { .. } | Self::Settings => None,
        }
    }
}

/// Takes up to `most` bytes from the front of `input`.
fn front<'a>(input: &mut &'a [u8], most: u32) -> &'a [u8] {
    let (taken, rest) = input
        .split_at_checked(most as usize)
        .unwrap_or((*input, &[]));
    *input = rest;
    taken
}

/// Our `SETTINGS_HEADER_TABLE_SIZE`: what every table is at first.
const TABLE_BYTES: usize = 4096;
/// What is kept of a GOAWAY's text.
const DEBUG_BYTES: usize = 1024;
