//! The transport of one connection: its addresses, its TLS, and how much of its output the kernel has taken.

use crate::clock::Nanos;
use crate::driver::TcpFacts;
use crate::record::ROUND_TRIP_AGE;
use crate::wire::tls;
use socket2::SockAddr;

/// The transport of one connection, whatever protocol it carries.
#[derive(Default)]
pub(super) struct Connection {
    /// Where it goes, once that is known.
    addr: Option<SockAddr>,
    /// Where else it may go when that fails, the next at the end; empty once the connection is established.
    candidates: Vec<SockAddr>,
    /// Addresses that were tried for it so far.
    attempts: u32,
    /// When the connect to the last of them was begun.
    begun_at: Nanos,
    /// The token of the look-up of its name, while that may bring addresses.
    lookup: Option<u64>,
    /// Why its last address did not connect, while the look-up of its name may bring more.
    held: Option<i32>,
    /// When it has to be established; `None` once it is.
    connect_by: Option<Nanos>,
    /// Its TLS, from the handshake on.
    tls: Option<Box<tls::Session>>,
    /// The kernel still has to take bytes of an earlier send.
    sending: bool,
    /// Why a send failed: nothing more is sent, and what the server has sent is read.
    send_error: Option<i32>,
    /// The kernel took no byte of the request before its send failed (HTTP/1).
    untaken: bool,
    /// The end of the last response's body has not come (HTTP/1).
    unended: bool,
    /// Requests sent on it so far (HTTP/1).
    served: u32,
    /// Its least round-trip time, as the kernel knew it then.
    round_trip: Option<(Nanos, Option<Nanos>)>,
    /// Until when it is kept without a request, or after a send that failed.
    drain_by: Nanos,
}

impl Connection {
    /// A new connection, which has to be established by an instant.
    pub(super) fn begin(&mut self, connect_by: Nanos) {
        *self = Self { connect_by: Some(connect_by), ..Self::default() };
    }

