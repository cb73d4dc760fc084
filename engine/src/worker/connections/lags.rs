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

    /// The server did not process a request, which is retried: it said so not before `since`, and that was seen at
    /// `seen`.
    pub(super) fn handle_unprocessed(&mut self, slot: u32, since: Nanos, seen: Nanos) {
        let exchange = &mut self.slots[slot].exchange;
        if exchange.active() && since < seen {
            exchange.handle_lag(Stage::Lost, since, seen, true);
        }
    }

    /// A stage of a slot's connection, which was seen to be over at `seen`, was so not before `since`.
    pub(super) fn handle_lag(&mut self, slot: u32, stage: Stage, since: Nanos, seen: Nanos) {
        let since = match stage {
            // What bounds all that a wait tells may lie before the connect.
            Stage::Connect => since.max(self.slots[slot].connection.begun_at()),
            Stage::Lookup | Stage::Handshake | Stage::Lost => since,
        };
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
