//! The making of a request's connection: its instants.

use super::Exchange;
use crate::clock::Nanos;
use crate::record::Handshake;

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
}