    pub(super) fn addr(&self) -> Option<&SockAddr> {
        self.addr.as_ref()
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Whether it was begun and is not established.
    pub(super) fn is_made_now(&self) -> bool {
        self.connect_by.is_some()
    }

    pub(super) fn connect_by(&self) -> Option<Nanos> {
        self.connect_by
    }

    /// Whether another address is left to try.
    pub(super) fn has_candidates(&self) -> bool {
        !self.candidates.is_empty()
    }

    /// Sets the addresses that are tried after the first, the next at the end.
    pub(super) fn set_candidates(&mut self, candidates: Vec<SockAddr>) {
        self.candidates = candidates;
    }

    pub(super) fn next_candidate(&mut self) -> Option<SockAddr> {
        self.candidates.pop()
    }

    /// Appends addresses that are tried after all others, in their order.
    pub(super) fn add_candidates(&mut self, addrs: impl DoubleEndedIterator<Item = SockAddr>) {
        self.candidates.splice(0..0, addrs.rev());
    }

    /// The look-up of its name that may bring addresses.
    pub(super) fn lookup(&self) -> Option<u64> {
        self.lookup
    }

    /// The look-up of its name is begun, or has ended.
    pub(super) fn set_lookup(&mut self, token: Option<u64>) {
        self.lookup = token;
    }

    /// No address is left to try until the look-up of its name brings one.
    pub(super) fn hold(&mut self, errno: i32) {
        self.held = Some(errno);
    }

    /// Why its last address did not connect, if it has been held since.
    pub(super) fn take_held(&mut self) -> Option<i32> {
        self.held.take()
    }

    /// An address is tried from `at` on.
    pub(super) fn handle_connecting(&mut self, addr: SockAddr, at: Nanos) {
        self.addr = Some(addr);
        self.attempts += 1;
        self.begun_at = at;
    }

    /// When the connect to its address was begun.
    pub(super) fn begun_at(&self) -> Nanos {
        self.begun_at
    }

    /// The address has answered: no other is tried.
    pub(super) fn handle_connected(&mut self) {
        self.candidates.clear();
        self.lookup = None;
    }

    /// The connection may be used.
    pub(super) fn handle_established(&mut self) {
        self.connect_by = None;
    }

    /// The connection is closed; its TLS, which may have a last record to send.
    pub(super) fn handle_closed(&mut self) -> Option<Box<tls::Session>> {
        self.lookup = None;
        self.tls.take()
    }

    pub(super) fn tls(&self) -> Option<&tls::Session> {
        self.tls.as_deref()
    }

    pub(super) fn tls_mut(&mut self) -> Option<&mut tls::Session> {
        self.tls.as_deref_mut()
    }

    /// Lends the TLS to a read, which gives it back by [`set_tls`](Self::set_tls).
    pub(super) fn take_tls(&mut self) -> Option<Box<tls::Session>> {
        self.tls.take()
    }

    pub(super) fn set_tls(&mut self, tls: Option<Box<tls::Session>>) {
        self.tls = tls;
    }

    /// The peer has closed its side: what was wrong, if that was in the TLS handshake.
    pub(super) fn handshake_cut_off(&self) -> Option<tls::TlsError> {
        self.tls.as_ref().filter(|tls| tls.handshaking()).and_then(|tls| tls.end().err())
    }

    #[inline]
    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether the kernel still has to take bytes of an earlier send.
    pub(super) fn is_sending(&self) -> bool {
        self.sending
    }

    /// Whether bytes may be given to the kernel now.
    pub(super) fn can_send(&self) -> bool {
        !self.sending && self.send_error.is_none()
    }

    pub(super) fn send_error(&self) -> Option<i32> {
        self.send_error
    }

    /// Bytes were given to the kernel, and it has not taken all of them yet.
    pub(super) fn handle_sending(&mut self) {
        self.sending = true;
    }

    /// The kernel has taken all that it was given.
    pub(super) fn handle_sent(&mut self) {
        self.sending = false;
    }

    pub(super) fn handle_send_failed(&mut self, errno: i32) {
        self.sending = false;
        self.send_error = Some(errno);
    }

    /// A request is about to be sent (HTTP/1). Whether the connection has served another.
    pub(super) fn handle_request(&mut self) -> bool {
        self.untaken = false;
        self.served += 1;
        self.served > 1
    }

    /// The number of the request that was sent on it last (HTTP/1): names its send.
    pub(super) fn last_request(&self) -> u32 {
        self.served
    }

    /// Whether a request was sent on it (HTTP/1).
    pub(super) fn has_served(&self) -> bool {
        self.served > 0
    }

    /// Its least round-trip time: as it is known, or as `ask` says where that is older than [`ROUND_TRIP_AGE`].
    pub(super) fn round_trip(&mut self, now: Nanos, ask: impl FnOnce() -> Option<TcpFacts>) -> Option<Nanos> {
        match self.round_trip {
            Some((at, known)) if now.saturating_sub(at) <= ROUND_TRIP_AGE => known,
            _ => {
                let known = ask().and_then(|facts| facts.round_trip);
                self.round_trip = Some((now, known));
                known
            }
        }
    }

    /// The kernel took no byte of the request before its send failed (HTTP/1).
    pub(super) fn handle_untaken(&mut self) {
        self.untaken = true;
    }

    pub(super) fn is_untaken(&self) -> bool {
        self.untaken
    }

    /// A response is complete; its body may have an end that has not come (HTTP/1).
    pub(super) fn handle_response(&mut self, unended: bool) {
        self.unended = unended;
    }

    /// Whether it may serve another request: the kernel has taken all that was sent on it before, the response to that
    /// has been read to its end, and no send has failed. Else a request could land inside another's body (RFC 9112
    /// §9.3).
    pub(super) fn is_reusable(&self) -> bool {
        let sealed = self.tls.as_ref().is_some_and(|tls| tls.has_output());
        !(self.sending || sealed || self.unended || self.send_error.is_some())
    }

    /// It is kept no longer than until an instant.
    pub(super) fn set_drain_by(&mut self, at: Nanos) {
        self.drain_by = at;
    }

    pub(super) fn drain_by(&self) -> Nanos {
        self.drain_by
    }
}
