//! When a request left the machine.

use super::Exchange;
use crate::clock::Nanos;
use crate::record::Transmission;

impl Exchange {
    /// The kernel accepted the last byte. When that is noticed after the first byte of the response arrived, it had
    /// been so by then.
    pub fn handle_sent(&mut self, now: Nanos) {
        let asking = self.polling.is_asking();
        let instants = &mut self.response.record.instants;
        // The kernel may have said when it left, which it did after that.
        if self.response.record.transmission.is_none() && !(asking && instants.send_end.is_some()) {
            instants.send_end = Some(instants.first_byte.map_or(now, |first| first.min(now)));
        }
    }

    /// The kernel has said when the last byte of the request left, and perhaps when it was acknowledged: the send ends
    /// there.
    pub fn handle_transmitted(&mut self, sent: Option<Nanos>, acknowledged: Option<Nanos>) {
        let record = &mut self.response.record;
        let instants = &mut record.instants;
        let Some(sent) = sent else {
            return;
        };
        let start = instants.send_start.unwrap_or(sent);
        let sent = sent.min(instants.first_byte.unwrap_or(sent)).max(start);
        let held = match record.transmission {
            Some(before) => before.held,
            // The kernel says it before it says that it has taken the last byte: it did so at about the same time.
            None => instants.send_end.map_or(0, |taken| sent.saturating_sub(taken)),
        };
        instants.send_end = Some(sent);
        let acknowledged = acknowledged.map(|at| at.saturating_sub(sent));
        record.transmission = Some(Transmission { held, acknowledged });
    }
}
