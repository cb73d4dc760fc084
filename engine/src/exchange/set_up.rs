//! The making of a request's connection: its instants, and what the client adds to it.

use super::Exchange;
use crate::clock::Nanos;
use crate::record::{Handshake, Lags, Record};

/// A stage of a connection in the making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The answer of the name service.
    Lookup,
    /// The same, as the service has told it.
    Told,
    /// The connect.
    Connect,
    /// A flight of the TLS handshake.
    Handshake,
    /// The settings of an HTTP/2 server, which say how many requests it takes.
    Settings,
    /// The end of an earlier connection, or of the stream on it, by a server that had not begun the request.
    Lost,
}

impl Exchange {
    /// The name was looked up for this request.
    pub fn handle_resolved(&mut self, started: Nanos, ended: Nanos) {
        let instants = &mut self.response.record.instants;
        (instants.dns_start, instants.dns_end) = (Some(started), Some(ended));
    }

    /// The name service is asked for this request.
    pub fn handle_asking(&mut self, now: Nanos) {
        let instants = &mut self.response.record.instants;
        (instants.dns_start, instants.dns_end) = (Some(now), None);
    }

    /// A connection is begun for this request.
    pub fn handle_connecting(&mut self, now: Nanos) {
        let instants = &mut self.response.record.instants;
        instants.tcp_start = Some(now);
        (instants.tcp_end, instants.tls_start, instants.tls_end) = (None, None, None);
    }

    /// The connection that was begun is there.
    pub fn handle_connected(&mut self, now: Nanos) {
        self.response.record.instants.tcp_end = Some(now);
    }

    /// The TLS handshake is begun.
    pub fn handle_securing(&mut self, now: Nanos) {
        self.response.record.instants.tls_start = Some(now);
    }

    /// The TLS handshake is done.
    pub fn handle_secured(&mut self, now: Nanos, handshake: Handshake) {
        self.response.record.instants.tls_end = Some(now);
        self.response.record.handshake = Some(handshake);
    }

    /// A stage of its connection was over at `since`, at the earliest, and the client saw that at `seen`: before it was
    /// issued, the request did not wait for that. `own`: the connection is made for this request; to others that wait
    /// for it, all of it is one wait.
    pub fn handle_lag(&mut self, stage: Stage, since: Nanos, seen: Nanos, own: bool) {
        let Record { instants, lags, .. } = &mut self.response.record;
        let lag = seen.saturating_sub(since.max(instants.issued));
        let Lags { queue, lookup, connect, handshake, .. } = lags;
        let of = match stage {
            Stage::Lookup if own => lookup,
            Stage::Connect if own => connect,
            Stage::Handshake if own => handshake,
            _ => queue,
        };
        *of = of.saturating_add(lag);
    }
}
