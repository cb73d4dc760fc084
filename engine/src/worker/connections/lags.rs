//! What the client itself adds to the making of a connection, told to all requests that wait for it.

use super::pool::Pool;
use crate::arrival::Arrival;
use crate::clock::Nanos;
use crate::exchange::Stage;

impl Pool<'_> {
    /// The read that ended a flight of the server's handshake: from its arrival on, the client was waited for.
    pub(super) fn handle_flight(&mut self, slot: u32, arrival: &Arrival<'_>, seen: Nanos) {
        if arrival.stamped {
            self.handle_lag(slot, Stage::Handshake, arrival.at, seen);
        }
    }

    /// A connection has ended, or its server does not process the request on it: not before `since`, and that was seen
    /// at `seen`.
    pub(super) fn handle_over(&mut self, slot: u32, since: Nanos, seen: Nanos) {
        let streams = self.slots[slot].h2.as_ref().map_or_else(|| vec![slot], |h2| h2.streams());
        for stream in streams {
            self.handle_unprocessed(stream, since, seen);
        }
    }

    /// The same of one request. Where it is retried, that is a lag of its own; where it fails, of what comes after it.
    pub(super) fn handle_unprocessed(&mut self, slot: u32, since: Nanos, seen: Nanos) {
        let exchange = &mut self.slots[slot].exchange;
        if !exchange.active() {
            return;
        }
        exchange.handle_over(since.min(seen));
        if since < seen && exchange.may_be_retried(u32::MAX) {
            exchange.handle_lag(Stage::Lost, since, seen, true);
        }
    }

    /// A stage of a slot's connection, which was seen to be over at `seen`, was so not before `since`.
    pub(super) fn handle_lag(&mut self, slot: u32, stage: Stage, since: Nanos, seen: Nanos) {
        let since = match stage {
            // What bounds all that a wait tells may lie before the connect.
            Stage::Connect => since.max(self.slots[slot].connection.begun_at()),
            Stage::Lookup | Stage::Told | Stage::Handshake | Stage::Settings | Stage::Lost => since,
        };
        // Of a connection that several wait for, what is told of one read or wait is one lag.
        let since = self.slots[slot].h2.as_mut().map_or(since, |h2| h2.begin_lag(since, seen));
        if since >= seen {
            return;
        }
        let maker = match &self.slots[slot].h2 {
            None => Some(slot),
            Some(h2) => h2.initiator().map(|key| key.slot),
        };
        if let Some(exchange) = self.initiator(slot) {
            exchange.handle_lag(stage, since, seen, true);
        }
        let waiting = self.slots[slot].h2.as_ref().map_or_else(Vec::new, |h2| h2.waiting().to_vec());
        for stream in waiting.into_iter().filter(|stream| Some(*stream) != maker) {
            let exchange = &mut self.slots[stream].exchange;
            if exchange.active() {
                exchange.handle_lag(stage, since, seen, false);
            }
        }
    }
}
