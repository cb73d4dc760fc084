//! One HTTP/2 connection: its state, the streams that wait for it, and what it has to send.
//!
//! A connection is a slot with a transport and no request; a stream is a slot with a request and no transport. The
//! initiator, whose request opened the connection, has the connect and the handshake in its phases; for the others they
//! are queue.

use crate::clock::Nanos;
use crate::driver::Key;
use crate::wire::http2::{Code, Config, Connection, Event, Http2Error, Opened, RequestHead, SLIVER_WAIT};

/// An HTTP/2 connection, in the slot that has its socket.
#[derive(Default)]
pub(super) struct H2Connection {
    /// From the first frame of either side; a server may send first, in the read that ends its handshake.
    codec: Option<Connection>,
    /// The connection may be used.
    established: bool,
    /// The server's settings have come: its bound on streams is known.
    settings_received: bool,
    /// The stream whose request opened the connection, which may have ended since.
    initiator: Option<Key>,
    /// Streams that are not open, the initiator first.
    waiting: Vec<u32>,
    output: Output,
    /// Requests sent so far.
    served: u32,
    /// It stood idle since it was made, or has served: what is sent on it next may find that the server has closed it.
    kept: bool,
    /// The stream whose request was sent before the server's settings came.
    early: Option<Key>,
    /// Streams that were reset as [`crate::plan::Plan::cancellation`] asks.
    cancelled: u32,
    /// A deadline is set for the part of the server's window that the connection withholds.
    withholds: bool,
    /// Bytes given to the kernel when the first of the open streams was opened on the kept connection, as long as the
    /// server has sent nothing since.
    no_frame_since: Option<u64>,
    /// What the client was late for until then is counted.
    late_until: Nanos,
}

/// Frames on their way to the kernel.
#[derive(Default)]
struct Output {
    /// Frames that the kernel has not been given.
    bytes: Vec<u8>,
    /// Streams whose last byte is in `bytes`.
    ending: Vec<Key>,
    /// Streams whose last byte the kernel has been given, but has not taken yet.
    given: Vec<Key>,
    /// Bytes that the kernel has been given so far.
    given_bytes: u64,
    /// Answers to the server's frames that the kernel has been given.
    given_replies: u64,
    /// The name of the last send that had one.
    last_name: u32,
    /// Streams that ended in sends with a name, of which the kernel has not said all.
    named: Vec<(u32, Key)>,
}

/// A request as the connection sends it.
pub(super) struct H2Request<'a> {
    pub(super) head: &'a RequestHead,
    pub(super) id: u128,
    pub(super) session: &'a str,
    pub(super) body: &'a [u8],
}

impl H2Connection {
    /// A connection that is begun for a stream, or ahead of any.
    pub(super) fn new(stream: Option<Key>) -> Self {
        let waiting = stream.into_iter().map(|key| key.slot).collect();
        Self { initiator: stream, waiting, ..Self::default() }
    }

    /// The state of the protocol; its first frames are ready to go.
    fn codec(&mut self, config: Config) -> &mut Connection {
        let out = &mut self.output.bytes;
        self.codec.get_or_insert_with(|| Connection::new(config, out))
    }

    /// The client was late from `since` until `seen`: from when on that is not counted yet.
    pub(super) fn begin_lag(&mut self, since: Nanos, seen: Nanos) -> Nanos {
        let from = since.max(self.late_until);
        self.late_until = self.late_until.max(seen);
        from
    }

    pub(super) fn is_established(&self) -> bool {
        self.established
    }

    /// Whether it may be used, and no stream is open on it or waits for it.
    pub(super) fn is_idle(&self) -> bool {
        self.established && self.waiting.is_empty() && self.codec.as_ref().is_none_or(|codec| codec.open_streams() == 0)
    }

    pub(super) fn settings_received(&self) -> bool {
        self.settings_received
    }

    /// The stream whose request opened the connection, until it is established.
    pub(super) fn initiator(&self) -> Option<Key> {
        self.initiator.filter(|_| !self.established)
    }

    pub(super) fn has_served(&self) -> bool {
        self.served > 0
    }

    /// How many more streams may wait for this connection or be open on it. Until the server's settings come, it is
    /// taken to allow `allowed` streams, and one at least.
    pub(super) fn free_streams(&self, streams: u32, allowed: u32) -> u32 {
        let waiting = self.waiting.len() as u32;
        let free = match &self.codec {
            Some(codec) if self.settings_received => codec.room(),
            Some(codec) => streams.min(allowed.max(1)).saturating_sub(codec.open_streams() as u32).min(codec.room()),
            None => streams.min(allowed.max(1)),
        };
        free.saturating_sub(waiting)
    }

