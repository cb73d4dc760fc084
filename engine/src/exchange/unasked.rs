//! Bytes that no request asked for.

use super::Exchange;
use crate::arrival::Arrival;
use crate::clock::{MICRO, Nanos};

impl Exchange {
    /// Whether bytes that arrive now, the first on a kept connection, had come before the request was sent, by their
    /// kernel stamp.
    #[must_use]
    #[inline]
    pub fn is_unasked(&self, arrival: &Arrival<'_>) -> bool {
        let record = &self.response.record;
        record.bytes_received == 0
            && record.connection_reused
            && arrival.stamped
            && record.instants.send_start.is_some_and(|sent| arrival.at.saturating_add(CLOCKS_APART) < sent)
    }
}

/// The kernel's stamps are converted from another clock: by less than this they may be off.
const CLOCKS_APART: Nanos = 20 * MICRO;

#[cfg(test)]
mod tests {
    use super::super::KeepText;
    use super::*;
    use crate::clock::MILLI;
    use crate::plan::{EndpointKind, Limits};

    #[test]
    fn bytes_from_before_a_request_on_a_kept_connection_are_told_by_their_stamp() {
        let sent = 10 * MILLI;
        let unasked = |reused, at, stamped| {
            let mut exchange = Exchange::new(EndpointKind::Chat, true, KeepText::Never, Limits::default());
            exchange.handle_sending(sent, 100, reused);
            exchange.is_unasked(&Arrival { stamped, ..Arrival::from(at) })
        };
        assert!(unasked(true, 9 * MILLI, true));
        assert!(!unasked(true, sent + 1, true), "a response");
        assert!(!unasked(true, sent - MICRO, true), "clocks differ");
        assert!(!unasked(true, 9 * MILLI, false), "the time of a read says nothing");
        assert!(!unasked(false, 9 * MILLI, true), "a server may refuse a connection as soon as it is made");
    }
}
