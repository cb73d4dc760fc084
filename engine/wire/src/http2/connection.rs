//! A connection: its parts, and what its caller may ask. What comes in is in `receive.rs`, what goes out in `send.rs`.

use super::block::Block;
use super::budget::Budget;
use super::closed::Closed;
use super::error::{Code, Http2Error};
use super::event::Event;
use super::frame::{self, Assembler};
use super::hpack::Decoder;
use super::receive::Reading;
use super::send::Sender;
use super::settings;
use super::stream::Streams;
use super::window::{DEFAULT, MAX, ReceiveWindow, ZeroTime};
use std::collections::VecDeque;

/// The limits of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Receive window of each stream, bytes, from 1 to 2^31-1. The connection's is 2^31-1.
    pub stream_window: u32,
    /// Bytes of a response head, names and values and 32 a field (RFC 9113 §6.5.2); its header block has the same
    /// limit.
    pub header_list_bytes: usize,
    /// Fields of a response head.
    pub header_fields: usize,
    /// Most streams that are wanted at a time.
    pub streams: u32,
}

/// The client's side of one connection.
///
/// **Order of calls.** Send what [`new`](Self::new) appended to `out`. After each read call [`receive`](Self::receive)
/// until it gives `None`, and send what it appended, also after an error: a GOAWAY tells the server why. Requests may
/// be [opened](Self::open) at any time, before the first read too; but wait for the first [`Event::Settings`] if a
/// refused stream or a body that stands would matter: until then neither the server's limit of streams nor its windows
/// are known. Once [`finished`](Self::finished), close.
///
/// **Tags** are the caller's names for requests, unique among the open streams. A tag is free again after its `End`,
/// `Reset`, `Unprocessed` or `Broken`, or after [`cancel`](Self::cancel): nothing of a stream happens after that.
///
/// Body bytes are lent where they lie. Streams, their buffers and the tables are kept and reused; a DATA frame
/// allocates nothing, unless `out` has to grow for a WINDOW_UPDATE.
#[derive(Debug)]
pub struct Connection {
    pub(super) config: Config,
    pub(super) streams: Streams,
    pub(super) sender: Sender,
    pub(super) own_window: ReceiveWindow,
    pub(super) decoder: Decoder,
    pub(super) assembler: Assembler,
    pub(super) reading: Reading,
    /// The front of a payload of which the rest has not come.
    pub(super) held: Vec<u8>,
    pub(super) block: Block,
    pub(super) closed: Closed,
    pub(super) queue: VecDeque<Event<'static>>,
    pub(super) budget: Budget,
    /// The first SETTINGS came.
    pub(super) settings_received: bool,
    /// The peer knows our settings.
    pub(super) acknowledged: bool,
    /// The server goes away, and why.
    pub(super) going_away: Option<Code>,
    pub(super) debug: Vec<u8>,
    /// Frames of the peer's that asked for a reply and got it.
    pub(super) replies: u64,
    pub(super) failed: Option<Http2Error>,
    pub(super) receive_zero: ZeroTime,
    /// The last instant that was told.
    pub(super) now: u64,
}