    /// Whether a stream may be opened at once: until the server's settings come, the first only.
    pub(super) fn opens_now(&self) -> bool {
        self.established && (self.settings_received || self.served == 0)
    }

    /// Whether the server allows one more open stream now.
    pub(super) fn has_free_stream(&self) -> bool {
        self.codec.as_ref().is_some_and(|codec| codec.room() > 0)
    }

    /// Whether it takes no more streams: the server goes away, or all stream numbers are used.
    pub(super) fn is_closing(&self) -> bool {
        self.codec.as_ref().is_some_and(|codec| codec.going_away().is_some() || codec.finished())
    }

    /// Whether it has no more use: no stream is open, and none can be opened; with `once`, as one was.
    pub(super) fn is_spent(&self, once: bool) -> bool {
        self.codec.as_ref().is_some_and(|codec| {
            let over = codec.finished() || once && self.served > 0;
            over && codec.open_streams() == 0
        })
    }

    /// Why the server goes away, if it does, and what it says of it.
    pub(super) fn going_away(&self) -> Option<(Code, &[u8])> {
        let codec = self.codec.as_ref()?;
        codec.going_away().map(|code| (code, codec.go_away_debug()))
    }

    /// The state of the protocol, to be counted; `None` before the first frame.
    pub(super) fn protocol(&self) -> Option<&Connection> {
        self.codec.as_ref()
    }

    /// Bytes of memory that it holds.
    pub(super) fn memory(&self) -> usize {
        self.codec.as_ref().map_or(0, Connection::memory)
    }

    /// Answers to the server's frames that wait for the kernel to take what came before.
    pub(super) fn unread_replies(&self) -> u64 {
        self.codec.as_ref().map_or(0, Connection::replies) - self.output.given_replies
    }

    /// Whether the server has not sent a frame since the connection was idle: the bytes given to the kernel since.
    pub(super) fn unanswered_bytes(&self) -> Option<u64> {
        self.no_frame_since.map(|from| self.output.given_bytes - from)
    }

    pub(super) fn cancelled(&self) -> u32 {
        self.cancelled
    }

    /// The connection may be used. The stream that is opened at once: the initiator, unless `may_open` says that the
    /// server allows none, and its settings have not come.
    pub(super) fn handle_established(&mut self, config: Config, may_open: bool) -> Option<u32> {
        self.codec(config);
        self.established = true;
        let first = if may_open || self.settings_received { self.next_waiting() } else { None };
        self.kept |= first.is_none();
        first
    }

