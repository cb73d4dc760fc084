//! What the client itself added to a request, beside what late reads did to its output events.

use crate::clock::Nanos;
use serde::{Deserialize, Serialize};

/// How long a request waited for the client, in nanoseconds, at most: without it, each of these had been over as much
/// earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lags {
    /// From when it could have been taken up until it was. What a slot, a user or the turn before made it wait is not
    /// in it, but where it waited for a slot: what the client had added to the requests from which it got the slot.
    pub dispatch: Nanos,
    /// Of its wait for a connection: the answer of the name service that lay unread; of a connection that another
    /// request made, what the client added to its making.
    pub queue: Nanos,
    /// Of its look-up: the answer had come, and the thread that looks names up was stopped.
    pub lookup: Nanos,
    /// Of its connect: the connection was there and not seen.
    pub connect: Nanos,
    /// Of its TLS handshake: flights of the server's that lay unread. The client's cryptography is not in it.
    pub handshake: Nanos,
}

impl Lags {
    /// What the making of its connection waited for the client.
    #[must_use]
    pub fn set_up(&self) -> Nanos {
        [self.lookup, self.connect, self.handshake].into_iter().fold(self.queue, Nanos::saturating_add)
    }
}