impl Connection {
    /// A fresh connection; appends the preface, our settings and the connection's window.
    #[must_use]
    pub fn new(config: Config, out: &mut Vec<u8>) -> Self {
        let config = Config { stream_window: config.stream_window.clamp(1, MAX as u32), ..config };
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
            own_window: ReceiveWindow::new(MAX),
            decoder: Decoder::new(TABLE_BYTES),
            assembler: Assembler::default(),
            reading: Reading::Header,
            held: Vec::new(),
            block: Block::new(config.header_list_bytes),
            closed: Closed::default(),
            queue: VecDeque::new(),
            budget: Budget::default(),
            settings_received: false,
            acknowledged: false,
            going_away: None,
            debug: Vec::new(),
            replies: 0,
            failed: None,
            receive_zero: ZeroTime::default(),
            now: 0,
        }
    }

    /// How many more streams may be opened now: 0 once the server goes away, after an error, or when the ids are used
    /// up.
    #[must_use]
    #[inline]
    pub fn room(&self) -> u32 {
        if self.going_away.is_some() || self.failed.is_some() {
            return 0;
        }
        let most = self.config.streams.min(self.sender.peer.max_streams);
        let open = u32::try_from(self.streams.len()).unwrap_or(u32::MAX);
        most.saturating_sub(open).min(self.sender.ids_left())
    }

    /// The next event, consumed from the front of `input`; `None` needs more bytes. Replies are appended to `out`.
    ///
    /// # Errors
    /// Any [`Http2Error`], at each call from then on: all open streams are lost.
    pub fn receive<'a>(
        &mut self,
        input: &mut &'a [u8],
        now: u64,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Http2Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.now = now;
        let event = self.advance(input, out);
        if let Err(error) = event {
            self.failed = Some(error);
            frame::go_away(out, error.code());
        }
        event
    }

    /// Gives a stream up at `now`; what still comes for it is ignored. Nothing happens if there is none.
    pub fn cancel(&mut self, tag: u32, now: u64, out: &mut Vec<u8>) {
        self.now = self.now.max(now);
        self.queue.retain(|event| event.tag() != Some(tag));
        let id = self.streams.iter().find(|s| s.tag == tag).map(|s| s.id);
        if let Some(id) = id
            && self.failed.is_none()
        {
            self.give_up(id, Code::CANCEL, out);
        }
    }

    /// Whether the connection has no more use: close it. After an error that is so at once, whatever was open.
    #[must_use]
    #[inline]
    pub fn finished(&self) -> bool {
        if self.failed.is_some() {
            return true;
        }
        let last = self.going_away.is_some() || self.sender.ids_left() == 0;
        last && self.streams.len() == 0 && self.queue.is_empty()
    }

    /// Why the server will close the connection, once it said that it will.
    #[must_use]
    #[inline]
    pub fn going_away(&self) -> Option<Code> {
        self.going_away
    }

    /// What the server said beside the code when it went away: text for people, as a rule; at most 1 024 bytes.
    #[must_use]
    pub fn go_away_debug(&self) -> &[u8] {
        &self.debug
    }

    /// Bytes of memory that hold what the server has sent and not finished: a payload, a header block.
    #[must_use]
    #[inline]
    pub fn memory(&self) -> usize {
        self.held.capacity() + self.block.bytes.capacity() + self.debug.capacity()
    }

    /// How many frames so far had a reply appended, PING and SETTINGS: what a peer that does not read could make
    /// grow.
    #[must_use]
    #[inline]
    pub fn replies(&self) -> u64 {
        self.replies
    }

    /// How many streams are open.
    #[must_use]
    #[inline]
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// The tags of the open streams, the oldest first.
    pub fn tags(&self) -> impl Iterator<Item = u32> {
        self.streams.iter().map(|stream| stream.tag)
    }

    /// The most streams that the peer allows at a time (`SETTINGS_MAX_CONCURRENT_STREAMS`); `u32::MAX` where it names
    /// no limit, and before its first SETTINGS.
    #[must_use]
    #[inline]
    pub fn max_streams(&self) -> u32 {
        self.sender.peer.max_streams
    }

    /// Time until `now` in which at least one body waited for the peer's window, a wait that goes on included.
    #[must_use]
    pub fn window_zero(&self, now: u64) -> u64 {
        self.sender.waits.total(now)
    }

    /// Time in which the peer may have waited for a window of ours, summed over the windows: from the frame that used
    /// up the last of one to the next frame in it. It is an upper bound, as the peer may have had nothing to send; 0
    /// proves that we held nothing up.
    #[must_use]
    pub fn receive_window_zero(&self) -> u64 {
        self.receive_zero.total()
    }

    pub(super) fn set_now(&mut self, now: u64) {
        self.now = now;
    }

    pub(super) fn set_going_away(&mut self, code: Code) {
        self.going_away = Some(code);
    }

    pub(super) fn stream_window(&self) -> i64 {
        i64::from(self.config.stream_window)
    }
}

/// Our `SETTINGS_HEADER_TABLE_SIZE`: what every table is at first.
const TABLE_BYTES: usize = 4096;