    /// A stream waits for this connection.
    pub(super) fn wait(&mut self, stream: u32) {
        self.waiting.push(stream);
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn waiting(&self) -> &[u32] {
        &self.waiting
    }

    /// The stream that has waited longest; it does not wait any more.
    pub(super) fn next_waiting(&mut self) -> Option<u32> {
        (!self.waiting.is_empty()).then(|| self.waiting.remove(0))
    }

    /// All streams: those that are open, then those that wait.
    pub(super) fn streams(&self) -> Vec<u32> {
        let open = self.codec.iter().flat_map(Connection::tags);
        open.chain(self.waiting.iter().copied()).collect()
    }

    /// Opens a stream for a request. The bytes of the request and whether the connection has served another; `None`
    /// where the server takes no more streams.
    pub(super) fn open(&mut self, stream: Key, request: &H2Request<'_>, now: Nanos) -> Option<(usize, bool)> {
        let codec = self.codec.as_mut()?;
        let out = &mut self.output.bytes;
        let (before, idle) = (out.len(), codec.open_streams() == 0);
        let opened = codec.open(stream.slot, request.head, request.id, request.session, request.body, now, out);
        if opened == Opened::Refused {
            return None;
        }
        let bytes = (out.len() - before).max(request.body.len());
        if idle && self.kept {
            self.no_frame_since = Some(self.output.given_bytes);
        }
        let reused = self.served > 0;
        self.served += 1;
        self.kept = true;
        if opened == Opened::All {
            self.output.ending.push(stream);
        }
        if !self.settings_received {
            self.early = Some(stream);
        }
        Some((bytes, reused))
    }

    /// A read begins.
    pub(super) fn begin_read(&mut self, config: Config) {
        self.codec(config);
        self.no_frame_since = None;
    }

    /// The next event in `input`.
    #[inline]
    pub(super) fn poll_event<'b>(
        &mut self,
        input: &mut &'b [u8],
        now: Nanos,
    ) -> std::result::Result<Option<Event<'b>>, Http2Error> {
        match &mut self.codec {
            Some(codec) => codec.receive(input, now, &mut self.output.bytes),
            None => Ok(None),
        }
    }

    /// The server's settings came: how many streams it allows.
    pub(super) fn handle_settings(&mut self) -> u32 {
        self.settings_received = true;
        self.max_streams()
    }

    /// Streams that are open.
    pub(super) fn open_streams(&self) -> usize {
        self.codec.as_ref().map_or(0, Connection::open_streams)
    }

    /// Most streams that the server allows; `u32::MAX` where it names no bound.
    pub(super) fn max_streams(&self) -> u32 {
        self.codec.as_ref().map_or(u32::MAX, Connection::max_streams)
    }

    /// Whether a stream that the server refused was opened before its settings, which allow none, came.
    pub(super) fn is_early(&self, stream: Key) -> bool {
        self.early == Some(stream) && self.max_streams() == 0
    }

    /// The rest of a stream's request is among the bytes to be sent.
    pub(super) fn handle_body_sent(&mut self, stream: Key) {
        self.output.ending.push(stream);
    }

    /// Resets a stream, if it is open, or lets it wait no more. Whether there is anything to send or to close.
    pub(super) fn cancel(&mut self, stream: u32, now: Nanos) -> bool {
        self.waiting.retain(|r| *r != stream);
        match &mut self.codec {
            Some(codec) => {
                codec.cancel(stream, now, &mut self.output.bytes);
                true
            }
            None => false,
        }
    }

    /// Resets a stream that is open.
    pub(super) fn reset(&mut self, stream: u32, now: Nanos) {
        if let Some(codec) = &mut self.codec {
            codec.cancel(stream, now, &mut self.output.bytes);
        }
    }

    /// A stream is reset as planned.
    pub(super) fn handle_planned_cancellation(&mut self) {
        self.cancelled += 1;
    }

    /// Frames that are to be given to the kernel.
    pub(super) fn output(&self) -> &[u8] {
        &self.output.bytes
    }

    /// Streams whose requests end in [`output`](Self::output).
    pub(super) fn ending(&self) -> &[Key] {
        &self.output.ending
    }

    /// A name for the send of [`output`](Self::output), by which its stamps are told.
    pub(super) fn next_name(&mut self) -> u32 {
        self.output.last_name = self.output.last_name.wrapping_add(1);
        self.output.last_name
    }

    /// The streams that ended in the send of a name. `last`: no more will be said of them.
    pub(super) fn take_named(&mut self, name: u32, last: bool) -> Vec<Key> {
        let named = &mut self.output.named;
        let of: Vec<Key> = named.iter().filter(|(of, _)| *of == name).map(|(_, stream)| *stream).collect();
        if last {
            named.retain(|(of, _)| *of != name);
        }
        of
    }

    /// The kernel was given the frames under a name, `bytes` on the wire; none where it failed.
    pub(super) fn handle_output_given(&mut self, bytes: usize, name: Option<u32>) {
        if let Some(name) = name {
            // Of those that are older, the kernel has lost the stamps.
            let over = self.output.named.len().saturating_sub(MOST_NAMED);
            self.output.named.drain(..over);
            self.output.named.extend(self.output.ending.iter().map(|stream| (name, *stream)));
        }
        self.output.given_bytes += bytes as u64;
        self.output.bytes.clear();
        self.output.given_replies = self.codec.as_ref().map_or(0, Connection::replies);
        self.output.given.append(&mut self.output.ending);
    }

    /// The kernel has taken all that it was given: streams whose requests are with it.
    pub(super) fn take_given(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.output.given)
    }

    /// Gives the memory of [`take_given`](Self::take_given) back.
    pub(super) fn reuse_given(&mut self, mut given: Vec<Key>) {
        given.clear();
        self.output.given = given;
    }

    /// When the part of the server's window that the connection withholds is to be used, if no deadline is set for it.
    pub(super) fn withhold(&mut self) -> Option<Nanos> {
        let since = self.codec.as_ref().and_then(Connection::withheld_since).filter(|_| !self.withholds)?;
        self.withholds = true;
        Some(since.saturating_add(SLIVER_WAIT))
    }

    /// Uses the part of the server's window that was withheld for long enough. `key_of` names a stream.
    pub(super) fn send_withheld(&mut self, now: Nanos, key_of: impl Fn(u32) -> Key) {
        self.withholds = false;
        let Some(codec) = &mut self.codec else {
            return;
        };
        if codec.withheld_since().is_some_and(|since| since.saturating_add(SLIVER_WAIT) <= now) {
            codec.send_withheld(now, &mut self.output.bytes);
            while let Ok(Some(event)) = codec.receive(&mut &[][..], now, &mut self.output.bytes) {
                self.output.ending.extend(event.tag().map(&key_of));
            }
        }
    }
}

/// Streams of which stamps are waited for at most, but for those of one send.
const MOST_NAMED: usize = 256;
