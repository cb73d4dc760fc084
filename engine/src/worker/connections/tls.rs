//! Connections under TLS: what arrives sealed, and when a handshake is over.

use super::pool::{Command, Pool, Remainder};
use super::slot::State;
use crate::arrival::{Arrival, Exact};
use crate::clock::Nanos;
use crate::driver::Key;
use crate::exchange::{Progress, explain};
use crate::wire::tls;
use std::ops::ControlFlow;

impl Pool<'_> {
    /// One read of a connection under TLS. All events in it share its stamp, however many records they came in.
    pub(super) fn handle_sealed(&mut self, key: Key, bytes: &[u8], arrival: &Arrival<'_>, seen: Nanos) {
        let slot = &mut self.slots[key.slot];
        let state = slot.state();
        let Some(mut tls) = slot.connection.take_tls() else {
            return;
        };
        let (shaking, active) = (tls.handshaking(), slot.exchange.active());
        let of_records = arrival_of_records(&mut tls, bytes, arrival);
        let before = slot.exchange.record().events;
        let (mut failed, mut unasked) = (None, false);
        let mut rest = Progress::Pending;
        let progress = if active && state == State::Busy {
            let progress = slot.exchange.handle_read(bytes.len(), &of_records, |part| {
                failed = tls
                    .receive(bytes, |plain| {
                        part(plain);
                        ControlFlow::Continue(())
                    })
                    .err();
            });
            slot.within(self.context.budget, progress, seen)
        } else if state == State::Draining {
            failed = tls
                .receive(bytes, |plain| {
                    rest = match rest {
                        Progress::Done { .. } => Progress::Done { reusable: false },
                        _ => slot.exchange.handle_rest(plain),
                    };
                    ControlFlow::Continue(())
                })
                .err();
            Progress::Pending
        } else {
            failed = tls
                .receive(bytes, |_| {
                    unasked = true;
                    ControlFlow::Break(())
                })
                .err();
            Progress::Pending
        };
        let (output, handshaking, ended) = (tls.has_output(), tls.handshaking(), tls.peer_closed());
        slot.connection.set_tls(Some(tls));
        self.recorder.handle_events(slot.exchange.record().events - before);
        if active && !shaking {
            self.recorder.handle_read(arrival, seen);
        }
        if shaking && (output || !handshaking) {
            self.handle_flight(key.slot, arrival, seen);
        }
        if output {
            self.command(Command::Flush(key));
        }
        match (progress, failed) {
            (Progress::Done { reusable }, failed) => {
                let left = Remainder::after(reusable && failed.is_none() && !ended);
                self.finish(key.slot, left, seen);
            }
            // At once: the close that follows must not be taken for the cause.
            (_, Some(e)) if active => {
                let exchange = &mut self.slots[key.slot].exchange;
                let (cause, detail) = explain(&e);
                exchange.fail(cause, Some(detail), seen);
                self.finish(key.slot, Remainder::Useless, seen);
            }
            (Progress::Complete | Progress::Refused, None) if ended => self.handle_peer_closed(key, arrival.at, seen),
            (Progress::Refused, _) => self.set_words_deadline(key.slot, seen),
            (Progress::Complete, _) => self.set_body_deadline(key.slot, seen),
            (Progress::Pending, None) if rest != Progress::Pending && !ended => {
                self.handle_rest(key, rest, seen);
            }
            (Progress::Pending, None) if shaking && !handshaking => {
                self.command(Command::Secured(key));
            }
            (Progress::Pending, None) if ended && active => self.handle_peer_closed(key, arrival.at, seen),
            (Progress::Pending, None) if !ended && !unasked => {}
            (Progress::Pending, _) => self.command(Command::Close(key)),
        }
    }
}

/// The arrival of what the records of a read hold. A record is of use only as a whole: where the read ends the only
/// record in it, all of that arrived with the last byte. What is in one of several can have arrived before the last
/// byte of the read.
pub(super) fn arrival_of_records<'a>(tls: &mut tls::Session, bytes: &[u8], arrival: &Arrival<'a>) -> Arrival<'a> {
    let exact = match (arrival.exact, tls.is_one_record(bytes)) {
        (Exact::Whole, _) | (Exact::LastByte, true) => Exact::Whole,
        _ => Exact::Nothing,
    };
    Arrival { exact, ..*arrival }
}
