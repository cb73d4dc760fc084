//! What the client itself adds to the making of a connection, told to all requests that wait for it.

use super::pool::Pool;
use crate::arrival::Arrival;
use crate::clock::Nanos;
use crate::exchange::Stage;

impl Pool<'_> {
    /// The read that ended a flight of the server's handshake: from its arrival on, the client was waited for.
    pub(super) fn handle_flight(&mut self, slot: u32, arrival: &Arrival<'_>, seen: Nanos) {
        if arrival.stamped {
            self.handle_lag(slot, Stage::Handshake, seen.saturating_sub(arrival.at));
        }
    }

    /// A stage of a slot's connection was over `lag` before it was seen.
    pub(super) fn handle_lag(&mut self, slot: u32, stage: Stage, lag: Nanos) {
        if lag == 0 {
            return;
        }
        let maker = match &self.slots[slot].h2 {
            None => Some(slot),
            Some(h2) => h2.initiator().map(|key| key.slot),
        };
        if let Some(exchange) = self.initiator(slot) {
            exchange.handle_lag(stage, lag, true);
        }
        let waiting = self.slots[slot].h2.as_ref().map_or_else(Vec::new, |h2| h2.waiting().to_vec());
        for stream in waiting.into_iter().filter(|stream| Some(*stream) != maker) {
            let exchange = &mut self.slots[stream].exchange;
            if exchange.active() {
                exchange.handle_lag(stage, lag, false);
            }
        }
    }
}
